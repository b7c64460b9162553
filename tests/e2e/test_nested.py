"""A run within a run: the outer end before the inner one, and what had to be killed closed in the records."""
import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, now, outcome, send, wait_until


class Nested(GuardTest):
    def nest(self, *args):
        return [SPAWNGUARD, "run", *args, "--"]

    def test_five_deep_gives_output_and_status(self):
        command = [VICTIM, "exit", "77"]
        for level in range(5):
            command = [*self.nest("-N", f"level{level}"), *command]
        run = self.start(*command).wait()
        self.assertEqual((run.status, run.err), (77, ""))
        starts = {e["spawnguard.job"]: e for e in self.events("start")}
        for level in range(4):
            self.assertEqual(starts[f"level{level}"]["spawnguard.parent_run.id"],
                             starts[f"level{level + 1}"]["spawnguard.run.id"])
        self.assertEqual(len(self.events("end")), 5)

    def test_the_end_of_the_outer_run_ends_the_inner_one_well(self):
        run = self.guard("-N", "outer", "-t", f"{0.7 * SCALE}", "-k", f"{3 * SCALE}", "--",
                         *self.nest("-N", "inner", "-k", "60"), VICTIM, "setsid")
        self.wait_ready(run)
        self.assertEqual(run.wait().status, 124)
        self.assert_no_survivor()
        self.assertEqual(self.records(), [])
        ends = {e["spawnguard.job"]: e for e in self.events("end")}
        self.assertEqual(outcome(ends["outer"]), "timeout")
        self.assertEqual(outcome(ends["inner"]), "killed")
        self.assertEqual(ends["inner"]["spawnguard.written_by"], "warden", "it had the time to write its own end")
        self.assertLessEqual(run.wall, (0.7 + 3 + 1) * SCALE)

    def test_the_inner_job_has_its_grace(self):
        """A job whose program is the guard's own is no job that waits for its exec: it is not struck for that."""
        job = f"trap 'sleep 1.5; echo done >{self.path('done')}; exit 0' TERM; echo ready >{self.path('ready')}; sleep 1000 & wait"
        for ask in (["-t", "1"], []):
            with self.subTest(ask):
                run = self.guard("-N", "outer", "-k", f"{8 * SCALE}", *ask, "--", *self.nest("-N", "inner", "-k", f"{6 * SCALE}"), "sh", "-c", job)
                wait_until(lambda: os.path.exists(self.path("ready")) or not run.running(), "its trap is set")
                if not ask:
                    run.send(signal.SIGTERM)
                run.wait()
                self.assertEqual(self.read("done"), "done\n", run.err)
                end = self.ends()["inner"]
                self.assertEqual(self.ends()["outer"].get("process.exit.code"), 0, "the inner front was not killed")
                os.remove(self.path("done"))
                os.remove(self.path("ready"))

    def test_inner_guards_that_the_outer_had_to_kill_are_closed_in_the_records(self):
        run = self.guard("-N", "outer", "-k", "none", "--", *self.nest("-N", "inner", "-k", "60"), VICTIM, "setsid")
        self.wait_ready(run)
        run.send(signal.SIGTERM)
        run.wait()
        self.assert_no_survivor()
        self.assertEqual(self.records(), [])
        ends = {e["spawnguard.job"]: e for e in self.events("end")}
        self.assertEqual(set(ends), {"outer", "inner"})
        self.assertEqual(outcome(ends["inner"]), "killed")
        self.assertEqual(self.run_guard(["-N", "inner"], ["true"]).err, "")

    def ends(self):
        return {e["spawnguard.job"]: e for e in self.events("end")}

    def assert_killed_by(self, outer, *inner):
        """Each of them has one end, for the sake of a run around it."""
        self.assertEqual(self.records(), [])
        ends = self.ends()
        self.assertEqual(len(self.events("end")), len(self.events("start")))
        around = [ends[job]["spawnguard.run.id"] for job in (outer, *inner)]
        for job in inner:
            end = ends[job]
            self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "outer_run"), job)
            self.assertIn(end["spawnguard.sender"]["run"], around)
            self.assertEqual(end["spawnguard.sender"]["comm"], "spawnguard")

    def guards_of(self, *jobs):
        """Front and warden of each, out of `ps`."""
        told = self.command("ps", "--json")
        runs = {run["job"]: run for run in json.loads(told.out)["runs"]}
        return [pid for job in jobs for pid in (runs[job]["front_pid"], runs[job]["warden_pid"])]

    def test_guards_that_are_stopped_are_killed_and_closed_however_deep(self):
        run = self.guard("-N", "outer", "-k", "none", "--", *self.nest("-N", "middle"), *self.nest("-N", "inner"),
                         VICTIM, "setsid")
        self.wait_ready(run)
        for pid in self.guards_of("middle", "inner"):
            send(pid, signal.SIGSTOP)
        run.send(signal.SIGTERM)
        run.wait()
        self.assert_no_survivor()
        self.assert_killed_by("outer", "middle", "inner")

    def test_the_grace_is_clamped_to_what_is_left_outside_less_half_a_second(self):
        run = self.guard("-N", "outer", "-k", f"{2 * SCALE}", "--", *self.nest("-N", "inner", "-k", "60"),
                         VICTIM, "ignore-term")
        self.wait_ready(run)
        began = now()
        run.send(signal.SIGTERM)
        run.wait()
        took = now() - began
        self.assert_no_survivor()
        inner = self.ends()["inner"]
        self.assertEqual((inner["spawnguard.cause"], inner["spawnguard.written_by"]), ("outer_run", "warden"))
        self.assertGreaterEqual(inner["spawnguard.members.killed"], 1)
        self.assertEqual(self.ends()["outer"]["spawnguard.members.killed"], 0, "nothing was left to it")
        self.assertGreaterEqual(took, 2 * SCALE - 0.5 - 0.1)
        self.assertLess(took, 2 * SCALE, "before the outer run had to kill")

    def test_a_shorter_grace_of_its_own_stays(self):
        run = self.guard("-N", "outer", "-k", f"{10 * SCALE}", "--", *self.nest("-N", "inner", "-k", "0.2"),
                         VICTIM, "ignore-term")
        self.wait_ready(run)
        began = now()
        run.send(signal.SIGTERM)
        run.wait()
        self.assertLess(now() - began, 5 * SCALE)
        self.assertEqual(self.ends()["inner"]["spawnguard.written_by"], "warden")

    def test_what_stands_below_an_inner_guard_is_asked_by_that_one_alone(self):
        """One TERM, not two: the outer round passes by what an inner guard ends."""
        run = self.guard("-N", "outer", "-k", f"{5 * SCALE}", "--", *self.nest("-N", "inner"), VICTIM, "catch",
                         self.path("log"), "0", "15=3@300")
        wait_until(lambda: "ready" in self.read("log"), "it catches")
        run.send(signal.SIGTERM)
        run.wait()
        self.assertEqual(len([l for l in self.read("log").splitlines() if " sig=15 " in l]), 1, self.read("log"))

    def test_a_run_that_began_during_the_grace_is_closed_too(self):
        script = ("trap '" + " ".join(self.nest("-N", "late", "-k", "60")) + f" {VICTIM} ignore-term & wait' TERM; "
                  f"{VICTIM} sleep & wait; wait")
        run = self.guard("-N", "outer", "-k", f"{2 * SCALE}", "--", "sh", "-c", script)
        self.wait_ready(run)
        run.send(signal.SIGTERM)
        wait_until(lambda: self.ready_count() == 2, "another has begun")
        run.wait()
        self.assert_no_survivor()
        self.assert_killed_by("outer", "late")
        self.assertEqual(self.ends()["late"]["spawnguard.written_by"], "outer")

    def test_front_does_the_same_when_its_warden_was_killed(self):
        run = self.guard("-N", "outer", "-k", f"{3 * SCALE}", "--", *self.nest("-N", "inner", "-k", "60"), VICTIM, "setsid")
        self.wait_ready(run)
        send(run.warden(), signal.SIGKILL)
        run.wait()
        self.assert_no_survivor()
        self.assertEqual(self.records(), [])
        inner = self.ends()["inner"]
        self.assertEqual((inner["spawnguard.cause"], inner["spawnguard.written_by"]), ("outer_run", "warden"))

    def test_the_next_start_closes_what_was_within(self):
        run = self.guard("-N", "outer", "-k", "0.2", "--", *self.nest("-N", "inner", "-k", "60"), VICTIM, "ignore-term")
        self.wait_ready(run)
        inner = self.guards_of("inner")
        outer = self.guards_of("outer")
        for pid in inner:
            send(pid, signal.SIGSTOP)
        for pid in outer:
            send(pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not any(Stat(pid).alive for pid in outer), "both are dead")
        following = self.run_guard(["-N", "outer"], ["true"])
        self.assertEqual(following.status, 0, following.err)
        wait_until(lambda: not self.strays(), "all of it is gone")
        self.assertEqual(self.records(), [])
        ends = self.ends()
        self.assertEqual((outcome(ends["inner"]), ends["inner"]["spawnguard.cause"]), ("killed", "outer_run"))
        self.assertEqual(len(self.events("end")), 3)

    def test_interrupt_goes_through_to_the_innermost_job(self):
        run = self.guard("-N", "a", "--", *self.nest("-N", "b"), *self.nest("-N", "c"), VICTIM, "catch",
                         self.path("log"), "0", "2=6")
        wait_until(lambda: "ready" in self.read("log"), "it catches")
        run.send(signal.SIGINT)
        self.assertEqual(run.wait().status, 6)


class WaitingForItself(GuardTest):
    """A run that would wait for a lock of a run around it is refused at once."""

    def refused(self, outer, inner, told="not waiting for the run around this one"):
        inner = [SPAWNGUARD, "run", *inner, "--", "touch", self.path("started")]
        began = now()
        run = self.run_guard(outer, inner, timeout=20 * SCALE)
        self.assertEqual(run.status, 75, run.err)
        self.assertIn(told, run.err)
        self.assertFalse(os.path.exists(self.path("started")))
        self.assertLess(now() - began, 10 * SCALE)

    def test_the_lock_of_the_job(self):
        for how, told in (("wait", "not waiting for"), ("queue", "not waiting for"), ("replace", "not replacing"),
                          ("fail", "already running")):
            with self.subTest(how):
                self.refused(["-N", "self"], ["-N", "self", f"--on-conflict={how}"], told)

    def test_two_levels_above(self):
        between = [SPAWNGUARD, "run", "-N", "between", "--"]
        for how in ("wait", "queue", "replace"):
            with self.subTest(how):
                self.refused(["-N", "self"], ["-N", "between", "--", SPAWNGUARD, "run", "-N", "self", f"--on-conflict={how}"],
                             "the run around this one")
        self.assertEqual(self.run_guard(["-N", "self"], [*between, SPAWNGUARD, "run", "-N", "other", "-w", "60", "--", "true"])
                         .status, 0, "another lock is waited for")

    def test_a_lock_that_is_shared_with_others(self):
        """The info file names the one that came last."""
        script = (f"{SPAWNGUARD} run -N self --shared --run-id later -- {VICTIM} sleep & "
                  "until grep -q ready $VICTIM_PIDS; do :; done; "
                  f"{SPAWNGUARD} run -N self -w 60 -- true; status=$?; {SPAWNGUARD} kill later; exit $status")
        run = self.run_guard(["-N", "self", "--shared"], ["sh", "-c", script], timeout=20 * SCALE)
        self.assertEqual(run.status, 75, run.err)
        self.assertIn("not waiting for the run around this one", run.err)

    def test_a_lock_file(self):
        lock = self.write("lock", "")
        link = self.path("link")
        os.symlink(lock, link)
        for outer in (["-N", "a", "--lock-file", lock], ["--no-lock", "--lock-file", lock]):
            for path in (lock, link):
                for how in (["-w", "60"], ["--on-conflict=queue"]):
                    with self.subTest(outer=outer, path=path, how=how):
                        self.refused(outer, ["--no-lock", "--lock-file", path, *how])
        self.refused(["-N", "a", "--lock-file", lock], ["-N", "b", "--lock-file", lock, "-w", "60"], "already locked")

    def test_a_lock_file_of_somebody_else_is_waited_for(self):
        lock, gate = self.write("lock", ""), self.path("gate")
        held = self.start("flock", lock, "sh", "-c", f"until [ -e {gate} ]; do sleep 0.01; done")
        wait_until(lambda: subprocess.run(["flock", "-n", lock, "true"], check=False).returncode, "it is held")
        run = self.guard("-N", "outer", "--", SPAWNGUARD, "run", "--no-lock", "--lock-file", lock, "-w", "60", "--", "true")
        inode = os.stat(lock).st_ino
        wait_until(lambda: re.search(rf"-> FLOCK .*:{inode} ", self.read("/proc/locks")), "it waits")
        self.write("gate", "")
        self.assertEqual(run.wait().status, 0, run.err)
        held.wait()


if __name__ == "__main__":
    harness.main()

"""freeze and thaw: a tree stands still with its clocks, and goes on as it was."""
import json
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, now, observe, outcome,
                     send, wait_until)

from test_tty import TtyTest

TERM, KILL, STOP, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT


class FreezeTest(GuardTest):
    def members(self, run):
        """The living tree of a run: everything below its warden."""
        return [pid for pid, stat in descendants(run.warden()).items() if stat.alive]

    def states(self, run):
        return {Stat(pid).state for pid in self.members(run)}

    def still(self, what, *args):
        run = self.command(what, *args)
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        return run

    def state_of(self, name):
        return [r["state"] for r in json.loads(self.command("ps", "--json", name).out)["runs"]]

    def frozen(self, run, name, count):
        """Freezes it, and everybody of `count` stands."""
        told = self.still("freeze", name)
        self.assertRegex(told.out, rf"\A{re.escape(name)}: run [0-9a-zA-Z_-]+ frozen: {count} process(es)?\n\Z")
        self.assertEqual(self.states(run), {"T"})
        self.assertEqual(self.state_of(name), ["frozen"])

    def ended(self, run):
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)
        self.assert_no_survivor()


class Freeze(FreezeTest):
    def test_the_whole_tree_stands_and_goes_on(self):
        held = self.holder("-N", "tree", shape="deep 3")
        count = len(self.members(held))
        self.assertGreater(count, 2)
        for _ in range(3):
            self.frozen(held, "tree", count)
            self.assertRegex(self.still("thaw", "tree").out, r"\Atree: run [0-9a-f]{8} thawed after [0-9.]+m?s\n\Z")
            self.assertEqual(self.state_of("tree"), ["running"])
            wait_until(lambda: "T" not in self.states(held), "they go on")
        self.ended(held)
        self.assertEqual([len(self.events(kind)) for kind in ("freeze", "thaw")], [3, 3])
        told = self.events("freeze")[0]
        self.assertEqual((told["spawnguard.members.frozen"], told["spawnguard.sender"]["uid"]), (count, os.geteuid()))
        self.assertIn("spawnguard.frozen", self.end_event())
        self.assertEqual(held.err.count(": frozen by pid "), 3)

    def test_what_hides_from_its_group_stands_too(self):
        for shape in ("daemon", "setsid"):
            with self.subTest(shape):
                held = self.holder("-N", shape, "-k", "0.2", shape=shape)
                self.frozen(held, shape, len(self.members(held)))
                self.ended(held)

    def test_a_tree_that_is_being_born_stands(self):
        script = self.write("births.sh", "while :; do (true) & true; done\n")
        held = self.guard("-N", "births", "--", "sh", script)
        wait_until(lambda: len(self.members(held)) > 0, "it runs")
        for _ in range(3 if SANITIZED else 10):
            self.still("freeze", "births")
            wait_until(lambda: self.states(held) == {"T"}, "all stand, at the next look at the latest")
            before = self.members(held)
            observe(0.05)
            self.assertEqual(self.members(held), before, "nothing is born while it stands")
            self.still("thaw", "births")
            wait_until(lambda: self.states(held) != {"T"}, "it goes on")
        self.ended(held)

    def test_a_run_that_starts_in_this_very_moment_can_be_asked(self):
        for what in ("freeze", "kill"):
            for i in range(3 if SANITIZED else 10):
                held = self.guard("-q", "-N", "moment", "--run-id", f"{what}-{i}", "--", "sleep", "60")
                run = wait_until(lambda: (lambda r: r if r.status != 1 else None)(self.command(what, f"{what}-{i}")),
                                 "it is known")
                self.assertEqual((run.status, run.err), (0, ""))
                if what == "freeze":
                    self.assertEqual(self.states(held), {"T"})
                    held.send(TERM)
                self.assertEqual(held.wait().status, -TERM)
                self.runs.clear()

    def test_who_was_stopped_stays_stopped_after_thaw(self):
        held = self.holder("-N", "some", shape="deep 3")
        stopped, *others = self.members(held)[1:]
        send(stopped, STOP)
        wait_until(lambda: Stat(stopped).state == "T", "one is stopped")
        self.frozen(held, "some", len(others) + 2)
        self.still("thaw", "some")
        wait_until(lambda: all(Stat(pid).state != "T" for pid in others), "the others go on")
        self.assertEqual(Stat(stopped).state, "T")
        self.still("freeze", "some")
        send(stopped, CONT)  # while it stands: it is meant to run
        wait_until(lambda: Stat(stopped).state == "T", "and stands with the others")
        self.still("thaw", "some")
        wait_until(lambda: Stat(stopped).state != "T", "it goes on with the others")
        self.ended(held)

    def test_a_member_that_somebody_continues_is_stopped_again(self):
        held = self.holder("-N", "again", shape="deep 2")
        count = len(self.members(held))
        self.frozen(held, "again", count)
        for pid in self.members(held):
            send(pid, CONT)
        wait_until(lambda: self.states(held) == {"T"}, "they stand again")
        self.still("thaw", "again")
        wait_until(lambda: "T" not in self.states(held), "all go on")
        self.ended(held)

    def test_json(self):
        held = self.holder("-N", "json", "--run-id", "json-run")
        told = json.loads(self.still("freeze", "--json", "json").out)
        self.assertEqual(told, {"job": "json", "run_id": "json-run", "frozen": True, "processes": 1, "late": 0})
        told = json.loads(self.still("thaw", "--json", "json-run").out)
        self.assertEqual((told["frozen"], told["run_id"]), (False, "json-run"))
        self.assertGreater(told["after"], 0)
        self.assertEqual(self.still("thaw", "-q", "json").out, "")
        self.assertIn("was not frozen", self.still("thaw", "json").out)
        self.ended(held)

    def test_a_name_means_all_runs_that_share_it(self):
        runs = [self.holder("-N", "many", "--shared") for _ in range(3)]
        self.assertEqual(self.still("freeze", "many").out.count(" frozen: "), 3)
        self.assertEqual([self.states(r) for r in runs], [{"T"}] * 3)
        self.still("thaw", "many")
        self.assertEqual(self.state_of("many"), ["running"] * 3)
        self.end(*runs)

    def test_unknown_is_1_nothing_given_is_usage_and_dead_guards_are_told(self):
        for what in ("freeze", "thaw"):
            self.assertEqual(self.command(what, "nobody").status, 1)
            self.assertEqual(self.command(what).status, 2)
            self.assertEqual(self.command(what, "--no-such-option").status, 2)
        held = self.holder("-N", "dead")
        warden = held.warden()
        for pid in (held.pid, warden):
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
        for pid in (held.pid, warden):
            send(pid, KILL)
        held.wait()
        wait_until(lambda: not Stat(warden).alive and self.strays(), "the job is left")
        run = self.command("freeze", "dead")
        self.assertEqual(run.status, 125)
        self.assertIn("spawnguard reap", run.err)
        self.assertEqual(self.command("reap").status, 0)
        self.assert_no_survivor()


class Clocks(FreezeTest):
    def test_the_timeout_is_later_by_as_long_as_it_stood(self):
        limit, pause = 1.5 * SCALE, 3 * SCALE
        held = self.holder("-N", "late", "-t", str(limit))
        began = now()
        self.still("freeze", "late")
        observe(pause)
        self.assertTrue(held.running(), "past its deadline")
        self.assertEqual(self.state_of("late"), ["frozen"])
        left = json.loads(self.command("status", "--json", "late").out)["jobs"][0]["runs"][0]["timeout_left"]
        self.assertGreater(left, 0)
        self.still("thaw", "late")
        stood = now() - began
        self.assertEqual(held.wait().status, 124)
        self.assertGreaterEqual(held.wall, limit + pause)
        self.assertLess(held.wall, limit + stood + 1.0 * SCALE)
        event = self.end_event()
        self.assertEqual(outcome(event), "timeout")
        self.assertGreaterEqual(event["spawnguard.frozen"], pause)
        self.assertLessEqual(event["spawnguard.frozen"], stood)

    def test_an_end_thaws_and_its_grace_counts(self):
        log = self.path("log")
        ends = [
            ("TERM to front", lambda run: run.send(TERM)),
            ("TERM to the warden", lambda run: send(run.warden(), TERM)),
            ("kill", lambda run: self.command("kill", "end")),
        ]
        for name, ask in ends:
            with self.subTest(name):
                held = self.guard("-N", "end", "-k", "60", "--", VICTIM, "catch", log, "0", f"{int(TERM)}=7")
                wait_until(lambda: "ready" in self.read("log"), "it catches")
                self.still("freeze", "end")
                ask(held)
                self.assertEqual(held.wait(30 * SCALE).status, 7, "it heard the signal, and ended by itself")
                os.unlink(log)
                self.assert_no_survivor(name)
        self.assertEqual({outcome(e) for e in self.events("end")}, {"killed"})

    def test_what_ignores_the_end_of_a_frozen_run_is_killed_in_time(self):
        for args in ([], ["--term=job"]):
            held = self.holder("-N", "deaf", "-k", "0.2", *args, shape="ignore-term")
            self.still("freeze", "deaf")
            held.send(TERM)
            held.wait(10 * SCALE)
            self.assert_no_survivor(args)

    def test_KILL_of_a_guard_ends_a_frozen_run(self):
        for who in ("front", "warden", "both"):
            with self.subTest(who):
                held = self.holder("-N", "orphan", "-k", "0.2", shape="deep 2")
                self.still("freeze", "orphan")
                warden = held.warden()
                if who == "both":
                    send(held.pid, STOP)
                    wait_until(lambda: Stat(held.pid).state == "T", "front is stopped")
                for pid in {"front": [held.pid], "warden": [warden], "both": [warden, held.pid]}[who]:
                    send(pid, KILL)
                held.wait()
                if who == "both":
                    wait_until(lambda: not Stat(warden).alive, "the warden is dead")
                    self.assertIn("lost", self.command("ps").out)
                    self.assertEqual(self.command("reap").status, 0)
                wait_until(lambda: not self.strays(), "the tree is gone")
                self.assert_no_survivor(who)
                self.assertEqual(self.run_guard(["-N", "orphan"], ["true"]).status, 0)

    def test_a_job_that_dies_while_it_stands_is_over(self):
        held = self.holder("-N", "killed", shape="deep 3")
        self.still("freeze", "killed")
        job = children(held.warden())[0]
        send(job, KILL)
        self.assertEqual(held.wait(20 * SCALE).status, -KILL)
        self.assert_no_survivor()

    def test_what_is_left_alone_is_not_left_stopped(self):
        held = self.guard("-N", "leave", "--leftovers=leave", "--", "sh", "-c", f"{VICTIM} sleep & {VICTIM} sleep")
        self.wait_ready(held, 2)
        self.still("freeze", "leave")
        send(children(held.warden())[0], KILL)
        self.assertEqual(held.wait(20 * SCALE).status, -KILL)
        left = list(self.strays())
        self.assertEqual(len(left), 2)
        wait_until(lambda: all(Stat(pid).state != "T" for pid in left), "they go on")
        self.end_strays()


class Nested(FreezeTest):
    def inner(self, *args):
        return [SPAWNGUARD, "run", "-N", "inner", *args, "--", VICTIM, "deep", "2"]

    def jobs(self, run):
        return [pid for pid in self.members(run) if Stat(pid).comm == "victim"]

    def test_a_nested_run_stands_with_its_clock(self):
        limit = 2 * SCALE
        held = self.guard("-N", "outer", "--", *self.inner("-t", str(limit)))
        self.wait_ready(held)
        self.still("freeze", "outer")
        wait_until(lambda: {Stat(pid).state for pid in self.jobs(held)} == {"T"}, "the inner tree stands")
        self.assertEqual(self.state_of("inner"), ["frozen"])
        observe(limit)
        self.assertEqual(self.state_of("inner"), ["frozen"])
        self.assertIn("the run around it", self.command("thaw", "inner").out)
        self.assertEqual(self.state_of("inner"), ["frozen"], "it stands as long as the run around it")
        self.still("thaw", "outer")
        wait_until(lambda: self.state_of("inner") == ["running"], "it goes on")
        self.assertEqual(held.wait(20 * SCALE).status, 124, "of the inner run")
        self.assertGreaterEqual(held.wall, 2 * limit)
        self.assert_no_survivor()

    def test_what_was_frozen_by_itself_stays_so(self):
        held = self.guard("-N", "outer", "--", *self.inner())
        self.wait_ready(held)
        self.still("freeze", "inner")
        self.still("freeze", "outer")
        self.still("thaw", "outer")
        observe(0.2)
        self.assertEqual(self.state_of("inner"), ["frozen"])
        self.still("thaw", "inner")
        wait_until(lambda: self.state_of("inner") == ["running"], "it goes on")
        self.ended(held)

    def test_the_end_of_a_frozen_outer_run_is_the_end_of_both(self):
        held = self.guard("-N", "outer", "--", *self.inner())
        self.wait_ready(held)
        self.still("freeze", "outer")
        held.send(TERM)
        held.wait(20 * SCALE)
        self.assert_no_survivor()
        self.assertEqual(sorted(outcome(e) for e in self.events("end")), ["killed", "killed"])


class Terminal(TtyTest):
    def begin(self):
        shell = self.shell()
        shell.command(f"{SPAWNGUARD} run -q -N cat -- cat")
        shell.send("one\n")
        shell.expect("one\r\none\r\n")
        front = self.front(shell)
        return shell, front, children(children(front)[0])[0]

    def still(self, what):
        self.assertEqual(self.command(what, "cat").status, 0)

    def finish(self, shell):
        shell.send("\x04")
        shell.command("echo status=$?")
        shell.expect("status=0")
        self.leave(shell)
        self.assertNotIn("Stopped", shell.text[shell.text.rfind("fg"):])
        self.assertEqual(outcome(self.end_event()), "ok")

    def test_a_freeze_is_no_stop_of_the_terminal(self):
        """Front goes on: the shell has nothing to say, and thaw needs no fg."""
        shell, front, job = self.begin()
        for turn in ("two", "three"):
            self.still("freeze")
            self.assertEqual(Stat(job).state, "T")
            shell.send("\x1a")  # to one that is stopped: nothing, and thaw takes it back
            shell.send(f"{turn}\n")
            observe(0.2)
            self.assertNotEqual(Stat(front).state, "T")
            self.still("thaw")
            shell.expect(f"{turn}\r\n{turn}\r\n")
        self.assertNotIn("Stopped", shell.text)
        self.finish(shell)

    def test_what_the_terminal_stopped_stays_stopped_after_thaw(self):
        shell, front, job = self.begin()
        shell.send("\x1a")
        shell.expect("Stopped")
        self.still("freeze")
        self.still("thaw")
        observe(0.2)
        self.assertEqual((Stat(front).state, Stat(job).state), ("T", "T"))
        self.fg(shell)
        shell.send("two\n")
        shell.expect("two\r\ntwo\r\n")
        self.finish(shell)

    def test_fg_of_a_frozen_job_counts_at_the_thaw(self):
        shell, front, job = self.begin()
        shell.send("\x1a")
        shell.expect("Stopped")
        self.still("freeze")
        self.fg(shell)
        wait_until(lambda: Stat(front).state != "T", "front goes on")
        wait_until(lambda: Stat(job).state == "T", "the job stands")
        shell.send("two\n")
        observe(0.2)
        self.assertEqual(Stat(job).state, "T")
        self.still("thaw")
        shell.expect("two\r\ntwo\r\n")
        self.finish(shell)


class StoppedGuards(FreezeTest):
    def test_a_run_stopped_with_its_guards_is_running(self):
        """As by SIGSTOP to all of it, or suspend: past every deadline it is still nobody's to start or to end."""
        limit = 0.5 * SCALE
        held = self.holder("-N", "asleep", "-t", str(limit), "-k", str(limit))
        warden = held.warden()
        for pid in (held.pid, warden, *self.members(held)):  # front first: it would continue its warden
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
        observe(4 * limit)
        self.assertEqual(self.state_of("asleep"), ["running"])
        self.assertEqual(self.command("reap").status, 0)
        second = self.run_guard(["-N", "asleep"], ["true"])
        self.assertEqual(second.status, 75)
        self.assertIn("already running: asleep", second.err)
        for pid in (warden, held.pid):
            self.assertEqual(Stat(pid).state, "T")
            send(pid, CONT)
        self.assertEqual(held.wait(20 * SCALE).status, 124, "its deadline has passed long since")
        self.assert_no_survivor()


if __name__ == "__main__":
    harness.main()

"""KILL of front, of warden, of both: nothing is left, nobody else is hit, every start gets its end."""
import os
import random
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, event_kind, event_run, now,
                     outcome, send, wait_until)

KILL, STOP, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM


class TakeoverTest(GuardTest):
    def kill_both(self, run):
        """Neither can act on the other's death: both are stopped first, front before it could continue the warden."""
        warden = run.warden()
        for pid in (run.pid, warden):
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
        for pid in (warden, run.pid):
            send(pid, KILL)
        run.wait()
        wait_until(lambda: not Stat(warden).alive, "the warden is dead")

    def record_of(self, run_id):
        with open(os.path.join(self.state, "runs", run_id), "rb") as f:
            return f.read()

    def wait_recorded(self, run_id, *pids):
        """Until the record names these members: what is born later cannot be in it."""
        wait_until(lambda: all(struct.pack("=i", pid) in self.record_of(run_id) for pid in pids), "members are recorded")

    def members(self):
        return [pid for pid in self.pids() if Stat(pid).alive]

    def alone(self):
        """A command that succeeds only where no member is left."""
        return ["flock", "-n", self.alive_path, "true"]

    def only_run(self):
        runs = self.records()
        self.assertEqual(len(runs), 1, runs)
        return runs[0]


class OneDies(TakeoverTest):
    SHAPES = ("sleep", "daemon", "setsid", "env-clear", "clone-parent", "thread", "deep 20", "wide 50", "hopper",
              "stopped", "zombies", "respawn", "bomb 50")

    def test_KILL_of_the_warden_front_ends_the_tree(self):
        for shape in self.SHAPES:
            with self.subTest(shape):
                run = self.holder("-N", "w", "--run-id", "w-" + shape.split()[0], "-k", "0.2", shape=shape)
                began = now()
                send(run.warden(), KILL)
                run.wait()
                took = now() - began
                self.assertEqual(run.status, 125)
                self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
                self.assert_no_survivor(shape)
                self.assertLess(took, 0.2 + 1.0 * SCALE)
                end = self.end_event("w-" + shape.split()[0])
                self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.written_by"]),
                                 ("guard_error", "warden_dead", "front"))
                self.assertEqual(self.records(), [])
                self.assertEqual(self.run_guard(["-N", "w"], self.alone()).status, 0)

    def test_KILL_of_front_the_warden_ends_the_tree(self):
        for shape in self.SHAPES:
            with self.subTest(shape):
                run = self.holder("-N", "f", "--run-id", "f-" + shape.split()[0], "-k", "0.2", shape=shape)
                run.send(KILL)
                run.wait()
                following = self.run_guard(["-N", "f", "-w", "60"], self.alone())
                self.assertEqual((following.status, following.err), (0, ""), "the lock was held until all was gone")
                wait_until(lambda: not self.strays(), "the warden is gone")
                end = self.end_event("f-" + shape.split()[0])
                self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.written_by"]),
                                 ("guard_error", "front_dead", "warden"))
                self.assertEqual(self.records(), [])

    def test_members_that_die_at_TERM_are_gone_soon_after_a_guards_death(self):
        for victim in ("front", "warden"):
            best = 9.0
            for _ in range(5):
                run = self.holder("-N", "soon", "-k", "5", shape="wide 10")
                warden = run.warden()
                began = now()
                send(run.pid if victim == "front" else warden, KILL)
                wait_until(self.members_gone, "members are gone")
                best = min(best, now() - began)
                run.wait()
                wait_until(lambda: not self.strays(), "the guard is gone")
            self.assertLess(best, 0.1 * SCALE, victim)

    def test_KILL_of_front_and_job_in_one_moment_leaves_nothing_open(self):
        for i in range(20):
            run = self.holder("-N", "group", "--run-id", f"group-{i}", "--session=keep", "-k", "0.2", process_group=0)
            warden = run.warden()
            wait_until(lambda warden=warden: Stat(warden).pgrp == warden, "the warden is in a group of its own")
            os.killpg(run.pid, KILL)
            run.wait()
            wait_until(lambda: not self.strays(), "the warden is gone")
            self.assertIn(outcome(self.end_event(f"group-{i}")), ("signaled", "guard_error"))
        # killed in the last moment, front may leave a record that is closed: no more than a file for the next start
        self.assertEqual(self.run_guard(["-N", "group"], self.alone()).err, "")
        self.assertEqual(len(self.events("end")), 21)
        self.assertEqual(self.records(), [])

    def test_a_daemon_without_environment_born_before_the_KILL_of_the_warden_is_ended(self):
        for _ in range(5):
            shut, release = os.pipe()
            ready = self.ready_count()
            # the daemon is made only after the pair is at rest: no tick has seen it when the warden dies
            run = self.guard("-N", "unseen", "-k", "0.2", "--interval=1h", "--", "sh", "-c",
                             f"{VICTIM} hold {shut}; {VICTIM} -x env-clear; exec {VICTIM} sleep", pass_fds=[shut])
            os.close(shut)
            self.wait_ready(run, ready + 1)
            warden = run.warden()
            os.close(release)
            wait_until(lambda: self.ready_count() > ready + 1, "the daemon is born")
            send(warden, KILL)
            self.assertEqual(run.wait().status, 125)
            self.assert_no_survivor()

    def test_the_status_of_a_job_that_had_ended_is_kept(self):
        run = self.guard("-N", "kept", "--run-id", "kept", "--leftovers=wait", "-k", "0.2", "--",
                         "sh", "-c", f"{VICTIM} sleep & exit 6")
        self.wait_ready(run)
        warden = run.warden()
        wait_until(lambda: len(children(warden)) == 1, "the job has ended, its child lives")
        job_status_stored = lambda: struct.pack("=ii", 6 << 8, 1) in self.record_of("kept")
        wait_until(job_status_stored, "its status is in the record")
        send(warden, KILL)
        self.assertEqual(run.wait().status, 6)
        self.assert_no_survivor()


class BothDie(TakeoverTest):
    def test_the_next_start_ends_the_old_tree_before_its_own_job(self):
        for shape in ("sleep", "daemon", "setsid", "env-clear", "clone-parent", "wide 50", "thread", "stopped"):
            with self.subTest(shape):
                if shape == "env-clear":  # else it lacks the second mark
                    self.needs("pidfd_open")
                before = set(self.pids())
                run = self.holder("-N", "b", "--run-id", "b-" + shape.split()[0], "-k", "0.2", shape=shape)
                self.wait_recorded("b-" + shape.split()[0], *[p for p in self.members() if p not in before])
                self.kill_both(run)
                self.assertTrue(self.members(), "orphans live")
                following = self.run_guard(["-N", "b"], self.alone())
                self.assertEqual(following.status, 0, following.err)
                self.assertRegex(following.err, r"\A(spawnguard: .+\n)?\Z")
                wait_until(lambda: not self.strays(), "zombies collected")
                self.assertTrue(self.members_gone())
                self.assertEqual(outcome(self.end_event("b-" + shape.split()[0])), "lost")
                self.assertEqual(self.records(), [])

    def test_two_shared_holders_killed_the_next_exclusive_start_ends_both_trees(self):
        runs = [self.holder("-N", "s", "--shared", "--run-id", f"shared-{i}", shape="daemon") for i in range(2)]
        self.wait_recorded("shared-0", *self.pids()[:1])
        for i in range(2):
            wait_until(lambda i=i: len([p for p in self.members()
                                        if struct.pack("=i", p) in self.record_of(f"shared-{i}")]) == 2, "recorded")
        for run in runs:
            self.kill_both(run)
        self.assertEqual(len(self.members()), 4)
        following = self.run_guard(["-N", "s"], self.alone())
        self.assertEqual(following.status, 0, following.err)
        self.assertTrue(self.members_gone())
        self.assertEqual([outcome(self.end_event(f"shared-{i}")) for i in range(2)], ["lost", "lost"])
        self.assertEqual(self.records(), [])

    def test_a_shared_start_leaves_living_shared_runs_alone(self):
        living = self.holder("-N", "s", "--shared", "--run-id", "living")
        dead = self.holder("-N", "s", "--shared", "--run-id", "dead")
        self.wait_recorded("dead", self.pids()[-1])
        self.kill_both(dead)
        self.assertEqual(self.run_guard(["-N", "s", "--shared"], ["true"]).status, 0)
        self.assertEqual(self.command("reap").status, 0)
        self.assertTrue(living.running())
        self.assertEqual(len(self.members()), 1)
        self.assertEqual(self.events("end", "living"), [])
        living.send(TERM)
        living.wait()

    def test_reap_does_what_the_next_start_would_do(self):
        run = self.holder("-N", "r", "--run-id", "reaped", "-k", "0.2", shape="setsid")
        self.wait_recorded("reaped", *self.members())
        self.kill_both(run)
        members = self.members()
        dry = self.command("reap", "--dry-run")
        self.assertEqual(dry.status, 0, dry.err)
        for pid in members:
            self.assertIn(str(pid), dry.out)
        self.assertEqual(self.members(), members, "a dry run ends nothing")
        self.assertEqual(self.records(), ["reaped"])
        reaped = self.command("reap", "r")
        self.assertEqual(reaped.status, 0, reaped.err)
        self.assertIn("survivors 0", reaped.out)
        self.assertTrue(self.members_gone())
        self.assertEqual(outcome(self.end_event("reaped")), "lost")
        self.assertEqual(self.records(), [])

    def test_reap_leaves_guarded_runs_alone(self):
        run = self.holder("-N", "alive")
        reaped = self.command("reap")
        self.assertEqual((reaped.status, reaped.out), (0, ""))
        self.assertTrue(run.running())
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)

    def test_a_run_without_lock_is_found_by_reap(self):
        run = self.holder("-N", "n", "--no-lock", "--run-id", "lockless")
        self.wait_recorded("lockless", *self.members())
        self.kill_both(run)
        self.assertEqual(self.command("reap").status, 0)
        self.assertTrue(self.members_gone())
        self.assertEqual(outcome(self.end_event("lockless")), "lost")


class Innocents(TakeoverTest):
    def test_a_sleeping_sibling_lives_through_everything(self):
        sibling = self.start("sleep", "60")
        for which in ("warden", "front", "both"):
            with self.subTest(which):
                run = self.holder("-N", "sib", "-k", "0.1", shape="daemon")
                run_id = self.only_run()
                self.wait_recorded(run_id, *self.members())
                if which == "both":
                    self.kill_both(run)
                else:
                    send(run.warden() if which == "warden" else run.pid, KILL)
                    run.wait()
                self.assertEqual(self.run_guard(["-N", "sib", "-w", "60"], self.alone()).status, 0)
                wait_until(lambda: not self.strays(), "all gone")
                self.assertTrue(sibling.running())
        self.end(sibling)

    def test_the_tee_of_the_scripts_own_output_survives_and_its_file_is_whole(self):
        for which in ("warden", "job ends", "TERM"):
            with self.subTest(which):
                name = "idiom-" + which.split()[0]
                script = self.write("script", f"""#!/bin/bash
if [ "$SPAWNGUARD_JOB" != {name} ]; then
	exec > >(tee copy-{name})
	exec {SPAWNGUARD} run -N {name} -k 0.2 -- "$0" "$@"
fi
seq 1 20000
echo ready >>{self.pids_path}
[ "{which}" = "job ends" ] || exec {VICTIM} sleep
""", 0o755)
                ready = self.ready_count()
                run = self.start(script)
                self.wait_ready_or_end(run, ready)
                if which == "warden":
                    warden = [c for c in children(run.pid) if Stat(c).comm == "spawnguard"]
                    self.assertEqual(len(warden), 1)
                    send(warden[0], KILL)
                elif which == "TERM":
                    run.send(TERM)
                run.wait()
                wait_until(lambda: not self.strays(), "tee has ended by itself")
                want = "".join(f"{i}\n" for i in range(1, 20001))
                self.assertEqual(self.read(f"copy-{name}"), want)
                self.assertEqual(run.out, want)

    def wait_ready_or_end(self, run, ready):
        wait_until(lambda: self.ready_count() > ready or not run.running(), "the script is under way")

    def test_a_server_left_on_purpose_is_never_touched_again(self):
        run = self.run_guard(["-N", "server", "--leftovers=leave", "--run-id", "leaver"], [VICTIM, "-x", "daemon"])
        self.assertEqual(run.status, 0)
        server = list(self.strays())
        self.assertEqual(len(server), 1)
        self.assertEqual(self.run_guard(["-N", "server"], ["true"]).status, 0)
        for args in (["reap"], ["reap", "server"], ["kill", "server"], ["kill", "leaver"]):
            self.command(*args)
            self.assertEqual(list(self.strays()), server, args)
        self.assertEqual(self.records(), [])
        send(server[0], KILL)
        wait_until(lambda: not self.strays(), "own server ended")


class AtRandom(TakeoverTest):
    COUNT = 15 if SANITIZED else 100

    def turn(self, which, dice):
        shut, release = os.pipe()
        run = self.guard("-N", "random", "-k", "0.2", "--", VICTIM, "overlap", self.section, shut, pass_fds=[shut])
        os.close(shut)
        end = time.perf_counter() + dice.random() * 0.008 * SCALE
        while time.perf_counter() < end:
            pass
        targets = [run.pid] if which == "front" else children(run.pid)[:1]
        if which == "both":
            targets = dice.sample([run.pid, *targets], 1 + len(targets))
        for pid in targets:
            send(pid, KILL)
        os.close(release)  # where nobody was hit, the job ends by itself
        run.wait()
        following = self.run_guard(["-N", "random", "-w", "60"], [VICTIM, "overlap", self.section])
        self.assertEqual(following.status, 0, following.err)
        wait_until(lambda: not self.strays(), f"nothing is left after KILL of {which}")
        self.assertTrue(self.members_gone())
        self.runs.clear()

    def intact_lines(self):
        """The kernel may cut the write of a killed process where a page ends: such a line stands alone."""
        lines, torn = [], []
        for line in self.history_lines():
            try:
                lines.append(harness.parse_line(line))
            except harness.Damaged:
                torn.append(line)
        for line in torn:
            self.assertTrue(line.startswith(b'{"schema":1,"event":"') and line.count(b'"schema"') == 1, line)
        self.assertLessEqual(len(torn), self.COUNT // 20, torn)
        return lines

    def many(self, which):
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        self.section = self.path("section")
        os.mkdir(self.section)
        with self.subTest(seed=seed):
            for _ in range(self.COUNT):
                self.turn(which, dice)
            self.assertNotIn("overlap", self.read("section/log"), "a second instance")
            intact = self.intact_lines()
            starts = [event_run(e) for e in intact if event_kind(e) == "start"]
            ends = [event_run(e) for e in intact if event_kind(e) == "end"]
            self.assertEqual(len(starts), len(set(starts)))
            self.assertEqual(sorted(e for e in ends if e in set(starts)), sorted(starts), "each start has one end")
            self.assertEqual(len(ends), len(set(ends)))
            self.assertEqual(self.records(), [])

    def test_100_kills_of_front(self):
        self.many("front")

    def test_100_kills_of_the_warden(self):
        self.many("warden")

    @harness.without("pidfd_open")  # one mark alone, as while it is exec'ed, leaves a recorded member named
    def test_100_kills_of_both(self):
        self.many("both")


if __name__ == "__main__":
    harness.main()

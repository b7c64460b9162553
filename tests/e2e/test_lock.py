"""One name, one copy: who gets the lock, what the others are told, and when it is free again."""
import json
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, now, observe, outcome, switches, wait_until

MESSAGE = re.compile(r"\Aspawnguard: already running: (?P<job>\S+), pid (?P<pid>\d+), (?P<age>[0-9.]+(?:ns|us|ms|s|m\d*s?)),"
                     r" run (?P<run>[0-9a-f]{6,}): (?P<command>.*); see: spawnguard ps (?P<see>\S+)\n\Z")


class LockTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.section = self.path("section")
        os.mkdir(self.section)

    def log(self):
        return self.read("section/log").splitlines()

    def entered(self):
        return sum(line.startswith("in ") for line in self.log())

    def assert_no_overlap(self):
        self.assertFalse([line for line in self.log() if line.startswith("overlap")], "two were inside at once")

    def contenders(self, count, args, hold=None):
        """All start at one instant: each waits at a gate in front of the guard, then it opens."""
        shut, opener = os.pipe()
        command = [VICTIM, "overlap", self.section] + ([] if hold is None else [str(hold)])
        runs = [self.start(VICTIM, "gate", shut, SPAWNGUARD, "run", *args, "--", *command,
                           pass_fds=[shut] + ([] if hold is None else [hold])) for _ in range(count)]
        os.close(shut)
        os.close(opener)
        return runs


class Exclusion(LockTest):
    def test_of_50_contenders_exactly_one_runs(self):
        for turn in range(4 if SANITIZED else 20):
            with self.subTest(turn=turn):
                before = self.entered()
                hold, release = os.pipe()
                runs = self.contenders(50, ["-N", "contended"], hold)
                os.close(hold)
                wait_until(lambda: sum(not r.running() for r in runs) >= 49, "49 are refused")
                wait_until(lambda: self.entered() > before, "one is inside")
                os.close(release)
                statuses = sorted(r.wait().status for r in runs)
                self.assertEqual(statuses, [0] + [75] * 49)
                self.assertEqual(self.entered(), before + 1)
                self.assert_no_overlap()
                self.runs.clear()

    def test_50_that_wait_all_run_one_after_the_other(self):
        runs = self.contenders(50, ["-N", "queue", "-w", "100"])
        for run in runs:
            self.assertEqual((run.wait(100).status, run.err), (0, ""))
        self.assertEqual(self.entered(), 50)
        self.assert_no_overlap()

    def test_the_lock_is_free_the_instant_wait_returns(self):
        ends = [
            ("a child that outlives the job", ["-k", "0.05"], [VICTIM, "-x", "setsid"], 0),
            ("a timeout", ["-t", "0.05", "-k", "0.05"], [VICTIM, "setsid"], 124),
            ("a signal", [], [VICTIM, "signal", "9"], -9),
            ("not found", [], ["/no/such/file"], 127),
            ("a daemon", [], [VICTIM, "-x", "daemon"], 0),
        ]
        for _ in range(3):
            for name, args, command, status in ends:
                with self.subTest(name):
                    self.assertEqual(self.run_guard(["-N", "instant", *args], command).status, status)
                    following = self.run_guard(["-N", "instant"], [VICTIM, "overlap", self.section])
                    self.assertEqual((following.status, following.err), (0, ""))
                    self.assert_no_survivor(name)

    def test_the_lock_is_held_as_long_as_the_tree_lives(self):
        shut, release = os.pipe()
        hold = self.guard("-N", "tree", "--leftovers=wait", "--",
                          "sh", "-c", f"{VICTIM} hold {shut} & exit 5", pass_fds=[shut])
        os.close(shut)
        self.wait_ready(hold)
        wait_until(lambda: len(children_of_job(hold)) == 1, "the job itself has ended")
        self.assertEqual(self.run_guard(["-N", "tree"], ["true"]).status, 75)
        os.close(release)
        self.assertEqual(hold.wait().status, 5)
        self.assertEqual(self.run_guard(["-N", "tree"], ["true"]).status, 0)

    def test_no_lock_lets_any_number_run(self):
        one = self.holder("-N", "many", "--no-lock")
        other = self.holder("-N", "many", "--no-lock")
        self.end(one, other)

    def test_other_name_other_lock(self):
        held = self.holder("-N", "a")
        for name in ("b", "A", "a ", "a/b", "%61", "..", ".", "-", "ä", "a\n"):
            self.assertEqual(self.run_guard([f"--name={name}"], ["true"]).status, 0, name)
        self.assertEqual(self.run_guard(["-N", "a"], ["true"]).status, 75)
        self.end(held)

    def test_a_name_too_long_or_empty_is_refused(self):
        for name in ("", "x" * 201, "/" * 67):
            run = self.run_guard([f"--name={name}"], ["touch", self.path("ran")])
            self.assertEqual(run.status, 125)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_without_a_name_the_command_and_its_arguments_are_the_name(self):
        held = self.holder()
        self.assertEqual(self.run_guard([], [VICTIM, "sleep"]).status, 75)
        self.assertEqual(self.run_guard([], [VICTIM, "exit", "0"]).status, 0)
        self.assertIn("already running: victim", self.run_guard([], [VICTIM, "sleep"]).err)
        self.end(held)

    def test_a_job_cannot_wait_for_the_lock_of_its_own_outer_run(self):
        inner = [SPAWNGUARD, "run", "-N", "self", "-w", "60", "--", "true"]
        run = self.run_guard(["-N", "self"], inner, timeout=20 * SCALE)
        self.assertEqual(run.status, 75, run.err)


def children_of_job(run):
    return harness.children(run.warden())


class Conflict(LockTest):
    def test_the_message_names_job_pid_age_run_and_command(self):
        began = now()
        held = self.holder("-N", "nightly", "--run-id", "deadbeef00112233")
        observe(1.1)
        run = self.run_guard(["-N", "nightly"], ["true"])
        self.assertEqual((run.status, run.out), (75, ""))
        told = MESSAGE.match(run.err)
        self.assertTrue(told, run.err)
        self.assertEqual((told["job"], told["see"]), ("nightly", "nightly"))
        self.assertEqual(int(told["pid"]), held.pid)
        self.assertTrue("deadbeef00112233".startswith(told["run"]), told["run"])
        self.assertEqual(told["command"], f"{VICTIM} sleep")
        seconds = re.fullmatch(r"([0-9.]+)s", told["age"])
        self.assertTrue(seconds, told["age"])
        self.assertGreaterEqual(float(seconds[1]) + 0.1, 1.1)
        self.assertLessEqual(float(seconds[1]), now() - began + 0.1)
        self.end(held)

    def test_a_holder_that_starts_in_this_very_moment_is_named_too(self):
        for turn in range(10):
            with self.subTest(turn=turn):
                hold, release = os.pipe()
                runs = self.contenders(4, ["-N", "moment"], hold)
                os.close(hold)
                wait_until(lambda: sum(not r.running() for r in runs) >= 3, "3 are refused")
                os.close(release)
                for run in runs:
                    if run.wait().status == 75:
                        self.assertRegex(run.err, MESSAGE)
                self.runs.clear()

    def test_a_hostile_command_line_is_escaped_and_cut(self):
        hostile = "\x1b[31mred\n\x07" + "x" * 200
        held = self.guard("-N", "hostile", "--", VICTIM, "sleep", hostile)
        self.wait_ready(held)
        run = self.run_guard(["-N", "hostile"], ["true"])
        told = MESSAGE.match(run.err)
        self.assertTrue(told, run.err)
        self.assertNotRegex(run.err[:-1], r"[\x00-\x1f\x7f]")
        self.assertLessEqual(len(told["command"]), 60 + len("..."))
        self.end(held)

    def test_status_and_history_tell_the_conflict(self):
        held = self.holder("-N", "told", "--run-id", "holder-1")
        run = self.run_guard(["-N", "told", "--status-file", self.path("status")], ["true"])
        self.assertEqual(run.status, 75)
        told = json.loads(self.read("status"))
        self.assertEqual(outcome(told), "conflict")
        self.assertEqual(told["spawnguard.exit_status"], 75)
        for _ in range(3):
            self.run_guard(["-N", "told"], ["true"])
        refused = self.events("refused")
        self.assertEqual(len(refused), 1, "one line per job and minute")
        self.assertEqual(refused[0]["spawnguard.holder.run.id"], "holder-1")
        self.assertEqual(refused[0]["spawnguard.holder.pid"], held.pid)
        self.end(held)

    def test_policies_decide_status_and_words(self):
        held = self.holder("-N", "policy")
        rows = [
            ("fail", [], 75, True),
            ("no wait", ["-n"], 75, True),
            ("fail by word", ["--on-conflict=fail"], 75, True),
            ("own status", ["-E", "3"], 3, True),
            ("own status 0", ["-E", "0"], 0, True),
            ("long option", ["--conflict-exit-code=99"], 99, True),
            ("skip", ["--on-conflict=skip"], 0, False),
            ("quiet", ["-q"], 75, None),
            ("deadline", ["-w", "0.2"], 75, True),
            ("deadline, long", ["--wait=200ms"], 75, True),
            ("deadline, own status", ["-w", "0.1", "-E", "4"], 4, True),
        ]
        for name, args, status, says in rows:
            with self.subTest(name):
                run = self.run_guard(["-N", "policy", *args], [VICTIM, "overlap", self.section])
                self.assertEqual((run.status, run.out), (status, ""))
                if says is not None:
                    self.assertEqual(f"running: policy, pid {held.pid}" in run.err or "running after" in run.err, says, run.err)
        self.assertEqual(self.entered(), 0)
        self.end(held)

    def test_skip_is_recorded_as_conflict(self):
        held = self.holder("-N", "skipped")
        run = self.run_guard(["-N", "skipped", "--on-conflict=skip", "--status-file", self.path("status")], ["true"])
        self.assertEqual(run.status, 0)
        self.assertIn('"spawnguard.outcome":"conflict"', self.read("status"))
        self.end(held)


class Waiting(LockTest):
    def test_the_deadline_of_wait_is_kept(self):
        held = self.holder("-N", "deadline")
        run = self.run_guard(["-N", "deadline", "-w", "1"], ["true"])
        self.assertEqual(run.status, 75)
        self.assertGreaterEqual(run.wall, 1.0)
        self.assertLess(run.wall, 1.0 + 1.0 * SCALE)
        self.end(held)

    def test_a_waiting_start_does_not_poll(self):
        held = self.holder("-N", "still")
        waiter = self.guard("-N", "still", "-w", "100", "--", VICTIM, "overlap", self.section)
        wait_until(lambda: Stat(waiter.pid).state == "S" and self.quiet_for(waiter.pid, 0.1), "it waits", 10 * SCALE)
        before = switches(waiter.pid)
        observe(1.5)
        self.assertLessEqual(switches(waiter.pid) - before, 1)
        self.assertEqual(self.entered(), 0)
        held.send(signal.SIGTERM)
        held.wait()
        self.assertEqual(waiter.wait().status, 0)
        self.assertEqual(self.entered(), 1)

    def quiet_for(self, pid, seconds):
        before = switches(pid)
        observe(seconds)
        return switches(pid) == before

    def test_a_waiting_start_gets_the_lock_from_a_killed_holder(self):
        held = self.holder("-N", "killed", "-k", "0.1")
        waiter = self.guard("-N", "killed", "--wait", "--", VICTIM, "overlap", self.section)
        wait_until(lambda: Stat(waiter.pid).state == "S", "it waits")
        held.send(signal.SIGKILL)
        held.wait()
        self.assertEqual(waiter.wait().status, 0, waiter.err)
        self.assert_no_survivor()

    def test_a_waiting_start_can_be_ended(self):
        held = self.holder("-N", "ended")
        waiter = self.guard("-N", "ended", "--wait", "--", VICTIM, "overlap", self.section)
        wait_until(lambda: Stat(waiter.pid).state == "S" and self.quiet_for(waiter.pid, 0.1), "it waits")
        for sig in (signal.SIGTERM, signal.SIGINT):
            waiter.send(sig)
            self.assertNotEqual(waiter.wait(10 * SCALE).status, 0)
            waiter = self.guard("-N", "ended", "--wait", "--", VICTIM, "overlap", self.section)
            wait_until(lambda: Stat(waiter.pid).state == "S" and self.quiet_for(waiter.pid, 0.1), "it waits")
        self.end(waiter)
        self.assertEqual(self.entered(), 0)
        self.end(held)

    def test_complain_after_says_that_it_waits(self):
        held = self.holder("-N", "late")
        waiter = self.guard("-N", "late", "--wait", "--complain-after", "0.2", "--", "true")
        wait_until(lambda: waiter.err, "it complains")
        self.assertRegex(waiter.err, r"\Aspawnguard: .*late.*\n\Z")
        self.assertTrue(waiter.running())
        held.send(signal.SIGTERM)
        held.wait()
        self.assertEqual(waiter.wait().status, 0)
        self.assertEqual(waiter.err.count("\n"), 1, "it complains once")


class LockFile(LockTest):
    def setUp(self):
        super().setUp()
        self.file = self.path("shared.lock")

    def flock_holder(self, *args):
        shut, release = os.pipe()
        run = self.start("flock", *args, self.file, VICTIM, "hold", shut, pass_fds=[shut])
        os.close(shut)
        self.wait_ready(run)
        return run, release

    def test_flock_1_keeps_the_guard_out(self):
        run, release = self.flock_holder()
        refused = self.run_guard(["-N", "file", "--lock-file", self.file], ["true"])
        self.assertEqual(refused.status, 75)
        self.assertIn("shared.lock", refused.err)
        os.close(release)
        run.wait()
        self.assertEqual(self.run_guard(["-N", "file", "--lock-file", self.file], ["true"]).status, 0)

    def test_the_guard_keeps_flock_1_out(self):
        held = self.holder("-N", "file", "--lock-file", self.file)
        self.assertEqual(self.start("flock", "-n", self.file, "true").wait().status, 1)
        self.end(held)
        self.assertEqual(self.start("flock", "-n", self.file, "true").wait().status, 0)

    def test_no_lock_with_a_lock_file_takes_that_file_alone(self):
        held = self.holder("-N", "one", "--no-lock", "--lock-file", self.file)
        self.assertEqual(self.run_guard(["-N", "one"], ["true"]).status, 0)
        self.assertEqual(self.run_guard(["-N", "two", "--no-lock", "--lock-file", self.file], ["true"]).status, 75)
        self.end(held)

    def test_shared_lock_files_are_shared_with_flock_s(self):
        run, release = self.flock_holder("-s")
        self.assertEqual(self.run_guard(["-N", "s", "--shared", "--lock-file", self.file], ["true"]).status, 0)
        self.assertEqual(self.run_guard(["-N", "x", "--lock-file", self.file], ["true"]).status, 75)
        os.close(release)
        run.wait()

    def test_a_lock_file_that_cannot_be_opened_refuses_the_start(self):
        for path in ("/no/such/dir/file", "/proc/version/x"):
            run = self.run_guard(["-N", "x", "--lock-file", path], ["touch", self.path("ran")])
            self.assertEqual(run.status, 125, path)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
        self.assertFalse(os.path.exists(self.path("ran")))


class Shared(LockTest):
    def test_many_shared_or_one_exclusive(self):
        one = self.holder("-N", "s", "--shared")
        other = self.holder("-N", "s", "--shared")
        refused = self.run_guard(["-N", "s"], ["true"])
        self.assertEqual(refused.status, 75)
        self.assertIn("already running: s", refused.err)
        self.end(one)
        self.assertEqual(self.run_guard(["-N", "s"], ["true"]).status, 75, "one is left")
        self.end(other)
        alone = self.holder("-N", "s")
        self.assertEqual(self.run_guard(["-N", "s", "--shared"], ["true"]).status, 75)
        self.end(alone)

    def test_an_exclusive_start_waits_for_all_shared_ones(self):
        one, other = self.holder("-N", "s", "--shared"), self.holder("-N", "s", "--shared")
        waiter = self.guard("-N", "s", "--wait", "--", "true")
        wait_until(lambda: Stat(waiter.pid).state == "S", "it waits")
        for run in (one, other):
            self.assertTrue(waiter.running())
            run.send(signal.SIGTERM)
            run.wait()
        self.assertEqual(waiter.wait().status, 0)


class Idiom(LockTest):
    def test_a_script_can_put_itself_under_the_guard(self):
        shut, release = os.pipe()
        script = self.write("script", f"""#!/bin/sh
[ "$SPAWNGUARD_JOB" = idiom ] || exec {SPAWNGUARD} run -N idiom -- "$0" "$@"
exec {VICTIM} overlap {self.section} {shut}
""", 0o755)
        runs = [self.start(script, "an argument", pass_fds=[shut]) for _ in range(5)]
        wait_until(lambda: sum(not r.running() for r in runs) == 4 and self.entered() == 1, "one runs, four are refused")
        os.close(shut)
        os.close(release)
        self.assertEqual(sorted(r.wait().status for r in runs), [0, 75, 75, 75, 75])
        self.assertEqual(self.entered(), 1)
        self.assert_no_overlap()


if __name__ == "__main__":
    harness.main()

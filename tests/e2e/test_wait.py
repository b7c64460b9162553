"""wait: one blocking call that returns how runs ended, whoever started them, and costs nothing meanwhile."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, VICTIM, GuardTest, children, send, wait_until

TERM, KILL, STOP = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP
LINE = r"\A%s %s: %s, \S+%s\n\Z"


class WaitTest(GuardTest):
    def waiter(self, *words, **popen):
        """`spawnguard wait WORDS`, asleep."""
        run = self.start(SPAWNGUARD, "wait", *words, **popen)
        wait_until(lambda: self.sleeps(run) or not run.running(), "it waits")
        return run

    def sleeps(self, run):
        try:
            with open(f"/proc/{run.pid}/wchan") as f:
                where = f.read()
            with open(f"/proc/{run.pid}/comm") as f:
                return f.read() == "wait\n" and "poll" in where
        except OSError:
            return False

    def wait_for(self, *words, **popen):
        return self.command("wait", *words, **popen)

    def kill_guards(self, run):
        warden = run.warden()
        for sig in (STOP, KILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: not harness.Stat(warden).alive, "both are dead")


class Ends(WaitTest):
    # how it ends, run's options, victim, what wait prints, its status
    ROWS = [
        ("ok", [], "exit 0", "ok, status 0", 0),
        ("failed", [], "exit 7", "failed, status 7", 7),
        ("a status like ours", [], "exit 75", "failed, status 75", 75),
        ("signaled", [], "signal 6", r"signaled, status 134 \(ABRT\)", 134),
        ("killed by KILL", [], "signal 9", r"signaled, status 137 \(KILL\)", 137),
        ("timeout", ["-t", "0.2", "-k", "0.1"], "sleep", "timeout, status 124", 124),
        ("not found", [], None, "failed, status 127", 127),
    ]

    def test_a_run_that_has_ended_is_told_from_the_history(self):
        for i, (what, args, shape, line, status) in enumerate(self.ROWS):
            with self.subTest(what):
                run_id = f"ended-{i}"
                command = [VICTIM, *shape.split()] if shape else ["/no/such"]
                self.run_guard(["-N", f"j{i}", "--run-id", run_id, *args], command)
                for word in (f"j{i}", run_id):
                    run = self.wait_for(word)
                    self.assertEqual((run.status, run.err), (status, ""), what)
                    self.assertRegex(run.out, LINE % (f"j{i}", run_id[:8], line, ""))

    def test_one_that_goes_on_is_waited_for(self):
        for i, (what, args, shape, line, status) in enumerate(self.ROWS[:6]):
            with self.subTest(what):
                shut, release = os.pipe()
                go = "" if args else f"read x <&{shut};"
                held = self.guard("-N", f"j{i}", "--run-id", f"going-{i}", *args, "--", "sh", "-c",
                                  f"echo ready >>{self.pids_path}; {go} exec {VICTIM} {shape}",
                                  pass_fds=[shut])
                os.close(shut)
                wait_until(lambda: self.events("start", f"going-{i}"), "it is on record")
                waiters = [self.waiter(f"j{i}"), self.waiter(f"going-{i}")]
                os.close(release)
                for run in waiters:
                    self.assertEqual((run.wait().status, run.err), (status, ""), what)
                    self.assertRegex(run.out, LINE % (f"j{i}", "going-" + str(i), line, ""))
                held.wait()

    def test_when_it_returns_the_lock_is_free(self):
        for _ in range(10):
            held = self.holder("-N", "next")
            run = self.waiter("next")
            send(self.pids()[-1], KILL)
            self.assertEqual(run.wait().status, 137)
            again = self.run_guard(["-N", "next"], ["true"])
            self.assertEqual((again.status, again.err), (0, ""))
            held.wait()

    def test_a_name_means_the_run_that_goes_on_and_not_one_before(self):
        self.run_guard(["-N", "again"], [VICTIM, "exit", "3"])
        held = self.holder("-N", "again")
        run = self.waiter("again")
        held.send(TERM)
        self.assertEqual(run.wait().status, 143)
        self.assertRegex(run.out, r"\Aagain \w+: killed, status 143 \(TERM\), ")
        held.wait()

    def test_killed_by_the_command_kill(self):
        held = self.holder("-N", "killed")
        run = self.waiter("killed")
        self.assertEqual(self.command("kill", "killed").status, 0)
        self.assertEqual(run.wait().status, 143)
        held.wait()

    def test_the_warden_killed_front_ends_it(self):
        held = self.holder("-N", "taken", "-k", "0.2")
        run = self.waiter("taken")
        send(held.warden(), KILL)
        self.assertEqual(run.wait().status, 125)
        self.assertRegex(run.out, r": guard_error, status 125, ")
        held.wait()
        wait_until(lambda: not self.strays(), "the warden has ended too")

    def test_front_killed_the_warden_ends_it(self):
        held = self.holder("-N", "taken", "-k", "0.2")
        run = self.waiter("taken")
        held.send(KILL)
        self.assertEqual(run.wait().status, 125)
        self.assertRegex(run.out, r": guard_error, status 125, ")
        held.wait()


class Output(WaitTest):
    def test_it_is_named_only_if_it_was_kept(self):
        for i, (args, status, named) in enumerate([
                (["--output=on-failure"], 0, False), (["--output=on-failure"], 3, True), (["--output=never"], 0, False),
                (["--output=never"], 3, True), ([f"--log={self.path('mine')}", "--output=never"], 0, True), ([], 3, False)]):
            with self.subTest(args=args, status=status):
                self.run_guard(["-N", f"j{i}", *args], [VICTIM, "exit", str(status)])
                run = self.wait_for(f"j{i}")
                self.assertEqual((run.status, ", output: " in run.out), (status, named), run.out)


class Lost(WaitTest):
    def test_dead_guards_are_lost_at_once(self):
        held = self.holder("-N", "lost", "--run-id", "lostlost-1")
        run = self.waiter("lost")
        self.kill_guards(held)
        self.assertEqual(run.wait().status, 125)
        self.assertRegex(run.out, LINE % ("lost", "lostlost", "lost, status 125", ""))
        for word in ("lost", "lostlost-1", "lostlo"):
            self.assertEqual(self.wait_for(word).status, 125, "after the fact")
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.wait_for("lost").status, 125, "after it was reaped")

    def test_what_the_next_start_closes_is_lost_too(self):
        held = self.holder("-N", "lost", "--run-id", "lostlost-2")
        run = self.waiter("lostlost-2")
        self.kill_guards(held)
        self.assertEqual(self.run_guard(["-N", "lost"], ["true"]).status, 0)
        self.assertEqual(run.wait().status, 125)
        self.assertEqual(self.wait_for("lostlost-2").status, 125)
        self.assertEqual(self.wait_for("lost").status, 0, "the newest of the name")

    def test_a_nested_run_that_the_outer_one_ends_is_told_as_such(self):
        inner = f"{SPAWNGUARD} run -N inner -- {VICTIM} sleep"
        held = self.guard("-N", "outer", "-k", "none", "--", "sh", "-c", inner)
        self.wait_ready(held)
        run = self.waiter("inner")
        held.send(TERM)
        # Its own guard ends it, or the outer one does and closes its record: never lost.
        self.assertIn(run.wait().status, (137, 143))
        self.assertRegex(run.out, r": killed, status (137 \(KILL\)|143 \(TERM\)), ")
        held.wait()


class Several(WaitTest):
    def test_all_tells_each_and_exits_as_the_first_named_that_is_not_ok(self):
        runs = [self.holder("-N", f"s{i}") for i in range(3)]
        self.run_guard(["-N", "past"], ["true"])
        run = self.waiter("past", "s0", "s1", "s2")
        for i, sig in ((2, KILL), (1, TERM)):
            runs[i].send(TERM) if sig == TERM else send(self.pids()[i], KILL)
            runs[i].wait()
            wait_until(lambda: f"s{i} " in run.out, "its end is told")
        self.assertTrue(run.running())
        runs[0].send(TERM)
        self.assertEqual(run.wait().status, 143, "of s0, though s2 ended first")
        self.assertEqual([line.split()[0] for line in run.out.splitlines()], ["past", "s2", "s1", "s0"])
        runs[0].wait()

    def test_any_is_the_first_to_end(self):
        runs = [self.holder("-N", f"s{i}") for i in range(2)]
        run = self.waiter("--any", "s0", "s1")
        send(self.pids()[1], KILL)
        self.assertEqual(run.wait().status, 137)
        self.assertRegex(run.out, r"\As1 \w+: signaled, [^\n]+\n\Z")
        self.run_guard(["-N", "past"], [VICTIM, "exit", "4"])
        self.assertEqual(self.wait_for("--any", "s0", "past").status, 4)
        self.end(*runs)

    def test_all_runs_of_a_shared_name(self):
        runs = [self.holder("-N", "shared", "--shared") for _ in range(3)]
        run = self.waiter("shared")
        for held in runs:
            self.assertTrue(run.running())
            held.send(TERM)
            held.wait()
        self.assertEqual(run.wait().status, 143)
        self.assertEqual(run.out.count("\n"), 3)


class Refusals(WaitTest):
    def test_nobody_of_that_name_is_1(self):
        self.run_guard(["-N", "other"], ["true"])
        for words in (["nobody"], ["other", "nobody"], ["0123abcd"], ["oth"]):
            run = self.wait_for(*words)
            self.assertEqual((run.status, run.out), (1, ""), words)
            self.assertRegex(run.err, r"\Aspawnguard: no run of \S+ is known; [^\n]+\n\Z")

    def test_usage_is_2(self):
        for words in ([], ["--any", "--all", "x"], ["--no-such", "x"], ["--timeout=0", "x"]):
            run = self.wait_for(*words)
            self.assertEqual((run.status, run.out), (2, ""), words)
            self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")

    def test_its_own_timeout_is_75_and_the_run_goes_on(self):
        held = self.holder("-N", "long")
        run = self.wait_for("--timeout", "0.2", "long")
        self.assertEqual((run.status, run.out), (75, ""))
        self.assertRegex(run.err, r"\Aspawnguard: still running after 200ms: long \w+; see: spawnguard ps\n\Z")
        self.assertTrue(held.running())
        held.send(TERM)
        held.wait()

    def test_the_run_around_it_is_not_waited_for(self):
        run = self.run_guard(["-N", "self"], [SPAWNGUARD, "wait", "self"])
        self.assertEqual(run.status, 75)
        self.assertRegex(run.err, r"not waiting for the run around this one: self")


class Cost(WaitTest):
    COUNT = 40 if SANITIZED else 200

    def test_many_waiters_all_get_the_status(self):
        held = self.holder("-N", "popular")
        waiters = [self.start(SPAWNGUARD, "wait", "popular") for _ in range(self.COUNT)]
        wait_until(lambda: all(self.sleeps(run) for run in waiters), "all of them wait")
        send(self.pids()[-1], KILL)
        held.wait()
        self.assertEqual({run.wait().status for run in waiters}, {137})
        self.assertEqual(len({run.out for run in waiters}), 1)

    def test_many_waiters_while_the_name_runs_on_and_on(self):
        """The record of a run that has ended becomes the next one's at once: the history knows it still."""
        held = self.holder("-N", "busy", "--run-id", "busy-first")
        waiters = [self.start(SPAWNGUARD, "wait", "busy-first") for _ in range(20)]
        wait_until(lambda: all(self.sleeps(run) for run in waiters), "all of them wait")
        send(self.pids()[-1], TERM)
        for _ in range(10):
            self.run_guard(["-N", "busy", "-w", "20"], ["true"])
        held.wait()
        self.assertEqual({run.wait().status for run in waiters}, {143})

    def test_waiting_takes_no_processor(self):
        self.needs("pidfd_open")
        held = self.holder("-N", "quiet")
        run = self.waiter("quiet")

        def ran_ns():
            with open(f"/proc/{run.pid}/schedstat") as f:
                return [int(word) for word in f.read().split()]
        if not os.path.exists(f"/proc/{run.pid}/schedstat"):
            self.end(held, run)
            self.skipTest("no schedstat here")
        before, switches = ran_ns(), harness.switches(run.pid)
        harness.observe(2)
        self.assertEqual(ran_ns()[::2], before[::2], "time on a processor, and turns")
        self.assertEqual(harness.switches(run.pid), switches)
        held.send(TERM)
        run.wait()
        held.wait()


if __name__ == "__main__":
    harness.main()

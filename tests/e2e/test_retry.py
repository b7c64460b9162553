"""--retry: attempts of one run: one lock, one start, one end, a fresh warden each; waits that can be ended, and every crash between."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import VICTIM, GuardTest, Stat, children, outcome, send, wait_until

LONG = "1h"  # of a wait that the test ends


class RetryTest(GuardTest):
    def waits(self, text, *classes):
        return ["--jitter=none"] + [f"--backoff={name}={text}" for name in classes or ("failure", "timeout", "environment", "killed", "lost")]

    def go(self, *args, command, wait="1ms", **popen):
        return self.run_guard(["-N", "j", *self.waits(wait), *args], command, **popen)

    def failing(self, status=3):
        """A job that notes which attempt it is, and who is its warden."""
        return ["sh", "-c", f"echo $SPAWNGUARD_ATTEMPT $PPID >>{self.path('ran')}; exit {status}"]

    def ran(self):
        return [int(line.split()[0]) for line in self.read("ran").splitlines()]

    def attempts(self):
        return [(e["spawnguard.attempt"], outcome(e), e.get("spawnguard.class"), e.get("spawnguard.retry.in"))
                for e in self.history() if e["event"] in ("attempt", "end")]

    def between(self, *args):
        """One that waits after its first attempt."""
        run = self.guard("-N", "j", *self.waits(LONG), "--retry=3", *args, "--", *self.failing())
        wait_until(lambda: "again in " in run.err or not run.running(), "it waits")
        self.assertEqual(children(run.pid), [])
        return run

    def assert_one_end(self, what, cause, by="front"):
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.written_by"]), (what, cause, by))
        self.assertEqual((len(self.events("start")), self.records()), (1, []))
        return end

    def assert_lock_is_free(self):
        self.assertEqual(self.run_guard(["-N", "j", "--run-id=after"], ["true"]).status, 0)


class Attempts(RetryTest):
    def test_each_fails(self):
        run = self.go("--retry=2", command=self.failing())
        self.assertEqual(run.status, 3)
        self.assertEqual(run.err, "".join(f"spawnguard: j: attempt {i} of 3: failed, status 3; again in 1ms\n" for i in (1, 2)))
        self.assertEqual(self.ran(), [1, 2, 3])
        self.assertEqual(self.attempts(), [(1, "failed", "failure", 0.001), (2, "failed", "failure", 0.001), (3, "failed", None, None)])
        self.assertEqual(len({e["spawnguard.run.id"] for e in self.history()}), 1)
        self.assertEqual((len(self.events("start")), len(self.events("end")), self.records()), (1, 1, []))

    def test_each_has_a_warden_of_its_own(self):
        self.go("--retry=2", command=self.failing())
        self.assertEqual(len({line.split()[1] for line in self.read("ran").splitlines()}), 3)

    def test_the_one_that_succeeds_is_the_last(self):
        run = self.go("--retry=5", "--status-file=status", command=["sh", "-c", "[ $SPAWNGUARD_ATTEMPT = 3 ]"])
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual([a[:2] for a in self.attempts()], [(1, "failed"), (2, "failed"), (3, "ok")])
        self.assertIn('"spawnguard.attempt":3', self.read("status"))
        self.assertIn('"event":"end"', self.read("status"))

    def test_a_success_is_alone(self):
        self.assertEqual(self.go("--retry=5", command=["true"]).err, "")
        self.assertEqual(self.attempts(), [(1, "ok", None, None)])

    def test_the_waits_are_the_steps_of_the_class_and_the_last_repeats(self):
        self.go("--retry=4", wait="1ms,2ms,3ms", command=self.failing())
        self.assertEqual([a[3] for a in self.attempts()], [0.001, 0.002, 0.003, 0.003, None])

    def test_built_in_they_are_a_second_and_twice_that(self):
        run = self.run_guard(["-N", "j", "--retry=2", "--jitter=none"], self.failing())
        self.assertEqual([a[3] for a in self.attempts()], [1, 2, None])
        self.assertGreaterEqual(run.wall, 3)

    def test_only_what_is_asked_for_is_tried_again(self):
        self.assertEqual(self.go("--retry=2", command=["/no/such"]).status, 127)
        self.assertEqual(len(self.events("attempt")), 0)
        self.assertEqual(self.go("--retry=2", "--retry-on=timeout", command=["/no/such"]).status, 127)
        self.assertEqual(self.go("--retry=2", "--retry-on=timeout,killed", command=self.failing()).status, 3)
        self.assertEqual(len(self.events("attempt")), 0)
        self.assertEqual(self.go("--retry=1", "--retry-on=killed", command=["sh", "-c", "kill -KILL $$"]).status, -9)
        self.assertEqual(len(self.events("attempt")), 1)

    def test_the_timeout_is_of_each(self):
        run = self.go("--retry=1", "-t0.3", command=["sh", "-c", f"echo $SPAWNGUARD_ATTEMPT >>{self.path('ran')}; exec sleep 60"])
        self.assertEqual((run.status, self.ran()), (124, [1, 2]), run.err)
        self.assertGreaterEqual(run.wall, 0.6)
        self.assertEqual([a[:3] for a in self.attempts()], [(1, "timeout", "timeout"), (2, "timeout", None)])
        walls = [e["spawnguard.wall"] for e in self.history() if e["event"] in ("attempt", "end")]
        self.assertGreaterEqual(walls[1], 0.6, "that of the run")

    def test_each_has_its_own_end_of_stderr(self):
        self.go("--retry=1", "--tail", command=["sh", "-c", "echo this is $SPAWNGUARD_ATTEMPT >&2; exit 1"])
        self.assertEqual([e["spawnguard.stderr.tail"] for e in self.history() if e["event"] in ("attempt", "end")],
                         ["this is 1\n", "this is 2\n"])

    def test_all_their_output_is_kept(self):
        run = self.go("--retry=1", "--output=on-failure", command=["sh", "-c", "echo this is $SPAWNGUARD_ATTEMPT; exit 1"])
        self.assertEqual(run.out, "this is 1\nthis is 2\n")

    def test_what_a_job_is_told(self):
        show = ["sh", "-c", "echo ${SPAWNGUARD_ATTEMPT-none}"]
        self.assertEqual(self.go("--retry=1", command=show).out, "1\n")
        self.assertEqual(self.go(command=show, env={**self.env, "SPAWNGUARD_ATTEMPT": "7"}).out, "none\n", "of an outer run")

    def test_leftovers_of_one_are_ended_before_the_next(self):
        run = self.go("--retry=1", "-k0.2", command=["sh", "-c", f"{VICTIM} setsid & exit 1"], timeout=60)
        self.assertEqual(run.status, 1, run.err)
        self.assert_no_survivor()

    def test_hooks_of_the_run_are_once(self):
        self.go("--retry=2", "--on-start", f"sh -c 'echo start >>{self.path('hooks')}'",
                "--on-finish", f"sh -c 'echo $SPAWNGUARD_STATUS >>{self.path('hooks')}'", command=self.failing())
        self.assertEqual(sorted(self.read("hooks").split()), ["3", "start"])

    def test_in_the_background(self):
        run = self.guard("--detach", "-N", "j", *self.waits("1ms"), "--retry=2", "--", *self.failing()).wait()
        wait_until(lambda: self.events("end") and not self.strays(), "it is over")
        self.assertEqual((run.status, self.ran()), (0, [1, 2, 3]))

    def test_a_budget_of_the_run_is_that_of_all(self):
        spend = ["sh", "-c", f"{harness.SPAWNGUARD} notify counter tokens=6; exit 3"]
        run = self.go("--retry=1", "--budget=tokens=10", command=spend)
        self.assertIn(run.status, (3, 123), "the job may be over before it is ended")
        self.assertIn("tokens", run.err)

    def test_a_dry_run_says_it(self):
        run = self.go("--retry=2", "--retry-on=timeout,killed", "--dry-run", command=["true"])
        self.assertIn("\nretry:   up to 2 times, on timeout killed\n", run.out)


class Environment(RetryTest):
    """Each of its waits is had once for nothing; then it uses up attempts as any other."""
    ON = ("--retry=1", "--retry-on=environment")

    def check(self, script):
        return f"--pre-check=sh -c 'echo x >>{self.path('asked')}; {script}'"

    def asked(self):
        return self.read("asked").count("x")

    def waits_of(self):
        return [(a[0], a[2], a[3]) for a in self.attempts()]

    def test_a_command_that_is_not_there(self):
        run = self.go(*self.ON, wait="1ms,2ms", command=["/no/such"])
        self.assertEqual(run.status, 127)
        self.assertEqual(self.waits_of(), [(1, "environment", 0.001), (2, "environment", 0.002), (3, "environment", 0.002), (4, None, None)])
        self.assertEqual(re.findall(r"attempt (\d) of (\d): ", run.err), [("1", "2"), ("2", "3"), ("3", "4")])

    def test_it_does_not_use_up_what_is_for_the_job(self):
        """Twice not found, then found and failing: that has its one more attempt."""
        job = f"echo $SPAWNGUARD_ATTEMPT >>{self.path('ran')}; [ $SPAWNGUARD_ATTEMPT -gt 2 ] || exit 127; exit 3"
        run = self.go("--retry=1", "--retry-on=environment,failure", wait="1ms,2ms", command=["sh", "-c", job])
        self.assertEqual((run.status, self.ran()), (3, [1, 2, 3, 4]))
        self.assertEqual(self.waits_of(), [(1, "environment", 0.001), (2, "environment", 0.002), (3, "failure", 0.001), (4, None, None)])

    def test_without_the_class_nothing_is_tried_again(self):
        run = self.go("--retry=3", self.check("false"), command=self.failing())
        self.assertEqual((run.status, self.asked(), self.history()[0]["event"]), (69, 1, "refused"))

    def test_a_check_that_fails_is_asked_again(self):
        """The job has its attempts yet."""
        run = self.go("--retry=1", "--retry-on=environment,failure", self.check(f"test $(wc -l <{self.path('asked')}) -gt 2"),
                      wait="1ms,2ms", command=self.failing())
        self.assertEqual((run.status, self.asked(), self.ran()), (3, 3, [1, 2]), run.err)
        said = "spawnguard: j: --pre-check sh: exit status 1; again in "
        self.assertEqual(run.err.splitlines()[:2], [said + "1ms", said + "2ms"])
        self.assertEqual([e["event"] for e in self.history()], ["start", "attempt", "end"])

    def test_one_that_goes_on_failing_is_refused_in_the_end(self):
        """As often as there are waits, and attempts; one refusal, one word to the breaker."""
        run = self.go(*self.ON, "--max-failures=9/1h", self.check("exit 4"), wait="1ms,2ms", command=self.failing())
        self.assertEqual((run.status, self.asked()), (69, 4), run.err)
        self.assertEqual(len(re.findall(r"; again in ", run.err)), 3)
        self.assertIn("not started: j: --pre-check sh: exit status 4; ", run.err)
        self.assertEqual((len(self.events("refused")), len(self.events("breaker")), self.events("start")), (1, 1, []))
        self.assertEqual(self.read("state/breaker/j").count("\nend "), 1)

    def test_a_variable_that_is_missing_stays_missing(self):
        run = self.go(*self.ON, "--require-env=SG_NO_SUCH", wait=LONG, command=self.failing())
        self.assertEqual((run.status, "again in" in run.err, self.events("start")), (69, False, []))

    def held_up(self, *args):
        run = self.guard("-N", "j", *self.waits(LONG), *self.ON, self.check("false"), *args, "--", *self.failing())
        wait_until(lambda: "; again in 1h" in run.err or not run.running(), "it waits")
        self.assertTrue(run.running(), run.err)
        return run

    def test_its_wait_can_be_ended(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            run = self.held_up()
            self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75, "the lock is held")
            run.send(sig)
            self.assertEqual(run.wait().status, -sig)
            self.assertIn(f"j: asked to end by {sig.name[3:]} before its start (--pre-check): nothing was started\n", run.err)
        self.assertEqual((self.records(), self.events("start"), self.asked()), ([], [], 2))
        self.assert_lock_is_free()

    def test_it_sleeps_meanwhile(self):
        run = self.held_up()
        before = harness.switches(run.pid)
        harness.observe(0.3)
        self.assertEqual(harness.switches(run.pid), before, "it wakes up for nothing")
        self.end(run)

    def test_killed_meanwhile_it_leaves_nothing(self):
        run = self.held_up()
        run.send(signal.SIGKILL)
        run.wait()
        self.assert_lock_is_free()
        self.assertEqual(self.records(), [])

    def test_a_breaker_that_opens_meanwhile_refuses(self):
        flag = self.path("opened")
        run = self.guard("-N", "j", *self.waits("2s"), "--max-failures=9/1h", "--retry=1", "--retry-on=environment",
                         self.check(f"test -e {flag}"), "--", *self.failing())
        wait_until(lambda: "; again in " in run.err or not run.running(), "it waits")
        self.assertEqual(self.command("breaker", "open", "j", "--for=1h").status, 0)
        self.write("opened", "")
        self.assertEqual(run.wait().status, 69)
        self.assertIn("breaker open: j: ", run.err)
        self.assertEqual(self.asked(), 1)


class Breaker(RetryTest):
    ONE = ("--max-failures=1/1h",)

    def lines(self, kind):
        return [line.split() for line in self.read("state/breaker/j").splitlines() if line.startswith(kind + " ")]

    def test_it_is_told_of_the_last_attempt_alone(self):
        self.go("--retry=3", "--max-failures=9/1h", command=["false"])
        self.assertEqual((len(self.lines("end")), len(self.events("attempt"))), (1, 3))

    def test_a_trial_is_told_what_it_is(self):
        show = ["sh", "-c", "echo ${SPAWNGUARD_PROBE-none}; exit $0"]
        self.assertEqual(self.go(*self.ONE, command=[*show, "1"]).out, "none\n")
        wait_until(lambda: self.go(*self.ONE, command=[*show, "0"]).out == "1\n", "its wait is over, and it is the trial")
        self.assertEqual(self.go(*self.ONE, command=[*show, "0"], env={**self.env, "SPAWNGUARD_PROBE": "1"}).out, "none\n")

    def test_a_check_that_fails_is_the_environment_s(self):
        self.assertEqual(self.go(*self.ONE, "--pre-check=false", wait=LONG, command=["true"]).status, 69)
        self.assertEqual([line[2] for line in self.lines("end")], ["environment"])
        self.assertIn("breaker open: j: 1 environment failure", self.go(*self.ONE, wait=LONG, command=["true"]).err)


class Between(RetryTest):
    def test_the_lock_is_held(self):
        run = self.between()
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75)
        self.assertIn("waiting", self.command("ps", "j").out)
        self.end(run)

    def test_a_signal_ends_the_wait(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig.name):
                run = self.between(f"--run-id={sig.name}")
                run.send(sig)
                self.assertEqual(run.wait().status, 3, "that of the last attempt")
                self.assertRegex(run.err, r"j: attempt 1 of 4: no other follows: asked to end by python3? \(pid \d+, uid \d+\)\n")
                end = self.end_event(sig.name)
                self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "signal"))
        self.assert_lock_is_free()

    def test_kill_ends_it(self):
        run = self.between()
        said = self.command("kill", "j")
        self.assertEqual((said.status, run.wait().status), (0, 3), said.err)
        self.assert_one_end("killed", "request")
        self.assert_lock_is_free()

    def test_replace_ends_it(self):
        run = self.between("--run-id=old")
        self.assertEqual(self.run_guard(["-N", "j", "--on-conflict=replace"], ["true"]).status, 0)
        self.assertEqual(run.wait().status, 3)
        self.assertEqual((outcome(self.end_event("old")), self.end_event("old")["spawnguard.cause"]), ("replaced", "replaced"))

    def test_front_killed_is_closed_by_the_next_start(self):
        run = self.between("--run-id=old")
        run.send(signal.SIGKILL)
        run.wait()
        self.assert_no_survivor()
        self.assertEqual(self.records(), ["old"])
        self.assert_lock_is_free()
        self.assertEqual(outcome(self.end_event("old")), "lost")
        self.assertEqual((self.records(), self.ran()), ([], [1]))

    def test_reap_closes_it_too(self):
        run = self.between("--run-id=old")
        run.send(signal.SIGKILL)
        run.wait()
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(outcome(self.end_event("old")), "lost")

    def test_it_sleeps(self):
        run = self.between()
        before = harness.switches(run.pid)
        harness.observe(0.3)
        self.assertEqual(harness.switches(run.pid), before, "it wakes up for nothing")
        self.end(run)


class Within(RetryTest):
    def second(self, *args, shape="sleep"):
        """The second attempt stands; its guard and warden."""
        job = f'if [ $SPAWNGUARD_ATTEMPT = 2 ]; then exec {VICTIM} {shape}; fi; exit 3'
        run = self.guard("-N", "j", *self.waits("1ms"), "--retry=3", "-k0.2", *args, "--", "sh", "-c", job)
        self.wait_ready(run)
        return run, run.warden()

    def test_a_signal_ends_the_run(self):
        run, _ = self.second()
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assertEqual(self.assert_one_end("killed", "signal", "warden")["spawnguard.attempt"], 2)

    def test_kill_ends_the_run(self):
        run, _ = self.second()
        self.assertEqual(self.command("kill", "j").status, 0)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assert_one_end("killed", "request", "warden")

    def test_a_signal_after_the_timeout_ends_it_too(self):
        """The attempt is ended for its time; who asks meanwhile wants no other."""
        run, _ = self.second("-v", "-t0.5", "-k1h", shape="ignore-term")
        wait_until(lambda: "first signal" in run.err, "its time is over")
        run.send(signal.SIGTERM)
        harness.observe(1.1)  # a later one means now
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertEqual(len(self.events("attempt")), 1)
        self.assertEqual(len(self.events("end")), 1)

    def test_its_warden_killed(self):
        run, warden = self.second(shape="wide")
        send(warden, signal.SIGKILL)
        self.assertEqual(run.wait().status, 125, run.err)
        self.assert_no_survivor()
        self.assert_one_end("guard_error", "warden_dead")
        self.assertEqual(len(self.events("attempt")), 1)
        self.assert_lock_is_free()

    def test_its_warden_killed_where_that_is_tried_again(self):
        run, warden = self.second("--retry-on=failure,lost")
        send(warden, signal.SIGKILL)
        self.assertEqual(run.wait().status, 3, run.err)
        self.assert_no_survivor()
        self.assertEqual([a[:3] for a in self.attempts()], [(1, "failed", "failure"), (2, "guard_error", "lost"),
                                                           (3, "failed", "failure"), (4, "failed", None)])
        self.assert_lock_is_free()

    def test_front_killed(self):
        run, warden = self.second()
        run.send(signal.SIGKILL)
        run.wait()
        wait_until(lambda: not Stat(warden).alive and not self.strays(), "the warden ends it")
        self.assert_one_end("guard_error", "front_dead", "warden")
        self.assert_lock_is_free()

    def test_both_killed(self):
        run, warden = self.second("--run-id=old", shape="setsid")
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: not Stat(warden).alive, "both are dead")
        self.assert_lock_is_free()
        self.assert_no_survivor()
        self.assertEqual(outcome(self.end_event("old")), "lost")
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    harness.main()

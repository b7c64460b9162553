"""Signals to front: passed on, or the end of the run; once each, to the right processes."""
# denied: children
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, VICTIM, GuardTest, Stat, now, observe, outcome, wait_until

TERM, INT, HUP, QUIT, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL
PASSED_ON = [INT, QUIT, HUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH, signal.SIGCONT,
             signal.SIGRTMIN + 2, signal.SIGRTMIN + 5, signal.SIGRTMAX]


class SignalTest(GuardTest):
    def catcher(self, *args, children=0, rules=("12=0",), prefix=(), **popen):
        """A job (and its children) that reports each signal; by default USR2 ends it well."""
        command = [VICTIM, "catch", self.path("log"), children, *rules]
        run = self.start(*prefix, *self.RUN, *args, "--", *command, **popen)
        wait_until(lambda: self.catching() == children + 1 or not run.running(), "it catches signals")
        self.assertTrue(run.running(), run.err)
        return run

    def catching(self):
        return len(re.findall(r"^(?:ready|child) at=", self.read("log"), re.M))

    def job(self):
        return int(re.search(r"^ready at=(\d+)", self.read("log"), re.M)[1])

    def caught(self, at=None):
        """[(signal, sender)] in order, of one process or of all."""
        found = re.findall(r"^at=(\d+) sig=(\d+) code=-?\d+ pid=(\d+)", self.read("log"), re.M)
        return [(int(sig), int(sender)) for pid, sig, sender in found if at is None or int(pid) == at]

    def signals(self, at=None):
        return [sig for sig, _ in self.caught(at)]


class PassedOn(SignalTest):
    def test_each_reaches_the_job_once_and_nobody_else(self):
        run = self.catcher("-k", "0.2", children=2)
        for sig in PASSED_ON:
            if sig == signal.SIGUSR2:
                continue
            before = len(self.caught())
            run.send(sig)
            wait_until(lambda: len(self.caught()) > before, f"signal {sig} arrives")
        run.send(signal.SIGUSR2)
        self.assertEqual(run.wait().status, 0)
        sent = [s for s in PASSED_ON if s != signal.SIGUSR2] + [signal.SIGUSR2]
        job = self.job()
        self.assertEqual(self.signals(job), sent)
        others = [sig for sig in self.signals() if sig not in (TERM, signal.SIGCONT)]
        self.assertEqual(sorted(others), sorted(s for s in sent if s != signal.SIGCONT), "only the job got them")
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("ok", "none"))

    def test_the_job_decides_what_an_interrupt_means(self):
        for sig, status in ((INT, 7), (HUP, 8), (QUIT, 9)):
            run = self.catcher("-N", f"decides{sig}", rules=[f"{int(sig)}={status}"])
            run.send(sig)
            self.assertEqual(run.wait().status, status)
            os.unlink(self.path("log"))
        self.assertEqual([outcome(e) for e in self.events("end")], ["failed"] * 3)

    def test_a_job_that_dies_of_a_passed_signal_is_raised_again(self):
        for sig in (INT, QUIT, HUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN + 3):
            run = self.holder("-N", "dies")
            run.send(sig)
            self.assertEqual(run.wait().status, -sig)
        self.assertEqual({outcome(e) for e in self.events("end")}, {"signaled"})

    def test_an_alarm_set_before_the_guard_reaches_the_job(self):
        run = self.start("/usr/bin/python3", "-c", "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 0.3);"
                         "os.execv(sys.argv[1], sys.argv[1:])", harness.SPAWNGUARD, "run", "--",
                         VICTIM, "catch", self.path("log"), "0", "14=6")
        self.assertEqual(run.wait().status, 6)

    def test_what_was_ignored_at_start_stays_ignored(self):
        def world():
            signal.signal(INT, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        run = self.holder("-k", "0.2", preexec_fn=world)
        for sig in (INT, signal.SIGUSR1):
            run.send(sig)
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)


    def test_so_is_the_first_real_time_one(self):
        """Which some C libraries keep for themselves."""
        def world():
            signal.signal(signal.SIGRTMIN, signal.SIG_IGN)
        last = signal.SIGRTMIN + 2 # the lowest number that waits is read first
        run = self.catcher("-k", "0.2", rules=[f"{last}=0"], preexec_fn=world)
        for sig in (signal.SIGRTMIN, last):
            run.send(sig)
        self.assertEqual(run.wait().status, 0)
        self.assertEqual(self.signals(), [last])

    def test_ignored_by_the_caller_a_job_may_die_of_it(self):
        for sig in (INT, signal.SIGRTMIN):
            run = self.guard("--", "/usr/bin/python3", "-c", "import os, signal, sys; sig = int(sys.argv[1]);"
                             "signal.signal(sig, signal.SIG_DFL); os.kill(os.getpid(), sig)", str(int(sig)),
                             preexec_fn=lambda sig=sig: signal.signal(sig, signal.SIG_IGN)).wait()
            self.assertEqual(run.status, -sig)


class End(SignalTest):
    def test_TERM_ends_the_whole_tree_and_keeps_the_jobs_status(self):
        run = self.catcher("-k", "20", children=3, rules=["15=5"])
        run.send(TERM)
        self.assertEqual(run.wait().status, 5)
        self.assert_no_survivor()
        self.assertEqual(self.signals().count(TERM), 4, "each member once")
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "signal"))
        self.assertEqual(end["process.exit.code"], 5)
        self.assertEqual(end["spawnguard.sender"]["pid"], os.getpid())
        self.assertEqual(end["spawnguard.sender"]["uid"], os.getuid())
        self.assertTrue(end["spawnguard.sender"]["comm"].startswith("python"), end)

    def test_a_job_that_dies_of_TERM_is_raised_again(self):
        run = self.holder()
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)
        self.assertEqual(outcome(self.end_event()), "killed")

    def test_a_second_TERM_a_second_later_kills_at_once(self):
        run = self.catcher("-k", "60", children=1)
        began = now()
        run.send(TERM)
        wait_until(lambda: self.signals().count(TERM) == 2, "TERM arrives")
        observe(1.3)
        self.assertTrue(run.running())
        run.send(TERM)
        self.assertEqual(run.wait(20 * SCALE).status, -KILL)
        self.assertLess(now() - began, 1.3 + 3 * SCALE)
        self.assert_no_survivor()

    def test_two_TERM_in_one_moment_are_one(self):
        run = self.catcher("-k", "30", rules=["15=5@400"])
        for _ in range(3):
            run.send(TERM)
        self.assertEqual(run.wait().status, 5)

    def test_timeout_1_gives_one_grace(self):
        run = self.catcher("-k", "30", rules=["15=5@400"], prefix=["timeout", "--preserve-status", "0.5"],
                           start_new_session=True)
        self.assertEqual(run.wait().status, 5, "the job had its time to end well")
        self.assert_no_survivor()
        self.assertIn(TERM, self.signals())

    def test_timeout_1_kills_the_stubborn_after_one_grace(self):
        run = self.start("timeout", "0.3", harness.SPAWNGUARD, "run", "-k", "0.5", "--", VICTIM, "setsid")
        self.assertEqual(run.wait().status, 124)
        self.assertGreaterEqual(run.wall, 0.8)
        wait_until(lambda: not self.strays(), "the tree is gone")

    def test_end_on_widens_what_ends_a_run(self):
        for sig in (INT, signal.SIGUSR1, HUP):
            run = self.catcher("-N", "widened", "--end-on=INT,SIGUSR1,1", "-k", "20", children=1, rules=["15=4"])
            run.send(sig)
            self.assertEqual(run.wait().status, 4)
            self.assertEqual(self.signals().count(TERM), 2)
            self.assertEqual(self.signals().count(sig), 0, "it is the end, not passed on")
            os.unlink(self.path("log"))
        self.assertEqual([outcome(e) for e in self.events("end")], ["killed"] * 3)

    def test_the_first_signal_can_be_another(self):
        run = self.catcher("-t", "0.3", "-s", "INT", "-k", "20", children=1, rules=["2=3"])
        self.assertEqual(run.wait().status, 124)
        self.assertEqual(self.signals().count(INT), 2)
        self.assertEqual(self.signals().count(TERM), 0)

    def test_term_job_asks_the_job_first_and_the_rest_when_it_is_gone(self):
        run = self.catcher("-t", "0.3", "--term=job", "-k", f"{3 * SCALE}", children=2, rules=["15=3@300"])
        job = self.job()
        self.assertEqual(run.wait().status, 124)
        asked = [int(at) for at in re.findall(r"^at=(\d+) sig=15", self.read("log"), re.M)]
        self.assertEqual(asked[0], job)
        self.assertEqual(len(asked), 3, "each member once")
        self.assertEqual(self.end_event()["spawnguard.members.killed"], 0)
        self.assert_no_survivor()

    def test_TERM_continues_what_is_stopped(self):
        run = self.holder("-k", "60", shape="stopped")
        began = now()
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)
        self.assertLess(now() - began, 5 * SCALE)
        self.assertEqual(self.end_event()["spawnguard.members.killed"], 0)

    def test_the_status_of_a_timeout_is_124_whatever_the_job_returns(self):
        run = self.catcher("-t", "0.2", rules=["15=0"])
        self.assertEqual(run.wait().status, 124)
        end = self.end_event()
        self.assertEqual((outcome(end), end["process.exit.code"], end["spawnguard.exit_status"]), ("timeout", 0, 124))

    def test_a_timeout_strikes_within_50_ms_on_a_quiet_machine(self):
        late = []
        for _ in range(5):
            run = self.run_guard(["-t", "0.2"], [VICTIM, "sleep"])
            self.assertEqual(run.status, 124)
            late.append(run.wall - 0.2)
        self.assertLess(min(late), 0.05 * SCALE, late)


class StoppedGuards(SignalTest):
    def test_the_warden_goes_on_while_front_is_stopped(self):
        run = self.guard("-t", "0.5", "-k", "0.1", "--", VICTIM, "setsid")
        self.wait_ready(run)
        run.send(signal.SIGSTOP)
        wait_until(lambda: Stat(run.pid).state == "T", "front is stopped")
        wait_until(self.members_gone, "the tree is ended")
        self.assertEqual(Stat(run.pid).state, "T")
        run.send(signal.SIGCONT)
        self.assertEqual(run.wait().status, 124)

    def test_front_continues_a_stopped_warden(self):
        run = self.guard("-t", "0.5", "-k", "0.1", "--", VICTIM, "setsid")
        self.wait_ready(run)
        warden = run.warden()
        harness.send(warden, signal.SIGSTOP)
        wait_until(lambda: Stat(warden).state != "T", "it runs again")
        self.assertEqual(run.wait().status, 124)
        self.assert_no_survivor()

    def test_front_continues_a_warden_that_is_stopped_again_and_again(self):
        """Also when the stop comes while front waits for its other children."""
        run = self.holder("-k", "0.1")
        warden = run.warden()
        for _ in range(20):
            for _ in range(500):
                harness.send(warden, signal.SIGSTOP)
            wait_until(lambda: Stat(warden).state != "T", "it runs again")
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM)

    def test_a_job_that_stops_itself_stops_nothing_else(self):
        run = self.guard("-t", "0.8", "-k", "0.1", "--", VICTIM, "signal", int(signal.SIGSTOP))
        self.assertEqual(run.wait().status, 124)


class Storm(SignalTest):
    def test_a_storm_of_signals_loses_no_end(self):
        run = self.catcher("-k", "20", rules=["15=9"])
        for _ in range(200):
            for sig in (signal.SIGUSR1, INT, signal.SIGWINCH):
                run.send(sig)
        run.send(TERM)
        self.assertEqual(run.wait().status, 9)
        self.assertTrue({signal.SIGUSR1, INT, TERM} <= set(self.signals()))


if __name__ == "__main__":
    harness.main()

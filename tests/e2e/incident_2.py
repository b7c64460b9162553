"""The calls spent on asking whether a run is over: one that waits, in the place of twenty-two that looked.

A coordinator started its sessions in the background and came back again and again: sleep a minute, look at the end
of the log, search the process list for the session's name. Each look was a paid call, none said how the session had
ended, and a name in the process list proved nothing: the number could be another's by then.
"""
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, Stat, send, wait_until


class Polling(GuardTest):
    def session(self, name, *command):
        """Started in the background: its run id, in one call."""
        run = self.guard("--detach", "-N", name, "--", *command).wait()
        self.assertEqual((run.status, run.err), (0, ""))
        return run.out.strip()

    def test_one_call_waits_and_tells_how_it_ended_and_where_its_log_is(self):
        gate = self.path("gate")
        os.mkfifo(gate)
        run_id = self.session("session", "sh", "-c", f"read go <{gate}; echo done with 3 items; exit 4")
        waiter = self.start(SPAWNGUARD, "wait", "session")
        wait_until(lambda: Stat(waiter.pid).state == "S" and Stat(waiter.pid).comm == "wait", "it waits")
        with open(gate, "w") as f:
            f.write("go\n")
        self.assertEqual((waiter.wait().status, waiter.err), (4, ""))
        self.assertRegex(waiter.out, rf"\Asession {run_id[:8]}: failed, status 4, \S+, output: \S+\n\Z")
        with open(waiter.out.split()[-1]) as log:
            self.assertEqual(log.read(), "done with 3 items\n")
        wait_until(lambda: not self.strays(), "the background is gone")

    def test_it_sleeps_while_it_waits(self):
        run_id = self.session("session", VICTIM, "sleep")
        waiter = self.start(SPAWNGUARD, "wait", run_id)
        wait_until(lambda: Stat(waiter.pid).state == "S" and Stat(waiter.pid).comm == "wait", "it waits")
        before = harness.switches(waiter.pid)
        harness.observe(1.5)
        self.assertEqual(harness.switches(waiter.pid), before, "nobody looks again and again")
        self.assertEqual(self.command("kill", run_id).status, 0)
        self.assertEqual(waiter.wait().status, 143)
        wait_until(lambda: not self.strays(), "the background is gone")

    def test_a_group_of_sessions_is_one_call_too(self):
        names = [f"session-{i}" for i in range(12)]
        for i, name in enumerate(names):
            self.session(name, VICTIM, "exit", "3" if i == 7 else "0")
        run = self.command("wait", *names)
        self.assertEqual(run.status, 3)
        self.assertEqual(run.out.count(": ok, status 0, "), 11)
        wait_until(lambda: not self.strays(), "the background is gone")

    def test_a_session_whose_guards_died_is_told_at_once_and_no_stranger_is_taken_for_it(self):
        ready = self.ready_count()
        run_id = self.session("session", VICTIM, "sleep")
        wait_until(lambda: self.ready_count() > ready, "it stands")
        (front,) = [e["process.pid"] for e in self.events("start", run_id)]
        (warden,) = harness.children(front)
        waiter = self.start(SPAWNGUARD, "wait", run_id)
        wait_until(lambda: Stat(waiter.pid).state == "S" and Stat(waiter.pid).comm == "wait", "it waits")
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (front, warden):
                send(pid, sig)
        self.assertEqual(waiter.wait().status, 125)
        self.assertIn(": lost, status 125, ", waiter.out)
        # The name still runs, as the process list would say; the run does not.
        stranger = subprocess.Popen([VICTIM, "sleep"], env=self.env)
        self.assertEqual(self.command("wait", "--timeout", "20", run_id).status, 125)
        stranger.kill()
        stranger.wait()
        self.assertEqual(self.command("reap").status, 0)
        wait_until(lambda: not self.strays(), "what it left is ended")


if __name__ == "__main__":
    harness.main()

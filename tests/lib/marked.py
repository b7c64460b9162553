"""A run whose guards were killed and that has left a member: what the next start says of it."""
import os
import signal

from harness import GuardTest, Stat, send, wait_until

KILL, STOP = signal.SIGKILL, signal.SIGSTOP


class MarksTest(GuardTest):
    def guarded(self, command, *args, **popen):
        """A job that has started `command` since it was recorded, and stays: run and pid of what was born."""
        ready = self.ready_count()
        run = self.guard("-N", "j", "--interval=1h", "-k", "0.2", *args, "--",
                         "sh", "-c", f"echo $$ >{self.path('job')}; {command} & exec sleep 1000", **popen)
        self.wait_ready(run, ready + 1)
        return run, self.pids()[-1]

    def kill_all_but(self, run, member):
        """Guards and job are killed; the member is handed to a subreaper that has nothing to do with it."""
        warden, job = run.warden(), int(self.read("job"))
        for pid in (run.pid, warden):
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
        # Front first: a warden of its session that ends sends HUP to an orphaned group with somebody stopped in it.
        for pid in (run.pid, warden, job):
            send(pid, KILL)
        run.wait()
        wait_until(lambda: self._reap() or not (Stat(warden).alive or Stat(job).alive), "they are gone")
        wait_until(lambda: Stat(member).ppid == os.getpid(), "the member has a new parent")

    def next_start(self):
        run = self.run_guard(["-N", "j"], ["true"])
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.records(), [])
        return run.err

    def assert_ended(self, said, member):
        self.assertRegex(said, r"\Aspawnguard: [^\n]+ were killed: ended 1 process that it left\n\Z")
        wait_until(lambda: self._reap() or not Stat(member).alive, "the zombie is collected")
        self.assert_no_survivor(said)

    def assert_listed(self, said, member):
        self.assertRegex(said, rf"\Aspawnguard: [^\n]+: ended 0 processes [^\n]+; not touched, may be of it: pid {member}\n\Z")
        self.assertTrue(Stat(member).alive)
        self.end_strays()

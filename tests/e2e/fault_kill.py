"""SIGKILL in place of each call that front and warden make: of the one that makes it, of both at once."""
# timeout: 3600
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import CASE_S, FaultTest, add_rows
from harness import SPAWNGUARD, VICTIM, event_kind, event_run, send, wait_until

CALLS = ["openat", "read", "write", "pread", "pwrite", "fork", "clone", "socketpair", "epoll_create1", "epoll_ctl",
         "epoll_wait", "poll", "timerfd_create", "timerfd_settime", "signalfd", "recv", "send", "flock", "fstat",
         "fstatat", "renameat", "renameat2", "unlinkat", "getrandom", "waitid", "wait4", "syscall", "prctl", "setsid",
         "fcntl", "chdir", "setrlimit", "writev"]


class KillTest(FaultTest):
    def setUp(self):
        super().setUp()
        self.section = self.path("section")
        os.mkdir(self.section)

    def check(self, run, function):
        """A front that lives tells; when both are dead, the tree waits for the next start."""
        if function is None:
            super().check(run, function)
        elif run.status != -signal.SIGKILL:
            self.assertIn(run.status, self.statuses | {121, 125})
            self.assertTrue(run.status in self.statuses or self.odd(run), "not a word")
            self.assert_all_gone()

    def check_history(self, run):
        pass

    def check_next(self, run, function):
        after = self.run_guard(["-N", "faulted", "--wait=10"], [VICTIM, "overlap", self.section], timeout=CASE_S)
        self.assertEqual(after.status, 0, f"the next start: {after.err}")
        self.assertLessEqual(after.err.count("\n"), 1 if function else 0, f"the next start: {after.err}")
        self.end_listed(after)
        self.assert_all_gone()
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [], "records are left")
        kinds = {}
        for event in self.history()[self.lines_before:]:
            kinds.setdefault(event_run(event), []).append(event_kind(event))
        for run_id, those in kinds.items():
            self.assertIn(those, [["start", "end"], ["end"]], run_id)

    def end_listed(self, after):
        """One mark alone is no proof: who was born after the last look, in a session of his own, is only named."""
        named = re.search("not touched, may be of it: pid ([0-9, ]+)", after.err)
        for pid in named.group(1).split(", ") if named else []:
            self.assertIn(int(pid), self.pids(), "a stranger")
            send(int(pid), signal.SIGKILL)
        wait_until(lambda: not named or self._reap() or not harness.children(os.getpid()), "the named are gone")

    def overlap(self, *args):
        return [SPAWNGUARD, "run", "-N", "faulted", "-k", "0.02", *args, "--"]


class Plain(KillTest):
    """A job that ends by itself."""

    def command(self):
        return [*self.overlap(), *self.job(VICTIM, "overlap", self.section)]


class Tree(KillTest):
    """The job and a member that ignores TERM, ended by the timeout."""
    statuses = {124}
    may_be_early = True
    usual = "spawnguard: faulted: timeout after [0-9.]+ms: ended .*"

    def setUp(self):
        super().setUp()
        hold, self.release = os.pipe()
        self.fds = [hold]

    def tearDown(self):
        os.close(self.release)
        os.close(self.fds[0])
        super().tearDown()

    def command(self):
        return [*self.overlap("-t", "0.06"), *self.job("sh", "-c", f"{VICTIM} setsid & "
                                                      f"exec {VICTIM} overlap {self.section} {self.fds[0]}")]


for how in ("KILL", "KILLBOTH"):
    for a_scenario in (Plain, Tree):
        add_rows(a_scenario, [f"{call}:{how}" for call in CALLS], [])
del a_scenario

if __name__ == "__main__":
    faults.main()

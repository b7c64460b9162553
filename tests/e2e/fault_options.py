"""Every call that an option adds can fail: --cgroup, --syslog, --with-parent, --detach, births, notify, samples."""
# timeout: 3600
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults
import harness
from faults import CASE_S, ONCE, PERSISTENT, AddedTest, add_rows, lasting
from harness import SPAWNGUARD, VICTIM, wait_until
from test_cgroup import CgroupTest
from test_syslog import SyslogTest

SOME = ["socket:EMFILE", "socket:EACCES", "sendto:ECONNREFUSED", "sendto:ENOBUFS", "perf_event_open:EACCES",
        "perf_event_open:EMFILE", "clone3:ENOSYS", "clone3:EPERM", "clone3:EAGAIN", "access:EACCES", "dup2:EBUSY",
        "bind:EACCES", "setsockopt:EPERM", "fchmod:EPERM", "recvmsg:ENOMEM", "fallocate:ENOSPC", "fstatvfs:EIO", "inotify_init1:EMFILE",
        "inotify_add_watch:ENOSPC", "memfd_create:EMFILE", "write:EIO", "setpriority:EACCES"]


@harness.without("cgroup")
class Grouped(AddedTest, CgroupTest):
    """A control group of the job's own, and the end of a tree by it."""
    statuses = {124}
    may_be_early = True
    usual = "spawnguard: faulted: timeout after [0-9.]+ms: ended .*"
    job_words = (VICTIM, "setsid")

    def command(self):
        return [*self.RUN, "-t", "0.04", "-k", "0.02", *super().command()[len(self.RUN):]]

    def options(self):
        return ["--cgroup", self.top]

    def check_next(self, run, function):
        """A group that could not be removed goes with the next start that divides the same one."""
        if self.groups():
            self.assertEqual(self.run_guard(["-N", "faulted", "--cgroup", self.top], ["true"]).status, 0)
        super().check_next(run, function)
        self.assertEqual(self.groups(), [])


class Logged(AddedTest, SyslogTest):
    """A system log of our own."""

    def setUp(self):
        super().setUp()
        self.way = harness.way_to_mounts()
        if not self.way:
            self.skipTest("no mounts of one's own here")

    def prepare(self):
        try:
            while self.log.recv(10000):
                pass
        except BlockingIOError:
            pass

    def command(self):
        return [*self.way, "sh", "-ec", self.script() + '\nexec "$@"', "sh", *super().command()]

    def options(self):
        return ["--syslog"]


class Parent(AddedTest):
    """Whoever started it is watched, and lives."""

    def options(self):
        return ["--with-parent"]


@harness.without("pidfd_open")
class ParentEnds(AddedTest):
    """Whoever started it is killed, once the job is there."""
    statuses = {-signal.SIGKILL}
    job_words = (VICTIM, "sleep")

    def command(self):
        return ["sh", "-c", '"$@" & wait $!', "sh", *super().command()]

    def options(self):
        return ["--with-parent", "-k", "0.02"]

    def wanted(self, function, place, persist):
        """Without it nothing would end; it is the watching alone that is new beside Parent."""
        is_new = function in {"poll", "epoll_wait", "epoll_ctl", "pidfd_open", "pidfd_send_signal", "read", "recv"}
        return faults.FaultTest.wanted(self, function, place, persist) if is_new else []

    def act(self, run):
        wait_until(lambda: self.ready_count() or not run.running(), "the job stands")
        run.send(signal.SIGKILL)
        run.wait()
        wait_until(lambda: self._reap() or not harness.children(os.getpid()), "all of it ends", CASE_S)

    def odd(self, run):
        usual = "faulted: what started it has ended"
        return [line for line in super().odd(run) if usual not in line]


class Detached(AddedTest):
    """In the background: what goes wrong there stands in the log."""

    def prepare(self):
        if os.path.exists(self.path("log")):
            os.unlink(self.path("log"))

    def options(self):
        return ["--detach", "--log", self.path("log")]

    def said(self, run):
        return run.err + self.read("log")

    def act(self, run):
        run.wait(CASE_S)
        wait_until(lambda: self._reap() or not harness.children(os.getpid()), "the background is gone", CASE_S)


class Births(AddedTest):
    """Births are counted, by the kernel where it can be had."""
    job_words = ("sh", "-c", "true & true & wait")

    def options(self):
        return ["--max-spawn-rate=1000/1s"]


class Notify(AddedTest):
    """The job tells that it is ready, and counts."""
    job_words = ("env", "-u", "LD_PRELOAD", SPAWNGUARD, "notify", "counter", "calls=3")

    def command(self):
        return super().command() if not self.is_plain else [*self.RUN, "-N", "faulted", "--", *self.job("true")]

    def options(self):
        return ["--notify", "--heartbeat=20", "--start-timeout=20"]


class Samples(AddedTest):
    """What each look shows is written."""

    def options(self):
        return ["--record-samples", self.path("samples"), "--max-tree-mem=1G", "--max-fds=1000", "--idle-timeout=20"]


class Waits(AddedTest):
    """The start waits for the lock, in its place of the queue."""

    def options(self):
        return ["--on-conflict=queue", "--wait=20"]


# One that has let go of its caller by a call that cannot fail is ended with it.
add_rows(Detached, [row for row in ONCE + SOME if row != "prctl:EINVAL"],
         [row for row in PERSISTENT + lasting(SOME) if row != "prctl:EINVAL"])
for scenario in (Grouped, Logged, Parent, ParentEnds, Births, Notify, Samples, Waits):
    add_rows(scenario, ONCE + SOME, PERSISTENT + lasting(SOME))
del scenario

if __name__ == "__main__":
    faults.main()

"""Every call that a world of its own and a kept output add can fail: the job runs, or it is said."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import FaultTest, add_rows, lasting
from harness import SPAWNGUARD

WORLD = ["clone:EPERM", "fork:EAGAIN", "setns:EPERM", "mount:EPERM", "setpriority:EACCES", "ioprio_set:EPERM", "prctl:EINVAL",
         "capset:EPERM", "close_range:ENOSYS", "chdir:EACCES", "socketpair:EMFILE", "write:EPERM", "openat:EACCES",
         "recv:ENOMEM", "send:ENOBUFS", "waitid:EINVAL", "dup2:EBUSY"]
KEPT = ["openat:ENOSPC", "mkdirat:ENOSPC", "access:EACCES", "fallocate:ENOSPC", "fstatvfs:EIO", "ftruncate:EIO", "dup2:EBUSY",
        "inotify_init1:EMFILE", "inotify_add_watch:ENOSPC", "fork:EAGAIN",
        "renameat2:EIO", "unlinkat:EIO", "fcntl:EMFILE", "fstat:EIO"]


class Isolated(FaultTest):
    """In namespaces of its own, less favoured than its caller."""

    def setUp(self):
        super().setUp()
        self.needs_isolation()

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--isolate", "--nice", str(os.nice(0) + 1), "--ionice=idle", "-C", self.scratch, "--",
                *self.job("true")]


class Kept(FaultTest):
    """What it writes is kept, in case it fails."""

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--output=on-failure", "--", *self.job("true")]


# Its first process tells by one word that it is there: without it for good the job ends as if by KILL before its exec.
add_rows(Isolated, WORLD, [row for row in lasting(WORLD) if row != "send:ENOBUFS"])
add_rows(Kept, KEPT, lasting(KEPT))

if __name__ == "__main__":
    faults.main()

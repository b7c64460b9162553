"""Every call that --tail and the hooks add can fail: the job runs with its own status, and it is said."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import FaultTest, add_rows, lasting
from harness import SPAWNGUARD

ONCE = ["fork:EAGAIN", "pipe2:EMFILE", "socketpair:EMFILE", "mmap:ENOMEM", "fstat:EIO", "fcntl:EMFILE", "read:EINTR",
        "write:EINTR", "write:EAGAIN", "write:EIO", "poll:EINTR", "poll:ENOMEM", "send:ENOBUFS", "recv:ENOMEM",
        "recv:EINTR", "chdir:EACCES", "dup2:EBUSY"]
HOOKS_ONCE = ["clone:EAGAIN", "clone:EINVAL", "malloc:ENOMEM", "calloc:ENOMEM", "setsid:EPERM", "dup2:EBUSY", "openat:EMFILE",
              "poll:EINTR", "poll:ENOMEM", "wait4:EINTR", "execve:EACCES", "stat:EACCES", "faccessat:EACCES",
              "syscall:EMFILE", "syscall:ENOSYS"]


class Tail(FaultTest):
    """A pipe, a few bytes through it, and the end of it in the history."""

    def command(self):
        # the reader of the pipe leaves what was said where the harness looks for it
        return ["sh", "-c", f'exec 3>&2; {{ "$@" 2>&1 >&4 4>&-; echo $? >{self.path("status")}; }} 4>&1 | cat >&3; '
                f'exit $(cat {self.path("status")})', "sh", SPAWNGUARD, "run", "-N", "faulted", "--tail", "--",
                "sh", "-c", f"trap '' PIPE; echo ran >>{self.ran}; echo told >&2; exit 0"]

    usual = "told"


class Hooks(FaultTest):
    """Both of them, and both do nothing."""

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--on-start", "true", "--on-finish", "true", "--", *self.job("true")]


add_rows(Tail, ONCE, lasting(ONCE))
# A user that the password database does not know: the C library crashes where it has no memory to look there.
HOOKS_ONCE = [row for row in HOOKS_ONCE if os.geteuid() == 0 or not row.startswith("malloc")]
add_rows(Hooks, HOOKS_ONCE, lasting(HOOKS_ONCE))


if __name__ == "__main__":
    faults.main()

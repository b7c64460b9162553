"""What is said of the commands of --on-start, --on-flag and --on-finish, and of the system log."""
import os
import signal

from harness import SPAWNGUARD, VICTIM
from messages import error, note, warning
from ways import DENY, NASTY, fault, run

MEND = "; mend what it tests, then start again: the job is not charged with it"
UNHARMED = "; the run's status is not affected"


def hook(name, what, why, *args, **more):
    return warning(f"hook {name}", what, why, UNHARMED, run("-N", "j", *args), **more)


def check(name, what, why, *args, **more):
    return error(f"check {name}", 69, "not started: {j}: --pre-check " + what, why, MEND, run("-N", "j", *args), **more)


def asked_in_check(t):
    """TERM to the guard while it waits for the check."""
    found = t.guard("-N", "j", "--hook-timeout=none", "--pre-check", f"{VICTIM} sleep", "--", "true")
    t.wait_ready(found)
    found.send(signal.SIGTERM)
    return found.wait()


def asked(t):
    """TERM to the guard while it waits for the hook."""
    found = t.guard("-N", "j", "--on-finish", f"{VICTIM} sleep", "--", "true")
    t.wait_ready(found)
    found.send(signal.SIGTERM)
    return found.wait()


def unstoppable(t):
    """A filter says no to every signal."""
    found = t.start(DENY, "pidfd_send_signal=EPERM", "kill=EPERM", "--", SPAWNGUARD, "run", "-N", "j", "--hook-timeout=0.1",
                    "--on-finish", f"{VICTIM} sleep", "--", "true").wait()
    t.end_strays()
    return found


def no_log(t):
    """A /dev without a log, and no journal."""
    dev = t.path("dev")
    os.mkdir(dev)
    return t.in_mounts(f"mount -t tmpfs t {dev}\ntouch {dev}/null\nmount --bind /dev/null {dev}/null\n"
                       f"mount --rbind {dev} /dev\nmount -t tmpfs t /run", SPAWNGUARD, "run", "--syslog", "--", "true").wait()


ROWS = [
    hook("failed", "--on-{finish sh}: exit status {3}", "", '--on-finish=sh -c "exit 3"'),
    hook("killed", "--on-{start sh}: died of signal {KILL}", "", '--on-start=sh -c "kill -9 $$"'),
    hook("slow", "--on-{finish sleep}: ended", ", because it took more than {100ms} (--hook-timeout)", "--hook-timeout=0.1",
         "--on-finish=sleep 60"),
    warning("hook asked to end", "--on-{finish} {}: ended", ", because the guard was asked to end", UNHARMED, asked),
    hook("absent", "--on-{finish} {}: cannot be executed", ": {No such file or directory}", "--on-finish=/no/" + NASTY[:-1]),
    warning("hook without a process", "--on-{start true}: no process can be made for it", ": {Resource temporarily unavailable}",
            UNHARMED, fault("clone:EAGAIN", "-N", "j", "--on-start=true"), shim=True),
    warning("hook without memory", "--on-{finish true}: cannot be started", ": {Cannot allocate memory}", UNHARMED,
            fault("malloc:ENOMEM", "-N", "j", "--on-finish=true"), shim=True),
    warning("hook that cannot be ended", "--on-{finish} {}: cannot be ended: pid {}", "", UNHARMED, unstoppable, slow=True),
    warning("no system log", "cannot write to the system log: {/dev/log}", ": {No such file or directory}",
            ": what does not reach it is not repeated", no_log),
    # --- before the start
    error("variables that are missing", 69, "not started: {j}: --require-env: {B} is not set, {A} is empty", "",
          "; set what is missing where it is started, or give it with --env", run("-N", "j", "--require-env=B,A", "--env=A=")),
    check("failed", "{sh}: exit status {3}", "", '--pre-check=sh -c "exit 3"'),
    check("killed", "{sh}: died of signal {KILL}", "", '--pre-check=sh -c "kill -9 $$"'),
    check("slow", "{sleep}: not over after {100ms} (--hook-timeout)", "", "--hook-timeout=0.1", "--pre-check=sleep 60"),
    check("absent", "{}: cannot be executed", ": {No such file or directory}", "--pre-check=/no/" + NASTY[:-1]),
    error("check without a process", 69, "not started: {j}: --pre-check {true}: no process can be made for it",
          ": {Resource temporarily unavailable}", MEND, fault("clone:EAGAIN", "-N", "j", "--pre-check=true"), shim=True),
    error("check without memory", 69, "not started: {j}: --pre-check {true}: cannot be started", ": {Cannot allocate memory}",
          MEND, fault("malloc:ENOMEM", "-N", "j", "--pre-check=true"), shim=True),
    note("asked to end in a check", "{j}: asked to end by {TERM} before its start ({--pre-check}): nothing was started",
         asked_in_check, status=-signal.SIGTERM),
]

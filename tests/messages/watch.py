"""What watch says on stderr; what it tells of others is on stdout: e2e/watch."""
import os
import subprocess

from harness import SPAWNGUARD
from messages import error
from ways import fault, run, words


def failing(spec):
    """A look at this very process, in which a call fails."""
    return fault(spec, program="watch", whole=lambda t, _: [SPAWNGUARD, "watch", "--for=0.1s", str(os.getpid())])


def watching_itself(t):
    return t.start("sh", "-c", f"exec {SPAWNGUARD} watch $$").wait()


def in_namespace(t):
    """With the /proc of another."""
    way = ["unshare", "-fp"] if os.geteuid() == 0 else ["unshare", "-Urfp"]
    if subprocess.run([*way, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        t.skipTest("no PID namespaces of one's own here")
    return t.start(*way, SPAWNGUARD, "watch", "2").wait()


ROWS = [
    error("watch what", 2, "watch needs a JOB, a RUN or a PID", "", ": spawnguard watch JOB; see: spawnguard ps", words("watch")),
    error("watch nobody", 3, "there is no process {}", ": nothing was watched", "; see: spawnguard ps",
          words("watch", "2147483647")),
    error("watch the first process", 2, "process 1 is no tree to watch", ": all of the machine is below it", "; give another PID",
          words("watch", "1")),
    error("watch itself", 2, "watch cannot watch itself", "", "; give another PID", watching_itself),
    error("watch without signals", 125, "cannot wait for signals", ": {Too many open files}", "; see: spawnguard doctor",
          failing("signalfd:EMFILE"), shim=True),
    error("watch what cannot be read", 125, "cannot look at the process", ": {Input/output error}", "; see: spawnguard doctor",
          failing("openat:EIO"), shim=True),
    error("watch without /proc", 125, "a process cannot be watched here", ": /proc does not show this PID namespace",
          "; mount one that does", in_namespace),
    error("watch a run with a limit", 2, "--{max-procs} is for a PID alone", ": a run is judged by its own guard",
          "; give it to spawnguard run, or leave it out", words("watch", "j", "--max-procs=3")),
    error("watch without a look", 2, "--interval=none would look at nothing", "", ": give a time, or leave it out",
          words("watch", str(os.getpid()), "--interval=none")),
    error("watch what never ran", 3, "nothing of {j} has run within {}", ": nothing can be said of it", "; see: spawnguard status",
          words("watch", "j", "--for=0.1s")),
    error("watch ourselves", 75, "not watching the run around this one to its end: {j}", " would never end", ": give --for",
          run("-N", "j", "--run-id", "a-run", command=[SPAWNGUARD, "watch", "a-run"])),
]

"""What is said of --cgroup."""
import os

from harness import SPAWNGUARD
from messages import error, note
from ways import fault, run

CURE = "; give a directory that is yours to divide, or leave --cgroup out"
ROOT = "only root makes control groups here"


def mounted():
    """Where version 2 is mounted; None."""
    with open("/proc/self/mountinfo") as f:
        for line in f:
            if line.split(" - ")[1].startswith("cgroup2 "):
                return line.split()[4]
    return None


def put(group, name, text):
    with open(os.path.join(group, name), "w") as f:
        f.write(text)


def in_group(then, name="sg-messages"):
    """`then(t, directory)` with a control group of our own."""
    def how(t):
        t.needs("cgroup")
        top = mounted() or t.skipTest("no cgroup version 2 is mounted")
        group = os.path.join(top, f"{name}-{os.getpid()}")
        try:
            os.mkdir(group)
        except OSError as e:
            t.skipTest(f"no control group of one's own: {e}")
        try:
            return then(t, group)
        finally:
            put(group, "cgroup.freeze", "0")
            os.rmdir(group)
    return how


def undelegated(t):
    t.needs("cgroup")
    return t.run_guard(["-v", "--cgroup=auto"], ["true"])


def frozen(t, group):
    put(group, "cgroup.freeze", "1")
    return t.run_guard(["--cgroup", group], ["true"])


def invalid(t, group):
    """Below a threaded group a new one takes no process."""
    put(group, "cgroup.type", "threaded")
    return t.run_guard(["--cgroup", group], ["true"])


def foreign(t, group):
    """It is the user's, but what is above it is not."""
    os.chown(group, 4711, 4711)
    os.chown(os.path.join(group, "cgroup.procs"), 4711, 4711)
    for path in (t.scratch, t.state):
        os.chown(path, 4711, 4711)
    return t.start("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", SPAWNGUARD, "run", "--cgroup", group, "--",
                   "true", cwd="/").wait()


def refused(name, why, how, **more):
    return error(f"cgroup {name}", 125, "not started: cannot make a control group in {}", why, CURE, how, **more)


ROWS = [
    refused("elsewhere", ": it is no directory of cgroup version 2", run("--cgroup", "/")),
    refused("nowhere", ": {No such file or directory}", run("--cgroup", "/no/such")),
    refused("frozen", ": what is made there does not run: it is frozen", in_group(frozen), root_only=ROOT),
    refused("without kill", ": this kernel has no cgroup.kill (5.14)",
            in_group(lambda t, group: fault("faccessat:ENOENT", "--cgroup", group)(t)), root_only=ROOT, shim=True),
    refused("deep", ": its path is too long", in_group(lambda t, group: t.run_guard(["--cgroup", group], ["true"]), "g" * 240),
            root_only=ROOT),
    note("cgroup not delegated", "no control group of the job's own: ours was not delegated", undelegated,
         user_only="root's own may be delegated"),
    error("cgroup, job not taken", 125, "cannot put the job into its control group", ": {Operation not supported}",
          "; nothing was started: give another directory with --cgroup", in_group(invalid), root_only=ROOT),
    error("cgroup, job not let in", 125, "cannot put the job into its control group", ": {Permission denied}",
          "; start it from within what was delegated: systemd-run --user --scope -p Delegate=yes", in_group(foreign),
          root_only=ROOT),
]

"""What is said before the job: its state, the lock, what an earlier run left, its world, its exec."""
import fcntl
import os
import signal
import subprocess
import zlib

from harness import SPAWNGUARD, VICTIM, wait_until
from messages import error, note, warning
from ways import DENY, NASTY, Said, dead, denied, fault, held, kill_both, run, words

DOCTOR = "; nothing was started; see: spawnguard doctor"


def unseen(t):
    """Both outputs are pipes, and /proc does not tell what is written."""
    reader, writer = os.pipe()
    run = t.in_mounts("mount -t tmpfs t /proc", SPAWNGUARD, "run", "--start-timeout=9", "--", "true", stdout=writer, stderr=writer)
    os.close(writer)
    status = run.wait().status
    said = os.read(reader, 65536)
    os.close(reader)
    return Said(status, said.decode())


def unreadable(t):
    """Its stdout is a file that is not there any more, where no file can be opened by the way of /proc/self/fd."""
    with open(t.path("out"), "w") as f:
        return t.in_mounts("mount -t tmpfs t /proc", SPAWNGUARD, "run", "--yield=lines", "--", "true", stdout=f).wait()


def piped_both(t, *args, is_out_seen=False):
    """Nobody sees what is written."""
    reader, writer = os.pipe()
    streams = {"stderr": writer} if is_out_seen else {"stdout": writer, "stderr": writer}
    run = t.guard(*args, "--", "true", **streams)
    os.close(writer)
    status = run.wait().status
    said = os.read(reader, 65536)
    os.close(reader)
    return Said(status, said.decode())


# --- the state directory


def state(make, *args):
    """`run` with a state directory of `make(path)`."""
    def how(t):
        make(t.path("st"))
        return t.run_guard(["--state-dir", t.path("st"), *args], ["true"])
    return how


def made(mode=0o700, uid=-1, part=None):
    def make(path):
        os.mkdir(path, 0o700)
        if part:
            os.makedirs(os.path.join(path, part))
            os.chmod(os.path.join(path, part), 0o777)
        if uid >= 0:
            os.chown(path, uid, -1)
        os.chmod(path, mode)
    return make


def closed(path):
    os.mkdir(path, 0o500)


def homeless(t):
    """A uid that nobody has: no home, and no place of root's."""
    env = {k: v for k, v in t.env.items() if k != "SPAWNGUARD_STATE_DIR"}
    return t.start("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", SPAWNGUARD, "run", "--", "true",
                   env=env, cwd="/").wait()


# --- locks and holders


def twice(*args, more=(), command=("true",)):
    """A second start of a job that runs."""
    return held(*more, then=lambda t, holder: t.run_guard(["-N", "j", *args], command))


def nested_wait(t):
    """A job that waits for itself."""
    return t.run_guard(["-N", "j"], [SPAWNGUARD, "run", "-N", "j", "--wait", "--", "true"])


def waited(t, holder):
    """Told of once, then the wait is over."""
    return t.run_guard(["-N", "j", "--wait=0.2", "--complain-after=0.1"], ["true"])


def locked_file(*args):
    """flock(1) has the file."""
    def how(t):
        other = t.start("flock", t.path("lock"), VICTIM, "sleep")
        t.wait_ready(other)
        found = t.run_guard(["-N", "j", "--lock-file", t.path("lock"), *args], ["true"])
        t.end(other)
        return found
    return how


def used_id(t):
    t.run_guard(["--run-id", "once"], ["true"])
    return t.run_guard(["--run-id", "once"], ["true"])


def id_taken_meanwhile(t):
    """While this one waited for its lock, another run has taken its id."""
    holder = t.holder("-N", "j")
    waiting = t.guard("-N", "j", "--wait", "--run-id", "taken", "--complain-after=0.05", "--", "true")
    wait_until(lambda: "waiting for" in waiting.err, "it waits")
    other = t.holder("-N", "other", "--run-id", "taken")
    t.end(holder)
    waiting.wait()
    t.end(other)
    return waiting


def silent_holder(t):
    """The lock is held by somebody who wrote no record."""
    t.run_guard(["-N", "j"], ["true"])
    other = t.start("flock", os.path.join(t.state, "locks/job/j"), VICTIM, "sleep")
    t.wait_ready(other)
    os.truncate(os.path.join(t.state, "locks/job/j.info"), 0)
    found = t.run_guard(["-N", "j"], ["true"])
    t.end(other)
    return found


# --- what dead guards left


def next_start(t, *args):
    return t.run_guard(["-N", "j", *args], ["true"])


def edited(offset, data):
    """The record of the dead run, with these bytes changed."""
    def how(t):
        with open(os.path.join(t.state, "runs", "dead-one"), "r+b") as f:
            f.seek(offset)
            f.write(data)
        return next_start(t)
    return how


def not_put_aside(t):
    os.mkdir(os.path.join(t.state, "runs", "dead-one.bad"))
    return edited(64, b"\1")(t)


def proc_hidden(t):
    return t.in_mounts("mount -t tmpfs t /proc", SPAWNGUARD, "run", "-N", "j", "--", "true").wait()


NO_HANDLES = ["pidfd_open=ENOSYS", "pidfd_send_signal=ENOSYS"]


def without_pidfds(t):
    """What is known by its number alone is only named."""
    return t.start(DENY, *NO_HANDLES, "--", SPAWNGUARD, "run", "-N", "j", "--", "true").wait()


def dead_without_pidfds(t):
    holder = t.start(DENY, *NO_HANDLES, "--", SPAWNGUARD, "run", "-N", "j", "--", VICTIM, "sleep")
    t.wait_ready(holder)
    kill_both(t, holder)
    found = without_pidfds(t)
    t.end_strays()
    return found


def new_boot(t):
    """The record is of a boot that is over."""
    return t.in_mounts(f"mount -t tmpfs b {t.path('b')}\n"
                       f"echo 00000000-0000-0000-0000-000000000000 >{t.path('b')}/id\n"
                       f"mount --bind {t.path('b')}/id /proc/sys/kernel/random/boot_id",
                       SPAWNGUARD, "run", "-N", "j", "--", "true").wait()


def orphaned(t, holder):
    """While it waits for the lock, its parent dies."""
    with open(t.path("said"), "w") as f:
        shell = t.start("sh", "-c", '"$0" run -N j -v --with-parent --wait --complain-after=0.05 -- true; echo $? >status',
                        SPAWNGUARD, stderr=f)
    wait_until(lambda: "waiting for" in t.read("said"), "it waits")
    shell.send(signal.SIGKILL)
    shell.wait()
    t.end(holder)
    wait_until(lambda: not t.strays(), "it has ended")
    return Said(None, t.read("said"))


def outside(t):
    """It is PID 1 of a namespace: who started it is not in there."""
    return in_namespace(t, "--with-parent")


def in_namespace(t, *args):
    """As PID 1 of a namespace, with the /proc of another."""
    way = ["unshare", "-fp"] if os.geteuid() == 0 else ["unshare", "-Urfp"]
    if subprocess.run([*way, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        t.skipTest("no PID namespaces of one's own here")
    return t.start(*way, SPAWNGUARD, "run", *args, "--", "true").wait()


# --- budgets over runs

BUDGET = "--budget=calls=10/1d"
UNKEPT = "; nothing was started: what its runs use up could not be counted; leave out the times of --budget to start without"


def spent(*args):
    """An earlier run has used up the budget."""
    def how(t):
        t.run_guard(["-N", "j", BUDGET], [SPAWNGUARD, "notify", "counter", "calls=12"])
        return t.run_guard(["-N", "j", BUDGET, *args], ["true"])
    return how


def keeping(text):
    """The file that keeps it has that text, and the right check."""
    def how(t):
        os.makedirs(os.path.join(t.state, "breaker"), 0o700)
        with open(os.open(os.path.join(t.state, "breaker", "j"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(text + f"check {zlib.crc32(text.encode()):08x}\n")
        return t.run_guard(["-N", "j", BUDGET], ["true"])
    return how


def crowded():
    """As many others as there is room for."""
    return keeping("spawnguard breaker 1\nat ? 0 0 18446744073709551615\n" +
                   "".join(f"budget k{i} 1000 5 0\nused 0 1\n" for i in range(32)))


def no_place(t):
    t.run_guard(["-N", "j"], ["true"]) # the rest is there
    t.write(os.path.join(t.state, "breaker"), "")
    return t.run_guard(["-N", "j", BUDGET], ["true"])


def busy(t):
    """Somebody has the right to write it, and keeps it."""
    t.run_guard(["-N", "j", BUDGET], ["true"])
    with open(os.path.join(t.state, "locks", "breaker", "j"), "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        return t.run_guard(["-N", "j", BUDGET], ["true"])


ROWS = [
    error("budget used up", 69, "not started: budget used up: {j}: {calls} stands at {12} of {10} within {1d}; room again in {23h59m}, at {}",
          "", "; see: spawnguard status {j}; to start all the same: --budget {calls}=none", spent()),
    warning("budget used up, only warned of", "budget used up: {j}: {calls} stands at {12} of {10} within {1d}; room again in {23h59m}, at {}",
            "", "; the run goes on", spent("--on-limit=warn")),
    warning("budgets damaged", "{j}: its file in breaker/ is damaged: put aside as .bad", "",
            "; what earlier runs have used up is not known any more", # by one that has no reason to look for a breaker
            lambda t: (t.run_guard(["-N", "j"], ["true"]), keeping("spawnguard breaker 2\n")(t))[1]),
    error("budgets, no place", 125, "cannot read the budgets: {j}", ": {Not a directory}", UNKEPT, no_place),
    error("budgets, too many", 125, "cannot keep one more budget of this job: {j}", ": {No space left on device}", UNKEPT, crowded()),
    error("budgets, locked", 125, "cannot lock the budgets of: {j}", ": {Device or resource busy}", UNKEPT, busy, slow=True),
    # --- progress
    error("output unseen", 125, "not started: --start-timeout: no output can be seen",
          ": neither stdout nor stderr is a regular file, and /proc does not tell what is written", "; give --ready-file or --notify, or keep the output with --output or --detach", unseen, proc=False),
    error("ready file, long", 125, "not started: --ready-file: its path is too long", "", "; give a shorter one",
          run("--start-timeout=9", "--ready-file=/" + "d/" * 2100 + "x")),
    error("no socket", 125, "not started: cannot make the socket that the job tells its progress to", ": {Cannot allocate memory}",
          "; leave out --notify, --heartbeat and --budget to start without", fault("socket:ENOMEM:persist", "--notify"), shim=True),
    error("limit of output unseen", 125, "not started: --max-output: no output can be seen",
          ": neither stdout nor stderr is a regular file", "; keep the output with --output or --detach, or stderr alone with --tail",
          lambda t: piped_both(t, "--max-output=9")),
    error("limit of output, stdout unseen", 125, "not started: --max-output: stdout cannot be seen", ": it is no regular file",
          "; keep the output with --output or --detach",
          lambda t: t.run_guard(["--max-output=9", "--require-limits"], ["true"], stdout=subprocess.DEVNULL)),
    error("limit of output, stderr unseen", 125, "not started: --max-output: stderr cannot be seen", ": it is no regular file",
          "; keep the output with --output or --detach, or stderr alone with --tail",
          lambda t: piped_both(t, "--max-output=9", "--require-limits", is_out_seen=True)),
    error("yield unseen", 125, "not started: --yield: stdout cannot be seen", ": it is no regular file",
          "; keep the output with --output or --detach",
          lambda t: t.run_guard(["--yield=lines"], ["true"], stdout=subprocess.DEVNULL)),
    error("yield of what /proc does not tell", 125, "not started: --yield: /proc does not tell what is written", "",
          "; count what the job tells, with --yield=counter:KEY",
          lambda t: t.in_mounts("mount --bind /dev/null /proc/$$/io", SPAWNGUARD, "run", "--yield=written", "--", "true").wait(),
          proc=False),
    error("yield of a file, long", 125, "not started: --yield: the path of its file is too long", "", "; give a shorter one",
          run("--yield=file:/" + "d/" * 2100 + "x")),
    error("yield, unreadable", 125, "not started: --yield: the file that stdout is cannot be read", "",
          "; count its bytes with --yield=bytes", unreadable, proc=False),
    error("yield, no memory", 125, "not started: --yield: no memory for it", "", ": leave it out to start without",
          fault("mmap:ENOMEM:persist", "--yield=bytes", "--output=never"), shim=True),
    # --- the state directory
    error("state dir that cannot be made", 125, "cannot make state directory: {/proc/nothing}", ": {No such file or directory}",
          DOCTOR, run("--state-dir", "/proc/nothing")),
    error("state dir that is a file", 125, "cannot open state directory: {/dev/null}", ": {Not a directory}", DOCTOR,
          run("--state-dir", "/dev/null")),
    error("state dir with a nasty name", 125, "cannot open state directory: {}", ": {Not a directory}", DOCTOR,
          lambda t: t.run_guard(["--state-dir", t.write(NASTY, "")], ["true"])),
    error("state dir of another user", 125, "cannot use state directory (it belongs to another user): {}",
          ": {Operation not permitted}", DOCTOR, run("--state-dir", "/usr"), user_only="root makes no difference"),
    error("state dir of another user, root", 125, "cannot use state directory (it belongs to another user): {}",
          ": {Operation not permitted}", DOCTOR, state(made(uid=4711)), root_only="only root gives directories away"),
    error("state dir open to others", 125, "cannot use state directory (others can write to it: chmod go-w): {}",
          ": {Operation not permitted}", DOCTOR, state(made(mode=0o777))),
    error("state dir with an open part", 125, "cannot use state directory (a part of it is not ours alone: chmod 700): {}",
          ": {Operation not permitted}", DOCTOR, state(made(part="locks"))),
    error("state dir that is full", 125, "cannot make or read a part of the state directory: {}",
          ": {Permission denied}", DOCTOR, state(closed), user_only="root may write everywhere"),
    error("state dir nowhere", 125, "cannot find a place for state (give one with --state-dir DIR): no local home directory",
          ": {No such file or directory}", DOCTOR, homeless, root_only="only root can be a user without a home"),
    error("state dir, of a command", 125, "cannot open state directory: {/dev/null}", ": {Not a directory}",
          "; see: spawnguard doctor", words("ps", "--state-dir", "/dev/null")),
    error("state dir cannot be looked at", 125, "cannot check state directory: {}", ": {Input/output error}", DOCTOR,
          fault("fstat:EIO"), shim=True),
    # --- locks
    error("already running", 75, "already running: {j}, pid {}, {}, run {}: {}", "", "; see: spawnguard ps {j}", twice()),
    error("already running, said by -v", 0, "already running: {j}, pid {}, {}, run {}: {}", "", "; see: spawnguard ps {j}",
          twice("-v", "--on-conflict=skip")),
    error("already running, no record", 75, "already running: {j} (its holder has left no record yet)", "",
          "; see: spawnguard ps {j}", silent_holder),
    error("still running", 75, "still running after the wait: {j}, pid {}, {}, run {}: {}", "", "; see: spawnguard ps {j}",
          held(then=waited)),
    error("waiting", 75, "waiting for: {j}, pid {}, {}, run {}: {}", "", "; see: spawnguard ps {j}", held(then=waited)),
    error("waiting for itself", 75, "not waiting for the run around this one: {j}, pid {}, {}, run {}: {}", "",
          "; see: spawnguard ps {j}", nested_wait),
    error("lock file held", 75, "already locked: {}", ": held by another program", "; see: lslocks", locked_file()),
    error("lock file cannot be opened", 125, "cannot open lock file: {}", ": {Not a directory}",
          "; nothing was started; name a --lock-file that can be opened", run("--lock-file", "/dev/null/" + NASTY)),
    error("lock file of the job planted", 125, "cannot lock: locks/job/j" .replace("locks/job/j", "{locks/job/j}"),
          ": {Operation not permitted}", DOCTOR,
          lambda t: (t.run_guard(["-N", "k"], ["true"]), os.mkfifo(os.path.join(t.state, "locks/job/j"), 0o600),
                     t.run_guard(["-N", "j"], ["true"]))[-1]),
    error("lock is a directory", 125, "cannot open lock file: {locks/job/j}", ": {Is a directory}", DOCTOR,
          lambda t: (t.run_guard(["-N", "k"], ["true"]), os.mkdir(os.path.join(t.state, "locks/job/j")),
                     t.run_guard(["-N", "j"], ["true"]))[-1]),
    error("no locks", 125, "cannot lock: {locks/job/j}", ": {No locks available}", DOCTOR,
          denied(["flock=ENOLCK"], "-N", "j")),
    error("lock cannot be looked at", 125, "cannot check lock file: {locks/job/j}", ": {Permission denied}", DOCTOR,
          fault("fstatat:EACCES", "-N", "j"), shim=True),
    error("no alarm", 125, "cannot set an alarm for --wait: {j}", ": {Cannot allocate memory}", DOCTOR,
          fault("timer_create:EAGAIN", "-N", "j", "--wait=1", before=lambda t: t.holder("-N", "j"),
                after=lambda t, found: (found.wait(), t.end(t.runs[0]))), shim=True),
    # --- run ids
    error("run id used", 125, "run id {once} was used before", "",
          ": give a new one, or leave --run-id out to have one made", used_id),
    error("run id in use", 125, "run id {taken} is in use at this moment", "", ": give another one", id_taken_meanwhile),
    error("run id, history unreadable", 125, "cannot read the history to see whether run id {x} is new", "",
          "; leave --run-id out to have one made",
          lambda t: (t.run_guard([], ["true"]), [(os.unlink(p), os.mkdir(p)) for p in
                     [os.path.join(t.state, "history", n) for n in os.listdir(os.path.join(t.state, "history"))]],
                     t.run_guard(["--run-id", "x"], ["true"]))[-1]),
    # --- what dead guards left
    note("guards were killed", "the guards of run {dead-one} were killed: ended {1} process that it left", dead(then=next_start)),
    note("guards were killed, many", "the guards of run {dead-one} were killed: ended {4} processes that it left",
         dead(then=next_start, shape="wide 3")),
    note("guards were killed, before a boot", "the guards of run {dead-one} were killed: before the machine was started anew",
         dead(then=lambda t: (os.mkdir(t.path("b")), new_boot(t))[-1])),
    note("guards were killed, named only", "the guards of run {} were killed: ended {0} processes that it left"
         "; not touched, may be of it: pid {}", dead_without_pidfds),
    warning("record damaged", "the record of run {dead-one} is damaged", "", ": put aside as runs/{dead-one}.bad",
            dead(then=edited(64, b"\1"))),
    warning("record damaged, stays", "the record of run {dead-one} is damaged, and cannot be put aside", "",
            " as runs/{dead-one}.bad: move it away", dead(then=not_put_aside)),
    error("not looked at", 125, "not started: what run {dead-one} has left cannot be looked at", ": {Function not implemented}",
          "; start again, or see: spawnguard reap", dead(then=proc_hidden), proc=False),
    # --- records that cannot be written
    warning("no history", "cannot write the history: {history}", ": {No space left on device}", ": the run goes on without it",
            fault("write:ENOSPC"), shim=True),
    warning("no record", "cannot make run record: {}", ": {No space left on device}",
            ": if both guards are killed, nothing will find what the job leaves", fault("openat:ENOSPC"), shim=True),
    warning("record not written", "cannot write run record: {}", ": {No space left on device}",
            ": if both guards are killed, nothing will find what the job leaves", fault("pwrite:ENOSPC"), shim=True),
    warning("lock info", "cannot read lock info: {locks/job/j}", ": {Input/output error}",
            ": what an earlier run left is not looked for", fault("pread:EIO", "-N", "j"), shim=True),
    # --- the world of the job
    error("chdir nowhere", 125, "cannot start the job in {}", ": {No such file or directory}",
          "; nothing was started: make that directory, or give another with --chdir", run("--chdir", "/no/" + NASTY)),
    error("chdir forbidden", 125, "cannot start the job in {}", ": {Permission denied}",
          "; nothing was started: give it a directory that it may enter with --chdir",
          lambda t: (os.mkdir(t.path("d"), 0), t.run_guard(["--chdir", t.path("d")], ["true"]))[-1],
          user_only="root may enter every directory"),
    error("nice", 125, "cannot set the niceness to {-5}", ": {Permission denied}", "; only root may lower it: leave --nice out",
          run("--nice=-5"), user_only="root may"),
    error("nice, denied", 125, "cannot set the niceness to {5}", ": {Function not implemented}", "; leave --nice out",
          denied(["setpriority=ENOSYS"], "--nice=5")),
    error("ionice", 125, "cannot set the I/O priority to {realtime:4}", ": {Operation not permitted}",
          "; only root may have realtime: leave --ionice out", denied(["ioprio_set=EPERM"], "--ionice=realtime")),
    error("ionice, none", 125, "cannot set the I/O priority to {idle}", ": {Function not implemented}",
          "; this kernel has none: leave --ionice out", denied(["ioprio_set=ENOSYS"], "--ionice=idle")),
    error("oom-score-adj", 125, "cannot set the OOM score adjustment to {-500}", ": {Permission denied}",
          "; only root (CAP_SYS_RESOURCE) may lower it: leave --oom-score-adj out", run("--oom-score-adj=-500"),
          user_only="root may"),
    error("oom-score-adj without /proc", 125, "cannot set the OOM score adjustment to {5}", ": {No such file or directory}",
          "; /proc must be mounted for that: leave --oom-score-adj out",
          lambda t: t.in_mounts("mount -t tmpfs none /proc", SPAWNGUARD, "run", "--oom-score-adj=5", "--", "true").wait(),
          proc=False),
    error("no-new-privs", 125, "cannot keep new privileges from the job", ": {Invalid argument}",
          "; nothing was started: leave --no-new-privs out to do without", fault("prctl:EINVAL", "--no-new-privs"),
          shim=True),
    error("drop-caps", 125, "cannot take the capabilities from the job", ": {Operation not permitted}",
          "; nothing was started: leave --drop-caps out to do without", denied(["capset=EPERM"], "--drop-caps")),
    # --- --with-parent
    error("parent has ended", None, "not started: {sh} (pid {}), which started this guard, has ended (--with-parent)", "",
          ": leave it out to start without", held(then=orphaned), needs="pidfd_open"),
    error("parent outside", 125, "not started: --with-parent: what started this guard is outside of this PID namespace, and "
          "cannot be watched", "", "; leave it out to start without", outside),
    error("parent not watched", 125, "not started: --with-parent: the process that started this guard cannot be watched",
          ": {Function not implemented}", "; leave it out to start without", denied(["pidfd_open=ENOSYS"], "--with-parent")),
    # --- --require-limits
    error("limit without a look", 125, "--{max-procs} cannot be held", ": --interval=none looks at nothing",
          "; nothing was started: leave --require-limits out, or see: spawnguard doctor",
          run("--max-procs=9", "--require-limits", "--interval=none")),
    error("limit with too few looks", 125, "--{max-growth} cannot be held", ": --interval is more than a tenth of its time",
          "; nothing was started: leave --require-limits out, or see: spawnguard doctor",
          run("--max-growth=9M/1s", "--require-limits", "--interval=101ms")),
    error("limit without /proc", 125, "--{max-procs} cannot be held", ": /proc does not show this PID namespace",
          "; nothing was started: leave --require-limits out, or see: spawnguard doctor",
          lambda t: in_namespace(t, "--max-procs=9", "--require-limits")),
    error("limit of what /proc does not tell", 125, "--{max-io} cannot be held", ": /proc does not tell what is written",
          "; nothing was started: leave --require-limits out, or see: spawnguard doctor",
          lambda t: t.in_mounts("mount --bind /dev/null /proc/$$/io", SPAWNGUARD, "run", "--max-io=9", "--require-limits", "--", "true").wait(),
          proc=False),
    error("samples", 125, "cannot write samples: {/}", ": {Is a directory}",
          "; nothing was started: give another file with --record-samples, or leave it out", run("--record-samples=/")),
    # --- its exec
    error("no process", 125, "cannot make a process for the job", ": {Resource temporarily unavailable}",
          "; the limit of processes is reached, see: ulimit -u", fault("fork:EAGAIN"), shim=True),
    error("no process, no memory", 125, "cannot make a process for the job", ": {Cannot allocate memory}", DOCTOR,
          fault("fork:ENOMEM"), shim=True),
    error("no such program", 127, "cannot execute {}", ": {No such file or directory}",
          "; it is in no directory of PATH: give its path", run(command=[NASTY])),
    error("no such path", 127, "cannot execute {}", ": {No such file or directory}",
          "; it, or the interpreter that its first line names, is missing: give its right path", run(command=["/no/" + NASTY])),
    error("not executable", 126, "cannot execute {}", ": {Permission denied}", "; if it is a script of yours: chmod +x",
          lambda t: t.run_guard([], [t.write("script", "#!/bin/sh\n")])),
    error("arguments too long", 126, "cannot execute {}", ": {Argument list too long}",
          "; arguments and environment are too long for the kernel: shorten them",
          fault("execve:E2BIG", command=["/bin/true"]), shim=True),
    error("a path through a file", 127, "cannot execute {}", ": {Not a directory}", "; see: spawnguard run --dry-run",
          run(command=["/dev/null/x"])),
    # --- --log, --output, --detach
    error("log path long", 125, "the path of --log is longer than the {} bytes that the record keeps", "",
          ": give a shorter one; nothing was started", run("--output=never", "--log", "/" + "l" * 2000)),
    error("log not readable", 125, "--output=on-failure needs a file that can be read again, which --log {} is not", "",
          ": name a regular file; nothing was started", run("--output=on-failure", "--log", "/dev/null")),
    error("log not opened", 125, "cannot open the file for the job's output: {}", ": {Not a directory}",
          "; nothing was started; name a --log that can be written", run("--output=never", "--log", "/dev/null/x")),
    error("log dir", 125, "cannot make the directory of logs: logs", ": {Operation not permitted}", DOCTOR,
          lambda t: (t.run_guard([], ["true"]), t.write("state/logs", ""), t.run_guard(["--output=never"], ["true"]))[-1]),
    error("log planted", 125, "cannot open the file for the job's output: {}", ": {}", DOCTOR,
          lambda t: (t.run_guard(["--output=never"], ["true"]), os.mkfifo(os.path.join(t.state, "logs/x"), 0o600),
                     t.run_guard(["--output=never", "--run-id=x"], ["true"]))[-1]),
    warning("log without effect", "--log has no effect without --detach or --output=on-failure|never", "",
            ": give one of them, or leave it out", run("--log", "/dev/null")),
    error("no background", 125, "cannot make a process for the background", ": {Too many open files}",
          "; nothing was started", fault("socketpair:EMFILE", "--detach"), shim=True),
    error("background not left", 125, "cannot go into the background", ": {}", "; nothing was started",
          fault("open:EMFILE", "--detach"), shim=True),
    error("background killed", 125, "the guard in the background was killed before the job was started", "",
          ": start it again", fault("flock:KILL", "--detach"), shim=True),
    # --- --splay
    note("splay", "{j}: starting in {}, of at most {20ms}", run("-v", "-N", "j", "--splay=20ms")),
    note("splay ended", "{j}: asked to end by {TERM} before its start ({--splay}): nothing was started",
         lambda t: (lambda r: (wait_until(lambda: "starting" in r.err, "it waits"), r.send(signal.SIGTERM), r.wait())[-1])(
             t.guard("-v", "-N", "j", "--splay=1h", "--", "true")), status=-15),
    warning("splay without a clock", "cannot wait for --splay: {j}", ": {Function not implemented}",
            ": the job is started at once", denied(["timerfd_create=ENOSYS"], "-N", "j", "--splay=1h"), status=125),
    # --- memory
    error("no memory for the configuration", 125, "no memory to read the configuration", "", "; nothing was started",
          fault("realloc:ENOMEM", "--config", "conf", before=lambda t: t.write("conf", "[defaults]\n", 0o600)), shim=True),
]

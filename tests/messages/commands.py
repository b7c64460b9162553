"""What the other commands say on stderr."""
import fcntl
import os
import signal

from harness import SPAWNGUARD, VICTIM, Stat, send, wait_until
from messages import error, note, warning
from ways import DENY, NASTY, dead, elsewhere, fault, held, installed, kill_both, run, words

RUN = "run {a-run}"


def commanded(spec, name, *args, before=None, **more):
    """A call of libexec/spawnguard/NAME that fails."""
    return fault(spec, program=name, before=before, whole=lambda t, _: [SPAWNGUARD, name, *args], **more)


def holder(t):
    return t.holder("-N", "j", "--run-id", "a-run")


def after_holder(t, found):
    """The runs of the test itself come before the one that is looked at."""
    found.wait()
    t.end(*[r for r in t.runs[:-1] if r.proc.returncode is None])


def opened_breaker(t):
    t.command("breaker", "open", "j")


def no_breakers(t):
    """A file stands in the place of their directory."""
    t.write("state/breaker", "")
    return t.command("breaker", "list")


def damaged_breaker(*args):
    """A command, after the file of the breaker was damaged."""
    def how(t):
        opened_breaker(t)
        with open(os.path.join(t.state, "breaker", "j"), "r+b") as f:
            f.seek(30)
            f.write(b"x")
        return t.command("breaker", *args)
    return how


def locked_breaker(t):
    """Somebody has its lock, and does not let go."""
    opened_breaker(t)
    with open(os.path.join(t.state, "locks", "breaker", "j"), "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        return t.command("breaker", "open", "j")


def dead_run(t):
    one = t.holder("-N", "j", "--run-id", "a-run", "-k", "0.1")
    kill_both(t, one)


def filtered(calls, *args):
    """A command, without these system calls, while a job runs."""
    def how(t):
        one = holder(t)
        found = t.start(DENY, *calls, "--", SPAWNGUARD, *args).wait()
        t.end(one)
        t.end_strays()
        return found
    return how


def without_history(*args):
    """A command, after the guards were killed, and the history cannot be written."""
    def how(t):
        dead_run(t)
        for name in os.listdir(os.path.join(t.state, "history")):
            os.unlink(os.path.join(t.state, "history", name))
            os.mkdir(os.path.join(t.state, "history", name))
        return t.command(*args)
    return how


def request_blocked(t, _):
    """What stands in the place of the request cannot be replaced."""
    os.makedirs(os.path.join(t.state, "runs", "a-run.req", "x"))
    return t.command("kill", "j")


def without_warden(t):
    """Front is stopped, and its warden has been killed: nobody can take the request."""
    one = holder(t)
    warden = one.warden()
    send(one.pid, signal.SIGSTOP)
    wait_until(lambda: Stat(one.pid).state == "T", "front is stopped")
    send(warden, signal.SIGKILL)
    wait_until(lambda: not Stat(warden).alive, "the warden is dead")
    found = t.command("freeze", "j")
    t.end(one)
    t.end_strays()
    return found


def two_ids(t):
    one, two = (t.holder("-N", n, "--run-id", "same-" + n) for n in "ab")
    found = t.command("kill", "same")
    t.end(one, two)
    return found


def killed_elsewhere(t, inner):
    t.end(inner)
    return t.run_guard(["-N", "j"], ["true"])


def garbage(*names, then):
    """A command where records are none."""
    def how(t):
        t.run_guard(["-N", "j"], ["true"])
        for name in names:
            t.write(os.path.join("state", "runs", name), "garbage")
        return t.command(*then)
    return how


def torn_history(t):
    t.run_guard(["-N", "j"], ["true"])
    folder = os.path.join(t.state, "history")
    with open(os.path.join(folder, os.listdir(folder)[0]), "ab") as f:
        f.write(b'\n{"schema":1,"event":"end","torn\nx\n')
    return t.command("status", "j")


def linked_home(t):
    """ps --all where a user has led us elsewhere."""
    home = t.path("home")
    os.makedirs(os.path.join(home, ".local/state"))
    os.symlink("/", os.path.join(home, ".local/state/spawnguard"))
    t.write("passwd", f"eve:x:61236:61236::{home}:/bin/sh\n")
    return t.in_mounts(f"mount --bind {t.path('passwd')} /etc/passwd", SPAWNGUARD, "ps", "--all").wait()


def ending(t):
    """It is asked to end, and takes its time."""
    one = t.holder("-N", "j", "--run-id", "a-run", "-v", "-k", "20", shape="ignore-term")
    one.send(signal.SIGTERM)
    wait_until(lambda: "sending" in one.err, "it is ending")
    found = t.command("freeze", "j")
    t.end(one)
    return found


def frozen(*args, shape="sleep"):
    """What front says when its tree is frozen, and goes on."""
    def how(t):
        one = t.holder("-N", "j", *args, "-k", "0.1", shape=shape)
        t.command("freeze", "j")
        t.command("thaw", "j")
        wait_until(lambda: "thawed" in one.err, "it goes on")
        one.send(signal.SIGTERM)
        return one.wait()
    return how


def frozen_inside(t):
    """A run within a run that is frozen."""
    outer = t.guard("-N", "outer", "--", SPAWNGUARD, "run", "-N", "j", "-t", "1h", "--", VICTIM, "sleep")
    t.wait_ready(outer)
    t.command("freeze", "outer")
    t.command("thaw", "outer")
    wait_until(lambda: "j: thawed" in outer.err, "both go on")
    outer.send(signal.SIGTERM)
    return outer.wait()


ROWS = [
    # --- breaker
    error("breaker of nothing", 2, "breaker needs to be told what to do", "", ": list, show, open, reset or trial", words("breaker")),
    error("breaker, what", 2, "breaker: what is {}?", "", " Write list, show, open, reset or trial", words("breaker", NASTY)),
    error("breaker, which job", 2, "breaker {open}: of which job?", "", " See: spawnguard breaker list", words("breaker", "open")),
    error("breaker list of one", 2, "breaker list shows all of them", "", ": of one, breaker show {}", words("breaker", "list", NASTY)),
    error("breaker, not of open", 2, "--until, --for and --reason belong to breaker open", "", ": leave them out, or write it",
          words("breaker", "reset", "j", "--for=1h")),
    error("breaker, a task not of reset", 2, "--task belongs to breaker reset", "", ": leave it out, or write it",
          words("breaker", "show", "j", "--task=t")),
    error("breaker, no such task", 1, "{}: no attempt of task {} is counted", "", "; see: spawnguard breaker show {}",
          words("breaker", "reset", NASTY, "--task", NASTY)),
    error("breaker, two ends", 2, "--until with --for", ": how long is it to be open?", " Leave one of them out",
          words("breaker", "open", "j", "--for=1h", "--until=2030-01-01")),
    error("breaker, no date", 2, "--until={} is no date", "",
          ": write 2026-12-01, '2026-12-01 14:05', 14:05, or a time with Z or +02:00", words("breaker", "open", "j", "--until", NASTY)),
    error("breaker, a date that is over", 2, "--until={2001-01-01} is over", "", ": give a date that is to come",
          words("breaker", "open", "j", "--until=2001-01-01")),
    error("breaker list, none", 1, "no job has failed, and no breaker is open", "", "", words("breaker", "list"),
          plain="there is nothing to do"),
    error("breaker, nobody begins so", 1, "no job is known whose name begins with {}", ": nothing was changed", "; see: spawnguard status",
          words("breaker", "open", "--prefix", NASTY)),
    error("breaker, nobody begins so, shown", 1, "no job is known whose name begins with {}", ": nothing was found",
          "; see: spawnguard status", words("breaker", "show", "--prefix", NASTY)),
    error("breaker, none of that name", 1, "nothing is known of the breaker of {}", ": no run of it has failed",
          "; see: spawnguard breaker list", words("breaker", "show", NASTY)),
    error("breaker, nothing to try", 1, "{}: its breaker is closed", ": there is nothing to try, the job may start",
          "; see: spawnguard explain {}", words("breaker", "trial", NASTY)),
    warning("breaker damaged, put aside", "{j}: its file in breaker/ was damaged", ": put aside as .bad",
            "; what was counted is not known any more", damaged_breaker("open", "j")),
    error("breaker, cannot be locked", 125, "cannot lock the breaker of: {j}: {Device or resource busy}", "; nothing was changed",
          "; try again, or see: spawnguard doctor", locked_breaker, slow=True),
    error("breaker, cannot be read", 125, "cannot read the breaker of: {j}: {Input/output error}", "", "; see: spawnguard doctor",
          commanded("pread:EIO", "breaker", "show", "j", before=opened_breaker), shim=True),
    error("breaker, cannot be written", 125, "cannot write: {breaker/j}: {No space left on device}", "; nothing was changed",
          "; see: spawnguard doctor", commanded("pwrite:ENOSPC", "breaker", "open", "j"), shim=True),
    error("breakers, cannot be looked at", 125, "cannot look at the breakers: {Not a directory}", "", "; see: spawnguard doctor",
          no_breakers),
    # --- explain
    error("explain of nothing", 125, "no job given", "", ": spawnguard explain [OPTIONS] JOB [-- COMMAND [ARG ...]]", words("explain")),
    error("explain, a command without dashes", 125, "what is {true}?", "",
          " Options stand before the job, a command behind \"--\": spawnguard explain [OPTIONS] JOB -- COMMAND",
          words("explain", "j", "true")),
    error("JSON of a run", 125, "--json without --dry-run", "", ": a run writes JSON with --status-fd or --status-file",
          run("--json")),
    error("explain, no samples", 2, "{/etc/passwd:1}", ": no samples", ": give a file that run --record-samples has written",
          words("explain", "--samples=/etc/passwd")),
    error("explain, unreadable", 2, "{}", ": cannot be read: {No such file or directory}",
          ": give a file that run --record-samples has written", words("explain", "--samples=" + NASTY)),
    # --- which run
    error("no such run", 1, "no run of {} is going on", "", "; see: spawnguard ps", words("kill", NASTY)),
    note("no run at all", "no run is going on", words("ps"), status=1),
    error("several runs", 2, "several runs begin with {same}", "", ": give more of the run id; see: spawnguard ps", two_ids),
    error("no run records", 125, "cannot read the run records", ": {Input/output error}", "; see: spawnguard doctor",
          commanded("openat:EIO", "reap"), shim=True),
    error("no memory for a command's configuration", 125, "no memory to read the configuration", "",
          "; try again when there is some",
          fault("realloc:ENOMEM", program="ps", before=lambda t: t.write("conf", "[defaults]\n", 0o600),
                whole=lambda t, _: [SPAWNGUARD, "ps", "--config", "conf"]), shim=True),
    # --- kill
    error("kill, a stranger", 125, "run {a-run}: its guard cannot be told from a stranger here", "", ": send TERM to it yourself",
          filtered(["pidfd_open=ENOSYS"], "kill", "j"), needs="pidfd_open"),
    error("kill, no signals", 125, "run {a-run}: its guard cannot be signalled from here", "", ": send TERM to it yourself",
          filtered(["pidfd_send_signal=EPERM"], "kill", "j"), needs="pidfd_open"),
    error("kill, read-only", 125, "run {a-run}: its guard cannot be asked", ": the state directory cannot be written",
          "; see: spawnguard doctor", held("--run-id", "a-run", then=request_blocked)),
    error("kill, no answer", 125, "run {a-run}: its guard does not answer", "", "; see: spawnguard ps",
          commanded("pread:EIO", "kill", "j", before=holder, after=after_holder), shim=True),
    error("kill, not closed", 125, "run {a-run}: its record cannot be closed", "", "; try again, or see: spawnguard reap",
          without_history("kill", "j")),
    error("kill, not read", 125, "run {a-run}: its record cannot be read", "", "; if it is damaged: spawnguard reap puts it aside",
          commanded("pread:EIO", "kill", "j", before=dead_run), shim=True),
    error("kill, elsewhere", 125, "run {a-run}: it runs in another PID or time namespace", "", ": end it there",
          elsewhere(lambda t, inner: t.command("kill", "j"))),
    # --- freeze, thaw
    error("freeze without a word", 2, "{freeze} needs a JOB or a RUN", "", ": spawnguard {freeze} JOB; see: spawnguard ps",
          words("freeze")),
    error("freeze, a stranger", 125, "run {a-run}: its guard cannot be told from a stranger here", "", "; see: spawnguard doctor",
          filtered(["pidfd_open=ENOSYS"], "freeze", "j"), needs="pidfd_open"),
    error("freeze, no signals", 125, "run {a-run}: its guard cannot be signalled from here", "",
          ": ask as the user who started it", filtered(["pidfd_send_signal=EPERM"], "freeze", "j"), needs="pidfd_open"),
    error("freeze, no warden", 125, "run {a-run}: it is ending", "", "; see: spawnguard ps",
          without_warden),
    error("freeze, ending", 125, "run {a-run}: it is ending", "", "; see: spawnguard ps", ending),
    error("freeze, over", 125, "run {a-run}: it is over", "", "; see: spawnguard ps",
          commanded("openat:ENOENT", "freeze", "j", before=holder, after=after_holder), shim=True),
    error("freeze, elsewhere", 125, "run {a-run}: it runs in another PID or time namespace", "", ": ask there",
          elsewhere(lambda t, inner: t.command("freeze", "j"))),
    error("freeze, dead", 125, "run {a-run}: its guards are dead", "", "; see: spawnguard reap",
          dead(then=lambda t: t.command("freeze", "j"), run_id="a-run")),
    note("frozen", "{j}: frozen by pid {}, uid {}: {1} process; see: spawnguard thaw {j}", frozen(), status=-15),
    note("frozen, many", "{j}: frozen by pid {}, uid {}: {4} processes; see: spawnguard thaw {j}", frozen(shape="wide 3"),
         status=-15),
    note("frozen, not all", "{j}: frozen by pid {}, uid {}: {3} processes, {1} not stopped yet; see: spawnguard thaw {j}",
         frozen(shape="vfork"), status=(-15, -9)),
    note("thawed", "{j}: thawed by pid {}, uid {} after {}", frozen(), status=-15),
    note("thawed, later", "{j}: thawed by pid {}, uid {} after {}: its timeout is later by that much", frozen("-t", "1h"),
         status=-15),
    note("frozen, inside", "{j}: frozen with the run around it: {1} process; see: spawnguard thaw {j}", frozen_inside,
         status=-15),
    # --- reap
    error("reap, no lock", 125, "run {a-run}: cannot take the lock of its job", ": {No locks available}",
          "; it stays for the next reap", commanded("flock:ENOLCK", "reap", before=dead_run), shim=True),
    error("reap, not read", 125, "run {a-run}: cannot read its record", ": {Input/output error}",
          "; it stays for the next reap", commanded("pread:EIO", "reap", before=dead_run), shim=True),
    error("reap, not looked at", 125, "run {a-run}: what it left cannot be looked at", ": {Cannot allocate memory}",
          "; it stays for the next reap", commanded("calloc:ENOMEM", "reap", before=dead_run), shim=True),
    error("reap, not closed", 125, "run {a-run}: its record cannot be closed", ": {Is a directory}",
          "; it stays for the next reap", without_history("reap")),
    # --- the next start
    note("guards killed elsewhere", "the guards of run {a-run} were killed: in another namespace, where its tree cannot be verified from here",
         elsewhere(killed_elsewhere)),
    # --- ps
    error("ps, lost", 0, "the guards of a lost run are dead", "", ": spawnguard reap ends what is left of it",
          dead(then=lambda t: t.command("ps"))),
    error("ps, not written", 125, "cannot write the result", ": {No space left on device}", "",
          lambda t: (lambda f: (held(then=lambda t, _: t.command("ps", stdout=f))(t), f.close())[0])(open("/dev/full", "w")),
          plain="the reason says it"),
    error("ps, all", 2, "--all looks into the state of all users", ", which only root may", "; without it you see your own runs",
          words("ps", "--all"), user_only="root may"),
    error("ps, no such column", 2, "--output={pdi}: unknown column {pdi}", ", did you mean {pid}?", " There are {job, run,}{}",
          words("ps", "--output=pdi")),
    error("ps, nothing like a column", 2, "--output={xyzzy}: unknown column {xyzzy}", "", ": there are {job, run,}{}",
          words("ps", "-o", "xyzzy")),
    error("ps, a column is missing", 2, "--output={pid,}: a column is missing", "", ": there are {job, run,}{}",
          words("ps", "-o", "pid,")),
    note("ps, no state", "no run is going on: there is no state directory yet: {nowhere}", words("ps", "--state-dir", "nowhere"),
         status=1),
    error("ps, garbage", 1, "{1} run record cannot be read", ", damaged or planted", ": spawnguard reap puts such aside",
          garbage("a", then=["ps"])),
    error("ps, more garbage", 1, "{2} run records cannot be read", ", damaged or planted", ": spawnguard reap puts such aside",
          garbage("a", "b", then=["ps"])),
    error("ps, no memory", 125, "cannot look at the runs", ": {Cannot allocate memory}", "; see: spawnguard doctor",
          commanded("calloc:ENOMEM", "ps"), shim=True),
    error("ps, a link", 125, "cannot look at a state directory (no link is followed to it): {}", ": {Not a directory}",
          "; see: spawnguard doctor", linked_home, root_only="only root looks at others"),
    error("ps, a part", 125, "cannot make or read a part of the state directory: {}", ": {Input/output error}",
          "; see: spawnguard doctor", commanded("fstatat:EIO", "ps", before=lambda t: t.run_guard(["-N", "j"], ["true"])), shim=True),
    # --- status
    note("status, nothing", "no job is known yet", words("status"), status=1),
    note("status, no such job", "nothing is known of the job {}: it is not running, nor in the history; see: spawnguard status",
         words("status", NASTY), status=1),
    warning("status, torn", "{2} damaged lines of the history were passed over", "", ": the rest counts", torn_history),
    error("status, no memory", 125, "cannot look at the jobs", ": {Cannot allocate memory}", "; see: spawnguard doctor",
          commanded("calloc:ENOMEM", "status"), shim=True),
    # --- notify
    error("notify, nothing", 2, "notify what?", "", " Write ready, beat, status TEXT or counter KEY=NUMBER", words("notify")),
    error("notify, what", 2, "notify: what is {}?", "", " Write ready, beat, status TEXT or counter KEY=NUMBER", words("notify", NASTY)),
    error("notify, words", 2, "notify: it takes ready, beat, status and one TEXT, or counter and 1 to 16 KEY=NUMBER", "", "",
          words("notify", "ready", "x"), plain="it says what it takes"),
    error("notify, no counter", 2, "notify counter: {}", " is no counter",
          ": write KEY=NUMBER, or KEY+=NUMBER to add to it; the key 1 to 32 of A-Z a-z 0-9 _ . -", words("notify", "counter", NASTY)),
    error("notify, long", 2, "notify: more than 4096 bytes", "", ": shorten it", words("notify", "status", "x" * 5000)),
    error("notify, nobody", 1, "no guard listens", "",
          ": start the job with spawnguard run --notify, or with --heartbeat or --budget", words("notify", "ready")),
    error("notify, gone", 125, "cannot tell the guard at SPAWNGUARD_NOTIFY", ": {No such file or directory}", "; see: spawnguard doctor",
          lambda t: t.command("notify", "ready", env=dict(t.env, SPAWNGUARD_NOTIFY="/nowhere/at/all"))),
    # --- doctor, help
    error("doctor, no memory", 3, "cannot look at the machine", ": {Cannot allocate memory}", "; see: spawnguard doctor",
          commanded("calloc:ENOMEM", "doctor"), shim=True),
    error("doctor, not written", 3, "cannot write the result", ": {No space left on device}", "",
          lambda t: (lambda f: (t.command("doctor", stdout=f), f.close())[0])(open("/dev/full", "w")), plain="the reason says it"),
    error("doctor, no place", 3, "cannot use a state directory for the self-test", ": {Not a directory}: {}",
          "; see: spawnguard doctor", lambda t: (t.write("state/selftest", ""), t.command("doctor", "--selftest"))[-1]),
    error("help, not written", 125, "cannot write to standard output", ": {No space left on device}", "",
          lambda t: (lambda f: (t.command("help", stdout=f), f.close())[0])(open("/dev/full", "w")), plain="the reason says it"),
    error("help, no text", 125, "cannot read the manual {}", ": {No such file or directory}",
          "; it is made where mandoc is installed when spawnguard is built",
          lambda t: t.start(installed(t, "help"), "help", "conf").wait()),
]

"""Real processes under the shipped binary: what every end-to-end test needs.

Environment, as ctest sets it:
  SPAWNGUARD      the binary under test
  SG_TEST_BIN     directory of the victim programs
  SG_TEST_LIB     directory of the preloaded shims
  SG_SOURCE       top of the source tree
  SG_SANITIZED    1: a slow build, every deadline is stretched
  SG_DENY         WORD,...: all that a test starts lacks these (DENIABLE): what holds must hold on the next rung

The test process is a child subreaper: whatever escapes from a guard becomes
its child, so "nothing is left" is a fact told by the kernel (waitid: ECHILD).
"""
import ctypes
import errno
import faulthandler
import fcntl
import functools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

SANITIZED = os.environ.get("SG_SANITIZED") == "1"
SCALE = 5 if SANITIZED else 1
TEST_LIMIT_S = 120 * (3 if SANITIZED else 1)
DEADLINE_S = 30 * SCALE  # of a condition that should hold in milliseconds

PR_SET_CHILD_SUBREAPER = 36
ASAN_NOISE = re.compile(r"^==\d+==WARNING: ASan is ignoring .*\nFalse positive .*\nFor details see .*\n", re.M)
# Said of every job that fails as it did before: not what most tests are about.
REPEATS = re.compile(r"^spawnguard: .*: same failure as run \S+, \d+ in a row .*; see: spawnguard breaker show .*\n", re.M)
libc = ctypes.CDLL(None, use_errno=True)
os.closerange(3, 1024)  # whatever the caller left open is none of the job's descriptors


def observe(seconds):
    """Let time pass, for claims of the form "nothing happens meanwhile"; never to wait for something."""
    time.sleep(seconds)


def required(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{sys.argv[0]}: {name} is not set: run it through ctest, or set "
                 "SPAWNGUARD, SG_TEST_BIN, SG_TEST_LIB, SG_SOURCE")
    return value


SPAWNGUARD = required("SPAWNGUARD")
VICTIM = os.path.join(required("SG_TEST_BIN"), "victim")
DENIABLE = {"pidfd_open": "pidfd_open=ENOSYS", "clone3": "clone3=ENOSYS", "perf_event_open": "perf_event_open=EACCES",
            "cgroup": None, "children": None}  # None: files, which a filter of calls does not see
DENIED = [word for word in os.environ.get("SG_DENY", "").split(",") if word]
ABSENT = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libabsent.so")
SOURCE = os.environ.get("SG_SOURCE", "")


def without(facility):
    """Of a test, or of a class of them, which asserts that very rung: it means nothing where that is denied."""
    return unittest.skipIf(facility in DENIED, f"it is about {facility}, which SG_DENY takes away")


def denied_words():
    """Before a command: what a filter takes away."""
    filtered = [DENIABLE[word] for word in DENIED if DENIABLE[word]]
    return [os.path.join(os.environ["SG_TEST_BIN"], "deny"), *filtered, "--"] if filtered else []


def privileges_here():
    """NoNewPrivs of what is started here: the filter of a user takes new privileges away with the rest."""
    return "1" if denied_words() and os.geteuid() != 0 else status_field(os.getpid(), "NoNewPrivs")


def denied_env(env):
    """What a preloaded library takes away: for SPAWNGUARD and all that it starts."""
    files = [word for word in DENIED if not DENIABLE[word]]
    if not files:
        return env
    env = dict(os.environ if env is None else env)
    return {**env, "SG_ABSENT": ",".join(files), "LD_PRELOAD": f"{ABSENT} {env.get('LD_PRELOAD', '')}".strip()}


class OutOfTime(Exception):
    """The whole test took too long."""


def prctl(option, *args):
    padded = [ctypes.c_ulong(a) for a in args] + [ctypes.c_ulong(0)] * (4 - len(args))
    result = libc.prctl(option, *padded)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
    return result


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(condition, what, deadline_s=None):
    """The condition's first true value; the only place where a test lets time pass."""
    end = now() + (deadline_s or DEADLINE_S)
    nap = 0.0005
    while True:
        value = condition()
        if value:
            return value
        if now() > end:
            raise AssertionError(f"not within {deadline_s or DEADLINE_S} s: {what}")
        time.sleep(nap)
        nap = min(nap * 1.5, 0.02)


# --- /proc ---------------------------------------------------------------


class Stat:
    """/proc/PID/stat, or state None where there is no such process."""

    def __init__(self, pid):
        self.pid, self.state, self.comm = pid, None, ""
        self.ppid = self.pgrp = self.sid = 0
        try:
            with open(f"/proc/{pid}/stat", "rb") as f:
                text = f.read()
        except OSError:
            return
        head, _, tail = text.rpartition(b")")
        fields = tail.split()
        self.comm = head.partition(b"(")[2].decode(errors="replace")
        self.state = fields[0].decode()
        self.ppid, self.pgrp, self.sid = (int(f) for f in fields[1:4])
        self.threads = int(fields[17])

    @property
    def alive(self):
        """A zombie leader with other threads is alive."""
        return self.state is not None and (self.state not in "ZX" or self.threads > 1)


def descendants(root):
    """{pid: Stat} of everything below `root`, zombies included."""
    below = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = Stat(int(name))
            if stat.state is not None:
                below.setdefault(stat.ppid, []).append(stat)
    found, todo = {}, [root]
    while todo:
        for stat in below.get(todo.pop(), []):
            if stat.pid not in found:
                found[stat.pid] = stat
                todo.append(stat.pid)
    return found


def children(pid):
    """Children of all threads of `pid`, as the kernel lists them."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += [int(p) for p in f.read().split()]
    except OSError:
        pass
    return found


def status_field(pid, name):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    raise KeyError(name)


def switches(pid):
    """How often `pid` went to sleep: two equal readings mean that it did not wake."""
    return int(status_field(pid, "voluntary_ctxt_switches"))


def hold(pid):
    """A handle of that process; ProcessLookupError."""
    try:
        return os.pidfd_open(pid)
    except OSError as e:
        if "pidfd_open" not in DENIED or e.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    try:
        return os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        raise ProcessLookupError(errno.ESRCH, "no such process") from None


def send(pid, sig):
    """By pidfd, so that nobody else can be hit; False when there is no such process."""
    try:
        fd = hold(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(fd, sig)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


# --- what ran ------------------------------------------------------------


class Run:
    """A started process with its output in files: no pipe that a leftover could hold open."""

    def __init__(self, test, argv, **popen):
        self.test = test
        self.argv = argv
        self.files, ours = {}, []
        for name in ("stdout", "stderr"):
            if name not in popen:
                popen[name], self.files[name] = tempfile.mkstemp(dir=test.scratch, prefix=name + ".")
                ours.append(popen[name])
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen["env"] = denied_env(popen.get("env", test.env))
        popen.setdefault("cwd", test.scratch)
        self.began = now()
        try:
            self.proc = subprocess.Popen([*denied_words(), *argv], **popen)
        finally:
            for fd in ours:
                os.close(fd)
        self.pid = self.proc.pid
        self.ended = None
        self.tells_repeats = getattr(test, "tells_repeats", False)
        test.runs.append(self)

    def _text(self, name):
        if name not in self.files:
            return ""
        with open(self.files[name], "rb") as f:
            return f.read().decode("utf-8", "surrogateescape")

    @property
    def out(self):
        return self._text("stdout")

    @property
    def err(self):
        said = self._text("stderr")
        if not self.tells_repeats:
            said = REPEATS.sub("", said)
        # a child that shares our stack until its exec puzzles the sanitizer
        return ASAN_NOISE.sub("", said) if SANITIZED else said

    @property
    def status(self):
        return self.proc.returncode

    @property
    def wall(self):
        return self.ended - self.began

    def running(self):
        is_running = self.proc.poll() is None
        if not is_running and self.ended is None:
            self.ended = now()
        return is_running

    def wait(self, timeout=None):
        """Reap it the moment it can be reaped; an AssertionError when it does not end."""
        timeout = timeout or DEADLINE_S
        if self.proc.returncode is None:
            fd = os.pidfd_open(self.pid)
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            ready = poll.poll(timeout * 1000)
            os.close(fd)
            if not ready:
                raise AssertionError(f"still running after {timeout} s: {self.argv}\n{self.test.picture()}")
            self.ended = now()
            self.proc.wait()
        return self

    def send(self, sig):
        return send(self.pid, sig)

    def warden(self):
        """The direct child of front that has a group of its own; a reader, there for a moment, has none."""
        wait_until(lambda: children(self.pid) or not self.running(), "front has a child")
        kids = children(self.pid)
        if len(kids) > 1:
            kids = [pid for pid in kids if Stat(pid).pgrp == pid]
        assert len(kids) == 1, f"front {self.pid} has children {kids}: {self.test.picture()} {self.err}"
        return kids[0]


class Damaged(AssertionError):
    """A line of the history that fails its check."""


def parse_line(line):
    """One history line (bytes) into a dict; Damaged if its check does not hold."""
    found = re.search(rb',"check":"?([0-9a-f]{8})"?\}$', line)
    if not line.startswith(b"{") or not found:
        raise Damaged(f"torn: {line!r}")
    if zlib.crc32(line[: found.start()]) != int(found.group(1), 16):
        raise Damaged(f"check does not hold: {line!r}")
    return json.loads(line)


@functools.cache
def way_to_mounts():
    """The words before a command that give it mounts of its own; () = not allowed here."""
    way = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-Urm")
    tried = ["mount", "-t", "tmpfs", "t", tempfile.gettempdir()]
    is_possible = shutil.which("unshare") and subprocess.run([*way, *tried], stderr=subprocess.DEVNULL,
                                                             check=False).returncode == 0
    return way if is_possible else ()


class GuardTest(unittest.TestCase):
    """One scratch directory, one state directory, and nothing alive at the end."""

    RUN = (SPAWNGUARD, "run")  # test_isolate asks the same of others
    longMessage = True
    maxDiff = 4000

    def setUp(self):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.runs = []
        self.scratch = tempfile.mkdtemp(prefix="sg-e2e-")
        self.state = os.path.join(self.scratch, "state")
        self.alive_path = os.path.join(self.scratch, "alive")
        self.pids_path = os.path.join(self.scratch, "pids")
        os.mkdir(self.state, 0o700)
        self.env = self.usual_env()
        signal.signal(signal.SIGALRM, self._out_of_time)
        signal.alarm(TEST_LIMIT_S)
        faulthandler.dump_traceback_later(TEST_LIMIT_S + 60, exit=True)

    def usual_env(self):
        """The caller's, but nothing in it (nor the host's configuration) changes what a guard does."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("SPAWNGUARD_") and k != "JOURNAL_STREAM"}
        env.update(SPAWNGUARD_STATE_DIR=self.state, SPAWNGUARD_CONFIG="none", VICTIM_ALIVE=self.alive_path,
                   VICTIM_PIDS=self.pids_path, TMPDIR=self.scratch)
        return env

    def _out_of_time(self, *_):
        signal.alarm(2)  # again, and again: a subTest swallows an exception and goes on
        raise OutOfTime(f"{TEST_LIMIT_S} s are over\n{self.picture()}")

    def tearDown(self):
        signal.alarm(TEST_LIMIT_S)
        try:
            self.assert_nothing_left()
        finally:
            self._end_all()
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def shortDescription(self):
        return None  # the name of a test is its rule

    # --- starting

    def start(self, *argv, **popen):
        """Any program, in this test's environment."""
        return Run(self, [str(a) for a in argv], **popen)

    def guard(self, *args, **popen):
        """`spawnguard run ARGS`, not waited for."""
        return self.start(*self.RUN, *args, **popen)

    def run_guard(self, args, command, timeout=None, **popen):
        """`spawnguard run ARGS -- COMMAND` to its end."""
        return self.guard(*args, "--", *command, **popen).wait(timeout)

    def command(self, *args, timeout=None, **popen):
        """`spawnguard ARGS` (ps, kill, reap) to its end."""
        return self.start(SPAWNGUARD, *args, **popen).wait(timeout)

    def needs(self, facility):
        """The rest of the test asserts that very rung."""
        if facility in DENIED:
            self.skipTest(f"it is about {facility}, which SG_DENY takes away")

    def needs_isolation(self):
        """Skips where --isolate cannot be had; that it is refused then is asserted elsewhere."""
        said = self.start(SPAWNGUARD, "run", "--isolate", "--state-dir", self.path("asked"), "--", "true").wait()
        if said.status == 125 and "; nothing was started: leave --isolate out" in said.err:
            self.skipTest(said.err.strip())

    def in_mounts(self, script, *argv, **popen):
        """argv in mounts of its own, which `script` has changed; skips where that is not allowed."""
        way = way_to_mounts()
        if not way:
            self.skipTest("no mounts of one's own here")
        return self.start(*way, "sh", "-ec", script + '\nexec "$@"', "sh", *argv, **popen)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        try:
            with open(self.path(name), "rb") as f:
                return f.read().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""

    def holder(self, *args, shape="sleep", **popen):
        """A guarded job that stays: returns when its shape stands."""
        ready = self.ready_count()
        run = self.guard(*args, "--", VICTIM, *shape.split(), **popen)
        self.wait_ready(run, ready + 1)
        return run

    # --- victims

    def pids(self):
        """Every process that a victim ever was, oldest first."""
        return [int(w) for w in self.read("pids").split() if w.isdigit()]

    def ready_count(self):
        return self.read("pids").count("ready")

    def wait_ready(self, run, count=1):
        wait_until(lambda: self.ready_count() >= count or not run.running(), "the shape stands")
        if self.ready_count() < count:
            self.fail(f"ended before it was ready: status {run.status}, {run.err}")

    def members_gone(self):
        """Whether the last process that holds VICTIM_ALIVE is gone, as the kernel sees it."""
        with open(self.alive_path, "a") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    # --- what is left

    def _own(self):
        return {r.pid for r in self.runs if r.proc.returncode is None}

    def strays(self):
        """Descendants that are neither started by the test nor below something it started."""
        self._reap()
        found = descendants(os.getpid())
        for pid in self._own():
            for kept in [pid, *descendants(pid)]:
                found.pop(kept, None)
        return found

    def _reap(self):
        """Collect the zombies of others that were handed to this subreaper."""
        own = self._own()
        for pid in children(os.getpid()):
            if pid not in own:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    def picture(self, found=None):
        found = descendants(os.getpid()) if found is None else found
        return "\n".join(f"  pid {s.pid} {s.state} ppid {s.ppid} pgrp {s.pgrp} sid {s.sid} {s.comm}"
                         for s in sorted(found.values(), key=lambda s: s.pid)[:40]) or "  (no process)"

    def assert_no_survivor(self, why=""):
        """Right now, without waiting: no member holds the lock, no process is left over."""
        left = {pid: s for pid, s in self.strays().items()}
        self.assertFalse(left, f"survivors {why}:\n{self.picture(left)}")
        self.assertTrue(self.members_gone(), f"a member still holds VICTIM_ALIVE {why}")

    def assert_nothing_left(self):
        """Nothing but what is still running of self.runs; each of these must be ended by the test."""
        still = [r for r in self.runs if r.proc.poll() is None]
        left = self.strays()
        self.assertFalse(still, f"the test did not end: {[r.argv for r in still]}\n{self.picture()}")
        self.assertFalse(left, f"left behind:\n{self.picture(left)}")
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        self.fail(f"the kernel knows a child that /proc did not show:\n{self.picture()}")

    def end(self, *runs):
        """KILL of own runs whose fate does not matter to the test, and of all below them."""
        for run in runs:
            for pid in [run.pid, *descendants(run.pid)]:
                send(pid, signal.SIGKILL)
            run.wait()
        wait_until(lambda: not self.strays(), "own processes ended")

    def end_strays(self):
        """What a run left on purpose, or by a failure that must not spoil the next row."""
        for pid in self.strays():
            send(pid, signal.SIGKILL)
        wait_until(lambda: not self.strays(), "what was left is ended")

    def _end_all(self):
        end = now() + 20 * SCALE
        while now() < end:
            for pid in descendants(os.getpid()):
                send(pid, signal.SIGKILL)
            for run in self.runs:
                run.proc.poll()
            self._reap()
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            time.sleep(0.002)

    # --- records

    def history_lines(self):
        """Every line that is not blank, as bytes, over all months."""
        folder = os.path.join(self.state, "history")
        lines = []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".jsonl"):
                with open(os.path.join(folder, name), "rb") as f:
                    lines += [line for line in f.read().split(b"\n") if line]
        return lines

    def history(self):
        """All events; a damaged line fails the test."""
        return [parse_line(line) for line in self.history_lines()]

    def events(self, kind, run_id=None):
        return [e for e in self.history()
                if event_kind(e) == kind and (run_id is None or event_run(e) == run_id)]

    def end_event(self, run_id=None):
        """The one end line of that run (of the only run)."""
        ends = self.events("end", run_id)
        self.assertEqual(len(ends), 1, f"end lines of {run_id}: {ends}")
        return ends[0]

    def records(self):
        """Run ids of the unfinished records; no run id has a dot."""
        folder = os.path.join(self.state, "runs")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if "." not in name)


def event_kind(event):
    return event.get("event")


def event_run(event):
    return event.get("spawnguard.run.id")


def outcome(event):
    return event.get("spawnguard.outcome")


class Told(unittest.TextTestResult):
    """Says at the end what was skipped and why, and what was slow."""

    def startTest(self, test):
        super().startTest(test)
        self.began = now()

    def stopTest(self, test):
        super().stopTest(test)
        self.slow = getattr(self, "slow", []) + [(now() - self.began, test.id())]

    def stopTestRun(self):
        super().stopTestRun()
        for took, name in sorted(getattr(self, "slow", []), reverse=True)[:5]:
            if took > 2:
                self.stream.writeln(f"slow: {took:.1f} s: {name}")
        for test, reason in self.skipped:
            self.stream.writeln(f"skipped: {test.id()}: {reason}")


def leave_group():
    """Without a terminal the group of all tests may be an orphaned one.  Where somebody of it stands stopped, as in one test,
    the end of a process whose parent is in another group of the session, as in another test, sends HUP to all."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)


def main():
    faulthandler.enable()
    leave_group()
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Told)
    unittest.main(module="__main__", testRunner=runner)


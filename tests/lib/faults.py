"""The loop "fail the Nth call of F with E, N = 1, 2, ... until a run gets through", and what must hold after each.

With SG_LONG=1 in the environment it is every N.  Else a run in which nothing fails is counted first, and of each
function N is the first and the last; where several errors are asked of it, the second is put at the second and the
last but one, and so on; what fails from then on does so from the first, and from the middle.

Most of a case is spent waiting (for a deadline, for a grace), so each file's tests are dealt to a few processes.
"""
import faulthandler
import os
import re
import shutil
import signal
import sys
import unittest

sys.dont_write_bytecode = True
import dealt
import harness
from harness import SANITIZED, GuardTest, event_kind, event_run, wait_until

LONG = os.environ.get("SG_LONG") == "1"
CASE_S = int(os.environ.get("SG_CASE_S", "20")) # of one run: longer is a hang
READER_S = 6 # a reader that nobody could end: it ends by itself
WORKERS = int(os.environ.get("SG_FAULT_WORKERS", "16" if LONG else "6"))
CALLS_MAX = 3000 # of one function in one run; persistent faults can make a guard try again and again
BROKEN_MAX = 3   # of one row: then it is known well enough
GUARD_STATUSES = {75, 121, 124, 125}
SHIM = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libfailnth.so")

# What may fail, and how it really does.  A call that is never made costs one run.
ONCE = [
    "openat:EMFILE", "openat:EACCES", "openat:EIO", "open:EMFILE", "read:EIO", "read:EINTR", "write:ENOSPC",
    "writev:EIO", "pread:EIO", "pwrite:ENOSPC", "lseek:EINVAL", "fork:EAGAIN", "clone:EAGAIN", "clone:EINVAL",
    "socketpair:EMFILE", "epoll_create1:EMFILE", "epoll_ctl:ENOMEM", "epoll_wait:EINTR", "epoll_wait:ENOMEM",
    "poll:EINTR", "poll:ENOMEM", "timerfd_create:EMFILE", "timerfd_settime:ENOMEM", "timer_create:EAGAIN",
    "timer_settime:EINVAL", "signalfd:EMFILE", "recv:ENOMEM", "recv:EINTR", "send:ENOBUFS", "flock:ENOLCK",
    "fstat:EIO", "stat:EACCES", "fstatat:EACCES", "fstatfs:EIO", "faccessat:EACCES", "renameat:EIO",
    "renameat2:EINVAL", "renameat2:EIO", "unlinkat:EIO", "mkdirat:ENOSPC", "getrandom:EAGAIN", "waitid:EINVAL",
    "wait4:EINTR", "waitpid:EINTR", "syscall:EPERM", "syscall:EMFILE", "syscall:ENOMEM", "syscall:ENOSYS",
    "prctl:EINVAL", "setpgid:EPERM", "setsid:EPERM", "fcntl:EMFILE", "mmap:ENOMEM", "malloc:ENOMEM",
    "calloc:ENOMEM", "realloc:ENOMEM", "kill:EPERM", "pipe2:EMFILE", "chdir:EACCES", "getcwd:ENOENT",
    "readlink:EACCES", "setrlimit:EPERM", "execve:EACCES", "pidfd_open:ENOSYS", "pidfd_open:EMFILE",
    "pidfd_send_signal:ENOSYS", "close:EIO", "ioctl:ENOTTY", "statfs:EIO", "capget:EPERM", "capset:EPERM",
    "close_range:ENOSYS", "getdents64:EIO", "ftruncate:EIO", "nanosleep:EINTR", "sched_setscheduler:EPERM",
]
# Of each row also: that call and all later ones.  Not those that no kernel gives for ever: a signal that interrupts each
# call, a full pipe that poll() calls writable, a wait that tells no end (in its place: what a filter would answer).
PASSING = {"read:EINTR", "write:EINTR", "write:EAGAIN", "epoll_wait:EINTR", "poll:EINTR", "recv:EINTR", "wait4:EINTR",
           "waitpid:EINTR", "nanosleep:EINTR"}
INSTEAD = ["waitpid:ENOSYS", "nanosleep:ENOSYS", "pidfd_open:EPERM"]
PERSISTENT = [row for row in ONCE if row not in PASSING] + INSTEAD
# Where nothing can be seen of a tree that has to be ended, or no signal sent, the guard tries for its full ten seconds:
# in one scenario (is_patient) from the first call on, with SG_LONG from each; in the others only with SG_LONG, 1, 2, 4, ...
BLIND = {"openat", "pread", "fstat", "syscall", "pidfd_open"}
# Then the very line that tells of it may be lost; nothing else may.
MUTE = {"writev", "poll", "send", "recv"}
# What is said where a line of the history may be missing.
LOST = re.compile("history")
# Then the program itself may seem to be absent.
MAY_HIDE_PROGRAM = {"execve", "stat", "faccessat"}


def points(place, last, persist):
    """Which N; `place` of the row among those of its function, which was called `last` times."""
    if last == 0:
        return []
    wanted = {1, last // 2 + 1} if persist else {1 + place, last - place}
    return sorted({min(max(n, 1), last) for n in wanted})


@unittest.skipIf(SANITIZED, "a preloaded library would come before the sanitizer's own")
@unittest.skipUnless(os.path.exists(SHIM), "a static program preloads nothing")
class FaultTest(GuardTest):
    """A scenario is a subclass; prepare() comes before each run, act() while it runs, check_*() after it."""
    program = "spawnguard"
    statuses = {0}     # when nothing fails
    runs_job = True
    may_be_early = False # the end may come before the job has left its line
    blind = BLIND
    is_patient = False # also what takes ten seconds
    usual = None       # pattern of the line that is said when nothing fails

    def command(self):
        """Arguments of the faulted program."""
        raise NotImplementedError

    def prepare(self):
        pass

    def act(self, run):
        pass

    def setUp(self):
        super().setUp()
        if not os.path.exists(SHIM):
            self.skipTest(f"no {SHIM}")
        self.ran = self.path("ran")
        self.kept = []  # runs that stay from case to case
        self.fds = []   # that the faulted program inherits

    def job(self, *words):
        """A job that leaves a line for each time it runs, then becomes `words`."""
        return ["sh", "-c", f'echo ran >>{self.ran}; exec "$@"', "sh", *[str(w) for w in words]]

    def fresh(self, keep_state=True):
        for path in (self.ran, self.path("calls"), self.pids_path):
            if os.path.exists(path):
                os.unlink(path)
        if not keep_state:
            shutil.rmtree(self.state, ignore_errors=True)
            os.mkdir(self.state, 0o700)

    def times_ran(self):
        return self.read("ran").count("ran\n")

    def calls(self):
        """How many calls of each function that counts there were, over all processes of the program."""
        found = {}
        for line in self.read("calls").splitlines():
            name, count = line.split()
            found[name] = max(found.get(name, 0), int(count))
        return found

    def wanted(self, function, place, persist):
        """Which N of a function at each commit."""
        return points(place, self.usual_calls().get(function, 0), persist)

    def usual_calls(self):
        """The same of a run in which nothing fails."""
        cls = type(self)
        if "counted" not in cls.__dict__:
            self.count = 0
            self.one("count", "", 1)
            cls.counted = self.calls_made
        return cls.counted

    def said(self, run):
        return run.err

    def odd(self, run):
        """What was said beyond the usual."""
        return [line for line in self.said(run).splitlines() if not (self.usual and re.fullmatch(self.usual, line))]

    # --- one case

    def walk(self, row, persist, place=0):
        function, error = row.split(":")
        broken_cases = 0
        is_slow = persist and function in self.blind
        if LONG:
            wanted = range(1, CALLS_MAX) if not is_slow or self.is_patient else [1 << n for n in range(12)]
        else:
            wanted = self.wanted(function, place, persist)[:int(self.is_patient) if is_slow else None]
        for n in wanted:
            fault = f"{function}:{n}:{error}{':persist' if persist else ''}"
            signal.alarm(harness.TEST_LIMIT_S)
            faulthandler.dump_traceback_later(harness.TEST_LIMIT_S + 60, exit=True)
            self.count = n
            try:
                self.one(fault, function, n)
            except AssertionError as broken:
                self.clear()
                broken_cases += 1
                with self.subTest(fault):
                    raise broken
            if LONG and self.count < n or broken_cases == BROKEN_MAX:
                return

    def clear(self):
        """After a broken case: nothing of it may spoil the next."""
        self._end_all()
        for run in self.runs:
            if run.proc.returncode is None:
                run.proc.wait()
        self.runs.clear()
        self.kept.clear()
        self.fresh(keep_state=False)

    def one(self, fault, function, n):
        self.fresh()
        self.prepare()
        self.lines_before = len(self.history_lines())
        command = self.command()
        env = dict(self.env, SG_FAULT=fault, SG_FAULT_LOG=self.path("calls"), SG_FAULT_PROGRAM=self.program,
                   LD_PRELOAD=SHIM)
        run = self.start(*command, env=env, pass_fds=self.fds)
        try:
            self.act(run)
            run.wait(CASE_S)
            self.calls_made = self.calls()
            self.count = self.calls_made.get(function, 0)
            reached = function if self.count >= n else None
            self.check(run, reached)
            self.check_history(run)
            self.check_next(run, reached)
        except AssertionError as why:
            raise AssertionError(f"{why}\n--- {fault}, {self.calls().get(function, 0)} calls: status {run.status}, job ran "
                                 f"{self.times_ran()} times, said:\n{self.said(run)}{run.out}") from None
        self.runs[:] = self.kept

    def check(self, run, function):
        """Its own status, or a guard's status and a reason; nothing left."""
        times = self.times_ran()
        if self.may_be_early and run.status in self.statuses:
            times = 1
        is_own = run.status in self.statuses
        self.assertTrue(is_own or run.status >= 0, "it crashed")
        self.assertNotIn("warden was killed", run.err, "the warden crashed, or it looks like that")
        self.assertLessEqual(times, 1, "the job ran twice")
        self.check_left(run)
        if function is None:
            self.assertEqual((is_own, times, self.odd(run)), (True, int(self.runs_job), []), "nothing failed")
        elif is_own:
            self.assertEqual(times, int(self.runs_job), "as if nothing had failed")
        else:
            self.assertTrue(self.odd(run) or function in MUTE, "another status, and not a word")
            cannot_execute = {126, 127} if function in MAY_HIDE_PROGRAM else set()
            self.assertIn(run.status, {75, 125} | cannot_execute if self.runs_job and times == 0 else GUARD_STATUSES)

    def check_left(self, run):
        """Nothing, or it is told; where nothing of /proc can be read, what is left cannot be seen."""
        if run.status in {121, 125} and "cannot end " in run.err:
            wait_until(lambda: self._end_all() or not self.strays(), "what is left is ended by the test")
        self.assert_all_gone()

    def assert_all_gone(self):
        """As the kernel tells: nothing was handed to this subreaper but what the test itself has started."""
        self._reap()
        left = [p for p in harness.children(os.getpid()) if p not in self._own()]
        if any(self.is_reader(p) for p in left):
            wait_until(lambda: not any(map(self.is_reader, self.strays())), "the readers end", READER_S)
        if left:
            self.assert_no_survivor()

    def is_reader(self, pid):
        """
        One of the guard's own, in front's group, that could not be heard: it was killed, and waited for 10 ms at most, or
        could not be, and ends by itself.
        """
        stat = harness.Stat(pid)
        return stat.comm == self.program and stat.pgrp != pid

    def check_history(self, run):
        """No torn line; what was not said to be lost stands there."""
        kinds = {}
        for event in self.history()[self.lines_before:]:
            if event_kind(event) != "flag": # what it left behind, where that is seen
                kinds.setdefault(event_run(event), []).append(event_kind(event))
        for run_id, those in kinds.items():
            self.assertLessEqual(those.count("start"), 1, f"{run_id}: {those}")
            self.assertLessEqual(those.count("end"), 1, f"{run_id}: {those}")
            if self.times_ran() and run.status >= 0 and not LOST.search(self.said(run)):
                self.assertEqual(those.count("start"), 1, f"{run_id}: a lost start row, and not a word: {those}")
            if not self.odd(run):
                self.assertIn(those, [["start", "end"], ["refused"]], f"{run_id}: and not a word")

    def check_next(self, run, function):
        """The lock is free, and an ordinary start finds nothing odd; at most what was said to be lost."""
        after = self.run_guard(["-N", "faulted"], ["true"], timeout=CASE_S)
        self.assertEqual(after.status, 0, f"the next start: {after.err}")
        self.assertLessEqual(after.err.count("\n"), 1 if self.odd(run) else 0, f"the next start: {after.err}")
        if "then: spawnguard reap" in run.err: # kept for that, where the next start could not be told of it
            self.assertIn(GuardTest.command(self, "reap", timeout=CASE_S).status, {0, 1})
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [], "records are left")
        self.assert_all_gone()


class AddedTest(FaultTest):
    """What options add to a plain run: at each commit only functions that it calls more often with them."""
    job_words = ("true",)

    def options(self):
        raise NotImplementedError

    def command(self):
        options = [] if self.is_plain else self.options()
        return [*harness.GuardTest.RUN, "-N", "faulted", *options, "--", *self.job(*self.job_words)]

    is_plain = False

    def wanted(self, function, place, persist):
        cls = type(self)
        if "plain_calls" not in cls.__dict__:
            self.is_plain = True
            try:
                self.one("count", "", 1)
            finally:
                self.is_plain = False
            cls.plain_calls = self.calls_made
        last = self.usual_calls().get(function, 0)
        if last <= cls.plain_calls.get(function, 0):
            return []
        middle = last // 2 + 1
        return [middle] if persist else sorted({middle, max(last - place, 1)})


def lasting(rows):
    """Those that can also be for ever."""
    return [row for row in rows if row not in PASSING]


def enumerate_by_function(rows):
    """(place of the row among those of its function, row)."""
    places = {}
    for row in rows:
        function = row.split(":")[0]
        places[function] = places.get(function, -1) + 1
        yield places[function], row


def add_rows(cls, once=ONCE, persistent=PERSISTENT):
    """One test per row; one in all where most rows have nothing to do."""
    if issubclass(cls, AddedTest) and not LONG:
        def test_what_it_adds(self):
            for rows, persist in ((once, False), (persistent, True)):
                for place, row in enumerate_by_function(rows):
                    self.walk(row, persist, place)
        cls.test_what_it_adds = test_what_it_adds
        return cls

    def adder(row, persist, place):
        def test(self):
            self.walk(row, persist, place)
        test.__name__ = f"test_{row.replace(':', '_')}{'_persist' if persist else ''}"
        test.is_long = persist and row.split(":")[0] in cls.blind
        setattr(cls, test.__name__, test)
    for rows, persist in ((once, False), (persistent, True)):
        for place, row in enumerate_by_function(rows):
            adder(row, persist, place)
    return cls


def main():
    dealt.main(WORKERS)

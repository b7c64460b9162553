"""The job cannot tell that it is guarded, except by its parent and the named variables."""
import ctypes
import os
import resource
import signal
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, prctl

ALL_SIGNALS = set(range(1, 65))
NOT_FATAL = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH,
             signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
STRING_MAX = 128 * 1024 - 1  # MAX_ARG_STRLEN, less its NUL


def ignore(*signals):
    for sig in signals:
        try:
            signal.signal(sig, signal.SIG_IGN)
        except (OSError, ValueError):
            pass  # KILL, STOP and what the C library keeps


def limit(which, soft, hard=None):
    resource.setrlimit(which, (soft, soft if hard is None else hard))


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def lost_directory():
    os.mkdir("lost")
    os.chdir("lost")
    os.rmdir("../lost")


def empty_filter():
    """A seccomp filter that allows all: only its presence can be seen."""
    code = (ctypes.c_uint64 * 1)(0x7FFF000000000006)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
    program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code))
    prctl(38, 1)
    prctl(22, 2, ctypes.addressof(program))


def syscall(*args):
    if harness.libc.syscall(*(ctypes.c_long(a) for a in args)) < 0:
        raise OSError(ctypes.get_errno(), "syscall")


WORLDS = [
    ("nothing special", lambda: None),
    ("umask 077", lambda: os.umask(0o077)),
    ("umask 0", lambda: os.umask(0)),
    ("nice 5", lambda: os.nice(5)),
    ("SIGCHLD ignored", lambda: ignore(signal.SIGCHLD)),
    ("HUP ignored, as by nohup", lambda: ignore(signal.SIGHUP)),
    ("INT and QUIT ignored, as behind & in a script", lambda: ignore(signal.SIGINT, signal.SIGQUIT)),
    ("TERM ignored", lambda: ignore(signal.SIGTERM)),
    ("PIPE ignored", lambda: ignore(signal.SIGPIPE)),
    ("every signal ignored", lambda: ignore(*ALL_SIGNALS)),
    ("every signal blocked", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS - {32, 33})),
    ("stop signals ignored", lambda: ignore(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)),
    ("12 descriptors", lambda: limit(resource.RLIMIT_NOFILE, 12)),
    ("soft below hard descriptors", lambda: limit(resource.RLIMIT_NOFILE, 256, 1024)),
    ("no core", lambda: limit(resource.RLIMIT_CORE, 0)),
    ("stack of 1 MiB", lambda: limit(resource.RLIMIT_STACK, 1 << 20)),
    ("stack without limit", lambda: limit(resource.RLIMIT_STACK, 1 << 26, resource.getrlimit(resource.RLIMIT_STACK)[1])),
    ("files of 1 MiB", lambda: limit(resource.RLIMIT_FSIZE, 1 << 20)),
    ("CPU time of 50 s", lambda: limit(resource.RLIMIT_CPU, 50, 60)),
    ("no locked memory", lambda: limit(resource.RLIMIT_MEMLOCK, 0)),
    ("few pending signals", lambda: limit(resource.RLIMIT_SIGPENDING, 8)),
    ("real-time limit", lambda: limit(resource.RLIMIT_RTTIME, 123456)),
    ("one processor", lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})),
    ("batch scheduling", lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))),
    ("idle disk priority", lambda: syscall(251, 1, 0, 3 << 13)),
    ("timer slack of 1 ms", lambda: prctl(29, 1000000)),
    ("no random addresses", lambda: harness.libc.personality(0x0040000)),
    ("core dump filter", lambda: put("/proc/self/coredump_filter", "0x7f")),
    ("oom score 500", lambda: put("/proc/self/oom_score_adj", "500")),
    ("no new privileges", lambda: prctl(38, 1)),
    ("a seccomp filter", empty_filter),
    ("no huge pages", lambda: prctl(41, 1)),
    ("directory removed", lost_directory),
]
if not SANITIZED:  # its shadow memory alone is larger
    WORLDS.append(("48 MiB of address space", lambda: limit(resource.RLIMIT_AS, 48 << 20)))

ROOT_WORLDS = [
    ("securebits", lambda: prctl(28, 0x4 | 0x40)),
    ("a smaller bounding set", lambda: prctl(24, 21)),
    ("other groups", lambda: os.setgroups([1, 7, 65534])),
    ("another real uid", lambda: os.setresuid(1, 0, 0)),
]


class Traits(GuardTest):
    """Each world twice: bare, and under the guard; the reports must be equal."""
    WORLDS = WORLDS

    def setUp(self):
        super().setUp()
        self.report = self.path("traits")
        os.chmod(self.scratch, 0o755)
        with open(self.path("input"), "w") as f:
            f.write("0123456789" * 10)
        self.stdin = open(self.path("input"), "r+b", buffering=0)
        self.stdin.seek(7)
        self.stdout = open(self.path("output"), "ab", buffering=0)
        self.stderr = open(self.path("errors"), "ab", buffering=0)
        if SANITIZED:  # its own handlers would hide what was ignored at start
            own = [os.environ.get("ASAN_OPTIONS", ""), "handle_segv=0", "handle_sigbus=0", "handle_sigfpe=0"]
            self.env["ASAN_OPTIONS"] = ":".join(filter(None, own))

    def tearDown(self):
        for f in (self.stdin, self.stdout, self.stderr):
            f.close()
        super().tearDown()

    def traits(self, prefix, args=(), **popen):
        popen = {"stdin": self.stdin, "stdout": self.stdout, "stderr": self.stderr, **popen}
        run = self.start(*prefix, VICTIM, "traits", self.report, *args, **popen).wait()
        said = self.read("errors")
        self.assertEqual(run.status, 0, said)
        self.assertEqual(said, "")
        report = self.read("traits").splitlines()
        os.unlink(self.report)
        return report

    def assert_equal_worlds(self, name, args=(), **popen):
        with self.subTest(name):
            bare = self.traits([], args, **popen)
            guarded = self.traits([*self.RUN, "-N", "fidelity", "--session=keep", "--"], args, **popen)
            self.assert_equal(bare, guarded)
            return guarded

    def assert_equal(self, bare, guarded):
        if bare != guarded:
            self.fail("\n".join(["bare (-) and guarded (+):"] + [f"- {line[:200]}" for line in bare if line not in guarded]
                                + [f"+ {line[:200]}" for line in guarded if line not in bare]))

    def test_what_the_caller_set_reaches_the_job(self):
        for name, world in self.WORLDS:
            self.assert_equal_worlds(name, preexec_fn=world)

    def test_what_root_set_reaches_the_job(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        for name, world in ROOT_WORLDS:
            self.assert_equal_worlds(name, preexec_fn=world)

    def test_ambient_capabilities_reach_the_job(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give a capability to another uid")
        os.chown(self.state, 65534, 65534)
        os.chmod(self.scratch, 0o777)
        wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
        bare = self.traits(wrap)
        guarded = self.traits([*wrap, *self.RUN, "-N", "fidelity", "--session=keep", "--"])
        self.assert_equal(bare, guarded)
        self.assertIn("status.CapAmb:\t0000000000000400", guarded)

    def test_arguments_arrive_byte_for_byte(self):
        odd = [bytes(range(1, 256)), b"", b" ", b"-", b"--", b"-N", b"--help", b"a\nb", b"\xff\xfe", b"$(id)", b"*",
               b"%s%n", b""]
        self.assert_equal_worlds("odd bytes", [os.fsdecode(a) for a in odd])
        self.assert_equal_worlds("128 KiB each", ["x" * STRING_MAX, "y" * STRING_MAX])
        self.assert_equal_worlds("many", [str(i) for i in range(5000)])

    def exec_with(self, environ):
        """Entries as no shell would write them: through execve itself, in their order."""
        def world():
            harness.libc.execve(argv[0], argv, envp)
            os._exit(99)
        mine = b"SPAWNGUARD_STATE_DIR=" + os.fsencode(self.state)
        envp = (ctypes.c_char_p * (len(environ) + 2))(mine, *environ, None)
        reports = []
        for prefix in ([], [*self.RUN, "-N", "environ", "--session=keep", "--"]):
            words = [os.fsencode(w) for w in [*prefix, VICTIM, "traits", self.report]]
            argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
            reports.append(self.traits([], preexec_fn=world))
        self.assert_equal(*reports)
        return reports[1]

    def test_environment_arrives_byte_for_byte(self):
        rows = [
            ("empty", []),
            ("no equals sign, twice the same, no name, empty", [b"NOVALUE", b"A=1", b"A=2", b"=x", b"", b"==", b"B="]),
            ("odd bytes", [b"ODD=" + bytes(range(1, 256)), b"\xff\xfe=\x01", b"LF=a\nb"]),
            ("128 KiB", [b"LONG=" + b"x" * (STRING_MAX - 5)]),
            ("service variables stay unset", [b"HOME=/nonexistent"]),
        ]
        for name, environ in rows:
            with self.subTest(name):
                report = self.exec_with(environ)
                seen = [line for line in report if line.startswith("environ.")]
                self.assertEqual(len(seen), len(environ))

    def test_open_descriptors_keep_their_numbers(self):
        read_end, write_end = os.pipe()
        one, other = socket.socketpair()
        appended = os.open(self.path("appended"), os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.set_blocking(read_end, False)

        def world():
            for fd, number in ((read_end, 30), (write_end, 31), (one.fileno(), 32), (appended, 33)):
                os.dup2(fd, number)
            for fd, number in ((30, 3), (31, 9), (32, 10), (33, 11), (33, 12), (30, 63), (31, 200)):
                os.dup2(fd, number)
            for number in range(30, 34):
                os.close(number)

        guarded = self.assert_equal_worlds("descriptors", preexec_fn=world, close_fds=False)
        numbers = {line.split("=")[0] for line in guarded or [] if line.startswith("fd.") and ".flags" not in line}
        self.assertEqual(numbers, {f"fd.{n}" for n in (0, 1, 2, 3, 9, 10, 11, 12, 63, 200)})
        for fd in (read_end, write_end, appended):
            os.close(fd)
        one.close()
        other.close()

    def test_closed_stdio_is_closed_in_the_job(self):
        for closed in range(1, 8):
            fds = [fd for fd in range(3) if closed & 1 << fd]
            self.assert_equal_worlds(f"closed {fds}", preexec_fn=lambda fds=fds: [os.close(fd) for fd in fds])

    def test_status_descriptor_is_closed_in_the_job(self):
        def world():
            os.dup2(self.stdout.fileno(), 7)
        report = self.traits([*self.RUN, "-N", "x", "--status-fd", "7", "--"], preexec_fn=world, close_fds=False)
        self.assertFalse([line for line in report if line.startswith("fd.7")])
        self.assertIn('"spawnguard.outcome":"ok"', self.read("output"))

    def test_without_terminal_the_job_leads_a_session_of_its_own(self):
        world = {"start_new_session": True}
        report = self.traits([*self.RUN, "-N", "x", "--"], **world)
        self.assertIn("session-leader=1", report)
        self.assertIn("terminal=0", report)
        report = self.traits([*self.RUN, "-N", "x", "--session=new", "--"], **world)
        self.assertIn("session-leader=1", report)
        report = self.traits([*self.RUN, "-N", "x", "--session=keep", "--"], **world)
        self.assertIn("session-leader=0", report)

    def test_named_variables_tell_run_job_and_parent(self):
        run = self.run_guard(["-N", "my job", "--run-id", "some-id"], ["env"])
        told = dict(line.split("=", 1) for line in run.out.splitlines() if line.startswith("SPAWNGUARD_"))
        for own in ("SPAWNGUARD_STATE_DIR", "SPAWNGUARD_CONFIG"): # this test's, for the guard
            told.pop(own)
        self.assertEqual(told, {"SPAWNGUARD_RUN_ID": "some-id", "SPAWNGUARD_JOB": "my job"})
        nested = [*self.RUN, "-N", "inner", "--run-id", "inner-id", "--", "env"]
        run = self.run_guard(["-N", "outer", "--run-id", "outer-id"], nested)
        told = dict(line.split("=", 1) for line in run.out.splitlines() if line.startswith("SPAWNGUARD_"))
        for own in ("SPAWNGUARD_STATE_DIR", "SPAWNGUARD_CONFIG"): # this test's, for the guard
            told.pop(own)
        self.assertEqual(told, {"SPAWNGUARD_RUN_ID": "inner-id", "SPAWNGUARD_JOB": "inner",
                                "SPAWNGUARD_PARENT_RUN_ID": "outer-id"})


class Status(GuardTest):
    def test_each_of_256_exit_codes_is_the_jobs_own(self):
        for code in range(256):
            run = self.run_guard(["-N", "codes"], [VICTIM, "exit", code])
            self.assertEqual((run.status, run.err), (code, ""))

    def test_each_fatal_signal_is_raised_again(self):
        for sig in sorted(ALL_SIGNALS - NOT_FATAL):
            run = self.run_guard(["-N", "signals"], [VICTIM, "signal", sig])
            self.assertEqual((run.status, run.err), (-sig, ""))

    def test_front_dumps_no_core_for_the_jobs_signal(self):
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("the hard limit forbids core dumps")
        world = lambda: limit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1])
        run = self.guard("-N", "core", "--", "sh", "-c", "kill -SEGV $$", preexec_fn=world)
        info = os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual((info.si_code, info.si_status), (os.CLD_KILLED, signal.SIGSEGV))
        run.wait()

    def test_not_found_is_127_and_not_executable_126(self):
        plain = self.write("plain", "#!/bin/sh\n")
        for command, status in (("no-such-command-anywhere", 127), ("/no/such/file", 127), (plain, 126), ("/", 126),
                                (self.write("loop", f"#!{self.path('absent')}\n", 0o755), 127)):
            run = self.run_guard(["-N", "missing"], [command])
            self.assertEqual(run.status, status, command)
            self.assertRegex(run.err, r"\Aspawnguard: .*\n\Z")
            self.assertEqual(run.err.count("\n"), 1, run.err)
        self.assertEqual(self.records(), [])

    def test_the_command_is_found_by_path(self):
        self.write("only-here", "#!/bin/sh\nexit 9\n", 0o755)
        run = self.run_guard(["-N", "path"], ["only-here"], env={**self.env, "PATH": f"{self.scratch}:/usr/bin:/bin"})
        self.assertEqual(run.status, 9)


class Stdio(GuardTest):
    def test_nothing_is_said_on_success(self):
        run = self.run_guard([], ["echo", "hello"])
        self.assertEqual((run.status, run.out, run.err), (0, "hello\n", ""))

    def test_stdin_is_read_by_the_job_alone(self):
        with open(self.write("numbers", "0123456789"), "rb", buffering=0) as f:
            run = self.run_guard([], ["dd", "bs=1", "count=3", "status=none"], stdin=f)
            self.assertEqual((run.status, run.out), (0, "012"))
            self.assertEqual(f.tell(), 3)

    def test_a_megabyte_goes_through_pipes_unchanged(self):
        data = os.urandom(1 << 20)
        self.path("copy")
        with open(self.path("data"), "wb") as f:
            f.write(data)
        command = f"cat data | {SPAWNGUARD} run -N pipe -- cat | cat > copy"
        self.assertEqual(self.start("sh", "-c", command).wait().status, 0)
        with open(self.path("copy"), "rb") as f:
            self.assertEqual(f.read(), data)

    def test_status_is_kept_when_output_goes_nowhere(self):
        broken, reader = self.broken_pipe()
        with open("/dev/full", "w") as full:
            for name, popen in (("full", {"stdout": full, "stderr": full}),
                                ("broken", {"stdout": broken, "stderr": broken}),
                                ("closed", {"preexec_fn": lambda: os.closerange(0, 3)})):
                with self.subTest(name):
                    run = self.run_guard(["-N", name, "--stats"], [VICTIM, "exit", "41"], **popen)
                    self.assertEqual(run.status, 41)
                    run = self.run_guard(["-N", name, "-t", "0.1", "-k", "0.1"], [VICTIM, "setsid"], **popen)
                    self.assertEqual(run.status, 124)
                    self.assert_no_survivor(name)
        os.close(broken)

    def broken_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        return writer, None

    def test_conflict_status_is_kept_when_the_message_cannot_be_written(self):
        held = self.holder("-N", "held")
        broken, _ = self.broken_pipe()
        with open("/dev/full", "w") as full:
            for name, popen in (("full", {"stderr": full}), ("broken", {"stderr": broken}),
                                ("closed", {"preexec_fn": lambda: os.close(2)})):
                with self.subTest(name):
                    self.assertEqual(self.run_guard(["-N", "held"], ["true"], **popen).status, 75)
        os.close(broken)
        self.end(held)

    def test_the_jobs_sigpipe_is_as_it_was(self):
        run = self.start("bash", "-c", f"{SPAWNGUARD} run -N y -- yes | head -n 1; echo ${{PIPESTATUS[0]}}").wait()
        self.assertEqual(run.out, "y\n141\n")


class OddStarts(GuardTest):
    """Started in a world that breaks careless programs, the guard still guards."""

    WORLDS = [
        ("SIGCHLD ignored", lambda: ignore(signal.SIGCHLD)),
        ("every signal blocked", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS - {32, 33})),
        ("12 descriptors", lambda: limit(resource.RLIMIT_NOFILE, 12)),
        ("stdio closed", lambda: os.closerange(0, 3)),
        ("every signal ignored", lambda: ignore(*ALL_SIGNALS)),
        ("directory removed", lost_directory),
    ]

    def test_status_timeout_and_leftovers_work(self):
        for name, world in self.WORLDS:
            with self.subTest(name):
                try:
                    self.guards_in(name, world)
                finally:
                    self.end_strays()

    def guards_in(self, name, world):
        self.assertEqual(self.run_guard(["-N", "odd"], [VICTIM, "exit", "7"], preexec_fn=world).status, 7)
        run = self.run_guard(["-N", "odd", "-t", "0.2", "-k", "0.1"], [VICTIM, "daemon"], preexec_fn=world)
        self.assertEqual(run.status, 124)
        self.assert_no_survivor(name)
        self.assertLess(run.wall, 0.3 + 1.0 * SCALE)
        run = self.run_guard(["-N", "odd", "-k", "0.1"], [VICTIM, "-x", "setsid"], preexec_fn=world)
        self.assertEqual(run.status, 0)
        self.assert_no_survivor(name)

    def test_nohup_lets_hangup_pass(self):
        run = self.holder("-N", "nohup", preexec_fn=lambda: ignore(signal.SIGHUP))
        run.send(signal.SIGHUP)
        run.send(signal.SIGTERM)
        run.wait()
        self.assertEqual(run.status, -signal.SIGTERM)
        self.assertEqual(self.end_event()["spawnguard.outcome"], "killed")

    def test_term_reaches_a_guard_that_was_started_with_all_blocked(self):
        world = lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS - {32, 33})
        run = self.holder("-N", "blocked", "-k", "0.2", preexec_fn=world)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL)  # the job blocks TERM, as it was told


if __name__ == "__main__":
    harness.main()

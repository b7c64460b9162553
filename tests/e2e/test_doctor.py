"""What doctor says is true: each line is provoked on a machine made worse by a namespace, a limit, a mount or a filter."""
import glob
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, GuardTest, descendants, send, wait_until

IS_ROOT = os.geteuid() == 0
SOURCE = os.environ.get("SG_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.path.dirname(os.path.dirname(SPAWNGUARD))
DENY = os.path.join(os.environ["SG_TEST_BIN"], "deny")
STRANGER = 61234
VERDICTS = ["ok", "note", "weak", "broken"]
EXITS = {"ok": 0, "note": 0, "weak": 1, "broken": 3}

# The ways to make a machine worse: words before the command, a script in mounts of its own, or a limit.


def denied(*pairs):
    return {"words": [DENY, *pairs, "--"]}


def mounts(script, flags=()):
    return {"script": script, "flags": list(flags)}


def limit(which, value):
    return {"before": lambda: resource.setrlimit(which, (value, value))}


def masked(path, *files):
    """An empty file system over `path`, with these (name, text) in it."""
    lines = [f'mount -t tmpfs -o mode=755 t "{path}"']
    for name, text in files:
        lines += [f'mkdir -p "{os.path.dirname(os.path.join(path, name))}"', f"printf '%s' '{text}' >'{path}/{name}'"]
    return mounts("\n".join(lines))


def covered(path, text):
    """Another file in the place of `path`."""
    return mounts(f"printf '%s' '{text}' >\"$SCRATCH/cover\"\nmount --bind \"$SCRATCH/cover\" '{path}'")


OWN_PIDS = ["-pf", "--mount-proc"]
NO_PROC = masked("/proc")
GARBAGE = "\\033[31m %n\\377 ) S 0 0 x\n"
GARBAGE_FILES = [(name, GARBAGE * 20) for name in (
    "self/stat", "self/status", "self/mountinfo", "self/cgroup", "loadavg", "pressure/memory",
    "sys/kernel/random/boot_id", "sys/kernel/perf_event_paranoid", "sys/kernel/sched_autogroup_enabled",
    "sys/kernel/yama/ptrace_scope")]

# (line, how, verdicts, what the line says); verdict None: whatever it is
PROVOKED = [
    ("membership", NO_PROC, ["broken"], "only the job's own process"),
    ("membership", mounts("", ["-pf"]), ["broken"], "another PID namespace"),
    ("membership", mounts("mount -t tmpfs t /proc/$$/task"), ["weak"], "searched for children.*CONFIG_PROC_CHILDREN"),
    ("identity", denied("pidfd_open=ENOSYS"), ["weak"], "pidfd_open: Function not implemented.*Linux 5.3"),
    ("identity", denied("pidfd_open=EPERM", "pidfd_send_signal=EPERM"), ["weak"], "number and start time.*seccomp"),
    ("births", denied("perf_event_open=EACCES"), ["ok"], "at least so many.*perf task records: denied here"),
    ("births", masked("/proc/sys/kernel", ("perf_event_paranoid", "3")), None, "perf"),
    ("cap", denied("unshare=EPERM"), ["note"], "own limit: denied here"),
    ("kill", denied("pidfd_send_signal=ENOSYS"), ["weak"], "own children.*Linux 5.1"),
    ("kill", NO_PROC, ["broken"], "see membership"),
    ("kill", denied("sched_setscheduler=EPERM"), ["ok"], r"SCHED_FIFO\): denied here"),
    ("memory", NO_PROC, ["weak"], "not known"),
    ("ptrace-reads", NO_PROC, ["weak"], "no environment can be read"),
    ("pressure", masked("/proc/pressure"), ["note"], "not known"),
    ("libraries", mounts("for f in $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p | sed -n 's/.*=> \\(.*libsmartcols.so.1\\)$/\\1/p'); do "
                         "mount --bind /dev/null \"$f\"; done; test -n \"$f\""), ["weak"], "libsmartcols does not load"),
    ("calls", denied("flock=ENOLCK"), ["broken"], "flock: No locks available"),
    ("calls", denied("prctl=EPERM"), ["broken"], "subreaper"),
    ("calls", denied("signalfd4=ENOSYS"), ["broken"], "signalfd"),
    ("calls", denied("epoll_create1=ENOSYS"), ["broken"], "epoll"),
    ("calls", denied("timerfd_create=ENOSYS"), ["broken"], "timerfd"),
    ("calls", denied("socketpair=EACCES"), ["broken"], "socketpair"),
    ("calls", denied("clone=EAGAIN", "clone3=EAGAIN"), ["broken"], "fork: .*spawn: "),
    ("kernel", {"words": ["setarch", "--uname-2.6"]}, ["ok"], r"Linux 2\.6\."),
    ("procfs", NO_PROC, ["broken"], "does not show us"),
    ("procfs", mounts("mount -o remount,hidepid=2 /proc", OWN_PIDS), ["note"], "hidepid.*remount"),
    ("procfs", {**mounts("mount -o remount,hidepid=2 /proc", OWN_PIDS),
                "words": ["unshare", "-U", "--map-user=1000", "--map-group=1000"]}, ["weak"], "hidden"),
    ("procfs", mounts("mount -t proc -o subset=pid proc /proc", ["-pf"]), ["weak"], "subset=pid: no boot id"),
    ("pidfd", denied("pidfd_open=ENOSYS"), ["weak"], "pidfd_open: Function not implemented"),
    ("pidfd", denied("pidfd_send_signal=EPERM"), ["weak"], "pidfd_send_signal: Operation not permitted"),
    ("cgroup", mounts("", ["-C"]), ["ok", "note"], "ours to divide|delegated but not writable"),
    ("cgroup", mounts("umount -R -l /sys/fs/cgroup"), ["note"], "none is mounted"),
    ("perf", denied("perf_event_open=EPERM"), ["note"], "task records denied.*Operation not permitted"),
    ("psi", masked("/proc/pressure"), ["note"], "CONFIG_PSI"),
    ("scheduling", masked("/proc/sys/kernel", ("sched_autogroup_enabled", "0")), ["ok"], "autogroup off"),
    ("scheduling", denied("sched_setscheduler=EPERM"), ["ok"], "SCHED_FIFO denied"),
    ("limit-processes", limit(resource.RLIMIT_NPROC, 50), ["ok"] if IS_ROOT else ["weak"],
     "50 .*does not bind root" if IS_ROOT else "50 .*ulimit -u"),
    ("limit-files", limit(resource.RLIMIT_NOFILE, 20), ["weak"], "20 .*for each member"),
    ("limit-files", limit(resource.RLIMIT_NOFILE, 9), ["broken"], "9 "),
    ("limit-locked", limit(resource.RLIMIT_MEMLOCK, 0), ["ok"], "0 .*locks no memory"),
    ("clock", covered("/sys/devices/system/clocksource/clocksource0/current_clocksource", "jiffies\n"), ["note"],
     "jiffies.*slow"),
    ("clock", mounts("", ["-T", "-f", "--boottime", "100000000"]), ["note"], "up [0-9]+d.*time namespace"),
    ("boot-id", covered("/proc/sys/kernel/random/boot_id", ""), ["weak"], "no id in its file"),
    ("boot-id", covered("/proc/sys/kernel/random/boot_id", "no-id-\\033[31m\n"), ["weak"], "no id in its file"),
    ("machine-id", covered("/etc/machine-id", ""), ["note"], "no id.*several machines"),
    ("pid-namespace", mounts("", OWN_PIDS), ["note"], "one of its own.*PID 1"),
    ("user-namespace", {"words": ["unshare", "-U", "--map-user=1000", "--map-group=1000"]}, ["note"],
     "one of its own.*uid 1000"),
    ("seccomp", denied("bpf=EPERM"), ["note"], "[1-9] filter"),
    ("ptrace-scope", masked("/proc/sys/kernel", ("yama/ptrace_scope", "2")), ["ok"], "Yama 2"),
    ("logout", masked("/etc/systemd", ("logind.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n")), ["note"],
     "yes in /etc/systemd/logind.conf: detached runs end at logout"),
    ("logout", masked("/etc/systemd", ("logind.conf", "[Login]\nKillUserProcesses=no\n"),
                      ("logind.conf.d/50-a.conf", "[Login]\n KillUserProcesses = true\nKillExcludeUsers=nobody\n"),
                      ("logind.conf.d/60-b.conf.off", "KillUserProcesses=no\n"),
                      ("logind.conf.d/40-c.conf", "KillUserProcesses=no\n#KillUserProcesses=no\n")), ["note"],
     "50-a.conf: detached runs end"),
    ("logout", masked("/etc/systemd", ("logind.conf", "[Login]\nKillUserProcesses=yes\n")), ["ok"], "root excepted"),
    ("state", mounts('mount --bind "$STATE" "$STATE"\nmount -o remount,ro,bind "$STATE"'), ["broken"],
     "Read-only file system.*--state-dir"),
    ("state", mounts('mount -t tmpfs -o nr_inodes=1,mode=700 t "$STATE"'), ["broken"], "No space left"),
    ("history", mounts('mount -t tmpfs -o mode=700 t "$STATE"'), ["weak"], "in memory.*next boot"),
    ("history", mounts('mkdir -m 700 "$STATE/history"\nmount --bind "$STATE/history" "$STATE/history"\n'
                       'mount -o remount,ro,bind "$STATE/history"'), ["weak"], "Read-only file system"),
    ("space", mounts('mount -t tmpfs -o size=64k,mode=700 t "$STATE"'), ["weak"], "nearly full.*make room"),
    ("space", mounts('mount -t tmpfs -o size=64k,mode=700 t "$STATE"\n'
                     '{ cat /dev/zero >"$STATE/fill"; } 2>/dev/null || :'), ["weak"],
     "writing: No space left on device"),
]
# Lines that other tests of this file provoke, by a decorator.
BY_HAND = set()


def provokes(line):
    BY_HAND.add(line)
    return lambda test: test


def doc():
    with open(os.path.join(SOURCE, "doc/doctor.md")) as f:
        return f.read()


def section(title):
    """First cells of the table below a heading of doc/doctor.md."""
    text = doc().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)`", text, re.M)


def rungs():
    """{ladder: its rungs} as doc/doctor.md has them."""
    text = doc().split("## Ladders\n", 1)[1].split("\n## ", 1)[0]
    return {name: set(re.findall(r"`([^`]+)`", cell))
            for name, cell in re.findall(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|", text, re.M)}


class DoctorTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.env.update(SCRATCH=self.scratch, STATE=self.state)
        self.doctor = [SPAWNGUARD, "doctor"]

    def tree_of_state(self):
        return sorted(os.path.join(at, name) for at, dirs, files in os.walk(self.state) for name in dirs + files)

    def examined(self, run, before=None):
        """The object of a `doctor --json`, checked in all that holds for every machine."""
        run.wait(60 * SCALE)
        try:
            said = json.loads(run.out)
        except ValueError:
            self.fail(f"no JSON: {run.status} {run.out!r} {run.err}")
        self.assertEqual(run.err, "")
        self.assertEqual(sorted(said), sorted(n for n in section("The object") if n != "selftest"))
        self.assertEqual([line["name"] for line in said["lines"]], section("Ladders") + section("Lines"))
        for line in said["lines"]:
            self.assertEqual(set(line) - set(section("Of each line")), set())
            self.assertIn(line["verdict"], VERDICTS)
            self.assertEqual(line["ladder"], "rung" in line, line)
            self.assertIn(line.get("rung"), rungs().get(line["name"], {None}), line)
            for text in line.values():
                if isinstance(text, str):
                    self.assertRegex(text, r"\A[^\x00-\x1f\x7f-\x9f]+\Z", line)
        worst = max((line["verdict"] for line in said["lines"]), key=VERDICTS.index)
        self.assertEqual((said["verdict"], said["exit"], run.status), (worst, EXITS[worst], EXITS[worst]))
        if before is not None:
            self.assertEqual(self.tree_of_state(), before, "something was made")
        return {line["name"]: line for line in said["lines"]}

    def examine(self, *args, **popen):
        return self.examined(self.start(*self.doctor, "--json", *args, **popen), self.tree_of_state())

    def start_worse(self, how, *argv):
        """argv on a machine that was made worse; skips where that is not allowed here."""
        words = [*how.get("words", []), *argv]
        popen = {"preexec_fn": how["before"]} if "before" in how else {}
        if "script" not in how:
            if not popen and self.start(*how["words"], "true").wait().status != 0:
                self.skipTest(f"cannot: {how['words']}")
            return self.start(*words, **popen)
        way = ["unshare", "-m" if IS_ROOT else "-Urm", *how["flags"], "sh", "-ec", how["script"] + '\nexec "$@"', "sh"]
        tried = self.start(*way, "sh", "-c", ":").wait()
        if tried.status != 0:
            self.skipTest(f"not allowed here: {tried.err.strip()[:200]}")
        shutil.rmtree(os.path.join(self.state, "history"), ignore_errors=True)
        return self.start(*way, *words, **popen)

    def assert_line(self, line, verdicts, text):
        said = " ".join(line.get(part, "") for part in ("what", "why", "do"))
        if verdicts and "children" in harness.DENIED:
            verdicts = [*verdicts, "weak"]  # /proc lacks more than is asked about
        if verdicts:
            self.assertIn(line["verdict"], verdicts, said)
        self.assertRegex(said, text)


class Provoked(DoctorTest):
    """One test for each row of PROVOKED, made below."""


def provoked_test(name, how, verdicts, text):
    def test(self):
        if name in harness.DENIED: # what it is told of is hidden before it looks
            self.needs(name)
        run = self.start_worse(how, *self.doctor, "--json")
        self.assert_line(self.examined(run)[name], verdicts, text)

    needs_proc = how is NO_PROC or "before" in how
    return unittest.skipIf(SANITIZED and needs_proc, "the sanitizer needs /proc, and descriptors of its own")(test)


for number, row in enumerate(PROVOKED):
    setattr(Provoked, f"test_{row[0].replace('-', '_')}_{number:02d}", provoked_test(*row))


class Table(DoctorTest):
    def test_every_line_is_provoked(self):
        lines = {line for line, *_ in PROVOKED} | BY_HAND
        self.assertEqual(lines, set(self.examine()))

    def test_every_rung_and_line_of_the_source_is_described(self):
        described = set().union(*rungs().values())
        source = ""
        for path in ("cmd/doctor_ladders.c", "tree/tree.c", "core/ending.c", "core/births.c", "cmd/doctor_rows.c"):
            with open(os.path.join(SOURCE, "src", path)) as f:
                source += f.read()
        for rung in described:
            self.assertIn(f'"{rung}"', source)
        used = re.findall(r'finding_set\(f,[^;]*?VERDICT_\w+,\s*"([a-z-]+)"', source)
        self.assertGreater(len(used), 8)
        self.assertEqual(set(used) - described, set())
        rows = re.findall(r'^\t\{ "([a-z-]+)",', source, re.M)
        self.assertEqual(rows, section("Ladders") + section("Lines"))

    def test_the_text_has_the_same_lines(self):
        told = self.start(*self.doctor).wait()
        lines = told.out.splitlines()
        names = section("Ladders") + section("Lines")
        self.assertEqual([line.split()[1] for line in lines], names)
        for line in lines:
            self.assertRegex(line, r"\A(ok|note|weak|broken) +\S+ +\S")
        self.assertEqual(told.err, "")


class Sound(DoctorTest):
    @unittest.skipIf(harness.DENIED, "it is not what SG_DENY leaves of a machine")
    def test_a_plain_machine_is_good_enough(self):
        lines = self.examine()
        weak = {name: line for name, line in lines.items() if line["verdict"] in ("weak", "broken")}
        if lines["history"].get("why", "").startswith("in memory"):
            self.skipTest("the scratch directory is in memory")
        self.assertEqual(weak, {})

    def test_usage(self):
        for args in (["word"], ["--nonsense"], ["--color=pink"], ["--selftest", "word"], ["@tree"]):
            with self.subTest(args):
                run = self.start(*self.doctor, *args).wait()
                self.assertEqual((run.status, run.out), (2, ""))
                self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")

    def test_colours_only_where_they_are_wanted(self):
        rows = [  # options, environment, to a file, on a terminal
            ([], {}, False, True),
            (["--color=auto"], {}, False, True),
            (["--color=always"], {}, True, True),
            (["--color=never"], {}, False, False),
            ([], {"NO_COLOR": "1"}, False, False),
            ([], {"NO_COLOR": ""}, False, True),
            ([], {"CLICOLOR_FORCE": "1"}, True, True),
            ([], {"CLICOLOR_FORCE": "0"}, False, True),
            ([], {"CLICOLOR_FORCE": ""}, False, True),
            ([], {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False, False),
            (["--color=always"], {"NO_COLOR": "1"}, True, True),
            (["--color=never"], {"CLICOLOR_FORCE": "1"}, False, False),
            (["--json", "--color=always"], {"CLICOLOR_FORCE": "1"}, False, False),
        ]
        for args, wish, in_file, on_terminal in rows:
            with self.subTest(args=args, wish=wish):
                env = {k: v for k, v in self.env.items() if k not in ("NO_COLOR", "CLICOLOR_FORCE")} | wish
                run = self.start(*self.doctor, *args, env=env).wait()
                self.assertEqual("\033[" in run.out, in_file)
                master, slave = pty.openpty()
                self.addCleanup(os.close, master)
                shown = self.start(*self.doctor, *args, env=env, stdout=slave)
                os.close(slave)
                said = b""
                while (piece := self.read_terminal(master)):
                    said += piece
                shown.wait()
                self.assertEqual(b"\033[" in said, on_terminal)
                if in_file:  # each line whole: what was begun is ended, and nothing else is coloured
                    for line in run.out.splitlines():
                        self.assertRegex(line, r"\A(?:\033\[3[123]m)?(?:ok|note|weak|broken) *(?:\033\[0m)?[^\033]*\Z")
                        self.assertEqual(line.count("\033[0m"), line.count("\033[3"))

    @staticmethod
    def read_terminal(master):
        try:
            return os.read(master, 65536)
        except OSError:
            return b""  # EIO: nobody has it open any more

    def test_nobody_listens(self):
        full = os.open("/dev/full", os.O_WRONLY)
        run = self.start(*self.doctor, stdout=full).wait()
        os.close(full)
        self.assertEqual(run.status, 3)

    def test_in_the_C_locale(self):
        """Foreign names are shown as the locale can, and inert in each; nothing else depends on it."""
        nasty = os.path.join(os.fsencode(self.scratch), b"n\033[31m\xff\xc3\xa4\xe2\x80\xae")
        os.mkdir(nasty, 0o700)
        shown, judged = {}, {}
        for locale in ("C", "C.UTF-8", "nonsense"):
            env = dict(self.env, LC_ALL=locale, LANG=locale)
            run = self.start(*self.doctor, "--state-dir=" + os.fsdecode(nasty), env=env).wait()
            self.assertRegex(run.out, r"\A[^\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\udc80-\udcff]+\Z", locale)
            self.assertTrue(run.out.isascii() or locale == "C.UTF-8", locale)
            self.assertIn("/n\\x1b[31m\\xff" + ("ä" if locale == "C.UTF-8" else "\\xc3\\xa4") + "\\xe2\\x80\\xae (as given)", run.out)
            shown[locale] = [line.split()[:2] for line in run.out.splitlines()]
            judged[locale] = {name: line["verdict"] for name, line in self.examine(env=env).items()}
        for locale in ("C.UTF-8", "nonsense"):
            self.assertEqual(shown[locale], shown["C"])
            self.assertEqual(judged[locale], judged["C"])

    def test_few_descriptors_and_none(self):
        if SANITIZED:
            self.skipTest("the sanitizer needs descriptors of its own")
        for count in range(4, 16):
            with self.subTest(count):
                run = self.start(*self.doctor, "--json",
                                 preexec_fn=lambda n=count: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))).wait()
                if run.status != 127 and "error while loading" not in run.err:
                    self.assertIn(json.loads(run.out)["exit"], (1, 3))

    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc")
    def test_garbage_in_proc(self):
        run = self.start_worse(masked("/proc", *GARBAGE_FILES), *self.doctor, "--json")
        lines = self.examined(run)
        self.assertEqual(lines["membership"]["verdict"], "broken")
        self.assert_line(lines["membership"], ["broken"], "does not say what a kernel says")
        self.assertEqual(lines["boot-id"]["verdict"], "weak")


class Wrapper(DoctorTest):
    def install(self):
        """A copy of what is installed; its doctor, called by its own name."""
        shutil.copytree(os.path.join(BUILD, "libexec"), self.path("prefix/libexec"))
        os.mkdir(self.path("prefix/bin"))
        self.doctor = [self.path("prefix/libexec/spawnguard/doctor")]
        return self.path("prefix/bin/spawnguard")

    @provokes("version")
    def test_one_that_is_missing_other_or_odd(self):
        wrapper = self.install()
        self.assert_line(self.examine()["version"], ["broken"], "No such file")
        rows = [
            ("another version", "echo spawnguard 99.9", ["weak"], "is 99.9"),
            ("garbage", "printf 'spawnguard \\033[31m\\377\\n'", ["weak"], r"\\x1b\[31m"),
            ("not ours", "echo something else", ["broken"], "bin/spawnguard"),
            ("silent", ":", ["broken"], "bin/spawnguard"),
            ("failing", "exit 3", ["broken"], "bin/spawnguard"),
            ("loud", "yes spawnguard | head -c 100000", ["broken", "weak"], "spawnguard"),
        ]
        for what, script, verdicts, text in rows:
            with self.subTest(what):
                with open(wrapper, "w") as f:
                    f.write(f"#!/bin/sh\n{script}\n")
                os.chmod(wrapper, 0o755)
                self.assert_line(self.examine()["version"], verdicts, text)
        shutil.copy(SPAWNGUARD, wrapper)
        self.assert_line(self.examine()["version"], ["ok"], r"spawnguard [0-9.]+")

    @unittest.skipIf(IS_ROOT, "root reads what has no mode")
    def test_a_program_that_cannot_be_read_cannot_look_at_its_own(self):
        """The kernel hides the processes of such a program even from their own user."""
        shutil.copy(SPAWNGUARD, self.install())
        os.chmod(self.doctor[0], 0o111)
        self.assert_line(self.examine()["ptrace-reads"], ["weak"], "Permission denied.*readable")


class Config(DoctorTest):
    @provokes("config")
    def test_files_that_are_good_and_bad(self):
        rows = [
            ("good", "[defaults]\ntimeout = 1h\n", ["ok"], "conf"),
            ("an unknown key in a job", "[job x]\nbad = 1\n", ["weak"], "conf:2: unknown key"),
            ("an unknown key for all", "[defaults]\nbad = 1\ntimeout = x\n", ["broken"], "2 problems, the first: .*conf:2"),
            ("garbage", "\033[31m]\0x\n" * 10, ["broken"], "problem"),
        ]
        for what, text, verdicts, said in rows:
            with self.subTest(what):
                file = self.write("conf", text)
                self.assert_line(self.examine(f"--config={file}")["config"], verdicts, said)
        self.assert_line(self.examine(f"--config={self.path('none')}")["config"], ["broken"], "no such")
        self.assert_line(self.examine()["config"], ["ok"], "no file")

    def test_one_that_others_can_write(self):
        file = self.write("conf", "", mode=0o666)
        self.assert_line(self.examine(f"--config={file}")["config"], ["broken"], "conf")

    def test_it_says_where_state_is(self):
        place = self.path("other")
        file = self.write("conf", f"[defaults]\nstate-dir = {place}\n")
        env = {k: v for k, v in self.env.items() if k != "SPAWNGUARD_STATE_DIR"}
        self.assert_line(self.examine(f"--config={file}", env=env)["state"], ["ok"], "other .*would be made")
        self.assertFalse(os.path.exists(place))


class State(DoctorTest):
    def at(self, path):
        return self.examine(f"--state-dir={path}")["state"]

    @provokes("state")
    def test_what_a_start_refuses(self):
        loop = self.path("loop")
        os.symlink(loop, loop)
        file = self.write("file", "x")
        link = self.path("link")
        os.symlink(self.state, link)
        for what, path in (("a file", file), ("below a file", file + "/x"), ("a link", link), ("a loop", loop),
                           ("of another", "/usr" if not IS_ROOT else None), ("not to be made", "/proc/no/such"),
                           ("too long", self.scratch + "/" + "x" * 200 + "/" + "y" * 200 + "/" + "z" * 200)):
            if path:
                with self.subTest(what):
                    self.assert_line(self.at(path), ["broken"], "cannot ")
                    self.assertEqual(self.run_guard([f"--state-dir={path}"], ["true"]).status, 125, what)

    def test_what_is_missing_is_not_made(self):
        place = self.path("a/b/c")
        self.assert_line(self.at(place), ["ok"], "would be made")
        self.assertFalse(os.path.exists(self.path("a")))
        self.assertEqual(self.run_guard([f"--state-dir={place}"], ["true"]).status, 0)

    def test_modes(self):
        for mode, verdict in ((0o777, "broken"), (0o770, "broken"), (0o755, "ok"), (0o700, "ok")):
            with self.subTest(oct(mode)):
                os.chmod(self.state, mode)
                self.assertEqual(self.at(self.state)["verdict"], verdict)

    def test_parts(self):
        for part in ("locks", "locks/job", "runs"):
            os.makedirs(os.path.join(self.state, part), mode=0o700, exist_ok=True)
            os.chmod(os.path.join(self.state, part), 0o755)
            self.assert_line(self.at(self.state), ["broken"], "not ours alone")
            os.chmod(os.path.join(self.state, part), 0o700)
        self.assertEqual(self.at(self.state)["verdict"], "ok")

    @provokes("history")
    def test_a_history_that_others_can_read(self):
        os.mkdir(os.path.join(self.state, "history"), 0o755)
        self.assert_line(self.examine()["history"], ["broken"], "not ours alone")

    @unittest.skipUnless(IS_ROOT, "only root can give a directory away")
    def test_of_another_user(self):
        os.chown(self.state, STRANGER, STRANGER)
        self.assert_line(self.at(self.state), ["broken"], "belongs to another user")
        os.chown(self.state, 0, 0)

    @unittest.skipIf(IS_ROOT, "no mode stops root")
    def test_without_permission(self):
        os.chmod(self.state, 0o500)
        self.assert_line(self.at(self.state), ["broken"], "Permission denied")
        os.chmod(self.state, 0o700)

    def test_by_the_ladder(self):
        env = {k: v for k, v in self.env.items() if k not in ("SPAWNGUARD_STATE_DIR", "STATE_DIRECTORY")}
        line = self.examine(env=env)["state"]
        self.assertIn("root's own" if IS_ROOT else "for state" if line["verdict"] == "broken" else "home", line["what"])


class SelfTest(DoctorTest):
    def selftest(self, *args, **popen):
        return self.start(*self.doctor, "--selftest", *args, **popen)

    def assert_clean(self):
        self.assertFalse(os.path.exists(os.path.join(self.state, "selftest")))

    def test_it_passes_in_good_time(self):
        run = self.selftest("--json").wait(60 * SCALE)
        said = json.loads(run.out)
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        self.assertEqual([s["name"] for s in said["selftest"]], ["start", "lock", "kill", "limit", "record"])
        for step in said["selftest"]:
            self.assertEqual(set(step) - set(section("Of each step of the self-test")), set())
        # Two seconds on a quiet machine; what is asked here is that it does not wait for anything.
        self.assertLess(sum(s["seconds"] for s in said["selftest"]), 8 * SCALE)
        self.assert_clean()
        self.assertEqual(self.history_lines(), [], "it has a history of its own")

    def test_its_text_has_a_line_for_each_step(self):
        run = self.selftest().wait(60 * SCALE)
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        self.assertEqual(len(run.out.splitlines()), 5)
        for line in run.out.splitlines():
            self.assertRegex(line, r"\Aok +\w+ .* \d+ ms\Z")

    def test_two_at_once_take_turns(self):
        runs = [self.selftest() for _ in range(2)]
        for run in runs:
            self.assertEqual(run.wait(60 * SCALE).status, 0, run.out + run.err)
        self.assert_clean()

    def test_within_a_guarded_run(self):
        run = self.run_guard(["-N", "outer"], [*self.doctor, "--selftest"], timeout=60 * SCALE)
        self.assertEqual(run.status, 0, run.out + run.err)
        self.assert_clean()

    def test_a_step_that_fails_is_told_and_nothing_is_left(self):
        run = self.start(DENY, "timerfd_create=ENOSYS", "--", *self.doctor, "--selftest").wait(60 * SCALE)
        self.assertEqual(run.status, 3, run.out)
        self.assertRegex(run.out, r"\Abroken +start .*\n\Z")
        self.assert_clean()

    def test_without_locks(self):
        run = self.start(DENY, "flock=ENOLCK", "--", *self.doctor, "--selftest").wait(60 * SCALE)
        self.assertEqual((run.status, run.out), (3, ""))
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")

    def test_without_a_place(self):
        run = self.selftest(f"--state-dir={self.write('file', 'x')}").wait()
        self.assertEqual((run.status, run.out), (3, ""))

    def test_what_a_killed_one_left_goes_with_the_next(self):
        run = self.selftest()
        runs = os.path.join(self.state, "selftest", "runs")
        wait_until(lambda: os.path.isdir(runs) and any("." not in n for n in os.listdir(runs)), "its run stands")
        send(run.pid, signal.SIGKILL)
        run.wait()
        again = self.selftest().wait(90 * SCALE)
        self.assertEqual(again.status, 0, again.out + again.err)
        self.assert_clean()
        wait_until(lambda: not self.strays(), "what the first one started is gone")


if __name__ == "__main__":
    harness.main()

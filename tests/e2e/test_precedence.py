"""The command line, the user's file, the system's file, what is built in: the first that says something, for every key.

The files are real ones, in an /etc of our own.  A new option that is a key too needs a row here.
"""
import json
import os
import re
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, children, event_kind, outcome, send, wait_until

NICE = os.getpriority(os.PRIO_PROCESS, 0)  # of whoever runs the tests
# Six texts for each key, none of which is refused; which of them counts is told by file and line.
TEXTS = {
    "wait": ["1s", "2s", "3s", "4s", "5s", "6s"],
    "on-conflict": ["fail", "skip", "wait"] * 2,
    "queue-max": ["1", "2", "3", "4", "5", "6"],
    "slots": ["1", "2", "3", "4", "5", "6"],
    "expect-mem": ["1K", "2K", "3K", "4K", "5K", "6K"],
    "reserve-mem": ["1K", "2K", "3K", "4K", "5K", "6K"],
    "min-free": [f"/:{i}K" for i in range(1, 7)],
    "max-pressure": [f"io={90 + i}" for i in range(6)],
    "conflict-exit-code": ["1", "2", "3", "4", "5", "6"],
    "signal": ["INT", "HUP", "USR1", "USR2", "QUIT", "ALRM"],
    "term": ["tree", "job"] * 3,
    "end-on": ["INT", "HUP", "USR1", "USR2", "QUIT", "ALRM"],
    "leftovers": ["end", "wait", "leave"] * 2,
    "success-status": ["0", "1", "2-3", "TERM", "4,5", "0,6"],
    "session": ["auto", "keep", "new"] * 2,
    "env": [f"KEY={i}" for i in range(6)],
    "tag": [f"KEY={i}" for i in range(6)],
    "open-on": [f"quota {i}" for i in range(6)],
    "watch-input": [f"/in/{i}" for i in range(6)],
    "budget": [f"KEY={i}" for i in range(1, 7)],
    "umask": ["011", "022", "033", "044", "055", "066"],
    "nice": ["1", "2", "3", "4", "5", "6"],
    "ionice": ["idle", "best-effort", "best-effort:1", "best-effort:2", "best-effort:3", "realtime"],
    "oom-score-adj": ["1", "2", "3", "4", "5", "6"],
    "output": ["pass", "on-failure", "never"] * 2,
    "tail": ["256", "512", "1K", "2K", "4K", "8K"],
    "log-max": ["1K", "2K", "3K", "4K", "5K", "6K"],
    "kill-rung": ["auto", "realtime", "sweep"] * 2,
    "record-command": ["full", "name", "hash"] * 2,
    "record-tail": ["full", "print", "none"] * 2,
    "syslog": ["none", "user", "daemon", "cron", "local0", "local7"],
    "max-spawn-rate": [f"{i}/10s" for i in range(1, 7)],
    "births-rung": ["auto", "perf", "sampled"] * 2,
    "max-growth": [f"{i}M/10s" for i in range(1, 7)],
    "yield": ["lines", "bytes", "written", "none", "counter:a", "file:/a=1/1h"],
    "on-limit": ["warn", "flag", "freeze", "kill", "warn", "flag"],
    "detect": ["all", "none", "fds", "-busy", "zombies,fds", "stuck"],
    "retry": ["1", "2", "3", "4", "5", "none"],
    "retry-on": ["failure", "timeout", "killed", "all", "none", "limit,lost"],
    "require-env": ["HOME", "PATH", "HOME,PATH", "none", "A_1", "_"],
    "max-attempts": [f"{i}/10m" for i in range(1, 7)],
    "max-failures": [f"{i}/10m" for i in range(1, 7)],
    "max-timeouts": [f"{i}/10m" for i in range(1, 7)],
    "same-failure": ["1", "2", "3", "4", "5", "6"],
    "zero-yield": ["1", "2", "3", "4", "5", "6"],
    "time-budget": [f"{i}h/1d" for i in range(1, 7)],
    "backoff": [f"startup={i}m" for i in range(1, 7)],
    "class": [f"quota={i}" for i in range(1, 7)],
    "jitter": [f"{i}%" for i in range(1, 7)],
    "verbose": ["0", "1", "2", "3", "4", "5"],
}
DURATIONS = {"min-uptime", "reset-after", "freeze-for", "start-timeout", "idle-timeout", "heartbeat", "complain-after", "timeout", "kill-after", "splay", "interval", "hook-timeout", "orphan-grace"}
FLAGS = {"quick-ok", "notify", "no-lock", "shared", "preserve-status", "no-new-privs", "drop-caps", "detach", "stats", "quiet",
         "with-parent", "isolate", "require-limits"}
FREE = {"group", "ready-file", "record-samples", "lock-file", "cgroup", "chdir", "log", "task", "step", "status-file", "on-start", "on-flag", "on-finish", "pre-check",
        "state-dir", "command"}
TEXTS.update({key: ["1s", "2s", "3s", "4s", "5s", "6s"] for key in DURATIONS})
LIMITS = {"max-procs", "max-threads", "max-depth", "max-rss", "max-tree-mem", "max-cpu", "max-fds", "max-io", "max-output"}
TEXTS.update({key: ["1", "2", "3", "4", "5", "6"] for key in LIMITS})
TEXTS.update({key: ["yes", "no"] * 3 for key in FLAGS})
TEXTS.update({key: [f"/{key}/{i}" for i in range(6)] for key in FREE})
# Lowest first; a section of the user's file is above every one of the system's.
SECTIONS = ["defaults", "job base", "job p"]


class PrecedenceTest(GuardTest):
    """/etc is ours: the system's file in it, the user's file where the password database in it says."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("home/.config"))
        os.mkdir(self.path("etc"))
        self.write("etc/passwd", f"root:x:0:0::{self.path('home')}:/bin/sh\n")
        self.usual = {"system": "etc/spawnguard.conf", "user": "home/.config/spawnguard.conf"}
        self.names = {"system": "/etc/spawnguard.conf", "user": self.path(self.usual["user"])}
        del self.env["SPAWNGUARD_CONFIG"]

    def files(self, **texts):
        """These two, and no others."""
        for who, name in self.usual.items():
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
            if texts.get(who):
                self.write(name, texts[who], 0o600)

    def there(self, *argv, script="", **popen):
        return self.in_mounts(f"mount --bind {self.path('etc')} /etc\n{script}", *argv, **popen)

    def shown(self, *args):
        """{key: its rows} of config show."""
        run = self.there(SPAWNGUARD, "config", "--json", *args).wait()
        self.assertEqual((run.status, run.err), (0, ""))
        found = {}
        for row in json.loads(run.out)["keys"]:
            found.setdefault(row["key"], []).append(row)
        return found


class Files(PrecedenceTest):
    def setUp(self):
        super().setUp()
        # on-conflict and wait undo each other: one file has the one, one the other
        self.groups = [[key for key in TEXTS if key != "wait"], ["wait"]]

    def text(self, keys, first, mask):
        """A file in which the sections of `mask` say something of each key: (text, {(key, section): line})."""
        lines, at = [], {}
        for i, section in enumerate(SECTIONS):
            lines.append(f"[{section}]")
            if i == 2:
                lines.append("like = base")
            for key in keys if mask >> i & 1 else []:
                if self.is_allowed(key, i):
                    lines.append(f"{key} = {TEXTS[key][first + i]}")
                    at[key, i] = len(lines)
        return "\n".join(lines) + "\n", at

    @staticmethod
    def is_allowed(key, i):
        return i == 0 if key == "state-dir" else i > 0 if key == "command" else True

    def check(self, shown, keys, sources, built_in):
        """`sources`: [(file, first, lines)], the highest first."""
        for key in keys:
            wanted = [(TEXTS[key][first + i], file, lines[key, i])
                      for file, first, lines in sources for i in (2, 1, 0) if (key, i) in lines]
            self.assertEqual(len(shown[key]), 1, shown[key])
            row = shown[key][0]
            if wanted:
                self.assertEqual((row["value"], row.get("file"), row.get("line")), wanted[0], key)
            else:
                self.assertEqual(shown[key], built_in[key])

    def test_every_key_has_its_texts(self):
        self.files(system="[job p]\n")
        self.assertEqual(set(self.shown("show", "p")) - {"like"}, set(TEXTS))

    def test_all_sections_of_both_files(self):
        del self.env["SPAWNGUARD_STATE_DIR"]
        self.files(system="[job p]\n")
        built_in = self.shown("show", "p")
        for keys in self.groups:
            for mask in range(64):
                with self.subTest(mask=mask, first=keys[0]):
                    system, system_lines = self.text(keys, 0, mask)
                    user, user_lines = self.text(keys, 3, mask >> 3)
                    self.files(system=system, user=user)
                    self.check(self.shown("show", "p"), keys,
                               [(self.names["user"], 3, user_lines), (self.names["system"], 0, system_lines)], built_in)

    def test_a_file_that_was_named_is_read_instead_of_both(self):
        del self.env["SPAWNGUARD_STATE_DIR"]
        self.files(system="[job p]\n")
        built_in = self.shown("show", "p")
        for keys in self.groups:
            for mask in range(1, 8):
                self.files(system=self.text(keys, 0, 7)[0], user=self.text(keys, 0, 7)[0])
                text, lines = self.text(keys, 3, mask)
                named, other = self.write("named", text, 0o600), self.write("other", "[job other]\n", 0o600)
                sources = [(named, 3, lines)]
                self.check(self.shown(f"--config={named}", "show", "p"), keys, sources, built_in)
                self.env["SPAWNGUARD_CONFIG"] = named
                self.check(self.shown("show", "p"), keys, sources, built_in)
                self.env["SPAWNGUARD_CONFIG"] = other
                self.check(self.shown(f"--config={named}", "show", "p"), keys, sources, built_in)
                del self.env["SPAWNGUARD_CONFIG"]


class CommandLine(PrecedenceTest):
    """Each key by what it does: as the system's file says, as the user's says, as the command line says."""

    def run_job(self, args, command, script="", **popen):
        return self.there(SPAWNGUARD, "run", *args, "-N", "p", "--", *command, script=script, **popen)

    def last(self, kind):
        return [e for e in self.history() if event_kind(e) == kind][-1]

    def field(self, name, kind="start", command=("true",), more=()):
        def observe(args):
            run = self.run_job([*more, *args], command).wait()
            self.assertEqual(run.err, "")
            value = self.last(kind)
            for part in name:
                value = value.get(part)
            return value
        return observe

    def is_expected(self, pattern, *more):
        def observe(args):
            said = self.run_job([*more, *args], ["true"]).wait()
            self.assertEqual(said.status, 69)
            return re.search(pattern, said.err)[1]
        return observe

    def asks_of_pressure(self, args):
        """Which file of /proc/pressure it reads: the one that says nothing."""
        for what in ("io", "cpu"):
            if self.run_job(args, ["true"], f"mount --bind /dev/null /proc/pressure/{what}").wait().status == 125:
                return what
        return None

    def breaker_lines(self, kind, more, args, command):
        """What the run has left for the next: the words of its lines of that kind."""
        path = os.path.join(self.state, "breaker/p")
        if os.path.exists(path):
            os.unlink(path)
        self.run_job([*more, *args], command).wait()
        if not os.path.exists(path):
            return []  # nothing of it changes anything for the next
        with open(path) as f:
            return [words for line in f if (words := line.split()) and words[0] == kind]

    def watched(self, args):
        """Which of self.path(a), b, c lets a trial through when it changes."""
        self.breaker_lines("rules", ("--max-failures=1/1h",), args, ("false",))
        for name in "abc":
            with open(self.path(name), "a") as f:
                f.write("x")
            if self.run_job(["--max-failures=1/1h", *args], ("false",)).wait().status != 69:
                return name
        return None

    def rule(self, kind, word, *more):
        return lambda args: self.breaker_lines(kind, more, args, ("false",))[0][word]

    def counted(self, *more, command):
        """The class of the run's end, if it is one of failures."""
        def observe(args):
            failed = self.breaker_lines("failed", ("--same-failure=9", *more), args, command)
            return failed[0][2] if failed else None
        return observe

    def stands_long(self, args):
        self.run_job(["--max-procs=1", "--on-limit=freeze", "--interval=10ms", *args], ["sh", "-c", "sleep 60 & sleep 60"]).wait()
        return self.last("end")["spawnguard.frozen"] > 1

    def said_by_job(self, *command):
        def observe(args):
            run = self.run_job(args, command).wait()
            self.assertEqual((run.status, run.err), (0, ""))
            return run.out.strip()
        return observe

    def dry_run(self, pattern, more=(), status=0):
        def observe(args):
            run = self.run_job(["--dry-run", *more, *args], ["true"]).wait()
            self.assertEqual((run.status, run.err), (status, ""))
            found = re.search(pattern, run.out)
            return found and found[1]
        return observe

    def is_said(self, pattern, *more, command=("true",), script=""):
        def observe(args):
            return bool(re.search(pattern, self.run_job([*more, *args], command, script).wait().err))
        return observe

    def status(self, *more, command=("true",)):
        return lambda args: self.run_job([*more, *args], command).wait().status

    def made(self, *more, command=("true",)):
        """Which of self.path(a), b, c is there then, and was not before."""
        def observe(args):
            before = {name for name in "abc" if os.path.lexists(self.path(name))}
            run = self.run_job([*more, *args], command).wait()
            self.assertEqual((run.status, run.err), (0, ""))
            return "".join(sorted({name for name in "abc" if os.path.lexists(self.path(name))} - before))
        return observe

    def refused(self, observe, *more):
        """Where a copy runs."""
        def observe_beside(args):
            holder = self.holder("-N", "p", *more)
            try:
                return observe(args)
            finally:
                self.end(holder)
        return observe_beside

    def waits(self, args):
        """For ever; else it gives up, long before it would complain."""
        holder = self.holder("-N", "p")
        run = self.run_job(["--complain-after=2s", *args], ["true"])
        wait_until(lambda: not run.running() or "waiting for" in run.err, "it gives up or complains")
        self.end(holder)
        return run.wait().status

    def places(self, args):
        """Each of them has its lock file once it was passed."""
        self.assertEqual(self.run_job(["--on-conflict=queue", *args], ["true"]).wait().status, 0)
        queue = os.path.join(self.state, "locks", "queue")
        found = sum(name.startswith("p.") for name in os.listdir(queue))
        shutil.rmtree(queue)
        return found

    def sent(self, args):
        """What USR1 to the guard came to."""
        ready = self.ready_count()
        run = self.run_job(args, [VICTIM, "sleep"])
        self.wait_ready(run, ready + 1)
        run.send(signal.SIGUSR1)
        run.wait()
        return outcome(self.last("end"))

    def signalled(self, args):
        """How many processes of two are asked to end."""
        ready = self.ready_count()
        run = self.run_job(["-v", "-k0.1", *args], ["sh", "-c", '"$0" sleep & wait', VICTIM])
        self.wait_ready(run, ready + 1)
        run.send(signal.SIGTERM)
        return int(re.search(r"first signal to (\d+) process", run.wait().err)[1])

    def refused_group(self, args):
        run = self.run_job(args, ["true"]).wait()
        self.assertEqual(run.status, 125)
        return re.search(r" /no/([abc])\b", run.err)[1]

    def rung(self, args):
        """The best of some: where front has to be asked for real time, all may be over before the answer."""
        for _ in range(20):
            run = self.run_job(["-t0.1", "-knone", *args], ["sh", "-c", "trap '' TERM; sleep 60; true"])
            self.assertEqual(run.wait().status, 124)
            rung = self.last("end").get("spawnguard.rung.kill")
            if rung == "realtime":
                return rung
        if not args and not os.path.exists(self.names["user"]):
            self.skipTest("no real time to be had here")
        return "sweep"

    def watches_its_parent(self, args):
        """Whether front or warden has a handle of who started front."""
        self.needs("pidfd_open")
        ready = self.ready_count()
        run = self.there("sh", "-c", '"$@" & wait', "sh", SPAWNGUARD, "run", *args, "-N", "p", "--", VICTIM, "sleep")
        self.wait_ready(run, ready + 1)
        front = children(run.pid)[0]
        handles = []
        for pid in [front, *children(front)]:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                try:
                    with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                        handles += re.findall(r"^Pid:\t(-?\d+)$", f.read(), re.M)
                except FileNotFoundError:
                    pass  # closed meanwhile
        self.end(run)
        return str(run.pid) in handles

    def flagged(self, args):
        before = {name for name in "abc" if os.path.exists(self.path(name))}
        ready = self.ready_count()
        run = self.run_job(["-k", "0.1", *args], [VICTIM, "sleep"])
        self.wait_ready(run, ready + 1)
        send(children(run.pid)[0], signal.SIGKILL)
        run.wait()
        return "".join(sorted({name for name in "abc" if os.path.exists(self.path(name))} - before))

    def kept_bytes(self, args):
        """Of a job that writes 1 MiB: that much, or less."""
        self.run_job(["--output=never", "--log", self.path("log"), *args],
                     ["head", "-c", str(1 << 20), "/dev/zero"]).wait()
        return os.stat(self.path("log")).st_blocks * 512 >= 1 << 20

    def state_in(self, args):
        self.env.pop("SPAWNGUARD_STATE_DIR", None)
        run = self.run_job(args, ["true"]).wait()
        self.env["SPAWNGUARD_STATE_DIR"] = self.state
        self.assertEqual((run.status, run.err), (0, ""))
        found = "".join(name for name in "abc" if os.path.exists(self.path(f"{name}/history")))
        for name in found:
            shutil.rmtree(self.path(name))
        return found

    def kept_of_command(self, args):
        run = self.run_job(args, ["sh", "-c", "true"]).wait()
        self.assertEqual(run.status, 0)
        return self.last("start")["process.command_args"][-1][:5]

    def kept_of_tail(self, args):
        self.run_job(["--tail", *args], ["sh", "-c", "echo x >&2"]).wait()
        return sorted(key.split(".")[-1] for key in self.last("end") if key in
                      ("spawnguard.stderr.tail", "spawnguard.stderr.bytes"))

    def opened_on(self, args):
        """The one expression that counts."""
        return "".join(name for name in "abc" if self.is_opened_by(name, args))

    def is_opened_by(self, name, args):
        run = self.run_job(args, ["sh", "-c", f"echo {name} >&2"]).wait()
        self.command("breaker", "reset", "p")
        return "breaker opens: p" in run.err

    def tail_bytes(self, args):
        self.run_job(args, ["sh", "-c", "head -c 2000 /dev/zero | tr '\\0' x >&2"]).wait()
        return len(self.last("end").get("spawnguard.stderr.tail", ""))

    def action(self, args):
        self.run_job(["--max-rss=4K", "--interval=1ms", *args], ["sleep", "0.2"]).wait()
        return self.last("flag")["spawnguard.flag"]["action"]

    def is_flagged(self, text, *more):
        """Is a flag of the run told so? It has an orphan for half a second, and leaves it."""
        def ask(args):
            self.run_job([*more, *args], ["sh", "-c", "(sleep 5 &); sleep 0.5"]).wait()
            return any(text in e["spawnguard.flag"]["text"] for e in self.events("flag", self.last("end")["spawnguard.run.id"]))
        return ask

    def rows(self):
        """{key: (of the system, of the user, of the command line, observe, what is seen of each)}"""
        a, b, c = (self.path(name) for name in "abc")
        trap = ("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.01; done")
        no_log = "mount -t tmpfs t /run\nmkdir -p /run/systemd/journal\ntouch /run/systemd/journal/socket"
        yes_no = ("yes", "no", "yes")
        limits = [(key, self.field(("spawnguard.limits", field))) for key, field in
                  (("timeout", "timeout"), ("kill-after", "kill_after"))]
        return {
            **{key: ("101", "102", "103", self.field(("spawnguard.limits", key, "hard"), more=("--on-limit=flag",)), (101, 102, 103))
               for key in sorted(LIMITS - {"max-cpu"})},
            "max-cpu": ("1s", "2s", "3s", self.field(("spawnguard.limits", "max-cpu", "hard")),
                        (10**9, 2 * 10**9, 3 * 10**9)),
            "max-spawn-rate": ("101/1s", "102/1s", "103/1s", self.field(("spawnguard.limits", "max-spawn-rate", "hard")),
                               (101, 102, 103)),
            "births-rung": ("sampled", "auto", "sampled", self.field(("spawnguard.rung.births",), "end"),
                            ("sampled", None, "sampled")),
            "max-growth": ("101/1s", "102/1s", "103/1s", self.field(("spawnguard.limits", "max-growth", "hard")),
                           (101, 102, 103)),
            "yield": ("file:/a", "counter:a", "written", self.field(("spawnguard.yield", "of"), "end"), ("file:/a", "counter:a", "written")),
            "on-limit": ("warn", "flag", "kill", self.action, ("warn", "flag", "kill")),
            "freeze-for": ("10ms", "1.5s", "20ms", self.stands_long, (False, True, False)),
            "detect": ("none", "orphans", "none", self.is_flagged("left when the job was over"), (False, True, False)),
            "orphan-grace": ("none", "1ms", "none", self.is_flagged("goes on without its parent", "--interval=10ms"),
                             (False, True, False)),
            "require-limits": (*yes_no, self.is_said("max-procs cannot be held", "--max-procs=9", "--interval=none"),
                               (True, False, True)),
            "record-samples": (a, b, c, self.made(), "abc"),
            "wait": ("none", "1ms", "none", self.waits, (0, 75, 0)),
            "on-conflict": ("fail", "skip", "fail", self.refused(self.status()), (75, 0, 75)),
            "queue-max": ("3", "1", "2", self.places, (3, 1, 2)),
            "conflict-exit-code": ("71", "72", "73", self.refused(self.status()), (71, 72, 73)),
            "complain-after": ("1ms", "none", "1ms", self.refused(self.is_said("waiting for", "--wait=0.5")),
                               (True, False, True)),
            "no-lock": (*yes_no, self.field(("spawnguard.lock",)), ("none", "exclusive", "none")),
            "shared": (*yes_no, self.field(("spawnguard.lock",)), ("shared", "exclusive", "shared")),
            "slots": ("3", "1", "2", self.dry_run(r"slots +ok +(\d) of p"), ("3", "1", "2")),
            "group": ("a", "b", "c", self.field(("spawnguard.slot.group",), more=("--slots=1",)), "abc"),
            "expect-mem": ("8000T", "9000T", "7000T", self.is_expected(r"expects (\S+) "), ("7.8P", "8.7P", "6.8P")),
            "reserve-mem": ("8000T", "9000T", "7000T", self.is_expected(r"less (\S+) of --reserve-mem", "--expect-mem=1"),
                            ("7.8P", "8.7P", "6.8P")),
            "min-free": ("/:8000T", "/:9000T", "/:7000T", self.is_expected(r"asks for (\S+) "), ("7.8P", "8.7P", "6.8P")),
            "max-pressure": ("io=100", "none", "cpu=100", self.asks_of_pressure, ("io", None, "cpu")),
            "lock-file": (a, b, c, self.made(), "abc"),
            **{key: ("101s", "102s", "103s", observe, (101, 102, 103)) for key, observe in limits},
            "signal": ("INT", "HUP", "USR1", self.field(("spawnguard.limits", "signal")),
                       (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)),
            "term": ("job", "tree", "job", self.signalled, (1, 2, 1)),
            "end-on": ("USR1", "none", "USR1", self.sent, ("killed", "signaled", "killed")),
            "leftovers": ("end", "wait", "leave", self.field(("spawnguard.limits", "leftovers")),
                          ("end", "wait", "leave")),
            "preserve-status": (*yes_no, self.status("-t1", command=trap), (7, 124, 7)),
            "success-status": ("3", "0", "0,3", self.field(("spawnguard.outcome",), "end", ("sh", "-c", "exit 3")),
                               ("ok", "failed", "ok")),
            "kill-rung": ("realtime", "sweep", "realtime", self.rung, ("realtime", "sweep", "realtime")),
            "with-parent": (*yes_no, self.watches_its_parent, (True, False, True)),
            "splay": ("1m", "2m", "3m", self.dry_run(r"splay:.* (\S+)\n"), ("1m", "2m", "3m")),
            "interval": ("none", "1ms", "none", lambda args: self.field(
                ("spawnguard.ticks",), "end", ("sleep", "0.3"))(args) > 1, (False, True, False)),
            "session": ("new", "keep", "new", self.said_by_job(
                "python3", "-c", "import os; print(os.getsid(0) == os.getpid())"), ("True", "False", "True")),
            "chdir": ("/", "/usr", "/proc", self.said_by_job("pwd"), ("/", "/usr", "/proc")),
            "env": ("KEY=a", "KEY=b", "KEY=c", self.said_by_job("printenv", "KEY"), "abc"),
            **{key: ("101s", "102s", "103s", self.field(("spawnguard.limits", key.replace("-", "_"))), (101, 102, 103))
               for key in ("start-timeout", "idle-timeout", "heartbeat")},
            "ready-file": (a, b, a, self.status("--start-timeout=0.3", command=("sh", "-c", f"touch {a}; exec sleep 0.6")),
                           (0, 124, 0)),
            "notify": (*yes_no, self.said_by_job("sh", "-c", "echo ${SPAWNGUARD_NOTIFY:+told}"), ("told", "", "told")),
            "budget": ("KEY=101", "KEY=102", "KEY=103", self.field(("spawnguard.limits", "budgets", "KEY")),
                       ("101", "102", "103")),
            "umask": ("011", "022", "033", self.said_by_job("sh", "-c", "umask"), ("0011", "0022", "0033")),
            "nice": ("17", "18", "19", self.said_by_job("nice"), ("17", "18", "19")),
            "ionice": ("best-effort:5", "best-effort:6", "best-effort:7", self.said_by_job("ionice"),
                       tuple(f"best-effort: prio {i}" for i in (5, 6, 7))),
            "oom-score-adj": ("997", "998", "999", self.said_by_job("cat", "/proc/self/oom_score_adj"),
                              ("997", "998", "999")),
            "no-new-privs": (*yes_no, self.said_by_job("sed", "-n", "s/^NoNewPrivs:\t//p", "/proc/self/status"),
                             ("1", harness.privileges_here(), "1")),
            "drop-caps": (*yes_no, lambda args: self.said_by_job("grep", "CapEff", "/proc/self/status")(args)[-1],
                          None),
            "isolate": (*yes_no, self.dry_run("(isolate):"), ("isolate", None, "isolate")),
            "output": ("never", "pass", "never", self.said_by_job("echo", "x"), ("", "x", "")),
            "tail": ("256", "none", "512", self.tail_bytes, (256, 0, 512)),
            "cgroup": ("/no/a", "/no/b", "/no/c", self.refused_group, "abc"),
            "min-uptime": ("101s", "102s", "103s", self.rule("rules", 1), tuple(f"{i}000000000" for i in (101, 102, 103))),
            "watch-input": (a, b, c, self.watched, "abc"),
            "quick-ok": (*yes_no, self.counted("--min-uptime=1h", command=("true",)), (None, "startup", None)),
            "max-failures": ("11/1h", "12/1h", "13/1h", self.rule("rules", 2), ("11", "12", "13")),
            "max-timeouts": ("11/1h", "12/1h", "13/1h", self.rule("rules", 4), ("11", "12", "13")),
            "same-failure": ("11", "12", "13", self.rule("rules", 6), ("11", "12", "13")),
            "zero-yield": ("11", "12", "13", self.rule("rules", 7), ("11", "12", "13")),
            "time-budget": ("2h/11s", "2h/12s", "2h/13s", self.rule("rules", 8), tuple(f"{i}000000000" for i in (11, 12, 13))),
            "max-attempts": ("1/1h", "2/1h", "3/1h", self.dry_run(r"max-attempts +ok +p: 0 of (\d) within"), ("1", "2", "3")),
            "jitter": ("11%", "12%", "13%", self.rule("rules", 11, "--max-failures=9/1h"), ("110000", "120000", "130000")),
            "reset-after": ("11s", "12s", "13s", self.rule("rules", 12, "--max-failures=9/1h"),
                            tuple(f"{i}000000000" for i in (11, 12, 13))),
            "backoff": ("startup=11s", "startup=12s", "startup=13s", self.rule("backoff", 2, "--max-failures=9/1h"),
                        tuple(f"{i}000000000" for i in (11, 12, 13))),
            "class": ("quota=1", "quota=2", "quota=1", self.counted(command=("sh", "-c", "exit 1")), ("quota", "failure", "quota")),
            "retry": ("2", "none", "3", self.dry_run(r"retry: +up to (\d)"), ("2", None, "3")),
            "retry-on": ("killed", "limit", "lost", self.dry_run(r"retry: .*, on (.*)", ["--retry=1"]), ("killed", "limit", "lost")),
            "open-on": ("a", "b", "c", self.opened_on, "abc"),
            "require-env": ("NO_A", "NO_B", "NO_C", self.dry_run("--require-env: (NO_.) is", status=69), ("NO_A", "NO_B", "NO_C")),
            "pre-check": (f"touch {a}", f"touch {b}", f"touch {c}", self.made(), "abc"),
            "detach": (*yes_no, self.dry_run("in the (background)"), ("background", None, "background")),
            "log": (a, b, c, self.dry_run(r"output:.*/([abc])", ["--output=never"]), "abc"),
            "log-max": ("64K", "none", "64K", self.kept_bytes, (False, True, False)),
            "task": ("a", "b", "c", self.field(("spawnguard.task",)), "abc"),
            "step": ("a", "b", "c", self.field(("spawnguard.step",)), "abc"),
            "tag": ("KEY=a", "KEY=b", "KEY=c", self.field(("spawnguard.tags", "KEY")), "abc"),
            "status-file": (a, b, c, self.made(), "abc"),
            "stats": (*yes_no, self.is_said(": wall"), (True, False, True)),
            "record-command": ("hash", "full", "name", self.kept_of_command, ("hash:", "true", "sh")),
            "record-tail": ("print", "full", "none", self.kept_of_tail, (["bytes"], ["bytes", "tail"], [])),
            "on-start": (f"touch {a}", f"touch {b}", f"touch {c}", self.made(), "abc"),
            "on-flag": (f"touch {a}", f"touch {b}", f"touch {c}", self.flagged, "abc"),
            "on-finish": (f"touch {a}", f"touch {b}", f"touch {c}", self.made(), "abc"),
            "hook-timeout": ("1ms", "none", "2ms", self.is_said("--hook-timeout", "--on-finish=sleep 1"),
                             (True, False, True)),
            "state-dir": (a, b, c, self.state_in, "abc"),
            "syslog": ("user", "none", "cron", self.is_said("cannot write to the system log", script=no_log),
                       (True, False, True)),
            "quiet": (*yes_no, self.is_said("timeout", "-t0.05", "-k0.05", command=("sleep", "60")),
                      (False, True, False)),
            "verbose": ("0", "1", "0", self.is_said("first signal", "-t0.05", "-k0.05", command=("sleep", "60")),
                        (False, True, False)),
        }

    def test_no_key_is_forgotten(self):
        self.assertEqual(set(self.rows()) | {"command"}, set(TEXTS))


def add(key):
    def test(self):
        system, user, option, observe, wanted = self.rows()[key]
        if key == "nice" and NICE > 17:
            self.skipTest(f"runs at niceness {NICE} already")
        files = {"system": f"[defaults]\n{key} = {system}\n", "user": f"[defaults]\n{key} = {user}\n"}
        self.files(system=files["system"])
        seen = [observe([])]
        self.files(**files)
        seen += [observe([]), observe([f"--{key}={option}"])]
        if wanted is None:
            self.assertTrue(seen[0] == seen[2] != seen[1], seen)
        else:
            self.assertEqual(seen, list(wanted))
    setattr(CommandLine, "test_" + key.replace("-", "_"), test)


for key in TEXTS:
    if key != "command":  # of the files alone
        add(key)


if __name__ == "__main__":
    harness.main()

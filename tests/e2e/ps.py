"""ps: tree, columns, colours, locales, other users, garbage; and the object that doc/ps.md describes."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SOURCE, SPAWNGUARD, VICTIM, GuardTest, Stat, wait_until

TERM, KILL = signal.SIGTERM, signal.SIGKILL
UTF8, PLAIN = {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C"}
CONTROLS = r"[\x00-\x09\x0b-\x1f\x7f]"
FOREIGN = 61235  # a uid that nobody has


def members(value):
    """Every key of a JSON value, however deep."""
    if isinstance(value, dict):
        return set(value) | set().union(*map(members, value.values()), set())
    if isinstance(value, list):
        return set().union(*map(members, value), set())
    return set()


class PsTest(GuardTest):
    def ps(self, *args, locale=None, **env):
        return self.command("ps", *args, env={**self.env, **(locale or PLAIN), **env})

    def rows(self, columns, *args):
        """Each line as a dict; the columns must hold no blanks but the last."""
        run = self.ps("-o", columns, *args)
        self.assertEqual((run.status, run.err), (0, ""))
        names = columns.split(",")
        lines = run.out.splitlines()
        self.assertEqual(lines[0].split(), [name.upper() for name in names])
        return [dict(zip(names, line.split(None, len(names) - 1))) for line in lines[1:]]

    def told(self, *args):
        return json.loads(self.ps("--json", *args).out)

    def end_run(self, run):
        run.send(TERM)
        run.wait()

    def lost(self, *args, shape="sleep"):
        """A run whose guards are dead; its job lives on, as a child of the test."""
        held = self.holder(*args, shape=shape)
        warden = held.warden()
        os.kill(held.pid, signal.SIGSTOP)
        os.kill(warden, signal.SIGSTOP)
        harness.send(held.pid, KILL)
        harness.send(warden, KILL)
        held.wait()
        wait_until(lambda: not Stat(warden).alive, "the warden is dead")
        return held

    def on_terminal(self, columns, *argv, **env):
        """What argv writes to a terminal of so many columns, and its status."""
        pid, fd = pty.fork()
        if pid == 0:
            try:
                os.execvpe(argv[0], list(argv), {**self.env, **env})
            finally:
                os._exit(127)
        out = b""
        try:
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            while True:
                out += os.read(fd, 65536)
        except OSError:
            pass
        os.close(fd)
        return out.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Columns(PsTest):
    def test_guards_job_and_members_in_their_order(self):
        held = self.holder("-N", "tree", "--run-id", "tree-run", shape="deep 3")
        rows = self.rows("pid,ppid,kind,comm")
        pids = [pid for pid in self.pids() if Stat(pid).alive]
        self.assertEqual([r["kind"] for r in rows], ["front", "warden", "job"] + ["member"] * (len(pids) - 1))
        self.assertEqual([int(r["pid"]) for r in rows[2:]], pids)
        self.assertEqual((int(rows[0]["pid"]), int(rows[1]["pid"])), (held.pid, held.warden()))
        for row in rows[2:]:
            self.assertEqual(int(row["ppid"]), Stat(int(row["pid"])).ppid)
        depths = self.ps("-o", "pid,depth").out.splitlines()[3:]
        self.assertEqual([int(line.split()[1]) for line in depths], list(range(1, len(pids) + 1)))
        self.end_run(held)

    def test_the_tree_is_drawn_as_the_locale_can(self):
        held = self.holder("-N", "drawn", shape="deep 2")
        for locale, twig in ((UTF8, "└─"), (PLAIN, "`-")):
            for column in ("command", "comm"):
                out = self.ps("-o", f"pid,{column}", locale=locale).out
                drawn = [line.split(None, 1)[1] for line in out.splitlines()[2:]]
                for level, text in enumerate(drawn):
                    name = "spawnguard" if level == 0 else "victim"
                    self.assertIn(twig + name, text)
                self.assertTrue(all(" " * 2 * level in out for level in range(len(drawn))))
        self.end_run(held)

    def test_every_column_has_something_to_say(self):
        log = self.path("job.log")
        outer = self.guard("-N", "outer", "--run-id", "outer-run", "-t", "10m", "--task", "a task", "--step", "2",
                           "--output=never", "--log", log, "--slots=1", "--expect-mem=1M",
                           "--", SPAWNGUARD, "run", "-N", "inner", "--", VICTIM, "sleep")
        self.wait_ready(outer)
        names = re.findall(r"^[* ] ([a-z]+) ", self.command("ps", "--help=report").out.split("Columns")[1].split("\n\n")[0], re.M)
        self.assertGreater(len(names), 15)
        for name in set(names) - {"leftover"}:
            out = self.ps("-o", name).out.splitlines()
            self.assertEqual(out[0].strip(), name.upper())
            self.assertTrue(any(line.strip() for line in out[1:]), name)
        inner = self.told("inner")["runs"][0]
        self.assertEqual(inner["parent_run_id"], "outer-run")
        out = self.ps("-o", "task,step,log,left", "outer").out
        self.assertRegex(out, rf"a task +2 +{re.escape(log)} +9m5\ds")
        self.end_run(outer)

    def test_slot_and_claim_of_a_run(self):
        own = self.holder("-N", "own", "--slots=3")
        other = self.holder("-N", "other", "--slots=auto", "--group", "a group/1", "--expect-mem=2M")
        plain = self.holder("-N", "plain")
        told = {run["job"]: run for run in self.told()["runs"]}
        self.assertEqual([told["own"][key] for key in ("slot_group", "slot", "slots")], ["own", 1, 3])
        self.assertNotIn("claim", told["own"])
        self.assertEqual([told["other"][key] for key in ("slot_group", "slot", "claim")], ["a group/1", 1, 2 << 20])
        self.assertFalse({"slot_group", "slot", "slots", "claim"} & set(told["plain"]))
        out = self.ps("-o", "slot,claim,job").out
        self.assertRegex(out, r"(?m)^own/1 of 3 +own$")
        self.assertRegex(out, r"(?m)^a group/1/1 of \d+ +2M +other$")
        self.assertRegex(out, r"(?m)^ +plain$")
        for run in (own, other, plain):
            self.end_run(run)

    def test_unknown_columns_are_2_with_the_list(self):
        for given, said in (("pdi", "unknown column pdi, did you mean pid? There are job, run, "),
                            ("pid,,job", "a column is missing: there are job, run, "),
                            ("+comand", "unknown column comand, did you mean command? There are ")):
            run = self.ps("--output", given)
            self.assertEqual((run.status, run.out), (2, ""))
            self.assertIn(said, run.err)
            self.assertEqual(run.err.count("\n"), 1)

    def test_more_columns_besides_the_usual(self):
        held = self.holder("-N", "more")
        head = self.ps("-o", "+user,cpu").out.splitlines()[0].split()
        self.assertEqual(head, "JOB RUN PID STATE AGE RSS USER CPU COMMAND".split())
        self.end_run(held)

    def test_leftovers_are_said_so(self):
        held = self.guard("-N", "left", "--leftovers=wait", "--", "sh", "-c", f"{VICTIM} sleep &")
        self.wait_ready(held)
        wait_until(lambda: all(m["leftover"] for m in self.told("left")["runs"][0]["members"]), "the job has ended")
        self.assertRegex(self.ps("-o", "leftover,comm").out, r"yes +`?-?`?-?victim")
        self.end_run(held)

    def test_a_full_disk_and_a_closed_stdout_are_errors(self):
        held = self.holder("-N", "full")
        for args in ([], ["--json"], ["-o", "pid"]):
            with open("/dev/full", "w") as full:
                run = self.command("ps", *args, stdout=full)
            self.assertEqual(run.status, 125)
            self.assertRegex(run.err, r"\Aspawnguard: cannot write the result: .+\n\Z")
        for args in ("ps", "ps --json", "status", "status full", "status --json"):
            run = self.start("sh", "-c", f'"$0" {args} >&-', SPAWNGUARD).wait()
            self.assertEqual(run.status, 125, args)
            self.assertRegex(run.err, r"\Aspawnguard: cannot write the result: .+\n\Z")
        self.end_run(held)


class Terminal(PsTest):
    def test_lines_fit_and_names_are_cut(self):
        name = "a-very-long-name-of-a-job-that-somebody-thought-was-good"
        held = self.holder("-N", name)
        for locale in (UTF8, PLAIN):
            out, status = self.on_terminal(80, SPAWNGUARD, "ps", "--color=never", **locale)
            self.assertEqual(status, 0, out)
            self.assertTrue(all(len(line) <= 80 for line in out.splitlines()), out)
            self.assertRegex(out, r"a-very-long-name-of-a\.\.\. [0-9a-f]{8} ")
            self.assertIn(VICTIM[:8], out.splitlines()[1])
        self.assertIn(name, self.ps().out)
        self.assertIn(f"{VICTIM} sleep", self.ps().out)
        self.assertRegex(self.ps().out, r"[0-9a-f]{32}")
        self.end_run(held)

    def test_colours_where_they_are_wanted(self):
        held = self.holder("-N", "colour")
        rows = [  # option, environment: on a terminal, elsewhere
            ([], {}, True, False),
            (["--color=never"], {}, False, False),
            (["--color=always"], {}, True, True),
            ([], {"NO_COLOR": "1"}, False, False),
            ([], {"NO_COLOR": ""}, True, False),
            ([], {"CLICOLOR_FORCE": "1"}, True, True),
            ([], {"CLICOLOR_FORCE": "0"}, True, False),
            ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
            (["--color=always"], {"NO_COLOR": "1"}, True, True),
            (["--color=never"], {"CLICOLOR_FORCE": "1"}, False, False),
        ]
        for command in ("ps", "status"):
            for args, env, on, off in rows:
                with self.subTest(command=command, args=args, env=env):
                    out, status = self.on_terminal(80, SPAWNGUARD, command, *args, **env)
                    self.assertEqual((status, "\x1b[" in out), (0, on))
                    out = self.command(command, *args, env={**self.env, **env}).out
                    self.assertEqual("\x1b[" in out, off)
        self.end_run(held)


class Garbage(PsTest):
    def test_missing_state_is_not_made(self):
        missing = self.path("nowhere/state")
        for command in ("ps", "status"):
            for args in ([], ["job"], ["--json"]):
                run = self.command(command, f"--state-dir={missing}", *args)
                self.assertEqual(run.status, 1, run.err)
                self.assertFalse(os.path.exists(self.path("nowhere")))
        self.assertIn("no state directory yet", self.command("ps", f"--state-dir={missing}").err)

    def test_an_empty_directory_stays_empty(self):
        for command in ("ps", "status"):
            self.assertEqual(self.command(command).status, 1)
        self.assertEqual(os.listdir(self.state), [])

    def test_a_home_without_state_stays_without(self):
        if os.geteuid() == 0:
            self.skipTest("root's state is not in a home")
        env = {k: v for k, v in self.env.items() if k not in ("SPAWNGUARD_STATE_DIR", "STATE_DIRECTORY")}
        for command in ("ps", "status"):
            self.assertIn(self.command(command, env=env).status, (0, 1))

    def test_a_directory_that_others_write_to_is_refused(self):
        os.chmod(self.state, 0o777)
        for command in ("ps", "status"):
            run = self.command(command)
            self.assertEqual(run.status, 125)
            self.assertIn("others can write to it", run.err)
        os.chmod(self.state, 0o700)

    def test_what_is_no_record_hides_no_other(self):
        held = self.holder("-N", "real", "--run-id", "real-run")
        runs = os.path.join(self.state, "runs")
        with open(os.path.join(runs, "real-run"), "rb") as f:
            record = f.read()
        planted = {"zeros": b"\0" * 4096, "text": b"hello\n" * 500, "short": b"x", "torn": record[:700],
                   "copied": record, "flipped": record[:100] + b"\xff" + record[101:]}
        for name, content in planted.items():
            with open(os.path.join(runs, name), "wb") as f:
                f.write(content)
        open(os.path.join(runs, "empty"), "w").close()
        os.mkfifo(os.path.join(runs, "fifo"))
        os.mkdir(os.path.join(runs, "folder"))
        os.symlink("real-run", os.path.join(runs, "link"))
        os.link(os.path.join(runs, "text"), os.path.join(runs, "twice"))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(runs, "socket"))
        if os.geteuid() == 0:
            os.chown(os.path.join(runs, "zeros"), FOREIGN, FOREIGN)
        for args in ([], ["real"], ["real-run"], ["-o", "pid"]):
            run = self.ps(*args)
            self.assertEqual(run.status, 0)
            self.assertIn(str(held.pid), run.out)
            self.assertRegex(run.err, r"\Aspawnguard: \d+ run records cannot be read, .*spawnguard reap")
        told = self.told()
        self.assertEqual([r["run_id"] for r in told["runs"]], ["real-run"])
        self.assertGreaterEqual(told["damaged_records"], 8)
        run = self.command("status", "real")
        self.assertEqual(run.status, 0)
        self.assertIn("run records cannot be read", run.err)
        self.end_run(held)
        shutil.rmtree(runs)

    def test_random_records(self):
        held = self.holder("-N", "real", "--run-id", "real-run")
        runs = os.path.join(self.state, "runs")
        with open(os.path.join(runs, "real-run"), "rb") as f:
            record = bytearray(f.read())
        for i in range(100):
            at = i * len(record) // 100
            changed = bytearray(record)
            changed[at:at + 8] = os.urandom(len(changed[at:at + 8]))
            with open(os.path.join(runs, f"changed-{i}"), "wb") as f:
                f.write(changed.replace(b"real-run", f"changed-{i}".encode()[:8]))
        run = self.ps()
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(len(self.told()["runs"]), 1)
        self.end_run(held)
        shutil.rmtree(runs)

    def test_no_failing_call_crashes_it(self):
        shim = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libfailnth.so")
        if SANITIZED or not os.path.exists(shim):
            self.skipTest("a preloaded library would come before the sanitizer's own")
        held = self.holder("-N", "held", shape="daemon")
        self.run_guard(["-N", "done"], ["true"])
        for command in ("ps", "status"):
            for fault in ("openat:EMFILE", "openat:EACCES", "pread:EIO", "fstat:EIO", "fstatat:EIO", "syscall:ENOSYS",
                          "write:ENOSPC"):  # not memory: libsmartcols 2.38 does not return where it has none to print
                for n in (1, 2, 3, 4, 5, 7, 9, 12, 16, 24, 40, 70):
                    run = self.command(command, env={**self.env, "LD_PRELOAD": shim, "SG_FAULT_PROGRAM": command,
                                                     "SG_FAULT": fault.replace(":", f":{n}:")})
                    self.assertIn(run.status, (0, 1, 125), f"{command} {fault} {n}: {run.err}")
                    self.assertTrue(run.out or run.err, f"{command} {fault} {n}")
        self.end_run(held)

    def test_a_dead_guard_is_lost_and_said_so(self):
        self.lost("-N", "dead", "--run-id", "dead-run")
        run = self.ps()
        self.assertEqual(run.status, 0)
        self.assertRegex(run.out, r"(?m)^dead +dead-run +lost ")
        self.assertIn("spawnguard reap", run.err)
        told = self.told()["runs"][0]
        self.assertEqual(told["state"], "lost")
        self.assertEqual([m["pid"] for m in told["members"]], [p for p in self.pids() if Stat(p).alive])
        self.assertTrue(all(m["leftover"] for m in told["members"]))
        run = self.command("status")
        self.assertEqual(run.status, 1)
        self.assertIn("its guards are dead: spawnguard reap ends what is left", run.out)
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.ps().status, 1)

    def test_a_run_that_ends_meanwhile_is_not_lost(self):
        loop = self.start("sh", "-c", f"for i in $(seq 60); do {SPAWNGUARD} run -N quick -- true; done")
        seen = 0
        while loop.running():
            run = self.ps()
            self.assertIn(run.status, (0, 1))
            self.assertNotIn("lost", run.out + run.err)
            seen += 1
        loop.wait()
        self.assertGreater(seen, 0)

    def test_hostile_names_are_inert(self):
        name = "\x1b[2J)name\n"
        script = self.write("hostile.py", "import os\nopen('/proc/self/comm', 'w').write(') R 1\\n\\x1b[2J')\n"
                            f"os.posix_spawn({VICTIM!r}, ['\\x1b[31mred\\n', 'sleep'], os.environ)\nos.wait()\n")
        held = self.guard(f"--name={name}", "--task", "é\n\u202e漢", "--", "/usr/bin/python3", script, "\x1b[2J\né")
        self.wait_ready(held)
        for locale in (UTF8, PLAIN):
            run = self.ps("-o", "+task,comm", locale=locale)
            self.assertEqual((run.status, run.err), (0, ""))
            self.assertNotRegex(run.out, CONTROLS)
            self.assertIn(") R 1\\n\\x1b[2J", run.out)
            self.assertEqual("é" in run.out, locale is UTF8)
            self.assertEqual("\\xc3\\xa9" in run.out, locale is PLAIN)
            out, status = self.on_terminal(80, SPAWNGUARD, "ps", "--color=never", "-o", "+task", **locale)
            self.assertEqual(status, 0)
            self.assertNotRegex(out, CONTROLS)
            self.assertNotRegex(self.command("status", env={**self.env, **locale}).out, CONTROLS)
        told = self.told()["runs"][0]
        self.assertEqual((told["job"], told["task"]), (name, "é\n\u202e漢"))
        self.assertIn(") R 1\n\x1b[2J", [m["comm"] for m in told["members"]])
        self.end_run(held)


class Many(PsTest):
    def test_200_members(self):
        script = self.write("many.py", "import os, time\nfor i in range(199):\n"
                            "    if os.fork() == 0:\n        time.sleep(600)\n        os._exit(0)\n"
                            "open('ready', 'w').close()\ntime.sleep(600)\n")
        held = self.guard("-N", "many", "--", "/usr/bin/python3", script)
        wait_until(lambda: os.path.exists(self.path("ready")), "all are there")
        told = self.told()["runs"][0]
        self.assertEqual((told["processes"], len(told["members"])), (200, 200))
        self.assertEqual(told["threads"], 200)
        rows = self.rows("pid,kind,comm")
        self.assertEqual(len(rows), 202)
        self.assertEqual({int(r["pid"]) for r in rows[2:]}, {m["pid"] for m in told["members"]})
        self.end_run(held)

    def test_a_deep_tree_is_drawn_to_a_depth(self):
        held = self.holder("-N", "deep", shape="deep 120")
        out = self.ps("-o", "pid,command").out.splitlines()
        told = self.told()["runs"][0]
        self.assertEqual(len(out), len(told["members"]) + 3)
        self.assertLess(max(len(line.split(None, 1)[1]) for line in out[2:]), 90)
        self.assertGreater(max(m["depth"] for m in told["members"]), 100)
        self.end_run(held)


class Document(PsTest):
    def test_every_member_is_described_and_every_described_one_is_known(self):
        with open(os.path.join(SOURCE, "doc/ps.md")) as f:
            page = f.read()
        described = {name for cell in re.findall(r"^\| (`.*?) \|", page, re.M) for name in re.findall(r"`([a-z_]+)`", cell)}
        outer = self.guard("-N", "outer", "--task", "t", "--step", "s", "--output=never", "--log", self.path("log"),
                           "--", SPAWNGUARD, "run", "-N", "inner", "--", VICTIM, "sleep")
        self.wait_ready(outer)
        written = members(self.told())
        self.end_run(outer)
        over = self.guard("-N", "over", "--max-procs=1", "--on-limit=freeze", "--", VICTIM, "deep", "2")
        wait_until(lambda: ": frozen" in over.err, "it stands")
        written |= members(self.told())
        self.end_run(over)
        slotted = self.holder("-N", "w", "--slots=2", "--expect-mem=1M")
        written |= members(self.told())
        self.end_run(slotted)
        self.assertEqual(written - described, set())
        self.assertEqual(described - written, set())

    def test_help_and_manual_name_the_same_columns(self):
        helped = re.findall(r"^[* ] ([a-z]+) ", self.command("ps", "--help=all").out.split("Columns for")[1].split("\n\n")[0],
                            re.M)
        manual = self.command("help", "ps").out
        if "COLUMNS" not in manual:
            self.skipTest("no manual here")
        section = manual.split("\nCOLUMNS\n")[1].split("\nEXIT STATUS\n")[0]
        for name in helped:
            self.assertRegex(section, rf"(?m)^     {name}( |$)")


class All(PsTest):
    def test_only_root_may(self):
        if os.geteuid() == 0:
            self.skipTest("we are root")
        for command in ("ps", "status"):
            run = self.command(command, "--all")
            self.assertEqual((run.status, run.out), (2, ""))
            self.assertRegex(run.err, r"\Aspawnguard: --all .* only root may.*\n\Z")

    def as_root_with_users(self, script):
        """`script` in mounts with a password database of two users (alice, bob), and homes of theirs."""
        if os.geteuid() != 0:
            self.skipTest("only root looks at others")
        os.chmod(self.scratch, 0o755)
        for uid, name in ((FOREIGN, "alice"), (FOREIGN + 1, "bob")):
            os.mkdir(self.path(name), 0o755)
            os.chown(self.path(name), uid, uid)
            with open(self.path("passwd"), "a") as f:
                f.write(f"{name}:x:{uid}:{uid}::{self.path(name)}:/bin/sh\n")
        with open("/etc/passwd") as known, open(self.path("passwd"), "a") as f:
            f.write(known.read())
        stage = self.path("stage")  # users may not look where the build is
        top = os.path.dirname(os.path.dirname(SPAWNGUARD))
        for part in ("bin", "libexec"):
            shutil.copytree(os.path.join(top, part), os.path.join(stage, part))
        for folder, _, _ in os.walk(stage):
            os.chmod(folder, 0o755)
        shutil.copy(VICTIM, stage)
        begin = (f"set +e\nmount --bind {self.path('passwd')} /etc/passwd\nmount -t tmpfs -o mode=755 t /run\n"
                 "mount -t tmpfs -o mode=755 t /var/lib\n"
                 f"sg={stage}/bin/spawnguard victim={stage}/victim alice={FOREIGN} bob={FOREIGN + 1}\n"
                 'as() { uid=$1; shift; setpriv --reuid $uid --regid $uid --clear-groups "$@"; }\n')
        env = {k: v for k, v in self.env.items() if not k.startswith(("SPAWNGUARD", "VICTIM", "XDG"))}
        return self.in_mounts(begin + script, "true", env=env).wait(60 * SCALE)

    def test_everybody_is_shown_with_a_name(self):
        script = """
            as $alice $sg run -N hers --run-id alice-run -- sleep 300 &
            as $bob $sg run -N his -- false || :
            mkdir -p /var/lib/spawnguard/user/$bob; chmod 711 /var/lib/spawnguard; chown $bob /var/lib/spawnguard/user/$bob
            chmod 700 /var/lib/spawnguard/user/$bob
            as $bob $sg run -N made --run-id bob-run -- sleep 300 &
            $sg run -N own --run-id root-run -- sleep 300 &
            tries=0
            until [ "$($sg ps --all --json | grep -o '"state":"running"' | wc -l)" = 3 ]; do
                tries=$((tries + 1)); [ $tries -lt 300 ] || { echo never; $sg ps --all; break; }; sleep 0.1
            done
            echo BEGIN; $sg ps --all -o user,job,run,kind; echo "status $?"
            echo JSON; $sg ps --all --json; echo
            echo HERS; $sg ps --all hers; echo "status $?"
            echo RUN; $sg ps --all alice-r; echo "status $?"
            echo STATUS; $sg status --all; echo "status $?"
            echo OWN; $sg ps -o job; echo END
            as $alice $sg kill -k none hers; as $bob $sg kill -k none made; $sg kill -k none own; wait
        """
        run = self.as_root_with_users(script)
        self.assertEqual(run.status, 0, run.err)
        self.assertNotIn("never", run.out, run.err)
        part = re.split(r"(?m)^(BEGIN|JSON|HERS|RUN|STATUS|OWN|END)$", run.out)
        part = dict(zip(part[1::2], part[2::2]))
        for user, job in (("root", "own"), ("alice", "hers"), ("bob", "made")):
            self.assertRegex(part["BEGIN"], rf"(?m)^{user} +{job} +{user}-run +front$")
            self.assertRegex(part["STATUS"], rf"(?m)^{user} +{job} +running ")
        self.assertRegex(part["STATUS"], r"(?m)^bob +his +failed +1 ")
        self.assertIn("status 0", part["BEGIN"])
        self.assertIn("status 1", part["STATUS"])
        told = json.loads(part["JSON"])
        self.assertEqual({r["job"]: (r["uid"], r["user"]) for r in told["runs"]},
                         {"own": (0, "root"), "hers": (FOREIGN, "alice"), "made": (FOREIGN + 1, "bob")})
        self.assertEqual(told["problems"], 0)
        for name in ("HERS", "RUN"):
            self.assertIn("alice", part[name])
            self.assertNotIn("bob", part[name])
        self.assertEqual(part["OWN"].split()[:2], ["JOB", "own"])
        self.assertNotIn("hers", part["OWN"])

    def test_what_is_planted_hides_no_other(self):
        script = """
            home=$(getent passwd bob | cut -d: -f6)
            as $bob sh -c "mkdir -p $home/.local/state; chmod 700 $home/.local/state"
            as $bob ln -s /run $home/.local/state/spawnguard
            mkdir -p /var/lib/spawnguard/user/77 /var/lib/spawnguard/user/none; chmod 711 /var/lib/spawnguard
            as $alice $sg run -N hers --run-id alice-run -- sleep 300 &
            $sg run -N own -- true
            tries=0
            until $sg ps --all --json 2>/dev/null | grep -q '"state":"running"'; do
                tries=$((tries + 1)); [ $tries -lt 300 ] || { echo never; break; }; sleep 0.1
            done
            runs=$(find $(getent passwd alice | cut -d: -f6) -type d -name runs)
            as $alice mkfifo $runs/fifo; as $alice sh -c "echo garbage >$runs/garbage; ln -s /etc/shadow $runs/link"
            $sg ps --all; echo "status $?"; $sg status --all; echo "status $?"
            as $alice $sg kill -k none hers; wait
        """
        run = self.as_root_with_users(script)
        self.assertNotIn("never", run.out)
        self.assertRegex(run.out, r"(?m)^alice +hers +alice-run ")
        self.assertRegex(run.out, r"(?m)^alice +hers +running ")
        self.assertRegex(run.out, r"(?m)^root +own +ok ")
        self.assertEqual(run.out.count("status 125"), 2, run.out)
        self.assertRegex(run.err, r"no link is followed to it\): \S+/bob/\.local/state/spawnguard: ")
        self.assertRegex(run.err, r"belongs to another user\): /var/lib/spawnguard/user/77: ")
        self.assertIn("3 run records cannot be read", run.err)
        self.assertFalse(re.search(r"user/none", run.err))


if __name__ == "__main__":
    harness.main()

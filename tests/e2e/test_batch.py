"""batch: each item a run of its own, with brakes, and a session that is gone on with."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, GuardTest, children, outcome, send, wait_until
from ways import SHIM

TERM, KILL = signal.SIGTERM, signal.SIGKILL
# Says what it is, and does as its item says: "x-fail-1" fails.
PHASE = """#!/bin/sh
echo "$1" >> {log}
case $1 in
*fail*) echo "KeyError: 'id' at $$" >&2; exit 1;;
*other*) echo "disk of $1 is full" >&2; exit 4;;
*wait*) while [ ! -e {go} ]; do sleep 0.02; done;;
*late*) sleep 1000;;
*once*) [ -e {log}.$1 ] || {{ : > {log}.$1; echo "not yet" >&2; exit 5; }};;
esac
"""


class BatchTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.phase = self.write("phase", PHASE.format(log=self.path("log"), go=self.path("go")), 0o755)

    def args(self, items, *args, name="drain", command=()):
        if items is not None:
            self.write("items", "".join(item + "\n" for item in items))
            args = ("--items", "items", *args)
        return (SPAWNGUARD, "batch", "-N", name, *args, "--", *(command or (self.phase, "{}")))

    def batch(self, items, *args, **more):
        return self.start(*self.args(items, *args, **more)).wait(60 * harness.SCALE)

    def resume(self, *args, name="drain"):
        return self.command("batch", "-N", name, "--resume", *args, timeout=60 * harness.SCALE)

    def ran(self):
        return self.read("log").splitlines()

    def lines(self, run):
        """(tag, item) of the progress."""
        return re.findall(r"^\[\d+/\d+\] (OK|FAIL|SKIP|STOP) (\S+)", run.err, re.M)


class Items(BatchTest):
    def test_each_is_a_run_with_its_record(self):
        run = self.batch(["a-1", "", "b 2", "c'3"], "--tag=k=v")
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.ran(), ["a-1", "b 2", "c'3"])
        ends = self.events("end")
        self.assertEqual([e["spawnguard.task"] for e in ends], ["a-1", "b 2", "c'3"])
        self.assertEqual({e["spawnguard.job"] for e in ends}, {"drain"})
        self.assertEqual(self.events("start")[0]["spawnguard.tags"], {"k": "v"})
        self.assertIn("[3/3] OK", run.err)
        self.assertEqual(self.records(), [])

    def test_bytes_stay_as_they_are_and_no_shell_sees_them(self):
        nasty = b"$(touch x);`id` \xff\xfe * ' \" \\ {}"
        with open(self.path("items"), "wb") as f:
            f.write(nasty)  # without a newline at the end
        run = self.start(SPAWNGUARD, "batch", "--items", "items", "--", sys.executable, "-c",
                         "import os, sys; os.write(1, os.fsencode(sys.argv[1]))", "{}-{}").wait()
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(os.fsencode(run.out), nasty + b"-" + nasty)

    def test_without_a_hole_the_item_is_the_last_word(self):
        run = self.batch(["a", "b"], command=("echo", "hello"))
        self.assertEqual(run.out, "hello a\nhello b\n")

    def test_from_standard_input_which_the_runs_do_not_get(self):
        self.write("lines", "a\nb\n")
        with open(self.path("lines"), "rb") as f:
            run = self.start(SPAWNGUARD, "batch", "--", "sh", "-c", "echo $0; cat", "{}", stdin=f).wait()
        self.assertEqual((run.status, run.out), (0, "a\nb\n"), run.err)

    def test_so_many_at_a_time_and_no_more(self):
        run = self.start(*self.args([f"wait-{i}" for i in range(6)], "--jobs=3"))
        wait_until(lambda: len(self.ran()) == 3, "three run")
        harness.observe(0.1)
        self.assertEqual(len(self.ran()), 3)
        self.write("go", "")
        run.wait()
        self.assertEqual((run.status, sorted(self.ran())), (0, [f"wait-{i}" for i in range(6)]), run.err)

    def test_what_fails_is_told_by_what_it_said(self):
        run = self.batch(["a", "fail", "b"])
        self.assertEqual(run.status, 1)
        self.assertRegex(run.err, r"(?m)^\[2/3\] FAIL fail \S+ exit 1: KeyError: 'id' at \d+")
        self.assertEqual(self.lines(run), [("OK", "a"), ("FAIL", "fail"), ("OK", "b")])

    def test_a_command_that_cannot_be_executed_stops_it_at_once(self):
        run = self.batch(["a", "b"], command=("/no/such", "{}"))
        self.assertEqual(run.status, 3)
        self.assertEqual(self.lines(run), [("STOP", "a")])
        self.assertIn("2 left", run.err)


class Brakes(BatchTest):
    def test_equal_failures_stop_their_family(self):
        run = self.batch(["a-fail1", "b-1", "a-fail2", "a-3", "b-2"], "--family=^[a-z]+", "--same-failure=2")
        self.assertEqual(run.status, 3, run.err)
        self.assertEqual(self.ran(), ["a-fail1", "b-1", "a-fail2", "b-2"])
        self.assertIn(("SKIP", "a-3"), self.lines(run))
        self.assertIn("brake: family a: equal failures, and nothing ok between (--same-failure=2)", run.err)

    def test_a_timeout_stops_its_family(self):
        run = self.batch(["a-late", "a-1", "b-1"], "--family=^[a-z]+", "--max-timeouts=1", "--timeout=0.3")
        self.assertEqual((run.status, self.ran()), (3, ["a-late", "b-1"]), run.err)
        self.assertRegex(run.err, r"\[1/3\] FAIL a-late \S+ timeout")

    def test_the_canary_stops_all(self):
        run = self.batch(["fail", "b", "c"], "--canary=1", "--jobs=3")
        self.assertEqual((run.status, self.ran()), (3, ["fail"]), run.err)

    def test_nothing_in_a_row_stops_all(self):
        run = self.batch(["a", "b", "c", "d"], "--zero-yield=3", "--yield=file:" + self.path("none"))
        self.assertEqual((run.status, self.ran()), (3, ["a", "b", "c"]), run.err)
        self.assertIn("yield 0 (0.0/min)", run.err)
        self.assertIn("yield: 0 % of 3 items", run.err)
        self.assertIn("no yield: 3 success_no_work", run.err)
        self.assertIn("3 items brought nothing: see by one of them", run.err)

    def test_so_many_runs_and_the_rest_later(self):
        items = [f"i{i}" for i in range(5)]
        run = self.batch(items, "--max-runs=2")
        self.assertEqual((run.status, self.ran()), (0, items[:2]), run.err)
        self.assertIn("--resume --max-runs 4", run.err)
        run = self.resume()
        self.assertEqual((run.status, self.ran()), (0, items[:4]), run.err)
        run = self.resume("--max-runs=none")
        self.assertEqual((run.status, self.ran()), (0, items), run.err)

    def test_time_ends_what_runs(self):
        run = self.batch(["a", "late", "b"], "--total=0.5")
        self.assertEqual((run.status, self.ran()), (3, ["a", "late"]), run.err)
        self.assertIn(("STOP", "late"), self.lines(run))
        self.assertIn("2 left", run.err)

    def test_attempts(self):
        run = self.batch(["once-1", "fail", "b"], "--max-attempts=2")
        self.assertEqual((run.status, self.ran()), (1, ["once-1", "fail", "b", "once-1", "fail"]), run.err)
        self.assertIn("2 ok (1 after a failure), 1 failed, 0 left", run.err)
        self.assertIn("transient: 1 failed, later ok", run.err)

    def test_prefixes_and_what_a_dry_run_says_of_them(self):
        args = ("--skip-prefix=a", "--skip-prefix=b", "--only-prefix=c", "--only-prefix=b", "--max-runs=1", "--canary=1")
        run = self.batch(["a1", "b1", "c1", "d1", "c2"], *args, "--dry-run")
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual([" ".join(line.split()[:2]) for line in run.out.splitlines()],
                         ["skip a1:", "skip b1:", "alone c1", "skip d1:", "later c2:"])
        self.assertIn("(--skip-prefix)", run.out.splitlines()[0])
        self.assertIn("(--only-prefix)", run.out.splitlines()[3])
        self.assertFalse(os.path.exists(os.path.join(self.state, "batch")))
        run = self.batch(["a1", "b1", "c1", "d1", "c2"], *args[:-2])
        self.assertEqual((run.status, self.ran()), (0, ["c1", "c2"]), run.err)


class Yields(BatchTest):
    def test_by_what_is_printed(self):
        for kind, each in (("lines", 2), ("bytes", 4)):
            with self.subTest(kind):
                run = self.batch(["a", "b"], f"--yield={kind}", "--output=never", command=("printf", r"{}\nx\n"), name=kind)
                self.assertEqual(run.status, 0, run.err)
                self.assertEqual(re.findall(r"OK (\w) \S+ yield (\d+) ", run.err), [("a", str(each)), ("b", str(each))])

    def test_where_it_cannot_be_seen_nothing_starts(self):
        run = self.start(*self.args(["a", "b"], "--yield=lines"), stdout=subprocess.PIPE).wait(60 * harness.SCALE)
        self.assertIn("not started: --yield: stdout cannot be seen", run.err)
        self.assertIn("STOP a", run.err)
        self.assertFalse(os.path.exists(self.path("log")))


class Terminal(BatchTest):
    """Below the lines a bar, which is gone when the batch is."""

    def look(self, columns):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.set_blocking(master, False)
        run = self.start(*self.args(["a", "fail", "wait-1", "b"]), stderr=slave)
        os.close(slave)
        seen = []

        def has(what):
            try:
                seen.append(os.read(master, 65536).decode())
            except (BlockingIOError, OSError):
                pass
            return what in "".join(seen)
        return run, has, seen

    def test_it_is_drawn_and_goes(self):
        run, has, seen = self.look(80)
        wait_until(lambda: has("2/4, ok 1, failed 1, running 1"), "the bar stands at the third")
        self.assertRegex("".join(seen), r"\r\[=+> +\] 2/4, ok 1, failed 1, running 1[^\r\n]*\033\[K")
        self.write("go", "")
        wait_until(lambda: has("4 items, 3 ok, 1 failed"), "what came of it")
        run.wait()
        last = "".join(seen).rsplit("] 4/4" if "] 4/4" in "".join(seen) else "] 3/4", 1)[1]
        self.assertIn("\r\033[K", last, "it is erased before what is said at the end")
        self.assertNotIn("[==", last.split("4 items")[1])

    def test_it_is_no_wider_than_the_terminal(self):
        run, has, seen = self.look(30)
        wait_until(lambda: has("2/4") or has("[=="), "a bar")
        self.write("go", "")
        run.wait()
        has("")
        for bar in re.findall(r"\r(\[[=> ]+\][^\r\n\033]*)\033\[K", "".join(seen)):
            self.assertLess(len(bar), 30, bar)

    def test_quiet_has_none(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        run = self.start(*self.args(["a", "b"], "-q"), stderr=slave)
        run.wait()
        os.close(slave)
        os.set_blocking(master, False)
        self.assertRaises((BlockingIOError, OSError), os.read, master, 100)


class Sessions(BatchTest):
    def test_killed_and_resumed(self):
        self.needs("pidfd_open")
        items = ["a", "fail", "wait-1", "b"]
        run = self.start(*self.args(items))
        wait_until(lambda: "wait-1" in self.ran(), "it runs")
        front = children(run.pid)
        run.send(KILL)
        run.wait()
        wait_until(lambda: not any(harness.Stat(pid).alive for pid in front), "its run ended with it")
        self.write("go", "")
        again = self.resume()
        self.assertEqual(again.status, 1, again.err)
        self.assertEqual(self.ran(), ["a", "fail", "wait-1", "wait-1", "b"])
        self.assertIn("4 items, 3 ok, 1 failed, 0 left", again.err)

    def test_what_ended_after_the_batch_was_killed_counts(self):
        """It is stopped at its end, so that it does not hear of the death of its batch; then it goes on."""
        run = self.start(*self.args(["wait-1", "b"]))
        wait_until(lambda: self.ran(), "it runs")
        front = children(run.pid)[0]
        send(front, signal.SIGSTOP)
        self.write("go", "")
        wait_until(lambda: len(self.events("end")) == 1, "the warden has written its end")
        run.send(KILL)
        run.wait()
        send(front, signal.SIGCONT)
        again = self.resume()
        self.assertEqual((again.status, self.ran()), (0, ["wait-1", "b"]), again.err)

    def test_term_ends_what_runs_in_order(self):
        run = self.start(*self.args(["late-1", "late-2", "c"], "--jobs=2"))
        wait_until(lambda: len(self.ran()) == 2, "two run")
        run.send(TERM)
        run.wait()
        self.assertEqual(run.status, -TERM)
        self.assertEqual([outcome(e) for e in self.events("end")], ["killed", "killed"])
        self.assertEqual([tag for tag, _ in self.lines(run)], ["STOP", "STOP"])
        self.assertIn("3 left", run.err)

    def test_one_batch_of_a_name(self):
        run = self.start(*self.args(["wait-1"]))
        wait_until(lambda: self.ran(), "it runs")
        self.assertEqual(self.batch(["b"]).status, 75)
        self.write("go", "")
        self.assertEqual(run.wait().status, 0, run.err)

    def test_new_items_come_behind_those_of_the_session(self):
        self.batch(["a", "b", "a"], "--max-runs=1")
        run = self.batch(["b", "a", "a", "c", "a"], "--resume", "--max-runs=none")
        self.assertEqual((run.status, self.ran()), (0, ["a", "b", "a", "c", "a"]), run.err)

    def test_a_brake_lets_go_at_the_next_sitting(self):
        self.assertEqual(self.batch(["fail1", "fail2", "c"], "--same-failure=2").status, 3)
        run = self.resume()
        self.assertEqual((run.status, self.ran()), (0, ["fail1", "fail2", "c"]), run.err)

    def test_analysis_of_a_name_or_a_session(self):
        self.batch(["a-fail1", "a-fail2", "a-fail3", "b"], "--family=^[a-z]+")
        run = self.command("batch", "--analyse", "drain")
        self.assertEqual(run.status, 0, run.err)
        self.assertIn("4 items, 1 ok, 3 failed, 0 left", run.out)
        self.assertIn("failure: 3 items, as a-fail1: KeyError: 'id'", run.out)
        self.assertIn("family a: 0 ok, 3 failed; the same failure each time: KeyError", run.out)
        self.assertIn("spawnguard batch -N drain --resume --skip-prefix a\n", run.out)
        session = re.search(r"session (\S+):", run.out)[1]
        self.assertEqual(self.command("batch", "--analyse", session).out, run.out)
        self.assertEqual(self.command("batch", "--analyse", "none").status, 1)


class Json(BatchTest):
    def told(self, *args):
        run = self.command("batch", "--json", *args)
        self.assertEqual((run.status, run.err, run.out.count("\n")), (0, "", 1))
        return json.loads(run.out)

    def test_what_came_of_it(self):
        counted = self.write("counted", f"#!/bin/sh\n{self.phase} $1 || exit\ncase $1 in *zero*) ;; *) echo x >> $1.yield; esac\n", 0o755)
        run = self.batch(["a-1", "a-fail1", "a-fail2", "b-zero", "b-once", "c-\x1b[31m"], "--family=^[a-z]+", "--max-attempts=2",
                         "--yield=lines", "--json", "-q", command=(counted, "{}"))
        self.assertEqual(run.status, 1, run.err)
        told = json.loads(run.out.splitlines()[-1])
        self.assertEqual(told, self.told("--analyse", "drain"))
        self.assertEqual(self.told("--analyse", told["session"]), told)
        self.assertEqual({k: told[k] for k in ("schema", "job", "items", "ran", "ok", "failed", "left", "running", "transient", "stopped_by")},
                         {"schema": 1, "job": "drain", "items": 6, "ran": 6, "ok": 4, "failed": 2, "left": 0, "running": 0,
                          "transient": 1, "stopped_by": None})
        self.assertEqual((told["yield"]["measured"], told["yield"]["with_yield"], told["yield"]["with_yield_percent"]), (6, 0, 0))
        self.assertEqual(sum(z["count"] for z in told["yield"]["zero"]), 6)
        self.assertEqual({(f["count"], f["item"]) for f in told["failures"]}, {(2, "a-fail1")})
        self.assertRegex(told["failures"][0]["fingerprint"], "^f1-[0-9a-f]{16}$")
        families = {f["name"]: f for f in told["families"]}
        self.assertEqual([(f["failures"], f["same_print"], f["transient"]) for f in (families["a"], families["b"])],
                         [(4, True, 0), (1, True, 1)])
        for advice in told["advice"]:
            self.assertRegex(advice["command"], "^spawnguard (batch|run|status) ")
        self.assertEqual(told["advice"][0]["rule"], "check-yield")

    def test_each_member_is_described(self):
        with open(os.path.join(os.environ["SG_SOURCE"], "doc/batch.md")) as f:
            described = set(re.findall(r"`([a-z0-9_]+)`", f.read()))
        self.write("y", "")
        self.batch(["a-fail1", "a-fail2", "b"], "--yield=file:y", "--max-runs=2")

        def members(value):
            if isinstance(value, dict):
                return set(value) | set().union(*map(members, value.values()), set())
            return set().union(*map(members, value), set()) if isinstance(value, list) else set()
        self.assertEqual(members(self.told("--analyse", "drain")) - described, set())

    def test_what_would_be_done(self):
        self.write("items", "a\nb\nx1\nc\n")
        told = self.told("-N", "drain", "--items", "items", "--dry-run", "--max-runs=2", "--canary=1", "--skip-prefix=x", "--", "true")
        self.assertEqual([(i["item"], i["plan"], i.get("rule")) for i in told["items"]],
                         [("a", "alone", None), ("b", "run", None), ("x1", "skip", "skip-prefix"), ("c", "later", None)])


class Hostile(BatchTest):
    def test_items_like_options_or_with_escapes(self):
        items = ["-x", "--help", "--", "--name=other", "\x1b]0;title\x07", "{}", "a\tb", "\u202egpj"]
        run = self.batch(items, command=("printf", "<%s>\n", "{}"))
        self.assertEqual((run.status, run.out), (0, "".join(f"<{item}>\n" for item in items)), run.err)
        self.assertNotRegex(run.err, "[\x00-\x09\x0b-\x1f\x7f\u202e]")
        self.assertEqual({e["spawnguard.job"] for e in self.events("end")}, {"drain"})

    def test_an_item_as_long_as_an_argument_may_be(self):
        run = self.batch(["x" * (128 * 1024 - 1), "y"], command=("sh", "-c", "echo ${#1}", "sh"))
        self.assertEqual((run.status, run.out), (0, f"{128 * 1024 - 1}\n1\n"), run.err)

    def test_100000_items(self):
        """Each a family of its own; what a brake has to look at is that family."""
        count = 10000 if SANITIZED else 100000
        self.write("items", "".join(f"f{i}/1\n" for i in range(count)))
        args = ("--family=^[^/]+", "--same-failure=1")
        run = self.command("batch", "-N", "drain", "--items", "items", *args, "--max-runs=5", "--jobs=4000000000", "--", "false",
                           timeout=60 * harness.SCALE)
        self.assertEqual(run.status, 1, run.err)
        self.assertNotRegex(run.err, "eta [0-9.]+(us|ns)")
        self.assertIn(f"{count} items, 0 ok, 5 failed, {count - 5} left", run.err)
        told = self.command("batch", "--analyse", "drain", timeout=60 * harness.SCALE)
        self.assertIn(f"{count} items, 0 ok, 5 failed, {count - 5} left", told.out)

    def test_what_is_no_list_of_items(self):
        os.mkdir(self.path("folder"))
        for items in ("folder", "none", "/proc/self/mem"):
            run = self.command("batch", "--items", items, "--", self.phase, "{}")
            self.assertEqual(run.status, 2, run.err)
            self.assertIn(f"cannot read the items of {items}: ", run.err)
        run = self.start("sh", "-c", f"exec {SPAWNGUARD} batch -N drain -- {self.phase} <&-").wait()
        self.assertEqual((run.status, run.err), (0, "spawnguard: no items: there is nothing to do\n"))
        self.write("items", "a\nb\n")
        run = self.start("sh", "-c", f"exec {SPAWNGUARD} batch -N drain --items items -- {self.phase} {{}} <&- >&- 2>&-").wait()
        self.assertEqual((run.status, self.ran()), (0, ["a", "b"]))

    def test_interrupted_it_ends_its_runs_and_goes_on_later(self):
        for sig in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(sig):
                name = sig.name.lower()
                run = self.start(*self.args(["a", "wait-" + name, "b"], name=name))
                wait_until(lambda item="wait-" + name: item in self.ran(), "it runs")
                run.send(sig)
                self.assertEqual(run.wait().status, -sig, run.err)
                self.assertIn(f"spawnguard batch -N {name} --resume\n", run.err)
        self.write("go", "")
        self.assertEqual(self.resume(name="sigint").status, 0)
        self.assertEqual(self.ran()[-2:], ["wait-sigint", "b"])

    def test_stopped_it_stands_and_goes_on(self):
        run = self.start(*self.args(["wait-1", "b"]))
        wait_until(lambda: self.ran(), "it runs")
        run.send(signal.SIGTSTP)
        wait_until(lambda: harness.Stat(run.pid).state == "T", "it stands")
        self.write("go", "")
        wait_until(lambda: len(self.events("end")) == 1, "what runs is not stopped by that")
        run.send(signal.SIGCONT)
        self.assertEqual((run.wait().status, self.ran()), (0, ["wait-1", "b"]), run.err)

    def test_two_batches_on_one_session(self):
        run = self.start(*self.args(["wait-1"]))
        wait_until(lambda: self.ran(), "it runs")
        again = self.resume()
        self.assertEqual((again.status, len(self.ran())), (75, 1), again.err)
        told = self.command("batch", "--analyse", "drain", "--json")
        self.assertEqual([json.loads(told.out)[key] for key in ("running", "left", "ok")], [1, 1, 0])
        self.write("go", "")
        self.assertEqual(run.wait().status, 0, run.err)

    def test_a_full_disk_stops_it_and_nothing_is_done_twice(self):
        """The n-th write of the batch fails, whichever that is."""
        self.write("items", "a\nb\nc\n")
        args = (SPAWNGUARD, "batch", "-q", "-N", "drain", "--items", "items")
        for step in range(1, 9):
            with self.subTest(step):
                self.write("log", "")
                env = dict(self.env, LD_PRELOAD=SHIM, SG_FAULT=f"write:{step}:ENOSPC", SG_FAULT_PROGRAM="batch")
                run = self.start(*args, "--", self.phase, "{}", env=env).wait()
                self.assertIn(run.status, (0, 3, 125), run.err)
                more = ("--resume",) if self.ran() else ()
                again = self.start(*args, *more, "--", self.phase, "{}").wait(60 * harness.SCALE)
                self.assertEqual((again.status, sorted(self.ran())), (0, ["a", "b", "c"]), run.err + again.err)

    def test_advice_can_be_typed(self):
        """Names and beginnings that look like options, or hold blanks."""
        self.batch(["-f fail1", "-f fail2", "ok"], "--family=^..", name="-n x", command=(self.phase, "{}"))
        told = json.loads(self.command("batch", "--name=-n x", "--analyse=-n x", "--json").out)
        command = next(a["command"] for a in told["advice"] if a["rule"] == "skip-prefix")
        self.assertIn("--name='-n x' --resume --skip-prefix=-f", command)
        env = dict(self.env, PATH=os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"])
        self.assertEqual(self.start("sh", "-c", command, env=env).wait().status, 0)


if __name__ == "__main__":
    harness.main()

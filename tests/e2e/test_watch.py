"""watch: follows what is there already, tells what is wrong with it, and never touches it."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, send, wait_until

TERM, KILL, INT, STOP, HUP = signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSTOP, signal.SIGHUP
NASTY = "a\x1b[2J\tb\n\u202ec"
LONG = "--for=60s"  # of what is expected to end by itself


class WatchTest(GuardTest):
    def watcher(self, *words, **popen):
        """`spawnguard watch WORDS`, at work."""
        run = self.start(SPAWNGUARD, "watch", *words, **popen)
        wait_until(lambda: self.sleeps(run) or not run.running(), "it watches")
        return run

    def sleeps(self, run):
        try:
            with open(f"/proc/{run.pid}/comm") as f:
                if f.read() != "watch\n":
                    return False
            with open(f"/proc/{run.pid}/wchan") as f:
                return "poll" in f.read()
        except OSError:
            return False

    def watch(self, *words, **popen):
        return self.command("watch", *words, **popen)

    def lines(self, run):
        """Without the time, which each line begins with; the last one, which sums up, apart."""
        found = []
        for line in run.out.splitlines():
            self.assertRegex(line, r"\A20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ \S")
            found.append(line.partition(" ")[2])
        return found

    def ended(self, run, status, *patterns, err=""):
        """Its status, and all of its lines, each by its pattern."""
        run.wait(60 * SCALE)
        self.assertEqual((run.status, run.err), (status, err), run.out)
        lines = self.lines(run)
        self.assertEqual(len(lines), len(patterns), run.out)
        for line, pattern in zip(lines, patterns):
            self.assertRegex(line, rf"\A{pattern}\Z")
        return lines

    def objects(self, run):
        return [json.loads(line) for line in run.out.splitlines()]


class Jobs(WatchTest):
    def test_nothing_ran(self):
        run = self.watch("j", "--for=0.2s").wait()
        self.assertEqual(run.status, 3)
        self.assertRegex(run.err, r"\Aspawnguard: nothing of j has run within \S+: nothing can be said of it; "
                                  r"see: spawnguard status\n\Z")
        self.assertRegex(run.out, r"Z j: watched for \S+: no runs, no flags, no starts refused\n\Z")

    def test_what_was_before_does_not_count(self):
        self.run_guard(["-N", "j"], ["false"])
        self.assertEqual(self.watch("--for=0.2s", "j").status, 3)

    def test_coming_runs_are_told_as_they_come(self):
        run = self.watcher("j", LONG)
        self.run_guard(["-N", "other"], ["false"])
        self.run_guard(["-N", "j", "--run-id", "one-good"], ["true"])
        wait_until(lambda: "ended" in run.out, "its end is told while others are to come")
        run.send(TERM)
        self.ended(run, 0, "j one-good: started", r"j one-good: ended: ok, status 0, \S+",
                   r"j: watched for \S+: 1 run \(1 ok, 0 not\), no flags, no starts refused")

    def test_each_way_of_not_being_well(self):
        for i, (what, args, command, told) in enumerate([
                ("failed", [], ["false"], "failed, status 1"),
                ("signaled", [], [VICTIM, "signal", "6"], r"signaled, status 134 \(ABRT\)"),
                ("timeout", ["-t", "0.1"], [VICTIM, "sleep"], "timeout, status 124"),
                ("limit", ["--max-procs=1", "--interval=20ms"], ["sh", "-c", "sleep 60 & sleep 60"], "limit, status 123"),
                ("not found", [], ["/no/such"], "failed, status 127")]):
            with self.subTest(what):
                run = self.watcher(f"j{i}", LONG)
                self.run_guard(["-N", f"j{i}", *args], command)
                self.run_guard(["-N", f"j{i}"], ["true"])
                wait_until(lambda: run.out.count("ended") == 2, "both ends are told")
                run.send(INT)
                self.assertEqual(run.wait().status, 1, run.out)
                self.assertRegex(run.out, f"ended: {told}, ")
                self.assertIn(": 2 runs (1 ok, 1 not), ", run.out)

    def test_a_flag_is_told_with_what_it_says(self):
        run = self.watcher("j", LONG)
        self.run_guard(["-N", "j", "--max-procs=1:", "--interval=20ms"], ["sh", "-c", "sleep 0.5 & sleep 0.6; wait"])
        wait_until(lambda: "ended" in run.out, "its end is told")
        run.send(TERM)
        self.ended(run, 1, r"j \w+: started",
                   r"j \w+: warning: max-procs: \d processes, soft limit 1; most: \S+ \(\d+\).*",
                   r"j \w+: ended: ok, status 0, \S+",
                   r"j: watched for \S+: 1 run \(1 ok, 0 not\), 1 flag, no starts refused")

    def test_info_is_told_and_does_not_count(self):
        run = self.watcher("j", LONG)
        self.run_guard(["-N", "j"], ["sh", "-c", f"{VICTIM} sleep & true"])
        wait_until(lambda: "ended" in run.out, "its end is told")
        run.send(TERM)
        self.ended(run, 0, r"j \w+: started", r"j \w+: info: orphans: 1 process was left .*",
                   r"j \w+: ended: ok, status 0, \S+",
                   r"j: watched for \S+: 1 run \(1 ok, 0 not\), 1 flag \(1 info\), no starts refused")

    def test_a_run_that_goes_on_is_told_whole(self):
        held = self.holder("-N", "j", "--run-id", "the-held-one", "--max-procs=1:", "--interval=20ms", shape="wide 3")
        wait_until(lambda: self.events("flag"), "it is flagged")
        run = self.watcher("j", "--for=0.3s")
        self.ended(run, 1, "j the-held: started", "j the-held: warning: max-procs: .*",
                   r"j: watched for \S+: 1 run \(0 ok, 0 not, 1 goes on\), 1 flag, no starts refused")
        self.assertTrue(held.running())
        self.end(held)

    def test_refused_starts(self):
        """The first is a line of the history; those within a minute after it are not."""
        held = self.holder("-N", "j")
        self.run_guard(["-N", "j"], ["true"])  # before it watches: not its
        run = self.watcher("j", LONG)
        for number in range(1, 4):
            self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75)
            wait_until(lambda n=number: run.out.count("refused") == n, "it is told")
        run.send(TERM)
        self.ended(run, 1, r"j \w+: started", *["j: a start was refused"] * 3,
                   r"j: watched for \S+: 1 run \(0 ok, 0 not, 1 goes on\), no flags, 3 starts refused")
        self.end(held)

    def test_the_first_refusal_tells_its_reason(self):
        held = self.holder("-N", "j")
        run = self.watcher("j", LONG)
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75)
        wait_until(lambda: "refused" in run.out, "it is told")
        self.end(held)
        run.send(TERM)
        self.assertEqual(run.wait().status, 1)
        self.assertIn("Z j: a start was refused: locked\n", run.out)
        self.assertEqual(run.out.count("refused:"), 1)

    def test_what_is_done_to_its_breaker(self):
        """Opened, a trial allowed, reset: each is told, and counts though nothing ran."""
        run = self.watcher("j", LONG)
        other = self.watcher("--json", "j", LONG)
        words = (("open", "--reason=disk is full"), ("trial",), ("reset",))
        for number, (verb, *rest) in enumerate(words, 1):
            self.assertEqual(self.command("breaker", verb, "j", *rest).status, 0)
            for each in (run, other):
                wait_until(lambda n=number, of=each: len(of.out.splitlines()) == n, "it is told")
        for each in (run, other):
            each.send(TERM)
        self.ended(run, 1, r"j: breaker: closed to open: .*disk is full.*", r"j: breaker: open.*", r"j: breaker: .* to closed.*",
                   r"j: watched for \S+: no runs, no flags, no starts refused, 3 breaker events")
        self.assertEqual(other.wait().status, 1)
        found = self.objects(other)
        self.assertEqual([o["event"] for o in found], ["breaker"] * 3 + ["summary"])
        self.assertEqual((found[0]["from"], found[0]["to"]), ("closed", "open"))
        self.assertEqual((found[2]["to"], found[3]["breaker_events"], found[3]["status"]), ("closed", 3, 1))

    def test_a_breaker_that_closes_by_itself(self):
        """An opening by a run is a flag of it and a line: told once."""
        rules = ["-N", "j", "--max-failures=1/1h", "--backoff=failure=1ms"]
        run = self.watcher("j", LONG)
        self.run_guard(rules, ["false"])
        wait_until(lambda: re.search("ended(.|\n)*breaker: ", run.out), "it is told")
        self.assertEqual(self.command("breaker", "trial", "j").status, 0)
        self.assertEqual(self.run_guard(rules, ["true"]).status, 0)
        wait_until(lambda: "to closed" in run.out, "it is told")
        run.send(TERM)
        self.assertEqual(run.wait().status, 1)
        self.assertEqual(len(re.findall(r"j \w+: (warning: |critical: |info: )?breaker: (?!.*to closed)", run.out)), 1, run.out)
        self.assertRegex(run.out, r"Z j \w+: breaker: \S+ to closed")

    def test_dead_guards_are_lost(self):
        held = self.holder("-N", "j")
        run = self.watcher("j", LONG)
        warden = held.warden()
        for sig in (STOP, KILL):
            for pid in (held.pid, warden):
                send(pid, sig)
        held.wait()
        wait_until(lambda: "ended" in run.out, "it is told")
        self.assertEqual(self.command("reap").status, 0)
        run.send(TERM)
        self.ended(run, 1, r"j \w+: started", r"j \w+: ended: lost, status 125, \S+",
                   r"j: watched for \S+: 1 run \(0 ok, 1 not\), .*")

    def test_many_at_a_time(self):
        """More than are followed by their handles."""
        run = self.watcher("j", LONG)
        script = f"for i in $(seq 270); do {SPAWNGUARD} run --no-lock -N j -- true; done"
        self.start("sh", "-c", script).wait(200 * SCALE)
        wait_until(lambda: run.out.count("ended: ok") == 270, "all are told")
        run.send(TERM)
        self.assertEqual(run.wait().status, 0)
        self.assertIn(": 270 runs (270 ok, 0 not), ", run.out)

    def test_it_sleeps_meanwhile(self):
        self.needs("pidfd_open")
        held = self.holder("-N", "j")
        run = self.watcher("j", LONG)
        before = harness.switches(run.pid)
        harness.observe(1.5)
        self.assertEqual(harness.switches(run.pid), before, "nothing is polled")
        run.send(TERM)
        self.assertEqual(run.wait().status, 0)
        self.end(held)

    def test_names(self):
        for name in (NASTY, "%s%n", "-x", "../x", "j" * 60):
            with self.subTest(name):
                run = self.watcher(LONG, "--", name)
                self.run_guard([f"--name={name}"], ["false"])
                wait_until(lambda: "ended" in run.out, "it is told")
                run.send(TERM)
                self.assertEqual(run.wait().status, 1)
                self.assertTrue(run.out.isprintable() or run.out.replace("\n", "").isprintable(), run.out)
                self.assertEqual(len(run.out.splitlines()), 3)

    def test_its_runs_as_objects(self):
        run = self.watcher("--json", LONG, "--", NASTY)
        self.run_guard([f"--name={NASTY}", "--run-id", "json-1", "--max-procs=1:", "--interval=20ms"],
                       ["sh", "-c", "sleep 0.5 & sleep 0.6; wait; exit 3"])
        wait_until(lambda: '"end"' in run.out, "it is told")
        run.send(TERM)
        self.assertEqual(run.wait().status, 1)
        found = self.objects(run)
        self.assertEqual([o["event"] for o in found], ["start", "flag", "end", "summary"])
        self.assertEqual({o["job"] for o in found}, {NASTY})
        self.assertEqual([o.get("run") for o in found], ["json-1"] * 3 + [None])
        self.assertEqual((found[1]["rule"], found[1]["severity"], found[1]["bound"]), ("max-procs", "warning", 1))
        self.assertGreater(found[1]["witnesses"][0]["pid"], 1)
        self.assertEqual((found[2]["outcome"], found[2]["exit_status"]), ("failed", 3))
        self.assertEqual((found[3]["runs"], found[3]["failed"], found[3]["status"]), (1, 1, 1))


class Runs(WatchTest):
    def test_one_that_has_ended_is_told_from_the_history(self):
        self.run_guard(["-N", "j", "--run-id", "fine-one"], ["true"])
        self.run_guard(["-N", "j", "--run-id", "failed-one"], ["sh", "-c", f"{VICTIM} sleep & exit 4"])
        for word in ("fine-one", "fine"):
            self.ended(self.watch(word), 0, "j fine-one: started", r"j fine-one: ended: ok, status 0, \S+",
                       r"j fine-one: watched for \S+: 1 run \(1 ok, 0 not\), .*")
        self.ended(self.watch("failed-one"), 1, "j failed-o: started", "j failed-o: info: orphans: .*",
                   r"j failed-o: ended: failed, status 4, \S+", r"j failed-o: watched for .*")

    def test_one_that_goes_on_to_its_end(self):
        held = self.holder("-N", "j", "--run-id", "going-on")
        run = self.watcher("going-on")
        again = self.run_guard(["-N", "j"], ["true"])
        self.assertEqual(again.status, 75)
        held.send(TERM)
        held.wait()
        self.ended(run, 1, "j going-on: started", r"j going-on: ended: killed, status 143 \(TERM\), \S+",
                   r"j going-on: watched for \S+: 1 run \(0 ok, 1 not\), no flags, no starts refused")

    def test_a_guard_by_its_number_means_its_run(self):
        held = self.holder("-N", "j", "--run-id", "by-number")
        for pid in (held.pid, held.warden()):
            self.ended(self.watch("--for=0.2s", str(pid)), 0, "j by-numbe: started", r"j by-numbe: watched .*")
        self.end(held)

    def test_for_ends_the_watching_and_not_the_run(self):
        held = self.holder("-N", "j", "--run-id", "going-on")
        self.assertEqual(self.watch("--for=0.1s", "going-on").status, 0)
        self.assertTrue(held.running())
        self.end(held)

    def test_several_that_begin_so(self):
        for run_id in ("same-1", "same-2"):
            self.run_guard(["--run-id", run_id], ["true"])
        run = self.watch("same")
        self.assertEqual(run.status, 2)
        self.assertIn("several runs begin with same", run.err)


class Trees(WatchTest):
    def stays(self, script):
        """A process of nobody's guard; it stands."""
        ready = self.ready_count()
        run = self.start("python3", "-c", script + f"\nopen({self.pids_path!r}, 'a').write('ready\\n')\n"
                                                   "import time\ntime.sleep(60)\n")
        wait_until(lambda: self.ready_count() > ready or not run.running(), "it stands")
        return run

    def test_a_quiet_one(self):
        tree = self.start("sh", "-c", f"{VICTIM} wide 3; true")
        self.wait_ready(tree)
        found = harness.descendants(tree.pid)
        run = self.watch(str(tree.pid), "--for=2.5s")
        self.ended(run, 0, rf"sh \({tree.pid}\): watched from here on",
                   rf"sh \({tree.pid}\): watched for 2\.\d+s: 5 processes are left, no flags")
        self.assertEqual(harness.descendants(tree.pid).keys(), found.keys(), "all live on")
        self.assertEqual({s.state for s in harness.descendants(tree.pid).values()} - {"S"}, set())
        self.end(tree)

    def test_it_ends_when_all_of_it_is_gone(self):
        tree = self.start("sh", "-c", "sleep 0.5 & exec sleep 0.2")
        run = self.watch(str(tree.pid), LONG)
        self.ended(run, 0, r"\S+ \(\d+\): watched from here on", r"\S+ \(\d+\): all of it is gone",
                   r"\S+ \(\d+\): watched for \S+: no processes are left, .*")
        self.assertGreater(run.wall, 0.3, "the last of it was waited for")
        tree.wait()

    def test_a_loop_of_births(self):
        tree = self.start("sh", "-c", "for i in $(seq 400); do true | true; sleep 0.01; done")
        run = self.watch(str(tree.pid), "--max-spawn-rate=20/10s", "--for=20s")
        self.assertEqual(run.wait().status, 1, run.out)
        self.assertRegex(run.out, r": critical: max-spawn-rate: \d+ births within 10s, limit 20; most: sh \(\d+\)")
        self.end(tree)

    def test_births_before_it_watches_are_none(self):
        tree = self.start("sh", "-c", f"for i in 1 2 3 4 5 6 7 8 9; do true | true; done; exec {VICTIM} wide 9")
        self.wait_ready(tree)
        self.assertEqual(self.watch(str(tree.pid), "--max-spawn-rate=3/1h", "--for=1s").status, 0)
        self.end(tree)

    def test_zombies(self):
        tree = self.stays("import os\nif os.fork() == 0: os._exit(0)\n")
        run = self.watch(str(tree.pid), "--for=6s", "--json")
        self.assertEqual(run.status, 1)
        found = self.objects(run)
        flags = [o for o in found if o["event"] == "flag"]
        self.assertEqual([(f["rule"], f["severity"]) for f in flags], [("zombies", "info"), ("zombies", "warning")])
        self.assertEqual({o["pid"] for o in found}, {tree.pid})
        self.assertEqual(found[-1]["flags"], {"info": 1, "warning": 1, "critical": 0})
        self.assertTrue(tree.running())
        self.end(tree)

    def test_info_alone_is_no_bad_news(self):
        tree = self.stays("import os\nif os.fork() == 0: os._exit(0)\n")
        run = self.watcher(str(tree.pid), LONG)
        wait_until(lambda: "info: zombies" in run.out, "the first step")
        run.send(TERM)
        self.assertEqual(run.wait().status, 0)
        self.end(tree)

    def test_switched_off(self):
        tree = self.stays("import os\nif os.fork() == 0: os._exit(0)\n")
        self.assertEqual(self.watch(str(tree.pid), "--for=3.5s", "--detect=none").status, 0)
        self.end(tree)

    # what is asked, what is told
    LIMITS = [
        ("--max-procs=3", r"critical: max-procs: [45] processes, limit 3; most: "),
        ("--max-procs=3:9", r"warning: max-procs: [45] processes, soft limit 3; most: "),
        ("--max-threads=3", "critical: max-threads: "),
        ("--max-depth=1", "critical: max-depth: 2 "),
        ("--max-fds=2", "critical: max-fds: "),
        ("--max-tree-mem=100K", "critical: max-tree-mem: "),
        ("--max-rss=10K", "critical: max-rss: "),
    ]

    def test_limits(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        for option, told in self.LIMITS:
            with self.subTest(option):
                run = self.watch(str(tree.pid), option, "--for=1s")
                self.assertEqual((run.status, run.err), (1, ""), run.out)
                self.assertRegex(run.out, rf"Z victim \({tree.pid}\): {told}")
                self.assertEqual(run.out.count("max-"), 1, "it is said once")
        generous = [f"--max-{name}" for name in
                    ("procs=4", "threads=4", "depth=2", "tree-mem=4G", "rss=1G", "fds=500", "cpu=1h", "growth=1G/1h", "io=1G",
                     "spawn-rate=1/1s")]
        run = self.watch(str(tree.pid), *generous, "--for=1s")
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        self.assertTrue(tree.running())
        self.end(tree)

    def test_cpu_within_a_time_is_of_this_time_and_in_all_of_all(self):
        tree = self.stays("import time\nwhile time.process_time() < 1.2: pass\n")
        self.assertEqual(self.watch(str(tree.pid), "--max-cpu=50%/2s", "--for=1s").status, 0)
        run = self.watch(str(tree.pid), "--max-cpu=1s", "--for=1s")
        self.assertEqual(run.status, 1)
        self.assertRegex(run.out, "critical: max-cpu: ")
        self.end(tree)

    def test_what_is_written(self):
        tree = self.stays("import os\nfd = os.open('/dev/null', 1)\nfor i in range(30): os.write(fd, bytes(1 << 20))\n")
        run = self.watch(str(tree.pid), "--max-io=40M", "--for=0.5s")
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        run = self.watch(str(tree.pid), "--max-io=20M", "--for=0.5s")
        self.assertEqual(run.status, 1)
        self.assertRegex(run.out, "critical: max-io: 30M ")
        self.end(tree)

    def test_shared_memory_counts_once(self):
        tree = self.stays("import os\nb = bytearray(os.urandom(1 << 20) * 40)\nfor i in range(6):\n"
                          "    if os.fork() == 0:\n        import time; time.sleep(60)\n")
        run = self.watch(str(tree.pid), "--max-tree-mem=150M", "--for=1s")
        self.assertEqual(run.status, 0, run.out)
        run = self.watch(str(tree.pid), "--max-tree-mem=30M", "--for=1s")
        self.assertEqual(run.status, 1, run.out)
        self.end(tree)

    def test_the_configuration_counts_too(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        conf = self.write("conf", "[defaults]\nmax-procs = 2\n[signature trio]\nmeaning = warning\norphans = no\n"
                          "role = worker comm=victim threads=1\n", 0o600)
        run = self.watch(str(tree.pid), "--for=1s", "--config", conf)
        self.assertEqual(run.status, 1)
        self.assertIn(": critical: max-procs: 4 processes, limit 2", run.out)
        self.assertRegex(run.out, r": warning: signature: trio x\d, lived ")
        self.assertEqual(self.watch("j", "--for=0.1s", "--config", conf).status, 3, "no word about a rule that nobody gave")
        self.assertEqual(len(harness.descendants(tree.pid)), 3, "whatever its action: nothing is ended")
        self.end(tree)

    def test_who_leaves_by_a_session_of_its_own(self):
        """Its parent was gone before a look could meet it."""
        script = (f"import os, time\nif os.fork() == 0:\n    os.setsid()\n"
                  f"    while not os.path.exists({self.path('go')!r}): time.sleep(0.01)\n"
                  "    if os.fork() == 0:\n        if os.fork() == 0:\n            os.fork(); time.sleep(60)\n        os._exit(0)\n"
                  "    os.wait()\n    time.sleep(60)\n")
        tree = self.stays(script)
        (leader,) = harness.children(tree.pid)
        wait_until(lambda: Stat(leader).sid == leader, "it has a session of its own")
        run = self.watcher(str(tree.pid), LONG, "--max-procs=3", "--detect=none", "--interval=200ms")
        harness.observe(1.2)  # the look that learns of the session is taken once a second
        send(run.pid, STOP)
        self.write("go", "")
        wait_until(lambda: len([s for s in self.strays().values() if s.sid == leader]) == 2 and not harness.children(leader),
                   "it has left, and a child of its own came")
        send(run.pid, signal.SIGCONT)
        wait_until(lambda: "max-procs: 4 processes" in run.out, "those two are of it")
        run.send(TERM)
        self.assertEqual(run.wait().status, 1)
        self.end_strays()
        self.end(tree)

    def test_orphans_are_told(self):
        tree = self.stays("import os, time\nif os.fork() == 0:\n    if os.fork() == 0:\n        time.sleep(60)\n"
                          "    time.sleep(2.5)\n    os._exit(0)\nimport threading\n"
                          "threading.Thread(target=os.wait, daemon=True).start()\n")
        run = self.watcher(str(tree.pid), LONG, "--orphan-grace=0.3s")
        wait_until(lambda: "info: orphans: " in run.out, "it is told")
        run.send(TERM)
        self.assertEqual(run.wait().status, 0)
        self.end_strays()
        self.end(tree)

    def test_it_is_not_of_the_tree_itself(self):
        run = self.start("sh", "-c", f"{SPAWNGUARD} watch --for=1s --max-procs=1 $$; echo $?").wait()
        self.assertEqual(run.out.splitlines()[-1], "0", run.out)
        run = self.start("sh", "-c", f"{SPAWNGUARD} watch --for=30s $$ >{self.path('said')} & sleep 0.5").wait()
        wait_until(lambda: "all of it is gone" in self.read("said"), "the shell is gone, and it is the last below it")
        wait_until(lambda: not self.strays(), "it has ended")

    def test_names_of_processes(self):
        name = "x\x1b[2J\n"
        tree = self.stays(f"open('/proc/self/comm', 'w').write({name!r})\n")
        run = self.watch(str(tree.pid), "--for=0.3s", "--max-fds=1")
        self.assertEqual(run.status, 1)
        self.assertTrue(run.out.replace("\n", "").isprintable(), run.out)
        self.assertEqual(len(run.out.splitlines()), 3)
        found = self.objects(self.watch(str(tree.pid), "--for=0.3s", "--max-fds=1", "--json"))
        self.assertEqual(found[0]["comm"], "x\x1b[2J\n")
        self.end(tree)

    def test_nobody(self):
        gone = self.start("true").wait()
        for pid in (gone.pid, 2147483647):
            run = self.watch(str(pid))
            self.assertEqual((run.status, run.out), (3, ""))
        zombie = self.stays("import os\npid = os.fork()\nif pid == 0: os._exit(0)\n")
        (pid,) = harness.children(zombie.pid)
        wait_until(lambda: Stat(pid).state == "Z", "it has ended")
        self.assertEqual(self.watch(str(pid)).status, 3)
        self.end(zombie)

    def test_the_shortest_time(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        run = self.watch(str(tree.pid), "--for=1ns", "--max-procs=2")
        self.assertEqual(run.status, 1, "one look is taken in any case")
        self.assertEqual(self.watch(str(tree.pid), "--for=0").status, 2)
        self.end(tree)

    def test_interval(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        self.assertEqual(self.watch(str(tree.pid), "--for=0.3s", "--interval=10ms").status, 0)
        run = self.watch(str(tree.pid), "--interval=none")
        self.assertEqual(run.status, 2)
        self.assertEqual(run.err, "spawnguard: --interval=none would look at nothing: give a time, or leave it out\n")
        self.end(tree)


def is_strange(pid):
    """Another user's, with all below it."""
    try:
        return Stat(pid).state in ("S", "I") and all(
            os.stat(f"/proc/{n}").st_uid != os.geteuid() for n in [pid, *harness.descendants(pid)])
    except FileNotFoundError:
        return False


class Others(WatchTest):
    def test_a_process_of_another_user(self):
        """What can be seen of it is judged."""
        other = None
        if os.geteuid() == 0 and shutil.which("setpriv"):
            other = self.start("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", "sh", "-c", "sleep 60 & sleep 60; true")
            wait_until(lambda: len(harness.descendants(other.pid)) == 2, "it stands")
            pid, status = other.pid, 1
        else:
            pid = next((int(n) for n in os.listdir("/proc") if n.isdigit() and int(n) > 1 and is_strange(int(n))), None)
            status = None
            if pid is None:
                self.skipTest("no process of another user is to be seen that has none of ours below it")
        run = self.watch(str(pid), "--max-procs=2", "--max-fds=1", "--for=1s", "--detect=none")
        self.assertIn(run.status, (0, 1) if status is None else (status,), run.out + run.err)
        self.assertEqual(run.err, "")
        if other:
            self.assertIn("max-procs: 3 processes", run.out)
            self.end(other)
        else:
            self.assertNotIn("max-fds", run.out, "nobody may know")

    def test_as_an_unprivileged_user_a_process_of_root(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root is somebody else to somebody")
        if not os.access(os.path.dirname(SPAWNGUARD), os.X_OK) or not self.reachable():
            self.skipTest("the build stands where no other user looks")
        tree = self.start("sh", "-c", "sleep 60 & sleep 60; true")
        wait_until(lambda: len(harness.descendants(tree.pid)) == 2, "it stands")
        os.chmod(self.scratch, 0o711)
        state = self.path("others")
        os.mkdir(state, 0o700)
        os.chown(state, 4711, 4711)
        run = self.start("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", SPAWNGUARD, "watch", "--state-dir", state,
                         "--for=1.5s", "--max-procs=2", "--max-fds=1", "--max-tree-mem=10K", str(tree.pid), cwd="/").wait()
        self.assertEqual((run.status, run.err), (1, ""), run.out)
        self.assertIn("max-procs: 3 processes", run.out)
        self.assertNotIn("max-fds", run.out)
        self.assertTrue(tree.running())
        self.end(tree)

    def reachable(self):
        return subprocess.run(["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", SPAWNGUARD, "--version"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False).returncode == 0


REUSE = """
import os, subprocess, sys, time
SPAWNGUARD, SAID = sys.argv[1:]

def until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit("never: " + what)
        time.sleep(0.002)

def said():
    return open(SAID).read()

first = os.fork()
if first == 0: # its child outlives it
    if os.fork() == 0:
        time.sleep(100)
    time.sleep(100)
until(lambda: open(f"/proc/{first}/task/{first}/children").read(), "it has a child")
child = int(open(f"/proc/{first}/task/{first}/children").read())
watch = subprocess.Popen([SPAWNGUARD, "watch", "--max-procs=2", "--interval=20ms", "--detect=none", str(first)], stdout=open(SAID, "w"))
until(lambda: "watched from here on" in said(), "it watches")
time.sleep(0.3)
os.kill(first, 9)
os.waitpid(first, 0)
with open("/proc/sys/kernel/ns_last_pid", "w") as f:
    f.write(str(first - 1))
stranger = os.fork()
if stranger == 0:
    for i in range(5):
        if os.fork() == 0:
            time.sleep(100)
    time.sleep(100)
if stranger != first:
    sys.exit(f"another took the number {first}: {stranger}")
time.sleep(1.5)
os.kill(child, 9)
status = watch.wait(30)
print(said())
if status != 0 or "max-procs" in said():
    sys.exit(f"it followed a stranger: {status}")
os.kill(stranger, 0)
"""


class Identity(WatchTest):
    def test_who_gets_the_number_is_not_followed(self):
        way = ["unshare", "-pf", "--mount-proc"] if os.geteuid() == 0 else ["unshare", "-Urpf", "--mount-proc"]
        probe = "echo 99 >/proc/sys/kernel/ns_last_pid"
        if not shutil.which("unshare") or subprocess.run([*way, "sh", "-c", probe], stderr=subprocess.DEVNULL,
                                                         check=False).returncode:
            self.skipTest("no PID namespace of one's own here")
        run = self.start(*way, "python3", self.write("reuse.py", REUSE), SPAWNGUARD, self.write("said", "")).wait(100)
        self.assertEqual(run.status, 0, run.out + run.err)
        self.assertIn("all of it is gone", run.out)


class Ends(WatchTest):
    def test_signals_end_the_watching_with_what_was_seen(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        for sig in (INT, TERM, HUP):
            for args, status in (([], 0), (["--max-procs=2"], 1)):
                with self.subTest(sig=sig, args=args):
                    run = self.watcher(str(tree.pid), *args)
                    wait_until(lambda r=run, n=status: r.out.count("\n") > n, "it has looked")
                    run.send(sig)
                    self.assertEqual(run.wait().status, status)
                    self.assertIn("watched for", run.out.splitlines()[-1])
        self.assertTrue(tree.running())
        self.end(tree)

    def test_what_nohup_asked_for_stays(self):
        tree = self.start(VICTIM, "sleep")
        self.wait_ready(tree)
        run = self.watcher(str(tree.pid), LONG, preexec_fn=lambda: signal.signal(HUP, signal.SIG_IGN))
        run.send(HUP)
        harness.observe(0.3)
        self.assertTrue(run.running())
        run.send(TERM)
        self.assertEqual(run.wait().status, 0)
        self.end(tree)

    def test_nobody_reads(self):
        tree = self.start(VICTIM, "wide", "3")
        self.wait_ready(tree)
        read, write = os.pipe()
        run = self.start(SPAWNGUARD, "watch", str(tree.pid), stdout=write)
        os.close(write)
        self.assertIn(b"watched from here on", os.read(read, 4096))
        os.close(read)
        self.assertEqual(run.wait().status, -signal.SIGPIPE)
        self.end(tree)

    def test_a_result_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            run = self.watch("j", "--for=0.1s", stdout=full)
        self.assertEqual(run.status, 125)
        self.assertIn("cannot write the result: No space left on device", run.err)

    def test_words(self):
        for words, status, said in [
                ([], 2, "watch needs a JOB, a RUN or a PID"),
                (["j", "k"], 2, "watch takes one JOB or RUN: what is k?"),
                (["1"], 2, "process 1 is no tree to watch"),
                (["j", "--max-procs=3"], 2, "--max-procs is for a PID alone"),
                (["j", "--detect=none"], 2, "--detect is for a PID alone"),
                (["j", "--interval=1s"], 2, "--interval is for a PID alone"),
                (["j", "--for=x"], 2, "--for=x: "),
                (["j", "--fro=1s"], 2, "did you mean --for?"),
                (["j", "--for"], 2, "--for")]:
            with self.subTest(words):
                run = self.watch(*words)
                self.assertEqual((run.status, run.out), (status, ""))
                self.assertIn(said, run.err)

    def test_options_may_stand_on_either_side(self):
        for words in (["--for", "0.1s", "j"], ["j", "--for", "0.1s"], ["--json", "j", "--for=0.1s"], ["--for=0.1s", "--", "j"]):
            with self.subTest(words):
                run = self.watch(*words)
                self.assertEqual(run.status, 3)
                self.assertIn("nothing of j has run", run.err)

    def test_the_run_around_it(self):
        run = self.run_guard(["-N", "j", "--run-id", "around"], [SPAWNGUARD, "watch", "around"])
        self.assertEqual(run.status, 75)
        run = self.run_guard(["-N", "j", "--run-id", "around-2"], [SPAWNGUARD, "watch", "around-2", "--for=0.1s"])
        self.assertEqual(run.status, 0)


if __name__ == "__main__":
    harness.main()

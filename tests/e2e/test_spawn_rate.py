"""Births: a loop that starts processes is caught on each rung, one just under the rate is not touched."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import DENIED, SPAWNGUARD, GuardTest, outcome

DENY = os.path.join(os.environ["SG_TEST_BIN"], "deny")
PYTHON = os.path.realpath(sys.executable)
LONG = os.environ.get("SG_LONG") == "1"
UNDER_S = 10 if LONG else 3

# Each begets {n} children that are gone at once, {gap} s apart, and ends.
BEGET = """
import os, time
def beget():
    for i in range({n}):
        {how}
        time.sleep({gap})
"""
ONE = "pid = os.fork()\n        if pid == 0: os._exit(0)\n        os.waitpid(pid, 0)"
# The child of a child that is gone, in a session of its own: whoever adopts it waits for it.
DAEMON = ("pid = os.fork()\n        if pid == 0:\n            os.setsid()\n            if os.fork() > 0: os._exit(0)\n"
          "            os.setsid(); os._exit(0)\n        os.waitpid(pid, 0)")
THREAD = "import threading; t = threading.Thread(target=int); t.start(); t.join()"
# All of it by one that has left its session, its parent and its descriptors.
HIDDEN = """
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0: os._exit(0)
    os.closerange(0, 3)
    beget()
    os._exit(0)
os.wait()
try:
    with open({fifo!r}) as f: f.read()
except OSError: pass
"""


def loop(n, gap, how=ONE):
    return [PYTHON, "-Ic", BEGET.format(n=n, gap=gap, how=how) + "beget()"]


def told_here():
    """Whether the kernel tells births here."""
    run = harness.subprocess.run([SPAWNGUARD, "doctor", "--json"], stdout=harness.subprocess.PIPE, check=False)
    lines = harness.json.loads(run.stdout)["lines"]
    return next(line["rung"] for line in lines if line["name"] == "births") == "perf"


class Births(GuardTest):
    def rungs(self):
        """(rung, what makes it so: a command before, options)"""
        if "perf_event_open" not in DENIED and told_here():
            yield "perf", [], []
        if "children" in DENIED:  # and no records: once a second, who lives for less is not seen
            return
        yield "sampled", [], ["--births-rung=sampled"]
        yield "sampled", [DENY, "perf_event_open=EACCES", "--"], []

    def on(self, before, args, command):
        return self.start(*before, *self.RUN, "-k", "1", *args, "--", *command).wait()

    def assert_caught(self, rung, before, args, command, bound):
        count = len(self.events("end"))
        run = self.on(before, args, command)
        self.assertEqual(run.status, 123, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]*: limit passed: max-spawn-rate: \d+ births within [^\n]*, limit [^\n]*\n\Z")
        self.assert_no_survivor(run.err)
        self.assertEqual(len(self.events("end")), count + 1)
        end = self.events("end")[-1]
        verdict = end["spawnguard.limit"]
        self.assertEqual((outcome(end), end["spawnguard.rung.births"], verdict["rule"], verdict["rung"], verdict["bound"]),
                         ("limit", rung, "max-spawn-rate", rung, bound))
        self.assertGreater(verdict["value"], bound)
        self.assertGreaterEqual(end["spawnguard.births"], verdict["value"])
        return end, verdict

    def assert_untouched(self, rung, before, args, command):
        run = self.on(before, args, command)
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.events("flag"), [])
        end = self.events("end")[-1]
        self.assertEqual(end["spawnguard.rung.births"], rung)
        return end["spawnguard.births"]


class Caught(Births):
    def test_a_fast_loop(self):
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                end, verdict = self.assert_caught(rung, how[0], how[1] + ["--max-spawn-rate=60/3s"], loop(5000, 0), 60)
                self.assertLess(verdict["value"], 600, verdict)
                # One parent of all; the job itself is a birth, too.
                self.assertGreaterEqual(verdict["witnesses"][0]["value"], verdict["value"] * 0.8, verdict)
                self.assertRegex(verdict["witnesses"][0]["comm"], "python")

    def test_a_slow_loop_whose_children_nobody_meets(self):
        """One child per 200 ms, gone at once."""
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                end, verdict = self.assert_caught(rung, how[0], how[1] + ["--max-spawn-rate=8/20s"], loop(100, 0.2), 8)
                self.assertLess(verdict["value"], 12)
                # A child that was met is not counted again when it has been waited for.
                self.assertGreater(end["spawnguard.wall"], 7 * 0.2)

    def test_daemons(self):
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                self.assert_caught(rung, how[0], how[1] + ["--max-spawn-rate=30/5s"], loop(2000, 0.005, DAEMON), 30)

    def test_whoever_hides(self):
        os.mkfifo(self.path("never"))
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                hidden = [PYTHON, "-Ic", BEGET.format(n=2000, gap=0.01, how=ONE) + HIDDEN.format(fifo=self.path("never"))]
                self.assert_caught(rung, how[0], how[1] + ["--max-spawn-rate=30/5s"], hidden, 30)

    def test_without_any_look(self):
        """--interval=none: the kernel's records alone."""
        if "perf_event_open" in DENIED or not told_here():
            self.skipTest("births are not told here")
        self.assert_caught("perf", [], ["--interval=none", "--max-spawn-rate=60/3s"], loop(5000, 0), 60)

    def test_in_a_namespace(self):
        self.needs_isolation()
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                self.assert_caught(rung, how[0], how[1] + ["--isolate", "--max-spawn-rate=30/5s"], loop(2000, 0.01), 30)

    def test_soft_is_flagged_first(self):
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                before = len(self.events("flag"))
                self.assert_caught(rung, how[0], how[1] + ["--max-spawn-rate=20/5s:60/5s"], loop(2000, 0.01), 60)
                flags = [e["spawnguard.flag"] for e in self.events("flag")[before:]]
                self.assertEqual([(f["severity"], f["bound"]) for f in flags if f["rule"] != "same-failure"],
                                 [("warning", 20), ("critical", 60)])


class Untouched(Births):
    def test_just_under_the_rate(self):
        """20 a second at most; 25 are allowed."""
        n = 20 * UNDER_S
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                births = self.assert_untouched(rung, how[0], how[1] + ["--max-spawn-rate=25/1s"], loop(n, 0.05))
                self.assertLessEqual(births, n + 1)
                if rung == "perf":
                    self.assertEqual(births, n + 1)

    def test_as_many_as_allowed(self):
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                self.assert_untouched(rung, how[0], how[1] + ["--max-spawn-rate=41/1h"], loop(40, 0.001))

    def test_threads_are_no_births(self):
        for rung, *how in self.rungs():
            with self.subTest(rung, how=how):
                births = self.assert_untouched(rung, how[0], how[1] + ["--max-spawn-rate=5/1s"], loop(300, 0.001, THREAD))
                self.assertEqual(births, 1)


class Counted(Births):
    def test_the_end_line_has_them_where_asked(self):
        for args, rungs in (([], [None]), (["--births-rung=auto"], [None]), (["--births-rung=perf"], ["perf", "sampled"]),
                            (["--births-rung=sampled"], ["sampled"])):
            with self.subTest(args=args):
                self.assertEqual(self.run_guard(args, loop(5, 0.05)).status, 0)
                end = self.events("end")[-1]
                self.assertIn(end.get("spawnguard.rung.births"), rungs)
                self.assertEqual("spawnguard.births" in end, rungs != [None])
                if end.get("spawnguard.rung.births") == "perf":
                    self.assertEqual(end["spawnguard.births"], 6)

    def test_nothing_is_opened_where_nobody_asks(self):
        def ring(*args):
            before = self.ready_count()
            run = self.guard(*args, "--", harness.VICTIM, "sleep")
            self.wait_ready(run, before + 1)
            with open(f"/proc/{run.warden()}/maps") as f:
                found = "perf_event" in f.read()
            run.send(harness.signal.SIGTERM)
            run.wait()
            return found
        self.assertFalse(ring("--max-procs=50"))
        if os.geteuid() == 0 and "perf_event_open" not in DENIED and told_here():
            self.assertTrue(ring("--max-spawn-rate=50/1s"))

    def test_the_job_has_no_descriptor_of_it(self):
        script = "import os; print(sorted(os.listdir('/proc/self/fd')))"
        plain = self.run_guard([], [PYTHON, "-Ic", script]).out
        self.assertEqual(self.run_guard(["--births-rung=perf"], [PYTHON, "-Ic", script]).out, plain)


if __name__ == "__main__":
    harness.main()

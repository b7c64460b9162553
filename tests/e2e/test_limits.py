"""Limits: over one, a program is ended and named; just under it, it is not touched."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, outcome, wait_until

PYTHON = os.path.realpath(sys.executable)
LONG = os.environ.get("SG_LONG") == "1"
UNDER_S = 10 if LONG else 1
KIB = 1 << 10
MIB = 1 << 20

# What it does with a number, so long as it is asked to.
PROGRAMS = {
    "procs": "import os, time\nfor i in range({n} - 1):\n    if os.fork() == 0: break\ntime.sleep({s})",
    "threads": "import threading, time\n"
               "for i in range({n} - 1): threading.Thread(target=time.sleep, args=({s},), daemon=True).start()\n"
               "time.sleep({s})",
    "depth": "import os, time\nfor i in range({n} - 1):\n    if os.fork(): break\ntime.sleep({s})",
    "memory": "import time\nkept = bytearray({n} * 1048576)\ntime.sleep({s})",
    "fds": "import os, time\nkept = [os.open('/dev/null', 0) for _ in range({n} - len(os.listdir('/proc/self/fd')) + 1)]\n"
           "time.sleep({s})",
    "children": "import os, time\nfor i in range(2):\n    if os.fork() == 0: break\nkept = bytearray({n} * 349525)\n"
                "time.sleep({s})",
    "births": "import os, time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end:\n"
              "    if os.fork() == 0: time.sleep(0.3); os._exit(0)\n    time.sleep(1 / {n})",
    "written": "import os, time\nto = os.open('/dev/null', os.O_WRONLY)\nfor i in range({n}): os.write(to, bytes(1024))\n"
               "time.sleep({s})",
    "output": "import os, time\nfor i in range({n}): os.write({to}, bytes(1023) + b'\\n')\ntime.sleep({s})",
    "cpu": "import time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end:\n"
           "    busy = time.monotonic() + {n} / 1000\n    while time.monotonic() < busy: pass\n    time.sleep(0.1 - {n} / 1000)",
}


WAIT = "\ntry:\n    while os.wait(): pass\nexcept (NameError, ChildProcessError): pass"


def program(name, n, seconds):
    return [PYTHON, "-Ic", PROGRAMS[name].format(n=n, s=seconds) + WAIT]


class LimitTest(GuardTest):
    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag")]

    def assert_passed(self, rule, args, command, value, slack=0.1, bound=None, rung="walk"):
        run = self.run_guard(["-k", "1", "--interval=20ms", *args], command)
        self.assertEqual(run.status, 123, run.err)
        self.assertRegex(run.err, rf"\Aspawnguard: [^\n]*: limit passed: {rule}: [^\n]*, limit [^\n]*\n\Z")
        self.assert_no_survivor(run.err)
        end = self.events("end")[-1]
        self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.exit_status"]), ("limit", "limit", 123))
        verdict = end["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["action"], verdict["severity"], verdict["rung"]),
                         (rule, "kill", "critical", rung))
        self.assertEqual(self.flags()[-1], verdict)
        self.assertGreater(verdict["value"], verdict["bound"])
        if bound is not None:
            self.assertEqual(verdict["bound"], bound)
        if value is not None:
            self.assertLessEqual(abs(verdict["value"] - value), value * slack, verdict)
        return verdict

    def assert_untouched(self, args, command):
        before = len(self.flags())
        run = self.run_guard(["--interval=20ms", *args], command)
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.flags()[before:], [])
        self.assertGreater(self.events("end")[-1]["spawnguard.ticks"], 5)


class Each(LimitTest):
    """One real program over it, and one just under it."""

    def test_max_procs(self):
        # Eight at once: one look sees all of them, or some.
        verdict = self.assert_passed("max-procs", ["--max-procs=6"], program("procs", 8, 30), 7.5, 0.1, bound=6)
        self.assertEqual(verdict["witnesses"][0]["value"], verdict["value"] - 1)  # the one who made the others
        self.assert_untouched(["--max-procs=8"], program("procs", 8, UNDER_S))

    def test_max_threads(self):
        self.assert_passed("max-threads", ["--max-threads=19"], program("threads", 20, 30), 20, bound=19)
        self.assert_untouched(["--max-threads=20"], program("threads", 20, UNDER_S))

    def test_max_depth(self):
        self.assert_passed("max-depth", ["--max-depth=5"], program("depth", 6, 30), 6, bound=5)
        self.assert_untouched(["--max-depth=6"], program("depth", 6, UNDER_S))

    def test_max_rss(self):
        if SANITIZED:
            self.skipTest("what a sanitized guard reads is right, but a busy machine takes long to fill 100 MiB")
        # 100 MiB, and what an interpreter has.
        verdict = self.assert_passed("max-rss", ["--max-rss=100M"], program("memory", 100, 30), 108 * MIB,
                                     bound=100 * MIB, rung="pss")
        self.assertEqual(verdict["witnesses"][0]["value"], verdict["value"])
        self.assert_untouched(["--max-rss=125M"], program("memory", 100, UNDER_S))

    def test_max_tree_mem(self):
        # Three of 33 MiB, none of which is over, and an interpreter that they share.
        verdict = self.assert_passed("max-tree-mem", ["--max-tree-mem=100M", "--max-rss=60M"], program("children", 100, 30),
                                     110 * MIB, bound=100 * MIB, rung="pss")
        self.assertEqual(sum(w["value"] for w in verdict["witnesses"]), verdict["value"])
        self.assert_untouched(["--max-tree-mem=160M"], program("children", 100, UNDER_S))

    def test_max_fds(self):
        self.assert_passed("max-fds", ["--max-fds=90"], program("fds", 100, 30), 100, bound=90)
        self.assert_untouched(["--max-fds=102"], program("fds", 100, UNDER_S))

    def test_max_io(self):
        verdict = self.assert_passed("max-io", ["--max-io=90K"], program("written", 100, 30), 100 * KIB, bound=90 * KIB, rung="io")
        self.assertEqual(verdict["witnesses"][0]["value"], verdict["value"])
        self.assert_untouched(["--max-io=101K"], program("written", 100, max(UNDER_S, 2.5)))

    def test_max_spawn_rate(self):
        self.assert_passed("max-spawn-rate", ["--max-spawn-rate=20/1s", "--births-rung=sampled"],
                           program("births", 100, 30), None, bound=20, rung="sampled")
        self.assert_untouched(["--max-spawn-rate=60/2s"], program("births", 10, UNDER_S))

    def test_max_cpu_as_a_share_of_a_core(self):
        verdict = self.assert_passed("max-cpu", ["--max-cpu=20%/1s"], program("cpu", 100, 30), None, bound=200_000_000)
        self.assertEqual(verdict["per"], 1)
        self.assert_untouched(["--max-cpu=80%/1s"], program("cpu", 20, UNDER_S))

    def within(self, seconds):
        """(first, last) of what the job says of itself, a line each: when, and how much by then."""
        lines = [[float(word) for word in line.split()] for line in self.read("says").splitlines() if line.count(" ") == 1]
        last = lines[-1]
        return next(([when, much] for when, much in lines if when >= last[0] - seconds), last), last

    def tells_births(self):
        """Does the kernel, here?"""
        run = self.run_guard(["-N", "asked", "--max-spawn-rate=9/1s", "--births-rung=perf", "--interval=20ms"], ["sleep", "0.1"])
        self.assertEqual(run.status, 0, run.err)
        return self.events("end")[-1].get("spawnguard.rung.births") == "perf"

    def test_what_is_told_of_a_rate_is_what_was(self):
        """Births, and a share of a core: to a tenth of what the job counts itself within that time."""
        births = ("import os, time\nto = open('says', 'a', buffering=1)\nprint(time.monotonic(), 0, file=to)\n"
                  "for i in range(1, 600):\n    if os.fork() == 0: time.sleep(0.3); os._exit(0)\n"
                  "    print(time.monotonic(), i, file=to)\n    time.sleep(0.01)")
        for rung in ("perf", "sampled"):
            with self.subTest(rung=rung):
                if rung == "perf" and not self.tells_births():
                    self.skipTest("births are not told here (perf)")
                self.write("says", "")
                verdict = self.assert_passed("max-spawn-rate", ["-N", rung, "-C", self.scratch, "--max-spawn-rate=60/2s", f"--births-rung={rung}"],
                                             [PYTHON, "-Ic", births + WAIT], None, rung=rung)
                (_, before), (_, after) = self.within(2)
                self.assertLessEqual(abs(verdict["value"] - (after - before + 1)), 0.1 * verdict["value"] * SCALE, verdict)
        busy = ("import time\nto = open('says', 'a', buffering=1)\nend = time.monotonic() + 30\nprint(time.monotonic(), 0, file=to)\n"
                "while time.monotonic() < end:\n    print(time.monotonic(), time.process_time_ns(), file=to)")
        self.write("says", "")
        verdict = self.assert_passed("max-cpu", ["-N", "busy", "-C", self.scratch, "--max-cpu=20%/5s"], [PYTHON, "-Ic", busy], None, bound=1_000_000_000)
        (_, before), (_, after) = self.within(5)
        self.assertLessEqual(abs(verdict["value"] - (after - before)), 0.1 * verdict["value"] * SCALE, verdict)

    def test_max_cpu_as_time(self):
        self.assert_passed("max-cpu", ["--max-cpu=2s"], program("cpu", 100, 60), 2.05e9, 0.1, bound=2_000_000_000)
        self.assert_untouched(["--max-cpu=20s"], program("cpu", 20, UNDER_S))

    def test_cpu_time_of_those_that_have_ended_counts(self):
        """Each burns 50 ms and is gone; the sum is what counts."""
        once = "import time; e = time.process_time() + 0.05\nwhile time.process_time() < e: pass"
        script = f"while :; do {PYTHON} -Ic '{once}'; done"
        self.assert_passed("max-cpu", ["--max-cpu=1s"], ["sh", "-c", script], 1e9, 0.3)


FORKS = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if {deaf} else signal.SIG_DFL)
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for i in range(600):
    if os.fork() == 0:
        os.write(log, b"%.6f\\n" % time.clock_gettime(time.CLOCK_BOOTTIME))
        time.sleep(60)
        os._exit(0)
    time.sleep(0.005)
time.sleep(60)
"""


class Overrun(LimitTest):
    """What grows on though it is asked to end gets no more time."""
    GRACE_S = 5 * SCALE

    def forks(self, *args, deaf):
        run = self.run_guard(["-k", str(self.GRACE_S), *args],
                             [PYTHON, "-Ic", FORKS.format(log=self.path("log"), deaf=deaf)], timeout=60 * SCALE)
        begun = sorted(float(line) for line in self.read("log").split())
        return run, begun

    def test_a_deaf_fork_loop_gets_no_grace(self):
        for rung in ("perf", "sampled"):
            with self.subTest(rung):
                harness.shutil.rmtree(self.state, ignore_errors=True)
                if os.path.exists(self.path("log")):
                    os.remove(self.path("log"))
                run, begun = self.forks("--max-procs=20", f"--births-rung={rung}", deaf=True)
                self.assertEqual(run.status, 123, run.err)
                self.assert_no_survivor(run.err)
                verdict, second = self.flags()
                end = self.end_event()
                self.assertEqual((outcome(end), end["spawnguard.limit"]), ("limit", verdict))
                self.assertLess(run.wall, self.GRACE_S * 0.7, "well before the end of its grace")
                self.assertEqual((second["rule"], second["action"], second["severity"]), ("max-procs", "flag", "critical"))
                self.assertIn("though it is asked to end", second["text"])
                # Two looks: one that finds it over, one that finds it grown on.
                rate = (len(begun) - 1) / max(0.001, begun[-1] - begun[0])
                took = verdict["period"] + second["lasted"] + 0.03 * SCALE
                self.assertLessEqual(len(begun) + 1 - 20, 1 + 1.3 * rate * took, (verdict, second))

    def test_a_rate_that_goes_on_in_the_grace(self):
        run, _ = self.forks("--max-spawn-rate=30/10s", deaf=True)
        self.assertEqual(run.status, 123, run.err)
        self.assertLess(run.wall, self.GRACE_S * 0.7)
        self.assertEqual([f["rule"] for f in self.flags()], ["max-spawn-rate"] * 2)

    def test_any_end_holds_the_limits_on(self):
        """Not ended for a limit at all; in its grace it would pass one."""
        run, begun = self.forks("--max-procs=100", "-t", "0.2", deaf=True)
        self.assertEqual(run.status, 124, run.err)
        self.assertLess(run.wall, 0.2 + self.GRACE_S * 0.7 if not SANITIZED else self.GRACE_S)
        self.assertLess(len(begun), 300)

    def test_who_only_takes_its_time_has_it(self):
        """It ignores TERM and does not grow: all of its grace."""
        run = self.run_guard(["--max-procs=1", "--interval=20ms", "-k", "0.5"], [VICTIM, "ignore-term"])
        self.assertEqual(run.status, 123, run.err)
        self.assertGreaterEqual(run.wall, 0.5)
        self.assertEqual(len(self.flags()), 1)

    def test_a_soft_limit_and_one_that_only_warns_end_nobody_sooner(self):
        for args in (["--max-procs=20:"], ["--max-procs=20", "--on-limit=flag"]):
            with self.subTest(args):
                started = len(self.flags())
                # From the shell on it is deaf; the timeout comes late enough for that on any machine.
                run = self.run_guard(["-k", "0.6", "-t", str(2 * SCALE), *args],
                                     ["sh", "-c", "trap '' TERM; exec \"$@\"", "sh",
                                      PYTHON, "-Ic", FORKS.format(log=self.path("log"), deaf=True)])
                self.assertEqual(run.status, 124, run.err)
                self.assertGreaterEqual(run.wall, 2 * SCALE + 0.6)
                flags = [f for f in self.flags()[started:] if f["rule"] != "same-failure"]
                self.assertLessEqual(len(flags), 1, flags)


class Written(LimitTest):
    """What the dead have written is counted: once."""

    def assert_written(self, script, kib=100):
        return self.assert_passed("max-io", [f"--max-io={kib - 10}K"], ["sh", "-c", script], kib * KIB, bound=(kib - 10) * KIB,
                                  rung="io")

    def test_by_children_that_were_waited_for(self):
        self.assert_written(f"for i in 1 2 3 4 5 6 7 8 9 10; do head -c {10 * KIB} /dev/zero >/dev/null; done; sleep 30")

    def test_by_a_child_that_was_seen_before(self):
        # Read while it lives, then once more in the count of its parent.
        child = f"sh -c \"head -c {50 * KIB} /dev/zero >/dev/null; sleep 2\""
        self.assert_written(f"{child}; {child}; sleep 30")

    def test_by_orphans(self):
        self.assert_written(f"sh -c 'head -c {100 * KIB} /dev/zero >/dev/null & exit'; sleep 30")

    def test_by_children_that_nobody_waits_for(self):
        """Only what was seen of them can count."""
        script = (f"import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor i in range(2):\n"
                  f"    if os.fork() == 0:\n        os.write(os.open('/dev/null', 1), bytes({50 * KIB}))\n"
                  f"        time.sleep(2.5)\n        os._exit(0)\n    time.sleep(4)\ntime.sleep(30)")
        self.assert_passed("max-io", ["--max-io=90K"], [PYTHON, "-Ic", script], 100 * KIB, bound=90 * KIB, rung="io")

    def test_in_a_pid_namespace_of_its_own(self):
        self.needs_isolation()
        self.assert_passed("max-io", ["--isolate", "--max-io=90K"],
                           ["sh", "-c", f"sh -c 'head -c {100 * KIB} /dev/zero >/dev/null & exit'; sleep 30"], None,
                           bound=90 * KIB, rung="io")

    def test_within_a_guard(self):
        inner = f"{SPAWNGUARD} run -N inner -- sh -c 'head -c {100 * KIB} /dev/zero >/dev/null; sleep 1.5'"
        run = self.run_guard(["-N", "outer", "--max-io=90K"], ["sh", "-c", f"{inner}; sleep 30"])
        self.assertEqual(run.status, 123, run.err)
        # The inner guard's own files are of the tree too: a few KiB.
        self.assertLess(self.flags()[-1]["value"], 115 * KIB)

    def test_samples_have_it(self):
        run = self.run_guard(["--record-samples", self.path("samples"), "--interval=20ms"], program("written", 100, 2.5))
        self.assertEqual((run.status, run.err), (0, ""))
        found = self.command("explain", "--samples", self.path("samples"), "--max-io=90K")
        self.assertRegex(found.out, r"max-io: 100\.?\d*K written, limit 90K; most: ")
        self.assertEqual(found.status, 0)
        self.assertEqual(self.command("explain", "--samples", self.path("samples"), "--max-io=110K").status, 1)

    def test_just_under_it_with_children_for_a_while(self):
        script = f"for i in 1 2 3 4 5 6 7 8 9 10; do head -c {10 * KIB} /dev/zero >/dev/null; sleep 0.3; done"
        self.assert_untouched(["--max-io=101K"], ["sh", "-c", script])


class Output(LimitTest):
    """Of stdout and stderr, wherever it is seen."""

    def job(self, to, seconds, kib=100):
        return [PYTHON, "-Ic", PROGRAMS["output"].format(n=kib, s=seconds, to=to)]

    def over(self, args, to, **popen):
        run = self.run_guard(["-k", "1", "--interval=20ms", "--max-output=90K", *args], self.job(to, 30), **popen)
        self.assertEqual(run.status, 123, run.err[-1000:])
        verdict = self.events("end")[-1]["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["bound"], verdict["rung"]), ("max-output", 90 * KIB, "files"))
        self.assertLessEqual(abs(verdict["value"] - 100 * KIB), 10 * KIB)
        return run

    def under(self, args, to, limit="101K", **popen):
        before = len(self.flags())
        run = self.run_guard(["--interval=20ms", f"--max-output={limit}", *args], self.job(to, UNDER_S), **popen)
        self.assertEqual((run.status, self.flags()[before:]), (0, []), run.err[-1000:])

    def test_files_of_the_caller(self):
        for to in (1, 2):
            run = self.over([], to)
            self.assertIn("limit passed: max-output: ", run.err)
            self.under([], to)

    def test_two_streams_into_one_file(self):
        with open(self.path("both"), "ab") as f:
            f.write(bytes(200 * KIB))  # was there before: is not the job's
            f.flush()
            self.over([], 2, stdout=f, stderr=f)
            self.under([], 2, stdout=f, stderr=f)

    def test_our_own_file(self):
        for to, how in ((1, "--output=never"), (2, "--output=on-failure")):
            self.over([how], to)
            self.under([how], to)
        self.over(["--output=never", "--log", self.path("log"), "--log-max=16K"], 1)

    def test_the_pump_of_tail(self):
        with open(os.devnull, "wb") as null:
            self.over(["--tail"], 2, stdout=null, stderr=null)
            self.under(["--tail"], 2, stdout=null, stderr=null)

    def test_a_file_that_the_job_empties_counts_on(self):
        script = f"for i in 1 2 3 4 5; do head -c {20 * KIB} /dev/zero; sleep 0.3; : >{self.path('out')}; sleep 0.3; done; sleep 30"
        with open(self.path("out"), "ab") as f:
            run = self.run_guard(["--max-output=90K", "--interval=20ms"], ["sh", "-c", script], stdout=f)
        self.assertEqual(run.status, 123, run.err)
        self.assertLessEqual(abs(self.flags()[-1]["value"] - 100 * KIB), 10 * KIB)

    def test_not_started_where_nothing_is_seen(self):
        with open(os.devnull, "wb") as null:
            for args in (["--max-output=1M"], ["--max-output=1M:"]):
                run = self.run_guard([*args, "--status-file", self.path("end")], ["touch", self.path("ran")], stdout=null,
                                     stderr=null)
                self.assertEqual((run.status, os.path.exists(self.path("ran"))), (125, False))
            # One of both is enough, unless every limit is to be held.
            self.assertEqual(self.run_guard(["--max-output=1M"], ["true"], stdout=null).status, 0)
            for stream in ("stdout", "stderr"):
                run = self.run_guard(["--max-output=1M", "--require-limits"], ["touch", self.path("ran")], **{stream: null})
                self.assertEqual((run.status, os.path.exists(self.path("ran"))), (125, False))
        self.assertEqual(self.run_guard(["--max-output=1M", "--require-limits"], ["true"]).status, 0)

    def test_samples_have_it(self):
        run = self.run_guard(["--record-samples", self.path("samples"), "--interval=20ms"], self.job(1, 0.5))
        self.assertEqual((run.status, run.err), (0, ""))
        found = self.command("explain", "--samples", self.path("samples"), "--max-output=90K")
        self.assertRegex(found.out, r"max-output: 100K output, limit 90K: ")
        self.assertEqual(self.command("explain", "--samples", self.path("samples"), "--max-output=110K").status, 1)


class Grades(LimitTest):
    def test_soft_is_flagged_and_the_run_goes_on(self):
        run = self.run_guard(["--max-procs=1:", "--interval=20ms"], program("procs", 3, 0.5))
        self.assertEqual((run.status, run.err), (0, ""))
        flags = self.flags()
        self.assertEqual([(f["rule"], f["severity"], f["action"], f["bound"]) for f in flags],
                         [("max-procs", "warning", "flag", 1)])
        self.assertNotIn("spawnguard.limit", self.events("end")[-1])

    def test_soft_comes_before_hard(self):
        script = f"for i in 1 2 3 4 5 6 7 8; do {VICTIM} sleep & sleep 0.1; done; wait"
        run = self.run_guard(["--max-procs=2:5", "--interval=10ms"], ["sh", "-c", script])
        self.assertEqual(run.status, 123)
        # Soft once more where a look has found it below: a sleep of the shell's ends before the next begins.
        graded = [(f["severity"], f["bound"]) for f in self.flags()]
        self.assertEqual((graded[-1], set(graded[:-1])), (("critical", 5), {("warning", 2)}))

    def test_hard_as_on_limit_says(self):
        for action, said in (("warn", r"\Aspawnguard: warning: [^\n]*: max-procs: 3 processes, limit 2; most: [^\n]*"
                                      r"; the run goes on\n\Z"), ("flag", r"\A\Z")):
            with self.subTest(action):
                run = self.run_guard(["--max-procs=2", f"--on-limit={action}", "--interval=20ms"], program("procs", 3, 0.5))
                self.assertEqual(run.status, 0)
                self.assertRegex(run.err, said)
                self.assertEqual((self.flags()[-1]["severity"], self.flags()[-1]["action"]), ("critical", action))
                self.assertEqual(outcome(self.events("end")[-1]), "ok")

    def test_on_flag_hears_of_it(self):
        hook = f"sh -c 'echo \"$SPAWNGUARD_MESSAGE\" >>{self.path('heard')}'"
        run = self.run_guard(["-N", "j", "--max-procs=1:2", "--interval=20ms", "--on-flag", hook], program("procs", 3, 30))
        self.assertEqual(run.status, 123)
        wait_until(lambda: os.path.exists(self.path("heard")) and "limit 2" in self.read("heard"), "the hook has run")
        self.assertRegex(self.read("heard"), r"j: max-procs: 3 processes, limit 2")

    def test_the_status_object_has_the_verdict(self):
        run = self.run_guard(["--max-procs=1", "--interval=20ms", "--status-file", self.path("end")], program("procs", 3, 30))
        self.assertEqual(run.status, 123)
        self.assertIn('"spawnguard.limit":{"rule":"max-procs"', self.read("end"))

    def test_all_generous_limits_together_find_nothing(self):
        self.assert_untouched(["--max-procs=500", "--max-threads=900", "--max-depth=50", "--max-rss=2G", "--max-tree-mem=4G",
                               "--max-fds=500", "--max-io=1G", "--max-output=1G", "--max-spawn-rate=5000/1s", "--max-cpu=1h", "--require-limits"],
                              ["sh", "-c", "i=0; while [ $i -lt 60 ]; do i=$((i + 1)); (sleep 0.02; ls / >/dev/null); done"])

    def test_a_stubborn_tree_is_over_its_limit_once(self):
        run = self.run_guard(["--max-procs=1", "--interval=20ms", "-k", "0.3"], [VICTIM, "ignore-term"])
        self.assertEqual(run.status, 123, run.err)
        self.assertEqual(len(self.flags()), 1)
        self.assert_no_survivor(run.err)

    def test_dry_run_and_require_limits(self):
        run = self.command("run", "--require-limits", "--max-procs=5", "--interval=none", "--", "touch", self.path("ran"))
        self.assertEqual(run.status, 125)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.command("run", "--require-limits", "--max-procs=5", "--", "true").status, 0)


if __name__ == "__main__":
    harness.main()

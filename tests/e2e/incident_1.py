"""Incident 1 in small: the spawn loop.

A coordinator on a small machine started its workers again as soon as they
died, because the task stayed "pending": 12 and more of 3 GB each, and the
machine was gone.  Here 12 of 64 MiB that live for less than a second: each of
three limits stops it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, GuardTest, outcome

PYTHON = os.path.realpath(sys.executable)
WORKERS, MIB = 12, 1 << 20
COORDINATOR = """
import os, time, random
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def work():
    os.write(log, b"%.6f\\n" % time.clock_gettime(time.CLOCK_BOOTTIME))
    end = time.monotonic() + random.uniform(0.3, 0.9)
    kept = b"x" * (64 << 20)
    time.sleep(max(0, end - time.monotonic()))
    os._exit(1)
def start():
    time.sleep({gap})
    pid = os.fork()
    if pid == 0: work()
    return pid
pending = {{start() for task in range({workers})}}
while True:
    pid, _ = os.wait()
    pending.remove(pid)
    pending.add(start())
"""


class Incident1(GuardTest):
    def storm(self, *args, gap=0.02):
        """(verdict, when each worker began, until the verdict)"""
        log = self.path("log")
        run = self.run_guard(["-k", "1", *args], [PYTHON, "-Ic", COORDINATOR.format(log=log, workers=WORKERS, gap=gap)],
                             timeout=60 * SCALE)
        self.assertEqual(run.status, 123, run.err)
        self.assert_no_survivor(run.err)
        end = self.end_event()
        self.assertEqual(outcome(end), "limit")
        self.assertEqual(self.records(), [])
        begun = sorted(float(line) for line in self.read("log").split())
        return end["spawnguard.limit"], end, begun

    def assert_overshoot(self, over, rate, verdict):
        """No more than 1.3 x rate x period, and the one that passes it; what was confirmed first took its time."""
        took = max(verdict["period"], 0.01 * SCALE) + verdict["lasted"]
        self.assertLessEqual(over, 1 + 1.3 * rate * took, verdict)

    def test_max_procs_stops_it(self):
        verdict, end, begun = self.storm("--max-procs=8")
        self.assertEqual((verdict["rule"], verdict["bound"]), ("max-procs", 8))
        rate = (len(begun) - 1) / max(0.001, begun[-1] - begun[0])
        self.assert_overshoot(verdict["value"] - 8, rate, verdict)
        self.assertLess(end["spawnguard.peak.processes"], WORKERS + 2)

    def test_max_spawn_rate_stops_it(self):
        """The first twelve are allowed, and a few again: not that it goes on so."""
        for rung in ("perf", "sampled"):
            with self.subTest(rung):
                harness.shutil.rmtree(self.state, ignore_errors=True)
                if os.path.exists(self.path("log")):
                    os.remove(self.path("log"))
                verdict, end, begun = self.storm("--max-spawn-rate=16/10s", f"--births-rung={rung}")
                self.assertEqual((verdict["rule"], verdict["bound"]), ("max-spawn-rate", 16))
                rate = 50  # one each 20 ms at most
                self.assert_overshoot(verdict["value"] - 16, rate, verdict)
                self.assertIn(verdict["rung"], (rung, "sampled"))
                # What really began, before TERM had reached the last of them.
                self.assertLessEqual(len(begun) + 1, 16 * 1.2 + 1.3 * rate * max(verdict["period"], 0.05 * SCALE))

    def test_max_tree_mem_stops_it(self):
        verdict, end, begun = self.storm("--max-tree-mem=320M")
        self.assertEqual((verdict["rule"], verdict["bound"]), ("max-tree-mem", 320 * MIB))
        rate = 50 * 80 * MIB  # a worker each 20 ms, which is 64 MiB and an interpreter
        self.assert_overshoot(verdict["value"] - 320 * MIB - 80 * MIB, rate, verdict)

    def test_what_is_allowed_goes_on(self):
        """The same twelve, once each: no limit is passed."""
        once = COORDINATOR.split("while True")[0].format(log=self.path("log"), workers=WORKERS, gap=0.02)
        run = self.run_guard(["--max-procs=13", "--max-spawn-rate=25/10s", "--max-tree-mem=2G"],
                             [PYTHON, "-Ic", once + "for pid in pending: os.wait()"], timeout=60 * SCALE)
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual([e for e in self.events("flag") if e["spawnguard.flag"]["severity"] != "info"], [])


if __name__ == "__main__":
    harness.main()

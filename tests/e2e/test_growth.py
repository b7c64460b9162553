"""--max-growth: what grows without end is named and ended; what loads, caches or collects is left alone."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest, outcome

PYTHON = os.path.realpath(sys.executable)
LONG = os.environ.get("SG_LONG") == "1"
UNDER_S = 10 if LONG else 4
MIB = 1 << 20

# `size` is what it has after t seconds, in MiB; however late it comes to run, it is that of the moment.
SHAPE = """
import sys, time
begin = time.monotonic(); kept = []
while True:
    t = time.monotonic() - begin
    if t > {s}: break
    want = int(({size}) * 16)
    while len(kept) < want: kept.append(bytearray(b'x' * 65536))
    del kept[want:]
    time.sleep(0.02)
"""


def shape(size, seconds=30):
    return [PYTHON, "-Ic", SHAPE.format(size=size, s=seconds)]


class GrowthTest(GuardTest):
    def flags(self):
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        return [f for f in flags if f["rule"].startswith("max-") or f["rule"] == "memory-growth"]

    def assert_grows(self, limit, command, value, pid_is_member=True):
        run = self.run_guard(["-k", "1", f"--max-growth={limit}"], command)
        self.assertEqual(run.status, 123, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]*: limit passed: max-growth: [^\n]* growth within 1s, limit [^\n]*; "
                                  r"most: [^\n]*\n\Z" if pid_is_member else r"max-growth")
        self.assert_no_survivor(run.err)
        end = self.events("end")[-1]
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("limit", "limit"))
        verdict = end["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["severity"], verdict["per"]), ("max-growth", "critical", 1))
        self.assertLessEqual(abs(verdict["value"] - value), value * 0.1, verdict)
        self.assertGreaterEqual(verdict["lasted"], 1.7)  # confirmed: no word from one look, or one window
        self.assertGreaterEqual(end["spawnguard.duration"] if "spawnguard.duration" in end else 9, 2.2)

    def assert_untouched(self, limit, command):
        before = len(self.flags())
        run = self.run_guard([f"--max-growth={limit}"], command)
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.flags()[before:], [])

    def test_a_leak(self):
        self.assert_grows("4M/1s", shape("t * 8"), 8 * MIB)

    def test_explain_says_the_same_of_its_samples(self):
        limit = "--max-growth=4M/1s"
        run = self.run_guard([limit, "--record-samples", self.path("samples")], shape("t * 8"))
        self.assertEqual(run.status, 123, run.err)
        verdict = self.events("end")[-1]["spawnguard.limit"]
        said = json.loads(self.command("explain", "--samples", self.path("samples"), "--json", limit).out)
        self.assertEqual([(f["rule"], f["text"], f["value"], f["ends"]) for f in said["findings"]],
                         [("max-growth", verdict["text"], verdict["value"], True)])
        self.assertEqual(self.command("explain", "--samples", self.path("samples"), "--max-growth=20M/1s").status, 1)

    def test_a_leak_in_a_child(self):
        inner = shape("t * 8")
        self.assert_grows("4M/1s", ["sh", "-c", '"$@" & wait', "sh", *inner], 8 * MIB)

    def test_just_under_it(self):
        self.assert_untouched("10M/1s", shape("t * 8", UNDER_S))

    def test_soft_is_flagged_and_the_run_goes_on(self):
        run = self.run_guard(["--max-growth=4M/1s:"], shape("t * 8", 6))
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual([(f["rule"], f["severity"], f["action"]) for f in self.flags()], [("max-growth", "warning", "flag")])

    def test_who_loads_and_stops(self):
        self.assert_untouched("4M/1s", shape("min(t, 0.8) * 40", UNDER_S))

    def test_a_heap_that_comes_back(self):
        self.assert_untouched("4M/1s", shape("5 + 40 * (t / 0.7 % 1)", UNDER_S))

    def test_what_an_interpreter_needs_to_start(self):
        self.assert_untouched("64K/1s", ["sh", "-c", f"{PYTHON} -c 'import json, decimal, time; time.sleep({UNDER_S})'"])

    def test_children_one_after_the_other(self):
        one = "x = bytearray(b'x' * (20 << 20))"
        self.assert_untouched("4M/1s", ["sh", "-c", f"for i in $(seq {UNDER_S * 5}); do {PYTHON} -Ic \"{one}\"; done"])


if __name__ == "__main__":
    harness.main()

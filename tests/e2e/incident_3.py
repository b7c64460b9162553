"""Incident 3: draining a backlog without burning it.

274 failed phases of 56 runs had to be tried again, with strict brakes: 50 in
a batch, a run's family left alone after two equal failures, one timeout, one
attempt; some families left out; all stopped after ten phases in a row that
brought nothing.  And whoever ran that was killed more than once.
"""
import os
import random
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, GuardTest, now, outcome, wait_until

FAMILIES, PHASES = 56, 274
KINDS = ("same", "differs", "hangs", "out", "good", "poor", "good", "good")
PHASE = """#!/bin/sh
echo "$1" >> {log}
case $1 in
*same*) echo "Traceback (most recent call last):
  File \\"/srv/run/$$/collect.py\\", line $$, in <module>
KeyError: 'field of $$'" >&2; exit 1;;
*differs*1) echo "cannot connect to the database" >&2; exit 2;;
*differs*2) echo "the disk is full" >&2; exit 3;;
*differs*3) echo "permission denied: token expired" >&2; exit 4;;
*differs*4) echo "json: unexpected end of input" >&2; exit 5;;
*differs*5) echo "certificate has no issuer" >&2; exit 6;;
*hangs*) exec sleep 1000;;
*poor*) exit 0;;
esac
{spawnguard} notify counter events+=7
"""


def backlog():
    """Item names, `KIND-run-PHASE`, in the order of the runs."""
    items = []
    for i in range(FAMILIES):
        count = 5 if i < PHASES - 4 * FAMILIES else 4
        items += [f"{KINDS[i % len(KINDS)]}-r{i:02}/{phase + 1}" for phase in range(count)]
    assert len(items) == PHASES
    return items


def family(item):
    return item.split("/")[0]


class Incident3(GuardTest):
    ARGS = ("--family=^[^/]+", "--same-failure=2", "--max-timeouts=1", "--max-attempts=1", "--skip-prefix=out-",
            f"--timeout={0.5 * SCALE}", "--yield=counter:events")

    def setUp(self):
        super().setUp()
        self.phase = self.write("phase", PHASE.format(log=self.path("log"), spawnguard=SPAWNGUARD), 0o755)
        self.write("backlog", "".join(item + "\n" for item in backlog()))

    def drain(self, *args, command=None):
        return self.command("batch", "-N", "drain", "--items", "backlog", *self.ARGS, *args, "--", *(command or (self.phase, "{}")),
                            timeout=90 * SCALE)

    def resume(self, *args):
        return self.command("batch", "-N", "drain", "--resume", *args, timeout=90 * SCALE)

    def ran(self):
        return self.read("log").splitlines()

    def allowed(self):
        """What the brakes let through, one at a time."""
        found, failures = [], {}
        for item in backlog():
            kind, so_far = item.split("-")[0], failures.get(family(item), 0)
            if kind == "out" or (kind == "same" and so_far == 2) or (kind == "hangs" and so_far == 1):
                continue
            failures[family(item)] = so_far + 1
            found.append(item)
        return found

    def test_each_brake_stops_what_it_should_and_nothing_else(self):
        run = self.drain()
        self.assertEqual(run.status, 3, run.err)
        self.assertEqual(self.ran(), self.allowed())
        skipped = re.findall(r"^\[\d+/\d+\] SKIP (\S+)", run.err, re.M)
        out = {item for item in backlog() if item.startswith("out-")}
        self.assertEqual(sorted(skipped), sorted(set(backlog()) - set(self.ran()) - out))
        for i in range(FAMILIES):
            kind = KINDS[i % len(KINDS)]
            braked = f"brake: family {kind}-r{i:02}: " in run.err
            self.assertEqual(braked, kind in ("same", "hangs"), run.err)
        last = re.findall(r"^\[(\d+)/(\d+)\]", run.err, re.M)[-1]
        self.assertEqual(last, (str(PHASES - len(out)),) * 2)
        self.assert_analysis(run.err, len(out))

    def assert_analysis(self, said, out):
        good = sum(item.startswith("good-") for item in backlog())
        poor = sum(item.startswith("poor-") for item in backlog())
        ran = len(self.allowed())
        self.assertIn(f"{PHASES} items, {good + poor} ok, {ran - good - poor} failed, {PHASES - ran - out} left, {out} left out", said)
        self.assertRegex(said, rf"yield: \S+ % of {ran} items, {good * 7} in all, per minute median \S+, p90 \S+")
        self.assertRegex(said, rf"no yield: .*{poor} success_no_work")
        self.assertRegex(said, r"failure: 14 items, as same-r00/1: KeyError: 'field of")
        self.assertIn("family same-r00: 0 ok, 2 failed, 3 skipped; the same failure each time: KeyError", said)
        self.assertIn("family differs-r01: 0 ok, 5 failed; failures that differ", said)
        self.assertEqual(self.command("batch", "--analyse", "drain").out, said[said.index("session drain."):])

    def test_two_at_a_time_and_by_fifty(self):
        """Who runs already when a family is given up goes on: no more than one of them here."""
        run = self.drain("--jobs=2", "--max-runs=50", "--quiet")
        self.assertEqual((run.err.count("brake:"), len(self.ran())), (0, 50), run.err)
        for _ in range(20):
            if "--resume" not in self.command("batch", "--analyse", "drain").out:
                break
            before = len(self.ran())
            self.resume("--quiet")
            self.assertLessEqual(len(self.ran()), before + 50)
            if len(self.ran()) == before:
                break
        ran = self.ran()
        self.assertEqual(len(ran), len(set(ran)), "one attempt each")
        self.assertFalse([item for item in ran if item.startswith("out-")])
        self.assertEqual({item for item in backlog() if item.split("-")[0] in ("good", "poor", "differs")} - set(ran), set())

    def test_ten_in_a_row_without_yield_stop_all(self):
        """What collects is broken: everything goes well, and brings nothing."""
        run = self.drain("--zero-yield=10", command=("sh", "-c", f"echo $0 >> {self.path('log')}", "{}"))
        self.assertEqual(run.status, 3, run.err)
        self.assertEqual(self.ran(), [item for item in backlog() if not item.startswith("out-")][:10])
        self.assertIn("brake: items in a row brought nothing (--zero-yield=10)", run.err)
        self.assertIn("next: 10 items brought nothing: see by one of them whether it is collected:\n    spawnguard run", run.err)

    def test_killed_at_any_moment_it_repeats_nothing_that_ended(self):
        seed = int.from_bytes(os.urandom(4), "little")
        dice = random.Random(seed)
        items = sorted([f"i{i:02}" for i in range(9)] + ["bad-1", "bad-2", "skip-1"])
        good, bad = ([item for item in items if item.startswith(kind)] for kind in ("i", "bad-"))
        self.write("few", "".join(item + "\n" for item in items))
        phase = "sleep 0.005; case $1 in bad*) exit 3;; esac"
        once = ("--items", "few", "-q", "--jobs=2", "--skip-prefix=skip-", "--", "sh", "-c", phase, "sh", "{}")
        began = now()
        self.command("batch", "-N", "first", *once)
        whole = now() - began
        for i in range(10 if SANITIZED else 50):
            name = f"k{i}"
            run = self.start(SPAWNGUARD, "batch", "-N", name, *once)
            moment = now() + dice.uniform(0, whole)
            wait_until(lambda at=moment: now() >= at, "that moment")
            run.send(signal.SIGKILL)
            run.wait()
            again = self.command("batch", "-N", name, "--items", "few", "--resume", *once[2:], timeout=60 * SCALE)
            self.assertIn(again.status, (0, 1), f"seed {seed}, {i}: {again.err}")
            ends = [e for e in self.events("end") if e["spawnguard.job"] == name]
            for kind, those in (("ok", good), ("failed", bad)):
                self.assertEqual(sorted(e["spawnguard.task"] for e in ends if outcome(e) == kind), those, f"seed {seed}, {i}: {again.err}")
            self.assertNotIn("skip-1", [e["spawnguard.task"] for e in ends])
            told = self.command("batch", "--analyse", name).out
            self.assertIn("12 items, 9 ok, 2 failed, 0 left, 1 left out", told, f"seed {seed}, {i}")
            self.assertIn("failure: 2 items, as bad-1: exit 3", told, f"seed {seed}, {i}")
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    harness.main()

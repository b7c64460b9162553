"""Incident 1 whole: the coordinator that starts its worker again as soon as it dies.

An error class is missing from an enum: the worker fails at import.  Its task stays "pending", so that the
coordinator starts it at once, for ever.  Under the guard it is executed three times; then every start is
refused, with the whole schedule, until somebody has repaired it: one trial, and the breaker is closed.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, GuardTest, outcome, wait_until

PYTHON = os.path.realpath(sys.executable)
ERRORS = """import enum
class Kind(enum.Enum):
    TIMEOUT = 1
"""
WORKER = """import os, sys
with open({log!r}, "a") as f: f.write("ran\\n")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import errors
RETRY = {{errors.Kind.TIMEOUT: 3, errors.Kind.QUOTA: 0}}
with open({done!r}, "w") as f: f.write("done")
"""
COORDINATOR = """import subprocess, sys, os, json
statuses = []
while not os.path.exists({done!r}) and len(statuses) < {most}:
    statuses.append(subprocess.run(sys.argv[1:]).returncode)
with open({statuses!r}, "w") as f: json.dump(statuses, f)
"""
RULES = ["--min-uptime=10s", "--quick-ok", "--max-failures=3/30m", "--backoff=startup=5m,10m,20m", "--same-failure=3", "--jitter=none"]


class Incident1(GuardTest):
    def setUp(self):
        super().setUp()
        self.write("errors.py", ERRORS)
        self.worker = self.write("worker.py", WORKER.format(log=self.path("log"), done=self.path("done")))
        self.guard_words = [SPAWNGUARD, "run", "-N", "worker", *RULES, "--watch-input", self.path("errors.py"), "--",
                            PYTHON, "-B", self.worker]

    def coordinate(self, most):
        """So many starts at most; how they ended."""
        program = COORDINATOR.format(done=self.path("done"), most=most, statuses=self.path("statuses"))
        run = self.start(PYTHON, "-c", program, *self.guard_words).wait(100 * SCALE)
        self.assertEqual(run.status, 0, run.err)
        return harness.json.loads(self.read("statuses")), run.err

    def test_three_executions_then_the_schedule_then_one_trial(self):
        statuses, said = self.coordinate(most=60)
        self.assertEqual(statuses, [1] * 3 + [69] * 57)
        self.assertEqual(self.read("log").count("ran"), 3)
        refusals = re.findall(r"^spawnguard: breaker open: worker: .*$", said, re.M)
        self.assertEqual(len(refusals), 57)
        self.assertRegex(refusals[0], r'^spawnguard: breaker open: worker: 3 startup failures in \S+ \(same: "AttributeError: .*QUOTA.*"\); '
                                      r'next trial in (4m5\d\S*|5m) at \S.*; spawnguard breaker show worker \| reset worker$')
        self.assertEqual(sum(e["spawnguard.refusals"] for e in self.events("refused")), 1)  # a line a minute, the rest is counted

        self.write("errors.py", ERRORS + "    QUOTA = 2\n")
        statuses, said = self.coordinate(most=60)
        self.assertEqual((statuses, self.read("log").count("ran"), self.read("done")), ([0], 4, "done"), said)
        self.assertEqual([e.get("spawnguard.start") for e in self.events("start")], [None, None, None, "trial"])
        self.assertEqual([(e["spawnguard.breaker"]["from"], e["spawnguard.breaker"]["to"]) for e in self.events("breaker")],
                         [("closed", "open"), ("half-open", "closed")])
        self.assertEqual(outcome(self.events("end")[-1]), "ok")

    def test_two_coordinators_share_it(self):
        """And a person at a shell, who looks for what --dry-run says."""
        program = COORDINATOR.format(done=self.path("done"), most=20, statuses=self.path("statuses"))
        both = [self.start(PYTHON, "-c", program, *self.guard_words[:2], "--wait", *self.guard_words[2:]) for _ in range(2)]
        for run in both:
            run.wait(100 * SCALE)
        self.assertEqual(self.read("log").count("ran"), 3)
        dry = self.start(*self.guard_words[:2], "--dry-run", *self.guard_words[2:]).wait()
        self.assertEqual(dry.status, 69)
        wait_until(lambda: "would not start: breaker open: worker: 3 startup failures" in dry.out, "it is said")


if __name__ == "__main__":
    harness.main()

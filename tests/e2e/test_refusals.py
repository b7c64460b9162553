"""Refused starts on paper: at most one line a minute, and their sum is exact, however many come at once and are killed at it."""
import os
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, GuardTest, now

SHIM = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libfailnth.so")
AT_ONCE, EACH = 20, 15


class Refusals(GuardTest):
    def waiting(self, job):
        """Those that wait for their line, as locks/job/NAME.info has them."""
        with open(os.path.join(self.state, "locks/job", job + ".info"), "rb") as f:
            _, pending, count, _ = struct.unpack_from("=IIQQ", f.read(128), 96)
        self.assertEqual(pending, 0, "a line that was begun is settled")
        return count

    def told(self, job):
        return [e["spawnguard.refusals"] for e in self.events("refused") if e["spawnguard.job"] == job]

    def test_many_at_once_are_all_counted(self):
        began = now()
        holder = self.holder("-N", "loop")
        loop = f'i=0; while [ $i -lt {EACH} ]; do {SPAWNGUARD} run -qN loop -- true; [ $? = 75 ] || exit 1; i=$((i + 1)); done'
        loops = [self.start("sh", "-c", loop) for _ in range(AT_ONCE)]
        self.assertEqual([run.wait().status for run in loops], [0] * AT_ONCE)
        lines = self.told("loop")
        self.assertLessEqual(len(lines), 1 + (now() - began) // 60)
        self.assertEqual(sum(lines) + self.waiting("loop"), AT_ONCE * EACH)
        self.end(holder)

    @unittest.skipIf(SANITIZED, "a preloaded library would come before the sanitizer's own")
    @unittest.skipUnless(os.path.exists(SHIM), "a static program preloads nothing")
    def test_killed_at_any_step_it_counts_once_or_never(self):
        counted = []
        for function in ("flock", "pwrite", "write"):
            for nth in range(1, 9):
                job = f"{function}-{nth}"
                holder = self.holder("-N", job)
                env = {**self.env, "LD_PRELOAD": SHIM, "SG_FAULT": f"{function}:{nth}:KILL"}
                first = self.run_guard(["-N", job], ["true"], env=env)
                rest = [self.run_guard(["-N", job], ["true"]).status for _ in range(3)]
                self.assertEqual(rest, [75] * 3)
                found = sum(self.told(job)) + self.waiting(job)
                self.assertIn(found, (3, 4), f"{job}: {self.told(job)}")
                self.assertLessEqual(len(self.told(job)), 1, job)
                self.end(holder)
                if first.status != -9:
                    self.assertEqual((first.status, found), (75, 4), job)
                    break
                counted.append(found)
        self.assertEqual(set(counted), {3, 4}, "it was killed before it counted, and after")


if __name__ == "__main__":
    harness.main()

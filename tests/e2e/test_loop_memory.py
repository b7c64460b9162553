"""The loop of a guard asks for no memory: what it needs it has from the start."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, GuardTest

SHIM = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libcount_malloc.so")
BORN = 12


@unittest.skipIf(SANITIZED, "a preloaded library would come before the sanitizer's own")
@unittest.skipUnless(os.path.exists(SHIM), "a static program preloads nothing")
class LoopMemory(GuardTest):
    def test_births_looks_and_limits_allocate_nothing(self):
        limits = ["--max-procs=50", "--max-tree-mem=64G", "--max-io=64G", "--max-spawn-rate=1000/1s", "--max-cpu=1h",
                  "--max-depth=20", "--tail"]
        run = self.run_guard(["-N", "j", "--interval=50ms", *limits],
                             ["sh", "-c", f"i=0; while [ $i -lt {BORN} ]; do i=$((i + 1)); sleep 0.1 & sleep 0.1; done; wait"],
                             env={**self.env, "LD_PRELOAD": SHIM, "SG_MALLOC_LOG": self.path("log")})
        self.assertEqual((run.status, run.err), (0, ""))
        lines = [[int(word) for word in line.split()] for line in self.read("log").splitlines()]
        loops = [line for line in lines if line[1] >= BORN]
        self.assertTrue(loops, f"no guard has waited {BORN} times: {lines}")
        self.assertEqual([line for line in lines if line[2]], [], "pid, waits, allocations, after which wait")


if __name__ == "__main__":
    harness.main()

"""Real programs, as in test_real, with every limit on, and generous: the same output and status, and no limit speaks."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_real
from harness import SPAWNGUARD

LIMITS = ("--max-procs=5000", "--max-threads=9000", "--max-depth=100", "--max-rss=8G", "--max-tree-mem=16G",
          "--max-fds=5000", "--max-io=100G", "--max-output=10G", "--max-spawn-rate=100000/1s", "--max-cpu=1h",
          "--max-growth=8G/10m", "--require-limits")
# Of what these programs do, and true: they leave, they do not wait, they fail twice in the same way, they are many and brief.
SAID_OF_THEM = {"orphans", "signature", "zombies", "same-failure", "unseen"}


class Limited:
    RUN = (SPAWNGUARD, "run", *LIMITS)

    def tearDown(self):
        try:
            flags = [e["spawnguard.flag"] for e in self.events("flag")]
            self.assertEqual([f for f in flags if f["rule"] not in SAID_OF_THEM], [])
        finally:
            super().tearDown()


class Shell(Limited, test_real.Shell):
    pass


class Programs(Limited, test_real.Programs):
    def assert_same(self, command, args=(), **popen):
        """A pool's helper, which ends when the pool has, may be late on a busy machine: then it is named."""
        bare = self.start(*command, **popen).wait()
        guarded = self.run_guard(list(args), command, **popen)
        self.assertEqual((guarded.status, guarded.out), (bare.status, bare.out))
        self.assertRegex(guarded.err, r"\A(spawnguard: \S+: ended \d+ process(es)? that the job left behind: [^\n]*\n)?\Z")
        self.assert_no_survivor()
        return guarded


if __name__ == "__main__":
    harness.main()

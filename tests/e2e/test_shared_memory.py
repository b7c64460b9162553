"""Limits of memory: what processes share is counted once before anybody is ended for it."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest, outcome

PYTHON = os.path.realpath(sys.executable)
MIB = 1 << 20

# Readers of 60 MiB that their parent has filled; {then} is what each does in the end.
READERS = """
import ctypes, mmap, os, time
m = mmap.mmap(-1, 60 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for i in range(0, 60 << 20, 4096): m[i] = 1
{before}
for i in range({n}):
    if os.fork() == 0:
        s = sum(m[i] for i in range(0, 60 << 20, 4096))
        time.sleep({s})
        {then}
        os._exit(0)
for i in range({n}): os.wait()
"""
WRITE = "[m.__setitem__(i, 2) for i in range(0, 60 << 20, 4096)]; time.sleep(30)"
HIDDEN = "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)"  # PR_SET_DUMPABLE: nobody of the same user looks into it


def readers(n, s, then="pass", before="pass"):
    return [PYTHON, "-Ic", READERS.format(n=n, s=s, then=then, before=before)]


class SharedMemory(GuardTest):
    def flags(self):
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        return [f for f in flags if f["rule"].startswith("max-") or f["rule"] == "memory-growth"]

    def test_readers_of_the_same_memory_are_left_alone(self):
        run = self.run_guard(["--max-tree-mem=300M", "--interval=50ms"], readers(20, 2))
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.flags(), [])
        self.assertGreater(self.events("end")[-1]["spawnguard.peak.rss"], 1000 * MIB)  # it was over, by the sum

    def test_what_becomes_their_own_is_counted(self):
        run = self.run_guard(["--max-tree-mem=250M", "--interval=50ms", "-k", "1"], readers(8, 0.5, WRITE))
        self.assertEqual(run.status, 123, run.err)
        end = self.events("end")[-1]
        self.assertEqual(outcome(end), "limit")
        verdict = end["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["rung"]), ("max-tree-mem", "pss"))
        self.assertGreater(verdict["value"], 250 * MIB)
        self.assertLess(verdict["value"], 620 * MIB)
        self.assert_no_survivor(run.err)

    def test_who_cannot_be_looked_into_is_flagged(self):
        if os.geteuid() == 0:
            self.skipTest("root looks into everybody")
        run = self.run_guard(["--max-tree-mem=300M", "--interval=50ms"], readers(5, 4.5, before=HIDDEN))
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual([(f["severity"], f["action"]) for f in self.flags()], [("warning", "flag")])
        self.assertIn("cannot be read", self.flags()[0]["text"])

    def test_but_not_when_it_is_far_over(self):
        if os.geteuid() == 0:
            self.skipTest("root looks into everybody")
        run = self.run_guard(["--max-tree-mem=200M", "--interval=50ms", "-k", "1"], readers(6, 20, before=HIDDEN))
        self.assertEqual(run.status, 123, run.err)
        self.assertEqual(self.events("end")[-1]["spawnguard.limit"]["rung"], "walk")


if __name__ == "__main__":
    harness.main()

"""Limits of memory: what processes share is counted once before anybody is ended for it."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, GuardTest, Stat, children, outcome, wait_until

PYTHON = os.path.realpath(sys.executable)
SHIM = os.path.join(os.environ["SG_TEST_LIB"], "libfailnth.so")
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

    def test_a_reader_that_stands_still_holds_up_nobody(self):
        """Stopped, it answers as little as one that waits for a file system that is gone."""
        if not os.path.exists(SHIM):
            self.skipTest("a sanitized or a static program preloads nothing")
        armed, full = self.path("armed"), self.path("full")
        before = f"open({full!r}, 'w').close()\nwhile not os.path.exists({armed!r}): time.sleep(0.01)"
        run = self.guard("-N", "j", "--max-tree-mem=350M", "--interval=50ms", "-t", "6", "--", *readers(5, 60, before=before),
                         env={**self.env, "LD_PRELOAD": SHIM, "SG_FAULT": "setrlimit:1:STOP", "SG_FAULT_FROM": armed})
        wait_until(lambda: os.path.exists(full) and harness.status_field(run.warden(), "NoNewPrivs") == "1", "both have begun")
        warden = run.warden()
        self.write("armed", "")

        def stopped():
            return [pid for pid in children(run.pid) if Stat(pid).state == "T"]
        reader = wait_until(stopped, "the reader stands")
        self.assertEqual(len(reader), 1)
        self.assertNotEqual(reader, [warden])
        self.assertEqual(self.command("ps", "j").status, 0)
        wait_until(self.flags, "the guard went on without it")
        wait_until(lambda: not stopped(), "it was given up")
        self.assertTrue(run.running(), run.err)
        self.assertEqual(run.wait().status, 124, run.err)
        end = self.events("end")[-1]
        busy = max(1, os.getloadavg()[0] / os.cpu_count())  # others' work is not what this is about
        self.assertLess(end["spawnguard.wall"], 6 + 0.5 * SCALE * busy)
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("timeout", "timeout"))
        (flag,) = self.flags()
        self.assertEqual((flag["rule"], flag["severity"], flag["action"], flag["rung"]), ("max-tree-mem", "warning", "flag", "walk"))
        self.assertIn("how much of it is shared cannot be read", flag["text"])
        self.assertGreater(flag["value"], 350 * MIB)  # the upper bound
        self.assert_no_survivor(run.err)


if __name__ == "__main__":
    harness.main()

"""A read of /proc that never ends: its reader hangs, and nobody waits for it who has a deadline to keep."""
import os
import re
import signal
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from faults import SHIM
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until
from marked import MarksTest

KILL = signal.SIGKILL
PYTHON = os.path.realpath(sys.executable)
LATE_S = 0.5 * SCALE
ENVIRON_S = 3 # as long as anybody waits for one process
BOUNDS = {"Max core file size": "0", "Max file size": "0", "Max processes": "0", "Max open files": "4",
          "Max address space": str(64 << 20), "Max cpu time": "2"}
MIB = 1 << 20
HOG = "import time; m = bytearray({mib} << 20); time.sleep(1000)"


def hog(mib):
    """It has that much memory, and stays."""
    return [PYTHON, "-Ic", HOG.format(mib=mib)]


@unittest.skipIf(SANITIZED, "a preloaded library would come before the sanitizer's own")
@unittest.skipUnless(os.path.exists(SHIM), "a static program preloads nothing")
class StuckTest(GuardTest):
    def hanging(self, pattern, call="openat"):
        """Whoever of the program opens such a path stands still at that."""
        return dict(self.env, LD_PRELOAD=SHIM, SG_FAULT=f"{call}:1:STOP:persist", SG_FAULT_PATH=pattern)

    def stuck(self, run):
        """The reader that stands: a child of front in its group."""
        def look():
            found = [pid for pid in children(run.pid) if Stat(pid).state == "T"]
            return found[0] if found else not run.running()
        found = wait_until(look, "a reader hangs")
        self.assertIsNot(found, True, f"it ended: {run.status} {run.err}")
        return found

    def assert_bounded(self, reader):
        """It may use next to nothing, and holds nothing but its pipe."""
        with open(f"/proc/{reader}/limits") as f:
            found = {name: re.search(rf"^{name} +(\S+) +(\S+)", text, re.M).groups() for text in [f.read()] for name in BOUNDS}
        self.assertEqual(found, {name: (most, most) for name, most in BOUNDS.items()})
        self.assertEqual(harness.status_field(reader, "NoNewPrivs"), "1")
        try:
            held = [os.readlink(f"/proc/{reader}/fd/{fd}") for fd in os.listdir(f"/proc/{reader}/fd")]
        except PermissionError:
            self.assertNotEqual(os.geteuid(), 0)
            return
        self.assertRegex(" ".join(held), r"\Apipe:\[\d+\]\Z")

    def assert_in_time(self, run, deadline_s, status=124):
        """It ended at its deadline, the lock is free at once, and its reader is gone with it."""
        run.wait()
        self.assertEqual(run.status, status, run.err)
        self.assertLess(run.wall, deadline_s + LATE_S, run.err)
        self.assert_no_survivor(run.err)
        following = self.run_guard(["-N", "stuck"], ["true"])
        self.assertEqual((following.status, following.err), (0, ""))
        self.assertLess(following.wall, LATE_S)
        self.assertEqual(self.records(), [])


class Memory(StuckTest):
    """smaps_rollup, asked before anybody is ended for memory."""

    def limited(self, limit, *args, mib=100):
        return self.guard("-N", "stuck", f"--max-tree-mem={limit}", "--interval=50ms", "-k", "0.1", *args, "--", *hog(mib),
                          env=self.hanging("/proc/*/smaps_rollup"))

    def test_the_deadline_is_kept_while_it_hangs(self):
        run = self.limited("90M", "-t", "1.5")
        reader = self.stuck(run)
        self.assert_bounded(reader)
        self.assert_in_time(run, 1.5)
        self.assertFalse(Stat(reader).alive)
        self.assertNotIn("spawnguard.limit", self.events("end")[0])

    def test_what_was_not_confirmed_is_told_and_ends_nothing(self):
        run = self.limited("90M", "-t", "4.5")
        self.stuck(run)
        self.assert_in_time(run, 4.5)
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertEqual([(f["rule"], f["severity"], f["action"]) for f in flags], [("max-tree-mem", "warning", "flag")])
        self.assertIn("cannot be read", flags[0]["text"])

    def test_far_over_it_ends_by_what_the_walk_saw(self):
        run = self.limited("30M", "-t", "60")
        self.stuck(run)
        self.assert_in_time(run, 3.5, status=123)
        verdict = self.events("end")[0]["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["rung"]), ("max-tree-mem", "walk"))

    def test_a_signal_passes_while_it_hangs(self):
        run = self.limited("90M", "-t", "60")
        self.stuck(run)
        sent = harness.now()
        run.send(signal.SIGTERM)
        run.wait()
        self.assertLess(run.ended - sent, LATE_S)
        self.assertEqual(outcome(self.events("end")[0]), "killed")
        self.assert_no_survivor(run.err)


class Written(StuckTest):
    """/proc/PID/io, asked once a second for what a tree writes."""

    def test_the_deadline_is_kept_while_it_hangs(self):
        run = self.guard("-N", "stuck", "--max-io=1G", "-t", "2.5", "-k", "0.1", "--", VICTIM, "wide", "3",
                         env=self.hanging("/proc/[0-9]*/io", "open"))
        reader = self.stuck(run)
        self.assert_in_time(run, 2.5)
        self.assertFalse(Stat(reader).alive)


class Environ(MarksTest, StuckTest):
    """Of a process that may be of a run whose guards are gone: not for ever, and it is not killed for it."""

    def left(self, command):
        run, member = self.guarded(command)
        self.kill_all_but(run, member)
        return member

    def test_a_start_after_it_lists_it_and_has_its_own_deadline(self):
        member = self.left(f"{VICTIM} sleep")
        run = self.guard("-N", "j", "-t", "0.5", "-k", "0.1", "--", "sleep", "1000",
                         env=self.hanging(f"/proc/{member}/environ", "open"))
        reader = self.stuck(run)
        self.assert_bounded(reader)
        run.wait()
        self.assertEqual(run.status, 124, run.err)
        self.assertLess(run.wall, 2 * ENVIRON_S)
        self.assertFalse(Stat(reader).alive)
        self.assert_listed(run.err.splitlines(keepends=True)[0], member)
        self.assertEqual(self.records(), [])
        self.assertEqual(self.next_start(), "")

    def test_a_stranger_is_let_be(self):
        run, member = self.guarded(f"{VICTIM} sleep")
        other = self.start("setsid", VICTIM, "sleep")
        self.wait_ready(other, 2)
        self.kill_all_but(run, member)
        following = self.guard("-N", "j", "--", "true", env=self.hanging(f"/proc/{other.pid}/environ", "open"))
        self.stuck(following)
        following.wait()
        self.assertTrue(other.running())
        self.assertEqual(following.status, 0)
        self.assertLess(following.wall, 2 * ENVIRON_S, "it is not asked twice")
        self.end(other)
        self.assert_ended(following.err, member)

    def test_ps_shows_that_it_does_not_know(self):
        run, member = self.guarded(f"setsid {VICTIM} sleep")
        shown = self.start(SPAWNGUARD, "ps", "-o", "pid,marks",
                           env={**self.hanging(f"/proc/{member}/environ", "open"), "SG_FAULT_PROGRAM": "ps"})
        reader = self.stuck(shown)
        shown.wait()
        self.assertEqual((shown.status, shown.err), (0, ""))
        self.assertLess(shown.wall, ENVIRON_S + LATE_S)
        marks = dict(line.split() for line in shown.out.splitlines()[1:] if len(line.split()) == 2)
        self.assertEqual((marks[str(member)], marks[self.read("job").strip()]), ("?", "both"))
        self.assertFalse(Stat(reader).alive)
        run.send(signal.SIGTERM)
        run.wait()

    def test_front_alone_ends_who_it_knows(self):
        """Beside children of the caller's own it asks only of whom it has not recorded."""
        job = f"echo $$ >{self.path('job')}; {VICTIM} sleep & exec sleep 1000"
        pattern = self.hanging("/proc/[0-9]*/environ", "open")
        run = self.start("sh", "-c", 'sleep 1000 & exec "$@"', "sh", SPAWNGUARD, "run", "-N", "j", "--interval=1h", "-k", "0.1",
                         "--", "sh", "-c", job, env=pattern)
        self.wait_ready(run)
        member, before = self.pids()[-1], [p for p in children(run.pid) if Stat(p).comm == "sleep"]
        warden = [p for p in children(run.pid) if p not in before]
        self.assertEqual((len(before), len(warden)), (1, 1))
        killed = harness.now()
        send(warden[0], KILL)
        run.wait()
        self.assertEqual(run.status, 125, run.err)
        self.assertLess(run.ended - killed, LATE_S)
        self.assertFalse(Stat(member).alive)
        self.assertEqual(self.records(), [])
        self.end_strays() # the caller's own


if __name__ == "__main__":
    harness.main()

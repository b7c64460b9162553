"""Detectors that need ten seconds of a process to be sure: who computes without pause, who takes much memory at once, and
births that no look could meet.  One run has all three, so that it takes no longer than one."""
import json
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import DEADLINE_S, SCALE, GuardTest, wait_until

PYTHON = os.path.realpath(sys.executable)
IS_ROOT = os.geteuid() == 0
MIB = 1 << 20
BUSY_S = 25 + DEADLINE_S  # two windows of five seconds that it had a core for

# As many threads as it takes to have a core of a machine that others use, too; what it had goes into `shares`.
BUSY = """
import hashlib, json, os, threading, time
block = bytes(1 << 20)
def work():
    while True: hashlib.sha256(block)
cpu, at, count, shares = time.process_time(), time.monotonic(), 0, []
while not os.path.exists('calm'):
    time.sleep(0.2)
    cpu, was = time.process_time(), cpu
    at, then = time.monotonic(), at
    shares.append((at - then, cpu - was))
    for _ in range(4 if cpu - was < (at - then) * 1.1 and count < 32 else 0):
        threading.Thread(target=work, daemon=True).start()
        count += 1
with open('shares.new', 'w') as f: json.dump(shares, f)
os.rename('shares.new', 'shares')
os._exit(0)
"""
# One file of 64 MiB seen ten times over: as much as others' 640 MiB, and much less of the machine.  Three do it, at moments
# apart: a look in the middle of it sees one that has grown, and then grows a little more.
SPIKE = """
import mmap, os, time
fd = os.memfd_create('m')
for at in range(64): os.pwrite(fd, bytes(1 << 20), at << 20)
begin = time.monotonic()
nap = 0
for _ in range(2):
    if os.fork() == 0: break
    nap += 0.4
while not os.path.exists('shares') or time.monotonic() < begin + 12: time.sleep(0.05)
time.sleep(nap)
kept = [mmap.mmap(fd, 64 << 20, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE) for _ in range(10)]
while not os.path.exists('stop'): time.sleep(0.05)
"""
BIRTHS = "while [ ! -e born ]; do (:); done"
JOB = f"{BIRTHS}; {{nice}} \"$0\" -Ic \"$1\" & \"$0\" -Ic \"$2\" & wait"


class Slow(GuardTest):
    def flags(self, rule):
        return [e["spawnguard.flag"] for e in self.events("flag") if e["spawnguard.flag"]["rule"] == rule]

    def one(self, rule):
        """Said once, as info, and by nobody but the history."""
        (flag,) = self.flags(rule)
        self.assertEqual((flag["severity"], flag["action"]), ("info", "flag"), flag)
        return flag

    def had_a_core(self):
        """Of any ten seconds and a little: in windows of any beginning it would have been told."""
        with open(self.path("shares")) as f:
            shares = json.load(f)
        for i in range(len(shares)):
            wall = cpu = 0
            for piece in shares[i:]:
                wall, cpu = wall + piece[0], cpu + piece[1]
                if piece[1] < 0.95 * piece[0] or wall > 17:
                    break
            if wall > 17:
                return True
        return False

    def are_births_told(self):
        """By the kernel: looks a second apart know of one birth in a thousand."""
        self.run_guard(["-N", "asked", "--births-rung=perf"], ["true"])
        return self.end_event()["spawnguard.rung.births"] == "perf"

    def play(self, are_told):
        nice = "nice -n -10" if IS_ROOT and shutil.which("nice") else ""
        run = self.guard("-N", "j", "-C", self.scratch, "--interval=1s", "--births-rung=perf", "--", "sh", "-c",
                         JOB.format(nice=nice), PYTHON, BUSY, SPIKE)
        if are_told:
            wait_until(lambda: self.flags("unseen"), "births that nobody met", DEADLINE_S + 20)
        self.write("born", "")
        try:
            wait_until(lambda: self.flags("busy"), "a core of its own", BUSY_S)
        except AssertionError:
            pass  # judged when it has told what it had
        self.write("calm", "")
        wait_until(lambda: self.flags("spike"), "memory all at once", DEADLINE_S + 20)
        self.write("stop", "")
        self.assertEqual((run.wait(2 * DEADLINE_S).status, run.err), (0, ""))

    def assert_births(self):
        flag = self.one("unseen")
        self.assertRegex(flag["text"], r"\A\d+ processes were born within a minute, \d+ of them over before they were seen\Z")
        born, unseen = (int(word) for word in flag["text"].split() if word.isdigit())
        self.assertGreaterEqual(born, 1000)
        self.assertGreaterEqual(unseen, born * 0.9)
        self.assertEqual((flag["value"], flag["per"], flag["rung"]), (unseen, 60, "perf"))
        self.assertLessEqual(born, self.events("end")[-1]["spawnguard.births"])

    def assert_spike(self):
        flag = self.one("spike")
        self.assertRegex(flag["text"], r"\Apython3\S* \(\d+\) takes \S+ of memory, and never had more than \S+\Z")
        self.assertLessEqual(abs(flag["value"] - 650 * MIB), 65 * MIB, flag)
        self.assertLess(flag["bound"] * 3, flag["value"])
        self.assertEqual(flag["witnesses"][0]["value"], flag["value"])
        self.assertGreaterEqual(flag["lasted"], 0.9, "two samples, a second apart")

    def assert_busy(self):
        if not self.flags("busy") and not self.had_a_core():
            self.skipTest("the machine is too busy to give a process a core of its own for 10 seconds; the others were told")
        flag = self.one("busy")
        self.assertRegex(flag["text"], r"\Apython3\S* \(\d+\) uses \d+ % of a core\Z")
        self.assertGreaterEqual(flag["value"], 90)
        self.assertEqual(flag["bound"], 90)
        self.assertGreaterEqual(flag["per"], 5)
        self.assertLess(flag["per"], 5 + 2 * SCALE * 5)

    def test_all_three_are_told(self):
        are_told = self.are_births_told()
        self.play(are_told)
        if are_told:
            self.assert_births()
        self.assert_spike()
        self.assert_busy()


if __name__ == "__main__":
    harness.main()

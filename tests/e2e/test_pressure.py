"""Pressure: asked of the kernel where --detect wants it, and told of only where this tree makes it."""
# label: heavy
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest, observe, wait_until

BUSY = "import os, time\nfor i in range({n}):\n    if os.fork() == 0: break\nend = time.monotonic() + {s}\n" \
       "while time.monotonic() < end: pass\n"
CROWD = """
import os, sys, time
for i in range(int(sys.argv[1])):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
for i in range(2 * os.cpu_count()):
    if os.fork() == 0:
        while os.path.exists(sys.argv[2]): pass
        os._exit(0)
print("ready", flush=True)
while True:
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.02)
"""
PYTHON = os.path.realpath(sys.executable)
LONG = os.environ.get("SG_LONG") == "1"


def can_ask():
    try:
        fd = os.open("/proc/pressure/memory", os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(fd, b"some 200000 2000000\0")
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def machine_ns():
    """CPU time that the machine has used."""
    with open("/proc/stat") as f:
        user, nice, system = (int(field) for field in f.readline().split()[1:4])
    return (user + nice + system) * 10**9 // os.sysconf("SC_CLK_TCK")


def machine_state():
    """Load, and some avg10 of each resource: as the kernel tells them."""
    with open("/proc/loadavg") as f:
        load = float(f.read().split()[0])
    pressure = {}
    for resource in ("cpu", "memory", "io"):
        try:
            with open(f"/proc/pressure/{resource}") as f:
                pressure[resource] = float(re.search(r"some avg10=([\d.]+)", f.read())[1])
        except OSError:
            pass
    return load, pressure


class OfTheMachine(GuardTest):
    def test_a_run_that_was_not_ok_tells_how_the_machine_was(self):
        for attempt in range(20):  # the figures change every two seconds: one start between two equal readings
            before = machine_state()
            self.assertEqual(self.run_guard(["-N", f"bad-{attempt}"], ["false"]).status, 1)
            if machine_state() == before:
                break
        else:
            self.skipTest("the figures of this machine never stand still for one short run")
        end = self.events("end")[-1]
        self.assertEqual((end["spawnguard.load1"], end["spawnguard.pressure"]), before)

    def test_one_that_was_ok_does_not(self):
        self.assertEqual(self.run_guard([], ["true"]).status, 0)
        end = self.events("end")[-1]
        self.assertNotIn("spawnguard.load1", end)
        self.assertNotIn("spawnguard.pressure", end)


class Pressure(GuardTest):
    def setUp(self):
        super().setUp()
        if not can_ask():
            self.skipTest("no trigger of /proc/pressure may be set here")
        self.began = time.monotonic()

    def opened(self, run):
        folder = f"/proc/{run.warden()}/fd"
        found = []
        for fd in os.listdir(folder):
            try:
                found.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                pass
        return found

    def ears(self, run):
        return sorted(os.path.basename(name) for name in self.opened(run) if name.startswith("/proc/pressure/"))

    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag") if e["spawnguard.flag"]["rule"] == "pressure"]

    def test_it_is_asked_once_the_run_is_older_than_a_second(self):
        if os.geteuid() != 0:
            self.skipTest("a warden's descriptors cannot be seen")
        run = self.holder("--interval=20ms")
        self.assertEqual(self.ears(run), [])
        wait_until(lambda: self.ears(run) == ["cpu", "memory"], "it listens")
        self.end(run)
        run = self.holder("--interval=20ms", "--detect=-pressure")
        observe(1.5)
        self.assertEqual(self.ears(run), [])
        self.end(run)

    def test_what_it_asks_of_each_look_ends_with_it(self):
        """While somebody waits for CPU, each look reads how much each member uses: not for ever after."""
        if os.geteuid() != 0:
            self.skipTest("a warden's reads cannot be seen")
        members, busy = 40, os.path.join(self.scratch, "busy")
        with open(busy, "x"):
            pass
        # Somebody is always born, so that each look is a whole one: two files of each member, or three.
        run = self.guard("--interval=50ms", "--", PYTHON, "-Ic", CROWD, str(members), busy)
        wait_until(lambda: self.kept(run, "stat") > members, "CPU time is read")
        os.unlink(busy)
        rests = []
        wait_until(lambda: rests.append(self.reads_of_a_look(run) / members < 2.6) or rests[-1] or self.others_wait(),
                   "it is read no more")
        self.end(run)
        if not rests[-1]:
            self.skipTest("others on this machine wait for CPU all the time")

    def others_wait(self):
        """For longer than what the job did can be seen in it."""
        with open("/proc/pressure/cpu") as f:
            waited = float(re.search(r"some avg10=([\d.]+)", f.read())[1])
        return time.monotonic() - self.began > 20 and waited > 5

    def kept(self, run, name):
        return sum(os.path.basename(file) == name for file in self.opened(run))

    def reads_of_a_look(self, run):
        def now():
            values = []
            for name, key in (("io", "syscr"), ("status", "voluntary_ctxt_switches")):
                with open(f"/proc/{run.warden()}/{name}") as f:
                    values.append(int(re.search(rf"^{key}:\s*(\d+)", f.read(), re.M)[1]))
            return values
        began = now()
        wait_until(lambda: now()[1] >= began[1] + 10, "it looks")
        ended = now()
        return (ended[0] - began[0]) / (ended[1] - began[1])

    def test_a_build_with_more_jobs_than_cores_is_no_finding(self):
        """As any build: for some seconds all cores are taken, and others wait."""
        count = 2 * (os.cpu_count() or 1)
        run = self.run_guard(["--interval=100ms"], [PYTHON, "-Ic", BUSY.format(n=count, s=8)])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.flags(), [])

    def test_a_minute_of_it_is_told(self):
        if not LONG:
            self.skipTest("it takes more than a minute: tools/test --long")
        count = 3 * (os.cpu_count() or 1)
        before, began = machine_ns(), harness.now()
        run = self.run_guard([], [PYTHON, "-Ic", BUSY.format(n=count, s=75)], timeout=110)
        self.assertEqual((run.status, run.err), (0, ""))
        end = self.end_event()
        ours = (end["spawnguard.cpu.user"] + end["spawnguard.cpu.system"]) * 10**9
        all_of_it = (harness.now() - began) * 10**9 * (os.cpu_count() or 1)
        if ours < 0.9 * max(machine_ns() - before, 0.95 * all_of_it):
            self.skipTest("others load this machine")
        flag, = self.flags()
        self.assertEqual((flag["severity"], flag["action"], flag["rung"]), ("info", "flag", "psi"))
        self.assertTrue(re.match(r"somebody waits for CPU \d+ % of the time, of which this tree has \d+ %", flag["text"]), flag)
        self.assertEqual(len(flag["witnesses"]), 3)


if __name__ == "__main__":
    harness.main()

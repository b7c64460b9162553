"""Trees that grow while they are ended, and members that do not die where they stand: nothing is left, on each rung."""
# label: heavy
# timeout: 14400
import faulthandler
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, VICTIM, GuardTest, Stat, descendants, now, send, wait_until

TRIALS = 200 if os.environ.get("SG_LONG") == "1" else 3
RUNGS = ("cgroup", "isolate", "realtime", "sweep")
# What has died when it is over must not have been replaced meanwhile.
STORMS = {
    "exponential": "bomb-exp 80",
    "linear": "bomb-linear 80",
    "setsid_double_fork": "bomb-daemon 80",
    "hoppers_8": "hoppers 8",
    "mutual_respawn_150": "ring 150",
    "supervisors": "supervisors 5",
    "TERM_ignored": "ignore-term",
    "stopped": "stopped",
    "ptrace_stopped": "traced",
    "ptrace_stopped_at_exit": "traced exit",
    "vfork_waiting": "vfork",
}
QUIET = {"mutual_respawn_150": 151, "supervisors": 8}  # births, if none is born during the kill
END_S = 3 * SCALE
FREEZER = "/sys/fs/cgroup/freezer"
USER = 61234


def can_have_realtime():
    """Whether this process may take real time; asked by a child."""
    return subprocess.run([sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def group_of_our_own(test):
    """A directory of cgroup version 2 that can kill; removed at the end, which fails if anything is left in it."""
    with open("/proc/self/mountinfo") as f:
        tops = [line.split()[4] for line in f if " - cgroup2 " in line]
    if not tops:
        test.skipTest("no cgroup version 2 is mounted")
    at = os.path.join(tops[-1], f"sg-e2e-storm-{os.getpid()}")
    try:
        os.mkdir(at)
    except OSError as e:
        test.skipTest(f"no control group of one's own: {e}")
    test.addCleanup(os.rmdir, at)
    if not os.path.exists(os.path.join(at, "cgroup.kill")):
        test.skipTest("before 5.14: no cgroup.kill")
    return at


class Storms(GuardTest):
    def storm(self, shape, rung):
        """One trial: the shape stands, TERM to front, and all is gone when it returns."""
        signal.alarm(harness.TEST_LIMIT_S)
        faulthandler.dump_traceback_later(harness.TEST_LIMIT_S + 60, exit=True)
        for name in ("pids", "alive"):
            open(self.path(name), "w").close()
        run = self.holder("-N", "storm", "-k", "none", f"--kill-rung={rung}",
                          *(["--cgroup", self.group] if rung == "cgroup" else []),
                          *(["--isolate"] if rung == "isolate" else []), shape=STORMS[shape])
        began = now()
        run.send(signal.SIGTERM)
        run.wait()
        self.assert_no_survivor(f"{shape}, {rung}: {run.err}")
        self.assertLess(now() - began, END_S, run.err)
        if shape in QUIET:
            self.assertEqual(len(self.pids()), QUIET[shape], "born during the kill")
        end = self.events("end")[-1]
        self.assertEqual(end["spawnguard.members.survivors"], 0)
        return end.get("spawnguard.rung.kill", rung)  # all may have died of TERM

    def trials(self, shape, rung):
        if rung == "realtime" and not can_have_realtime():
            self.skipTest("real-time scheduling is not allowed here")
        if rung == "cgroup":
            self.needs("cgroup")
        self.group = group_of_our_own(self) if rung == "cgroup" else None
        if rung == "isolate":
            self.needs_isolation()
        used = {self.storm(shape, rung) for _ in range(TRIALS)}
        # Real time is for what outruns the sweep.
        self.assertLessEqual(used, {rung, "sweep"} if rung == "realtime" else {rung})
        self.assertEqual(self.records(), [])


def add(shape, rung):
    def test(self):
        self.trials(shape, rung)
    test.__name__ = f"test_{shape}_by_{rung}"
    setattr(Storms, test.__name__, test)


for a_shape in STORMS:
    for a_rung in RUNGS:
        add(a_shape, a_rung)


class Scheduling(GuardTest):
    """Real time is the warden's, while it ends the tree, and nobody else's."""

    def setUp(self):
        super().setUp()
        if not can_have_realtime():
            self.skipTest("real-time scheduling is not allowed here")

    def test_an_ordinary_end_does_without(self):
        """The dying need the processor, too."""
        run = self.run_guard(["-t", "0.2", "-k", "0.1"], [VICTIM, "thread"])
        self.assertEqual(run.status, 124, run.err)
        self.assertEqual(self.end_event()["spawnguard.rung.kill"], "sweep")

    def test_a_storm_that_outruns_the_guard_is_ended_by_it_and_no_member_ever_has_it(self):
        for _ in range(40):
            open(self.path("pids"), "w").close()
            run = self.holder("-N", "s", "-k", "none", shape="bomb-daemon 100")
            run.send(signal.SIGTERM)
            seen = set()
            while run.running():
                for pid in descendants(run.pid):
                    try:
                        seen.add((os.sched_getscheduler(pid), Stat(pid).comm))
                    except OSError:
                        pass
            run.wait()
            self.assert_no_survivor(run.err)
            self.assertEqual({policy for policy, comm in seen if comm == "victim"} - {os.SCHED_OTHER}, set())
            if self.events("end")[-1]["spawnguard.rung.kill"] == "realtime":
                return
        self.fail("forty storms, and the guard never took real time")

    def test_a_caller_that_has_more_keeps_it(self):
        if not shutil.which("chrt"):
            self.skipTest("no chrt")
        run = self.start("chrt", "-f", "50", harness.SPAWNGUARD, "run", "-t", "0.2", "-k", "0.1", "--",
                         VICTIM, "ignore-term").wait()
        self.assertEqual(run.status, 124, run.err)
        self.assertEqual(self.end_event()["spawnguard.rung.kill"], "realtime")

    def test_a_start_that_has_ended_another_tree_gives_it_back(self):
        run = self.holder("-N", "s", shape="ignore-term")
        warden = run.warden()
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or not os.path.exists(f"/proc/{warden}"), "both guards are gone")
        said = self.run_guard(["-N", "s", "-k", "0.1"], [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"])
        self.assertEqual((said.status, said.out), (0, f"{os.SCHED_OTHER}\n"), said.err)
        self.assertIn("were killed: ended 2 processes", said.err)


class Frozen(GuardTest):
    """Version 1's freezer holds even what has got KILL; who else is in the group stays as it is."""

    def setUp(self):
        super().setUp()
        self.needs("cgroup")
        self.group = os.path.join(FREEZER, f"sg-e2e-{os.getpid()}")
        self.held = []
        try:
            os.mkdir(self.group)
        except OSError as e:
            self.skipTest(f"no freezer of version 1 to write to: {e}")
        self.addCleanup(self.remove_group)

    def remove_group(self):
        """After tearDown: what a failed test left frozen dies of the KILL it has got."""
        for at in [os.path.join(self.group, "below"), self.group]:
            if os.path.isdir(at):
                self.put(at, "freezer.state", "THAWED")
                for pid in self.members_of(at):
                    send(pid, signal.SIGKILL)
                wait_until(lambda at=at: self._reap() or not self.members_of(at), "the group is empty")
        for at in [os.path.join(self.group, "below"), self.group]:
            if os.path.isdir(at):
                os.rmdir(at)

    @staticmethod
    def put(at, name, text):
        with open(os.path.join(at, name), "w") as f:
            f.write(str(text))

    @staticmethod
    def members_of(at):
        with open(os.path.join(at, "cgroup.procs")) as f:
            return [int(p) for p in f.read().split()]

    def freeze(self, *pids):
        for pid in pids:
            self.put(self.group, "cgroup.procs", pid)
        self.put(self.group, "freezer.state", "FROZEN")
        wait_until(lambda: open(os.path.join(self.group, "freezer.state")).read() == "FROZEN\n", "frozen")

    def bystander(self):
        other = self.start("sleep", "100")
        self.put(self.group, "cgroup.procs", other.pid)
        return other

    def assert_left_frozen(self, other):
        self.assertEqual(self.members_of(self.group), [other.pid])
        self.assertEqual(Stat(other.pid).state, "D")
        self.put(self.group, "freezer.state", "THAWED")
        self.assertTrue(other.running())
        self.end(other)

    def test_a_frozen_tree_is_ended(self):
        run = self.holder("-N", "f", "-k", "0.1", shape="wide 5")
        self.freeze(*self.pids())
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assert_no_survivor(run.err)
        self.assertEqual(self.members_of(self.group), [])
        self.assertLess(run.wall, 5 * SCALE)

    def test_a_stranger_in_the_same_group_stays_frozen(self):
        run = self.holder("-N", "f", "-k", "0.1", shape="wide 5")
        other = self.bystander()
        self.freeze(*self.pids())
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assertTrue(self.members_gone())
        self.assert_left_frozen(other)

    def test_front_takes_over_and_a_dead_run_is_ended_too(self):
        run = self.holder("-N", "f", "-k", "0.1", shape="wide 5")
        self.freeze(*self.pids())
        send(run.warden(), signal.SIGKILL)
        self.assertEqual(run.wait().status, 125, run.err)
        self.assert_no_survivor(run.err)
        run = self.holder("-N", "f", "-k", "0.1", shape="wide 5")
        warden, members = run.warden(), self.pids()[6:]
        self.freeze(*members)
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or not os.path.exists(f"/proc/{warden}"), "both guards are gone")
        nxt = self.run_guard(["-N", "f"], ["true"])
        self.assertEqual(nxt.status, 0, nxt.err)
        self._reap()
        self.assert_no_survivor(nxt.err)

    def as_user(self, *args, shape):
        """A run of an unprivileged user, in a state directory that is its own."""
        os.chmod(self.scratch, 0o777)
        mine = self.path("mine")
        os.mkdir(mine, 0o700)
        os.chown(mine, USER, USER)
        reach = subprocess.run(["setpriv", f"--reuid={USER}", "--clear-groups", "test", "-x", harness.SPAWNGUARD, "-a",
                                "-x", VICTIM], check=False)
        if reach.returncode:
            self.skipTest("the build stands where an unprivileged user cannot look")
        run = self.start("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", harness.SPAWNGUARD, "run",
                         "--state-dir", mine, *args, "--", VICTIM, *shape.split())
        self.wait_ready(run)
        return run

    def test_a_user_thaws_a_group_of_its_own_only_where_it_holds_nobody_else(self):
        for name in ("freezer.state", "cgroup.procs"):
            os.chown(os.path.join(self.group, name), USER, USER)
        run = self.as_user("-N", "f", "-k", "0.1", shape="wide 3")
        self.freeze(*self.pids())
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assert_no_survivor(run.err)

    def test_what_may_not_be_thawed_is_named(self):
        run = self.as_user("-N", "f", "-k", "0.1", shape="wide 3")
        other = self.bystander()
        self.freeze(*self.pids())
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, 121, run.err)
        self.assertIn("cannot end", run.err)
        self.put(self.group, "freezer.state", "THAWED")
        wait_until(lambda: self._reap() or not self.strays(), "what had got KILL is gone")
        self.end(other)


class Traced(GuardTest):
    """A debugger that is not of the run."""

    def trace(self, pid, *options):
        gate, self.release = os.pipe()
        os.set_inheritable(gate, True)
        tracer = self.start(VICTIM, "tracer", pid, gate, *options, close_fds=False)
        os.close(gate)
        wait_until(lambda: "traced" in tracer.out or not tracer.running(), "traced")
        if not tracer.running():
            os.close(self.release)
            self.skipTest(f"ptrace is not allowed here: {tracer.err}")
        return tracer

    def test_what_it_stopped_is_ended_though_it_never_looks(self):
        """Dead, but a zombie for as long as the tracer does not ask: no survivor, and no wait of ten seconds."""
        run = self.holder("-N", "t", "-t", "1", "-k", "0.1", shape="setsid")
        tracer = self.trace(self.pids()[-1])
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertLess(run.wall, 6 * SCALE)
        self.assertEqual(Stat(self.pids()[-1]).state, "Z")
        self.assertEqual(self.end_event()["spawnguard.members.survivors"], 0)
        self.assertEqual(self.records(), [])
        os.close(self.release)
        tracer.wait()

    def test_what_it_holds_on_its_way_out_is_named(self):
        run = self.holder("-N", "t", "-t", "1", "-k", "0.1", shape="setsid")
        member = self.pids()[-1]
        tracer = self.trace(member, "exit")
        self.assertEqual(run.wait(40 * SCALE).status, 121, run.err)
        self.assertRegex(run.err, rf"cannot end [^\n]*\(pid {member},")
        os.close(self.release)
        tracer.wait()
        wait_until(lambda: self._reap() or not self.strays(), "gone with its tracer")
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    harness.main()

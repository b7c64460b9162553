"""The five moments of a run at which a fault can strike: how a test holds a run there, and the faults it can make."""
import os
import re
import resource
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, event_kind, event_run, outcome,
                     send, wait_until, way_to_mounts)

IS_ROOT = os.geteuid() == 0
KILL, STOP, CONT, TERM, USR2 = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM, signal.SIGUSR2
LIB = os.environ.get("SG_TEST_LIB", "")
SHIM, WALL = os.path.join(LIB, "libfailnth.so"), os.path.join(LIB, "libwallclock.so")
WARNINGS = r"\A(spawnguard: warning: [^\n]+\n)+\Z"
WARNED = r"(spawnguard: warning: [^\n]+\n)*"
ENDED = rf"\A{WARNED}spawnguard: m: asked to end by a signal[^\n]*\n{WARNED}\Z"
QUIET_OR_WARNED = rf"\A{WARNED}\Z"
LOST = r"\Aspawnguard: the guards of run [0-9a-f]+ were killed: [^\n]+\n\Z"
MEMORY = "/sys/fs/cgroup/memory"
OWN = 7  # the job's status
# Where the program stops itself: before it makes the warden; the job's process, before its exec; before the end's line.
HOLDS = {"before_fork": "fork:1:STOP", "before_exec": "execve:1:STOP", "while_recording": "write:1:STOP"}
END_LINE = '"event":"end"'
GRACE = "20"  # that does not pass by itself


def proc_hides():
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == "/proc" and "hidepid=" in line for line in f)


class MatrixTest(GuardTest):
    """A job that logs what signals it gets and ends with OWN at USR2, in a run that is held at one moment."""

    def setUp(self):
        super().setUp()
        self.anchor = None
        self.held = self.moment = None

    def tearDown(self):
        if self.anchor:
            self.end(self.anchor)
        super().tearDown()

    # --- moments

    def need_shims(self):
        if SANITIZED:
            self.skipTest("a preloaded library would come before the sanitizer's own")
        if not os.path.exists(SHIM):
            self.skipTest("a static program preloads nothing")

    def catcher(self, children_=0):
        return [VICTIM, "catch", self.path("log"), children_, f"{int(USR2)}={OWN}"]

    def at(self, moment, *args, command=None, prefix=(), env=None, grace=GRACE, **popen):
        """A run that stands at that moment until go() or let_end()."""
        self.moment = moment
        env = {**self.env, **(env or {})}
        if moment in HOLDS:
            self.need_shims()
            env.update(SG_FAULT=HOLDS[moment], LD_PRELOAD=f"{SHIM} {env.get('LD_PRELOAD', '')}".strip())
        if moment == "while_recording":
            env["SG_FAULT_TEXT"] = END_LINE
        run = self.start(*prefix, SPAWNGUARD, "run", "-N", "m", "-k", grace, *args, "--", *(command or self.catcher()),
                         env=env, **popen)
        getattr(self, "_hold_" + moment)(run)
        return run

    def _until(self, run, condition, what):
        wait_until(lambda: condition() or not run.running(), what)
        self.assertTrue(run.running(), f"ended before: {what}: status {run.status}, {run.err}")

    def stopped(self, pid):
        return Stat(pid).state == "T"

    def stop(self, run, *pids):
        for pid in pids:
            send(pid, STOP)
            self._until(run, lambda pid=pid: self.stopped(pid), "it is stopped")

    def _hold_before_fork(self, run):
        self._until(run, lambda: self.stopped(run.pid), "front is about to fork")
        self.held = [run.pid]

    def _hold_before_exec(self, run):
        warden = run.warden()
        self._until(run, lambda: [c for c in children(warden) if self.stopped(c)], "the job is about to be executed")
        self.held = children(warden)

    def _hold_while_running(self, run):
        self._until(run, lambda: "ready at=" in self.read("log"), "the job runs")
        self.held = []

    def _hold_while_killing(self, run):
        self._hold_while_running(run)
        run.send(TERM)
        self._until(run, lambda: f"sig={int(TERM)} " in self.read("log"), "the job has got TERM")

    def _hold_while_recording(self, run):
        self._hold_while_running(run)
        warden = run.warden()
        self.stop(run, run.pid)  # else it continues the warden
        send(self.job(), USR2)
        self._until(run, lambda: self.stopped(warden), "the end is about to be written")
        self.held = [warden, run.pid]

    def job(self):
        return int(re.search(r"^ready at=(\d+)", self.read("log"), re.M)[1])

    def go(self):
        """Whoever is held goes on."""
        for pid in self.held:
            send(pid, CONT)

    def let_end(self, run):
        """The run goes on to where its job ends by itself."""
        self.go()
        if self.moment in ("before_fork", "before_exec"):
            self._hold_while_running(run)
        if self.moment != "while_recording":
            send(self.job(), USR2)
        return run.wait()

    # --- what must hold

    def assert_kept(self, run, said=None):
        """S, L, T: the job's own status, nothing left, an ordinary next start. `said`: a pattern, None = nothing."""
        self.assertEqual(run.status, OWN, run.err)
        if said is None:
            self.assertEqual(run.err, "")
        else:
            self.assertRegex(run.err, said)
        self.assert_free()

    def assert_free(self, said=r"\A\Z", prefix=()):
        """L, T: nothing is left, and the lock can be had at once."""
        self.assert_gone()
        return self.next_start(said, prefix)

    def assert_gone(self):
        self._reap()
        if children(os.getpid()) != ([self.anchor.pid] if self.anchor else []):
            self.assert_no_survivor()

    def next_start(self, said, prefix=()):
        after = self.start(*prefix, SPAWNGUARD, "run", "-N", "m", "--", "true").wait()
        self.assertEqual(after.status, 0, after.err)
        self.assertRegex(after.err, said)
        return after

    def assert_tree_gone(self, run, grace_s=0.2):
        """T without front: soon after the grace."""
        run.wait()
        wait_until(lambda: not self.strays(), "the warden has ended the tree", (grace_s + 1) * SCALE * 5)
        self.assertTrue(self.members_gone())

    def rows(self):
        """H: {run: its events}; none torn, none twice."""
        rows = {}
        for event in self.history():
            rows.setdefault(event_run(event), []).append(event)
        for run_id, events in rows.items():
            self.assertIn([event_kind(e) for e in events], [["start", "end"], ["end"]], run_id)
        return rows

    def first_end(self):
        """The end of the first run of this test; it has one."""
        return next(iter(self.rows().values()))[-1]

    def assert_ended(self, want, cause=None, by=None):
        end = self.first_end()
        self.assertEqual(outcome(end), want, end)
        if cause:
            self.assertEqual(end["spawnguard.cause"], cause)
        if by:
            self.assertEqual(end["spawnguard.written_by"], by)
        return end

    def assert_told(self, run):
        """H: the end stands in the history, or that it does not is said."""
        if len(self.events("end")) < len(self.events("start")):
            self.assertIn("spawnguard: warning: the end of run", run.err)

    # --- faults

    def world(self, script):
        """Mounts of our own, which `script` makes and inside() changes; the prefix of what is to run in them."""
        way = way_to_mounts()
        if not way:
            self.skipTest("no mounts of one's own here")
        self.anchor = self.start(*way, "sh", "-ec", script + f'\necho >"{self.path("world")}"\nexec sleep 100')
        self._until(self.anchor, lambda: os.path.exists(self.path("world")), "its mounts are made")
        self.state = f"/proc/{self.anchor.pid}/root{self.state}"
        return ["nsenter", "-t", self.anchor.pid, *([] if IS_ROOT else ["-U", "--preserve-credentials"]), "-m", "--"]

    def inside(self, script):
        where = ["nsenter", "-t", str(self.anchor.pid), *([] if IS_ROOT else ["-U", "--preserve-credentials"]), "-m"]
        subprocess.run([*where, "sh", "-ec", script], check=True)

    def few(self, what, n, *pids):
        for pid in pids:
            resource.prlimit(pid, what, (n, n))

    def kill_all(self, run, *pids):
        """In one moment: none can act on another's death."""
        for pid in pids:
            send(pid, STOP)
        for pid in pids:
            wait_until(lambda pid=pid: Stat(pid).state in ("T", "D", "Z", None), "it stands")
        for pid in pids:
            send(pid, KILL)
        run.wait()
        wait_until(lambda: self._reap() or not any(Stat(p).alive for p in pids), "they are dead")

    def oom_kill(self, pid):
        """By the kernel, for want of memory of a control group that it shares with one who eats."""
        group = os.path.join(MEMORY, f"sg-e2e-{os.getpid()}-{pid}")
        try:
            os.mkdir(group)
        except OSError as e:
            self.skipTest(f"no control group of memory: {e}")
        self.addCleanup(lambda: wait_until(lambda: self._try_rmdir(group), "the group is empty"))
        for path, text in ((f"{group}/memory.limit_in_bytes", "32M"), (f"/proc/{pid}/oom_score_adj", "1000"),
                           (f"{group}/cgroup.procs", str(pid))):
            with open(path, "w") as f:
                f.write(text)
        # In a file of memory: that is nobody's own, so whoever may best be spared is chosen by his score.
        eat = ("import os, sys\nopen(sys.argv[1], 'w').write('0')\nf = os.memfd_create('f')\n"
               "for _ in range(64): os.write(f, bytes(1 << 20))")
        eater = self.start(sys.executable, "-c", eat, f"{group}/cgroup.procs")
        wait_until(lambda: self._reap() or not Stat(pid).alive, "the kernel has killed it")
        eater.send(KILL)
        eater.wait()

    @staticmethod
    def _try_rmdir(group):
        try:
            os.rmdir(group)
        except OSError:
            return False
        return True

    def jump(self, seconds):
        """What the wall clock says from now on; the environment of the run that it says it to."""
        with open(self.path("jump"), "r+b" if os.path.exists(self.path("jump")) else "wb") as f:
            f.write(struct.pack("=q", seconds))
        return {"SG_WALL_FILE": self.path("jump"), "LD_PRELOAD": WALL}

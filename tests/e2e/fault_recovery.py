"""Every call can fail while a dead run's tree is ended: by the next start, by reap; and every call of kill."""
# timeout: 3600
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import BLIND, CASE_S, FaultTest, add_rows
from harness import SPAWNGUARD, VICTIM, descendants, event_kind, event_run, send, wait_until

LIBEXEC = os.path.join(os.path.dirname(os.path.dirname(SPAWNGUARD)), "libexec", "spawnguard")
VICTIM_BROKEN = 97
# What is said by one that starts beside what it could not look at.
NOT_LOOKED = re.compile("not looked for|put aside|cannot be verified from here|not touched, may be of it")


class DeadRun(FaultTest):
    """Before each case: a run whose guards are dead, and whose job lives in the section that only one may be in."""
    blind = BLIND | {"poll", "pidfd_send_signal"}  # no death can be told, no signal sent

    def setUp(self):
        super().setUp()
        self.section = self.path("section")
        os.mkdir(self.section)
        self.release = -1

    def prepare(self):
        self.fresh(keep_state=False)
        for name in os.listdir(self.section):
            os.unlink(os.path.join(self.section, name))
        self.let_go()
        hold, self.release = os.pipe()
        run = self.guard("-N", "faulted", "-k", "0.05", "--", VICTIM, "overlap", self.section, hold, pass_fds=[hold])
        os.close(hold)
        self.wait_ready(run)
        warden = run.warden()
        for pid in (run.pid, warden):
            send(pid, signal.SIGSTOP)
        for pid in (run.pid, warden):
            send(pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: self._reap() or harness.children(os.getpid()) == self.pids(), "the job is left alone")
        self.runs.clear()

    def let_go(self):
        if self.release >= 0:
            os.close(self.release)
            self.release = -1

    def tearDown(self):
        self.let_go()
        super().tearDown()

    def inside(self):
        return sum(line.startswith("in ") for line in self.read("section/log").splitlines())

    def times_ran(self):
        return self.inside() - 1

    def check(self, run, function):
        if run.status == VICTIM_BROKEN:  # it met the old job
            self.assertRegex(run.err, NOT_LOOKED, "two at once, and not a word")
            self.check_left(run)
        elif run.status == 121:
            self.assertRegex(run.err, "^spawnguard: not started: .* cannot be ended: ")
        else:
            super().check(run, function)

    def check_left(self, run):
        """The old job may live on only where that is said.  A reader that nobody could wait for may be on its way out."""
        self._reap()
        if set(harness.children(os.getpid())) & set(self.pids()):
            self.assertTrue(self.odd(run), "the old job lives, and not a word")
        if re.search("cannot be verified from here|not touched, may be of it", run.err + run.out):
            self.let_go()  # its record is closed: it is left to its user
            wait_until(lambda: self._reap() or not harness.children(os.getpid()), "the old job ends")

    def check_history(self, run):
        """Both runs: none torn, no end twice."""
        kinds = {}
        for event in self.history():
            kinds.setdefault(event_run(event), []).append(event_kind(event))
        for run_id, those in kinds.items():
            self.assertLessEqual(those.count("end"), 1, f"{run_id}: {those}")

    def check_next(self, run, function):
        """The next ordinary start ends whatever is still there."""
        super().check_next(run, function)


class Start(DeadRun):
    """The next start of the job."""
    statuses = {0}
    usual = "spawnguard: the guards of run [0-9a-f]+ were killed: ended 1 process that it left"

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--", VICTIM, "overlap", self.section]


class Reap(DeadRun):
    """spawnguard reap."""
    program = "reap"
    is_patient = True
    runs_job = False

    def command(self):
        return [os.path.join(LIBEXEC, "reap")]

    def odd(self, run):
        return super().odd(run) + re.findall("survivors [1-9]|not touched|cannot be verified|, put aside", run.out)

    def check(self, run, function):
        if run.status == 121:
            self.assertRegex(run.out, "survivors 1")
        else:
            FaultTest.check(self, run, function)


class Kill(FaultTest):
    """spawnguard kill of a living run: it ends, or that is said."""
    program = "kill"
    runs_job = False

    def prepare(self):
        if not self.kept:
            self.kept.append(self.holder("-N", "faulted", "-k", "0.05"))

    def command(self):
        return [os.path.join(LIBEXEC, "kill"), "faulted"]

    def check(self, run, function):
        held = self.kept[0]
        if run.status == 0:
            held.wait(CASE_S)
            self.assertEqual(held.status, -signal.SIGTERM, held.err)
        super().check(run, function)

    def check_left(self, run):
        pass

    def check_history(self, run):
        self.history()

    def check_next(self, run, function):
        held = self.kept.pop()
        held.send(signal.SIGTERM)
        held.wait(CASE_S)
        self.runs[:] = [r for r in self.runs if r.running()]
        super().check_next(run, function)

    def tearDown(self):
        for held in self.kept:
            held.send(signal.SIGTERM)
            held.wait()
        super().tearDown()


add_rows(Start)
add_rows(Reap)
add_rows(Kill)

if __name__ == "__main__":
    faults.main()

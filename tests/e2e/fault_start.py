"""Every call of a start can fail: before the job, at its birth, at its end, and where the lock is held."""
import os
import pwd
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import CASE_S, FaultTest, add_rows
from harness import SPAWNGUARD


class First(FaultTest):
    """The first run of all, in an empty state directory; the usual configuration files are looked for."""

    def setUp(self):
        super().setUp()
        places = ["/etc"] + [os.path.join(p.pw_dir, ".config") for p in pwd.getpwall() if p.pw_uid == os.geteuid()]
        if not any(os.path.lexists(os.path.join(place, "spawnguard.conf")) for place in places):
            del self.env["SPAWNGUARD_CONFIG"]

    def prepare(self):
        self.fresh(keep_state=False)

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--", *self.job("true")]


class Again(FaultTest):
    """A run like many before, of a job that a file configures; the job fails."""
    statuses = {3}

    def command(self):
        path = self.write("conf", "[job faulted]\ntask = t\n", mode=0o600)
        return [SPAWNGUARD, "run", "--config", path, "-N", "faulted", "--", *self.job("sh", "-c", "exit 3")]


class Refused(FaultTest):
    """The lock is held: the holder must not notice."""
    statuses = {75}
    runs_job = False
    usual = "spawnguard: already running: .*"

    def prepare(self):
        if not self.kept:
            self.kept.append(self.holder("-N", "faulted"))

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "--", *self.job("true")]

    def check(self, run, function):
        super().check(run, function)
        self.assertEqual(self.times_ran(), 0, "two at once")
        self.assertTrue(self.kept[0].running(), "the holder has ended")

    def check_history(self, run):
        self.history()

    def check_next(self, run, function):
        after = self.run_guard(["-N", "faulted"], ["true"], timeout=CASE_S)
        self.assertEqual((after.status, after.err.count("\n")), (75, 1), after.err)
        self.assertIn(f"pid {self.kept[0].pid},", after.err)

    def tearDown(self):
        for held in self.kept:
            held.send(signal.SIGTERM)
            held.wait()
        super().tearDown()


for scenario in (First, Again, Refused):
    add_rows(scenario)
del scenario  # else it is loaded once more, as a test of this name

if __name__ == "__main__":
    faults.main()

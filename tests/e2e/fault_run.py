"""Every call of a run that has to be ended can fail: by the timeout, by TERM, by its own leftovers."""
# timeout: 3600
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults
import harness
from faults import PERSISTENT, FaultTest, add_rows
from harness import SPAWNGUARD, VICTIM, wait_until


class Timeout(FaultTest):
    """A member ignores TERM in a session of its own; the job does not."""
    statuses = {124}
    may_be_early = True
    is_patient = True
    usual = "spawnguard: faulted: timeout after [0-9.]+ms: ended .*"

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "-t", "0.04", "-k", "0.02", "--", *self.job(VICTIM, "setsid")]

    def test_without_any_file_of_proc(self):
        """From a moment on: what is left is told, and the guard comes to an end."""
        self.one("openat:9:EMFILE:persist", "openat", 9)


class Term(FaultTest):
    """TERM to front, once the job is there."""
    statuses = {-signal.SIGTERM, 128 + signal.SIGTERM}
    usual = "spawnguard: faulted: asked to end by a signal.*: ended .*"

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "-k", "0.02", "--", *self.job(VICTIM, "sleep")]

    def act(self, run):
        wait_until(lambda: self.ready_count() or not run.running(), "the job stands")
        run.send(signal.SIGTERM)


class Leftovers(FaultTest):
    """The job ends by itself and leaves a member behind that ignores TERM."""
    usual = "spawnguard: faulted: ended 1 process .*that the job left behind.*"

    def command(self):
        return [SPAWNGUARD, "run", "-N", "faulted", "-k", "0.02", "--", *self.job(VICTIM, "-x", "setsid")]


# A guard that is deaf for ever on both lines hears of no TERM: no kernel does that.
DEAF = ["read:EIO", "recv:ENOMEM"]
add_rows(Timeout)
add_rows(Leftovers)
add_rows(Term, persistent=[row for row in PERSISTENT if row not in DEAF])

if __name__ == "__main__":
    faults.main()

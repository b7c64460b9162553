"""What is said where the breaker of a job is open, opens, or cannot be kept."""
import os
import zlib

from harness import SPAWNGUARD, VICTIM, wait_until
from messages import error, note, warning
from ways import run

HOUR = 3600 * 10**9
OPEN = f"open {HOUR} {HOUR} 0\nwhy max-failures failure 3 {10**9} 0 -"
DUE = f"open 0 {HOUR} 0\nwhy max-failures failure 3 {10**9} 0 -"
NEXT = "; spawnguard breaker show {j} | reset {j}"
DOCTOR = "; the run goes on, see: spawnguard doctor"


def planted(lines, then):
    """With these in the job's file."""
    def how(t):
        t.run_guard(["-N", "j"], ["false"])
        path = os.path.join(t.state, "breaker/j")
        with open(path) as f:
            first, at, rest = f.read().partition("check ")[0].split("\n", 2)
        text = f"{first}\n{at}\n{lines}\n{rest}"
        with open(path, "w") as f:
            f.write(f"{text}check {zlib.crc32(text.encode()):08x}\n")
        return then(t)
    return how


def job(*args, command=("false",)):
    return run("-N", "j", *args, command=command)


def damaged(t):
    t.run_guard(["-N", "j"], ["false"])
    with open(os.path.join(t.state, "breaker/j"), "a") as f:
        f.write("x")
    return t.run_guard(["-N", "j"], ["true"])


def in_the_way(where, then):
    """A file where a directory should be."""
    def how(t):
        with open(os.path.join(t.state, where), "w"):
            pass
        return then(t)
    return how


def tried(t):
    """Another has the lock of the trial."""
    os.mkdir(os.path.join(t.state, "locks/trial"), 0o700)
    other = t.start("flock", os.path.join(t.state, "locks/trial/j"), VICTIM, "sleep")
    t.wait_ready(other)
    found = t.run_guard(["-N", "j"], ["true"])
    t.end(other)
    return found


ATTEMPT = ("--task=t", "--max-attempts=1/1h")


def attempted(then):
    """The only attempt was made."""
    def how(t):
        t.run_guard(["-N", "j", *ATTEMPT], ["false"])
        return then(t)
    return how


def locked(t):
    """Somebody does not let its lock go before the start has given up."""
    t.run_guard(["-N", "j"], ["false"])
    other = t.start("flock", os.path.join(t.state, "locks/breaker/j"), VICTIM, "sleep")
    t.wait_ready(other)
    run = t.guard("-N", "j", *ATTEMPT, "--", "true")
    wait_until(lambda: "is not counted" in run.err, "it goes on without")
    t.end(other)
    return run.wait()


ROWS = [
    error("breaker open", 69, "breaker open: {j}: {}; {}", "", NEXT, planted(OPEN, job())),
    error("breaker open, tried", 69, "breaker open: {j}: {}; its one trial is running", "", NEXT, planted(DUE, tried)),
    error("no trial", 125, "cannot open lock file: {locks/trial/j}", ": {Not a directory}",
          "; nothing was started: there could be two trials; see: spawnguard doctor",
          planted(DUE, in_the_way("locks/trial", job()))),
    warning("breaker open, forced", "breaker open: {j}: {}; {}", "", "; started all the same (--force)",
            planted(OPEN, job("--force", command=["true"]))),
    note("breaker opens", "breaker opens: {j}: {}; {}" + NEXT, planted(f"rules 0 2 {HOUR} 0 0 0 0 0 0 0 0 0", job()), status=1),
    note("breaker stays open", "breaker stays open: {j}: {}; {}" + NEXT, planted(DUE, job()), status=1),
    note("a trial", "{j}: the breaker is open, and this is its one trial", planted(DUE, job("-v", command=["true"]))),
    note("breaker closed", "{j}: the breaker is closed again", planted(DUE, job("-v", command=["true"]))),
    error("attempts used up", 69, "not started: attempts used up: {j}: task {t}: {1} of {1} within {1h}; the next is allowed in {} at {}",
          "", "; spawnguard breaker reset {j} --task {t}", attempted(job(*ATTEMPT))),
    warning("attempts used up, forced", "attempts used up: {j}: task {t}: {1} of {1} within {1h}; the next is allowed in {} at {}", "",
            "; started all the same (--force)", attempted(job(*ATTEMPT, "--force", command=["true"]))),
    note("attempts of a run used up", "attempts used up: {j}: {1} of {1} within {1h}; the next is allowed in {} at {}; no other follows now; "
         "spawnguard breaker reset {j}", job("--max-attempts=1/1h", "--retry=3"), status=1),
    warning("attempts cannot be read", "cannot read the breaker of: {j}", ": {Not a directory}",
            ": this attempt (--max-attempts) is not counted, and the run goes on; see: spawnguard doctor",
            in_the_way("breaker", job(*ATTEMPT, command=["true"]))),
    warning("attempts cannot be locked", "cannot lock the breaker of: {j}", ": {Device or resource busy}",
            ": this attempt (--max-attempts) is not counted, and the run goes on; see: spawnguard doctor", locked, slow=True),
    warning("breaker damaged", "{j}: its breaker is damaged: put aside as .bad, and taken for one failure", "", DOCTOR, damaged),
    warning("breaker unreadable", "{j}: its breaker cannot be read", ": {Not a directory}", DOCTOR,
            in_the_way("breaker", job(command=["true"]))),
    warning("breaker unwritable", "{j}: this end could not be counted in its breaker", ": {Not a directory}",
            "; see: spawnguard doctor", in_the_way("breaker", job()), status=1),
]

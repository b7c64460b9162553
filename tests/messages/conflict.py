"""What is said by --on-conflict=replace and =queue, of the holder of a lock and to it."""
import os

from harness import SPAWNGUARD, VICTIM, wait_until
from messages import error, note
from ways import DENY, elsewhere, fault, held, run

HOLDER = ": {j}, pid {}, {}, run {}: {}"
SEE = "; see: spawnguard ps {j}"
REPLACE = ("-N", "j", "--on-conflict=replace")


def refused(name, what, how, **more):
    return error(name, 75, what + HOLDER, "", SEE, how, **more)


def again(*args):
    """A second start while the first goes on."""
    return lambda t, _: t.run_guard([*REPLACE, *args], ["true"])


def replaced(t):
    """What the one that is replaced says."""
    one = t.holder("-N", "j", "-k", "0.1")
    t.run_guard(REPLACE, ["true"])
    return one.wait()


def not_asked(t, _):
    return t.start(DENY, "pidfd_send_signal=EPERM", "--", SPAWNGUARD, "run", *REPLACE, "--", "true").wait()


def held_file(t):
    other = t.start("flock", t.path("lock"), VICTIM, "sleep")
    t.wait_ready(other)
    found = t.run_guard([*REPLACE, "--no-lock", "--lock-file", t.path("lock")], ["true"])
    t.end(other)
    return found


def others_before(t, _):
    """flock(1) is the first in the queue, and stays."""
    os.mkdir(os.path.join(t.state, "locks/queue"), 0o700)
    other = t.start("flock", os.path.join(t.state, "locks/queue/j"), VICTIM, "sleep")
    t.wait_ready(other, 2)
    found = t.guard(*REPLACE, "--", "true").wait(60)
    t.end(other)
    return found


def queue_full(t, _):
    waiting = t.guard("-N", "j", "--on-conflict=queue", "--queue-max=1", "--complain-after=0.05", "--", "true")
    wait_until(lambda: "waiting for" in waiting.err, "it waits")
    found = t.run_guard(["-N", "j", "--on-conflict=queue", "--queue-max=1"], ["true"])
    t.end(waiting)
    return found


def slots(name, what, then, how):
    return error(name, 75, what + ": {j} pid {}, {}, run {}", "", then, how)


def slot_taken(*args, name="j"):
    """A start for which there is none."""
    group = [arg for arg in args if arg.startswith("--group")]
    return held("--slots=1", *group, then=lambda t, _: t.run_guard(["-N", name, "--slots=1", *args], ["true"]))


def slots_taken(t):
    holders = [t.holder("-N", "j", "--slots=5") for _ in range(5)]
    found = t.run_guard(["-N", "j", "--slots=5"], ["true"])
    t.end(*holders)
    return found


def slot_queue(t):
    args = ["-N", "j", "--slots=1", "--on-conflict=queue", "--queue-max=1"]
    held_one = t.holder("-N", "j", "--slots=1")
    waiting = t.guard(*args, "--complain-after=0.05", "--", "true")
    wait_until(lambda: "waiting for" in waiting.err, "it waits")
    found = t.run_guard(args, ["true"])
    t.end(waiting, held_one)
    return found


ROWS = [
    note("replaces", "{j}: replaces run {}", held(then=again())),
    note("replaces, a step", "asked to end, to be replaced: run {}", held(then=again("-v"))),
    note("replaced", "{j}: replaced by run {} (pid {}, uid {}): ended {1} process: {victim} ({})", replaced, status=-15),
    refused("replaces what is around it", "not replacing the run around this one",
            run("-N", "j", command=[SPAWNGUARD, "run", *REPLACE, "--", "true"])),
    refused("replaces what is shared", "not replacing runs that share the lock", held("--shared", then=again())),
    refused("replaces, not asked", "not replaced, its guard cannot be asked from here", held(then=not_asked)),
    error("already running elsewhere", 75, "already running: {j} (in another PID or time namespace)", "", SEE,
          elsewhere(lambda t, inner: t.run_guard(["-N", "j"], ["true"]))),
    error("replaces elsewhere", 75,
          "not replaced, its guard cannot be asked from here: {j} (in another PID or time namespace)", "", SEE,
          elsewhere(lambda t, inner: t.run_guard(REPLACE, ["true"]))),
    error("replaces a lock file", 75, "not replacing the holder of a lock file: {j}, lock file {}", "", "; see: lslocks",
          held_file),
    refused("replaces, others", "not replaced, others are before us", held("-k", "0.1", then=others_before),
            long="waits for more than 26 s"),
    error("no queue", 125, "cannot make directory: {locks/queue}", ": {No space left on device}",
          "; nothing was started; see: spawnguard doctor",
          fault("mkdirat:ENOSPC", *REPLACE, before=lambda t: t.holder("-N", "j"),
                after=lambda t, found: (found.wait(), t.end(t.runs[0]))), shim=True),
    slots("no free slot", "no free slot of {j} ({1})", "; see: spawnguard ps {j}", slot_taken()),
    slots("no free slot of a group", "no free slot of group {'g h'} ({1})", "; see: spawnguard ps",
          slot_taken("--group=g h", name="k")),
    slots("no free slot in time", "after the wait no free slot of {j} ({1})", "; see: spawnguard ps {j}", slot_taken("--wait=0.05")),
    slots("no place to wait for a slot", "its queue is full: no free slot of {j} ({1})", "; see: spawnguard ps {j}", slot_queue),
    error("a slot is the ancestor's", 75,
          "not waiting for the run around this one: no free slot of group {g} ({1}): {o} pid {}, {}, run {}", "",
          "; see: spawnguard ps", run("-N", "o", "--slots=1", "--group=g", command=[
              SPAWNGUARD, "run", "-N", "i", "--slots=1", "--group=g", "--wait", "--", "true"])),
    note("waiting for a slot", "waiting for a slot of {j} ({1}): {j} pid {}, {}, run {}; see: spawnguard ps {j}",
         slot_taken("--wait=0.2", "--complain-after=0.01"), status=75),
    error("no free slot of many", 75,
          "no free slot of {j} ({5}): {j} pid {}, {}, run {}; {j} {}; {j} {}; {j} {}", "; and {1} more", "; see: spawnguard ps {j}",
          slots_taken),
    error("no slots", 125, "cannot make directory: {locks/slot}", ": {No space left on device}",
          "; nothing was started; see: spawnguard doctor", fault("mkdirat:ENOSPC", "--slots=1"), shim=True),
    refused("queue full", "its queue is full", held(then=queue_full)),
]

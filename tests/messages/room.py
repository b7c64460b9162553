"""What is said where there is no room for a run: memory, space, pressure, and who waits for it."""
from harness import SPAWNGUARD, VICTIM, wait_until
from messages import error, note
from ways import fault, run

PS, WAITS = "; see: spawnguard ps", "; --wait waits for room"


def there(t, *args, available_m=900, psi=None, command=("true",)):
    """A start where the machine has 1000M, and so much of it is available."""
    path = t.write("meminfo", f"MemTotal: {1000 << 10} kB\nMemAvailable: {available_m << 10} kB\n")
    script = f"mount --bind {path} /proc/meminfo"
    if psi is not None:
        script += f"\nmount --bind {t.write('psi', psi)} /proc/pressure/io"
    return t.in_mounts(script, SPAWNGUARD, "run", *args, "--", *command)


def alone(*args, **more):
    return lambda t: there(t, "-N", "j", *args, **more).wait()


def beside(*args, count=1):
    """The same while others run that expect 300M each."""
    def how(t):
        held = []
        for i in range(count):
            ready = t.ready_count()
            held.append(there(t, "-N", f"h{i}", "--expect-mem=300M", command=[VICTIM, "sleep"]))
            t.wait_ready(held[-1], ready + 1)
        found = there(t, "-N", "j", *args).wait()
        t.end(*held)
        return found
    return how


def behind(t):
    """Another waits for room."""
    first = there(t, "-N", "w", "--wait", "--complain-after=0.01", "--expect-mem=950M")
    wait_until(lambda: "waiting for room: " in first.err, "it waits")
    found = there(t, "-N", "j", "--expect-mem=1M").wait()
    t.end(first)
    return found


def refused(name, what, why, then, how):
    return error(name, 69, what, why, then, how)


STARTED = "not started: {j} "
FAILED = "; nothing was started: whether there is room cannot be told"
ROWS = [
    refused("no room", STARTED + "expects {950M} of memory", ", {900M} is free to it: {900M} available", PS + WAITS,
            alone("--expect-mem=950M")),
    refused("no room beside another", STARTED + "expects {800M} of memory",
            ", {} is free to it: {900M} available, less {} that {1} run still expects", PS + WAITS, beside("--expect-mem=800M")),
    refused("no room beside others, and a reserve", STARTED + "expects {400M} of memory",
            ", {} is free to it: {900M} available, less {} that {2} runs still expect, less {50M} of --reserve-mem", PS + WAITS,
            beside("--expect-mem=400M", "--reserve-mem=50M", count=2)),
    refused("never any room", STARTED + "expects {2G} of memory", ", {1000M} is all there is", PS + WAITS, alone("--expect-mem=2G")),
    refused("never any room, with a reserve", STARTED + "expects {960M} of memory",
            ", {1000M} is all there is, less {50M} of --reserve-mem", PS, alone("--expect-mem=960M", "--reserve-mem=50M", "--wait")),
    refused("others wait for room", STARTED + "expects {1M} of memory", ", and others wait for room before it", PS + WAITS, behind),
    refused("no room after the wait", "not started after the wait: {j} expects {950M} of memory",
            ", {900M} is free to it: {900M} available", PS, alone("--expect-mem=950M", "--wait=0.05")),
    note("waiting for room", "waiting for room: {j} expects {950M} of memory, {900M} is free to it: {900M} available; see: spawnguard ps",
         alone("--expect-mem=950M", "--wait=0.2", "--complain-after=0.01"), status=69),
    note("nothing known of the memory", "{j}: nothing is known yet of the memory that its runs need: none is asked for",
         run("-v", "-N", "j", "--expect-mem=auto")),
    refused("no space", STARTED + "asks for {7.8P} free in {/}", ", {} is", "; see: df" + WAITS, run("-N", "j", "--min-free=/:8000T")),
    refused("too much pressure", STARTED + "asks for a pressure on io of at most {12}%", ", it is {12.3}%", "; see: /proc/pressure" + WAITS,
            alone("--max-pressure=io=12", psi="some avg10=12.34 avg60=0.00 avg300=0.00 total=1\n")),
    error("no such place", 125, "cannot ask for free space in: {/nowhere}", ": {No such file or directory}", FAILED,
          run("--min-free=/nowhere:1K")),
    error("no pressure to be read", 125, "cannot read the pressure on: io", ": {Bad message}", FAILED, alone("--max-pressure=io=1", psi="")),
    error("no memory to be read", 125, "cannot read: /proc/meminfo", ": {Bad message}", FAILED,
          lambda t: t.in_mounts("mount --bind /dev/null /proc/meminfo", SPAWNGUARD, "run", "--expect-mem=1M", "--", "true").wait()),
    error("no admission lock", 125, "cannot open lock file: {locks/admission}", ": {No space left on device}", FAILED,
          fault("openat:ENOSPC", "--expect-mem=1M"), shim=True),
]

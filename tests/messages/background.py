"""What wait and logs say on stderr."""
import os
import shutil
import zlib

from harness import SPAWNGUARD, VICTIM, wait_until
from messages import error, note
from ways import fault, held, run, words

FLOOD = "import os\nfor i in range(5000): os.write(1, b'x' * 999 + b'\\n')\n"


def after(args, command, *then):
    """A command, after a run of the job j with `args`."""
    def how(t):
        t.run_guard(["-N", "j", *args], command)
        return t.command(*then)
    return how


def detached(t, *args, command):
    found = t.guard("--detach", "-N", "j", *args, "--", *command).wait()
    assert found.status == 0, found.err
    return found.out.strip()


def over(t, found):
    """No guard of the background is left."""
    wait_until(lambda: not t.strays(), "the background is gone")
    return found


def too_many(t):
    """255 runs that have ended: as one has, with other names; and two that go on."""
    t.run_guard(["--run-id", "past-one"], ["true"])
    name = os.path.join(t.state, "history", os.listdir(os.path.join(t.state, "history"))[0])
    lines = [line.rpartition(b',"check":')[0] for line in t.history_lines()]
    ids = [f"past-{i:03}" for i in range(255)]
    with open(name, "ab") as f:
        for run_id in ids:
            for line in lines:
                line = line.replace(b"past-one", run_id.encode())
                f.write(b'\n%s,"check":"%08x"}\n' % (line, zlib.crc32(line)))
    holders = [t.holder("-N", "s", "--shared") for _ in range(2)]
    found = t.command("wait", *ids, "s")
    t.end(*holders)
    return found


def several(t):
    for _ in range(2):
        detached(t, "--shared", command=[VICTIM, "sleep"])
    found = t.command("logs", "j")
    t.command("kill", "j")
    return over(t, found)


def gone(t):
    t.run_guard(["-N", "j", "--output=never"], ["false"])
    shutil.rmtree(os.path.join(t.state, "logs"))
    return t.command("logs", "j")


def newer(t):
    t.run_guard(["-N", "j", "--output=never"], ["false"])
    t.run_guard(["-N", "j"], ["true"])
    return t.command("logs", "j")


def unreadable(t):
    path = t.write("mine", "")
    t.run_guard(["-N", "j", "--output=never", "--log", path], ["true"])
    os.unlink(path)
    os.symlink(path, path)
    return t.command("logs", "j")


def printed_into(path):
    def how(t):
        t.run_guard(["-N", "j", "--output=never", "--log", t.path("mine")], ["echo", "x"])
        with open(path or t.path("mine"), "a") as out:
            return t.command("logs", "j", stdout=out)
    return how


def reader_gone(t):
    t.run_guard(["-N", "j", "--output=never", "--log", t.path("mine")], ["echo", "x"])
    read, write = os.pipe()
    os.close(read)
    found = t.command("logs", "j", stdout=write, restore_signals=False) # python ignores PIPE, so does its child
    os.close(write)
    return found


def cut(t):
    gate = t.path("gate")
    os.mkfifo(gate)
    detached(t, "--log", t.write("mine", "before\n"), command=["sh", "-c", f"read x <{gate}"])
    found = t.start(SPAWNGUARD, "logs", "-f", "j")
    wait_until(lambda: found.out, "it follows")
    os.truncate(t.path("mine"), 0)
    wait_until(lambda: found.err, "it is said")
    with open(gate, "w") as f:
        f.write("\n")
    return over(t, found.wait())


def given_back(t):
    detached(t, "--log-max=64K", command=["python3", t.write("flood", FLOOD)])
    return over(t, t.command("wait", "j")) and t.command("logs", "j")


def too_slow(t):
    gate = t.path("gate")
    os.mkfifo(gate)
    run_id = detached(t, "--log-max=64K", command=["sh", "-c", f"echo x; read x <{gate}; python3 {t.write('flood', FLOOD)}"])
    read, write = os.pipe()
    found = t.start(SPAWNGUARD, "logs", "-f", "j", stdout=write)
    os.close(write)
    assert os.read(read, 2) == b"x\n"
    with open(gate, "w") as f:
        f.write("\n")
    t.command("wait", run_id)
    while os.read(read, 65536):
        pass
    os.close(read)
    return over(t, found.wait())


ROWS = [
    # --- wait
    error("wait for what", 2, "wait needs a JOB or a RUN", "", ": spawnguard wait JOB; see: spawnguard ps", words("wait")),
    error("wait any all", 2, "--any and --all contradict each other", "", ": give one", words("wait", "--any", "--all", "j")),
    error("wait unknown", 1, "no run of {j} is known", "", "; see: spawnguard ps", words("wait", "j")),
    error("wait for ourselves", 75, "not waiting for the run around this one: {j}", " would never end", ": name another",
          run("-N", "j", command=[SPAWNGUARD, "wait", "j"])),
    error("wait for too many", 125, "more runs than one call can wait for: {s}", "", " and those behind it; name fewer", too_many,
          slow=True),
    error("wait, still running", 75, "still running after {100ms}: {j} {}", "", "; see: spawnguard ps",
          held(then=lambda t, _: t.command("wait", "-t", "0.1", "j"))),
    # --- logs
    error("logs of what", 2, "logs needs a JOB or a RUN", "", ": spawnguard logs JOB; see: spawnguard ps", words("logs")),
    error("lines", 2, "--tail={0}", "", ": write a number of lines, 1 or more, or none", words("logs", "--tail=0", "j")),
    error("logs keeps none", 1, "run {} of {j} keeps no output", ": it goes to its caller",
          "; to keep it: run --detach, or run --output=on-failure", held(then=lambda t, _: t.command("logs", "j"))),
    error("logs kept none", 1, "run {} of {j} kept no output",
          ": it went to its caller, or the run was ok and --output kept that of a failed one alone",
          "; to keep it: run --detach, or run --output=on-failure", after([], ["true"], "logs", "j")),
    error("logs of several", 2, "several runs of {j} are going on", "", ": give the run id of one; see: spawnguard ps", several),
    note("logs of an older one", "the newest run of {j} keeps no output: this is of run {}, which ended {} ago", newer),
    error("logs gone", 1, "the output of run {} of {j} is gone, it stood in {}", "", "", gone, plain="there is no other copy"),
    error("logs to a device", 1, "the output of run {} of {j} cannot be read again, it went to {/dev/null}", "", "",
          after(["--output=never", "--log=/dev/null"], ["true"], "logs", "j"), plain="that was asked for"),
    error("logs unreadable", 125, "cannot read the output of run {} of {j} from {}", ": {Too many levels of symbolic links}", "",
          unreadable, plain="the kernel's word, of a file of the user's"),
    error("logs into itself", 2, "the output of run {} of {j} would be printed into itself: {}", "", "", printed_into(None),
          plain="the redirection is the user's own"),
    error("logs, disk full", 125, "cannot print the output", ": {No space left on device}", "", printed_into("/dev/full"),
          plain="the kernel's word, of what the user reads it with"),
    error("logs, reader gone", 125, "cannot print the output: Broken pipe", "", "", reader_gone,
          plain="whoever would read it has gone"),
    note("logs, cut", "the output of run {} of {j} was cut, going on from the beginning of {}", cut),
    note("logs, given back", "the first {} of the output are gone: given back by --log-max", given_back),
    note("logs, too slow", "{} of the output went by faster than they were printed: given back by --log-max", too_slow),
    error("no history to find it", 125, "cannot read the history to find {j}", ": {Too many open files}", "; see: spawnguard doctor",
          fault("openat:EMFILE", program="wait", before=lambda t: t.run_guard(["-N", "j"], ["true"]),
                whole=lambda t, _: [SPAWNGUARD, "wait", "j"]), shim=True),
]

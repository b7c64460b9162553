"""What batch says on stderr, besides its progress."""
import os
import signal

from harness import SPAWNGUARD, VICTIM, send, wait_until
from messages import error, note
from ways import fault, words

RESUME = "; nothing more is started: mend that, then resume with --resume"


def with_items(t, *args, items="a\nb\n", **popen):
    t.write("items", items)
    return t.command("batch", "-q", "-N", "j", "--items", "items", *args, **popen)


def of_items(items, *args):
    return lambda t: with_items(t, *args, "--", "true", items=items)


def failing(spec, *args, before=None):
    """A call of batch itself fails."""
    def whole(t, _):
        t.write("items", "a\n")
        return [SPAWNGUARD, "batch", "-q", "-N", "j", "--items", "items", *args, "--", "true"]
    return fault(spec, program="batch", whole=whole, before=before)


def beside_another(t):
    t.write("items", "a\n")
    other = t.start(SPAWNGUARD, "batch", "-q", "-N", "j", "--items", "items", "--", VICTIM, "sleep")
    wait_until(lambda: t.read("state/locks/batch/j") is not None and os.path.exists(t.path("state/batch")), "it has its lock")
    found = with_items(t, "--", "true")
    send(other.pid, signal.SIGTERM)
    other.wait()
    return found


def elsewhere(t):
    with_items(t, "--", "true")
    os.mkdir(t.path("other"))
    return t.command("batch", "-N", "j", "--resume", cwd=t.path("other"))


def damaged(t):
    with_items(t, "--", "true")
    folder = os.path.join(t.state, "batch")
    with open(os.path.join(folder, os.listdir(folder)[0]), "r+b") as f:
        f.write(b"\nxxxx")
    return t.command("batch", "-N", "j", "--resume")


def session_before(t):
    with_items(t, "--", "true")


def planted(t):
    with open(os.path.join(t.state, "batch"), "w"):
        pass
    return with_items(t, "--", "true")


def locks_planted(t):
    t.run_guard(["-N", "j"], ["true"])
    with open(os.path.join(t.state, "locks", "batch"), "w"):
        pass
    return with_items(t, "--", "true")


ROWS = [
    error("batch without a command", 2, "batch needs a command behind --, or with --resume a name", "",
          ": spawnguard batch --items=FILE -- COMMAND", words("batch")),
    error("batch of a name without a command", 2, "batch needs a command behind --, or with --resume a name", "",
          ": spawnguard batch --items=FILE -- COMMAND", words("batch", "-N", "j")),
    error("batch with a word", 2, "batch takes its command behind --", ": what is {true}", "? See: spawnguard batch --help",
          words("batch", "true")),
    error("batch beside another", 75, "already running: a batch of the name {j}", "",
          "; see: spawnguard ps, or give this one another name with --name", beside_another),
    note("batch of nothing", "no items: there is nothing to do", of_items("\n\n")),
    error("batch of no file", 2, "cannot read the items of {/none}", ": {No such file or directory}",
          "; name a file of lines, or give them on standard input", words("batch", "--items=/none", "--", "true")),
    error("batch of a NUL", 2, "cannot read the items of {items}", ": there is a NUL byte in a line: no argument can hold it",
          "; take it out", of_items("a\0b\n")),
    error("batch of a long line", 2, "cannot read the items of {items}", ": a line is longer than 128 KiB: no argument can be",
          "; shorten it", of_items("x" * (128 << 10))),
    error("batch of a long word", 2, "cannot read the items of {j}", ": a word of the command would be longer than 128 KiB with the"
          " longest: no argument can be", "; shorten it", lambda t: with_items(t, "--", "true", "x{}", items="x" * ((128 << 10) - 1))),
    error("batch by a wrong family", 2, "--family={'('}", ": {}", ": write an extended regular expression, as grep -E takes it",
          of_items("a\n", "--family=(")),
    error("batch that cannot read", 2, "cannot read the items of {items}", ": {Input/output error}", "",
          failing("read:EIO"), shim=True, plain="the kernel's words are all there is"),
    error("batch without memory", 125, "cannot keep the items in memory", ": {Cannot allocate memory}", "; see: spawnguard doctor",
          failing("calloc:ENOMEM"), shim=True),
    error("batch without signals", 125, "cannot wait for what runs", ": {Too many open files}", "; see: spawnguard doctor",
          failing("signalfd:EMFILE"), shim=True),
    error("batch without its lock", 125, "cannot make directory: {locks/batch}", ": {}", "; nothing was started; see: spawnguard doctor",
          locks_planted),
    error("batch without a session", 125, "cannot make the session of: {j}", ": {}", "; nothing was started; see: spawnguard doctor",
          planted),
    error("batch that cannot write its session", 125, "cannot write the session of: {j}", ": {No space left on device}",
          "; nothing was started; see: spawnguard doctor", failing("write:ENOSPC"), shim=True),
    error("batch that cannot write what came of it", 125, "cannot write the session {}", ": {No space left on device}", RESUME,
          failing("write:ENOSPC"), shim=True),
    error("batch that cannot start", 3, "cannot start the run of {a}", ": {Too many open files}", RESUME,
          failing("syscall:EMFILE"), shim=True),
    error("batch resumes what is not known", 1, "session {j} is not known", "",
          ": name a batch, or a session as its batch has told it", words("batch", "-N", "j", "--resume")),
    error("batch resumes elsewhere", 2, "session {} was begun in {}", "", ": go there to resume it", elsewhere),
    error("batch resumes what is damaged", 125, "session {} is damaged", "", ": begin a new one without --resume", damaged),
    error("batch that cannot read its session", 125, "cannot read the session", ": {Input/output error}", "; see: spawnguard doctor",
          fault("pread:EIO", program="batch", before=session_before,
                whole=lambda t, _: [SPAWNGUARD, "batch", "-N", "j", "--resume"]), shim=True),
    error("a number of nothing", 2, "--jobs={0}", "", ": write a number, 1 or more, or none", words("batch", "--jobs=0")),
    error("a prefix of nothing", 2, "--skip-prefix={''}", ": empty", ": every item begins so", words("batch", "--skip-prefix=")),
    error("too many prefixes", 2, "--skip-prefix={a}", "", ": one prefix too many: at most 16",
          words("batch", *["--skip-prefix=a"] * 17)),
]

"""How the messages of tests/messages come about: small recipes, each a function of the test that gives the Run."""
import fcntl
import os
import shutil
import signal

import harness
from harness import SPAWNGUARD, VICTIM, Stat, send, wait_until

# A name that nobody should print as it is: an escape, a byte that is no UTF-8, a mirrored text, a letter of UTF-8.
NASTY = "n\x1b[31m\udcff\u202e\u00e4\n"
DENY = os.path.join(os.environ.get("SG_TEST_BIN", ""), "deny")
SHIM = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libfailnth.so")


def run(*args, command=("true",), **popen):
    """`spawnguard run ARGS -- COMMAND`"""
    return lambda t: t.run_guard(args, command, **popen)


def words(*args, **popen):
    """`spawnguard ARGS`"""
    return lambda t: t.command(*args, **popen)


def conf(text, *args, command=("true",), mode=0o600, raw=b""):
    """`run` with a configuration file of that text."""
    def how(t):
        path = t.write("conf", "", mode)
        with open(path, "wb") as f:
            f.write(text.encode("utf-8", "surrogateescape") + raw)
        return t.run_guard(["--config", path, *args], command)
    return how


def conf_job(text, *args, job="j"):
    """`run JOB` with a configuration file of that text."""
    def how(t):
        return t.guard("--config", t.write("conf", text, 0o600), *args, job).wait()
    return how


def denied(calls, *args, command=("true",)):
    """`run` without these system calls."""
    return lambda t: t.start(DENY, *calls, "--", SPAWNGUARD, "run", *args, "--", *command).wait()


def fault(spec, *args, command=("true",), before=None, program="spawnguard", whole=None, after=None):
    """The call of `spec` (FUNCTION:ERRNO) that makes the row's line, found by failing each in turn."""
    function, _, error = spec.partition(":")
    error, _, persist = error.partition(":")

    def how(t):
        pattern, step, rounds = t.row.pattern(), 0, 0
        while rounds < 3: # how many calls there are may depend on what else goes on
            step += 1
            t.fresh()
            held = before(t) if before else None
            argv = whole(t, held) if whole else [SPAWNGUARD, "run", *args, "--", *command]
            env = dict(t.env, LD_PRELOAD=SHIM, SG_FAULT=f"{function}:{step}:{error}{':' + persist if persist else ''}",
                       SG_FAULT_LOG=t.path("calls"), SG_FAULT_PROGRAM=program)
            found = t.start(*argv, env=env)
            if after:
                after(t, found)
            found.wait()
            t.end_strays()
            if any(pattern.fullmatch(line) for line in found.err.splitlines()):
                return found
            made = max((int(line.split()[1]) for line in t.read("calls").splitlines()), default=0)
            if made < step:
                step, rounds = 0, rounds + 1
        raise AssertionError(f"no call of {function} that fails with {error} makes it, {made} are made:\n{found.err}")
    return how


def held(*args, then, name="j", shape="sleep"):
    """`then(t, holder)` while a job of that name runs; the holder is ended."""
    def how(t):
        holder = t.holder("-N", name, *args, shape=shape)
        found = then(t, holder)
        t.end(holder)
        t.end_strays()
        return found
    return how


def kill_both(t, holder):
    """Both guards die in one moment, what they guard is left."""
    warden = holder.warden()
    for sig in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (holder.pid, warden):
            send(pid, sig)
            if sig == signal.SIGSTOP:
                wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
    holder.wait()
    wait_until(lambda: not Stat(warden).alive, "the warden is dead")


def dead(*args, then, name="j", shape="sleep", run_id="dead-one"):
    """`then(t)` after the guards of a run of that name were killed."""
    def how(t):
        holder = t.holder("-N", name, "--run-id", run_id, *args, shape=shape)
        kill_both(t, holder)
        found = then(t)
        t.end_strays()
        return found
    return how


def signalled(sig, *args, shape="sleep", times=1):
    """The guard of a job that stays gets a signal."""
    def how(t):
        holder = t.holder("-N", "j", *args, shape=shape)
        holder.send(sig)
        return holder.wait()
    return how


class Said:
    """What came through a pipe, as a Run has it."""

    out = ""

    def __init__(self, status, err):
        self.status, self.err = status, harness.ASAN_NOISE.sub("", err)


def piped(t, act, *args, command, size=4096):
    """A guard whose stderr is a pipe: `act(run, read end)`, then the rest is read."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, 1031, size)  # F_SETPIPE_SZ
    run = t.guard(*args, "--", *command, stderr=writer)
    os.close(writer)
    said = act(run, reader) or b""
    while piece := os.read(reader, 65536):
        said += piece
    os.close(reader)
    return Said(run.wait().status, said.decode("utf-8", "surrogateescape"))


def installed(t, *libexec):
    """A copy of the program, with no more than these commands."""
    for part in ("bin", "libexec/spawnguard"):
        os.makedirs(t.path(part))
    shutil.copy2(SPAWNGUARD, t.path("bin/spawnguard"))
    for name in libexec:
        shutil.copy2(os.path.join(os.path.dirname(SPAWNGUARD), "../libexec/spawnguard", name),
                     t.path("libexec/spawnguard/" + name))
    return t.path("bin/spawnguard")


def elsewhere(then):
    """A run in a PID namespace of its own."""
    def how(t):
        way = ["unshare", "-fp", "--mount-proc"] if os.geteuid() == 0 else ["unshare", "-Urfp", "--mount-proc"]
        inner = t.start(*way, "sh", "-c", f'"$0" run -N j --run-id a-run -- {VICTIM} sleep; true', SPAWNGUARD)
        wait_until(lambda: t.ready_count() or not inner.running(), "it stands")
        if not inner.running():
            t.skipTest("no PID namespaces of one's own here")
        found = then(t, inner)
        t.end(inner)
        return found
    return how

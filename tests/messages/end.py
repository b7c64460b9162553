"""What is said at the end of a job, and of what could not be kept of it."""
import fcntl
import os
import pty
import signal
import socket
import termios

import harness
from harness import SPAWNGUARD, VICTIM, Stat, children, send, wait_until
from messages import error, note, warning
from ways import DENY, Said, fault, installed, kill_both, piped, run, signalled

TERM = signal.SIGTERM


def after_job(args, command, **popen):
    return lambda t: t.run_guard(["-N", "j", *args], command, **popen)


def in_breaker(script):
    """The job does something to the file that keeps its budget, and tells what it has used."""
    def how(t):
        return t.run_guard(["-N", "j", "--budget=calls=10/1d"],
                           ["sh", "-c", f"(cd \"$0\" && {script}) && exec {SPAWNGUARD} notify counter calls=1",
                            os.path.join(t.state, "breaker")])
    return how


def between(act):
    """`act(t, found)` while front waits after the first attempt."""
    def how(t):
        found = t.guard("-N", "j", "--retry=9", "--backoff=failure=1h", "--", "sh", "-c", "exit 3")
        wait_until(lambda: "again in" in found.err, "it waits")
        act(t, found)
        return found.wait()
    return how


def orphaned_between(t):
    """--with-parent: the shell that started it is killed meanwhile."""
    with open(t.path("said"), "w") as f:
        shell = t.start("sh", "-c", '"$0" run -N j --with-parent --retry=9 --backoff=failure=1h -- sh -c "exit 3"; true', SPAWNGUARD,
                        stderr=f)
    wait_until(lambda: "again in" in t.read("said"), "it waits")
    shell.send(signal.SIGKILL)
    shell.wait()
    wait_until(lambda: not t.strays(), "it is over")
    return Said(0, t.read("said"))


def hangup(t):
    """Its terminal goes away."""
    master, slave = pty.openpty()
    guard = t.start(SPAWNGUARD, "run", "-N", "j", "--", VICTIM, "sleep", stdin=slave, stdout=slave,
                    start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    t.wait_ready(guard)
    os.close(master)
    return guard.wait()


def reader_gone(t):
    """Samples go into a FIFO, whose reader closes it."""
    os.mkfifo(t.path("fifo"))
    reader = os.open(t.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    guard = t.guard("-N", "j", "--record-samples", t.path("fifo"), "--", "sleep", "0.5")
    wait_until(lambda: t.events("start"), "it has begun")
    os.close(reader)
    return guard.wait()


def killed_by_command(t):
    holder = t.holder("-N", "j")
    t.command("kill", "j")
    return holder.wait()


def killed_by_run(t):
    """`kill` within another run."""
    holder = t.holder("-N", "j")
    t.run_guard(["-N", "other"], [SPAWNGUARD, "kill", "-q", "j"])
    return holder.wait()


def outer_ends(t):
    """A run within a run, which is timed out."""
    return t.run_guard(["-N", "outer", "-t", "0.2"], [SPAWNGUARD, "run", "-N", "j", "--", VICTIM, "sleep"])


def parent_ended(t):
    """--with-parent: the shell that started it is killed."""
    with open(t.path("said"), "w") as f:
        shell = t.start("sh", "-c", f'"$0" run -N j --with-parent -- {VICTIM} sleep; true', SPAWNGUARD, stderr=f)
    t.wait_ready(shell)
    shell.send(signal.SIGKILL)
    shell.wait()
    wait_until(lambda: not t.strays(), "the run has ended")
    return Said(None, t.read("said"))


def warden_killed(t):
    holder = t.holder("-N", "j")
    send(holder.warden(), signal.SIGKILL)
    return holder.wait()


def left(t):
    found = t.run_guard(["-N", "j", "--leftovers=leave"], [VICTIM, "-x", "daemon"])
    t.end_strays()
    return found


def unkillable(t):
    """A filter says no to every signal."""
    found = t.start(DENY, "pidfd_send_signal=EPERM", "kill=EPERM", "--", SPAWNGUARD, "run", "-N", "j", "-t", "0.2",
                    "-k", "0.1", "--", VICTIM, "sleep")
    found.wait(60 * harness.SCALE)
    t.end_strays()
    return found


def dead_unkillable(t):
    """The next start of that job, which cannot end what is left."""
    holder = t.holder("-N", "j", "--run-id", "dead-one", "-k", "0.1")
    kill_both(t, holder)
    found = t.start(DENY, "pidfd_send_signal=EPERM", "kill=EPERM", "--", SPAWNGUARD, "run", "-N", "j", "--", "true")
    found.wait(60 * harness.SCALE)
    t.end_strays()
    return found


def status_fd(t):
    with open("/dev/full", "w") as f:
        return t.run_guard([f"--status-fd={f.fileno()}"], ["true"], pass_fds=[f.fileno()])


def nobody_reads(t):
    """on-failure: the reader of stdout is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    found = t.guard("-N", "j", "--output=on-failure", "--", "sh", "-c", "echo lost; exit 3", stdout=writer)
    os.close(writer)
    return found.wait()


def told_to_stop(t):
    """on-failure: the reader of stdout is slow, and TERM comes."""
    reader, writer = os.pipe()
    found = t.guard("-N", "j", "--output=on-failure", "--", "sh", "-c", "head -c 500000 /dev/zero; exit 3", stdout=writer)
    os.close(writer)
    wait_until(lambda: t.events("end"), "the job is over")
    wait_until(lambda: not children(found.pid), "the warden is gone")
    wait_until(lambda: Stat(found.pid).state == "S", "it waits for the reader")
    found.send(TERM)
    found.wait()
    os.close(reader)
    return found


def full_disk(t):
    return t.in_mounts(f"mount -t tmpfs -o size=64k t {t.path('small')}", SPAWNGUARD, "run", "-N", "j", "--output=never",
                       "--log", t.path("small/log"), "--", "sh", "-c", "head -c 200000 /dev/zero 2>/dev/null; exit 0").wait()


# --- --tail


def pump_of(t, guard):
    def find():
        kids = [Stat(p) for p in children(guard.pid)]
        mine = [s.pid for s in kids if s.state and s.pgrp == Stat(guard.pid).pgrp and s.comm == "spawnguard"]
        return mine if len(kids) >= 2 and len(mine) == 1 else None
    return wait_until(find, "the pump stands")[0]


def pump_killed(t):
    def act(guard, reader):
        pump = pump_of(t, guard)
        wait_until(lambda: os.path.exists(t.path("started")), "the job stands")
        send(pump, signal.SIGKILL)
        wait_until(lambda: Stat(pump).state is None, "front has reaped it")
        t.write("gate", "")
    return piped(t, act, "-N", "j", "--tail", command=["sh", "-c", ": >started; until test -e gate; do sleep 0.01; done"])


def reader_stuck(more):
    """Nobody reads what is more than the pipe holds, and TERM ends the waiting; then there is a reader again. The guard
    waits for it 100 ms, to tell: on a busy machine the first time may be too late."""
    def how(t):
        def act(guard, reader):
            wait_until(lambda: t.events("end"), "the end is written down")
            pump = wait_until(lambda: len(children(guard.pid)) == 1 and children(guard.pid), "the warden is gone")[0]
            guard.send(TERM)
            wait_until(lambda: Stat(pump).state is None, "the pump is ended")
            return os.read(reader, 65536).replace(b"\0", b"") + b"\n"
        for _ in range(10):
            t.fresh()
            said = piped(t, act, "-N", "j", "--tail", command=["sh", "-c", f"head -c 4096 /dev/zero >&2; sleep 0.1; {more} >&2"])
            if t.row.pattern().search(said.err):
                break
        said.err = said.err.lstrip("\n")
        return said
    return how


def stranger(t):
    """Somebody who is not below the guard sends to its socket."""
    held = t.holder("-N", "j", "--notify", "--run-id", "told")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(b"READY=1", os.path.join(t.state, "runs", "told.notify"))
    wait_until(lambda: "SPAWNGUARD_NOTIFY" in held.err or not held.running(), "it is noticed")
    held.send(TERM)
    return held.wait()


ROWS = [
    # --- why it was ended
    note("timeout", "{j}: timeout after {200ms}: ended {1} process: {victim} ({})", after_job(["-t", "0.2"], [VICTIM, "sleep"]),
         status=124),
    note("start timeout", "{j}: not ready within {200ms} (--start-timeout): ended {1} process: {victim} ({})",
         after_job(["--start-timeout=0.2"], [VICTIM, "sleep"]), status=124),
    note("idle timeout", "{j}: no output, CPU time or I/O for {200ms} (--idle-timeout): ended {1} process: {victim} ({})",
         after_job(["--idle-timeout=0.2"], [VICTIM, "sleep"]), status=124),
    note("heartbeat", "{j}: no heartbeat for {200ms} (--heartbeat): ended {1} process: {victim} ({})",
         after_job(["--heartbeat=0.2"], [VICTIM, "sleep"]), status=124),
    note("budget", "{j}: limit passed: budget: {calls} stands at {12} of {10}: ended {}: {} ({})",
         after_job(["--budget=calls=10"], ["sh", "-c", f"{SPAWNGUARD} notify counter calls=12 && :; exec sleep 60"]), status=123,
         slow=True),
    note("budget over runs", "{j}: limit passed: budget: {calls} stands at {12} of {10} within {1d}: ended {}: {} ({})",
         after_job(["--budget=calls=10/1d"], ["sh", "-c", f"{SPAWNGUARD} notify counter calls=12 && :; exec sleep 60"]), status=123,
         slow=True),
    warning("budgets damaged meanwhile", "{j}: its file in breaker/ is damaged: put aside as .bad", "",
            "; what this run knows of stays counted", in_breaker("echo x >j")),
    warning("budgets cannot be written meanwhile", "cannot read the budgets: {j}", ": {Not a directory}",
            ": what this run uses up counts for itself alone until it can be written down",
            in_breaker("cd .. && rm -r breaker && echo >breaker")),
    warning("budget, warned of", "{j}: budget: {calls} stands at {8.5} of {10}", "", "; the run goes on",
            after_job(["--budget=calls=10"], [SPAWNGUARD, "notify", "counter", "calls=8.5"])),
    note("a stranger tells", "{j}: warning: pid {}, uid {} has sent to SPAWNGUARD_NOTIFY and is not of this run: passed over",
         stranger, status=-15),
    note("limit", "{j}: limit passed: max-procs: {3} processes, limit {2}; most: {sh} ({}): ended {3} processes: {sh} ({}), {} ({}), {} ({})",
         after_job(["--max-procs=2", "--interval=10ms"], ["sh", "-c", f"{VICTIM} sleep & {VICTIM} sleep & wait"]),
         status=123),
    warning("limit, warned of", "{j}: max-rss: {} memory of one process", ", limit {4K}; most: {sleep} ({})", "; the run goes on",
            after_job(["--max-rss=4K", "--on-limit=warn", "--interval=1ms"], ["sleep", "1"]), status=0),
    note("limit, frozen", "{j}: limit passed: max-procs: {3} processes, limit {2}; most: {sh} ({}): frozen, to be ended in {50ms}: {3} "
         "processes; look: spawnguard ps {a-run}, then spawnguard thaw {a-run} or spawnguard kill {a-run}",
         after_job(["--max-procs=2", "--interval=10ms", "--on-limit=freeze", "--freeze-for=50ms", "--run-id=a-run"],
                   ["sh", "-c", f"{VICTIM} sleep & {VICTIM} sleep & wait"]), status=123),
    warning("samples that cannot be written", "no more samples can be written to the file of --record-samples", "", ": the run goes on without",
            reader_gone),
    note("limit of files", "{j}: limit passed: max-fds: {} open files of one process, limit {1}; most: {victim} ({}): ended {1} process: "
         "{victim} ({})", after_job(["--max-fds=1", "--interval=10ms"], [VICTIM, "sleep"]), status=123),
    note("limit of what is written", "{j}: limit passed: max-io: {1.5K} written, limit {1K}; most: {sh} ({}): ended {1} process: {sh} ({})",
         after_job(["--max-io=1K", "--interval=10ms"],
                   ["sh", "-c", "printf %1536s x >/dev/null; while :; do read x; done </dev/zero"]), status=123),
    note("timeout, KILL", "{j}: timeout after {200ms}: ended {2} processes ({2} by KILL): {victim} ({}), {victim} ({})",
         after_job(["-t", "0.2", "-k", "0.1"], [VICTIM, "ignore-term"]), status=124),
    note("timeout, many", "{j}: timeout after {500ms}: ended {6} processes: {victim} ({}), {victim} ({}), {victim} ({}), ...",
         after_job(["-t", "0.5"], [VICTIM, "wide", "5"]), status=124),
    note("TERM", "{j}: asked to end by a signal from {} (pid {}, uid {}): ended {1} process: {victim} ({})",
         signalled(TERM), status=-15),
    note("hangup", "{j}: the terminal is gone: ended {1} process: {victim} ({})", hangup, status=(-1, -15)),
    note("kill", "{j}: asked to end from {spawnguard kill} (pid {}, uid {}): ended {1} process: {victim} ({})",
         killed_by_command, status=-15),
    note("kill by a run", "{j}: asked to end for run {} from {spawnguard kill} (pid {}, uid {}): ended {1} process: {victim} ({})",
         killed_by_run, status=-15),
    note("outer run", "{j}: the run around it ends: ended {1} process: {victim} ({})", outer_ends, status=124),
    note("parent ended", "{j}: what started it has ended: {sh} (pid {}, uid {}): ended {1} process: {victim} ({})", parent_ended, status=None,
         needs="pidfd_open"),
    note("warden killed", "{j}: its warden was killed: ended {1} process", warden_killed, status=125),
    note("left behind", "{j}: ended {1} process that the job left behind: {victim} ({})",
         after_job([], [VICTIM, "-x", "daemon"])),
    note("left alone", "{j}: left running, as asked: {victim} (pid {}, uid {}, state {})", left),
    # --- steps
    note("steps, TERM", "{j}: sending the first signal to {2} processes",
         after_job(["-v", "-t", "0.2", "-k", "0.1"], [VICTIM, "ignore-term"]), status=124),
    note("steps, STOP", "{j}: stopping {2} processes",
         after_job(["-v", "-t", "0.2", "-k", "0.1"], [VICTIM, "ignore-term"]), status=124),
    note("steps, KILL", "{j}: killing {2} processes",
         after_job(["-v", "-t", "0.2", "-k", "0.1"], [VICTIM, "ignore-term"]), status=124),
    note("stats", "{j}: wall {}, cpu {} user {} system, peak {} memory, {} process, seen at least {1}".replace("{} process,", "{1} process,"),
         after_job(["--stats", "--interval=1ms"], ["sleep", "0.1"])),
    # --- what cannot be ended
    error("survivors", 121, "{j}: cannot end {victim} (pid {}, uid {}, state {})", "",
          "; end it by hand, then: spawnguard reap {j}", unkillable, slow=True),
    error("survivors of a dead run", 121, "not started: run {dead-one} has left what cannot be ended: {victim} (pid {}, uid {}, state {})",
          "", "; end it by hand, then start again", dead_unkillable, slow=True,
          needs="pidfd_open"), # one that is ending has no environment left, which were the second mark
    # --- what cannot be written or read
    warning("end not written", "the end of run {} could not be written down", ": {No space left on device}",
            "; the job's status is not affected", fault("write:ENOSPC"), shim=True),
    error("end not read", 125, "cannot read how the job ended in the record of run {}", "", "; the history has it",
          fault("pread:EIO", "--interval=none"), shim=True),
    warning("state removed", "the state directory was removed while the job ran: {}", "", ": another copy may have been started",
            run(command=["sh", "-c", 'rm -r "$0"', "state"])),
    warning("status file", "cannot write the status to {/dev/full}", ": {No space left on device}", "; the history has it",
            run("--status-file=/dev/full")),
    warning("status fd", "cannot write the status to --status-fd", ": {No space left on device}", "; the history has it",
            status_fd),
    # --- --output
    note("output shown", "{j}: {failed, status 3}, output: {}", after_job(["--output=on-failure"], ["sh", "-c", "echo x; exit 3"]),
         status=3),
    note("no output", "{j}: {failed, status 3}, no output: {}", after_job(["--output=on-failure"], ["sh", "-c", "exit 3"]),
         status=3),
    note("output cut", "the first {} of the output are gone: more than --log-max {64K}",
         after_job(["--output=on-failure", "--log-max=64K"], ["sh", "-c", "head -c 300000 /dev/zero; exit 3"]), status=3),
    warning("output not shown", "the output could not be shown to its end", ": {Broken pipe}", "; all that was kept is in {}",
            nobody_reads, status=3),
    warning("output, told to stop", "the output could not be shown to its end", ": asked to stop",
            "; all that was kept is in {}", told_to_stop, status=3),
    warning("disk full", "the disk is full", ": the job may not have been able to write all of {}", "; make room",
            lambda t: (os.mkdir(t.path("small")), full_disk(t))[-1]),
    # --- --tail
    warning("tail not kept", "the end of stderr cannot be kept", ": {Cannot allocate memory}", ": the job runs without --tail",
            fault("mmap:ENOMEM", "--tail"), shim=True),
    warning("pump killed", "the process that passes stderr on for --tail was killed (pid {})", "",
            ": what the job writes there from now on is lost", pump_killed),
    warning("reader stuck", "the reader of stderr took nothing more", "", ": the last {} bytes of the job's are lost",
            reader_stuck("head -c 3000 /dev/zero")),
    warning("reader stuck, one byte", "the reader of stderr took nothing more", "", ": the last {1} byte of the job's is lost",
            reader_stuck("printf x")),
    # --- the installation
    error("command missing", 125, "cannot start the command {ps}: {}", ": {No such file or directory}",
          "; the installation is incomplete", lambda t: t.start(installed(t), "ps").wait()),
    # --- --retry
    note("an attempt that is not the last", "{j}: attempt {1} of {2}: {failed, status 3}; again in {}",
         run("-N", "j", "--retry=1", command=("sh", "-c", "exit 3")), status=3, slow=True),
    note("asked to end between two attempts", "{j}: attempt {1} of {10}: no other follows: asked to end by {} (pid {}, uid {})",
         between(lambda t, found: found.send(signal.SIGTERM)), status=3, slow=True),
    note("the caller ends between two attempts", "{j}: attempt {1} of {10}: no other follows: what started it has ended by {} (pid {}, uid {})",
         orphaned_between, status=0, slow=True, needs="pidfd_open"),
    note("replaced between two attempts", "{j}: attempt {1} of {10}: no other follows: it is replaced by {} (pid {}, uid {})",
         between(lambda t, found: t.run_guard(["-N", "j", "--on-conflict=replace"], ["true"])), status=3, slow=True),
]

"""--tail: the end of stderr is kept, what the job writes arrives whole, and nobody waits for the wrong thing."""
import fcntl
import os
import pty
import select
import signal
import socket
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until

TAIL = "spawnguard.stderr.tail"
WRITES = 'echo one >&2; printf "two\\n" >&2; exit 3'


class Reader:
    """The caller's end of the pipe that front has as stderr."""

    def __init__(self, test, size=None):
        self.fd, self.writer = os.pipe()
        test.addCleanup(self.close)
        if size:
            fcntl.fcntl(self.fd, 1031, size)  # F_SETPIPE_SZ

    def started(self):
        """The guard has its copy."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def close(self):
        self.started()
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def rest(self):
        """Everything up to the end of file."""
        got = b""
        while True:
            ready, _, _ = select.select([self.fd], [], [], harness.DEADLINE_S)
            assert ready, "the pipe has no end"
            piece = os.read(self.fd, 1 << 20)
            if not piece:
                return got
            got += piece


class TailTest(GuardTest):
    def piped(self, *args, command, size=None, **popen):
        """A guard whose stderr is a pipe of ours."""
        reader = Reader(self, size)
        run = self.guard(*args, "--", *command, stderr=reader.writer, **popen)
        reader.started()
        return run, reader

    def whole(self, *args, command, **popen):
        """(run, all that came through the pipe)"""
        run, reader = self.piped(*args, command=command, **popen)
        said = reader.rest()
        return run.wait(), said

    def pump(self, run):
        """Front's child beside the warden, which has left front's group."""
        def find():
            kids = [Stat(p) for p in children(run.pid)]
            mine = [s.pid for s in kids if s.state and s.pgrp == Stat(run.pid).pgrp and s.comm == "spawnguard"]
            return mine if len(kids) >= 2 and len(mine) == 1 else None
        return wait_until(find, "the pump stands")[0]

    def warden_of(self, run):
        pump = self.pump(run)
        return [p for p in children(run.pid) if p != pump][0]

    def tail(self):
        return self.end_event()[TAIL]


class Kept(TailTest):
    def test_the_end_of_stderr_stands_in_history_and_status(self):
        status = self.path("status")
        run, said = self.whole("--tail", "--status-file", status, command=["sh", "-c", WRITES])
        self.assertEqual((run.status, said), (3, b"one\ntwo\n"))
        end = self.end_event()
        with open(status) as f:
            told = harness.json.load(f)
        for event in (end, told):
            self.assertEqual(event[TAIL], "one\ntwo\n")
            self.assertEqual(event["spawnguard.stderr.bytes"], 8)
            self.assertIs(event["spawnguard.stderr.cut"], False)
            failure = event["spawnguard.failure"]
            self.assertEqual((failure["class"], failure["text"]), ("failure", "two"))
            self.assertRegex(failure["fingerprint"], r"\Af1-[0-9a-f]{16}\Z")
            self.assertNotIn("spawnguard.stderr.detail", event)

    def test_nothing_but_its_own_alarm_reaches_what_passes_it_on(self):
        run, reader = self.piped("--tail", command=["sh", "-c", "echo one >&2; exec sleep 100"])
        self.assertEqual(os.read(reader.fd, 100), b"one\n") # it stands open for it by now
        with open(f"/proc/{self.pump(run)}/status") as f:
            blocked = next(int(line.split()[1], 16) for line in f if line.startswith("SigBlk:"))
        kept_by_glibc = 3 << 32 - 1 # its sigprocmask(3) passes over 32 and 33
        never = 1 << signal.SIGKILL - 1 | 1 << signal.SIGSTOP - 1
        self.assertEqual(blocked | kept_by_glibc | never, 2**64 - 1 & ~(1 << signal.SIGALRM - 1))
        run.send(signal.SIGTERM)
        run.wait()

    def test_without_the_option_nothing_is_kept(self):
        self.whole(command=["sh", "-c", WRITES])
        self.assertEqual([key for key in self.end_event() if "stderr" in key], [])

    def test_the_size_is_as_asked(self):
        for option, size in (("--tail", 4096), ("--tail=256", 256), ("--tail=8K", 8192)):
            with self.subTest(option):
                text = b"".join(b"%07d\n" % i for i in range(4000))
                with open(self.path("text"), "wb") as f:
                    f.write(text)
                run, said = self.whole(option, f"--run-id=size-{size}", command=["sh", "-c", "cat text >&2"])
                self.assertEqual((run.status, said), (0, text))
                end = self.end_event(f"size-{size}")
                self.assertEqual(end[TAIL].encode(), text[-size:])
                self.assertIs(end["spawnguard.stderr.cut"], True)
                self.assertEqual(end["spawnguard.stderr.bytes"], len(text))

    def test_what_the_record_keeps(self):
        prints = {}
        for what in ("full", "print", "none"):
            with self.subTest(what):
                self.whole("--tail", f"--record-tail={what}", f"--run-id=keep-{what}", command=["sh", "-c", WRITES])
                end = self.end_event(f"keep-{what}")
                self.assertEqual(end.get(TAIL), "one\ntwo\n" if what == "full" else None)
                failure = end["spawnguard.failure"]
                prints[what] = failure["fingerprint"]
                self.assertEqual(failure["text"], "two" if what == "full" else "exit 3")
                self.assertEqual("spawnguard.stderr.bytes" in end, what != "none")
        self.assertEqual(prints["full"], prints["print"])
        self.assertNotEqual(prints["full"], prints["none"])  # of how it ended alone
        self.assertNotIn("two\\n", "".join(line.decode() for line in self.history_lines() if b"keep-full" not in line
                                        and b'"start"' not in line))

    def test_any_bytes_make_a_line(self):
        nasty = bytes(range(256)) * 40 + b"\x1b[2J\xff\xc3" + b"\x01" * 8000 + b"end"
        with open(self.path("nasty"), "wb") as f:
            f.write(nasty)
        run, said = self.whole("--tail=8K", command=["sh", "-c", "cat nasty >&2"])
        self.assertEqual((run.status, said), (0, nasty))
        end = self.end_event()  # its check holds, it is JSON
        self.assertTrue(end[TAIL].endswith("\x01end"))
        self.assertIs(end["spawnguard.stderr.cut"], True)
        self.assertLess(max(len(line) for line in self.history_lines()), 16384)

    def test_bytes_that_are_no_text(self):
        self.whole("--tail", command=["sh", "-c", r"printf 'a\0b\377c\302\033' >&2"])
        self.assertEqual(self.tail(), "a\ufffdb\ufffdc\ufffd\x1b")

    def test_of_the_whole_tree_and_of_its_end(self):
        run, said = self.whole("--tail", "-k", "0.2", command=[
            "sh", "-c", "(trap 'echo late >&2; exit' TERM; echo ready >&2; while :; do sleep 0.01; done) & "
                        "while ! grep -q x gate 2>/dev/null; do echo x >gate; sleep 0.05; done; sleep 0.1; exit 0"])
        self.assertEqual(run.status, 0)
        self.assertIn(b"late\n", said)
        self.assertTrue(self.tail().endswith("late\n"), self.tail())

    def test_of_a_job_that_cannot_be_executed(self):
        run, _ = self.whole("--tail", command=[self.path("absent")])
        self.assertEqual(run.status, 127)
        self.assertEqual(harness.ASAN_NOISE.sub("", self.tail()), "")

    def test_refused_with_leftovers_that_stay(self):
        run = self.run_guard(["--tail", "--leftovers=leave"], ["touch", self.path("ran")])
        self.assertEqual(run.status, 125)
        self.assertRegex(run.err, r"\Aspawnguard: --tail cannot go with --leftovers=leave: [^\n]+; use [^\n]+\n\Z")
        self.assertFalse(os.path.exists(self.path("ran")))


class RegularFile(TailTest):
    def test_has_no_pipe_and_is_read_afterwards(self):
        log = self.write("log", "from before\n")
        with open(log, "a") as f:
            run = self.run_guard(["--tail"], ["sh", "-c", f"test -f /dev/stderr || exit 9; {WRITES}"], stderr=f)
        self.assertEqual(run.status, 3)
        self.assertEqual(self.read("log"), "from before\none\ntwo\n")
        self.assertEqual((self.tail(), self.end_event()["spawnguard.stderr.bytes"]), ("one\ntwo\n", 8))

    def test_that_is_shared_by_its_offset(self):
        with open(self.path("log"), "wb") as f:
            f.write(b"before\n")
            f.flush()
            self.run_guard(["--tail"], ["sh", "-c", WRITES], stderr=f)
        self.assertEqual(self.read("log"), "before\none\ntwo\n")
        self.assertEqual(self.tail(), "one\ntwo\n")

    def test_that_is_longer_than_is_kept(self):
        with open(self.path("log"), "ab") as f:
            self.run_guard(["--tail=256"], ["sh", "-c", "yes 1234567 | head -n 100 >&2"], stderr=f)
        end = self.end_event()
        self.assertEqual(end[TAIL], "1234567\n" * 32)
        self.assertEqual((end["spawnguard.stderr.cut"], end["spawnguard.stderr.bytes"]), (True, 800))

    def test_of_an_output_that_is_kept_back(self):
        """The file behind --output is the job's stderr, stdout too."""
        run = self.run_guard(["--tail", "--output=on-failure"], ["sh", "-c", f"echo zero; {WRITES}"])
        self.assertEqual((run.status, run.out), (3, "zero\none\ntwo\n"))
        self.assertEqual(self.tail(), "zero\none\ntwo\n")

    def test_that_is_emptied_meanwhile(self):
        log = self.write("log", "much from before\n" * 100)
        with open(log, "ab") as f:
            self.run_guard(["--tail"], ["sh", "-c", ": >log; echo new >&2"], stderr=f)
        self.assertEqual(self.tail(), "new\n")

    def test_that_cannot_be_read_is_told(self):
        if os.geteuid() == 0:
            self.skipTest("root reads every file")
        with open(self.path("log"), "ab") as f:
            os.chmod(f.name, 0o200)
            run = self.run_guard(["--tail"], ["sh", "-c", WRITES], stderr=f)
            os.chmod(f.name, 0o600)
        self.assertEqual(run.status, 3)
        self.assertRegex(self.read("log"), r"\Aspawnguard: warning: the end of stderr cannot be kept: Permission "
                                           r"denied: the job runs without --tail\none\ntwo\n\Z")
        self.assertNotIn(TAIL, self.end_event())


class Through(TailTest):
    def test_every_byte_in_order(self):
        data = os.urandom(1 << 20) * 3
        with open(self.path("data"), "wb") as f:
            f.write(data)
        run, said = self.whole("--tail", command=["sh", "-c", "cat data >&2"])
        self.assertEqual(run.status, 0)
        self.assertTrue(said == data, f"{len(said)} bytes of {len(data)}")
        self.assertEqual(self.end_event()["spawnguard.stderr.bytes"], len(data))

    def test_a_reader_that_comes_late_gets_all_and_the_job_waits_for_it(self):
        size = 1 << 20
        run, reader = self.piped("--tail", command=["sh", "-c", f"head -c {size} /dev/zero >&2; : >done"])
        wait_until(lambda: self.is_full(reader), "the caller's pipe is full")
        harness.observe(0.1)
        self.assertFalse(os.path.exists(self.path("done")), "the job wrote more than can be held")
        self.assertEqual(len(reader.rest()), size)
        self.assertEqual(run.wait().status, 0)

    @staticmethod
    def is_full(reader):
        waiting = bytearray(4)
        fcntl.ioctl(reader.fd, termios.FIONREAD, waiting)
        return int.from_bytes(waiting, sys.byteorder) >= 65536 - 4096

    def test_a_reader_that_is_gone_is_as_without_a_guard(self):
        shell = ["sh", "-c", "while :; do echo more >&2; done"]
        for ignored in (False, True):
            with self.subTest(ignored=ignored):
                # echo says what failed, and writes that to the same pipe
                command = ["sh", "-c", "trap '' PIPE; while echo more >&2; do :; done; exit 5"] if ignored else shell
                plain = Reader(self)
                bare = self.start(*command, stderr=plain.writer)
                plain.close()
                run, reader = self.piped("--tail", command=command)
                reader.close()
                self.assertEqual(run.wait().status, bare.wait().status)
                self.assertEqual(bare.status, 5 if ignored else -signal.SIGPIPE)

    def test_that_goes_while_the_job_is_silent(self):
        """The next write already fails, as without us."""
        gate, opener = os.pipe()
        self.addCleanup(os.close, opener)
        run, reader = self.piped("--tail", command=[
            "sh", "-c", f"trap '' PIPE; echo first >&2; : >started; read x <&{gate}; echo second >&2 || exit 7"],
            pass_fds=[gate])
        os.close(gate)
        wait_until(lambda: os.path.exists(self.path("started")), "the job stands")
        pump = self.pump(run)
        reader.close()
        wait_until(lambda: len(os.listdir(f"/proc/{pump}/fd")) == 1, "the pump has closed both ends")
        os.write(opener, b"\n")
        self.assertEqual(run.wait().status, 7)
        self.assertEqual(self.tail(), "first\n")

    def test_flags_of_the_callers_pipe_stay(self):
        reader = Reader(self)
        before = fcntl.fcntl(reader.writer, fcntl.F_GETFL)
        run = self.guard("--tail", "--", "sh", "-c", "cat /dev/zero >&2", stderr=reader.writer)
        wait_until(lambda: self.is_full(reader), "the caller's pipe is full")
        self.assertEqual(fcntl.fcntl(reader.writer, fcntl.F_GETFL), before)
        run.send(signal.SIGTERM)
        run.wait()
        self.assertEqual(fcntl.fcntl(reader.writer, fcntl.F_GETFL), before)

    def test_a_pipe_that_does_not_block_loses_nothing(self):
        """Somebody else has set O_NONBLOCK: a job of its own would lose what does not fit."""
        reader = Reader(self)
        fcntl.fcntl(reader.writer, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK)
        run = self.guard("--tail", "--", "sh", "-c", "head -c 500000 /dev/zero >&2", stderr=reader.writer)
        reader.started()
        wait_until(lambda: self.is_full(reader), "the caller's pipe is full")
        self.assertEqual(len(reader.rest()), 500000)
        self.assertEqual(run.wait().status, 0)

    def test_a_socket(self):
        ours, theirs = socket.socketpair()
        run = self.guard("--tail", "--", "sh", "-c", "head -c 1000000 /dev/zero >&2", stderr=theirs.fileno())
        theirs.close()
        got = 0
        while piece := ours.recv(1 << 20):
            got += len(piece)
        ours.close()
        self.assertEqual((run.wait().status, got), (0, 1000000))

    def test_a_terminal_is_none_for_the_job(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        run = self.guard("--tail", "--", "sh", "-c", "test -t 2; echo $? >&2", stderr=slave)
        os.close(slave)
        said = b""
        try:
            while piece := os.read(master, 4096):
                said += piece
        except OSError:
            pass  # EIO: nobody has it open any more
        self.assertEqual((run.wait().status, said, self.tail()), (0, b"1\r\n", "1\n"))

    def test_a_stderr_that_was_closed(self):
        run = self.start("sh", "-c", f'exec "$0" run --tail -- sh -c "echo there >&2" 2>&-', SPAWNGUARD)
        self.assertEqual((run.wait().status, self.tail()), (0, "there\n"))


class Waiting(TailTest):
    def test_what_is_left_behind_keeps_nobody_waiting(self):
        before = harness.now()
        shell = self.start("sh", "-c", 'x=$("$0" run --tail -- sh -c "sleep 60 &" 2>&1); echo "$x" | wc -l', SPAWNGUARD)
        self.assertEqual(shell.wait().status, 0)
        self.assertLess(harness.now() - before, 30)
        self.assertEqual(shell.out.strip(), "1", "one line: what was ended")

    def test_a_pipe_that_a_stranger_holds_open_keeps_nobody_waiting(self):
        """As one that has escaped from the tree: the end of file never comes."""
        gate, opener = os.pipe()
        run, reader = self.piped("--tail", command=["sh", "-c", f": >started; read x <&{gate}; echo last >&2"],
                                 pass_fds=[gate])
        os.close(gate)
        wait_until(lambda: os.path.exists(self.path("started")), "the job stands")
        warden = self.warden_of(run)
        job = wait_until(lambda: children(warden), "the job stands")[0]
        held = os.open(f"/proc/{job}/fd/2", os.O_WRONLY)
        self.addCleanup(os.close, held)
        os.close(opener)
        self.assertEqual(run.wait().status, 0)
        self.assertEqual((reader.rest(), self.tail()), (b"last\n", "last\n"))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self.assertRaises(BrokenPipeError, os.write, held, b"x")

    def test_a_timeout_strikes_though_nobody_reads(self):
        run, reader = self.piped("--tail", "-t", "0.2", "-k", "0.1", command=["sh", "-c", "yes 1234567 >&2"])
        self.assertEqual(run.wait().status, 124)
        self.assertLess(run.wall, 10 * SCALE)
        end = self.end_event()
        self.assertEqual(outcome(end), "timeout")
        self.assertIn("1234567\n" * 100, end[TAIL])
        said = reader.rest()
        self.assertTrue(said.startswith(b"1234567\n" * 1000))
        self.assertNotIn(b"\n\n", said)

    def test_the_lock_is_free_while_the_rest_waits_for_its_reader(self):
        run, reader = self.piped("-N", "once", "--tail", size=4096,
                                 command=["sh", "-c", "head -c 30000 /dev/zero >&2; exit 4"])
        wait_until(lambda: self.events("end"), "the end is written down")
        self.assertTrue(run.running())
        again = self.run_guard(["-N", "once", "--wait=20"], ["true"])
        self.assertEqual(again.status, 0, again.err)
        self.assertTrue(run.running(), "as `cat` would, it waits for its reader")
        self.assertEqual(len(reader.rest()), 30000)
        self.assertEqual(run.wait().status, 4)

    def test_a_signal_ends_that_waiting(self):
        run, reader = self.piped("--tail", size=4096, command=["sh", "-c", "head -c 30000 /dev/zero >&2; exit 4"])
        wait_until(lambda: self.events("end"), "the end is written down")
        wait_until(lambda: len(children(run.pid)) == 1, "the warden is gone")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, 4, "the job's status stays")
        self.assertLessEqual(len(reader.rest()), 4096 + 200)


class Killed(TailTest):
    def test_the_pump(self):
        gate, opener = os.pipe()
        run, reader = self.piped("--tail", command=[
            "sh", "-c", f"trap '' PIPE; echo first >&2; : >started; read x <&{gate}; echo second >&2 || exit 7"],
            pass_fds=[gate])
        os.close(gate)
        wait_until(lambda: os.path.exists(self.path("started")), "the job stands")
        pump = self.pump(run)
        self.assertEqual(os.read(reader.fd, 100), b"first\n")
        send(pump, signal.SIGKILL)
        wait_until(lambda: Stat(pump).state is None, "front has reaped it")
        os.close(opener)
        said = reader.rest().decode()
        self.assertEqual(run.wait().status, 7)
        self.assertRegex(said, r"(?s)spawnguard: warning: the process that passes stderr on for --tail was "
                               r"killed \(pid \d+\): [^\n]+\n")
        end = self.end_event()
        self.assertEqual(outcome(end), "failed")
        self.assertEqual(end["spawnguard.stderr.detail"], "the pump was killed: what it had not read yet is missing")

    def test_the_warden(self):
        """The pump is front's child, but none of the tree."""
        run, reader = self.piped("--tail", "-k", "0.2", command=["sh", "-c", "echo there >&2; exec sleep 60"])
        warden = self.warden_of(run)
        wait_until(lambda: children(warden), "the job stands")
        got = os.read(reader.fd, 100)
        self.assertEqual(got, b"there\n")
        send(warden, signal.SIGKILL)
        run.wait()
        self.assertEqual(run.status, 125)
        end = self.end_event()
        self.assertEqual((end["spawnguard.written_by"], end[TAIL]), ("front", "there\n"))
        self.assertNotIn("spawnguard.stderr.detail", end)
        self.assertEqual(end["spawnguard.members.ended"], 1, "the pump is none of the tree")
        self.assertEqual(end["spawnguard.members.killed"], 0)

    def test_front(self):
        run, reader = self.piped("--tail", "-k", "0.2", command=["sh", "-c", "echo there >&2; exec sleep 60"])
        pump = self.pump(run)
        self.assertEqual(os.read(reader.fd, 100), b"there\n")
        run.send(signal.SIGKILL)
        run.wait()
        end = wait_until(lambda: self.events("end"), "the warden writes the end")[0]
        self.assertEqual(end[TAIL], "there\n")
        wait_until(lambda: not Stat(pump).alive, "the pump ends with the tree")
        reader.rest()
        wait_until(lambda: not self.strays(), "all are gone")

    def test_both_guards(self):
        """Nobody is left to ask for the end; the pump holds no lock, and ends when nobody writes any more."""
        run, reader = self.piped("-N", "lost", "--tail", "-k", "0.2", command=["sh", "-c", "echo there >&2; exec sleep 60"])
        warden, pump = self.warden_of(run), self.pump(run)
        self.assertEqual(os.read(reader.fd, 100), b"there\n")
        for pid in (warden, run.pid):  # stopped first: none takes over from the other
            send(pid, signal.SIGSTOP)
        for pid in (warden, run.pid):
            send(pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not Stat(warden).alive, "the warden is dead")
        again = self.run_guard(["-N", "lost"], ["true"])
        self.assertEqual(again.status, 0, again.err)
        self.assertIn("ended 1 process that it left", again.err)
        wait_until(lambda: not Stat(pump).alive, "the pump ends with the pipe")
        self.assertEqual(reader.rest(), b"")
        wait_until(lambda: not self.strays(), "all are gone")


class Apart(TailTest):
    def places(self, pid):
        found = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
            except FileNotFoundError:
                pass
        return sorted(found)

    def test_the_pump_holds_nothing_but_its_ends(self):
        run, reader = self.piped("-N", "apart", "--tail", command=[VICTIM, "sleep"])
        self.wait_ready(run)
        pump = self.pump(run)
        wait_until(lambda: self.places(pump) == ["pipe", "pipe", "socket"], "it has closed all else")
        self.assertEqual(os.readlink(f"/proc/{pump}/cwd"), "/")
        run.send(signal.SIGTERM)
        run.wait()
        reader.rest()

    def test_nothing_of_it_reaches_the_job(self):
        run, _ = self.whole("--tail", command=["sh", "-c", "ls /proc/self/fd | tr '\\n' ' ' >fds"])
        plain = self.start("sh", "-c", "ls /proc/self/fd | tr '\\n' ' ' >plain").wait()
        self.assertEqual((run.status, plain.status), (0, 0))
        self.assertEqual(self.read("fds"), self.read("plain"))

    def test_idle_it_sleeps(self):
        run, reader = self.piped("--tail", command=[VICTIM, "sleep"])
        self.wait_ready(run)
        pump = self.pump(run)
        wait_until(lambda: Stat(pump).state == "S", "it sleeps")
        before = harness.switches(pump)
        harness.observe(0.3)
        self.assertEqual(harness.switches(pump), before)
        run.send(signal.SIGTERM)
        run.wait()
        reader.rest()

    def test_it_sleeps_while_nobody_reads(self):
        run, reader = self.piped("--tail", command=["sh", "-c", "cat /dev/zero >&2"])
        pump = self.pump(run)
        wait_until(lambda: Through.is_full(reader), "the caller's pipe is full")
        before = [-1]

        def sleeps():
            last, before[0] = before[0], harness.switches(pump)
            return last == before[0] and Stat(pump).state == "S"
        wait_until(sleeps, "it does not wake between two looks")
        harness.observe(0.3)
        slept = harness.switches(pump)
        run.send(signal.SIGTERM)
        run.wait()
        self.assertLessEqual(slept - before[0], 3, "a timer of 20 ms would wake it 15 times")


if __name__ == "__main__":
    harness.main()

"""--syslog: every line reaches the system log too, and whatever the log is like changes nothing for the job."""
import os
import re
import signal
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, children, outcome, send, wait_until

DATE = r"[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d"
ERROR, WARNING, NOTE, INFO = 3, 4, 5, 6
ONE_WARNING = r"\Aspawnguard: warning: cannot write to the system log: [^\n]+\n\Z"


class SyslogTest(GuardTest):
    """A /dev and a /run of our own in which the sockets are links to ours."""

    def setUp(self):
        super().setUp()
        self.log = self.listener("log")
        self.journal = None

    def tearDown(self):
        for listener in (self.log, self.journal):
            if listener:
                listener.close()
        super().tearDown()

    def listener(self, name):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(self.path(name))
        sock.setblocking(False)
        return sock

    def script(self):
        there = self.path("dev")
        os.makedirs(there, exist_ok=True)
        lines = [f"mount -t tmpfs t {there}"]
        for node in ("null", "zero", "full", "random", "urandom"):
            lines += [f"touch {there}/{node}", f"mount --bind /dev/{node} {there}/{node}"]
        lines += [f"ln -s /proc/self/fd {there}/fd", f"ln -s {self.path('log')} {there}/log",
                  f"mount --rbind {there} /dev", "mount -t tmpfs t /run"]
        if self.journal:
            lines += ["mkdir -p /run/systemd/journal", f"ln -s {self.path('journal')} /run/systemd/journal/socket"]
        return "\n".join(lines)

    def logged(self, *args, **popen):
        """`spawnguard run --syslog ARGS`, where the log is ours."""
        return self.in_mounts(self.script(), SPAWNGUARD, "run", "-N", "s", *args, **popen)

    def datagrams(self, sock=None):
        found = []
        while True:
            try:
                found.append((sock or self.log).recv(65536))
            except BlockingIOError:
                return found

    def lines(self, pid, facility=1):
        """[(priority, text)] of the log, each checked for its form."""
        found = []
        for datagram in self.datagrams():
            form = re.fullmatch(rf"<(\d+)>{DATE} spawnguard\[(\d+)\]: ([^\n]*)", datagram.decode())
            self.assertTrue(form, datagram)
            self.assertEqual(int(form[2]), pid, "the pid of front")
            self.assertEqual(int(form[1]) >> 3, facility)
            found.append((int(form[1]) & 7, form[3]))
        return found

    def until_the_background_is_gone(self):
        """The datagrams of a detached run, whose front becomes a child of this process."""
        wait_until(lambda: self._reap() or not children(os.getpid()), "the guard in the background is gone")
        return self.datagrams()

    def assert_lines(self, found, *wanted):
        self.assertEqual([level for level, _ in found], [level for level, _ in wanted], found)
        for (_, text), (_, pattern) in zip(found, wanted):
            self.assertRegex(text, pattern)


class Lines(SyslogTest):
    def test_a_start_and_an_end(self):
        run = self.logged("--syslog", "--run-id", "0123456789", "--", "true").wait()
        self.assertEqual((run.status, run.err), (0, ""))
        self.assert_lines(self.lines(run.pid), (INFO, r"\As: run 01234567 starts: true\Z"),
                          (INFO, r"\As: run 01234567 ended: ok, exit status 0, after \S+\Z"))

    def test_a_failure(self):
        run = self.logged("--syslog", "--", "sh", "-c", "exit 3").wait()
        self.assertEqual((run.status, run.err), (3, ""))
        self.assert_lines(self.lines(run.pid), (INFO, "starts: sh -c 'exit 3'"), (NOTE, "ended: failed, exit status 3,"))
        run = self.logged("--syslog", "--", "sh", "-c", "kill -9 $$").wait()
        self.assertEqual((run.status, run.err), (-9, ""))
        self.assert_lines(self.lines(run.pid), (INFO, "starts"), (NOTE, r"ended: signaled, exit status 137 \(KILL\),"))

    def test_what_counts_as_ok(self):
        run = self.logged("--syslog", "--success-status=3", "--", "sh", "-c", "exit 3").wait()
        self.assert_lines(self.lines(run.pid), (INFO, "starts"), (INFO, "ended: ok, exit status 3,"))

    def test_what_the_warden_says(self):
        run = self.logged("--syslog", "-v", "-t", "0.3", "-k", "0.1", "--", VICTIM, "sleep").wait()
        self.assertEqual(run.status, 124)
        lines = self.lines(run.pid)
        self.assert_lines(lines[-2:], (NOTE, "timeout after 300ms: ended 1 process"), (NOTE, "ended: timeout, exit status 124"))
        said = [line.removeprefix("spawnguard: ") for line in run.err.splitlines()]
        self.assertEqual([text for _, text in lines[1:-1]], said, "word by word")
        self.assertIn(INFO, [level for level, text in lines if "sending the first signal" in text])

    def test_quiet_is_for_stderr(self):
        run = self.logged("--syslog", "-q", "-t", "0.3", "-k", "0.1", "--", VICTIM, "sleep").wait()
        self.assertEqual((run.status, run.err), (124, ""))
        self.assert_lines(self.lines(run.pid), (INFO, "starts"), (NOTE, "timeout after"), (NOTE, "ended: timeout"))

    def test_errors_and_warnings(self):
        run = self.logged("--syslog", "--status-file=/no/such", "--", "/no/such/program").wait()
        self.assertEqual(run.status, 127)
        lines = self.lines(run.pid)
        self.assert_lines(lines, (INFO, "starts"), (ERROR, "cannot execute /no/such/program"),
                          (WARNING, "warning: cannot write the status"), (NOTE, "ended: failed, exit status 127"))
        self.assertEqual([text for _, text in lines[1:-1]], [l.removeprefix("spawnguard: ") for l in run.err.splitlines()])
        run = self.logged("--syslog", "-C", "missing", "--", "true").wait()
        self.assert_lines(self.lines(run.pid), (INFO, "starts"), (ERROR, "cannot start the job in missing"),
                          (NOTE, "ended: guard_error, exit status 125"))

    def test_refusals(self):
        held = self.holder("-N", "s")
        for how, status, said in (("fail", 75, True), ("skip", 0, False)):
            with self.subTest(how):
                run = self.logged("--syslog", f"--on-conflict={how}", "--", "true").wait()
                self.assertEqual(run.status, status)
                self.assertEqual(bool(run.err), said)
                lines = self.lines(run.pid)
                self.assert_lines(lines, (WARNING, "already running: s, pid"))
                if said:
                    self.assertEqual(run.err, f"spawnguard: {lines[0][1]}\n")
        held.send(signal.SIGTERM)
        held.wait()

    def test_a_splay_that_was_ended(self):
        run = self.logged("--syslog", "-v", "--splay=1d", "--", "true")
        wait_until(lambda: "starting in" in run.err or not run.running(), "it waits")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM)
        self.assert_lines(self.lines(run.pid), (INFO, "starting in"), (NOTE, "nothing was started"))

    def test_front_alone(self):
        run = self.logged("--syslog", "-k", "0.1", "--", VICTIM, "sleep")
        self.wait_ready(run)
        send(children(run.pid)[0], signal.SIGKILL)
        self.assertEqual(run.wait().status, 125)
        self.assert_lines(self.lines(run.pid), (INFO, "starts"), (NOTE, "its warden was killed: ended"),
                          (NOTE, "ended: guard_error, exit status 125"))
        self.assert_no_survivor()

    def test_a_detached_run(self):
        run = self.logged("--syslog=cron", "--detach", "--run-id", "0123456789", "--", "true").wait()
        self.assertEqual((run.status, run.err), (0, ""))
        found = self.until_the_background_is_gone()
        pids = {re.search(rb"spawnguard\[(\d+)\]: s: run 01234567 (?:starts|ended)", d)[1] for d in found}
        self.assertEqual(len(pids), 1, found)
        self.assertNotEqual(pids, {b"%d" % run.pid}, "the front in the background")

    def test_a_detached_run_that_cannot_start(self):
        run = self.logged("--syslog", "--detach", "--", "/no/such/program").wait()
        self.assertEqual(run.status, 127)
        found = self.until_the_background_is_gone()
        self.assertEqual([bool(re.search(rb"cannot execute /no/such", d)) for d in found], [False, True, False], found)

    def test_facilities(self):
        for name, number in (("user", 1), ("daemon", 3), ("cron", 9), ("local0", 16), ("local7", 23)):
            run = self.logged(f"--syslog={name}", "--", "true").wait()
            self.assertEqual(len(self.lines(run.pid, number)), 2, name)

    def test_record_command_holds_here_too(self):
        run = self.logged("--syslog", "--record-command=name", "--", "sh", "-c", "true secret").wait()
        self.assert_lines(self.lines(run.pid), (INFO, r"starts: sh\Z"), (INFO, "ended"))

    def test_foreign_bytes_make_no_second_line(self):
        run = self.logged("--syslog", "--", "true", "a\n<11>forged").wait()
        lines = self.lines(run.pid)
        self.assert_lines(lines, (INFO, r"starts: true .*\\n<11>forged"), (INFO, "ended"))

    def test_nothing_without_the_option(self):
        for args in ([], ["--syslog=none"], ["--syslog", "--dry-run"]):
            self.assertEqual(self.logged(*args, "--", "true").wait().status, 0)
            self.assertEqual(self.datagrams(), [])

    def test_the_job_does_not_see_it(self):
        look = ["sh", "-c", "ls /proc/self/fd"]
        self.assertEqual(self.logged("--syslog", "--", *look).wait().out, self.logged("--", *look).wait().out)


class Trouble(SyslogTest):
    def few_lines(self, *args):
        return self.logged("--syslog", "-v", *args, "-t", "0.3", "-k", "0.1", "--", VICTIM, "setsid").wait()

    def assert_unharmed(self, why):
        run = self.few_lines()
        self.assertEqual(run.status, 124, run.err)
        self.assertEqual(run.err.count("system log"), 1, run.err)
        self.assertIn(why, run.err)
        self.assertLess(run.wall, 5 * SCALE)
        self.assert_no_survivor(why)
        run = self.logged("--syslog", "--", "sh", "-c", "exit 7").wait()
        self.assertEqual(run.status, 7)
        self.assertRegex(run.err, ONE_WARNING)
        self.assertEqual(self.logged("--syslog", "-q", "--", "true").wait().err, "")
        self.assertNotIn("guard_error", [outcome(e) for e in self.events("end")])

    def test_an_absent_log(self):
        os.unlink(self.path("log"))
        self.assert_unharmed("/dev/log: No such file or directory")

    def test_a_log_that_nobody_has_open(self):
        self.log.close()
        self.log = None
        self.assert_unharmed("/dev/log: Connection refused")

    def test_a_full_log(self):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        try:
            while True:
                sender.sendto(b"full", self.path("log"))
        except BlockingIOError:
            pass
        self.assert_unharmed("/dev/log: Resource temporarily unavailable")
        self.assertEqual({d for d in self.datagrams()}, {b"full"})
        sender.close()

    def test_a_log_of_another_kind(self):
        self.log.close()
        os.unlink(self.path("log"))
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.log.bind(self.path("log"))
        self.log.listen()
        self.assert_unharmed("/dev/log: Protocol wrong type for socket")

    def test_one_that_comes_back_is_found(self):
        self.log.close()
        os.unlink(self.path("log"))
        run = self.logged("--syslog", "--", "sh", "-c", f"echo >{self.path('runs')}; while [ ! -e {self.path('go')} ]; do sleep 0.01; done")
        wait_until(lambda: os.path.exists(self.path("runs")), "the job runs")
        self.log = self.listener("log")
        self.write("go", "")
        self.assertEqual(run.wait().status, 0)
        self.assert_lines(self.lines(run.pid), (INFO, "ended: ok"))


class Journal(SyslogTest):
    def setUp(self):
        super().setUp()
        self.journal = self.listener("journal")

    def fields(self):
        return [dict(line.split("=", 1) for line in d.decode().splitlines()) for d in self.datagrams(self.journal)]

    def test_fields(self):
        run = self.logged("--syslog=daemon", "--run-id", "0123456789", "--", "sh", "-c", "exit 3").wait()
        self.assertEqual((run.status, run.err), (3, ""))
        first, last = self.fields()
        common = {"SYSLOG_IDENTIFIER": "spawnguard", "SYSLOG_FACILITY": "3", "SYSLOG_PID": str(run.pid),
                  "SPAWNGUARD_JOB": "s", "SPAWNGUARD_RUN_ID": "0123456789"}
        self.assertEqual(first, common | {"MESSAGE": "s: run 01234567 starts: sh -c 'exit 3'", "PRIORITY": "6"})
        self.assertRegex(last.pop("MESSAGE"), r"\As: run 01234567 ended: failed, exit status 3, after \S+\Z")
        self.assertEqual(last, common | {"PRIORITY": "5"})
        self.assertEqual(self.datagrams(), [], "one of the two")

    def test_an_absent_journal_is_no_matter(self):
        self.journal.close()
        run = self.logged("--syslog", "--", "sh", "-c", "exit 7").wait()
        self.journal = None
        self.assertEqual(run.status, 7)
        self.assertRegex(run.err, ONE_WARNING)
        self.assertIn("/run/systemd/journal/socket: Connection refused", run.err)


class Stream(GuardTest):
    """stderr is a stream of the journal where JOURNAL_STREAM says so: the priority goes before each line."""

    def said(self, stream, *args):
        with open(self.path("stream"), "wb") as f:
            st = os.fstat(f.fileno())
            env = dict(self.env, JOURNAL_STREAM=stream.format(dev=st.st_dev, ino=st.st_ino, other=st.st_ino + 1))
            run = self.guard("-N", "s", *args, stderr=f, env=env).wait()
        self.assertIsNotNone(run.status)
        # the sanitizer's own words go there too
        return harness.ASAN_NOISE.sub("", self.read("stream"))

    def test_priorities(self):
        said = self.said("{dev}:{ino}", "--", "/no/such/program")
        self.assertRegex(said, r"\A<3>spawnguard: cannot execute [^\n]+\n\Z")
        said = self.said("{dev}:{ino}", "-v", "-t", "0.3", "-k", "0.1", "--", VICTIM, "sleep")
        self.assertRegex(said, r"\A(<6>spawnguard: s: [^\n]+\n)+<5>spawnguard: s: timeout after [^\n]+\n\Z")

    def test_not_where_it_is_another_file(self):
        for stream in ("{dev}:{other}", "", "{ino}", "x:y", "{dev}:{ino}0", " {dev}:{ino}"):
            said = harness.REPEATS.sub("", self.said(stream, "--", "/no/such/program"))
            self.assertRegex(said, r"\Aspawnguard: cannot execute [^\n]+\n\Z", stream)

    def test_the_job_keeps_the_variable(self):
        run = self.run_guard([], ["sh", "-c", "echo $JOURNAL_STREAM"], env=dict(self.env, JOURNAL_STREAM="8:15"))
        self.assertEqual(run.out, "8:15\n")


if __name__ == "__main__":
    harness.main()

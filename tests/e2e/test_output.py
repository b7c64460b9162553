"""--output, --log, --log-max: what a job writes is kept in order, bounded, and shown only where it is owed."""
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, VICTIM, GuardTest, Stat, outcome, wait_until

MIB = 1 << 20
MIXED = "for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done; "
IN_ORDER = "".join(f"o{i}\ne{i}\n" for i in range(1, 6))
WRITER = """
import os, sys, time
line, bound = b'x' * 65535 + b'\\n', int(sys.argv[2])
for i in range(int(sys.argv[1])):
    os.write(1, line)
    deadline = time.monotonic() + 60
    while i % 512 == 511 and os.fstat(1).st_blocks * 512 > bound:
        if time.monotonic() > deadline:
            sys.exit(3)
        time.sleep(0.001)
os.write(1, b'the end\\n')
sys.exit(7)
"""


class OutputTest(GuardTest):
    def logs(self):
        folder = os.path.join(self.state, "logs")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def quiet(self, *args, command, **popen):
        return self.guard("-N", "q", *args, "--", *command, **popen)

    def on_failure(self, script, *args):
        return self.quiet("--output=on-failure", *args, command=["sh", "-c", script]).wait()


class OnFailure(OutputTest):
    def test_success_is_silent_and_leaves_nothing(self):
        run = self.on_failure(MIXED + "exit 0")
        self.assertEqual((run.status, run.out, run.err), (0, "", ""))
        self.assertEqual(self.logs(), [])
        self.assertNotIn("spawnguard.log", self.end_event())

    def test_failure_shows_all_in_order_and_where_it_is_kept(self):
        rows = [
            ("exit 7", 7, "failed, status 7"),
            ("kill -ABRT $$", -6, r"signaled, status 134 \(ABRT\)"),
        ]
        for script, status, words in rows:
            with self.subTest(script):
                run = self.on_failure("ulimit -c 0; " + MIXED + script)
                self.assertEqual((run.status, run.out), (status, IN_ORDER))
                self.assertRegex(run.err, rf"\Aspawnguard: q: {words}, output: {self.state}/logs/\w+\n\Z")
                path = run.err.split()[-1]
                with open(path) as f:
                    self.assertEqual(f.read(), IN_ORDER)
                self.assertIn(path, [e.get("spawnguard.log") for e in self.events("end")])

    def test_the_whole_tree_writes_there(self):
        run = self.on_failure("(echo child; (setsid sh -c 'echo far >&2')); exit 1")
        self.assertEqual(run.out, "child\nfar\n")

    def test_timeout_and_quiet(self):
        run = self.on_failure("echo begun; exec sleep 100", "-t", "0.3", "-k", "0.1", "-q")
        self.assertEqual((run.status, run.err), (124, ""))
        with open(self.end_event()["spawnguard.log"]) as f:
            self.assertEqual(run.out, f.read())

    def test_nothing_written_is_said(self):
        run = self.on_failure("exit 3")
        self.assertEqual((run.status, run.out), (3, ""))
        self.assertRegex(run.err, r"\Aspawnguard: q: failed, status 3, no output: \S+\n\Z")

    def test_what_was_not_started_leaves_nothing(self):
        run = self.quiet("--output=on-failure", command=["/no/such"]).wait()
        self.assertEqual((run.status, run.out), (127, ""))
        self.assertRegex(run.err, r"\Aspawnguard: cannot execute [^\n]+\n\Z")
        self.assertEqual(self.logs(), [])

    def test_a_status_that_counts_as_ok_is_silent(self):
        run = self.on_failure(MIXED + "exit 3", "--success-status=0,3")
        self.assertEqual((run.status, run.out, run.err), (3, "", ""))
        self.assertEqual(self.logs(), [])

    def test_never_shows_nothing_and_keeps_what_failed(self):
        run = self.quiet("--output=never", command=["sh", "-c", MIXED + "exit 7"]).wait()
        self.assertEqual((run.status, run.out, run.err), (7, "", ""))
        with open(self.end_event()["spawnguard.log"]) as f:
            self.assertEqual(f.read(), IN_ORDER)
        run = self.quiet("--output=never", command=["sh", "-c", MIXED]).wait()
        self.assertEqual((run.status, run.out, run.err, len(self.logs())), (0, "", "", 1))


class Reader(OutputTest):
    SCRIPT = "head -c 300000 /dev/zero | tr '\\0' x; exit 7"

    def test_one_that_is_gone_costs_nothing_but_the_showing(self):
        read, write = os.pipe()
        os.close(read)
        run = self.quiet("--output=on-failure", command=["sh", "-c", self.SCRIPT], stdout=write)
        os.close(write)
        self.assertEqual(run.wait().status, 7)
        self.assertRegex(run.err, r"\Aspawnguard: warning: the output could not be shown to its end: Broken pipe; "
                                  r"[^\n]+\nspawnguard: q: failed, status 7, output: [^\n]+\n\Z")
        self.assertEqual(os.stat(run.err.split()[-1]).st_size, 300000)

    def test_one_that_does_not_read_keeps_no_lock_and_can_be_left(self):
        read, write = os.pipe()
        run = self.quiet("--output=on-failure", command=["sh", "-c", self.SCRIPT], stdout=write)
        os.close(write)
        wait_until(lambda: self.events("end") and not harness.children(run.pid), "the job is over")
        again = self.run_guard(["-N", "q", "-w", "20"], ["true"])
        self.assertEqual((again.status, again.err), (0, ""))
        self.assertTrue(run.running())
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, 7)
        self.assertIn("asked to stop", run.err)
        os.close(read)

    def test_a_full_disk_behind_it(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            run = self.quiet("--output=on-failure", command=["sh", "-c", self.SCRIPT], stdout=full).wait()
        self.assertEqual(run.status, 7)
        self.assertIn("No space left on device", run.err)


class Bounded(OutputTest):
    MANY = 4096 if SANITIZED else 16384  # lines of 64 KiB: 1 GiB
    MAX = 1 << 20

    def test_a_flood_takes_no_more_of_the_disk_and_its_end_is_kept(self):
        # It goes on only when what it wrote has been given back: meanwhile too, not only at the end.
        run = self.quiet("--output=on-failure", f"--log-max={self.MAX}",
                         command=["/usr/bin/python3", self.write("writer.py", WRITER), str(self.MANY),
                                  str(self.MAX + 8192)]).wait(timeout=100)
        self.assertEqual(run.status, 7)
        self.assertEqual(run.out[-8:], "the end\n")
        self.assertLessEqual(len(run.out), self.MAX)
        self.assertGreater(len(run.out), self.MAX - 8192)
        self.assertNotIn("\0", run.out)
        self.assertRegex(run.err, r"\Aspawnguard: the first \S+ of the output are gone: more than --log-max 1M\n")
        path = run.err.split()[-1]
        self.assertEqual(os.stat(path).st_size, self.MANY * 65536 + 8)
        self.assertLessEqual(os.stat(path).st_blocks * 512, self.MAX + 8192)

    def test_none_keeps_all(self):
        run = self.on_failure("head -c 3000000 /dev/zero | tr '\\0' x; exit 7", "--log-max=none")
        self.assertEqual((run.status, len(run.out)), (7, 3000000))

    def test_a_quiet_one_is_not_looked_at(self):
        held = self.holder("-N", "q", "--output=never", "--interval=none", "-v")
        front = held.pid
        wait_until(lambda: self.sleeps_for_ever(front), "front sleeps until there are news")
        held.send(signal.SIGTERM)
        held.wait()

    def sleeps_for_ever(self, pid):
        before = harness.switches(pid)
        harness.observe(1.5)
        return harness.switches(pid) == before

    def test_a_disk_without_holes_starts_anew_and_says_so(self):
        if SANITIZED:
            self.skipTest("the filter is no place for the sanitizer")
        deny = os.path.join(os.environ["SG_TEST_BIN"], "deny")
        script = self.write("writer.py", WRITER)
        run = self.start(deny, "fallocate=EOPNOTSUPP", "--", SPAWNGUARD, "run", "-N", "q", "--output=on-failure",
                         "--log-max=1M", "--", "/usr/bin/python3", script, "1024", str(MIB + 65536)).wait()
        self.assertEqual(run.status, 7)
        self.assertLess(os.stat(run.err.split()[-1]).st_size, 1024 * 65536)
        self.assertLessEqual(len(run.out), MIB)

    def test_a_full_disk_is_the_jobs_own_failure_and_said(self):
        full = f'mount -t tmpfs -o size=256k,mode=700 t "{self.state}"'
        script = "tr '\\0' x </dev/zero | head -c 1000000; exit 7"
        shown = 0
        for output in ("on-failure", "never"):
            with self.subTest(output):
                run = self.in_mounts(full, SPAWNGUARD, "run", "-N", "q", f"--output={output}", "--", "sh", "-c", script).wait()
                self.assertEqual(run.status, 7)
                self.assertRegex(run.err, r"spawnguard: warning: the disk is full: the job may not have been able to write "
                                          r"all of \S+; make room\n")
                shown += run.out.count("x")
        self.assertGreater(shown, 65536, "what there was room for")


class OfTheUser(OutputTest):
    def test_a_file_is_appended_to_and_never_removed(self):
        path = self.write("mine.log", "before\n")
        for status, shown in ((0, ""), (7, IN_ORDER)):
            with self.subTest(status):
                run = self.on_failure(MIXED + f"exit {status}", "--log=mine.log")
                self.assertEqual((run.status, run.out), (status, shown))
        self.assertEqual(self.read("mine.log"), "before\n" + 2 * IN_ORDER)
        self.assertEqual(self.events("end")[-1]["spawnguard.log"], path)
        self.assertEqual(self.logs(), [])

    def test_a_new_one_is_made_as_the_user_makes_files(self):
        self.quiet("--output=never", f"--log={self.path('new')}", command=["true"], umask=0o027).wait()
        self.assertEqual(os.stat(self.path("new")).st_mode & 0o777, 0o640)

    def test_what_cannot_be_opened_starts_nothing(self):
        ran = self.path("ran")
        os.mkfifo(self.path("fifo"))
        rows = [
            ("no directory", ["--output=never", "--log=/no/such/file"]),
            ("a directory", ["--output=never", f"--log={self.scratch}"]),
            ("nobody reads", ["--output=never", f"--log={self.path('fifo')}"]),
            ("cannot be read again", ["--output=on-failure", "--log=/dev/null"]),
            ("longer than the record keeps", ["--output=never", "--log=/" + "x" * 255]),
        ]
        for what, args in rows:
            with self.subTest(what):
                run = self.quiet(*args, command=["touch", ran]).wait()
                self.assertEqual((run.status, os.path.exists(ran)), (125, False), run.err)
                self.assertRegex(run.err, r"\Aspawnguard: [^\n]*nothing was started[^\n]*\n\Z")
        self.assertEqual(self.records(), [])

    def test_a_device_takes_what_is_never_shown(self):
        run = self.quiet("--output=never", "--log=/dev/null", command=["sh", "-c", "echo x; exit 7"]).wait()
        self.assertEqual((run.status, run.out, run.err), (7, "", ""))

    def test_alone_it_has_no_effect_and_that_is_said(self):
        run = self.quiet("--log=mine.log", command=["echo", "x"]).wait()
        self.assertEqual((run.status, run.out), (0, "x\n"))
        self.assertRegex(run.err, r"\Aspawnguard: warning: --log has no effect [^\n]+\n\Z")
        self.assertFalse(os.path.exists(self.path("mine.log")))

    def test_a_planted_directory_of_logs_starts_nothing(self):
        for mode in (0o755, 0o777):
            with self.subTest(oct(mode)):
                shutil.rmtree(os.path.join(self.state, "logs"), ignore_errors=True)
                os.mkdir(os.path.join(self.state, "logs"))
                os.chmod(os.path.join(self.state, "logs"), mode)
                self.assertEqual(self.on_failure("exit 0").status, 125)


if __name__ == "__main__":
    harness.main()

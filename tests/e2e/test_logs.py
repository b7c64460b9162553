"""logs: what a run wrote to a file of ours or of its user's, as it is; -f goes on until the run ends, and sleeps."""
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, VICTIM, GuardTest, Stat, send, wait_until

TERM, KILL, STOP = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP
MIB = 1 << 20
# One line of the gate is one step of the job; the end of the gate is its end.
STEPS = "while read step; do echo out $step; echo err $step >&2; done <%s; exit 7"
FLOOD = """
import os, sys
for i in range(int(sys.argv[1])):
    os.write(1, b'%09d\\n' % i * 100)
"""


class LogsTest(GuardTest):
    def detached(self, *args, command):
        run = self.guard("--detach", *args, "--", *command).wait()
        self.assertEqual((run.status, run.err), (0, ""))
        return run.out.strip()

    def shell(self, script, *args):
        """A detached run of `script` that has ended: its run id."""
        run_id = self.detached("-N", "j", *args, command=["sh", "-c", script])
        self.over()
        return run_id

    def over(self):
        wait_until(lambda: not self.strays(), "the background is gone")

    def stepped(self, *args):
        """A detached run that writes when its gate is written to; the gate."""
        gate = self.path(f"gate-{len(self.events('start'))}")
        os.mkfifo(gate)
        run_id = self.detached("-N", "j", *args, command=["sh", "-c", STEPS % gate])
        return run_id, open(gate, "w", buffering=1)

    def logs(self, *words, **popen):
        return self.command("logs", *words, **popen)

    def follower(self, *words, **popen):
        return self.start(SPAWNGUARD, "logs", "-f", *words, **popen)

    def sleeps(self, run):
        try:
            with open(f"/proc/{run.pid}/wchan") as f:
                return Stat(run.pid).comm == "logs" and "poll" in f.read()
        except OSError:
            return False

    def file_of(self, run_id):
        return os.path.join(self.state, "logs", run_id)


class Prints(LogsTest):
    def test_what_a_detached_run_wrote_byte_for_byte(self):
        data = bytes(range(256)) + b"\x1b[2J no newline at the end"
        with open(self.path("data"), "wb") as f:
            f.write(data)
        run_id = self.shell("cat data")
        for word in ("j", run_id, run_id[:4]):
            run = self.logs(word)
            self.assertEqual((run.status, run.err), (0, ""))
            self.assertEqual(run.out.encode("utf-8", "surrogateescape"), data)

    def test_of_one_that_goes_on_what_it_wrote_so_far(self):
        run_id, gate = self.stepped()
        self.assertEqual(self.logs("j").out, "")
        gate.write("1\n")
        wait_until(lambda: self.logs(run_id).out == "out 1\nerr 1\n", "the step is there")
        gate.close()
        self.over()

    def test_what_a_failed_run_of_the_foreground_kept(self):
        for output in ("on-failure", "never"):
            with self.subTest(output):
                self.run_guard(["-N", output, f"--output={output}"], ["sh", "-c", "echo x; exit 3"])
                run = self.logs(output)
                self.assertEqual((run.status, run.out, run.err), (0, "x\n", ""))

    def test_a_file_of_the_users_as_a_whole(self):
        self.write("mine", "before\n")
        self.run_guard(["-N", "j", "--output=never", "--log=mine"], ["echo", "x"])
        self.assertEqual(self.logs("j", cwd="/").out, "before\nx\n")

    def test_nothing_written_is_nothing_printed(self):
        self.shell("exit 0")
        run = self.logs("j")
        self.assertEqual((run.status, run.out, run.err), (0, "", ""))

    def test_only_the_last_lines(self):
        self.shell("seq 100000; printf end")
        for words, out in ((["--tail=3"], "99999\n100000\nend"), (["-n", "1"], "end")):
            self.assertEqual(self.logs(*words, "j").out, out)
        self.assertEqual(self.logs("--tail=none", "j").out, self.logs("-n", "1000000", "j").out)

    def test_a_state_directory_that_has_moved_since(self):
        self.shell("echo x")
        os.rename(self.state, self.path("elsewhere"))
        os.mkdir(self.state, 0o700)
        run = self.logs("--state-dir", self.path("elsewhere"), "j")
        self.assertEqual((run.status, run.out, run.err), (0, "x\n", ""))

    def test_the_last_output_that_was_kept_and_that_it_is_not_of_the_newest_run(self):
        run_id = self.shell("echo old")
        said = rf"\Aspawnguard: the newest run of j keeps no output: this is of run {run_id[:8]}, which ended \S+ ago\n\Z"
        self.run_guard(["-N", "j"], ["true"])
        run = self.logs("j")
        self.assertEqual((run.status, run.out), (0, "old\n"))
        self.assertRegex(run.err, said)
        held = self.holder("-N", "j")
        run = self.logs("-f", "j")
        self.assertEqual((run.status, run.out), (0, "old\n"), "and does not wait for the other one")
        self.assertRegex(run.err, said)
        held.send(TERM)
        held.wait()

    def test_keys_of_the_file_that_are_named_alike_are_not_its_options(self):
        config = self.write("conf", "[defaults]\ntail = 4K\ntimeout = 1ms\n", 0o600)
        self.shell("echo x")
        self.assertEqual(self.logs("--config", config, "j").out, "x\n")
        self.assertEqual(self.command("wait", "--config", config, "j").status, 0)


class Bounded(LogsTest):
    def test_what_was_given_back_is_passed_over_and_that_is_said(self):
        flood = self.write("flood.py", FLOOD)
        self.detached("-N", "j", "--log-max=64K", command=["python3", flood, "1000"])
        self.over()
        run = self.logs("j")
        self.assertEqual(run.status, 0)
        self.assertRegex(run.err, r"\Aspawnguard: the first \S+ of the output are gone: given back by --log-max\n\Z")
        self.assertTrue(run.out.endswith("000000999\n"))
        self.assertGreaterEqual(len(run.out), 65536)
        self.assertLess(len(run.out), 65536 + 4096)
        self.assertNotIn("\0", run.out)
        run = self.logs("-n", "2", "j")
        self.assertEqual((run.out, run.err), ("000000999\n" * 2, ""))

    def test_a_reader_too_slow_for_the_bound_gets_no_zeros(self):
        flood = self.write("flood.py", FLOOD)
        gate = self.path("gate")
        os.mkfifo(gate)
        run_id = self.detached("-N", "j", "--log-max=64K",
                               command=["sh", "-c", f"echo first; read x <{gate}; python3 {flood} 5000; read x <{gate}"])
        read, write = os.pipe()
        run = self.follower("j", stdout=write)
        os.close(write)
        self.assertEqual(os.read(read, 6), b"first\n")
        with open(gate, "w") as f:
            f.write("\n")
        size = 6 + 5000 * 1000
        wait_until(lambda: os.stat(self.file_of(run_id)).st_size == size
                   and os.stat(self.file_of(run_id)).st_blocks * 512 <= 65536 + 8192, "all is written, little is kept")
        with open(gate, "w") as f:
            f.write("\n")
        out = b""
        while chunk := os.read(read, 65536):
            out += chunk
        os.close(read)
        self.assertEqual(run.wait().status, 0)
        self.assertNotIn(b"\0", out)
        self.assertTrue(out.endswith(b"000004999\n"))
        self.assertLess(len(out), size)
        self.assertRegex(run.err, r"\Aspawnguard: \S+ of the output went by faster than they were printed: "
                                  r"given back by --log-max\n")
        self.over()


class Follows(LogsTest):
    def test_until_the_run_ends_and_all_of_it(self):
        run_id, gate = self.stepped()
        runs = [self.follower("j"), self.follower(run_id), self.start(SPAWNGUARD, "logs", "--follow", "--tail=1", "j")]
        wanted = ""
        for step in range(20):
            gate.write(f"{step}\n")
            wanted += f"out {step}\nerr {step}\n"
            wait_until(lambda: all(run.out == wanted for run in runs[:2]), "each step is shown when it is made")
        gate.close()
        for run in runs:
            self.assertEqual((run.wait().status, run.err), (0, ""), "its own status, not that of the run")
            self.assertTrue(wanted.endswith(run.out) and run.out)
        self.assertEqual(self.logs("-f", "j").out, wanted)
        self.over()

    def test_it_sleeps_meanwhile(self):
        self.needs("pidfd_open")
        _, gate = self.stepped()
        run = self.follower("j")
        gate.write("1\n")
        wait_until(lambda: run.out == "out 1\nerr 1\n" and self.sleeps(run), "it waits for more")
        before = harness.switches(run.pid)
        harness.observe(1.5)
        self.assertEqual(harness.switches(run.pid), before, "it looks again and again")
        gate.close()
        run.wait()
        self.over()

    def test_what_is_written_at_the_very_end_is_not_lost(self):
        for i in range(20):
            run_id = self.detached("-N", "j", "--output=on-failure", command=["sh", "-c", f"seq 2000; exit {i % 2}"])
            run = self.follower(run_id).wait()
            if run.status == 1: # it was over before: its output is gone if it was ok
                self.assertEqual(i % 2, 0, run.err)
            else:
                self.assertEqual((run.status, run.out.count("\n"), run.err), (0, 2000, ""))
            self.over()

    def test_with_what_the_guard_says_at_the_end(self):
        run_id = self.detached("-N", "j", "-t", "0.5", "-k", "0.1", command=[VICTIM, "sleep"])
        run = self.follower(run_id).wait()
        self.assertEqual(run.status, 0)
        self.assertRegex(run.out, r"\Aspawnguard: j: timeout after 500ms: ended 1 process[^\n]*\n\Z")
        self.over()

    def test_one_whose_guards_are_killed(self):
        _, gate = self.stepped()
        gate.write("1\n")
        run = self.follower("j")
        wait_until(lambda: run.out == "out 1\nerr 1\n", "it follows")
        front = self.events("start")[0]["process.pid"]
        (warden,) = harness.children(front)
        for sig in (STOP, KILL):
            send(front, sig), send(warden, sig)
        self.assertEqual(run.wait().status, 0)
        self.assertEqual(self.logs("j").out, run.out, "its record tells where its output is")
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.logs("j").out, run.out, "so does the history")
        gate.close()
        self.over()

    def test_a_file_that_is_cut_meanwhile(self):
        self.write("mine", "")
        _, gate = self.stepped("--log=mine")
        gate.write("some text\n")
        run = self.follower("j")
        wait_until(lambda: run.out == "out some text\nerr some text\n", "it follows")
        os.truncate(self.path("mine"), 0)
        wait_until(lambda: " was cut, going on from the beginning of " in run.err, "it is said")
        gate.write("2\n")
        wait_until(lambda: run.out.endswith("out 2\nerr 2\n"), "it goes on")
        gate.close()
        self.assertEqual(run.wait().status, 0)
        self.over()

    def test_a_file_that_is_removed_meanwhile_goes_on(self):
        run_id, gate = self.stepped()
        run = self.follower("j")
        wait_until(lambda: self.sleeps(run), "it follows")
        os.unlink(self.file_of(run_id))
        gate.write("1\n")
        wait_until(lambda: run.out == "out 1\nerr 1\n", "the step is shown")
        gate.close()
        self.assertEqual(run.wait().status, 0)
        self.over()

    def test_a_reader_that_goes_ends_it_though_nothing_is_written(self):
        _, gate = self.stepped()
        read, write = os.pipe()
        run = self.follower("j", stdout=write)
        os.close(write)
        wait_until(lambda: self.sleeps(run), "it follows")
        os.close(read)
        self.assertEqual(run.wait().status, -signal.SIGPIPE)
        gate.close()
        self.over()

    def test_where_no_news_of_files_are_to_be_had(self):
        if SANITIZED:
            self.skipTest("the filter is no place for the sanitizer")
        deny = os.path.join(os.environ["SG_TEST_BIN"], "deny")
        _, gate = self.stepped()
        run = self.start(deny, "inotify_init1=EMFILE", "--", SPAWNGUARD, "logs", "-f", "j")
        gate.write("1\n")
        wait_until(lambda: run.out == "out 1\nerr 1\n", "the step is shown")
        gate.close()
        self.assertEqual(run.wait().status, 0)
        self.over()


class Together(LogsTest):
    def test_ps_logs_wait_and_kill_of_one_run_in_the_background(self):
        run_id, gate = self.stepped()
        gate.write("1\n")
        self.assertIn("j", self.command("ps").out)
        self.assertEqual(self.command("ps", run_id).status, 0)
        follows, waits = self.follower(run_id), self.start(SPAWNGUARD, "wait", run_id)
        wait_until(lambda: follows.out == "out 1\nerr 1\n", "it follows")
        kills = self.command("kill", run_id)
        self.assertEqual(kills.status, 0, kills.err)
        self.assertEqual((waits.wait().status, follows.wait().status), (143, 0))
        self.assertRegex(waits.out, rf"\Aj {run_id[:8]}: killed, status 143 \(TERM\), \S+, output: {self.file_of(run_id)}\n\Z")
        self.assertTrue(follows.out.startswith("out 1\nerr 1\n"))
        self.assertEqual(self.command("ps", "j").status, 1)
        gate.close()
        self.over()


class Refusals(LogsTest):
    def test_what_is_not_there_is_1_and_why(self):
        self.run_guard(["-N", "passed", "--run-id", "passed-1"], ["true"])
        self.run_guard(["-N", "good", "--output=on-failure"], ["echo", "x"])
        held = self.holder("-N", "held", "--run-id", "held-1")
        self.run_guard(["-N", "gone", "--output=never"], ["false"])
        shutil.rmtree(os.path.join(self.state, "logs"))
        self.run_guard(["-N", "nowhere", "--output=never", "--log=/dev/null"], ["false"])
        kept = r"run \S+ of %s (keeps|kept) no output: [^\n]+; to keep it: run --detach, or run --output=on-failure"
        rows = [
            ("unknown", r"no run of unknown is known; see: spawnguard ps"),
            ("hel", r"no run of hel is known; see: spawnguard ps"),
            ("passed", kept % "passed"),
            ("passed-1", kept % "passed"),
            ("good", kept % "good"),
            ("held", kept % "held"),
            ("held-1", kept % "held"),
            ("gone", r"the output of run \S+ of gone is gone, it stood in \S+/logs/\w+"),
            ("nowhere", r"the output of run \S+ of nowhere cannot be read again, it went to /dev/null"),
        ]
        for word, words in rows:
            for more in ([], ["-f"]):
                with self.subTest(word, more=more):
                    run = self.logs(*more, word)
                    self.assertEqual((run.status, run.out), (1, ""))
                    self.assertRegex(run.err, rf"\Aspawnguard: {words}\n\Z")
        held.send(TERM)
        held.wait()

    def test_usage_is_2(self):
        for words in ([], ["a", "b"], ["--tail=0", "a"], ["--tail=x", "a"], ["--no-such", "a"]):
            run = self.logs(*words)
            self.assertEqual((run.status, run.out), (2, ""), words)
            self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")

    def test_one_of_several_is_to_be_named(self):
        ids = [self.detached("-N", "s", "--shared", command=[VICTIM, "sleep"]) for _ in range(2)]
        run = self.logs("s")
        self.assertEqual((run.status, run.out), (2, ""))
        self.assertIn("several runs of s are going on", run.err)
        self.assertEqual(self.logs(ids[0]).status, 0)
        self.assertEqual(self.command("kill", "s").status, 0)
        self.over()

    def test_what_cannot_be_printed_is_125(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.shell("echo x")
        with open("/dev/full", "w") as full:
            run = self.logs("j", stdout=full)
        self.assertEqual((run.status, run.err), (125, "spawnguard: cannot print the output: No space left on device\n"))

    def test_it_is_not_printed_into_itself(self):
        run_id = self.shell("echo x")
        with open(self.file_of(run_id), "a") as itself:
            run = self.logs("j", stdout=itself)
        self.assertEqual(run.status, 2)
        self.assertIn("would be printed into itself", run.err)
        self.assertEqual(self.logs("j").out, "x\n")


if __name__ == "__main__":
    harness.main()

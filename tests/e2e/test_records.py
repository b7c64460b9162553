"""What is written down: history, status object, run ids, records."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import VICTIM, GuardTest, event_kind, event_run, outcome

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


class History(GuardTest):
    def test_a_run_writes_one_start_and_one_end(self):
        run = self.run_guard(["-N", "fields", "--task", "build", "--step", "2", "--tag", "a=1", "--tag", "b=x=y",
                              "--run-id", "fields-1", "-t", "1h", "-k", "3s"], [VICTIM, "exit", "3"])
        self.assertEqual(run.status, 3)
        self.assertEqual([event_kind(e) for e in self.history()], ["start", "end"])
        start, end = self.history()
        for e in (start, end):
            self.assertEqual(e["schema"], 1)
            self.assertRegex(e["time"], ISO)
            self.assertEqual((event_run(e), e["spawnguard.job"]), ("fields-1", "fields"))
            self.assertEqual((e["spawnguard.task"], e["spawnguard.step"]), ("build", "2"))
        self.assertEqual(start["process.pid"], run.pid)
        self.assertEqual(start["process.user.id"], os.geteuid())
        self.assertEqual(start["process.executable.path"], VICTIM)
        self.assertEqual(start["process.working_directory"], self.scratch)
        self.assertEqual(start["process.command_args"], [VICTIM, "exit", "3"])
        self.assertEqual(start["spawnguard.tags"], {"a": "1", "b": "x=y"})
        self.assertEqual(start["spawnguard.lock"], "exclusive")
        self.assertEqual(start["spawnguard.limits"]["timeout"], 3600)
        self.assertEqual(start["spawnguard.limits"]["kill_after"], 3)
        self.assertEqual(start["host.name"], os.uname().nodename)
        with open("/proc/sys/kernel/random/boot_id") as f:
            self.assertEqual(start["spawnguard.host.boot_id"], f.read().strip())
        self.assertEqual(start["spawnguard.host.pid_namespace"], os.stat("/proc/self/ns/pid").st_ino)
        self.assertEqual(start["spawnguard.host.time_namespace"], os.stat("/proc/self/ns/time").st_ino)
        self.assertRegex(start["spawnguard.environ.digest"], r"\A[0-9a-f]{16}\Z")
        self.assertEqual((outcome(end), end["spawnguard.exit_status"], end["process.exit.code"]), ("failed", 3, 3))
        self.assertIn("spawnguard.load1", end, "load at a failure")
        self.assertEqual(end["spawnguard.members.survivors"], 0)

    def test_each_outcome_has_its_name(self):
        rows = [
            ("ok", [], [VICTIM, "exit", "0"], "ok", 0),
            ("failed", [], [VICTIM, "exit", "200"], "failed", 200),
            ("signaled", [], [VICTIM, "signal", "9"], "signaled", 137),
            ("timeout", ["-t", "0.1"], [VICTIM, "sleep"], "timeout", 124),
            ("not found", [], ["/no/such"], "failed", 127),
        ]
        for name, args, command, want, status in rows:
            with self.subTest(name):
                run_id = name.replace(" ", "-")
                self.run_guard(["--run-id", run_id, *args], command)
                end = self.end_event(run_id)
                self.assertEqual((outcome(end), end["spawnguard.exit_status"]), (want, status))

    def test_figures_are_those_of_the_whole_tree(self):
        burn = "import os, time\nb = bytearray(64 << 20)\nwhile time.process_time() < 0.3: pass\n"
        script = self.write("burn.py", burn)
        run = self.run_guard(["-N", "figures", "--interval=10ms"],
                             ["sh", "-c", f"/usr/bin/python3 {script} & wait; {VICTIM} deep 5 & "
                              f"while ! grep -q ready {self.pids_path}; do sleep 0.01; done; sleep 0.2; kill $!"])
        self.assertEqual(run.status, 0, run.err)
        end = self.end_event()
        self.assertGreaterEqual(end["spawnguard.cpu.user"] + end["spawnguard.cpu.system"], 0.3)
        self.assertGreaterEqual(end["spawnguard.wall"], 0.3)
        self.assertLessEqual(end["spawnguard.wall"], run.wall)
        self.assertGreaterEqual(end["spawnguard.peak.rss"], 64 << 20)
        self.assertGreaterEqual(end["spawnguard.peak.processes"], 7)
        self.assertGreaterEqual(end["spawnguard.peak.depth"], 6)
        self.assertGreaterEqual(end["spawnguard.members.seen"], 8)

    def test_hostile_bytes_stay_inside_their_fields(self):
        hostile = ["\x1b[31m", 'quote"', "back\\slash", "new\nline", "\udcff\udcfe", "\x01\x7f", "\u202e", ""]
        run = self.run_guard(["-N", 'na"me\n', "--tag", 'k=v"\n', "--task", "t\x1b"], ["true", *hostile])
        self.assertEqual(run.status, 0)
        start, _ = self.history()
        self.assertEqual(start["spawnguard.job"], 'na"me\n')
        self.assertEqual(start["spawnguard.tags"], {"k": 'v"\n'})
        args = start["process.command_args"]
        self.assertEqual(args[1:5], hostile[:4])
        self.assertEqual(args[5], "\ufffd\ufffd")
        self.assertEqual(args[8], "")
        for line in self.history_lines():
            self.assertNotRegex(line, rb"[\x00-\x1f\x7f]")

    def test_a_long_command_is_cut_and_says_so(self):
        run = self.run_guard(["-N", "long"], ["true", "x" * 100000, *["y" * 50] * 2000])
        self.assertEqual(run.status, 0)
        start, end = self.history()
        self.assertTrue(start["spawnguard.command.cut"])
        self.assertLess(max(len(line) for line in self.history_lines()), 16384)

    def test_a_torn_line_does_not_eat_the_next(self):
        self.run_guard(["-N", "torn"], ["true"])
        name = os.path.join(self.state, "history", os.listdir(os.path.join(self.state, "history"))[0])
        with open(name, "ab") as f:
            f.write(b'\n{"schema":1,"event":"sta')
        self.run_guard(["-N", "torn"], ["true"])
        intact = []
        for line in self.history_lines():
            try:
                intact.append(harness.parse_line(line))
            except harness.Damaged:
                pass
        self.assertEqual([event_kind(e) for e in intact], ["start", "end"] * 2)

    def test_files_are_for_the_owner_alone(self):
        os.chmod(self.scratch, 0o755)
        self.run_guard(["-N", "modes"], ["true"], preexec_fn=lambda: os.umask(0))
        held = self.holder("-N", "modes")
        for folder, names, files in os.walk(self.state):
            for name in names:
                self.assertEqual(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o700, name)
            for name in files:
                self.assertEqual(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o600, name)
        self.end(held)

    def test_records_are_removed_when_the_run_is_over(self):
        for args, command in (([], ["true"]), (["-t", "0.1"], [VICTIM, "sleep"]), ([], ["/no/such"]),
                              (["--leftovers=wait"], ["true"]), (["--no-lock"], ["true"])):
            self.run_guard(["-N", "record", *args], command)
            self.assertEqual(self.records(), [], args)

    def test_state_dir_option_wins_over_the_variable(self):
        other = self.path("other")
        os.mkdir(other, 0o700)
        self.assertEqual(self.run_guard(["--state-dir", other], ["true"]).status, 0)
        self.assertTrue(os.path.isdir(os.path.join(other, "history")))
        self.assertEqual(self.history_lines(), [])


class StatusObject(GuardTest):
    def status_by_fd(self, args, command):
        read_end, write_end = os.pipe()
        run = self.guard("--status-fd", write_end, *args, "--", *command, pass_fds=[write_end])
        os.close(write_end)
        with os.fdopen(read_end) as f:
            text = f.read()
        run.wait()
        self.assertEqual(text.count("\n"), 1, text)
        return json.loads(text), run

    def test_status_fd_gets_one_object(self):
        told, run = self.status_by_fd(["-N", "fd"], [VICTIM, "exit", "9"])
        self.assertEqual(run.status, 9)
        self.assertEqual((outcome(told), told["spawnguard.exit_status"], told["spawnguard.job"]), ("failed", 9, "fd"))
        end = self.end_event()
        self.assertEqual({k: end[k] for k in told}, told, "the same as in the history")

    def test_status_fd_is_at_its_end_when_the_run_is_over_though_a_server_stays(self):
        told, run = self.status_by_fd(["--leftovers=leave"], [VICTIM, "-x", "daemon"])
        self.assertEqual(outcome(told), "ok")
        self.end_strays()

    def test_status_file_tells_every_end(self):
        rows = [
            (["-t", "0.1"], [VICTIM, "sleep"], "timeout", 124),
            ([], [VICTIM, "signal", "15"], "signaled", 143),
            ([], ["/no/such"], "failed", 127),
        ]
        for args, command, want, status in rows:
            with self.subTest(want):
                run = self.run_guard(["--status-file", self.path("status"), *args], command)
                told = json.loads(self.read("status"))
                self.assertEqual((outcome(told), told["spawnguard.exit_status"]), (want, status))
                self.assertIn(run.status, (status, 128 - status))

    def test_status_file_that_cannot_be_written_does_not_change_the_status(self):
        run = self.run_guard(["--status-file", "/no/such/dir/file"], [VICTIM, "exit", "4"])
        self.assertIn(run.status, (4, 125))
        self.assertIn("/no/such/dir/file", run.err)

    def test_status_fd_that_is_closed_is_a_usage_error(self):
        run = self.run_guard(["--status-fd", "77"], ["touch", self.path("ran")])
        self.assertEqual(run.status, 125)
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_stats_is_one_line(self):
        run = self.run_guard(["--stats"], ["true"])
        self.assertRegex(run.err, r"\Aspawnguard: \S+: wall .*\n\Z")


class RunIds(GuardTest):
    def test_generated_ids_are_128_random_bits(self):
        for _ in range(20):
            self.run_guard(["-N", "id"], ["true"])
        ids = [event_run(e) for e in self.events("start")]
        self.assertEqual(len(set(ids)), 20)
        for run_id in ids:
            self.assertRegex(run_id, r"\A[0-9a-f]{32}\Z")

    def test_an_id_given_twice_is_refused(self):
        self.assertEqual(self.run_guard(["-N", "a", "--run-id", "once"], ["true"]).status, 0)
        for name in ("a", "b"):
            run = self.run_guard(["-N", name, "--run-id", "once"], ["touch", self.path("ran")])
            self.assertEqual(run.status, 125)
            self.assertIn("once", run.err)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(len(self.events("start")), 1)

    def test_an_id_of_a_running_run_is_refused(self):
        held = self.holder("-N", "held", "--run-id", "busy-id")
        run = self.run_guard(["-N", "other", "--run-id", "busy-id"], ["touch", self.path("ran")])
        self.assertEqual(run.status, 125)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.end(held)

    def test_an_id_of_last_month_is_refused_and_an_older_one_is_not(self):
        self.run_guard(["--run-id", "monthly"], ["true"])
        folder = os.path.join(self.state, "history")
        current = os.listdir(folder)[0]
        year, month = (int(n) for n in re.fullmatch(r"(\d{4})-(\d\d)\.jsonl", current).groups())

        def back(months):
            index = year * 12 + month - 1 - months
            return f"{index // 12:04d}-{index % 12 + 1:02d}.jsonl"

        os.rename(os.path.join(folder, current), os.path.join(folder, back(1)))
        self.assertEqual(self.run_guard(["--run-id", "monthly"], ["true"]).status, 125)
        os.rename(os.path.join(folder, back(1)), os.path.join(folder, back(3)))
        self.assertEqual(self.run_guard(["--run-id", "monthly"], ["true"]).status, 0)

    def test_odd_ids_are_usage(self):
        for odd in ("", "a b", "a/b", "..", ".", "ä", "a\n", "x" * 65, "a.b", "a%b"):
            run = self.run_guard([f"--run-id={odd}"], ["touch", self.path("ran")])
            self.assertEqual(run.status, 125, odd)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
        self.assertFalse(os.path.exists(self.path("ran")))
        for good in ("x" * 64, "A-z_09", "-", "_", "---"):
            self.assertEqual(self.run_guard([f"--run-id={good}"], ["true"]).status, 0, good)


class Usage(GuardTest):
    def test_usage_errors_are_125_with_one_line_and_run_nothing(self):
        ran = self.path("ran")
        rows = [["--timout", "3"], ["-t", "0"], ["-t", "x"], ["-t", ""], ["-t"], ["-k", "0"], ["-k", "-1"], ["--wait=0"],
                ["-E", "256"], ["-E", "x"], ["-s", "NOSUCH"], ["-s", "0"], ["--on-conflict=replaced"],
                ["--leftovers=keep"], ["--session=old"], ["--tag", "novalue"], ["--tag", "=v"], ["--status-fd", "x"],
                ["--interval", "0"], ["--end-on", "INT,"], ["-Z"], ["--name"], ["--no-lock=maybe"], ["--term=all"]]
        for args in rows:
            with self.subTest(args):
                command = [] if args in (["-t"], ["--name"]) else ["--", "touch", ran]
                run = self.guard(*args, *command).wait()
                self.assertEqual(run.status, 125, run.err)
                self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")
                self.assertEqual(run.out, "")
        self.assertFalse(os.path.exists(ran))
        self.assertEqual(self.history_lines(), [])

    def test_no_command_is_usage(self):
        for args in ([], ["--"], ["-N", "x"], ["-N", "x", "--"]):
            self.assertEqual(self.guard(*args).wait().status, 125)

    def test_help_and_version_go_to_stdout(self):
        for args in (["--help"], ["--version"], ["run", "--help"], ["ps", "--help"], ["kill", "-h"], ["reap", "--help"],
                     ["-V"]):
            run = self.command(*args)
            self.assertEqual((run.status, run.err), (0, ""), args)
            self.assertTrue(run.out)

    def test_options_can_be_written_in_each_way(self):
        for args in (["--timeout", "1h"], ["--timeout=1h"], ["-t", "1h"], ["-t1h"], ["-qv"], ["-vvq"], ["--name=x", "-k1s"]):
            self.assertEqual(self.run_guard(args, ["true"]).status, 0, args)

    def test_dry_run_runs_nothing_and_writes_nothing(self):
        run = self.run_guard(["--dry-run", "-N", "dry"], ["touch", self.path("ran")])
        self.assertEqual(run.status, 0, run.err)
        self.assertIn("dry", run.out + run.err)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.history_lines(), [])
        held = self.holder("-N", "dry")
        run = self.run_guard(["--dry-run", "-N", "dry"], ["true"])
        self.assertIn(f"would not start: dry, pid {held.pid}", run.out + run.err)
        self.end(held)


if __name__ == "__main__":
    harness.main()

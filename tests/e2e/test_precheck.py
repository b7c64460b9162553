"""--require-env and --pre-check: what must hold before a start; a refusal that leaves nothing and is not the job's failure."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import VICTIM, GuardTest, outcome, wait_until


class Precheck(GuardTest):
    def setUp(self):
        super().setUp()
        self.env.pop("KEY", None)
        self.env.pop("OTHER", None)
        self.ran = self.path("ran")
        self.seen = 0  # runs

    def go(self, *args, **popen):
        return self.run_guard(["-N", "j", *args], ["touch", self.ran], **popen)

    def assert_refused(self, run, reason, says):
        self.assertEqual((run.status, run.err, run.out), (69, f"spawnguard: not started: j: {says}\n", ""))
        line = self.events("refused")[-1]
        self.assertEqual((outcome(line), line["spawnguard.reason"]), ("refused", reason))
        self.assert_nothing_ran()

    def assert_nothing_ran(self):
        self.assertFalse(os.path.exists(self.ran))
        self.assertEqual((len(self.events("start")), len(self.events("end")), self.records()), (self.seen, self.seen, []))

    def assert_ran(self, run):
        self.assertEqual((run.status, run.err), (0, ""))
        os.unlink(self.ran)
        self.seen += 1

    CURE = "; set what is missing where it is started, or give it with --env"
    MEND = "; mend what it tests, then start again: the job is not charged with it"

    # --- variables

    def test_a_variable_that_is_missing(self):
        self.assert_refused(self.go("--require-env=HOME,KEY"), "require_env", "--require-env: KEY is not set" + self.CURE)

    def test_each_that_is_missing_is_named(self):
        self.env["OTHER"] = ""
        self.assert_refused(self.go("--require-env=KEY,HOME,OTHER"), "require_env",
                            "--require-env: KEY is not set, OTHER is empty" + self.CURE)

    def test_those_of_the_caller_and_of_env_are_there(self):
        self.assert_ran(self.go("--require-env=KEY", env={**self.env, "KEY": "1"}))
        self.assert_ran(self.go("--require-env=KEY", "--env=KEY=1"))
        self.assert_refused(self.go("--require-env=KEY", "--env=KEY=", env={**self.env, "KEY": "1"}), "require_env",
                            "--require-env: KEY is empty" + self.CURE)

    def test_a_name_is_the_whole_name(self):
        self.assert_refused(self.go("--require-env=KEY", env={**self.env, "KEYS": "1", "KE": "1"}), "require_env",
                            "--require-env: KEY is not set" + self.CURE)

    def test_none_undoes_what_a_file_says(self):
        conf = self.write("conf", "[defaults]\nrequire-env = KEY\n", 0o600)
        self.assertEqual(self.go("--config", conf).status, 69)
        self.assert_nothing_ran()
        self.assert_ran(self.go("--config", conf, "--require-env=none"))

    def test_a_dry_run_says_both(self):
        run = self.go("--dry-run", "--require-env=KEY", "--pre-check=touch checked")
        self.assertEqual((run.status, run.err), (69, ""))
        self.assertTrue(run.out.startswith("would not start: j: --require-env: KEY is not set\n"), run.out)
        self.assertRegex(run.out, r"\n  pre-check +ok +run before, but not now: touch checked\n")
        run = self.go("--dry-run", "--require-env=HOME", "--pre-check=touch checked")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertRegex(run.out, r"\n  variables +ok +there: HOME\n")
        self.assertFalse(os.path.exists(self.path("checked")))
        self.assertEqual(self.history(), [])

    # --- the command

    def test_a_check_that_succeeds(self):
        self.assert_ran(self.go("--pre-check=true"))
        self.assertEqual([e["event"] for e in self.history()], ["start", "end"])

    def test_checks_that_fail(self):
        for command, why in (('sh -c "exit 7"', "sh: exit status 7"), ('sh -c "kill -9 $$"', "sh: died of signal KILL"),
                             ("/no/such", "/no/such: cannot be executed: No such file or directory"),
                             (f"{VICTIM} sleep", f"{VICTIM}: not over after 200ms (--hook-timeout)")):
            with self.subTest(why):
                self.assert_refused(self.go("--hook-timeout=0.2", "--pre-check", command), "pre_check",
                                    f"--pre-check {why}{self.MEND}")
        self.assert_no_survivor()

    def test_one_that_ignores_term_is_killed(self):
        run = self.go("--hook-timeout=0.5", "--pre-check", '/usr/bin/python3 -c "import signal, time; signal.signal(15, 1); time.sleep(60)"')
        self.assertIn("not over after 500ms", run.err)
        self.assertEqual(run.status, 69, run.err)
        self.assert_no_survivor()

    def test_it_has_the_world_of_the_job_and_not_its_stdout(self):
        run = self.go("--env=KEY=of the job", "--run-id=r-1", "--pre-check", 'sh -c "echo $KEY, $SPAWNGUARD_RUN_ID; exit 1"')
        self.assertEqual((run.status, run.out), (69, ""))
        self.assertTrue(run.err.startswith("of the job, r-1\nspawnguard: not started: "), run.err)

    def test_the_lock_is_held_meanwhile(self):
        run = self.guard("-N", "j", "--pre-check", f"{VICTIM} sleep", "--hook-timeout=none", "--", "touch", self.ran)
        self.wait_ready(run)
        self.assertEqual(self.go().status, 75)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM)
        self.assertIn("j: asked to end by TERM before its start (--pre-check): nothing was started\n", run.err)
        self.assert_no_survivor()
        self.assert_nothing_ran()
        self.assert_ran(self.go())

    def test_front_killed_meanwhile_leaves_no_lock(self):
        """The check is the user's own command, and goes on: it has neither lock nor record."""
        run = self.guard("-N", "j", "--pre-check", f"{VICTIM} sleep", "--hook-timeout=none", "--", "touch", self.ran)
        self.wait_ready(run)
        run.send(signal.SIGKILL)
        run.wait()
        self.assert_nothing_ran()
        self.assert_ran(self.go())
        self.end_strays()

    def test_refusals_of_a_loop_are_one_line_with_their_number(self):
        for _ in range(4):
            self.assertEqual(self.go("--pre-check=false").status, 69)
        self.assertEqual([e["spawnguard.refusals"] for e in self.events("refused")], [1])

    def test_the_status_object(self):
        self.go("--pre-check=false", f"--status-file={self.path('status')}")
        wait_until(lambda: self.read("status"), "it is written")
        self.assertIn('"spawnguard.reason":"pre_check"', self.read("status"))
        self.assertIn('"spawnguard.exit_status":69', self.read("status"))


if __name__ == "__main__":
    harness.main()

"""Recorded samples, shown to the rules again: what they say is what the run itself was told."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest
from ways import kill_both

GROWS = ["sh", "-c", f"for i in 1 2 3 4 5 6; do {VICTIM} sleep & sleep 0.05; done; exit 3"]


class Explain(GuardTest):
    def record(self, *args, command=GROWS):
        return self.run_guard(["--record-samples", self.path("samples"), "--interval=10ms", *args], command)

    def explain(self, *args):
        return self.command("explain", "--samples", self.path("samples"), *args)

    def test_it_says_of_a_run_what_the_run_said(self):
        limits = ["--max-procs=2:4", "--max-rss=1G", "--max-cpu=50s", "--max-threads=3:"]
        run = self.record(*limits)
        self.assertEqual(run.status, 123, run.err)
        told = [(f["rule"], f["severity"], f["text"], f["value"], f["bound"])
                for f in (e["spawnguard.flag"] for e in self.events("flag"))]
        said = json.loads(self.explain("--json", *limits).out)
        self.assertEqual([(f["rule"], f["severity"], f["text"], f["value"], f["bound"]) for f in said["findings"]], told)
        ends = [f["ends"] for f in said["findings"]]  # on a busy machine a soft limit is passed more than once
        self.assertGreaterEqual(len(ends), 3)
        self.assertEqual(ends, [False] * (len(ends) - 1) + [True])
        self.assertEqual(said["run"], self.events("end")[-1]["spawnguard.run.id"])

    def test_other_limits_on_the_same_samples(self):
        self.assertEqual(self.record().status, 3)
        found = self.explain("--max-procs=5")
        self.assertEqual(found.status, 0)
        self.assertRegex(found.out, r"\Aafter [^\n]*: max-procs: 6 processes, limit 5; most: sh \(\d+\): the run would be ended\n"
                                    r"run [0-9a-f]{8}\.*: \d+ looks in [^\n]*\n\Z")
        going_on = self.explain("--max-procs=5", "--max-depth=1", "--on-limit=warn")
        self.assertGreaterEqual(going_on.out.count(": flagged\n"), 2, going_on.out)  # each time that it is passed anew
        frozen = self.explain("--max-procs=5", "--on-limit=freeze")
        self.assertEqual(frozen.out.count(": the run would be frozen\n"), 1, frozen.out)
        nothing = self.explain("--max-procs=100", "--max-fds=90")
        self.assertEqual(nothing.status, 1)
        self.assertRegex(nothing.out, r"\Anothing is over a limit: \d+ looks in ")

    def test_a_run_that_was_killed_has_left_what_it_had(self):
        self.record("--timeout=0.3", command=[VICTIM, "sleep"])
        with open(self.path("samples"), "r+b") as f:
            f.truncate(os.fstat(f.fileno()).st_size - 5)
        self.assertEqual(self.explain("--max-procs=100").status, 1)

    def test_what_is_no_record_is_refused_with_its_line(self):
        self.record(command=["true"])
        with open(self.path("samples"), "a", encoding="utf-8") as f:
            f.write("member \x1b[2J\n")
        found = self.explain("--max-procs=1")
        self.assertEqual((found.status, found.out), (2, ""))
        self.assertRegex(found.err, r"\Aspawnguard: [^\n\x1b]*samples:\d+: no samples: [^\n]*\n\Z")

    def test_a_file_that_cannot_be_written_starts_nothing(self):
        run = self.command("run", "--record-samples", "/nowhere/at/all", "--", "touch", self.path("ran"))
        self.assertEqual(run.status, 125)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.records(), [])


class Start(GuardTest):
    """What a start would come to: asked of what the start asks, and nothing is changed."""

    def explain(self, *args):
        return self.command("explain", *args)

    def said(self, *args):
        found = self.explain("--json", *args)
        self.assertEqual(found.err, "")
        return found.status, json.loads(found.out)

    def rule(self, said, name):
        return next(r for r in said["rules"] if r["rule"] == name)

    def test_a_job_that_is_not_known_would_start(self):
        found = self.explain("nightly", "--", "true", "a b")
        self.assertEqual((found.status, found.err), (0, ""))
        self.assertRegex(found.out, r"\Awould start: nightly\ncommand: true 'a b'\nprogram: /\S+\nstate:   ")
        self.assertRegex(found.out, r"\nasked, in this order:\n  name +ok +nightly\n  lock +ok +free\n  breaker +ok +closed\n\Z")
        self.assertEqual((self.history_lines(), self.records()), ([], []))

    def test_without_its_command_it_tells_what_is_known_of_the_job(self):
        found = self.explain("nightly")
        self.assertEqual((found.status, found.err), (0, ""))
        self.assertTrue(found.out.startswith("would start: nightly\nstate:   "), found.out)
        status, said = self.said("nightly")
        self.assertEqual((status, said["would"], said["command"], said["program"]), (0, "start", [], None))

    def test_a_configured_job_needs_nothing_more(self):
        conf = self.write("conf", "[job nightly]\ncommand = sleep 60\ntimeout = 2h\n", 0o600)
        status, said = self.said("--config", conf, "nightly")
        self.assertEqual((status, said["command"], said["timeout"]), (0, ["sleep", "60"], 7200))
        status, said = self.said("--config", conf, "nightly", "--", "7")
        self.assertEqual(said["command"], ["sleep", "60", "7"], "as run takes it")

    def test_a_held_lock_by_each_policy(self):
        held = self.holder("-N", "j")
        for how, would, status in (("fail", "refuse", 75), ("skip", "skip", 0), ("wait", "wait", 0), ("queue", "wait", 0),
                                   ("replace", "replace", 0)):
            with self.subTest(how):
                got, said = self.said("-N", "j", f"--on-conflict={how}", "--", "true")
                self.assertEqual((got, said["would"], said["exit_status"]), (status, would, status))
                lock = self.rule(said, "lock")
                self.assertIn(f"pid {held.pid}, ", lock["text"])
                self.assertIn("spawnguard wait, or kill, j", lock["change"])
        self.assertEqual(self.said("-N", "j", "-E9", "--", "true")[0], 9)
        self.assertTrue(held.running())
        self.end(held)

    def test_a_held_lock_file(self):
        path = self.write("file.lock", "")
        for args in (["--lock-file", path], ["--lock-file", path, "--no-lock"]):
            self.assertEqual(self.said("-N", "j", *args, "--", "true")[0], 0)
            with open(path) as f:
                harness.fcntl.flock(f, harness.fcntl.LOCK_EX)
                status, said = self.said("-N", "j", *args, "--", "true")
                self.assertEqual((status, said["would"]), (75, "refuse"))
                self.assertEqual(self.guard("-N", "j", *args, "--", "true").wait().status, 75)
        self.assertEqual(self.said("-N", "j", "--lock-file", self.path("none"), "--", "true")[0], 0)
        self.assertFalse(os.path.exists(self.path("none")), "it makes nothing")

    def test_every_rule_is_asked_though_one_says_no(self):
        budget = ["-N", "j", "--budget=tokens=10/1d"]
        self.run_guard(budget, [SPAWNGUARD, "notify", "counter", "tokens=10"])
        held = self.holder("-N", "j")
        status, said = self.said(*budget, "--", "true")
        self.assertEqual((status, said["would"]), (75, "refuse"), "the first that says no")
        self.assertEqual([(r["rule"], r["verdict"]) for r in said["rules"]],
                         [("name", "pass"), ("lock", "refuse"), ("breaker", "pass"), ("budget", "refuse")])
        self.assertGreater(self.rule(said, "budget")["in"], 3600)
        self.assertIn("--budget tokens=none", self.rule(said, "budget")["change"])
        self.end(held)
        self.assertEqual(self.said(*budget, "--", "true")[0], 69)
        self.assertEqual(self.guard(*budget, "--", "true").wait().status, 69)

    def test_what_dead_guards_left_is_named(self):
        held = self.holder("-N", "j", "--run-id", "dead-one")
        kill_both(self, held)
        status, said = self.said("-N", "j", "--", "true")
        self.assertEqual((status, said["would"]), (0, "start"))
        self.assertIn("would be ended: run dead-one", self.rule(said, "left")["text"])
        self.assertTrue(self.strays(), "it ended nothing")
        self.assertEqual(self.guard("-N", "j", "-k", "0.1", "--", "true").wait().status, 0)

    def test_a_name_that_changes_with_the_arguments_is_told(self):
        one, two = (self.said("--", "true", word)[1] for word in "ab")
        self.assertNotEqual(one["job"], two["job"])
        self.assertIn("--name", self.rule(one, "name")["change"])


if __name__ == "__main__":
    harness.main()

"""Recorded samples, shown to the rules again: what they say is what the run itself was told."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import VICTIM, GuardTest

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
        self.assertEqual([f["ends"] for f in said["findings"]], [False, False, True])
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


if __name__ == "__main__":
    harness.main()

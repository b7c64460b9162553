"""The manual as `spawnguard help` shows it, and the examples of its pages: each does what it says."""
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, GuardTest

SOURCE = os.environ.get("SG_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SHARE = os.path.join(os.path.dirname(SPAWNGUARD), "..", "share")
TOPICS = "spawnguard conf history exit-status security run ps wait watch logs kill reap help".split()
# What the first status may be where nothing of the kind is running: nothing found, or degraded.
STATUSES = {"ps": {0, 1}, "kill": {0, 1}, "freeze": {0, 1}, "thaw": {0, 1}, "status": {0, 1},
            "wait": {0, 1, 75}, "watch": {0, 1, 3}, "logs": {0, 1}, "doctor": {0, 1, 3}, "config": {0, 1}}
HAS_TEXT = os.path.exists(os.path.join(SHARE, "spawnguard/help/run.txt"))
if not HAS_TEXT:
    STATUSES["help"] = {0, 125}  # built without mandoc: it says so


def blocks(name, section):
    """The literal blocks of one section of a page."""
    with open(os.path.join(SOURCE, "man", name)) as f:
        text = f.read()
    found = re.search(rf"^\.Sh {section}$(.*?)(?=^\.Sh |\Z)", text, re.M | re.S)
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", found.group(1), re.M | re.S) if found else []


class Manual(GuardTest):
    def test_each_example_does_what_it_says(self):
        self.write("collect.sh", "#!/bin/sh\necho collected\n", 0o755)
        self.write("phase", "#!/bin/sh\nexec spawnguard notify counter events=3\n", 0o755)
        self.write("backlog", "a/1\na/2\nb/1\n")
        env = dict(self.env, PATH=os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"])
        count = 0
        for name in sorted(n for n in os.listdir(os.path.join(SOURCE, "man")) if n.endswith(".in")):
            for line in "".join(blocks(name, "EXAMPLES")).replace("\\e\n", "").splitlines():
                command = line.split()[1]
                libexec = os.path.join(os.path.dirname(SPAWNGUARD), "..", "libexec", "spawnguard", command)
                if command != "run" and not os.path.exists(libexec):
                    continue  # its page is not installed either
                with self.subTest(line):
                    run = self.start("sh", "-c", line, env=env).wait()
                    self.assertIn(run.status, STATUSES.get(command, {0}), run.err)
                    count += 1
        self.assertGreater(count, 8)

    @unittest.skipUnless(HAS_TEXT, "built without mandoc")
    def test_topics(self):
        for topic in TOPICS:
            with self.subTest(topic):
                run = self.command("help", topic)
                self.assertEqual((run.status, run.err), (0, ""))
                self.assertIn("NAME\n", run.out)
                self.assertNotIn("\b", run.out)
                self.assertTrue(run.out.isascii())

    def test_questions(self):
        for words, status, out, err in [
            ([], 0, "Other topics:\n", ""),
            (["--timeout"], 0, "-t, --timeout=D ", ""),
            (["--timeout=2h"], 0, "-t, --timeout=D ", ""),
            (["-N"], 0, "-N, --name=NAME ", ""),
            (["kill", "-k"], 0, "Of: spawnguard kill\n", ""),
            (["--help"], 0, "Usage: spawnguard help [TOPIC]", ""),
            (["--version"], 0, "spawnguard 0", ""),
            (["rnu"], 1, "", "no topic rnu: did you mean run?"),
            (["timeout"], 1, "", "no topic timeout: did you mean --timeout?"),
            (["a\x1bb"], 1, "", "; see: spawnguard help"),
            (["--tmeout"], 1, "", "no command has an option --tmeout: did you mean --timeout?"),
            (["kill", "--timeout"], 1, "", "kill has no option --timeout; see: spawnguard kill --help=all"),
            (["run", "ps"], 2, "", "help takes one topic, or a command and an option: what is ps?"),
            (["kill", "-k", "x"], 2, "", "what is x?"),
            (["--help=all"], 0, "Exit status:", ""),
            (["--help=nothing"], 2, "", "--help=nothing: unknown word: write one of none|short|all|"),
        ]:
            with self.subTest(words):
                run = self.command("help", *words)
                self.assertEqual(run.status, status, run.err)
                self.assertIn(out, run.out)
                self.assertIn(err, run.err)
                self.assertEqual(run.err.count("\n"), 1 if err else 0)
                self.assertNotIn("\x1b", run.err)

    def test_a_reader_that_is_gone(self):
        run = self.start("sh", "-c", f"{SPAWNGUARD} help --timeout | true").wait()
        self.assertEqual((run.status, run.err), (0, ""))
        if os.path.exists("/dev/full"):
            run = self.start("sh", "-c", f"{SPAWNGUARD} help >/dev/full").wait()
            self.assertEqual(run.status, 125)
            self.assertIn("cannot write to standard output: No space left on device", run.err)

    def test_configuration_files_that_are_shown_are_right(self):
        with open(os.path.join(SOURCE, "packaging/spawnguard.conf")) as f:
            sample = f.read()
        shown = "".join(blocks("spawnguard.conf.5.in", "DESCRIPTION"))
        self.assertIn("[job weekly]", shown)
        for name, text in [("sample", sample), ("uncommented", re.sub(r"^#(?=[\[a-z])", "", sample, flags=re.M)),
                           ("page", shown)]:
            with self.subTest(name):
                run = self.command("config", "check", self.write(name, text))
                self.assertEqual((run.status, run.out, run.err), (0, "", ""))


if __name__ == "__main__":
    harness.main()

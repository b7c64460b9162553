"""What README.md shows is run as it stands there, and doc/history.md names every member that is written."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, wait_until

SOURCE = os.environ.get("SG_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


# Before a block that is not run, with the reason.
MARK = re.compile(r"<!-- not run by the tests: \S.* -->")
# What the guard says, not what one types.
SAID = "spawnguard: "


def blocks():
    """[(kind, lines, the line of text before it)]: fenced blocks by their word, indented ones are ""."""
    with open(os.path.join(SOURCE, "README.md")) as f:
        text = f.read()
    before = ""
    for part in re.split(r"(^```.*?^```$|(?:^    [^\n]*\n)+)", text, flags=re.M | re.S):
        if part.startswith("```"):
            head, *lines, _ = part.splitlines()
            yield head.strip("`"), lines, before
        elif part.startswith("    "):
            yield "", [line[4:] for line in part.splitlines()], before
        else:
            before = (part.strip().splitlines() or [""])[-1]


def of_kind(kind):
    return [line for found, lines, before in blocks() if found == kind and not MARK.fullmatch(before) for line in lines]


class Readme(GuardTest):
    def setUp(self):
        super().setUp()
        self.place = self.path("place")
        os.mkdir(self.place)
        self.write("place/collect.sh", '#!/bin/sh\necho "collected $*"\n[ ! -e stay ] || exec sleep 300\n', 0o755)
        self.env.update(PATH=os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"],
                        SPAWNGUARD_CONFIG=self.write("spawnguard.conf", "\n".join(of_kind("ini")) + "\n", 0o600))

    def test_each_example_does_what_it_says(self):
        lines = of_kind("sh")
        self.assertGreater(len(lines), 10)
        for line in lines:
            with self.subTest(line):
                want = re.search(r"# exits (\d+)", line)
                run = self.start("sh", "-c", line, cwd=self.place).wait()
                self.assertEqual(run.status, int(want.group(1)) if want else 0, run.err)

    def test_each_block_is_run_or_says_why_not(self):
        for kind, lines, before in blocks():
            if kind in ("sh", "ini") or MARK.fullmatch(before):
                continue
            self.assertEqual(kind, "", lines)
            for line in lines:
                self.assertTrue(line.startswith(SAID), f"neither run nor marked: {line}")

    def test_each_message_is_what_is_said(self):
        running, opened = said = of_kind("")
        self.assertEqual(len(said), 2, said)
        self.write("place/stay", "")
        holder = self.start(SPAWNGUARD, "run", "-N", "nightly", "--", "./collect.sh", "--all", cwd=self.place)
        wait_until(lambda: "collected" in holder.out, "the job runs")
        run = self.start(SPAWNGUARD, "run", "-N", "nightly", "--", "./collect.sh", cwd=self.place).wait()
        facts = re.compile(r"pid \d+, [0-9.a-z]+, run [0-9a-f]{8}")
        self.assertRegex(running, facts)
        self.assertEqual(facts.sub("FACTS", run.err.strip()), facts.sub("FACTS", running))
        self.end(holder)
        for line in (line for line in of_kind("sh") if "worker" in line):
            if line.startswith("spawnguard breaker"):
                break
            last = self.start("sh", "-c", line, cwd=self.place).wait()
        facts = re.compile(r"in [0-9.a-z]+ \(|in [0-9.a-z]+ at [-0-9: ]+;")
        self.assertEqual(facts.sub("FACTS", last.err.strip().splitlines()[-1]), facts.sub("FACTS", opened))
        self.assertEqual(len([e for e in self.events("start") if e["spawnguard.job"] == "worker"]), 3)

    def test_every_member_of_the_history_is_described(self):
        with open(os.path.join(SOURCE, "doc/history.md")) as f:
            described = set(re.findall(r"`([a-z0-9_.]+)`", f.read()))
        args = ["-N", "all", "--task", "t", "--step", "s", "--tag", "k=v", "-k", "0.2"]
        self.run_guard(args, [SPAWNGUARD, "run", "-N", "inner", "--", "sh", "-c", "exit 3"])
        self.run_guard(args + ["-t", "0.2"], [VICTIM, "daemon"])
        self.run_guard(args, ["/nowhere/at/all"])
        run = self.run_guard(args + ["--leftovers=leave"], ["sh", "-c", "sleep 1 & exit 0"])
        self.assertEqual(run.status, 0, run.err)
        self.end_strays()
        holder = self.holder("-N", "all")
        self.run_guard(args, ["true"])
        self.command("kill", "all")
        holder.wait()
        written = set()
        for line in self.history_lines():
            written |= set(json.loads(line))
        self.assertGreater(len(written), 35)
        self.assertEqual(written - described, set())


if __name__ == "__main__":
    harness.main()

"""What README.md shows is run as it stands there, and doc/history.md names every member that is written."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest

SOURCE = os.environ.get("SG_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def examples():
    with open(os.path.join(SOURCE, "README.md")) as f:
        text = f.read()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        yield from block.splitlines()


class Readme(GuardTest):
    def test_each_example_does_what_it_says(self):
        place = self.path("place")
        os.mkdir(place)
        with open(os.path.join(place, "collect.sh"), "w") as f:
            f.write("#!/bin/sh\necho collected\n")
        os.chmod(os.path.join(place, "collect.sh"), 0o755)
        env = dict(self.env, PATH=os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"])
        lines = list(examples())
        self.assertGreater(len(lines), 10)
        for line in lines:
            with self.subTest(line):
                want = re.search(r"# exits (\d+)", line)
                run = self.start("sh", "-c", line, cwd=place, env=env).wait()
                self.assertEqual(run.status, int(want.group(1)) if want else 0, run.err)

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

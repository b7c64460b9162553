"""tests/traces/record: the traces that the rule of growth was made by can be made again, with their tables."""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import DEADLINE_S, SOURCE, GuardTest

GROWTH = os.path.join(os.environ["SG_TEST_BIN"], "..", "unit", "test_growth")
RECORD = os.path.join(SOURCE, "tests", "traces", "record")


class Record(GuardTest):
    def test_one_command_records_and_prints_the_tables(self):
        if not os.path.exists(GROWTH) or not shutil.which("gcc"):
            self.skipTest("no unit tests were built, or no gcc here")
        out = self.path("out")
        os.mkdir(out)
        run = self.start("python3", RECORD, "--set", "first", "--only", "linear", "--count", "1", "--seconds", "4", "--out", out,
                         "--tables", GROWTH).wait(4 * DEADLINE_S)
        self.assertEqual(run.status, 0, run.err + run.out)
        self.assertTrue(run.out.startswith("first 1 leaks, 0 innocents\n"), run.out)
        self.assertRegex(run.out, r"\n\| first-leaks.txt \| traces \| told \|[^\n]*\n\|[-|]+\|\n\| linear \| 1 \| [01] \|[^\n]*\n"
                                  r"\| all \| 1 \| [01] \|")
        self.assertNotIn("second-", run.out)
        self.assertEqual(sorted(os.listdir(out)), ["first-innocents.txt", "first-leaks.txt"])
        with open(os.path.join(out, "first-leaks.txt"), encoding="utf-8") as f:
            lines = f.read().split("\n")
        self.assertTrue(lines[2].startswith("trace 1 linear "), lines[2])
        looks = [line for line in lines[3:] if line and line != "end"]
        self.assertGreaterEqual(len(looks), 10, "ten a second, or as many as the machine allows")
        self.assertRegex(looks[0], r"\A\d+ 1:\d+")


if __name__ == "__main__":
    harness.main()

"""Incident 0: the script that ran five times.

A collection script was started in the background, failed on a language
error, was repaired and started again without ending the earlier one: five
copies spent the same quota on the same bug.
"""
import datetime
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, GuardTest, Stat, children, outcome, send, wait_until

BROKEN = """import os, time
open("log", "a").write(f"started {os.getpid()}\\n")
for item in range(12):
    open("log", "a").write(f"item {item}\\n")
    undefined_name
"""
REPAIRED = """import os, sys
open("log", "a").write(f"started {os.getpid()}\\n")
sys.stdin.read()
open("log", "a").write("done\\n")
"""


class Incident0(GuardTest):
    tells_repeats = True

    def collect(self, command=None, **popen):
        """As people start it: in the background of a shell, which then returns."""
        return self.guard("-N", "collect", "--", *(command or ["/usr/bin/python3", "collect.py"]), **popen)

    def started(self):
        return self.read("log").count("started")

    def test_of_five_starts_one_runs_and_the_others_name_it(self):
        self.write("collect.py", BROKEN)
        first = self.collect().wait()
        self.assertEqual(first.status, 1)
        self.assertIn("NameError", first.err)
        self.assertEqual(self.started(), 1)

        self.write("collect.py", REPAIRED)
        source, work = os.pipe()
        runs = [self.collect(stdin=source) for _ in range(5)]
        os.close(source)
        wait_until(lambda: sum(not r.running() for r in runs) == 4 and self.started() == 2, "one runs, four are refused")
        running = [r for r in runs if r.running()][0]
        run_id = [e for e in self.events("start")][-1]["spawnguard.run.id"]
        for refused in (r for r in runs if r is not running):
            self.assertEqual(refused.status, 75)
            told = re.fullmatch(r"spawnguard: already running: collect, pid (\d+), \S+, run ([0-9a-f]{6,}): "
                                r"/usr/bin/python3 collect.py; see: spawnguard ps collect\n", refused.err)
            self.assertTrue(told, refused.err)
            self.assertEqual(int(told[1]), running.pid)
            self.assertTrue(run_id.startswith(told[2]))

        os.close(work)
        self.assertEqual(running.wait().status, 0)
        self.assertEqual(self.read("log").count("done"), 1)
        self.assertEqual(self.started(), 2)
        self.assertEqual([outcome(e) for e in self.events("end")], ["failed", "ok"])

    def test_the_same_bug_twice_is_noticed_and_its_end_kept(self):
        self.write("collect.py", BROKEN)
        runs = [self.collect().wait() for _ in range(2)]
        self.assertNotIn("same failure", runs[0].err)
        first, second = self.events("end")
        told = [line for line in runs[1].err.splitlines() if line.startswith("spawnguard: ")]
        self.assertEqual(told, [f"spawnguard: collect: same failure as run {first['spawnguard.run.id'][:8]}, 2 in a row "
                                "(exit 1); see: spawnguard breaker show collect"])  # nothing was kept of stderr
        self.assertEqual(first["spawnguard.failure"]["fingerprint"], second["spawnguard.failure"]["fingerprint"])
        flag = self.events("flag")[-1]["spawnguard.flag"]
        self.assertEqual((flag["rule"], flag["value"]), ("same-failure", 2))
        third = self.guard("-N", "collect", "--tail", "--", "/usr/bin/python3", "collect.py").wait()
        self.assertNotIn("same failure", third.err)  # more is known of it now
        end = self.events("end")[-1]
        self.assertEqual(end["spawnguard.failure"]["text"], "NameError: name 'undefined_name' is not defined")
        self.assertIn("Traceback (most recent call last):", end["spawnguard.stderr.tail"])

    def test_a_quota_shuts_it_off_until_the_date_that_it_tells(self):
        day = datetime.datetime.now() + datetime.timedelta(days=17)
        until = datetime.datetime(day.year, day.month, day.day)
        self.write("collect.py", "import sys\nopen('log', 'a').write('started\\n')\nprint('item 5 of 12', file=sys.stderr)\n"
                   f"sys.exit('quota exceeded: 5000 of 5000 calls, resets {until:%Y-%m-%d}')\n")
        command = ["--open-on", "quota exceeded.*", "--", "/usr/bin/python3", "collect.py"]
        first = self.guard("-N", "collect", "--on-flag", "sh -c 'echo $SPAWNGUARD_CLASS $SPAWNGUARD_UNTIL >flagged'", *command).wait()
        self.assertEqual(first.status, 1)
        self.assertRegex(first.err, rf"(?m)^spawnguard: breaker opens: collect: .*next trial in 1[67]d\S* at {until:%Y-%m-%d} 00:00; ")
        end = self.events("end")[-1]
        self.assertEqual(end["spawnguard.failure"]["class"], "quota")
        utc = until.astimezone(datetime.timezone.utc)
        told = self.read("flagged").split()
        self.assertEqual(told[0], "quota")
        self.assertLess(abs((datetime.datetime.strptime(told[1], "%Y-%m-%dT%H:%M:%S.%f%z") - utc).total_seconds()), 60 * SCALE)
        for _ in range(4):
            again = self.guard("-N", "collect", *command).wait()
            self.assertEqual(again.status, 69)
            self.assertRegex(again.err, rf"\Aspawnguard: breaker open: collect: .* at {until:%Y-%m-%d} 00:00; "
                                        r"spawnguard breaker show collect \| reset collect\n\Z")
        self.assertEqual(self.started(), 1)

    def test_after_kill_9_of_the_script_the_next_start_runs_at_once(self):
        self.write("collect.py", REPAIRED)
        source, work = os.pipe()
        run = self.collect(stdin=source)
        wait_until(lambda: self.started() == 1, "it runs")
        job = children(run.warden())[0]
        send(job, signal.SIGKILL)
        self.assertEqual(run.wait().status, -signal.SIGKILL)
        again = self.collect(stdin=source)
        wait_until(lambda: self.started() == 2, "the next one runs")
        os.close(work)
        os.close(source)
        self.assertEqual(again.wait().status, 0)

    def test_after_kill_9_of_the_guard_the_next_start_ends_the_old_one_and_runs(self):
        self.write("collect.py", REPAIRED)
        source, work = os.pipe()
        run = self.collect(stdin=source)
        wait_until(lambda: self.started() == 1, "it runs")
        warden = run.warden()
        job = children(warden)[0]
        run.send(signal.SIGKILL)
        run.wait()
        again = self.guard("-N", "collect", "--wait", "--", "/usr/bin/python3", "collect.py", stdin=source)
        wait_until(lambda: self.started() == 2, "the next one runs")
        self.assertFalse(Stat(job).alive, "never two at once")
        os.close(work)
        os.close(source)
        self.assertEqual(again.wait().status, 0)
        self.assertEqual(self.read("log").count("done"), 1)

    def test_the_workload_is_a_grandchild(self):
        """`uv run python ...`: ending the run ends the tree, not the wrapper."""
        self.write("collect.py", REPAIRED)
        source, work = os.pipe()
        run = self.collect(["sh", "-c", "/usr/bin/python3 collect.py; :"], stdin=source)
        wait_until(lambda: self.started() == 1, "it runs")
        worker = int(re.search(r"started (\d+)", self.read("log"))[1])
        killed = self.command("kill", "collect")
        self.assertEqual(killed.status, 0, killed.err)
        self.assertIn("survivors 0", killed.out)
        self.assertFalse(Stat(worker).alive)
        run.wait()
        os.close(work)
        os.close(source)

    def test_an_editor_with_the_file_open_is_not_mistaken_for_it(self):
        self.write("collect.py", "open('log', 'a').write('started')\n")
        editor = self.start("tail", "-f", "collect.py")
        self.assertEqual(self.collect().wait().status, 0)
        self.assertEqual(self.command("kill", "collect").status, 1)
        self.assertTrue(editor.running())
        self.end(editor)


if __name__ == "__main__":
    harness.main()

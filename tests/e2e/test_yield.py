"""--yield: what a run has brought is in its record, with the reason where that is nothing."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, GuardTest, children, send, wait_until


class YieldTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"]

    def brought(self, what, script, *args, status=0, **popen):
        run = self.run_guard([f"--yield={what}", *args], ["sh", "-c", script], **popen)
        self.assertEqual(run.status, status, run.err)
        return self.events("end")[-1]["spawnguard.yield"]

    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag")]


class Counted(YieldTest):
    def test_lines(self):
        self.assertEqual(self.brought("lines", "echo a; echo; printf x; echo no >&2"), {"of": "lines", "value": 2})
        with open(self.path("log"), "w") as f:
            f.write("from\nbefore\n")
        with open(self.path("log"), "a") as f:  # not to be read by the job's own descriptor
            self.assertEqual(self.brought("lines", "seq 100000", stdout=f)["value"], 100000)

    def test_bytes(self):
        self.assertEqual(self.brought("bytes", "printf 12345; echo no >&2"), {"of": "bytes", "value": 5})

    def test_of_our_own_file(self):
        for what, value in (("lines", 2), ("bytes", 12)):
            self.assertEqual(self.brought(what, "echo hello; echo world >&2", "--output=never")["value"], value)

    def test_what_the_tree_writes(self):
        script = f"head -c 50000 /dev/zero >{self.path('a')}; (head -c 50000 /dev/zero >{self.path('b')} &) ; exit"
        for wait in ("", "sleep 1.5"):
            value = self.brought("written", f"{script}" if not wait else script.replace("exit", wait), "--leftovers=wait")
            self.assertEqual(value["of"], "written")
            self.assertLessEqual(abs(value["value"] - 100000), 2000, value)

    def test_a_counter_of_the_job(self):
        self.assertEqual(self.brought("counter:rows", "spawnguard notify counter rows+=2.5 rows+=3 other=7"),
                         {"of": "counter:rows", "value": 5.5})

    def test_a_file(self):
        self.write("out", "12345")
        self.assertEqual(self.brought("file:out", "printf 678 >>out"), {"of": "file:out", "value": 3})
        self.assertEqual(self.brought(f"file:{self.path('out')}", "printf 1234 >new; mv new out")["value"], 4)
        self.assertEqual(self.brought("file:out", "rm out")["value"], 0)
        self.assertEqual(self.brought("file:out", "cd /; printf 1 >$OLDPWD/out")["value"], 1)

    def test_without_it_there_is_none(self):
        self.run_guard([], ["true"])
        self.assertNotIn("spawnguard.yield", self.events("end")[-1])

    def test_the_status_object_has_it(self):
        self.brought("lines", "echo", "--status-file", self.path("end"))
        self.assertEqual(json.loads(self.read("end"))["spawnguard.yield"], {"of": "lines", "value": 1})

    def test_the_warden_killed(self):
        run = self.guard("--yield=lines", "-k", "1", "--", "sh", "-c", "echo one; sleep 60")
        wait_until(lambda: run.out == "one\n", "it has said so")
        send(run.warden(), 9)
        run.wait()
        self.assertEqual(self.events("end")[-1]["spawnguard.yield"], {"of": "lines", "value": 1})


class Nothing(YieldTest):
    def test_a_reason_for_each(self):
        for reason, script, args, status in (
                ("success_no_work", "true", [], 0),
                ("execution_error", "exit 3", [], 3),
                ("timeout", "sleep 60", ["-t", "0.3"], 124),
                ("limit_hit", "sleep 60 & sleep 60 & wait", ["--max-procs=2", "--interval=10ms"], 123)):
            for what in ("lines", "counter:rows"):
                self.assertEqual(self.brought(what, script, *args, status=status), {"of": what, "value": 0, "reason": reason})

    def test_not_started(self):
        run = self.run_guard(["--yield=lines"], [self.path("nothing")])
        self.assertEqual(run.status, 127)
        self.assertEqual(self.events("end")[-1]["spawnguard.yield"]["reason"], "failed_before_start")

    def test_ended_by_somebody(self):
        run = self.holder("--yield=bytes", "-N", "j")
        self.command("kill", "j")
        run.wait()
        said = self.events("end")[-1]["spawnguard.yield"]
        self.assertEqual((said["value"], said["reason"]), (0, "unknown"))


class Floor(YieldTest):
    def test_too_little_is_flagged(self):
        self.brought("lines=5/0.5s", "for i in 1 2 3 4 5 6 7; do echo; sleep 0.2; done", "--interval=20ms")
        flag = self.flags()[0]
        self.assertEqual((flag["rule"], flag["severity"], flag["action"], flag["bound"], flag["rung"], flag["per"]),
                         ("yield", "warning", "flag", 5, "files", 0.5))
        self.assertLess(flag["value"], 5)
        self.assertRegex(flag["text"], r"\A[0-4] lines within 500ms, at least 5 expected\Z")

    def test_enough_is_not(self):
        for what in (f"lines=2/{SCALE}s", f"bytes=2/{SCALE}s"):
            self.brought(what, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo; sleep 0.2; done", "--interval=20ms")
        self.brought(f"counter:n=1/{SCALE}s", "for i in 1 2 3 4 5 6; do spawnguard notify counter n+=1; sleep 0.3; done",
                     "--interval=20ms")
        self.assertEqual(self.flags(), [])

    def test_a_run_that_is_shorter_is_not_judged(self):
        self.brought("lines=5/1h", "sleep 0.3", "--interval=20ms")
        self.assertEqual(self.flags(), [])

    def test_each_of_them_has_one(self):
        for what, rung in (("bytes=1M/0.4s", "files"), ("written=1M/0.4s", "io"), ("counter:n=9/0.4s", "notify"),
                           ("file:out=1/0.4s", "files")):
            self.brought(what, "sleep 1.5", "--interval=20ms")
            flag = self.flags()[-1]
            self.assertEqual((flag["rule"], flag["rung"], flag["value"]), ("yield", rung, 0), what)

    def test_time_in_a_freeze_does_not_count(self):
        run = self.guard("-N", "j", f"--yield=lines=1/{2 * SCALE}s", "--interval=20ms", "--", "sh", "-c",
                         "echo; sleep 0.5; echo; sleep 0.5; echo")
        wait_until(lambda: run.out.count("\n") >= 1 and children(run.pid), "it runs")
        self.assertEqual(self.command("freeze", "j").status, 0)
        harness.observe(2.5 * SCALE)
        self.assertEqual(self.command("thaw", "j").status, 0)
        run.wait()
        self.assertEqual((run.status, self.flags()), (0, []))


class Refused(YieldTest):
    def test_where_stdout_is_not_seen(self):
        with open(os.devnull, "wb") as null:
            for what in ("lines", "bytes=1/1h"):
                run = self.run_guard([f"--yield={what}"], ["touch", self.path("ran")], stdout=null)
                self.assertEqual((run.status, os.path.exists(self.path("ran"))), (125, False))
                self.assertRegex(run.err, r"\Aspawnguard: not started: --yield: stdout cannot be seen[^\n]*\n\Z")
            self.assertEqual(self.run_guard(["--yield=lines", "--output=never"], ["true"], stdout=null).status, 0)
            self.assertEqual(self.run_guard(["--yield=file:x"], ["true"], stdout=null).status, 0)


if __name__ == "__main__":
    harness.main()

"""--max-attempts N/D: how often a task is tried: counted before the start, refused, given back, free again."""
import json
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from breaker_file import BreakerFile
from harness import SPAWNGUARD, VICTIM, GuardTest, outcome, wait_until
from ways import kill_both

LIMIT = "--max-attempts=2/1h"


class Base(BreakerFile, GuardTest):
    def attempt(self, task="t", command=("false",), limit=LIMIT, *args, job="j", **popen):
        return self.run_guard(["-N", job, *(["--task", task] if task else []), limit, *args], command, **popen)

    def tasks(self, job="j"):
        jobs = json.loads(self.command("breaker", "show", job, "--json").out)["jobs"]
        return {t["task"]: t["attempts"] for j in jobs for t in j["tasks"]}

    def grow_old(self, seconds):
        """As if it had been tried so much earlier."""
        self.keep(re.sub(r"(?m)^try (\d+) (\d+)", lambda m: f"try {m[1]} {int(m[2]) + seconds * 10**9}", self.file()))

    def used_up(self, *args, **kwargs):
        while self.attempt(*args, **kwargs).status != 69:
            self.assertLess(len(self.events("start")), 10)


class Refused(Base):
    def test_one_more_than_allowed_is_refused_and_says_what_to_type(self):
        self.assertEqual([self.attempt("phase 7").status for _ in range(2)], [1, 1])
        refused = self.attempt("phase 7", ["touch", self.path("ran")])
        self.assertEqual((refused.status, refused.out), (69, ""))
        said = re.fullmatch(r"spawnguard: not started: attempts used up: j: task 'phase 7': 2 of 2 within 1h; the next is allowed "
                            r"in 59m\S* at [-0-9: ]+; (spawnguard breaker reset j --task 'phase 7')\n", refused.err)
        self.assertTrue(said, refused.err)
        line = self.events("refused")[-1]
        self.assertEqual((outcome(line), line["spawnguard.reason"], line["spawnguard.refusals"]), ("refused", "max-attempts", 1))
        self.assertEqual((self.attempt("phase 8").status, self.attempt("phase 7", job="k").status), (1, 1), "another task, another job")
        typed = self.start("sh", "-c", said[1].replace("spawnguard", f"exec {SPAWNGUARD}", 1), env=self.env)
        self.assertEqual((typed.wait().status, typed.out), (0, "j: task phase 7: 2 attempts forgotten\n"))
        self.assertEqual(self.attempt("phase 7", ["touch", self.path("ran")]).status, 0)
        self.assertEqual(self.tasks(), {"phase 8": 1})

    def test_free_again_when_the_time_is_over(self):
        self.used_up()
        self.grow_old(3599 - 600)
        self.assertRegex(self.attempt().err, r"; the next is allowed in 10m\S* at |; the next is allowed in 9m\S* at ")
        self.grow_old(601)
        self.assertEqual([self.attempt().status for _ in range(3)], [1, 1, 69])

    def test_free_again_by_the_clock(self):
        with_time = "--max-attempts=1/1500ms"
        self.assertEqual(self.attempt(limit=with_time).status, 1)
        wait_until(lambda: self.attempt(limit=with_time).status == 1, what="the time is over")
        self.assertGreaterEqual(harness.now() - self.runs[0].began, 1.5)

    def test_without_a_task_the_job_is_one(self):
        self.used_up(None)
        refused = self.attempt(None)
        self.assertIn("not started: attempts used up: j: 2 of 2 within 1h; ", refused.err)
        self.assertTrue(refused.err.endswith("; spawnguard breaker reset j\n"), refused.err)
        self.assertEqual(self.attempt("t").status, 1)

    def test_force_starts_and_counts(self):
        self.used_up()
        forced = self.attempt("t", ["false"], LIMIT, "--force")
        self.assertEqual(forced.status, 1)
        self.assertRegex(forced.err, r"(?m)^spawnguard: warning: attempts used up: j: task t: 2 of 2 within 1h; .*; started all the same \(--force\)$")
        self.assertEqual(self.tasks(), {"t": 3})

    def test_from_the_configuration_and_explained(self):
        conf = self.write("conf", "[job j]\nmax-attempts = 1/2h\n", 0o600)
        args = ["-N", "j", "--task", "t", "--config", conf]
        explained = self.command("explain", *args, "--", "true")
        self.assertRegex(explained.out, r"\n  max-attempts  ok      j: task t: 0 of 1 within 2h\n")
        self.assertEqual(self.run_guard(args, ["false"]).status, 1)
        before = self.file()
        explained = self.command("explain", *args, "--", "true")
        self.assertEqual(explained.status, 69)
        self.assertRegex(explained.out, r"\n  max-attempts  NO      attempts used up: j: task t: 1 of 1 within 2h; the next is allowed in 1h59m at .*"
                                        r"\n +to change it: spawnguard breaker reset j --task t, or --force\n +by itself: in 1h59m, at 2")
        rule = [r for r in json.loads(self.command("explain", *args, "--json", "--", "true").out)["rules"] if r["rule"] == "max-attempts"]
        self.assertEqual([r["verdict"] for r in rule], ["refuse"])
        self.assertEqual(self.file(), before)
        self.assertEqual(self.run_guard(args, ["true"]).status, 69)


class Counted(Base):
    def test_a_good_end_forgets_the_attempts_of_its_task(self):
        self.attempt("t")
        self.attempt("u")
        self.assertEqual(self.attempt("t", ["true"]).status, 0)
        self.assertEqual(self.tasks(), {"u": 1})

    def test_what_its_user_or_the_environment_ends_is_none(self):
        self.attempt("t")
        for how, want in ((lambda: self.attempt("t", [self.path("none")]), 127),
                          (lambda: self.attempt("t", ["true"], LIMIT, "--require-env=SG_NOT_SET"), 69),
                          (lambda: self.attempt("t", ["true"], LIMIT, "--pre-check=false"), 69),
                          (lambda: self.attempt("t", ["true"], LIMIT, "--output=never", "--log", self.path("no/such/log")), 125)):
            self.assertEqual(how().status, want)
            self.assertEqual(self.tasks(), {"t": 1})
        asking = self.guard("-N", "j", "--task=t", LIMIT, f"--pre-check={VICTIM} sleep", "--", "true")
        self.wait_ready(asking)
        asking.send(signal.SIGTERM)
        self.assertEqual((asking.wait().status, self.tasks()), (-signal.SIGTERM, {"t": 1}))
        held = self.holder("-N", "j", "--task=t", LIMIT)
        self.assertEqual(self.tasks(), {"t": 2}, "while it runs it counts")
        held.send(signal.SIGTERM)
        self.assertEqual(held.wait().status, -signal.SIGTERM)
        self.assertEqual(self.tasks(), {"t": 1})

    def test_one_that_nobody_saw_end_counts(self):
        held = self.holder("-N", "j", "--task=t", LIMIT)
        kill_both(self, held)
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.tasks(), {"t": 1})
        self.assertEqual(self.attempt("t").status, 1)
        self.assertEqual(self.attempt("t").status, 69)

    def test_attempts_of_one_run_count_each(self):
        run = self.attempt("t", ["false"], "--max-attempts=3/1h", "--retry=9", "--backoff=failure=10ms")
        self.assertEqual(run.status, 1)
        self.assertRegex(run.err, r"attempts used up: j: task t: 3 of 3 within 1h; the next is allowed in 59m\S* at .*; no other follows now; "
                                  r"spawnguard breaker reset j --task t\n")
        self.assertEqual((len(self.events("attempt")), self.tasks()), (2, {"t": 3}))
        self.assertEqual(self.attempt("t", limit="--max-attempts=3/1h").status, 69)

    def test_an_attempt_that_ends_well_ends_the_count(self):
        count = f"echo >> {self.path('count')}; test $(wc -l < {self.path('count')}) -eq 3"
        self.assertEqual(self.attempt("t", ["sh", "-c", count], "--max-attempts=3/1h", "--retry=9", "--backoff=failure=10ms").status, 0)
        self.assertEqual(self.tasks(), {})

    def test_of_many_at_once_no_more_than_allowed_start(self):
        limit = "--max-attempts=3/1h"
        some = [self.guard("-N", "j", "--task", "t", "--no-lock", limit, "--", VICTIM, "sleep") for _ in range(20)]
        wait_until(lambda: sum(not p.running() for p in some) >= 17, what="17 of 20 are refused")
        self.assertEqual((len(self.events("start")), self.tasks()), (3, {"t": 3}))
        for p in some:
            if p.running():
                self.end(p)
        self.assertEqual([p.status for p in some].count(69), 17)

    def test_without_it_nothing_is_kept(self):
        self.assertEqual(self.run_guard(["-N", "j", "--task", "t"], ["true"]).status, 0)
        self.assertFalse(os.path.lexists(os.path.join(self.state, "breaker")))

    def test_what_is_damaged_is_put_aside(self):
        self.used_up()
        with open(os.path.join(self.state, "breaker/j"), "a") as f:
            f.write("try 0 0 0\n")
        run = self.attempt()
        self.assertEqual(run.status, 1)
        self.assertIn("is damaged: put aside as .bad", run.err)
        self.assertEqual(self.tasks(), {"t": 1})

    def test_the_state_is_of_another_boot(self):
        """Counted on, and from now on by the clock of this one, even where the wall clock was set back by years."""
        self.used_up()
        words = self.file().splitlines(True)
        at = words[1].split()
        words[1] = " ".join(["at", "11111111-2222-3333-4444-555555555555", at[2], at[3], str(int(at[4]) + 10**18)]) + "\n"
        self.keep("".join(words))
        self.assertEqual(self.attempt().status, 69)
        self.assertNotIn("11111111-2222", self.file())
        self.assertEqual(self.tasks(), {"t": 2})


class Batch(Base):
    def test_an_item_that_may_not_be_tried_fails_and_the_others_are_run(self):
        conf = self.write("conf", "[job j]\nmax-attempts = 1/1h\n", 0o600)
        items = self.write("items", "a\nb\nc\n")
        args = ["batch", "-N", "j", "--config", conf, "--items", items, "--", "sh", "-c", "test {} != b"]
        first = self.command(*args)
        self.assertEqual((first.status, self.tasks()), (1, {"b": 1}))
        again = self.command(*args)
        self.assertEqual(again.status, 1, again.err)
        self.assertRegex(again.err, r"\[2/3\] FAIL b \S+ not started: max-attempts")
        self.assertRegex(again.err, r"\[3/3\] OK c")
        self.assertEqual(self.tasks(), {"b": 1})


class ByHand(Base):
    def test_show_and_list_tell_of_tasks(self):
        self.used_up("t\x1b[31m")
        self.attempt("u")
        shown = self.command("breaker", "show", "j").out
        self.assertRegex(shown, r"\nTASK +ATTEMPTS +WITHIN +THE NEXT\nt\\x1b\[31m +2 of 2 +1h +in 59m\S* at .*\nu +1 of 2 +1h +now\n")
        found = {t["task"]: t for t in json.loads(self.command("breaker", "show", "j", "--json").out)["jobs"][0]["tasks"]}
        full, free = found["t\x1b[31m"], found["u"]
        self.assertEqual((full["attempts"], full["limit"], full["per"], full["used_up"]), (2, 2, 3600, True))
        self.assertTrue(3000 < full["free_in"] <= 3600 and full["free_at"].endswith("Z"), full)
        self.assertEqual((free["used_up"], free["free_in"], "free_at" in free), (False, 0, False))
        self.assertRegex(self.command("breaker", "list").out, r"\nj +closed +\d+ +attempts used up: 1 task\n\Z")

    def test_reset_of_a_task_or_of_all(self):
        self.used_up("t")
        self.attempt("u")
        said = self.command("breaker", "reset", "j", "--task", "w")
        self.assertEqual((said.status, said.out, said.err),
                         (1, "", "spawnguard: j: no attempt of task w is counted; see: spawnguard breaker show j\n"))
        self.assertEqual(self.command("breaker", "reset", "none", "--task", "w").status, 1)
        self.assertEqual(self.command("breaker", "reset", "j", "--task", "u").out, "j: task u: 1 attempt forgotten\n")
        self.assertEqual(self.tasks(), {"t": 2})
        self.assertEqual(self.command("breaker", "reset", "j").out, "j: closed, 2 attempts forgotten\n")
        self.assertEqual(self.tasks(), {})
        self.assertEqual(self.attempt("t").status, 1)
        said = self.command("breaker", "show", "j", "--task", "t")
        self.assertEqual((said.status, said.out), (2, ""))

    def test_reset_of_a_task_of_several_jobs(self):
        for job in ("a1", "a2", "b"):
            self.attempt("t", job=job)
        self.attempt("u", job="a3")
        said = self.command("breaker", "reset", "--prefix", "a", "--task", "t")
        self.assertEqual((said.status, said.out), (0, "a1: task t: 1 attempt forgotten\na2: task t: 1 attempt forgotten\n"))
        self.assertEqual((self.tasks("a3"), self.tasks("b")), ({"u": 1}, {"t": 1}))
        self.assertEqual(self.command("breaker", "reset", "--prefix", "a", "--task", "t").status, 1)


if __name__ == "__main__":
    harness.main()

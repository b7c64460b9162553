"""breaker: shown, opened, reset and tried by hand; what it prints is what a start does."""
import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, GuardTest

FAILS = ["sh", "-c", 'echo "Traceback (most recent call last):" >&2; echo "AttributeError: no such member" >&2; exit 3']


class BreakerTest(GuardTest):
    def breaker(self, *args):
        return self.command("breaker", *args)

    def jobs(self, *args):
        said = self.breaker(*args, "--json")
        self.assertEqual(said.err, "")
        return {j["job"]: j for j in json.loads(said.out)["jobs"]}

    def start_job(self, name, command=("true",), *args):
        return self.run_guard(["-N", name, *args], command)

    def changes(self):
        return [(e["spawnguard.job"], e["spawnguard.breaker"]["from"], e["spawnguard.breaker"]["to"])
                for e in self.events("breaker")]


class ByHand(BreakerTest):
    def test_open_refuses_every_start_until_it_is_reset(self):
        said = self.breaker("open", "j", "--reason", "the disk is\x1b[31m being moved")
        self.assertEqual((said.status, said.err), (0, ""))
        self.assertRegex(said.out, r"\Aj: open for \S+: opened by hand: \"the disk is\\x1b\[31m being moved\"; no trial until .*\n\Z")
        run = self.start_job("j", ["touch", self.path("ran")])
        self.assertEqual(run.status, 69)
        self.assertRegex(run.err, r"\Aspawnguard: breaker open: j: opened by hand: .* spawnguard breaker show j \| reset j\n\Z")
        said = self.breaker("reset", "j")
        self.assertEqual((said.status, said.out), (0, "j: closed\n"))
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.start_job("j", ["touch", self.path("ran")]).status, 0)
        self.assertEqual(self.changes(), [("j", "closed", "open"), ("j", "open", "closed")])

    def test_what_runs_goes_on(self):
        held = self.holder("-N", "j")
        self.assertEqual(self.breaker("open", "j").status, 0)
        self.assertTrue(held.running())
        self.assertEqual(self.breaker("reset", "j").status, 0)
        self.end(held)

    def test_for_a_time(self):
        said = self.breaker("open", "j", "--for", "2h")
        self.assertRegex(said.out, r"; next trial in (2h|1h59m) at ")
        self.assertAlmostEqual(self.jobs("show", "j")["j"]["next_trial"]["in"], 7200, delta=60 * harness.SCALE)
        self.assertEqual(self.start_job("j").status, 69)

    def test_until_a_date_here_or_elsewhere(self):
        now = time.time()
        year = time.gmtime(now).tm_year + 1
        for date, zone, want in ((f"{year}-12-01", "UTC", f"{year}-12-01T00:00:00"), (f"{year}-12-01 14:05", "UTC", f"{year}-12-01T14:05:00"),
                                 (f"{year}-12-01T14:05:30Z", "Asia/Tokyo", f"{year}-12-01T14:05:30"),
                                 (f"{year}-12-01 14:05+02:00", "UTC", f"{year}-12-01T12:05:00"),
                                 (f"{year}-12-01 14:05", "UTC-9", f"{year}-12-01T05:05:00")):
            with self.subTest(date=date, zone=zone):
                self.env["TZ"] = zone
                self.assertEqual(self.breaker("open", "j", "--until", date).status, 0)
                found = self.jobs("show", "j")["j"]["next_trial"]["at"]
                at, asked = (time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) for t in (found, want))
                self.assertAlmostEqual(at, asked, delta=3)

    def test_a_time_alone_is_the_next_one(self):
        self.env["TZ"] = "UTC"
        for offset in (-3600, 3600):
            asked = time.strftime("%H:%M", time.gmtime(time.time() + offset))
            self.assertEqual(self.breaker("open", "j", "--until", asked).status, 0)
            left = self.jobs("show", "j")["j"]["next_trial"]["in"]
            self.assertTrue(0 < left <= 86400, left)
            self.assertAlmostEqual(left, offset % 86400, delta=120)

    def test_what_is_no_date_changes_nothing(self):
        for date in ("tomorrow", "2030-02-31", "2001-01-01", "2030-12-01 25:00", "2030-12-01 14:05+99:00", "14:05Z"):
            with self.subTest(date):
                said = self.breaker("open", "j", "--until", date)
                self.assertEqual((said.status, said.out), (2, ""))
                self.assertRegex(said.err, r"\Aspawnguard: --until=\S.* (is no date: write |is over: give )[^\n]+\n\Z")
        self.assertEqual(self.breaker("list").status, 1)

    def test_trial_lets_one_start_through(self):
        self.assertEqual(self.breaker("open", "j", "--reason", "a look first").status, 0)
        said = self.breaker("trial", "j")
        self.assertRegex(said.out, r"\Aj: half-open for \S+: .*; a trial is due\n\Z")
        first = self.holder("-N", "j", "--shared")
        self.assertEqual(self.start_job("j", ["true"], "--shared").status, 69, "there is a trial")
        first.send(signal.SIGTERM)
        first.wait()
        self.assertEqual(self.jobs("show", "j")["j"]["state"], "half-open", "its user has ended it: it has shown nothing")
        self.assertEqual(self.start_job("j").status, 0)
        self.assertEqual(self.jobs("show", "j")["j"]["state"], "closed")

    def test_a_trial_of_a_closed_one_is_none(self):
        said = self.breaker("trial", "j")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("there is nothing to try", said.err)


class Several(BreakerTest):
    def test_open_prefix_names_what_it_touches(self):
        conf = self.write("conf", "[job agent-c]\ncommand = true\n", 0o600)
        self.start_job("agent-a")
        self.start_job("agent-b%x y")
        self.start_job("other")
        said = self.breaker("open", "--config", conf, "--prefix", "agent-", "--for", "1h")
        self.assertEqual((said.status, [line.split(": ")[0] for line in said.out.splitlines()]),
                         (0, ["agent-a", "agent-b%x y", "agent-c"]))
        for name, status in (("agent-a", 69), ("agent-b%x y", 69), ("agent-c", 69), ("other", 0), ("agent-d", 0)):
            self.assertEqual(self.start_job(name).status, status, name)
        self.assertEqual(list(self.jobs("list")), ["agent-a", "agent-b%x y", "agent-c"])
        said = self.breaker("reset", "--prefix", "agent-")
        self.assertEqual(said.out, "agent-a: closed\nagent-b%x y: closed\nagent-c: closed\n")
        self.assertEqual(self.start_job("agent-a").status, 0)

    def test_a_prefix_that_nobody_has(self):
        self.start_job("other")
        said = self.breaker("open", "--prefix", "agent-")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("no job is known whose name begins with agent-: nothing was changed", said.err)


class Shown(BreakerTest):
    def test_nothing_yet(self):
        for args in (["list"], ["show", "j"], ["reset", "j"], ["show", "--prefix", "j"]):
            said = self.breaker(*args)
            self.assertEqual((said.status, said.out), (1, ""), args)
            self.assertRegex(said.err, r"\Aspawnguard: no[^\n]+\n\Z")
        said = self.breaker("list", "--json")
        self.assertEqual((said.status, json.loads(said.out), said.err), (1, {"schema": 1, "jobs": []}, ""))

    def test_failures_are_counted_though_no_rule_is_set(self):
        for _ in range(2):
            self.assertEqual(self.start_job("j", FAILS, "--tail").status, 3)
        found = self.jobs("show", "j")["j"]
        self.assertEqual((found["state"], found["counted"], found["rules"], len(found["ends"])), ("closed", 2, [], 2))
        ends = self.events("end")
        self.assertEqual([e["run_id"] for e in found["ends"]], [e["spawnguard.run.id"] for e in reversed(ends)])
        self.assertEqual({(e["class"], e["start"]) for e in found["ends"]}, {("failure", "normal")})
        self.assertEqual(len({e["fingerprint"] for e in found["ends"]}), 1)
        self.assertIn("AttributeError: no such member", found["summary"])
        self.assertIn("AttributeError: no such member\n", found["stderr"])

    def test_show_tells_all_of_it(self):
        self.start_job("j", FAILS, "--tail")
        said = self.breaker("show", "j")
        self.assertEqual((said.status, said.err), (0, ""))
        for wanted in (r"\Aj\nstate         closed, failures counted: 1\nrules         none: ", r"\nlast failure  AttributeError: no such member\n",
                       r"\n *\S+ ago failure +\S+ [0-9a-f]{8} +f1-[0-9a-f]+\n", r"\nstartup +5m, 10m, then 20m each +5m, 10m, then 20m each\n",
                       r"\nend of stderr of run [0-9a-f]{8}:\n  Traceback .*\n  AttributeError: no such member\n\Z"):
            self.assertRegex(said.out, wanted)

    def test_list_and_status_say_when_the_next_trial_is(self):
        self.start_job("j")
        self.breaker("open", "j", "--for=3h", "--reason=why not")
        said = self.breaker("list")
        self.assertRegex(said.out, r"\AJOB +STATE +FOR +NEXT TRIAL +FAILURES +WHY\nj +open +\S+ in (3h|2h59m) at .* 0 opened by hand: \"why not\"\n\Z")
        self.assertRegex(self.command("status").out, r"\nj .*breaker open, next trial in (3h|2h59m) at ")
        self.assertRegex(self.command("status", "j").out, r"\nbreaker    open: opened by hand: \"why not\"; next trial in (3h|2h59m) at ")
        found = json.loads(self.command("status", "--json", "j").out)["jobs"][0]["breaker"]
        self.assertEqual((found["state"], found["rule"], found["reason"]), ("open", "by-hand", "why not"))
        self.assertAlmostEqual(found["next_trial"]["in"], 3 * 3600, delta=60 * harness.SCALE)

    def test_what_a_start_says_explain_says(self):
        self.breaker("open", "j", "--for=3h")
        said = self.command("explain", "--json", "-N", "j", "--", "true")
        found = json.loads(said.out)
        rule = next(r for r in found["rules"] if r["rule"] == "breaker")
        self.assertEqual((said.status, found["would"], found["exit_status"], rule["verdict"]), (69, "refuse", 69, "refuse"))
        self.assertAlmostEqual(rule["in"], 3 * 3600, delta=60 * harness.SCALE)
        self.assertIn("spawnguard breaker reset j", rule["change"])
        self.assertEqual(found["breaker"]["back_off"][0], {"class": "startup", "steps": [300, 600, 1200], "next": 0})
        run = self.start_job("j")
        self.assertIn(rule["text"].split("; next")[0], run.err)
        text = self.command("explain", "j").out
        self.assertRegex(text, r"\Awould not start: breaker open: j: opened by hand; next trial in ")
        self.assertRegex(text, r"\n  startup +5m +10m +20m each\n")

    def test_a_damaged_file_is_shown_and_put_aside_by_a_change(self):
        self.breaker("open", "j")
        path = os.path.join(self.state, "breaker", "j")
        with open(path, "r+b") as f:
            f.seek(30)
            f.write(b"x")
        self.assertTrue(self.jobs("show", "j")["j"]["damaged"])
        self.assertIn("its file is damaged", self.breaker("show", "j").out)
        said = self.breaker("open", "j", "--for=1h")
        self.assertEqual(said.status, 0)
        self.assertIn("was damaged: put aside as .bad", said.err)
        self.assertTrue(os.path.exists(path + ".bad"))
        self.assertEqual(list(self.jobs("list")), ["j"])

    def test_every_member_is_described(self):
        with open(os.path.join(harness.SOURCE, "doc/breaker.md"), encoding="utf-8") as f:
            described = f.read()
        self.start_job("j", FAILS, "--tail")
        self.breaker("open", "j", "--for=1h", "--reason=r")
        found = self.jobs("show", "j")["j"]
        names = set(found) | set(found["ends"][0]) | set(found["back_off"][0]) | set(found["next_trial"])
        self.assertEqual({n for n in names if f"`{n}`" not in described}, set())


class Rules(BreakerTest):
    RULES = ("--max-failures=3/10m", "--backoff=failure=10m,20m", "--jitter=none", "--same-failure=9", "--tail")

    def test_show_tells_how_near_each_rule_is(self):
        self.start_job("j", FAILS, *self.RULES)
        self.start_job("j", FAILS, *self.RULES)
        found = self.jobs("show", "j")["j"]
        self.assertEqual([(r["rule"], r["used"], r["limit"], r.get("per")) for r in found["rules"]],
                         [("environment", 0, 1, None), ("max-failures", 2, 3, 600), ("same-failure", 2, 9, None)])
        self.assertAlmostEqual(found["rules"][1]["less_in"], 600, delta=60 * harness.SCALE)
        said = self.breaker("show", "j").out
        self.assertRegex(said, r"\nmax-failures  2 of 3 within 10m; less in (10m|9m\S*)\nsame-failure  2 of 9 in a row\n +the next failure opens it\n")
        self.assertRegex(self.command("status", "j").out, r"\nbreaker    closed; max-failures 2 of 3 within 10m; less in ")

    def test_the_schedule_is_what_the_options_say(self):
        for _ in range(3):
            self.start_job("j", FAILS, *self.RULES)
        found = self.jobs("show", "j")["j"]
        self.assertEqual((found["state"], found["rule"], found["class"], found["failures"], found["jitter"]),
                         ("open", "max-failures", "failure", 3, 0))
        self.assertAlmostEqual(found["next_trial"]["in"], 600, delta=60 * harness.SCALE)
        self.assertLessEqual(found["next_trial"]["in"], 600)
        steps = {b["class"]: (b["steps"], b["next"]) for b in found["back_off"]}
        self.assertEqual(steps["failure"], ([600, 1200], 1))
        self.assertEqual(steps["startup"], ([300, 600, 1200], 0))
        self.assertRegex(self.breaker("show", "j").out, r"\nfailure +10m, then 20m each +20m each\n")
        self.assertRegex(self.command("explain", "j").out, r"\n  failure +10m +\+20m each\n")

    def test_explain_says_before_each_start_what_the_start_does(self):
        wanted = (3, 3, 3, 69, 69, "trial", 3, 69)
        for i, status in enumerate(wanted):
            with self.subTest(i):
                if status == "trial":
                    self.assertEqual(self.breaker("trial", "j").status, 0)
                    continue
                said = self.command("explain", "--json", "-N", "j", *self.RULES, "--", *FAILS)
                run = self.start_job("j", FAILS, *self.RULES)
                self.assertEqual((run.status, said.status), (status, 69 if status == 69 else 0), run.err)
                found = json.loads(said.out)
                self.assertEqual(found["would"], "refuse" if status == 69 else "start")
                rules = {r["rule"]: r for r in found["rules"]}
                self.assertEqual(rules["breaker"]["verdict"], "refuse" if status == 69 else "pass")
                if i < 3:
                    self.assertTrue(rules["max-failures"]["text"].startswith(f"{i} of 3 within 10m"), rules)
        found = self.jobs("show", "j")["j"]
        self.assertEqual([e["start"] for e in found["ends"]], ["trial", "normal", "normal", "normal"])
        self.assertGreater(found["next_trial"]["in"], 600, "the next, longer step")
        self.assertEqual([c[1:] for c in self.changes()], [("closed", "open"), ("open", "half-open"), ("half-open", "open")])

    def test_without_options_the_rules_of_the_last_run_answer(self):
        self.start_job("j", FAILS, *self.RULES)
        found = json.loads(self.command("explain", "--json", "j").out)
        self.assertIn("max-failures", [r["rule"] for r in found["rules"]])


class Words(BreakerTest):
    def test_options_stand_before_or_behind_the_words(self):
        for args in (["--for", "1h", "open", "j"], ["open", "--for", "1h", "j"], ["open", "j", "--for", "1h"], ["open", "j", "--for=1h"]):
            with self.subTest(args):
                self.assertRegex(self.breaker(*args).out, r"\Aj: open for \S+: opened by hand; next trial in (1h|59m\S*) at ")
        self.assertEqual(self.breaker("open", "--", "--for").status, 0)
        self.assertIn("--for", self.jobs("list"))

    def test_what_belongs_to_another_is_refused(self):
        for args in ([], ["look"], ["open"], ["list", "j"], ["reset", "j", "--for=1h"], ["show", "j", "--reason=x"],
                     ["open", "j", "--for=1h", "--until=2030-01-01"], ["show", "a", "b"]):
            with self.subTest(args):
                said = self.breaker(*args)
                self.assertEqual((said.status, said.out), (2, ""))
                self.assertRegex(said.err, r"\Aspawnguard: [^\n]+\n\Z")

    def test_a_budget_alone_is_no_breaker_and_stays(self):
        self.run_guard(["-N", "j", "--budget=tokens=10/1d"], [SPAWNGUARD, "notify", "counter", "tokens=4"])
        self.assertEqual(self.breaker("list").status, 1)
        self.breaker("open", "j")
        self.breaker("reset", "j")
        self.assertIn("budget     tokens 4 of 10 within 1d", self.command("status", "j").out)


if __name__ == "__main__":
    harness.main()

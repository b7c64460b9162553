"""What a run failed of is known by its print: the same twice in a row is told, and --open-on finds a quota in it."""
import datetime
import os
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest


class PrintTest(GuardTest):
    tells_repeats = True

    def fails(self, *args, says="", status=1):
        """A run of one job that writes `says` and fails."""
        self.write("says", says)
        return self.guard("-N", "j", *args, "--", "sh", "-c", f"cat says >&2; exit {status}").wait()

    def failure(self):
        return self.events("end")[-1]["spawnguard.failure"]

    def told(self, run):
        return [line for line in run.err.splitlines() if "same failure" in line]


class Same(PrintTest):
    def test_over_varied_values(self):
        first = self.fails("--tail", says="2026-11-20 03:00 Error: part 3 of /in/a.csv is bad (0x7f01)\n")
        second = self.fails("--tail", says="2026-11-21 14:00 Error: part 17 of /in/b.csv is bad (0x55d2)\n")
        self.assertEqual(self.told(first), [])
        self.assertEqual(len(self.told(second)), 1, second.err)
        self.assertIn(", 2 in a row (Error: part 17 of /in/b.csv is bad (0x55d2)); see: ", second.err)
        third = self.fails("--tail", says="Error: part 3 of /in/a.csv is bad (0x7f01)\n")
        self.assertEqual(self.told(third), [])  # no date: another line
        prints = [e["spawnguard.failure"]["fingerprint"] for e in self.events("end")]
        self.assertEqual(len(set(prints)), 2)

    def test_another_failure_is_not_the_same(self):
        self.fails("--tail", says="Error: no room\n")
        self.assertEqual(self.told(self.fails("--tail", says="Error: no route\n")), [])
        self.assertEqual(self.told(self.fails("--tail", says="Error: no route\n", status=2)), [])

    def test_by_how_it_ended_where_nothing_was_kept(self):
        self.fails(says="Error: no room\n")
        run = self.fails(says="Error: no route\n")
        self.assertIn(", 2 in a row (exit 1); see: spawnguard breaker show j", self.told(run)[0])
        self.assertEqual(self.told(self.fails(status=2)), [])

    def test_a_good_end_between_ends_it(self):
        self.fails()
        self.assertEqual(self.guard("-N", "j", "--", "true").wait().status, 0)
        self.assertEqual(self.told(self.fails()), [])
        self.assertIn("2 in a row", self.told(self.fails())[0])
        self.assertIn("3 in a row", self.told(self.fails())[0])

    def test_an_end_that_its_user_asked_for_is_no_failure(self):
        for _ in range(2):
            holder = self.holder("-N", "j")
            holder.send(15)
            self.assertEqual(self.told(holder.wait()), [])
            self.assertNotIn("spawnguard.failure", self.events("end")[-1])

    def test_a_word_of_the_status_object(self):
        self.fails("--tail", "--status-file", self.path("status"), says="Error: no room\n")
        with open(self.path("status")) as f:
            self.assertEqual(harness.json.load(f)["spawnguard.failure"], self.failure())
        self.guard("-N", "j", "--status-file", self.path("status"), "--", "true").wait()
        with open(self.path("status")) as f:
            self.assertNotIn("spawnguard.failure", harness.json.load(f))


class OpenOn(PrintTest):
    def opened(self, *args, says, status=1):
        """(how long, class) of the breaker that has opened; None"""
        self.fails(*args, says=says, status=status)
        events = self.events("breaker")
        if not events:
            return None
        return events[-1]["spawnguard.breaker"]["wait"], self.failure()["class"]

    def test_until_what_is_found_or_given(self):
        rows = [
            ("nothing found: a step of its class", "quota", "quota\n", (60, 70)),
            ("a duration in the match", "quota.*", "quota: try again in 2 hours\n", (7200, 7200)),
            ("not in the match", "quota", "quota: try again in 2 hours\n", (60, 70)),
            ("in its group", "quota [0-9:]* until (.*)", "quota 23:59:59 until 2h\nquota 1:00 until in 3h\n", (60, 70)),
            ("seconds since 1970", "[|][0-9]+", f"limit reached|{int(time.time()) + 5000}\n", (4900, 5000)),
            ("given", "quota=6h", "quota: try again in 2 hours\n", (21600, 21600)),
            ("one that has passed", "quota=2020-01-01", "quota\n", (60, 70)),
            ("the first expression that matches", "no=1h", "quota\n", None),
        ]
        for what, regex, says, wait in rows:
            with self.subTest(what):
                shutil.rmtree(self.state)
                os.mkdir(self.state, 0o700)
                found = self.opened("--open-on", regex, says=says)
                if wait is None:
                    self.assertIsNone(found)
                    continue
                self.assertEqual(found[1], "quota")
                self.assertTrue(wait[0] <= found[0] <= wait[1], found)
                self.assertEqual(self.fails("--open-on", regex).status, 69)

    def test_several_and_whatever_the_status_is(self):
        found = self.opened("--open-on", "absent=1h", "--open-on", "^used up$=2h", says="x\nused up\ny\n", status=0)
        self.assertEqual(found, (7200, "quota"))

    def test_of_standard_output_in_a_file(self):
        self.guard("-N", "j", "--open-on", "used up=1h", "--output=on-failure", "--",
                   "sh", "-c", "echo used up; exit 1").wait()
        self.assertEqual(self.events("breaker")[-1]["spawnguard.breaker"]["wait"], 3600)

    def test_of_the_end_alone(self):
        self.assertIsNone(self.opened("--open-on", "used up=1h", says="used up\n" + "x" * 5000 + "\n"))

    def test_of_any_bytes(self):
        command = ["sh", "-c", r"printf 'a\0b\377\033 used up\n' >&2; exit 1"]
        self.guard("-N", "j", "--open-on", "b.*used up$=1h", "--", *command).wait()
        self.assertEqual(len(self.events("breaker")), 1)

    def test_nothing_of_it_is_kept_where_nothing_is_to_be(self):
        for i, what in enumerate(("none", "print")):
            self.assertEqual(self.opened("-N", f"k{i}", "--open-on", "used up=1h", f"--record-tail={what}", says="used up: secret\n"),
                             (3600, "quota"))
        self.fails("-N", "counted", "--same-failure=2", "--record-tail=print", says="secret\n", status=1)
        for place, _, files in os.walk(self.state):
            for name in files:
                with open(os.path.join(place, name), "rb") as f:
                    self.assertNotIn(b"secret", f.read(), name)

    def test_the_time_zone_of_the_caller(self):
        self.env["TZ"] = "XXX-5"
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=5)
        days = now.date() + datetime.timedelta(days=3)
        found = self.opened("--open-on", "used up.*", says=f"used up until {days}\n")
        midnight = datetime.datetime.combine(days, datetime.time(), now.tzinfo)
        self.assertAlmostEqual(found[0], (midnight - now).total_seconds(), delta=120 * harness.SCALE)

    def test_one_that_takes_for_ever_is_given_up_and_told(self):
        self.write("says", "a" * 4000)
        run = self.guard("-N", "j", "--open-on", "(" + "a|" * 60 + "aa){1,255}b", "--", "sh", "-c", "cat says >&2; exit 1").wait()
        self.assertEqual(run.status, 1)
        self.assertIn("spawnguard: warning: j: --open-on could not be told: ", run.err)
        self.assertEqual(self.failure()["class"], "failure")
        self.assertEqual(self.events("breaker"), [])

    def test_what_is_no_expression_starts_nothing(self):
        for regex in ("(", "", "a{200}{2}", "x" * 501):
            with self.subTest(regex[:10]):
                run = self.guard("-N", "j", "--open-on", regex, "--", "touch", self.path("ran")).wait()
                self.assertEqual(run.status, 125)
                self.assertFalse(os.path.exists(self.path("ran")))


if __name__ == "__main__":
    harness.main()

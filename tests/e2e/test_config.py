"""The configuration file: what counts, what is refused, and that nothing starts then."""
import json
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, GuardTest, outcome

IS_ROOT = os.geteuid() == 0
STRANGER = 61235


class ConfigTest(GuardTest):
    def conf(self, text, name="c.conf", mode=0o600):
        path = self.path(name)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def run_with(self, path, *args):
        return self.guard("--config", path, *args).wait()

    def run_job(self, path, *args):
        return self.run_with(path, *args, "--", "sh", "-c", f"echo >>{self.path('ran')}; exit 7")

    def assert_taken(self, run, what=None):
        self.assertEqual((run.status, run.err), (7, ""), what)
        os.unlink(self.path("ran"))

    def assert_refused(self, run, says, what=None):
        self.assertEqual(run.status, 125, f"{what}: {run.err}")
        self.assertEqual(run.err.count("\n"), 1, what)
        self.assertIn(says, run.err, what)
        self.assertFalse(os.path.exists(self.path("ran")), f"{what}: the job has run")


class Text(ConfigTest):
    def test_what_is_good(self):
        long = "# " + "x" * 197
        rows = [
            ("nothing", b""),
            ("a line of 199 bytes", b"[defaults]\n" + long.encode() + b"\ntask = x\n"),
            ("a pair of 199 bytes", b"[defaults]\ntask = " + b"x" * 192 + b"\n"),
            ("199 bytes and CRLF", b"[defaults]\r\ntask = " + b"x" * 192 + b"\r\n"),
            ("CRLF", b"[defaults]\r\ntimeout = 60\r\n"),
            ("a BOM", b"\xef\xbb\xbf[defaults]\ntimeout = 60\n"),
            ("no end of the last line", b"[defaults]\ntimeout = 60"),
            ("blanks and comments", b"  \n\t# a\n ; b\n  [defaults] \n\ttimeout\t=\t60  \n"),
            ("a ; within a word", b"[defaults]\ntask = a;b\n"),
            ("a job that is broken does not stop another", b"[job other]\ntimeot = 1\nnonsense\n[job p]\ntask = a\n"),
        ]
        for what, text in rows:
            with self.subTest(what):
                self.assert_taken(self.run_job(self.conf(text), "-N", "p"), what)

    def test_what_is_refused_with_its_line(self):
        rows = [
            ("a line of 200 bytes", b"[defaults]\ntask = " + b"x" * 193 + b"\n", ":2: a line of 200 bytes"),
            ("200 bytes of another job", b"[job o]\ntask = " + b"x" * 193 + b"\n", ":2: a line of 200 bytes"),
            ("NUL", b"[defaults]\n# a\0b\n", ":2: a NUL byte"),
            ("a control byte", b"[defaults]\ntask = a\x1bb\n", ":2: a control byte, \\x1b"),
            ("a bare CR", b"[defaults]\ntask = a\rstats = yes\n", ":2: a control byte, \\x0d"),
            ("unknown key", b"[defaults]\n\ntimeot = 1\n", ":3: unknown key timeot, did you mean timeout?"),
            ("_ for -", b"[defaults]\nkill_after = 1\n", ":2: unknown key kill_after, did you mean kill-after?"),
            ("duplicate key", b"[defaults]\nstats = yes\ntask = a\nstats = no\n", ":4: stats stands in line 2 already"),
            ("duplicate section", b"[job p]\n[defaults]\n[job  p ]\n", ":3: this section stands in line 1 already"),
            ("duplicate defaults", b"[defaults]\n[defaults]\n", ":2: this section stands in line 1 already"),
            ("duplicate tag", b"[defaults]\ntag = a=1\ntag = a=2\n", ":3: tag = a=2: this key was given before"),
            ("unknown section", b"[default]\n", ":1: unknown section [default], did you mean [defaults]?"),
            ("unknown kind of section", b"[jobs x]\n", ":1: unknown section [jobs x], did you mean [job NAME]?"),
            ("a section without its name", b"[job]\n", ":1: [job] without a name"),
            ("a section with quotes", b'[job "p"]\n', ":1: quotes in a section: write the name of a job without them"),
            ("a section without its end", b"[job p\n", ":1: a section without its ]"),
            ("something behind a section", b"[job p] task = x\n", ":1: something behind the ]"),
            ("a key before any section", b"timeout = 1\n", ":1: a key before any section"),
            ("no =", b"[job p]\ntimeout 1\n", ":2: neither a section nor a key"),
            (": for =", b"[job p]\ntimeout: 1\n", ":2: a : where = belongs"),
            ("no key", b"[job p]\n= 1\n", ":2: no key before the ="),
            ("a comment behind a value", b"[job p]\ntimeout = 1 ; one\n", ":2: a blank and ; would begin a comment"),
            ("a bad value", b"[job p]\ntimeout = 1x\n", ":2: timeout = 1x: not a duration: write 90"),
            ("no value", b"[job p]\ntimeout =\n", ":2: timeout = : not a duration"),
            ("a command of all jobs", b"[defaults]\ncommand = true\n", ":2: command is of one job"),
            ("like of all jobs", b"[defaults]\nlike = p\n", ":2: like is of one job"),
            ("the state of one job", b"[job p]\nstate-dir = /x\n", ":2: state-dir holds for all commands"),
            ("an option of the command line", b"[job p]\nrun-id = x\n", ":2: run-id belongs on the command line"),
            ("like nobody", b"[job nightly]\n[job p]\nlike = nightlx\n", ":3: like = nightlx: no such job, did you mean nightly?"),
            ("like itself", b"[job p]\nlike = p\n", ":2: a job cannot be like itself"),
            ("like of like", b"[job a]\n[job b]\nlike = a\n[job p]\nlike = b\n", ":5: like = b: this job is like another itself"),
            ("what does not go together", b"[job p]\nshared = yes\nno-lock = yes\n", "--shared with --no-lock"),
        ]
        for what, text, says in rows:
            with self.subTest(what):
                path = self.conf(text)
                self.assert_refused(self.run_job(path, "-N", "p"), f"{path}{says}" if says[0] == ":" else says, what)


class File(ConfigTest):
    GOOD = "[defaults]\nstats = no\n"

    def test_one_that_is_named_must_be_there(self):
        self.assert_refused(self.run_job(self.path("nope")), "there is no such configuration file")
        self.env["SPAWNGUARD_CONFIG"] = self.path("nope")
        run = self.guard("--", "true").wait()
        self.assert_refused(run, "there is no such configuration file")
        self.assertEqual(self.guard("--config=none", "--", "true").wait().status, 0)
        self.env["SPAWNGUARD_CONFIG"] = "none"
        self.assertEqual(self.guard("--", "true").wait().status, 0)
        self.env["SPAWNGUARD_CONFIG"] = self.conf("[defaults]\nstat = no\n")
        self.assert_refused(self.guard("--", "true").wait(), "did you mean stats?")

    def test_one_that_others_can_write_is_refused(self):
        for mode in (0o620, 0o602, 0o666):
            self.assert_refused(self.run_job(self.conf(self.GOOD, mode=mode)), "others can write to it: chmod go-w")
        self.assert_taken(self.run_job(self.conf(self.GOOD, mode=0o644)))

    def test_a_link_leads_to_what_is_judged(self):
        link = self.path("link")
        os.symlink(self.conf(self.GOOD), link)
        self.assert_taken(self.run_job(link))
        os.chmod(self.path("c.conf"), 0o622)
        self.assert_refused(self.run_job(link), "others can write to it")
        os.symlink("loop", self.path("loop"))
        self.assert_refused(self.run_job(self.path("loop")), "too many links")

    def test_what_is_no_file_is_refused_at_once(self):
        os.mkfifo(self.path("fifo"))
        for path in (self.path("fifo"), self.scratch, "/dev/null"):
            self.assert_refused(self.run_job(path), "no regular file", path)
        with open(self.conf(""), "wb") as f:
            f.truncate(1024 * 1024 + 1)
        self.assert_refused(self.run_job(self.path("c.conf")), "larger than 1 MiB")

    @unittest.skipUnless(IS_ROOT, "only root can give a file away")
    def test_one_of_another_user_is_refused(self):
        path = self.conf(self.GOOD)
        os.chown(path, STRANGER, STRANGER)
        self.assert_refused(self.run_job(path), "it belongs to another user")

    @unittest.skipIf(IS_ROOT, "no mode stops root")
    def test_one_that_cannot_be_read_is_refused(self):
        self.assert_refused(self.run_job(self.conf(self.GOOD, mode=0)), "permission denied")


class Jobs(ConfigTest):
    def test_a_name_suffices(self):
        path = self.conf("[job nightly]\ncommand = sh -c 'printf \"<%s>\" \"$@\"; exit 3' sh one 'two three'\n")
        rows = [
            ((), "<one><two three>"),
            (("a", "b c"), "<one><two three><a><b c>"),
            (("--", "-x"), "<one><two three><-x>"),
            (("-t", "--", "5"), "<one><two three><-t><--><5>"),
        ]
        for words, out in rows:
            run = self.run_with(path, "nightly", *words)
            self.assertEqual((run.status, run.out, run.err), (3, out, ""))
        self.assertEqual({e["spawnguard.job"] for e in self.events("end")}, {"nightly"})

    def test_a_command_behind_dashes_takes_its_place(self):
        path = self.conf("[job nightly]\ncommand = false\nsuccess-status = 0\ntask = t\n")
        self.assertEqual(self.run_with(path, "-N", "nightly", "--", "true").status, 0)
        self.assertEqual(self.events("start")[0]["spawnguard.task"], "t")
        self.assertEqual(outcome(self.end_event()), "ok")

    def test_an_unknown_job_is_refused_with_the_nearest(self):
        path = self.conf("[job nightly]\ncommand = true\n")
        self.assert_refused(self.run_with(path, "nighly"), "unknown job nighly: did you mean nightly?")
        self.assert_refused(self.run_with(path, "./x"), "a command to run stands behind \"--\"")
        self.assert_refused(self.run_with("none", "nightly"), "unknown job nightly")
        self.assert_refused(self.run_with(path, "-N", "x", "nightly"), "leave --name out")

    def test_a_job_without_a_command_says_which_line_is_missing(self):
        path = self.conf("[job nightly]\ntask = t\n")
        self.assert_refused(self.run_with(path, "nightly"), 'add a line "command = ..." to [job nightly]')

    def test_like_comes_below_the_job(self):
        path = self.conf("[defaults]\ntask = d\nstep = d\ntag = a=d\n[job a]\ncommand = true\ntask = a\nstep = a\n"
                         "tag = b=a\n[job b]\nlike = a\nstep = b\n")
        self.assertEqual(self.run_with(path, "b").status, 0)
        start = self.events("start")[0]
        self.assertEqual((start["spawnguard.job"], start["spawnguard.task"], start["spawnguard.step"]), ("b", "a", "b"))

    def test_the_command_line_is_above_the_file(self):
        path = self.conf("[defaults]\nstats = yes\nconflict-exit-code = 70\nwait = 60\nverbose = 2\n")
        self.assertIn("wall", self.run_with(path, "-N", "a", "--", "true").err)
        self.assertEqual(self.run_with(path, "-N", "a", "--stats=no", "--verbose=0", "--", "true").err, "")
        holder = self.holder("-N", "a")
        self.assertEqual(self.run_with(path, "-N", "a", "-n", "--", "true").status, 70)
        self.assertEqual(self.run_with(path, "-N", "a", "-n", "-E", "71", "--", "true").status, 71)
        self.end(holder)

    def test_a_job_without_a_name_has_the_section_of_its_command(self):
        self.assertEqual(self.run_with("none", "--", "true").status, 0)
        name = self.events("start")[0]["spawnguard.job"]
        path = self.conf(f"[job {name}]\ntask = mine\n")
        self.assertEqual(self.run_with(path, "--", "true").status, 0)
        self.assertEqual(self.events("start")[1]["spawnguard.task"], "mine")

    def test_state_is_where_the_file_says_for_all_commands(self):
        other = self.path("other")
        path = self.conf(f"[defaults]\nstate-dir = {other}\n")
        self.env["SPAWNGUARD_CONFIG"] = path
        state = self.env.pop("SPAWNGUARD_STATE_DIR")
        holder = self.holder("-N", "a")
        self.assertEqual(self.command("ps", "a").status, 0)
        self.assertEqual(self.command("ps", f"--state-dir={state}", "a").status, 1)
        self.env["SPAWNGUARD_STATE_DIR"] = state
        self.assertEqual(self.command("ps", "a").status, 1)
        del self.env["SPAWNGUARD_STATE_DIR"]
        self.assertEqual(self.command("kill", "a").status, 0)
        holder.wait()

    def test_other_commands_refuse_a_broken_file_too(self):
        path = self.conf("[defaults]\ntimeot = 1\n")
        for command in ("ps", "kill", "reap"):
            run = self.command(command, f"--config={path}", "a")
            self.assert_refused(run, ":2: unknown key timeot", command)


class UsualFiles(ConfigTest):
    """/etc of our own: the system's file, and a home directory by the password database."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("home/.config"))
        os.mkdir(self.path("etc"))
        self.write("etc/passwd", f"x:x:1:1::/x:\nroot:x:0:0::{self.path('home')}:/bin/sh\n")
        self.env["HOME"] = "/nowhere"
        self.env.pop("SPAWNGUARD_CONFIG", None)

    def test_those_of_the_host_reach_no_test(self):
        self.conf("[defaults]\ntimeot = 1\n", "etc/spawnguard.conf")
        self.conf("[defaults]\ntimeot = 2\n", "home/.config/spawnguard.conf")
        for words, refused in ((["run", "--", "true"], 125), (["ps"], 125), (["config", "check"], 1)):
            self.assertEqual(self.there(*words).status, refused, "they are in force")
        self.env = self.usual_env()
        for words in (["run", "--", "true"], ["reap"], ["config", "check"]):
            run = self.there(*words)
            self.assertEqual((run.status, run.err), (0, ""), words)

    def there(self, *words):
        return self.in_mounts(f"mount --bind {self.path('etc')} /etc", SPAWNGUARD, *words).wait()

    def show(self, key, *words):
        run = self.there("config", "--json", "show", *words)
        self.assertEqual((run.status, run.err), (0, ""))
        return [(row["value"], row.get("file")) for row in json.loads(run.out)["keys"] if row["key"] == key][0]

    def test_they_are_found_and_the_user_is_above_the_system(self):
        self.assertEqual(self.show("timeout"), ("none", None))
        self.conf("[defaults]\ntimeout = 1\nstats = yes\n[job a]\ntimeout = 2\n", "etc/spawnguard.conf")
        self.assertEqual(self.show("timeout"), ("1", "/etc/spawnguard.conf"))
        self.assertEqual(self.show("timeout", "a"), ("2", "/etc/spawnguard.conf"))
        user = self.conf("[defaults]\ntimeout = 3\n", "home/.config/spawnguard.conf")
        self.assertEqual(self.show("timeout", "a"), ("3", user))
        self.assertEqual(self.show("stats", "a"), ("yes", "/etc/spawnguard.conf"))
        self.conf("[defaults]\ntimeout = 3\n[job a]\ntimeout = 4\n", "home/.config/spawnguard.conf")
        self.assertEqual(self.show("timeout", "a"), ("4", user))


class Command(ConfigTest):
    def ask(self, *args):
        return self.command("config", *args)

    def test_check_names_every_problem(self):
        path = self.conf("[defaults]\ntimeot = 1\nstats = perhaps\n[job a]\n[job a]\ntimeout = 0\n")
        run = self.ask("check", path)
        self.assertEqual((run.status, run.err), (1, ""))
        self.assertEqual([line.removeprefix(path).split(": ")[0] for line in run.out.splitlines()],
                         [":2", ":3", ":5", ":6"], run.out)
        self.assertEqual(self.ask(f"--config={path}", "check").out, run.out)
        told = json.loads(self.ask("--json", "check", path).out)
        self.assertEqual([p["line"] for p in told["problems"]], [2, 3, 5, 6])
        self.assertEqual(told["problems"][0]["problem"], "unknown key timeot, did you mean timeout?")

    def test_check_looks_at_what_comes_together(self):
        path = self.conf("[defaults]\nshared = yes\n[job a]\ntask = t\n[job b]\nno-lock = yes\n[job c]\nlike = d\n")
        run = self.ask("check", path)
        self.assertEqual(run.status, 1)
        self.assertEqual([line.removeprefix(path).split(": ")[0] for line in run.out.splitlines()], [":5", ":8"], run.out)

    def test_what_is_no_expression_is_found_and_starts_nothing(self):
        path = self.conf("[defaults]\nopen-on = (=2h\n[job a]\nopen-on = used up=1h\nopen-on = \\(ok\nopen-on = a)(b\n")
        run = self.ask("check", path)
        self.assertEqual((run.status, run.err), (1, ""))
        fault = r": Unmatched \( or \\\\?\(; write an extended regular expression, see regex\(7\)"
        self.assertRegex(run.out, rf"\A{re.escape(path)}:2: open-on = \({fault}\n{re.escape(path)}:6: open-on = a\)\(b: .*\n\Z")
        told = json.loads(self.ask("--json", "check", path).out)
        self.assertEqual([p["line"] for p in told["problems"]], [2, 6])
        self.assert_refused(self.run_job(path, "-N", "a"), "--open-on 'a)(b': ")
        self.assert_refused(self.run_job(path, "-N", "b"), "--open-on '(': ")

    def test_what_two_C_libraries_take_for_different_things_is_none_to_both(self):
        """The wrapper may be linked with another than what checks its configuration."""
        for regex in (r"(a)\1", r"\d+ left", "a{,3}", "[[.a.]]", "^*a", r"a\t"):
            with self.subTest(regex):
                path = self.conf(f"[defaults]\nopen-on = {regex}=2h\n")
                run = self.ask("check", path)
                self.assertEqual((run.status, run.err), (1, ""))
                self.assertIn(f"{path}:2: open-on = ", run.out)
                self.assert_refused(self.run_job(path, "-N", "a"), "--open-on ")

    def test_check_is_silent_where_all_is_well(self):
        path = self.conf("[defaults]\nstats = yes\n[job a]\ncommand = true\n[job b]\nlike = a\n")
        for args in (("check", path), (f"--config={path}", "check"), ("--config=none", "check")):
            run = self.ask(*args)
            self.assertEqual((run.status, run.out, run.err), (0, "", ""))
        self.assertEqual(self.ask("check", self.path("nope")).status, 1)

    def test_show_tells_each_value_and_its_place(self):
        path = self.conf("[defaults]\ntimeout = 90\nwait = 5m\ntag = a=1\n[job a]\ncommand = true\ntimeout = 1.5h\n"
                         "tag = b=2\n[job b]\nlike = a\ntag = a=3\n")
        keys = json.loads(self.ask(f"--config={path}", "--json", "show", "b").out)
        self.assertEqual((keys["schema"], keys["job"]), (1, "b"))
        found = {}
        for row in keys["keys"]:
            found.setdefault(row["key"], []).append((row["value"], row.get("line", row["source"])))
        self.assertEqual(found["timeout"], [("1.5h", 7)])
        self.assertEqual(found["wait"], [("5m", 3)])
        self.assertEqual(found["on-conflict"], [("wait", 3)])
        self.assertEqual(found["command"], [("true", 6)])
        self.assertEqual(found["tag"], [("a=3", 11), ("b=2", 8)])
        self.assertEqual(found["stats"], [("no", "built in")])
        self.assertEqual(found["kill-after"], [("5s", "built in")])
        self.assertEqual(found["chdir"], [(None, "built in")])
        self.assertEqual(found["state-dir"], [(self.state, "environment")])
        text = self.ask(f"--config={path}", "show", "b")
        self.assertRegex(text.out, rf"(?m)^timeout +1\.5h +{path}:7$")
        self.assertRegex(text.out, r"(?m)^chdir +- +built in$")
        self.assertNotRegex(self.ask(f"--config={path}", "show").out, r"(?m)^command ")

    def test_show_of_nobody_names_the_nearest(self):
        path = self.conf("[job nightly]\n")
        run = self.ask(f"--config={path}", "show", "nighly")
        self.assertEqual((run.status, run.out), (1, ""))
        self.assertIn("did you mean nightly?", run.err)
        self.assertEqual(self.ask("frobnicate").status, 2)
        self.assertEqual(self.ask().status, 2)


if __name__ == "__main__":
    harness.main()

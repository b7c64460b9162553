"""The options of the job's world: seen from within the job, or no job at all."""
import os
import resource
import shutil
import signal
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, VICTIM, GuardTest, children, outcome, prctl, send, status_field, wait_until

IS_ROOT = os.geteuid() == 0
NICE = os.getpriority(os.PRIO_PROCESS, 0)  # of whoever runs the tests
HIGHER = min(NICE + 1, 19)
ONE_LINE = r"\Aspawnguard: [^\n]+\n\Z"
NONE = "0" * 16
IOPRIO_GET = 252  # x86_64

LOOK = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
print("cwd", os.getcwd())
print("umask", oct(os.umask(0)))
print("nice", os.getpriority(os.PRIO_PROCESS, 0))
print("ionice", libc.syscall(%d, 1, 0))
print("oom", open("/proc/self/oom_score_adj").read().strip())
for line in open("/proc/self/status"):
    name, _, value = line.partition(":")
    if name.startswith("Cap") or name == "NoNewPrivs":
        print(name, value.strip())
print("securebits", libc.prctl(27, 0, 0, 0, 0))
""" % IOPRIO_GET


class WorldTest(GuardTest):
    def look(self, *args, **popen):
        """What the job sees of itself, by name."""
        run = self.run_guard(args, ["/usr/bin/python3", "-c", LOOK], **popen)
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(run.err, "")
        return dict(line.split(" ", 1) for line in run.out.splitlines())

    def assert_refused(self, args, what, **popen):
        """No job; one line that says what, why and what next; the record closed, the history has it."""
        ran = self.path("ran")
        ends = len(self.events("end"))
        run = self.run_guard(["-N", "w", *args], ["touch", ran], **popen)
        self.assertEqual(run.status, 125, run.err)
        self.assertRegex(run.err, ONE_LINE)
        self.assertRegex(run.err, what)
        self.assertRegex(run.err, r": [A-Z][a-z ]+; [a-z/]", "what next")
        self.assertFalse(os.path.exists(ran), "the job has run")
        end = self.events("end")[ends:]
        self.assertEqual(len(end), 1)
        self.assertEqual(outcome(end[0]), "guard_error")
        self.assertEqual(end[0]["spawnguard.cause"], "not_started")
        self.assertEqual(end[0]["spawnguard.exit_status"], 125)
        self.assertIn(end[0]["spawnguard.detail"], run.err)
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [], "the record is closed")
        self.assertEqual(self.run_guard(["-N", "w"], ["true"]).err, "", "nothing to clean up, the lock is free")
        return run


class Directory(WorldTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("there"))
        self.write("there/prog", "#!/bin/sh\necho there\n", 0o755)
        self.write("prog", "#!/bin/sh\necho here\n", 0o755)

    def test_the_job_starts_in_it(self):
        there = os.path.realpath(self.path("there"))
        for given in (there, "there", "./there/.", there + "/"):
            with self.subTest(given):
                self.assertEqual(self.look("-C", given)["cwd"], there)

    def test_commands_are_found_from_there(self):
        """As env -C does: a path is of the new directory, and so is a relative part of PATH."""
        for path, command, said in (("/usr/bin:/bin", "./prog", "there"), ("/usr/bin:/bin:", "prog", "there"),
                                    (".:/usr/bin:/bin", "prog", "there"), ("/usr/bin:/bin", "../prog", "here"),
                                    (self.scratch + ":/usr/bin:/bin", "prog", "here")):
            with self.subTest(command=command, path=path):
                env = dict(self.env, PATH=path)
                bare = self.start("/usr/bin/env", "-C", "there", command, env=env).wait()
                run = self.run_guard(["-C", "there"], [command], env=env)
                self.assertEqual((run.out, run.err), (said + "\n", ""))
                self.assertEqual(bare.out, run.out)

    def test_what_is_not_there_is_127(self):
        os.unlink(self.path("there/prog"))
        self.assertEqual(self.run_guard(["-C", "there"], ["./prog"]).status, 127)

    def test_a_script_without_interpreter_line(self):
        self.write("there/bare", "echo bare in $(basename $(pwd))\n", 0o755)
        self.assertEqual(self.run_guard(["-C", "there"], ["./bare"]).out, "bare in there\n")

    def test_history_names_it(self):
        for number, (given, shown) in enumerate([("there", os.path.join(self.scratch, "there")), ("/", "/")]):
            self.run_guard(["-C", given, "--run-id", f"run{number}"], ["true"])
            start = self.events("start", f"run{number}")[0]
            self.assertEqual(start["process.working_directory"], shown)

    def test_files_of_the_guard_are_not_of_it(self):
        run = self.run_guard(["-C", "there", "--status-file", "status"], ["true"])
        self.assertEqual(run.status, 0, run.err)
        self.assertTrue(os.path.exists(self.path("status")))

    def test_one_that_cannot_be_entered_stops_the_start(self):
        self.assert_refused(["-C", "missing"], r"start the job in missing: No such file")
        self.assert_refused(["-C", "prog"], r"start the job in prog: Not a directory")
        self.assert_refused(["-C", "a\nb"], r"start the job in a\\nb: No such file")

    @unittest.skipIf(IS_ROOT, "root may enter any directory")
    def test_a_forbidden_one_stops_the_start(self):
        os.chmod(self.path("there"), 0)
        self.assert_refused(["-C", "there"], r"start the job in there: Permission denied")
        os.chmod(self.path("there"), 0o755)

    def test_one_that_can_only_be_searched_will_do(self):
        os.chmod(self.path("there"), 0o111)
        run = self.run_guard(["-C", "there"], ["../prog"])
        os.chmod(self.path("there"), 0o755)
        self.assertEqual(run.out, "here\n")


class Environment(WorldTest):
    def entries(self, *args, **env):
        run = self.run_guard(args, ["/usr/bin/env", "-0"], env=dict(self.env, **env))
        self.assertEqual(run.status, 0, run.err)
        return [e for e in run.out.split("\0") if e]

    def test_variables_are_set_and_replaced(self):
        found = self.entries("--env", "NEW=1", "--env", "OLD=new value", "--env", "EMPTY=", "--env", "EQ=a=b",
                             OLD="old", OLDER="kept", NEWS="kept")
        self.assertEqual([e for e in found if e.startswith(("NEW=", "OLD=", "EMPTY=", "EQ=", "OLDER=", "NEWS="))].sort(),
                         ["NEW=1", "OLD=new value", "EMPTY=", "EQ=a=b", "OLDER=kept", "NEWS=kept"].sort())
        self.assertEqual(sum(e.startswith("OLD=") for e in found), 1)
        self.assertIn("OLDER=kept", found)

    def test_one_that_the_caller_has_twice_is_replaced_once(self):
        program = ("import os, ctypes; env = (ctypes.c_char_p * 4)(b'A=1', b'A=2', b'PATH=/usr/bin:/bin', None);"
                   "argv = (ctypes.c_char_p * 9)(*[os.fsencode(a) for a in %r], None);"
                   "ctypes.CDLL(None).execve(argv[0], argv, env)")
        argv = [SPAWNGUARD, "run", f"--state-dir={self.state}", "--env", "A=3", "--", "/usr/bin/env"]
        run = self.start("/usr/bin/python3", "-c", program.replace("* 9", f"* {len(argv) + 1}") % argv).wait()
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual([l for l in run.out.splitlines() if l.startswith("A=")], ["A=3"])

    def test_the_guards_own_stay(self):
        found = self.entries("-N", "w", "--run-id", "own", "--env", "X=1")
        self.assertIn("SPAWNGUARD_JOB=w", found)
        self.assertIn("SPAWNGUARD_RUN_ID=own", found)
        run = self.run_guard(["--env", "SPAWNGUARD_JOB=x"], ["true"])
        self.assertEqual(run.status, 125)
        self.assertIn("the guard's own", run.err)

    def test_path_is_where_the_command_is_looked_up(self):
        os.mkdir(self.path("bin"))
        self.write("bin/prog", "#!/bin/sh\necho found\n", 0o755)
        run = self.run_guard(["--env", f"PATH={self.path('bin')}"], ["prog"])
        self.assertEqual((run.out, run.err), ("found\n", ""))

    def test_all_64_beside_a_large_environment(self):
        many = {f"CALLER_{i}": str(i) for i in range(250)}
        args = [word for i in range(64) for word in ("--env", f"OWN_{i}={i}")]
        found = self.entries(*args, **many)
        for i in range(64):
            self.assertIn(f"OWN_{i}={i}", found)
        for i in range(250):
            self.assertIn(f"CALLER_{i}={i}", found)


class Priorities(WorldTest):
    def test_umask(self):
        for mode, seen in (("027", "0o27"), ("0", "0o0"), ("0777", "0o777")):
            self.assertEqual(self.look("--umask", mode)["umask"], seen)
        self.assertEqual(self.look("--umask", "none", preexec_fn=lambda: os.umask(0o51))["umask"], "0o51")

    def test_umask_is_not_the_guards(self):
        run = self.run_guard(["--umask", "0777", "--status-file", "status"], ["true"], preexec_fn=lambda: os.umask(0o22))
        self.assertEqual(run.status, 0)
        self.assertEqual(os.stat(self.path("status")).st_mode & 0o777, 0o644)

    def test_niceness_is_absolute(self):
        highest = lambda: os.setpriority(os.PRIO_PROCESS, 0, 19)
        self.assertEqual(self.look("--nice", str(HIGHER))["nice"], str(HIGHER))
        self.assertEqual(self.look("--nice", "19")["nice"], "19")
        self.assertEqual(self.look("--nice", "19", preexec_fn=highest)["nice"], "19")
        self.assertEqual(self.look("--nice", "none", preexec_fn=highest)["nice"], "19")
        if IS_ROOT:
            self.assertEqual(self.look("--nice", "7", preexec_fn=highest)["nice"], "7")

    def test_priorities_are_not_the_guards(self):
        run = self.holder("--nice", "19", "--oom-score-adj", "300", "--ionice", "idle", "--umask", "077")
        for pid in (run.pid, run.warden()):
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), NICE)
            self.assertNotEqual(harness.libc.syscall(IOPRIO_GET, 1, pid), 3 << 13)
            with open(f"/proc/{pid}/oom_score_adj") as f:
                self.assertNotEqual(f.read().strip(), "300")
            self.assertNotEqual(status_field(pid, "Umask"), "0077")
        run.send(signal.SIGTERM)
        run.wait()

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_root_may_lower_them(self):
        seen = self.look("--nice", "-5", "--ionice", "realtime:3")
        self.assertEqual((seen["nice"], seen["ionice"]), ("-5", str(1 << 13 | 3)))
        if not int(status_field(os.getpid(), "CapEff"), 16) >> 24 & 1:
            self.skipTest("this root has no CAP_SYS_RESOURCE")
        self.assertEqual(self.look("--oom-score-adj", "-500")["oom"], "-500")

    @unittest.skipIf(IS_ROOT, "root may lower them")
    def test_who_may_not_lower_them_starts_nothing(self):
        if resource.getrlimit(resource.RLIMIT_NICE)[0] not in (0, resource.RLIM_INFINITY):
            self.skipTest("this user may lower the niceness")
        run = self.assert_refused(["--nice", "-5"], "niceness")
        self.assertEqual(run.err, "spawnguard: cannot set the niceness to -5: Permission denied; only root may lower it: "
                                  "leave --nice out\n")
        self.assert_refused(["--nice", "18"], "niceness to 18: Permission denied",
                            preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, 19))
        self.assert_refused(["--oom-score-adj", "-500"], "OOM score adjustment to -500: Permission denied")
        self.assert_refused(["--ionice", "realtime"], "I/O priority to realtime:4: Operation not permitted; only root")

    def test_io_priority(self):
        for given, seen in (("idle", 3 << 13), ("best-effort", 2 << 13 | 4), ("best-effort:7", 2 << 13 | 7)):
            self.assertEqual(self.look("--ionice", given)["ionice"], str(seen), given)

    def test_oom_score(self):
        for given in ("300", "1000"):
            self.assertEqual(self.look("--oom-score-adj", given)["oom"], given)

    def test_what_the_kernel_denies_stops_the_start(self):
        if SANITIZED:
            self.skipTest("the filter stops the sanitizer too")
        deny = os.path.join(os.environ["SG_TEST_BIN"], "deny")
        for call, args in (("ioprio_set", ["--ionice", "idle"]), ("setpriority", ["--nice", "19"]),
                           ("capset", ["--drop-caps"])):
            with self.subTest(call):
                ran = self.path("ran")
                run = self.start(deny, f"{call}=EPERM", "--", SPAWNGUARD, "run", *args, "--", "touch", ran).wait()
                self.assertEqual(run.status, 125, run.err)
                self.assertRegex(run.err, ONE_LINE)
                self.assertFalse(os.path.exists(ran))


class Privileges(WorldTest):
    def test_no_new_privileges(self):
        self.assertEqual(self.look("--no-new-privs")["NoNewPrivs"], "1")
        self.assertEqual(self.look()["NoNewPrivs"], harness.privileges_here())

    def assert_no_capabilities(self, seen):
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(seen[name], NONE, name)

    def test_dropped_capabilities_are_gone(self):
        seen = self.look("--drop-caps")
        self.assert_no_capabilities(seen)
        if IS_ROOT:
            self.assertEqual(seen["CapBnd"], NONE)
            self.assertEqual(int(seen["securebits"]) & 3, 3, "no capabilities for root's exec, locked")
            self.assertEqual(seen["NoNewPrivs"], status_field(os.getpid(), "NoNewPrivs"), "not needed")
        else:
            self.assertEqual(seen["NoNewPrivs"], "1", "the bounding set cannot be emptied: nothing is gained all the same")

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_where_the_bounding_set_must_stay(self):
        """Root without CAP_SETPCAP, as in a container: an exec would give all back."""
        seen = self.look("--drop-caps", preexec_fn=lambda: prctl(24, 8))
        self.assert_no_capabilities(seen)

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_an_ambient_capability_is_dropped(self):
        way = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", "--inh-caps=+net_raw",
               "--ambient-caps=+net_raw"]
        if not shutil.which("setpriv"):
            self.skipTest("no setpriv")
        for path in (self.scratch, self.state):
            os.chown(path, 61234, 61234)
        command = ["cat", "/proc/self/status"]
        with_it = self.start(*way, SPAWNGUARD, "run", "--", *command).wait()
        self.assertRegex(with_it.out, r"CapEff:\t0*2000\n", with_it.err)
        without = self.start(*way, SPAWNGUARD, "run", "--drop-caps", "--", *command).wait()
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertRegex(without.out, rf"{name}:\t0+\n", without.err)

    @unittest.skipUnless(IS_ROOT, "needs root")
    def test_a_set_user_id_program_gains_none(self):
        """The uid it gains, but no capability; with --no-new-privs not even that."""
        shutil.copy("/usr/bin/cat", self.path("suid-cat"))
        os.chmod(self.path("suid-cat"), 0o4755)
        os.chmod(self.scratch, 0o755)
        way = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", self.path("suid-cat"), "/proc/self/status"]
        if not shutil.which("setpriv"):
            self.skipTest("no setpriv")
        plain = self.run_guard([], way)
        if "Uid:\t61234\t0" not in plain.out:
            self.skipTest("no set-user-ID programs on this file system")
        self.assertNotRegex(plain.out, r"CapEff:\t0+\n")
        self.assertRegex(self.run_guard(["--no-new-privs"], way).out, r"CapEff:\t0+\n")
        dropped = self.run_guard(["--drop-caps"], [self.path("suid-cat"), "/proc/self/status"])
        self.assertRegex(dropped.out, r"CapEff:\t0+\n")

    def test_the_guard_keeps_what_it_needs(self):
        """A job without capabilities is ended as any other."""
        run = self.run_guard(["--drop-caps", "--no-new-privs", "-t", "0.3", "-k", "0.1"], [VICTIM, "setsid"])
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor()


class All(WorldTest):
    def test_together(self):
        os.mkdir(self.path("there"))
        seen = self.look("-C", "there", "--env", "A=1", "--umask", "077", "--nice", "19", "--ionice", "idle",
                         "--oom-score-adj", "100", "--no-new-privs", "--drop-caps")
        self.assertEqual([seen[k] for k in ("umask", "nice", "ionice", "oom", "NoNewPrivs", "CapEff")],
                         ["0o77", "19", str(3 << 13), "100", "1", NONE])

    def test_the_first_that_fails_is_told(self):
        self.assert_refused(["-C", "missing", "--nice", "19", "--drop-caps"], "start the job in missing")

    def test_the_status_object_tells_it(self):
        self.run_guard(["-C", "missing", "--status-file", "status"], ["true"])
        self.assertIn('"spawnguard.outcome":"guard_error"', self.read("status"))
        self.assertIn("cannot start the job in missing: No such file or directory", self.read("status"))


class Success(WorldTest):
    def assert_ends(self, args, command, status, name):
        ends = len(self.events("end"))
        run = self.run_guard(args, command)
        self.assertEqual(run.status, status, run.err)
        end = self.events("end")[ends:]
        self.assertEqual([(outcome(e), e["spawnguard.exit_status"]) for e in end],
                         [(name, 128 - status if status < 0 else status)])

    def test_what_counts_as_ok(self):
        shell = lambda text: ["sh", "-c", text]
        rows = [
            ("by default 0", [], "exit 0", 0, "ok"),
            ("by default nothing else", [], "exit 3", 3, "failed"),
            ("one status", ["3"], "exit 3", 3, "ok"),
            ("the whole list: 0 is not in it", ["3"], "exit 0", 0, "failed"),
            ("a list", ["0,3,10-12"], "exit 11", 11, "ok"),
            ("a list with 0", ["0,3,10-12"], "exit 0", 0, "ok"),
            ("beside a range", ["0,3,10-12"], "exit 13", 13, "failed"),
            ("a signal is still raised again", ["0,TERM"], "kill -TERM $$", -15, "ok"),
            ("another signal", ["0,TERM"], "kill -USR1 $$", -10, "signaled"),
        ]
        for rule, listed, text, status, name in rows:
            with self.subTest(rule):
                self.assert_ends([f"--success-status={s}" for s in listed], shell(text), status, name)

    def test_a_timeout_is_none(self):
        self.assert_ends(["--success-status=0-255,TERM", "-t", "0.2"], ["sleep", "100"], 124, "timeout")

    def test_front_alone_judges_alike(self):
        """The warden is killed while it waits for what the job, which was ok, left."""
        run = self.guard("--run-id", "kept", "--success-status=6", "--leftovers=wait", "-k", "0.2", "--",
                         "sh", "-c", f"{VICTIM} sleep & exit 6")
        self.wait_ready(run)
        warden = run.warden()
        wait_until(lambda: len(children(warden)) == 1, "the job has ended, its child lives")

        def is_stored():
            with open(os.path.join(self.state, "runs", "kept"), "rb") as f:
                return struct.pack("=ii", 6 << 8, 1) in f.read()
        wait_until(is_stored, "its status is in the record")
        send(warden, signal.SIGKILL)
        self.assertEqual(run.wait().status, 6)
        self.assertEqual(outcome(self.end_event()), "ok")
        self.assert_no_survivor()


class Preserve(WorldTest):
    def test_a_timeout_gives_the_jobs_own_status(self):
        catch = "trap 'exit 5' TERM; sleep 100 & wait"
        rows = [
            ("as it returned", ["sh", "-c", catch], 5),
            ("as it died", ["sleep", "100"], -15),
            ("as KILL ended it", ["sh", "-c", "trap '' TERM; while :; do sleep 100; done"], -9),
        ]
        for rule, command, status in rows:
            with self.subTest(rule):
                ends = len(self.events("end"))
                run = self.run_guard(["--preserve-status", "-t", "0.3", "-k", "0.2"], command)
                self.assertEqual(run.status, status, run.err)
                self.assertIn("timeout after", run.err)
                end = self.events("end")[ends:]
                self.assertEqual([outcome(e) for e in end], ["timeout"])

    def test_without_a_timeout_nothing_is_different(self):
        self.assertEqual(self.run_guard(["--preserve-status"], ["sh", "-c", "exit 9"]).status, 9)


if __name__ == "__main__":
    harness.main()

"""--on-start, --on-flag, --on-finish: told of the run, apart from it, and without a word in what it comes to."""
import fcntl
import os
import re
import signal
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SOURCE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until

FOREVER = 60  # of what the test ends itself


def table():
    """{name: (events, always)} as src/conf/hook_variable.c has it."""
    with open(os.path.join(SOURCE, "src/conf/hook_variable.c")) as f:
        rows = re.findall(r'\{ "(SPAWNGUARD_\w+)",\s*([A-Z| ]+),\s*(true|false),', f.read())
    events = {"START": {"start"}, "FLAG": {"flag"}, "FINISH": {"finish"}, "EVERY": {"start", "flag", "finish"}}
    return {name: (set().union(*(events[w.strip()] for w in when.split("|"))), always == "true")
            for name, when, always in rows}


class HookTest(GuardTest):
    def guard(self, *args, **popen):
        """Where a test says nothing else, there is no limit that a busy machine could pass."""
        return super().guard("--hook-timeout=none", *args, **popen)

    def script(self, name, text):
        return self.write(name, f"#!/bin/sh\n{text}\n", 0o755)

    def noter(self, name="noter"):
        """A hook that leaves its environment in told.EVENT."""
        return self.script(name, f'env -0 >{self.scratch}/t.$SPAWNGUARD_EVENT && '
                                 f'mv {self.scratch}/t.$SPAWNGUARD_EVENT {self.scratch}/told.$SPAWNGUARD_EVENT')

    def told(self, event):
        pairs = (entry.partition("=") for entry in self.read(f"told.{event}").split("\0") if entry)
        told = {name: value for name, _, value in pairs if name.startswith("SPAWNGUARD_")}
        told.pop("SPAWNGUARD_CONFIG", None)  # the test's own, as every other variable of the caller
        return told

    def job_of(self, run):
        """The warden is the child of front that has the job."""
        return wait_until(lambda: [(w, j) for w in children(run.pid) for j in children(w)], "the job stands")[0]


class Told(HookTest):
    def test_each_variable_of_the_table_and_no_other(self):
        noter = self.noter()
        run = self.run_guard(["-N", "told", "--task", "t", "--step", "s", f"--state-dir={self.state}",
                              "--on-start", noter, "--on-finish", noter],
                             ["sh", "-c", f"while ! test -f {self.path('told.start')}; do sleep 0.01; done; exit 3"])
        self.assertEqual((run.status, run.err), (3, ""))
        rows = table()
        self.assertGreater(len(rows), 10)
        for event in ("start", "finish"):
            told = self.told(event)
            for name in told:
                self.assertIn(event, rows[name][0], f"{name} at {event}")
            for name, (events, always) in rows.items():
                if always and event in events:
                    self.assertIn(name, told, f"at {event}")
            self.assertEqual(told["SPAWNGUARD_EVENT"], event)
            self.assertEqual(told["SPAWNGUARD_JOB"], "told")
            self.assertEqual((told["SPAWNGUARD_TASK"], told["SPAWNGUARD_STEP"]), ("t", "s"))
            self.assertEqual(told["SPAWNGUARD_STATE_DIR"], self.state)
        end, told = self.end_event(), self.told("finish")
        self.assertEqual(told["SPAWNGUARD_RUN_ID"], end["spawnguard.run.id"])
        self.assertEqual((told["SPAWNGUARD_OUTCOME"], told["SPAWNGUARD_STATUS"], told["SPAWNGUARD_CAUSE"]),
                         ("failed", "3", "none"))
        self.assertAlmostEqual(float(told["SPAWNGUARD_DURATION"]), end["spawnguard.wall"], delta=0.002)
        self.assertRegex(told["SPAWNGUARD_MESSAGE"], r"\Atold: failed, status 3, after [0-9.]+m?s\Z")
        self.assertRegex(self.told("start")["SPAWNGUARD_MESSAGE"], r"\Atold: started, pid \d+\Z")

    def test_the_signal_that_the_job_died_of(self):
        self.run_guard(["--on-finish", self.noter()], ["sh", "-c", "kill -KILL $$"])
        told = self.told("finish")
        self.assertEqual((told["SPAWNGUARD_OUTCOME"], told["SPAWNGUARD_SIGNAL"], told["SPAWNGUARD_STATUS"]),
                         ("signaled", "KILL", "137"))

    def test_a_timeout(self):
        self.run_guard(["-t", "0.05", "-k", "0.5", "--on-finish", self.noter()], [VICTIM, "sleep"])
        told = self.told("finish")
        self.assertEqual((told["SPAWNGUARD_OUTCOME"], told["SPAWNGUARD_CAUSE"], told["SPAWNGUARD_STATUS"]),
                         ("timeout", "timeout", "124"))

    def test_a_job_that_cannot_be_executed_has_an_end_but_no_start(self):
        noter = self.noter()
        run = self.run_guard(["--on-start", noter, "--on-finish", noter], [self.path("absent")])
        self.assertEqual((run.status, self.told("finish")["SPAWNGUARD_STATUS"]), (127, "127"))
        self.assertEqual(self.told("start"), {})

    def test_a_run_that_is_refused_has_neither(self):
        holder = self.holder("-N", "once")
        noter = self.noter()
        run = self.run_guard(["-N", "once", "--on-start", noter, "--on-finish", noter], ["true"])
        self.assertEqual((run.status, self.told("start"), self.told("finish")), (75, {}, {}))
        self.end(holder)

    def test_words_without_a_shell(self):
        out = self.path("out")
        show = self.script("show", f'printf "<%s>" "$@" >{out}')
        self.run_guard(["--on-finish", f"{show} a 'b c' \"d\\\"e\" f\\ g $HOME * ;"], ["true"])
        self.assertEqual(self.read("out"), '<a><b c><d"e><f g><$HOME><*><;>')

    def test_nothing_of_an_outer_hook_reaches_a_job(self):
        """A hook may start a guard: what it was told is not the new job's."""
        show = self.script("show", f'env -0 >{self.path("told.job")}')
        inner = f"{SPAWNGUARD} run -N inner -- {show}"
        run = self.run_guard(["-N", "outer", "--on-finish", inner], ["true"])
        self.assertEqual(run.status, 0, run.err)
        told = self.told("job")
        self.assertEqual(sorted(told), ["SPAWNGUARD_JOB", "SPAWNGUARD_PARENT_RUN_ID", "SPAWNGUARD_RUN_ID",
                                        "SPAWNGUARD_STATE_DIR"])
        self.assertEqual(told["SPAWNGUARD_JOB"], "inner")

    def test_the_death_of_the_warden_is_flagged(self):
        noter = self.noter()
        run = self.holder("-N", "flagged", "-k", "0.2", "--on-start", noter, "--on-flag", noter)
        wait_until(lambda: os.path.exists(self.path("told.start")), "front has heard of the job")
        send(self.job_of(run)[0], signal.SIGKILL)
        self.assertEqual(run.wait().status, 125)
        told = self.told("flag")
        self.assertEqual(told["SPAWNGUARD_MESSAGE"], "flagged: its warden was killed")
        self.assertTrue(told["SPAWNGUARD_JOB_PID"].isdigit())

    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc")
    def test_what_cannot_be_ended_is_flagged(self):
        """Nothing is seen where /proc shows nothing."""
        noter = self.noter()
        run = self.in_mounts("mount -t tmpfs t /proc", SPAWNGUARD, "run", "-N", "stuck", "-k", "0.1",
                             "--on-flag", noter, "--on-finish", noter, "--", VICTIM, "setsid")
        self.wait_ready(run)
        run.send(signal.SIGTERM)
        run.wait(30 * SCALE)
        self.assertEqual(run.status, 121, run.err)
        self.assertEqual(self.told("flag")["SPAWNGUARD_MESSAGE"], "stuck: processes that cannot be ended: 1")
        told = self.told("finish")
        self.assertEqual((told["SPAWNGUARD_STATUS"], told["SPAWNGUARD_SURVIVORS"]), ("121", "1"))
        for pid in self.strays():
            send(pid, signal.SIGKILL)
        wait_until(lambda: not self.strays(), "it is ended by the test")

    def test_one_of_a_run_in_the_background(self):
        noter = self.noter()
        run = self.guard("--detach", "-N", "bg", "--on-start", noter, "--on-finish", "sh -c 'echo said; echo more >&2'",
                         "--", "sh", "-c", f"while ! test -f {self.path('told.start')}; do sleep 0.01; done; exit 4").wait()
        run_id = run.out.strip()
        self.assertEqual((run.status, run.err), (0, ""))
        wait_until(lambda: self.events("end", run_id) and not self.strays(), "it is over")
        self.assertEqual(outcome(self.end_event(run_id)), "failed")
        told = self.told("start")
        self.assertEqual((told["SPAWNGUARD_RUN_ID"], told["SPAWNGUARD_EVENT"]), (run_id, "start"))
        with open(told["SPAWNGUARD_LOG"]) as f:
            self.assertEqual(f.read(), "said\nmore\n", "its output goes where the guard's goes")

    def test_the_file_of_the_output_at_the_end_only_if_it_is_kept(self):
        for status, is_kept in ((0, False), (3, True)):
            with self.subTest(status):
                self.run_guard(["--output=never", "--on-finish", self.noter()], ["sh", "-c", f"exit {status}"])
                self.assertEqual("SPAWNGUARD_LOG" in self.told("finish"), is_kept)

    def test_one_of_a_configuration_file(self):
        conf = self.write("c.conf", f"""[defaults]
hook-timeout = none
on-start = {self.noter()}
[job told]
command = sh -c 'exit 5'
[job slow]
command = sh -c 'exit 6'
hook-timeout = 100ms
on-start = true
on-finish = sh -c 'exec sleep {FOREVER}'
""", 0o600)
        run = self.command("run", f"--config={conf}", "told")
        self.assertEqual((run.status, run.err), (5, ""))
        self.assertEqual(self.told("start")["SPAWNGUARD_JOB"], "told")
        run = self.command("run", f"--config={conf}", "slow")
        self.assertEqual(run.status, 6)
        self.assertIn("--on-finish sh: ended, because it took more than 100ms", run.err)
        shown = self.command("config", f"--config={conf}", "show", "slow")
        self.assertRegex(shown.out, rf"\non-finish +sh -c 'exec sleep {FOREVER}' +{conf}:10\n")

    def test_a_dry_run_says_them_and_runs_none(self):
        noter = self.noter()
        run = self.run_guard(["--dry-run", "--on-start", noter + " x", "--on-finish", "absent-program y",
                              "--hook-timeout=3s"], ["true"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertRegex(run.out, rf"\non-start: .* x, for at most 3s\n"
                                  r"on-finish: absent-program y: cannot be executed: No such file or directory\n")
        self.assertEqual((self.told("start"), self.told("finish")), ({}, {}))


class Status(HookTest):
    """Whatever a hook does, the run came to what it came to; one line says what went wrong."""

    def assert_one_line(self, run, pattern, status=4):
        self.assertEqual(run.status, status, run.err)
        self.assertRegex(run.err, rf"\Aspawnguard: warning: {pattern}; the run's status is not affected\n\Z")
        self.assertEqual(outcome(self.events("end")[-1]), "failed" if status else "ok")

    def each(self, command, pattern, *args):
        """At the start and at the end."""
        for event in ("start", "finish"):
            with self.subTest(event):
                run = self.run_guard([f"--on-{event}", command, *args], ["sh", "-c", "exit 4"])
                self.assert_one_line(run, f"--on-{event} {pattern}")

    def test_absent(self):
        self.each("absent-program x", "absent-program: cannot be executed: No such file or directory")

    def test_not_executable(self):
        path = self.write("plain", "text")
        self.each(path, f"{path}: cannot be executed: Permission denied")

    def test_a_script_that_names_no_interpreter(self):
        path = self.write("bare", "echo", 0o755)
        self.each(path, f"{path}: cannot be executed: Exec format error")

    def test_failing(self):
        self.each("sh -c 'exit 9'", "sh: exit status 9")

    def test_killed(self):
        self.each("sh -c 'kill -9 $$'", "sh: died of signal KILL")

    def test_slower_than_its_limit(self):
        self.each(f"sleep {FOREVER}", r"sleep: ended, because it took more than 100ms \(--hook-timeout\)",
                  "--hook-timeout=0.1")

    def test_deaf_to_term(self):
        deaf = self.script("deaf", f"trap '' TERM\nwhile :; do sleep 0.05; done")
        self.each(deaf, r".*/deaf: ended, because it took more than 100ms \(--hook-timeout\)", "--hook-timeout=0.1")
        wait_until(lambda: not self.strays(), "what it left ends by itself")

    def test_stopped(self):
        self.each("sh -c 'kill -STOP $$'", r"sh: ended, because it took more than 100ms \(--hook-timeout\)",
                  "--hook-timeout=0.1")

    def test_much_output(self):
        """All of it to stderr: stdout is the job's."""
        for event in ("start", "finish"):
            with self.subTest(event):
                run = self.run_guard([f"--on-{event}", "sh -c 'yes 1234567 | head -c 1048576'"], ["echo", "own"])
                self.assertEqual((run.status, run.out), (0, "own\n"))
                self.assertEqual(len(run.err), 1 << 20)

    def test_quiet(self):
        run = self.run_guard(["-q", "--on-finish", "false"], ["sh", "-c", "exit 4"])
        self.assertEqual((run.status, run.err), (4, ""))

    def test_words_that_are_none_are_refused(self):
        for words in ("", "'a", "a\\"):
            with self.subTest(words):
                run = self.run_guard(["--on-finish", words], ["touch", self.path("ran")])
                self.assertEqual(run.status, 125)
                self.assertIn("--on-finish", run.err)
                self.assertFalse(os.path.exists(self.path("ran")))

    def test_output_that_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        run = self.guard("--on-finish", "cat /dev/zero", "--hook-timeout=0.2", "--", "sh", "-c", "exit 4", stderr=writer)
        os.close(writer)
        self.assertEqual(run.wait(20 * SCALE).status, 4)

    def test_a_signal_is_raised_again_after_it(self):
        run = self.run_guard(["--on-finish", self.noter()], ["sh", "-c", "kill -TERM $$"])
        self.assertEqual(run.status, -signal.SIGTERM)
        self.assertEqual(self.told("finish")["SPAWNGUARD_SIGNAL"], "TERM")

    def test_the_status_object_is_written_before(self):
        status = self.path("status")
        run = self.run_guard(["--status-file", status, "--on-finish", f"sh -c 'test -s {status}'"], ["true"])
        self.assertEqual((run.status, run.err), (0, ""))


class Apart(HookTest):
    def test_the_lock_is_free_before_on_finish(self):
        """It starts the very same job; also by a lock file of the user's."""
        ran, lock = self.path("ran"), self.path("lock")
        again = f"{SPAWNGUARD} run -N once --lock-file {lock} -- sh -c 'echo again >>{ran}'"
        run = self.run_guard(["-N", "once", "--lock-file", lock, "--on-finish", again], ["sh", "-c", f"echo first >>{ran}"])
        self.assertEqual((run.status, run.err, self.read("ran")), (0, "", "first\nagain\n"))

    def test_the_end_waits_for_on_start_but_the_lock_does_not(self):
        gate = self.path("gate")
        hook = self.script("hook", f": >{self.path('began')}; while ! test -f {gate}; do sleep 0.01; done")
        run = self.guard("-N", "beside", "--on-start", hook, "--hook-timeout=none", "--", "sh", "-c",
                         f"while ! test -f {self.path('began')}; do sleep 0.01; done")
        wait_until(lambda: self.events("end"), "the run is over")
        again = self.run_guard(["-N", "beside", "--wait=20"], ["true"])
        self.assertEqual(again.status, 0, again.err)
        self.assertTrue(run.running())
        self.write("gate", "")
        self.assertEqual((run.wait().status, run.err), (0, ""))

    def test_a_timeout_strikes_while_on_start_runs(self):
        run = self.run_guard(["-t", "0.1", "-k", "0.1", "--on-start", f"sleep {FOREVER}", "--hook-timeout=0.3"],
                             [VICTIM, "sleep"])
        self.assertEqual(run.status, 124)
        self.assertLess(self.end_event()["spawnguard.wall"], 5 * SCALE)

    def test_a_daemon_that_it_leaves_lives_on(self):
        pid = self.path("daemon")
        hook = self.script("hook", f"setsid sleep {FOREVER} </dev/null >/dev/null 2>&1 & echo $! >{pid}")
        for event in ("start", "finish"):
            with self.subTest(event):
                run = self.run_guard([f"--on-{event}", hook], ["sh", "-c", "sleep 0.1; exit 4"])
                self.assertEqual((run.status, run.err), (4, ""))
                daemon = int(self.read("daemon"))
                self.assertTrue(Stat(daemon).alive)
                self.assertEqual(self.events("end")[-1]["spawnguard.members.ended"], 0)
                self.end_strays()

    def test_nor_does_a_takeover_touch_it(self):
        """The warden is dead: its tree is front's now, and so are the orphans of the hook, which are not meant."""
        pid = self.path("daemon")
        hook = self.script("hook", f"(setsid sleep {FOREVER} </dev/null >/dev/null 2>&1 & echo $! >{pid})")
        run = self.holder("-k", "0.3", "--on-start", hook, shape="daemon")
        warden = self.job_of(run)[0]
        wait_until(lambda: self.read("daemon").strip(), "the daemon stands")
        daemon = int(self.read("daemon"))
        wait_until(lambda: Stat(daemon).ppid == run.pid, "it was handed to front")
        send(warden, signal.SIGKILL)
        self.assertEqual(run.wait().status, 125)
        self.assertTrue(Stat(daemon).alive, "not of the tree")
        wait_until(self.members_gone, "the tree was ended")
        send(daemon, signal.SIGKILL)
        wait_until(lambda: not self.strays(), "all are gone")

    def test_it_holds_nothing_of_ours_and_is_apart(self):
        facts = self.path("facts")
        hook = self.script("hook", f"(ls /proc/self/fd; readlink /proc/$$/fd/0; ps -o pid=,pgid=,sid= -p $$) >{facts} 3</dev/null")
        held, writer = os.pipe()  # what the caller hands on is the job's
        run = self.run_guard(["--on-finish", hook], ["true"], pass_fds=[held])
        os.close(held)
        os.close(writer)
        self.assertEqual(run.status, 0, run.err)
        *fds, stdin, ids = self.read("facts").splitlines()
        self.assertEqual((fds, stdin), (["0", "1", "2", "3", "4"], "/dev/null"))  # 3: its own, 4: the directory
        self.assertEqual(len(set(ids.split())), 1, "it leads a session of its own")

    def test_on_start_is_no_member(self):
        ready, gate = self.path("ready"), self.path("gate")
        hook = self.script("hook", f": >{ready}; while ! test -f {gate}; do sleep 0.01; done")
        run = self.holder("--on-start", hook)
        wait_until(lambda: os.path.exists(ready), "the hook runs")
        run.send(signal.SIGTERM)
        wait_until(lambda: self.events("end"), "the run is over")
        end = self.end_event()
        self.assertEqual((end["spawnguard.members.seen"], end["spawnguard.members.ended"]), (1, 1))
        self.assertTrue(run.running(), "nor was it ended with them")
        self.write("gate", "")
        run.wait()

    def test_a_signal_to_front_ends_on_finish(self):
        ready = self.path("ready")
        hook = self.script("hook", f": >{ready}; exec sleep {FOREVER}")
        run = self.guard("--on-finish", hook, "--hook-timeout=none", "--", "sh", "-c", "exit 4")
        wait_until(lambda: os.path.exists(ready), "the hook runs")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, 4)
        self.assertIn("ended, because the guard was asked to end", run.err)

    def test_with_tail(self):
        run = self.run_guard(["--tail", "--on-finish", self.noter()], ["sh", "-c", "echo err >&2; exit 5"])
        self.assertEqual((run.status, run.err, self.told("finish")["SPAWNGUARD_STATUS"]), (5, "err\n", "5"))

    def test_what_stderr_waits_for_does_not_hold_up_on_finish(self):
        reader, writer = os.pipe()
        self.addCleanup(lambda: reader >= 0 and os.close(reader))
        fcntl.fcntl(reader, 1031, 4096)  # F_SETPIPE_SZ
        run = self.guard("--tail", "--on-finish", self.noter(), "--", "sh", "-c", "head -c 30000 /dev/zero >&2; exit 5",
                         stderr=writer)
        os.close(writer)
        wait_until(lambda: self.told("finish"), "on-finish has run")
        self.assertTrue(run.running())
        while os.read(reader, 65536):
            pass
        self.assertEqual(run.wait().status, 5)


if __name__ == "__main__":
    harness.main()

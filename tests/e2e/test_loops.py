"""The breaker of a job: what it counts, when it opens and closes, one trial, and what it says of it.

("; the guard waits ", "s before it ends": where an end cannot be written.)
"""
import faulthandler
import os
import re
import shutil
import signal
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from breaker_file import BreakerFile
from harness import VICTIM, GuardTest, outcome, wait_until
from ways import kill_both

S = 10**9
LONG = os.environ.get("SG_LONG") == "1"
# Calls of a trial before which it may be killed.
STEPS = ("openat", "pwrite", "renameat", "flock", "fork")
MORE_STEPS = ("read", "pread", "write", "close", "fstat", "fstatat", "readlink", "unlinkat", "mkdirat", "ftruncate", "fcntl", "dup3",
              "pipe2", "socketpair", "send", "sendmsg", "recv", "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait",
              "epoll_pwait2", "timerfd_create", "timerfd_settime", "signalfd", "waitid", "waitpid", "wait4", "prctl", "kill",
              "clone", "setpgid", "setsid", "execve", "getrandom", "getdents64", "mmap", "syscall")
SHIM = os.path.join(os.environ.get("SG_TEST_LIB", ""), "libfailnth.so")


class Base(BreakerFile, GuardTest):
    def plant(self, *lines, job="j"):
        """These lines before what is there."""
        first, at, rest = self.file(job).split("\n", 2)
        self.keep("\n".join([first, at, *lines, rest]), job)

    def later(self, seconds, job="j"):
        """As if that time had passed since it was written."""
        first, at, rest = self.file(job).split("\n", 2)
        words = at.split()
        boot, wall = (int(w) - int(seconds * S) for w in words[3:5])
        if boot < 0: # of a machine that was not up then: it has booted since
            words[1], boot = "0" * 8 + words[1][8:], 0
        words[3:5] = str(boot), str(wall)
        self.keep("\n".join([first, " ".join(words), rest]), job)

    def fails(self, *args, code=1, job="j"):
        return self.run_guard(["-N", job, *args], ["sh", "-c", f"echo ran >>ran; exit {code}"])

    def sleeper(self, *args):
        """A run whose job has begun."""
        if os.path.exists(self.pids_path):
            os.remove(self.pids_path)
        run = self.guard(*args, "--", VICTIM, "sleep")
        self.wait_ready(run)
        return run

    def ran(self):
        return self.read("ran").count("ran") if os.path.exists(self.path("ran")) else 0

    def hook(self):
        """Of a flag: what it is told of a breaker."""
        return self.write("hook", "#!/bin/sh\nenv | grep -E '^SPAWNGUARD_(CLASS|UNTIL|FINGERPRINT)=' | sort | tr '\\n' ' ' "
                                  f">>{self.path('told')}\necho >>{self.path('told')}\n", 0o755)

    def told(self):
        if not os.path.exists(self.path("told")):
            return []
        return [line for line in self.read("told").splitlines() if line]  # of other flags it hears without these

    def changes(self):
        return [(e["spawnguard.breaker"]["from"], e["spawnguard.breaker"]["to"]) for e in self.events("breaker")]


class Planted(Base):
    """By rules that the file remembers."""

    def test_opens_refuses_tries_closes(self):
        self.assertEqual(self.fails().status, 1)
        self.plant(f"rules 0 3 {60 * S} 0 0 0 0 0 0 0 0 {3600 * S}", f"backoff failure {300 * S} {600 * S}")
        self.assertEqual([self.fails().status, self.fails().status], [1, 1])
        run = self.fails()
        self.assertEqual((run.status, self.ran()), (69, 3))
        self.assertRegex(run.err, r"^spawnguard: breaker open: j: 3 failures in \S+ \(same: \"exit 1\"\); next trial in [45]m\S* at "
                                  r"\S+; spawnguard breaker show j \| reset j\n$")
        refused = self.events("refused")[-1]
        self.assertEqual((outcome(refused), refused["spawnguard.reason"]), ("breaker_open", "max-failures"))
        self.later(400)
        trial = self.fails("-v")
        self.assertIn("j: the breaker is open, and this is its one trial", trial.err)
        self.assertEqual((trial.status, self.fails().status, self.ran()), (1, 69, 4))
        self.later(700)
        self.assertEqual([self.fails(code=0).status, self.fails(code=0).status, self.ran()], [0, 0, 6])
        self.assertEqual(self.changes(), [("closed", "open"), ("half-open", "open"), ("half-open", "closed")])
        starts = [e.get("spawnguard.start") for e in self.events("start")]
        self.assertEqual(starts, [None, None, None, "trial", "trial", None])


RULES = ["--max-failures=3/1h", "--backoff=failure=5m,10m,20m", "--jitter=none"]
SHORT = ["--max-failures=2/1h", "--backoff=failure=1s,1h", "--backoff=lost=1s,1h", "--jitter=none"]


class Rules(Base):
    def test_exact_steps_of_its_class(self):
        """5m,10m,20m means 5, 10 and 20."""
        waits = []
        for later in (0, 0, 0, 301, 601, 1201):
            if later:
                self.later(later)
            run = self.fails(*RULES)
            self.assertEqual(run.status, 1, run.err)
            waits += re.findall(r"next trial in (\S+) at", run.err)
        self.assertEqual((waits, self.ran()), (["5m", "10m", "20m", "20m"], 6))
        self.later(1190)
        self.assertEqual(self.fails(*RULES).status, 69)

    def test_an_early_end_is_a_startup_failure(self):
        """With status 0 too, unless --quick-ok."""
        for args, status in (([], 69), (["--quick-ok"], 0)):
            with self.subTest(args):
                job = "j" + "".join(args)
                for _ in range(3):
                    self.assertEqual(self.fails("--min-uptime=1h", *args, code=0, job=job).status, 0)
                run = self.fails("--min-uptime=1h", *args, code=0, job=job)
                self.assertEqual(run.status, status)
                if status:
                    self.assertIn("3 startup failures in", run.err)

    def test_same_failure_by_what_stderr_says(self):
        def fails(text):
            return self.run_guard(["-N", "j", "--same-failure=2"], ["sh", "-c", f"echo '{text}' >&2; exit 1"])
        self.assertEqual([fails(f"KeyError: '{w}'").status for w in ("a", "b")][:1], [1])
        fails("ValueError: no")
        run = fails("ValueError: no")
        self.assertIn("breaker opens: j: the same failure 2 times in a row (same: \"ValueError: no\")", run.err)
        self.assertEqual(fails("x").status, 69)

    def test_what_brings_nothing(self):
        args = ["-N", "j", "--zero-yield=2", "--yield=bytes", "--output=never"]
        self.assertEqual([self.run_guard(args, ["true"]).status for _ in range(3)], [0, 0, 69])
        self.assertEqual(self.run_guard(["-N", "k", *args[2:]], ["echo", "x"]).status, 0)

    def test_time_that_is_used_up(self):
        args = ["-N", "j", "--time-budget=0.2s/1h"]
        self.assertEqual(self.run_guard(args, ["sleep", "0.3"]).status, 0)
        run = self.run_guard(args, ["true"])
        self.assertEqual(run.status, 69)
        self.assertIn("its runs have used up 200ms within 1h", run.err)

    def test_timeouts(self):
        args = ["-N", "j", "--max-timeouts=2/1h", "-t", "0.1"]
        self.assertEqual([self.run_guard(args, ["sleep", "60"]).status for _ in range(3)], [124, 124, 69])

    def test_what_is_of_which_class(self):
        """By codes, ranges and signals; what has no wait of its own goes by the rest."""
        args = ["-N", "j", "--max-failures=9/1h", "--class=environment=3,40-42,USR1", "--backoff=environment=1h"]
        for how in ("exit 3", "exit 41", "kill -USR1 $$"):
            with self.subTest(how):
                self.run_guard(args, ["sh", "-c", how])
                run = self.run_guard(args, ["true"])
                self.assertEqual(run.status, 69)
                self.assertIn("1 environment failure", run.err)
                self.assertEqual(self.command("breaker", "reset", "j").status, 0)
        self.assertEqual([self.run_guard(args, ["sh", "-c", "exit 43"]).status for _ in range(3)], [43] * 3)

    def test_what_counts_as_success_is_health(self):
        args = ["--max-failures=2/1h", "--success-status=7"]
        self.assertEqual([self.fails(*args, code=7).status for _ in range(4)], [7] * 4)
        self.assertEqual([self.fails(*args).status for _ in range(3)], [1, 1, 69])
        self.assertEqual(self.command("breaker", "trial", "j").status, 0)
        self.assertEqual([self.fails(*args, code=7).status for _ in range(3)], [7] * 3)
        self.assertEqual(self.changes()[-1], ("half-open", "closed"))

    def test_a_new_program_is_a_trial(self):
        program = self.write("job", "#!/bin/sh\nexit 1\n", 0o755)
        args = ["-N", "j", *RULES, "--watch-input", program]
        self.assertEqual([self.run_guard(args, [program]).status for _ in range(4)], [1, 1, 1, 69])
        self.write("job", "#!/bin/sh\n# mended\nexit 0\n", 0o755)
        self.assertEqual([self.run_guard(args, [program]).status for _ in range(2)], [0, 0])

    def test_an_end_by_its_user_is_no_failure(self):
        for _ in range(4):
            run = self.sleeper("-N", "j", "--max-failures=2/1h")
            run.send(signal.SIGTERM)
            self.assertEqual(run.wait().status, -15)
        self.assertEqual(self.run_guard(["-N", "j", "--max-failures=2/1h"], ["true"]).status, 0)

    def test_a_command_that_is_not_there(self):
        """The environment's fault: waits, and uses up no attempt."""
        args = ["-N", "j", "--max-failures=1/1h"]
        self.assertEqual([self.run_guard(args, ["/none"]).status for _ in range(2)], [127, 69])

    def test_force_runs_and_is_on_record(self):
        for _ in range(3):
            self.fails(*RULES)
        run = self.fails(*RULES, "--force")
        self.assertIn("warning: breaker open: j:", run.err)
        self.assertIn("; started all the same (--force)", run.err)
        self.assertEqual((run.status, self.ran(), self.events("start")[-1]["spawnguard.start"]), (1, 4, "forced"))
        self.assertEqual(self.fails(*RULES).status, 69)

    def test_dry_run_asks_the_same_and_changes_nothing(self):
        for _ in range(3):
            self.fails(*RULES)
        before = self.file()
        dry = self.run_guard(["-N", "j", *RULES, "--dry-run"], ["true"])
        self.assertEqual((dry.status, self.file()), (69, before))
        self.assertIn("would not start: breaker open: j: 3 failures in", dry.out)
        self.later(301)
        dry = self.run_guard(["-N", "j", *RULES, "--dry-run"], ["true"])
        self.assertEqual(dry.status, 0, dry.out)

    def test_a_change_of_what_it_works_on_is_a_trial(self):
        self.write("input", "bad")
        args = [*RULES, "--watch-input", self.path("input")]
        self.assertEqual([self.fails(*args).status for _ in range(4)], [1, 1, 1, 69])
        self.write("input", "still bad")
        self.assertEqual([self.fails(*args).status for _ in range(2)], [1, 69])
        self.write("input", "good by now")
        self.assertEqual([self.fails(*args, code=0).status for _ in range(2)], [0, 0])
        self.assertEqual(self.changes()[-1], ("half-open", "closed"))

    def test_without_a_rule_nothing_opens_and_a_good_run_writes_nothing(self):
        self.assertEqual(self.run_guard(["-N", "k"], ["true"]).status, 0)
        self.assertFalse(os.path.lexists(os.path.join(self.state, "breaker")))
        self.assertEqual(self.run_guard(["-N", "k", *RULES], ["true"]).status, 0)
        self.assertFalse(os.path.lexists(os.path.join(self.state, "breaker")))
        self.assertEqual([self.fails().status for _ in range(8)], [1] * 8)
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.file().count("\nend "), 8)

    def test_the_hook_of_a_flag_once_per_opening(self):
        hook = self.hook()
        for later in (0, 0, 0, 0, 301, 0):
            if later:
                self.later(later)
            self.fails(*RULES, "--on-flag", hook)
        told = self.told()
        self.assertEqual(len(told), 1, told)
        self.assertRegex(told[0], r"^SPAWNGUARD_CLASS=failure SPAWNGUARD_FINGERPRINT=f1-\w+ SPAWNGUARD_UNTIL=\d{4}-\S+Z ?$")
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertEqual([(f["rule"], f["severity"], f["value"]) for f in flags if f["rule"] == "breaker"],
                         [("breaker", "critical", 3)])


class Lost(Base):
    def lose(self, *args, job="j"):
        """Both guards are killed at once."""
        run = self.sleeper("-N", job, *args)
        kill_both(self, run)

    def test_counts_once_at_the_next_look(self):
        self.lose("--max-failures=2/1h")
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(len(re.findall(r"\nend \S+ lost ", self.file())), 1)
        self.assertEqual(self.file().count("\nend "), 1)
        self.lose("--max-failures=2/1h")
        run = self.fails("--max-failures=2/1h")
        self.assertEqual(run.status, 69, run.err)
        self.assertIn("breaker opens: j: 2 lost failures in", run.err)
        self.assertEqual((self.ran(), self.file().count("\nend ")), (0, 2))

    def test_a_change_is_a_trial_once_though_that_is_killed(self):
        self.write("input", "bad")
        args = [*RULES, "--backoff=lost=1h", "--watch-input", self.path("input")]
        self.assertEqual([self.fails(*args).status for _ in range(4)], [1, 1, 1, 69])
        self.write("input", "still bad")
        run = self.guard("-N", "j", *args, "--", "sh", "-c", f"exec {VICTIM} sleep")
        self.wait_ready(run)
        kill_both(self, run)
        self.assertEqual([self.fails(*args).status for _ in range(2)], [69, 69])

    TOLD = r"^SPAWNGUARD_CLASS=lost SPAWNGUARD_FINGERPRINT=f1-\w+ SPAWNGUARD_UNTIL=\d{4}-\S+Z ?$"

    def test_the_start_that_counts_it_runs_the_hook(self):
        args = ["--max-failures=1/1h", "--on-flag", self.hook()]
        self.lose(*args)
        self.assertEqual([self.fails(*args).status for _ in range(3)], [69] * 3)
        self.assertEqual(len(self.told()), 1, self.told())
        self.assertRegex(self.told()[0], self.TOLD)

    def test_reap_leaves_the_hook_to_the_next_start(self):
        """It knows none of the run's options; the next that does runs it, once, though it is refused."""
        rules = "--max-failures=2/1h"
        self.fails(rules)
        self.lose(rules)
        self.assertEqual(self.command("reap").status, 0)
        self.assertEqual(self.changes(), [("closed", "open")])
        args = [rules, "--on-flag", self.hook()]
        self.assertEqual((self.fails(rules).status, self.told()), (69, []))
        self.assertEqual([self.fails(*args).status for _ in range(3)], [69] * 3)
        self.assertEqual(len(self.told()), 1, self.told())
        self.assertRegex(self.told()[0], r"^SPAWNGUARD_CLASS=lost SPAWNGUARD_UNTIL=\d{4}-\S+Z ?$")
        self.assertEqual(self.ran(), 1)

    def test_what_was_closed_meanwhile_is_not_told_of(self):
        rules = "--max-failures=1/1h"
        self.lose(rules)
        self.assertEqual((self.command("reap").status, self.command("breaker", "reset", "j").status), (0, 0))
        self.assertEqual(self.command("breaker", "open", "j", "--for=1h").status, 0)
        self.assertEqual(self.fails(rules, "--on-flag", self.hook()).status, 69)
        self.assertEqual(self.told(), [])

    def test_a_trial_that_is_killed_gives_the_place_back(self):
        """At any moment: one that is lost has failed, and the next is due after its step."""
        self.assertEqual([self.fails(*SHORT).status for _ in range(3)], [1, 1, 69])
        wait_until(lambda: self.run_guard(["-N", "j", *SHORT, "--dry-run"], ["true"]).status == 0, "a trial is due")
        self.lose(*SHORT)
        self.assertEqual(self.events("start")[-1]["spawnguard.start"], "trial")
        run = self.fails(*SHORT)
        self.assertEqual(run.status, 69, run.err)
        self.later(3700)
        self.assertEqual([self.fails(*SHORT, code=0).status for _ in range(2)], [0, 0])
        self.assertEqual(self.changes()[-1], ("half-open", "closed"))

    def once(self, fault):
        """A trial of which this is killed; then whoever comes.  False: it got through."""
        shutil.rmtree(self.state)
        os.mkdir(self.state, 0o700)
        args = ["--max-failures=1/1h", "--backoff=failure=1h", "--backoff=lost=1h", "--jitter=none"]
        self.assertEqual(self.fails(*args).status, 1)
        self.later(3700)
        env = dict(self.env, LD_PRELOAD=SHIM, SG_FAULT=fault, SG_FAULT_PROGRAM="spawnguard", SG_FAULT_LOG=self.path("calls"))
        run = self.start(harness.SPAWNGUARD, "run", "-N", "j", *args, "--", "true", env=env).wait()
        self.end_strays()
        after = self.fails(*args, code=0)
        if after.status == 69: # it counts as lost, once
            self.later(3700)
            after = self.fails(*args, code=0)
        self.assertEqual((after.status, self.fails(*args, code=0).status), (0, 0), (fault, run.status, run.err, after.err))
        function, step = fault.split(":")[:2]
        made = max((int(n) for name, n in re.findall(r"(\w+) (\d+)", self.read("calls")) if name == function), default=0)
        os.remove(self.path("calls"))
        return int(step) <= made or run.status == -signal.SIGKILL

    @unittest.skipUnless(os.path.exists(SHIM), "a static program preloads nothing")
    def test_killed_at_every_step_of_a_trial(self):
        """Half-open is free again, wherever it was."""
        tried = 0
        for function in STEPS + (MORE_STEPS if LONG else ()):
            for whom in ("KILL", "KILLBOTH"):
                for step in range(1, 1000, 1 if LONG else 4):
                    signal.alarm(harness.TEST_LIMIT_S)
                    faulthandler.dump_traceback_later(harness.TEST_LIMIT_S + 60, exit=True)
                    if not self.once(f"{function}:{step}:{whom}"):
                        break
                    tried += 1
        if LONG:
            print(f"killed at {tried} calls", file=sys.stderr)


class Many(Base):
    def test_fifty_starters_one_trial(self):
        args = ["-N", "j", "--no-lock", "--max-failures=2/1h", "--backoff=failure=1h", "--jitter=none"]
        for _ in range(2):
            self.run_guard(args, ["false"])
        self.later(3700)
        script = f"echo x >>{self.path('tried')}; until [ -e {self.path('go')} ]; do sleep 0.05; done"
        runs = [self.guard(*args, "--", "sh", "-c", script) for _ in range(50)]
        wait_until(lambda: sum(not run.running() for run in runs) == 49, "all others are refused")
        self.write("go", "")
        statuses = sorted(run.wait().status for run in runs)
        self.assertEqual((statuses, self.read("tried")), ([0] + [69] * 49, "x\n"))
        self.assertEqual(sum("its one trial is running" in run.err for run in runs), 49)

    def test_twenty_writers_lose_no_count(self):
        runs = [self.start("sh", "-c", 'for i in 1 2 3 4; do "$@" || :; done', "sh", harness.SPAWNGUARD, "run", "-N", "j", "--no-lock",
                           "--max-failures=100/1h", "--", "false") for _ in range(20)]
        for run in runs:
            run.wait(120)
        self.assertEqual(self.file().count("\nfailed "), 80)

    def test_a_tight_loop_is_executed_as_often_as_allowed(self):
        """10,000 restarts with SG_LONG=1."""
        rounds = 500 if LONG else 40
        script = f'i=0; while [ $i -lt {rounds} ]; do "$@" 2>/dev/null; i=$((i+1)); done'
        guard = [harness.SPAWNGUARD, "run", "-N", "j", "--max-failures=3/1h", "--backoff=failure=1h", "--wait", "--"]
        runs = [self.start("sh", "-c", script, "sh", *guard, "sh", "-c", "echo ran >>ran; exit 1") for _ in range(20)]
        for run in runs:
            run.wait((900 if LONG else 110) * harness.SCALE)
        if LONG:
            print(f"executed {self.ran()} of {20 * rounds}", file=sys.stderr)
        self.assertEqual(self.ran(), 3)
        self.assertEqual(self.changes(), [("closed", "open")])


class Waiting(Base):
    """Who would be refused now does not wait first; who was not is asked again after."""
    FULL = "--min-free=.:1000000G"
    SLOT = ["--slots=1", "--group=g"]

    def open(self, job="j"):
        self.assertEqual(self.command("breaker", "open", job, "--for=1h").status, 0)

    def assert_at_once(self, *args):
        run = self.run_guard(["-N", "j", "--wait=1h", *args], ["true"])
        self.assertEqual(run.status, 69, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: breaker open: j: ")
        self.assertEqual(outcome(self.events("refused")[-1]), "breaker_open")

    def test_before_a_slot(self):
        held = self.sleeper("-N", "other", *self.SLOT)
        self.open()
        self.assert_at_once(*self.SLOT)
        self.assert_at_once(*self.SLOT, "--on-conflict=queue")
        self.end(held)

    def test_before_there_is_room(self):
        self.open()
        self.assert_at_once(self.FULL)

    def test_before_its_lock(self):
        held = self.sleeper("-N", "j")
        self.open()
        self.assert_at_once()
        self.assert_at_once("--on-conflict=queue")
        self.assert_at_once("--on-conflict=replace")
        self.assertTrue(held.running(), "it was not ended for one that does not start")
        self.end(held)

    def test_with_force_it_waits(self):
        self.open()
        self.assertEqual(self.run_guard(["-N", "j", "--force", "--wait=0.2", self.FULL], ["true"]).status, 69)
        self.assertEqual(self.events("refused")[-1]["spawnguard.reason"], "disk")

    def waiter(self, *args):
        run = self.guard("-N", "j", "--wait", "--complain-after=0.01", *args, "--", "true")
        wait_until(lambda: "waiting for" in run.err or not run.running(), "it waits")
        self.assertTrue(run.running(), run.err)
        return run

    def test_one_that_may_be_the_trial_waits_for_it(self):
        for _ in range(2):
            self.fails(*SHORT)
        self.later(2)
        held = self.sleeper("-N", "other", *self.SLOT)
        run = self.waiter(*SHORT, *self.SLOT)
        self.end(held)
        self.assertEqual(run.wait().status, 0, run.err)
        self.assertEqual(self.events("start")[-1]["spawnguard.start"], "trial")

    def test_what_opens_meanwhile_refuses_after(self):
        held = self.sleeper("-N", "other", *self.SLOT)
        run = self.waiter(*self.SLOT)
        self.open()
        self.end(held)
        self.assertEqual(run.wait().status, 69, run.err)
        self.assertIn("breaker open: j: ", run.err)


class Clocks(Base):
    def opened(self):
        self.assertEqual([self.fails(*RULES).status for _ in range(3)], [1, 1, 1])

    def move(self, boot_id=None, boot=0, wall=0):
        first, at, rest = self.file().split("\n", 2)
        w = at.split()
        self.keep("\n".join([first, " ".join(["at", boot_id or w[1], w[2], str(int(w[3]) - int(boot * S)), str(int(w[4]) - int(wall * S))]), rest]))

    def test_the_wall_clock_changes_nothing_within_a_boot(self):
        for days in (10, -10):
            self.opened() if days > 0 else None
            self.move(wall=days * 86400)
            self.assertEqual(self.fails(*RULES).status, 69)
        self.move(boot=301)
        self.assertEqual(self.fails(*RULES).status, 1)

    def test_over_a_boot_the_wall_clock_counts_and_never_stops_it_for_ever(self):
        other = "00000000-0000-0000-0000-000000000000"
        self.opened()
        self.move(boot_id=other, boot=-10**6)
        self.assertEqual(self.fails(*RULES).status, 69) # kept over a boot
        self.move(boot_id=other, wall=-10 * 86400) # the clock went back: it waits its whole step, from now on
        self.assertEqual(self.fails(*RULES).status, 69)
        self.move(boot=301)
        self.assertEqual(self.fails(*RULES, code=0).status, 0)

    def test_a_boot_later_it_is_due(self):
        self.opened()
        self.move(boot_id="00000000-0000-0000-0000-000000000000", wall=400)
        self.assertEqual(self.fails(*RULES, code=0).status, 0)


class Faults(Base):
    def test_a_damaged_file_is_one_failure(self):
        for _ in range(3):
            self.fails(*RULES)
        with open(os.path.join(self.state, "breaker/j"), "a") as f:
            f.write("x")
        run = self.fails(*RULES)
        self.assertEqual(run.status, 1)
        self.assertIn("its breaker is damaged: put aside as .bad, and taken for one failure", run.err)
        self.assertTrue(os.path.exists(os.path.join(self.state, "breaker/j.bad")))
        self.assertEqual([self.fails(*RULES).status for _ in range(2)], [1, 69])

    def test_one_damaged_while_the_job_runs_is_one_failure_too(self):
        broken = os.path.join(self.state, "breaker/j")
        self.fails(*RULES)
        run = self.run_guard(["-N", "j", *RULES], ["sh", "-c", f"echo x >>'{broken}'; exit 1"])
        self.assertEqual(run.status, 1, run.err)
        self.assertTrue(os.path.exists(broken + ".bad"))
        self.assertEqual([self.fails(*RULES).status for _ in range(2)], [1, 69], "one that it had, and its own")

    def test_what_cannot_be_written_is_slowed_down(self):
        self.write("state/breaker", "")
        begin = harness.now()
        run = self.fails("--min-uptime=1h")
        self.assertGreaterEqual(harness.now() - begin, 1)
        self.assertIn("this end could not be counted in its breaker: Not a directory; the guard waits 1s before it ends", run.err)
        second = self.guard("-N", "j", "--min-uptime=1h", "--", "false")
        wait_until(lambda: "the guard waits 2s" in second.err, "twice as long")
        second.send(signal.SIGTERM)
        self.assertEqual(second.wait().status, 1)
        self.assertLess(second.wall, 1.9 * harness.SCALE)
        os.remove(os.path.join(self.state, "breaker"))
        self.assertNotIn("waits", self.fails("--min-uptime=1h").err)


if __name__ == "__main__":
    harness.main()

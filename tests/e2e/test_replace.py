"""--on-conflict=replace: the copy that runs is ended, and the new one starts when its tree is gone."""
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, now, observe, outcome, send,
                     wait_until)
from test_tty import TtyTest

TERM, KILL, STOP, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT
REPLACE = "--on-conflict=replace"


class ReplaceTest(GuardTest):
    def replacer(self, name, *args, shape="sleep", **popen):
        return self.holder("-N", name, REPLACE, *args, shape=shape, **popen)

    def refused(self, name, *args, text="not replac"):
        run = self.run_guard(["-N", name, REPLACE, *args], ["touch", self.path("ran")], timeout=60 * SCALE)
        self.assertEqual(run.status, 75, run.err)
        self.assertIn(text, run.err)
        self.assertFalse(os.path.exists(self.path("ran")))
        return run

    def event_of(self, run_id):
        return self.end_event(run_id)


class Replace(ReplaceTest):
    def test_the_old_run_is_ended_and_tells_who_asked(self):
        old = self.holder("-N", "job", "--run-id", "old-run", "--status-file", self.path("status"), shape="deep 3")
        new = self.replacer("job", "--run-id", "new-run")
        self.assertEqual(old.wait().status, -TERM)
        self.assertIn("job: replaced by run new-run (pid ", old.err)
        self.assertIn("job: replaces run old-run", new.err)
        event = self.event_of("old-run")
        self.assertEqual((outcome(event), event["spawnguard.cause"], event["spawnguard.exit_status"]),
                         ("replaced", "replaced", 143))
        self.assertEqual(event["spawnguard.sender"]["run"], "new-run")
        self.assertEqual(event["spawnguard.sender"]["pid"], new.pid)
        self.assertEqual(json.loads(self.read("status"))["spawnguard.outcome"], "replaced")
        self.assertIn("R replaced", self.command("status", "job").out)
        new.send(TERM)
        new.wait()
        self.assert_no_survivor()

    def test_its_own_status_counts(self):
        old = self.guard("-N", "own", "--", "sh", "-c", f'trap "exit 3" TERM; {VICTIM} sleep & wait')
        self.wait_ready(old)
        new = self.replacer("own")
        self.assertEqual(old.wait().status, 3)
        self.assertEqual(outcome(self.events("end")[0]), "replaced")
        self.end(new)

    def test_where_nothing_runs_it_is_a_plain_start(self):
        run = self.run_guard(["-N", "first", REPLACE], ["true"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertFalse(os.path.exists(os.path.join(self.state, "locks", "queue")))

    def test_the_old_tree_is_gone_before_the_new_one_starts(self):
        for shape in ("ignore-term", "daemon", "stopped"):
            with self.subTest(shape):
                self.holder("-N", "gone", "-k", "0.2", shape=shape)
                old = set(self.pids())
                seen = self.path("seen")
                new = self.run_guard(["-N", "gone", REPLACE], ["sh", "-c", f"ps -e -o pid= >{seen}"])
                self.assertEqual(new.status, 0, new.err)
                self.assertFalse(old & {int(pid) for pid in self.read("seen").split()}, "of the old tree")
                self.runs[-2].wait()
                self.assert_no_survivor(shape)

    def test_a_frozen_run_is_replaced(self):
        old = self.holder("-N", "cold", shape="deep 2")
        self.assertEqual(self.command("freeze", "cold").status, 0)
        new = self.replacer("cold")
        self.assertEqual(old.wait().status, -TERM)
        self.end(new)

    def test_a_run_whose_front_is_stopped_is_replaced(self):
        old = self.holder("-N", "asleep")
        old.send(STOP)
        wait_until(lambda: Stat(old.pid).state == "T", "it is stopped")
        new = self.replacer("asleep")
        self.assertEqual(old.wait().status, -TERM)
        self.end(new)

    def test_a_run_that_starts_in_this_very_moment_is_replaced(self):
        for _ in range(3 if SANITIZED else 10):
            old = self.guard("-N", "moment", "--wait", "--", "sleep", "60")
            new = self.run_guard(["-N", "moment", REPLACE], ["true"])
            self.assertEqual(new.status, 0, new.err)
            old.send(TERM)  # where it came second: there was nothing to replace
            self.assertEqual(old.wait().status, -TERM)
            self.assert_no_survivor()

    def test_dry_run_ends_nothing(self):
        old = self.holder("-N", "dry")
        run = self.run_guard(["-N", "dry", REPLACE, "--dry-run"], ["true"])
        self.assertEqual(run.status, 0)
        self.assertIn("would end it and start in its place: dry", run.out)
        self.assertTrue(old.running())
        self.end(old)

    def test_it_can_be_ended_while_it_waits(self):
        old = self.guard("-N", "slow", "-k", "60", "--", VICTIM, "catch", self.path("log"), "0", "12=0")
        wait_until(lambda: "ready" in self.read("log"), "it catches")
        new = self.guard("-N", "slow", REPLACE, "--", "touch", self.path("ran"))
        wait_until(lambda: f"sig={int(TERM)} " in self.read("log"), "the old one is asked")
        new.send(TERM)
        self.assertEqual(new.wait().status, -TERM)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.end(old)
        self.assertEqual(self.run_guard(["-N", "slow", "--wait"], ["true"]).status, 0)


class Refused(ReplaceTest):
    def test_runs_that_share_the_lock(self):
        runs = [self.holder("-N", "shared", "--shared") for _ in range(2)]
        self.assertIn("share", self.refused("shared").err)
        self.end(runs[1])  # the last that took it
        self.assertIn("share", self.refused("shared").err)
        self.assertTrue(runs[0].running())
        new = self.guard("-N", "shared", "--shared", REPLACE, "--", "true").wait()
        self.assertEqual(new.status, 0, "it shares, too")
        self.end(runs[0])

    def test_its_own_ancestor(self):
        inner = [SPAWNGUARD, "run", "-N", "self", REPLACE, "--", "touch", self.path("ran")]
        run = self.run_guard(["-N", "self"], [SPAWNGUARD, "run", "-N", "between", "--", *inner], timeout=20 * SCALE)
        self.assertEqual(run.status, 75, run.err)
        self.assertIn("not replacing the run around this one", run.err)
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_lock_file_alone(self):
        file = self.path("file")
        old = self.holder("-N", "f", "--no-lock", "--lock-file", file)
        self.refused("f", "--no-lock", "--lock-file", file)
        self.assertTrue(old.running())
        self.end(old)

    def test_what_does_not_end_is_not_waited_for_for_ever(self):
        """Its guards are stopped: nobody ends its tree, and nobody may start beside it."""
        old = self.holder("-N", "stuck", "-k", "0.1")
        for pid in (old.pid, old.warden()):
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "it is stopped")
        job = children(old.warden())[0]
        run = self.refused("stuck", text="not replaced, it does not end")
        self.assertGreater(run.wall, 5)
        self.assertTrue(Stat(job).alive)
        self.assertEqual(self.events("refused")[-1]["spawnguard.reason"], "replace")
        self.end(old)


class Storm(ReplaceTest):
    def test_two_replacers_and_a_third_starter(self):
        """One run at a time, the old tree gone before the new one starts."""
        section = self.path("section")
        os.mkdir(section)
        job = self.write("job.sh", f"""
exec 9>>{section}/tree  # held by the whole tree
flock -n 9 || echo "overlap tree" >>{section}/log
setsid sleep 60 &
exec {VICTIM} overlap {section} $1
""")
        for turn in range(5 if SANITIZED else 20):
            with self.subTest(turn=turn):
                hold, release = os.pipe()
                shut, opener = os.pipe()
                command = ["-q", "-N", "storm", "-k", "0.5", "--", "sh", job, str(hold)]
                before = self.entered()
                old = self.guard(*command, pass_fds=[hold])
                wait_until(lambda: self.entered() > before, "the first is inside")
                runs = [self.start(VICTIM, "gate", shut, SPAWNGUARD, "run", *how, *command, pass_fds=[shut, hold])
                        for how in ([REPLACE], [REPLACE], [])]
                for fd in (shut, opener, hold):
                    os.close(fd)
                wait_until(lambda: sum(r.running() for r in [old, *runs]) == 1, "one is left")
                os.close(release)
                statuses = sorted(r.wait().status for r in [old, *runs])
                self.assertEqual(statuses.count(0), 1, statuses)
                self.assertTrue(set(statuses) <= {0, 75, -TERM}, statuses)
                self.assertFalse([line for line in self.log() if line.startswith("overlap")], "two were there at once")
                self.assert_no_survivor()
        self.assertEqual(len(self.events("start")), len(self.events("end")))

    def log(self):
        return self.read("section/log").splitlines()

    def entered(self):
        return sum(line.startswith("in ") for line in self.log())


class Terminal(TtyTest):
    def test_a_run_stopped_by_the_terminal_is_replaced(self):
        shell = self.shell()
        shell.command(f"{SPAWNGUARD} run -q -N cat -- cat")
        self.front(shell)
        shell.send("\x1a")
        shell.expect("Stopped")
        new = self.run_guard(["-N", "cat", REPLACE], ["true"])
        self.assertEqual(new.status, 0, new.err)
        self.leave(shell)
        self.assertEqual(outcome(self.events("end")[0]), "replaced")


if __name__ == "__main__":
    harness.main()

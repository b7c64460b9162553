"""The fault matrix of doc/decisions/0009-fault-matrix.md: a test for each cell, named after it. Here: processes."""
import fcntl
import glob
import os
import pty
import re
import shutil
import signal
import sys
import termios
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dealt
import harness
from harness import SCALE, SOURCE, SPAWNGUARD, VICTIM, Stat, now, observe, outcome, send, wait_until
from matrix import CONT, ENDED, IS_ROOT, KILL, LOST, OWN, STOP, TERM, MatrixTest, proc_hides


class KillFront(MatrixTest):
    def test_kill_front_before_fork(self):
        run = self.at("before_fork")
        send(run.pid, KILL)
        run.wait()
        self.assert_free(LOST)
        self.assertNotIn("ready at=", self.read("log"), "the job has run")
        self.rows()

    def test_kill_front_before_exec(self):
        run = self.at("before_exec", grace="0.2")
        send(run.pid, KILL)
        self.go()
        self.assert_tree_gone(run)
        self.assert_free()
        self.assert_ended("guard_error", "front_dead", "warden")

    def test_kill_front_while_running(self):
        run = self.at("while_running", grace="0.2")
        send(run.pid, KILL)
        self.assert_tree_gone(run)
        self.assertEqual(run.status, -KILL)
        self.assert_free()
        self.assert_ended("guard_error", "front_dead", "warden")

    def test_kill_front_while_killing(self):
        run = self.at("while_killing", grace="0.2")
        send(run.pid, KILL)
        self.assert_tree_gone(run)
        self.assert_free()
        self.assertEqual(self.first_end()["spawnguard.written_by"], "warden")

    def test_kill_front_while_recording(self):
        run = self.at("while_recording")
        send(run.pid, KILL)
        self.go()
        self.assert_tree_gone(run)
        self.assert_free()
        self.assertEqual(self.assert_ended("failed", by="warden")["process.exit.code"], OWN)


class KillWarden(MatrixTest):
    def struck(self, moment):
        run = self.at(moment, grace="0.2")
        send(run.warden(), KILL)
        self.go()
        run.wait()
        self.assert_free()
        return run

    def test_kill_warden_before_exec(self):
        self.assertEqual(self.struck("before_exec").status, 125)

    def test_kill_warden_while_running(self):
        self.assertEqual(self.struck("while_running").status, 125)
        self.assert_ended("guard_error", "warden_dead", "front")

    def test_kill_warden_while_killing(self):
        self.assertNotEqual(self.struck("while_killing").status, 0)
        self.assertEqual(self.first_end()["spawnguard.written_by"], "front")

    def test_kill_warden_while_recording(self):
        self.assertIn(self.struck("while_recording").status, (OWN, 125))
        self.assertEqual(self.first_end()["spawnguard.written_by"], "front")


class KillBoth(MatrixTest):
    def struck(self, moment):
        run = self.at(moment, grace="0.2")
        self.kill_all(run, run.pid, run.warden())
        if moment == "before_exec":  # until its exec, the job's process has the lock too
            self.go()
            wait_until(lambda: "ready at=" in self.read("log"), "the job runs")
        self.next_start(LOST)
        wait_until(lambda: not self.strays(), "zombies collected")
        self.assert_gone()
        return self.first_end()

    def test_kill_both_before_exec(self):
        self.assertEqual(outcome(self.struck("before_exec")), "lost")

    def test_kill_both_while_running(self):
        self.assertEqual(outcome(self.struck("while_running")), "lost")

    def test_kill_both_while_killing(self):
        self.assertEqual(outcome(self.struck("while_killing")), "lost")

    def test_kill_both_while_recording(self):
        self.assertEqual(outcome(self.struck("while_recording")), "lost")


class StopGuard(MatrixTest):
    """Both are stopped: the warden is continued when front is."""

    def struck(self, moment):
        run = self.at(moment)
        if moment == "before_exec":
            send(run.pid, STOP)
            send(run.warden(), STOP)  # at its next instruction: its job is not exec'ed yet
        elif moment in ("while_running", "while_killing"):
            self.stop(run, run.pid, run.warden())
        send(run.pid, CONT)
        self.let_end(run)
        return run

    def test_stop_guard_before_fork(self):
        self.assert_kept(self.struck("before_fork"))

    def test_stop_guard_before_exec(self):
        self.assert_kept(self.struck("before_exec"))

    def test_stop_guard_while_running(self):
        run = self.at("while_running", "-t", "0.3", grace="0.2")
        self.stop(run, run.pid, run.warden())
        observe(0.4)
        self.assertTrue(run.running())
        began = now()
        send(run.pid, CONT)
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertLess(now() - began, 0.2 + 1.0 * SCALE)
        self.assert_free()

    def test_stop_guard_while_killing(self):
        self.assert_kept(self.struck("while_killing"), ENDED)

    def test_stop_guard_while_recording(self):
        self.assert_kept(self.struck("while_recording"))
        self.assert_ended("failed")


@unittest.skipUnless(IS_ROOT, "no control group of memory for a user")
class OomKill(MatrixTest):
    """Of front; as KILL."""

    def struck(self, moment):
        run = self.at(moment, grace="0.2")
        self.oom_kill(run.pid)
        self.go()
        self.assert_tree_gone(run)
        self.assertEqual(run.status, -KILL)
        return run

    def test_oom_kill_before_fork(self):
        self.struck("before_fork")
        self.assert_free(LOST)

    def test_oom_kill_before_exec(self):
        self.struck("before_exec")
        self.assert_free()
        self.assert_ended("guard_error", "front_dead", "warden")

    def test_oom_kill_while_running(self):
        self.struck("while_running")
        self.assert_free()
        self.assert_ended("guard_error", "front_dead", "warden")

    def test_oom_kill_while_killing(self):
        self.struck("while_killing")
        self.assert_free()
        self.assertEqual(self.first_end()["spawnguard.written_by"], "warden")

    def test_oom_kill_while_recording(self):
        self.struck("while_recording")
        self.assert_free()
        self.assert_ended("failed", by="warden")


class Suspend(MatrixTest):
    """This machine cannot be put to sleep: the nearest is that everything stands, job and guards, and goes on."""

    def struck(self, moment, said=None):
        run = self.at(moment)
        pids = [p for p in (run.pid, *harness.descendants(run.pid)) if not self.stopped(p)]
        for pid in pids:
            send(pid, STOP)
        observe(0.1)
        for pid in [*reversed(pids), run.pid]:
            send(pid, CONT)
        self.assert_kept(self.let_end(run), said)

    def test_suspend_before_fork(self):
        self.struck("before_fork")

    def test_suspend_before_exec(self):
        self.struck("before_exec")

    def test_suspend_while_running(self):
        run = self.at("while_running", "-t", "0.5", grace="0.1")
        pids = [run.pid, *harness.descendants(run.pid)]
        self.stop(run, *pids)
        observe(0.7)
        for pid in pids:
            send(pid, CONT)
        self.assertEqual(run.wait().status, 124, run.err)
        self.assert_free()

    def test_suspend_while_killing(self):
        self.struck("while_killing", ENDED)

    def test_suspend_while_recording(self):
        self.struck("while_recording")


@unittest.skipUnless(IS_ROOT, "only root can give a member to another user")
@unittest.skipIf(proc_hides(), "/proc is mounted with hidepid: nobody sees another user's processes")
class Eperm(MatrixTest):
    """A member that became root below a guard that is not."""
    USER = 61234

    def other(self):
        """The guard's prefix, and a run that is held by nothing; its member is somebody else's."""
        for path in (self.scratch, self.state):
            os.chown(path, self.USER, self.USER)
        copies = {}
        for name, path in (("spawnguard", SPAWNGUARD), ("victim", VICTIM), ("become", shutil.which("setpriv"))):
            copies[name] = shutil.copy(path, self.path(name))
            os.chmod(copies[name], 0o4755 if name == "become" else 0o755)
        if os.statvfs(self.scratch).f_flag & os.ST_NOSUID:
            self.skipTest("no set-uid programs here")
        user = [shutil.which("setpriv"), "--reuid", self.USER, "--regid", self.USER, "--clear-groups"]
        run = self.start(*user, copies["spawnguard"], "run", "-N", "m", "-k", "0.1", "--",
                         "sh", "-c", '"$@" & wait', "sh", copies["become"], "--reuid", "0", copies["victim"], "sleep")
        self.wait_ready(run)
        return run, self.pids()[0]

    def end_other(self, pid):
        send(pid, KILL)
        wait_until(lambda: self._reap() or not Stat(pid).alive, "root ends it")

    def test_eperm_while_running(self):
        run, pid = self.other()
        self.assertEqual((run.err, run.running()), ("", True))
        self.end_other(pid)
        self.assertEqual(run.wait().status, 0, run.err)

    def test_eperm_while_killing(self):
        run, pid = self.other()
        began = now()
        run.send(TERM)
        self.assertEqual(run.wait().status, 121, run.err)
        self.assertRegex(run.err, rf"cannot end .*\(pid {pid}, uid 0, state S\)")
        self.assertLess(now() - began, 8 * SCALE)
        self.end_other(pid)

    def test_eperm_while_recording(self):
        run, pid = self.other()
        run.send(TERM)
        run.wait()
        end = self.assert_ended("survivors")
        self.assertEqual(end["spawnguard.members.survivors"], 1)
        self.assertIn(str(pid), str(end))
        self.end_other(pid)


class Frozen(MatrixTest):
    """A member that does not die of KILL: its tracer holds it on its way out."""

    def traced(self, *args):
        run = self.holder("-N", "m", *args, "-k", "0.1", shape="setsid")
        member = self.pids()[-1]
        gate, release = os.pipe()
        tracer = self.start(VICTIM, "tracer", member, gate, "exit", pass_fds=[gate])
        os.close(gate)
        wait_until(lambda: "traced" in tracer.out or not tracer.running(), "traced")
        if not tracer.running():
            os.close(release)
            self.end(run)
            self.skipTest(f"ptrace is not allowed here: {tracer.err}")
        return run, member, lambda: (os.close(release), tracer.wait())

    def test_frozen_while_running(self):
        run, _, release = self.traced("-t", "0.5")
        self.assertTrue(run.running())
        wait_until(lambda: self.pids() and not Stat(self.pids()[0]).alive, "the timeout has struck all the same")
        release()
        self.assertIn(run.wait().status, (121, 124), run.err)
        wait_until(lambda: not self.strays(), "gone with its tracer")

    def test_frozen_while_killing(self):
        run, member, release = self.traced()
        warden = run.warden()
        run.send(TERM)
        wait_until(lambda: not Stat(self.pids()[0]).alive, "the others are ended")
        before = harness.switches(warden)
        self.assertEqual(self.run_guard(["-N", "m"], ["true"]).status, 75, "the lock is kept")
        self.assertEqual(run.wait(40 * SCALE).status, 121, run.err)
        self.assertRegex(run.err, rf"cannot end [^\n]*\(pid {member},")
        self.assertLess(before, 1000, "it spins")
        release()
        wait_until(lambda: not self.strays(), "gone with its tracer")

    def test_frozen_while_recording(self):
        run, member, release = self.traced()
        run.send(TERM)
        run.wait(40 * SCALE)
        end = self.first_end()
        self.assertEqual((outcome(end), end["spawnguard.members.survivors"]), ("survivors", 1))
        self.assertIn(str(member), str(end))
        release()
        wait_until(lambda: not self.strays(), "gone with its tracer")


class Hangup(MatrixTest):
    """Front leads the session of a terminal that goes."""

    def terminal(self, moment, *args, **more):
        master, slave = pty.openpty()
        run = self.at(moment, *args, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)
        os.close(slave)
        return run, master

    def test_hangup_while_running(self):
        run, master = self.terminal("while_running", command=[VICTIM, "catch", self.path("log"), 0, "1=9"])
        os.close(master)
        run.wait()
        self.assertEqual(run.status, 9, "the job ends by the hangup")
        self.assertIn("sig=1 ", self.read("log"))
        self.assert_free()

    def test_hangup_while_killing(self):
        run, master = self.terminal("while_killing", grace="0.2")
        os.close(master)
        run.wait()
        self.assert_free()

    def test_hangup_while_recording(self):
        # In a group that is not front's: else the kernel continues a stopped front when the job ends.
        run, master = self.terminal("while_recording", "--session=new")
        os.close(master)
        self.let_end(run)
        self.assert_free()
        self.assert_ended("failed")


class Storm(MatrixTest):
    """10,000 signals to front and to the warden, and 200 that die at once."""
    SIGNALS = (signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGPIPE)

    def storm(self, *pids):
        for _ in range(10000 // len(self.SIGNALS) // len(pids)):
            for pid in pids:
                for sig in self.SIGNALS:
                    os.kill(pid, sig)  # children of ours and theirs that are held: nobody else has the number

    def struck(self, moment, said=None):
        run = self.at(moment)
        self.storm(run.pid, *([] if moment == "before_fork" else [run.warden()]))
        self.assert_kept(self.let_end(run), said)
        self.rows()

    def test_storm_before_fork(self):
        self.struck("before_fork")

    def test_storm_before_exec(self):
        self.struck("before_exec")

    def test_storm_while_running(self):
        self.struck("while_running")
        death = (f"for i in 1 2 3 4 5; do {VICTIM} wide 40 & done; "
                 f"while [ $(grep -c ready {self.path('pids')}) -lt 5 ]; do sleep 0.01; done; "
                 f"kill -9 $(grep '^[0-9]*$' {self.path('pids')}); wait; exit {OWN}")
        run = self.run_guard(["-N", "m"], ["sh", "-c", death])
        self.assertEqual(run.status, OWN, run.err)
        self.assert_free()

    def test_storm_while_killing(self):
        self.struck("while_killing", ENDED)

    def test_storm_while_recording(self):
        self.struck("while_recording")


class Table(unittest.TestCase):
    """The document and the tests tell the same."""
    TABLE = "doc/decisions/0009-fault-matrix.md"

    def test_each_cell_has_its_test_and_each_test_its_cell(self):
        with open(os.path.join(SOURCE, self.TABLE)) as f:
            first = re.search(r"(?:^\|.*\n)+", f.read(), re.M)[0]  # other tables follow
        rows = [line.strip().strip("|").split("|") for line in first.splitlines()]
        table = [[cell.strip() for cell in row] for row in rows]
        columns = [cell.strip("`") for cell in table[0][1:]]
        cells = {f"test_{row[0].split('`')[1]}_{column}" for row in table[2:]
                 for column, cell in zip(columns, row[1:], strict=True) if cell != "–"}
        tests = set()
        for path in glob.glob(os.path.join(SOURCE, "tests", "e2e", "fault_matrix*.py")):
            with open(path) as f:
                tests |= set(re.findall(r"^    def (test_\w+_(?:before|while)_\w+)\(", f.read(), re.M))
        self.assertEqual(cells - tests, set(), "cells without a test")
        self.assertEqual(tests - cells, set(), "tests without a cell")


if __name__ == "__main__":
    dealt.main(4)

"""The fault matrix of doc/decisions/0009-fault-matrix.md: a test for each cell, named after it. Here: files, clocks."""
import os
import resource
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dealt
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, Stat, now
from matrix import ENDED, IS_ROOT, KILL, OWN, QUIET_OR_WARNED, SHIM, WARNINGS, MatrixTest


class StateThatCannotBeWritten(MatrixTest):
    def fresh(self):
        shutil.rmtree(self.state)
        os.mkdir(self.state, 0o700)
        for name in ("log", "from"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def full(self):
        """A state directory of a few pages; the script that fills it."""
        where = self.state
        prefix = self.world(f'mount -t tmpfs -o size=64k,mode=700 t "{where}"')
        self.assert_free(prefix=prefix)
        return prefix, f'cat /dev/zero >"{where}/fill" 2>/dev/null || :'

    def test_enospc_on_state_before_fork(self):
        prefix, fill = self.full()
        self.inside(fill)
        run = self.start(*prefix, SPAWNGUARD, "run", "-N", "new", "--", VICTIM, "exit", OWN).wait()
        self.assertIn(run.status, (OWN, 125), run.err)
        self.assertTrue(run.err or len(self.events("end")) == 2, "neither written nor said")

    def struck(self, moment):
        prefix, fill = self.full()
        run = self.at(moment, prefix=prefix)
        self.inside(fill)
        self.let_end(run)
        self.assert_kept_in(prefix, run)

    def assert_kept_in(self, prefix, run):
        self.assertEqual(run.status, OWN, run.err)
        self.assert_told(run)
        self.inside(f'rm -f "{self.env["SPAWNGUARD_STATE_DIR"]}/fill"')
        self.assert_free(QUIET_OR_WARNED, prefix=prefix)

    def test_enospc_on_state_before_exec(self):
        self.struck("before_exec")

    def test_enospc_on_state_while_running(self):
        self.struck("while_running")

    def test_enospc_on_state_while_killing(self):
        self.struck("while_killing")

    def unwritten(self, error):
        """The very line of the end."""
        self.need_shims()
        env = dict(self.env, LD_PRELOAD=SHIM, SG_FAULT=f"write:1:{error}:persist", SG_FAULT_TEXT='"event":"end"')
        run = self.run_guard(["-N", "m"], [VICTIM, "exit", OWN], env=env)
        self.assert_kept(run, WARNINGS)
        self.assertEqual(len(self.events("end")), 1, "that of the next run is there")

    def test_enospc_on_state_while_recording(self):
        for error in ("ENOSPC", "EIO"):
            with self.subTest(error):
                self.fresh()
                self.unwritten(error)

    def test_erofs_before_fork(self):
        prefix = self.world(f'mount --bind "{self.state}" "{self.state}"\nmount -o remount,ro,bind "{self.state}"')
        run = self.start(*prefix, SPAWNGUARD, "run", "-N", "m", "--", *self.catcher()).wait()
        self.assertEqual(run.status, 125, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")
        self.assertFalse(self.read("log"), "the job has run")

    def struck_read_only(self, moment, said):
        """No file system lets itself be made read-only while it is written to; one that breaks does."""
        self.need_shims()
        for call in ("pwrite", "write", "openat", "renameat2", "unlinkat"):
            with self.subTest(call):
                self.fresh()
                run = self.at(moment, env={"LD_PRELOAD": SHIM, "SG_FAULT": f"{call}:1:EROFS:persist",
                                           "SG_FAULT_FROM": self.path("from")})
                self.write("from", "")
                self.let_end(run)
                self.assertEqual(run.status, OWN, run.err)
                self.assertRegex(run.err, said)
                self.assert_told(run)
                self.assert_free(r"\A(spawnguard: [^\n]+\n)?\Z")

    def test_erofs_while_running(self):
        self.struck_read_only("while_running", QUIET_OR_WARNED)

    def test_erofs_while_killing(self):
        self.struck_read_only("while_killing", ENDED)

    def test_erofs_while_recording(self):
        self.unwritten("EROFS")


class Descriptors(MatrixTest):
    FILES = resource.RLIMIT_NOFILE

    def test_emfile_before_fork(self):
        self.need_shims()
        run = self.run_guard(["-N", "m"], self.catcher(), preexec_fn=lambda: resource.setrlimit(self.FILES, (4, 4)))
        self.assertEqual(run.status, 125, run.err)
        self.assertTrue(run.err, "not a word")
        self.assert_free()

    def test_emfile_before_exec(self):
        run = self.at("before_fork")
        self.few(self.FILES, 4, run.pid)
        self.go()
        self.assertEqual(run.wait().status, 125, run.err)
        self.assertTrue(run.err, "not a word")
        self.assertFalse(self.read("log"), "the job has run")
        self.assert_free(QUIET_OR_WARNED)

    def struck(self, moment):
        run = self.at(moment, command=self.catcher(20), grace="0.2")
        self.few(self.FILES, 4, run.pid, run.warden())
        return self.let_end(run)

    def test_emfile_while_running(self):
        run = self.struck("while_running")
        self.assertEqual(run.status, OWN, run.err)
        self.assert_free(QUIET_OR_WARNED)

    def test_emfile_while_killing(self):
        self.struck("while_killing")
        self.assert_free(QUIET_OR_WARNED)

    def test_emfile_while_recording(self):
        run = self.at("while_recording")
        self.few(self.FILES, 4, run.pid, run.warden())
        self.assert_kept(self.let_end(run), QUIET_OR_WARNED)


class Processes(MatrixTest):
    def without(self, fault, *args, command=None):
        self.need_shims()
        env = dict(self.env, LD_PRELOAD=SHIM, SG_FAULT=fault)
        return self.guard("-N", "m", *args, "--", *(command or self.catcher()), env=env)

    def assert_closed(self, run):
        self.assertEqual(run.status, 125, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z")
        self.assertFalse(self.read("log"), "the job has run")
        self.assert_free()
        self.assert_ended("guard_error")

    def test_fork_fails_before_fork(self):
        if IS_ROOT:
            self.assert_closed(self.without("fork:1:EAGAIN").wait())
        else:  # for real: no number of processes stops root
            poor = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            self.assert_closed(self.run_guard(["-N", "m"], self.catcher(), preexec_fn=poor))

    def test_fork_fails_before_exec(self):
        self.assert_closed(self.without("clone:1:EAGAIN:persist").wait())

    def struck(self, moment):
        """Front and warden may make no process any more."""
        run = self.at(moment, command=self.catcher(5), grace="0.2")
        self.few(resource.RLIMIT_NPROC, 0, run.pid, run.warden())
        return self.let_end(run)

    def test_fork_fails_while_running(self):
        run = self.struck("while_running")
        self.assertEqual(run.status, OWN, run.err)
        self.assert_free()

    def test_fork_fails_while_killing(self):
        self.struck("while_killing")
        self.assert_free()

    def test_fork_fails_while_recording(self):
        run = self.at("while_recording")
        self.few(resource.RLIMIT_NPROC, 0, run.pid, run.warden())
        self.assert_kept(self.let_end(run))


class StateRemoved(MatrixTest):
    def struck(self, moment, **more):
        run = self.at(moment, **more)
        shutil.rmtree(self.state)
        return self.let_end(run)

    def test_state_removed_before_fork(self):
        shutil.rmtree(self.state)
        self.assert_kept(self.let_end(self.at("while_running")))
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o700)
        self.assert_ended("failed")

    def test_state_removed_before_exec(self):
        self.assert_kept(self.struck("before_exec"), WARNINGS)

    def test_state_removed_while_running(self):
        run = self.at("while_running")
        shutil.rmtree(self.state)
        second = self.run_guard(["-N", "m"], ["true"])
        self.assertEqual((second.status, second.err), (0, ""), "a second one is possible: that is its owner's doing")
        self.assert_kept(self.let_end(run), WARNINGS)

    def test_state_removed_while_killing(self):
        run = self.at("while_killing", command=self.catcher(3), grace="0.2")
        shutil.rmtree(self.state)
        self.assertEqual(run.wait().status, -KILL, run.err)
        self.assert_free()

    def test_state_removed_while_recording(self):
        self.assert_kept(self.struck("while_recording"), WARNINGS)


class StateCorrupt(MatrixTest):
    def spoil(self):
        """Noise over every file that holds something."""
        for folder, _, names in os.walk(self.state):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.getsize(path):
                    with open(path, "r+b") as f:
                        f.write(os.urandom(os.path.getsize(path)))

    def test_state_corrupt_before_fork(self):
        run = self.at("while_running")
        self.kill_all(run, run.pid, run.warden())
        for name in self.records():
            os.truncate(os.path.join(self.state, "runs", name), 100)
        self.end_strays()
        self.assert_free(WARNINGS)
        self.assertTrue([n for n in os.listdir(os.path.join(self.state, "runs")) if n.endswith(".bad")])
        self.assert_free()

    def struck(self, moment, **more):
        run = self.at(moment, **more)
        self.spoil()
        self.let_end(run)
        self.assertEqual(run.status, OWN, run.err)
        self.assert_free(QUIET_OR_WARNED)
        self.assert_free(QUIET_OR_WARNED)

    def test_state_corrupt_while_running(self):
        self.struck("while_running")

    def test_state_corrupt_while_killing(self):
        run = self.at("while_killing", command=self.catcher(3), grace="0.2")
        self.spoil()
        run.wait()
        self.assert_free(QUIET_OR_WARNED)

    def test_state_corrupt_while_recording(self):
        self.struck("while_recording")
        self.assert_free()


class WallClock(MatrixTest):
    DAYS = 86400 * 10

    def struck(self, moment, said=None):
        for jump in (self.DAYS, -self.DAYS):
            with self.subTest(jump):
                self.need_shims()
                self.write("log", "")
                run = self.at(moment, "--run-id", f"r{jump}", "-t", "60", env=self.jump(0))
                self.jump(jump)
                self.assert_kept(self.let_end(run), said)
                self.assertLess(self.end_event(f"r{jump}")["spawnguard.wall"], 60)

    def test_wall_clock_before_fork(self):
        self.struck("before_fork")

    def test_wall_clock_before_exec(self):
        self.struck("before_exec")

    def test_wall_clock_while_running(self):
        self.need_shims()
        for jump in (self.DAYS, -self.DAYS):
            with self.subTest(jump):
                self.write("log", "")
                run = self.at("while_running", "-t", "1", grace="0.1", env=self.jump(0))
                self.jump(jump)
                self.assertEqual(run.wait().status, 124, run.err)
                self.assertGreaterEqual(run.wall, 1)
                self.assertLess(run.wall, 1.1 + 1.0 * SCALE)
                self.assert_free()

    def test_wall_clock_while_killing(self):
        self.struck("while_killing", ENDED)

    def test_wall_clock_while_recording(self):
        self.struck("while_recording")


class Stdio(MatrixTest):
    """Who reads what the guard says is gone; -v, so that it has much to say."""

    def struck(self, moment):
        reader, writer = os.pipe()
        run = self.at(moment, "-v", "--stats", stdout=writer, stderr=writer)
        os.close(writer)
        os.close(reader)
        self.let_end(run)
        self.assertEqual(run.status, OWN)
        self.assert_free()
        self.rows()
        self.first_end()

    def test_stdio_before_fork(self):
        self.struck("before_fork")
        full = os.open("/dev/full", os.O_WRONLY)
        for popen in ({"stdout": full, "stderr": full}, {"preexec_fn": lambda: os.closerange(0, 3)}):
            run = self.run_guard(["-N", "m", "-v"], [VICTIM, "exit", OWN], **popen)
            self.assertEqual(run.status, OWN)
        os.close(full)

    def test_stdio_before_exec(self):
        self.struck("before_exec")

    def test_stdio_while_running(self):
        self.struck("while_running")

    def test_stdio_while_killing(self):
        self.struck("while_killing")

    def test_stdio_while_recording(self):
        self.struck("while_recording")


class PowerLoss(MatrixTest):
    """The boot id is another when the machine is there again."""

    def next_boot(self):
        self.write("boot", "01234567-89ab-4cde-8f01-23456789abcd\n")
        script = f'mount --bind "{self.path("boot")}" /proc/sys/kernel/random/boot_id'
        return self.in_mounts(script, SPAWNGUARD, "run", "-N", "m", "--", "true").wait()

    def test_power_loss_while_running(self):
        run = self.at("while_running")
        self.kill_all(run, run.pid, run.warden())
        after = self.next_boot()
        self.assertEqual(after.status, 0, after.err)
        self.assertRegex(after.err, "before the machine was started anew")
        self.assertTrue(Stat(self.job()).alive, "who has the number now is none of it")
        self.assert_ended("lost")
        self.end_strays()

    def test_power_loss_while_recording(self):
        run = self.at("while_recording")
        self.kill_all(run, run.pid, run.warden())
        path = os.path.join(self.state, "history", os.listdir(os.path.join(self.state, "history"))[0])
        os.truncate(path, os.path.getsize(path) - 20)
        after = self.next_boot()
        self.assertEqual(after.status, 0, after.err)
        whole = []
        for line in self.history_lines():
            try:
                whole.append(harness.event_kind(harness.parse_line(line)))
            except harness.Damaged:
                pass
        self.assertEqual((len(self.history_lines()), whole), (4, ["end", "start", "end"]))


if __name__ == "__main__":
    dealt.main(4)

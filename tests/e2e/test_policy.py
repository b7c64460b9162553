"""What fails around a guard, for real: closed for the lock, open and loud for bookkeeping, and never a survivor unsaid."""
import os
import resource
import shutil
import signal
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until

IS_ROOT = os.geteuid() == 0
ONE_LINE = r"\Aspawnguard: [^\n]+\n\Z"
WARNINGS = r"\A(spawnguard: warning: [^\n]+\n)+\Z"
STRANGER = 61234



class PolicyTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.ran = self.path("ran")

    def job(self):
        return ["sh", "-c", f"echo >>{self.ran}; exit 7"]

    def assert_closed(self, run, what=""):
        """Nothing was started, in one line that says why and what."""
        self.assertEqual(run.status, 125, f"{what}: {run.err}")
        self.assertRegex(run.err, ONE_LINE, what)
        self.assertFalse(os.path.exists(self.ran), f"{what}: the job has run")

    def assert_open(self, run, warned=True, what=""):
        """The job ran, once, with its own status; what could not be done is said."""
        self.assertEqual(run.status, 7, f"{what}: {run.err}")
        self.assertEqual(self.read("ran"), "\n", what)
        if warned:
            self.assertRegex(run.err, WARNINGS, what)
        else:
            self.assertEqual(run.err, "", what)
        os.unlink(self.ran)

    def run_args(self, *args):
        return [SPAWNGUARD, "run", "-N", "p", *args, "--", *self.job()]


class StateDirectory(PolicyTest):
    def try_at(self, path):
        return self.run_guard(["-N", "p", f"--state-dir={path}"], self.job())

    def test_a_missing_one_is_made_for_its_owner_alone(self):
        new = os.path.join(self.scratch, "a", "b", "c")
        self.assert_open(self.try_at(new), warned=False)
        self.assertEqual(os.stat(new).st_mode & 0o7777, 0o700)

    def test_one_that_cannot_be_used_stops_the_start(self):
        os.chmod(self.state, 0o700)
        file = self.write("file", "precious")
        loop = self.path("loop")
        os.symlink(loop, loop)
        link = self.path("link")
        os.symlink(self.state, link)
        long = self.scratch + "/" + "x" * 200 + "/" + "y" * 200 + "/" + "z" * 200
        rows = [
            ("a file", file),
            ("below a file", file + "/state"),
            ("below what nobody can make", "/proc/no/such"),
            ("a link", link),
            ("a link to itself", loop),
            ("a device", "/dev/null"),
            ("of another user", "/usr" if not IS_ROOT else None),
            ("too long", long),
        ]
        for what, path in rows:
            if path:
                with self.subTest(what):
                    self.assert_closed(self.try_at(path), what)
        self.assertEqual(self.read("file"), "precious")

    def test_one_that_others_can_write_stops_the_start(self):
        for mode in (0o770, 0o707, 0o720, 0o702, 0o777):
            with self.subTest(oct(mode)):
                os.chmod(self.state, mode)
                self.assert_closed(self.try_at(self.state))
        os.chmod(self.state, 0o700)
        self.assert_open(self.try_at(self.state), warned=False)

    def test_parts_that_others_can_read_stop_the_start(self):
        for part in ("locks", "locks/job", "runs", "history"):
            with self.subTest(part):
                shutil.rmtree(self.state)
                os.makedirs(os.path.join(self.state, part), 0o700)
                os.chmod(os.path.join(self.state, part), 0o755)
                self.assert_closed(self.try_at(self.state), part)

    @unittest.skipUnless(IS_ROOT, "only root can give a directory away")
    def test_one_of_another_user_stops_the_start(self):
        os.chown(self.state, STRANGER, STRANGER)
        self.assert_closed(self.try_at(self.state))
        os.chown(self.state, 0, 0)
        for part in ("locks", "locks/job", "runs", "history"):
            with self.subTest(part):
                self.assert_open(self.try_at(self.state), warned=False)
                os.chown(os.path.join(self.state, part), STRANGER, STRANGER)
                self.assert_closed(self.try_at(self.state), part)
                os.chown(os.path.join(self.state, part), 0, 0)

    @unittest.skipIf(IS_ROOT, "no mode stops root")
    def test_one_without_permission_stops_the_start(self):
        for mode in (0o500, 0o400, 0o000):
            with self.subTest(oct(mode)):
                os.chmod(self.state, mode)
                self.assert_closed(self.try_at(self.state))
        os.chmod(self.state, 0o700)

    def test_read_only_stops_the_start(self):
        read_only = f'mount --bind "{self.state}" "{self.state}"\nmount -o remount,ro,bind "{self.state}"'
        for what in ("empty", "used"):
            with self.subTest(what):
                run = self.in_mounts(read_only, *self.run_args()).wait()
                self.assert_closed(run, what)
            self.assert_open(self.run_guard(["-N", "p"], self.job()), warned=False)

    def test_removed_while_running_leaves_the_job_alone_and_is_said(self):
        shut, release = os.pipe()
        run = self.guard("-N", "p", "--", VICTIM, "hold", shut, 7, pass_fds=[shut])
        os.close(shut)
        self.wait_ready(run)
        shutil.rmtree(self.state)
        os.close(release)
        self.assertEqual(run.wait().status, 7, run.err)
        self.assertRegex(run.err, WARNINGS, "its end is written nowhere")
        self.assert_open(self.try_at(self.state), warned=False)

    def test_removed_while_running_the_tree_is_ended_all_the_same(self):
        run = self.holder("-N", "p", "-k", "0.1", shape="setsid")
        shutil.rmtree(self.state)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assert_no_survivor()


class Planted(PolicyTest):
    """Where a file of ours should be stands something else: never followed, never waited for."""

    def setUp(self):
        super().setUp()
        self.run_guard(["-N", "p"], ["true"])
        self.precious = self.write("precious", "precious")

    def plant(self, path, kind):
        if os.path.lexists(path):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        if kind == "link":
            os.symlink(self.precious, path)
        elif kind == "link to nothing":
            os.symlink(self.path("made"), path)
        elif kind == "hard link":
            os.link(self.precious, path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            os.mkdir(path, 0o700)
        elif kind == "socket":
            import socket
            here = os.getcwd()
            os.chdir(os.path.dirname(path))  # a socket's path is short
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(os.path.basename(path))
            os.chdir(here)
        elif kind == "foreign":
            with open(path, "w"):
                os.chown(path, STRANGER, STRANGER)

    def kinds(self):
        return ["link", "link to nothing", "hard link", "fifo", "directory", "socket"] + (["foreign"] if IS_ROOT else [])

    def untouched(self):
        self.assertEqual(self.read("precious"), "precious")
        self.assertFalse(os.path.exists(self.path("made")), "made through a link")

    def test_in_place_of_the_lock_stops_the_start(self):
        path = os.path.join(self.state, "locks", "job", "p")
        for kind in self.kinds():
            with self.subTest(kind):
                self.plant(path, kind)
                self.assert_closed(self.run_guard(["-N", "p"], self.job()), kind)
                self.untouched()

    def test_in_place_of_a_directory_stops_the_start(self):
        for part in ("locks", "locks/job", "runs", "history"):
            for kind in ("link", "fifo", "socket"):
                with self.subTest(part=part, kind=kind):
                    self.plant(os.path.join(self.state, part), kind)
                    self.assert_closed(self.run_guard(["-N", "p"], self.job()), f"{part} {kind}")
                    shutil.rmtree(self.state)
                    os.mkdir(self.state, 0o700)
                    self.run_guard(["-N", "p"], ["true"])

    def test_in_place_of_the_lock_info_is_warned_of(self):
        path = os.path.join(self.state, "locks", "job", "p.info")
        for kind in self.kinds():
            with self.subTest(kind):
                self.plant(path, kind)
                self.assert_open(self.run_guard(["-N", "p"], self.job()), what=kind)
                self.untouched()

    def test_in_place_of_the_history_is_warned_of(self):
        folder = os.path.join(self.state, "history")
        path = os.path.join(folder, os.listdir(folder)[0])
        for kind in self.kinds():
            with self.subTest(kind):
                self.plant(path, kind)
                self.assert_open(self.run_guard(["-N", "p"], self.job()), what=kind)
                self.untouched()

    def test_in_place_of_the_spare_record_harms_nobody(self):
        path = os.path.join(self.state, "runs", ".spare")
        for kind in self.kinds():
            with self.subTest(kind):
                self.plant(path, kind)
                run = self.run_guard(["-N", "p"], self.job())
                self.assert_open(run, warned=bool(run.err), what=kind)
                self.untouched()
                self.assertEqual(self.run_guard(["-N", "p"], ["true"]).err, "", kind)


class Bookkeeping(PolicyTest):
    """The job matters more than what is written of it."""

    def without(self, *parts):
        """A run while these parts of the state cannot be written."""
        self.run_guard(["-N", "p"], ["true"])
        if IS_ROOT:
            script = "\n".join(f'mount --bind "{self.state}/{p}" "{self.state}/{p}"\n'
                               f'mount -o remount,ro,bind "{self.state}/{p}"' for p in parts)
            return self.in_mounts(script, *self.run_args()).wait()
        for part in parts:
            os.chmod(os.path.join(self.state, part), 0o500)
            for name in os.listdir(os.path.join(self.state, part)):
                os.chmod(os.path.join(self.state, part, name), 0o400)
        run = self.run_guard(["-N", "p"], self.job())
        for part in parts:
            for name in os.listdir(os.path.join(self.state, part)):
                os.chmod(os.path.join(self.state, part, name), 0o600)
            os.chmod(os.path.join(self.state, part), 0o700)
        return run

    def test_without_a_record_the_job_runs_and_it_is_said(self):
        self.assert_open(self.without("runs"))
        self.assertEqual(self.run_guard(["-N", "p"], ["true"]).err, "")

    def test_without_a_history_the_job_runs_and_it_is_said(self):
        self.assert_open(self.without("history"))
        self.assertEqual(self.run_guard(["-N", "p"], ["true"]).err, "")

    def test_without_both_the_job_runs_and_it_is_said(self):
        self.assert_open(self.without("runs", "history"))

    def test_without_both_a_tree_is_ended_all_the_same(self):
        self.job = lambda: [VICTIM, "setsid"]
        self.run_args = lambda: [SPAWNGUARD, "run", "-N", "p", "-t", "0.3", "-k", "0.1", "--", *self.job()]
        if not IS_ROOT:
            self.run_guard(["-N", "p"], ["true"])
            os.chmod(os.path.join(self.state, "runs"), 0o500)
            run = self.start(*self.run_args()).wait()
            os.chmod(os.path.join(self.state, "runs"), 0o700)
        else:
            run = self.without("runs", "history")
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor()

    def test_a_full_disk_costs_the_records_and_not_the_job(self):
        full = f"""
mount -t tmpfs -o size=128k,mode=700 t "{self.state}"
"{SPAWNGUARD}" run -N p -- true
{{ cat /dev/zero >"{self.state}/fill"; }} 2>/dev/null || :
set +e
"{SPAWNGUARD}" run -N p -t 0.5 -k 0.1 -- {VICTIM} exit 7 2>"{self.path('full.err')}"
echo $? >"{self.path('full')}"
"{SPAWNGUARD}" run -N other -t 0.3 -k 0.1 -- {VICTIM} setsid 2>"{self.path('new.err')}"
echo $? >"{self.path('new')}"
rm "{self.state}/fill"
"""
        # What was a page's rest takes lines still: fill that too.
        run = self.in_mounts(full, *self.run_args()).wait(60 * SCALE)
        self.assertEqual(self.read("full"), "7\n", self.read("full.err"))
        self.assertIn(self.read("new"), ("124\n", "125\n"), self.read("new.err"))
        self.assertRegex(self.read("new.err"), r"\A(spawnguard: [^\n]+\n)+\Z")
        self.assert_open(run, warned=False)
        self.assert_no_survivor()

    def test_no_inode_left_stops_the_start(self):
        full = f"""
mount -t tmpfs -o nr_inodes=5,mode=700 t "{self.state}"
"""
        self.assert_closed(self.in_mounts(full, *self.run_args()).wait())

    def test_damage_in_history_and_lock_info_harms_no_run(self):
        self.run_guard(["-N", "p"], ["true"])
        folder = os.path.join(self.state, "history")
        month = os.path.join(folder, os.listdir(folder)[0])
        with open(month, "ab") as f:
            f.write(b'{"event":"start"\n\x00\xff\xfe{]\n' + b"x" * 100000)
        with open(os.path.join(self.state, "locks", "job", "p.info"), "wb") as f:
            f.write(os.urandom(128))
        self.assert_open(self.run_guard(["-N", "p", "--run-id", "new"], self.job()), warned=False)
        again = self.run_guard(["-N", "p", "--run-id", "new"], self.job())
        self.assert_closed(again, "a line behind the damage is read")


class Damaged(PolicyTest):
    def dead_run(self):
        """Both guards killed; returns the path of the record they left. The job lives until the test ends it."""
        run = self.holder("-N", "p")
        warden = run.warden()
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or children(os.getpid()) == [self.pids()[-1]], "the job is alone")
        names = [name for name in self.records() if not name.startswith(".")]
        self.assertEqual(len(names), 1, names)
        return os.path.join(self.state, "runs", names[0])

    def end_job(self):
        for pid in children(os.getpid()):
            send(pid, signal.SIGKILL)
        wait_until(lambda: self._reap() or not children(os.getpid()), "the job is gone")

    def test_a_damaged_record_is_put_aside_and_the_job_runs(self):
        def overwrite(at, bytes_):
            def damage(path):
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(bytes_)
            return damage

        def cut(n):
            return lambda path: os.truncate(path, n)

        rows = [("cut", cut(100)), ("zeros", overwrite(0, bytes(2048))),
                ("noise", overwrite(0, os.urandom(2048))), ("one bit", overwrite(64, b"\x01"))]
        for what, damage in rows:
            with self.subTest(what):
                path = self.dead_run()
                damage(path)
                run = self.run_guard(["-N", "p"], self.job())
                self.end_job()
                self.assert_open(run, what=what)
                self.assertIn("damaged", run.err)
                self.assertTrue(os.path.exists(path + ".bad"), what)
                self.assertFalse(os.path.exists(path), what)
                os.unlink(path + ".bad")
                self.assertEqual(self.run_guard(["-N", "p"], ["true"]).err, "")

    def test_reap_puts_it_aside_too(self):
        path = self.dead_run()
        os.truncate(path, 100)
        run = self.command("reap")
        self.assertEqual(run.status, 0, run.err)
        self.assertIn("damaged", run.out)
        self.assertTrue(os.path.exists(path + ".bad"))
        self.end_job()

    def test_a_damaged_state_or_slot_spoils_only_itself(self):
        """The members that are still named are ended; the figures of the run are lost."""
        path = self.dead_run()
        with open(path, "r+b") as f:
            f.seek(2048)
            f.write(os.urandom(256))
        run = self.run_guard(["-N", "p"], self.job())
        self.assertEqual(run.status, 7, run.err)
        self.assertIn("were killed", run.err)
        self.assert_no_survivor()


class Scarce(PolicyTest):
    @unittest.skipIf(IS_ROOT, "no number of processes stops root")
    def test_no_process_to_be_had_stops_the_start_and_frees_the_lock(self):
        def poor():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        self.assert_closed(self.run_guard(["-N", "p"], self.job(), preexec_fn=poor))
        self.assertEqual(outcome(self.end_event()), "guard_error")
        self.assert_open(self.run_guard(["-N", "p"], self.job()), warned=False)

    def few_files(self, n):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))

    @unittest.skipIf(SANITIZED, "the sanitizer needs descriptors of its own")
    def test_with_12_descriptors_every_member_of_a_tree_is_ended(self):
        for shape in ("wide 20", "deep 20", "daemon", "setsid", "thread", "respawn", "stopped"):
            with self.subTest(shape):
                run = self.run_guard(["-N", "p", "-t", "0.3", "-k", "0.1"], [VICTIM, *shape.split()],
                                     preexec_fn=self.few_files(12))
                self.assertEqual(run.status, 124, run.err)
                self.assert_no_survivor(shape)

    @unittest.skipIf(SANITIZED, "the sanitizer needs descriptors of its own")
    def test_with_12_descriptors_what_a_dead_guard_left_is_ended(self):
        run = self.holder("-N", "p", "-k", "0.1", shape="wide 20", preexec_fn=self.few_files(12))
        send(run.warden(), signal.SIGKILL)
        self.assertEqual(run.wait().status, 125, run.err)
        self.assert_no_survivor("front")
        run = self.holder("-N", "p", "-k", "0.1", shape="wide 20", preexec_fn=self.few_files(12))
        send(run.pid, signal.SIGKILL)
        run.wait()
        following = self.run_guard(["-N", "p", "--wait=20"], self.job(), preexec_fn=self.few_files(12))
        self.assertEqual(following.status, 7, following.err)
        self.assert_no_survivor("warden")

    def test_with_too_few_descriptors_it_says_so(self):
        for n in range(3, 12):
            with self.subTest(n):
                run = self.run_guard(["-N", "p"], self.job(), preexec_fn=self.few_files(n))
                if run.status != 7:
                    self.assertIn(run.status, (125, 127), run.err)
                    self.assertTrue(run.err, "not a word")
                    self.assertFalse(os.path.exists(self.ran))
                elif os.path.exists(self.ran):
                    os.unlink(self.ran)
                self.assert_no_survivor()

    @unittest.skipIf(SANITIZED, "the sanitizer needs terabytes of addresses")
    def test_little_memory_ends_a_tree_all_the_same(self):
        def poor(bytes_):
            return lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))
        for megabytes in (48, 16, 8):
            with self.subTest(megabytes):
                run = self.run_guard(["-N", "p", "-t", "0.5", "-k", "0.1"], [VICTIM, "wide", "200"],
                                     preexec_fn=poor(megabytes << 20))
                self.assertIn(run.status, (124, 125, 126, 127), run.err)
                self.assertTrue(run.err)
                self.assert_no_survivor()


class Stdio(PolicyTest):
    def ways(self):
        full = os.open("/dev/full", os.O_WRONLY)
        yield "/dev/full", {"stdout": full, "stderr": full}, None
        os.close(full)
        reader, broken = os.pipe()
        os.close(reader)
        yield "a broken pipe", {"stdout": broken, "stderr": broken}, None
        os.close(broken)
        stuck_reader, stuck = os.pipe()
        os.set_blocking(stuck, False)
        try:
            while True:
                os.write(stuck, bytes(4096))
        except BlockingIOError:
            pass
        os.set_blocking(stuck, True)
        yield "a pipe that nobody reads", {"stdout": stuck, "stderr": stuck}, None
        os.close(stuck)
        os.close(stuck_reader)
        yield "all closed", {"stdin": None, "stdout": None, "stderr": None}, lambda: os.closerange(0, 3)

    def test_a_voice_that_is_gone_changes_nothing(self):
        for what, fds, before in self.ways():
            with self.subTest(what):
                run = self.run_guard(["-N", "p"], self.job(), preexec_fn=before, **fds)
                self.assertEqual(run.status, 7)
                self.assertEqual(self.read("ran"), "\n")
                os.unlink(self.ran)
                run = self.run_guard(["-N", "p", "-v", "-t", "0.3", "-k", "0.1"], [VICTIM, "setsid"], preexec_fn=before, **fds)
                self.assertEqual(run.status, 124)
                self.assertLess(run.wall, 3 * SCALE)
                self.assert_no_survivor(what)
                run = self.run_guard(["-N", "p", "-k", "0.1"], [VICTIM, "-x", "setsid"], preexec_fn=before, **fds)
                self.assertEqual(run.status, 0)
                self.assert_no_survivor(what)
                held = self.holder("-N", "p")
                run = self.run_guard(["-N", "p"], self.job(), preexec_fn=before, **fds)
                self.assertEqual(run.status, 75)
                self.end(held)
                self.assertFalse(os.path.exists(self.ran))
                self.run_guard(["-N", "p"], ["true"])  # after the KILL of that holder

    def test_a_status_file_that_cannot_be_written_is_warned_of(self):
        for path in ("/no/such/file", self.scratch, "/dev/full"):
            with self.subTest(path):
                run = self.run_guard(["-N", "p", f"--status-file={path}"], self.job())
                self.assert_open(run, warned=True)


class Proc(PolicyTest):
    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc: it reads even its options there")
    def test_without_proc_the_job_is_still_ended_and_the_rest_is_told(self):
        """/proc shows nothing: the direct child is known all the same."""
        script = 'mount -t tmpfs t /proc'
        run = self.in_mounts(script, *self.run_args()).wait()
        self.assert_open(run, warned=bool(run.err))
        run = self.in_mounts(script, SPAWNGUARD, "run", "-N", "p", "-t", "0.3", "-k", "0.1", "--", VICTIM, "sleep").wait()
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor()
        run = self.in_mounts(script, SPAWNGUARD, "run", "-N", "p", "-t", "0.3", "-k", "0.1", "--", VICTIM, "setsid")
        run.wait(30 * SCALE)
        self.assertEqual(run.status, 121, run.err)
        self.assertIn("cannot end what /proc does not show; end it by hand, then: spawnguard reap p\n", run.err)
        for pid in self.strays():
            send(pid, signal.SIGKILL)
        wait_until(lambda: not self.strays(), "the member is ended by the test")


class Stuck(PolicyTest):
    """What cannot be ended is named, fails the run, and stops the next start until it is gone."""

    def assert_named(self, run, pid, uid, state):
        self.assertEqual(run.status, 121, run.err)
        self.assertRegex(run.err, rf"cannot end .*\(pid {pid}, uid {uid}, state {state}\)")

    def assert_refused_by(self, run, pid):
        self.assertEqual(run.status, 121, run.err)
        self.assertRegex(run.err, rf"\Aspawnguard: not started: .*pid {pid}[^\n]*\n\Z")
        self.assertFalse(os.path.exists(self.ran))

    @unittest.skipUnless(IS_ROOT and os.access("/sys/fs/cgroup/freezer/cgroup.procs", os.W_OK), "needs a v1 freezer")
    def test_a_frozen_member_where_it_cannot_be_thawed(self):
        hidden = "mount -t tmpfs t /sys/fs/cgroup" # from the guards; see storms for what they can reach
        cell = f"/sys/fs/cgroup/freezer/spawnguard-test-{os.getpid()}"
        os.mkdir(cell)
        try:
            run = self.in_mounts(hidden, SPAWNGUARD, "run", "-N", "p", "-k", "0.1", "--", VICTIM, "sleep")
            self.wait_ready(run)
            pid = self.pids()[0]
            for name, text in (("cgroup.procs", str(pid)), ("freezer.state", "FROZEN")):
                with open(os.path.join(cell, name), "w") as f:
                    f.write(text)
            run.send(signal.SIGTERM)
            run.wait(30 * SCALE)
            self.assert_named(run, pid, 0, "D")
            self.assertEqual(outcome(self.end_event()), "survivors")
            following = self.in_mounts(hidden, SPAWNGUARD, "run", "-N", "p", "--", *self.job())
            self.assert_refused_by(following.wait(30 * SCALE), pid)
            with open(os.path.join(cell, "freezer.state"), "w") as f:
                f.write("THAWED")
            wait_until(lambda: self._reap() or not Stat(pid).alive, "the KILL of before ends it")
            reap = self.command("reap")
            self.assertEqual(reap.status, 0, reap.err)
            self.assertEqual([r for r in self.records() if not r.startswith(".")], [])
            self.assert_open(self.run_guard(["-N", "p"], self.job()), warned=False)
        finally:
            with open(os.path.join(cell, "freezer.state"), "w") as f:
                f.write("THAWED")
            wait_until(lambda: self._reap() or not open(os.path.join(cell, "cgroup.procs")).read(), "the cell is empty")
            os.rmdir(cell)

    @unittest.skipUnless(IS_ROOT, "only root can give a member to another user")
    def test_a_member_that_became_another_user(self):
        self.needs("pidfd_open")  # its environment is not to be read, and that were the second mark
        for path in (self.scratch, self.state):
            os.chown(path, STRANGER, STRANGER)
        copies = {}
        for name, path in (("spawnguard", SPAWNGUARD), ("victim", VICTIM), ("become", shutil.which("setpriv"))):
            copies[name] = shutil.copy(path, self.path(name))
            os.chmod(copies[name], 0o4755 if name == "become" else 0o755)
        if os.statvfs(self.scratch).f_flag & os.ST_NOSUID:
            self.skipTest("no set-uid programs here")
        as_user = [shutil.which("setpriv"), "--reuid", STRANGER, "--regid", STRANGER, "--clear-groups"]
        command = [*as_user, copies["spawnguard"], "run", "-N", "p", "-k", "0.1"]
        root_member = [copies["become"], "--reuid", "0", copies["victim"], "sleep"]
        run = self.start(*command, "--", "sh", "-c", '"$@" & wait', "sh", *root_member)
        self.wait_ready(run)
        pid = self.pids()[0]
        run.send(signal.SIGTERM)
        run.wait(20 * SCALE)
        self.assert_named(run, pid, 0, "S")
        self.assertLess(run.wall, 8 * SCALE, "refused is refused: no ten seconds for that")
        following = self.start(*command, "--", *self.job()).wait(20 * SCALE)
        self.assert_refused_by(following, pid)
        send(pid, signal.SIGKILL)
        wait_until(lambda: self._reap() or not Stat(pid).alive, "root ends it")
        self.assertEqual(self.start(*command, "--", *self.job()).wait().status, 7)


if __name__ == "__main__":
    harness.main()

"""Older kernels and containers: each mechanism has a next one, and the promises that it can keep hold on it."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, event_kind, event_run, send, wait_until

DENY = os.path.join(os.environ["SG_TEST_BIN"], "deny")

# Without these everything is promised that is promised at all.
FULL = {
    "before 5.9": ["close_range=ENOSYS", "clone3=ENOSYS", "faccessat2=ENOSYS", "epoll_pwait2=ENOSYS"],
    "a file system without RENAME_NOREPLACE": ["renameat2=EINVAL"],
    "before 3.15": ["renameat2=ENOSYS"],
    "no entropy yet": ["getrandom=EAGAIN"],
    "nothing to be dropped": ["capset=EPERM"],
}
# Without an inode in a pidfd, or without pidfds at all, a process of a record is known by two marks, or not touched.
MARKS = {
    "before 6.9": ["fstatfs=ENOSYS", "ioctl=ENOTTY"],
    "before 5.3": ["pidfd_open=ENOSYS"],
    "a filter that does not know pidfds": ["pidfd_open=EPERM"],
}
# Without these a process that is not our own child is known by its number alone: nothing is killed from a record.
WEAK = {
    "before 5.1": ["pidfd_open=ENOSYS", "pidfd_send_signal=ENOSYS"],
    "a filter that says no": ["pidfd_open=EPERM", "pidfd_send_signal=EPERM"],
}
# Without these nothing can be promised: nothing is started.
NONE = {
    "no locks": ["flock=ENOLCK"],
    "no subreaper": ["prctl=EPERM"],
    "no signalfd": ["signalfd4=ENOSYS", "signalfd=ENOSYS"],
    "no epoll": ["epoll_create1=ENOSYS"],
    "no timerfd": ["timerfd_create=ENOSYS"],
    "no pair": ["socketpair=EACCES"],
}


def each(*tables):
    """The test, once for each row of the tables."""
    def wrap(test):
        def all_rows(self):
            for table in tables:
                for name, denied in table.items():
                    with self.subTest(name):
                        test(self, name, denied)
        all_rows.__name__ = test.__name__
        return all_rows
    return wrap


class RungTest(GuardTest):
    def under(self, denied, *argv, **popen):
        return self.start(DENY, *denied, "--", *argv, **popen)

    def guard_under(self, denied, *args, **popen):
        return self.under(denied, SPAWNGUARD, "run", "-N", "r", *args, **popen)

    def holder_under(self, denied, *args, shape="sleep", before=()):
        ready = self.ready_count()
        run = self.guard_under(denied, *args, "--", *before, VICTIM, *shape.split())
        self.wait_ready(run, ready + 1)
        return run

    def assert_clean(self, run, what):
        self.assert_no_survivor(f"{what}: {run.err}")
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [], what)


class Life(RungTest):
    """What holds on every rung."""

    @each(FULL, MARKS, WEAK)
    def test_a_plain_run(self, name, denied):
        run = self.guard_under(denied, "--", "sh", "-c", "echo out; exit 7").wait()
        self.assertEqual((run.status, run.out, run.err), (7, "out\n", ""), name)
        self.assert_clean(run, name)

    @each(NONE)
    def test_what_cannot_be_guarded_is_not_started(self, name, denied):
        ran = self.path("ran")
        run = self.guard_under(denied, "--", "touch", ran).wait()
        self.assertEqual(run.status, 125, f"{name}: {run.err}")
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z", name)
        self.assertFalse(os.path.exists(ran), name)
        self.assert_no_survivor(name)
        run = self.run_guard(["-N", "r"], ["true"])
        self.assertEqual((run.status, run.err), (0, ""))

    @each(FULL, MARKS, WEAK)
    def test_the_timeout_of_a_tree(self, name, denied):
        for shape in ("setsid", "daemon", "wide 20", "deep 10", "thread", "stopped"):
            run = self.guard_under(denied, "-t", "0.2", "-k", "0.1", "--", VICTIM, *shape.split()).wait()
            self.assertEqual(run.status, 124, f"{name}, {shape}: {run.err}")
            self.assertLess(run.wall, 4 * SCALE, f"{name}, {shape}")
            self.assert_clean(run, f"{name}, {shape}")

    @each(FULL, MARKS, WEAK)
    def test_leftovers(self, name, denied):
        for shape in ("setsid", "daemon"):
            run = self.guard_under(denied, "-k", "0.1", "--", VICTIM, "-x", shape).wait()
            self.assertEqual(run.status, 0, f"{name}, {shape}: {run.err}")
            self.assert_clean(run, f"{name}, {shape}")

    @each(FULL, MARKS, WEAK)
    def test_the_warden_is_killed(self, name, denied):
        run = self.holder_under(denied, "-k", "0.1", shape="setsid")
        send(run.warden(), signal.SIGKILL)
        self.assertEqual(run.wait().status, 125, f"{name}: {run.err}")
        self.assert_clean(run, name)

    @each(FULL, MARKS, WEAK)
    def test_front_is_killed(self, name, denied):
        run = self.holder_under(denied, "-k", "0.1", shape="setsid")
        send(run.pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not self.strays(), f"the warden ends the tree, {name}")
        self.assert_clean(run, name)

    @each(FULL, MARKS, WEAK)
    def test_signals_are_passed_on_and_TERM_ends(self, name, denied):
        run = self.holder_under(denied, "-k", "0.1")
        run.send(signal.SIGUSR1)
        self.assertEqual(run.wait().status, -signal.SIGUSR1, f"{name}: {run.err}")
        run = self.holder_under(denied, "-k", "0.1", shape="ignore-term")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, f"{name}: {run.err}")
        self.assert_clean(run, name)

    @each(FULL, MARKS, WEAK)
    def test_a_stopped_warden_is_continued(self, name, denied):
        run = self.holder_under(denied, "-t", "1", "-k", "0.1")
        send(run.warden(), signal.SIGSTOP)
        self.assertEqual(run.wait().status, 124, f"{name}: {run.err}")


@harness.without("pidfd_open")
class Records(RungTest):
    """What is done to a process that is known from a record."""

    def dead_run(self, denied, before=()):
        """Its guards were killed, its job sleeps alone."""
        run = self.holder_under(denied, before=before)
        warden = run.warden()
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or children(os.getpid()) == [self.pids()[-1]], "the job is alone")
        return self.pids()[-1]

    def assert_ended_by(self, following, what):
        self.assertEqual(following.wait().status, 0, f"{what}: {following.err}")
        self.assertRegex(following.err, r"\Aspawnguard: [^\n]+were killed: ended 1 process[^\n]*\n\Z", what)
        self.assert_clean(following, what)

    def assert_only_named(self, following, job, what):
        self.assertEqual(following.wait().status, 0, f"{what}: {following.err}")
        self.assertIn(f"not touched, may be of it: pid {job}", following.err, what)
        self.assertTrue(Stat(job).alive, what)
        send(job, signal.SIGKILL)
        wait_until(lambda: not self.strays(), "ended by the test")
        self.assert_clean(following, what)

    @each(FULL, MARKS)
    def test_both_killed_and_the_next_start_ends_the_job(self, name, denied):
        self.dead_run(denied)
        self.assert_ended_by(self.guard_under(denied, "--", "true"), name)

    @each(MARKS)
    def test_with_the_number_and_without_the_mark_it_is_only_named(self, name, denied):
        job = self.dead_run(denied, before=("env", "-u", "SPAWNGUARD_RUN_ID"))
        self.assert_only_named(self.guard_under(denied, "--", "true"), job, name)

    @each(MARKS)
    def test_a_guard_is_known_by_its_number_and_by_whose_child_it_is(self, name, denied):
        run = self.holder_under(denied, "-k", "0.1")
        frozen = self.under(denied, SPAWNGUARD, "freeze", "r").wait()
        self.assertEqual((frozen.status, frozen.err), (0, ""), name)
        killed = self.under(denied, SPAWNGUARD, "kill", "r").wait()
        self.assertEqual((killed.status, killed.err), (0, ""), name)
        run.wait()
        self.assert_clean(run, name)

    @each(MARKS)
    def test_a_guard_that_is_alone_is_known_by_its_number_and_the_open_record(self, name, denied):
        run = self.holder_under(denied, "-k", "0.1", shape="ignore-term")
        warden = run.warden()
        for guard in (run.pid, warden):  # front would continue the warden
            send(guard, signal.SIGSTOP)
            wait_until(lambda pid=guard: Stat(pid).state == "T", "it is stopped")
        send(run.pid, signal.SIGKILL)
        run.wait()
        told = self.under(denied, SPAWNGUARD, "kill", "r")
        wait_until(lambda: any(r.endswith(".req") for r in os.listdir(os.path.join(self.state, "runs")))
                   or not told.running(), "it is asked")
        self.assertTrue(told.running(), told.err)
        send(warden, signal.SIGCONT)
        self.assertEqual((told.wait().status, told.err), (0, ""), name)
        self.assert_clean(told, name)

    @each(MARKS)
    def test_of_a_record_with_inodes_two_marks_are_left(self, name, denied):
        self.dead_run([*FULL["no entropy yet"]])
        self.assert_ended_by(self.guard_under(denied, "--", "true"), name)

    @each(WEAK)
    def test_without_pidfds_the_next_start_names_the_job(self, name, denied):
        job = self.dead_run(denied)
        self.assert_only_named(self.guard_under(denied, "--", "true"), job, name)
        job = self.dead_run([*FULL["no entropy yet"]])
        self.assert_only_named(self.guard_under(denied, "--", "true"), job, f"{name}, only the next start")

    @each(WEAK)
    def test_a_weak_record_and_the_mark_are_two_marks(self, name, denied):
        """Number and start time in the record, the run's id in the environment: with a pidfd that is enough."""
        self.dead_run(denied)
        self.assert_ended_by(self.guard_under(FULL["no entropy yet"], "--", "true"), name)

    @each(WEAK)
    def test_a_living_guard_that_cannot_be_verified_is_left_alone(self, name, denied):
        """kill and reap without pidfds: the run goes on, its record stays, and that is said."""
        for lock in ([], ["--no-lock"]):
            run = self.holder_under(FULL["no entropy yet"], *lock)
            told = self.under(denied, SPAWNGUARD, "kill", "r").wait()
            self.assertEqual(told.status, 125, f"{name}: {told.err}{told.out}")
            self.assertRegex(told.err, r"\Aspawnguard: run [0-9a-f]+: its guard [^\n]+\n\Z")
            reap = self.under(denied, SPAWNGUARD, "reap").wait()
            self.assertEqual((reap.status, reap.out), (0, ""), name)
            listed = self.under(denied, SPAWNGUARD, "ps", "--json", "r").wait()
            self.assertEqual(listed.status, 0, listed.err)
            self.assertIn("running", listed.out, name)
            self.assertTrue(run.running(), name)
            self.assertEqual(self.command("kill", "r").status, 0, name)
            run.wait()
            self.assert_clean(run, name)

    def test_history_has_one_end_for_each_start(self):
        for name, denied in FULL.items():
            self.dead_run(denied)
            self.guard_under(denied, "--", "true").wait()
        kinds = {}
        for event in self.history():
            kinds.setdefault(event_run(event), []).append(event_kind(event))
        self.assertEqual({tuple(those) for those in kinds.values()}, {("start", "end")})

    def test_the_rung_stands_in_the_history(self):
        rows = [([], {"pidfs", "pidfd"}), (MARKS["before 6.9"], {"pidfd"}), (MARKS["before 5.3"], {"procfd", "weak"})]
        for denied, rungs in rows:
            run = self.guard_under(denied or FULL["no entropy yet"], "--", "true").wait()
            self.assertEqual(run.status, 0)
            self.assertIn(self.events("start")[-1]["spawnguard.rung.identity"], rungs)


if __name__ == "__main__":
    harness.main()

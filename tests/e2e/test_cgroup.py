"""--cgroup: a control group of the job's own, what it makes of the job's world, its end, and what is left of it."""
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, send, wait_until

DENY = os.path.join(os.environ["SG_TEST_BIN"], "deny")
USER = 61234


def mounted():
    """Where version 2 is mounted; None."""
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields = line.split(" - ")
            if fields[1].startswith("cgroup2 "):
                return fields[0].split()[4]
    return None


def put(at, name, text):
    with open(os.path.join(at, name), "w") as f:
        f.write(str(text))


def get(at, name):
    with open(os.path.join(at, name)) as f:
        return f.read()


class CgroupTest(GuardTest):
    def setUp(self):
        super().setUp()
        top = mounted()
        if not top:
            self.skipTest("no cgroup version 2 is mounted")
        self.top = os.path.join(top, f"sg-e2e-{os.getpid()}-{id(self) & 0xffff:x}")
        try:
            os.mkdir(self.top)
        except OSError as e:
            self.skipTest(f"no control group of one's own: {e}")
        self.addCleanup(self.remove_all)
        if not os.path.exists(os.path.join(self.top, "cgroup.kill")):
            self.skipTest("before 5.14: no cgroup.kill")

    def remove_all(self):
        put(self.top, "cgroup.kill", "1")
        put(self.top, "cgroup.freeze", "0")
        wait_until(lambda: self._reap() or "populated 0" in get(self.top, "cgroup.events"), "the groups are empty")
        for at, _, _ in sorted(os.walk(self.top), reverse=True):
            os.rmdir(at)

    def groups(self):
        return sorted(name for name in os.listdir(self.top) if os.path.isdir(os.path.join(self.top, name)))

    def own(self, run=None):
        """The only group that a run has made."""
        del run
        self.assertEqual(len(self.groups()), 1)
        return os.path.join(self.top, self.groups()[0])

    def grouped(self, *args, shape="sleep", **popen):
        return self.holder("-N", "c", "--cgroup", self.top, *args, shape=shape, **popen)

    def kill_both(self, run):
        warden = run.warden()
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or not os.path.exists(f"/proc/{warden}"), "both guards are gone")

    def assert_clean(self, why):
        self.assert_no_survivor(why)
        self.assertEqual(self.groups(), [], why)
        self.assertEqual(self.records(), [], why)


@harness.without("cgroup")
class Life(CgroupTest):
    def test_the_job_is_born_in_it_and_the_guards_are_not(self):
        run = self.grouped(shape="setsid")
        members = {int(p) for p in get(self.own(), "cgroup.procs").split()}
        self.assertEqual(members, set(self.pids()))
        run.send(signal.SIGTERM)
        run.wait()
        self.assert_clean(run.err)

    def test_its_name_is_the_run_id_and_its_end_leaves_nothing(self):
        run = self.run_guard(["--cgroup", self.top, "--run-id", "abcd"], ["cat", "/proc/self/cgroup"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertIn(f"/{os.path.basename(self.top)}/spawnguard-abcd\n", run.out)
        self.assert_clean("")
        start = self.events("start")[0]
        self.assertEqual(start["spawnguard.rung.membership"], "cgroup")
        self.assertEqual(start["spawnguard.cgroup"], self.top)

    def test_without_the_call_that_puts_it_there_it_moves_itself(self):
        for denied in ("clone3=ENOSYS", "clone3=EPERM"):
            run = self.start(DENY, denied, "--", SPAWNGUARD, "run", "--cgroup", self.top, "--", "cat",
                             "/proc/self/cgroup").wait()
            self.assertEqual((run.status, run.err), (0, ""), denied)
            self.assertIn("/spawnguard-", run.out)
            self.assert_clean(denied)

    def test_what_cannot_be_executed_is_told_as_ever(self):
        for command, status in (("/nonexistent", 127), ("/etc/passwd", 126)):
            run = self.run_guard(["--cgroup", self.top], [command])
            self.assertEqual(run.status, status, run.err)
            self.assert_clean(run.err)
        script = self.write("script", "echo from sh\n", 0o755)
        run = self.run_guard(["--cgroup", self.top], [script])
        self.assertEqual((run.status, run.out), (0, "from sh\n"), run.err)
        self.assert_clean(run.err)

    def test_a_run_left_alone_keeps_its_group(self):
        run = self.run_guard(["--cgroup", self.top, "--leftovers=leave"], [VICTIM, "-x", "daemon"])
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual({int(p) for p in get(self.own(), "cgroup.procs").split()}, set(self.strays()))
        self.end_strays()

    def test_groups_that_the_job_has_made_go_with_it(self):
        script = 'cd "$1"/spawnguard-*; mkdir -p a/b/c a/d; echo $$ > a/b/c/cgroup.procs; exec "$2" setsid'
        ready = self.ready_count()
        run = self.guard("-N", "c", "--cgroup", self.top, "-k", "0.1", "--", "sh", "-ec", script, "sh", self.top, VICTIM)
        self.wait_ready(run, ready + 1)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assert_clean(run.err)

    def test_a_guard_within_divides_it_further(self):
        run = self.run_guard(["--cgroup", self.top, "--run-id", "outer"],
                             [SPAWNGUARD, "run", "--cgroup=auto", "--run-id", "inner", "--", "cat", "/proc/self/cgroup"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertIn("/spawnguard-outer/spawnguard-inner\n", run.out)
        self.assert_clean("")

    def test_who_leaves_the_group_is_ended_too(self):
        script = 'setsid "$2" ring 6 & sleep 0.2; for p in $(cat "$1"/spawnguard-*/cgroup.procs); do ' \
                 '[ $p = $$ ] || echo $p > "$1/cgroup.procs" || :; done 2>/dev/null; echo moved; exec "$2" ignore-term'
        run = self.guard("-N", "c", "--cgroup", self.top, "-k", "0.1", "--", "sh", "-c", script, "sh", self.top, VICTIM)
        self.wait_ready(run, 2)
        outside = get(self.top, "cgroup.procs").split()
        self.assertGreaterEqual(len(outside), 6, run.err)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assert_clean(run.err)
        self.assertEqual(self.end_event()["spawnguard.rung.kill"], "cgroup")

    def test_a_lesser_rung_can_be_asked_for(self):
        run = self.grouped("-k", "0.1", "--kill-rung=sweep", shape="ignore-term")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assertEqual(self.end_event()["spawnguard.rung.kill"], "sweep")
        self.assert_clean(run.err)


class Refused(CgroupTest):
    def assert_refused(self, run, why):
        self.assertEqual(run.status, 125, run.err)
        self.assertRegex(run.err, rf"\Aspawnguard: [^\n]*{why}[^\n]*; [^\n]+\n\Z")
        self.assertEqual(self.events("start"), [])
        self.assertEqual(self.records(), [])

    def test_where_none_can_be_made_nothing_is_started(self):
        self.needs("cgroup")
        touched = self.path("touched")
        for place, why in ((self.scratch, "no directory of cgroup version 2"), (self.path("none"), "No such file"),
                           (self.write("file", ""), "Not a directory")):
            self.assert_refused(self.run_guard(["--cgroup", place], ["touched", touched]), why)
        put(self.top, "cgroup.max.descendants", "0")
        self.assert_refused(self.run_guard(["--cgroup", self.top], ["touch", touched]), "cannot make a control group")
        put(self.top, "cgroup.max.descendants", "max")
        put(self.top, "cgroup.freeze", "1")
        wait_until(lambda: "frozen 1" in get(self.top, "cgroup.events"), "frozen")
        self.assert_refused(self.run_guard(["--cgroup", self.top], ["touch", touched]), "it is frozen")
        self.assertFalse(os.path.exists(touched))
        self.assertEqual(self.groups(), [])

    def test_auto_goes_on_without_and_none_is_none(self):
        for word in ("auto", "none"):
            run = self.run_guard([f"--cgroup={word}"], ["true"])
            self.assertEqual((run.status, run.err), (0, ""), word)
        self.assertNotIn("spawnguard.cgroup", self.events("start")[-1])

    def test_a_group_that_a_job_may_not_enter_is_told(self):
        put(self.top, "cgroup.type", "threaded") if "threaded" in get(self.top, "cgroup.type") else None
        os.mkdir(os.path.join(self.top, "t"))
        put(os.path.join(self.top, "t"), "cgroup.type", "threaded")
        run = self.run_guard(["--cgroup", os.path.join(self.top, "t")], ["true"])
        self.assertEqual(run.status, 125, run.err)
        self.assertIn("control group", run.err)
        self.assertEqual(os.listdir(self.state + "/runs"), [])
        self.assertEqual([n for n in os.listdir(os.path.join(self.top, "t")) if n.startswith("spawnguard-")], [])


@harness.without("cgroup")
class Guards(CgroupTest):
    """Killed guards: what lives in the group is of the run, recorded or not."""

    def test_front_or_warden_is_killed(self):
        for whom in ("front", "warden"):
            run = self.grouped("-k", "0.1", shape="setsid")
            send(run.pid if whom == "front" else run.warden(), signal.SIGKILL)
            run.wait()
            wait_until(lambda: not self.strays(), f"the other ends the tree, {whom}")
            self.assert_clean(f"{whom} killed: {run.err}")

    def test_both_are_killed_and_the_next_start_ends_all_that_is_in_the_group(self):
        for how in (["run", "-N", "c", "--", "true"], ["reap"], ["kill", "c"]):
            run = self.grouped("-k", "0.1", shape="ring 20")
            self.kill_both(run)
            said = self.command(*how)
            self.assertEqual(said.status, 0, f"{how}: {said.err}{said.out}")
            self._reap()
            self.assert_clean(f"{how}: {said.err}")

    def test_one_that_no_record_names_is_ended_as_it_is_in_the_group(self):
        """Born after the last look, in a session of its own, without a parent and without the run's id."""
        run = self.grouped("--interval=none", "-k", "0.1", shape="env-clear")
        self.kill_both(run)
        nxt = self.run_guard(["-N", "c"], ["true"])
        self.assertEqual(nxt.status, 0, nxt.err)
        self.assertIn("ended 2 processes", nxt.err)
        self.assertNotIn("not touched", nxt.err)
        self._reap()
        self.assert_clean(nxt.err)

    def test_a_group_of_the_same_name_that_is_another_is_not_touched(self):
        run = self.grouped("--run-id", "same", "-k", "0.1")
        self.kill_both(run)
        at = self.own()
        send(self.pids()[-1], signal.SIGKILL)
        wait_until(lambda: self._reap() or "populated 0" in get(at, "cgroup.events"), "empty")
        os.rmdir(at)
        os.mkdir(at)
        other = self.start("sleep", "100")
        put(at, "cgroup.procs", other.pid)
        nxt = self.run_guard(["-N", "c"], ["true"])
        self.assertEqual(nxt.status, 0, nxt.err)
        self.assertTrue(other.running())
        self.assertEqual(get(at, "cgroup.freeze"), "0\n")
        self.end(other)

    def test_a_group_that_was_made_and_never_recorded_is_removed_by_the_next_start(self):
        """Killed between the two, front leaves an empty group and its run id in the lock's info."""
        self.run_guard(["-N", "c", "--cgroup", self.top, "--run-id", "first"], ["true"])
        os.mkdir(os.path.join(self.top, "spawnguard-first"))
        os.mkdir(os.path.join(self.top, "spawnguard-other"))
        run = self.run_guard(["-N", "c", "--cgroup", self.top], ["true"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.groups(), ["spawnguard-other"])


@harness.without("cgroup")
class Unprivileged(CgroupTest):
    """In a subtree that root has given away."""

    def as_user(self, *args, inside=True):
        for at in (self.path("mine"), self.path("shared")):
            os.mkdir(at, 0o700)
        os.chmod(self.scratch, 0o777)
        os.chown(self.path("mine"), USER, USER)
        if not shutil.which("setpriv"):
            self.skipTest("no setpriv")
        given = os.path.join(self.top, "given")
        os.mkdir(given)
        for name in (given, *(os.path.join(given, n) for n in ("cgroup.procs", "cgroup.subtree_control"))):
            os.chown(name, USER, USER)
        os.setxattr(given, "user.delegate", b"1")
        where = f'echo $$ > {given}/cgroup.procs; ' if inside else ""
        drop = f"exec setpriv --reuid={USER} --regid={USER} --clear-groups "
        probe = subprocess.run(["sh", "-c", f"{drop} test -x {SPAWNGUARD} -a -x {VICTIM}"], check=False)
        if probe.returncode:
            self.skipTest("the build stands where an unprivileged user cannot look")
        run = self.start("sh", "-c", f'{where}{drop} "$@"', "sh", SPAWNGUARD, "run", "--state-dir", self.path("mine"), *args)
        return run, given

    def test_a_user_in_a_delegated_subtree_has_it_by_auto(self):
        run, given = self.as_user("--cgroup=auto", "-k", "0.1", "--", VICTIM, "bomb-daemon", "40")
        self.wait_ready(run)
        made = [n for n in os.listdir(given) if n.startswith("spawnguard-")]
        self.assertEqual(len(made), 1)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assert_no_survivor(run.err)
        self.assertEqual([n for n in os.listdir(given) if n.startswith("spawnguard-")], [])

    def test_from_outside_of_it_the_kernel_says_no(self):
        run, given = self.as_user("--cgroup", os.path.join(self.top, "given"), "--", "true", inside=False)
        self.assertEqual(run.wait().status, 125, run.err)
        self.assertIn("cannot put the job into its control group: Permission denied; start it from within", run.err)
        self.assertEqual([n for n in os.listdir(given) if n.startswith("spawnguard-")], [])


@harness.without("cgroup")
class AtOnce(CgroupTest):
    """Without grace front kills the group itself; the warden says what it was."""

    def test_a_storm_without_grace(self):
        for shape, least in (("bomb-daemon 60", 10), ("wide 20", 21)):
            run = self.grouped("-k", "none", shape=shape)
            run.send(signal.SIGTERM)
            run.wait()
            self.assertEqual(run.status, -signal.SIGKILL, run.err)
            self.assertRegex(run.err, r"asked to end by a signal from \S+ \(pid \d+, uid \d+\): ended \d+ processes")
            self.assert_no_survivor(run.err)
            end = self.events("end")[-1]
            self.assertEqual((end["spawnguard.cause"], end["spawnguard.rung.kill"]), ("signal", "cgroup"), end)
            self.assertGreaterEqual(end["spawnguard.members.killed"], least, end)
            self.assertEqual(self.groups(), [])

    def test_at_any_moment_of_a_start(self):
        for i in range(25 if not harness.SANITIZED else 8):
            run = self.start(SPAWNGUARD, "run", "-N", "c", "--cgroup", self.top, "-k", "none", "--", "sleep", "30")
            wait_until(lambda run=run, i=i: len(harness.children(run.pid)) > 0 or i % 2 == 0 or not run.running(), "begun")
            harness.time.sleep(0.0007 * i)
            run.send(signal.SIGTERM)
            run.wait()
            if run.status == -signal.SIGTERM:  # before it was a guard at all
                continue
            self.assertIn(run.status, (-signal.SIGKILL, 143), run.err)
            self.assertEqual(self.events("end")[-1]["spawnguard.cause"], "signal", run.err)
            self.assert_no_survivor(run.err)
        self.assertEqual((len(self.events("start")), self.groups()), (len(self.events("end")), []))

    def test_who_is_left_alone_is_not_hit(self):
        run = self.grouped("-k", "none", "--leftovers=leave", shape="sleep")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assert_no_survivor(run.err)


class Memory(CgroupTest):
    """Where memory is charged to groups, the group says how much the tree has."""

    def setUp(self):
        super().setUp()
        if "memory" not in get(self.top, "cgroup.controllers").split():
            self.skipTest("version 2 has no memory controller here: version 1 has it, or nobody")
        put(self.top, "cgroup.subtree_control", "+memory")

    def readers(self, n, mib):
        return ["python3", "-c", f"import os, time\nkept = bytearray(b'x') * ({mib} << 20)\n"
                                 f"for _ in range({n}): os.fork() or (time.sleep({3 * SCALE}), os._exit(0))\n"
                                 f"for _ in range({n}): os.wait()"]

    def test_what_is_over_by_what_is_charged(self):
        run = self.run_guard(["-N", "c", "--cgroup", self.top, "--max-tree-mem=100M", "--interval=50ms", "-k", "1"], self.readers(0, 200))
        self.assertEqual(run.status, 123, run.err)
        verdict = self.events("end")[-1]["spawnguard.limit"]
        self.assertEqual((verdict["rule"], verdict["rung"]), ("max-tree-mem", "cgroup"))
        self.assertGreater(verdict["value"], 100 << 20)

    def test_what_is_shared_is_charged_once(self):
        run = self.run_guard(["-N", "c", "--cgroup", self.top, "--max-tree-mem=150M", "--interval=50ms"], self.readers(8, 60))
        self.assertEqual((run.status, run.err), (0, ""))


@harness.without("cgroup")
class Caps(CgroupTest):
    """What the kernel counts of a group; where that has no such files, others stand in for them."""

    def events_say(self, pids, killed):
        for name, text in (("pids.events", pids), ("memory.events", f"low 0\nhigh 0\nmax 9\noom 7\noom_kill {killed}\n")):
            self.write(name + ".new", text)
            os.rename(self.path(name + ".new"), self.path(name))

    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag") if e["spawnguard.flag"]["rule"] == "cap"]

    def test_a_hit_of_each_is_told(self):
        if not os.path.exists(harness.ABSENT):
            self.skipTest("a sanitized or a static program preloads nothing")
        self.events_say("max 0\n", 0)
        run = self.grouped("--interval=100ms", env={**self.env, "SG_EVENTS": self.scratch, "LD_PRELOAD": harness.ABSENT})
        self.events_say("max 3\nmax.imposed 9\n", 0)
        wait_until(self.flags, "the cap of processes")
        self.events_say("max 4\n", 0)  # the same again: counted
        harness.observe(2.5)  # two looks
        self.assertEqual(len(self.flags()), 1)
        self.events_say("garbage\n", 2)
        wait_until(lambda: len(self.flags()) > 1, "the cap of memory")
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, run.err)
        self.assertEqual([(f["severity"], f["action"], f["value"], f["rung"], f["text"]) for f in self.flags()], [
            ("warning", "flag", 3, "cgroup", "the kernel refused to make a process (pids.max), 3 times"),
            ("critical", "flag", 2, "cgroup", "the kernel killed a process for memory (memory.max), 2 times; 1 more like it before")])
        self.assert_clean(run.err)


if __name__ == "__main__":
    harness.main()

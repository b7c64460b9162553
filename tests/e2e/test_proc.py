"""/proc that hides, shows nothing, is another's or false; names that pretend: nobody else is ever signalled."""
import os
import re
import shutil
import signal
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until

KILL, STOP, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM
IS_ROOT = os.geteuid() == 0
FAKES = 4800
# A /proc of its own: `remount` would hide everybody's, and before 5.8 there is one for all.
HIDE = "mount -t proc -o hidepid=2 proc /proc || exit 77"
HAS_OWN = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2]) >= (5, 8)
UNSEEN = "cannot end what /proc does not show"

# A /proc of plain files: every number is a child of every other, and says that it is ours.
MAKE_FAKES = r"""
import os, sys
where, first, count, self = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
children = " ".join(str(p) for p in range(first, first + count))
boot = open("/proc/sys/kernel/random/boot_id").read()
def put(name, text):
    os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
    open(os.path.join(where, name), "w").write(text)
put("sys/kernel/random/boot_id", boot)
put("loadavg", "0.1 0.1 0.1 1/2 99999\n")
numbers = list(range(first, first + count))
put("statm", "100 100 0 0 0 0 0\n")
put("status", "Name:\tfake\nState:\tS\nUid:\t0\t0\t0\t0\n")
for pid in numbers:
    at = os.path.join(where, str(pid))
    os.makedirs(f"{at}/task/{pid}")
    rest = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 9999999999 0 0 " + "0 " * 30
    put(f"{pid}/stat", f"{pid} (fake) S {self} {pid} {pid} {rest}\n")
    for name in ("statm", "status"):
        os.link(f"{where}/{name}", f"{at}/{name}")
    if pid - first < 50:
        put(f"{pid}/task/{pid}/children", children)
"""


class ProcTest(GuardTest):
    def bystanders(self, count=5):
        found = [self.start("sleep", "1000") for _ in range(count)]
        wait_until(lambda: all(Stat(r.pid).comm == "sleep" for r in found), "they stand")
        return found

    def assert_untouched(self, found):
        self.assertEqual([r.pid for r in found if not r.running() or Stat(r.pid).state != "S"], [])
        self.end_strays()
        self.end(*found)

    def over(self, script, *args, shape="setsid", limit="0.3"):
        """A run with a deadline in mounts that `script` has changed, to its end."""
        run = self.in_mounts(script, SPAWNGUARD, "run", "-N", "p", "-t", limit, "-k", "0.1", *args, "--", VICTIM,
                             *shape.split())
        return run.wait(60 * SCALE)

    def assert_ended_or_named(self, run):
        """The job is gone at least; what cannot be seen is said."""
        if run.status == 124:
            self.assert_no_survivor(run.err)
        else:
            self.assertEqual(run.status, 121, run.err)
            self.assertIn(UNSEEN, run.err)
        self.assertFalse(Stat(self.pids()[0]).alive, "the job itself")


class Hidden(ProcTest):
    def setUp(self):
        super().setUp()
        with open("/proc/self/mountinfo") as f:
            self.mounted = f.read()

    def tearDown(self):
        super().tearDown()
        with open("/proc/self/mountinfo") as f:
            self.assertEqual(f.read(), self.mounted, "the machine's own /proc")

    def hidden(self, *argv):
        if not HAS_OWN:
            self.skipTest("no /proc with options of its own (Linux 5.8)")
        run = self.in_mounts(HIDE, *argv).wait(60 * SCALE)
        if run.status == 77:
            self.skipTest(f"/proc cannot be mounted here: {run.err}")
        return run

    def test_hidepid_2(self):
        """Others' processes are not there; one's own are."""
        self.hidden("true")
        others = self.bystanders()
        run = self.hidden(SPAWNGUARD, "run", "-N", "p", "-t", "0.3", "-k", "0.1", "--", VICTIM, "wide", "20")
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor(run.err)
        self.assert_untouched(others)

    def test_hidepid_2_for_a_user_and_its_recovery(self):
        if not IS_ROOT:
            self.skipTest("root lends its processes to a user for that")
        os.chmod(self.scratch, 0o777)
        mine = self.path("mine")
        os.mkdir(mine, 0o700)
        os.chown(mine, 61234, 61234)
        as_user = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", SPAWNGUARD, "run", "--state-dir", mine,
                   "-N", "p", "-k", "0.1"]
        if self.start(*as_user[:4], "test", "-x", VICTIM, "-a", "-x", SPAWNGUARD).wait().status:
            self.skipTest("the build stands where an unprivileged user cannot look")
        self.hidden("true")
        others = self.bystanders()
        run = self.hidden(*as_user, "-t", "0.3", "--", VICTIM, "wide", "20")
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor(run.err)
        ready = self.ready_count()
        run = self.start(*as_user, "--", VICTIM, "wide", "5")
        self.wait_ready(run, ready + 1)
        warden = run.warden()
        for sig in (STOP, KILL):
            for pid in (run.pid, warden):
                send(pid, sig)
        run.wait()
        wait_until(lambda: self._reap() or not Stat(warden).alive, "both are dead")
        nxt = self.hidden(*as_user, "--", "true")
        self.assertEqual(nxt.status, 0, nxt.err)
        self.assertIn("were killed: ended 6 processes", nxt.err)
        wait_until(lambda: self._reap() or not self.strays() or None, "zombies are collected")
        self.assert_untouched(others)

    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc")
    def test_unreadable(self):
        """A directory that cannot be looked into; root may."""
        others = self.bystanders()
        run = self.over("mount -t tmpfs -o mode=000 t /proc")
        self.assert_ended_or_named(run)
        self.assert_untouched(others)

    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc")
    def test_absent_for_the_recovery(self):
        """Nothing can be compared: not started, nothing signalled, and the record stays."""
        held = self.holder("-N", "p", "--run-id", "dead", shape="setsid")
        warden, members = held.warden(), self.pids()
        for sig in (STOP, KILL):
            for pid in (held.pid, warden):
                send(pid, sig)
        held.wait()
        wait_until(lambda: self._reap() or not Stat(warden).alive, "both are dead")
        run = self.in_mounts("mount -t tmpfs t /proc", SPAWNGUARD, "run", "-N", "p", "--", "touch", self.path("ran")).wait()
        self.assertEqual(run.status, 125, run.err)
        self.assertRegex(run.err, r"\Aspawnguard: not started: what run dead has left cannot be looked at: [^\n]+\n\Z")
        self.assertEqual((self.records(), [Stat(p).alive for p in members]), (["dead"], [True, True]))
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.command("reap").status, 0)
        wait_until(lambda: self._reap() or not self.strays(), "ended where it can be seen")


class False_(ProcTest):
    """What stands in /proc is not the kernel's, or is of other processes."""

    @unittest.skipIf(SANITIZED, "the sanitizer needs /proc")
    def test_4800_fake_processes(self):
        """Each of them says that it is a child of ours, and five of their numbers are bystanders'."""
        others = self.bystanders()
        first = max(2, others[0].pid - FAKES // 2)
        script = (f'mkdir "$TMPDIR/fake"\nmount -t tmpfs t "$TMPDIR/fake"\n'
                  f'{sys.executable} -c "$MAKE" "$TMPDIR/fake" {first} {FAKES} $$\nln -s $$ "$TMPDIR/fake/self"\n'
                  'mount --bind "$TMPDIR/fake" /proc')
        self.env["MAKE"] = MAKE_FAKES
        run = self.over(script)
        self.assert_ended_or_named(run)
        self.assertNotIn("fake", run.err)
        self.assertLess(run.wall, 40 * SCALE)
        self.assert_untouched(others)

    def within(self, script, *args):
        """In a PID namespace that still sees our /proc: what has a number there is another here."""
        way = ["unshare", *([] if IS_ROOT else ["-Ur"]), "-pf", "--kill-child"]
        if not shutil.which("unshare") or self.start(*way, "true").wait().status:
            self.skipTest("no PID namespace can be made here")
        return self.start(*way, "sh", "-c", script, "sh", *args)

    def test_another_namespaces_numbers_when_the_warden_is_killed(self):
        """Front is process 2 there: in our /proc that is a kernel thread with many children."""
        script = r"""
			"$1" run -N p -k 0.1 -- sh -c 'echo $PPID >warden; exec "$0" sleep' "$2" &
			while ! grep -q ready "$VICTIM_PIDS"; do sleep 0.01; done 2>/dev/null
			for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1000 & all="$all $!"; done
			read -r warden <warden
			kill -9 $warden
			wait 2
			echo status $?
			for pid in $all; do kill -9 $pid; wait $pid; echo $?; done
		"""
        run = self.within(script, SPAWNGUARD, VICTIM).wait(60 * SCALE)
        lines = run.out.split("\n")
        self.assertEqual([w for w in lines[1:] if w], ["137"] * 20, f"{run.out}{run.err}: bystanders died of TERM")
        self.assertIn(lines[0], ("status 121", "status 125"), run.err)
        self.assertNotRegex(run.err, "ended [1-9][0-9]")

    def test_another_namespaces_numbers_at_a_deadline(self):
        run = self.within('"$1" run -N p -t 0.3 -k 0.1 -- "$2" wide 5; echo status $?', SPAWNGUARD, VICTIM).wait(60 * SCALE)
        self.assertRegex(run.out, r"\Astatus (121|124)\n\Z")
        self.assertNotRegex(run.err, r"ended \d+ process(es)?: (?!\(job\))", "names of strangers")

    def test_another_namespaces_numbers_for_the_recovery(self):
        held = self.holder("-N", "p", "--run-id", "dead")
        warden = held.warden()
        for sig in (STOP, KILL):
            for pid in (held.pid, warden):
                send(pid, sig)
        held.wait()
        wait_until(lambda: self._reap() or not Stat(warden).alive, "both are dead")
        run = self.within('"$1" run -N p -- true; echo status $?', SPAWNGUARD).wait()
        self.assertEqual(run.out, "status 125\n", run.err)
        self.assertTrue(Stat(self.pids()[0]).alive)
        self.assertEqual(self.command("reap").status, 0)
        wait_until(lambda: self._reap() or not self.strays(), "ended where it can be seen")


class Names(ProcTest):
    """comm is the job's to choose: 15 bytes of anything."""
    NAMES = [b"a) R 1 1 1 1 1", b"x\ny z\n", b"\x1b[31mred\x1b[0m", b") Z 0 0 (", b"\t\x07\x7f\x01", b"((((((((((((((("]
    SCRIPT = r"""
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for name in os.fsencode(os.environ["NAMES"]).split(b"|"):
    if os.fork() == 0:
        os.setsid()
        libc.prctl(15, ctypes.c_char_p(name), 0, 0, 0)
        with open(os.environ["VICTIM_PIDS"], "a") as f:
            f.write(f"{os.getpid()}\nready\n")
        signal.pause()
signal.pause()
"""

    def test_fields_never_shift_and_output_is_inert(self):
        others = self.bystanders()
        script = self.write("names.py", self.SCRIPT)
        env = {**self.env, "NAMES": os.fsdecode(b"|".join(self.NAMES))}
        for how in ("timeout", "recovery"):
            ready = self.ready_count()
            limit = ["-t", "1"] if how == "timeout" else []
            run = self.guard("-N", "names", "-k", "0.1", "-v", *limit, "--", sys.executable, script, env=env)
            self.wait_ready(run, ready + len(self.NAMES))
            listed = self.command("ps", "names")
            self.assertEqual(listed.status, 0, listed.err)
            if how == "recovery":
                warden = run.warden()
                last = self.pids()[-1]
                wait_until(lambda: str(last) in self.command("ps", "-o", "pid", "names").out, "all are seen")
                for sig in (STOP, KILL):
                    for pid in (run.pid, warden):
                        send(pid, sig)
                run.wait()
                wait_until(lambda: self._reap() or not Stat(warden).alive, "both are dead")
                run = self.command("reap")
                self.assertEqual(run.status, 0, run.err)
            else:
                self.assertEqual(run.wait().status, 124, run.err)
            wait_until(lambda: self._reap() or not (set(self.strays()) - {r.pid for r in others}), "nothing is left")
            for text in (run.err, run.out, listed.out):
                self.assertIsNone(re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), text)
            self.assertEqual(self.records(), [])
        self.assert_untouched(others)


class Guards(ProcTest):
    """The job turns on its guards."""

    def test_a_job_that_stops_its_warden(self):
        run = self.guard("-N", "g", "-t", "1", "-k", "0.1", "--", "sh", "-c",
                         f"kill -STOP $PPID; exec {VICTIM} ignore-term")
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertLess(run.wall, 1 + 0.1 + 0.5 * SCALE)
        self.assert_no_survivor(run.err)

    def test_a_job_that_stops_both_guards_has_its_deadline_when_they_go_on(self):
        os.mkfifo(self.path("front"))
        run = self.guard("-N", "g", "-t", "0.5", "-k", "0.1", "--", "sh", "-c",
                         f"read -r front <{self.path('front')}; kill -STOP $front $PPID; exec {VICTIM} sleep")
        with open(self.path("front"), "w") as f:
            f.write(f"{run.pid}\n")
        self.wait_ready(run)
        harness.observe(0.8)
        self.assertTrue(Stat(self.pids()[-1]).alive)
        run.send(signal.SIGCONT)
        self.assertEqual(run.wait().status, 124, run.err)
        self.assert_no_survivor(run.err)

    def test_a_job_that_kills_its_guards(self):
        rows = {"the warden": ("kill -9 $PPID", 125), "front": ("kill -9 $front", -KILL),
                "both": ("kill -STOP $front $PPID; kill -9 $front $PPID", -KILL)}
        for name, (how, status) in rows.items():
            with self.subTest(name):
                script = f'front=$(ps -o ppid= -p $PPID | tr -d " "); {VICTIM} setsid & while ! grep -q ready {self.pids_path}; ' \
                         f'do sleep 0.01; done; {how}; exec {VICTIM} sleep'
                open(self.path("pids"), "w").close()
                run = self.guard("-N", "g", "-k", "0.1", "--", "sh", "-c", script).wait()
                self.assertEqual(run.status, status, run.err)
                following = self.run_guard(["-N", "g", "-w", "60"], ["flock", "-n", self.alive_path, "true"])
                self.assertEqual(following.status, 0, f"a second instance: {following.err}")
                wait_until(lambda: self._reap() or not self.strays(), "nothing is left")
                self.assertEqual(self.records(), [])

    def test_a_job_that_floods_its_guards_with_signals(self):
        flood = r"""
import os, signal, sys, time
front, warden = int(sys.argv[1]), os.getppid()
end = time.monotonic() + 30
while time.monotonic() < end:
    for pid in (front, warden):
        for sig in (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGRTMIN, signal.SIGUSR1):
            if pid == front and sig in (signal.SIGRTMIN, signal.SIGUSR1): # passed on: the job would die of it
                continue
            try:
                os.kill(pid, sig)
            except OSError:
                pass
"""
        os.mkfifo(self.path("front"))
        script = self.write("flood.py", flood)
        run = self.guard("-N", "g", "-t", "1", "-k", "0.1", "--", "sh", "-c",
                         f"read -r front <{self.path('front')}; trap '' USR1 WINCH; exec {sys.executable} {script} $front")
        with open(self.path("front"), "w") as f:
            f.write(f"{run.pid}\n")
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertLess(run.wall, 1 + 0.1 + 0.5 * SCALE)
        self.assert_no_survivor(run.err)


class StoppedWithItsGuards(ProcTest):
    def test_a_run_that_stands_longer_than_every_deadline_is_running(self):
        run = self.holder("-N", "s", "-t", "0.3", "-k", "0.1", shape="wide 3")
        warden, members = run.warden(), [p for p in self.pids() if Stat(p).alive]
        for pid in (run.pid, warden, *members):
            send(pid, STOP)
        wait_until(lambda: all(Stat(p).state == "T" for p in (run.pid, warden, *members)), "all stand")
        harness.observe(1.0)
        listed = self.command("ps", "-o", "state,job")
        self.assertEqual((listed.status, listed.err), (0, ""))
        self.assertIn("running s", re.sub(" +", " ", listed.out))
        for words in (["reap"], ["reap", "s"], ["reap", "--dry-run"]):
            reaped = self.command(*words)
            self.assertEqual((reaped.status, reaped.out, reaped.err), (0, "", ""), words)
        second = self.run_guard(["-N", "s"], ["touch", self.path("ran")])
        self.assertEqual(second.status, 75)
        self.assertIn(f"already running: s, pid {run.pid}, ", second.err)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual({Stat(p).state for p in (run.pid, warden, *members)}, {"T"}, "nobody was touched")
        self.assertEqual(self.events("end"), [])
        for pid in (*members, warden, run.pid):
            send(pid, signal.SIGCONT)
        self.assertEqual(run.wait().status, 124, run.err)
        self.assertEqual(outcome(self.end_event()), "timeout")
        self.assert_no_survivor(run.err)


if __name__ == "__main__":
    harness.main()

"""State that is shared between PID or time namespaces: what cannot be verified is neither hit nor named."""
import json
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, event_run, outcome, send, wait_until

KILL, STOP = signal.SIGKILL, signal.SIGSTOP
USER = [] if os.geteuid() == 0 else ["-Ur"]
PIDS = ["unshare", *USER, "-pf", "--mount-proc", "--kill-child"]
CLOCK = ["unshare", *USER, "-T", "-f", "--boottime", "100000", "--kill-child"]
UNVERIFIED = (r"\Aspawnguard: the guards of run \S+ were killed: in another namespace, where its tree cannot be verified "
              r"from here\n\Z")


class Elsewhere:
    """What holds beside a run that was started `way`: in the words of its subclasses."""
    way = ()

    def setUp(self):
        super().setUp()
        if not shutil.which("unshare") or self.start(*self.way, "true").wait().status:
            self.skipTest("no such namespace can be made here")

    def there(self, *args):
        """`spawnguard ARGS` in a namespace, which lives until the test ends its first process."""
        ready = self.ready_count()
        # A shell is the first process: front as PID 1 would take its namespace with it.
        run = self.start(*self.way, "sh", "-c", '"$@"; echo $? >status; exec sleep 1000', "sh", SPAWNGUARD, *args,
                         "--", VICTIM, "setsid")
        self.wait_ready(run, ready + 1)
        return run

    def inside(self, run, *args):
        """`spawnguard ARGS` in the namespace of `run`."""
        first = children(run.pid)[0]
        enter = ["-p", "-m"] if "-pf" in self.way else ["-T"]
        users = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        done = self.start("nsenter", "-t", first, *users, *enter, SPAWNGUARD, *args)
        return done.wait()

    def guards_of(self, run):
        """Front and warden, by the numbers that they have here."""
        front = [s.pid for s in descendants(run.pid).values() if s.comm == "spawnguard"
                 and Stat(s.ppid).comm != "spawnguard"]
        self.assertEqual(len(front), 1)
        return front[0], children(front[0])[0]

    def kill_guards(self, run):
        pids = self.guards_of(run)
        for sig in (STOP, KILL):
            for pid in pids:
                send(pid, sig)
        wait_until(lambda: not any(Stat(pid).alive for pid in pids), "both are dead")

    def members_of(self, run):
        found = {s.pid for s in descendants(run.pid).values() if s.comm == "victim"}
        self.assertEqual(len(found), 2)
        return found

    def assert_untouched(self, members):
        self.assertEqual([pid for pid in members if not Stat(pid).alive], [])

    def end_there(self, run):
        self.end_strays()
        self.end(run)

    def test_a_lock_that_is_held_is_a_conflict_without_names(self):
        run = self.there("run", "-N", "ns", "--run-id", "there-1")
        for words in ([], ["--wait=0.1s"], ["--on-conflict=replace"], ["--on-conflict=queue"]):
            extra = ["--wait=0.1s"] if words == ["--on-conflict=queue"] else []
            refused = self.run_guard(["-N", "ns", *words, *extra], ["touch", self.path("ran")])
            self.assertEqual(refused.status, 75, refused.err)
            self.assertRegex(refused.err, r": ns \(in another PID or time namespace\); see: spawnguard ps ns\n\Z")
            self.assertNotRegex(refused.err, r"pid \d|victim|there-1")
        self.assertNotIn("spawnguard.holder.pid", self.events("refused")[0])
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.events("end"), [])
        self.assertEqual(self.records(), ["there-1"])
        members = self.members_of(run)
        for command in (["reap"], ["reap", "ns"]):
            self.assertEqual((self.command(*command).status, self.command(*command).out), (0, ""))
        killed = self.command("kill", "ns")
        self.assertEqual((killed.status, killed.out), (125, ""))
        self.assertIn("another PID or time namespace", killed.err)
        self.assertEqual(self.command("freeze", "ns").status, 125)
        listed = json.loads(self.command("ps", "--json").out)["runs"]
        self.assertEqual([(r["state"], r["members"]) for r in listed], [("elsewhere", [])])
        self.assert_untouched(members)
        self.assertEqual(self.records(), ["there-1"])
        self.end_there(run)

    def test_a_free_lock_says_that_its_guards_are_gone(self):
        """Closed with one warning, and nothing there is hit."""
        for how in ("start", "reap"):
            with self.subTest(how):
                run = self.there("run", "-N", "ns", "--run-id", f"lost-{how}")
                members = self.members_of(run)
                self.kill_guards(run)
                if how == "start":
                    self.assertEqual(self.command("kill", "ns").status, 125)
                    following = self.run_guard(["-N", "ns"], ["true"])
                    self.assertEqual(following.status, 0)
                    self.assertRegex(following.err, UNVERIFIED)
                else:
                    reaped = self.command("reap")
                    self.assertEqual((reaped.status, reaped.err), (0, ""))
                    self.assertIn("of another namespace, its tree cannot be verified from here, closed", reaped.out)
                end = self.end_event(f"lost-{how}")
                self.assertEqual((outcome(end), end.get("spawnguard.detail")), ("lost", "tree unverified"))
                self.assertEqual(self.records(), [])
                self.assert_untouched(members)
                self.end_there(run)

    def test_each_sees_the_other_as_elsewhere(self):
        run = self.there("run", "-N", "there")
        here = self.holder("-N", "here", "--run-id", "here-1")
        mine = self.pids()[-1]
        told = self.inside(run, "ps", "--json")
        if told.status:
            self.skipTest(f"its namespaces cannot be entered: {told.err}")
        self.assertEqual({r["job"]: r["state"] for r in json.loads(told.out)["runs"]}, {"there": "running", "here": "elsewhere"})
        refused = self.inside(run, "run", "-N", "here", "--", "true")
        self.assertEqual(refused.status, 75)
        self.assertIn("here (in another PID or time namespace)", refused.err)
        self.assertEqual((self.inside(run, "reap").out, self.inside(run, "kill", "here").status), ("", 125))
        self.assertTrue(here.running() and Stat(mine).alive)
        warden = here.warden()
        for sig in (STOP, KILL):
            for pid in (here.pid, warden):
                send(pid, sig)
        here.wait()
        wait_until(lambda: self._reap() or not Stat(warden).alive, "both are dead")
        closed = self.inside(run, "run", "-N", "here", "--", "true")
        self.assertEqual(closed.status, 0)
        self.assertRegex(closed.err, UNVERIFIED)
        self.assertTrue(Stat(mine).alive, "nobody is hit from there")
        self.assertEqual(outcome(self.end_event("here-1")), "lost")
        self.end_there(run)

    def test_a_run_without_lock_stays_on_record(self):
        """There is no lock to tell that its guards are gone."""
        run = self.there("run", "-N", "ns", "--no-lock", "--run-id", "open")
        members = self.members_of(run)
        for is_last in (False, True):
            self.assertEqual((self.command("reap").out, self.records()), ("", ["open"]))
            self.assertEqual(self.run_guard(["-N", "ns"], ["true"]).err, "")
            if not is_last:
                self.kill_guards(run)
        self.assert_untouched(members)
        self.assertEqual([event_run(e) for e in self.events("end") if event_run(e) == "open"], [])
        self.end_there(run)


class Pids(Elsewhere, GuardTest):
    way = PIDS

    def test_front_as_process_1_took_its_tree_with_it(self):
        run = self.start(*self.way, SPAWNGUARD, "run", "-N", "ns", "--run-id", "first", "--", VICTIM, "setsid")
        self.wait_ready(run)
        front = children(run.pid)[0]
        send(children(front)[0], STOP)
        send(front, KILL)
        run.wait()
        wait_until(lambda: not self.strays(), "the kernel has ended the rest")
        following = self.run_guard(["-N", "ns"], ["true"])
        self.assertEqual(following.status, 0)
        self.assertNotIn("cannot be verified", following.err)
        end = self.end_event("first")
        self.assertEqual((outcome(end), end.get("spawnguard.detail")), ("lost", None))


class Clock(Elsewhere, GuardTest):
    way = CLOCK


if __name__ == "__main__":
    harness.main()

"""--slots, --group: so many at once, of a name or of a group of names; free the instant a tree is gone."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, observe, send, switches,
                     wait_until)
from ways import kill_both

TERM, KILL, STOP, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT


class SlotTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.order = self.path("order")
        self.inside = self.path("inside")
        os.mkdir(self.inside)

    def has_open(self, run, name):
        """That process has the file `name` of locks/slot open."""
        try:
            want = os.stat(os.path.join(self.state, "locks/slot", name))
            here = [os.stat(f"/proc/{run.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{run.pid}/fd")]
        except OSError:
            return False
        return (want.st_dev, want.st_ino) in {(s.st_dev, s.st_ino) for s in here}

    def is_in_line(self, run, group):
        return self.has_open(run, f"{group}.gate") or self.has_open(run, f"{group}.door")

    def waits(self, run, group="w"):
        """Until it stands at the gate, or behind one that does."""
        wait_until(lambda: not run.running() or self.is_in_line(run, group) and Stat(run.pid).state == "S", "it waits")
        self.assertTrue(run.running(), f"status {run.status}: {run.err}")

    def waiter(self, word, *args):
        """A start that waits; its job writes `word`."""
        run = self.guard("-N", "w", "--slots=1", "--wait", *args, "--", "sh", "-c", f"echo {word} >>{self.order}")
        self.waits(run)
        return run

    def words(self):
        return [int(w) for w in self.read("order").split()]

    def let_go(self, held):
        held.send(TERM)
        held.wait()


class Taken(SlotTest):
    def test_so_many_and_no_more(self):
        held = [self.holder("-N", "w", "--slots=2") for _ in range(2)]
        more = self.run_guard(["-N", "w", "--slots=2"], ["true"])
        self.assertEqual((more.status, more.out), (75, ""))
        named = r"w pid (\d+), [^;]*, run [0-9a-f]{8}"
        found = re.fullmatch(rf"spawnguard: no free slot of w \(2\): {named}; {named}; see: spawnguard ps w\n", more.err)
        self.assertTrue(found, more.err)
        self.assertEqual({int(found[1]), int(found[2])}, {run.pid for run in held})
        self.assertEqual(self.run_guard(["-N", "w", "--slots=2", "-E7"], ["true"]).status, 7)
        skipped = self.run_guard(["-N", "w", "--slots=2", "--on-conflict=skip"], ["true"])
        self.assertEqual((skipped.status, skipped.err), (0, ""))
        refused, = self.events("refused")
        self.assertEqual((refused["spawnguard.reason"], refused["spawnguard.outcome"]), ("slots", "conflict"))
        starts = self.events("start")
        self.assertEqual(sorted(s["spawnguard.slot.number"] for s in starts), [1, 2])
        self.assertEqual({s["spawnguard.slot.group"] for s in starts}, {"w"})
        self.let_go(held[0])
        self.assertEqual(self.run_guard(["-N", "w", "--slots=2"], ["true"]).status, 0)
        self.let_go(held[1])

    def test_never_beside_one_that_wants_to_be_alone(self):
        held = self.holder("-N", "w", "--slots=2")
        self.assertIn("already running: w, ", self.run_guard(["-N", "w"], ["true"]).err)
        self.let_go(held)
        held = self.holder("-N", "w")
        self.assertIn("already running: w, ", self.run_guard(["-N", "w", "--slots=2"], ["true"]).err)
        self.let_go(held)

    def test_a_group_of_many_names_each_of_them_once(self):
        held = [self.holder("-N", f"j{i}", "--slots=2", "--group=g h") for i in range(2)]
        other = self.run_guard(["-N", "k", "--slots=2", "--group=g h"], ["true"])
        self.assertEqual(other.status, 75)
        self.assertRegex(other.err, r"\Aspawnguard: no free slot of group 'g h' \(2\): j\d pid .*; j\d pid .*; see: spawnguard ps\n\Z")
        same = self.run_guard(["-N", "j0", "--slots=9", "--group=g h"], ["true"])
        self.assertRegex(same.err, r"\Aspawnguard: already running: j0, ")
        free = self.run_guard(["-N", "k", "--slots=2", "--group=i"], ["true"])
        self.assertEqual((free.status, free.err), (0, ""))
        for i in range(3):
            beside = self.run_guard(["-N", "j0", "--slots=9", "--group=i", "--no-lock"], ["true"])
            self.assertEqual((beside.status, beside.err), (0, ""))
        for run in held:
            self.let_go(run)

    def test_many_holders_are_counted_not_named(self):
        held = [self.holder("-N", "w", "--slots=6") for _ in range(6)]
        more = self.run_guard(["-N", "w", "--slots=6"], ["true"])
        self.assertEqual(more.err.count(" pid "), 4)
        self.assertTrue(more.err.endswith("; and 2 more; see: spawnguard ps w\n"), more.err)
        for run in held:
            self.let_go(run)

    def test_dry_run_tells_and_takes_none(self):
        said = self.run_guard(["--dry-run", "-N", "w", "--slots=2"], ["true"])
        self.assertIn("would start: w\n", said.out)
        self.assertRegex(said.out, r"\n  slots +ok +2 of w, 0 taken\n")
        self.assertEqual(os.listdir(os.path.join(self.state, "locks")), ["job"])
        held = [self.holder("-N", "w", "--slots=2") for _ in range(2)]
        for args, status, begins in ((), 75, "would not start: 2 of w, 2 taken: w pid "), (["--on-conflict=queue"], 0, "would wait: 2 of w, 2 taken: w pid "):
            said = self.run_guard(["--dry-run", "-N", "w", "--slots=2", *args], ["true"])
            self.assertEqual((said.status, said.out[:len(begins)]), (status, begins))
            self.assertIn(", 2 taken", said.out)
        for run in held:
            self.let_go(run)

    def test_what_would_wait_for_the_run_around_it_is_refused(self):
        inner = [SPAWNGUARD, "run", "-N", "i", "--slots=1", "--group=g", "--wait", "--", "true"]
        run = self.run_guard(["-N", "o", "--slots=1", "--group=g"], inner)
        self.assertEqual(run.status, 75)
        self.assertIn("not waiting for the run around this one: no free slot of group g (1): o pid ", run.err)


class Freed(SlotTest):
    def tree_gone(self):
        wait_until(self.members_gone, "its tree is gone")

    def kill_front(self, run):
        run.send(KILL)

    def kill_warden(self, run):
        send(run.warden(), KILL)

    def kill_job(self, run):
        send(children(run.warden())[0], KILL)

    def test_after_a_kill_of_front_of_warden_of_job_as_soon_as_the_tree_is_gone(self):
        for kill in (self.kill_front, self.kill_warden, self.kill_job):
            with self.subTest(kill=kill.__name__):
                held = self.holder("-N", "w", "--slots=1", shape="wide 3")
                next_one = self.waiter(1)
                kill(held)
                next_one.wait()
                self.assertEqual((next_one.status, next_one.err), (0, ""))
                self.assertTrue(self.members_gone(), self.picture())
                held.wait()

    def test_both_guards_killed_the_next_in_the_slot_ends_what_they_left(self):
        held = self.holder("-N", "w", "--slots=1")
        kill_both(self, held)
        run = self.run_guard(["-N", "w", "--slots=1"], ["true"])
        self.assertEqual(run.status, 0)
        self.assertRegex(run.err, r"the guards of run [0-9a-f]{8} were killed: ended 1 process that it left")
        self.tree_gone()
        self.assertEqual(sorted(e["spawnguard.outcome"] for e in self.events("end")), ["lost", "ok"])

    def test_what_is_left_alone_gives_its_slot_up(self):
        run = self.run_guard(["-N", "w", "--slots=1", "--leftovers=leave"], [VICTIM, "-x", "daemon"])
        self.assertEqual(run.status, 0)
        self.assertEqual(len(self.strays()), 1)
        self.assertEqual(self.run_guard(["-N", "w", "--slots=1"], ["true"]).status, 0)
        self.end_strays()


class Waiting(SlotTest):
    def test_in_the_order_of_coming(self):
        held = self.holder("-N", "w", "--slots=1")
        runs = [self.waiter(i) for i in range(4 if SANITIZED else 8)]
        self.let_go(held)
        for run in runs:
            self.assertEqual((run.wait().status, run.err), (0, ""))
        self.assertEqual(self.words(), list(range(len(runs))))

    def test_who_does_not_wait_does_not_come_before_who_does(self):
        held = self.holder("-N", "w", "--slots=1")
        first = self.waiter(1)
        first.send(STOP)
        wait_until(lambda: Stat(first.pid).state == "T", "it is stopped")
        self.let_go(held)
        early = self.run_guard(["-N", "w", "--slots=1"], ["true"])
        self.assertEqual(early.status, 75)
        self.assertIn("no free slot of w (1)", early.err)
        first.send(CONT)
        self.assertEqual(first.wait().status, 0)

    def test_the_deadline_and_the_complaint(self):
        held = self.holder("-N", "w", "--slots=1")
        limit = 0.4 * SCALE
        late = self.run_guard(["-N", "w", "--slots=1", f"--wait={limit}", "--complain-after=0.05"], ["true"])
        self.assertEqual(late.status, 75)
        said = late.err.splitlines()
        self.assertEqual(len(said), 2, late.err)
        self.assertRegex(said[0], r"\Aspawnguard: waiting for a slot of w \(1\): w pid \d+, ")
        self.assertRegex(said[1], r"\Aspawnguard: after the wait no free slot of w \(1\): w pid \d+, ")
        self.assertGreaterEqual(late.wall, limit)
        self.assertEqual(self.events("refused")[0]["spawnguard.reason"], "wait")
        behind = [self.waiter(1), self.guard("-N", "w", "--slots=1", f"--wait={limit}", "--", "true")]
        self.assertEqual(behind[1].wait().status, 75)
        self.let_go(held)
        self.assertEqual(behind[0].wait().status, 0)

    def test_a_queue_of_so_many(self):
        held = self.holder("-N", "w", "--slots=1")
        args = ["-N", "w", "--slots=1", "--on-conflict=queue", "--queue-max=2"]
        runs = []
        for _ in range(2):
            runs.append(self.guard(*args, "--", "true"))
            self.waits(runs[-1])
        full = self.run_guard(args, ["true"])
        self.assertEqual(full.status, 75)
        self.assertIn("its queue is full: no free slot of w (1): w pid ", full.err)
        runs[0].send(KILL)
        runs[0].wait()
        runs.append(self.guard(*args, "--", "true"))
        self.waits(runs[-1])
        self.let_go(held)
        self.assertEqual([run.wait().status for run in runs[1:]], [0, 0])

    def test_a_signal_ends_the_wait(self):
        held = self.holder("-N", "w", "--slots=1")
        for place in range(2):
            runs = [self.waiter(1) for _ in range(2)]
            runs[place].send(TERM)
            self.assertEqual(runs[place].wait().status, -TERM)
            runs[1 - place].send(KILL)
            runs[1 - place].wait()
        self.let_go(held)

    def test_it_sleeps_while_it_waits(self):
        held = [self.holder("-N", "w", "--slots=2") for _ in range(2)]
        runs = [self.guard("-N", "w", "--slots=2", "--wait", "--", "true")]
        self.waits(runs[0])
        runs.append(self.guard("-N", "w", "--slots=2", "--wait", "--", "true"))
        self.waits(runs[1])
        before = [switches(run.pid) for run in runs]
        observe(3)
        after = [switches(run.pid) - was for run, was in zip(runs, before)]
        self.assertLessEqual(after[0], 10)  # one looks once a second
        self.assertEqual(after[1], 0)
        for run in held:
            self.let_go(run)
        self.assertEqual([run.wait().status for run in runs], [0, 0])


class Storm(SlotTest):
    """50 starters at 4 slots, 20 rounds: each counts who is inside with it."""

    def test_never_more_than_four(self):
        starters, rounds = (16, 2) if SANITIZED else (50, 20 if os.environ.get("SG_LONG") == "1" else 3)
        job = f'mkdir {self.inside}/$$; ls {self.inside} | wc -l >>{self.order}; rmdir {self.inside}/$$'
        for turn in range(rounds):
            runs = [self.guard("-N", f"j{i}", "--slots=4", "--group=g", "--wait", "--", "sh", "-c", job)
                    for i in range(starters)]
            for run in runs:
                self.assertEqual((run.wait(60 * SCALE).status, run.err), (0, ""))
            counts = self.words()
            self.assertEqual(len(counts), starters * (turn + 1))
            self.assertLessEqual(max(counts), 4)

    def test_who_does_not_wait_is_refused_and_never_one_too_many(self):
        job = f'mkdir {self.inside}/$$; ls {self.inside} | wc -l >>{self.order}; rmdir {self.inside}/$$'
        runs = [self.guard("-N", "w", "--slots=3", "--", "sh", "-c", job) for _ in range(12 if SANITIZED else 40)]
        self.assertLessEqual({run.wait(60 * SCALE).status for run in runs}, {0, 75})
        self.assertLessEqual(max(self.words()), 3)
        self.assertEqual(len(self.words()), sum(run.status == 0 for run in runs))


if __name__ == "__main__":
    harness.main()

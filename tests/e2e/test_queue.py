"""--on-conflict=queue: first in, first out, so many may wait, and no list that a killed one could spoil."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, now, observe, outcome,
                     switches, wait_until)

TERM, KILL, STOP, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT


class QueueTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.order = self.path("order")

    def queued(self, name, *args, places=5, word=None, **popen):
        """A start in the queue; its job writes `word` and ends."""
        return self.guard("-N", name, "--on-conflict=queue", f"--queue-max={places}", *args, "--",
                          "sh", "-c", f"echo {word} >>{self.order}", **popen)

    def stands(self, run, place, name="q"):
        """Until it holds that place, and waits for the one before."""
        path = os.path.join(self.state, "locks", "queue", f"{name}.{place}")
        def holds():
            if not run.running():
                return True
            try:
                want = os.stat(path)
                here = [os.stat(f"/proc/{run.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{run.pid}/fd")]
            except OSError:
                return False
            return (want.st_dev, want.st_ino) in {(s.st_dev, s.st_ino) for s in here} and Stat(run.pid).state == "S"
        wait_until(holds, f"it stands at {place}")
        self.assertTrue(run.running(), f"status {run.status}: {run.err}")

    def line_up(self, name, count, *args, places=5):
        runs = []
        for i in range(count):
            runs.append(self.queued(name, *args, places=places, word=i + 1))
            self.stands(runs[-1], i + 1, name)
        return runs

    def words(self):
        return [int(w) for w in self.read("order").split()]

    def let_go(self, held):
        held.send(TERM)
        held.wait()


class Queue(QueueTest):
    def test_first_in_first_out_and_one_more_is_refused(self):
        for turn in range(2 if SANITIZED else 5):
            with self.subTest(turn=turn):
                held = self.holder("-N", "q")
                runs = self.line_up("q", 5)
                more = self.queued("q", word=6).wait()
                self.assertEqual((more.status, more.out), (75, ""))
                self.assertRegex(more.err, r"\Aspawnguard: its queue is full: q, pid \d+, .*\n\Z")
                own = self.queued("q", "-E", "4", word=6).wait()
                self.assertEqual(own.status, 4)
                self.let_go(held)
                for run in runs:
                    self.assertEqual((run.wait().status, run.err), (0, ""))
                self.assertEqual(self.words(), [1, 2, 3, 4, 5])
                os.unlink(self.order)
        self.assertEqual(self.events("refused")[0]["spawnguard.reason"], "queue_full")

    def test_where_nothing_runs_it_starts_at_once(self):
        for i in range(3):
            run = self.queued("q", word=i).wait()
            self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.words(), [0, 1, 2])

    def test_a_queue_of_one(self):
        held = self.holder("-N", "q")
        first, = self.line_up("q", 1, places=1)
        self.assertEqual(self.queued("q", places=1, word=2).wait().status, 75)
        self.let_go(held)
        self.assertEqual(first.wait().status, 0)
        self.assertEqual(self.words(), [1])

    def test_one_that_is_killed_gives_its_place_up(self):
        for place in (1, 3, 5):
            for sig in (KILL, TERM):
                with self.subTest(place=place, sig=sig):
                    held = self.holder("-N", "q")
                    runs = self.line_up("q", 5)
                    gone = runs.pop(place - 1)
                    gone.send(sig)
                    self.assertEqual(gone.wait().status, -sig)
                    for i, run in enumerate(runs):
                        self.stands(run, i + 1)
                    runs.append(self.queued("q", word=6))
                    self.stands(runs[-1], 5)
                    self.assertEqual(self.queued("q", word=7).wait().status, 75)
                    self.let_go(held)
                    for run in runs:
                        self.assertEqual(run.wait().status, 0)
                    self.assertEqual(self.words(), [w for w in range(1, 7) if w != place])
                    os.unlink(self.order)

    def test_the_deadline_of_wait_counts_in_the_queue(self):
        held = self.holder("-N", "q")
        first, = self.line_up("q", 1)
        limit = 0.5 * SCALE
        for args in ([f"--wait={limit}"], ["-w", str(limit)]):
            late = self.queued("q", *args, word=2).wait()
            self.assertEqual(late.status, 75, late.err)
            self.assertIn("still running after the wait: q", late.err)
            self.assertGreaterEqual(late.wall, limit)
            self.assertLess(late.wall, limit + 2 * SCALE)
        self.assertEqual(self.events("refused")[0]["spawnguard.reason"], "wait")
        self.let_go(held)
        self.assertEqual(first.wait().status, 0)
        self.assertEqual(self.words(), [1])

    def test_who_waits_does_not_poll_and_complains_once(self):
        held = self.holder("-N", "q")
        runs = [*self.line_up("q", 1), self.queued("q", "--complain-after", "0.1", word=2)]
        self.stands(runs[1], 2)
        wait_until(lambda: runs[1].err, "it complains")
        before = [switches(r.pid) for r in runs]
        observe(1)
        self.assertLessEqual(max(switches(r.pid) - b for r, b in zip(runs, before)), 1)
        self.let_go(held)
        for run in runs:
            self.assertEqual(run.wait().status, 0)
        self.assertRegex(runs[1].err, r"\Aspawnguard: waiting for: q, pid \d+, .*\n\Z")

    def test_a_stopped_one_holds_up_those_behind_it_and_no_others(self):
        held = self.holder("-N", "q")
        runs = self.line_up("q", 3)
        runs[1].send(STOP)
        wait_until(lambda: Stat(runs[1].pid).state == "T", "it is stopped")
        self.let_go(held)
        self.assertEqual(runs[0].wait().status, 0)
        observe(0.1)
        self.assertEqual(self.words(), [1])
        runs[1].send(CONT)
        for run in runs[1:]:
            self.assertEqual(run.wait().status, 0)
        self.assertEqual(self.words(), [1, 2, 3])

    def test_a_storm_of_newcomers_all_run(self):
        count = 12 if SANITIZED else 40
        runs = [self.queued("q", places=count, word=i) for i in range(count)]
        for run in runs:
            self.assertEqual((run.wait(100).status, run.err), (0, ""))
        self.assertEqual(sorted(self.words()), list(range(count)))

    def test_it_does_not_wait_for_the_run_around_it(self):
        inner = [SPAWNGUARD, "run", "-N", "q", "--on-conflict=queue", "--", "true"]
        run = self.run_guard(["-N", "q"], inner, timeout=20 * SCALE)
        self.assertEqual(run.status, 75)
        self.assertIn("not waiting for the run around this one", run.err)

    def test_a_lock_file_alone_has_a_queue_too(self):
        file = self.path("file")
        args = ["--no-lock", "--lock-file", file]
        held = self.holder("-N", "q", *args)
        runs = self.line_up("q", 3, *args)
        self.let_go(held)
        for run in runs:
            self.assertEqual(run.wait().status, 0)
        self.assertEqual(self.words(), [1, 2, 3])

    def test_dry_run_takes_no_place(self):
        held = self.holder("-N", "q")
        run = self.queued("q", "--dry-run").wait()
        self.assertEqual(run.status, 0)
        self.assertIn("would wait: q", run.out)
        self.assertFalse(os.path.exists(os.path.join(self.state, "locks", "queue")))
        self.end(held)

    def test_a_start_that_replaces_goes_before_the_queue(self):
        for how in ("--on-conflict=queue", "--wait"):
            with self.subTest(how):
                held = self.holder("-N", "q", "-k", "0.2", shape="ignore-term")
                waits = self.guard("-N", "q", how, "--", "sh", "-c", f"echo 2 >>{self.order}")
                wait_until(lambda: Stat(waits.pid).state == "S" and len(children(waits.pid)) == 0, "it waits")
                observe(0.1)
                new = self.guard("-N", "q", "--on-conflict=replace", "--", "sh", "-c", f"echo 1 >>{self.order}")
                self.assertEqual(new.wait().status, 0, new.err)
                self.assertEqual(held.wait().status, -KILL)
                self.assertEqual(waits.wait().status, 0)
                self.assertEqual(self.words(), [1, 2])
                self.assertEqual({outcome(e) for e in self.events("end")}, {"ok", "replaced"})
                os.unlink(self.order)


if __name__ == "__main__":
    harness.main()

"""SIGKILL of front, of warden, of both, at a random microsecond of a run: no second instance, nobody left, no row lost."""
# label: heavy
import os
import random
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, children, event_kind, event_run, now, send, wait_until

ROUNDS = 100 if os.environ.get("SG_LONG") == "1" else 30
SEED = int(os.environ.get("SG_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
FIRST_MOMENTS_S = 0.03 * SCALE
TREE_GONE_S = 10 * SCALE


class RandomKill(GuardTest):
    def setUp(self):
        super().setUp()
        self.section = self.path("section")
        os.mkdir(self.section)
        self.dice = random.Random(SEED)
        hold, self.release = os.pipe()
        self.hold = hold

    def tearDown(self):
        os.close(self.hold)
        os.close(self.release)
        super().tearDown()

    def job(self, stays):
        """In the section that only one may be in, with a daemon and a deaf child beside it."""
        last = f"{VICTIM} overlap {self.section}" + (f" {self.hold}" if stays else "")
        return ["sh", "-c", f"{VICTIM} -x daemon; {VICTIM} setsid & exec {last}"]

    def kill(self, run, whom):
        pids = [run.pid] if "front" in whom else []
        pids += children(run.pid) if "warden" in whom else []
        self.dice.shuffle(pids)
        for pid in pids:
            send(pid, signal.SIGKILL)

    def one(self, whom, turn):
        stays = turn % 2 == 0
        run = self.guard("-N", "r", "-k", "0.05", "--", *self.job(stays), pass_fds=[self.hold])
        end = now() + self.dice.random() * FIRST_MOMENTS_S
        while now() < end:
            pass
        self.kill(run, whom)
        if run.running() and stays:
            run.send(signal.SIGTERM)  # there was no warden yet, or front is ending the tree already
        run.wait(TREE_GONE_S)
        if whom == "warden":
            self.assert_all_gone(run)
        following = self.run_guard(["-N", "r", "--wait=20", "-k", "0.05"], [VICTIM, "overlap", self.section], timeout=30 * SCALE)
        self.assertEqual(following.status, 0, f"{run.err}---\n{following.err}")
        self.end_named(following)
        self.assert_all_gone(following)
        self.runs.clear()

    def end_named(self, run):
        """Born after the last look, in a session of its own: one mark is no proof, it is only named."""
        found = re.search("not touched, may be of it: pid ([0-9, ]+)", run.err)
        for pid in found.group(1).split(", ") if found else []:
            self.assertIn(int(pid), self.pids(), "a stranger was named")
            self.named += send(int(pid), signal.SIGKILL)
        wait_until(lambda: not found or self._reap() or not children(os.getpid()), "the named are gone")

    def assert_all_gone(self, run):
        self._reap()
        if children(os.getpid()):
            self.assert_no_survivor(run.err)

    def all_rounds(self, whom):
        self.named = 0
        for turn in range(ROUNDS // (3 if SANITIZED else 1)):
            with self.subTest(whom=whom, turn=turn, seed=SEED):
                signal.alarm(harness.TEST_LIMIT_S)
                self.one(whom, turn)
        self.assertNotIn("overlap", self.read("section/log"), "two were inside at once")
        kinds = {}
        for event in self.history():  # a torn line fails here
            kinds.setdefault(event_run(event), []).append(event_kind(event))
        for run_id, those in kinds.items():
            # Killed between record and start line: the end tells of it alone.
            self.assertIn(those, [["start", "end"], ["end"]], f"{run_id}, seed {SEED}")
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [])
        if self.named:
            print(f"{whom}: {self.named} only named", file=sys.stderr)

    def test_front(self):
        self.all_rounds("front")

    def test_warden(self):
        self.all_rounds("warden")

    def test_both(self):
        self.all_rounds("front and warden")


class Neighbours(GuardTest):
    def test_jobs_of_other_names_take_nothing_from_each_other(self):
        """A run that ends leaves its file to the next one, whoever that is; its own front must have read it before."""
        count = 20 if SANITIZED else 100
        loop = f'n=0; while [ $n -lt {count} ]; do n=$((n+1)); {SPAWNGUARD} run -N "$1" -- "$0" exit 7; [ $? = 7 ] || exit 1; done'
        runs = [self.start("sh", "-c", loop, VICTIM, f"job{i}") for i in range(4)]
        for run in runs:
            run.wait(100)
            self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(len(self.events("start")), 4 * count)
        self.assertEqual(len(self.events("end")), 4 * count)
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [])


if __name__ == "__main__":
    harness.main()

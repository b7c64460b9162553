"""Every tree shape, ended in every way: nothing is left when the caller's wait returns."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, VICTIM, GuardTest, now, outcome

GRACE_S = 0.3
SLACK_S = 1.0 * SCALE
# How the first process ends when the tree gets TERM: most die of it, some ignore it.
SHAPES = {
    "daemon": "daemon",
    "closefrom": "closefrom",
    "env_clear": "env-clear",
    "setsid": "setsid",
    "ignore_term": "ignore-term",
    "clone_parent": "clone-parent",
    "thread_leader_exit": "thread",
    "deep_100": "deep 100",
    "wide_300": "wide 300",
    "hopper": "hopper",
    "stopped": "stopped",
    "zombies": "zombies 20",
    "respawn_pair": "respawn",
    "setsid_bomb": "bomb 200",
}
ONLY_THE_JOB_IGNORES = {"ignore_term"}
NOTHING_ALIVE = {"zombies"}


class Shapes(GuardTest):
    def assert_ended(self, run, took, outcome_name, shape):
        self.assert_no_survivor(shape)
        self.assertEqual(self.ready_count(), 1, "the shape stood before it was ended")
        self.assertLessEqual(took, GRACE_S + SLACK_S, run.err)
        end = self.end_event()
        self.assertEqual(outcome(end), outcome_name)
        self.assertEqual(end["spawnguard.members.survivors"], 0)
        self.assertEqual(self.records(), [])

    def by_timeout(self, shape):
        timeout = 0.5 * SCALE
        run = self.run_guard(["-t", f"{timeout}", "-k", f"{GRACE_S}"], [VICTIM, *SHAPES[shape].split()])
        self.assertEqual(run.status, 124, run.err)
        self.assertGreaterEqual(run.wall, timeout)
        self.assert_ended(run, run.wall - timeout, "timeout", shape)

    def by_term(self, shape):
        run = self.holder("-k", f"{GRACE_S}", shape=SHAPES[shape])
        began = now()
        run.send(signal.SIGTERM)
        run.wait()
        died_of = signal.SIGKILL if shape in ONLY_THE_JOB_IGNORES else signal.SIGTERM
        self.assertEqual(run.status, -died_of, run.err)
        self.assert_ended(run, now() - began, "killed", shape)

    def by_normal_end(self, shape):
        run = self.run_guard(["-k", f"{GRACE_S}"], [VICTIM, "-x", *SHAPES[shape].split()])
        self.assertEqual(run.status, 0, run.err)
        self.assert_ended(run, run.wall, "ok", shape)
        if shape not in NOTHING_ALIVE:
            self.assertRegex(run.err, r"\Aspawnguard: [^\n]+\n\Z", "one line for what was ended")
            self.assertGreaterEqual(self.end_event()["spawnguard.members.ended"], 1)


def add(shape, how, method):
    def test(self):
        getattr(self, method)(shape)
    test.__name__ = f"test_{shape}_{how}"
    setattr(Shapes, test.__name__, test)


for a_shape in SHAPES:
    add(a_shape, "is_gone_after_the_timeout", "by_timeout")
    add(a_shape, "is_gone_after_TERM", "by_term")
    add(a_shape, "is_gone_when_the_job_ends", "by_normal_end")


class Ends(GuardTest):
    """What an end looks like, whatever the shape."""

    def test_grace_ends_early_when_the_tree_is_empty(self):
        run = self.run_guard(["-t", "0.3", "-k", "60"], [VICTIM, "wide", "20"], timeout=30 * SCALE)
        self.assertEqual(run.status, 124)
        self.assertLess(run.wall, 5 * SCALE)
        self.assertEqual(self.end_event()["spawnguard.members.killed"], 0)

    def test_grace_is_given_in_full(self):
        run = self.run_guard(["-t", "0.2", "-k", "1"], [VICTIM, "setsid"])
        self.assertEqual(run.status, 124)
        self.assertGreaterEqual(run.wall, 1.2)
        self.assertGreaterEqual(self.end_event()["spawnguard.members.killed"], 1)

    def test_no_grace_is_no_grace(self):
        run = self.run_guard(["-t", "0.2", "-k", "none"], [VICTIM, "setsid"])
        self.assertEqual(run.status, 124)
        self.assertLess(run.wall, 0.2 + SLACK_S)

    def test_leftovers_of_a_finished_job_are_ended_with_its_status_kept(self):
        run = self.run_guard(["-k", "0.2"], ["sh", "-c", f"{VICTIM} setsid & while ! grep -q ready {self.pids_path}; "
                                             "do :; done; exit 33"])
        self.assertEqual(run.status, 33)
        self.assert_no_survivor()

    def test_leftovers_wait_waits_and_the_timeout_still_holds(self):
        run = self.run_guard(["--leftovers=wait", "-t", "0.5", "-k", "0.2"], [VICTIM, "-x", "daemon"])
        self.assertEqual(run.status, 124)
        self.assertGreaterEqual(run.wall, 0.5)
        self.assert_no_survivor()

    def test_leftovers_leave_names_them_and_frees_the_lock(self):
        run = self.run_guard(["-N", "left", "--leftovers=leave"], [VICTIM, "-x", "daemon"])
        self.assertEqual(run.status, 0)
        left = self.strays()
        self.assertEqual(len(left), 1, self.picture(left))
        end = self.end_event()
        self.assertEqual([p["pid"] for p in end["spawnguard.left"]], list(left))
        self.assertEqual(end["spawnguard.members.left"], 1)
        self.assertEqual(self.run_guard(["-N", "left"], ["true"]).status, 0)
        self.assertEqual(list(self.strays()), list(left))
        self.end_strays()

    def test_leftovers_leave_does_not_save_a_tree_from_the_timeout(self):
        run = self.run_guard(["--leftovers=leave", "-t", "0.3", "-k", "0.2"], [VICTIM, "setsid"])
        self.assertEqual(run.status, 124)
        self.assert_no_survivor()


if __name__ == "__main__":
    harness.main()

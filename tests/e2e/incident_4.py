"""Incident 4: "session already in use".

An orchestrator reused one session id, and the worker's own file lock then
failed rapid retries: every run has an id of its own, and the lock is free
the instant the tree is gone.
"""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SPAWNGUARD, VICTIM, GuardTest, event_kind, event_run, outcome, send, wait_until


class Incident4(GuardTest):
    COUNT = 200 if SANITIZED else 1000

    def rapid(self, args, command, status):
        """As fast as it goes: fork, exec, wait, again."""
        err = os.open(self.path("said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, err, 1),
                   (os.POSIX_SPAWN_DUP2, err, 2)]
        argv = [SPAWNGUARD, "run", *args, "--", *command]
        for _ in range(self.COUNT):
            pid = os.posix_spawn(SPAWNGUARD, argv, self.env, file_actions=actions)
            _, got = os.waitpid(pid, 0)
            if os.waitstatus_to_exitcode(got) != status:
                self.fail(f"status {os.waitstatus_to_exitcode(got)}: {self.read('said')}")
        os.close(err)
        self.assertEqual(re.sub(r"spawnguard: \w+: same failure as run \S+ \d+ in a row.*\n", "", self.read("said")), "")

    def test_1000_rapid_runs_are_never_refused(self):
        self.rapid(["-N", "session"], ["true"], 0)
        events = self.history()  # which checks each line
        self.assertEqual(len(events), 2 * self.COUNT)
        self.assertEqual([event_kind(e) for e in events], ["start", "end"] * self.COUNT)
        ids = [event_run(e) for e in events[::2]]
        self.assertEqual(len(set(ids)), self.COUNT)
        self.assertEqual(ids, [event_run(e) for e in events[1::2]], "each end behind its own start")
        self.assertEqual(self.records(), [])

    def test_rapid_failures_are_never_refused_either(self):
        self.COUNT //= 5
        self.rapid(["-N", "failing"], [VICTIM, "signal", str(int(signal.SIGTERM))], -signal.SIGTERM)
        self.assertEqual({outcome(e) for e in self.events("end")}, {"signaled"})

    def test_every_run_gets_an_id_of_its_own_and_a_nested_one_names_its_parent(self):
        inner = f'{SPAWNGUARD} run -N inner --task t -- sh -c "echo $SPAWNGUARD_RUN_ID; env | grep ^SPAWNGUARD_"'
        run = self.run_guard(["-N", "outer"], ["sh", "-c", inner])
        self.assertEqual(run.status, 0, run.err)
        outer, nested = self.events("start")
        self.assertNotEqual(event_run(outer), event_run(nested))
        self.assertEqual(nested["spawnguard.parent_run.id"], event_run(outer))
        self.assertIn(f"SPAWNGUARD_PARENT_RUN_ID={event_run(outer)}", run.out)
        self.assertIn(f"SPAWNGUARD_RUN_ID={event_run(nested)}", run.out)

    def test_after_KILL_of_both_guards_the_next_start_writes_the_missing_end(self):
        run = self.holder("-N", "session", "--run-id", "gone")
        warden = run.warden()
        for pid in (run.pid, warden):
            send(pid, signal.SIGSTOP)
            wait_until(lambda pid=pid: harness.Stat(pid).state == "T", "stopped")
        for pid in (warden, run.pid):
            send(pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not harness.Stat(warden).alive, "dead")
        self.assertEqual(self.events("end"), [])
        self.assertEqual(self.run_guard(["-N", "session"], ["true"]).status, 0)
        self.assertEqual(outcome(self.end_event("gone")), "lost")


if __name__ == "__main__":
    harness.main()

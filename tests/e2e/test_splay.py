"""--splay delays a start before anything is taken; --record-command says what is kept of a command line."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest, children, outcome, status_field, wait_until

SECRET = "pass-9f3a"


def fnv(*words):
    digest = 0xcbf29ce484222325
    for byte in b"".join(os.fsencode(w) + b"\0" for w in words):
        digest = (digest ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return f"{digest:016x}"


class Splay(GuardTest):
    def waiting(self, *args, **popen):
        run = self.guard("-N", "s", "-v", "--splay=1d", *args, "--", "touch", self.path("ran"), **popen)
        wait_until(lambda: "starting in" in run.err or not run.running(), "it waits")
        return run

    def assert_nothing_taken(self):
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.history(), [])
        self.assertEqual(self.records(), [])

    def test_the_job_runs_after_it(self):
        for _ in range(5):
            run = self.run_guard(["-N", "s", "-v", "--splay=20ms"], ["sh", "-c", "exit 4"])
            self.assertEqual(run.status, 4, run.err)
            self.assertRegex(run.err, r"\Aspawnguard: s: starting in \S+, of at most 20ms\n")
        self.assertEqual(len(self.events("end")), 5)

    def test_delays_differ(self):
        runs = [self.waiting() for _ in range(8)]
        told = {re.search(r"starting in (\S+),", run.err).group(1) for run in runs}
        self.assertGreater(len(told), 1, "eight equal numbers of a day")
        self.end(*runs)

    def test_nothing_is_taken_meanwhile(self):
        run = self.waiting()
        self.assert_nothing_taken()
        self.assertEqual(children(run.pid), [])
        self.assertEqual(self.run_guard(["-N", "s", "--run-id", "other"], ["true"]).status, 0, "the lock is free")
        self.end(run)

    def test_a_signal_ends_it_at_once(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig.name):
                run = self.waiting()
                run.send(sig)
                self.assertEqual(run.wait().status, -sig)
                self.assertIn(f"asked to end by {sig.name[3:]} before its start (--splay): nothing was started", run.err)
                self.assert_nothing_taken()

    def test_signals_of_end_on_too(self):
        run = self.waiting("--end-on=USR1")
        run.send(signal.SIGUSR1)
        self.assertEqual(run.wait().status, -signal.SIGUSR1)
        self.assert_nothing_taken()

    def test_an_ignored_signal_stays_ignored(self):
        run = self.waiting(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        run.send(signal.SIGHUP)
        run.send(signal.SIGTERM)
        self.assertEqual(run.wait().status, -signal.SIGTERM, "the first did not end it")

    def test_it_sleeps(self):
        run = self.waiting()
        wait_until(lambda: status_field(run.pid, "State").startswith("S"), "it sleeps")
        before = harness.switches(run.pid)
        harness.observe(0.3)
        self.assertEqual(harness.switches(run.pid), before, "it wakes up for nothing")
        self.end(run)

    def test_a_dry_run_says_it_and_does_not_wait(self):
        run = self.run_guard(["-N", "s", "--splay=1d", "--dry-run"], ["true"])
        self.assertEqual(run.status, 0)
        self.assertIn("splay:   started after a random time of at most 1d\n", run.out)
        self.assert_nothing_taken()


class RecordCommand(GuardTest):
    def start_event(self, run_id):
        event = self.events("start", run_id)[0]
        return event["process.command_args"], event["spawnguard.command.digest"], event.get("process.executable.path")

    def held(self, how):
        command = ["sh", "-c", f"echo ready >>{self.path('pids')}; exec sleep 1000", SECRET]
        run = self.guard("-N", "r", "--run-id", f"run-{how}", f"--record-command={how}", "--", *command)
        self.wait_ready(run, self.ready_count() + 1)
        with open(os.path.join(self.state, "runs", f"run-{how}"), "rb") as f:
            record = f.read()
        refused = self.run_guard(["-N", "r"], ["true"])
        self.assertEqual(refused.status, 75)
        self.end(run)
        self.run_guard(["-N", "r"], ["true"])
        return record, refused.err, self.start_event(f"run-{how}"), command

    def test_full(self):
        record, conflict, (args, digest, program), command = self.held("full")
        self.assertIn(SECRET.encode(), record)
        self.assertIn(": sh -c ", conflict)
        self.assertEqual((args, digest), (command, fnv(*command)))
        self.assertTrue(program.endswith("/sh"))

    def test_name(self):
        record, conflict, (args, digest, program), _ = self.held("name")
        self.assertNotIn(SECRET.encode(), record)
        self.assertNotIn(b"sleep 1000", record)
        self.assertRegex(conflict, r": sh; see: ")
        self.assertEqual((args, digest, program), (["sh"], fnv("sh"), None))

    def test_a_name_is_the_last_part_of_a_path(self):
        self.run_guard(["--run-id", "p", "--record-command=name"], ["/bin/true", SECRET])
        self.assertEqual(self.start_event("p")[0], ["true"])

    def test_hash(self):
        record, conflict, (args, digest, program), command = self.held("hash")
        text = "hash:" + fnv(*command)
        self.assertNotIn(SECRET.encode(), record)
        self.assertIn(text.encode(), record)
        self.assertIn(f": {text}; see: ", conflict)
        self.assertEqual((args, digest, program), ([text], fnv(*command), None))

    def test_the_job_itself_has_it_all(self):
        for how in ("full", "name", "hash"):
            run = self.run_guard([f"--record-command={how}"], ["echo", SECRET])
            self.assertEqual(run.out, SECRET + "\n")

    def test_nothing_of_it_is_in_the_state(self):
        for how in ("name", "hash"):
            self.run_guard(["-N", "q", f"--record-command={how}", "--status-file", "status"], ["echo", SECRET])
        for folder, _, names in os.walk(self.state):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(SECRET.encode(), f.read(), name)
        self.assertNotIn(SECRET, self.read("status"))
        self.assertEqual([outcome(e) for e in self.events("end")], ["ok", "ok"])


if __name__ == "__main__":
    harness.main()

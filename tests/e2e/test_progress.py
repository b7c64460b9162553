"""--start-timeout, --idle-timeout, --heartbeat: who does not get on is ended, and nobody else."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, observe, outcome, send, wait_until

SOON = 0.4 * min(SCALE, 2)  # a deadline that is to strike
LATE = 20 * SCALE   # one that is not


class ProgressTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"]

    def struck(self, cause, args, script, **popen):
        """Ended by that clock: the end line."""
        run = self.run_guard(["-k", "1", *args], ["sh", "-c", script], **popen)
        end = self.events("end")[-1]
        self.assertEqual((run.status, outcome(end), end["spawnguard.cause"]), (124, "timeout", cause), run.err)
        self.assert_no_survivor()
        return end

    def fine(self, args, script, **popen):
        run = self.run_guard(args, ["sh", "-c", script], **popen)
        end = self.events("end")[-1]
        self.assertEqual((run.status, run.err, outcome(end)), (0, "", "ok"))
        return end


class Start(ProgressTest):
    def test_a_silent_job_is_ended(self):
        end = self.struck("start_timeout", [f"--start-timeout={SOON}"], "sleep 60")
        self.assertNotIn("spawnguard.ready", end)
        self.assertGreaterEqual(end["spawnguard.wall"], SOON)

    def test_the_first_output_ends_the_wait(self):
        for to in ("", ">&2"):
            run = self.run_guard([f"--start-timeout={2 * SOON}"], ["sh", "-c", f"echo x {to}; sleep {4 * SOON}"])
            self.assertEqual(run.status, 0, run.err)
            self.assertIn("spawnguard.ready", self.events("end")[-1])

    def test_output_that_we_keep_is_seen(self):
        for how in ("--output=never", "--output=on-failure"):
            run = self.run_guard([how, f"--start-timeout={2 * SOON}"], ["sh", "-c", f"echo x; sleep {4 * SOON}"])
            self.assertEqual(run.status, 0, run.err)
        self.struck("start_timeout", ["--output=never", f"--start-timeout={SOON}"], "sleep 60")

    def piped(self, args, *command):
        """Both outputs are a pipe: what the tree writes is what counts."""
        reader, writer = os.pipe()
        run = self.guard(*args, "--", *command, stdout=writer, stderr=writer)
        os.close(writer)
        run.wait()
        with os.fdopen(reader, "rb") as f:
            return run, f.read().decode()

    def test_output_into_a_pipe_is_seen(self):
        args = [f"--start-timeout={3 * SOON}"]
        for script in ("echo x; sleep", "(echo x); sleep", "echo x >&2; sleep"):
            run, said = self.piped(args, "sh", "-c", f"{script} {5 * SOON}")
            self.assertEqual((run.status, said), (0, "x\n"), script)
        run, said = self.piped(args, "sleep", "60")
        self.assertEqual(run.status, 124, said)

    def unseen(self, *args, **popen):
        """/proc does not tell what is written; both outputs are one pipe, but for what popen says."""
        reader, writer = os.pipe()
        run = self.in_mounts("mount --bind /dev/null /proc/$$/io", SPAWNGUARD, "run", *args, "--", "sh", "-c",
                             f"echo x; touch {self.path('ran')}; sleep {4 * SOON}", **{"stdout": writer, "stderr": writer, **popen})
        os.close(writer)
        run.wait()
        with os.fdopen(reader, "rb") as f:
            return run, f.read().decode()

    def test_where_no_output_can_be_seen_a_start_that_waits_for_it_is_refused(self):
        deadline = f"--start-timeout={2 * SOON}"
        run, said = self.unseen(deadline)
        self.assertEqual(run.status, 125, said)
        self.assertRegex(said, r"\Aspawnguard: not started: --start-timeout: no output can be seen: [^\n]+; give --ready-file "
                               r"or --notify, or keep the output with --output or --detach\n\Z")
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.events("start"), [])
        with open(self.path("out"), "w") as f:
            for how, popen in (([deadline, "--output=never"], {}), ([deadline], {"stdout": f}),
                               ([deadline, "--ready-file", self.path("ran")], {}), ([f"--idle-timeout={8 * SOON}"], {})):
                run, said = self.unseen(*how, **popen)
                self.assertEqual((run.status, said.replace("x\n", "")), (0, ""), how)

    def test_what_was_there_before_is_no_output(self):
        self.write("out", "old\n")
        with open(self.path("out"), "a") as f:
            run = self.run_guard([f"--start-timeout={SOON}"], ["sleep", "60"], stdout=f)
        self.assertEqual(run.status, 124, run.err)

    def test_ready_file(self):
        ready = self.path("ready")
        args = [f"--start-timeout={2 * SOON}", "--ready-file", "ready"]
        self.struck("start_timeout", args, "echo output does not count; exec sleep 60")
        end = self.fine(args, f"touch {ready}; sleep {4 * SOON}")
        self.assertIn("spawnguard.ready", end)
        self.struck("start_timeout", args, "sleep 60")  # it is there from before
        self.fine(args, f"echo x >{ready}; sleep {4 * SOON}")
        self.fine(args, f"echo x >new; mv new {ready}; sleep {4 * SOON}")

    def test_ready_by_notify(self):
        args = [f"--start-timeout={2 * SOON}", "--notify"]
        self.struck("start_timeout", args, "echo output does not count; exec sleep 60")
        self.fine(args, f"spawnguard notify ready; sleep {4 * SOON}")

    def test_more_time_may_be_asked_for(self):
        text = f"EXTEND_TIMEOUT_USEC={int(LATE * 1000000)}"
        script = ("import os, socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'%s', os.environ['SPAWNGUARD_NOTIFY']); "
                  "import time; time.sleep(%f)" % (text, 6 * SOON))
        run = self.run_guard([f"--start-timeout={3 * SOON}", "--notify"], [sys.executable, "-c", script])
        self.assertEqual((run.status, run.err), (0, ""))

    def test_a_job_that_is_over_sooner_is_fine(self):
        self.fine([f"--start-timeout={LATE}", f"--idle-timeout={LATE}", f"--heartbeat={LATE}"], "exit 0")

    def test_a_deadline_needs_no_looks(self):
        self.struck("start_timeout", [f"--start-timeout={SOON}", "--interval=none"], "sleep 60")
        run = self.run_guard([f"--start-timeout={SOON}", "--interval=none"], ["sh", "-c", f"echo x; sleep {2 * SOON}"])
        self.assertEqual(run.status, 0, run.err)

    def test_preserve_status_returns_the_jobs_own(self):
        run = self.run_guard([f"--start-timeout={SOON}", "--preserve-status"],
                             ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"])
        self.assertEqual(run.status, 7)
        self.assertEqual(outcome(self.end_event()), "timeout")


class Idle(ProgressTest):
    def test_who_does_nothing_is_ended(self):
        self.struck("idle_timeout", [f"--idle-timeout={SOON}"], "sleep 60")

    def test_output_is_life(self):
        run = self.run_guard([f"--idle-timeout={3 * SOON}"], ["sh", "-c", f"for i in 1 2 3 4 5 6; do echo x; sleep {SOON}; done"])
        self.assertEqual(run.status, 0, run.err)

    def test_work_is_life_wherever_in_the_tree(self):
        spin = "import time; e = time.monotonic() + %f\nwhile time.monotonic() < e: pass" % (5 * SOON)
        run = self.run_guard([f"--idle-timeout={2 * SOON}"], ["sh", "-c", '(setsid "$0" -c "$1" >/dev/null); true', sys.executable, spin])
        self.assertEqual(run.status, 0, run.err)

    def test_writing_anywhere_is_life(self):
        script = "import time\nwith open('/dev/null', 'w') as f:\n for i in range(7):\n  f.write('x'); f.flush(); time.sleep(%f)" % SOON
        run = self.run_guard([f"--idle-timeout={max(3 * SOON, 2)}"], [sys.executable, "-c", script])
        self.assertEqual((run.status, run.err), (0, ""))

    def test_many_short_children_are_life(self):
        self.fine([f"--idle-timeout={2 * SOON}"],
                  f"e=$(($(date +%s%N) + {int(5 * SOON * 1e9)})); while [ $(date +%s%N) -lt $e ]; do :; done")

    def test_a_loop_that_waits_is_no_life(self):
        self.struck("idle_timeout", [f"--idle-timeout={2 * SOON}"],
                    f'exec "{sys.executable}" -c "import time\nwhile True: time.sleep(0.1)"')

    def test_frozen_it_stands_still(self):
        held = self.holder("-N", "j", f"--idle-timeout={3 * SOON}", f"--heartbeat={3 * SOON}")
        self.assertEqual(self.command("freeze", "j").status, 0)
        observe(4 * SOON)
        self.assertTrue(held.running(), held.err)
        self.assertEqual(self.command("thaw", "j").status, 0)
        self.assertEqual(held.wait().status, 124)
        self.assertGreater(self.end_event()["spawnguard.wall"], 7 * SOON)

    def test_frozen_the_start_stands_still(self):
        held = self.holder("-N", "j", f"--start-timeout={3 * SOON}", "--notify")
        self.assertEqual(self.command("freeze", "j").status, 0)
        observe(4 * SOON)
        self.assertTrue(held.running(), held.err)
        self.assertEqual(self.command("thaw", "j").status, 0)
        self.assertEqual(held.wait().status, 124)
        end = self.end_event()
        self.assertEqual(end["spawnguard.cause"], "start_timeout")
        self.assertGreater(end["spawnguard.wall"], 7 * SOON)  # what it stood, and all that it was given

    def test_stopped_it_stands_still(self):
        for args in ([f"--idle-timeout={3 * SOON}"], [f"--heartbeat={3 * SOON}"], [f"--start-timeout={3 * SOON}"]):
            held = self.guard(*args, "--", "sleep", "60")
            job = wait_until(lambda: children(held.warden()), "the job is there")[0]
            wait_until(lambda: Stat(job).comm == "sleep", "it is exec'ed")
            send(job, signal.SIGSTOP)
            observe(5 * SOON)
            self.assertTrue(held.running(), held.err)
            send(job, signal.SIGCONT)
            self.assertEqual(held.wait().status, 124, held.err)


class Heart(ProgressTest):
    def test_without_a_beat_it_is_ended(self):
        self.struck("heartbeat", [f"--heartbeat={SOON}"], "while :; do echo busy; sleep 0.05; done")

    def test_with_beats_it_is_not(self):
        self.fine([f"--heartbeat={3 * SOON}"], f"for i in 1 2 3 4 5 6; do spawnguard notify beat; sleep {SOON}; done")

    def test_it_begins_when_the_job_is_ready(self):
        self.struck("heartbeat", [f"--start-timeout={LATE}", "--notify", f"--heartbeat={SOON}"],
                    f"sleep {2 * SOON}; spawnguard notify ready; exec sleep 60")

    def test_a_job_may_ask_to_be_ended(self):
        end = self.struck("heartbeat", [f"--heartbeat={LATE}"],
                          f'"{sys.executable}" -c "import os, socket\n'
                          "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'WATCHDOG=trigger', "
                          "os.environ['SPAWNGUARD_NOTIFY'])\"; exec sleep 60")
        self.assertLess(end["spawnguard.wall"], LATE)

    def test_the_whole_tree_is_ended(self):
        run = self.run_guard([f"--heartbeat={SOON}", "-k", "0.2"], [VICTIM, "daemon"])
        self.assertEqual(run.status, 124)
        self.assert_no_survivor()


if __name__ == "__main__":
    harness.main()

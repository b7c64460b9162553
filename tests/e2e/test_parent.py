"""--with-parent: whoever started the run and is gone leaves nothing."""
import json
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, observe, outcome, send, wait_until
from test_tty import TtyTest

KILL, STOP = signal.SIGKILL, signal.SIGSTOP
AGENT = '"$@" & echo $! >front; wait $!; echo $? >status'
SHAPES = ("sleep", "setsid", "daemon", "ignore-term", "closefrom", "clone-parent", "thread", "deep 100", "wide 100",
          "stopped", "hopper", "respawn", "bomb 100")
THREADED = """
import os, subprocess, sys, threading
class Starter(threading.Thread):
    def run(self):
        self.front = subprocess.Popen(sys.argv[1:], start_new_session=True)
starter = Starter()
starter.start()
starter.join()
print("joined", flush=True)
starter.front.wait()
"""


@harness.without("pidfd_open")  # a process that is not ours can be watched by nothing else
class ParentTest(GuardTest):
    def agent(self, *args, shape="sleep", script=AGENT):
        """A shell that has started `spawnguard run --with-parent ARGS`, once the victim's shape stands."""
        before = self.ready_count()
        run = self.start("sh", "-c", script, "sh", SPAWNGUARD, "run", "--with-parent", "-k", "0.3", *args, "--", VICTIM, *shape.split())
        self.wait_ready(run, before + 1)
        return run

    def front(self, said="front"):
        return int(wait_until(lambda: self.read(said).endswith("\n") and self.read(said), "front is named"))

    def kill(self, run):
        run.send(KILL)
        run.wait()

    def assert_ended_with(self, agent, job_died_of=None):
        """Nothing is left, and the records say for whose sake."""
        wait_until(lambda: not self.strays(), "nothing is left")
        self.assert_no_survivor()
        self.assertEqual(self.records(), [])
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "parent_ended"))
        self.assertEqual(end["spawnguard.sender"], {"pid": agent.pid, "uid": os.getuid(), "comm": agent.comm})
        if job_died_of:
            self.assertEqual(end["spawnguard.exit_status"], 128 + job_died_of)


class Killed(ParentTest):
    def test_an_agent_that_is_killed_leaves_nothing(self):
        for shape in SHAPES:
            with self.subTest(shape):
                self.setUpAgain()
                run = self.agent("-N", "task", shape=shape)
                run.comm = Stat(run.pid).comm
                self.kill(run)
                self.assert_ended_with(run)

    def setUpAgain(self):
        """One history each."""
        self.assert_nothing_left()
        self.state = os.path.join(self.scratch, f"state{len(self.runs)}")
        os.mkdir(self.state, 0o700)
        self.env["SPAWNGUARD_STATE_DIR"] = self.state

    def test_one_line_tells_what_happened(self):
        run = self.agent("-N", "task")
        self.kill(run)
        wait_until(lambda: not self.strays(), "nothing is left")
        self.assertRegex(run.err, rf"\Aspawnguard: task: what started it has ended: sh \(pid {run.pid}, uid "
                         rf"{os.getuid()}\): ended 1 process: victim \(\d+\)\n\Z")

    def test_an_agent_that_ends_well_ends_it_too(self):
        run = self.agent("-N", "task", script='"$@" & until grep -q ready "$VICTIM_PIDS"; do :; done')
        run.comm = "sh"
        self.assertEqual(run.wait().status, 0)
        self.assert_ended_with(run, signal.SIGTERM)

    def test_the_status_of_a_job_that_ends_first_is_its_own(self):
        run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--with-parent", "--", VICTIM, "exit", "7").wait()
        self.assertEqual((self.read("status"), run.err), ("7\n", ""))
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("failed", "none"))
        self.assertNotIn("spawnguard.sender", end)

    def test_without_the_option_the_run_goes_on(self):
        run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "-N", "task", "--", VICTIM, "sleep")
        self.wait_ready(run)
        self.kill(run)
        observe(0.3)
        self.assertTrue(Stat(self.pids()[-1]).alive)
        self.assertEqual(self.command("kill", "task").status, 0)
        wait_until(lambda: not self.strays(), "it has ended")

    def test_the_end_of_the_thread_that_started_it_is_not_the_end_of_the_process(self):
        program = self.write("agent.py", THREADED)
        run = self.start(sys.executable, program, SPAWNGUARD, "run", "--with-parent", "-k", "0.3", "-N", "task", "--", VICTIM,
                         "setsid")
        self.wait_ready(run)
        wait_until(lambda: run.out == "joined\n", "the thread has ended")
        observe(0.2)
        self.assertTrue(Stat(self.pids()[-1]).alive)
        run.comm = Stat(run.pid).comm
        self.kill(run)
        self.assert_ended_with(run)

    def test_front_killed_with_its_parent_leaves_nothing(self):
        run = self.agent("-N", "task", shape="setsid")
        front = self.front()
        send(front, KILL)
        self.kill(run)
        wait_until(lambda: not self.strays(), "nothing is left")
        self.assert_no_survivor()

    def test_a_warden_killed_with_it_leaves_nothing(self):
        run = self.agent("-N", "task", shape="setsid")
        warden = children(self.front())[0]
        run.send(STOP)
        send(warden, KILL)
        self.kill(run)
        wait_until(lambda: not self.strays(), "nothing is left")
        self.assert_no_survivor()


class Stopped(ParentTest):
    def test_a_front_that_is_stopped_is_ended_too(self):
        run = self.agent("-N", "task", shape="setsid")
        run.comm = "sh"
        send(self.front(), STOP)
        wait_until(lambda: Stat(self.front()).state == "T", "front is stopped")
        self.kill(run)
        self.assert_ended_with(run)

    def test_all_of_them_stopped(self):
        run = self.agent("-N", "task", shape="deep 5")
        run.comm = "sh"
        for pid in [*self.pids(), self.front(), run.pid]:
            send(pid, STOP)
        wait_until(lambda: Stat(self.front()).state == "T", "front is stopped")
        self.kill(run)
        self.assert_ended_with(run)


class AtTheTerminal(TtyTest, ParentTest):
    def test_stopped_by_the_terminal_with_the_agent(self):
        shell = self.shell()
        script = self.write("agent", f"{SPAWNGUARD} run --with-parent -N task -- {VICTIM} sleep; echo\n")
        shell.command(f"sh {script}")
        wait_until(lambda: self.ready_count() == 1, "the job runs")
        agent = children(shell.run.pid)[0]
        front = children(agent)[0]
        shell.send("\x1a")
        shell.expect("Stopped")
        wait_until(lambda: Stat(front).state == "T", "front is stopped")
        send(agent, KILL)
        wait_until(lambda: not Stat(front).alive and self.members_gone(), "all of it is gone")
        self.assertEqual(self.end_event()["spawnguard.sender"]["pid"], agent)
        self.leave(shell)


class BeforeItsStart(ParentTest):
    def started_in_vain(self, *args, told):
        """The agent ends while its run waits for something: nothing is started, and it is said."""
        run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--with-parent", "-N", "task", *args,
                         "--", "touch", self.path("started"))
        front = self.front()
        told(front)
        self.kill(run)
        wait_until(lambda: not Stat(front).alive, "front has given up")
        self._reap()
        self.assertFalse(os.path.exists(self.path("started")))
        self.assertRegex(run.err, rf"\Aspawnguard: not started: sh \(pid {run.pid}\), which started this guard, has "
                         r"ended \(--with-parent\): leave it out to start without\n\Z")

    def test_it_ends_while_the_start_is_delayed(self):
        self.started_in_vain("--splay", "1000h", told=lambda front: wait_until(
            lambda: re.search("poll|epoll", self.wchan(front)), "it waits"))

    def test_it_ends_while_the_lock_is_waited_for(self):
        for extra in ([], ["--complain-after", "0.01"]):
            with self.subTest(extra):
                held = self.holder("-N", "task")
                before = len(self.events("start"))
                self.write("front", "")
                run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--with-parent", "-q", "-N", "task", "-w", "1h",
                                 *extra, "--", "touch", self.path("started"))
                front = self.front()
                wait_until(lambda: self.blocks_in_flock(front), "it waits for the lock")
                self.kill(run)
                wait_until(lambda: not Stat(front).alive, "front has given up")
                self._reap()
                self.assertIn("which started this guard, has ended", run.err)
                self.assertFalse(os.path.exists(self.path("started")))
                self.assertEqual(len(self.events("start")), before)
                self.end(held)

    def wchan(self, pid):
        return self.read(f"/proc/{pid}/wchan") or "poll"

    def blocks_in_flock(self, pid):
        with open("/proc/locks") as f:
            return re.search(rf"-> FLOCK .* {pid} ", f.read())

    def test_a_thread_of_the_caller_ends_while_the_lock_is_waited_for(self):
        held = self.holder("-N", "task")
        program = self.write("agent.py", THREADED)
        run = self.start(sys.executable, program, SPAWNGUARD, "run", "--with-parent", "-N", "task", "-w", "1h", "--",
                         VICTIM, "exit", "0")
        wait_until(lambda: run.out == "joined\n", "the thread has ended")
        front = wait_until(lambda: children(run.pid), "front lives")[0]
        wait_until(lambda: self.blocks_in_flock(front), "it waits for the lock")
        held.send(signal.SIGTERM)
        held.wait()
        self.assertEqual(run.wait().err, "")
        self.assertEqual(len(self.events("start")), 2)

    def test_nobody_to_watch_is_told(self):
        words = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "--pid", "--fork", "--mount-proc"]
        if self.start(*words, "true").wait().status != 0:
            self.skipTest("no PID namespace can be made here")
        run = self.start(*words, SPAWNGUARD, "run", "--with-parent", "--", "true").wait()
        self.assertEqual(run.status, 125)
        self.assertRegex(run.err, r"\Aspawnguard: not started: --with-parent: what started this guard is outside of this "
                         r"PID namespace, and cannot be watched; [^\n]+\n\Z")
        run = self.start(*words, "sh", "-c", f"{SPAWNGUARD} run --with-parent -- true; exit $?").wait()
        self.assertEqual((run.status, run.err), (0, ""), "PID 1 takes all with it")

    def test_a_dry_run_names_it(self):
        run = self.start("sh", "-c", f"{SPAWNGUARD} run --with-parent --dry-run -N task -- true; exit $?").wait()
        self.assertRegex(run.out, rf"(?m)^parent:  ends with sh \(pid {run.pid}\)$")


class Background(ParentTest):
    def test_a_detached_run_ends_with_the_caller_of_the_command(self):
        run = self.start("sh", "-c", '"$@" >id; until [ -e over ]; do sleep 0.01; done', "sh", SPAWNGUARD, "run",
                         "--with-parent", "--detach", "-k", "0.3", "-N", "task", "--", VICTIM, "setsid")
        self.wait_ready(run)
        run.comm = "sh"
        observe(0.2)
        self.assertTrue(Stat(self.pids()[-1]).alive, "the command has returned, its caller has not")
        self.write("over", "")
        run.wait()
        self.assert_ended_with(run)
        self.assertIn("what started it has ended", self.read(os.path.join(self.state, "logs", self.read("id").strip())))

    def test_its_caller_ends_while_it_waits_for_the_lock(self):
        held = self.holder("-N", "task")
        run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--with-parent", "--detach", "-N", "task", "-w", "1h",
                         "--", "touch", self.path("started"))
        front = self.front()
        background = wait_until(lambda: children(front), "it has a background")[0]
        wait_until(lambda: f" {background} " in self.read("/proc/locks"), "it waits for the lock")
        self.kill(run)
        wait_until(lambda: not Stat(front).alive and not Stat(background).alive, "both have given up")
        self.assertIn("has ended (--with-parent)", run.err)
        self.end(held)
        self.assertFalse(os.path.exists(self.path("started")))


class Around(ParentTest):
    def test_inside_another_run(self):
        inner = ["sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--with-parent", "-k", "0.3", "-N", "inner", "--", VICTIM, "setsid"]
        outer = self.guard("-N", "outer", "--leftovers=wait", "--", *inner)
        self.wait_ready(outer)
        agent = int(self.read(f"/proc/{self.front()}/stat").rpartition(")")[2].split()[1])
        send(agent, KILL)
        outer.wait()
        self.assert_no_survivor()
        ends = {e["spawnguard.job"]: e for e in self.events("end")}
        self.assertEqual(ends["inner"]["spawnguard.cause"], "parent_ended")
        self.assertEqual(ends["outer"]["spawnguard.cause"], "none")

    def test_as_a_key_of_the_configuration(self):
        config = self.write("conf", "[job task]\nwith-parent = yes\n", 0o600)
        run = self.start("sh", "-c", AGENT, "sh", SPAWNGUARD, "run", "--config", config, "-N", "task", "--", VICTIM, "sleep")
        self.wait_ready(run)
        run.comm = "sh"
        self.kill(run)
        self.assert_ended_with(run, signal.SIGTERM)

    def test_the_status_object_says_so(self):
        run = self.agent("-N", "task", "--status-file", self.path("object"))
        self.kill(run)
        wait_until(lambda: not self.strays(), "nothing is left")
        told = json.loads(self.read("object"))
        self.assertEqual((told["spawnguard.outcome"], told["spawnguard.cause"]), ("killed", "parent_ended"))


if __name__ == "__main__":
    harness.main()

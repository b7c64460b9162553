"""Job control on a real terminal: as if the guard were not there."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import DEADLINE_S, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, now, outcome, wait_until

PROMPT = "READY> "


class Terminal:
    """A pty with a program that leads its session; text as a person would see it."""

    def __init__(self, test, *argv, **popen):
        self.test = test
        self.master, slave = pty.openpty()
        take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        env = {**test.env, "PS1": PROMPT, "TERM": "dumb", "HISTFILE": "/dev/null"}
        self.run = test.start(*argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                              preexec_fn=take, env=env, **popen)
        os.close(slave)
        self.text, self.at = "", 0

    def _read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            got = os.read(self.master, 65536)
        except OSError:
            got = b""  # EIO: nobody has it open any more
        self.text += got.decode("utf-8", "replace")
        return bool(got)

    def expect(self, pattern):
        """The next match behind the last one."""
        end = now() + DEADLINE_S
        while True:
            found = re.compile(pattern, re.M).search(self.text, self.at)
            if found:
                self.at = found.end()
                return found
            if now() > end:
                raise AssertionError(f"never came: {pattern!r} in\n{self.text[self.at:]!r}\n{self.test.picture()}")
            self._read(0.1)

    def send(self, text):
        os.write(self.master, text.encode())

    def command(self, line):
        self.expect(re.escape(PROMPT))
        self.send(line + "\n")
        self.expect(r"\r\n")  # the echo

    def hangup(self):
        if self.master is not None:
            os.close(self.master)
            self.master = None


class TtyTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.terminals = []
        self.run_words = " ".join(self.RUN)

    def tearDown(self):
        for terminal in self.terminals:
            terminal.hangup()
        super().tearDown()

    def terminal(self, *argv, **popen):
        self.terminals.append(Terminal(self, *argv, **popen))
        return self.terminals[-1]

    def shell(self):
        return self.terminal("bash", "--norc", "--noprofile", "--noediting", "-i")

    def fg(self, shell):
        """Back to the front: the shell prints the command line, then the job has the terminal."""
        shell.command("fg")
        shell.expect(r"-- .*\r\n")

    def leave(self, shell):
        shell.command("exit 0")
        shell.run.wait()

    def front(self, shell):
        """The guard that the shell has started, once its job is exec'ed (and so in the group of the terminal)."""
        def found():
            for pid in children(shell.run.pid):
                jobs = [job for warden in children(pid) for job in children(warden)[-1:]]
                if Stat(pid).comm == "spawnguard" and any(Stat(job).comm != "spawnguard" for job in jobs):
                    return pid
            return None
        return wait_until(found, "the shell runs the guard")


class Keys(TtyTest):
    def test_interrupt_ends_cat_as_without_a_guard(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N cat -- cat")
        shell.send("hello\n")
        shell.expect("hello\r\nhello\r\n")
        shell.send("\x03")
        shell.command("echo status=$?")
        shell.expect("status=130")
        self.leave(shell)
        self.assertEqual(outcome(self.end_event()), "signaled")

    def test_interrupt_is_the_jobs_to_catch(self):
        shell = self.shell()
        script = self.write("catcher.py", "import signal, sys\n"
                            "count = []\n"
                            "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
                            "print('wait' + 'ing', flush=True)\n"
                            "while not count: signal.pause()\n"
                            "print('caught', len(count), flush=True)\n"
                            "sys.exit(7)\n")
        shell.command(f"{self.run_words} -N python -- /usr/bin/python3 {script}")
        shell.expect("waiting")
        shell.send("\x03")
        shell.expect("caught 1")
        shell.command("echo status=$?")
        shell.expect("status=7")
        self.leave(shell)
        self.assertEqual(outcome(self.end_event()), "failed")

    def test_what_the_terminal_sends_arrives_once(self):
        shell = self.shell()
        log = self.path("log")
        shell.command(f"{self.run_words} -N once -- {VICTIM} catch {log} 0 12=0")
        wait_until(lambda: "ready" in self.read("log"), "it catches")
        front = self.front(shell)
        for key, sig in (("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT)):
            shell.send(key)
            wait_until(lambda: f"sig={int(sig)} " in self.read("log"), f"{sig} arrives")
        fcntl.ioctl(shell.master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        wait_until(lambda: f"sig={int(signal.SIGWINCH)} " in self.read("log"), "WINCH arrives")
        harness.send(front, signal.SIGUSR1)  # behind all of them: what was to come has come
        wait_until(lambda: f"sig={int(signal.SIGUSR1)} " in self.read("log"), "USR1 arrives")
        for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH):
            self.assertEqual(self.read("log").count(f"sig={int(sig)} "), 1, self.read("log"))
        harness.send(front, signal.SIGUSR2)
        shell.command("echo status=$?")
        shell.expect("status=0")
        self.leave(shell)

    def test_stop_and_fg_go_on_where_it_was(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N stopped -- cat")
        shell.send("one\n")
        shell.expect("one\r\none\r\n")
        front = self.front(shell)
        warden = children(front)[0]
        job = children(warden)[-1]
        for turn in ("two", "three"):
            shell.send("\x1a")
            shell.expect("Stopped")
            wait_until(lambda: (Stat(front).state, Stat(job).state) == ("T", "T"), "both stand")
            self.assertNotEqual(Stat(warden).state, "T", "the warden goes on")
            self.fg(shell)
            shell.send(f"{turn}\n")
            shell.expect(f"{turn}\r\n{turn}\r\n")
        shell.send("\x04")
        shell.command("echo status=$?")
        shell.expect("status=0")
        self.leave(shell)
        self.assertEqual(outcome(self.end_event()), "ok")

    def test_each_of_many_stops_is_obeyed(self):
        """The CONT of `fg` that front passes on must not come late and undo the next stop."""
        shell = self.shell()
        shell.command(f"{self.run_words} -N often -- cat")
        front = self.front(shell)
        for turn in range(15):
            # It has run since the CONT: until then a ^Z stops front before its job, which may read one more line.
            wait_until(lambda: self.signals(front, "SigBlk") & 1 << (signal.SIGTSTP - 1), "front goes on")
            shell.send(f"<{turn}>\n")
            shell.expect(f"<{turn}>\r\n<{turn}>\r\n")
            shell.send("\x1a")
            shell.expect("Stopped")
            self.fg(shell)
        shell.send("\x04")
        self.leave(shell)
        self.assertEqual(outcome(self.end_event()), "ok")

    def signals(self, pid, which):
        """A set of signals of a process, as bits."""
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return int(re.search(rf"^{which}:\t([0-9a-f]+)$", f.read(), re.M).group(1), 16)

    def test_word_of_a_stop_that_is_over_comes_too_late_to_stop_front(self):
        for then in ("CONT", "CONT, TERM"):
            shell = self.shell()
            shell.command(f"{self.run_words} -N late -- {VICTIM} sleep")
            front = self.front(shell)
            warden = children(front)[0]
            job = children(warden)[-1]
            os.kill(front, signal.SIGSTOP)
            shell.expect("Stopped")
            wait_until(lambda: Stat(front).state == "T", "front is stopped")
            os.kill(job, signal.SIGTSTP)
            wait_until(lambda: Stat(job).state == "T" and Stat(warden).state == "S" and not self.signals(warden, "ShdPnd"),
                       "the warden has told it")
            for name in then.split(", "):
                os.kill(job, signal.Signals["SIG" + name])
            if then != "CONT":
                wait_until(lambda: self.events("end"), "the end is written")
            os.kill(front, signal.SIGCONT)
            if then == "CONT":
                wait_until(lambda: Stat(front).state == "S", "front goes on")
                harness.observe(0.1)
                self.assertEqual(Stat(front).state, "S")
                os.kill(job, signal.SIGTERM)
            wait_until(lambda: not os.path.exists(f"/proc/{front}"), "front returns")
            self.leave(shell)

    def test_a_stopped_job_is_still_timed_and_ended(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N timed -t {1.5 * SCALE} -k 0.2 -- cat")
        self.front(shell)
        shell.send("\x1a")
        shell.expect("Stopped")
        wait_until(lambda: self.events("end"), "the warden ends it")
        shell.command("fg")
        shell.command("echo status=$?")
        shell.expect("status=124")
        self.leave(shell)

    def test_a_background_read_stops_the_job_until_fg(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N background -- cat &")
        front = self.front(shell)
        wait_until(lambda: Stat(front).state == "T", "front is stopped by the read")
        shell.command("jobs")
        shell.expect(r"Stopped \(tty input\)|Stopped")
        self.fg(shell)
        shell.send("typed\n")
        shell.expect("typed\r\ntyped\r\n")
        shell.send("\x04")
        shell.command("echo status=$?")
        shell.expect("status=0")
        self.leave(shell)

    def test_a_job_in_the_background_may_write(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N writes -- echo from the back & wait; echo done")
        shell.expect("from the back")
        shell.expect("done")
        self.leave(shell)

    def test_a_job_that_stops_itself_is_seen_by_the_shell(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N self -- sh -c 'kill -TSTP $$; echo on again'")
        shell.expect("Stopped")
        shell.command("fg")
        shell.expect("on again")
        self.leave(shell)

    def test_a_pipeline_stops_goes_on_and_ends_as_one(self):
        shell = self.shell()
        shell.command(f"cat | {self.run_words} -N pipeline -- cat | cat")
        shell.send("one\n")
        shell.expect("one\r\none\r\n")
        group = {Stat(pid).pgrp for pid in harness.descendants(shell.run.pid) if Stat(pid).comm == "cat"}
        self.assertEqual(len(group), 1, "every cat in one process group")
        shell.send("\x1a")
        shell.expect("Stopped")
        self.fg(shell)
        shell.send("two\n")
        shell.expect("two\r\ntwo\r\n")
        shell.send("\x03")
        shell.command("echo status=$?")
        shell.expect("status=130")
        self.leave(shell)
        self.assertEqual(outcome(self.end_event()), "signaled")

    def test_a_script_with_the_guard_inside_is_interrupted_as_a_whole(self):
        shell = self.shell()
        script = self.write("script", f"#!/bin/sh\n{self.run_words} -N inside -- cat\necho not reached\n", 0o755)
        shell.command(script)
        shell.send("one\n")
        shell.expect("one\r\none\r\n")
        shell.send("\x03")
        shell.command("echo status=$?")
        shell.expect("status=130")
        self.assertNotIn("not reached", shell.text)
        self.leave(shell)

    def test_a_password_prompt_on_the_terminal(self):
        shell = self.shell()
        script = self.write("ask.py", "import getpass\nprint('got', getpass.getpass('Pass' + 'word:')[::-1])\n")
        shell.command(f"{self.run_words} -N prompt -- /usr/bin/python3 {script} </dev/null 2>/dev/null")
        shell.expect("Password:")
        shell.send("secret\n")
        shell.expect("got terces")
        self.assertNotIn("secret", shell.text)
        self.leave(shell)

    def test_the_job_stays_in_the_callers_group_and_foreground(self):
        shell = self.shell()
        shell.command(f"{self.run_words} -N group -- {VICTIM} traits {self.path('guarded')} </dev/null")
        shell.command(f"{VICTIM} traits {self.path('bare')} </dev/null")
        self.leave(shell)
        for name in ("guarded", "bare"):
            report = self.read(name)
            for line in ("terminal=1", "foreground=1", "session-leader=0"):
                self.assertIn(line, report, name)
        # what differs by the shell's own doing: the group of each command, the report's name, and $_
        own = re.compile("pgrp=|group-leader=|argv.1=|environ.*:5f3d")
        worlds = [[re.sub(r"^environ\.\d+", "environ", line) for line in self.read(name).splitlines()
                   if not own.match(line)] for name in ("guarded", "bare")]
        self.assertEqual(*worlds)


class Gone(TtyTest):
    def test_hangup_of_the_shells_terminal_leaves_nothing(self):
        for shape in ("sleep", "daemon", "setsid"):
            with self.subTest(shape):
                shell = self.shell()
                shell.command(f"{self.run_words} -N hangup-{shape} -k 0.2 -- {VICTIM} {shape}")
                self.front(shell)
                shell.hangup()
                shell.run.wait()
                wait_until(lambda: not self.strays(), "the tree is gone")
                self.assertTrue(self.members_gone())
        self.assertEqual(len(self.events("end")), 3)
        self.assertEqual(self.records(), [])

    def test_hangup_of_fronts_own_terminal_ends_the_run(self):
        terminal = self.terminal(SPAWNGUARD, "run", "-N", "own", "-k", "0.2", "--", VICTIM, "setsid")
        self.wait_ready(terminal.run)
        terminal.hangup()
        terminal.run.wait()
        self.assertNotEqual(terminal.run.status, 0)
        self.assert_no_survivor()
        self.assertEqual(len(self.events("end")), 1)

    def test_hangup_while_stopped_leaves_nothing(self):
        for stops in (1, 2, 3, 5):
            shell = self.shell()
            shell.command(f"{self.run_words} -N hangup-stopped -k 0.2 -- cat")
            self.front(shell)
            for turn in range(stops):
                if turn:
                    self.fg(shell)
                shell.send(f"<{turn}>\n")
                shell.expect(f"<{turn}>\r\n<{turn}>\r\n")
                shell.send("\x1a")
                shell.expect("Stopped")
            shell.hangup()
            shell.run.wait()
            wait_until(lambda: not self.strays(), "the tree and its guards are gone", 10 * SCALE)
        self.assertEqual(len(self.events("end")), 4)

    def test_hangup_with_a_nohup_job_leaves_it_running(self):
        shell = self.shell()
        shell.command(f"nohup {self.run_words} -N nohup -k 0.2 -- {VICTIM} sleep >/dev/null 2>&1 & disown; echo up")
        shell.expect("up")
        front = self.front(shell)
        wait_until(lambda: self.ready_count() == 1, "the job stands")
        self.leave(shell)
        shell.hangup()
        self.assertTrue(Stat(front).alive)
        harness.send(front, signal.SIGTERM)
        wait_until(lambda: not self.strays(), "it is ended by TERM")
        self.assertEqual(outcome(self.end_event()), "killed")

    def test_KILL_of_the_whole_group_leaves_nothing(self):
        for shape in ("sleep", "daemon", "setsid", "wide 20"):
            with self.subTest(shape):
                shell = self.shell()
                ready = self.ready_count()
                shell.command(f"{self.run_words} -N group --run-id {shape.split()[0]} -k 0.2 -- {VICTIM} {shape}")
                front = self.front(shell)
                wait_until(lambda: self.ready_count() > ready, "the shape stands")
                group = Stat(front).pgrp
                self.assertNotIn(group, (os.getpgrp(), shell.run.pid, 0, 1))
                wait_until(lambda: Stat(children(front)[0]).pgrp != group, "the warden is in a group of its own")
                os.killpg(group, signal.SIGKILL)
                wait_until(lambda: not [p for p in self.pids() if Stat(p).alive], "the tree is gone")
                wait_until(lambda: self.events("end", shape.split()[0]), "the end is written")
                self.leave(shell)
        self.assertEqual(len(self.events("end")), 4)
        self.assertEqual(self.run_guard(["-N", "group"], ["true"]).err, "")
        self.assertEqual(self.records(), [])


if __name__ == "__main__":
    harness.main()

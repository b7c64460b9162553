"""--detach: a run in the background that outlives its caller, tells at once why it could not start, and loses nothing."""
import os
import pty
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, Stat, outcome, send, wait_until

TERM, KILL = signal.SIGTERM, signal.SIGKILL


class DetachTest(GuardTest):
    def detach(self, *args, **popen):
        """`spawnguard run --detach ARGS` until it returns."""
        return self.guard("--detach", *args, **popen).wait()

    def detached(self, *args, shape="sleep"):
        """The run id of a victim in the background whose shape stands."""
        before = self.ready_count()
        run = self.detach(*args, "--", VICTIM, *shape.split())
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertRegex(run.out, r"\A\S+\n\Z")
        wait_until(lambda: self.ready_count() > before, "the shape stands")
        return run.out.strip()

    def log(self, run_id):
        return os.path.join(self.state, "logs", run_id)

    def log_text(self, run_id):
        with open(self.log(run_id)) as f:
            return f.read()

    def over(self, run_id):
        """Its end line, once no guard of it is left."""
        wait_until(lambda: self.events("end", run_id) and not self.strays(), f"{run_id} is over")
        return self.end_event(run_id)


class Background(DetachTest):
    def test_it_returns_at_once_and_the_run_goes_on(self):
        run_id = self.detached("-N", "bg", "--run-id", "bg-1")
        self.assertEqual(run_id, "bg-1")
        job = Stat(self.pids()[-1])
        self.assertTrue(job.alive)
        self.assertNotEqual(job.sid, os.getsid(0))
        self.assertEqual(self.command("ps", "bg").status, 0)
        self.assertEqual(self.command("kill", "bg").status, 0)
        end = self.over(run_id)
        self.assertEqual((outcome(end), end["spawnguard.log"]), ("killed", self.log(run_id)))

    def test_its_output_goes_to_the_log_in_order_and_stdin_is_empty(self):
        script = "cat; for i in 1 2 3; do echo o$i; echo e$i >&2; done; test -t 0 || echo none; exit 5"
        run = self.detach("-N", "bg", "--", "sh", "-c", script, stdin=subprocess.PIPE)
        run_id = run.out.strip()
        end = self.over(run_id)
        self.assertEqual((outcome(end), end["spawnguard.exit_status"]), ("failed", 5))
        self.assertEqual(self.log_text(run_id), "o1\ne1\no2\ne2\no3\ne3\nnone\n")
        self.assertEqual(os.stat(self.log(run_id)).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(self.log(run_id))).st_mode & 0o777, 0o700)

    def test_whoever_reads_its_output_waits_for_no_more_than_the_id(self):
        run_id = subprocess.run([*harness.denied_words(), SPAWNGUARD, "run", "--detach", "-N", "bg", "--", VICTIM, "sleep"],
                                env=harness.denied_env(self.env),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.scratch,
                                timeout=harness.DEADLINE_S, check=True).stdout.decode().strip()
        self.assertEqual(self.command("kill", run_id).status, 0)
        self.over(run_id)

    def test_what_the_guard_says_later_goes_to_the_log(self):
        run = self.detach("-N", "bg", "-t", "0.2", "-k", "0.1", "--", VICTIM, "sleep")
        self.assertEqual(outcome(self.over(run.out.strip())), "timeout")
        self.assertRegex(self.log_text(run.out.strip()), r"spawnguard: bg: timeout after 200ms: ended 1 process")
        self.assertEqual(run.err, "")

    def test_the_output_of_one_that_was_ok_can_be_forgotten(self):
        for output in ("never", "on-failure"):
            for status in (0, 3):
                with self.subTest(output=output, status=status):
                    run = self.detach("-N", "bg", f"--output={output}", "--", "sh", "-c", f"echo x; exit {status}")
                    end = self.over(run.out.strip())
                    wait_until(lambda: os.path.exists(self.log(run.out.strip())) == bool(status), "it is tidied up")
                    self.assertEqual("spawnguard.log" in end, bool(status))

    def test_the_end_of_stderr_is_kept_too(self):
        run = self.detach("-N", "bg", "--tail", "--", "sh", "-c", "echo out; echo why >&2; exit 3")
        end = self.over(run.out.strip())
        self.assertIn("why\n", end["spawnguard.stderr.tail"])
        self.assertEqual(self.log_text(run.out.strip()), "out\nwhy\n")

    def test_its_log_is_bounded_while_it_runs(self):
        gate = self.path("gate")
        os.mkfifo(gate)
        run = self.detach("-N", "bg", "--log-max=64K", "--", "sh", "-c", f"head -c 5000000 /dev/zero | tr '\\0' x; read x <{gate}")
        log = self.log(run.out.strip())
        wait_until(lambda: os.stat(log).st_size == 5000000 and os.stat(log).st_blocks * 512 <= 65536 + 8192,
                   "its front was given back")
        with open(gate, "w") as f:
            f.write("\n")
        self.over(run.out.strip())
        self.assertEqual(os.stat(log).st_size, 5000000)

    def test_a_full_disk_is_said_in_the_log_or_lost_and_the_status_kept(self):
        script = f"{SPAWNGUARD} run --detach -N bg -- sh -c 'head -c 1000000 /dev/zero; exit 7' && exec {SPAWNGUARD} wait bg"
        run = self.in_mounts(f'mount -t tmpfs -o size=256k,mode=700 t "{self.state}"', "sh", "-c", script).wait()
        self.assertEqual(run.status, 7, run.err)
        self.assertRegex(run.out, r"\A\w+\nbg \w+: failed, status 7, \S+, output: \S+\n\Z")
        wait_until(lambda: not self.strays(), "the background is gone")

    def test_status_file_works_and_status_fd_is_refused(self):
        run = self.detach("-N", "bg", f"--status-file={self.path('status')}", "--", VICTIM, "exit", "7")
        self.over(run.out.strip())
        self.assertIn('"spawnguard.exit_status":7', self.read("status"))
        run = self.detach("-N", "bg", "--status-fd=2", "--", "true")
        self.assertEqual((run.status, run.out), (125, ""))
        self.assertRegex(run.err, r"\Aspawnguard: --status-fd [^\n]+\n\Z")


class Start(DetachTest):
    """What could not start is told as in the foreground, by the same status and words."""

    def test_as_in_the_foreground(self):
        held = self.holder("-N", "held")
        plain = self.write("plain", "no program\n")
        rows = [
            ("not found", ["-N", "a", "--", "/no/such"], 127),
            ("not executable", ["-N", "a", "--", plain], 126),
            ("conflict", ["-N", "held", "--", "true"], 75),
            ("conflict with a status", ["-N", "held", "-E", "9", "--", "true"], 9),
            ("skip", ["-N", "held", "--on-conflict=skip", "--", "true"], 0),
            ("no state", ["--state-dir=/dev/null", "--", "true"], 125),
            ("no directory", ["--chdir=/no/such", "--", "true"], 125),
        ]
        for what, args, status in rows:
            with self.subTest(what):
                front, back = self.guard(*args).wait(), self.detach(*args)
                self.assertEqual((front.status, back.status, back.out), (status, status, ""), back.err)
                same = lambda text: harness.re.sub(r"\d+(\.\d+)?(ms|s)\b", "T", text)
                self.assertEqual(same(back.err), same(front.err))
        self.assertEqual(os.listdir(os.path.join(self.state, "logs")), [], "nothing was written")
        held.send(TERM)
        held.wait()
        wait_until(lambda: not self.strays(), "nobody is left")

    def test_it_waits_for_the_lock_with_its_caller(self):
        held = self.holder("-N", "held")
        run = self.guard("--detach", "-N", "held", "-w", "60", "--", VICTIM, "sleep")
        wait_until(lambda: self.waiters(run), "the background waits")
        self.assertTrue(run.running())
        held.send(TERM)
        held.wait()
        self.assertEqual(run.wait().status, 0)
        self.assertEqual(self.command("kill", run.out.strip()).status, 0)
        self.over(run.out.strip())

    def waiters(self, run):
        return [pid for pid in harness.children(run.pid) if Stat(pid).sid == pid]

    def test_the_callers_end_ends_the_waiting(self):
        held = self.holder("-N", "held")
        for sig in (TERM, KILL, signal.SIGINT):
            with self.subTest(sig):
                run = self.guard("--detach", "-N", "held", "--wait", "--", VICTIM, "sleep")
                wait_until(lambda: self.waiters(run), "the background waits")
                run.send(sig)
                self.assertEqual(run.wait().status, -sig)
                wait_until(lambda: not self.strays(), "the background is gone")
        held.send(TERM)
        held.wait()
        self.assertEqual(len(self.events("start")), 1)

    def test_it_waits_for_its_splay_with_its_caller(self):
        run = self.detach("-N", "bg", "--splay=20ms", "-v", "--", "sh", "-c", "echo x; exit 4")
        self.assertEqual((run.status, len(run.out.split())), (0, 1), run.err)
        self.assertRegex(run.err, r"\Aspawnguard: bg: starting in \S+, of at most 20ms\n")
        self.assertEqual(self.over(run.out.strip())["spawnguard.exit_status"], 4)

    def test_the_callers_end_ends_the_splay_and_nothing_is_taken(self):
        for sig in (TERM, KILL, signal.SIGINT):
            with self.subTest(sig):
                run = self.guard("--detach", "-N", "bg", "--splay=1d", "-v", "--", VICTIM, "sleep")
                wait_until(lambda: "starting in" in run.err, "the background waits")
                self.assertEqual(self.run_guard(["-N", "bg", "--run-id", f"other-{int(sig)}"], ["true"]).status, 0,
                                 "the lock is free")
                run.send(sig)
                self.assertEqual(run.wait().status, -sig)
                wait_until(lambda: not self.strays(), "the background is gone")
        self.assertEqual(len(self.events("start")), 3, "those of the others")
        self.assertEqual(self.pids(), [])

    def test_dry_run_says_so_and_does_nothing(self):
        run = self.detach("-N", "bg", "--dry-run", "--", "true")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertIn("\noutput:  in the background, to " + self.state, run.out)
        self.assertEqual(self.history(), [])


class Survives(DetachTest):
    def test_the_hangup_of_its_terminal(self):
        def session():
            os.setsid()
            harness.fcntl.ioctl(0, 0x540E, 0)  # TIOCSCTTY
        master, slave = pty.openpty()
        script = f"{SPAWNGUARD} run --detach -N bg --run-id tty-1 -- {VICTIM} sleep; echo ready >>{self.pids_path}; read x"
        shell = self.start("sh", "-c", script, stdin=slave, stdout=slave, stderr=slave, preexec_fn=session)
        os.close(slave)
        wait_until(lambda: self.ready_count() >= 2, "both stand")
        os.close(master)  # the terminal is gone: HUP to its session
        shell.wait()
        self.assertTrue(Stat([p for p in self.pids()][0]).alive)
        self.assertEqual(self.events("end"), [])
        self.assertEqual(self.command("kill", "tty-1").status, 0)
        self.over("tty-1")

    def test_the_kill_of_its_callers_group(self):
        caller = self.start("sh", "-c", f"{SPAWNGUARD} run --detach -N bg --run-id group-1 -- {VICTIM} sleep; exec sleep 100",
                            start_new_session=True)
        wait_until(lambda: self.ready_count() >= 1 and Stat(caller.pid).comm == "sleep", "it stands")
        os.killpg(caller.pid, KILL)
        caller.wait()
        self.assertTrue(Stat(self.pids()[-1]).alive)
        self.assertEqual(self.command("kill", "bg").status, 0)
        self.over("group-1")

    def test_not_the_run_around_it(self):
        for how in ("by itself", "ended"):
            with self.subTest(how):
                before = self.ready_count()
                script = (f"{SPAWNGUARD} run --detach -N inner -- {VICTIM} sleep; echo ready >>{self.pids_path}; "
                          + ("exit 0" if how == "by itself" else "exec sleep 100"))
                run = self.guard("-N", "outer", "-k", "2", "--", "sh", "-c", script)
                if how == "ended":
                    self.wait_ready(run, before + 2)
                    run.send(TERM)
                self.assertEqual(run.wait().status, 0 if how == "by itself" else -TERM, run.err)
                self.assert_no_survivor(how)
                self.assertEqual(self.records(), [])
        ends = [e for e in self.events("end") if e["spawnguard.job"] == "inner"]
        self.assertEqual([outcome(e) for e in ends], ["killed", "killed"])

    def test_the_death_of_its_guards_leaves_it_to_the_next_start(self):
        run_id = self.detached("-N", "bg")
        front = self.events("start", run_id)[0]["process.pid"]
        (warden,) = harness.children(front)
        for sig in (signal.SIGSTOP, KILL):
            send(front, sig), send(warden, sig)
        wait_until(lambda: not Stat(front).alive and not Stat(warden).alive, "both are dead")
        again = self.run_guard(["-N", "bg"], ["true"])
        self.assertEqual(again.status, 0, again.err)
        self.assertEqual(outcome(self.over(run_id)), "lost")
        self.assertTrue(os.path.exists(self.log(run_id)))


if __name__ == "__main__":
    harness.main()

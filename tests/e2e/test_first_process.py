"""Front as PID 1: of a container, of a namespace."""
import os
import re
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, children, outcome, send, wait_until


class FirstProcess(GuardTest):
    """Front as PID 1: of a container, of a namespace."""

    def unshare(self):
        words = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "--pid", "--fork", "--kill-child", "--mount-proc"]
        if not shutil.which("unshare") or self.start(*words, "true").wait().status != 0:
            self.skipTest("no PID namespace can be made here")
        return words

    def first(self, *args, **popen):
        """`spawnguard run ARGS` as PID 1 of a namespace, and its number as it is seen from here."""
        run = self.start(*self.unshare(), SPAWNGUARD, "run", *args, **popen)
        return run, wait_until(lambda: children(run.pid) or not run.running(), "PID 1 lives")[0]

    def test_status_and_signal_become_a_number(self):
        words = self.unshare()
        for command, status in ((["exit", "7"], 7), (["signal", "15"], 143), (["signal", "9"], 137), (["-x", "setsid"], 0)):
            run = self.start(*words, SPAWNGUARD, "run", "-N", "init", "-k", "0.1", "--", VICTIM, *command).wait()
            self.assertEqual(run.status, status, run.err)

    def test_a_start_outside_closes_what_a_gone_namespace_left(self):
        words = self.unshare()
        run = self.start(*words, SPAWNGUARD, "run", "-N", "ns", "--run-id", "inside", "--", VICTIM, "sleep")
        self.wait_ready(run)
        self.end(run)
        following = self.run_guard(["-N", "ns"], ["true"])
        self.assertEqual(following.status, 0, following.err)
        # the dying first process closes its files before the kernel ends the rest: the warden may still write the end
        self.assertIn(outcome(self.end_event("inside")), ("lost", "guard_error"))
        self.assertEqual(self.records(), [])

    def test_signals_are_forwarded(self):
        run, first = self.first("-N", "init", "--", VICTIM, "catch", self.path("log"), "0", "10=5")
        wait_until(lambda: "ready" in self.read("log"), "it catches")
        for sig in (signal.SIGHUP, signal.SIGUSR2, signal.SIGRTMAX, signal.SIGINT):
            send(first, sig)
            wait_until(lambda sig=sig: f" sig={int(sig)} " in self.read("log"), f"{sig} arrives")
        send(first, signal.SIGUSR1)
        self.assertEqual(run.wait().status, 5)

    def test_term_ends_all_and_is_told_as_143(self):
        run, first = self.first("-N", "init", "-k", "0.3", "--", VICTIM, "sleep")
        self.wait_ready(run)
        send(first, signal.SIGTERM)
        self.assertEqual(run.wait().status, 143, run.err)
        self.assert_no_survivor()
        self.assertEqual(outcome(self.end_event()), "killed")

    def test_orphans_of_others_are_reaped(self):
        """What `docker exec` has started and left becomes a child of PID 1."""
        if os.geteuid() != 0:
            self.skipTest("needs root to enter a PID namespace")
        run, first = self.first("-N", "init", "--", VICTIM, "sleep")
        self.wait_ready(run)
        for _ in range(20):
            self.start("nsenter", "-t", first, "-p", "-m", "sh", "-c", "(sh -c 'exit 3' & sh -c 'exit 4' &); exit 0").wait()
        wait_until(lambda: len(children(first)) == 1, "only the warden is left of its children, no zombie")
        self.assertTrue(run.running())
        send(first, signal.SIGTERM)
        self.assertEqual(run.wait().status, 143)

    def test_killed_and_started_again_on_the_same_state(self):
        """A container that is killed with all in it, 20 times: each start has one end, and no record is left."""
        for i in range(20):
            before = self.ready_count()
            run, first = self.first("-N", "init", "--run-id", f"start-{i}", "--", VICTIM, "setsid")
            self.wait_ready(run, before + 1)
            send(first, signal.SIGKILL)
            run.wait()
            wait_until(lambda: not self.strays(), "the kernel has ended the rest")
        reaped = self.command("reap")
        self.assertEqual(reaped.status, 0, reaped.err)
        self.assertEqual(self.records(), [])
        self.assertEqual(len(self.events("start")), 20)
        ends = self.events("end")
        self.assertEqual(sorted(e["spawnguard.run.id"] for e in ends), sorted(f"start-{i}" for i in range(20)))
        # the dying first process closes its files before the kernel ends the rest: the warden may still write the end
        self.assertLessEqual({outcome(e) for e in ends}, {"lost", "guard_error"})
        self.assertIn("lost", {outcome(e) for e in ends})


class Image(GuardTest):
    """A root file system with nothing in it but the guard, a shell and what they need: as an image has it."""

    def libraries(self, program):
        told = self.start("ldd", program).wait()
        return re.findall(r"(/\S+) \(0x", told.out) if told.status == 0 else []

    def make_image(self):
        root = self.path("image")
        for folder in ("bin", "proc", "dev", "state", "tmp", "libexec/spawnguard"):
            os.makedirs(os.path.join(root, folder))
        os.chmod(os.path.join(root, "state"), 0o700)
        here = os.path.dirname(os.path.dirname(os.path.realpath(SPAWNGUARD)))
        programs = {SPAWNGUARD: "bin/spawnguard", "/bin/sh": "bin/sh", VICTIM: "bin/victim",
                    os.path.join(here, "libexec/spawnguard/ps"): "libexec/spawnguard/ps"}
        for program, name in programs.items():
            shutil.copy(os.path.realpath(program), os.path.join(root, name))
            for library in self.libraries(program):
                there = root + library
                os.makedirs(os.path.dirname(there), exist_ok=True)
                shutil.copy(os.path.realpath(library), there)
        return root

    def enter(self, root, *words):
        """words as PID 1, in the image."""
        way = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "--pid", "--fork", "--kill-child", "--mount",
               "--root", root, "--mount-proc"]
        return self.start(*way, *words, env={"PATH": "/bin", "SPAWNGUARD_STATE_DIR": "/state"}, cwd="/")

    def test_the_entry_point_of_an_image_twice(self):
        root = self.make_image()
        if not shutil.which("unshare") or self.enter(root, "/bin/sh", "-c", "exit 0").wait().status != 0:
            self.skipTest("no namespaces, or no chroot, can be made here")
        self.state = os.path.join(root, "state")
        for round_ in (1, 2):
            run = self.enter(root, "/bin/spawnguard", "run", "-N", "entry", "-k", "0.2", "--", "sh", "-c",
                             'echo job of $PPID; (sleep 100 & ) 2>/dev/null; victim -x daemon; exit 5')
            self.assertEqual(run.wait(60 * SCALE).status, 5, run.err)
            self.assertEqual(run.out, "job of 2\n", "front is 1, and the warden 2")
            self.assertEqual(len(self.events("end")), round_)
            self.assertEqual(self.records(), [])
        run = self.enter(root, "/bin/spawnguard", "run", "-N", "entry", "--", "sh", "-c", "kill -9 $$")
        self.assertEqual(run.wait(60 * SCALE).status, 137, run.err)
        self.assert_no_survivor()


if __name__ == "__main__":
    harness.main()

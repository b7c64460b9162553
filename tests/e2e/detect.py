"""Detectors: what is wrong with a process though it is over no limit is a flag in the history, and never more."""
import os
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import VICTIM, GuardTest, wait_until


class Detect(GuardTest):
    def job(self, script, *options, interpreter=("python3", "-c")):
        """A job of its own that stays until it is told; its flags so far: a function."""
        self.gate = self.path("gate")
        os.mkfifo(self.gate)
        run = self.guard("-N", "j", "--interval=100ms", *options, "--", *interpreter, script + f"\nopen({self.gate!r}).read()\n"
                         if interpreter[0] == "python3" else script)
        return run

    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag")]

    def expect(self, rule, severity):
        def look():
            return [f for f in self.flags() if (f["rule"], f["severity"]) == (rule, severity)]
        return wait_until(look, f"{rule}, {severity}")[0]

    def end(self, run, only):
        """The job goes on and ends; no other rule had a word to say, and people heard nothing."""
        with open(self.gate, "w") as f:
            f.write("go\n")
        self.assertEqual((run.wait().status, run.err), (0, ""))
        self.assertEqual({f["rule"] for f in self.flags()}, {only})
        self.assertEqual({f["action"] for f in self.flags()}, {"flag"})

    def test_a_zombie_is_told_when_it_stays_and_once_more_when_it_stays_longer(self):
        run = self.job("import os\npid = os.fork()\nif pid == 0: os._exit(0)\n")
        first = self.expect("zombies", "info")
        second = self.expect("zombies", "warning")
        self.assertEqual(first["witnesses"][0]["pid"], second["witnesses"][0]["pid"])
        self.assertGreater(second["lasted"], first["lasted"])
        self.end(run, "zombies")
        self.assertEqual(len(self.flags()), 2)

    def test_open_files_near_the_soft_limit(self):
        run = self.job("import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
                       "kept = [os.open('/dev/null', 0) for _ in range(31)]\n")
        flag = self.expect("fds", "warning")
        self.assertEqual(flag["bound"], 40)
        self.assertGreaterEqual(flag["value"], 33)
        self.assertRegex(flag["text"], r"\Apython3\S* \(\d+\) has \d+ files open, soft limit 40\Z")
        self.end(run, "fds")

    def test_all_files_that_are_allowed(self):
        """Of a limit that is lowered once it has been asked for."""
        run = self.job("import os, resource, time\ntime.sleep(2.5)\nresource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\nkept = []\ntry:\n"
                       "    while True: kept.append(os.open('/dev/null', 0))\nexcept OSError: pass\n"
                       "import time\nwhile not os.path.exists('free'): time.sleep(0.01)\n[os.close(fd) for fd in kept]\n", "-C", self.scratch)
        flag = self.expect("fds", "critical")
        self.assertEqual((flag["value"], flag["bound"]), (40, 40))
        self.write("free", "")
        self.end(run, "fds")

    def test_a_signal_that_is_not_taken(self):
        run = self.job("import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
                       "os.kill(os.getpid(), signal.SIGTERM)\n")
        flag = self.expect("signals", "warning")
        self.assertIn("does not take signal TERM: it is blocked", flag["text"])
        self.assertGreaterEqual(flag["lasted"], 1.5, "three samples, a second apart")
        self.end(run, "signals")

    def test_an_orphan_after_its_grace(self):
        run = self.job(f"import os, subprocess\nsubprocess.run(['sh', '-c', '{VICTIM} sleep &'])\n", "--orphan-grace=300ms")
        flag = self.expect("orphans", "info")
        self.assertRegex(flag["text"], r"\Avictim \(\d+\) goes on without its parent\Z")
        self.assertGreaterEqual(flag["lasted"], 0.3)
        with open(self.gate, "w") as f:
            f.write("go\n")
        self.assertEqual(run.wait().status, 0)
        self.assertEqual(len(self.flags()), 1, "it is told once, and not again at the end")
        self.assertRegex(run.err, r"\Aspawnguard: j: ended 1 process that the job left behind: victim \(\d+\)\n\Z")

    def test_what_is_left_is_told_when_the_job_is_over(self):
        run = self.guard("-N", "j", "--orphan-grace=none", "--", "sh", "-c", f"{VICTIM} sleep & {VICTIM} sleep &")
        self.assertEqual(run.wait().status, 0)
        (flag,) = self.flags()
        self.assertEqual((flag["rule"], flag["severity"], flag["value"]), ("orphans", "info", 2))

    def test_another_program_after_a_while(self):
        """By who may look into it: an unprivileged user's guard."""
        if os.geteuid() == 0:
            self.skipTest("root's guard gives up what it takes to know its program")
        run = self.job("import os, time\ntime.sleep(14)\nos.execv('/usr/bin/env', ['env', 'sh', '-c', 'read x <gate'])\n",
                       "-C", self.scratch)
        self.assertIn("is another program now, after ", self.expect("drift", "info")["text"])
        self.end(run, "drift")

    def test_a_shell_that_becomes_its_program_is_in_order(self):
        run = self.job(f"sleep 1.5; exec sh -c 'sleep 3; read x <{self.path('gate')}'", interpreter=("sh", "-c"))
        with open(self.gate, "w") as f:
            f.write("go\n")
        self.assertEqual((run.wait().status, run.err, self.flags()), (0, "", []))

    def test_vfork_waits_as_long_as_it_likes(self):
        """Its parent hangs in the kernel, as it looks from outside."""
        ready = self.ready_count()
        run = self.guard("-N", "j", "--interval=100ms", "--", VICTIM, "vfork")
        wait_until(lambda: self.ready_count() > ready, "it stands")
        harness.observe(5)
        self.assertEqual(self.flags(), [])
        self.assertEqual(self.command("kill", "j").status, 0)
        run.wait()

    def test_all_processes_that_are_allowed(self):
        """Counted apart from all others: in a user namespace."""
        if os.geteuid() == 0:
            self.skipTest("root needs no user namespace for --isolate, and is bound by no limit of processes")
        self.needs_isolation()
        run = self.job("import os, resource, time\nresource.setrlimit(resource.RLIMIT_NPROC, (12, 12))\nkept = []\ntry:\n"
                       "    while len(kept) < 50:\n        kept.append(os.fork())\n"
                       f"        if kept[-1] == 0: time.sleep({20 * harness.SCALE}); os._exit(0)\nexcept OSError: pass\n", "--isolate")
        flag = self.expect("cap", "warning")
        self.assertEqual((flag["value"], flag["bound"]), (12, 12))
        self.assertEqual(flag["text"], "there are as many processes and threads as the limit allows (ulimit -u), 12: the next one "
                                       "is refused")
        self.assertGreaterEqual(flag["lasted"], 0.9, "two samples")
        with open(self.gate, "w") as f:
            f.write("go\n")
        self.assertEqual(run.wait().status, 0, run.err)
        self.assertEqual(len([f for f in self.flags() if f["rule"] == "cap"]), 1)

    def test_what_is_switched_off_says_nothing(self):
        run = self.guard("-N", "j", "--interval=50ms", "--detect=none", "--", "python3", "-c",
                         "import os, time\nos.fork() or os._exit(0)\ntime.sleep(4)")
        self.assertEqual((run.wait().status, run.err, self.flags()), (0, "", []))

    def test_one_is_switched_off_and_the_others_are_not(self):
        run = self.job("import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
                       "os.kill(os.getpid(), signal.SIGTERM)\nos.fork() or os._exit(0)\n", "--detect=-zombies")
        self.expect("signals", "warning")
        self.end(run, "signals")

    def test_a_hook_hears_of_it(self):
        run = self.job("import os\nos.fork() or os._exit(0)\n", "--on-flag", f"sh -c 'echo \"$0 $*\" >>{self.path('heard')}' x")
        self.expect("zombies", "warning")
        wait_until(lambda: os.path.exists(self.path("heard")), "the hook was run")
        self.end(run, "zombies")


class Signatures(GuardTest):
    def test_what_must_not_be_there_is_killed_as_soon_as_it_is_seen(self):
        conf = self.write("conf", "[signature intruder]\nmeaning = critical\naction = kill\norphans = no\n"
                          "role = worker comm=victim threads=1 caught=!TERM\n", 0o600)
        run = self.guard("-N", "j", "--interval=50ms", "--config", conf, "--", "sh", "-c", f"{VICTIM} sleep; echo $?")
        self.assertEqual(run.wait().status, 0)
        self.assertEqual(run.out, "137\n")
        self.assertRegex(run.err, r"\Aspawnguard: warning: j: signature: intruder x1, lived \S+, critical")
        (flag,) = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertEqual((flag["rule"], flag["severity"]), ("signature", "critical"))

    def test_orphans_are_ended_after_their_grace_while_the_job_goes_on(self):
        conf = self.write("conf", "[signature stray]\nmeaning = harmless\naction = end\nrole = a comm=victim threads=1\n", 0o600)
        run = self.guard("-N", "j", "--interval=50ms", "--orphan-grace=200ms", "--config", conf, "--", "sh", "-c",
                         f"({VICTIM} sleep &); while pgrep -P $PPID victim >/dev/null; do sleep 0.1; done; echo gone")
        self.assertEqual((run.wait().status, run.out, run.err), (0, "gone\n", ""))
        (flag,) = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertRegex(flag["text"], r"\Astray x1, lived \S+, harmless\Z")

    def sleeping(self):
        """Where sleep(1) sleeps, as the signatures say it."""
        sleep = self.start("sleep", "60")
        path = f"/proc/{sleep.pid}/wchan"
        if not os.path.exists(path):
            self.skipTest("this kernel does not tell where processes sleep")
        def look():
            with open(path, encoding="ascii") as f:
                return f.read()
        settled = time.monotonic() + 1
        wchan = wait_until(lambda: "sleep" in look() and look() or time.monotonic() > settled and "0", "it sleeps")
        sleep.send(signal.SIGKILL)
        sleep.wait()
        return wchan

    def test_by_program_and_by_where_it_sleeps(self):
        """Both are for eyes that root's warden has given up; the job is root's own, or another user's."""
        wchan, sleep = self.sleeping(), os.path.realpath(shutil.which("sleep"))
        if wchan == "0":
            self.skipTest("this kernel does not tell where processes sleep")
        conf = self.write("conf", f"[signature other]\nmeaning = warning\norphans = no\nrole = a exe={sleep} wchan=nowhere\n"
                          f"[signature waiter]\nmeaning = warning\norphans = no\nrole = a exe={sleep} wchan={wchan}\n", 0o600)
        os.chmod(self.scratch, 0o755)
        as_other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for become in ([], as_other) if os.geteuid() == 0 and shutil.which("setpriv") else ([],):
            before = len(self.events("flag"))
            run = self.guard("-N", f"j{before}", "--interval=100ms", "--config", conf, "--", *become, "sleep", "600")
            wait_until(lambda: len(self.events("flag")) > before, "it is known")
            self.assertEqual(self.command("kill", f"j{before}").status, 0)
            run.wait()
            (flag,) = [e["spawnguard.flag"] for e in self.events("flag")][before:]
            self.assertRegex(flag["text"], r"\Awaiter x1, lived \S+, warning\Z")

    def test_a_spawn_loop_is_known(self):
        loop = "import subprocess, sys\nfor _ in range(13):\n" \
               "    subprocess.run([sys.executable, '-c', 'import time; x = bytearray(b\"x\" * (40 << 20)); time.sleep(0.2)'])\n"
        run = self.guard("-N", "j", "--interval=50ms", "--", "python3", "-c", loop)
        self.assertEqual((run.wait(60).status, run.err), (0, ""))
        (flag,) = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertRegex(flag["text"], r"\Aspawn-loop x1, lived \S+, info\Z")


if __name__ == "__main__":
    harness.main()

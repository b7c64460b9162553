"""Real programs: output and status as without a guard, and nothing left."""
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, outcome, wait_until


class RealTest(GuardTest):
    def assert_same(self, command, args=(), **popen):
        """Bare and guarded: the same status, stdout and stderr."""
        bare = self.start(*command, **popen).wait()
        guarded = self.run_guard(list(args), command, **popen)
        self.assertEqual((guarded.status, guarded.out, guarded.err), (bare.status, bare.out, bare.err))
        self.assert_no_survivor()
        return guarded


class Shell(RealTest):
    def test_pipelines_background_and_wait(self):
        for script in (
            "seq 1 1000 | sort -rn | head -n 3",
            "for i in 1 2 3 4 5; do echo $i >>numbers & done; wait; sort numbers; rm numbers; echo all",
            "(exit 3) & wait $!; echo $?",
            "trap 'echo bye' EXIT; exit 4",
            "kill -TERM $$",
            "yes | head -n 100000 | md5sum; echo ${PIPESTATUS[@]}",
            "set -m; sleep 0.01 & wait; echo ok",
            "cat <(echo one) <(echo two)",
            "ulimit -n; umask; pwd",
            "echo to stderr >&2; exit 255",
        ):
            with self.subTest(script):
                self.assert_same(["bash", "-c", script])

    def test_a_server_left_in_the_background_is_ended(self):
        port = self.path("socket")
        server = self.write("server.py", f"import socket, time\ns = socket.socket(socket.AF_UNIX)\ns.bind({port!r})\n"
                                         "s.listen()\nprint('listening', flush=True)\ntime.sleep(50)\n")
        run = self.run_guard(["-k", "1"], ["bash", "-c", f"setsid nohup /usr/bin/python3 {server} >out 2>&1 </dev/null & "
                                           f"while [ ! -s out ]; do sleep 0.01; done; cat out; exit 12"])
        self.assertEqual((run.status, run.out), (12, "listening\n"))
        self.assertRegex(run.err, r"\Aspawnguard: [^\n]*ended 1 process[^\n]*\(\d+\)\n\Z")
        self.assert_no_survivor()

    def test_a_server_that_is_to_stay_stays(self):
        run = self.run_guard(["--leftovers=leave"], ["bash", "-c", f"{VICTIM} -x daemon; exit 0"])
        self.assertEqual(run.status, 0)
        self.assertEqual(len(self.strays()), 1)
        self.end_strays()

    def test_a_short_lived_helper_that_drains_is_not_cut_off(self):
        run = self.run_guard([], ["bash", "-c", "exec > >(sleep 0.02; cat); seq 1 5000"])
        self.assertEqual(run.status, 0)
        wait_until(lambda: not self.strays(), "cat is done")
        self.assertEqual(run.out, "".join(f"{i}\n" for i in range(1, 5001)))
        self.assertEqual(run.err, "")


class Programs(RealTest):
    def test_a_python_pool(self):
        script = self.write("pool.py", "import multiprocessing as m\n"
                            "def square(n): return n * n\n"
                            "if __name__ == '__main__':\n"
                            "    for method in ('fork', 'spawn'):\n"
                            "        with m.get_context(method).Pool(4) as p: print(sum(p.map(square, range(1000))))\n")
        self.assert_same(["/usr/bin/python3", script])

    def test_a_python_pool_that_hangs_is_ended(self):
        script = self.write("pool.py", "import multiprocessing as m, time, signal, sys\n"
                            "def hang(n):\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(50)\n"
                            "if __name__ == '__main__':\n    m.set_start_method('fork')\n"
                            "    p = m.Pool(8)\n    p.map(hang, range(8))\n")
        run = self.run_guard(["-t", f"{1.0 * SCALE}", "-k", "0.3"], ["/usr/bin/python3", script])
        self.assertEqual(run.status, 124)
        self.assert_no_survivor()
        self.assertGreaterEqual(self.end_event()["spawnguard.peak.processes"], 9)

    def stress(self, *args):
        if not shutil.which("stress-ng"):
            self.skipTest("stress-ng is not installed")
        return ["stress-ng", "--quiet", "--temp-path", self.scratch, *args]

    def test_stress_ng_fork_ends_as_without_a_guard(self):
        command = self.stress("--fork", "2", "--fork-ops", "2000", "--timeout", "20")
        run = self.run_guard(["-k", "1"], command)
        self.assertEqual(run.status, 0, run.err)
        self.assert_no_survivor()

    def test_stress_ng_fork_is_ended_by_the_timeout(self):
        run = self.run_guard(["-t", "0.7", "-k", "0.5"], self.stress("--fork", "4", "--fork-max", "8", "--timeout", "50"))
        self.assertEqual(run.status, 124)
        self.assertLess(run.wall, 0.7 + 0.5 + 1.0 * SCALE)
        self.assert_no_survivor()

    def test_stress_ng_daemon_is_ended_by_the_timeout(self):
        run = self.run_guard(["-t", "0.7", "-k", "0.5"], self.stress("--daemon", "2", "--timeout", "50"))
        self.assertEqual(run.status, 124)
        self.assertLess(run.wall, 0.7 + 0.5 + 1.0 * SCALE)
        self.assert_no_survivor()

    def test_stress_ng_zombie_and_vfork(self):
        run = self.run_guard(["-t", "0.7", "-k", "0.5"],
                             self.stress("--zombie", "1", "--zombie-max", "50", "--vfork", "2", "--timeout", "50"))
        self.assertEqual(run.status, 124)
        self.assert_no_survivor()

    def test_a_parallel_build(self):
        for tool in ("make", "gcc"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        rules = ["CFLAGS = -O1", "all: prog"]
        names = [f"f{i}" for i in range(12)]
        for i, name in enumerate(names):
            self.write(f"{name}.c", f"int {name}(int x) {{ return x + {i}; }}\n")
        calls = " + ".join(f"{n}(0)" for n in names)
        self.write("main.c", "".join(f"int {n}(int);\n" for n in names) + f"int main(void) {{ return {calls}; }}\n")
        rules += ["prog: main.o " + " ".join(n + ".o" for n in names), "\t$(CC) -o $@ $^", "clean:", "\trm -f *.o prog"]
        self.write("Makefile", "\n".join(rules) + "\n")
        run = self.run_guard(["-N", "build"], ["make", "-s", "-j4"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.start(self.path("prog")).wait().status, sum(range(12)))
        self.assertGreaterEqual(self.end_event()["spawnguard.members.seen"], 2)
        self.assert_no_survivor()

    def test_a_jobserver_of_the_caller_reaches_the_job(self):
        if not shutil.which("make"):
            self.skipTest("make is not installed")
        self.write("Makefile", f"all:\n\t+@{SPAWNGUARD} run -N sub -- $(MAKE) -s -f inner.mk\n")
        self.write("inner.mk", "all: a b c\na b c:\n\t@echo $@\n")
        run = self.start("make", "-s", "-j3").wait()
        self.assertEqual((run.status, sorted(run.out.split())), (0, ["a", "b", "c"]))
        self.assertNotIn("jobserver unavailable", run.err)


if __name__ == "__main__":
    harness.main()

"""--isolate: what other suites ask holds in there too, but for a list of differences; and the kernel ends it all."""
# label: heavy
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_fidelity
import test_signals
import test_tty
from harness import (SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, now, outcome, send,
                     status_field, wait_until)

ISOLATED = (SPAWNGUARD, "run", "--isolate")


class Isolated:
    """Tests of another file, in a PID namespace each."""
    RUN = ISOLATED

    def setUp(self):
        super().setUp()
        self.needs_isolation()


# What the job can tell: spawnguard-run(1) lists them.
DIFFERENT = {"sid", "pgrp", "ns.pid", "ns.pid_for_children", "ns.mnt"}
NUMBERS_OUTSIDE = {"sid=0", "pgrp=0"}  # of the caller's session and group: nobody has them in there


def strange_here():
    """Which have none here either, where the tests were put into a PID namespace without a session of their own."""
    return {word for word, number in (("sid=0", os.getsid(0)), ("pgrp=0", os.getpgrp())) if number == 0}


class Traits(Isolated, test_fidelity.Traits):
    WORLDS = [(name, world) for name, world in test_fidelity.WORLDS if name != "12 descriptors"]

    def test_ambient_capabilities_reach_the_job(self):
        self.skipTest("they do not: the namespace of a user has its own")

    def assert_equal(self, bare, guarded):
        users = {line for side in (bare, guarded) for line in side if line.startswith("ns.user=")}
        differs = DIFFERENT | ({"ns.user"} if len(users) > 1 else set())  # by privileges, which a world may lack
        split = [{line for line in side if line.split("=")[0] in differs} for side in (bare, guarded)]
        self.assertEqual(split[0] & split[1], strange_here())
        self.assertEqual({line for line in split[1] if not line.startswith("ns.")}, NUMBERS_OUTSIDE)
        super().assert_equal(*([line for line in side if line not in split[i]] for i, side in enumerate((bare, guarded))))


class Status(Isolated, test_fidelity.Status):
    pass


class Stdio(Isolated, test_fidelity.Stdio):
    pass


class Signals(Isolated, test_signals.PassedOn):
    pass


class SignalEnds(Isolated, test_signals.End):
    pass


class Keys(Isolated, test_tty.Keys):
    def test_the_job_stays_in_the_callers_group_and_foreground(self):
        """As seen outside: in there it is called 0."""
        shell = self.shell()
        shell.command(f"{self.run_words} -N group -- cat")
        front = self.front(shell)
        warden = children(front)[0]
        wait_until(lambda: len(children(warden)) == 2, "who made the job is gone")
        init, job = children(warden)
        self.assertEqual((Stat(job).pgrp, Stat(job).sid), (Stat(front).pgrp, Stat(front).sid))
        self.assertNotEqual(Stat(init).pgrp, Stat(front).pgrp)
        shell.send("\x04")
        self.leave(shell)


class IsolateTest(Isolated, GuardTest):
    def tree(self, run):
        """(init, pids of the job and all below): as counted outside."""
        warden = run.warden()
        wait_until(lambda: len(children(warden)) == 2, "init and job, and who made the job is gone")
        found = descendants(warden)
        init = [pid for pid in found if os.path.exists(f"/proc/{pid}") and status_field(pid, "NSpid").split()[-1] == "1"]
        self.assertEqual(len(init), 1, self.picture(found))
        return init[0], sorted(set(found) - set(init))

    def gone(self, pids):
        """Dead, and reaped by whoever has them now."""
        self._reap()
        return not any(os.path.exists(f"/proc/{pid}") for pid in pids)


class World(IsolateTest):
    def test_the_job_is_pid_2_below_an_init_of_ours_and_sees_nobody_else(self):
        run = self.run_guard([], ["sh", "-c", "echo $$ $PPID; ps -e -o pid=,comm="])
        words = run.out.split()
        self.assertEqual(words[:2], ["2", "0"], run.out + run.err)
        self.assertEqual([w for w in words[2:] if not w.isdigit()], ["spawnguard", "sh", "ps"])

    def test_root_has_no_user_namespace_and_a_user_has_its_own_ids_in_one(self):
        run = self.run_guard([], ["sh", "-c", "readlink /proc/self/ns/user; id -u; id -g; cat /proc/self/uid_map"])
        name, uid, gid, *ids = run.out.split()
        self.assertEqual((int(uid), int(gid)), (os.geteuid(), os.getegid()))
        if int(status_field(os.getpid(), "CapEff"), 16) & 1 << 21:  # CAP_SYS_ADMIN
            self.assertEqual(name, os.readlink("/proc/self/ns/user"))
        else:
            self.assertEqual(ids, [uid, uid, "1"])

    def test_nothing_of_its_mounts_is_seen_outside(self):
        with open("/proc/self/mountinfo") as f:
            before = f.read()
        run = self.run_guard([], ["cat", "/proc/self/mountinfo"])
        inside = [line.split()[4] for line in run.out.splitlines()]
        self.assertEqual(inside.count("/proc"), before.count(" /proc ") + 1)
        with open("/proc/self/mountinfo") as f:
            self.assertEqual(f.read(), before)

    def test_orphans_are_reaped_by_init(self):
        script = """
for i in 1 2 3 4 5 6 7 8 9; do (sleep 0 &) ; done
i=0
while [ $i -lt 1000 ]; do
    set -- $(cat /proc/[0-9]*/stat 2>/dev/null | awk '$3 == "Z"' | wc -l) $(ls -d /proc/[0-9]* | wc -l)
    [ "$1" = 0 ] && exit 7
    i=$((i + 1))
done"""
        self.assertEqual(self.run_guard([], ["sh", "-c", script]).status, 7)

    def test_the_job_cannot_end_or_stop_init(self):
        script = """
kill -9 1; kill -TERM 1; kill -STOP 1; kill -CHLD 1
orphan=$( (sleep 0 >/dev/null & echo $!) )
while kill -0 $orphan 2>/dev/null; do :; done # until init has reaped it
exit 6"""
        run = self.run_guard([], ["sh", "-c", script])
        self.assertEqual((run.status, run.err), (6, ""))

    def test_a_job_that_closes_all_descriptors(self):
        script = "import os; os.closerange(0, 1024); os.fork() or os._exit(0); os._exit(9)"
        self.assertEqual(self.run_guard([], [sys.executable, "-c", script]).status, 9)

    def test_it_goes_with_the_other_options(self):
        run = self.run_guard(["-N", "all", "-C", "/usr", "--env", "KEY=word", "--umask=027", "--tail=1K", "-t", "60",
                              "--output=on-failure", "--nice=19", "--oom-score-adj=500", "--no-new-privs", "--drop-caps"],
                             ["sh", "-c", "pwd; echo $KEY; umask; cat /proc/self/oom_score_adj; nice; echo end >&2; exit 3"])
        self.assertEqual(run.status, 3)
        self.assertEqual(run.out.split(), ["/usr", "word", "0027", "500", "19", "end"])
        self.assertRegex(self.end_event()["spawnguard.stderr.tail"], r"(?m)^end\n\Z")
        self.assertIs(self.events("start")[-1]["spawnguard.isolated"], True)

    def test_detached(self):
        log = self.path("log")
        run = self.run_guard(["-N", "away", "--detach", "--log", log], ["sh", "-c", "echo $$; exit 4"])
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.command("wait", "away").status, 4)
        wait_until(lambda: not self.strays(), "front is gone")
        self.assertEqual(self.read("log"), "2\n")

    def test_ps_status_freeze_and_kill_know_the_members_from_outside(self):
        run = self.holder("-N", "seen", "-k", "0.2", shape="deep 2")
        init, members = self.tree(run)
        said = self.command("ps", "--json", "seen").out
        self.assertEqual(sorted(int(pid) for pid in re.findall(r'"pid":(\d+),"ppid"', said) if int(pid) in members + [init]),
                         members)
        self.assertEqual(self.command("freeze", "seen").status, 0)
        wait_until(lambda: {Stat(pid).state for pid in members} == {"T"}, "they stand")
        self.assertEqual(Stat(init).state, "S")
        self.assertEqual(self.command("thaw", "seen").status, 0)
        self.assertEqual(self.command("kill", "seen").status, 0)
        run.wait()
        self.assert_no_survivor(run.err)
        self.assertEqual(self.end_event()["spawnguard.members.seen"], len(members))

    def test_a_user_of_neither_is_refused_with_what_to_do(self):
        way = ["unshare", "-Ur", "sh", "-ec", "echo 0 >/proc/sys/user/max_pid_namespaces; exec \"$@\"", "sh"]
        if self.start(*way, "true").wait().status:
            self.skipTest("no user namespace with limits of its own here")
        run = self.start(*way, *ISOLATED, "--state-dir", self.path("own"), "--", "touch", self.path("ran")).wait()
        self.assertEqual((run.status, os.path.exists(self.path("ran"))), (125, False))
        self.assertIn("cannot give the job a PID namespace of its own: No space left on device", run.err)


class Ends(IsolateTest):
    def test_leftovers_get_the_first_signal_and_the_grace(self):
        for shape in ("daemon", "clone-parent", "wide 5"):
            with self.subTest(shape):
                run = self.run_guard(["-N", "left", "-k", "5"], [VICTIM, "-x", *shape.split()])
                self.assertEqual(run.status, 0)
                self.assertRegex(run.err, r"\Aspawnguard: left: ended \d+ process(es)? that the job left behind: [^\n]*\n\Z")
                self.assert_no_survivor(run.err)
                self.assertEqual(self.events("end")[-1]["spawnguard.members.killed"], 0)

    def test_leftovers_are_waited_for(self):
        run = self.run_guard(["--leftovers=wait"], ["sh", "-c", "(setsid sh -c 'sleep 0.2; echo late' &); exit 3"])
        self.assertEqual((run.status, run.out), (3, "late\n"))

    def test_the_stubborn_end_with_the_namespace(self):
        run = self.run_guard(["-N", "slow", "-t", "0.3", "-k", "0.2"], [VICTIM, "ignore-term"])
        self.assertEqual(run.status, 124, run.err)
        self.assert_no_survivor(run.err)
        self.assertEqual(self.end_event()["spawnguard.rung.kill"], "isolate")

    def test_a_lesser_rung_ends_it_too(self):
        run = self.run_guard(["-t", "0.3", "-k", "0.2", "--kill-rung=sweep"], [VICTIM, "ignore-term"])
        self.assertEqual((run.status, self.end_event()["spawnguard.rung.kill"]), (124, "sweep"), run.err)
        self.assert_no_survivor(run.err)

    def test_KILL_of_the_warden_or_both_ends_all_at_once_by_the_kernel(self):
        for who in ("warden", "both"):
            with self.subTest(who):
                run = self.holder("-N", who, "-k", "100", shape="ignore-term")
                init, members = self.tree(run)
                warden = run.warden()
                began = now()
                for sig in (signal.SIGSTOP, signal.SIGKILL) if who == "both" else (signal.SIGKILL,):
                    for pid in (run.pid, warden) if who == "both" else (warden,):
                        send(pid, sig)
                run.wait()
                wait_until(lambda pids=(init, *members, warden): self.gone(pids), "the kernel has ended them")
                self.assertLess(now() - began, 5 * SCALE)
                self.assertEqual(run.status, 125 if who == "warden" else -signal.SIGKILL, run.err)
                self.assert_no_survivor(run.err)
        self.assertEqual(self.run_guard(["-N", "both"], ["true"]).status, 0)
        self.assertEqual(self.records(), [])

    def test_KILL_of_front_gives_the_grace_and_then_ends_all(self):
        run = self.holder("-N", "front", "-k", "0.3", shape="ignore-term")
        init, members = self.tree(run)
        warden = run.warden()
        run.send(signal.SIGKILL)
        run.wait()
        wait_until(lambda: self.gone((init, *members, warden)), "the warden has ended them")
        end = self.end_event()
        self.assertEqual((end["spawnguard.rung.kill"], end["spawnguard.cause"]), ("isolate", "front_dead"))

    def test_KILL_of_init_from_outside_ends_the_job(self):
        run = self.holder("-N", "init", shape="wide 5")
        init, _ = self.tree(run)
        send(init, signal.SIGKILL)
        self.assertEqual(run.wait().status, -signal.SIGKILL, run.err)
        self.assert_no_survivor(run.err)

    def test_a_stopped_init_keeps_nobody(self):
        run = self.holder("-N", "init", "-k", "0.2", shape="ignore-term")
        init, _ = self.tree(run)
        send(init, signal.SIGSTOP)
        run.send(signal.SIGTERM)
        run.wait()
        self.assert_no_survivor(run.err)

    def test_a_guard_in_there_ends_its_tree_by_itself_and_first(self):
        self.needs("pidfd_open")  # numbers of another namespace: only an inode tells that it is a guard
        for words in ([SPAWNGUARD, "run"], ISOLATED):
            with self.subTest(words[-1]):
                run = self.holder_of("-N", "outer", "-k", "20", command=[*words, "-N", "inner", "--", VICTIM, "setsid"])
                run.send(signal.SIGTERM)
                run.wait()
                self.assert_no_survivor(run.err)
                inner = [e for e in self.events("end") if e["spawnguard.job"] == "inner"][-1]
                self.assertEqual((outcome(inner), inner["spawnguard.cause"], inner["spawnguard.written_by"]),
                                 ("killed", "outer_run", "warden"))
                self.assertEqual(self.records(), [])

    def holder_of(self, *args, command):
        ready = self.ready_count()
        run = self.guard(*args, "--", *command)
        self.wait_ready(run, ready + 1)
        return run


class Caps(GuardTest):
    """In a user namespace of its own the kernel holds what a look would be too late for."""
    FORKS = """import os, sys, time
ends = os.pipe()
made = 0
try:
    for made in range(150):
        if os.fork() == 0:
            os.close(ends[1])
            os.read(ends[0], 1)
            os._exit(0)
    made += 1
except BlockingIOError:
    pass
print(made, flush=True)
time.sleep(float(sys.argv[1]))
os.close(ends[1])
for _ in range(made):
    os.wait()
"""

    def setUp(self):
        super().setUp()
        self.needs_isolation()
        if os.geteuid() == 0:
            self.skipTest("root has no user namespace here, and the kernel counts no processes of root")

    def forks(self, *options, stays=0):
        return self.run_guard(["--isolate", "--config=none", "-k", "none", *options], ["python3", "-c", self.FORKS, str(stays)])

    def test_no_more_are_born_than_one_too_many(self):
        for options, made in ((["--max-threads=20"], 20), (["--max-procs=1"], 71), (["--max-threads=10:20"], 20),
                              (["--max-threads=20:"], 150), (["--max-threads=20", "--on-limit=warn"], 150), ([], 150)):
            with self.subTest(options=options):
                run = self.forks("--interval=1h", *options)
                self.assertEqual((run.status, run.out), (0, f"{made}\n"), run.err)

    def test_the_look_gives_the_verdict(self):
        run = self.forks("--max-threads=20", stays=60)
        self.assertEqual((run.status, run.out), (123, "20\n"), run.err)
        self.assertRegex(run.err, "max-threads: 21 threads, limit 20;")


class AtOnce(GuardTest):
    """Without grace front ends the namespace itself; the warden says what it was."""

    def setUp(self):
        super().setUp()
        self.needs_isolation()

    def test_a_storm_without_grace(self):
        for shape in ("bomb-daemon 60", "wide 20"):
            run = self.holder("--isolate", "-k", "none", shape=shape)
            run.send(signal.SIGTERM)
            run.wait()
            self.assertEqual(run.status, -signal.SIGKILL, run.err)
            self.assertRegex(run.err, r"asked to end by a signal from \S+ \(pid \d+, uid \d+\): ended \d+ process")
            self.assert_no_survivor(run.err)
            end = self.events("end")[-1]
            self.assertEqual((end["spawnguard.cause"], end["spawnguard.rung.kill"]), ("signal", "isolate"), end)
            self.assertGreater(end["spawnguard.members.killed"], 0, end)  # as of the last look

    def test_at_any_moment_of_a_start(self):
        for i in range(25 if not harness.SANITIZED else 8):
            run = self.start(SPAWNGUARD, "run", "-N", "c", "--isolate", "-k", "none", "--", "sleep", "30")
            wait_until(lambda run=run, i=i: harness.children(run.pid) or i % 2 == 0 or not run.running(), "begun")
            harness.time.sleep(0.0007 * i)
            run.send(signal.SIGTERM)
            run.wait()
            if run.status == -signal.SIGTERM:  # before it was a guard at all
                continue
            self.assertIn(run.status, (-signal.SIGKILL, 143), run.err)
            self.assertEqual(self.events("end")[-1]["spawnguard.cause"], "signal", run.err)
            self.assert_no_survivor(run.err)
        self.assertEqual(len(self.events("start")), len(self.events("end")))


if __name__ == "__main__":
    harness.main()

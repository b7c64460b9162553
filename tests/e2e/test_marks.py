"""Members that no record names: two marks, or they are only listed; whoever their parent is by now."""
# denied: pidfd_open children
import json
import os
import re
import shutil
import signal
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from faults import SHIM
from harness import SANITIZED, SOURCE, SPAWNGUARD, VICTIM, Stat, children, outcome, send, switches, wait_until
from marked import MarksTest

KILL, STOP = signal.SIGKILL, signal.SIGSTOP
CLEARED = "env -u SPAWNGUARD_RUN_ID"

# As process 1 of a PID namespace: guards and job are killed, and a member is left that no record names.
AS_FIRST = r"""
import os, signal, subprocess, sys, time
guard, victim, command = sys.argv[1:]
def wait_for(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("never came: " + what)
        time.sleep(0.002)
def lines():
    try:
        return open("pids").read()
    except FileNotFoundError:
        return ""
def field(pid, at):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[at]
    except OSError:
        return "X"
run = subprocess.Popen([guard, "run", "-N", "j", "--interval=1h", "-k", "0.2", "--", "sh", "-c", command])
wait_for(lambda: "ready" in lines(), "the member")
job = int(field(run.pid, 1)) and int(open("job").read())
warden = int(field(job, 1))
for sig in (signal.SIGSTOP, signal.SIGKILL):
    for pid in (run.pid, warden):
        os.kill(pid, sig)
os.kill(job, signal.SIGKILL)
wait_for(lambda: field(warden, 0) in "ZX" and field(job, 0) in "ZX", "their end")
member = [int(w) for w in lines().split() if w.isdigit()][-1]
wait_for(lambda: field(member, 1) == "1", "the member is a child of process 1")
nxt = subprocess.run([guard, "run", "-N", "j", "--", "true"], stderr=subprocess.PIPE, text=True)
print(nxt.returncode, field(member, 0), nxt.stderr, sep="\n")
"""


class Unrecorded(MarksTest):
    def test_session_and_run_id_are_two_marks(self):
        run, member = self.guarded(f"{VICTIM} sleep")
        self.kill_all_but(run, member)
        self.assert_ended(self.next_start(), member)
        self.assertEqual([outcome(e) for e in self.events("end")], ["lost", "ok"])

    def test_a_session_whose_leader_has_ended_long_ago(self):
        """A daemon that is recorded, in a session that it does not lead, starts one more and is killed with the rest."""
        os.mkfifo(self.path("go"))
        daemon = self.write("daemon", f"echo $$ >daemon.pid; read -r go <go; {VICTIM} sleep & exec sleep 1000")
        run = self.guard("-N", "j", "--run-id", "led", "-k", "0.2", "--", "sh", "-c",
                         f"echo $$ >{self.path('job')}; setsid sh -c 'sh {daemon} & exit'; exec sleep 1000")
        wait_until(lambda: self.read("daemon.pid"), "the daemon is there")
        pid = int(self.read("daemon.pid"))
        record = os.path.join("state", "runs", "led")
        wait_until(lambda: struct.pack("=i", pid) in self.read(record).encode("utf-8", "surrogateescape"), "it is recorded")
        for guard in (run.pid, run.warden()):
            send(guard, STOP)
            wait_until(lambda guard=guard: Stat(guard).state == "T", "it is stopped")
        with open(self.path("go"), "w") as f:
            f.write("go\n")
        self.wait_ready(run)
        member = self.pids()[-1]
        self.assertNotIn(Stat(member).sid, (member, pid, int(self.read("job"))))
        send(pid, KILL)
        self.kill_all_but(run, member)
        self.assert_ended(self.next_start(), member)

    def test_the_session_alone_is_one_mark(self):
        run, member = self.guarded(f"{CLEARED} {VICTIM} sleep")
        self.kill_all_but(run, member)
        self.assert_listed(self.next_start(), member)

    def test_the_run_id_alone_is_one_mark(self):
        run, member = self.guarded(f"setsid {VICTIM} sleep")
        self.kill_all_but(run, member)
        self.assert_listed(self.next_start(), member)

    def test_without_either_it_is_not_even_named(self):
        run, member = self.guarded(f"setsid {CLEARED} {VICTIM} sleep")
        self.kill_all_but(run, member)
        self.assertRegex(self.next_start(), r"\Aspawnguard: [^\n]+: ended 0 processes that it left\n\Z")
        self.assertTrue(Stat(member).alive)
        self.end_strays()

    def test_the_callers_own_session_says_nothing_by_itself(self):
        """Whoever the caller starts beside the job stands in the session of a recorded member."""
        run, member = self.guarded(f"{VICTIM} sleep", "--session=keep", process_group=0) # not in that of all tests
        self.assertEqual(Stat(member).sid, os.getsid(0))
        other = self.start(VICTIM, "sleep")
        self.wait_ready(other, 2)
        self.kill_all_but(run, member)
        said = self.next_start()
        self.assertNotRegex(said, rf"\b{other.pid}\b")
        self.assertTrue(other.running())
        self.assert_listed(said, member)
        self.end(other)

    def test_who_is_older_than_the_run_or_is_a_hook_is_none(self):
        older = self.start(VICTIM, "sleep", env={**self.env, "SPAWNGUARD_RUN_ID": "planned"})
        self.wait_ready(older)
        harness.observe(0.05)  # more than the grain of a start time
        run, member = self.guarded(f"{VICTIM} sleep", "--run-id", "planned")
        hook = self.start(VICTIM, "sleep", env={**self.env, "SPAWNGUARD_RUN_ID": "planned", "SPAWNGUARD_EVENT": "start"})
        self.wait_ready(hook, 3)
        self.kill_all_but(run, member)
        said = self.next_start()
        self.assertNotRegex(said, rf"\b({older.pid}|{hook.pid})\b")
        self.assertTrue(older.running() and hook.running())
        self.end(older, hook)

    def test_reap_lists_and_ends_alike(self):
        run, member = self.guarded(f"{CLEARED} {VICTIM} sleep")
        self.kill_all_but(run, member)
        dry = self.command("reap", "--dry-run", "--json")
        self.assertEqual(json.loads(dry.out)["listed"], [member], dry.out)
        reaped = self.command("reap")
        self.assertEqual(reaped.status, 0, reaped.err)
        self.assertIn(f"not touched, may be of it: pid {member}", reaped.out)
        self.end_strays()


class Moving(MarksTest):
    """A process shows its marks only while it stands still; a list of processes is old when it has been read."""

    def in_its_exec(self):
        """A job whose child is kept where it has given up its old environment and has no new one: run, member, server."""
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.skipTest("no FUSE here")
        os.mkdir(self.path("mount"))
        server = self.start(sys.executable, os.path.join(SOURCE, "tests", "lib", "heldfile.py"), VICTIM, self.path("mount"))
        wait_until(lambda: "ready" in server.out or not server.running(), "the file system stands")
        if not server.running():
            self.skipTest(f"no FUSE here: {server.err}")
        run = self.guard("-N", "j", "--interval=1h", "-k", "0.2", "--", "sh", "-c",
                         f"echo $$ >{self.path('job')}; /proc/{server.pid}/root{self.path('mount')}/file sleep & exec sleep 1000")
        wait_until(lambda: "held" in server.out, "it is kept")
        members = children(int(self.read("job")))
        self.assertEqual(len(members), 1)
        self.kill_all_but(run, members[0])
        with open(f"/proc/{members[0]}/environ", "rb") as f:
            self.assertEqual(f.read(), b"", "it is not where it was to be kept")
        return members[0], server

    def test_in_the_middle_of_its_exec_it_is_looked_at_again(self):
        member, server = self.in_its_exec()
        following = self.guard("-N", "j", "--", "true")
        # It naps between its looks: it has begun.
        wait_until(lambda: not following.running() or switches(following.pid) > 5, "it looks again")
        server.send(signal.SIGUSR1)
        following.wait()
        if "not touched" in following.err:  # the machine is so busy that it took longer than anybody waits
            self.assertGreater(following.wall, 1)
            self.assert_listed(following.err, member)
        else:
            self.assert_ended(following.err, member)
        self.end(server)

    def test_what_stays_there_is_not_killed_for_it(self):
        """Its session is one mark."""
        member, server = self.in_its_exec()
        following = self.run_guard(["-N", "j"], ["true"])
        self.assertGreater(following.wall, 1)
        self.assertRegex(following.err, rf": ended 0 processes [^\n]+; not touched, may be of it: pid {member}\n\Z")
        self.assertTrue(Stat(member).alive)
        self.end(server)
        self.end_strays()

    def passed_on(self, is_collected):
        """The next start has read the list and stands; a member of that list has a child and ends; then it goes on."""
        if SANITIZED or not os.path.exists(SHIM):
            self.skipTest("nothing can be preloaded here")
        os.mkfifo(self.path("go"))
        stranger = f"env -i setsid {VICTIM} sleep"
        run = self.guard("-N", "j", "--interval=1h", "--", "sh", "-c", f"echo $$ >{self.path('job')}; {stranger} & "
                         f"sh -c 'echo $$ >middle; read -r go <go; {VICTIM} sleep & exit' & exec sleep 1000")
        wait_until(lambda: self.read("middle").strip() and self.read("job").strip(), "the parent is there")
        middle = int(self.read("middle"))
        self.kill_all_but(run, middle)
        following = self.guard("-N", "j", "--", "true", env={**self.env, "LD_PRELOAD": SHIM, "SG_FAULT": "fork:1:STOP"})
        wait_until(lambda: Stat(following.pid).state == "T", "it has begun to read the stranger's environment")
        with open(self.path("go"), "w") as f:
            f.write("go\n")
        self.wait_ready(following)
        wait_until(lambda: Stat(middle).state == "Z", "the parent has ended")
        if is_collected:
            os.waitpid(middle, 0)
        following.send(signal.SIGCONT)
        following.wait()
        self.assertRegex(following.err, r"\A[^\n]+ were killed: ended 1 process that it left\n\Z")
        self.assertFalse(Stat(self.pids()[-1]).alive)
        self.assertEqual([s.comm for s in self.strays().values()], ["victim"], "the stranger is none of it")
        self.end_strays()

    def test_the_child_of_one_that_is_gone_when_its_turn_comes(self):
        self.passed_on(is_collected=True)

    def test_the_child_of_one_that_nobody_has_collected(self):
        self.passed_on(is_collected=False)


class Shown(MarksTest):
    def test_ps_shows_who_has_lost_them(self):
        rows = {"both": "", "run-id": "setsid", "session": CLEARED, "lost": f"setsid {CLEARED}"}
        run, _ = self.guarded(" & ".join(f"{how} {VICTIM} sleep" for how in rows.values()))
        self.wait_ready(run, 4)
        shown = self.command("ps", "-o", "pid,kind,marks")
        self.assertEqual((shown.status, shown.err), (0, ""))
        lines = [line.split() for line in shown.out.splitlines()[1:]]
        self.assertEqual([line[1:] for line in lines[:3]], [["front"], ["warden"], ["job", "both"]])
        self.assertEqual(sorted(line[2] for line in lines[3:]), sorted(rows))
        for pid, _, marks in lines[3:]:
            self.assertEqual(Stat(int(pid)).sid == int(pid), marks in ("run-id", "lost"))
        run.send(signal.SIGTERM)
        run.wait()

    @unittest.skipIf(SANITIZED, "the sanitizer reads its own environment")
    def test_ps_asks_for_no_environment_unless_told_to(self):
        run, _ = self.guarded(f"{VICTIM} sleep")
        for words, is_read in ((["ps"], False), (["ps", "--json"], False), (["ps", "-o", "marks"], True)):
            traced = self.start("strace", "-f", "-e", "trace=openat,open", SPAWNGUARD, *words).wait() \
                if shutil.which("strace") else self.skipTest("no strace")
            if "ptrace" in traced.err and "not permitted" in traced.err:
                self.skipTest("ptrace is not allowed here")
            self.assertEqual("/environ" in traced.err, is_read, words)
        run.send(signal.SIGTERM)
        run.wait()


class Parents(MarksTest):
    """Whoever has become the parent: it is not asked."""

    def test_a_subreaper_between_us_and_them(self):
        script = self.write("subreaper.py", "import ctypes, os, subprocess, sys\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
                            "p = subprocess.Popen(sys.argv[1:])\nwhile True:\n    try:\n        os.wait()\n"
                            "    except ChildProcessError:\n        break\n")
        command = f"echo $$ >{self.path('job')}; {VICTIM} sleep & exec sleep 1000"
        reaper = self.start(sys.executable, script, SPAWNGUARD, "run", "-N", "j", "--interval=1h", "--", "sh", "-c", command)
        self.wait_ready(reaper)
        member, job = self.pids()[-1], int(self.read("job"))
        warden = Stat(job).ppid
        front = Stat(warden).ppid
        self.assertEqual(Stat(front).ppid, reaper.pid)
        for sig in (STOP, KILL):
            for pid in (front, warden):
                send(pid, sig)
        send(job, KILL)
        wait_until(lambda: Stat(member).ppid == reaper.pid, "it is the other subreaper's")
        self.assertRegex(self.next_start(), " were killed: ended 1 process that it left\n")
        self.assertEqual(reaper.wait().status, 0)
        self.assert_no_survivor()

    def first(self, command):
        way = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "-pf", "--mount-proc", "--kill-child"]
        if not shutil.which("unshare") or self.start(*way, "true").wait().status:
            self.skipTest("no PID namespace can be made here")
        run = self.start(*way, sys.executable, "-c", AS_FIRST, SPAWNGUARD, VICTIM,
                         f"echo $$ >job; {command} {VICTIM} sleep & exec sleep 1000").wait(100)
        self.assertEqual((run.status, run.err), (0, ""), run.out)
        status, state, said = run.out.split("\n", 2)
        self.assertEqual(status, "0", run.out)
        return state, said

    def test_process_1_of_a_container(self):
        state, said = self.first("")
        self.assertIn(state, "ZX", said)
        self.assertIn("ended 1 process that it left", said)

    def test_process_1_of_a_container_and_one_mark(self):
        state, said = self.first(CLEARED)
        self.assertEqual(state, "S", said)
        self.assertTrue(re.search(r"ended 0 .*not touched, may be of it: pid \d+\n", said), said)


if __name__ == "__main__":
    harness.main()

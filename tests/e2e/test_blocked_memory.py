"""Memory that cannot be read, for real: a file system that answers no read has a page in it, so cmdline, environ and smaps
of that process come back to nobody, and some processes do not die of KILL.

Strings that lie in such pages themselves (`hidden`) are not looked at by a kernel since 4.17; what blocks for ever is the
lock of the whole memory, behind a member that wants more of it (`unreadable`) or is about to get it (`mapping`)."""
import os
import re
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, Stat, children, now, outcome, send, wait_until
from marked import MarksTest

KILL, TERM, USR1 = signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1
MUTE_FS = os.path.join(os.environ["SG_TEST_BIN"], "mute_fs")
DEVICE = os.environ.get("SG_FUSE", "/dev/fuse") # one that a user may open, where there is none
PYTHON = os.path.realpath(sys.executable)
LATE_S = 0.5 * SCALE
READER_S = 3 # as long as anybody waits for one process
SHORT_S = 0.1 # the same, behind such a one
UNKILLABLE_S = 10 # as long as an end is tried
HOG = "import time; m = bytearray(100 << 20); time.sleep(1000)"


# Where the kernel has those who wait for the file system, or for somebody who does.
WAITS = re.compile("request_wait|folio|filemap")


def wchan(pid):
    try:
        with open(f"/proc/{pid}/wchan") as f:
            return f.read()
    except OSError:
        return ""


class BlockedTest(MarksTest):
    def setUp(self):
        super().setUp()
        self.server = None
        self.outside = {k: v for k, v in self.env.items() if not k.startswith("VICTIM_")} # of nobody's tree
        self.helpers = []
        os.mkdir(self.path("mount"))

    def tearDown(self):
        try:
            self.let_go()
        finally:
            super().tearDown()

    def serve(self):
        """The file system: it is nobody's but the test's."""
        self.helpers = []
        self.server = self.start(MUTE_FS, self.path("mount"), DEVICE, stdin=subprocess.PIPE, env=self.outside)
        wait_until(lambda: "ready" in self.server.out or not self.server.running(), "it is mounted")
        if not self.server.running():
            self.assertEqual(self.server.status, 77, self.server.err)
            self.skipTest(f"no file system of one's own here: {self.server.err.strip()}")
        return self.file_of(self.server.pid)

    def file_of(self, server):
        return f"/proc/{server}/root{self.path('mount')}/file"

    def let_go(self):
        """Who waits for the file system gets an error."""
        if self.server:
            self.server.proc.stdin.close()
            self.server.wait()
            self.server = None
        for helper in self.helpers:
            helper.wait()

    def helper(self, *args):
        helper = self.start(VICTIM, *args, env=self.outside)
        self.helpers.append(helper)
        return helper

    def touch(self, pid):
        """Somebody outside of all trees waits for the page that this process has of the file."""
        helper = self.helper("touching", "/file", pid)
        wait_until(lambda: WAITS.search(wchan(helper.pid)) or not helper.running(), "it waits for the page")
        self.assertTrue(helper.running(), helper.err)

    def block(self, *pids):
        """From now on no read of the memory of these comes back."""
        for pid in pids:
            self.touch(pid)
        for pid in pids:
            send(pid, USR1)
            wait_until(lambda pid=pid: Stat(pid).state == "D", "it waits for its own memory")

    def time_in_readers(self, run):
        """How long it has waited for readers that hang, to its end.  A start asks everybody of this user who is younger than
        the dead run: what it takes in all depends on what else there is."""
        seen = {}

        def look():
            for pid in children(run.pid):
                if Stat(pid).state == "D":
                    seen[pid] = (seen.get(pid, (now(),))[0], now())
            return not run.running()
        wait_until(look, "it ends")
        run.wait()
        return sum(last - first for first, last in seen.values())

    def assert_in_time(self, run, began, seconds, status=124):
        """It ended at its deadline, tree and readers with it; the lock is free at once, and nothing is said of a reader."""
        run.wait()
        self.assertEqual(run.status, status, run.err)
        self.assertLess(run.ended - began, seconds + LATE_S, run.err)
        self.assert_no_survivor(run.err)
        self.assertNotIn("cannot end", run.err)
        self.assert_starts()

    def assert_starts(self):
        """The lock is free at once, and there is nothing left to look for."""
        following = self.run_guard(["-N", "j"], ["true"])
        self.assertEqual((following.status, following.err), (0, ""))
        self.assertLess(following.wall, LATE_S)
        self.assertEqual(self.records(), [])


class Guarded(BlockedTest):
    """A member of a run whose guards live."""

    def job(self, *args, mib=0, then="exec sleep 1000"):
        file = self.serve()
        run = self.guard("-N", "j", "-k", "0.1", "--interval=50ms", *args, "--", "sh", "-c",
                         f"{VICTIM} unreadable {file} 0 {mib} & {then}")
        self.wait_ready(run)
        self.block(self.pids()[-1])
        self.assertTrue(run.running(), "set up before its deadline")
        return run

    def test_the_deadline_is_kept(self):
        run = self.job("-t", "4")
        self.assert_in_time(run, run.began, 4)

    def test_the_deadline_is_kept_with_all_that_looks_at_members(self):
        run = self.job("-t", "4", "--tail=4K", "--max-io=1G", "--max-tree-mem=1G", "--max-spawn-rate=100/1s", "--max-fds=1000",
                       "--detect=all")
        self.assert_in_time(run, run.began, 4)

    def test_the_deadline_is_kept_while_its_share_of_memory_is_asked_for(self):
        run = self.job("-t", "8", "--max-tree-mem=160M", "--detect=none", mib=120,
                       then=f"until [ -e {self.path('go')} ]; do sleep 0.05; done; exec {PYTHON} -Ic '{HOG}'")
        self.write("go", "")
        wait_until(lambda: [pid for pid in children(run.pid) if Stat(pid).state == "D"] or not run.running(), "a reader hangs")
        self.assert_in_time(run, run.began, 8)
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertEqual([f["rule"] for f in flags], ["max-tree-mem"])
        self.assertIn("cannot be read", flags[0]["text"])

    def test_an_end_that_is_asked_for_comes_at_once(self):
        run = self.job()
        asked = now()
        run.send(TERM)
        self.assert_in_time(run, asked, 0.1, status=-TERM)

    def test_the_warden_dies(self):
        run = self.job()
        killed = now()
        send(run.warden(), KILL)
        self.assert_in_time(run, killed, 0.1, status=125)

    def test_a_second_starter_is_told_at_once(self):
        run = self.job()
        for args in ((), ("-q",), ("--wait=0.1",)):
            second = self.run_guard(["-N", "j", *args], ["true"])
            self.assertEqual(second.status, 75, second.err)
            self.assertLess(second.wall, 0.1 + LATE_S)
        self.assertRegex(self.run_guard(["-N", "j"], ["true"]).err, rf"already running: j, pid {run.pid},")
        run.send(TERM)
        run.wait()

    def test_who_blocks_it_is_of_its_tree_too(self):
        """The file system and all who wait for it: its death lets them go."""
        gate, hold = os.pipe()
        script = (f"exec 3<&0; mkdir m; {MUTE_FS} $PWD/m {DEVICE} <&3 >out 2>err & fs=$!\n"
                  "until [ -s out ] || [ -s err ]; do sleep 0.05; done; [ ! -s err ] || exit 77\n"
                  f"{VICTIM} unreadable /proc/$fs/root$PWD/m/file & u=$!\n"
                  f"until grep -q ready $VICTIM_PIDS; do sleep 0.05; done; {VICTIM} touching /file $u &\n"
                  "until grep -q read$ out; do sleep 0.05; done; kill -USR1 $u; exec sleep 1000")
        run = self.guard("-N", "j", "-t", "5", "-k", "0.1", "--interval=50ms", "--", "sh", "-c", script, stdin=gate)
        os.close(gate)
        wait_until(lambda: "D" in [Stat(pid).state for pid in self.pids()] or not run.running(), "it is blocked")
        if run.wait().status == 77:
            os.close(hold)
            self.skipTest(f"no file system of one's own here: {self.read('err').strip()}")
        os.close(hold)
        self.assert_in_time(run, run.began, 5)


class Program(BlockedTest):
    """A program that cannot be read: the guard waits for its exec, and hears nothing."""

    def begin(self, *args, takes_it=False):
        """`takes_it`: the server has the question, and then KILL does not end who waits for the answer."""
        program = self.serve()
        if not takes_it:
            send(self.server.pid, signal.SIGSTOP)
        run = self.guard("-N", "j", "-k", "0.1", *args, "--", program)
        wait_until(lambda: "D" in [Stat(pid).state for pid in harness.descendants(run.pid)] or not run.running(), "it waits")
        self.assertTrue(run.running(), run.err)
        return run

    def let_go(self):
        if self.server:
            send(self.server.pid, signal.SIGCONT)
        super().let_go()

    def test_the_deadline_is_kept(self):
        run = self.begin("-t", "1")
        self.assert_in_time(run, run.began, 1)
        self.assertEqual(outcome(self.events("end")[-2]), "timeout")

    def test_an_end_that_is_asked_for_comes(self):
        for args in ((), ("-t", "600")):
            with self.subTest(args):
                run = self.begin(*args)
                asked = now()
                run.send(TERM)
                self.assert_in_time(run, asked, 0.25, status=-KILL)
                self.assertEqual(outcome(self.events("end")[-2]), "killed")
                self.let_go()

    def test_where_kill_does_not_end_it_the_end_is_bounded(self):
        run = self.begin("-t", "1", takes_it=True)
        child, = (pid for pid in harness.descendants(run.pid) if pid != run.warden())
        run.wait(40 * SCALE)
        self.assertEqual(run.status, 121, run.err)
        self.assertLess(run.wall, 1 + 1.25 + 0.1 + UNKILLABLE_S + 2 * LATE_S)
        self.assertRegex(run.err, rf"cannot end [^\n]*\(pid {child}, uid \d+, state D\)")
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75, "it has the lock")
        self.let_go()
        wait_until(lambda: self._reap() or not Stat(child).alive, "it has ended")
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 0)
        self.assert_starts()


class Unkillable(BlockedTest):
    """A member that KILL does not end, and whose memory is locked."""

    def job(self, *args):
        file = self.serve()
        helper = self.helper("reading", file)
        wait_until(lambda: "read\n" in self.server.out or not helper.running(), "a page of the file is waited for")
        run = self.guard("-N", "j", "-k", "0.1", "--interval=50ms", *args, "--", "sh", "-c",
                         f"echo $$ >{self.path('job')}; {VICTIM} mapping {file} & exec sleep 1000")
        self.wait_ready(run)
        member = self.pids()[-1]
        wait_until(lambda: Stat(member).state == "D", "it waits")
        record = f"state/runs/{self.records()[0]}"
        wait_until(lambda: struct.pack("=i", member) in self.read(record).encode("utf-8", "surrogateescape"), "it is recorded")
        return run, member

    def assert_frees(self, member):
        """It ends with the file system, and nothing is left to say."""
        self.let_go()
        wait_until(lambda: self._reap() or not Stat(member).alive, "it has ended")
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 0)
        self.assert_starts()

    def test_it_is_named_and_the_end_is_bounded(self):
        run, member = self.job("-t", "4")
        self.assertLess(now() - run.began, 4)
        run.wait(40 * SCALE)
        self.assertEqual(run.status, 121, run.err)
        self.assertLess(run.wall, 4 + 0.1 + UNKILLABLE_S + 2 * LATE_S)
        self.assertRegex(run.err, rf"cannot end [^\n]*\(pid {member}, uid \d+, state D\)")
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.members.survivors"]), ("survivors", 1))
        self.assert_frees(member)

    def test_others_are_told_of_it_meanwhile(self):
        run, member = self.job()
        for args in (("ps",), ("ps", "--json"), ("status",), ("watch", "--for=0.2", str(member))):
            told = self.command(*args)
            self.assertIn(told.status, (0, 1), told.err)
            self.assertLess(told.wall, 0.2 + 2 * LATE_S, args)
        run.send(TERM)
        wait_until(lambda: not Stat(int(self.read("job"))).alive, "the others are ended")
        second = self.run_guard(["-N", "j"], ["true"])
        self.assertEqual(second.status, 75, second.err)
        self.assertLess(second.wall, LATE_S)
        self.let_go()
        run.wait()
        self.assert_no_survivor(run.err)
        self.assert_starts()

    def test_a_start_after_both_guards_is_refused_until_it_ends(self):
        run, member = self.job()
        self.kill_all_but(run, member)
        refused = self.run_guard(["-N", "j"], ["true"], 40 * SCALE)
        self.assertEqual(refused.status, 121, refused.err)
        self.assertLess(refused.wall, 2 * UNKILLABLE_S)
        self.assertRegex(refused.err, rf"not started: run \w+ has left what cannot be ended: [^\n]*pid {member}")
        self.assert_frees(member)


class Left(BlockedTest):
    """Both guards were killed, and somebody whom they had not seen cannot be asked whose it is."""

    def left(self, shape="unreadable", count=1, blocks=True):
        file = self.serve()
        ready = self.ready_count()
        children = f" {count - 1}" if count > 1 else ""
        run = self.guard("-N", "j", "--interval=1h", "-k", "0.2", "--", "sh", "-c",
                         f"echo $$ >{self.path('job')}; {VICTIM} {shape} {file}{children} & exec sleep 1000")
        self.wait_ready(run, ready + count)
        members = self.pids()[-count:]
        self.kill_all_but(run, members[0])
        if blocks:
            self.block(*members)
        return members

    def assert_let_be(self, said, member):
        self.assertRegex(said.err + said.out, rf"not touched, may be of it: pid {member}\n")
        self.assertTrue(Stat(member).alive)
        self.assertEqual(self.records(), [])

    def test_a_start_lists_it(self):
        member, = self.left()
        run = self.guard("-N", "j", "--", "true")
        self.assertLess(self.time_in_readers(run), READER_S + LATE_S)
        self.assertEqual(run.status, 0, run.err)
        self.assert_let_be(run, member)
        self.assert_starts()
        self.end_strays()

    def test_reap_and_kill_list_it(self):
        for args in (("reap",), ("kill", "j")):
            with self.subTest(args):
                member, = self.left()
                said = self.start(SPAWNGUARD, *args)
                self.assertLess(self.time_in_readers(said), READER_S + LATE_S)
                self.assertIn(said.status, (0, 1), said.err)
                self.assert_let_be(said, member)
                self.end_strays()
                self.let_go()

    def test_many_of_them_are_not_waited_for_one_after_the_other(self):
        members = self.left(count=8)
        run = self.guard("-N", "j", "--", "true")
        self.assertLess(self.time_in_readers(run), READER_S + len(members) * (SHORT_S + LATE_S / 5))
        self.assertEqual(run.status, 0, run.err)
        for member in members:
            self.assertRegex(run.err, rf"not touched, may be of it: [^\n]*\b{member}\b")
        self.end_strays()

    def test_strangers_are_let_be(self):
        file = self.serve()
        run, member = self.guarded(f"{VICTIM} sleep")
        others = [self.start("setsid", VICTIM, "unreadable", file) for _ in range(3)]
        for other in others:
            self.wait_ready(other, 1 + len(others))
        self.block(*[other.pid for other in others])
        self.kill_all_but(run, member)
        following = self.guard("-N", "j", "--", "true")
        self.assertLess(self.time_in_readers(following), READER_S + len(others) * (SHORT_S + LATE_S / 5))
        self.assertEqual(following.status, 0, following.err)
        self.assertRegex(following.err, r"were killed: ended 1 process that it left\n")
        for other in others:
            self.assertTrue(other.running())
        self.end(*others)

    def test_an_environment_in_a_file_says_nothing(self):
        member, = self.left("hidden", blocks=False)
        run = self.run_guard(["-N", "j"], ["true"])
        self.assertEqual(run.status, 0, run.err)
        self.assert_let_be(run, member)
        self.end_strays()

    def test_a_reader_that_does_not_end_is_nobodys_survivor(self):
        """Somebody holds it on its way out.  The run goes on, its warden dies, and front ends the tree without it."""
        member, = self.left()
        ready = self.ready_count()
        run = self.guard("-N", "j", "-k", "0.1", "--", VICTIM, "sleep")
        reader = wait_until(lambda: [pid for pid in children(run.pid) if Stat(pid).state == "D"] or not run.running(),
                            "a reader hangs")[0]
        gate, release = os.pipe()
        tracer = self.start(VICTIM, "tracer", reader, gate, "exit", pass_fds=[gate], env=self.outside)
        os.close(gate)
        wait_until(lambda: "traced" in tracer.out or not tracer.running(), "traced")
        if not tracer.running():
            os.close(release)
            self.end(run)
            self.end_strays()
            self.skipTest(f"ptrace is not allowed here: {tracer.err}")
        try:
            self.wait_ready(run, ready + 1)
            self.assertTrue(Stat(reader).alive)
            killed = now()
            send([pid for pid in children(run.pid) if pid != reader][0], KILL)
            run.wait()
            self.assertEqual(run.status, 125, run.err)
            self.assertLess(run.ended - killed, 0.1 + LATE_S)
            self.assertNotIn("cannot end", run.err)
            self.assertTrue(Stat(reader).alive)
            self.assert_starts()
        finally:
            os.close(release)
            tracer.wait()
        self.assertTrue(Stat(member).alive)
        self.end_strays()


class Shown(BlockedTest):
    """By commands that look at a run from outside."""

    def test_ps_shows_what_it_knows(self):
        file = self.serve()
        run, member = self.guarded(f"{VICTIM} unreadable {file} 4")
        self.wait_ready(run, 5)
        members = self.pids()[-5:]
        wait_until(lambda: all(Stat(pid).alive for pid in members), "they stand")
        self.block(*members)
        for args in (("-o", "pid,comm,command,state,user,cpu,leftover"), ("--json",)):
            shown = self.command("ps", *args)
            self.assertEqual((shown.status, shown.err), (0, ""))
            self.assertLess(shown.wall, LATE_S)
            for pid in members:
                self.assertIn(str(pid), shown.out)
        shown = self.command("ps", "-o", "pid,marks")
        self.assertEqual((shown.status, shown.err), (0, ""))
        self.assertLess(shown.wall, READER_S + 3 * LATE_S)
        marks = dict(line.split() for line in shown.out.splitlines()[1:] if len(line.split()) == 2)
        self.assertEqual({marks[str(pid)] for pid in members}, {"session"})
        self.assertEqual(marks[self.read("job").strip()], "both")
        run.send(TERM)
        run.wait()

    def test_an_item_of_a_batch_has_its_timeout(self):
        file = self.serve()
        self.write("items", "one\n")
        batch = self.start(SPAWNGUARD, "batch", "-N", "b", "-t", "4", "-k", "0.1", f"--items={self.path('items')}", "--",
                           "sh", "-c", f"exec {VICTIM} unreadable {file}")
        self.wait_ready(batch)
        self.block(self.pids()[-1])
        batch.wait()
        self.assertEqual(batch.status, 1, batch.err)
        self.assertLess(batch.wall, 4 + 2 * LATE_S)
        self.assertEqual([outcome(e) for e in self.events("end")], ["timeout"])
        self.assert_no_survivor(batch.err)

    def test_watch_keeps_its_time(self):
        file = self.serve()
        tree = self.start("sh", "-c", f"{VICTIM} unreadable {file} & exec {PYTHON} -Ic '{HOG}'")
        self.wait_ready(tree)
        self.block(self.pids()[-1])
        shown = self.command("watch", "--for=4", "--max-tree-mem=90M", "--max-io=1G", "--interval=50ms", str(tree.pid))
        self.assertIn(shown.status, (0, 1), shown.err)
        self.assertLess(shown.wall, 4 + LATE_S)
        self.end(tree)


if __name__ == "__main__":
    harness.main()

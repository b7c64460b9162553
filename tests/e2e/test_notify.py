"""What a job tells of itself by SPAWNGUARD_NOTIFY: who is heard, what is understood, what comes of it."""
import array
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SOURCE, SPAWNGUARD, VICTIM, GuardTest, children, descendants, now, outcome, wait_until

LONG = os.environ.get("SG_LONG") == "1"
FLOOD = 1000000 if LONG else 20000


class NotifyTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"]

    def told(self, args, script, **popen):
        """A job of sh under `run --notify ARGS`, to its end; its run and end line."""
        run = self.run_guard(["--notify", *args], ["sh", "-ec", script], **popen)
        ends = self.events("end")
        return run, ends[-1] if ends else {}

    def python(self, args, script, *words, **popen):
        run = self.run_guard(args, [sys.executable, "-c", script, *words], **popen)
        return run, self.events("end")[-1]

    def address(self, held):
        """Where the job of a run tells."""
        pid = wait_until(lambda: children(held.warden()), "the job is there")[0]
        with open(f"/proc/{pid}/environ", "rb") as f:
            found = [v for v in f.read().split(b"\0") if v.startswith(b"SPAWNGUARD_NOTIFY=")]
        where = found[0].partition(b"=")[2]
        return b"\0" + where[1:] if where.startswith(b"@") else where


class Client(NotifyTest):
    def test_a_run_that_does_not_ask_has_no_socket(self):
        run = self.run_guard([], ["sh", "-c", "env; ls -A \"$0\"/runs", self.state])
        self.assertNotIn("NOTIFY", run.out)
        self.assertNotIn(".notify", run.out)

    def test_the_socket_is_its_owners_alone_and_goes_with_the_run(self):
        held = self.holder("--notify", "--run-id", "told")
        path = os.path.join(self.state, "runs", "told.notify")
        found = os.lstat(path)
        self.assertEqual((stat.S_ISSOCK(found.st_mode), found.st_mode & 0o777, found.st_uid), (True, 0o600, os.geteuid()))
        held.send(signal.SIGTERM)
        held.wait()
        self.assertFalse(os.path.lexists(path))

    def test_what_is_told_stands_in_the_end_line(self):
        run, end = self.told([], "spawnguard notify ready; spawnguard notify counter tokens=12 cost+=0.25; "
                             "spawnguard notify counter cost+=0.5; spawnguard notify status 'half way\nthere'")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(end["spawnguard.counters"], {"tokens": 12, "cost": 0.75})
        self.assertEqual(end["spawnguard.notify.status"], "half way there")
        self.assertLessEqual(end["spawnguard.ready"], end["spawnguard.wall"])
        self.assertNotIn("spawnguard.notify.refused", end)

    def test_the_status_object_has_it_too(self):
        path = self.path("status")
        self.told(["--status-file", path], "spawnguard notify counter calls=3")
        with open(path) as f:
            self.assertIn('"spawnguard.counters":{"calls":3}', f.read())

    def test_when_the_warden_is_killed_front_still_has_it(self):
        held = self.guard("--notify", "--", "sh", "-c", "spawnguard notify counter calls=7; echo told; exec sleep 60")
        wait_until(lambda: "told" in held.out, "it was told")
        harness.send(held.warden(), signal.SIGKILL)
        self.assertEqual(held.wait().status, 125)
        self.assertEqual(self.end_event()["spawnguard.counters"], {"calls": 7})

    def test_when_both_are_killed_the_next_start_removes_the_socket(self):
        held = self.holder("-N", "j", "--notify", "--run-id", "dead", "-k", "0.1")
        warden = held.warden()
        harness.send(held.pid, signal.SIGSTOP)
        harness.send(warden, signal.SIGKILL)
        harness.send(held.pid, signal.SIGKILL)
        held.wait()
        harness.wait_until(lambda: not harness.Stat(warden).alive, "the warden is gone, and with it the lock")
        self.assertIn("dead.notify", os.listdir(os.path.join(self.state, "runs")))
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 0)
        self.assertNotIn("dead.notify", os.listdir(os.path.join(self.state, "runs")))
        self.end_strays()

    def test_where_the_path_would_be_too_long_the_name_is_abstract(self):
        deep = self.path("d" * 100)
        os.mkdir(deep, 0o700)
        run, _ = self.told(["--state-dir", deep], "echo $SPAWNGUARD_NOTIFY; spawnguard notify ready; echo $?")
        self.assertRegex(run.out, r"\A@spawnguard-[0-9a-f]{32}\n0\n\Z")

    def test_a_run_within_a_run_has_its_own(self):
        run, end = self.told(["-N", "outer"], f"{SPAWNGUARD} run -N inner --notify -- spawnguard notify counter in=1; "
                             f"{SPAWNGUARD} run -N plain -- spawnguard notify counter out=1")
        self.assertEqual((run.status, run.err), (0, ""))
        ends = {e["spawnguard.job"]: e.get("spawnguard.counters") for e in self.events("end")}
        self.assertEqual(ends, {"inner": {"in": 1}, "plain": None, "outer": {"out": 1}})
        self.assertEqual(end["spawnguard.counters"], {"out": 1})

    def test_systemd_notify_is_understood(self):
        if not shutil.which("systemd-notify"):
            self.skipTest("no systemd-notify here")
        run, end = self.told([], "NOTIFY_SOCKET=$SPAWNGUARD_NOTIFY systemd-notify --ready --status='from systemd'")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(end["spawnguard.notify.status"], "from systemd")
        self.assertIn("spawnguard.ready", end)

    def test_a_job_in_c_uses_the_header(self):
        if not shutil.which("cc"):
            self.skipTest("no compiler here")
        source = self.write("job.c", """#define _GNU_SOURCE
#include <spawnguard/notify.h>
int main(void)
{
	if (sg_notify_ready() != 1 || sg_notify_beat() != 1 || sg_notify_status("in C\\nREADY=1") != 1)
		return 1;
	if (sg_notify_counter("big", UINT64_MAX / 1000000 - 1) != 1 || sg_notify_add("n", 2) != 1 || sg_notify_add("n", 3) != 1)
		return 2;
	return sg_notify_wait(20000) == 1 ? 0 : 3;
}
""")
        subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", os.path.join(SOURCE, "include"), "-o",
                        self.path("job"), source], check=True)
        run = self.run_guard(["--notify"], [self.path("job")])
        self.assertEqual((run.status, run.err), (0, ""))
        end = self.end_event()
        self.assertEqual(end["spawnguard.counters"], {"big": (2**64 - 1) // 10**6 - 1, "n": 5})
        self.assertEqual(end["spawnguard.notify.status"], "in C READY=1")
        self.assertEqual(self.start(self.path("job")).wait().status, 1, "nobody listens")

    def test_isolated_jobs_tell_too(self):
        self.needs_isolation()
        run, end = self.told(["--isolate"], "spawnguard notify counter calls=3")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(end["spawnguard.counters"], {"calls": 3})


class Manager(NotifyTest):
    """Where the caller has a service manager."""

    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.manager.bind(self.path("manager"))
        self.manager.setblocking(False)
        self.env.update(NOTIFY_SOCKET=self.path("manager"))

    def tearDown(self):
        self.manager.close()
        super().tearDown()

    def heard(self):
        """[(pid of the sender, text)]"""
        found = []
        while True:
            try:
                text, control, _, _ = self.manager.recvmsg(8192, 1024)
            except BlockingIOError:
                return found
            creds = array.array("i", control[0][2])
            found.append((creds[0], text.decode()))

    def test_the_jobs_words_come_from_the_main_process(self):
        run, _ = self.told([], "[ $NOTIFY_SOCKET = $SPAWNGUARD_NOTIFY ]; spawnguard notify ready; "
                           "spawnguard notify counter a=1; spawnguard notify status x; spawnguard notify beat")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.heard(), [(run.pid, "READY=1"), (run.pid, "STATUS=x"), (run.pid, "WATCHDOG=1")])

    def test_more_time_is_asked_for_of_the_manager_too(self):
        """Of both: it waits for our READY as we do for the job's."""
        run, end = self.python(["--notify", "--start-timeout=60"], """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"EXTEND_TIMEOUT_USEC=60000000\\nSTATUS=long")
s.send(b"READY=1")
""")
        self.assertEqual((run.status, run.err, outcome(end)), (0, "", "ok"))
        said = self.heard()
        self.assertEqual({pid for pid, _ in said}, {run.pid})
        self.assertEqual("\n".join(text for _, text in said).split("\n"),
                         ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=long", "READY=1"])

    def test_a_manager_that_is_gone_is_no_reason_to_fail(self):
        os.unlink(self.path("manager"))
        run, _ = self.told([], "spawnguard notify ready")
        self.assertEqual((run.status, run.err), (0, ""))

    def test_without_being_asked_the_job_has_the_callers(self):
        run = self.run_guard([], ["sh", "-c", "echo $NOTIFY_SOCKET $SPAWNGUARD_NOTIFY"])
        self.assertEqual(run.out, self.path("manager") + "\n")

    def test_pids_in_the_environment_become_the_jobs(self):
        script = ("exec env WATCHDOG_USEC=1000000 WATCHDOG_PID=$$ LISTEN_PID=$$ LISTEN_FDS=1 " + SPAWNGUARD + " run --notify -- "
                  "sh -c 'echo $(($$ == WATCHDOG_PID)) $(($$ == LISTEN_PID)) $WATCHDOG_USEC'")
        run = self.start("sh", "-c", script).wait()
        self.assertEqual(run.out, "1 1 1000000\n")


class Hostile(NotifyTest):
    def send(self, where, *datagrams):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            for datagram in datagrams:
                s.sendto(datagram, where)

    def test_who_is_not_of_the_run_is_not_heard(self):
        held = self.holder("-N", "j", "--notify")
        where = self.address(held)
        self.send(where, b"READY=1\nSTATUS=forged\nX_SPAWNGUARD_COUNTER=a=1")
        wait_until(lambda: "is not of this run: passed over" in held.err, "it is told of")
        self.assertIn(f"pid {os.getpid()}, uid {os.geteuid()}", held.err)
        self.send(where, b"STATUS=again", b"WATCHDOG=trigger")
        held.send(signal.SIGTERM)
        held.wait()
        end = self.end_event()
        self.assertGreaterEqual(end["spawnguard.notify.refused"], 1)
        for key in ("spawnguard.notify.status", "spawnguard.ready", "spawnguard.counters"):
            self.assertNotIn(key, end)
        self.assertEqual(held.err.count("passed over"), 1, "once")

    def test_another_user_is_not_heard_also_within_the_run(self):
        if os.geteuid() != 0:
            self.skipTest("only root may become another user")
        deep = self.path("d" * 100)  # an abstract name, which everybody may send to
        os.mkdir(deep, 0o700)
        if not os.path.exists("/usr/bin/python3"):
            self.skipTest("no python that another user may run")
        for who in (["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], ["env"]):
            run, end = self.told(["--state-dir", deep], f"echo ok; {' '.join(who)} /usr/bin/python3 -c \"import os, socket\n"
                                 "w = os.environ['SPAWNGUARD_NOTIFY']\n"
                                 "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                                 "s.sendto(b'STATUS=x', chr(0) + w[1:])\n\"; spawnguard notify ready")
            self.assertEqual(run.status, 0, run.err)
            with open(os.path.join(deep, "history", os.listdir(os.path.join(deep, "history"))[0]), "rb") as f:
                end = harness.parse_line(f.read().split(b"\n")[-2])
            is_heard = who == ["env"]
            self.assertEqual(end.get("spawnguard.notify.status"), "x" if is_heard else None)
            self.assertEqual(end.get("spawnguard.notify.refused", 0), 0 if is_heard else 1)

    def test_garbage_changes_nothing(self):
        script = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
w = os.environ["SPAWNGUARD_NOTIFY"]
for d in (b"", b"\\0", b"READY=1\\0", b"x" * 4096, b"STATUS=" + b"y" * 100000, b"=", b"READY", b"\\n" * 4096, bytes(range(256)),
          b"X_SPAWNGUARD_COUNTER=" * 100, b"X_SPAWNGUARD_COUNTER=a=-1", b"FDSTORE=1"):
    s.sendto(d, w)
s.connect(w)
fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
socket.send_fds(s, [b"FDSTORE=1"], fds)
r, e = os.pipe()
socket.send_fds(s, [b"BARRIER=1"], [e, *fds])
os.close(e)
print(os.read(r, 1) == b"")
print(len(os.listdir("/proc/%d/fd" % os.getppid())) if os.access("/proc/%d/fd" % os.getppid(), os.R_OK) else 0)
"""
        run, end = self.python(["--notify", "--start-timeout=100"], script)
        self.assertEqual((run.status, run.err), (0, ""))
        said, count = run.out.split()
        self.assertEqual(said, "True")
        self.assertLess(int(count), 40, "none of the descriptors was kept")
        for key in ("spawnguard.notify.status", "spawnguard.ready", "spawnguard.counters", "spawnguard.notify.refused"):
            self.assertNotIn(key, end)

    def test_a_flood_for_the_manager_does_not_crowd_out_the_guards_own_words(self):
        """Front stands still meanwhile: what it has to say is said when it goes on."""
        self.env.update(NOTIFY_SOCKET=self.path("manager"))
        script = """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["SPAWNGUARD_NOTIFY"])
while not os.path.exists("stopped"):
    os.sched_yield()
for i in range(5000):
    s.send(b"STATUS=" + b"x" * 1000)
s.send(b"X_SPAWNGUARD_COUNTER=calls=12")
p, e = os.pipe()
socket.send_fds(s, [b"BARRIER=1"], [e])
os.close(e)
os.read(p, 1)
open("told", "w").close()
import time
time.sleep(60)
"""
        held = self.guard("-N", "j", "--budget=calls=10", "--chdir", self.scratch, "--", sys.executable, "-c", script)
        wait_until(lambda: children(held.warden()), "the job is there")
        held.send(signal.SIGSTOP)
        wait_until(lambda: harness.Stat(held.pid).state == "T", "front stands still")
        self.write("stopped", "")
        wait_until(lambda: not children(held.warden()), "the job was ended")
        held.send(signal.SIGCONT)
        self.assertEqual(held.wait().status, 123)
        self.assertIn("j: limit passed: budget: calls stands at 12 of 10: ended", held.err)

    def test_a_flood_neither_stops_the_clock_nor_the_guard(self):
        script = """
import os, random, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["SPAWNGUARD_NOTIFY"])
r = random.Random(int(sys.argv[2]))
seeds = [b"READY=1", b"STATUS=ok", b"WATCHDOG=1", b"X_SPAWNGUARD_COUNTER=a+=1", b"EXTEND_TIMEOUT_USEC=5", b"BARRIER=1", b"ERRNO=1"]
for i in range(int(sys.argv[1])):
    d = bytearray(b"\\n".join(r.choices(seeds, k=r.randrange(4))))
    for _ in range(r.randrange(4)):
        if d:
            d[r.randrange(len(d))] = r.randrange(256)
    s.send(d)
s.send(b"X_SPAWNGUARD_COUNTER=last=1")
p, e = os.pipe()
socket.send_fds(s, [b"BARRIER=1"], [e])
os.close(e)
os.read(p, 1)
"""
        seed = random.randrange(1 << 30)
        run, end = self.python(["--notify"], script, FLOOD, seed, timeout=600)
        self.assertEqual((run.status, run.err), (0, ""), f"seed {seed}")
        self.assertEqual(end["spawnguard.counters"]["last"] if "last" in end["spawnguard.counters"] else
                         len(end["spawnguard.counters"]), 1 if "last" in end["spawnguard.counters"] else 32)
        self.assertEqual(outcome(end), "ok")
        # The deadline strikes while it goes on.
        began = now()
        run = self.run_guard(["--notify", "-t", "0.5", "-k", "none"], [sys.executable, "-c", script, "1000000000", "1"], timeout=60)
        self.assertEqual(run.status, 124)
        self.assertLess(now() - began, 20 * harness.SCALE)


class Budget(NotifyTest):
    def test_warns_at_80_percent_and_acts_at_100(self):
        run = self.run_guard(["-N", "j", "--budget", "tokens=10"],
                             ["sh", "-c", "for i in 7 8 9 10; do spawnguard notify counter tokens=$i; echo $i; done; exec sleep 60"])
        self.assertEqual(run.status, 123)
        self.assertEqual(run.err.count("tokens stands at"), 2, run.err)
        self.assertIn("warning: j: budget: tokens stands at 8 of 10", run.err)
        self.assertIn("j: limit passed: budget: tokens stands at 10 of 10: ended", run.err)
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.counters"]), ("limit", "limit", {"tokens": 10}))
        self.assertEqual([(e["spawnguard.flag"]["rule"], e["spawnguard.flag"]["action"], e["spawnguard.flag"]["value"])
                          for e in self.events("flag")], [("budget", "warn", 8), ("budget", "kill", 10)])

    def test_just_under_it_nothing_is_done(self):
        run = self.run_guard(["--budget", "cost=2.5"], ["sh", "-c", "spawnguard notify counter cost=1.999999"])
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(self.events("flag"), [])

    def test_on_limit_says_what_a_used_up_budget_does(self):
        for action in ("warn", "flag"):
            run = self.run_guard(["--budget", "a=1", "--on-limit", action, "--run-id", action], [SPAWNGUARD, "notify", "counter", "a=5"])
            self.assertEqual(run.status, 0)
            self.assertEqual(run.err.count("stands at"), int(action == "warn"))
        self.assertEqual([e["spawnguard.flag"]["action"] for e in self.events("flag")], ["warn", "flag"])

    def test_one_process_of_the_tree_or_another_spends_it(self):
        run = self.run_guard(["--budget", "a=3", "-k", "none"],
                             ["sh", "-c", "for i in 1 2 3 4; do (setsid spawnguard notify counter a+=1 &) ; done; sleep 60"])
        self.assertEqual(run.status, 123, run.err)


if __name__ == "__main__":
    harness.main()

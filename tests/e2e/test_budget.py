"""--budget K=LIMIT/D: what the runs of a job may use up together: counted, refused, kept, put aside, never lost."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from breaker_file import BreakerFile
from harness import SPAWNGUARD, GuardTest, Stat, children, outcome, send, wait_until


class Base(BreakerFile, GuardTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = os.path.dirname(SPAWNGUARD) + ":" + os.environ["PATH"]

    def spend(self, amount, *args, job="j", limit="10/1d", key="tokens", **popen):
        """One run that tells of it."""
        return self.run_guard(["-N", job, f"--budget={key}={limit}", *args], [SPAWNGUARD, "notify", "counter", f"{key}={amount}"],
                              **popen)

    def budgets(self, job="j"):
        """As status has them: key and seconds, to what is used."""
        jobs = json.loads(self.command("status", "--json", job).out)["jobs"] # none before its first start line
        return {(b["key"], b["per"]): b["used"] for known in jobs for b in known["budgets"]}

    def grow_old(self, seconds):
        """As if it had been used so much earlier."""
        self.keep(re.sub(r"(?m)^used (\d+)", lambda m: f"used {int(m[1]) + seconds * 10**9}", self.file()))

    def move_clocks(self, boot_id=None, boot=0, wall=0):
        """As if it had been written by that boot, so many seconds away by each clock."""
        words = self.file().splitlines(True)
        at = words[1].split()
        at = ["at", boot_id or at[1], at[2], str(int(at[3]) - int(boot * 1e9)), str(int(at[4]) - int(wall * 1e9))]
        self.keep(words[0] + " ".join(at) + "\n" + "".join(words[2:]))


class OverRuns(Base):
    def test_runs_use_it_up_together_and_the_next_is_refused(self):
        self.assertEqual([self.spend(4).status, self.spend(3.5).status], [0, 0])
        self.assertEqual(self.budgets(), {("tokens", 86400): 7.5})
        last = self.spend(3)
        self.assertIn("warning: j: budget: tokens stands at 10.5 of 10 within 1d" if last.status == 0 else
                      "j: limit passed: budget: tokens stands at 10.5 of 10 within 1d", last.err)
        refused = self.spend(1)
        self.assertEqual(refused.status, 69)
        self.assertRegex(refused.err, r"not started: budget used up: j: tokens stands at 10.5 of 10 within 1d; "
                                      r"room again in 23h59m, at \d{4}-\d\d-\d\dT[0-9:.]+Z; see: spawnguard status j; "
                                      r"to start all the same: --budget tokens=none\n$")
        line = self.events("refused")[-1]
        self.assertEqual((outcome(line), line["spawnguard.reason"], line["spawnguard.refusals"]), ("refused", "budget", 1))
        self.assertEqual(len(self.events("start")), 3)
        self.assertEqual(self.run_guard(["-N", "j", "--budget=tokens=none"], ["true"]).status, 0)
        self.assertEqual(self.run_guard(["-N", "another", "--budget=tokens=10/1d"], ["true"]).status, 0)

    def test_what_was_used_before_counts_within_a_run(self):
        self.spend(7)
        run = self.run_guard(["-N", "j", "--budget=tokens=10/1d"],
                             ["sh", "-c", "for i in 1 2 3; do spawnguard notify counter tokens+=1; echo $i; done; exec sleep 60"])
        self.assertEqual(run.status, 123)
        self.assertIn("warning: j: budget: tokens stands at 8 of 10 within 1d; the run goes on", run.err)
        self.assertIn("j: limit passed: budget: tokens stands at 10 of 10 within 1d: ended", run.err)
        flags = [e["spawnguard.flag"] for e in self.events("flag")]
        self.assertEqual([(f["action"], f["value"], f["bound"], f["per"]) for f in flags],
                         [("warn", 8, 10, 86400), ("kill", 10, 10, 86400)])
        self.assertEqual(self.events("end")[-1]["spawnguard.counters"], {"tokens": 3})

    def test_a_counter_that_is_set_back_gives_nothing_back(self):
        self.run_guard(["-N", "j", "--budget=tokens=10/1d"],
                       ["sh", "-c", "spawnguard notify counter tokens=5; spawnguard notify counter tokens=1; spawnguard notify counter tokens=6"])
        self.assertEqual(self.budgets(), {("tokens", 86400): 6})

    def test_room_comes_back(self):
        self.spend(9)
        self.spend(9)
        self.assertEqual(self.spend(1).status, 69)
        self.grow_old(86401)
        self.assertEqual(self.budgets(), {("tokens", 86400): 0})
        self.assertEqual(self.spend(1).status, 0)
        self.assertEqual(self.budgets(), {("tokens", 86400): 1})

    def test_on_limit_says_whether_a_start_is_refused(self):
        self.spend(20)
        for action, said in (("warn", 1), ("flag", 0)):
            run = self.run_guard(["-N", "j", "--budget=tokens=10/1d", "--on-limit", action], ["true"])
            self.assertEqual((run.status, run.err.count("budget used up")), (0, said), run.err)

    def test_another_time_begins_with_what_is_known(self):
        self.spend(4)
        self.spend(4, limit="5/1h")
        self.assertEqual(self.budgets(), {("tokens", 86400): 8, ("tokens", 3600): 8})
        self.assertEqual(self.spend(1, limit="8/1w").status, 69)

    def test_one_within_a_run_and_none_over_runs_keeps_nothing(self):
        self.run_guard(["-N", "j", "--budget=tokens=10"], [SPAWNGUARD, "notify", "counter", "tokens=3"])
        self.assertFalse(os.path.lexists(os.path.join(self.state, "breaker")))
        self.assertFalse(os.path.lexists(os.path.join(self.state, "locks", "breaker")))

    def test_refused_before_anything_is_made(self):
        self.spend(10)
        run = self.run_guard(["-N", "j", "--budget=tokens=10/1d", "--output=never", "--record-samples", self.path("samples"),
                              "--status-file", self.path("status")], ["true"])
        self.assertEqual(run.status, 69)
        self.assertFalse(os.path.exists(self.path("samples")))
        self.assertEqual(os.path.isdir(os.path.join(self.state, "logs")) and os.listdir(os.path.join(self.state, "logs")) or [], [])
        with open(self.path("status")) as f:
            status = json.load(f)
        self.assertEqual((outcome(status), status["spawnguard.exit_status"], status["spawnguard.reason"]), ("refused", 69, "budget"))
        self.assertEqual([n for n in os.listdir(os.path.join(self.state, "runs")) if not n.startswith(".")], [])

    def test_dry_run_asks_the_same_and_changes_nothing(self):
        self.spend(9)
        before = self.file()
        dry = self.run_guard(["-N", "j", "--budget=tokens=10/1d", "--dry-run"], ["true"])
        self.assertEqual((dry.status, dry.out.split(":")[0]), (0, "would start"))
        self.assertEqual(self.file(), before)
        self.spend(1)
        before = self.file()
        dry = self.run_guard(["-N", "j", "--budget=tokens=10/1d", "--dry-run"], ["true"])
        self.assertEqual(dry.status, 69)
        self.assertIn("would not start: budget used up: j: tokens stands at 10 of 10 within 1d; room again in 23h59m, at", dry.out)
        self.assertEqual(self.file(), before)

    def test_from_the_configuration(self):
        conf = self.write("conf", "[job j]\nbudget = tokens=5/2d\n", 0o600)
        for statuses in ((0, 123), (69,)):
            run = self.run_guard(["-N", "j", "--config", conf], [SPAWNGUARD, "notify", "counter", "tokens=5"])
            self.assertIn(run.status, statuses, run.err)
        self.assertIn("budget tokens 172800000000000 5000000", self.file())


class Status(Base):
    def test_tells_what_is_used_and_when_room_returns(self):
        self.spend(4)
        self.assertRegex(self.command("status", "j").out, r"\nbudget     tokens 4 of 10 within 1d; less again in 23h59m, at 2\S+Z\n")
        self.spend(6)
        self.assertRegex(self.command("status", "j").out, r"\nbudget     tokens 10 of 10 within 1d: used up; room again in 23h59m, at 2\S+Z\n")
        found = json.loads(self.command("status", "--json", "j").out)["jobs"][0]["budgets"][0]
        self.assertEqual((found["key"], found["used"], found["limit"], found["per"], found["used_up"]), ("tokens", 10, 10, 86400, True))
        self.assertTrue(86000 < found["room_in"] <= 86400 and 86000 < found["less_in"] <= 86400, found)
        self.grow_old(90000)
        self.assertIn("\nbudget     tokens 0 of 10 within 1d\n", self.command("status", "j").out)

    def test_says_that_it_cannot_be_read(self):
        self.spend(4)
        with open(os.path.join(self.state, "breaker", "j"), "a") as f:
            f.write("x")
        self.assertIn("\nbudget     cannot be read", self.command("status", "j").out)
        self.assertTrue(json.loads(self.command("status", "--json", "j").out)["jobs"][0]["budgets_damaged"])
        self.assertTrue(os.path.exists(os.path.join(self.state, "breaker", "j"))) # to look changes nothing


class Clocks(Base):
    def test_the_wall_clock_means_nothing_within_a_boot(self):
        self.spend(4)
        for days in (10, -10):
            self.move_clocks(wall=days * 86400)
            self.spend(1)
        self.assertEqual(self.budgets(), {("tokens", 86400): 6})

    def test_another_boot_goes_by_the_wall_clock_and_never_backwards(self):
        other = "00000000-0000-4000-8000-000000000001"
        self.spend(4)
        self.move_clocks(boot_id=other, boot=-10**7, wall=3600)
        self.assertEqual(self.budgets(), {("tokens", 86400): 4})
        self.spend(1)
        self.assertRegex(self.file(), r"\nused 36\d{11} 4000000\nused \d{1,11} 1000000\n")
        self.move_clocks(boot_id=other, wall=-86400 * 365) # set back over the boot: nothing has passed
        self.assertEqual(self.budgets(), {("tokens", 86400): 5})
        self.move_clocks(boot_id=other, wall=86400 * 367)
        self.assertEqual(self.budgets(), {("tokens", 86400): 0})

    def test_a_clock_of_another_namespace_is_not_believed(self):
        way = ["unshare", "-T", "--boottime=864000", "--fork"] if os.geteuid() == 0 else ["unshare", "-UrT", "--boottime=864000", "--fork"]
        if subprocess.run([*way, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no time namespaces of one's own here")
        self.spend(4)
        run = self.start(*way, SPAWNGUARD, "run", "-N", "j", "--budget=tokens=10/1d", "--", SPAWNGUARD, "notify", "counter", "tokens=3").wait()
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.budgets(), {("tokens", 86400): 7})


class Kept(Base):
    def test_parallel_runs_lose_no_count(self):
        runs = [self.guard("-N", "j", "--shared", "--budget=tokens=1000000/1d", "--", "sh", "-c",
                           "for i in 1 2 3 4 5 6 7; do spawnguard notify counter tokens+=1; done") for _ in range(20)]
        self.assertEqual([run.wait().status for run in runs], [0] * 20)
        self.assertEqual(self.budgets(), {("tokens", 86400): 140})

    def test_parallel_runs_are_ended_by_what_all_have_used(self):
        runs = [self.guard("-N", "j", "--shared", "--budget=tokens=40/1d", "--", "sh", "-c",
                           "while :; do spawnguard notify counter tokens+=1; sleep 0.1; done") for _ in range(4)]
        self.assertEqual([run.wait().status for run in runs], [123] * 4)
        self.assertGreaterEqual(self.budgets()["tokens", 86400], 40)

    def kill_guards(self, *pids):
        for pid in pids:
            send(pid, signal.SIGKILL)
        for pid in pids:
            wait_until(lambda pid=pid: Stat(pid).state in (None, "Z", "X"), "it is dead, and its locks are free")

    def test_what_is_written_down_outlives_both_guards(self):
        held = self.guard("-N", "j", "--budget=tokens=100/1d", "--", "sh", "-c",
                          "spawnguard notify counter tokens=30; exec sleep 60")
        wait_until(lambda: os.path.exists(os.path.join(self.state, "breaker", "j")) and "used " in self.file(), "it is written down")
        warden = held.warden()
        held.send(signal.SIGSTOP)
        self.kill_guards(warden, held.pid)
        held.wait()
        self.assertEqual(self.run_guard(["-N", "j", "--budget=tokens=100/1d"], ["true"]).status, 0)
        self.assertEqual(self.budgets(), {("tokens", 86400): 30})
        self.end_strays()

    def test_the_dead_wardens_count_is_written_down_by_front(self):
        held = self.guard("-N", "j", "--budget=tokens=100/1d", "--", "sh", "-c",
                          "for i in 1 2 3 4 5; do spawnguard notify counter tokens+=1; done; echo >\"$0\"; exec sleep 60", self.path("told"))
        wait_until(lambda: os.path.exists(self.path("told")), "all is told")
        self.kill_guards(held.warden())
        held.wait()
        self.assertEqual(self.budgets(), {("tokens", 86400): 5})

    def test_what_is_told_later_is_written_down_while_the_run_goes_on(self):
        held = self.guard("-N", "j", "--budget=tokens=100/1d", "--", "sh", "-c",
                          "for i in 1 2 3 4 5; do spawnguard notify counter tokens+=1; done; exec sleep 60")
        wait_until(lambda: os.path.exists(os.path.join(self.state, "breaker", "j")) and self.budgets() == {("tokens", 86400): 5},
                   "all of it is written down")
        held.send(signal.SIGTERM)
        held.wait()

    def test_damaged_files_are_put_aside_and_said(self):
        self.spend(4)
        path = os.path.join(self.state, "breaker", "j")
        whole = self.file().encode()
        for bytes_ in (b"", b"\0" * 100, whole[:-9], whole[:40], whole + whole, os.urandom(4096), whole.replace(b"4000000", b"5000000"),
                       b"x" * 300000):
            with open(path, "wb") as f:
                f.write(bytes_)
            run = self.spend(1)
            self.assertEqual(run.status, 0)
            self.assertIn("warning: j: its file in breaker/ is damaged: put aside as .bad; what earlier runs have used up is not known any more",
                          run.err)
            with open(path + ".bad", "rb") as f:
                self.assertEqual(f.read(), bytes_)
            self.assertEqual(self.budgets(), {("tokens", 86400): 1})

    def test_damaged_while_it_runs_what_the_run_knows_stays(self):
        self.spend(4)
        run = self.run_guard(["-N", "j", "--budget=tokens=10/1d"],
                             ["sh", "-c", "echo x >>\"$0\"; spawnguard notify counter tokens=3", os.path.join(self.state, "breaker", "j")])
        self.assertEqual(run.status, 0)
        self.assertIn("put aside as .bad; what this run knows of stays counted", run.err)
        self.assertEqual(self.budgets(), {("tokens", 86400): 7})

    def test_planted_files_hurt_nobody(self):
        victim = self.write("victim", "precious\n")
        self.spend(4)
        path = os.path.join(self.state, "breaker", "j")
        for plant in (lambda p: os.symlink(victim, p), lambda p: os.link(victim, p), os.mkfifo, lambda p: os.mkdir(p, 0o700)):
            for name in (path, path + ".new"):
                if os.path.isdir(name):
                    shutil.rmtree(name)
                elif os.path.lexists(name):
                    os.unlink(name)
                plant(name)
                run = self.spend(1)
                self.assertIn(run.status, (0, 125), run.err)
                self.assertIn("j", run.err) if name == path else None
                with open(victim) as f:
                    self.assertEqual(f.read(), "precious\n")
                for left in (name, path + ".bad"):
                    if os.path.isdir(left) and not os.path.islink(left):
                        shutil.rmtree(left)
                    elif os.path.lexists(left):
                        os.unlink(left)

    def test_what_cannot_be_kept_is_not_started(self):
        self.run_guard(["-N", "j"], ["true"])
        self.write(os.path.join(self.state, "breaker"), "")
        run = self.spend(1)
        self.assertEqual(run.status, 125)
        self.assertIn("nothing was started: what its runs use up could not be counted", run.err)
        self.assertEqual(len(self.events("start")), 1)
        os.unlink(os.path.join(self.state, "breaker"))
        os.mkdir(os.path.join(self.state, "breaker"), 0o755)
        os.chmod(os.path.join(self.state, "breaker"), 0o755)

    def test_a_writer_that_was_stopped_holds_up_nobody_for_ever(self):
        self.spend(1)
        lock = os.path.join(self.state, "locks", "breaker", "j")
        keeper = self.start("flock", lock, "sh", "-c", "echo >\"$0\"; exec sleep 600", self.path("has"))
        wait_until(lambda: os.path.exists(self.path("has")), "it has the lock")
        run = self.spend(1)
        self.assertEqual(run.status, 125)
        self.assertIn("cannot lock the budgets of: j: Device or resource busy", run.err)
        for child in children(keeper.pid):
            send(child, signal.SIGKILL)
        keeper.wait()
        self.assertEqual(self.spend(1).status, 0)

    def test_names_are_files_of_their_own(self):
        for name in ("a/b", "..", "a b", ".new", "j.bad", "\u00e4"):
            self.assertEqual(self.spend(3, job=name).status, 0, name)
            self.assertEqual(self.budgets(name), {("tokens", 86400): 3})


if __name__ == "__main__":
    harness.main()

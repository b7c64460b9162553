"""--on-limit=freeze: what passes a hard limit stands for a look, and is ended if nobody decides otherwise."""
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, descendants, observe, outcome, send, wait_until

PYTHON = os.path.realpath(sys.executable)
TERM, KILL = signal.SIGTERM, signal.SIGKILL

# Three processes, then one more for each line that it is given.
GROWS = """
import os, sys, time
def one():
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid
kids = [one(), one()]
while True:
    if not os.path.exists({path!r}):
        time.sleep(0.01)
        continue
    os.rename({path!r}, {path!r} + ".read")
    with open({path!r} + ".read") as f:
        wish = int(f.read())
    if wish == 0:
        break
    kids += [one() for _ in range(wish)]
    while wish < 0:
        pid = kids.pop()
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        wish += 1
os._exit(5)
"""


class FreezeForALimit(GuardTest):
    def members(self, run):
        return [pid for pid, stat in descendants(run.warden()).items() if stat.alive]

    def states(self, run):
        return {Stat(pid).state for pid in self.members(run)}

    def begin(self, *args, freeze_for="1h"):
        run = self.guard("-N", "j", "-k", "1", "--interval=20ms", "--max-procs=2", "--on-limit=freeze", "--freeze-for",
                         freeze_for, *args, "--", PYTHON, "-Ic", GROWS.format(path=self.path("wish")))
        return self.stands(run)

    def stands(self, run, freezes=1):
        wait_until(lambda: run.err.count(": frozen") >= freezes or not run.running(), "it stands")
        self.assertEqual(self.states(run), {"T"}, run.err)
        return run

    def ask(self, verb, *args):
        asked = self.command(verb, "j", *args)
        self.assertEqual((asked.status, asked.err), (0, ""), asked.out)
        return asked

    def wish(self, number):
        self.write("wish.new", str(number))
        os.rename(self.path("wish.new"), self.path("wish"))

    def flags(self):
        return [e["spawnguard.flag"] for e in self.events("flag") if e["spawnguard.flag"]["severity"] == "critical"]

    def finish(self, run):
        self.ask("kill")
        self.assertEqual(run.wait().status, -TERM, run.err)
        self.assertEqual(outcome(self.end_event()), "killed")
        self.assert_no_survivor(run.err)

    def test_it_stands_and_says_where_to_look(self):
        run = self.begin()
        run_id = self.events("start")[0]["spawnguard.run.id"]
        self.assertRegex(run.err, r"\Aspawnguard: j: limit passed: max-procs: 3 processes, limit 2; most: [^\n]*: frozen, to be "
                                  rf"ended in 1h: 3 processes; look: spawnguard ps {run_id}, then spawnguard thaw {run_id} "
                                  rf"or spawnguard kill {run_id}\n\Z")
        self.assertEqual([(f["rule"], f["action"], f["value"], f["bound"]) for f in self.flags()],
                         [("max-procs", "freeze", 3, 2)])
        freeze, = self.events("freeze")
        self.assertEqual(freeze["spawnguard.members.frozen"], 3)
        self.assertNotIn("spawnguard.sender", freeze)
        self.assertIn("frozen (max-procs)", self.command("ps", "j").out)
        self.assertRegex(self.command("status", "j").out, r"now        frozen for [^\n]*; frozen for max-procs, to be ended in 59m")
        for what in ("ps", "status"):
            said = json.loads(self.command(what, "--json", "j").out)
            live = said["runs"][0] if what == "ps" else said["jobs"][0]["runs"][0]
            self.assertEqual((live["state"], live["frozen_for"]), ("frozen", "max-procs"))
            self.assertTrue(3000 < live["frozen_left"] < 3600, live)
        # It holds its lock.
        self.assertEqual(self.run_guard(["-N", "j"], ["true"]).status, 75)
        self.finish(run)
        self.assertNotIn("spawnguard.limit", self.end_event())

    def test_nobody_decides(self):
        run = self.begin(freeze_for=f"{0.7 * SCALE}s")
        self.assertEqual(run.wait(20 * SCALE).status, 123, run.err)
        self.assertGreaterEqual(run.wall, 0.7 * SCALE)
        self.assert_no_survivor(run.err)
        end = self.end_event()
        self.assertEqual((outcome(end), end["spawnguard.cause"], end["spawnguard.limit"]["rule"]), ("limit", "limit", "max-procs"))
        self.assertGreaterEqual(end["spawnguard.frozen"], 0.7 * SCALE)
        self.assertRegex(run.err, r"limit passed: max-procs: 3 processes, limit 2; most: [^\n]*: ended 3 processes: [^\n]*\n\Z")

    def test_thawed_it_goes_on_where_it_was(self):
        run = self.begin()
        self.assertRegex(self.ask("thaw").out, r"thawed after ")
        wait_until(lambda: "T" not in self.states(run), "it goes on")
        observe(0.3)  # still over its limit, and told once
        self.assertNotIn("T", self.states(run))
        self.assertEqual(len(self.flags()), 1)
        self.wish(0)
        self.assertEqual(run.wait().status, 5, run.err)
        self.assertEqual(outcome(self.end_event()), "failed")
        self.assertNotIn("spawnguard.limit", self.end_event())

    def test_thawed_and_below_it_is_armed_again(self):
        run = self.begin()
        self.ask("thaw")
        self.wish(-1)
        wait_until(lambda: len(self.members(run)) == 2, "it is below")
        observe(0.1 * SCALE)
        self.wish(1)
        self.stands(run, freezes=2)
        self.assertEqual([f["action"] for f in self.flags()], ["freeze", "freeze"])
        self.finish(run)

    def test_thawed_and_grown_on_it_is_ended(self):
        run = self.begin()
        self.ask("thaw")
        self.wish(8)
        self.assertEqual(run.wait().status, 123, run.err)
        self.assert_no_survivor(run.err)
        self.assertEqual([f["action"] for f in self.flags()][:2], ["freeze", "kill"])
        self.assertTrue(4 < self.end_event()["spawnguard.limit"]["value"] <= 11)

    def test_the_clocks_stand(self):
        limit = 1.0 * SCALE
        run = self.begin("-t", str(limit), "--idle-timeout", str(limit))
        observe(1.5 * limit)
        self.assertTrue(run.running(), run.err)
        self.ask("thaw")
        self.assertEqual(run.wait(30 * SCALE).status, 124, run.err)
        self.assertGreaterEqual(run.wall, 2 * limit)

    def test_who_freezes_it_keeps_it(self):
        """A freeze by hand takes the place of the limit's: nothing ends it."""
        run = self.begin(freeze_for=f"{1.5 * SCALE}s")
        self.ask("freeze")
        observe(2 * SCALE)
        self.assertEqual(self.states(run), {"T"}, run.err)
        said = json.loads(self.command("ps", "--json", "j").out)["runs"][0]
        self.assertEqual(said["state"], "frozen")
        self.assertNotIn("frozen_for", said)
        self.ask("thaw")
        wait_until(lambda: "T" not in self.states(run), "it goes on")
        self.finish(run)

    def test_without_an_end(self):
        run = self.begin(freeze_for="none")
        self.assertNotIn("to be ended", run.err)
        self.assertIsNone(json.loads(self.command("ps", "--json", "j").out)["runs"][0]["frozen_left"])
        self.finish(run)

    def test_TERM_ends_it(self):
        run = self.begin()
        run.send(TERM)
        self.assertEqual(run.wait().status, -TERM, run.err)
        self.assert_no_survivor(run.err)
        self.assertEqual(outcome(self.end_event()), "killed")

    def test_KILL_of_a_guard_leaves_nothing(self):
        for who in ("front", "warden", "both"):
            with self.subTest(who):
                harness.shutil.rmtree(self.state, ignore_errors=True)
                run = self.begin()
                warden = run.warden()
                if who == "both":
                    send(run.pid, signal.SIGSTOP)
                    wait_until(lambda: Stat(run.pid).state == "T", "front is stopped")
                for pid in {"front": [run.pid], "warden": [warden], "both": [warden, run.pid]}[who]:
                    send(pid, KILL)
                run.wait()
                if who == "both":
                    wait_until(lambda: not Stat(warden).alive, "the warden is dead")
                    self.assertEqual(self.command("reap").status, 0)
                wait_until(lambda: not self.strays(), "the tree is gone")
                self.assert_no_survivor(who)
                self.runs.clear()

    def test_a_storm_is_held_or_ended(self):
        for shape in ("bomb-exp 100", "bomb-linear 100"):
            with self.subTest(shape):
                harness.shutil.rmtree(self.state, ignore_errors=True)
                run = self.run_guard(["-N", "j", "-k", "0.3", "--max-procs=10", "--on-limit=freeze", "--freeze-for",
                                      f"{0.5 * SCALE}s"], [VICTIM, *shape.split()], timeout=60 * SCALE)
                self.assertEqual(run.status, 123, run.err)
                self.assert_no_survivor(run.err)
                self.assertEqual(outcome(self.end_event()), "limit")

    def test_two_limits_at_once_freeze_it_once(self):
        run = self.begin("--max-threads=2")
        self.assertEqual(sorted(f["action"] for f in self.flags()), ["flag", "freeze"])
        self.ask("thaw")
        wait_until(lambda: "T" not in self.states(run), "it goes on")
        observe(0.2)
        self.assertNotIn("T", self.states(run))
        self.finish(run)

    def test_what_is_left_of_a_job_that_has_ended_is_ended(self):
        """Nobody is left to be thawed for."""
        script = f"{VICTIM} sleep & {VICTIM} sleep & {VICTIM} sleep & exit 3"
        run = self.run_guard(["-N", "j", "--leftovers=wait", "--interval=100ms", "--max-procs=1", "--on-limit=freeze",
                              "--freeze-for", "1s"], ["sh", "-c", script])
        self.assertEqual(run.status, 123, run.err)
        self.assert_no_survivor(run.err)
        if self.events("freeze"):
            self.skipTest("this machine was too slow: the job was still there")
        self.assertEqual([f["action"] for f in self.flags()], ["kill"])

    def test_a_run_within_stands_with_it(self):
        inner = f"exec {SPAWNGUARD} run -N inner -- {PYTHON} -Ic '{GROWS.format(path=self.path('wish')).replace(chr(39), chr(34))}'"
        run = self.guard("-N", "j", "-k", "1", "--interval=20ms", "--max-procs=3", "--on-limit=freeze", "--", "sh", "-c", inner)
        wait_until(lambda: ": frozen" in run.err or not run.running(), "it stands")
        state = lambda: json.loads(self.command("ps", "--json", "inner").out)["runs"][0]["state"]
        wait_until(lambda: state() == "frozen", "the run within, too")
        self.ask("thaw")
        wait_until(lambda: state() == "running", "it goes on")
        self.command("kill", "j")
        run.wait()
        self.assert_no_survivor(run.err)

    def test_a_used_up_budget(self):
        run = self.guard("-N", "j", "--budget", "a=1", "--on-limit=freeze", "--", "sh", "-c",
                         f"{SPAWNGUARD} notify counter a=5; sleep 60")
        wait_until(lambda: ": frozen" in run.err or not run.running(), "it stands")
        self.assertIn("limit passed: budget: a stands at 5 of 1", run.err)
        self.finish(run)


if __name__ == "__main__":
    harness.main()

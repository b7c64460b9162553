"""ps, kill, reap: what they show, what they end, what they leave alone."""
# denied: pidfd_open children
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, now, outcome, send, wait_until

TERM, KILL, STOP = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP


class Ps(GuardTest):
    def test_nothing_running_is_1(self):
        for args in ([], ["nightly"], ["0123abcd"]):
            run = self.command("ps", *args)
            self.assertEqual((run.status, run.out), (1, ""), args)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")

    def test_it_shows_job_run_pids_and_tree(self):
        held = self.holder("-N", "nightly", "--run-id", "cafe0123", shape="deep 3")
        for args in ([], ["nightly"], ["cafe0123"], ["cafe"]):
            run = self.command("ps", *args)
            self.assertEqual((run.status, run.err), (0, ""), args)
            self.assertIn("nightly", run.out)
            self.assertIn("cafe0123"[:6], run.out)
            for pid in [held.pid, *self.pids()]:
                self.assertRegex(run.out, rf"\b{pid}\b")
        self.assertEqual(self.command("ps", "other").status, 1)
        held.send(TERM)
        held.wait()

    def test_json_is_one_object_with_every_member(self):
        held = self.holder("-N", "tree", "--run-id", "json-run", shape="daemon")
        run = self.command("ps", "--json")
        told = json.loads(run.out)["runs"]
        self.assertEqual(len(told), 1)
        self.assertEqual((told[0]["job"], told[0]["run_id"]), ("tree", "json-run"))
        self.assertEqual((told[0]["front_pid"], told[0]["warden_pid"]), (held.pid, held.warden()))
        alive = sorted(pid for pid in self.pids() if Stat(pid).alive)
        self.assertEqual(sorted(m["pid"] for m in told[0]["members"]), alive)
        self.assertEqual(told[0]["processes"], 2)
        self.assertGreater(told[0]["rss"], 0)
        held.send(TERM)
        held.wait()

    def test_runs_of_one_name_are_all_shown(self):
        runs = [self.holder("-N", "many", "--shared", "--run-id", f"many-{i}") for i in range(3)]
        told = json.loads(self.command("ps", "--json", "many").out)["runs"]
        self.assertEqual(sorted(r["run_id"] for r in told), ["many-0", "many-1", "many-2"])
        told = json.loads(self.command("ps", "--json", "many-1").out)["runs"]
        self.assertEqual([r["run_id"] for r in told], ["many-1"])
        self.end(*runs)

    def test_a_full_disk_is_no_success(self):
        held = self.holder("-N", "full")
        for args in ([], ["--json"]):
            with open("/dev/full", "w") as full:
                run = self.command("ps", *args, stdout=full)
            self.assertEqual(run.status, 125)
            self.assertRegex(run.err, r"\Aspawnguard: cannot write the result: .+\n\Z")
        held.send(TERM)
        held.wait()

    def test_hostile_names_are_inert(self):
        name = "\x1b[2Jname\n"
        script = self.write("hostile.py", "import os\nopen('/proc/self/comm', 'w').write(') R 1\\n\\x1b[2J')\n"
                            f"os.posix_spawn({VICTIM!r}, ['\\x1b[31mred\\n', 'sleep'], os.environ)\nos.wait()\n")
        held = self.guard(f"--name={name}", "--", "/usr/bin/python3", script, "\x1b[2J\n")
        self.wait_ready(held)
        run = self.command("ps")
        self.assertEqual(run.status, 0)
        self.assertNotRegex(run.out, r"[\x00-\x09\x0b-\x1f\x7f]")
        self.assertEqual(json.loads(self.command("ps", "--json").out)["runs"][0]["job"], name)
        held.send(TERM)
        held.wait()


class Kill(GuardTest):
    def test_it_ends_the_tree_and_says_what_it_did(self):
        for shape, killed in (("wide 9", False), ("setsid", True)):
            with self.subTest(shape):
                held = self.holder("-N", "target", "--run-id", "target-" + shape[0], "-k", "0.3", shape=shape)
                members = len([p for p in self.pids() if Stat(p).alive])
                began = now()
                run = self.command("kill", "target")
                self.assertLess(now() - began, 0.3 + 1.0 * SCALE)
                self.assertEqual((run.status, run.err), (0, ""))
                self.assertRegex(run.out, rf"\Atarget: run target-\w: ended {members} processes.*, freed \S+ in \S+, survivors 0\n\Z")
                wait_until(lambda: not held.running(), "front has returned")
                self.assertEqual(held.wait().status, -TERM)
                self.assert_no_survivor(shape)
                end = self.end_event("target-" + shape[0])
                self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "request"))
                self.assertEqual(end["spawnguard.sender"]["pid"], run.pid)
                self.assertEqual(end["spawnguard.sender"]["uid"], os.geteuid())
                self.assertEqual(end["spawnguard.members.ended"], members)
                self.assertEqual(bool(end["spawnguard.members.killed"]), killed)
                self.assertEqual(self.records(), [])

    def test_by_run_id_and_by_prefix(self):
        for word in ("abcdef99", "abcd"):
            held = self.holder("-N", "by-id", "--run-id", "abcdef99" if word == "abcdef99" else "abcd7777")
            self.assertEqual(self.command("kill", word).status, 0)
            self.assertEqual(held.wait().status, -TERM)

    def test_an_ambiguous_prefix_ends_nothing(self):
        runs = [self.holder("-N", f"n{i}", "--run-id", f"same-prefix-{i}") for i in range(2)]
        run = self.command("kill", "same-prefix")
        self.assertNotEqual(run.status, 0)
        self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
        self.assertTrue(all(r.running() for r in runs))
        self.end(*runs)

    def test_a_short_prefix_and_a_process_name_end_nothing(self):
        held = self.holder("-N", "named", "--run-id", "abcdef00")
        for word in ("abc", "victim", str(held.pid), "name", "*", "abcdef001"):
            run = self.command("kill", word)
            self.assertEqual(run.status, 1, word)
            self.assertTrue(held.running(), word)
        held.send(TERM)
        held.wait()

    def test_a_name_means_all_runs_that_share_it(self):
        runs = [self.holder("-N", "shared", "--shared") for _ in range(3)]
        other = self.holder("-N", "other")
        self.assertEqual(self.command("kill", "shared").status, 0)
        self.assertEqual([r.wait().status for r in runs], [-TERM] * 3)
        self.assertTrue(other.running())
        other.send(TERM)
        other.wait()

    def test_dry_run_lists_and_ends_nothing(self):
        held = self.holder("-N", "dry", shape="deep 3")
        run = self.command("kill", "--dry-run", "dry")
        self.assertEqual(run.status, 0)
        for pid in self.pids():
            self.assertRegex(run.out, rf"\b{pid}\b")
        self.assertTrue(held.running())
        self.assertEqual(len([p for p in self.pids() if Stat(p).alive]), 4)
        held.send(TERM)
        held.wait()

    def test_from_inside_the_job(self):
        shut, release = os.pipe()
        held = self.guard("-N", "inside", "--run-id", "inside-1", "-k", "0.5", "--", "sh", "-c",
                          f"{VICTIM} daemon & {SPAWNGUARD} kill inside >said 2>&1; {VICTIM} sleep", pass_fds=[shut])
        self.assertEqual(held.wait().status, -TERM)
        os.close(shut)
        os.close(release)
        self.assert_no_survivor()
        end = self.end_event("inside-1")
        self.assertEqual((outcome(end), end["spawnguard.cause"]), ("killed", "request"))
        self.assertEqual(end["spawnguard.sender"]["run"], "inside-1")

    def test_own_grace(self):
        held = self.holder("-N", "grace", "-k", "60", shape="setsid")
        began = now()
        run = self.command("kill", "-k", "0.2", "grace")
        self.assertEqual(run.status, 0)
        self.assertLess(now() - began, 0.2 + 2.0 * SCALE)
        held.wait()
        self.assert_no_survivor()

    def test_when_the_guards_are_dead(self):
        held = self.holder("-N", "orphans", "--run-id", "orphans-1", shape="daemon")
        warden = held.warden()
        wait_until(lambda: self.recorded("orphans-1", 2), "members are recorded")
        for pid in (held.pid, warden):
            send(pid, STOP)
            wait_until(lambda pid=pid: Stat(pid).state == "T", "stopped")
        for pid in (warden, held.pid):
            send(pid, KILL)
        held.wait()
        wait_until(lambda: not Stat(warden).alive, "the warden is dead")
        run = self.command("kill", "orphans")
        self.assertEqual(run.status, 0, run.err)
        self.assertIn("survivors 0", run.out)
        self.assertTrue(self.members_gone())
        self.assertEqual(outcome(self.end_event("orphans-1")), "lost")
        self.assertEqual(self.records(), [])

    def recorded(self, run_id, count):
        with open(os.path.join(self.state, "runs", run_id), "rb") as f:
            record = f.read()
        alive = [p for p in self.pids() if Stat(p).alive and p.to_bytes(4, sys.byteorder) in record]
        return len(alive) >= count

    def test_when_front_alone_is_dead_or_dying(self):
        held = self.holder("-N", "half", "-k", "0.3", shape="setsid")
        held.send(KILL)
        held.wait()
        run = self.command("kill", "half")
        self.assertIn(run.status, (0, 1))
        wait_until(lambda: not self.strays(), "the tree is gone")

    def test_a_stranger_under_a_recorded_pid_is_not_hit(self):
        """The record names a pid that another process has now: identity, not number, decides."""
        held = self.holder("-N", "stale", "--run-id", "stale-1")
        wait_until(lambda: self.recorded("stale-1", 1), "members are recorded")
        path = os.path.join(self.state, "runs", "stale-1")
        with open(path, "rb") as f:
            old = f.read()
        held.send(TERM)
        held.wait()
        with open(path, "wb") as f:
            f.write(old)
        os.chmod(path, 0o600)
        self.assertEqual(self.command("reap").status, 0)
        ends = self.events("end", "stale-1")
        self.assertGreaterEqual(len(ends), 1)
        self.assertEqual(outcome(ends[0]), "killed", "the first end counts")
        self.assertEqual(self.records(), [])

    def test_unknown_is_1_and_nothing_given_is_usage(self):
        self.assertEqual(self.command("kill", "nobody").status, 1)
        for args in (["kill"], ["kill", "--bogus", "x"], ["ps", "--bogus"], ["reap", "--bogus"], ["kill", "-k", "x", "y"]):
            run = self.command(*args)
            self.assertEqual(run.status, 2, args)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")

    def test_an_unknown_command_is_told_the_nearest(self):
        run = self.command("kil", "x")
        self.assertEqual(run.status, 125)
        self.assertIn("kill", run.err)


class Reap(GuardTest):
    def test_nothing_to_do_is_0_and_silent(self):
        for args in ([], ["--dry-run"], ["nobody"]):
            run = self.command("reap", *args)
            self.assertEqual((run.status, run.out, run.err), (0, "", ""), args)

    def test_a_damaged_record_is_put_aside(self):
        self.run_guard(["-N", "x"], ["true"])
        path = os.path.join(self.state, "runs", "damaged-1")
        for content in (b"x" * 100, b"\0" * 8192, os.urandom(8192)):
            with self.subTest(size=len(content)):
                with open(path, "wb") as f:
                    f.write(content)
                os.chmod(path, 0o600)
                run = self.command("reap")
                self.assertEqual(run.status, 0, run.err)
                self.assertFalse(os.path.exists(path))
                self.assertEqual(self.run_guard(["-N", "x"], ["true"]).status, 0)

    def test_an_empty_record_may_be_a_start_under_way_and_stays(self):
        self.run_guard(["-N", "x"], ["true"])
        path = os.path.join(self.state, "runs", "empty-1")
        open(path, "x").close()
        os.chmod(path, 0o600)
        run = self.command("reap")
        self.assertEqual((run.status, run.out, run.err), (0, "", ""))
        self.assertTrue(os.path.exists(path))

    def test_a_planted_record_is_no_way_to_others(self):
        target = self.write("target", "precious")
        self.run_guard(["-N", "x"], ["true"])
        folder = os.path.join(self.state, "runs")
        os.symlink(target, os.path.join(folder, "planted-1"))
        os.mkfifo(os.path.join(folder, "planted-2"))
        os.mkdir(os.path.join(folder, "planted-3"))
        self.assertIn(self.command("reap", timeout=20 * SCALE).status, (0, 125))
        self.assertIn(self.command("ps", timeout=20 * SCALE).status, (0, 1, 125))
        self.assertEqual(self.run_guard(["-N", "x"], ["true"]).status, 0)
        self.assertEqual(self.read("target"), "precious")


if __name__ == "__main__":
    harness.main()

"""status: running or the last end, the last outcomes, exit status, and the object that doc/status.md describes."""
import json
import os
import re
import signal
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SOURCE, VICTIM, GuardTest, wait_until


def members(value):
    """Every key of a JSON value, however deep."""
    if isinstance(value, dict):
        return set(value) | set().union(*map(members, value.values()), set())
    if isinstance(value, list):
        return set().union(*map(members, value), set())
    return set()


class Status(GuardTest):
    def jobs(self, *args):
        run = self.command("status", "--json", *args)
        self.assertEqual(run.err, "")
        return run.status, json.loads(run.out)["jobs"]

    def but_breakers(self):
        """All of it but what doc/breaker.md describes."""
        said = json.loads(self.command("status", "--json").out)
        for job in said["jobs"]:
            job["breaker"] = job["breaker"]["state"]
        return said

    def append_end(self, middle):
        folder = os.path.join(self.state, "history")
        body = b'{"schema":1,"event":"end","time":"2026-11-21T09:17:31.042Z",' + middle
        with open(os.path.join(folder, os.listdir(folder)[0]), "ab") as f:
            f.write(b'\n%s,"check":"%08x"}\n' % (body, zlib.crc32(body)))

    def test_nothing_known_is_1(self):
        for args in ([], ["nobody"]):
            run = self.command("status", *args)
            self.assertEqual((run.status, run.out), (1, ""), args)
            self.assertRegex(run.err, r"\Aspawnguard: .+\n\Z")
            self.assertEqual(self.jobs(*args), (1, []))

    def test_usage_is_2(self):
        for args in (["--bogus"], ["one", "two"]):
            self.assertEqual(self.command("status", *args).status, 2)

    def test_running_then_its_last_end(self):
        held = self.holder("-N", "job", "--run-id", "status-run-1", "-t", "10m", shape="daemon")
        status, jobs = self.jobs("job")
        self.assertEqual((status, len(jobs), len(jobs[0]["runs"])), (0, 1, 1))
        run = jobs[0]["runs"][0]
        self.assertEqual((run["run_id"], run["state"], run["front_pid"]), ("status-run-1", "running", held.pid))
        self.assertEqual((run["processes"], run["timeout"]), (2, 600))
        self.assertTrue(0 < run["timeout_left"] <= 600)
        text = self.command("status", "job").out
        self.assertRegex(text, rf"running for \S+, run status-r, pid {held.pid}, processes 2")
        self.assertRegex(text, r"timeout 10m\S* \(.* left\)")
        held.send(signal.SIGTERM)
        held.wait()
        status, jobs = self.jobs("job")
        self.assertEqual((status, jobs[0]["runs"]), (1, []))
        last = jobs[0]["last"]
        self.assertEqual((last["outcome"], last["cause"], last["run_id"]), ("killed", "signal", "status-run-1"))
        self.assertEqual(last["sender_pid"], os.getpid())
        self.assertRegex(self.command("status", "job").out, r"last end +killed, status 143, ended for: signal by \S+\[")

    def test_outcomes_oldest_first_with_a_legend(self):
        for code in (0, 1, 0, 0):
            self.run_guard(["-N", "strip"], ["sh", "-c", f"exit {code}"])
        self.run_guard(["-N", "strip", "-t", "0.05", "-k", "none"], [VICTIM, "sleep"])
        for locale, strip in (("C", ".F..T"), ("C.UTF-8", "✓✗✓✓T")):
            run = self.command("status", "strip", env=dict(self.env, LC_ALL=locale))
            self.assertEqual(run.status, 1)
            found = re.search(r"^outcomes +(\S+)  (.*)$", run.out, re.M)
            self.assertEqual(found.group(1), strip)
            self.assertIn("T timeout", found.group(2))
        status, jobs = self.jobs("strip")
        self.assertEqual([o["outcome"] for o in jobs[0]["outcomes"]], ["timeout", "ok", "ok", "failed", "ok"])

    def test_at_most_20_outcomes(self):
        for _ in range(23):
            self.run_guard(["-N", "many"], ["true"])
        status, jobs = self.jobs("many")
        self.assertEqual((status, len(jobs[0]["outcomes"])), (0, 20))

    def test_one_line_per_job_and_the_worst_decides(self):
        self.run_guard(["-N", "good"], ["true"])
        self.assertEqual(self.command("status").status, 0)
        self.run_guard(["-N", "bad"], ["false"])
        run = self.command("status")
        self.assertEqual((run.status, run.err), (1, ""))
        lines = [line.split() for line in run.out.splitlines()]
        self.assertEqual(lines[0], "JOB STATE STATUS WHEN TOOK RUN OUTCOMES NOTE".split())
        self.assertEqual(sorted(line[:3] for line in lines[1:]), [["bad", "failed", "1"], ["good", "ok", "0"]])
        self.assertEqual(self.command("status", "good").status, 0)

    def test_refused_starts_are_told(self):
        held = self.holder("-N", "busy")
        self.assertEqual(self.run_guard(["-N", "busy"], ["true"]).status, 75)
        self.assertEqual(self.jobs("busy")[1][0]["refused"], 1)
        self.assertIn("refused    1 start ", self.command("status", "busy").out)
        held.send(signal.SIGTERM)
        held.wait()

    def test_refusals_that_wait_for_their_line_are_counted(self):
        held = self.holder("-N", "busy")
        for _ in range(3):
            self.assertEqual(self.run_guard(["-N", "busy"], ["true"]).status, 75)
        self.assertEqual(len(self.events("refused")), 1)
        self.assertEqual(self.jobs("busy")[1][0]["refused"], 3)
        self.assertIn("refused    3 starts ", self.command("status", "busy").out)
        held.send(signal.SIGTERM)
        held.wait()

    def test_hostile_names_are_inert(self):
        name = "\x1b[2Jname\n"
        self.run_guard([f"--name={name}"], ["true"])
        for args in ([], [name]):
            self.assertNotRegex(self.command("status", *args).out, r"[\x00-\x09\x0b-\x1f\x7f]")
        self.assertEqual(self.jobs(name)[1][0]["job"], name)

    def test_damaged_lines_are_passed_over_and_counted(self):
        self.run_guard(["-N", "job"], ["true"])
        folder = os.path.join(self.state, "history")
        with open(os.path.join(folder, os.listdir(folder)[0]), "ab") as f:
            f.write(b'\n{"schema":1,"event":"end","torn\nx\n')
        run = self.command("status", "job")
        self.assertEqual(run.status, 0)
        self.assertIn("2 damaged lines", run.err)

    def test_a_full_disk_is_no_success(self):
        self.run_guard(["-N", "job"], ["true"])
        with open("/dev/full", "w") as full:
            run = self.command("status", stdout=full)
        self.assertEqual(run.status, 125)
        self.assertRegex(run.err, r"\Aspawnguard: cannot write the result: .+\n\Z")

    def test_every_member_is_described_and_every_described_one_is_known(self):
        with open(os.path.join(SOURCE, "doc/status.md")) as f:
            page = f.read()
        described = {name for cell in re.findall(r"^\| (`.*?) \|", page, re.M) for name in re.findall(r"`([a-z_]+)`", cell)}
        held = self.holder("-N", "seen")
        self.command("kill", "seen")
        held.wait()
        held = self.guard("-N", "seen", "-t", "10m", "--max-procs=1", "--on-limit=freeze", "--", VICTIM, "deep", "2")
        wait_until(lambda: ": frozen" in held.err, "it stands")
        written = members(self.but_breakers())
        held.send(signal.SIGTERM)
        held.wait()
        self.run_guard(["-N", "wrong", "--chdir", "/nowhere"], ["true"])
        self.append_end(b'"spawnguard.run.id":"with-log","spawnguard.job":"logged","spawnguard.outcome":"ok",'
                        b'"spawnguard.exit_status":0,"spawnguard.cause":"none","spawnguard.log":"/kept"')
        os.makedirs(os.path.join(self.state, "breaker"), 0o700, exist_ok=True)
        with open(os.path.join(self.state, "breaker", "seen"), "w") as f:
            f.write("no budgets\n")
        written |= members(self.but_breakers())
        self.assertEqual(written - described, set())
        self.assertEqual(described - written, set())


if __name__ == "__main__":
    harness.main()

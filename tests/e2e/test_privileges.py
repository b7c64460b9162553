"""Who has which privileges: the warden next to none, the job and front what the caller has."""
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SPAWNGUARD, VICTIM, GuardTest, children, status_field, wait_until

FIELDS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
CAP_KILL, CAP_SYS_PTRACE, CAP_SYS_RESOURCE = 5, 19, 24
NOBODY = 65534
AS_NOBODY = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
WORLDS = (
    # name, setpriv's options, only as root, does the warden keep CAP_KILL (if the caller has it)
    ("as the caller is", [], False, True),
    ("no new privileges", ["--no-new-privs"], False, True),
    ("root without CAP_KILL", ["--bounding-set=-kill", "--inh-caps=-kill"], True, False),
    ("root with inheritable capabilities", ["--inh-caps=+net_raw,+sys_ptrace"], True, True),
    ("root with ambient capabilities", ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"], True, True),
    ("root with two capabilities", ["--bounding-set=-all,+kill,+chown", "--inh-caps=-all"], True, True),
    ("root without any", ["--bounding-set=-all", "--inh-caps=-all"], True, False),
    ("another user", AS_NOBODY, True, False),
    ("another user with ambient capabilities",
     [*AS_NOBODY, "--inh-caps=+net_bind_service,+kill", "--ambient-caps=+net_bind_service,+kill"], True, False),
)


def sets(pid):
    return {field: status_field(pid, field) for field in FIELDS}


class PrivilegesTest(GuardTest):
    def setUp(self):
        super().setUp()
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is missing (Debian: util-linux)")

    def wrap(self, *options):
        """setpriv with these; another user gets the state directory."""
        if AS_NOBODY[0] in options:
            os.chmod(self.scratch, 0o777)
            for path in (self.state, self.alive_path, self.pids_path):
                if not os.path.exists(path):
                    self.write(os.path.basename(path), "", 0o666)
                os.chown(path, NOBODY, NOBODY)
        return ["setpriv", *options] if options else []

    def fresh_state(self):
        self.state = os.path.join(self.scratch, f"state{len(self.runs)}")
        os.mkdir(self.state, 0o700)
        self.env["SPAWNGUARD_STATE_DIR"] = self.state

    def guarded(self, wrap, *args, shape="sleep"):
        """A run and the pids of front, warden and job; the warden has settled."""
        before = self.ready_count()
        run = self.start(*wrap, SPAWNGUARD, "run", "-N", "task", *args, "--", VICTIM, shape)
        self.wait_ready(run, before + 1)
        warden = run.warden()
        job = wait_until(lambda: children(warden), "the job lives")[0]
        wait_until(lambda: status_field(warden, "NoNewPrivs") == "1" and status_field(warden, "CapBnd") and
                   os.readlink(f"/proc/{warden}/cwd") == "/", "the warden has settled")
        return run, warden, job

    def over(self, run):
        run.send(signal.SIGTERM)
        run.wait()

    def bare(self, wrap):
        run = self.start(*wrap, "cat", "/proc/self/status").wait()
        self.assertEqual(run.status, 0, run.err)
        told = dict(line.split(":\t", 1) for line in run.out.splitlines() if ":\t" in line)
        return {field: told[field].strip() for field in FIELDS}, int(told["Uid"].split()[1])


class Sets(PrivilegesTest):
    def test_front_and_job_have_the_callers_and_the_warden_next_to_none(self):
        for name, options, only_root, keeps_kill in WORLDS:
            if only_root and os.geteuid() != 0:
                continue
            with self.subTest(name):
                self.fresh_state()
                wrap = self.wrap(*options)
                bare, uid = self.bare(wrap)
                run, warden, job = self.guarded(wrap)
                self.assertEqual(sets(run.pid), bare, "front")
                self.assertEqual(sets(job), bare, "job")
                has_kill = uid == 0 and int(bare["CapPrm"], 16) >> CAP_KILL & 1
                self.assertEqual(bool(has_kill), keeps_kill and uid == 0)
                kept = f"{(1 << CAP_KILL) * has_kill:016x}"
                want = {**bare, "CapInh": f"{0:016x}", "CapAmb": f"{0:016x}", "CapPrm": kept, "CapEff": kept,
                        "NoNewPrivs": "1"}
                self.assertEqual(wait_until(lambda: sets(warden)["CapPrm"] == kept and sets(warden), "it has dropped"),
                                 want, "warden")
                self.over(run)

    def test_as_root_of_a_user_namespace(self):
        if not shutil.which("unshare") or self.start("unshare", "-Ur", "true").wait().status != 0:
            self.skipTest("no user namespace can be made here")
        bare, _ = self.bare(["unshare", "-Ur"])
        run, warden, job = self.guarded(["unshare", "-Ur"])
        self.assertEqual((sets(run.pid), sets(job)), (bare, bare))
        kept = f"{1 << CAP_KILL:016x}"
        wait_until(lambda: sets(warden)["CapPrm"] == sets(warden)["CapEff"] == kept, "it has dropped")
        self.over(run)

    def test_the_pump_has_none(self):
        run = self.start(SPAWNGUARD, "run", "-N", "task", "--tail", "--", VICTIM, "sleep", stderr=subprocess.DEVNULL)
        self.wait_ready(run)
        pump = wait_until(lambda: [p for p in children(run.pid) if not children(p)], "the pump stands")[0]
        wait_until(lambda: status_field(pump, "NoNewPrivs") == "1", "it has settled")
        wait_until(lambda: int(status_field(pump, "CapPrm"), 16) == int(status_field(pump, "CapInh"), 16) == 0,
                   "it has no capability")
        self.over(run)

    def test_hooks_have_the_callers(self):
        bare, _ = self.bare([])
        run = self.run_guard(["-N", "task", "--on-start", f"cp /proc/self/status {self.path('told')}"], [VICTIM, "exit", "0"])
        self.assertEqual((run.status, run.err), (0, ""))
        told = dict(line.split(":\t", 1) for line in self.read("told").splitlines() if ":\t" in line)
        self.assertEqual({field: told[field].strip() for field in FIELDS}, bare)


class Dumpable(PrivilegesTest):
    def can_look_into(self, pid, wrap):
        """May a process of the same user and the same capabilities follow its links?"""
        return self.start(*wrap, "readlink", f"/proc/{pid}/exe").wait().status == 0

    def test_nobody_but_the_most_privileged_looks_into_roots_warden(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        wrap = self.wrap("--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
        run, warden, job = self.guarded(wrap)
        kept = f"{1 << CAP_KILL:016x}"
        wait_until(lambda: sets(warden)["CapPrm"] == kept, "it has dropped")
        self.assertFalse(self.can_look_into(warden, wrap))
        self.assertTrue(self.can_look_into(run.pid, wrap), "front is as the caller's")
        self.assertTrue(self.can_look_into(job, wrap), "the job is as without a guard")
        self.over(run)

    def test_all_three_belong_to_their_user(self):
        """What is not dumpable shows root as its owner."""
        wrap = self.wrap(*AS_NOBODY) if os.geteuid() == 0 else []
        uid = NOBODY if os.geteuid() == 0 else os.geteuid()
        run, warden, job = self.guarded(wrap)
        self.assertEqual([os.stat(f"/proc/{pid}").st_uid for pid in (run.pid, warden, job)], [uid] * 3)
        self.over(run)


class Memory(PrivilegesTest):
    def scores(self, *options):
        """The adjustments of front, warden and job."""
        run, warden, job = self.guarded(self.wrap(*options))
        found = []
        for pid in (run.pid, warden, job):
            with open(f"/proc/{pid}/oom_score_adj") as f:
                found.append(int(f.read()))
        self.over(run)
        return found

    def test_the_warden_is_the_last_to_go(self):
        may = os.geteuid() == 0 and int(status_field(os.getpid(), "CapEff"), 16) >> CAP_SYS_RESOURCE & 1
        with open("/proc/self/oom_score_adj") as f:
            own = int(f.read())
        if may:
            with open("/proc/self/oom_score_adj", "w") as f:
                try:
                    f.write(str(own - 1))
                    f.flush()
                    f.write(str(own))
                except OSError:
                    may = False  # root of a user namespace
        front, warden, job = self.scores()
        self.assertEqual((front, job), (own, own))
        self.assertEqual(warden, min(-900, own) if may else own)
        if os.geteuid() == 0:
            self.fresh_state()
            self.assertEqual(self.scores("--bounding-set=-sys_resource", "--inh-caps=-sys_resource"), [own, own, own])
        if not may:
            self.skipTest("CAP_SYS_RESOURCE is missing: no score can be lowered here")


class StillAble(PrivilegesTest):
    def test_roots_warden_ends_what_has_become_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        os.chmod(self.scratch, 0o777)
        for path in (self.alive_path, self.pids_path):
            self.write(os.path.basename(path), "", 0o666)
            os.chmod(path, 0o666)
        run = self.guard("-N", "task", "-k", "0.3", "--", "setpriv", *AS_NOBODY, VICTIM, "ignore-term")
        self.wait_ready(run)
        self.over(run)
        self.assert_no_survivor()

    def test_without_the_capability_it_is_named(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        os.chmod(self.scratch, 0o777)
        self.write("alive", "")
        self.write("pids", "")
        os.chmod(self.alive_path, 0o666)
        os.chmod(self.pids_path, 0o666)
        run = self.start("setpriv", "--bounding-set=-kill", "--inh-caps=-kill", SPAWNGUARD, "run", "-N", "task", "-k", "0.3",
                         "--", "sh", "-c", f"setpriv {' '.join(AS_NOBODY)} {VICTIM} sleep & wait")
        self.wait_ready(run)
        self.over(run)
        self.assertEqual(run.status, 121, run.err)
        self.assertRegex(run.err, rf"cannot end \S+ \(pid {self.pids()[-1]}, uid {NOBODY}, state S\)")
        self.end_strays()
        self.assertEqual(self.command("reap").status, 0)


if __name__ == "__main__":
    harness.main()

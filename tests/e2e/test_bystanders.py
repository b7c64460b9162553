"""Numbers of processes that are used again within milliseconds: nobody but the job is ever signalled."""
# label: heavy
import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, GuardTest

CROWDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "crowded.py")
LONG = os.environ.get("SG_LONG") == "1"
KILLS, RECOVERIES, BIRTHS = (1000, 200, 25000) if LONG else (20, 10, 1000) if SANITIZED else (60, 20, 25000)
WAY = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "-pf", "--mount-proc", "--kill-child"]


class Bystanders(GuardTest):
    def crowded(self, *argv):
        """In a PID namespace of few numbers; sh as its first process waits for whoever is left to it."""
        probe = 'echo 400 >/proc/sys/kernel/pid_max && grep -qx 400 /proc/sys/kernel/pid_max'
        if not shutil.which("unshare") or subprocess.run([*WAY, "sh", "-c", probe], stderr=subprocess.DEVNULL,
                                                         check=False).returncode:
            self.skipTest("no PID namespace with a pid_max of its own here (Linux 6.14)")
        run = self.start(*WAY, "sh", "-c", '"$@"; exit $?', "sh", sys.executable, CROWDED, *argv)
        if LONG:
            signal.alarm(660)
            faulthandler.dump_traceback_later(720, exit=True)
        run.wait(600 if LONG else 110)
        self.assertEqual((run.status, run.err), (0, ""))
        return json.loads(run.out)

    def test_a_bystander_that_is_hit_is_noticed(self):
        self.assertEqual(self.crowded("naive")["hits"], 1)

    def test_none_is_hit_by_ends_and_recoveries(self):
        told = self.crowded("guarded", KILLS, RECOVERIES, BIRTHS)
        self.assertEqual((told["hits"], told["left"]), (0, ""), told)
        self.assertGreaterEqual(told["births"], BIRTHS)
        self.assertGreater(told["used"], 0, "no number of a record was another's")
        print(f"{KILLS} ends, {RECOVERIES} recoveries: {told}", file=sys.stderr)


if __name__ == "__main__":
    harness.main()

"""A user whom only the name service knows: where the state is, and a name service that does not answer."""
import glob
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import harness
from harness import SPAWNGUARD, GuardTest

IS_ROOT = os.geteuid() == 0
UID = 34567
# setpriv asks the name service itself.
BECOME = f"import os, sys; os.setgroups([]); os.setgid({UID}); os.setuid({UID}); os.execvp(sys.argv[1], sys.argv[1:])"


@unittest.skipUnless(IS_ROOT, "needs root, to be another user")
@unittest.skipUnless(glob.glob("/lib*/*/libnss_systemd.so.2"), "no name service but files: libnss-systemd is missing")
class NameService(GuardTest):
    """/run and /etc/nsswitch.conf of our own; nss-systemd reads users from files of /run."""

    def setUp(self):
        super().setUp()
        os.chmod(self.scratch, 0o755)
        self.home = self.path("home")
        os.mkdir(self.home)
        os.chown(self.home, UID, UID)
        self.run_dir = self.path("run")
        os.makedirs(os.path.join(self.run_dir, "userdb"))
        self.write("nsswitch.conf", "passwd: files systemd\n")
        self.env.pop("SPAWNGUARD_STATE_DIR", None)

    def run_as_user(self, *argv):
        identity = [sys.executable, "-Sc", BECOME]
        if self.start(*identity, "test", "-x", SPAWNGUARD).wait().status != 0:
            self.skipTest("another user cannot start this build")
        script = f'mount --bind "{self.run_dir}" /run; mount --bind "{self.path("nsswitch.conf")}" /etc/nsswitch.conf'
        return self.in_mounts(script, *identity, SPAWNGUARD, "run", "-N", "home", *argv).wait()

    def tell_home(self):
        user = {"userName": "sgguest", "uid": UID, "gid": UID, "homeDirectory": self.home}
        self.write("run/userdb/sgguest.user", json.dumps(user))
        os.symlink("sgguest.user", os.path.join(self.run_dir, f"userdb/{UID}.user"))

    def test_the_state_is_in_the_home_that_it_tells(self):
        self.tell_home()
        run = self.run_as_user("--", "true")
        self.assertEqual((run.status, run.err), (0, ""))
        self.assertTrue(os.path.isdir(os.path.join(self.home, ".local/state/spawnguard")))

    def test_who_has_asked_blocks_all_signals_as_before(self):
        """The program that asks is started by posix_spawn(3), which sets the mask anew."""
        self.tell_home()
        run = self.run_as_user("--", "sh", "-c", "kill -34 $PPID; exit 7")
        self.assertEqual((run.status, run.err), (7, ""))

    def test_one_that_does_not_answer_is_given_up(self):
        os.mkfifo(os.path.join(self.run_dir, f"userdb/{UID}.user")) # whose opening waits for a writer
        run = self.run_as_user("--", "true")
        self.assertEqual(run.status, 125)
        self.assertIn("find a place for state (give one with --state-dir DIR): no local home directory", run.err)
        self.assertEqual(os.listdir(self.home), [])


if __name__ == "__main__":
    harness.main()

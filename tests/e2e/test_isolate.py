"""--isolate: what the fidelity suite asks holds in there too, but for a list of differences."""
# label: heavy
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_fidelity
from harness import SPAWNGUARD, GuardTest

IS_ROOT = os.geteuid() == 0

ISOLATED = (SPAWNGUARD, "run", "--isolate")


class Isolated:
    """Tests of another file, in a PID namespace each."""
    RUN = ISOLATED


# What the job can tell: spawnguard-run(1) lists them.
DIFFERENT = {"sid", "pgrp", "ns.pid", "ns.pid_for_children", "ns.mnt"}
NUMBERS_OUTSIDE = {"sid=0", "pgrp=0"}  # of the caller's session and group: nobody has them in there


class Traits(Isolated, test_fidelity.Traits):
    WORLDS = [(name, world) for name, world in test_fidelity.WORLDS if name != "12 descriptors"]

    def test_ambient_capabilities_reach_the_job(self):
        self.skipTest("they do not: the namespace of a user has its own")

    def assert_equal(self, bare, guarded):
        users = {line for side in (bare, guarded) for line in side if line.startswith("ns.user=")}
        differs = DIFFERENT | ({"ns.user"} if len(users) > 1 else set())  # by privileges, which a world may lack
        split = [{line for line in side if line.split("=")[0] in differs} for side in (bare, guarded)]
        self.assertFalse(split[0] & split[1])
        self.assertEqual({line for line in split[1] if not line.startswith("ns.")}, NUMBERS_OUTSIDE)
        super().assert_equal(*([line for line in side if line not in split[i]] for i, side in enumerate((bare, guarded))))


class Status(Isolated, test_fidelity.Status):
    pass


class Stdio(Isolated, test_fidelity.Stdio):
    pass


if __name__ == "__main__":
    harness.main()

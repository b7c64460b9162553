"""/proc that hides, is unreadable, absent or false; names that pretend: nobody else is ever signalled."""
import json
import os
import re
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, Stat, children, outcome, send, wait_until

KILL, STOP, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM
FAKES = 4800
IS_ROOT = os.geteuid() == 0
HOSTILE = ["a) R 1 1 1", "x\ny", "\x1b[31mred", ") Z (", "\t\x07\x7f", "((((((((((((((("]


@unittest_skip_sanitized if False else (lambda c: c)
class ProcTest(GuardTest):
    pass

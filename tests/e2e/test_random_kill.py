"""SIGKILL of front, of warden, of both, at a random microsecond of start, run, end or recovery: no second instance, nobody
left after the next start, no row lost, every start one end.

Several jobs at once, each a chain of starts: whoever is killed is the next one's recovery. 500 KILLs each of front, warden
and both; of 10,000 with SG_LONG=1; a tenth where the build is sanitized, half as another user (root's runs are the same
code). A trial that fails says with which seed; the moments are those of the machine, so repeat it some times.
"""
# label: heavy
# timeout: 3600
import collections
import faulthandler
import os
import random
import re
import select
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import (SANITIZED, SCALE, SPAWNGUARD, VICTIM, Damaged, GuardTest, Stat, children, event_kind, event_run, now,
                     parse_line, send, wait_until)

KILLS = (10000 if os.environ.get("SG_LONG") == "1" else 500) // (10 if SANITIZED else 1 if os.geteuid() == 0 else 2)
SEED = int(os.environ.get("SG_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
AT_ONCE = 4
JOB_MS = 12      # how long a job stays, at most
LIFE = 1.2       # the moments are taken from that many times the life of one that nobody kills
RECOVERY = 0.4   # three times in ten one that has something to recover is killed in this first part of it
NUDGE = 1.1      # a busy machine: so that about every second start comes to its job
STUCK_S = 60 * SCALE
NAMED = re.compile("the guards of run (\S+) were killed: .* may be of it: pid ([0-9, ]+)")


class Chain:
    """The starts of one job, one after the other, most of them killed."""

    def __init__(self, test, letter, whom):
        self.test, self.letter, self.whom = test, letter, whom
        self.dice = random.Random(f"{SEED} {letter} {whom}")
        self.folder = test.path(letter)
        os.mkdir(self.folder)
        self.runs = 0
        self.was_killed = False
        self.life_s = 0.0
        self.log = os.path.join(self.folder, "log")
        self.log_size = 0
        self.said = collections.deque(maxlen=6)
        self.closers = {}  # run id: the run that named what is left of it
        self.proc = self.fd = None

    def start(self, is_spared=False):
        self.err = os.path.join(self.folder, "stderr")
        with open(self.err, "wb") as err:
            self.proc = subprocess.Popen(
                [SPAWNGUARD, "run", "-N", self.letter, "--run-id", f"{self.letter}{self.runs}", "--wait=60", "-k", "0.01", "--",
                 VICTIM, "turn", self.folder, str(self.runs), str(self.dice.randrange(JOB_MS + 1))],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env=self.test.env, cwd=self.test.scratch)
        self.fd = os.pidfd_open(self.proc.pid)
        self.began = now()
        is_early = self.was_killed and self.dice.random() < 0.3
        moment = self.dice.random() * self.life_s * (RECOVERY if is_early else LIFE)
        self.strike_at = None if is_spared else self.began + moment
        self.was_killed = False
        self.runs += 1

    def strike(self):
        """Was there anybody?  Of both, front may be alone yet: then it is all there is."""
        self.strike_at = None
        pids = [self.proc.pid] if "front" in self.whom else []
        if "warden" in self.whom:  # a reader of front's has no group of its own
            pids += [pid for pid in children(self.proc.pid) if Stat(pid).pgrp == pid][:1]
        if not pids:
            self.strike_at = now() + 0.001 if self.proc.poll() is None else None
            return False
        self.dice.shuffle(pids)
        self.was_killed = any([send(pid, signal.SIGKILL) for pid in pids])
        return self.was_killed

    def ended(self):
        """The front is gone: collected, and what it said is read."""
        self.proc.wait()
        os.close(self.fd)
        size = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.life_s *= 1 / NUDGE if size > self.log_size else NUDGE
        self.log_size = size
        with open(self.err, encoding="utf-8", errors="surrogateescape") as f:
            text = f.read()
        self.said.append(f"{self.letter}{self.runs - 1}: {self.proc.returncode} {text}")
        for run_id, pids in NAMED.findall(text):
            self.closers[run_id] = self.runs - 1
            self.test.end_named([int(pid) for pid in pids.split(", ")])

    def lines(self):
        with open(self.log, encoding="ascii") as f:
            return [line.split() for line in f]

    def __str__(self):
        return f"{self.whom} of job {self.letter}; repeat with SG_SEED={SEED}; the last starts:\n" + "".join(self.said)


class RandomKill(GuardTest):
    def setUp(self):
        super().setUp()
        self.named = self.killed = 0

    def end_named(self, pids):
        """Born after the last look, in a session of its own: one mark is no proof, it is only named."""
        if not hasattr(self, "known") or not set(pids) <= self.known:
            self.known = set(self.pids())
        self.assertLessEqual(set(pids), self.known, f"a stranger was named, seed {SEED}")
        self.named += sum(send(pid, signal.SIGKILL) for pid in pids)

    def reap_orphans(self, chains):
        own = {chain.proc.pid for chain in chains if chain.proc}
        for pid in children(os.getpid()):
            if pid not in own:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    def turn(self, chains, poll):
        """One step of each chain that has one."""
        at = now()
        first = min((c.strike_at for c in chains if c.strike_at), default=at + 1)
        ready = {fd for fd, _ in poll.poll(max(0, (first - at) * 1000))}
        for chain in chains:
            if chain.fd in ready:
                poll.unregister(chain.fd)
                chain.ended()
                chain.start()
                poll.register(chain.fd, select.POLLIN)
            elif chain.strike_at and now() >= chain.strike_at:
                self.killed += chain.strike()
            if now() > chain.began + STUCK_S:
                self.fail(f"it does not end: {chain}\n{self.picture()}")

    def all_rounds(self, whom):
        chains = [Chain(self, letter, whom) for letter in "abcdefgh"[:AT_ONCE]]
        began = now()
        self.spare(chains)
        for chain in chains:
            chain.life_s = now() - began
        poll = select.poll()
        for chain in chains:
            chain.start()
            poll.register(chain.fd, select.POLLIN)
        told = -1
        while self.killed < KILLS:
            if self.killed // 50 != told:  # it goes on
                told = self.killed // 50
                signal.alarm(harness.TEST_LIMIT_S)
                faulthandler.dump_traceback_later(harness.TEST_LIMIT_S + 60, exit=True)
            self.turn(chains, poll)
            self.reap_orphans(chains)
        self.collect(chains)
        self.spare(chains)
        took = now() - began
        self.check(chains, whom)
        print(f"{whom}: {self.killed} killed in {sum(c.runs for c in chains)} starts of {self.inside} jobs, {took:.1f} s; "
              f"{self.named} only named, {self.unsaid} of a start that was killed before it could name them", file=sys.stderr)

    def collect(self, chains):
        for chain in chains:
            wait_until(lambda chain=chain: select.select([chain.fd], [], [], 0)[0], f"it ends: {chain}", STUCK_S)
            chain.ended()

    def spare(self, chains):
        """One whole run of each."""
        for chain in chains:
            chain.start(is_spared=True)
        self.collect(chains)
        for chain in chains:
            self.assertEqual(chain.proc.returncode, 0, str(chain))

    def check(self, chains, whom):
        """All of it in one pass."""
        kinds = {}
        for event in self.whole_lines():
            if event_kind(event) in ("start", "end"):  # what was noticed in between is another's test
                kinds.setdefault(event_run(event), []).append(event_kind(event))
        self.inside = self.unsaid = 0
        for chain in chains:
            inside = set()
            for what, run, *rest in chain.lines():
                self.assertIn(what, ("in", "survivor"), f"two at once: run {run}, {chain}")
                if what == "in":
                    inside.add(int(run))
                else:
                    self.check_survivor(chain, int(run), int(rest[0]), kinds)
            self.inside += len(inside)
            for run in range(chain.runs):
                those = kinds.get(f"{chain.letter}{run}", [])
                # Killed between record and start line: the end tells of it alone; before the record, nothing does.
                allowed = [["start", "end"]] if run in inside else [["start", "end"], ["end"], []]
                self.assertIn(those, allowed, f"run {run}, {chain}")
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [], f"{whom}, seed {SEED}")
        if not self.unsaid:
            self._reap()
            self.assert_no_survivor(f"{whom}, seed {SEED}")
        self.end_strays()

    def whole_lines(self):
        """
        The kernel stops a write of one that is killed where a page of the file ends: about once in 10,000 KILLs.  Such a
        line is told of nobody, as if its writer had been killed before it: then its run has not come to its job, or somebody
        else has written the line again.
        """
        for line in self.history_lines():
            try:
                yield parse_line(line)
            except Damaged:
                self.assertNotRegex(line, rb"\}$", "whole, and its check does not hold")

    def check_survivor(self, chain, run, of, kinds):
        """It had one mark, and so was named by who closed its record: before the next job started, or by a start that died."""
        run_id = f"{chain.letter}{of}"
        if run_id in chain.closers:
            self.assertLessEqual(chain.closers[run_id], run, f"run {of} survived: {chain}")
            return
        silent = [r for r in range(of + 1, run) if "start" not in kinds.get(f"{chain.letter}{r}", [])]
        self.assertTrue("both" in chain.whom and silent, f"run {of} survived, nobody says it: {chain}")
        self.unsaid += 1

    def test_front(self):
        self.all_rounds("front")

    def test_warden(self):
        self.all_rounds("warden")

    def test_both(self):
        self.all_rounds("front and warden, both")


class Neighbours(GuardTest):
    def test_jobs_of_other_names_take_nothing_from_each_other(self):
        """A run that ends leaves its file to the next one, whoever that is; its own front must have read it before."""
        count = 20 if SANITIZED else 100
        loop = f'n=0; while [ $n -lt {count} ]; do n=$((n+1)); {SPAWNGUARD} run -N "$1" -- "$0" exit 7; [ $? = 7 ] || exit 1; done'
        runs = [self.start("sh", "-c", loop, VICTIM, f"job{i}") for i in range(4)]
        for run in runs:
            run.wait(100)
            self.assertEqual((run.status, run.err), (0, ""))
        self.assertEqual(len(self.events("start")), 4 * count)
        self.assertEqual(len(self.events("end")), 4 * count)
        self.assertEqual([r for r in self.records() if not r.startswith(".")], [])


if __name__ == "__main__":
    harness.main()

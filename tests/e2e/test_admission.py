"""--expect-mem, --reserve-mem, --min-free, --max-pressure: a run starts if there is room for it, and two never count on
the same bytes.

What the machine has is what a file over /proc/meminfo says, in mounts of each start's own.
"""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import SANITIZED, SCALE, SPAWNGUARD, VICTIM, GuardTest, observe, switches, wait_until
from ways import kill_both

TERM, KILL = signal.SIGTERM, signal.SIGKILL


# What a run has by now, a few megabytes, it does not expect any more.
ABOUT_200, ABOUT_300, ABOUT_600, ABOUT_700 = r"2[0-4]\dM", r"3[0-4]\dM", r"(?:5[5-9]\d|600)M", r"(?:6[5-9]\d|700)M"


class AdmissionTest(GuardTest):
    def setUp(self):
        super().setUp()
        self.order, self.inside = self.path("order"), self.path("inside")
        os.mkdir(self.inside)
        self.memory(900)

    def memory(self, available_m, total_m=1000):
        """What there is from now on; the file is the same, as others have it mounted."""
        self.write("meminfo", f"MemTotal: {total_m << 10} kB\nMemFree: 1 kB\nMemAvailable: {available_m << 10} kB\n")

    def there(self, *args, command=("true",), script="", **popen):
        """`spawnguard run ARGS` where that is the memory."""
        script = f"mount --bind {self.path('meminfo')} /proc/meminfo\n{script}"
        return self.in_mounts(script, SPAWNGUARD, "run", *args, "--", *command, **popen)

    def refused(self, *args, **popen):
        run = self.there(*args, **popen).wait()
        self.assertEqual((run.status, run.out), (69, ""), run.err)
        return run.err

    def holds(self, name, *args):
        """A run with a claim that goes on."""
        ready = self.ready_count()
        run = self.there("-N", name, *args, command=[VICTIM, "sleep"])
        self.wait_ready(run, ready + 1)
        return run

    def waits(self, *args, **popen):
        """A start that waits for room: it has said so."""
        run = self.there("--wait", "--complain-after=0.01", *args, **popen)
        wait_until(lambda: "waiting for room: " in run.err or not run.running(), "it waits")
        self.assertTrue(run.running(), f"status {run.status}: {run.err}")
        return run

    def let_go(self, *runs):
        for run in runs:
            run.send(TERM)
            run.wait()


class Memory(AdmissionTest):
    def test_what_fits_starts_and_what_does_not_is_refused_with_the_numbers(self):
        held = [self.holds("a", "--expect-mem=400M"), self.holds("b", "--expect-mem=300M")]
        said = self.refused("-N", "c", "--expect-mem=250M")
        self.assertRegex(said, rf"\Aspawnguard: not started: c expects 250M of memory, {ABOUT_200} is free to it: 900M available, less "
                               rf"{ABOUT_700} that 2 runs still expect; see: spawnguard ps; --wait waits for room\n\Z")
        said = self.refused("-N", "c", "--expect-mem=200M", "--reserve-mem=100M")
        self.assertRegex(said, rf" c expects 200M of memory, 1\S+M is free to it: 900M available, less {ABOUT_700} that 2 runs still "
                               r"expect, less 100M of --reserve-mem;")
        fits = self.there("-N", "c", "--expect-mem=200M").wait()
        self.assertEqual((fits.status, fits.err), (0, ""))
        self.assertEqual(self.there("-N", "c").wait().status, 0, "who does not ask is not asked")
        refused, = self.events("refused")
        self.assertEqual((refused["spawnguard.outcome"], refused["spawnguard.reason"]), ("refused", "memory"))
        self.let_go(held[0])
        self.assertEqual(self.there("-N", "c", "--expect-mem=600M").wait().status, 0)
        self.let_go(held[1])

    def test_who_skips_is_refused_too_and_dry_run_says_what_would_be(self):
        held = self.holds("a", "--expect-mem=600M")
        self.refused("-N", "c", "--on-conflict=skip", "--expect-mem=350M")
        said = self.there("--dry-run", "-N", "c", "--expect-mem=350M").wait()
        self.assertEqual((said.status, said.err), (69, ""))
        self.assertRegex(said.out, rf"\Awould not start: c expects 350M of memory, {ABOUT_300} is free to it: 900M available, less "
                                   rf"{ABOUT_600} that 1 run still expects\n")
        said = self.there("--dry-run", "--wait", "-N", "c", "--expect-mem=350M").wait()
        self.assertEqual((said.status, said.out[:28]), (0, "would wait: c expects 350M o"))
        said = self.there("--dry-run", "-N", "c", "--expect-mem=300M").wait()
        self.assertEqual((said.status, said.out[:14]), (0, "would start: c"))
        self.let_go(held)

    def test_what_can_never_fit_does_not_wait(self):
        for args in (["--expect-mem=1001M"], ["--expect-mem=900M", "--reserve-mem=101M"]):
            said = self.refused("-N", "c", "--wait", *args)
            self.assertIn(" of memory, 1000M is all there is", said)
            self.assertNotIn("waits for room", said)

    def test_what_a_run_has_it_does_not_expect_any_more(self):
        job = "import signal\nhas = bytearray(b'x') * (200 << 20)\nprint('has', flush=True)\nsignal.pause()"
        held = self.there("-N", "a", "--expect-mem=400M", "--interval=10ms", command=[sys.executable, "-c", job])
        wait_until(lambda: held.out or not held.running(), "it has its memory")
        def expected():
            said = self.there("--dry-run", "-N", "c", "--expect-mem=901M").wait().out
            found = re.search(r"less (\S+)M that 1 run still expects", said)
            return found and float(found[1]) < 200 + 20
        wait_until(expected, "its claim has fallen")
        self.let_go(held)

    def test_the_claim_of_the_dead_counts_no_more(self):
        held = self.holds("a", "--expect-mem=600M")
        self.refused("-N", "c", "--expect-mem=400M")
        kill_both(self, held)
        self.assertEqual(self.there("-N", "c", "--expect-mem=400M").wait().status, 0)
        self.end_strays()

    def test_a_run_within_a_claim_is_part_of_it(self):
        inner = [SPAWNGUARD, "run", "-N", "i", "--expect-mem=500M", "--", SPAWNGUARD, "run", "--dry-run", "-N", "k",
                 "--expect-mem=901M", "--", "true"]
        run = self.there("-N", "o", "--expect-mem=600M", command=inner).wait()
        self.assertEqual(run.status, 69)
        self.assertIn("k expects 901M of memory, 900M is free to it: 900M available\n", run.out)
        outside = self.there("-N", "o", "--expect-mem=600M", command=[
            SPAWNGUARD, "run", "-N", "i", "--expect-mem=500M", "--", VICTIM, "sleep"])
        self.wait_ready(outside)
        self.assertRegex(self.refused("-N", "c", "--expect-mem=390M"), rf"less {ABOUT_600} that 1 run still expects")
        self.let_go(outside)


class Waiting(AdmissionTest):
    def test_it_starts_when_a_run_ends_however_it_ends(self):
        for how in (TERM, KILL):
            held = self.holds("a", "--expect-mem=600M")
            run = self.waits("-N", "c", "--expect-mem=350M")
            self.assertRegex(run.err, r"\Aspawnguard: waiting for room: c expects 350M of memory, 3\S+M is free to it: .*; see: spawnguard ps\n\Z")
            held.send(how)
            held.wait()
            self.assertEqual(run.wait().status, 0)

    def test_it_starts_when_others_give_memory_back(self):
        self.memory(100)
        run = self.waits("-N", "c", "--expect-mem=350M")
        self.memory(900)
        self.assertEqual(run.wait().status, 0)

    def test_the_deadline(self):
        held = self.holds("a", "--expect-mem=600M")
        limit = 0.3 * SCALE
        for args in ([f"--wait={limit}"], ["--on-conflict=queue", f"--wait={limit}"]):
            run = self.there(*args, "-N", "c", "--expect-mem=350M").wait()
            self.assertEqual(run.status, 69)
            self.assertIn("spawnguard: not started after the wait: c expects 350M of memory, 3", run.err)
            self.assertGreaterEqual(run.wall, limit)
        self.let_go(held)

    def test_in_the_order_of_coming_a_small_one_does_not_pass_a_large_one(self):
        held = self.holds("a", "--expect-mem=600M")
        large = self.waits("-N", "l", "--expect-mem=800M", command=["sh", "-c", f"echo l >>{self.order}"])
        said = self.refused("-N", "s", "--expect-mem=200M")
        self.assertIn("not started: s expects 200M of memory, and others wait for room before it; ", said)
        small = self.waits("-N", "s", "--expect-mem=200M", command=["sh", "-c", f"echo s >>{self.order}"])
        observe(0.2)
        self.assertEqual(self.read("order"), "")
        self.let_go(held)
        self.assertEqual([large.wait().status, small.wait().status], [0, 0])
        self.assertEqual(self.read("order"), "l\ns\n")

    def test_one_that_is_killed_gives_its_turn_up(self):
        held = self.holds("a", "--expect-mem=600M")
        large = self.waits("-N", "l", "--expect-mem=800M")
        small = self.waits("-N", "s", "--expect-mem=100M")
        large.send(KILL)
        large.wait()
        self.assertEqual(small.wait().status, 0)
        self.let_go(held)

    def test_it_sleeps_while_it_waits(self):
        held = self.holds("a", "--expect-mem=600M")
        runs = [self.waits("-N", "c", "--expect-mem=350M"), self.waits("-N", "d", "--expect-mem=350M")]
        before = [switches(run.pid) for run in runs]
        observe(3)
        after = [switches(run.pid) - was for run, was in zip(runs, before)]
        self.assertLessEqual(after[0], 10)  # one looks once a second
        self.assertEqual(after[1], 0)
        self.let_go(held)
        self.assertEqual([run.wait().status for run in runs], [0, 0])

    def test_eight_that_expect_a_third_each_never_more_than_fit_and_none_starves(self):
        job = f"mkdir {self.inside}/$$; ls {self.inside} | wc -l >>{self.order}; sleep 0.05; rmdir {self.inside}/$$"
        rounds = 1 if SANITIZED else 3
        for turn in range(rounds):
            runs = [self.there("-N", f"j{i}", "--expect-mem=300M", "--wait", command=["sh", "-c", job]) for i in range(8)]
            for run in runs:
                self.assertEqual((run.wait().status, run.err), (0, ""))
        counts = [int(word) for word in self.read("order").split()]
        self.assertEqual(len(counts), 8 * rounds)
        self.assertLessEqual(max(counts), 3)

    def test_of_eight_that_do_not_wait_so_many_start_as_fit(self):
        runs = [self.there("-N", f"j{i}", "--expect-mem=300M", command=["sh", "-c", "read x"], stdin=self.held_stdin()) for i in range(8)]
        started = lambda: sum(event["spawnguard.job"] != "" for event in self.events("start"))
        wait_until(lambda: started() + sum(not run.running() for run in runs) >= 8, "all have started or were refused")
        self.assertEqual(started(), 3)
        os.close(self.writer)
        self.assertEqual(sorted(run.wait().status for run in runs), [1, 1, 1, 69, 69, 69, 69, 69])

    def held_stdin(self):
        """The end of a pipe on which nothing comes until self.writer is closed."""
        if not hasattr(self, "writer"):
            self.reader, self.writer = os.pipe()
            self.addCleanup(os.close, self.reader)
        return self.reader


class Learned(AdmissionTest):
    def test_auto_expects_what_the_last_runs_needed_but_for_the_worst(self):
        has = lambda m: [sys.executable, "-c", f"import time\nhas = bytearray(b'x') * ({m} << 20)\ntime.sleep(0.05)"]
        args = ["-N", "c", "--expect-mem=auto", "--interval=10ms"]
        first = self.there("-v", *args, command=has(40)).wait()
        self.assertEqual(first.status, 0)
        self.assertIn("spawnguard: c: nothing is known yet of the memory that its runs need: none is asked for\n", first.err)
        self.assertEqual(self.there(*args, command=has(200)).wait().status, 0)
        def expected():
            said = self.there("--dry-run", "-N", "c", "--expect-mem=auto").wait()
            return float(re.search(r"expects ([0-9.]+)M of memory by its last runs, ", said.out)[1])
        self.assertGreater(expected(), 200)  # of two runs, the worst counts
        self.memory(150)
        self.assertRegex(self.refused(*args), r"not started: c expects [0-9.]+M of memory by its last runs, [0-9.]+M is free to it: ")
        self.memory(900)
        for _ in range(19):
            self.assertEqual(self.there(*args, command=has(40)).wait().status, 0)
        self.assertLess(expected(), 200)  # of twenty, the worst does not
        self.assertGreater(expected(), 40)

    def test_slots_by_memory(self):
        args = ["-N", "c", "--slots=auto", "--expect-mem=300M"]
        said = self.there("--dry-run", *args).wait().out
        self.assertIn("3 of c, 0 taken", said)
        held = [self.there(*args, command=[VICTIM, "sleep"]) for _ in range(2)]
        self.wait_ready(held[1], 2)
        self.assertIn("3 of c, 2 taken", self.there("--dry-run", *args).wait().out)
        self.assertIn("2 of c, 2 taken", self.there("--dry-run", *args, "--reserve-mem=200M").wait().out)
        self.let_go(*held)
        self.assertIn("1 of d, 0 taken", self.there("--dry-run", "-N", "d", "--slots=auto").wait().out)
        self.assertEqual(self.there("-N", "d", "--slots=auto", command=[sys.executable, "-c", "x = bytearray(b'x') * (100 << 20)"]
                                    ).wait().status, 0)
        said = self.there("--dry-run", "-N", "d", "--slots=auto").wait().out
        self.assertGreater(int(re.search(r"(\d+) of d, 0 taken", said)[1]), 1)


class Places(AdmissionTest):
    def test_free_space_is_asked_for(self):
        fits = self.start(SPAWNGUARD, "run", "-N", "c", f"--min-free={self.scratch}:1K,/:1K", "--", "true").wait()
        self.assertEqual((fits.status, fits.err), (0, ""))
        run = self.start(SPAWNGUARD, "run", "-N", "c", f"--min-free=/:1K,{self.scratch}:8000T", "--", "true").wait()
        self.assertEqual(run.status, 69)
        self.assertRegex(run.err, rf"\Aspawnguard: not started: c asks for 7.8P free in \S*, \S+ is; see: df; --wait waits for room\n\Z")
        self.assertEqual(self.events("refused")[0]["spawnguard.reason"], "disk")
        gone = self.start(SPAWNGUARD, "run", "-N", "c", "--min-free=/nowhere/at/all:1K", "--", "true").wait()
        self.assertEqual(gone.status, 125)
        self.assertIn("cannot ask for free space in: /nowhere/at/all: No such file or directory", gone.err)

    def test_want_of_it_backs_off_and_is_no_attempt(self):
        """It is the environment's: the next start is refused by the breaker, and nothing is counted."""
        rules = ("--max-failures=2/1h", "--backoff=environment=1h")
        wants = f"--min-free={self.scratch}:8000T"
        first, second = (self.start(SPAWNGUARD, "run", "-N", "b", *rules, wants, "--", "true").wait() for _ in range(2))
        self.assertEqual((first.status, second.status), (69, 69))
        self.assertIn("not started: b asks for", first.err)
        self.assertRegex(second.err, r"\Aspawnguard: breaker open: b: 1 environment failure")
        self.assertEqual(self.start(SPAWNGUARD, "breaker", "trial", "b").wait().status, 0)
        well = self.start(SPAWNGUARD, "run", "-N", "b", *rules, "--", "true").wait()
        self.assertEqual((well.status, self.start(SPAWNGUARD, "run", "-N", "b", *rules, "--", "true").wait().status), (0, 0), well.err)
        for _ in range(2): # without a rule nothing waits for it
            self.assertIn("asks for", self.start(SPAWNGUARD, "run", "-N", "c", wants, "--", "true").wait().err)

    def test_it_waits_for_space(self):
        script = f"mkdir {self.path('full')}\nmount -t tmpfs -o size=64K t {self.path('full')}\nhead -c 64K /dev/zero >{self.path('full/x')}\n"
        run = self.there("-N", "c", "--wait", "--complain-after=0.01", f"--min-free={self.path('full')}:32K", script=script)
        wait_until(lambda: "waiting for room: c asks for 32K free in " in run.err or not run.running(), "it waits")
        os.truncate(f"/proc/{run.pid}/root{self.path('full/x')}", 0)
        self.assertEqual(run.wait().status, 0, run.err)


class Pressure(AdmissionTest):
    def pressure(self, pct):
        self.write("psi", f"some avg10={pct} avg60=0.00 avg300=0.00 total=1\n")
        return f"mount --bind {self.path('psi')} /proc/pressure/io"

    def test_a_pressure_that_is_too_high(self):
        script = self.pressure("12.34")
        self.assertEqual(self.there("-N", "c", "--max-pressure=io=13", script=script).wait().status, 0)
        said = self.refused("-N", "c", "--max-pressure=cpu=100,io=12", script=script)
        self.assertEqual(said, "spawnguard: not started: c asks for a pressure on io of at most 12%, it is 12.3%; see: /proc/pressure; "
                               "--wait waits for room\n")
        self.assertEqual(self.events("refused")[0]["spawnguard.reason"], "pressure")

    def test_it_waits_for_it_to_fall_and_holds_up_nobody(self):
        run = self.waits("-N", "c", "--max-pressure=io=12", "--expect-mem=1M", script=self.pressure("50.00"))
        self.assertEqual(self.there("-N", "d", "--expect-mem=100M").wait().status, 0)
        self.pressure("1.00")
        self.assertEqual(run.wait().status, 0)


if __name__ == "__main__":
    harness.main()

"""The breaker of a job: what it counts, when it opens and closes, one trial, and what it says of it.

("; the guard waits ", "s before it ends": where an end cannot be written.)
"""
import os
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import GuardTest, outcome, wait_until

S = 10**9


class Base(GuardTest):
    def file(self, job="j"):
        with open(os.path.join(self.state, "breaker", job)) as f:
            return f.read()

    def keep(self, text, job="j"):
        """That text instead, with the right check."""
        text = text.partition("check ")[0]
        with open(os.path.join(self.state, "breaker", job), "w") as f:
            f.write(text + f"check {zlib.crc32(text.encode()):08x}\n")

    def plant(self, *lines, job="j"):
        """These lines before what is there."""
        first, at, rest = self.file(job).split("\n", 2)
        self.keep("\n".join([first, at, *lines, rest]), job)

    def later(self, seconds, job="j"):
        """As if that time had passed since it was written."""
        first, at, rest = self.file(job).split("\n", 2)
        words = at.split()
        words[3], words[4] = (str(int(w) - int(seconds * S)) for w in words[3:5])
        self.keep("\n".join([first, " ".join(words), rest]), job)

    def fails(self, *args, code=1, job="j"):
        return self.run_guard(["-N", job, *args], ["sh", "-c", f"echo ran >>ran; exit {code}"])

    def ran(self):
        return self.read("ran").count("ran") if os.path.exists(self.path("ran")) else 0

    def changes(self):
        return [(e["spawnguard.breaker"]["from"], e["spawnguard.breaker"]["to"]) for e in self.events("breaker")]


class Planted(Base):
    """By rules that the file remembers."""

    def test_opens_refuses_tries_closes(self):
        self.assertEqual(self.fails().status, 1)
        self.plant(f"rules 0 3 {60 * S} 0 0 0 0 0 0 0 0 {3600 * S}", f"backoff failure {300 * S} {600 * S}")
        self.assertEqual([self.fails().status, self.fails().status], [1, 1])
        run = self.fails()
        self.assertEqual((run.status, self.ran()), (69, 3))
        self.assertRegex(run.err, r"^spawnguard: breaker open: j: 3 failures in \S+ \(same: \"exit 1\"\); next trial in [45]m\S* at "
                                  r"\S+; spawnguard breaker show j \| reset j\n$")
        refused = self.events("refused")[-1]
        self.assertEqual((outcome(refused), refused["spawnguard.reason"]), ("breaker_open", "max-failures"))
        self.later(400)
        trial = self.fails("-v")
        self.assertIn("j: the breaker is open, and this is its one trial", trial.err)
        self.assertEqual((trial.status, self.fails().status, self.ran()), (1, 69, 4))
        self.later(700)
        self.assertEqual([self.fails(code=0).status, self.fails(code=0).status, self.ran()], [0, 0, 6])
        self.assertEqual(self.changes(), [("closed", "open"), ("half-open", "open"), ("half-open", "closed")])
        starts = [e.get("spawnguard.start") for e in self.events("start")]
        self.assertEqual(starts, [None, None, None, "trial", "trial", None])


if __name__ == "__main__":
    harness.main()

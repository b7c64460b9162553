"""breaker/NAME, read and rewritten by tests that let time pass, or plant what was."""
import os
import zlib


class BreakerFile:
    """Of a GuardTest."""

    def file(self, job="j"):
        with open(os.path.join(self.state, "breaker", job)) as f:
            return f.read()

    def keep(self, text, job="j"):
        """That text instead, with the right check."""
        text = text.partition("check ")[0]
        with open(os.path.join(self.state, "breaker", job), "w") as f:
            f.write(text + f"check {zlib.crc32(text.encode()):08x}\n")

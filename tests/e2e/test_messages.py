"""Every message has a row in tests/messages: it is provoked, and says what, why, what next; in UTF-8 and in C."""
import os
import re
import shutil
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
import messages
import ways
from harness import SANITIZED, GuardTest

LOCALES = ("C.UTF-8", "C")
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} # categories that no terminal should be given


class Messages(GuardTest):
    tells_repeats = True

    row = None

    def fresh(self):
        """As nothing had been done yet."""
        for name in os.listdir(self.scratch):
            path = self.path(name)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, 0o700)
                shutil.rmtree(path)
            else:
                os.unlink(path)
        os.mkdir(self.state, 0o700)
        self.runs.clear()

    def look(self, row):
        root = os.geteuid() == 0
        reason = row.user_only if root else row.root_only
        self.needs(row.needs)
        if row.shim and not os.path.exists(ways.SHIM):
            self.skipTest("a sanitized or a static program preloads nothing")
        if reason or (SANITIZED and (row.shim or not row.proc)):
            self.skipTest(reason or "the sanitizer must be the first library, and needs /proc")
        if row.long and os.environ.get("SG_LONG") != "1":
            self.skipTest(row.long)
        self.row = row
        for locale in LOCALES[-1:] if row.slow or row.shim else LOCALES:
            with self.subTest(locale):
                self.fresh()
                self.env.update(LC_ALL=locale)
                run = row.how(self)
                self.assert_said(row, run)

    def assert_said(self, row, run):
        lines = run.err.split("\n")[:-1]
        self.assertTrue(any(row.pattern().fullmatch(line) for line in lines),
                        f"no line is {row.text!r}:\n{run.err}{run.out}")
        self.assertIn(run.status, row.status if isinstance(row.status, tuple) else (row.status,), run.err)
        for line in lines:
            self.assertRegex(line, "^spawnguard: ", "one message, one line")
            hidden = [c for c in line if unicodedata.category(c) in HIDDEN]
            self.assertEqual(hidden, [], f"as it came: {line!r}")


def add(row):
    name = "test_" + re.sub(r"\W+", "_", row.name)
    assert not hasattr(Messages, name), row.name
    setattr(Messages, name, lambda self: self.look(row))


for each in messages.table():
    add(each)

if __name__ == "__main__":
    harness.main()

"""What the guard says: rows of the table in tests/messages, and the texts of the source they are held against.

A row is one line of stderr in three parts: what, why, next. In them `{}` stands for anything, `{text}` for exactly
that text, which the source does not have (a name, a number, the kernel's words); the rest is the source's.
"""
import glob
import importlib
import os
import re
import sys

ERROR, WARNING, NOTE = "error", "warning", "note"
HOLE = re.compile(r"\{([^{}]*)\}")
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "messages")


class Row:
    """One message, and `how` it comes about: a function of the test that returns the Run which said it."""

    def __init__(self, kind, name, status, what, why, then, how, root_only="", user_only="", shim=False,
                 plain="", slow=False, long="", proc=True, needs=""):
        self.kind, self.name, self.status, self.how = kind, name, status, how
        self.what, self.why, self.then = what, why, then
        self.root_only, self.user_only = root_only, user_only  # the reason
        self.shim = shim  # by tests/fault/failnth.c
        self.long = long   # why it is done with SG_LONG=1 only
        self.proc = proc   # False: goes without /proc, which the sanitizer needs
        self.needs = needs # the rung that it is about, of harness.DENIABLE
        self.slow = slow   # in one locale only
        self.plain = plain # why nothing is said of what to do next

    @property
    def text(self):
        return self.what + self.why + self.then

    def pattern(self):
        """Of the whole line."""
        found, at = "spawnguard: ", 0
        for hole in HOLE.finditer(self.text):
            found += re.escape(self.text[at:hole.start()]) + (re.escape(hole[1]) if hole[1] else ".+")
            at = hole.end()
        return re.compile(found + re.escape(self.text[at:]))

    def pieces(self):
        """What of it is the source's."""
        return [piece for piece in re.split(r"\{[^{}]*\}", self.text) if piece]


def error(name, status, what, why, then, how, **more):
    return Row(ERROR, name, status, what, why, then, how, **more)


def warning(name, what, why, then, how, status=0, **more):
    return Row(WARNING, name, status, "warning: " + what, why, then, how, **more)


def note(name, text, how, status=0, **more):
    """An answer, a step, an end: nothing went wrong here, so there is nothing to do next."""
    return Row(NOTE, name, status, text, "", "", how, **more)


def table():
    """All rows, of all files of the table."""
    sys.path.insert(0, TABLE)
    rows = []
    for path in sorted(glob.glob(os.path.join(TABLE, "*.py"))):
        rows += getattr(importlib.import_module(os.path.basename(path)[:-3]), "ROWS", [])
    return rows


# --- the source --------------------------------------------------------------------------------------------

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|\'(?:[^\'\\\n]|\\.)+\'|#\s*include[^\n]*|[A-Za-z_0-9]+|\s+|.', re.S)
ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", '"': '"', "\\": "\\", "'": "'"}
# What prints to stdout, or gives data: no message. A directory or file ends with the reason.
NO_MESSAGES = {
    "base/fail_text.c": "parts of messages: unit/fail",
    "os/match.c": "what is no expression, in the words of regerror(3): e2e/config",
    "codec/": "data",
    "report/": "data",
    "conf/hook_variable": "the manual",
    "conf/help.c": "--help, on stdout",
    "conf/manual.c": "pages of the manual",
    "core/detect.c": "flags, in the history: unit/detect, e2e/detect",
    "core/yield.c": "flags, in the history: unit/yield, e2e/yield",
    "core/circuit_table.c": "the manual, and breaker on stdout",
    "core/failure_table.c": "the manual",
    "conf/signature_text.c": "config show, on stdout",
    "core/signature.c": "flags, in the history: unit/signature",
    "guard/sight.c": "flags, in the history: e2e/detect",
    "conf/options.c": "--help and the manual",
    "conf/commands.c": "--help and the manual",
    "conf/columns.c": "--help and the manual, but for what is refused: unit/columns",
    "guard/explain.c": "run --dry-run and explain, on stdout: e2e/explain",
    "cmd/status_text": "status, on stdout",
    "cmd/breaker_text": "breaker, on stdout: e2e/breaker",
    "run/circuit_plan": "breaker, status and explain, on stdout: e2e/breaker",
    "cmd/watch_tell": "watch, on stdout: e2e/watch",
    "cmd/batch_tell": "progress: e2e/batch",
    "cmd/batch_sum": "what came of a batch: e2e/batch",
    "cmd/batch_advice": "what to do next: e2e/batch",
    "cmd/batch_json": "members of an object: e2e/batch",
    "core/batch.c": "the same: unit/batch, e2e/batch",
    "cmd/doctor_rows": "doctor, on stdout: e2e/doctor has them",
    "cmd/doctor_ladders": "doctor, on stdout",
    "cmd/doctor_machine": "doctor, on stdout",
    "cmd/status_text": "status, on stdout",
    "conf/columns.c": "the manual, but for what refuses a column",
    "cmd/doctor_selftest": "doctor, on stdout, but for one line",
    "cmd/doctor_state": "doctor, on stdout",
    "core/sample_text": "data",
    "core/essence.c": "words of those who fail: unit/fingerprint",
    "core/fingerprint.c": "words of those who fail: unit/fingerprint",
    "os/probe": "facts for doctor",
    "os/cgroup": "files of the kernel",
    "os/spawn.c": "instructions of the processor",
}
PRINTS = re.compile(r"\bos_print\(1|\bos_write_whole\(1|\bprint\(&text\)|, struct buf \*out\)|\(struct buf \*out,|"
                    r"struct buf \*out = &|JSON_SCHEMA|struct explain")
SPEAKS = re.compile(r"\b(voice_\w+|cmd_say|os_say|fail_set|complain|refuse\w*|report_step|say_\w+|cmd_say_exit)\(")


class Text:
    """A literal of the source that people read on stderr."""

    def __init__(self, path, line, function, text):
        self.path, self.line, self.function, self.text = path, line, function, text

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text!r}"


def unescape(literal):
    return re.sub(r"\\x([0-9a-fA-F]{2})|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else ESCAPE.get(m[2], m[2]),
                  literal)


def functions(code):
    """(start, end, text) of what stands between two lines that begin at column 0 with a closing brace."""
    at = 0
    for end in re.finditer(r"^\}.*\n", code, re.M):
        yield at, end.end(), code[at:end.end()]
        at = end.end()
    yield at, len(code), code[at:]


def literals(path):
    """(line, text, the function around it), neighbours put together as the compiler does."""
    with open(path) as f:
        code = f.read()
    for start, _, body in functions(code):
        found, joins, asserts = [], False, False
        for token in TOKEN.finditer(body):
            said = token.group()
            asserts = asserts and said != ";" or said == "static_assert"
            if said.startswith('"') and not asserts:
                if joins:
                    found[-1][1] += unescape(said[1:-1])
                else:
                    line = code.count("\n", 0, start + token.start()) + 1
                    found.append([line, unescape(said[1:-1]), body[max(0, token.start() - 60):token.start()]])
                joins = True
            elif not said.isspace() and not said.startswith("/*"):
                joins = False
        for line, text, before in found:
            yield line, text, before, body


def is_prose(text):
    return bool(re.search(r"[A-Za-z]{2}", text) and re.search(r"\s|[a-z]:", text))


def all_literals(source):
    """Every string of the source, for what a row is made of."""
    found = set()
    for path in sorted(glob.glob(os.path.join(source, "**", "*.[ch]"), recursive=True)):
        found.update(text for _, text, _, _ in literals(path) if text)
    return found


def messages(source):
    """The literals that go to stderr, as far as can be seen: prose that is not printed on stdout."""
    for path in sorted(glob.glob(os.path.join(source, "**", "*.[ch]"), recursive=True)):
        name = os.path.relpath(path, source)
        if any(name.startswith(prefix) for prefix in NO_MESSAGES):
            continue
        for line, text, before, body in literals(path):
            if re.fullmatch(r"/\S*", text):
                continue
            if PRINTS.search(body) and not SPEAKS.search(body):
                continue
            if not is_prose(text) and not re.search(r"\b(fail_set|report_step)\([^;]*$", before):
                continue
            function = re.findall(r"^[a-z][^\n;]*?(\w+)\(", body, re.M)
            yield Text(name, line, function[-1] if function else "", text)


def is_made_of(piece, parts):
    """Whether `piece` is some of `parts` one behind the other, with single signs between them."""
    parts = [part for part in parts if part in piece]
    ends = [True] + [False] * len(piece)
    for at in range(len(piece)):
        if not ends[at]:
            continue
        if not piece[at].isalpha():
            ends[at + 1] = True
        for part in parts:
            if piece.startswith(part, at):
                ends[at + len(part)] = True
    return ends[-1]

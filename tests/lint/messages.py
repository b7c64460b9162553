#!/usr/bin/python3
"""messages.py SOURCE: every text of the source that goes to stderr stands in a row of tests/messages, and every
row is made of texts of the source. What is said and never provoked is a message that nobody has ever read."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
for name in ("SPAWNGUARD", "SG_TEST_BIN"): # nothing is run here
    os.environ.setdefault(name, "/none")
import messages

# Not on stderr, though it looks like it.
ELSEWHERE = {
    "as the kernel has it": "static_assert",
    "spawnguard: ": "before each message",
    " starts: ": "in the system log",
    ", exit status ": "in the system log",
    ", after ": "in the system log",
    "started, pid ": "what a hook is told",
    "inputs ": "in the file of a breaker",
    ": processes that cannot be ended: ": "what a hook is told",
    "frozen: ": "freeze, on stdout",
    " of them not stopped yet": "freeze, on stdout",
    "hash:": "what the record has for a command",
    "tree unverified": "in the history",
    "the pump was killed: what it had not read yet is missing": "in the history",
    "the pump did not answer: the end may be missing": "in the history",
    "its reader went away before the end": "in the history",
    "spawnguard: what stood here was more than ": "in the file of --output",
    ", and is gone: this file system frees files only as a whole\n": "in the file of --output",
    "what it is, where it keeps what": "help, on stdout",
    "the configuration file": "help, on stdout",
    "processes that are known by sight": "help, on stdout",
    "  role": "config show, on stdout",
    "what is written of each run": "help, on stdout",
    "every exit status, and which wins": "help, on stdout",
    "what is promised, and what is not": "help, on stdout",
    "opened by hand": "in the history",
    "closed by hand": "in the history",
    "task reset by hand": "in the history",
    "a trial is due": "in the history",
    "the tree": "a flag, in the history",
    " grows by ": "a flag, in the history",
    "somebody waits for ": "a flag, in the history",
    " % of the time, of which this tree has ": "a flag, in the history",
    "some ": "what /proc/pressure is asked for",
    " though it is asked to end: it gets no more time": "a flag, in the history",
    ", but how much of it is shared cannot be read": "a flag, in the history",
    "root's own": "doctor, on stdout",
    "made by root for this user": "doctor, on stdout",
    "in the home directory": "doctor, on stdout",
    "the service's own": "doctor, on stdout",
    "write in the state directory": "doctor, on stdout",
}
# Brought about by another test, which needs longer than all of the table, or more.
BY_OTHERS = {
    "what /proc does not show": "tests/e2e/test_policy.py",
    "; the guard waits ": "tests/e2e/test_loops.py",
    "s before it ends": "tests/e2e/test_loops.py",
    "not replaced, it does not end": "tests/e2e/test_replace.py",
}
# Nobody can bring these about.
UNREACHED = {
    "still running since the batch was killed: ": "needs a run that outlives its batch for a minute",
    "; end it with spawnguard kill, and resume": "the same",
    "more than 1 GiB: divide it": "needs as much memory",
    "go on": "every failure says what failed",
    "cannot be told what it should know: ": "what a hook is told has its limits, which together are less",
    "started by init, or by a process that has ended already": "needs a child of the machine's own PID 1",
    "name the slots of": "the name of a group has its limit",
    "name the trial of": "the name of a job has its limit",
    "name the queue of": "the name of a job has its limit",
    "cannot find bin/spawnguard": "needs a program that finds neither /proc/self/exe nor what the kernel says of itself",
    "the name of the job is too long or empty: give a shorter one with --name": "the option and its default are shorter",
    "use state directory (a network file system: locks are not safe there)": "needs a network file system",
    "set the umask": "umask(2) cannot fail",
    "leave --umask out": "umask(2) cannot fail",
    "an unknown class": "the option gives no such class",
    "lock: removed as fast as made": "somebody would have to remove the file 100 times, each time within microseconds",
    "it grew while it was read: try again": "needs a writer between two system calls that stand side by side",
    "not understood: write KEY = VALUE": "what inih refuses was refused by us before; fuzz/conf looks for it",
}


def is_in(source, text):
    with open(os.path.join(source, "..", BY_OTHERS[text])) as f:
        return text in f.read()


def main(source):
    rows = messages.table()
    pieces = [piece for row in rows for piece in row.pieces()]
    problems, used = [], set()
    for text in messages.messages(source):
        if any(text.text in piece for piece in pieces):
            continue
        if text.text in BY_OTHERS and is_in(source, text.text):
            used.add(text.text)
        elif text.text in ELSEWHERE or text.text in UNREACHED:
            used.add(text.text)
        else:
            problems.append(f"{text}: no row of tests/messages has it, so no test provokes it")
    for text in sorted({*ELSEWHERE, *BY_OTHERS, *UNREACHED} - used):
        problems.append(f"tests/lint/messages.py: {text!r} is no exception any more: take it out")
    parts = {text for text in messages.all_literals(source) if len(text) > 1}
    for row in rows:
        for piece in row.pieces():
            if not messages.is_made_of(piece, parts):
                problems.append(f"row {row.name!r}: {piece!r} is not in the source any more")
        if row.kind != messages.NOTE and not row.then and not row.plain:
            problems.append(f"row {row.name!r}: says nothing of what to do next, and not why")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(os.path.join(os.path.abspath(sys.argv[1]), "src")))

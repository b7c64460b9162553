"""The tests of a file, dealt to a few processes: for files whose tests spend their time waiting, each in a place of its own.

No fixture of a class or of a module is called.  A test function with a true attribute `is_long` is begun first.
"""
import faulthandler
import os
import signal
import sys
import tempfile
import unittest

import harness

PR_SET_PDEATHSIG = 1


class Dealt(unittest.BaseTestSuite):
    """The tests that this process gets: each takes the next when it is done with one."""
    _cleanup = False

    def __init__(self, tests, pipe):
        super().__init__(tests)
        self.pipe = pipe

    def __iter__(self):
        while number := os.read(self.pipe, 2):
            yield self._tests[int.from_bytes(number, "big")]


def all_tests():
    """Of the file that runs; what waits for long comes first."""
    def each(suite):
        for test in suite:
            yield from each(test) if isinstance(test, unittest.TestSuite) else [test]
    tests = each(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    return sorted(tests, key=lambda test: not getattr(getattr(test, test._testMethodName), "is_long", False))


def stop(*_):
    """In the middle of a case: what it has started goes too."""
    while pids := harness.descendants(os.getpid()):
        for pid in pids:
            harness.send(pid, signal.SIGKILL)
        for pid in harness.children(os.getpid()):
            os.waitpid(pid, 0)
    os._exit(1)


def main(count):
    """As harness.main(), its tests dealt to `count` processes; by name: one after the other."""
    if len(sys.argv) > 1 or count < 2:
        harness.main()
    faulthandler.enable()
    harness.leave_group()
    parent, tests, workers = os.getpid(), all_tests(), []
    deal, dealer = os.pipe()
    for n in range(count):
        log = tempfile.TemporaryFile("w+")
        pid = os.fork()
        if pid == 0:
            os.close(dealer)
            harness.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            signal.signal(signal.SIGTERM, stop)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            runner = unittest.TextTestRunner(verbosity=2, resultclass=harness.Told)
            result = runner.run(Dealt(tests, deal))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if result.wasSuccessful() else 1)
        workers.append((pid, log))
    os.close(deal)
    os.write(dealer, b"".join(n.to_bytes(2, "big") for n in range(len(tests))))
    os.close(dealer)
    status = 0
    for pid, log in workers:
        if os.waitpid(pid, 0)[1] != 0:
            status = 1
        log.seek(0)
        sys.stderr.write(log.read())
    sys.exit(status)

"""What is said of a failure that was there before, and of --open-on."""
from messages import note, warning
from ways import run


def twice(t):
    t.run_guard(["-N", "j"], ["sh", "-c", "exit 3"])
    return t.run_guard(["-N", "j"], ["sh", "-c", "exit 3"])


ROWS = [
    note("the same failure again", "{j}: same failure as run {}, {2} in a row ({exit 3}); see: spawnguard breaker show {j}",
         twice, status=3),
    warning("--open-on that takes for ever", "{j}: --open-on could not be told: it takes more than a second of CPU time, or 64 MiB", "",
            "; the end counts as if nothing had matched: write a simpler expression",
            run("-N", "j", "--output=never", "--open-on", "(" + "a|" * 60 + "aa){1,255}b", command=("sh", "-c", "yes aaaaaaaaaaaaaaaa | tr -d '\\n' | head -c 4000 >&2; echo >&2; exit 1")),
            status=1),
]

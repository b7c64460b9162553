"""crowded.py guarded KILLS RECOVERIES BIRTHS | naive: inside a PID namespace whose numbers come round within milliseconds.

Prints one JSON object: births of the bystanders, how many of them somebody has hit, how many numbers of processes that
a record names were another's by the time it was read.
"""
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

ALIVE = 40 # bystanders at a time
MEMBERS = 4
PID_MAX = 400
GIVE_UP_S = 550 if os.environ.get("SG_LONG") == "1" else 100
GUARD = os.environ["SPAWNGUARD"]
TOOLS = os.environ["SG_TEST_BIN"]


def wait_for(condition, what):
    end = time.monotonic() + GIVE_UP_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"never came: {what}")
        time.sleep(0.001)


def last_number():
    with open("/proc/loadavg", encoding="ascii") as f:
        return int(f.read().split()[4])


class Bystanders:
    def __init__(self, births):
        self.process = subprocess.Popen([os.path.join(TOOLS, "churn"), str(ALIVE), str(births)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # The first 300 numbers of a namespace are given out once only.
        wait_for(lambda: last_number() > 300, "the numbers are above those of the start")

    def among(self, pids):
        """Those of the numbers that are a bystander's now."""
        found = set()
        for pid in pids:
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    if f.read() == "churn\n":
                        found.add(pid)
            except OSError:
                pass
        return found

    def end(self):
        out, _ = self.process.communicate()
        return dict(zip(("births", "hits"), map(int, re.fullmatch(r"births (\d+) hits (\d+)\n", out).groups())))


def start(name, *options):
    return subprocess.Popen([GUARD, "run", "-N", name, *options, "--", os.path.join(TOOLS, "victim"), "wide",
                             str(MEMBERS)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def end_by_deadline(name):
    run = start(name, "-t", "50ms", "-k", "20ms")
    if run.wait() != 124:
        raise SystemExit(f"a deadline gave {run.returncode}")


def standing(name):
    """The run as `ps` tells it, once all its members are there."""
    told = subprocess.run([GUARD, "ps", "--json", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    runs = json.loads(told.stdout or "{}").get("runs", [])
    # A state that is being written is read as none.
    return runs[0] if runs and len(runs[0]["members"]) > MEMBERS and runs[0]["warden_pid"] > 0 else None


def hold(pid):
    """A handle; a directory of /proc where a test takes pidfds away."""
    try:
        return os.pidfd_open(pid)
    except OSError as e:
        if e.errno != errno.ENOSYS:
            raise
        return os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)


def has_ended(fd):
    try:
        signal.pidfd_send_signal(fd, 0)
    except ProcessLookupError:
        return True
    return False


def recover(name, bystanders, is_dead):
    """Both guards are killed, and where the job `is_dead` it too: its numbers go to others.  Those that did."""
    run, used = start(name), set()
    told = []
    wait_for(lambda: told.append(standing(name)) or told[-1], "the members are recorded")
    members = [m["pid"] for m in told[-1]["members"]]
    held = [hold(pid) for pid in members]
    warden = hold(told[-1]["warden_pid"])
    os.kill(run.pid, signal.SIGSTOP) # or it would take over from the warden
    signal.pidfd_send_signal(warden, signal.SIGKILL)
    run.kill()
    run.wait()
    wait_for(lambda: has_ended(warden), "the warden is gone")
    os.close(warden)
    if is_dead:
        for fd in held:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        wait_for(lambda: used.update(bystanders.among(members)) or used, "the numbers are others'")
    reap = subprocess.run([GUARD, "reap", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if reap.returncode != 0:
        raise SystemExit(f"reap gave {reap.returncode}: {reap.stdout}")
    wait_for(lambda: all(map(has_ended, held)), "the members are gone")
    for fd in held:
        os.close(fd)
    return used


def guarded(kills, recoveries, births):
    bystanders, used = Bystanders(births), 0
    for turn in range(kills):
        end_by_deadline(f"k{turn}")
        if turn % (kills // recoveries) == 0:
            used += len(recover(f"r{turn}", bystanders, turn // (kills // recoveries) % 2 == 1))
    left = subprocess.run([GUARD, "reap"], stdout=subprocess.PIPE, text=True, check=False)
    print(json.dumps({**bystanders.end(), "used": used, "left": left.stdout}))


def naive():
    """A number that is believed: what the bystanders must notice."""
    bystanders = Bystanders(0)
    gone = subprocess.Popen(["true"])
    gone.wait()
    hits = 0
    while not hits:
        wait_for(lambda: bystanders.among([gone.pid]), "the number is another's")
        try:
            os.kill(gone.pid, signal.SIGKILL)
            hits = 1
        except ProcessLookupError:
            pass
    print(json.dumps(bystanders.end()))


if __name__ == "__main__":
    with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as limit:
        limit.write(str(PID_MAX))
    {"guarded": guarded, "naive": naive}[sys.argv[1]](*map(int, sys.argv[2:]))

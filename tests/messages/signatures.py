"""What the reader of [signature NAME] says, as `run` tells it: FILE:LINE: what, why, next."""
from messages import error
from ways import conf

GOOD = "role = a comm=a\n"


def at(line, name, text, what, why, then):
    return error(f"signature {name}", 125, "{}conf:{%d}: " % line + what, why, then, conf(text))


def role(name, text, why, then):
    """A role that is refused."""
    return at(2, f"role {name}", f"[signature s]\nrole = {text}\n", "{role} = {}: ", why, then)


def fact(name, text, cure):
    return role(f"fact {name}", f"a {text}", "{}", ": " + cure)


ROWS = [
    at(1, "nearly", "[signatur s]\n", "unknown section [{signatur s}]", "", ", did you mean [signature NAME]?"),
    at(1, "long name", f"[signature {'x' * 41}]\n", "the name of a signature is too long", "", ": at most 40 bytes"),
    at(1, "without a name", "[signature]\n", "[{signature}] without a name", "", ": write [{signature} NAME]"),
    at(1, "empty", "[signature s]\nmeaning = info\n", "a signature without a role", "",
       ": give it one, as: role = worker comm=node memory=100M-"),
    at(1, "empty, nearly one", "[signature agent-triple]\noff = yes\n", "a signature without a role", "",
       ", did you mean [signature {agent-triplet}]?"),
    at(29, "too many", "".join(f"[signature s{i}]\n{GOOD}" for i in range(15)), "one signature too many", "",
       ": at most 16, with those built in"),
    at(2, "unknown key", "[signature s]\ntimeout = 3\n", "unknown key {timeout} of a signature", "",
       ": see spawnguard-signatures(5)"),
    at(2, "unknown key, nearly right", "[signature s]\nmeening = info\n", "unknown key {meening} of a signature", "",
       ", did you mean {meaning}?"),
    at(2, "neither yes nor no", "[signature s]\noff = maybe\n", "{off} = {maybe}", ": neither yes nor no", ": write one of them"),
    role("alone", "a", "a role is its name and what is to be seen of it", ", as: worker comm=node memory=100M-"),
    role("of too many words", "a" + " comm=b" * 24, "too many words for a role", ": each fact is given once"),
    role("without a name", "comm=b fds=2", "the name of a role comes first, up to 23 bytes",
         ", as: worker comm=node memory=100M-"),
    at(3, "role twice", f"[signature s]\n{GOOD}{GOOD}", "{role} = {}: ", "this role stands in a line above", ": give it another name"),
    at(8, "roles", "[signature s]\n" + "".join(f"role = {c} comm=a\n" for c in "abcdefg"), "{role} = {}: ", "one role too many",
       ": at most 6 in a signature"),
    role("fact unknown", "a \udcffxyzzyx\u202e=2", "unknown fact {}", ": see spawnguard-signatures(5)"),
    role("fact unknown, nearly right", "a comn=b", "unknown fact {comn}", ", did you mean {comm}?"),
    role("fact twice", "a fds=2 fds=3", "{fds} stands in this role already", ": leave out one of them"),
    fact("comm", "comm=" + "x" * 20, "write its name, up to 19 bytes, a * at its end stands for any more"),
    fact("exe", "exe=node", "write the whole path of a program"),
    fact("parent", "parent=b", "write the name of a role in a line above"),
    fact("memory", "memory=2G-1G", "write 512M-1G, -1G or 512M-"),
    fact("threads", "threads=x", "write 2, 2-8, -8 or 2-"),
    fact("fds", "fds=-", "write 20, 16-24, -24 or 16-"),
    fact("caught", "caught=TERM,!TERM", "write TERM, or !TERM where there is to be no handler, with commas between"),
    fact("wchan", "wchan=", "write a function of the kernel, a * at its end stands for any more"),
    fact("lived", "lived=soon", "write 1s-10s, -10s or 1s-"),
    fact("count", "count=0", "write 1 to 10000"),
]

"""What the reader of the configuration says, as `run` tells it: FILE:LINE: what, why, next."""
import os
import socket

from messages import error
from ways import NASTY, conf, conf_job, fault


def at(line, name, text, what, why, then, **more):
    """A line of the file that is refused."""
    return error(f"conf {name}", 125, "{}conf:{%d}: " % line + what, why, then, conf(text, **more))


def file(name, why, then, how, **more):
    """A file that is not read."""
    return error(f"conf file {name}", 125, "{}conf: ", why, then, how, **more)


def planted(make):
    """A configuration file of `make(path)`."""
    def how(t):
        make(t.path("conf"))
        return t.run_guard(["--config", t.path("conf")], ["true"])
    return how


def written(mode=0o600, uid=-1, text="[defaults]\n"):
    def make(path):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        if uid >= 0:
            os.chown(path, uid, -1)
    return planted(make)


def failing(spec):
    """A call that fails while the file is read."""
    return fault(spec, "--config", "./conf", before=lambda t: t.write("conf", "[defaults]\n", 0o600))


def listen(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)


def loop(path):
    os.symlink(path, path)


D = "[defaults]\n"

ROWS = [
    # --- sections
    at(1, "section", f"[{'x' * 30}]\n", "unknown section [{}]", "",
       ": write [defaults], [job NAME] or [signature NAME]"),
    at(1, "section, nearly defaults", "[default]\n", "unknown section [{default}]", "", ", did you mean [defaults]?"),
    at(1, "section, nearly job", "[jobs x]\n", "unknown section [{jobs x}]", "", ", did you mean [job NAME]?"),
    at(4097, "sections", "".join(f"[job {i}]\n" for i in range(4097)), "one section too many", "",
       ": at most 4096 in a file"),
    at(1, "job without a name", "[job ]\n", "[{job}] without a name", "", ": write [{job} NAME]"),
    at(1, "] in a name", "[job a]b]\n", "] within the name of a {job}, or something behind it", "",
       ": choose another name, a comment has a line of its own"),
    at(1, "quotes", '[job "a"]\n', "quotes in a section", "", ": write the name of a {job} without them"),
    at(1, "long name", f"[job {'ä' * 70}]\n", "the name of a job is too long", "",
       ": at most 200 bytes, of which each other than A-Z a-z 0-9 _ - counts three"),
    at(1, "behind the section", "[defaults] x\n", "something behind the ] of a section", "",
       ": a comment has a line of its own"),
    at(1, "open section", "[defaults\n", "a section without its ]", "", ": close it"),
    at(2, "section twice", D + "[defaults]\n", "this section stands in line {1} already", "", ": put its keys there"),
    # --- lines
    at(1, "NUL", "", "a NUL byte", ": this is no text", "; save it as UTF-8", raw=b"[defaults]\0\n"),
    at(2, "long line", D + "task = " + "x" * 300 + "\n", "a line of {307} bytes", "",
       ": shorten it to 199, or move what it does to a script"),
    at(1, "key before a section", "timeout = 3\n", "a key before any section", "",
       ": write [defaults] or [job NAME] above it"),
    at(2, "control byte", D + "task = \x1b[31m\n", "a control byte, {\\x1b}", "", ": leave it out"),
    at(2, "comment behind", D + "timeout = 3 ; three\n", "a blank and ; would begin a comment", "",
       ": write ; without a blank before it, or \\; in a command; a comment has a line of its own"),
    at(2, "byte order mark", D + "\ufefftimeout = 3\n", "a byte order mark", "",
       ": leave it out here, or move it before the first line"),
    at(2, "no pair", D + "timeout\n", "neither a section nor a key with its value", "", ": write KEY = VALUE"),
    at(2, "colon", D + "timeout: 3\n", "a : where = belongs", "", ": write KEY = VALUE"),
    at(2, "no key", D + "= 3\n", "no key before the =", "", ": write KEY = VALUE"),
    # --- keys
    at(2, "key of the command line", D + "dry-run = yes\n", "{dry-run} belongs on the command line", "",
       ": leave it out here"),
    at(2, "unknown key", D + "\udcff\u202e = 3\n", "unknown key {}", "", ": see spawnguard.conf(5)"),
    at(2, "unknown key, nearly right", D + "timout = 3\n", "unknown key {timout}", "", ", did you mean {timeout}?"),
    at(2, "key of a job", D + "command = true\n", "{command} is of one job", "", ": move it to its [job NAME]"),
    error("conf key of all", 125, "{}conf:{2}: {state-dir} holds for all commands", "", ": move it to [defaults]",
          conf("[job j]\nstate-dir = /x\n", "-N", "j")),
    at(3, "key twice", D + "timeout = 3\ntimeout = 4\n", "{timeout} stands in line {2} already", "",
       ": leave out one of them"),
    at(2, "value", D + "timeout = soon\n", "timeout = {soon}", ": not a duration",
       ": write 90, 1.5m, 1h30m, 2d or none"),
    # --- command, like
    error("conf words, open escape", 125, "{}conf:{2}: {command} = {}", ": ends with a \\", ": write \\\\ for the byte itself",
          conf("[job j]\ncommand = a \\\n", "-N", "j")),
    error("conf words, open double quote", 125, "{}conf:{2}: {command} = {}", ': a " without its end', ': close it, or write \\"',
          conf('[job j]\ncommand = a "b\n', "-N", "j")),
    error("conf words, open single quote", 125, "{}conf:{2}: {command} = {}", ": a ' without its end", ": close it, or write \\'",
          conf("[job j]\ncommand = a 'b\n", "-N", "j")),
    error("conf words, none", 125, "{}conf:{2}: {command} = ", ": no command", ": write a program and its arguments",
          conf("[job j]\ncommand =\n", "-N", "j")),
    error("conf like itself", 125, "{}conf:{2}: a job cannot be like itself", "", ": leave it out, or name another",
          conf("[job j]\nlike = j\n", "-N", "j")),
    error("conf like nobody", 125, "{}conf:{2}: like = {}", ": no such job in the configuration", ": leave it out, or name one",
          conf("[job j]\nlike = \udcff\u202e\n", "-N", "j")),
    error("conf like nearly somebody", 125, "{}conf:{2}: like = {nigtly}", "", ": no such job, did you mean {nightly}?",
          conf("[job j]\nlike = nigtly\n[job nightly]\n", "-N", "j")),
    error("conf like twice", 125, "{}conf:{2}: like = {b}", ": this job is like another itself, and that is one too many",
          ": name that one", conf("[job j]\nlike = b\n[job b]\nlike = c\n[job c]\n", "-N", "j")),
    error("conf together", 125, "--shared with --no-lock", ": there is no lock to share",
          "; leave out one of them; what the configuration says counts too, see: spawnguard config show",
          conf(D + "shared = yes\n", "--no-lock")),
    # --- jobs
    error("unknown job", 125, "unknown job {}", "", ': a command to run stands behind "--": spawnguard run [OPTIONS] -- {}',
          conf_job(D, job=NASTY)),
    error("unknown job, nearly right", 125, "unknown job {nigtly}", "", ": did you mean {nightly}?",
          conf_job("[job nightly]\n", job="nigtly")),
    error("job with another name", 125, "--name={x} with the configured job {j}", ": a configured job has its own name",
          "; leave --name out", conf_job("[job j]\ncommand = true\n", "--name=x")),
    error("job without a command", 125, "job {j} has no command", "",
          ': add a line "command = ..." to [job {j}], or give one: spawnguard run --name={j} -- COMMAND', conf_job("[job j]\n")),
    error("config show of no job", 1, "no job {} in the configuration", "", ": a section [job NAME] makes one",
          lambda t: t.command("config", "--config", t.write("conf", D, 0o600), "show", NASTY)),
    error("config show of nearly a job", 1, "no job {nigtly} in the configuration", "", ": did you mean {nightly}?",
          lambda t: t.command("config", "--config", t.write("conf", "[job nightly]\n", 0o600), "show", "nigtly")),
    # --- files
    file("missing", "there is no such configuration file", ": name one that is there, or write --config=none",
         planted(lambda path: None)),
    file("directory", "no regular file", ": name one that is", planted(os.mkdir)),
    file("foreign", "it belongs to another user", ": chown it to root or to who runs this", written(uid=4711),
         root_only="only root gives files away"),
    file("open to others", "others can write to it", ": chmod go-w", written(mode=0o666)),
    file("large", "larger than 1 MiB, so no configuration", ": name one that is", written(text="#" * (1024 * 1024 + 1))),
    file("unreadable", "it cannot be read: permission denied", "; make it readable", written(mode=0o200), user_only="root reads everything"),
    file("a socket", "it cannot be opened: {No such device or address}", "; try again, or write --config=none", planted(listen)),
    file("no descriptors", "it cannot be opened: {Too many open files}", "; try again, or write --config=none",
         failing("open:EMFILE"), shim=True),
    file("not looked at", "it cannot be looked at: {Input/output error}", "; try again, or write --config=none",
         failing("fstat:EIO"), shim=True),
    file("not read", "it cannot be read: {Input/output error}", "; try again, or write --config=none",
         failing("pread:EIO"), shim=True),
    file("no memory", "no memory to read it: {Cannot allocate memory}", "; try again, or write --config=none",
         failing("malloc:ENOMEM"), shim=True),
    file("loop", "it cannot be read: too many links", "; name the file itself", planted(loop)),
]

"""What is said of --isolate where it cannot be had."""
from messages import error
from ways import denied

NAMESPACE = "cannot give the job a PID namespace of its own"
PROC = "cannot mount a /proc for the job's PID namespace"


def without(call):
    """The first row's line comes where there is no namespace to begin with."""
    def how(t):
        t.needs_isolation()
        return denied([call], "--isolate")(t)
    return how


ROWS = [
    error("isolate, not allowed", 125, NAMESPACE, ": {Operation not permitted}",
          "; nothing was started: leave --isolate out, or have user namespaces allowed here (sysctl "
          "user.max_user_namespaces, kernel.unprivileged_userns_clone, the profile of a container)",
          denied(["setns=EPERM"], "--isolate")),
    error("isolate, not known", 125, NAMESPACE, ": {Cannot allocate memory}",
          "; nothing was started: leave --isolate out, or give it Linux 5.8, descriptors (ulimit -n) and room in sysctl "
          "user.max_pid_namespaces", without("setns=ENOMEM")),
    error("isolate, parts of /proc hidden", 125, PROC, ": {Operation not permitted}",
          "; nothing was started: leave --isolate out, or have all of /proc mounted where this container hides parts of it",
          without("mount=EPERM")),
    error("isolate, no /proc", 125, PROC, ": {Invalid argument}", "; nothing was started: leave --isolate out, or mount /proc",
          without("mount=EINVAL")),
]

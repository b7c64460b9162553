/* What is shown of it stands in the rows: no pointers, which would be relocated at each start. */
#include "core/failure.h"

/* clang-format off */
const struct failure_row failure_rows[FAILURE_IF_COUNT] = {
	{ FAILURE_IF_MATCHED,     FAILURE_QUOTA,       "the end of its stderr matches --open-on" },
	{ FAILURE_IF_NOT_READY,   FAILURE_ENVIRONMENT, "--pre-check or --require-env failed, or there was no room for it" },
	{ FAILURE_IF_ENDED,       FAILURE_ENDED,       "its user has ended it (TERM, kill, replace), its terminal, parent or outer run has gone: no failure" },
	{ FAILURE_IF_LISTED,      FAILURE_COUNT,       "it failed with a status or signal that --class lists: that class" },
	{ FAILURE_IF_TIMEOUT,     FAILURE_TIMEOUT,     "--timeout, --start-timeout, --idle-timeout or --heartbeat struck" },
	{ FAILURE_IF_LIMIT,       FAILURE_LIMIT,       "a limit was passed" },
	{ FAILURE_IF_LOST,        FAILURE_LOST,        "its guard was killed, or it has a start and no end" },
	{ FAILURE_IF_NOT_STARTED, FAILURE_ENVIRONMENT, "the command could not be executed, or no process could be made for it" },
	{ FAILURE_IF_NOT_FOUND,   FAILURE_ENVIRONMENT, "status 126 or 127: it could not execute a command" },
	{ FAILURE_IF_LEASE,       FAILURE_ENVIRONMENT, "its lease was lost" },
	{ FAILURE_IF_EARLY,       FAILURE_STARTUP,     "it ended before --min-uptime; with --quick-ok only if it failed" },
	{ FAILURE_IF_OK,          FAILURE_NONE,        "it ended as --success-status wants it: health" },
	{ FAILURE_IF_SIGNALED,    FAILURE_KILLED,      "by a signal that neither spawnguard nor a request has sent" },
	{ FAILURE_IF_FAILED,      FAILURE_FAILURE,     "any other status, or processes that could not be ended" },
	{ FAILURE_IF_ANY,         FAILURE_UNKNOWN,     "any other end" },
};
/* clang-format on */

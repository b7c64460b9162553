#include "core/outcome.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/auto.h"
#include "spawnguard/exit.h"

/* clang-format off */
static const char *const outcome_names[] = {
	[OUTCOME_OK]           = SG_OUTCOME_OK,
	[OUTCOME_FAILED]       = SG_OUTCOME_FAILED,
	[OUTCOME_SIGNALED]     = SG_OUTCOME_SIGNALED,
	[OUTCOME_TIMEOUT]      = SG_OUTCOME_TIMEOUT,
	[OUTCOME_LIMIT]        = SG_OUTCOME_LIMIT,
	[OUTCOME_CONFLICT]     = SG_OUTCOME_CONFLICT,
	[OUTCOME_BREAKER_OPEN] = SG_OUTCOME_BREAKER,
	[OUTCOME_REFUSED]      = SG_OUTCOME_REFUSED,
	[OUTCOME_KILLED]       = SG_OUTCOME_KILLED,
	[OUTCOME_REPLACED]     = SG_OUTCOME_REPLACED,
	[OUTCOME_LEASE_LOST]   = SG_OUTCOME_LEASE,
	[OUTCOME_SURVIVORS]    = SG_OUTCOME_SURVIVORS,
	[OUTCOME_GUARD_ERROR]  = SG_OUTCOME_GUARD_ERROR,
	[OUTCOME_LOST]         = SG_OUTCOME_LOST,
};

/* How a run ends whose tree was ended for that cause, before survivors are counted. */
static const struct {
	const char *name;
	enum outcome outcome; /* OUTCOME_COUNT: as the job's status says */
	int exit_code;        /* -1: as the job's status says */
} causes[] = {
	[CAUSE_NONE]        = { "none",        OUTCOME_COUNT,       -1 },
	[CAUSE_TIMEOUT]     = { "timeout",     OUTCOME_TIMEOUT,     SG_EXIT_TIMEOUT },
	[CAUSE_SIGNAL]      = { "signal",      OUTCOME_KILLED,      -1 },
	[CAUSE_HANGUP]      = { "hangup",      OUTCOME_KILLED,      -1 },
	[CAUSE_REQUEST]     = { "request",     OUTCOME_KILLED,      -1 },
	[CAUSE_OUTER]       = { "outer_run",   OUTCOME_KILLED,      -1 },
	[CAUSE_FRONT_DEAD]  = { "front_dead",  OUTCOME_GUARD_ERROR, SG_EXIT_GUARD },
	[CAUSE_WARDEN_DEAD] = { "warden_dead", OUTCOME_GUARD_ERROR, SG_EXIT_GUARD },
	[CAUSE_BOTH_DEAD]   = { "guards_dead", OUTCOME_LOST,        SG_EXIT_GUARD },
	[CAUSE_REPLACED]    = { "replaced",    OUTCOME_REPLACED,    -1 },
	[CAUSE_NOT_STARTED] = { "not_started", OUTCOME_GUARD_ERROR, SG_EXIT_GUARD },
	[CAUSE_LIMIT]       = { "limit",       OUTCOME_LIMIT,       SG_EXIT_LIMIT },
	[CAUSE_START_TIMEOUT] = { "start_timeout", OUTCOME_TIMEOUT, SG_EXIT_TIMEOUT },
	[CAUSE_IDLE_TIMEOUT] = { "idle_timeout", OUTCOME_TIMEOUT, SG_EXIT_TIMEOUT },
	[CAUSE_HEARTBEAT]   = { "heartbeat", OUTCOME_TIMEOUT, SG_EXIT_TIMEOUT },
	[CAUSE_PARENT]      = { "parent_ended", OUTCOME_KILLED,     -1 },
};
/* clang-format on */

static_assert(COUNT_OF(outcome_names) == OUTCOME_COUNT, "each outcome has its name");
static_assert(COUNT_OF(causes) == CAUSE_COUNT, "each cause has its row");

/* The bits of a wait status, as the kernel defines them; <sys/wait.h> is not for pure code. */
static int signal_of(int status)
{
	return status & 0x7f;
}

static int code_of(int status)
{
	return (status >> 8) & 0xff;
}

static struct outcome_verdict of_status(int status, bool is_success)
{
	int sig = signal_of(status);
	if (sig != 0)
		return (struct outcome_verdict){ is_success ? OUTCOME_OK : OUTCOME_SIGNALED, 128 + sig, sig };
	return (struct outcome_verdict){ is_success ? OUTCOME_OK : OUTCOME_FAILED, code_of(status), 0 };
}

static struct outcome_verdict of_start(int err)
{
	struct outcome_verdict v = { OUTCOME_GUARD_ERROR, SG_EXIT_GUARD, 0 };
	if (err == ENOENT || err == ENOTDIR)
		v = (struct outcome_verdict){ OUTCOME_FAILED, SG_EXIT_NOT_FOUND, 0 };
	else if (err > 0)
		v = (struct outcome_verdict){ OUTCOME_FAILED, SG_EXIT_NOT_EXEC, 0 };
	return v;
}

struct outcome_verdict outcome_judge(const struct outcome_facts *facts)
{
	struct outcome_verdict v = { OUTCOME_GUARD_ERROR, SG_EXIT_GUARD, 0 };

	if (facts->cause >= CAUSE_COUNT) /* out of a record: not a number that we write */
		return v;
	if (facts->cause == CAUSE_NOT_STARTED)
		return of_start(facts->start_errno);

	if (facts->has_status)
		v = of_status(facts->job_status, facts->is_success);
	bool ended_by_itself = facts->has_status && (facts->cause == CAUSE_NONE || facts->was_over);
	/* A 0 that counts as a failure must not be what hides survivors. */
	bool failed_by_itself = ended_by_itself && !facts->is_success && facts->job_status != 0;
	bool is_timeout = causes[facts->cause].outcome == OUTCOME_TIMEOUT;
	bool keeps_status = is_timeout && facts->preserves_status && facts->has_status;

	/* The guard's own death takes nothing from a job that had ended before. */
	bool is_guard_error = causes[facts->cause].outcome == OUTCOME_GUARD_ERROR;
	bool job_counts = is_guard_error && ended_by_itself;
	if (causes[facts->cause].outcome != OUTCOME_COUNT && !job_counts)
		v.outcome = causes[facts->cause].outcome;
	if (causes[facts->cause].exit_code >= 0 && !job_counts && !keeps_status) {
		v.exit_code = causes[facts->cause].exit_code;
		v.raise_signal = 0;
	}
	if (facts->survivors > 0 && !failed_by_itself && v.outcome != OUTCOME_GUARD_ERROR)
		v = (struct outcome_verdict){ OUTCOME_SURVIVORS, SG_EXIT_SURVIVORS, 0 };
	return v;
}

const char *outcome_name(enum outcome outcome)
{
	return outcome < OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

const char *cause_name(enum end_cause cause)
{
	return cause < CAUSE_COUNT ? causes[cause].name : "unknown";
}

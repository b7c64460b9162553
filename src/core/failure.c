#include "core/failure.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"

#define NOT_EXECUTABLE 126 /* of shells, and of ours */
#define NOT_FOUND      127

/* No pointers: they would be relocated at each start of the program. */
static const char names[][12] = {
	[FAILURE_NONE] = "none",
	[FAILURE_ENDED] = "ended",
	[FAILURE_STARTUP] = "startup",
	[FAILURE_FAILURE] = "failure",
	[FAILURE_TIMEOUT] = "timeout",
	[FAILURE_LIMIT] = "limit",
	[FAILURE_ENVIRONMENT] = "environment",
	[FAILURE_QUOTA] = "quota",
	[FAILURE_KILLED] = "killed",
	[FAILURE_LOST] = "lost",
	[FAILURE_UNKNOWN] = "unknown",
};
static_assert(COUNT_OF(names) == FAILURE_COUNT, "each class has its name");

static bool is_ended(const struct failure_facts *f)
{
	bool is_by_others = f->cause == CAUSE_SIGNAL || f->cause == CAUSE_HANGUP ||
			    f->cause == CAUSE_REQUEST || f->cause == CAUSE_OUTER ||
			    f->cause == CAUSE_PARENT || f->cause == CAUSE_REPLACED;

	return is_by_others || f->outcome == OUTCOME_KILLED || f->outcome == OUTCOME_REPLACED ||
	       f->outcome == OUTCOME_CONFLICT || f->outcome == OUTCOME_BREAKER_OPEN ||
	       f->outcome == OUTCOME_REFUSED;
}

/* By itself, and not well: its status as wait(2) tells it, or as front says it for a command that never ran.
 */
static bool has_failed(const struct failure_facts *f, int *out_status)
{
	bool by_itself = f->outcome == OUTCOME_FAILED || f->outcome == OUTCOME_SIGNALED;

	if (by_itself && !f->has_status)
		*out_status = (f->exit_code & 0xff) << 8;
	else if (by_itself)
		*out_status = f->job_status;
	return by_itself;
}

static bool is_early(const struct failure_rules *rules, const struct failure_facts *f)
{
	bool is_ok = f->outcome == OUTCOME_OK;

	if (f->took_ns >= rules->min_uptime_ns || (is_ok && rules->quick_ok))
		return false;
	return is_ok || f->outcome == OUTCOME_FAILED || f->outcome == OUTCOME_SIGNALED;
}

static enum failure class_of(const struct failure_rules *rules, const struct failure_facts *f)
{
	int status;

	if (rules->listed == 0 || !has_failed(f, &status))
		return FAILURE_COUNT;
	for (uint32_t i = FAILURE_FIRST; i < FAILURE_COUNT; i++)
		if ((rules->listed & 1U << i) && statuses_have(&rules->list[i], status))
			return (enum failure)i;
	return FAILURE_COUNT;
}

static bool is_not_found(const struct failure_facts *f)
{
	int status;

	return has_failed(f, &status) && (status == NOT_EXECUTABLE << 8 || status == NOT_FOUND << 8);
}

static bool fits(enum failure_test test, const struct failure_rules *rules, const struct failure_facts *f)
{
	switch (test) {
	case FAILURE_IF_MATCHED:
		return f->has_matched;
	case FAILURE_IF_NOT_READY:
		return f->not_ready;
	case FAILURE_IF_ENDED:
		return is_ended(f);
	case FAILURE_IF_LISTED:
		return class_of(rules, f) != FAILURE_COUNT;
	case FAILURE_IF_TIMEOUT:
		return f->outcome == OUTCOME_TIMEOUT;
	case FAILURE_IF_LIMIT:
		return f->outcome == OUTCOME_LIMIT;
	case FAILURE_IF_LOST:
		return f->outcome == OUTCOME_LOST ||
		       (f->outcome == OUTCOME_GUARD_ERROR &&
			(f->cause == CAUSE_FRONT_DEAD || f->cause == CAUSE_WARDEN_DEAD));
	case FAILURE_IF_NOT_STARTED:
		return f->cause == CAUSE_NOT_STARTED;
	case FAILURE_IF_NOT_FOUND:
		return is_not_found(f);
	case FAILURE_IF_LEASE:
		return f->outcome == OUTCOME_LEASE_LOST;
	case FAILURE_IF_EARLY:
		return is_early(rules, f);
	case FAILURE_IF_OK:
		return f->outcome == OUTCOME_OK;
	case FAILURE_IF_SIGNALED:
		return f->outcome == OUTCOME_SIGNALED;
	case FAILURE_IF_FAILED:
		return f->outcome == OUTCOME_FAILED || f->outcome == OUTCOME_SURVIVORS;
	default:
		return true;
	}
}

enum failure failure_judge(const struct failure_rules *rules, const struct failure_facts *facts)
{
	uint32_t i = 0;

	while (i < FAILURE_IF_COUNT - 1 && !fits(failure_rows[i].test, rules, facts))
		i++;
	enum failure failure = failure_rows[i].failure;
	return failure == FAILURE_COUNT ? class_of(rules, facts) : failure;
}

bool failure_counts(enum failure failure)
{
	return failure != FAILURE_NONE && failure != FAILURE_ENDED && failure != FAILURE_ENVIRONMENT;
}

const char *failure_name(enum failure failure)
{
	return failure < FAILURE_COUNT ? names[failure] : names[FAILURE_UNKNOWN];
}

enum failure failure_by_name(const char *name, uint32_t n)
{
	for (uint32_t i = 0; i < FAILURE_COUNT; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return (enum failure)i;
	return FAILURE_UNKNOWN;
}

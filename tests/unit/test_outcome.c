/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "core/outcome.h"
#include "spawnguard/exit.h"

#define EXIT(code)    ((code) << 8)
#define CORE_DUMPED   0x80
#define NO_STATUS     (-1)
#define ANYTHING_ELSE 1000 /* an errno that nobody knows */

/* clang-format off */
static const struct {
	const char *rule;
	enum end_cause cause;
	int status; /* NO_STATUS: unknown */
	bool was_over;
	uint32_t survivors;
	int start_errno;
	enum outcome outcome;
	int exit_code, raise;
} rows[] = {
	{ "a job that is ok",                       CAUSE_NONE, EXIT(0),   0, 0, 0, OUTCOME_OK,       0,   0 },
	{ "a job's own status, unchanged",          CAUSE_NONE, EXIT(3),   0, 0, 0, OUTCOME_FAILED,   3,   0 },
	{ "the highest status",                     CAUSE_NONE, EXIT(255), 0, 0, 0, OUTCOME_FAILED,   255, 0 },
	{ "a job may return our numbers",           CAUSE_NONE, EXIT(124), 0, 0, 0, OUTCOME_FAILED,   124, 0 },
	{ "a job may return our 125",               CAUSE_NONE, EXIT(125), 0, 0, 0, OUTCOME_FAILED,   125, 0 },
	{ "a signal is raised again",               CAUSE_NONE, SIGTERM,   0, 0, 0, OUTCOME_SIGNALED, 143, SIGTERM },
	{ "a core file changes nothing",            CAUSE_NONE, SIGSEGV | CORE_DUMPED, 0, 0, 0,
	  OUTCOME_SIGNALED, 128 + SIGSEGV, SIGSEGV },
	{ "no status: nobody knows how it ended",   CAUSE_NONE, NO_STATUS, 0, 0, 0, OUTCOME_GUARD_ERROR, 125, 0 },

	{ "timeout, whatever the job returns",      CAUSE_TIMEOUT, EXIT(0),   0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "timeout before the job's status",        CAUSE_TIMEOUT, EXIT(3),   0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "timeout: its own signal is not raised",  CAUSE_TIMEOUT, SIGTERM,   0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "timeout, status unknown",                CAUSE_TIMEOUT, NO_STATUS, 0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "not ready in time",                      CAUSE_START_TIMEOUT, SIGTERM, 0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "idle for too long",                      CAUSE_IDLE_TIMEOUT, EXIT(0), 0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "no heartbeat",                           CAUSE_HEARTBEAT, EXIT(3),   0, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "no heartbeat, but not all of it ended",  CAUSE_HEARTBEAT, SIGKILL,   0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "timeout of what the job left",           CAUSE_TIMEOUT, EXIT(0),   1, 0, 0, OUTCOME_TIMEOUT, 124, 0 },

	{ "limit, whatever the job returns",        CAUSE_LIMIT,   EXIT(0),   0, 0, 0, OUTCOME_LIMIT, 123, 0 },
	{ "limit: its own signal is not raised",    CAUSE_LIMIT,   SIGTERM,   0, 0, 0, OUTCOME_LIMIT, 123, 0 },
	{ "limit, but not all of it ended",         CAUSE_LIMIT,   SIGKILL,   0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },

	{ "ended by a signal: as the job died",     CAUSE_SIGNAL,  SIGTERM, 0, 0, 0, OUTCOME_KILLED, 143, SIGTERM },
	{ "ended by a signal: as the job returned", CAUSE_SIGNAL,  EXIT(7), 0, 0, 0, OUTCOME_KILLED, 7, 0 },
	{ "ended by a signal, and was ok",          CAUSE_SIGNAL,  EXIT(0), 0, 0, 0, OUTCOME_KILLED, 0, 0 },
	{ "hangup: as the job died",                CAUSE_HANGUP,  SIGHUP,  0, 0, 0, OUTCOME_KILLED, 129, SIGHUP },
	{ "asked for by kill",                      CAUSE_REQUEST, SIGKILL, 0, 0, 0, OUTCOME_KILLED, 137, SIGKILL },
	{ "what started it ended",                  CAUSE_PARENT,  SIGTERM, 0, 0, 0, OUTCOME_KILLED, 143, SIGTERM },
	{ "replaced: as the job died",              CAUSE_REPLACED, SIGTERM, 0, 0, 0, OUTCOME_REPLACED, 143, SIGTERM },
	{ "replaced: as the job returned",          CAUSE_REPLACED, EXIT(0), 0, 0, 0, OUTCOME_REPLACED, 0, 0 },
	{ "replaced, but not all of it ended",      CAUSE_REPLACED, SIGKILL, 0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "the run around it ended",                CAUSE_OUTER,   SIGTERM, 0, 0, 0, OUTCOME_KILLED, 143, SIGTERM },

	{ "front dead: 125",                        CAUSE_FRONT_DEAD,  SIGTERM, 0, 0, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "warden dead: 125",                       CAUSE_WARDEN_DEAD, EXIT(0), 0, 0, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "warden dead, no status",                 CAUSE_WARDEN_DEAD, NO_STATUS, 0, 0, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "warden dead, the job was over before",   CAUSE_WARDEN_DEAD, EXIT(0), 1, 0, 0, OUTCOME_OK, 0, 0 },
	{ "warden dead, the job had failed before", CAUSE_WARDEN_DEAD, EXIT(3), 1, 0, 0, OUTCOME_FAILED, 3, 0 },
	{ "front dead, the job had died before",    CAUSE_FRONT_DEAD,  SIGKILL, 1, 0, 0, OUTCOME_SIGNALED, 137, SIGKILL },
	{ "over before, but nobody knows how",      CAUSE_WARDEN_DEAD, NO_STATUS, 1, 0, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "both dead: lost",                        CAUSE_BOTH_DEAD, NO_STATUS, 0, 0, 0, OUTCOME_LOST, 125, 0 },
	{ "both dead, status known: lost",          CAUSE_BOTH_DEAD, EXIT(0),   0, 0, 0, OUTCOME_LOST, 125, 0 },
	{ "both dead: no signal is raised again",   CAUSE_BOTH_DEAD, SIGTERM,   0, 0, 0, OUTCOME_LOST, 125, 0 },

	{ "survivors of a job that was ok",         CAUSE_NONE,    EXIT(0),   0, 2, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "the job's own failure before survivors", CAUSE_NONE,    EXIT(3),   0, 2, 0, OUTCOME_FAILED,    3,   0 },
	{ "the job's own death before survivors",   CAUSE_NONE,    SIGSEGV,   0, 2, 0, OUTCOME_SIGNALED,  139, SIGSEGV },
	{ "survivors before timeout",               CAUSE_TIMEOUT, SIGTERM,   0, 2, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "survivors before timeout, no status",    CAUSE_TIMEOUT, NO_STATUS, 0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "survivors of a run that was killed",     CAUSE_REQUEST, SIGTERM,   0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "killed, nothing could be ended",         CAUSE_SIGNAL,  NO_STATUS, 0, 1, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "guard error before survivors",           CAUSE_WARDEN_DEAD, SIGTERM,   0, 2, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "guard error before survivors, front",    CAUSE_FRONT_DEAD,  NO_STATUS, 0, 2, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "no status is a guard error too",         CAUSE_NONE,    NO_STATUS, 0, 2, 0, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "was ok before the guard died: survivors", CAUSE_WARDEN_DEAD, EXIT(0), 1, 2, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "had failed before the guard died",       CAUSE_WARDEN_DEAD, EXIT(3), 1, 2, 0, OUTCOME_FAILED, 3, 0 },
	{ "had failed before the timeout struck",   CAUSE_TIMEOUT, EXIT(3),   1, 2, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "was ok before the timeout struck",       CAUSE_TIMEOUT, EXIT(0),   1, 2, 0, OUTCOME_SURVIVORS, 121, 0 },
	{ "had failed before it was killed",        CAUSE_REQUEST, EXIT(3),   1, 2, 0, OUTCOME_KILLED, 3, 0 },
	{ "lost, and something is left of it",      CAUSE_BOTH_DEAD, NO_STATUS, 0, 2, 0, OUTCOME_SURVIVORS, 121, 0 },

	{ "no such file",                CAUSE_NOT_STARTED, NO_STATUS, 0, 0, ENOENT,  OUTCOME_FAILED, 127, 0 },
	{ "a part of the path no folder", CAUSE_NOT_STARTED, NO_STATUS, 0, 0, ENOTDIR, OUTCOME_FAILED, 127, 0 },
	{ "not executable",              CAUSE_NOT_STARTED, NO_STATUS, 0, 0, EACCES,  OUTCOME_FAILED, 126, 0 },
	{ "no format that is known",     CAUSE_NOT_STARTED, NO_STATUS, 0, 0, ENOEXEC, OUTCOME_FAILED, 126, 0 },
	{ "arguments too long",          CAUSE_NOT_STARTED, NO_STATUS, 0, 0, E2BIG,   OUTCOME_FAILED, 126, 0 },
	{ "any other answer of exec",    CAUSE_NOT_STARTED, NO_STATUS, 0, 0, ANYTHING_ELSE, OUTCOME_FAILED, 126, 0 },
	{ "no process could be made",    CAUSE_NOT_STARTED, NO_STATUS, 0, 0, -EAGAIN, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "no memory for a process",     CAUSE_NOT_STARTED, NO_STATUS, 0, 0, -ENOMEM, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "ENOENT, but not of exec",     CAUSE_NOT_STARTED, NO_STATUS, 0, 0, -ENOENT, OUTCOME_GUARD_ERROR, 125, 0 },
	{ "not started, no reason",      CAUSE_NOT_STARTED, NO_STATUS, 0, 0, 0,       OUTCOME_GUARD_ERROR, 125, 0 },
};
/* clang-format on */

static struct outcome_verdict judge(enum end_cause cause, int status, bool was_over, uint32_t survivors,
				    int err)
{
	struct outcome_facts facts = {
		.cause = cause,
		.has_status = status != NO_STATUS,
		.was_over = was_over,
		.job_status = status == NO_STATUS ? 0 : status,
		.is_success = status == EXIT(0),
		.survivors = survivors,
		.start_errno = err,
	};
	return outcome_judge(&facts);
}

static void judges_as_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct outcome_verdict v = judge(rows[i].cause, rows[i].status, rows[i].was_over,
						 rows[i].survivors, rows[i].start_errno);
		if (v.outcome != rows[i].outcome || v.exit_code != rows[i].exit_code ||
		    v.raise_signal != rows[i].raise)
			fail_msg("%s: %s, exit %d, raise %d", rows[i].rule, outcome_name(v.outcome),
				 v.exit_code, v.raise_signal);
	}
}

/* ---- what counts as ok, and whose status it is after a timeout */

/* clang-format off */
static const struct {
	const char *rule;
	enum end_cause cause;
	int status;
	bool was_over, is_success, preserves;
	uint32_t survivors;
	enum outcome outcome;
	int exit_code, raise;
} chosen[] = {
	{ "a status that counts as ok is returned",    CAUSE_NONE, EXIT(3), 0, 1, 0, 0, OUTCOME_OK,       3, 0 },
	{ "a 0 that does not: failed, and returned",   CAUSE_NONE, EXIT(0), 0, 0, 0, 0, OUTCOME_FAILED,   0, 0 },
	{ "a signal that counts as ok is raised again", CAUSE_NONE, SIGTERM, 0, 1, 0, 0, OUTCOME_OK, 143, SIGTERM },
	{ "timeout before what counts as ok",          CAUSE_TIMEOUT, EXIT(3), 0, 1, 0, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "killed before what counts as ok",           CAUSE_SIGNAL, EXIT(3), 0, 1, 0, 0, OUTCOME_KILLED, 3, 0 },
	{ "survivors before what counts as ok",        CAUSE_NONE, EXIT(3), 0, 1, 0, 2, OUTCOME_SURVIVORS, 121, 0 },
	{ "survivors before a signal that is ok",      CAUSE_NONE, SIGTERM, 0, 1, 0, 2, OUTCOME_SURVIVORS, 121, 0 },
	{ "a failure with status 0 hides no survivor", CAUSE_NONE, EXIT(0), 0, 0, 0, 2, OUTCOME_SURVIVORS, 121, 0 },
	{ "was ok before the warden died",             CAUSE_WARDEN_DEAD, EXIT(3), 1, 1, 0, 0, OUTCOME_OK, 3, 0 },

	{ "preserved: as the job returned",            CAUSE_TIMEOUT, EXIT(3), 0, 0, 1, 0, OUTCOME_TIMEOUT, 3, 0 },
	{ "preserved: 0, and still a timeout",         CAUSE_TIMEOUT, EXIT(0), 0, 1, 1, 0, OUTCOME_TIMEOUT, 0, 0 },
	{ "preserved: as the job died",                CAUSE_TIMEOUT, SIGTERM, 0, 0, 1, 0, OUTCOME_TIMEOUT, 143, SIGTERM },
	{ "preserved: killed at last",                 CAUSE_TIMEOUT, SIGKILL, 0, 0, 1, 0, OUTCOME_TIMEOUT, 137, SIGKILL },
	{ "preserved: nothing is known to preserve",   CAUSE_TIMEOUT, NO_STATUS, 0, 0, 1, 0, OUTCOME_TIMEOUT, 124, 0 },
	{ "so is it where it was not ready",           CAUSE_START_TIMEOUT, EXIT(3), 0, 0, 1, 0, OUTCOME_TIMEOUT, 3, 0 },
	{ "survivors before what is preserved",        CAUSE_TIMEOUT, EXIT(3), 0, 0, 1, 2, OUTCOME_SURVIVORS, 121, 0 },
	{ "preserved: without a timeout no difference", CAUSE_WARDEN_DEAD, EXIT(3), 0, 0, 1, 0, OUTCOME_GUARD_ERROR, 125, 0 },
};
/* clang-format on */

static void judges_by_what_was_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(chosen); i++) {
		struct outcome_verdict v = outcome_judge(&(struct outcome_facts){
			.cause = chosen[i].cause,
			.has_status = chosen[i].status != NO_STATUS,
			.was_over = chosen[i].was_over,
			.job_status = chosen[i].status == NO_STATUS ? 0 : chosen[i].status,
			.is_success = chosen[i].is_success,
			.preserves_status = chosen[i].preserves,
			.survivors = chosen[i].survivors });
		if (v.outcome != chosen[i].outcome || v.exit_code != chosen[i].exit_code ||
		    v.raise_signal != chosen[i].raise)
			fail_msg("%s: %s, exit %d, raise %d", chosen[i].rule, outcome_name(v.outcome),
				 v.exit_code, v.raise_signal);
	}
}

/* ---- every combination, against the rule as users read it */

static const int statuses[] = { NO_STATUS, EXIT(0), EXIT(3), SIGTERM, SIGKILL | CORE_DUMPED };
static const int start_errnos[] = { 0, ENOENT, ENOTDIR, EACCES, ENOEXEC, E2BIG, -EAGAIN, -ENOMEM };

/* The first that applies: 125, 121 (only where the job had not failed by itself), 124, the job's. */
static int exit_code_by_rule(enum end_cause cause, int status, bool was_over, uint32_t survivors, int err)
{
	bool is_known = status != NO_STATUS;
	bool ended_by_itself = is_known && (cause == CAUSE_NONE || was_over);
	bool is_guards_death = cause == CAUSE_FRONT_DEAD || cause == CAUSE_WARDEN_DEAD;

	if (cause == CAUSE_NOT_STARTED)
		return err <= 0 ? 125 : err == ENOENT || err == ENOTDIR ? 127 : 126;
	if ((is_guards_death && !ended_by_itself) || (cause == CAUSE_NONE && !is_known))
		return 125;
	if (survivors > 0 && !(ended_by_itself && status != 0))
		return 121;
	if (cause == CAUSE_BOTH_DEAD)
		return 125;
	if (cause == CAUSE_TIMEOUT || cause == CAUSE_START_TIMEOUT || cause == CAUSE_IDLE_TIMEOUT ||
	    cause == CAUSE_HEARTBEAT)
		return 124;
	if (cause == CAUSE_LIMIT)
		return 123;
	if (!is_known)
		return 125;
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8;
}

static void check_verdict(enum end_cause cause, int status, bool was_over, uint32_t survivors, int err)
{
	struct outcome_verdict v = judge(cause, status, was_over, survivors, err);
	int want = exit_code_by_rule(cause, status, was_over, survivors, err);

	if (v.exit_code != want)
		fail_msg("%s, status %d, over %d, survivors %u, errno %d: exit %d, should be %d",
			 cause_name(cause), status, was_over, survivors, err, v.exit_code, want);
	assert_in_range(v.outcome, 0, OUTCOME_COUNT - 1);
	assert_in_range(v.exit_code, 0, 255);
	/* A signal is raised only where its number is the status, and no word of ours stands before it. */
	if (v.raise_signal != 0) {
		assert_int_equal(v.exit_code, 128 + v.raise_signal);
		assert_true(v.outcome == OUTCOME_SIGNALED || v.outcome == OUTCOME_KILLED ||
			    v.outcome == OUTCOME_REPLACED);
	}
	assert_true((v.exit_code == 121) == (v.outcome == OUTCOME_SURVIVORS));
	assert_true((v.exit_code == 124) == (v.outcome == OUTCOME_TIMEOUT));
	if (v.outcome == OUTCOME_OK)
		assert_int_equal(v.exit_code, 0);
	if (v.outcome == OUTCOME_GUARD_ERROR || v.outcome == OUTCOME_LOST)
		assert_int_equal(v.exit_code, 125);
}

static void every_combination_follows_the_precedence(void **state)
{
	(void)state;
	for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
		for (size_t s = 0; s < COUNT_OF(statuses); s++)
			for (unsigned was_over = 0; was_over < 2; was_over++)
				for (uint32_t survivors = 0; survivors <= 2; survivors += 2)
					for (size_t e = 0; e < COUNT_OF(start_errnos); e++)
						check_verdict((enum end_cause)cause, statuses[s], was_over,
							      survivors, start_errnos[e]);
}

/* Every signal and every exit status of a job by itself comes through. */
static void passes_every_status_of_the_job_on(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++) {
		struct outcome_verdict v = judge(CAUSE_NONE, EXIT(code), false, 0, 0);
		assert_int_equal(v.exit_code, code);
		assert_int_equal(v.raise_signal, 0);
		assert_int_equal(v.outcome, code == 0 ? OUTCOME_OK : OUTCOME_FAILED);
	}
	for (int sig = 1; sig <= 64; sig++) {
		for (int core = 0; core <= CORE_DUMPED; core += CORE_DUMPED) {
			struct outcome_verdict v = judge(CAUSE_NONE, sig | core, false, 0, 0);
			assert_int_equal(v.exit_code, 128 + sig);
			assert_int_equal(v.raise_signal, sig);
			assert_int_equal(v.outcome, OUTCOME_SIGNALED);
		}
	}
}

/* ---- names */

static bool is_stable_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == n;
}

static void every_outcome_and_cause_has_its_own_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		assert_true(is_stable_name(outcome_name((enum outcome)i)));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(outcome_name((enum outcome)i), outcome_name((enum outcome)k));
	}
	for (unsigned i = 0; i < CAUSE_COUNT; i++) {
		assert_true(is_stable_name(cause_name((enum end_cause)i)));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(cause_name((enum end_cause)i), cause_name((enum end_cause)k));
	}
	assert_string_equal(outcome_name(OUTCOME_OK), "ok");
	assert_string_equal(outcome_name(OUTCOME_SURVIVORS), "survivors");
	assert_string_equal(cause_name(CAUSE_NONE), "none");
	assert_string_equal(cause_name(CAUSE_TIMEOUT), "timeout");
	assert_string_equal(cause_name(CAUSE_SIGNAL), "signal");
}

/* Both numbers are stored: what an unknown version or a damaged file says has no name, and does no harm. */
static void unknown_numbers_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(outcome_name(OUTCOME_COUNT), "unknown");
	assert_string_equal(outcome_name((enum outcome)UINT32_MAX), "unknown");
	assert_string_equal(cause_name(CAUSE_COUNT), "unknown");
	assert_string_equal(cause_name((enum end_cause)UINT32_MAX), "unknown");
	for (size_t s = 0; s < COUNT_OF(statuses); s++) {
		struct outcome_verdict v = judge((enum end_cause)UINT32_MAX, statuses[s], false, 0, 0);
		assert_in_range(v.outcome, 0, OUTCOME_COUNT - 1);
		v = judge(CAUSE_COUNT, statuses[s], true, 2, 0);
		assert_in_range(v.outcome, 0, OUTCOME_COUNT - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_as_documented),
		cmocka_unit_test(judges_by_what_was_chosen),
		cmocka_unit_test(every_combination_follows_the_precedence),
		cmocka_unit_test(passes_every_status_of_the_job_on),
		cmocka_unit_test(every_outcome_and_cause_has_its_own_name),
		cmocka_unit_test(unknown_numbers_are_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

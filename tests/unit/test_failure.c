/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/failure.h"

#define EXIT(code) ((code) << 8)
#define OWN        .has_status = true, .took_ns = 60 * NS_PER_S, .job_status

/* Early is less than 10 s; 3 is quota, USR1 unknown, 126 a failure. */
static struct failure_rules rules(bool quick_ok)
{
	struct failure_rules r = { .min_uptime_ns = 10 * NS_PER_S, .quick_ok = quick_ok };

	r.listed = 1U << FAILURE_QUOTA | 1U << FAILURE_UNKNOWN | 1U << FAILURE_FAILURE;
	r.list[FAILURE_QUOTA].code[0] = 1U << 3;
	r.list[FAILURE_UNKNOWN].signals = UINT64_C(1) << (SIGUSR1 - 1);
	r.list[FAILURE_FAILURE].code[126 / 64] = UINT64_C(1) << 126 % 64;
	return r;
}

/* clang-format off */
static const struct {
	const char *rule;
	struct failure_facts facts;
	enum failure by_default; /* without a rule */
	enum failure by_rules;
} rows[] = {
	{ "health", { OUTCOME_OK, OWN = 0 }, FAILURE_NONE, FAILURE_NONE },
	{ "early, though it is ok", { OUTCOME_OK, .has_status = true }, FAILURE_NONE, FAILURE_STARTUP },
	{ "just early", { OUTCOME_OK, .has_status = true, .took_ns = 10 * NS_PER_S - 1 }, FAILURE_NONE, FAILURE_STARTUP },
	{ "just not", { OUTCOME_OK, .has_status = true, .took_ns = 10 * NS_PER_S }, FAILURE_NONE, FAILURE_NONE },
	{ "a failure", { OUTCOME_FAILED, OWN = EXIT(1) }, FAILURE_FAILURE, FAILURE_FAILURE },
	{ "an early one", { OUTCOME_FAILED, .has_status = true, .job_status = EXIT(1) }, FAILURE_FAILURE, FAILURE_STARTUP },
	{ "a listed one, also early", { OUTCOME_FAILED, .has_status = true, .job_status = EXIT(3) }, FAILURE_FAILURE, FAILURE_QUOTA },
	{ "a listed status that is a success", { OUTCOME_OK, OWN = EXIT(3) }, FAILURE_NONE, FAILURE_NONE },
	{ "a signal that nobody of us sent", { OUTCOME_SIGNALED, OWN = SIGKILL }, FAILURE_KILLED, FAILURE_KILLED },
	{ "it crashed, with a core", { OUTCOME_SIGNALED, OWN = SIGSEGV | 0x80 }, FAILURE_KILLED, FAILURE_KILLED },
	{ "it crashed early", { OUTCOME_SIGNALED, .has_status = true, .job_status = SIGSEGV }, FAILURE_KILLED, FAILURE_STARTUP },
	{ "a listed signal", { OUTCOME_SIGNALED, OWN = SIGUSR1 }, FAILURE_KILLED, FAILURE_UNKNOWN },
	{ "not found, by a shell", { OUTCOME_FAILED, .has_status = true, .job_status = EXIT(127) }, FAILURE_ENVIRONMENT, FAILURE_ENVIRONMENT },
	{ "not executable, by a shell: listed", { OUTCOME_FAILED, OWN = EXIT(126) }, FAILURE_ENVIRONMENT, FAILURE_FAILURE },
	{ "128 is its own affair", { OUTCOME_FAILED, OWN = EXIT(128) }, FAILURE_FAILURE, FAILURE_FAILURE },
	{ "not found, by us", { OUTCOME_FAILED, CAUSE_NOT_STARTED, .exit_code = 127 }, FAILURE_ENVIRONMENT, FAILURE_ENVIRONMENT },
	{ "not executable, by us: listed", { OUTCOME_FAILED, CAUSE_NOT_STARTED, .exit_code = 126 }, FAILURE_ENVIRONMENT, FAILURE_FAILURE },
	{ "no process to be had", { OUTCOME_GUARD_ERROR, CAUSE_NOT_STARTED, .exit_code = 125 }, FAILURE_ENVIRONMENT, FAILURE_ENVIRONMENT },
	{ "no room for it", { OUTCOME_REFUSED, .not_ready = true }, FAILURE_ENVIRONMENT, FAILURE_ENVIRONMENT },
	{ "a timeout", { OUTCOME_TIMEOUT, CAUSE_TIMEOUT, OWN = SIGTERM }, FAILURE_TIMEOUT, FAILURE_TIMEOUT },
	{ "not ready in time, which is early", { OUTCOME_TIMEOUT, CAUSE_START_TIMEOUT, .has_status = true, .job_status = SIGTERM }, FAILURE_TIMEOUT, FAILURE_TIMEOUT },
	{ "a limit", { OUTCOME_LIMIT, CAUSE_LIMIT, OWN = SIGKILL }, FAILURE_LIMIT, FAILURE_LIMIT },
	{ "both guards dead", { .outcome = OUTCOME_LOST, .cause = CAUSE_BOTH_DEAD }, FAILURE_LOST, FAILURE_LOST },
	{ "front dead", { OUTCOME_GUARD_ERROR, CAUSE_FRONT_DEAD, OWN = SIGTERM }, FAILURE_LOST, FAILURE_LOST },
	{ "warden dead", { .outcome = OUTCOME_GUARD_ERROR, .cause = CAUSE_WARDEN_DEAD }, FAILURE_LOST, FAILURE_LOST },
	{ "warden dead, but the job was over", { OUTCOME_FAILED, CAUSE_WARDEN_DEAD, OWN = EXIT(1) }, FAILURE_FAILURE, FAILURE_FAILURE },
	{ "TERM by its user", { OUTCOME_KILLED, CAUSE_SIGNAL, OWN = SIGTERM }, FAILURE_ENDED, FAILURE_ENDED },
	{ "... early", { OUTCOME_KILLED, CAUSE_SIGNAL, .has_status = true, .job_status = EXIT(3) }, FAILURE_ENDED, FAILURE_ENDED },
	{ "the terminal went", { OUTCOME_KILLED, CAUSE_HANGUP, OWN = SIGHUP }, FAILURE_ENDED, FAILURE_ENDED },
	{ "spawnguard kill", { OUTCOME_KILLED, CAUSE_REQUEST, OWN = SIGKILL }, FAILURE_ENDED, FAILURE_ENDED },
	{ "kill, and processes are left", { OUTCOME_SURVIVORS, CAUSE_REQUEST, OWN = SIGKILL }, FAILURE_ENDED, FAILURE_ENDED },
	{ "an outer run", { OUTCOME_KILLED, CAUSE_OUTER, OWN = SIGTERM }, FAILURE_ENDED, FAILURE_ENDED },
	{ "replaced", { OUTCOME_REPLACED, CAUSE_REPLACED, OWN = SIGTERM }, FAILURE_ENDED, FAILURE_ENDED },
	{ "its parent is gone", { OUTCOME_KILLED, CAUSE_PARENT, OWN = SIGTERM }, FAILURE_ENDED, FAILURE_ENDED },
	{ "never started: another runs", { .outcome = OUTCOME_CONFLICT, .cause = CAUSE_NONE }, FAILURE_ENDED, FAILURE_ENDED },
	{ "never started: the breaker", { .outcome = OUTCOME_BREAKER_OPEN, .cause = CAUSE_NONE }, FAILURE_ENDED, FAILURE_ENDED },
	{ "it says that its quota is used up", { OUTCOME_FAILED, OWN = EXIT(1), .has_matched = true }, FAILURE_QUOTA, FAILURE_QUOTA },
	{ "... and ends well", { OUTCOME_OK, OWN = 0, .has_matched = true }, FAILURE_QUOTA, FAILURE_QUOTA },
	{ "processes that cannot be ended", { OUTCOME_SURVIVORS, CAUSE_NONE, OWN = 0 }, FAILURE_FAILURE, FAILURE_FAILURE },
	{ "the lease", { .outcome = OUTCOME_LEASE_LOST, .cause = CAUSE_NONE }, FAILURE_ENVIRONMENT, FAILURE_ENVIRONMENT },
	{ "an error of ours", { .outcome = OUTCOME_GUARD_ERROR, .cause = CAUSE_NONE }, FAILURE_UNKNOWN, FAILURE_UNKNOWN },
	{ "an outcome that is none", { .outcome = OUTCOME_COUNT, .cause = CAUSE_NONE }, FAILURE_UNKNOWN, FAILURE_UNKNOWN },
};
/* clang-format on */

static void each_end_has_its_class(void **state)
{
	(void)state;
	const struct failure_rules none = { 0 }, given = rules(false);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum failure is = failure_judge(&none, &rows[i].facts);
		if (is != rows[i].by_default)
			fail_msg("%s, without a rule: %s", rows[i].rule, failure_name(is));
		is = failure_judge(&given, &rows[i].facts);
		if (is != rows[i].by_rules)
			fail_msg("%s: %s", rows[i].rule, failure_name(is));
	}
}

static void quick_ends_may_be_ok(void **state)
{
	(void)state;
	const struct failure_rules r = rules(true);
	struct failure_facts facts = { OUTCOME_OK, .has_status = true };

	assert_int_equal(failure_judge(&r, &facts), FAILURE_NONE);
	facts.outcome = OUTCOME_FAILED;
	facts.job_status = EXIT(1);
	assert_int_equal(failure_judge(&r, &facts), FAILURE_STARTUP);
}

static void names_lead_there_and_back(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FAILURE_COUNT; i++) {
		const char *name = failure_name((enum failure)i);
		assert_int_equal(failure_by_name(name, (uint32_t)strlen(name)), i);
		assert_int_equal(failure_by_name(name, (uint32_t)strlen(name) - 1), FAILURE_UNKNOWN);
		assert_int_equal(failure_counts((enum failure)i),
				 i >= FAILURE_FIRST && i != FAILURE_ENVIRONMENT);
	}
	assert_string_equal(failure_name(FAILURE_COUNT), "unknown");
	for (uint32_t i = 0; i < FAILURE_IF_COUNT; i++) {
		assert_int_equal(failure_rows[i].test, i);
		assert_true(failure_rows[i].how[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_its_class),
		cmocka_unit_test(quick_ends_may_be_ok),
		cmocka_unit_test(names_lead_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

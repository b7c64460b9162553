#include "conf/hook_variable.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"

#define START  (1U << HOOK_START)
#define FLAG   (1U << HOOK_FLAG)
#define FINISH (1U << HOOK_FINISH)
#define EVERY  (START | FLAG | FINISH)

/* clang-format off */
const struct hook_variable hook_variables[] = {
	[VARIABLE_EVENT]         = { "SPAWNGUARD_EVENT",         EVERY,        true,  "why the command runs: start, flag or finish" },
	[VARIABLE_RUN_ID]        = { "SPAWNGUARD_RUN_ID",        EVERY,        true,  "id of the run" },
	[VARIABLE_JOB]           = { "SPAWNGUARD_JOB",           EVERY,        true,  "name of the job" },
	[VARIABLE_PARENT_RUN_ID] = { "SPAWNGUARD_PARENT_RUN_ID", EVERY,        false, "id of the run around this one" },
	[VARIABLE_TASK]          = { "SPAWNGUARD_TASK",          EVERY,        false, "what --task says" },
	[VARIABLE_STEP]          = { "SPAWNGUARD_STEP",          EVERY,        false, "what --step says" },
	[VARIABLE_STATE_DIR]     = { "SPAWNGUARD_STATE_DIR",     EVERY,        false, "what --state-dir says, so that spawnguard finds the run" },
	[VARIABLE_LOG]           = { "SPAWNGUARD_LOG",           EVERY,        false, "the file that the job's output goes to; at the end only if it is kept" },
	[VARIABLE_MESSAGE]       = { "SPAWNGUARD_MESSAGE",       EVERY,        true,  "one line for people" },
	[VARIABLE_JOB_PID]       = { "SPAWNGUARD_JOB_PID",       START | FLAG, false, "process id of the job" },
	[VARIABLE_CLASS]         = { "SPAWNGUARD_CLASS",         FLAG,         false, "where the breaker has opened: the class of the last failure" },
	[VARIABLE_UNTIL]         = { "SPAWNGUARD_UNTIL",         FLAG,         false, "... and when the next trial is due, in UTC" },
	[VARIABLE_FINGERPRINT]   = { "SPAWNGUARD_FINGERPRINT",   FLAG,         false, "... and the fingerprint of that failure" },
	[VARIABLE_OUTCOME]       = { "SPAWNGUARD_OUTCOME",       FINISH,       true,  "what the run came to, as in the history: ok, failed, timeout" },
	[VARIABLE_STATUS]        = { "SPAWNGUARD_STATUS",        FINISH,       true,  "exit status of spawnguard run; 128+N where it dies of signal N" },
	[VARIABLE_SIGNAL]        = { "SPAWNGUARD_SIGNAL",        FINISH,       false, "the signal that the job died of: TERM, KILL" },
	[VARIABLE_CAUSE]         = { "SPAWNGUARD_CAUSE",         FINISH,       true,  "why the tree was ended, as in the history: none, timeout, signal" },
	[VARIABLE_DURATION]      = { "SPAWNGUARD_DURATION",      FINISH,       true,  "seconds from start to end, with three decimals" },
	[VARIABLE_SURVIVORS]     = { "SPAWNGUARD_SURVIVORS",     FINISH,       false, "how many processes could not be ended" },
};
/* clang-format on */
static_assert(COUNT_OF(hook_variables) == VARIABLE_COUNT, "one row for each variable");

static const char *const event_names[] = {
	[HOOK_START] = "start", [HOOK_FLAG] = "flag", [HOOK_FINISH] = "finish"
};
static_assert(COUNT_OF(event_names) == HOOK_COUNT, "one name for each event");

const char *hook_event_name(enum hook_event event)
{
	return event_names[event];
}

bool hook_variable_is(const char *entry)
{
	for (size_t i = 0; i < VARIABLE_COUNT; i++) {
		size_t n = strlen(hook_variables[i].name);
		if (i != VARIABLE_STATE_DIR && strncmp(entry, hook_variables[i].name, n) == 0 &&
		    entry[n] == '=')
			return true;
	}
	return false;
}

/* What --on-start, --on-flag and --on-finish are told: the one table of their variables. */
#ifndef SG_CONF_HOOK_VARIABLE_H
#define SG_CONF_HOOK_VARIABLE_H

#include <stdbool.h>
#include <stddef.h>

enum hook_event { HOOK_START, HOOK_FLAG, HOOK_FINISH, HOOK_COUNT };

enum hook_variable_id {
	VARIABLE_EVENT,
	VARIABLE_RUN_ID,
	VARIABLE_JOB,
	VARIABLE_PARENT_RUN_ID,
	VARIABLE_TASK,
	VARIABLE_STEP,
	VARIABLE_STATE_DIR,
	VARIABLE_LOG,
	VARIABLE_MESSAGE,
	VARIABLE_JOB_PID,
	VARIABLE_CLASS,
	VARIABLE_UNTIL,
	VARIABLE_FINGERPRINT,
	VARIABLE_OUTCOME,
	VARIABLE_STATUS,
	VARIABLE_SIGNAL,
	VARIABLE_CAUSE,
	VARIABLE_DURATION,
	VARIABLE_SURVIVORS,
	VARIABLE_COUNT
};

struct hook_variable {
	const char *name;
	unsigned events; /* bit 1 << enum hook_event: it may be there */
	bool is_always;  /* it is there at each of these */
	const char *meaning;
};
extern const struct hook_variable hook_variables[VARIABLE_COUNT];

/* "start", "flag", "finish". */
const char *hook_event_name(enum hook_event event);

/* Is this entry of an environment one that a hook was told, and nothing that spawnguard itself would read? */
bool hook_variable_is(const char *entry);

#endif

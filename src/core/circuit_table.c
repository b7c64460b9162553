#include <assert.h>

#include "base/auto.h"
#include "core/circuit.h"

/* clang-format off */
const struct circuit_row circuit_rows[CIRCUIT_STATE_COUNT * CIRCUIT_EVENT_COUNT] = {
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_START,         CIRCUIT_DO_GO,       CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_OK,            CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_ENDED,         CIRCUIT_DO_NOTHING,  CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_FAILED,        CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_REACHED,       CIRCUIT_DO_OPEN,     CIRCUIT_OPEN },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_TRIAL_OK,      CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_TRIAL_ENDED,   CIRCUIT_DO_NOTHING,  CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_TRIAL_FAILED,  CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_TRIAL_UNRULED, CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_FORCED_OK,     CIRCUIT_DO_COUNT,    CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_WAIT_OVER,     CIRCUIT_DO_NOTHING,  CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_HEALTHY,       CIRCUIT_DO_FORGET,   CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_OPEN,          CIRCUIT_DO_OPEN_FOR, CIRCUIT_OPEN },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_RESET,         CIRCUIT_DO_FORGET,   CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_TRIAL,         CIRCUIT_DO_NOTHING,  CIRCUIT_CLOSED },
	{ CIRCUIT_CLOSED,    CIRCUIT_EVENT_INPUT,         CIRCUIT_DO_NOTHING,  CIRCUIT_CLOSED },

	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_START,         CIRCUIT_DO_REFUSE,   CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_OK,            CIRCUIT_DO_COUNT,    CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_ENDED,         CIRCUIT_DO_NOTHING,  CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_FAILED,        CIRCUIT_DO_COUNT,    CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_REACHED,       CIRCUIT_DO_OPEN,     CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_TRIAL_OK,      CIRCUIT_DO_COUNT,    CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_TRIAL_ENDED,   CIRCUIT_DO_NOTHING,  CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_TRIAL_FAILED,  CIRCUIT_DO_COUNT,    CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_TRIAL_UNRULED, CIRCUIT_DO_COUNT,    CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_FORCED_OK,     CIRCUIT_DO_CLOSE,    CIRCUIT_CLOSED },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_WAIT_OVER,     CIRCUIT_DO_DUE,      CIRCUIT_HALF_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_HEALTHY,       CIRCUIT_DO_NOTHING,  CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_OPEN,          CIRCUIT_DO_OPEN_FOR, CIRCUIT_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_RESET,         CIRCUIT_DO_FORGET,   CIRCUIT_CLOSED },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_TRIAL,         CIRCUIT_DO_DUE,      CIRCUIT_HALF_OPEN },
	{ CIRCUIT_OPEN,      CIRCUIT_EVENT_INPUT,         CIRCUIT_DO_DUE,      CIRCUIT_HALF_OPEN },

	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_START,         CIRCUIT_DO_TRIAL,    CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_OK,            CIRCUIT_DO_COUNT,    CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_ENDED,         CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_FAILED,        CIRCUIT_DO_COUNT,    CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_REACHED,       CIRCUIT_DO_OPEN,     CIRCUIT_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_TRIAL_OK,      CIRCUIT_DO_CLOSE,    CIRCUIT_CLOSED },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_TRIAL_ENDED,   CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_TRIAL_FAILED,  CIRCUIT_DO_OPEN,     CIRCUIT_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_TRIAL_UNRULED, CIRCUIT_DO_CLOSE,    CIRCUIT_CLOSED },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_FORCED_OK,     CIRCUIT_DO_CLOSE,    CIRCUIT_CLOSED },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_WAIT_OVER,     CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_HEALTHY,       CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_OPEN,          CIRCUIT_DO_OPEN_FOR, CIRCUIT_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_RESET,         CIRCUIT_DO_FORGET,   CIRCUIT_CLOSED },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_TRIAL,         CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
	{ CIRCUIT_HALF_OPEN, CIRCUIT_EVENT_INPUT,         CIRCUIT_DO_NOTHING,  CIRCUIT_HALF_OPEN },
};
/* clang-format on */

/* No pointers: they would be relocated at each start of the program. */
static const char state_names[][12] = {
	[CIRCUIT_CLOSED] = "closed",
	[CIRCUIT_OPEN] = "open",
	[CIRCUIT_HALF_OPEN] = "half-open",
};
static_assert(COUNT_OF(state_names) == CIRCUIT_STATE_COUNT, "each state has its name");

const char *circuit_state_name(enum circuit_state state)
{
	return state < CIRCUIT_STATE_COUNT ? state_names[state] : "unknown";
}

/* clang-format off */
static const char event_texts[][64] = {
	[CIRCUIT_EVENT_START]         = "start",
	[CIRCUIT_EVENT_OK]            = "a run ends well",
	[CIRCUIT_EVENT_ENDED]         = "a run is ended by its user",
	[CIRCUIT_EVENT_FAILED]        = "a run fails, no rule is reached",
	[CIRCUIT_EVENT_REACHED]       = "a run ends, and a rule is reached",
	[CIRCUIT_EVENT_TRIAL_OK]      = "the trial ends well",
	[CIRCUIT_EVENT_TRIAL_ENDED]   = "the trial is ended by its user",
	[CIRCUIT_EVENT_TRIAL_FAILED]  = "the trial fails",
	[CIRCUIT_EVENT_TRIAL_UNRULED] = "the trial fails, and no rule is about failures",
	[CIRCUIT_EVENT_FORCED_OK]     = "a run started with --force ends well",
	[CIRCUIT_EVENT_WAIT_OVER]     = "its wait is over",
	[CIRCUIT_EVENT_HEALTHY]       = "healthy for --reset-after",
	[CIRCUIT_EVENT_OPEN]          = "breaker open",
	[CIRCUIT_EVENT_RESET]         = "breaker reset",
	[CIRCUIT_EVENT_TRIAL]         = "breaker trial",
	[CIRCUIT_EVENT_INPUT]         = "--watch-input has changed",
};
static const char action_texts[][96] = {
	[CIRCUIT_DO_NOTHING]  = "nothing",
	[CIRCUIT_DO_GO]       = "it runs",
	[CIRCUIT_DO_TRIAL]    = "it runs as the trial; others are refused",
	[CIRCUIT_DO_REFUSE]   = "refused",
	[CIRCUIT_DO_COUNT]    = "counted",
	[CIRCUIT_DO_OPEN]     = "opens: for the next step of its class, or until when --open-on or --time-budget wants",
	[CIRCUIT_DO_OPEN_FOR] = "opens for as long as was said",
	[CIRCUIT_DO_CLOSE]    = "closes",
	[CIRCUIT_DO_FORGET]   = "what was counted is forgotten",
	[CIRCUIT_DO_DUE]      = "a trial is due",
};
/* clang-format on */
static_assert(COUNT_OF(event_texts) == CIRCUIT_EVENT_COUNT, "each event has its text");
static_assert(COUNT_OF(action_texts) == CIRCUIT_ACTION_COUNT, "each action has its text");

const char *circuit_event_text(enum circuit_event event)
{
	return event < CIRCUIT_EVENT_COUNT ? event_texts[event] : "unknown";
}

const char *circuit_action_text(enum circuit_action action)
{
	return action < CIRCUIT_ACTION_COUNT ? action_texts[action] : "unknown";
}

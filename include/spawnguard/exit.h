/* Exit statuses, outcome names and environment names of spawnguard: stable for other programs. */
#ifndef SPAWNGUARD_EXIT_H
#define SPAWNGUARD_EXIT_H

#define SG_EXIT_BREAKER   69  /* breaker open or admission refused */
#define SG_EXIT_CONFLICT  75  /* already running, or the deadline of --wait passed */
#define SG_EXIT_SURVIVORS 121 /* processes are left that could not be ended */
#define SG_EXIT_LEASE     122 /* lease lost */
#define SG_EXIT_LIMIT     123 /* a limit was passed */
#define SG_EXIT_TIMEOUT   124 /* the timeout struck */
#define SG_EXIT_GUARD     125 /* the guard itself failed: usage, config, state, fork, warden lost */
#define SG_EXIT_NOT_EXEC  126 /* the command was found but cannot be executed */
#define SG_EXIT_NOT_FOUND 127 /* the command was not found */

/* Names of outcomes, as in the history and in the status object. */
#define SG_OUTCOME_OK          "ok"
#define SG_OUTCOME_FAILED      "failed"
#define SG_OUTCOME_SIGNALED    "signaled"
#define SG_OUTCOME_TIMEOUT     "timeout"
#define SG_OUTCOME_LIMIT       "limit"
#define SG_OUTCOME_CONFLICT    "conflict"
#define SG_OUTCOME_BREAKER     "breaker_open"
#define SG_OUTCOME_REFUSED     "refused"
#define SG_OUTCOME_KILLED      "killed"
#define SG_OUTCOME_REPLACED    "replaced"
#define SG_OUTCOME_LEASE       "lease_lost"
#define SG_OUTCOME_SURVIVORS   "survivors"
#define SG_OUTCOME_GUARD_ERROR "guard_error"
#define SG_OUTCOME_LOST        "lost"

/* Set for the job: facts, never read as options.  A nested guard reads only RUN_ID, as its parent. */
#define SG_ENV_RUN_ID        "SPAWNGUARD_RUN_ID"
#define SG_ENV_JOB           "SPAWNGUARD_JOB"
#define SG_ENV_PARENT_RUN_ID "SPAWNGUARD_PARENT_RUN_ID"
#define SG_ENV_ATTEMPT       "SPAWNGUARD_ATTEMPT" /* with --retry: 1, 2, ... */
#define SG_ENV_PROBE         "SPAWNGUARD_PROBE"   /* 1: the trial of a breaker that is open */
#define SG_ENV_NOTIFY        "SPAWNGUARD_NOTIFY"  /* where it may tell how it is: see notify.h */

/* Read by spawnguard. */
#define SG_ENV_STATE_DIR "SPAWNGUARD_STATE_DIR"
#define SG_ENV_CONFIG    "SPAWNGUARD_CONFIG"

#endif

/* What status knows of jobs, and how it is shown: as lines, as a table, as JSON. */
#ifndef SG_CMD_STATUS_H
#define SG_CMD_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "codec/json_write.h"
#include "codec/record.h"
#include "core/budget.h"
#include "core/circuit.h"
#include "report/past.h"
#include "ui/term.h"

struct table;

/* A run that is going on. */
struct live {
	struct record_head head;
	const char *state;                      /* literal */
	char frozen[80];                        /* why it stands, if for a limit; "" = it does not */
	char rule[24];                          /* that limit */
	uint64_t frozen_left_ns;                /* NUM_NONE = for ever */
	uint64_t age_ns, counted_ns, rss_bytes; /* counted: towards the time limit */
	uint32_t procs;
};

/* One job. */
struct shown_job {
	const char *name; /* borrowed */
	uid_t owner;
	const struct live *live; /* borrowed: runs going on, of this job and of others */
	size_t live_count;
	const struct past_job *past;   /* NULL: not in the history */
	uint64_t refused;              /* starts since its newest */
	const struct budgets *budgets; /* borrowed: over its runs */
	const struct circuit *circuit; /* borrowed: its breaker */
	bool has_damage;               /* what they are kept in cannot be read */
};

/* The run of this job from `from` on; live_count: no more. */
size_t status_next_live(const struct shown_job *job, size_t from);
bool status_is_well(const struct live *l);

/* In lines of its own, into `out`. */
void status_put_job(struct buf *out, const struct term *term, const struct shown_job *job);
/* In a row for each of its runs.  NULL = no memory. */
struct table *status_table_new(const struct term *term, bool has_users);
void status_table_add(struct table *table, const struct term *term, bool has_users,
		      const struct shown_job *job);
/* doc/status.md */
void status_json_job(struct json *j, const struct shown_job *job);

#endif

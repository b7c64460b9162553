/*
 * What a dead run left.  Of it, for certain: whoever the record names by an
 * identity that cannot be another's, and all below those.  Else two marks are
 * needed: number and start time in the record, a session that the record
 * names, the run's id in the environment.  Who has one of them is listed, and
 * not touched.
 */
#ifndef SG_RUN_ORPHANS_H
#define SG_RUN_ORPHANS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/history.h"
#include "codec/record.h"
#include "run/reader.h"

#define ORPHANS_LISTED_MAX HISTORY_PROCESS_MAX

struct record;
struct tree;

struct orphans {
	const struct record *record; /* borrowed */
	struct tree *tree;           /* borrowed, empty: becomes what is certain */
	int group;                   /* borrowed: the run's control group, verified; -1 = none */
	struct record_slot *slot; /* borrowed: room for the record's members, and for those that are found */
	size_t slot_max, slot_count;
	int32_t listed[ORPHANS_LISTED_MAX];
	uint32_t listed_count, listed_by_record; /* of these, the first that the record names */
	struct reader_patience patience;
};

/* The recorded members.  0, or -errno: one of them may live and could not be held. */
int orphans_open(struct orphans *o);

/*
 * Everything else, whoever is its parent now.  To be asked again after members
 * have been ended: what they gave birth to meanwhile has a new parent too.
 */
void orphans_search(struct orphans *o);

/*
 * What tells a process to be of the run, besides its own entry in the record.
 * ORPHANS_UNKNOWN: its environment cannot be read.  Needs `record` and slots
 * (orphans_read) only.
 */
enum orphans_mark { ORPHANS_RUN_ID = 1, ORPHANS_SESSION = 2, ORPHANS_UNKNOWN = 4 };
unsigned orphans_marks(struct orphans *o, pid_t pid, pid_t sid);
int orphans_read(struct orphans *o);

#endif

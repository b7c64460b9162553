/* The state directories of all users, for root to look at. */
#ifndef SG_STORE_PLACES_H
#define SG_STORE_PLACES_H

#include <sys/types.h>

#include "store/statedir.h"

struct place {
	uid_t owner;
	struct statedir dir;     /* borrowed; parts that are not there have -1 */
	const struct fail *fail; /* NULL, or why it cannot be looked at; then dir is empty */
};

/*
 * Each that is known: `own` (borrowed), root's usual one,
 * /var/lib/spawnguard/user/UID, and those in the homes of the password
 * database; no link is followed below a home.  No directory comes twice; what
 * is not there does not come.  `each` returns 0 to go on.  0, what it
 * returned, -ENOMEM.
 */
int places_each(const struct statedir *own, int (*each)(void *with, const struct place *place), void *with);

#endif

/* What guarded runs still expect of the memory: the claim of a run is its record. */
#ifndef SG_RUN_CLAIMS_H
#define SG_RUN_CLAIMS_H

#include <stdint.h>

#include "codec/record.h"
#include "store/statedir.h"

struct claims {
	uint64_t bytes; /* beyond what they have */
	uint32_t count; /* runs */
};

/*
 * Of the runs in `dir` that live, but not of those around the run `parent` is
 * of ("" = none): what is within them is theirs.  0, -errno.
 */
int claims_read(const struct statedir *dir, const struct host_id *here, const char *parent,
		struct claims *out);

#endif

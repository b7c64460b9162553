/* Guards within the tree: runs that were started by this run's job.  They end what is theirs. */
#ifndef SG_RUN_NESTED_H
#define SG_RUN_NESTED_H

#include <stdint.h>

#include "codec/request.h"
#include "store/statedir.h"

struct tree;

#define NESTED_MAX       64
#define NESTED_COMM      "spawnguard"       /* by_comm of what one guard asks of another */
#define NESTED_MARGIN_NS (500ULL * 1000000) /* the inner end has to be over before ours kills */

struct nested {
	uint32_t count;
	char run_id[NESTED_MAX][RUN_ID_MAX + 8];
	int warden[NESTED_MAX]; /* handles until nested_ask */
};

/* Find runs whose parent is `run_id` and whose front is a member: it and what is below it are marked. */
void nested_mark(struct nested *nested, const struct statedir *dir, const char *run_id, struct tree *tree);

/* Ask each of them to end within `grace_ns` less the margin, or to freeze its tree, or thaw it. */
void nested_ask(struct nested *nested, const struct statedir *dir, const char *run_id, enum request_verb verb,
		uint64_t grace_ns);

/* After KILL: runs within, however deep, whose guards are gone and whose records are still there were killed
 * by us: close them so. */
void nested_close(const struct statedir *dir, const char *run_id);

#endif

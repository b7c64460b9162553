/* runs/RUNID.req: what `kill`, `freeze`, `thaw` and a start that replaces ask of a run's guard. */
#ifndef SG_CODEC_REQUEST_H
#define SG_CODEC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/record.h"

enum request_verb {
	REQUEST_NONE,
	REQUEST_KILL,
	REQUEST_FREEZE,
	REQUEST_THAW,
	REQUEST_REPLACE,
	REQUEST_COUNT
};

struct request {
	uint32_t magic;
	uint32_t check; /* over the rest, with this field 0 */
	uint32_t verb;
	int32_t by_pid;
	uint32_t by_uid;
	uint32_t spare;
	char by_comm[16];
	char by_run[RUN_ID_MAX + 8]; /* the run on whose behalf, "" = none */
	uint64_t grace_ns;           /* UINT64_MAX: as the run was told */
};

void request_seal(struct request *request);
bool request_is_valid(const struct request *request);

#endif

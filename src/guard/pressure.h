/* The warden's ear for pressure: opened once the run is older than a second, if --detect asks for it. */
#ifndef SG_GUARD_PRESSURE_H
#define SG_GUARD_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pressure.h"

struct warden;

struct pressure_watch {
	bool is_tried;
	int fd[PRESSURE_COUNT]; /* owned, -1 = none; meaningless before it was tried */
	struct pressure state[PRESSURE_COUNT];
	uint64_t woken_ns[PRESSURE_COUNT];
	uint32_t rushes; /* wakes that came too early */
	uint64_t cpu_ns; /* of the tree, at the last wake for CPU; 0 = not known */
	uint64_t cpus, memory_bytes;
	bool asks_cpu; /* the looks read it for us */
};

/* Each second, of a run that is older than that: listens from the first time on. */
void pressure_look(struct warden *w);
/* The kernel has woken us for it. */
void pressure_wake(struct warden *w, enum pressure_id id);

#endif

/* A process that passes a pipe on to a file that is not ours, and keeps the end of what went through. */
#ifndef SG_OS_PUMP_H
#define SG_OS_PUMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/ring.h"

/* In memory that the pump and those who ask it share. */
struct pump_shared {
	struct ring ring;
	uint64_t passed;     /* bytes that the reader behind `out` has taken */
	uint32_t is_drained; /* the ring has all */
	uint32_t is_refused; /* `out` took no more: our end of the pipe is closed, as a reader's that is gone
			      */
};

struct pump {
	int in;   /* reading end of a pipe of our own: is made non-blocking */
	int out;  /* somebody else's: its flags are left alone */
	int word; /* one end of a link.  A message: drain, answer, pass on the rest, end; the link's end of
		   * file: nobody asks any more, go on until the pipe's end of file */
	struct pump_shared *shared;
};

/* The life of such a process, all other descriptors closed and all signals blocked; never returns. */
__attribute__((noreturn)) void os_pump_run(const struct pump *pump);

/* Zeroed memory that stays common over a fork; NULL: none to be had. */
void *os_shared_new(size_t n);

#endif

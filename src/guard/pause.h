/* Front waits while no warden is there to wait for: a part of the time of --splay, a command of --pre-check,
 * the time between two attempts.  It can be asked to end, be stopped by the terminal, and lose its parent. */
#ifndef SG_GUARD_PAUSE_H
#define SG_GUARD_PAUSE_H

#include <stdint.h>

#include "os/signal.h"

struct run;

struct pause {
	const struct run *run; /* borrowed */
	int timer, signals;    /* owned */
};

enum pause_end {
	PAUSE_OVER,
	PAUSE_WOKEN,    /* by the descriptor */
	PAUSE_ASKED,    /* to end: by TERM, INT, HUP, QUIT or one of --end-on */
	PAUSE_ORPHANED, /* what --with-parent watches has ended: told by whoever asks next */
};

/* 0, -errno.  To be closed in both cases. */
int pause_open(struct pause *p, const struct run *run);
void pause_close(struct pause *p);

/*
 * Until `until_ns` (boot time), or until `fd` (-1 = none) is readable.  Signals
 * that end nothing stay where they are, for the job.  enum pause_end, with the
 * signal in *out_asked; -errno.
 */
int pause_until(const struct pause *p, uint64_t until_ns, int fd, struct os_signal *out_asked);

/* "nightly: asked to end by TERM before its start (--splay): nothing was started" */
void pause_say_asked(const struct run *run, int number, const char *option);

#endif

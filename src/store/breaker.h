/*
 * breaker/NAME: what the runs of a job leave for the next: budgets, the breaker, attempts.  Written anew as a
 * whole and renamed into its place, so that a reader needs no lock; changed only under locks/breaker/NAME,
 * which is never renamed.
 */
#ifndef SG_STORE_BREAKER_H
#define SG_STORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/breaker.h"
#include "core/attempts.h"
#include "core/budget.h"
#include "core/circuit.h"

struct fail;
struct host_id;
struct statedir;

/* Program and input of a run (--watch-input), by digests: which they are, and how; all zero = not known. */
struct breaker_inputs {
	uint64_t paths, facts;
};

struct breaker {
	struct budgets budgets;
	struct circuit circuit;
	bool is_of_other_boot; /* read: to be written again where something waits, or a wrong clock stops it
				*/
	struct breaker_inputs inputs; /* when it last failed */
	struct attempts attempts;
};

/* By the clocks of this machine; `here`: what is known of it already. */
struct breaker_time breaker_now(void);
struct breaker_time breaker_now_on(const struct host_id *here);

/*
 * The right to change it, waited for no longer than that: who has it writes a
 * small file.  Owned descriptor, for as short as can be; -EWOULDBLOCK; -errno
 * with `fail`.
 */
int breaker_lock(const struct statedir *dir, const char *job, uint32_t wait_ms, struct fail *fail);

/*
 * As it stands at `now`.  0; -ENOENT with nothing in *out_breaker; -EBADMSG:
 * damaged, or another's; -errno.  Needs no lock.
 */
int breaker_read(int keep_fd, const char *job, uid_t owner, const struct breaker_time *now,
		 struct breaker *out_breaker);
/* Under the lock. 0, -errno with `fail`. */
int breaker_write(int keep_fd, const char *job, const struct breaker_time *now, const struct breaker *breaker,
		  struct fail *fail);
/* Under the lock: out of the way as NAME.bad, looked at by people only. 0, -errno with `fail`. */
int breaker_quarantine(int keep_fd, const char *job, struct fail *fail);

#endif

/* Disposable children that read what may block for ever (environ): with a time limit, and none of our
 * descriptors. */
#ifndef SG_RUN_READER_H
#define SG_RUN_READER_H

#include <stdint.h>
#include <sys/types.h>

#include "core/finding.h"

#define READER_STUCK_MAX 32

/* What one who asks of many has waited in vain: not so long again for the next. All zero at first. */
struct reader_patience {
	uint32_t waited_ms;
	struct {
		int32_t pid;
		uint64_t start_ticks;
	} stuck[READER_STUCK_MAX]; /* did not answer: not asked again */
	uint32_t stuck_count;
};

/*
 * Does `pid` carry SPAWNGUARD_RUN_ID=`run_id` in its environment, and not the
 * SPAWNGUARD_EVENT that a hook of that run has?  1, 0, or
 * -errno: it could not be told (-ETIMEDOUT, -EACCES; -EAGAIN: in the middle of
 * its exec it has none, and was there for as long as we waited; -ESRCH: it is
 * gone, or going).  The caller makes sure that `pid` is still the process it
 * means; start_ticks, 0 = not known: who is stuck is known again by it.
 */
int reader_has_mark(struct reader_patience *patience, pid_t pid, uint64_t start_ticks, const char *run_id);

/* A process by its number and the start time of it; 0 = it is not known. */
struct reader_process {
	int32_t pid;
	uint64_t start_ticks;
	uint64_t rss_bytes; /* as the caller knows it */
};
/* Keep `p` if it is among the `max` largest of those given; the largest is the first.  *n: how many are kept;
 * *least: the largest that is not, 0 = all are. */
void reader_choose(struct reader_process *list, uint32_t *n, uint32_t max, uint64_t *least,
		   const struct reader_process *p);
/* What was read of one. */
struct reader_memory {
	int32_t pid;
	uint32_t is_read;     /* 0: it is gone, another's, or not to be looked into */
	uint64_t asked_bytes; /* its rss_bytes above */
	uint64_t pss_bytes;
};

/* What was read of several. */
struct reader_shares {
	uint32_t n;                             /* members that were read */
	uint64_t rss_bytes;                     /* of these, as the question had it */
	uint64_t pss_bytes;                     /* of these together */
	struct witness most[FINDING_WITNESSES]; /* the largest shares, without names */
};
void reader_add(struct reader_shares *shares, const struct reader_memory *word);

/*
 * Begin to read the memory of each of `n` processes, as the kernel shares it
 * out among those who have it in common.  Pid of the reader, a child of the
 * caller that ends by itself after `timeout_ms`, and in *out_fd (owned) a pipe with a
 * struct reader_memory for each; -errno.
 */
pid_t reader_begin_memory(const struct reader_process *list, uint32_t n, int timeout_ms, int *out_fd);

#endif

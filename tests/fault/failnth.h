/* failnth.c in the hands of the program that it is linked into: tests/unit/test_faults.c. */
#ifndef SG_TESTS_FAILNTH_H
#define SG_TESTS_FAILNTH_H

#include <stdbool.h>
#include <stdint.h>

struct failnth {
	const char *function; /* as in SG_FAULT */
	uint64_t first;       /* this call fails; 0 = 1 */
	int error;
	bool persist;     /* and all later ones */
	long number;      /* syscall: only calls of that number count; 0 = any */
	const char *path; /* open, openat: only those of a path with this text; NULL = any */
	/* Before the `first` call of them; it does not fail then, unless there is an error too: what
	 * happens in the middle of a look, at that place and no other.  Its own calls do not count. */
	void (*meanwhile)(void *with);
	void *with;
};

/* From now on; NULL: no more.  Of all processes that are forked meanwhile, too. */
void failnth_arm(const struct failnth *fault);
/* CLOCK_BOOTTIME goes on by this, all at once: for who waits for long. */
void failnth_advance(unsigned seconds);
/* How many calls there were since. */
uint64_t failnth_count(void);
/* None counts or fails meanwhile: for who has work of its own to do before the end (tests/coverage/flush.c).
 */
void failnth_pause(bool is_paused);

#endif

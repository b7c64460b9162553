/*
 * Memory that is over its bound: is it, or is it shared?  What statm says of each process, added up, counts a
 * page once for everybody who has it: 20 forked readers of 60 MiB are 1.2 GiB of it.  So it is an upper
 * bound; when it passes a limit, somebody is asked for the shares (PSS), and this decides what to do
 * meanwhile and with the answer.  Pure.
 */
#ifndef SG_CORE_CONFIRM_H
#define SG_CORE_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIRM_TIMEOUT_NS (3000ULL * 1000000) /* later than this no answer is waited for */
/*
 * Asked again while the upper bound stays over: pages that are shared become
 * one's own without the sum moving.  A reader walks the page tables of all it reads (3 ms for
 * 200 MiB) and may hold up their mmap meanwhile, so not at each look.
 */
#define CONFIRM_AGAIN_NS (5000ULL * 1000000)
#define CONFIRM_SOON_NS  (250ULL * 1000000) /* once more has come than was missing */

enum confirm_step {
	CONFIRM_WAIT,   /* nothing to do: an answer is to come, or the last one holds */
	CONFIRM_ASK,    /* ask now */
	CONFIRM_OVER,   /* it is over: confirm_value() */
	CONFIRM_FAR,    /* no answer, but it is over by more than half */
	CONFIRM_UNSURE, /* no answer: say so, and end nothing for it */
};

/* Of one bound.  All zero: not over. */
struct confirm {
	bool is_over;     /* the upper bound is, since since_ns */
	bool is_asked;    /* an answer is awaited */
	bool is_answered; /* low and high are of the last one */
	bool is_told;     /* that it is unsure */
	uint64_t since_ns, asked_ns;
	uint64_t asked_bytes; /* the upper bound when it was asked */
	uint64_t low, high;   /* what it is at least, at most: they differ by what could not be read */
};

/* One look: the upper bound is `bytes`. */
enum confirm_step confirm_look(struct confirm *c, uint64_t bytes, uint64_t bound, uint64_t now_ns);

/* The caller has asked, or could not (then it is as without an answer). */
void confirm_asked(struct confirm *c, uint64_t bytes, uint64_t now_ns);
void confirm_answered(struct confirm *c, uint64_t low, uint64_t high);

/* What the verdict is about, after CONFIRM_OVER: confirmed bytes. */
static inline uint64_t confirm_value(const struct confirm *c)
{
	return c->low;
}

#endif

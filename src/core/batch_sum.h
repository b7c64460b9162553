/* What came of a batch: figures, the failures that were most frequent, and what to do next.  Pure. */
#ifndef SG_CORE_BATCH_SUM_H
#define SG_CORE_BATCH_SUM_H

#include "core/batch.h"

#define SUM_PRINTS  3 /* that are told */
#define SUM_REASONS 8

struct sum_print {
	uint64_t print;
	uint32_t count, first; /* items; the first of them */
	const char *summary;   /* borrowed; NULL = none */
};

struct batch_sum {
	uint32_t count, ran; /* items; of them those that had an attempt */
	uint32_t state[BATCH_STATE_COUNT], rule[RULE_COUNT];
	uint32_t transient; /* failed, later ok */
	uint32_t timeouts;  /* of those that failed */
	/* of the last attempts whose yield is known */
	uint32_t measured, with_yield, first_zero; /* first_zero: count = none */
	bool is_micro;
	double total, median_rate, p90_rate; /* units; units in a minute */
	struct {
		const char *reason; /* borrowed */
		uint32_t count;
	} reasons[SUM_REASONS];
	struct sum_print prints[SUM_PRINTS]; /* most frequent first; count 0: no more */
	uint32_t kinds;                      /* different prints */
	uint32_t left;                       /* would run with --resume as it is */
};

/* How the items of a family went. */
struct family_sum {
	uint32_t count, ok, failed, skipped, transient;
	bool has_same_print; /* more than one failure, and all are one */
	uint64_t print;
	const char *summary; /* borrowed */
	uint32_t failures;
};

/* `families`: room for all of them.  0, -ENOMEM. */
int batch_sum(const struct batch *b, struct batch_sum *out_sum, struct family_sum *families);

enum batch_advice {
	ADVICE_CHECK_YIELD, /* most items brought nothing: is it collected? `item` is one of them */
	ADVICE_SKIP_PREFIX, /* a failure dominates: leave out items that begin so, `prefix_n` bytes of `item`
			     */
	ADVICE_LOOK,      /* a failure dominates, of items that have no beginning in common: look at `item` */
	ADVICE_MORE_TIME, /* most of what failed ran out of time */
	ADVICE_AGAIN,     /* failures that differ, or pass: one more attempt, `number` in all */
	ADVICE_REFUSED,   /* the guard did not start it: why */
	ADVICE_LARGER,    /* it went well: `number` at a time */
	ADVICE_RESUME,    /* go on with what is left */
	ADVICE_COUNT
};
struct batch_hint {
	enum batch_advice advice;
	uint32_t item, number, of; /* `of`: how many are concerned */
	uint32_t prefix_n;
};
#define HINTS_MAX 5

/* What to do next, the most important first.  How many. */
unsigned batch_advise(const struct batch *b, const struct batch_sum *sum, struct batch_hint *out_hints);

#endif

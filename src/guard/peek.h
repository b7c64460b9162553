/* What the warden may not look into any more: where members sleep, what they execute.  Front looks, and
 * tells. */
#ifndef SG_GUARD_PEEK_H
#define SG_GUARD_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEEK_MAX 32 /* members at a time */

struct member;
struct pair_message;
struct warden;

/* The question and its answer, as they go over the pair. */
struct peek_question {
	uint32_t n;
	struct peek_asked {
		int32_t pid;
		uint32_t facts; /* enum sample_known: of SAMPLE_WCHAN, SAMPLE_PROGRAM */
		uint64_t start_ticks;
	} of[PEEK_MAX];
};
struct peek_answer {
	uint32_t n;
	struct peek_seen {
		int32_t pid;
		uint32_t known;
		uint32_t is_shut; /* front may not look into it either */
		uint64_t start_ticks, program;
		char wchan[32];
	} of[PEEK_MAX];
};

/* In the warden, at each look: nobody is asked for yet. */
void peek_begin(struct peek_question *q);
/*
 * Of the facts `wanted` of `m`, those that could not be read, into the question.  False: there is nothing to
 * ask, no room, or it was asked before and nobody has answered.
 */
bool peek_add(struct peek_question *q, struct member *m, uint32_t wanted);
/* False: nobody is there to be asked. */
bool peek_ask(struct warden *w, const struct peek_question *q);
/* Front has answered: what it has seen stands in the samples. Each of them to `take`. */
void peek_hear(struct warden *w, const struct peek_answer *answer,
	       void (*take)(struct warden *w, struct member *m));

/* In front: look, and answer by `link`. */
void peek_answer(const struct pair_message *asked, int link);

#endif

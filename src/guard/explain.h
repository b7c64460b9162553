/*
 * What a start would come to, rule by rule: run --dry-run, and the command explain.  Each rule is asked by
 * the function that the start itself asks; none is left out because one before it says no.
 */
#ifndef SG_GUARD_EXPLAIN_H
#define SG_GUARD_EXPLAIN_H

#include <stdint.h>

#include "base/buf.h"

struct circuit;
struct run;

enum explain_verdict {
	EXPLAIN_PASS,
	EXPLAIN_NOTE, /* the start goes on, something is said or done before */
	EXPLAIN_WAIT,
	EXPLAIN_REPLACE,
	EXPLAIN_SKIP, /* no start, and no failure */
	EXPLAIN_REFUSE,
	EXPLAIN_VERDICT_COUNT
};

#define EXPLAIN_RULES_MAX 24

struct explain_rule {
	const char *name;             /* literal */
	enum explain_verdict verdict; /* EXPLAIN_PASS until the rule says otherwise */
	int exit;                     /* of the start, where it is refused */
	uint64_t in_ns;               /* it changes by itself after this; NUM_NONE = nobody knows */
	struct buf text;              /* numbers: what the start would say, or why it goes on */
	struct buf change;            /* what would have to change; empty = nothing has to */
	char text_bytes[1024], change_bytes[512];
};

struct explain {
	const struct circuit *circuit; /* borrowed: the breaker, by the rules of this run; NULL = not asked */
	struct explain_rule rule[EXPLAIN_RULES_MAX];
	uint32_t count;
};

/* The next rule, in the order in which a start asks. */
struct explain_rule *explain_add(struct explain *e, const char *name);

/* With everything put together as for a start: asked, printed.  The exit status that the start would have. */
int explain_print(struct run *run);

#endif

/*
 * Does memory grow without end?  A slope that single outliers do not move, after a warm-up, above a floor,
 * confirmed again and again: for one member, and for the tree as a whole.  Pure.
 *
 * A rule has two scales only, a window D and a floor of bytes within D; everything else is a fraction of
 * them.  So traces of ten seconds, with a window of three, try the rule that judges hours.
 *
 * warm-up  D/2 from first sight, for a member and for the tree: an interpreter starts (512 -> 1,664 kB), a
 *          program loads what it needs.  Nothing of this time is ever looked at.
 * slope    Theil-Sen over 32 points that span D: the median of the slopes of all pairs.  A point is the
 *          lowest that a member was within D/32, which hides the teeth of a garbage collector that runs
 *          more often; of the tree it is the highest, as its low points are those at which a child has
 *          just been replaced: what children that follow each other reach is what tells.
 * floor    the slope comes to at least so much within D, and to a 16th of what the process has: below it
 *          there is always something (a log buffer, a fragmented heap), and nobody has to get up for it.
 * steady   the level of each quarter of D is not below the one before; the second half has grown at least
 *          half as much as the first (a cache fills ever more slowly), and at most three times as much
 *          (somebody has begun to load); the first quarter and the last have their part in it.  And the last
 * quarter has been higher than before any fall of a quarter that was earlier: a saw-tooth comes back to where
 * it was. confirm  the same at four of five evaluations D/4 apart, and at the last of them: one may have met
 * a child that had just been replaced.
 *
 * So the first word comes after 2.25 D, and whoever loads for 1.25 D or less is left alone.
 */
#ifndef SG_CORE_GROWTH_H
#define SG_CORE_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/limit.h"
#include "core/sample.h"

/*
 * What nobody has asked for, and is only flagged: 64 MiB within 10 minutes are 3 GiB in a night; a job that
 * ends within 22 minutes never hears of it.
 */
#define GROWTH_WINDOW_NS   (600ULL * 1000000000)
#define GROWTH_FLOOR_BYTES (64ULL << 20)

#define GROWTH_POINTS   32
#define GROWTH_CONFIRMS 4 /* of so many evaluations: */
#define GROWTH_ASKED    5

struct growth_rule {
	uint64_t window_ns;
	uint64_t floor_bytes[2]; /* within the window: soft, hard; LIMIT_NONE = not asked for */
};

/* What is carried of one member, or of the tree.  All zero: not seen yet. */
struct trend {
	uint64_t first_ns;             /* of the first sample */
	int64_t grown_bytes;           /* within the window, at the last evaluation */
	uint32_t point[GROWTH_POINTS]; /* a ring: KiB, or TREND_UNKNOWN; number n stands at n % GROWTH_POINTS
					*/
	uint32_t open;                 /* of the point that is being taken */
	uint32_t number;               /* of that point; 0 = the warm-up is not over */
	uint32_t peak;                 /* since the last fall of a quarter, KiB */
	uint32_t high, high_at;        /* before it, while that counts; number of the point of the fall */
	uint32_t high_before;          /* as it was at the last evaluation */
	uint8_t found[2];              /* bit n: the evaluation n before the last found it grow; soft, hard */
	bool told[2];
};

struct growth_verdict {
	enum limit_grade grade;
	uint64_t serial; /* of the member that grows; 0 = the tree, meaningless when grade is GRADE_OK */
	int32_t pid;     /* of it; 0 = the tree */
	char comm[16];
	uint64_t grown_bytes; /* within window_ns, by the slope */
	uint64_t window_ns, since_ns;
	struct witness witness[FINDING_WITNESSES]; /* who has grown most: bytes within the window */
};

/* All zero at first, then growth_init(). */
struct growth {
	struct growth_rule rule;
	bool is_limit; /* it was asked for: else it is a flag */
	struct trend tree;
	/* of the look that is being taken */
	uint64_t now_ns, sum_bytes;
	bool has_sum, has_told[2]; /* a member was told of that still grows */
	struct growth_verdict best;
	struct trend *best_trend; /* borrowed until the end of the look */
	struct witness witness[FINDING_WITNESSES];
};

/* By --max-growth; `bound` none: what is flagged without being asked for. */
void growth_init(struct growth *g, const struct limit_bound *bound);

/* The longest period between two looks with which the rule can judge. */
static inline uint64_t growth_period_ns(const struct growth_rule *rule)
{
	return rule->window_ns / 10;
}

/*
 * One look: begin, each member with its trend, end.  The end gives one
 * verdict: hard before soft, then the member that grows most, then the tree.
 * Each speaks once until it has stopped growing, and the tree not at all of
 * what one member explains.  A sample without SAMPLE_MEMORY is left out.
 */
void growth_begin(struct growth *g, uint64_t now_ns);
void growth_member(struct growth *g, struct trend *trend, const struct sample *sample);
struct growth_verdict growth_end(struct growth *g);

/* The same as the verdict of --max-growth, where that was asked for. */
struct limit_verdict growth_as_limit(const struct growth_verdict *verdict, const struct limit_bound *bound,
				     uint64_t period_ns);

/* As a flag that nobody has asked for: "python3 (4711) grows by 70M within 10m"; its period_ns is the
 * caller's. */
void growth_describe(const struct growth_verdict *verdict, uint64_t floor_bytes, uint64_t now_ns,
		     struct finding *out_finding);

#endif

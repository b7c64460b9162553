#include "core/growth.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/detect.h"

#define TREND_UNKNOWN  UINT32_MAX
#define KIB            1024
#define QUARTER        (GROWTH_POINTS / 4)
#define QUARTER_LEAST  2                   /* points that a quarter needs to have a level */
#define SHARE_OF_WHOLE 16                  /* growth below this share of what is there is none */
#define HIGH_LASTS     (8 * GROWTH_POINTS) /* what was before a fall counts for so many points */
#define PAIRS          (GROWTH_POINTS * (GROWTH_POINTS - 1) / 2)

/* Of a point, and of a quarter: the lowest of a member, the highest of the tree. */
enum envelope { ENVELOPE_LOW, ENVELOPE_HIGH };

static uint32_t extreme(enum envelope e, uint32_t a, uint32_t b)
{
	if (a == TREND_UNKNOWN || b == TREND_UNKNOWN)
		return a == TREND_UNKNOWN ? b : a;
	return (e == ENVELOPE_LOW) == (a < b) ? a : b;
}

/* --- the slope ------------------------------------------------------------------------------------------ */

/* The value that would stand at `want` if `v` were sorted; `v` is disordered. */
static int64_t select_at(int64_t *v, int n, int want)
{
	int low = 0, high = n - 1;

	while (low < high) {
		int64_t pivot = v[low + (high - low) / 2];
		int i = low, j = high;
		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				int64_t t = v[i];
				v[i++] = v[j];
				v[j--] = t;
			}
		}
		if (want <= j)
			high = j;
		else if (want >= i)
			low = i;
		else
			break;
	}
	return v[want];
}

/* The median of the slopes of all pairs of points, in KiB within the window; the oldest point first. */
static int64_t slope_of(const uint32_t v[GROWTH_POINTS])
{
	int64_t slope[PAIRS];
	int n = 0;

	for (int j = 1; j < GROWTH_POINTS; j++)
		for (int i = 0; i < j; i++)
			if (v[i] != TREND_UNKNOWN && v[j] != TREND_UNKNOWN)
				slope[n++] = ((int64_t)v[j] - v[i]) * GROWTH_POINTS / (j - i);
	return n ? select_at(slope, n, (n - 1) / 2) : 0;
}

/* --- one evaluation ------------------------------------------------------------------------------------- */

struct shape {
	int64_t slope;
	int64_t level[4];
	int64_t top;   /* highest of the last quarter */
	bool is_known; /* in each quarter enough points */
};

static struct shape shape_of(const struct trend *t, enum envelope e)
{
	struct shape s = { .is_known = true };
	uint32_t v[GROWTH_POINTS];

	for (uint32_t i = 0; i < GROWTH_POINTS; i++) /* the open one stands where the oldest will go */
		v[i] = t->point[(t->number + i) % GROWTH_POINTS];
	for (int q = 0; q < 4; q++) {
		uint32_t level = TREND_UNKNOWN, top = 0;
		int known = 0;
		for (int i = q * QUARTER; i < (q + 1) * QUARTER; i++) {
			if (v[i] == TREND_UNKNOWN)
				continue;
			known++;
			level = extreme(e, level, v[i]);
			top = v[i] > top ? v[i] : top;
		}
		/* The tree may dip for as long as a child needs to be what the one before was. */
		s.level[q] = e == ENVELOPE_HIGH && q > 0 && s.level[q - 1] > level ? s.level[q - 1] : level;
		s.top = top;
		s.is_known = s.is_known && known >= QUARTER_LEAST;
	}
	if (s.is_known)
		s.slope = slope_of(v);
	return s;
}

static bool is_steady(const struct shape *s, const struct trend *t)
{
	int64_t slack = s->slope / 16; /* pages that were given back */

	for (int q = 1; q < 4; q++)
		if (s->level[q] + slack < s->level[q - 1])
			return false;
	int64_t early = s->level[2] - s->level[0], late = s->level[3] - s->level[1];
	if (late <= 0 || late * 2 < early || early * 3 < late)
		return false;
	if ((s->level[1] - s->level[0]) * 4 < early || (s->level[3] - s->level[2]) * 4 < late)
		return false; /* it has begun within the first quarter, or ended in the last */
	return s->top > t->high_before + slack;
}

static void judge(struct trend *t, enum envelope e, const struct growth_rule *rule)
{
	struct shape s = shape_of(t, e);

	if (!s.is_known) /* too few looks, or none: neither for nor against */
		return;
	bool grows = s.slope > 0 && s.slope >= s.level[3] / SHARE_OF_WHOLE && is_steady(&s, t);
	t->grown_bytes = s.slope * KIB;
	for (int i = 0; i < 2; i++) {
		uint64_t floor = rule->floor_bytes[i];
		bool is_over = floor != LIMIT_NONE && grows && (uint64_t)t->grown_bytes > floor;
		t->found[i] = (uint8_t)(((unsigned)t->found[i] << 1 | is_over) & ((1U << GROWTH_ASKED) - 1));
		/* Not around the floor, or one leak would be told again and again. */
		if (t->grown_bytes <= 0 || (uint64_t)t->grown_bytes < floor / 2)
			t->told[i] = false;
	}
}

/* Now, and often enough before. */
static bool is_confirmed(const struct trend *t, int i)
{
	int found = 0;

	for (int n = 0; n < GROWTH_ASKED; n++)
		found += t->found[i] >> n & 1;
	return (t->found[i] & 1) && found >= GROWTH_CONFIRMS;
}

/* --- samples -------------------------------------------------------------------------------------------- */

/* The open point is complete. */
static void close_point(struct trend *t, enum envelope e, const struct growth_rule *rule)
{
	uint32_t v = t->open;

	t->point[t->number % GROWTH_POINTS] = v;
	if (t->number - t->high_at > HIGH_LASTS)
		t->high = 0;
	if (v != TREND_UNKNOWN && v > t->peak)
		t->peak = v;
	if (v < t->peak - t->peak / 4) {
		t->high = t->peak > t->high ? t->peak : t->high;
		t->high_at = t->number;
		t->peak = v;
	}
	t->number++;
	t->open = TREND_UNKNOWN;
	if (t->number % QUARTER != 1)
		return;
	if (t->number > GROWTH_POINTS)
		judge(t, e, rule);
	t->high_before = t->high;
}

static void trend_add(struct trend *t, enum envelope e, const struct growth_rule *rule, uint64_t now_ns,
		      uint64_t bytes)
{
	uint64_t kib = bytes / KIB;
	uint64_t apart_ns = rule->window_ns / GROWTH_POINTS;

	if (t->first_ns == 0) {
		t->first_ns = now_ns ? now_ns : 1;
		return;
	}
	if (now_ns < t->first_ns + rule->window_ns / 2 || apart_ns == 0)
		return;
	uint64_t number = (now_ns - t->first_ns - rule->window_ns / 2) / apart_ns;
	if (t->number == 0) {
		memset(t->point, 0xff, sizeof(t->point));
		t->open = TREND_UNKNOWN;
		t->number = 1;
	}
	/* Points are counted from 1.  After a pause of more than a window nothing of before is left. */
	if (number + 1 > (uint64_t)t->number + GROWTH_POINTS + QUARTER) {
		memset(t->point, 0xff, sizeof(t->point));
		memset(t->found, 0, sizeof(t->found));
		t->open = TREND_UNKNOWN;
		t->number = (uint32_t)number + 1;
	}
	while (t->number < number + 1)
		close_point(t, e, rule);
	t->open = extreme(e, t->open, kib < TREND_UNKNOWN ? (uint32_t)kib : TREND_UNKNOWN - 1);
}

/* --- the rule ------------------------------------------------------------------------------------------- */

static uint64_t scale(uint64_t value, uint64_t by_ns, uint64_t per_ns)
{
	unsigned __int128 scaled = (unsigned __int128)value * by_ns / per_ns;
	return scaled < LIMIT_NONE ? (uint64_t)scaled : LIMIT_NONE - 1;
}

/* Soft and hard may name different times: the longer one is looked at for both. */
void growth_init(struct growth *g, const struct limit_bound *b)
{
	const struct limit_value *value[2] = { &b->soft, &b->hard };

	g->rule = (struct growth_rule){ 0, { LIMIT_NONE, LIMIT_NONE } };
	for (int i = 0; i < 2; i++)
		if (value[i]->at != LIMIT_NONE && value[i]->per_ns > g->rule.window_ns)
			g->rule.window_ns = value[i]->per_ns;
	g->is_limit = g->rule.window_ns != 0;
	if (!g->is_limit)
		g->rule = (struct growth_rule){ GROWTH_WINDOW_NS, { GROWTH_FLOOR_BYTES, LIMIT_NONE } };
	for (int i = 0; g->is_limit && i < 2; i++)
		if (value[i]->at != LIMIT_NONE)
			g->rule.floor_bytes[i] = scale(value[i]->at, g->rule.window_ns, value[i]->per_ns);
}

struct limit_verdict growth_as_limit(const struct growth_verdict *g, const struct limit_bound *b,
				     uint64_t period_ns)
{
	struct limit_verdict v = {
		.grade = g->grade,
		.id = LIMIT_GROWTH,
		.bound = g->grade == GRADE_HARD ? b->hard : b->soft,
		.since_ns = g->since_ns,
		.period_ns = period_ns,
	};

	v.value = scale(g->grown_bytes, v.bound.per_ns, g->window_ns);
	memcpy(v.witness, g->witness, sizeof(v.witness));
	return v;
}

/* --- one look ------------------------------------------------------------------------------------------- */

void growth_begin(struct growth *g, uint64_t now_ns)
{
	g->now_ns = now_ns;
	g->sum_bytes = 0;
	g->has_sum = g->has_told[0] = g->has_told[1] = false;
	g->best = (struct growth_verdict){ .grade = GRADE_OK };
	memset(g->witness, 0, sizeof(g->witness));
}

/* What the trend has confirmed and has not told, against the best so far. */
static void consider(struct growth *g, const struct trend *by, struct trend *t, const struct sample *s)
{
	for (int i = 1; i >= 0; i--) {
		if (!is_confirmed(t, i) || t->told[i] || (by && by->told[i]))
			continue;
		enum limit_grade grade = i ? GRADE_HARD : GRADE_SOFT;
		uint64_t grown = (uint64_t)t->grown_bytes;
		if (grade < g->best.grade || (grade == g->best.grade && grown <= g->best.grown_bytes))
			return;
		uint64_t back_ns = g->rule.window_ns + g->rule.window_ns * (GROWTH_CONFIRMS - 1) / 4;
		g->best = (struct growth_verdict){
			.grade = grade,
			.grown_bytes = grown,
			.window_ns = g->rule.window_ns,
			.since_ns = g->now_ns > back_ns ? g->now_ns - back_ns : 0,
		};
		g->best_trend = t;
		if (s) {
			g->best.serial = s->serial;
			g->best.pid = s->pid;
			memcpy(g->best.comm, s->comm, sizeof(g->best.comm));
		}
		return;
	}
}

void growth_member(struct growth *g, struct trend *t, const struct sample *s)
{
	if (!(s->known & SAMPLE_MEMORY))
		return;
	g->sum_bytes += s->rss_bytes;
	g->has_sum = true;
	trend_add(t, ENVELOPE_LOW, &g->rule, g->now_ns, s->rss_bytes);
	for (int i = 0; i < 2; i++)
		g->has_told[i] = g->has_told[i] || t->told[i];
	if (t->grown_bytes > 0)
		witness_add(g->witness, s->pid, s->comm, (uint64_t)t->grown_bytes);
	consider(g, &g->tree, t, s);
}

struct growth_verdict growth_end(struct growth *g)
{
	struct trend *tree = &g->tree;

	if (g->has_sum)
		trend_add(tree, ENVELOPE_HIGH, &g->rule, g->now_ns, g->sum_bytes);
	/* One leak, one word: the tree is silent where a member was told of, and the other way round. */
	for (int i = 0; i < 2; i++)
		if (g->has_told[i] || g->best.grade == (i ? GRADE_HARD : GRADE_SOFT))
			tree->told[i] = is_confirmed(tree, i);
	consider(g, NULL, tree, NULL);
	if (g->best.grade == GRADE_OK)
		return g->best;
	for (int i = 0; i < (g->best.grade == GRADE_HARD ? 2 : 1); i++)
		g->best_trend->told[i] = true;
	memcpy(g->best.witness, g->witness, sizeof(g->best.witness));
	return g->best;
}

void growth_describe(const struct growth_verdict *v, uint64_t floor_bytes, uint64_t now_ns,
		     struct finding *out)
{
	struct buf text;

	*out = (struct finding){
		.rule = detect_rows[DETECT_GROWTH].name,
		.severity = SEVERITY_WARNING,
		.value = v->grown_bytes,
		.bound = floor_bytes,
		.per_ns = v->window_ns,
		.since_ns = v->since_ns,
		.now_ns = now_ns,
		.rung = "walk",
	};
	buf_init(&text, out->text, sizeof(out->text));
	if (v->serial == 0) {
		buf_str(&text, "the tree");
	} else {
		escape_text(&text, v->comm, strnlen(v->comm, sizeof(v->comm)), 0);
		buf_str(&text, " (");
		buf_i64(&text, v->pid);
		buf_char(&text, ')');
	}
	buf_str(&text, " grows by ");
	num_format_size(&text, v->grown_bytes);
	buf_str(&text, " within ");
	num_format_duration(&text, v->window_ns);
	memcpy(out->witness, v->witness, sizeof(out->witness));
}

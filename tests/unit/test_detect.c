/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "core/detect.h"

#define S  NS_PER_S
#define MB (1ULL << 20)

/* What one detector says of one member, fed with samples. */
struct stage {
	struct detector d;
	struct detect_state state;
	struct sample sample;
	unsigned count[DETECT_COUNT];
	struct finding last;
	uint64_t now_ns;
};

static void hear(void *with, const struct finding *f)
{
	struct stage *st = with;
	st->last = *f;
	for (unsigned i = 0; i < DETECT_COUNT; i++)
		st->count[i] += strcmp(f->rule, detect_rows[i].name) == 0;
	assert_true(f->severity < SEVERITY_COUNT);
	assert_true(f->text[0] != '\0');
	assert_true(strlen(f->text) < sizeof(f->text) - 1);
	assert_non_null(f->rung);
}

static struct stage make(enum detect_id id)
{
	struct stage st = { .d = { .enabled = 1U << id, .found = hear, .orphan_grace_ns = 2 * S },
			    .now_ns = 100 * S };
	st.sample = (struct sample){
		.pid = 4711, .comm = "worker", .state = 'S', .threads = 1, .seen_ns = 100 * S
	};
	st.sample.known = detect_rows[id].needs;
	return st;
}

static unsigned feed(struct stage *st, enum detect_id id, uint64_t step_ns)
{
	unsigned before = st->count[id];
	struct look look = { .period_ns = step_ns, .births_rung = "perf" };

	st->now_ns += step_ns;
	look.now_ns = st->now_ns;
	st->d.with = st;
	detect_look(&st->d, &look);
	detect_member(&st->d, &st->state, &st->sample);
	return st->count[id] - before;
}

/* --- every detector: nothing of one sample, nothing of what is not known, nothing that is off ------------
 */

/* A sample that every detector would speak of, were there enough of them. */
static void make_bad(struct sample *s)
{
	s->state = 'D';
	s->pending = s->blocked = 1ULL << 14;
	s->rss_bytes = 64ULL << 30;
	s->cpu_ns = 1ULL << 60;
	s->program = 7;
}

static void one_sample_says_nothing(void **state)
{
	(void)state;
	static const enum detect_id confirmed[] = { DETECT_ZOMBIE, DETECT_STUCK, DETECT_BUSY,
						    DETECT_SIGNAL, DETECT_SPIKE, DETECT_DRIFT };
	for (size_t i = 0; i < COUNT_OF(confirmed); i++) {
		enum detect_id id = confirmed[i];
		struct stage st = make(id);
		st.sample.rss_bytes = MB;
		st.sample.program = 1;
		for (unsigned k = 0; k < 30; k++) /* warm, and long what it was */
			assert_int_equal(feed(&st, id, S), 0);
		make_bad(&st.sample);
		if (id == DETECT_ZOMBIE)
			st.sample.state = 'Z';
		assert_int_equal(feed(&st, id, S), 0);
		for (unsigned k = 0; k < 50; k++) /* the same moment again and again is one sample */
			assert_int_equal(feed(&st, id, S / 100), 0);
	}
}

static void what_is_not_known_says_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DETECT_COUNT; i++) {
		struct stage st = make((enum detect_id)i);
		st.sample.known = 0;
		for (unsigned k = 0; k < 200; k++) {
			make_bad(&st.sample);
			st.sample.fds = 100;
			st.sample.fds_max = 10;
			st.sample.program = k / 40;
			assert_int_equal(feed(&st, (enum detect_id)i, S), 0);
		}
	}
}

static void what_is_off_says_nothing(void **state)
{
	(void)state;
	struct stage st = make(DETECT_FDS);
	st.d.enabled = 0;
	st.sample.known = ~0U;
	for (unsigned k = 0; k < 100; k++) {
		make_bad(&st.sample);
		st.sample.fds = 100;
		st.sample.fds_max = 10;
		assert_int_equal(feed(&st, DETECT_FDS, S), 0);
	}
	detect_orphan(&st.d, &st.state, &st.sample, 1);
	detect_cap(&st.d, "x", 1, SEVERITY_WARNING);
	for (unsigned i = 0; i < DETECT_COUNT; i++)
		assert_int_equal(st.count[i], 0);
}

/* Months of a process that is in order, at every rhythm of looks. */
static void an_ordinary_life_says_nothing(void **state)
{
	(void)state;
	for (uint64_t step_ns = S / 20; step_ns <= 20 * S; step_ns *= 2) {
		struct stage st = make(DETECT_FDS);
		st.d.enabled = DETECT_ALL;
		st.sample.known = ~0U;
		for (unsigned k = 0; k < 3000; k++) {
			struct sample *s = &st.sample;
			s->state = "SRSDSRSSZS"[k % 9]; /* a disk now and then; Z is never reached twice */
			s->state = s->state == 'Z' ? 'S' : s->state;
			memcpy(s->wchan, s->state == 'D' ? "io_schedule" : "do_wait\0\0\0\0", 12);
			s->cpu_ns += step_ns * 80 / 100;
			s->fds = 3 + k % 60;
			s->fds_max = 1024;
			s->blocked = 1ULL << 16 | 1ULL << 14;
			s->pending = 1ULL << 16; /* CHLD, all the time */
			s->rss_bytes = (k < 5 ? 512 * 1024 : 1664 * 1024) + (k % 50) * MB;
			s->program = step_ns * k < 3 * S ? 1 : 2;
			(void)feed(&st, DETECT_FDS, step_ns);
		}
		for (unsigned i = 0; i < DETECT_COUNT; i++)
			if (st.count[i] > 0)
				fail_msg("%s: %s", detect_rows[i].name, st.last.text);
	}
}

/* --- in a row ------------------------------------------------------------------------------------------- */

struct step {
	char state;
	uint32_t threads;
	const char *wchan; /* NULL = not known */
	uint64_t pending, blocked;
	unsigned cpu; /* moves on */
	unsigned said;
	enum severity severity;
};

/* clang-format off */
static const struct {
	const char *rule;
	enum detect_id id;
	struct step step[14];
} row_rows[] = {
	{ "a zombie: the second sample, then the third, then never again", DETECT_ZOMBIE, {
	  { 'S', 1, 0, 0, 0, 0, 0, 0 }, { 'Z', 1, 0, 0, 0, 0, 0, 0 }, { 'Z', 1, 0, 0, 0, 0, 1, SEVERITY_INFO },
	  { 'Z', 1, 0, 0, 0, 0, 1, SEVERITY_WARNING }, { 'Z', 1, 0, 0, 0, 0, 0, 0 }, { 'Z', 1, 0, 0, 0, 0, 0, 0 } } },
	{ "a zombie leader whose threads go on lives", DETECT_ZOMBIE, {
	  { 'Z', 2, 0, 0, 0, 0, 0, 0 }, { 'Z', 2, 0, 0, 0, 0, 0, 0 }, { 'Z', 2, 0, 0, 0, 0, 0, 0 }, { 'Z', 2, 0, 0, 0, 0, 0, 0 } } },
	{ "not in a row", DETECT_ZOMBIE, {
	  { 'Z', 1, 0, 0, 0, 0, 0, 0 }, { 'S', 1, 0, 0, 0, 0, 0, 0 }, { 'Z', 1, 0, 0, 0, 0, 0, 0 }, { 'S', 1, 0, 0, 0, 0, 0, 0 } } },
	{ "stuck at a server: the third", DETECT_STUCK, {
	  { 'D', 1, "rpc_wait_bit_killable", 0, 0, 0, 0, 0 }, { 'D', 1, "rpc_wait_bit_killable", 0, 0, 0, 0, 0 },
	  { 'D', 1, "rpc_wait_bit_killable", 0, 0, 0, 1, SEVERITY_WARNING }, { 'D', 1, "rpc_wait_bit_killable", 0, 0, 0, 0, 0 } } },
	{ "it used CPU in between", DETECT_STUCK, {
	  { 'D', 1, "request_wait_answer", 0, 0, 1, 0, 0 }, { 'D', 1, "request_wait_answer", 0, 0, 1, 0, 0 },
	  { 'D', 1, "request_wait_answer", 0, 0, 1, 0, 0 }, { 'D', 1, "request_wait_answer", 0, 0, 1, 0, 0 } } },
	{ "it hangs elsewhere each time", DETECT_STUCK, {
	  { 'D', 1, "a", 0, 0, 0, 0, 0 }, { 'D', 1, "b", 0, 0, 0, 0, 0 }, { 'D', 1, "a", 0, 0, 0, 0, 0 }, { 'D', 1, "b", 0, 0, 0, 0, 0 } } },
	{ "it slept in between", DETECT_STUCK, {
	  { 'D', 1, "nfs_x", 0, 0, 0, 0, 0 }, { 'D', 1, "nfs_x", 0, 0, 0, 0, 0 }, { 'S', 1, "nfs_x", 0, 0, 0, 0, 0 },
	  { 'D', 1, "nfs_x", 0, 0, 0, 0, 0 }, { 'D', 1, "nfs_x", 0, 0, 0, 0, 0 }, { 'D', 1, "nfs_x", 0, 0, 0, 1, SEVERITY_WARNING } } },
	{ "nobody knows where: later, and less", DETECT_STUCK, {
	  { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 },
	  { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 0, 0 },
	  { 'D', 1, 0, 0, 0, 0, 0, 0 }, { 'D', 1, 0, 0, 0, 0, 1, SEVERITY_INFO }, { 'D', 1, 0, 0, 0, 0, 0, 0 } } },
	{ "TERM waits: the third", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 }, { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 },
	  { 'S', 1, 0, 0x4000, 0x4000, 0, 1, SEVERITY_WARNING }, { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 } } },
	{ "USR1 waits", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x200, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x200, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x200, ~0ULL, 0, 1, SEVERITY_INFO } } },
	{ "the one that is in all three", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x4200, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x200, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x4200, ~0ULL, 0, 1, SEVERITY_INFO } } },
	{ "another each time", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x200, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x4000, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x200, ~0ULL, 0, 0, 0 },
	  { 'S', 1, 0, 0x4000, ~0ULL, 0, 0, 0 } } },
	{ "pending, but not blocked: it comes", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x4000, 0, 0, 0, 0 }, { 'S', 1, 0, 0x4000, 0, 0, 0, 0 }, { 'S', 1, 0, 0x4000, 0, 0, 0, 0 } } },
	{ "blocked, and none was sent", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0, ~0ULL, 0, 0, 0 } } },
	{ "CHLD, CONT, URG and WINCH do nothing", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x8430000, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x8430000, ~0ULL, 0, 0, 0 }, { 'S', 1, 0, 0x8430000, ~0ULL, 0, 0, 0 } } },
	{ "who is stopped takes none", DETECT_SIGNAL, {
	  { 'T', 1, "x", 0x4000, ~0ULL, 0, 0, 0 }, { 'T', 1, "x", 0x4000, ~0ULL, 0, 0, 0 }, { 'T', 1, "x", 0x4000, ~0ULL, 0, 0, 0 } } },
	{ "it was taken, and comes again", DETECT_SIGNAL, {
	  { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 }, { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 }, { 'S', 1, 0, 0, 0x4000, 0, 0, 0 },
	  { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 }, { 'S', 1, 0, 0x4000, 0x4000, 0, 0, 0 },
	  { 'S', 1, 0, 0x4000, 0x4000, 0, 1, SEVERITY_WARNING } } },
};
/* clang-format on */

static void speaks_in_a_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(row_rows); i++) {
		enum detect_id id = row_rows[i].id;
		struct stage st = make(id);
		for (size_t k = 0; k < COUNT_OF(row_rows[i].step) && row_rows[i].step[k].state; k++) {
			const struct step *step = &row_rows[i].step[k];
			st.sample.state = step->state;
			st.sample.threads = step->threads;
			st.sample.pending = step->pending;
			st.sample.blocked = step->blocked;
			st.sample.cpu_ns += step->cpu * 10 * NS_PER_MS;
			st.sample.known =
				detect_rows[id].needs | (step->wchan ? SAMPLE_WCHAN | SAMPLE_STAT : 0U);
			memset(st.sample.wchan, 0, sizeof(st.sample.wchan));
			if (step->wchan)
				memcpy(st.sample.wchan, step->wchan, strlen(step->wchan));
			unsigned said = feed(&st, id, S);
			if (said != step->said)
				fail_msg("%s, sample %zu: said %u", row_rows[i].rule, k + 1, said);
			if (said && st.last.severity != step->severity)
				fail_msg("%s, sample %zu: %s", row_rows[i].rule, k + 1,
					 severity_name(st.last.severity));
		}
	}
}

/* Which places are in order, and for how many samples: 0 = for ever. */
static void knows_where_a_sleep_is_in_order(void **state)
{
	(void)state;
	static const struct {
		const char *wchan;
		unsigned samples;
	} rows[] = {
		{ "kernel_clone", 0 },           { "wait_for_vfork_done", 0 },
		{ "__refrigerator", 0 },         { "io_schedule", 30 },
		{ "folio_wait_bit_common", 30 }, { "jbd2_log_wait_commit", 30 },
		{ "rpc_wait_bit_killable", 3 },  { "nfs_wait_bit_killable", 3 },
		{ "request_wait_answer", 3 },    { "rwsem_down_write_slowpath", 3 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage st = make(DETECT_STUCK);
		unsigned said = 0;
		st.sample.known |= SAMPLE_WCHAN;
		st.sample.state = 'D';
		memcpy(st.sample.wchan, rows[i].wchan, strlen(rows[i].wchan));
		for (unsigned k = 1; k <= 1000 && said == 0; k++)
			if (feed(&st, DETECT_STUCK, S) > 0)
				said = k;
		if (said != rows[i].samples)
			fail_msg("%s: %u", rows[i].wchan, said);
		assert_true(said == 0 || strstr(st.last.text, rows[i].wchan));
	}
}

/* --- edges ---------------------------------------------------------------------------------------------- */

static void judges_open_files(void **state)
{
	(void)state;
	static const struct {
		uint32_t fds, max;
		unsigned said;
		enum severity severity;
	} rows[] = {
		{ 819, 1024, 0, 0 }, /* 79.98 % */
		{ 820, 1024, 1, SEVERITY_WARNING },
		{ 80, 100, 0, 0 },
		{ 81, 100, 1, SEVERITY_WARNING },
		{ 99, 100, 1, SEVERITY_WARNING },
		{ 100, 100, 1, SEVERITY_CRITICAL },
		{ 140, 100, 1, SEVERITY_CRITICAL }, /* lowered since */
		{ 3, 0, 0, 0 },
		{ 0, 1, 0, 0 },
		{ UINT32_MAX - 1, UINT32_MAX, 1, SEVERITY_WARNING },
		{ 1000000, UINT32_MAX, 0, 0 }, /* unlimited */
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage st = make(DETECT_FDS);
		st.sample.fds = rows[i].fds;
		st.sample.fds_max = rows[i].max;
		if (feed(&st, DETECT_FDS, S) != rows[i].said)
			fail_msg("%u of %u", rows[i].fds, rows[i].max);
		if (rows[i].said) {
			assert_int_equal(st.last.severity, rows[i].severity);
			assert_int_equal(st.last.value, rows[i].fds);
			assert_int_equal(st.last.bound, rows[i].max);
		}
		assert_int_equal(feed(&st, DETECT_FDS, S), 0); /* once */
	}
}

static void says_files_again_after_a_calm(void **state)
{
	(void)state;
	struct stage st = make(DETECT_FDS);
	st.sample.fds_max = 100;
	static const struct {
		uint32_t fds;
		unsigned said;
	} steps[] = {
		{ 81, 1 }, { 75, 0 }, { 85, 0 }, { 70, 0 }, { 90, 0 }, { 69, 0 }, { 81, 1 }, { 100, 1 }
	};
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		st.sample.fds = steps[i].fds;
		assert_int_equal(feed(&st, DETECT_FDS, 2 * DETECT_QUIET_NS), steps[i].said);
	}
}

/* `share` percent of a core for each of 8 windows; at which it speaks, 0 = never. */
static unsigned speaks_of_cpu(const unsigned share[8], uint64_t step_ns)
{
	struct stage st = make(DETECT_BUSY);
	unsigned said = 0;
	for (uint64_t passed_ns = 0; passed_ns < 40 * S; passed_ns += step_ns) {
		if (feed(&st, DETECT_BUSY, step_ns) > 0 && said == 0)
			said = (unsigned)(passed_ns / (5 * S));
		st.sample.cpu_ns += share[passed_ns / (5 * S)] * (step_ns / 100);
	}
	return said;
}

static void judges_cpu(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		unsigned share[8];
		unsigned said;
	} rows[] = {
		{ "at the bound, twice", { 90, 90, 90, 90, 90, 90, 90, 90 }, 2 },
		{ "just below", { 89, 89, 89, 89, 89, 89, 89, 89 }, 0 },
		{ "once, and again", { 100, 10, 100, 10, 100, 10, 100, 10 }, 0 },
		{ "later", { 0, 0, 0, 95, 95, 0, 0, 0 }, 5 },
		{ "many threads", { 0, 400, 400, 0, 0, 0, 0, 0 }, 3 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (uint64_t step_ns = S; step_ns <= 5 * S; step_ns *= 5)
			if (speaks_of_cpu(rows[i].share, step_ns) != rows[i].said)
				fail_msg("%s, every %u s: %u", rows[i].rule, (unsigned)(step_ns / S),
					 speaks_of_cpu(rows[i].share, step_ns));
}

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t age_s; /* of the member, when it comes */
	uint64_t before_mb, after_mb, then_mb;
	unsigned said;
} spike_rows[] = {
	{ "three times as much, and 512M more", 10, 256, 768,  768,  1 },
	{ "a little less than three times",     10, 257, 770,  770,  0 },
	{ "three times, a little less than 512M", 10, 255, 765, 765, 0 },
	{ "512M more, not three times",         10, 1024, 2048, 2048, 0 },
	{ "it starts",                          5,  1,   4096, 4096, 0 },
	{ "for one sample",                     20, 1,   4096, 1,    0 },
	{ "the start of an interpreter",        20, 1,   2,    2,    0 },
	{ "falling",                            20, 4096, 10,  10,   0 },
};
/* clang-format on */

static void judges_spikes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(spike_rows); i++) {
		struct stage st = make(DETECT_SPIKE);
		unsigned said = 0;
		st.sample.rss_bytes = spike_rows[i].before_mb * MB;
		for (uint64_t k = 1; k < spike_rows[i].age_s; k++)
			said += feed(&st, DETECT_SPIKE, S);
		st.sample.rss_bytes = spike_rows[i].after_mb * MB;
		said += feed(&st, DETECT_SPIKE, S);
		assert_int_equal(said, 0);
		st.sample.rss_bytes = spike_rows[i].then_mb * MB;
		for (unsigned k = 0; k < 100; k++)
			said += feed(&st, DETECT_SPIKE, S);
		if (said != spike_rows[i].said)
			fail_msg("%s: %u", spike_rows[i].rule, said);
	}
}

static uint64_t program(const char *path)
{
	return detect_program(path, strlen(path));
}

/* clang-format off */
static const struct {
	const char *rule;
	struct { const char *path; unsigned seconds; } step[9];
	unsigned said;
	enum severity severity;
} drift_rows[] = {
	{ "an exec right at the start", { { "/bin/sh", 1 }, { "/usr/bin/python3", 100 } }, 0, 0 },
	{ "two of them",                { { "/opt/a", 3 }, { "/opt/b", 3 }, { "/opt/c", 100 } }, 0, 0 },
	{ "a shell after an hour",      { { "/bin/sh", 3600 }, { "/opt/worker", 100 } }, 0, 0 },
	{ "env, nice, timeout",         { { "/usr/bin/timeout", 60 }, { "/usr/bin/env", 60 }, { "/opt/worker", 100 } }, 0, 0 },
	{ "a guard of ours",            { { "/usr/local/bin/spawnguard", 60 }, { "/opt/worker", 100 } }, 0, 0 },
	{ "a worker that is another",   { { "/opt/worker", 60 }, { "/tmp/miner", 100 } }, 1, SEVERITY_INFO },
	{ "after 9 seconds: its start", { { "/opt/worker", 10 }, { "/opt/b", 100 } }, 0, 0 },
	{ "after 10: not",              { { "/opt/worker", 11 }, { "/opt/b", 100 } }, 1, SEVERITY_INFO },
	{ "for one sample only",        { { "/opt/worker", 60 }, { "/opt/b", 1 }, { "/opt/worker", 100 } }, 0, 0 },
	{ "its file was replaced",      { { "/opt/worker", 60 }, { "/opt/worker (deleted)", 100 } }, 0, 0 },
	{ "the third time",             { { "/opt/a", 70 }, { "/opt/b", 70 }, { "/opt/c", 70 }, { "/opt/d", 70 } }, 3, SEVERITY_WARNING },
};
/* clang-format on */

static void judges_drift(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(drift_rows); i++) {
		struct stage st = make(DETECT_DRIFT);
		unsigned said = 0;
		for (size_t k = 0; k < COUNT_OF(drift_rows[i].step) && drift_rows[i].step[k].path; k++) {
			st.sample.program = program(drift_rows[i].step[k].path);
			for (unsigned n = 0; n < drift_rows[i].step[k].seconds; n++)
				said += feed(&st, DETECT_DRIFT, S);
		}
		if (said != drift_rows[i].said)
			fail_msg("%s: %u", drift_rows[i].rule, said);
		if (said > 0)
			assert_int_equal(st.last.severity, drift_rows[i].severity);
	}
}

/* --- the tree ------------------------------------------------------------------------------------------- */

static void flags_orphans_after_their_grace(void **state)
{
	(void)state;
	struct stage st = make(DETECT_ORPHAN);
	uint64_t since_ns = st.now_ns;
	static const uint64_t at_ms[] = { 0, 1000, 1999, 2000, 2100, 90000 };
	static const unsigned said[] = { 0, 0, 0, 1, 1, 1 };
	st.d.with = &st;
	for (size_t i = 0; i < COUNT_OF(at_ms); i++) {
		detect_look(&st.d, &(struct look){ .now_ns = since_ns + at_ms[i] * NS_PER_MS });
		detect_orphan(&st.d, &st.state, &st.sample, since_ns);
		assert_int_equal(st.count[DETECT_ORPHAN], said[i]);
	}
	st = make(DETECT_ORPHAN);
	st.d.with = &st;
	st.d.orphan_grace_ns = UINT64_MAX; /* none: it is told at the end only */
	detect_look(&st.d, &(struct look){ .now_ns = UINT64_MAX - 1 });
	detect_orphan(&st.d, &st.state, &st.sample, 1);
	assert_int_equal(st.count[DETECT_ORPHAN], 0);
}

static void one_voice_for_many(void **state)
{
	(void)state;
	struct stage st = make(DETECT_FDS);
	struct detect_state member[100] = { 0 };
	st.d.with = &st;
	st.sample.fds_max = 100;
	detect_look(&st.d, &(struct look){ .now_ns = 200 * S });
	for (unsigned i = 0; i < 100; i++) {
		st.sample.fds = i == 50 ? 100 : 90;
		detect_member(&st.d, &member[i], &st.sample);
	}
	assert_int_equal(st.count[DETECT_FDS], 2); /* the first, and the one that is worse */
	assert_int_equal(st.last.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(st.last.text, "; 49 more like it before"));
	struct detect_state late = { 0 };
	detect_look(&st.d, &(struct look){ .now_ns = 200 * S + DETECT_QUIET_NS });
	st.sample.fds = 90;
	detect_member(&st.d, &late, &st.sample);
	assert_int_equal(st.count[DETECT_FDS], 3);
	assert_non_null(strstr(st.last.text, "; 49 more like it before"));
}

static void counts_what_was_never_seen(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		unsigned births_per_s, seen_pct, seconds, before;
		bool is_followed; /* from its start on */
		unsigned said;
	} rows[] = {
		{ "a loop", 100, 0, 30, 0, true, 1 },
		{ "most were seen", 100, 20, 600, 0, true, 0 },
		{ "at one in ten", 100, 10, 600, 0, true, 1 },
		{ "a busy script", 16, 0, 600, 0, true, 0 },
		{ "a little more", 20, 0, 600, 0, true, 1 },
		{ "a burst", 300, 0, 3, 0, true, 0 },
		{ "a storm before the first look", 0, 0, 2, 1100, true, 1 },
		{ "not as large", 0, 0, 2, 999, true, 0 },
		{ "a storm of which we know nothing", 0, 0, 2, 1100, false, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage st = make(DETECT_UNSEEN);
		st.d.with = &st;
		st.d.start_ns = rows[i].is_followed ? 99 * S : 0;
		for (unsigned k = 0; k < rows[i].seconds; k++) {
			uint64_t births = (uint64_t)k * rows[i].births_per_s + rows[i].before;
			detect_look(&st.d, &(struct look){ .now_ns = (100 + k) * S,
							   .births = births,
							   .births_rung = "perf" });
			detect_births(&st.d, births * rows[i].seen_pct / 100);
		}
		if (st.count[DETECT_UNSEEN] != rows[i].said)
			fail_msg("%s: %u", rows[i].rule, st.count[DETECT_UNSEEN]);
	}
}

static void tells_a_cap_by_its_name(void **state)
{
	(void)state;
	struct stage st = make(DETECT_CAP);
	st.d.with = &st;
	detect_look(&st.d, &(struct look){ .now_ns = 5 * S });
	detect_cap(&st.d, "refused a process (pids.max)", 0, SEVERITY_WARNING);
	assert_int_equal(st.count[DETECT_CAP], 0);
	detect_cap(&st.d, "refused a process (pids.max)", 3, SEVERITY_WARNING);
	assert_string_equal(st.last.text, "refused a process (pids.max), 3 times");
	detect_cap(&st.d, "ended a process (memory.max)", 1, SEVERITY_CRITICAL);
	assert_int_equal(st.count[DETECT_CAP], 2);
	assert_string_equal(st.last.text, "ended a process (memory.max), 1 time");
}

/* As many as there may be: told at the second look of it, and again only after it was well below. */
static void tells_that_no_more_may_be(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t tasks, max;
		unsigned said; /* so far */
	} looks[] = {
		{ "below", 19, 20, 0 },
		{ "at it, once", 20, 20, 0 },
		{ "one has ended", 19, 20, 0 },
		{ "once more", 20, 20, 0 },
		{ "twice in a row", 20, 20, 1 },
		{ "it stays so", 21, 20, 1 },
		{ "one less", 19, 20, 1 },
		{ "no news", 20, 20, 1 },
		{ "of this, too", 20, 20, 1 },
		{ "well below", 17, 20, 1 },
		{ "again", 20, 20, 1 },
		{ "and again", 20, 20, 2 },
		{ "no limit", 20, UINT64_MAX, 2 },
	};
	struct stage st = make(DETECT_CAP);
	st.d.with = &st;
	for (size_t i = 0; i < COUNT_OF(looks); i++) {
		detect_look(&st.d, &(struct look){ .now_ns = (100 + i * 70) * S, .period_ns = S });
		detect_full(&st.d, looks[i].tasks, looks[i].max);
		if (st.count[DETECT_CAP] != looks[i].said)
			fail_msg("%s: %u", looks[i].rule, st.count[DETECT_CAP]);
	}
	assert_string_equal(st.last.text,
			    "there are as many processes and threads as the limit allows (ulimit -u), "
			    "20: the next one is refused");
	assert_int_equal(st.last.severity, SEVERITY_WARNING);
	assert_true(st.last.value == 20 && st.last.bound == 20);
	assert_int_equal(st.last.now_ns - st.last.since_ns, 70 * S);
	st.d.enabled = 0;
	for (unsigned i = 0; i < 5; i++)
		detect_full(&st.d, 20, 20);
	assert_int_equal(st.count[DETECT_CAP], 2);
}

static void names_are_made_inert(void **state)
{
	(void)state;
	struct stage st = make(DETECT_FDS);
	memcpy(st.sample.comm, "a\033[2J\nb\177\200\201\202\203\204\205\206", 16);
	st.sample.comm[15] = '\0';
	st.sample.fds = st.sample.fds_max = 10;
	(void)feed(&st, DETECT_FDS, S);
	for (const char *c = st.last.text; *c; c++)
		assert_true(*c >= ' ' && *c < 0x7f);
}

/* Whatever the samples are: no arithmetic goes astray, and no row is said twice at one moment. */
static void bears_any_sample(void **state)
{
	(void)state;
	uint64_t random = 1;
	struct stage st = make(DETECT_FDS);
	st.d.enabled = DETECT_ALL;
	for (unsigned k = 0; k < 200000; k++) {
		struct sample *s = &st.sample;
		uint64_t *word = (uint64_t *)s;
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		word[random % (sizeof(*s) / 8)] = random >> (random % 64);
		memset(s->comm, 'x', sizeof(s->comm));
		s->seen_ns = s->seen_ns % (st.now_ns + 1);
		(void)feed(&st, DETECT_FDS, random % (2 * S));
		for (unsigned i = 0; i < DETECT_COUNT; i++)
			assert_true(st.count[i] <= k + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sample_says_nothing),
		cmocka_unit_test(what_is_not_known_says_nothing),
		cmocka_unit_test(what_is_off_says_nothing),
		cmocka_unit_test(an_ordinary_life_says_nothing),
		cmocka_unit_test(speaks_in_a_row),
		cmocka_unit_test(knows_where_a_sleep_is_in_order),
		cmocka_unit_test(judges_open_files),
		cmocka_unit_test(says_files_again_after_a_calm),
		cmocka_unit_test(judges_cpu),
		cmocka_unit_test(judges_spikes),
		cmocka_unit_test(judges_drift),
		cmocka_unit_test(flags_orphans_after_their_grace),
		cmocka_unit_test(one_voice_for_many),
		cmocka_unit_test(counts_what_was_never_seen),
		cmocka_unit_test(tells_a_cap_by_its_name),
		cmocka_unit_test(tells_that_no_more_may_be),
		cmocka_unit_test(names_are_made_inert),
		cmocka_unit_test(bears_any_sample),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

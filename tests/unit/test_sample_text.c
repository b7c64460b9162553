/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/sample_text.h"

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> (*seed >> 58); /* of every size */
}

static void random_text(uint64_t *seed, char *out, size_t cap)
{
	size_t n = (size_t)(random_next(seed) % cap);
	memset(out, 0, cap);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(1 + random_next(seed) % 255);
}

static int parse(const struct buf *text, struct look *look, struct sample *sample)
{
	static char line[SAMPLE_LINE_MAX];
	assert_false(text->cut);
	assert_int_equal(text->at[text->len - 1], '\n');
	memcpy(line, text->at, text->len - 1);
	line[text->len - 1] = '\0';
	assert_null(strchr(line, '\n'));
	return sample_text_parse(line, look, sample);
}

static void members_come_back_as_they_were(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		struct sample s, back = { 0 };
		struct look look;
		memset(&s, 0, sizeof(s));
		s.serial = random_next(&seed);
		s.parent = random_next(&seed);
		s.seen_ns = random_next(&seed);
		s.pid = (int32_t)(random_next(&seed) & INT32_MAX);
		s.depth = (uint16_t)random_next(&seed);
		s.children = (uint32_t)random_next(&seed);
		s.state = (char)(random_next(&seed) % 2 ? 'R' : 0);
		random_text(&seed, s.comm, sizeof(s.comm));
		s.known = (uint32_t)random_next(&seed);
		s.rss_bytes = random_next(&seed);
		s.threads = (uint32_t)random_next(&seed);
		s.fds = (uint32_t)random_next(&seed);
		s.fds_max = (uint32_t)random_next(&seed);
		s.cpu_ns = random_next(&seed);
		s.waited_ns = random_next(&seed);
		s.child_faults = random_next(&seed);
		s.caught = random_next(&seed);
		s.blocked = random_next(&seed);
		s.pending = random_next(&seed);
		random_text(&seed, s.wchan, sizeof(s.wchan));
		s.program = random_next(&seed);
		s.written_bytes = random_next(&seed);
		BUF(text, SAMPLE_LINE_MAX);
		sample_text_member(&text, &s);
		assert_int_equal(parse(&text, &look, &back), SAMPLE_LINE_MEMBER);
		assert_memory_equal(&back, &s, sizeof(s));
	}
}

static void looks_come_back_as_they_were(void **state)
{
	(void)state;
	struct look look = { 1, 2, 3, 4, UINT64_MAX, "perf", 6 }, back;
	struct sample sample;
	BUF(text, SAMPLE_LINE_MAX);
	sample_text_look(&text, &look);
	assert_int_equal(parse(&text, &back, &sample), SAMPLE_LINE_LOOK);
	assert_int_equal(back.now_ns, 1);
	assert_int_equal(back.period_ns, 2);
	assert_int_equal(back.births, 3);
	assert_int_equal(back.ended_ns, 4);
	assert_int_equal(back.output_bytes, UINT64_MAX);
	assert_string_equal(back.births_rung, "perf");
	assert_int_equal(back.written_bytes, 6);
	buf_clear(&text);
	sample_text_begin(&text, "abc");
	assert_int_equal(parse(&text, &back, &sample), SAMPLE_LINE_HEAD);
}

static void what_is_no_line_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"look",
		"look 1 2 3 4 5",
		"look 1 2 3 4 5 perf",
		"look 1 2 3 4 5 ",
		"look 1 2 3 4 5 perf 6 7",
		"look 1 2 3 4 5 perf more",
		"look 1 2 3 4 x perf 6",
		"look -1 2 3 4 5 perf 6",
		"look  1 2 3 4 5 perf 6",
		"member",
		"spawnguard-samples 1 ",
		"spawnguard-samples 2 a",
		"member 1 0 1 1 1 0 R 7 1 1 1 1 1 1 1 0 0 0 0 0 %",
		"member 1 0 1 1 1 0 R 7 1 1 1 1 1 1 1 0 0 0 0 0 % %4",
		"member 1 0 1 1 1 0 R 7 1 1 1 1 1 1 1 0 0 0 0 0 % %zz",
		"member 1 0 1 1 1 0 RR 7 1 1 1 1 1 1 1 0 0 0 0 0 % a",
		"member 1 0 1 1 1 0 R 7 1 1 1 1 1 1 1 0 0 0 0 0 % aaaaaaaaaaaaaaaa",
		"member 1 0 4294967296 1 1 0 R 7 1 1 1 1 1 1 1 0 0 0 0 0 % a",
		"member 1 0 1 1 1 0 R G 1 1 1 1 1 1 1 0 0 0 0 0 % a",
		"member 1 0 1 1 1 0 R 7 1 1 1 1 1 1 1 00000000000000000 0 0 0 0 % a",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char line[SAMPLE_LINE_MAX];
		struct look look = { .now_ns = 7 };
		struct sample sample = { .pid = 7 };
		memcpy(line, bad[i], strlen(bad[i]) + 1);
		if (sample_text_parse(line, &look, &sample) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
		assert_int_equal(look.now_ns, 7);
		assert_int_equal(sample.pid, 7);
	}
}

static void any_bytes_do_no_harm(void **state)
{
	(void)state;
	uint64_t seed = 7;
	struct sample s = { .serial = 1, .comm = "sh" };
	for (int i = 0; i < 100000; i++) {
		char line[SAMPLE_LINE_MAX];
		struct look look;
		struct sample sample;
		BUF(text, SAMPLE_LINE_MAX);
		sample_text_member(&text, &s);
		memcpy(line, text.at, text.len + 1);
		line[text.len - 1] = '\0';
		for (uint64_t changes = random_next(&seed) % 4 + 1; changes > 0; changes--)
			line[random_next(&seed) % text.len] = (char)random_next(&seed);
		(void)sample_text_parse(line, &look, &sample);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_back_as_they_were),
		cmocka_unit_test(looks_come_back_as_they_were),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(any_bytes_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

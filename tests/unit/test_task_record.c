/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "codec/task_record.h"

/* As the kernel writes them: type, misc and size; pid, ppid; tid, ptid; time. */
struct raw {
	uint32_t type;
	uint16_t misc, size;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

/* clang-format off */
static const struct {
	const char *rule;
	struct raw raw;
	size_t n;
	int r;
	struct task_record record;
} rows[] = {
	{ "a process is born",          { 7, 0, 32, 100, 50, 100, 50, 9 },          32, 0, { TASK_BIRTH, 100, 50, 9, 0 } },
	{ "a thread is born",           { 7, 0, 32, 100, 100, 101, 100, 9 },        32, 0, { TASK_THREAD, 100, 100, 9, 0 } },
	{ "a thread of a thread",       { 7, 0, 32, 100, 100, 102, 101, 9 },        32, 0, { TASK_THREAD, 100, 100, 9, 0 } },
	{ "a process of a thread",      { 7, 0, 32, 110, 100, 110, 101, 9 },        32, 0, { TASK_BIRTH, 110, 100, 9, 0 } },
	{ "one ends",                   { 4, 0, 32, 100, 50, 100, 50, 9 },          32, 0, { TASK_END, 100, 50, 9, 0 } },
	{ "a thread ends",              { 4, 0, 32, 100, 50, 101, 50, 9 },          32, 0, { TASK_END, 100, 50, 9, 0 } },
	{ "of no namespace of ours",    { 7, 0, 32, 0, 0, 0, 0, 9 },                32, 0, { TASK_BIRTH, 0, 0, 9, 0 } },
	{ "with no number any more",    { 4, 0, 32, UINT32_MAX, 50, 7, 50, 9 },     32, 0, { TASK_END, 0, 50, 9, 0 } },
	{ "more fields than are known", { 7, 0, 48, 100, 50, 100, 50, 9 },          32, 0, { TASK_BIRTH, 100, 50, 9, 0 } },
	{ "a birth that is cut",        { 7, 0, 24, 100, 50, 100, 50, 9 },          24, -EBADMSG, { TASK_OTHER, 0, 0, 0, 0 } },
	{ "an end that is cut",         { 4, 0, 24, 100, 50, 100, 50, 9 },          24, -EBADMSG, { TASK_OTHER, 0, 0, 0, 0 } },
	{ "records were lost",          { 2, 0, 24, 1, 0, 77, 0, 0 },               24, 0, { TASK_MISSED, 0, 0, 0, 77 } },
	{ "a loss that is cut",         { 2, 0, 16, 1, 0, 77, 0, 0 },               16, -EBADMSG, { TASK_OTHER, 0, 0, 0, 0 } },
	{ "another kind",               { 3, 0, 32, 1, 2, 3, 4, 5 },                32, 0, { TASK_OTHER, 0, 0, 0, 0 } },
	{ "a head alone",               { 9, 0, 8, 0, 0, 0, 0, 0 },                 8,  0, { TASK_OTHER, 0, 0, 0, 0 } },
	{ "not even a head",            { 9, 0, 8, 0, 0, 0, 0, 0 },                 7,  -EBADMSG, { TASK_OTHER, 0, 0, 0, 0 } },
};

static const struct {
	uint16_t says;
	size_t size;
} sizes[] = { { 0, 0 }, { 4, 0 }, { 8, 8 }, { 12, 0 }, { 24, 24 }, { 32, 32 }, { 33, 0 }, { 65528, 65528 }, { 65535, 0 } };
/* clang-format on */

static void a_record_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct task_record r = { .pid = 12345 };
		int got = task_record_parse(&rows[i].raw, rows[i].n, &r);
		if (got != rows[i].r)
			fail_msg("%s: %d", rows[i].rule, got);
		if (got < 0 && r.pid != 12345)
			fail_msg("%s: written on failure", rows[i].rule);
		const struct task_record *want = &rows[i].record;
		if (got == 0 && (r.kind != want->kind || r.pid != want->pid || r.parent != want->parent ||
				 r.at_ns != want->at_ns || r.missed != want->missed))
			fail_msg("%s: kind %d, pid %d", rows[i].rule, (int)r.kind, r.pid);
	}
}

static void a_size_is_believed_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct raw raw = { .type = 7, .size = sizes[i].says };
		assert_int_equal(task_record_size(&raw), sizes[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_understood),
		cmocka_unit_test(a_size_is_believed_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

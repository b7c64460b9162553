/* layer: core */
#include "driver.h"

#include "base/buf.h"
#include "core/attempts_text.h"
#include "text_lines.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("task 18427867448810145997 2 60000000000 60000000000 0 =phase%207\ntry 0 66352898 11639358764828262208\ntry 0 0 2271241260783218903"),
	FUZZ_SEED("task 1 100 1 18446744073709551615 1 =\ntask 2 1 5 5 0 =a\ntry 1 9 9\ntry 0 9 9\ntry 1 4 1"),
	FUZZ_SEED("task 5 1 18446744073709551615 18446744073709551615 0 =%25%0A\ntry 0 18446744073709551615 1"),
	FUZZ_SEED("try 0 1 1"),
	FUZZ_SEED("failed 9 startup\ntask 1 1 1 1 0 =x"),
	FUZZ_SEED(""),
};
/* clang-format on */

static struct attempts attempts, again;

static int parse(void *to, const char *line, size_t n)
{
	return attempts_text_parse(to, line, n);
}

static void check_gauges(void)
{
	for (uint32_t i = 0; i < again.task_count; i++) {
		struct attempts_gauge g = attempts_gauge_of(&again, i);
		FUZZ_CHECK((g.free_in_ns > 0) == (g.used >= g.limit), "it waits where they are used up");
		FUZZ_CHECK(g.free_in_ns <= g.per_ns, "and for no longer than the time");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char bytes[ATTEMPTS_TEXT_MAX], bytes_again[ATTEMPTS_TEXT_MAX];
	struct buf text, text_again;

	memset(&attempts, 0, sizeof(attempts));
	memset(&again, 0, sizeof(again));
	if (text_lines_read((const char *)data, size, parse, &attempts) > 0)
		FUZZ_ACCEPTED();
	buf_init(&text, bytes, sizeof(bytes));
	attempts_text_format(&text, &attempts);
	FUZZ_CHECK(!text.cut && text.len <= attempts_text_size(&attempts), "there is room for all");
	(void)text_lines_read(bytes, text.len, parse, &again);
	buf_init(&text_again, bytes_again, sizeof(bytes_again));
	attempts_text_format(&text_again, &again);
	FUZZ_CHECK(strcmp(bytes, bytes_again) == 0, "what is written is read");

	check_gauges();
	attempts_pass(&again, 1);
	check_gauges();
	uint32_t used = attempts_gauge(&again, "x", 3, UINT64_MAX).used;
	attempts_add(&again, "x", 3, UINT64_MAX, 7);
	FUZZ_CHECK(attempts_gauge(&again, "x", 3, UINT64_MAX).used == used + 1, "what is added counts");
	FUZZ_CHECK(attempts_give_back(&again, "x", 7), "and is given back");
	FUZZ_CHECK(attempts_gauge(&again, "x", 3, UINT64_MAX).used == used, "for nothing");
	attempts_pass(&again, UINT64_MAX);
	FUZZ_CHECK(again.task_count == 0 && again.count == 0, "each is over some day");
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: core */
#include "driver.h"

#include "core/until.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("resets on Dec 1st, 2026 at 3:30 p.m. (UTC)"),
	FUZZ_SEED("2026-12-01T14:30:05.250+02:00 2026/12/1 1.12.2026"),
	FUZZ_SEED("Tue, 01 Dec 2026 08:00:00 GMT; Retry-After: 120"),
	FUZZ_SEED("try again in 1 hour, 2 minutes and 3.5 seconds|1795996800|1795996800000"),
	FUZZ_SEED("12am"),
	FUZZ_SEED(""),
};
/* clang-format on */

static int64_t odd_offset(int64_t local_s)
{
	return local_s % 2 ? 50400 : -43200;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct until until;
	size_t at = 0, before = 0;

	while (until_next(text, size, &at, &until)) {
		FUZZ_CHECK(at > before && at <= size, "it goes on, and not beyond the end");
		FUZZ_CHECK(until.kind != UNTIL_NONE, "what is found is something");
		FUZZ_ACCEPTED();
		before = at;
	}
	for (uint64_t now_ns = 0; now_ns < UINT64_MAX / 2; now_ns = now_ns * 3 + 1795315157000000000ULL)
		FUZZ_CHECK(until_find(text, size, now_ns, odd_offset) <= UNTIL_MAX_NS, "it is bounded");
	if (until_parse(text, size, &until) == 0)
		FUZZ_CHECK(size > 0, "nothing is no date");
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: conf */
#include "driver.h"

#include "base/buf.h"
#include "base/num.h"
#include "conf/argv.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/room_value.h"
#include "conf/value.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("/var:2G,/srv/a:b:512K,rel:1"),
	FUZZ_SEED("/:1,/:2"),
	FUZZ_SEED("memory=10,cpu=80%,io=50"),
	FUZZ_SEED("io=100"),
	FUZZ_SEED("auto"),
	FUZZ_SEED("none"),
	FUZZ_SEED("256"),
	FUZZ_SEED("1.5G"),
	FUZZ_SEED("18446744073709551614"),
	FUZZ_SEED("0"),
	FUZZ_SEED(":,=%"),
	FUZZ_SEED(""),
};
/* clang-format on */

static const struct option_row *row_of(const char *name)
{
	for (size_t i = 0; i < option_count; i++)
		if (strcmp(option_rows[i].name, name) == 0)
			return &option_rows[i];
	abort();
}

/* As --NAME=TEXT.  Whether it is taken. */
static bool take(const char *name, const char *text, struct job *job)
{
	struct job before;
	BUF(why, 256);

	argv_defaults(job);
	before = *job;
	int r = value_parse(row_of(name), text, job, &why);
	if (r < 0) {
		FUZZ_CHECK(r == -EINVAL && why.len > 0, "a refusal says why");
		FUZZ_CHECK(memcmp(job, &before, sizeof(before)) == 0, "refused: output untouched");
		return false;
	}
	FUZZ_CHECK(why.len == 0, "what is taken has no fault");
	FUZZ_ACCEPTED();
	return true;
}

static void check_places(const char *text)
{
	struct min_free item;
	struct job job;
	size_t count = 0;
	BUF(why, 256);

	if (!take("min-free", text, &job))
		return;
	FUZZ_CHECK(!job.min_free == (strcmp(text, "none") == 0), "only none is none");
	const char *at = job.min_free;
	while (at && min_free_next(&at, &item, &why) > 0) { /* as the start does it */
		FUZZ_CHECK(at > text && at <= text + strlen(text), "it goes on, and not beyond the end");
		FUZZ_CHECK(item.dir[0] != '\0' && strnlen(item.dir, ROOM_DIR_MAX) < ROOM_DIR_MAX,
			   "a place ends");
		FUZZ_CHECK(item.bytes > 0 && item.bytes != NUM_NONE, "a size is one");
		count++;
	}
	FUZZ_CHECK(why.len == 0 && (!at || (*at == '\0' && count > 0)), "what is taken is read whole");
}

static void check_pressure(const char *text)
{
	struct max_pressure max = { 0 };
	uint32_t asked = 0;
	struct job job;
	BUF(why, 256);

	if (!take("max-pressure", text, &job) || !job.max_pressure)
		return;
	FUZZ_CHECK(max_pressure_parse(job.max_pressure, &max, &why) == 0, "what is taken is read again");
	for (unsigned i = 0; i < PRESSURE_OF_COUNT; i++) {
		FUZZ_CHECK(max.pct[i] <= 100, "a percentage");
		asked += max.pct[i] > 0;
	}
	FUZZ_CHECK(asked > 0, "something is asked for");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct job job;

	check_places(text);
	check_pressure(text);
	if (take("slots", text, &job))
		FUZZ_CHECK(job.slots <= JOB_SLOTS_MAX || job.slots == JOB_SLOTS_AUTO, "so many, or auto");
	if (take("expect-mem", text, &job)) {
		FUZZ_CHECK(job.expect_mem > 0, "0 is refused");
		FUZZ_CHECK((job.expect_mem == JOB_EXPECT_AUTO) == (strcmp(text, "auto") == 0),
			   "only auto is auto");
		FUZZ_CHECK((job.expect_mem == NUM_NONE) == (strcmp(text, "none") == 0), "only none is none");
	}
	if (take("reserve-mem", text, &job))
		FUZZ_CHECK(job.reserve_mem > 0, "0 is refused");
	free(text);
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: base */
#include "driver.h"

#include "base/buf.h"
#include "base/num.h"

#define CENTURY (NS_PER_S * 3600 * 24 * 36525)

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("90"),           FUZZ_SEED("1h30m"),     FUZZ_SEED("1.5m"),
	FUZZ_SEED("2d"),           FUZZ_SEED("250ms"),     FUZZ_SEED("1w2d3h4m5s6ms7us8ns"),
	FUZZ_SEED("none"),         FUZZ_SEED("0"),         FUZZ_SEED("3155760000000000000ns"),
	FUZZ_SEED("0.123456789w"), FUZZ_SEED("36525d1ns"), FUZZ_SEED(""),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t ns = 0xa5, back = 0xa5;
	char *text = fuzz_text(data, size);
	int result = num_parse_duration(text, &ns);
	free(text);
	if (result < 0) {
		FUZZ_CHECK(result == -EINVAL || result == -ERANGE, "two errors");
		FUZZ_CHECK(ns == 0xa5, "refused: output untouched");
		return 0;
	}
	FUZZ_ACCEPTED();
	FUZZ_CHECK(ns == NUM_NONE || ns <= CENTURY, "100 years at most");

	BUF(shown, 16);
	num_format_duration(&shown, ns);
	FUZZ_CHECK(!shown.cut && shown.len > 0, "is shown in a few characters");
	FUZZ_CHECK(num_parse_duration(shown.at, &back) == 0, "what is shown can be read");
	FUZZ_CHECK(back <= ns && ns - back <= ns / 10, "and is the same, a little less at most");
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: base */
#include "driver.h"

#include "base/buf.h"
#include "base/num.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("4096"), FUZZ_SEED("512K"),   FUZZ_SEED("1.5G"), FUZZ_SEED("3GiB"),
	FUZZ_SEED("3gb"),  FUZZ_SEED("812B"),   FUZZ_SEED("none"), FUZZ_SEED("18446744073709551614"),
	FUZZ_SEED("0.3T"), FUZZ_SEED("16383P"), FUZZ_SEED("0"),    FUZZ_SEED(""),
};

/* Plain decimals: what num_parse_u64 should say, computed from the text backwards. */
static void check_u64(const char *text, uint64_t max)
{
	uint64_t value = 0xa5;
	int result = num_parse_u64(text, max, &value);
	bool is_plain = text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
	FUZZ_CHECK(is_plain == (result != -EINVAL), "digits are a number, nothing else is");
	if (result < 0) {
		FUZZ_CHECK(value == 0xa5, "refused: output untouched");
		return;
	}
	FUZZ_CHECK(value <= max, "within the bound");
	BUF(shown, 32);
	buf_u64(&shown, value);
	const char *digits = text + strspn(text, "0");
	FUZZ_CHECK(strcmp(*digits ? digits : "0", shown.at) == 0, "the number that was written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bytes = 0xa5, back = 0xa5;
	char *text = fuzz_text(data, size);
	int result = num_parse_size(text, &bytes);
	bool is_none = strcmp(text, "none") == 0;
	check_u64(text, UINT64_MAX);
	check_u64(text, size);
	free(text);
	if (result < 0) {
		FUZZ_CHECK(result == -EINVAL || result == -ERANGE, "two errors");
		FUZZ_CHECK(bytes == 0xa5, "refused: output untouched");
		return 0;
	}
	FUZZ_ACCEPTED();
	FUZZ_CHECK((bytes == NUM_NONE) == is_none, "only none is none");

	BUF(shown, 8);
	num_format_size(&shown, bytes);
	FUZZ_CHECK(!shown.cut && shown.len > 0, "is shown in a few characters");
	FUZZ_CHECK(num_parse_size(shown.at, &back) == 0, "what is shown can be read");
	FUZZ_CHECK(back <= bytes && bytes - back <= bytes / 10, "and is the same, a little less at most");
	return 0;
}

FUZZ_MAIN(seeds)

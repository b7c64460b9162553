/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "base/hash.h"
#include "codec/breaker.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("spawnguard breaker 1\nat 00f8f1a4-7abe-48a5-b95a-9976e6b01ca2 4026531834 50932187883348 1795302845863095851\nbudget tokens 86400000000000 10000000 0\nused 0 4000000\n"),
	FUZZ_SEED("spawnguard breaker 1\nat ? 0 0 0\n"),
	FUZZ_SEED("spawnguard breaker 1\nat ? 0 0 0\n\n\nx"),
	FUZZ_SEED("check 00000000\n"),
	FUZZ_SEED(""),
};
/* clang-format on */

static void check_text(const char *text, size_t n)
{
	struct breaker_time then;
	struct breaker_lines lines;
	const char *line, *last = text;
	size_t length;

	if (breaker_parse(text, n, &then, &lines) < 0)
		return;
	FUZZ_ACCEPTED();
	FUZZ_CHECK(strnlen(then.boot_id, sizeof(then.boot_id)) < sizeof(then.boot_id), "a boot id ends");
	while ((line = breaker_next_line(&lines, &length))) {
		FUZZ_CHECK(line >= last && line + length <= text + n, "a line is within the text");
		FUZZ_CHECK(!memchr(line, '\n', length), "a line has no newline");
		last = line + length;
	}
	(void)breaker_passed(&then, &then);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text((const char *)data, size);

	/* Once more with its check made right: what the check does not see. */
	char *bytes = malloc(size + 24);
	struct buf text;
	if (!bytes)
		abort();
	buf_init(&text, bytes, size + 24);
	buf_mem(&text, data, size);
	breaker_format_end(&text);
	check_text(bytes, text.len);
	free(bytes);
	return 0;
}

FUZZ_MAIN(seeds)

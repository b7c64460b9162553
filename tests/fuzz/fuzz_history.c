/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "base/hash.h"
#include "check_text.h"
#include "codec/history.h"

#define RUN "0123456789abcdef0123456789abcdef"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("{\"schema\":1,\"event\":\"end\",\"time\":\"2026-09-21T14:13:21.623Z\",\"spawnguard.run.id\":\"0123456789abcdef0123456789abcdef\",\"spawnguard.job\":\"nightly\",\"spawnguard.outcome\":\"ok\",\"check\":\"611e8e1f\"}"),
	FUZZ_SEED("{\"schema\":1,\"event\":\"start\",\"time\":\"2026-09-21T14:13:20.123Z\",\"spawnguard.run.id\":\"0123456789abcdef0123456789abcdef\",\"spawnguard.job\":\"a\\\"b\",\"spawnguard.tags\":{\"a\":\"b\",\"event\":\"end\",\"spawnguard.run.id\":\"fedc\"},\"check\":\"de2d48f5\"}"),
	FUZZ_SEED("{\"schema\":1,\"event\":\"refused\",\"time\":\"\",\"spawnguard.run.id\":\"0123456789abcdef0123456789abcdef\",\"check\":\"4b932a85\"}"),
	FUZZ_SEED("{\"schema\":1,\"event\":\"end\",\"time\":\"x\",\"spawnguard.run.id\":\"0123456789abcdef0123456789abcdef\",\"check\":\"00000000\"}"),
	FUZZ_SEED("{\"schema\":2,\"event\":\"end\",\"time\":\"x\",\"spawnguard.run.id\":\"0123456789abcdef0123456789abcdef\",\"check\":\"c840e17b\"}"),
	FUZZ_SEED(",\"check\":\"00000000\"}"),
	FUZZ_SEED("{}"),
	FUZZ_SEED(""),
};
/* clang-format on */

/* The definition, bit by bit: no table. */
static uint32_t crc_bitwise(const unsigned char *bytes, size_t n)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
	}
	return ~crc;
}

/* Behind the value at `at`, within JSON that is known to be right. */
static const char *skip_value(const char *at, const char *end)
{
	size_t depth = 0;
	do {
		if (*at == '"') {
			at = check_json_string(at, end, NULL, NULL);
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	} while (depth > 0 || (*at != ',' && *at != '}'));
	return at;
}

/* Has the object, which is JSON, a member of its own that says so? */
static bool has_member(const char *line, size_t n, const char *name, const char *text)
{
	const char *end = line + n, *at = line + 1;
	size_t name_n = strlen(name), text_n = strlen(text);
	while (*at == '"') {
		const char *key = at + 1;
		at = check_json_string(at, end, NULL, NULL);
		bool is_it = (size_t)(at - key) == name_n + 1 && memcmp(key, name, name_n) == 0;
		const char *value = ++at;
		at = skip_value(at, end);
		if (is_it && (size_t)(at - value) == text_n + 2 && memcmp(value + 1, text, text_n) == 0)
			return true;
		if (*at == ',')
			at++;
	}
	return false;
}

static void check_line(const char *line, size_t n)
{
	static const char *const events[] = { "start", "end", "refused" };
	unsigned claims = 0;
	bool is_intact = history_line_is_intact(line, n);

	if (is_intact) {
		const char *check = line + n - 10;
		BUF(digits, 16);
		FUZZ_CHECK(n >= 22 && line[0] == '{' && line[n - 1] == '}', "a line is an object");
		buf_hex(&digits, crc_bitwise((const unsigned char *)line, n - 20), 8);
		FUZZ_CHECK(memcmp(check, digits.at, 8) == 0, "the check is right");
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!history_line_is(line, n, events[i], RUN))
			continue;
		FUZZ_ACCEPTED();
		claims++;
		FUZZ_CHECK(is_intact, "only an intact line is one");
		if (check_json(line, n))
			FUZZ_CHECK(has_member(line, n, "event", events[i]) &&
					   has_member(line, n, "spawnguard.run.id", RUN),
				   "no text of another member decides");
	}
	FUZZ_CHECK(claims <= 1, "a line is of one event");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_line((const char *)data, size);

	/* Once more with its check made right: what the check does not see. */
	size_t body = size > 20 ? size - 20 : size;
	char *line = malloc(body + 24);
	struct buf text;
	if (!line)
		abort();
	buf_init(&text, line, body + 24);
	buf_mem(&text, data, body);
	buf_str(&text, ",\"check\":\"");
	buf_hex(&text, hash_crc32(0, data, body), 8);
	buf_str(&text, "\"}");
	check_line(line, text.len);
	free(line);
	return 0;
}

FUZZ_MAIN(seeds)

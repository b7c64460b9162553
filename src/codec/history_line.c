#include "codec/history_line.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"

#define CHECK_KEY  ",\"check\":\""
#define CHECK_TAIL (sizeof(CHECK_KEY) - 1 + 8 + 2) /* key, eight digits, "} */

void history_line_seal(struct buf *out, size_t at)
{
	uint32_t check = hash_crc32(0, out->at + at, out->len - at);
	buf_str(out, CHECK_KEY);
	buf_hex(out, check, 8);
	buf_str(out, "\"}\n");
}

bool history_line_is_intact(const char *line, size_t n)
{
	if (n < CHECK_TAIL + 2 || line[0] != '{')
		return false;
	const char *tail = line + n - CHECK_TAIL;
	if (memcmp(tail, CHECK_KEY, sizeof(CHECK_KEY) - 1) != 0 || memcmp(line + n - 2, "\"}", 2) != 0)
		return false;
	BUF(want, 16);
	buf_hex(&want, hash_crc32(0, line, n - CHECK_TAIL), 8);
	return memcmp(tail + sizeof(CHECK_KEY) - 1, want.at, 8) == 0;
}

static_assert(HISTORY_SCHEMA == 1, "as history_line_is reads it");

/* Is `text` the next of `*at`?  Then it is passed over. */
static bool take(const char **at, const char *end, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(end - *at) < n || memcmp(*at, text, n) != 0)
		return false;
	*at += n;
	return true;
}

bool history_line_is(const char *line, size_t n, const char *event, const char *run_id)
{
	const char *at = line, *end = line + n;

	/* Word by word from the start, as it is written: a tag may be named like any of these keys. */
	if (!take(&at, end, "{\"schema\":1,\"event\":\"") || !take(&at, end, event) ||
	    !take(&at, end, "\",\"time\":\""))
		return false;
	const char *quote = memchr(at, '"', (size_t)(end - at));
	if (!quote)
		return false;
	at = quote;
	return take(&at, end, "\",\"spawnguard.run.id\":\"") && take(&at, end, run_id) &&
	       take(&at, end, "\"") && history_line_is_intact(line, n);
}

/* The inside of a string that begins at `*at`, up to and with its quote. */
static bool take_string(const char **at, const char *end, struct history_text *out)
{
	out->at = *at;
	for (const char *c = *at; c < end; c++) {
		if (*c == '\\') {
			c++;
		} else if (*c == '"') {
			out->n = (size_t)(c - *at);
			*at = c + 1;
			return true;
		}
	}
	return false;
}

bool history_line_peek(const char *line, size_t n, struct history_peek *out_peek)
{
	const char *at = line, *end = line + n;
	struct history_peek peek;

	if (!take(&at, end, "{\"schema\":1,\"event\":\"") || !take_string(&at, end, &peek.event) ||
	    !take(&at, end, ",\"time\":\"") || !take_string(&at, end, &peek.time) ||
	    !take(&at, end, ",\"spawnguard.run.id\":\"") || !take_string(&at, end, &peek.run_id) ||
	    !take(&at, end, ",\"spawnguard.job\":\"") || !take_string(&at, end, &peek.job))
		return false;
	*out_peek = peek;
	return true;
}

#include "codec/breaker.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/word.h"

#define FIRST     "spawnguard breaker 1\n"
#define CHECK     "check "
#define CHECK_LEN (sizeof(CHECK) - 1 + 8 + 1)
#define UNKNOWN   "?" /* a word where there is none */

bool breaker_is_same_boot(const struct breaker_time *then, const struct breaker_time *now)
{
	return then->boot_id[0] != '\0' && strcmp(then->boot_id, now->boot_id) == 0 &&
	       then->time_namespace == now->time_namespace;
}

uint64_t breaker_passed(const struct breaker_time *then, const struct breaker_time *now)
{
	if (breaker_is_same_boot(then, now) && now->boot_ns >= then->boot_ns)
		return now->boot_ns - then->boot_ns;
	return now->wall_ns > then->wall_ns ? now->wall_ns - then->wall_ns : 0;
}

void breaker_format_begin(struct buf *out, const struct breaker_time *now)
{
	buf_str(out, FIRST);
	buf_str(out, "at ");
	buf_str(out, now->boot_id[0] != '\0' ? now->boot_id : UNKNOWN);
	buf_char(out, ' ');
	buf_u64(out, now->time_namespace);
	buf_char(out, ' ');
	buf_u64(out, now->boot_ns);
	buf_char(out, ' ');
	buf_u64(out, now->wall_ns);
	buf_char(out, '\n');
}

void breaker_format_end(struct buf *out)
{
	uint32_t check = hash_crc32(0, out->at, out->len);

	buf_str(out, CHECK);
	buf_hex(out, check, 8);
	buf_char(out, '\n');
}

const char *breaker_next_line(struct breaker_lines *lines, size_t *out_n)
{
	const char *line = lines->at;

	if (line == lines->end)
		return NULL;
	const char *newline = memchr(line, '\n', (size_t)(lines->end - line));
	*out_n = (size_t)((newline ? newline : lines->end) - line);
	lines->at = newline ? newline + 1 : lines->end;
	return line;
}

static bool parse_time(const char *line, size_t n, struct breaker_time *out)
{
	const char *at = line, *end = line + n;
	char word[4];

	memset(out, 0, sizeof(*out));
	if (!word_take(&at, end, word, sizeof(word)) || strcmp(word, "at") != 0 ||
	    !word_take(&at, end, out->boot_id, sizeof(out->boot_id)) ||
	    !word_take_u64(&at, end, &out->time_namespace) || !word_take_u64(&at, end, &out->boot_ns) ||
	    !word_take_u64(&at, end, &out->wall_ns) || at != end)
		return false;
	if (strcmp(out->boot_id, UNKNOWN) == 0)
		out->boot_id[0] = '\0';
	return true;
}

int breaker_parse(const char *text, size_t n, struct breaker_time *out_then, struct breaker_lines *out_lines)
{
	struct breaker_lines lines;
	struct breaker_time then;
	BUF(want, 24);

	if (n < sizeof(FIRST) - 1 + CHECK_LEN || memcmp(text, FIRST, sizeof(FIRST) - 1) != 0)
		return -EBADMSG;
	size_t body = n - CHECK_LEN;
	buf_str(&want, CHECK);
	buf_hex(&want, hash_crc32(0, text, body), 8);
	buf_char(&want, '\n');
	if (text[body - 1] != '\n' || memcmp(text + body, want.at, CHECK_LEN) != 0)
		return -EBADMSG;
	lines = (struct breaker_lines){ text + sizeof(FIRST) - 1, text + body };
	const char *line = breaker_next_line(&lines, &n);
	if (!line || !parse_time(line, n, &then))
		return -EBADMSG;
	*out_then = then;
	*out_lines = lines;
	return 0;
}

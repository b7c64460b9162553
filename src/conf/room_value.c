#include "conf/room_value.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

#define NUMBER_MAX 40

const char *const pressure_word[PRESSURE_OF_COUNT] = { "memory", "cpu", "io" };

static int refuse(struct buf *why, const char *text)
{
	buf_str(why, text);
	return -EINVAL;
}

/* The last of `n` bytes that is `c`; NULL. */
static const char *find_last(const char *text, size_t n, char c)
{
	while (n > 0)
		if (text[--n] == c)
			return text + n;
	return NULL;
}

int min_free_next(const char **at, struct min_free *out, struct buf *why)
{
	const char *item = *at;
	BUF(number, NUMBER_MAX);
	uint64_t bytes;

	if (*item == '\0')
		return 0;
	size_t n = strcspn(item, ",");
	const char *colon = find_last(item, n, ':');
	size_t dir = colon ? (size_t)(colon - item) : 0;
	if (dir == 0 || dir >= ROOM_DIR_MAX || (item[n] == ',' && item[n + 1] == '\0'))
		return refuse(why, "not a place and a size: write DIR:SIZE, as /var:2G, with commas between "
				   "several, or none");
	buf_mem(&number, colon + 1, n - dir - 1);
	if (number.cut || num_parse_size(number.at, &bytes) < 0 || bytes == NUM_NONE)
		return refuse(why, "not a size behind the colon: write 4096, 512K or 1.5G");
	if (bytes == 0)
		return refuse(why, "0 is refused: use none");
	memcpy(out->dir, item, dir);
	out->dir[dir] = '\0';
	out->bytes = bytes;
	*at = item[n] ? item + n + 1 : item + n;
	return 1;
}

static int parse_one(const char *item, size_t n, struct max_pressure *out)
{
	BUF(number, NUMBER_MAX);
	uint64_t pct;

	for (size_t i = 0; i < PRESSURE_OF_COUNT; i++) {
		size_t word = strlen(pressure_word[i]);
		if (n <= word || memcmp(item, pressure_word[i], word) != 0 || item[word] != '=')
			continue;
		n -= item[n - 1] == '%';
		buf_mem(&number, item + word + 1, n - word - 1);
		if (out->pct[i] != 0 || number.cut || num_parse_u64(number.at, 100, &pct) < 0 || pct == 0)
			return -EINVAL;
		out->pct[i] = (uint32_t)pct;
		return 0;
	}
	return -EINVAL;
}

int max_pressure_parse(const char *text, struct max_pressure *out, struct buf *why)
{
	struct max_pressure all = { 0 };

	for (const char *item = text; item;) {
		size_t n = strcspn(item, ",");
		if (parse_one(item, n, &all) < 0)
			return refuse(
				why,
				"not a pressure: write memory=10, cpu=80 or io=50, percent of time from 1 "
				"to 100, each once, with commas between, or none");
		item = item[n] ? item + n + 1 : NULL;
	}
	*out = all;
	return 0;
}

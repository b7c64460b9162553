/* layer: base */
#include "driver.h"

#include "base/buf.h"
#include "base/escape.h"
#include "check_text.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("./collect.sh --all --wait=10s"),
	FUZZ_SEED(") R 1 1\n(\033[2J"),
	FUZZ_SEED("gr\xc3\xbcn \xe6\xbc\xa2 \xf0\x9f\x99\x82 \xe2\x80\xae"
		  "abc\xe2\x80\xac"),
	FUZZ_SEED("it's \"quoted\" \\ $HOME `x` *?[a]~%1!"),
	FUZZ_SEED("\xc2\x9b"
		  "2J\x9b\xff\xfe\xc0\xaf\xe0\x80\xaf\xed\xa0\x80\xf4\x90\x80\x80"),
	FUZZ_SEED("\0\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\33\34\35\36\37\177"),
	FUZZ_SEED(""),
};

/* An escape is four columns, a quote four, JSON six bytes; with quotes and dots. */
#define OUT_MAX (6 * FUZZ_INPUT_MAX + 16)

static char back[OUT_MAX];

static void check_text(const char *bytes, size_t n, size_t columns, struct buf *out)
{
	buf_clear(out);
	escape_text(out, bytes, n, 0);
	FUZZ_CHECK(!out->cut && strlen(out->at) == out->len, "a text with room is whole and ends");
	FUZZ_CHECK(check_is_inert(out->at, out->len), "no control reaches a terminal");
	FUZZ_CHECK(check_unescape(out->at, out->len, back) == n && memcmp(back, bytes, n) == 0,
		   "text comes back");

	size_t whole = check_columns(out->at, out->len);
	buf_clear(out);
	escape_text(out, bytes, n, columns);
	FUZZ_CHECK(check_is_inert(out->at, out->len), "no control in a shortened text");
	FUZZ_CHECK(check_columns(out->at, out->len) <= (whole > columns ? columns + 3 : columns),
		   "columns are kept");
}

static void check_word(const char *bytes, size_t n, size_t columns, struct buf *out)
{
	buf_clear(out);
	escape_word(out, bytes, n, 0);
	FUZZ_CHECK(!out->cut && strlen(out->at) == out->len, "a word with room is whole and ends");
	FUZZ_CHECK(check_is_inert(out->at, out->len), "no control in a word");
	FUZZ_CHECK(check_unquote(out->at, out->len, back) == n && memcmp(back, bytes, n) == 0,
		   "a shell reads the same word");

	size_t whole = check_columns(out->at, out->len);
	buf_clear(out);
	escape_word(out, bytes, n, columns);
	FUZZ_CHECK(check_is_inert(out->at, out->len), "no control in a shortened word");
	FUZZ_CHECK(check_columns(out->at, out->len) <= (whole > columns ? columns + 3 : columns),
		   "columns are kept");
}

static void check_json_text(const char *bytes, size_t n, struct buf *out)
{
	size_t back_n = 0;
	buf_clear(out);
	buf_char(out, '"');
	escape_json(out, bytes, n);
	buf_char(out, '"');
	FUZZ_CHECK(!out->cut && strlen(out->at) == out->len, "JSON with room is whole and ends");
	FUZZ_CHECK(check_json_string(out->at, out->at + out->len, back, &back_n) == out->at + out->len,
		   "one JSON string");
	if (check_columns(bytes, n) != SIZE_MAX)
		FUZZ_CHECK(back_n == n && memcmp(back, bytes, n) == 0, "UTF-8 comes back");
}

/* Into memory of `cap` bytes: nothing behind it, nothing half. */
static void check_small(const char *bytes, size_t n, size_t cap)
{
	struct buf out;
	char *at = malloc(cap);
	if (!at)
		abort();
	buf_init(&out, at, cap);
	escape_text(&out, bytes, n, 0);
	FUZZ_CHECK(out.len < cap && at[out.len] == '\0', "a full text ends");
	FUZZ_CHECK(check_is_inert(at, out.len), "no control in a full text");
	FUZZ_CHECK(check_unescape(at, out.len, back) != SIZE_MAX, "no half of an escape");
	buf_clear(&out);
	escape_word(&out, bytes, n, 0);
	FUZZ_CHECK(out.len < cap && at[out.len] == '\0', "a full word ends");
	FUZZ_CHECK(check_is_inert(at, out.len), "no control in a full word");
	buf_clear(&out);
	escape_json(&out, bytes, n);
	FUZZ_CHECK(out.len < cap && at[out.len] == '\0', "full JSON ends");
	FUZZ_CHECK(check_columns(at, out.len) != SIZE_MAX, "no half of a character in JSON");
	free(at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char bytes[OUT_MAX];
	struct buf out;
	if (size > FUZZ_INPUT_MAX)
		return 0;
	FUZZ_ACCEPTED();
	buf_init(&out, bytes, sizeof(bytes));
	size_t columns = 1 + (size > 0 ? data[0] % 64U : 0);
	check_text((const char *)data, size, columns, &out);
	check_word((const char *)data, size, columns, &out);
	check_json_text((const char *)data, size, &out);
	check_small((const char *)data, size, columns);
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "base/hash.h"
#include "codec/session.h"

#define LINES_MAX 64

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("spawnguard-batch 1\nname drain\ndir /srv\noption --jobs=2\nword ./phase\nword {}\nitem a%20b%25%0A\nready 1\n"),
	FUZZ_SEED("sit 1795302845863095851\nrun 0 1 4711 50932187883348\n"
		  "end 0 1 failed exited 1 17446744073709551615 5 18446744073709551615 0 execution_error 7f3c 99 KeyError:%20x\n"),
	FUZZ_SEED("end 4294967295 2 ok ok 0 0 1 12 1 %- %- 18446744073709551615 %-\nover none\nover total\n"),
	FUZZ_SEED("item %-\nitem %\nitem %0\nitem %00\nitem %zz\nready 18446744073709551616\nrun 4294967296 0 0 0\nitem a b\n"),
	FUZZ_SEED("spawnguard-batch 2\nnext 1\n"),
	FUZZ_SEED("8f3c2a11 item torn"),
	FUZZ_SEED(""),
};
/* clang-format on */

static void check_string(const char *string, const char *text, size_t n)
{
	FUZZ_CHECK(!string || (string >= text && string + strlen(string) <= text + n),
		   "what is told stands in the text, and ends");
}

/* What is told of a line is written as one that says the same. */
static void check_again(const struct session_line *line)
{
	size_t room = SESSION_END_MAX + SESSION_LINE_MAX(line->n);
	char *bytes = malloc(room);
	struct session_line again;
	uint32_t damaged = 0;
	struct buf out;

	if (!bytes)
		abort();
	buf_init(&out, bytes, room);
	session_format(&out, line);
	FUZZ_CHECK(!out.cut, "there is room for any line");
	char *at = bytes;
	FUZZ_CHECK(session_next(&at, bytes + out.len, &again, &damaged), "what is written is read");
	FUZZ_CHECK(damaged == 0 && at == bytes + out.len, "and nothing else");
	FUZZ_CHECK(again.kind == line->kind && again.n == line->n && again.number == line->number &&
			   again.wall_ns == line->wall_ns && again.boot_ns == line->boot_ns &&
			   again.item == line->item && again.attempt == line->attempt &&
			   again.pid == line->pid && again.exit_status == line->exit_status &&
			   again.print == line->print && again.took_ns == line->took_ns &&
			   again.yield == line->yield && again.passed_ns == line->passed_ns &&
			   again.is_micro == line->is_micro,
		   "its numbers are the same");
	FUZZ_CHECK(line->n == 0 || memcmp(again.text, line->text, line->n) == 0, "its text is the same");
	free(bytes);
}

static void check_text(const char *bytes, size_t n)
{
	char *text = malloc(n + 1); /* the byte behind is the reader's */
	struct session_line line;
	uint32_t damaged = 0;

	if (!text)
		abort();
	memcpy(text, bytes, n);
	char *at = text, *last = text;
	while (session_next(&at, text + n, &line, &damaged)) {
		FUZZ_CHECK(at > last && at <= text + n, "it goes on, and not beyond the end");
		FUZZ_CHECK(line.kind < SESSION_KIND_COUNT, "a kind that is known");
		FUZZ_CHECK(!line.text || strlen(line.text) == line.n, "a text has no NUL");
		const char *const strings[] = { line.text,   line.came_to, line.outcome,
						line.reason, line.run_id,  line.summary };
		for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
			check_string(strings[i], text, n);
		check_again(&line);
		last = at;
		FUZZ_ACCEPTED();
	}
	FUZZ_CHECK(at == text + n, "it is read to its end");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;

	check_text(text, size);

	/* Once more with a check that is right before each line: what the check does not see. */
	size_t room = size + 10 * LINES_MAX;
	char *bytes = malloc(room + 1);
	struct buf whole;
	if (!bytes)
		abort();
	buf_init(&whole, bytes, room + 1);
	for (unsigned i = 0; i < LINES_MAX && text < end; i++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);
		buf_hex(&whole, hash_crc32(0, text, n), 8);
		buf_char(&whole, ' ');
		buf_mem(&whole, text, n);
		buf_char(&whole, '\n');
		text += n + 1;
	}
	check_text(bytes, whole.len);
	free(bytes);
	return 0;
}

FUZZ_MAIN(seeds)

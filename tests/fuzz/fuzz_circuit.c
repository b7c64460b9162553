/* layer: core */
#include "driver.h"

#include "base/buf.h"
#include "base/num.h"
#include "core/circuit_text.h"
#include "text_lines.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("rules 10000000000 3 600000000000 2 3600000000000 2 10 86400000000000 3600000000000 1 100000 600000000000\n"
		  "backoff startup 300000000000 600000000000 1200000000000\nopen 5 300000000000 7\n"
		  "why max-failures startup 3 1000 0 f1-0123456789abcdef\nreason by%20hand"),
	FUZZ_SEED("level startup 2\nfailed 9 startup\nfailed 0 lost\nsame 2 f1-00\nsummary a%20b%0A%25\nzero 3"),
	FUZZ_SEED("healthy 3\ntime 86400000000000 5\nspent 9 9\nspent 0 18446744073709551615"),
	FUZZ_SEED("end abc startup 1 2 3 4 5 -\nend - newclass 0 0 18446744073709551615 0 0 f1-1"),
	FUZZ_SEED("open 18446744073709551615 18446744073709551615 1\nwhy newrule none 0 0 1 -"),
	FUZZ_SEED("budget a 1 1 1"),
	FUZZ_SEED(""),
};
/* clang-format on */

static struct circuit c, again;

static int parse(void *to, const char *line, size_t n)
{
	struct circuit *circuit = to, before = *circuit;
	int r = circuit_text_parse(circuit, line, n);

	if (r < 0)
		*circuit = before; /* half a line was read */
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char bytes[CIRCUIT_TEXT_MAX], bytes_again[CIRCUIT_TEXT_MAX];
	struct buf text, text_again;

	memset(&c, 0, sizeof(c));
	memset(&again, 0, sizeof(again));
	if (text_lines_read((const char *)data, size, parse, &c) > 0)
		FUZZ_ACCEPTED();
	buf_init(&text, bytes, sizeof(bytes));
	circuit_text_format(&text, &c);
	FUZZ_CHECK(!text.cut, "there is room for all");
	(void)text_lines_read(bytes, text.len, parse, &again);
	buf_init(&text_again, bytes_again, sizeof(bytes_again));
	circuit_text_format(&text_again, &again);
	FUZZ_CHECK(strcmp(bytes, bytes_again) == 0, "what is written is read");

	/* Whatever stood there: it has a way out, and an end can be counted in it. */
	struct circuit_end end = { .run_id = "now", .failure = FAILURE_STARTUP, .took_ns = 1 };
	(void)circuit_end(&c, &end, "x", 0, UINT32_MAX);
	circuit_pass(&c, UINT64_MAX - 1);
	FUZZ_CHECK(c.wait_ns == CIRCUIT_NEVER || circuit_ask(&c) != CIRCUIT_REFUSE, "each wait ends");
	for (uint32_t rule = 0; rule <= CIRCUIT_RULE_COUNT; rule++)
		(void)circuit_gauge(&c, (enum circuit_rule)rule);
	(void)circuit_reset(&c);
	FUZZ_CHECK(circuit_ask(&c) == CIRCUIT_GO, "a hand closes it");
	return 0;
}

FUZZ_MAIN(seeds)

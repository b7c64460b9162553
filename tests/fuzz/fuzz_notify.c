/* layer: codec */
/* count: 1000000 */
#include "driver.h"

#include <errno.h>

#include "base/buf.h"
#include "base/num.h"
#include "codec/notify.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("READY=1"),
	FUZZ_SEED("READY=1\nSTATUS=12 of 40\nMAINPID=4711\n"),
	FUZZ_SEED("WATCHDOG=1"),
	FUZZ_SEED("WATCHDOG=trigger"),
	FUZZ_SEED("WATCHDOG_USEC=30000000\nEXTEND_TIMEOUT_USEC=1000000"),
	FUZZ_SEED("STOPPING=1\nERRNO=28\nSTATUS=no space"),
	FUZZ_SEED("RELOADING=1\nMONOTONIC_USEC=123456"),
	FUZZ_SEED("BARRIER=1"),
	FUZZ_SEED("FDSTORE=1\nFDNAME=a"),
	FUZZ_SEED("X_SPAWNGUARD_COUNTER=tokens=51200\nX_SPAWNGUARD_COUNTER=cost+=0.42"),
	FUZZ_SEED("X_SPAWNGUARD_COUNTER=a=18446744073709.551614"),
	FUZZ_SEED("\n\n=\n=1\nX=\n"),
	FUZZ_SEED(""),
};

static void check_counter(const struct notify_counter *c)
{
	struct notify_counter back;
	BUF(text, 128);

	size_t n = strnlen(c->key, sizeof(c->key));
	FUZZ_CHECK(n > 0 && n <= NOTIFY_KEY_MAX, "a key has a length");
	FUZZ_CHECK(strspn(c->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n,
		   "and plain characters");
	FUZZ_CHECK(c->micro != NUM_NONE, "a value is no \"none\"");
	buf_str(&text, c->key);
	buf_str(&text, c->is_added ? "+=" : "=");
	num_format_micro(&text, c->micro);
	FUZZ_CHECK(notify_parse_counter(text.at, text.len, &back) == 0, "what is shown can be read");
	FUZZ_CHECK(memcmp(&back, c, sizeof(back)) == 0, "and is the same");
}

/* What is passed on is understood as it was, without what is not for others. */
static void check_passed_on(const char *bytes, size_t n, const struct notify *said)
{
	struct notify again;
	const uint32_t ours = NOTIFY_BARRIER | NOTIFY_STORE | NOTIFY_TRIGGER;
	BUF(text, NOTIFY_MAX + 1);

	size_t length = notify_format_passed_on(&text, bytes, n);
	FUZZ_CHECK(!text.cut && length == text.len && length <= n, "no longer than it came");
	if (length == 0) {
		FUZZ_CHECK((said->said & ~ours) == 0, "nothing is lost");
		return;
	}
	FUZZ_CHECK(notify_parse(text.at, text.len, &again) == 0, "is a datagram");
	FUZZ_CHECK((again.said & ours) == 0 && again.counter_count == 0, "without what is ours");
	FUZZ_CHECK(again.said == (said->said & ~ours), "and says the same");
	FUZZ_CHECK(!(said->said & NOTIFY_PERIOD) || again.period_ns == said->period_ns,
		   "with the same period");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notify said;
	const char *bytes = (const char *)data;
	uint32_t lines = 1;

	int r = notify_parse(bytes, size, &said);
	BUF(none, 16);
	if (r < 0) {
		FUZZ_CHECK(r == -EBADMSG, "one error");
		FUZZ_CHECK(notify_format_passed_on(&none, bytes, size) == 0, "refused: nothing is passed on");
		return 0;
	}
	FUZZ_ACCEPTED();
	FUZZ_CHECK(size > 0 && size <= NOTIFY_MAX && !memchr(bytes, '\0', size), "text");
	for (size_t i = 0; i < size; i++)
		lines += bytes[i] == '\n';
	FUZZ_CHECK(said.passed_over + said.counter_count <= lines, "no more than there are lines");
	FUZZ_CHECK(said.counter_count <= NOTIFY_COUNTERS_MAX, "bounded");
	for (uint32_t i = 0; i < said.counter_count; i++)
		check_counter(&said.counter[i]);
	if (said.said & NOTIFY_STATUS) {
		FUZZ_CHECK(said.status >= bytes && said.status + said.status_n <= bytes + size, "within");
		FUZZ_CHECK(!memchr(said.status, '\n', said.status_n), "one line");
	}
	if (said.said & NOTIFY_PERIOD)
		FUZZ_CHECK(said.period_ns > 0 && said.period_ns < NUM_NONE, "a period");
	if (said.said & NOTIFY_EXTEND)
		FUZZ_CHECK(said.extend_ns > 0 && said.extend_ns < NUM_NONE, "a time");
	check_passed_on(bytes, size, &said);
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "codec/procfs.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("765 401 372 5 0 123 0\n"),
	FUZZ_SEED("0 0 0 0 0 0 0\n"),
	FUZZ_SEED("18446744073709551615 18446744073709551615 0 0 0 0 0\n"),
	FUZZ_SEED("198881 977562 2\n"),
	FUZZ_SEED("0.07 12.50 3.25 3/1234 4194303\n"),
	FUZZ_SEED("1234.07 0.00 0.00 1/86 18446744073709551615\n"),
	FUZZ_SEED("some avg10=12.34 avg60=5.00 avg300=0.00 total=99\nfull avg10=1.00 avg60=0.00\n"),
	FUZZ_SEED("some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n"),
};

static void put_centi(struct buf *out, uint32_t centi)
{
	buf_u64(out, centi / 100);
	buf_char(out, '.');
	buf_pad(out, centi % 100, 2);
}

static void check_statm(const char *bytes, size_t n)
{
	uint64_t pages = 0xa5, again;
	if (procfs_parse_statm(bytes, n, &pages) < 0) {
		FUZZ_CHECK(pages == 0xa5, "refused: output untouched");
		return;
	}
	FUZZ_ACCEPTED();
	BUF(digits, 32);
	buf_u64(&digits, pages);
	const char *written = (const char *)memchr(bytes, ' ', n) + 1; /* accepted: it is there */
	while (written[0] == '0' && written[1] != ' ')
		written++;
	FUZZ_CHECK(memcmp(written, digits.at, digits.len) == 0 && written[digits.len] == ' ',
		   "the number that was written, not what it wraps to");

	BUF(text, 64);
	buf_str(&text, "0 ");
	buf_u64(&text, pages);
	buf_str(&text, " 0");
	FUZZ_CHECK(procfs_parse_statm(text.at, text.len, &again) == 0 && again == pages, "pages come back");
}

static void check_schedstat(const char *bytes, size_t n)
{
	uint64_t ran_ns = 0xa5, again;
	if (procfs_parse_schedstat(bytes, n, &ran_ns) < 0) {
		FUZZ_CHECK(ran_ns == 0xa5, "refused: output untouched");
		return;
	}
	FUZZ_ACCEPTED();
	BUF(text, 64);
	buf_u64(&text, ran_ns);
	buf_str(&text, " 0 0");
	FUZZ_CHECK(procfs_parse_schedstat(text.at, text.len, &again) == 0 && again == ran_ns,
		   "the time comes back");
}

static void check_load(const char *bytes, size_t n)
{
	struct proc_load load, again;
	if (procfs_parse_load(bytes, n, &load) < 0)
		return;
	FUZZ_ACCEPTED();
	BUF(text, 128);
	put_centi(&text, load.load1_centi);
	buf_str(&text, " 0.00 0.00 ");
	buf_u64(&text, load.running);
	buf_char(&text, '/');
	buf_u64(&text, load.total);
	buf_char(&text, ' ');
	buf_u64(&text, load.last_pid);
	buf_char(&text, '\n');
	FUZZ_CHECK(procfs_parse_load(text.at, text.len, &again) == 0, "load can be written and read");
	FUZZ_CHECK(load.load1_centi == again.load1_centi && load.running == again.running &&
			   load.total == again.total && load.last_pid == again.last_pid,
		   "load comes back");
}

static void check_pressure(const char *bytes, size_t n)
{
	uint32_t centi = 0xa5, again;
	if (procfs_parse_pressure(bytes, n, &centi) < 0) {
		FUZZ_CHECK(centi == 0xa5, "refused: output untouched");
		return;
	}
	FUZZ_ACCEPTED();
	BUF(text, 64);
	buf_str(&text, "some avg10=");
	put_centi(&text, centi);
	buf_char(&text, ' ');
	FUZZ_CHECK(procfs_parse_pressure(text.at, text.len, &again) == 0 && again == centi,
		   "pressure comes back");
}

/* statm, schedstat, loadavg and pressure: one line of numbers each, too small for a target of their own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_statm((const char *)data, size);
	check_schedstat((const char *)data, size);
	check_load((const char *)data, size);
	check_pressure((const char *)data, size);
	return 0;
}

FUZZ_MAIN(seeds)

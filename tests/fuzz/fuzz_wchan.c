/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "codec/procfs.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("hrtimer_nanosleep"),
	FUZZ_SEED("0"),
	FUZZ_SEED("do_wait.part.0"),
	FUZZ_SEED("abcdefghijklmnopqrstuvwxyz012345"),
	FUZZ_SEED("Limit                     Soft Limit           Hard Limit           Units     \n"
		  "Max open files            1024                 1048576              files     \n"),
	FUZZ_SEED("Max open files            unlimited            unlimited            files     \n"),
	FUZZ_SEED("00400000-7ffd ---p 00000000 00:00 0  [rollup]\nRss:       1664 kB\nPss:        512 kB\n"),
	FUZZ_SEED(""),
};

static void check_memory(const char *bytes, size_t n)
{
	struct proc_memory memory = { 0xa5, 0xa5 }, again;
	if (procfs_parse_memory(bytes, n, &memory) < 0) {
		FUZZ_CHECK(memory.rss_bytes == 0xa5 && memory.pss_bytes == 0xa5, "refused: output untouched");
		return;
	}
	FUZZ_ACCEPTED();
	BUF(text, 128);
	buf_str(&text, "Rss: ");
	buf_u64(&text, memory.rss_bytes / 1024);
	buf_str(&text, " kB\nPss: ");
	buf_u64(&text, memory.pss_bytes / 1024);
	buf_str(&text, " kB\n");
	FUZZ_CHECK(procfs_parse_memory(text.at, text.len, &again) == 0 &&
			   again.rss_bytes == memory.rss_bytes && again.pss_bytes == memory.pss_bytes,
		   "memory comes back");
}

/* Three small files of one process: the same bytes to all parsers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[PROC_WCHAN_MAX], again[PROC_WCHAN_MAX];
	uint64_t soft = 0xa5a5, second = 0;

	memset(name, 0xa5, sizeof(name));
	check_memory((const char *)data, size);
	int r = procfs_parse_wchan((const char *)data, size, name);
	if (r >= 0) {
		FUZZ_ACCEPTED();
		size_t n = strnlen(name, sizeof(name));
		FUZZ_CHECK(n < sizeof(name), "a name ends");
		FUZZ_CHECK((r > 0) == (n > 0), "a name, or none");
		for (size_t i = 0; i < n; i++)
			FUZZ_CHECK(name[i] > ' ' && name[i] < 0x7f, "which prints");
		FUZZ_CHECK(r == 0 || (procfs_parse_wchan(name, n, again) == 1 && strcmp(name, again) == 0),
			   "and reads as itself");
	}
	r = procfs_parse_file_limit((const char *)data, size, &soft);
	if (r < 0) {
		FUZZ_CHECK(r == -EBADMSG && soft == 0xa5a5, "refused: output untouched");
		return 0;
	}
	FUZZ_ACCEPTED();
	BUF(line, 128);
	buf_str(&line, "Max open files ");
	buf_u64(&line, soft);
	buf_str(&line, " x\n");
	FUZZ_CHECK(procfs_parse_file_limit(line.at, line.len, &second) == 0 && second == soft,
		   "what was read can be written and read");
	return 0;
}

FUZZ_MAIN(seeds)

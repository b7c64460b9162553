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
	FUZZ_SEED(""),
};

/* Two small files of one process: the same bytes to both parsers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[PROC_WCHAN_MAX], again[PROC_WCHAN_MAX];
	uint64_t soft = 0xa5a5, second = 0;

	memset(name, 0xa5, sizeof(name));
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

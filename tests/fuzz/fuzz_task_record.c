/* layer: codec */
#include "driver.h"

#include "codec/task_record.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("\x07\0\0\0\0\0\x20\0\x64\0\0\0\x32\0\0\0\x64\0\0\0\x32\0\0\0\x09\0\0\0\0\0\0\0"),
	FUZZ_SEED("\x04\0\0\0\0\0\x20\0\x64\0\0\0\x32\0\0\0\x65\0\0\0\x32\0\0\0\x09\0\0\0\0\0\0\0"),
	FUZZ_SEED("\x02\0\0\0\0\0\x18\0\x01\0\0\0\0\0\0\0\x4d\0\0\0\0\0\0\0"),
	FUZZ_SEED("\x03\0\0\0\0\0\x10\0\x01\0\0\0\0\0\0\0"),
};

/* As a ring is read: record after record, as their sizes say. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= 8) {
		struct task_record r = { .kind = TASK_OTHER, .pid = 0xa5 };
		size_t n = task_record_size(data);
		if (n == 0 || n > size)
			break;
		FUZZ_CHECK(n >= 8 && n % 8 == 0, "it goes on");
		if (task_record_parse(data, n < TASK_RECORD_MAX ? n : TASK_RECORD_MAX, &r) == 0) {
			FUZZ_ACCEPTED();
			FUZZ_CHECK(r.pid >= 0 && r.parent >= 0, "a number, or none");
			FUZZ_CHECK((r.missed == 0) || r.kind == TASK_MISSED, "only a loss has lost");
		} else {
			FUZZ_CHECK(r.pid == 0xa5, "refused: output untouched");
		}
		data += n;
		size -= n;
	}
	return 0;
}

FUZZ_MAIN(seeds)

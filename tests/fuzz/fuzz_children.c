/* layer: codec */
#include "driver.h"

#include <limits.h>

#include "codec/procfs.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("12 345 4194303 "),
	FUZZ_SEED("2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"),
	FUZZ_SEED("0 1 2147483647 2147483648 4294967308 18446744073709551628 12 "),
	FUZZ_SEED("12 x 345 "),
	FUZZ_SEED("12\n345\n"),
	FUZZ_SEED(""),
};

#define PIDS_MAX (FUZZ_INPUT_MAX / 2 + 1)

struct pids {
	pid_t at[PIDS_MAX + 1]; /* one behind the last that there can be: `cap` is never 0 */
	size_t count;
};

/* The same, slow and in one piece. */
static void read_simply(const char *bytes, size_t n, struct pids *out)
{
	out->count = 0;
	for (size_t i = 0; i < n;) {
		uint64_t value = 0;
		size_t start = i;
		for (; i < n && bytes[i] >= '0' && bytes[i] <= '9'; i++)
			value = value > INT_MAX ? value : value * 10 + (uint64_t)(bytes[i] - '0');
		if (i < n && bytes[i] != ' ' && bytes[i] != '\n')
			return;
		if (i > start && value > 1 && value <= INT_MAX)
			out->at[out->count++] = (pid_t)value;
		i++;
	}
}

/* In pieces of `step` bytes, each in memory of its own, `cap` pids at a time. */
static void read_in_pieces(const char *bytes, size_t n, size_t step, size_t cap, struct pids *out)
{
	struct proc_children c = { 0 };
	out->count = 0;
	for (size_t i = 0; i < n; i += step) {
		size_t length = n - i < step ? n - i : step;
		char *piece = malloc(length);
		if (!piece)
			abort();
		memcpy(piece, bytes + i, length);
		const char *at = piece;
		size_t got;
		do {
			FUZZ_CHECK(out->count + cap <= PIDS_MAX + 1, "no more pids than bytes allow");
			got = procfs_feed_children(&c, &at, piece + length, out->at + out->count, cap);
			FUZZ_CHECK(got <= cap, "no more than asked for");
			FUZZ_CHECK(at >= piece && at <= piece + length, "stays within its piece");
			out->count += got;
		} while (got == cap);
		FUZZ_CHECK(at == piece + length, "takes the whole piece");
		free(piece);
	}
	out->count += procfs_feed_children(&c, NULL, NULL, out->at + out->count, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pids want, got;
	if (size > FUZZ_INPUT_MAX)
		return 0;
	read_simply((const char *)data, size, &want);
	if (want.count > 0)
		FUZZ_ACCEPTED();
	size_t step = 1 + (size > 0 ? data[size / 2] % 9U : 0);
	read_in_pieces((const char *)data, size, step, 1 + step % 3, &got);
	FUZZ_CHECK(got.count == want.count, "as many pids, however it is split");
	FUZZ_CHECK(memcmp(got.at, want.at, want.count * sizeof(pid_t)) == 0,
		   "the same pids, however it is split");
	return 0;
}

FUZZ_MAIN(seeds)

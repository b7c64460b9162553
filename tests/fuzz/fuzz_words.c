/* layer: conf */
#include "driver.h"

#include "conf/words.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED(""),
	FUZZ_SEED("./collect.sh --all"),
	FUZZ_SEED("sh -c 'echo \"$1\"; exit 3' \"a \\\" b\" c\\ d ''"),
	FUZZ_SEED("a'b\"c'\"d'e\" \\\\ \\"),
	FUZZ_SEED("\t 'open"),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct words words;
	int r = words_check(text, &words);

	if (r < 0) {
		FUZZ_CHECK(words.error != NULL, "a refusal says why");
		free(text);
		return 0;
	}
	FUZZ_CHECK(words.count > 0 && words.bytes >= words.count, "at least a NUL each");
	FUZZ_CHECK(words.bytes <= strlen(text) + 1, "words are never longer than their text");
	char *store = malloc(words.bytes);
	const char **argv = calloc(words.count, sizeof(*argv));
	if (!store || !argv)
		abort();
	words_split(text, store, argv);
	size_t sum = 0;
	for (size_t i = 0; i < words.count; i++) {
		FUZZ_CHECK(argv[i] == store + sum, "one behind the other");
		sum += strlen(argv[i]) + 1;
	}
	FUZZ_CHECK(sum == words.bytes, "as many bytes as were counted");
	FUZZ_ACCEPTED();
	free(argv);
	free(store);
	free(text);
	return 0;
}

FUZZ_MAIN(seeds)

/* layer: base */
#include "driver.h"

#include "base/escape.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("nightly"),
	FUZZ_SEED("../../etc/passwd"),
	FUZZ_SEED("%2E%2E%2Fx"),
	FUZZ_SEED("a%0Ab%FF%80"),
	FUZZ_SEED(".hidden.tmp"),
	FUZZ_SEED("%41%2e%00%G0%"),
	FUZZ_SEED("0123456789012345678901234567890123456789012345678901234567890123456789"),
	FUZZ_SEED("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aa"),
	FUZZ_SEED(""),
};

static bool is_safe(const char *file)
{
	size_t n = strlen(file);
	return n > 0 && n <= ESCAPE_NAME_MAX &&
	       strspn(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%") == n;
}

/* As a name: a safe file name that leads back to it. */
static void check_name(const char *name)
{
	char file[ESCAPE_NAME_MAX + 1] = "untouched", back[ESCAPE_NAME_MAX + 1];
	int result = escape_name(name, file);
	if (result < 0) {
		FUZZ_CHECK(result == (name[0] ? -ENAMETOOLONG : -EINVAL), "too long, or nothing");
		FUZZ_CHECK(strlen(name) * 3 > ESCAPE_NAME_MAX || !name[0], "short names always fit");
		FUZZ_CHECK(strcmp(file, "untouched") == 0, "refused: output untouched");
		return;
	}
	FUZZ_CHECK(is_safe(file), "a file name is safe");
	FUZZ_CHECK(unescape_name(file, back) == 0 && strcmp(back, name) == 0, "a name comes back");
}

/* As a file: refused, or the one file of its name. */
static void check_file(const char *file)
{
	char name[ESCAPE_NAME_MAX + 1] = "untouched", back[ESCAPE_NAME_MAX + 1];
	int result = unescape_name(file, name);
	if (result < 0) {
		FUZZ_CHECK(result == -EINVAL, "one error");
		FUZZ_CHECK(strcmp(name, "untouched") == 0, "refused: output untouched");
		return;
	}
	FUZZ_ACCEPTED();
	FUZZ_CHECK(is_safe(file), "only what we write is read");
	FUZZ_CHECK(escape_name(name, back) == 0 && strcmp(back, file) == 0, "one file for one name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	check_name(text);
	check_file(text);
	free(text);
	return 0;
}

FUZZ_MAIN(seeds)

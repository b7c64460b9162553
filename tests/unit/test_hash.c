/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/hash.h"

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	uint32_t crc;
	uint64_t fnv;
} rows[] = {
	{ "nothing",                    "",          0x00000000, HASH_FNV_START },
	{ "one byte",                   "a",         0xe8b7be43, 0xaf63dc4c8601ec8cULL },
	{ "the check of the catalogue", "123456789", 0xcbf43926, 0x06d5573923c6cdfcULL },
	{ "vector of the FNV authors",  "foobar",    0x9ef61f95, 0x85944171f73967e8ULL },
	{ "a byte with its top bit",    "\xff",      0xff000000, 0xaf64724c8602eb6eULL },
};
/* clang-format on */

static void matches_known_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = strlen(rows[i].text);
		uint32_t crc = hash_crc32(0, rows[i].text, n);
		uint64_t fnv = hash_fnv(HASH_FNV_START, rows[i].text, n);
		if (crc != rows[i].crc)
			fail_msg("%s: crc %08x", rows[i].rule, crc);
		if (fnv != rows[i].fnv)
			fail_msg("%s: fnv %016llx", rows[i].rule, (unsigned long long)fnv);
	}
}

/* The definition, bit by bit: no table. */
static uint32_t crc_bitwise(const unsigned char *bytes, size_t n)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
	}
	return ~crc;
}

static void every_row_of_the_table_is_right(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		unsigned char bytes[] = { (unsigned char)first, 0, (unsigned char)~first };
		assert_int_equal(hash_crc32(0, bytes, 1), crc_bitwise(bytes, 1));
		assert_int_equal(hash_crc32(0, bytes, 3), crc_bitwise(bytes, 3));
	}
}

static void goes_on_at_every_split(void **state)
{
	(void)state;
	unsigned char bytes[257];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 3);
	uint32_t crc = hash_crc32(0, bytes, sizeof(bytes));
	uint64_t fnv = hash_fnv(HASH_FNV_START, bytes, sizeof(bytes));
	assert_int_equal(crc, crc_bitwise(bytes, sizeof(bytes)));
	for (size_t at = 0; at <= sizeof(bytes); at++) {
		size_t rest = sizeof(bytes) - at;
		assert_int_equal(hash_crc32(hash_crc32(0, bytes, at), bytes + at, rest), crc);
		assert_true(hash_fnv(hash_fnv(HASH_FNV_START, bytes, at), bytes + at, rest) == fnv);
	}
}

/* What CRC-32 promises: no damage of one or two bits goes unseen. */
static void sees_every_flip_of_two_bits(void **state)
{
	(void)state;
	unsigned char bytes[24] = "spawnguard history row";
	uint32_t crc = hash_crc32(0, bytes, sizeof(bytes));
	for (size_t a = 0; a < sizeof(bytes) * 8; a++) {
		for (size_t b = a; b < sizeof(bytes) * 8; b++) {
			bytes[a / 8] ^= (unsigned char)(1 << a % 8);
			if (b != a)
				bytes[b / 8] ^= (unsigned char)(1 << b % 8);
			assert_int_not_equal(hash_crc32(0, bytes, sizeof(bytes)), crc);
			bytes[a / 8] ^= (unsigned char)(1 << a % 8);
			if (b != a)
				bytes[b / 8] ^= (unsigned char)(1 << b % 8);
		}
	}
}

/* Every flip of one bit, every length: another value. */
static void words_see_every_bit_and_the_length(void **state)
{
	(void)state;
	unsigned char bytes[41] = { 0 };
	for (size_t n = 0; n < sizeof(bytes); n++) {
		uint32_t whole = hash_words(0, bytes, n);
		assert_int_not_equal(hash_words(0, bytes, n + 1), whole);
		assert_int_not_equal(hash_words(1, bytes, n), whole);
		for (size_t bit = 0; bit < n * 8; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			assert_int_not_equal(hash_words(0, bytes, n), whole);
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
	}
}

/* The value is of the bytes, not of where they stand, nor of what is behind them. */
static void words_do_not_depend_on_the_place(void **state)
{
	(void)state;
	static const char text[] = "spawnguard history row";
	uint32_t want = hash_words(7, text, sizeof(text));
	for (size_t offset = 0; offset < 16; offset++) {
		AUTO_FREE char *copy = malloc(offset + sizeof(text));
		assert_non_null(copy);
		memset(copy, 0x5a, offset);
		memcpy(copy + offset, text, sizeof(text));
		assert_int_equal(hash_words(7, copy + offset, sizeof(text)), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_known_values),
		cmocka_unit_test(every_row_of_the_table_is_right),
		cmocka_unit_test(goes_on_at_every_split),
		cmocka_unit_test(sees_every_flip_of_two_bits),
		cmocka_unit_test(words_see_every_bit_and_the_length),
		cmocka_unit_test(words_do_not_depend_on_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

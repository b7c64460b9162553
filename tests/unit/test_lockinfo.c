/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/hash.h"
#include "codec/lockinfo.h"

#define RUN "0123456789abcdef0123456789abcdef"

static struct lockinfo some_info(void)
{
	struct lockinfo info = {
		.holder = { .run_id = RUN, .front = 4711, .since_boot_ns = 5000000000 },
		.refusals = { .count = 14, .line_wall_ns = 1790000000000000000 },
		.wants_scan = 1,
	};
	lock_holder_seal(&info.holder);
	lock_refusals_seal(&info.refusals);
	return info;
}

static bool has_holder(const struct lockinfo *info)
{
	const struct lock_holder none = { 0 };
	return memcmp(&info->holder, &none, sizeof(none)) != 0;
}

static bool has_refusals(const struct lockinfo *info)
{
	const struct lock_refusals none = { 0 };
	return memcmp(&info->refusals, &none, sizeof(none)) != 0;
}

static void comes_back_as_written(void **state)
{
	(void)state;
	struct lockinfo info = some_info(), read = info;
	lockinfo_check(&read);
	assert_memory_equal(&read, &info, sizeof(info));
}

static void the_places_on_disk_are_fixed(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct lockinfo), 128);
	assert_int_equal(offsetof(struct lockinfo, holder), 0);
	assert_int_equal(offsetof(struct lockinfo, refusals), 96);
	assert_int_equal(offsetof(struct lockinfo, wants_scan), 120);
}

static void a_file_of_zeroes_says_nothing(void **state)
{
	(void)state;
	struct lockinfo info = { 0 };
	lockinfo_check(&info);
	assert_false(has_holder(&info));
	assert_false(has_refusals(&info));
	assert_int_equal(info.wants_scan, 0);
}

/* Each damaged part alone becomes unknown. */
static void sees_damage_of_every_byte(void **state)
{
	(void)state;
	const struct lockinfo good = some_info();
	for (size_t at = 0; at < offsetof(struct lockinfo, wants_scan); at++) {
		for (unsigned value = 0; value < 256; value++) {
			struct lockinfo info = good;
			unsigned char *byte = (unsigned char *)&info + at;
			if (*byte == value)
				continue;
			*byte = (unsigned char)value;
			lockinfo_check(&info);
			bool is_holders = at < offsetof(struct lockinfo, refusals);
			if (has_holder(&info) != !is_holders || has_refusals(&info) != is_holders)
				fail_msg(
					"byte %zu as %02x: the holder is %sbelieved, refusals are %sbelieved",
					at, value, has_holder(&info) ? "" : "not ",
					has_refusals(&info) ? "" : "not ");
			assert_int_equal(info.wants_scan, 1);
		}
	}
}

/* The two parts are written by two writers at any time. */
static void parts_are_sealed_alone(void **state)
{
	(void)state;
	struct lockinfo info = some_info();
	info.holder.front = 12;
	lock_holder_seal(&info.holder);
	info.refusals.count++;
	lock_refusals_seal(&info.refusals);
	info.wants_scan = 0;
	lockinfo_check(&info);
	assert_int_equal(info.holder.front, 12);
	assert_int_equal(info.refusals.count, 15);
}

static void an_id_without_an_end_is_refused(void **state)
{
	(void)state;
	struct lockinfo info = some_info();
	memset(info.holder.run_id, 'x', sizeof(info.holder.run_id));
	lock_holder_seal(&info.holder);
	lockinfo_check(&info);
	assert_false(has_holder(&info));
	assert_true(has_refusals(&info));

	memset(info.holder.run_id, 'x', sizeof(info.holder.run_id) - 1);
	lock_holder_seal(&info.holder);
	lockinfo_check(&info);
	assert_true(has_holder(&info));
}

/* The check alone is not enough: a file of another kind may hold one. */
static void another_kind_of_file_is_refused(void **state)
{
	(void)state;
	struct lockinfo info = some_info();
	info.holder.magic++;
	info.holder.check = 0;
	info.holder.check = hash_words(0, &info.holder, sizeof(info.holder));
	lockinfo_check(&info);
	assert_false(has_holder(&info));
}

/* As one short read of a file gives it: the rest is zero. */
static void cut_at_every_length(void **state)
{
	(void)state;
	const struct lockinfo good = some_info();
	for (size_t n = 0; n <= sizeof(good); n++) {
		struct lockinfo info = { 0 };
		memcpy(&info, &good, n);
		lockinfo_check(&info);
		/* The last bytes that are not zero decide: since_boot_ns, line_wall_ns. */
		if (n < 88)
			assert_false(has_holder(&info));
		if (n >= 96)
			assert_true(has_holder(&info));
		assert_int_equal(has_refusals(&info), n >= 120);
		assert_int_equal(info.wants_scan, n > 120);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_written),
		cmocka_unit_test(the_places_on_disk_are_fixed),
		cmocka_unit_test(a_file_of_zeroes_says_nothing),
		cmocka_unit_test(sees_damage_of_every_byte),
		cmocka_unit_test(parts_are_sealed_alone),
		cmocka_unit_test(an_id_without_an_end_is_refused),
		cmocka_unit_test(another_kind_of_file_is_refused),
		cmocka_unit_test(cut_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "os/fd.h"
#include "os/link.h"

static void what_was_said_before_the_end_is_heard(void **state)
{
	(void)state;
	for (int unread = 0; unread < 2; unread++) {
		char text[8];
		int ends[2];

		assert_int_equal(os_link_open(ends), 0);
		if (unread) /* the other side ends without having looked */
			assert_int_equal(os_link_send(ends[0], "too late", 8), 0);
		assert_int_equal(os_link_receive(ends[0], text, sizeof(text)), -EAGAIN);
		assert_int_equal(os_link_send(ends[1], "a", 1), 0);
		assert_int_equal(os_link_send(ends[1], "bc", 2), 0);
		os_fd_close(&ends[1]);
		assert_int_equal(os_link_receive(ends[0], text, sizeof(text)), 1);
		assert_int_equal(os_link_receive(ends[0], text, sizeof(text)), 2);
		assert_int_equal(os_link_receive(ends[0], text, sizeof(text)), 0);
		assert_int_equal(os_link_receive(ends[0], text, sizeof(text)), 0);
		assert_int_equal(os_link_send(ends[0], "x", 1), -EPIPE);
		os_fd_close(&ends[0]);
	}
}

static void a_crowd_leaves_room(void **state)
{
	(void)state;
	static const char message[1024];
	char text[2048];
	int ends[2];

	assert_int_equal(os_link_open(ends), 0);
	assert_false(os_link_is_crowded(ends[0]));
	while (!os_link_is_crowded(ends[0]))
		assert_int_equal(os_link_send(ends[0], message, sizeof(message)), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(os_link_send(ends[0], message, sizeof(message)), 0);
	while (os_link_receive(ends[1], text, sizeof(text)) > 0)
		;
	assert_false(os_link_is_crowded(ends[0]));
	os_fd_close(&ends[0]);
	os_fd_close(&ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_before_the_end_is_heard),
		cmocka_unit_test(a_crowd_leaves_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

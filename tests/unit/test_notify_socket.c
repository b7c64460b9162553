/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/notify.h"

#define LINGER_S   20
#define FDS_MOST   253
#define AT_ONCE_NS 5000000000ULL

static char where[OS_NOTIFY_WHERE_MAX];

static int open_socket(void)
{
	struct buf name;
	buf_init(&name, where, sizeof(where));
	buf_str(&name, "@spawnguard-unit-");
	buf_u64(&name, (uint64_t)getpid());
	int fd = os_notify_open(where);
	assert_true(fd >= 0);
	return fd;
}

static void send_fds(int to, const char *text, const int *fds, size_t n)
{
	static union {
		char bytes[CMSG_SPACE(FDS_MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&message);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	if (sendmsg(to, &message, 0) < 0)
		_exit(3);
}

static int connect_to_guard(void)
{
	struct sockaddr_un {
		sa_family_t family;
		char path[108];
	} address = { AF_UNIX, { 0 } };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(address.path + 1, where + 1, strlen(where) - 1);
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)(sizeof(sa_family_t) + strlen(where))) < 0)
		_exit(4);
	return fd;
}

/* Closed, it waits until its peer has read it all, which never does. */
static int lingering_socket(const struct sockaddr_in *to)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	static char bytes[65536];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		_exit(5);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		_exit(6);
	return fd;
}

enum shape { ALONE, MANY };

/* Whoever sends it ends at once: the datagram alone has it. */
static void send_lingering(const struct sockaddr_in *to, enum shape shape)
{
	int fds[40], n = shape == MANY ? 40 : 1;
	int guard = connect_to_guard();

	for (int i = 0; i < n; i++)
		fds[i] = lingering_socket(to);
	send_fds(guard, "FDSTORE=1", fds, (size_t)n);
	_exit(0);
}

static void what_lingers_is_closed_at_once(void **state)
{
	(void)state;
	for (enum shape shape = ALONE; shape <= MANY; shape++) {
		AUTO_FD int fd = open_socket();
		AUTO_FD int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
		socklen_t n = sizeof(at);
		struct os_notify_from from;
		char bytes[64];
		int status;

		if (bind(listener, (struct sockaddr *)&at, n) < 0 || listen(listener, 64) < 0)
			skip(); /* no network here */
		assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
		pid_t pid = fork();
		if (pid == 0)
			send_lingering(&at, shape);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		uint64_t began_ns = os_clock_boot_ns();
		assert_int_equal(os_notify_receive(fd, bytes, sizeof(bytes), &from), 9);
		assert_true(from.fd >= 0 && from.is_known && from.pid == pid);
		os_notify_release(&from);
		assert_int_equal(from.fd, -1);
		if (os_clock_boot_ns() - began_ns > AT_ONCE_NS)
			fail_msg("%d: %lu ms", (int)shape, (os_clock_boot_ns() - began_ns) / 1000000);
	}
}

static int next_number(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(close(fd), 0);
	return fd;
}

static void nothing_of_a_flood_is_kept(void **state)
{
	(void)state;
	AUTO_FD int fd = open_socket();
	int before = next_number();
	struct os_notify_from from;
	char bytes[64];

	for (int round = 0; round < 20; round++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			int fds[FDS_MOST], guard = connect_to_guard();
			for (int i = 0; i < FDS_MOST; i++)
				fds[i] = i % 2 ? dup(1) : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
			send_fds(guard, "BARRIER=1", fds, FDS_MOST);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(os_notify_receive(fd, bytes, sizeof(bytes), &from), 9);
		assert_false(from.is_cut);
		os_notify_release(&from);
	}
	assert_int_equal(next_number(), before);
	assert_int_equal(os_notify_receive(fd, bytes, sizeof(bytes), &from), -EAGAIN);
}

static void a_barrier_is_answered_by_its_release(void **state)
{
	(void)state;
	AUTO_FD int fd = open_socket();
	struct os_notify_from from;
	char bytes[64];
	int ends[2];

	assert_int_equal(os_pipe_open(ends), 0);
	AUTO_FD int guard = connect_to_guard();
	send_fds(guard, "BARRIER=1", &ends[1], 1);
	os_fd_close(&ends[1]);
	assert_int_equal(os_notify_receive(fd, bytes, sizeof(bytes), &from), 9);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(ends[0], bytes, 1), -1);
	os_notify_release(&from);
	assert_int_equal(read(ends[0], bytes, 1), 0);
	os_fd_close(&ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lingers_is_closed_at_once),
		cmocka_unit_test(nothing_of_a_flood_is_kept),
		cmocka_unit_test(a_barrier_is_answered_by_its_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

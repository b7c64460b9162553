/*
 * For jobs written in C: tell the guard around you that you are ready, that you are alive, how far you are.
 *
 *	#include <spawnguard/notify.h>
 *
 *	sg_notify_ready();                       --start-timeout is over
 *	sg_notify_beat();                        --heartbeat begins anew
 *	sg_notify_status("page 12 of 40");       for people: the record has the last one
 *	sg_notify_counter("tokens", 51200);      stands at
 *	sg_notify_add("events", 12);             has risen by
 *
 * Each returns 1: told; 0: no guard listens (SPAWNGUARD_NOTIFY is not set); else a negative errno.  None
 * blocks.  Nothing is kept between calls, nothing is allocated; the calls may be made in any thread.
 *
 * What is told by a process that ends at once is believed if it cannot be asked any more.  Who wants to be
 *sure waits, with sg_notify_wait(), until the guard has taken it.
 *
 * The messages are those of sd_notify(3): what speaks that protocol may send them itself.
 */
#ifndef SPAWNGUARD_NOTIFY_H
#define SPAWNGUARD_NOTIFY_H

#ifndef _GNU_SOURCE
#error "spawnguard/notify.h: define _GNU_SOURCE before the first include"
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SG_NOTIFY_MAX 4096 /* bytes of a message: a longer one is not taken */

/* A message, NAME=VALUE lines; `fd` goes with it, -1 = none. */
static inline int sg_notify_send_fd(const char *text, size_t n, int fd)
{
	const char *where = getenv("SPAWNGUARD_NOTIFY");
	struct sockaddr_un address;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part;
	struct msghdr message;

	if (!where || where[0] == '\0')
		return 0;
	size_t length = strlen(where);
	if ((where[0] != '/' && where[0] != '@') || length >= sizeof(address.sun_path))
		return -EINVAL;
	if (n > SG_NOTIFY_MAX)
		return -EMSGSIZE;
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, where, length);
	if (where[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract name */
	memset(&message, 0, sizeof(message));
	part.iov_base = (void *)(uintptr_t)text;
	part.iov_len = n;
	message.msg_name = &address;
	message.msg_namelen =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (where[0] == '/'));
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (to < 0)
		return -errno;
	int result = sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 1;
	close(to);
	return result;
}

static inline int sg_notify_send(const char *text)
{
	return sg_notify_send_fd(text, strlen(text), -1);
}

static inline int sg_notify_ready(void)
{
	return sg_notify_send("READY=1");
}

static inline int sg_notify_beat(void)
{
	return sg_notify_send("WATCHDOG=1");
}

/* `a`, `b` and `c` behind each other; a line break within would begin another line of the protocol. */
static inline int sg_notify_join(const char *a, const char *b, const char *c)
{
	char text[SG_NOTIFY_MAX];
	const char *parts[3];
	size_t n = 0;

	parts[0] = a;
	parts[1] = b;
	parts[2] = c;
	for (int i = 0; i < 3; i++)
		for (const char *at = parts[i]; *at; at++) {
			if (n == sizeof(text))
				return -EMSGSIZE;
			text[n++] = *at == '\n' ? ' ' : *at;
		}
	return sg_notify_send_fd(text, n, -1);
}

static inline int sg_notify_status(const char *status)
{
	return sg_notify_join("STATUS=", status, "");
}

/* `between`: "=" or "+=" */
static inline int sg_notify_count(const char *key, const char *between, uint64_t value)
{
	char digits[32], word[256];
	size_t at = sizeof(digits), n = strlen(key), m = strlen(between);

	digits[--at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	if (n + m >= sizeof(word))
		return -EMSGSIZE;
	memcpy(word, key, n);
	memcpy(word + n, between, m + 1);
	return sg_notify_join("X_SPAWNGUARD_COUNTER=", word, digits + at);
}

/* `key`: 1 to 32 of A-Z a-z 0-9 _ . - */
static inline int sg_notify_counter(const char *key, uint64_t value)
{
	return sg_notify_count(key, "=", value);
}

static inline int sg_notify_add(const char *key, uint64_t value)
{
	return sg_notify_count(key, "+=", value);
}

/* Until all that was told before has been taken: 1; -ETIMEDOUT, 0 and others as above. */
static inline int sg_notify_wait(int timeout_ms)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int result = sg_notify_send_fd("BARRIER=1", 9, ends[1]);
	close(ends[1]);
	if (result == 1) {
		struct pollfd wait = { ends[0], POLLIN, 0 };
		int n;
		do
			n = poll(&wait, 1, timeout_ms);
		while (n < 0 && errno == EINTR);
		result = n > 0 ? 1 : n == 0 ? -ETIMEDOUT : -errno;
	}
	close(ends[0]);
	return result;
}

#endif

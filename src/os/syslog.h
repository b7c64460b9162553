/* The way to the system log: datagrams, never waited for. */
#ifndef SG_OS_SYSLOG_H
#define SG_OS_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>

struct syslog_time;

struct os_syslog {
	int fd;          /* owned; -1 = not open */
	bool is_journal; /* it goes to journald's own socket, in fields */
};

/* 0, -errno.  Who listens is not asked here. */
int os_syslog_open(struct os_syslog *out);
const char *os_syslog_path(const struct os_syslog *syslog);
/* 0; -EAGAIN (full), -ENOENT, -ECONNREFUSED (nobody listens), -errno: it is lost. */
int os_syslog_send(const struct os_syslog *syslog, const void *datagram, size_t n);

/* Now, in the local time zone. */
void os_syslog_time(struct syslog_time *out);

#endif

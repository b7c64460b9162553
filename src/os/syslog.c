#include "os/syslog.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/syslog.h"

#define JOURNAL_PATH "/run/systemd/journal/socket"
#define SYSLOG_PATH  "/dev/log"

int os_syslog_open(struct os_syslog *out)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*out = (struct os_syslog){ .fd = fd, .is_journal = access(JOURNAL_PATH, F_OK) == 0 };
	return 0;
}

const char *os_syslog_path(const struct os_syslog *syslog)
{
	return syslog->is_journal ? JOURNAL_PATH : SYSLOG_PATH;
}

/* Not connected: a logger that was started anew meanwhile is found again. */
int os_syslog_send(const struct os_syslog *syslog, const void *datagram, size_t n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct buf path;

	buf_init(&path, to.sun_path, sizeof(to.sun_path));
	buf_str(&path, os_syslog_path(syslog));
	ssize_t sent = sendto(syslog->fd, datagram, n, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&to, sizeof(to));
	return sent < 0 ? -errno : 0;
}

void os_syslog_time(struct syslog_time *out)
{
	time_t now = time(NULL);
	struct tm local = { .tm_mday = 1 };

	(void)localtime_r(&now, &local);
	*out = (struct syslog_time){ .month = (unsigned)local.tm_mon + 1,
				     .day = (unsigned)local.tm_mday,
				     .hour = (unsigned)local.tm_hour,
				     .minute = (unsigned)local.tm_min,
				     .second = (unsigned)local.tm_sec };
}

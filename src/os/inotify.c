#include "os/inotify.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"

int os_inotify_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int os_inotify_add(int inotify, int fd, int news)
{
	uint32_t mask = 0;
	BUF(path, 40);

	if (news & OS_NEWS_WRITTEN)
		mask |= IN_MODIFY;
	if (news & OS_NEWS_GONE)
		mask |= IN_MOVE_SELF | IN_DELETE_SELF |
			IN_ATTRIB; /* a name that goes is a change of the link count */
	if (news & OS_NEWS_NAMES)
		mask |= IN_CREATE | IN_DELETE | IN_MOVE;
	if (news & OS_NEWS_CLOSED)
		mask |= IN_CLOSE_WRITE;
	if (news & OS_NEWS_ONCE)
		mask |= IN_ONESHOT;
	/* By descriptor: whatever its name has come to mean, it is this file. */
	buf_str(&path, "/proc/self/fd/");
	buf_i64(&path, fd);
	return inotify_add_watch(inotify, path.at, mask) < 0 ? -errno : 0;
}

void os_inotify_drain(int inotify)
{
	char bytes[4096];

	while (read(inotify, bytes, sizeof(bytes)) > 0)
		;
}

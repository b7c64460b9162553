#include "store/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/self.h"
#include "os/user.h"

int conffile_user_path(char *out, size_t n)
{
	char home[256];
	struct buf path;

	if (os_user_home_local(os_self_uid(), home, sizeof(home)) < 0)
		return -ENOENT;
	buf_init(&path, out, n);
	buf_str(&path, home);
	buf_str(&path, "/.config/spawnguard.conf");
	return path.cut ? -ENOENT : 0;
}

static int refuse(int err, const char *why, const char **out_why)
{
	*out_why = why;
	return -err;
}

static int judge(const struct os_file_id *id, const char **out_why)
{
	if (!S_ISREG(id->mode))
		return refuse(EINVAL, "no regular file: name one that is", out_why);
	if (id->uid != 0 && id->uid != os_self_uid())
		return refuse(EPERM, "it belongs to another user: chown it to root or to who runs this",
			      out_why);
	if (id->mode & 022)
		return refuse(EPERM, "others can write to it: chmod go-w", out_why);
	if (id->size > CONFFILE_MAX)
		return refuse(EFBIG, "larger than 1 MiB, so no configuration: name one that is", out_why);
	return 0;
}

static int read_whole(int fd, size_t size, char **out_text, size_t *out_n, const char **out_why)
{
	AUTO_FREE char *text = malloc(size + 1);
	size_t n = 0;

	if (!text)
		return refuse(ENOMEM, "no memory to read it", out_why);
	while (n <= size) {
		ssize_t got = os_fd_pread(fd, text + n, size + 1 - n, n);
		if (got < 0)
			return refuse((int)-got, "it cannot be read", out_why);
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > size) /* no room to end it, and half of it may be old */
		return refuse(EAGAIN, "it grew while it was read: try again", out_why);
	*out_text = text;
	*out_n = n;
	text = NULL;
	return 0;
}

int conffile_read(const char *path, char **out_text, size_t *out_n, const char **out_why)
{
	struct os_file_id id;
	AUTO_FD int fd = os_open_user(path, O_RDONLY, 0);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	/* A service whose home is closed to it has no file there; a file that is there and cannot be read
	 * may hold what must not be left out. */
	if (fd == -EACCES && os_file_id_at(OS_CWD, path, &id) == -EACCES)
		return -ENOENT;
	if (fd == -EACCES)
		return refuse(EACCES, "it cannot be read: permission denied; make it readable", out_why);
	if (fd == -ELOOP)
		return refuse(ELOOP, "it cannot be read: too many links; name the file itself", out_why);
	if (fd < 0)
		return refuse(-fd, "it cannot be opened", out_why);
	int r = os_file_id(fd, &id);
	if (r < 0)
		return refuse(-r, "it cannot be looked at", out_why);
	r = judge(&id, out_why);
	return r < 0 ? r : read_whole(fd, (size_t)id.size, out_text, out_n, out_why);
}

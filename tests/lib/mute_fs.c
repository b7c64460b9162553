/*
 * mute_fs DIR [DEVICE]: a file system on DIR, in mounts of its own, that answers everything but a read:
 * whoever reads DIR/file, or touches a page of it in memory, waits in the kernel, where no KILL reaches.
 * Others come to it by /proc/PID/root/DIR.  Says "ready" once it stands, "read" of a read.  When standard
 * input is at its end, or this process ends in any other way, the kernel gives an error to all who wait. Exit
 * 77: it is not allowed here, and why.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_NAME  "file"
#define FILE_ID    2
#define FILE_BYTES (1U << 20)
#define LIMIT_S    600 /* whoever forgets us */
#define NOT_HERE   77
#define VALID_S    3600

static void skip(const char *what)
{
	perror(what);
	exit(NOT_HERE);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		skip(path);
	close(fd);
}

static void say(const char *word)
{
	if (puts(word) < 0 || fflush(stdout) != 0)
		exit(3);
}

/* Nobody else sees the mount, and it goes with us. */
static void leave_mounts(void)
{
	const unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
		skip("unshare");
	if (uid != 0) {
		put("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		put("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		put("/proc/self/gid_map", map);
		prctl(PR_SET_DUMPABLE, 1); /* else /proc/PID/root is root's */
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip("mount private");
}

static int open_mount(const char *dir, const char *device)
{
	char options[128];
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip(device);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=%u,group_id=%u", fd, geteuid(),
		 getegid());
	if (mount("mute", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		skip("mount");
	return fd;
}

static void answer(int fd, uint64_t unique, int error, const void *body, size_t n)
{
	struct fuse_out_header head = { .len = (uint32_t)(sizeof(head) + n),
					.error = error,
					.unique = unique };
	struct iovec part[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)body, n } };

	/* ENOENT: who asked does not wait any more. */
	if (writev(fd, part, n > 0 ? 2 : 1) < 0 && errno != ENOENT)
		skip("answer");
}

static struct fuse_attr attr_of(uint64_t id)
{
	return (struct fuse_attr){
		.ino = id,
		.size = id == FILE_ID ? FILE_BYTES : 0,
		.mode = id == FILE_ID ? S_IFREG | 0755 : S_IFDIR | 0755,
		.nlink = 1,
		.uid = geteuid(),
		.gid = getegid(),
		.blksize = 4096,
	};
}

static void look_up(int fd, uint64_t unique, const char *name)
{
	struct fuse_entry_out entry = {
		.nodeid = FILE_ID, .entry_valid = VALID_S, .attr_valid = VALID_S, .attr = attr_of(FILE_ID)
	};

	if (strcmp(name, FILE_NAME) == 0)
		answer(fd, unique, 0, &entry, sizeof(entry));
	else
		answer(fd, unique, -ENOENT, NULL, 0);
}

static void serve(int fd, const struct fuse_in_header *in)
{
	const struct fuse_init_in *init = (const void *)(in + 1);
	struct fuse_init_out hello = { .major = FUSE_KERNEL_VERSION,
				       .minor = FUSE_KERNEL_MINOR_VERSION,
				       .max_write = 4096 };
	struct fuse_attr_out attr = { .attr_valid = VALID_S, .attr = attr_of(in->nodeid) };
	const struct fuse_open_in *how = (const void *)(in + 1);
	struct fuse_open_out opened = { 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		hello.minor = init->minor < hello.minor ? init->minor : hello.minor;
		answer(fd, in->unique, 0, &hello, sizeof(hello));
		break;
	case FUSE_LOOKUP:
		look_up(fd, in->unique, (const char *)(in + 1));
		break;
	case FUSE_GETATTR:
		answer(fd, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		opened.open_flags = FOPEN_KEEP_CACHE | (how->flags & O_DIRECT ? FOPEN_DIRECT_IO : 0);
		/* fall through */
	case FUSE_OPENDIR:
		answer(fd, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		answer(fd, in->unique, 0, NULL, 0);
		break;
	case FUSE_READ:
		say("read"); /* and no answer */
		break;
	case FUSE_INTERRUPT:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		break;
	default:
		answer(fd, in->unique, -ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static _Alignas(struct fuse_in_header) char request[1 << 17];
	char byte;

	if (argc < 2 || argc > 3)
		return 2;
	alarm(LIMIT_S);
	leave_mounts();
	int fd = open_mount(argv[1], argc > 2 ? argv[2] : "/dev/fuse");
	say("ready");
	struct pollfd set[2] = { { fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
	for (;;) {
		if (poll(set, 2, -1) < 0 && errno != EINTR)
			return 3;
		if (set[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)
			return 0;
		if (!set[0].revents)
			continue;
		ssize_t n = read(fd, request, sizeof(request));
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve(fd, (const void *)request);
		else if (n < 0 && errno != ENOENT && errno != EINTR)
			return errno == ENODEV ? 0 : 3; /* it was unmounted */
	}
}

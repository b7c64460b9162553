/* Who cannot be read, or ended: by a file that no read of comes back from (mute_fs). */
#include "victim.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ROOM_NAME  "VICTIM_ROOM"
#define ROOM_BYTES 65536 /* of each: whole pages that hold nothing else */

/* Fields of /proc/PID/stat, counted as in proc(5). */
#define FIELD_STATE     3
#define FIELD_ARG_START 48
#define FIELD_ENV_END   51

/* With arguments and an environment that have room. */
static void start_again(int argc, char **argv)
{
	static char room[ROOM_BYTES];
	char **more = calloc((size_t)argc + 3, sizeof(*more));
	if (!more)
		life_broken("calloc");
	memset(room, 'x', sizeof(room) - 1);
	if (setenv(ROOM_NAME, room, 1) < 0)
		life_broken("setenv");
	more[0] = (char[]){ "victim" };
	memcpy(more + 1, argv, (size_t)argc * sizeof(*argv));
	more[argc + 1] = room;
	execv("/proc/self/exe", more);
	life_broken("exec itself");
}

/* Where this process has its arguments, and its environment behind them. */
static void find_strings(unsigned long *start, unsigned long *end)
{
	char text[2048];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		life_broken("stat");
	close(fd);
	text[n] = '\0';
	char *at = strrchr(text, ')') + 1;
	for (int field = FIELD_STATE; field <= FIELD_ENV_END; field++) {
		at += strspn(at, " ");
		if (field == FIELD_ARG_START)
			*start = strtoul(at, NULL, 10);
		if (field == FIELD_ENV_END)
			*end = strtoul(at, NULL, 10);
		at += strcspn(at, " ");
	}
}

/* From here on getenv() waits for ever, too. */
static void hide_strings(const char *path)
{
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	unsigned long start = 0, end = 0;

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		life_broken(path);
	find_strings(&start, &end);
	start = (start + page - 1) / page * page;
	end = end / page * page;
	if (start + ROOM_BYTES > end)
		life_broken("no room");
	if (mmap((void *)start, end - start, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		life_broken("mmap");
	close(fd);
}

/* hidden FILE: its arguments and environment are pages of FILE; since 4.17 the kernel does not look there. */
static int shape_hidden(int argc, char **argv, bool leave)
{
	if (argc < 2)
		life_broken("hidden: no FILE");
	if (!getenv(ROOM_NAME))
		start_again(argc, argv);
	hide_strings(argv[1]);
	return life_ready(leave);
}

static int open_file(int argc, char **argv, int flags)
{
	int fd = argc < 2 ? -1 : open(argv[1], O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0)
		life_broken(argc < 2 ? "no FILE" : argv[1]);
	return fd;
}

/* reading FILE: says that it is ready, then waits in the kernel, where no KILL reaches it. */
static int shape_reading(int argc, char **argv, bool leave)
{
	char byte;

	(void)leave;
	int fd = open_file(argc, argv, 0);
	life_ready(true);
	return read(fd, &byte, 1) < 0 ? VICTIM_BROKEN : 0;
}

/*
 * mapping FILE: the same, with its memory locked for all.  Nobody maps a file past its cache without emptying
 * that, and a page of it is waited for by somebody who is `reading`: no KILL ends this one, and no read of
 * its cmdline, environ or smaps comes back.
 */
static int shape_mapping(int argc, char **argv, bool leave)
{
	(void)leave;
	int fd = open_file(argc, argv, O_DIRECT);
	life_ready(true);
	return mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? VICTIM_BROKEN : 0;
}

static void map_file(int fd)
{
	if (mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		life_broken("mmap");
}

/*
 * unreadable FILE [N [MIB]]: has a page of FILE in its memory, and N children alike.  At SIGUSR1 each wants
 * more memory: while somebody is `touching` that page, it waits for them, and all who want to read of it wait
 * behind it.  A KILL ends it, and them.
 */
static int shape_unreadable(int argc, char **argv, bool leave)
{
	const int children = argc > 2 ? life_number(argv[2]) : 0;
	const size_t bytes = argc > 3 ? (size_t)life_number(argv[3]) << 20 : 0;
	sigset_t set;
	int sig;

	(void)leave;
	char *memory = malloc(bytes);
	if (bytes > 0 && !memory)
		life_broken("malloc");
	for (size_t i = 0; i < bytes; i += 4096)
		memory[i] = 1;
	map_file(open_file(argc, argv, 0));
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* who touches it is none of its parents */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < children; i++)
		if (life_fork() == 0)
			break;
	life_ready(true);
	sigwait(&set, &sig);
	if (mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		life_broken("mmap");
	life_stay();
}

/* Where process `pid` has a page of a file of that name. */
static unsigned long find_page(int pid, const char *name)
{
	char path[64], line[4096];
	unsigned long at = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		life_broken(path);
	while (at == 0 && fgets(line, sizeof(line), maps)) {
		const char *end = strstr(line, name);
		if (end && strcmp(end + strlen(name), "\n") == 0)
			at = strtoul(line, NULL, 16);
	}
	fclose(maps);
	return at;
}

/* touching NAME PID: reads the page of file NAME in the memory of that process, and waits, as above. */
static int shape_touching(int argc, char **argv, bool leave)
{
	char path[64], byte;

	(void)leave;
	if (argc < 3)
		life_broken("touching: NAME PID");
	const unsigned long at = find_page(life_number(argv[2]), argv[1]);
	snprintf(path, sizeof(path), "/proc/%d/mem", life_number(argv[2]));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || at == 0)
		life_broken(path);
	life_ready(true);
	return pread(fd, &byte, 1, (off_t)at) < 0 ? VICTIM_BROKEN : 0;
}

/* clang-format off */
const struct shape block_shapes[] = {
	{ "hidden",     "FILE",     shape_hidden,     true },
	{ "reading",    "FILE",     shape_reading,    true },
	{ "mapping",    "FILE",     shape_mapping,    true },
	{ "unreadable", "FILE [N [MIB]]", shape_unreadable, true },
	{ "touching",   "NAME PID", shape_touching,   true },
	{ NULL,         NULL,       NULL,             false },
};
/* clang-format on */

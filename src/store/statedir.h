/* Where state lives: found the same from cron, a login shell and a service of one uid. */
#ifndef SG_STORE_STATEDIR_H
#define SG_STORE_STATEDIR_H

#include <stdbool.h>

#include "base/fail.h"
#include "os/fs.h"

struct statedir {
	int run_fd;          /* owned: locks/ and runs/ */
	int keep_fd;         /* owned, may be the same number as run_fd: history/ */
	char path[512];      /* of run_fd, for people */
	char keep_path[512]; /* of keep_fd */
};

/*
 * `given`: --state-dir or SPAWNGUARD_STATE_DIR, NULL = the ladder: root's
 * /run and /var/lib, a directory that root made for this uid, the home
 * directory, STATE_DIRECTORY (`service_dir`, a list with ':').  Makes what is
 * missing (0700); refuses what belongs to another, what others can write, and
 * network file systems.  0, or -errno with `fail` filled.
 */
int statedir_open(struct statedir *dir, const char *given, const char *service_dir, struct fail *fail);
/*
 * The same without making anything, to look: a part that is not there yet has
 * -1.  0, -errno with `fail` filled.
 */
int statedir_look(struct statedir *dir, const char *given, const char *service_dir, struct fail *fail);
void statedir_close(struct statedir *dir);

/* May `fd`, the state directory `path` of `owner` in one place, be believed? 0, -errno with `fail`. */
int statedir_check(int fd, const char *path, uid_t owner, struct fail *fail);

/* One of the two places, as it was found. */
struct statedir_side {
	char path[512];
	bool is_there;
	struct fail fail; /* err != 0: this is what a start would say */
	struct os_fs fs;  /* of the directory that is written most, or what is there of the way to it */
};

struct statedir_report {
	const char *by; /* which rung of the ladder */
	bool is_one;    /* both are the same directory */
	struct statedir_side run, keep;
};

/*
 * The place that statedir_open would use and what is to be said of it, without making or changing anything.
 * 0, -ENOENT: there is none.
 */
int statedir_examine(struct statedir_report *out, const char *given, const char *service_dir);

#endif

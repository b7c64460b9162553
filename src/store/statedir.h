/* Where state lives: found the same from cron, a login shell and a service of one uid. */
#ifndef SG_STORE_STATEDIR_H
#define SG_STORE_STATEDIR_H

struct fail;

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
void statedir_close(struct statedir *dir);

#endif

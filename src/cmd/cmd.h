/* What the subcommands share: options, state, run names, messages. */
#ifndef SG_CMD_CMD_H
#define SG_CMD_CMD_H

#include <stdint.h>

#include "conf/job.h"
#include "store/statedir.h"

struct buf;

#define EXIT_NOTHING 1 /* nothing found */
#define EXIT_USAGE   2

struct cmd {
	const char *name;
	unsigned command;   /* FOR_... of conf/options.h */
	uint32_t words_max; /* words behind the options; 0 = one */
	struct job job;
	char **rest; /* words behind the options */
	struct statedir dir;
};

/* Options, --help, --version, state directory.  -1: go on; else the exit status. */
int cmd_start(struct cmd *cmd, char **argv);

/* One line to stderr: "spawnguard: " + line. */
void cmd_say(const struct buf *line);

/* "no run of nightly is going on" and its like for what find_runs returned. Exit status. */
int cmd_not_found(const struct cmd *cmd, const char *what, int err);

#endif

/* What the subcommands share: options, state, run names, messages. */
#ifndef SG_CMD_CMD_H
#define SG_CMD_CMD_H

#include <stdint.h>

#include "conf/job.h"
#include "run/settings.h"
#include "store/statedir.h"

struct buf;

#define EXIT_NOTHING 1 /* nothing found */
#define EXIT_USAGE   2

struct cmd {
	const char *name;
	unsigned command;   /* FOR_... of conf/options.h */
	uint32_t words_max; /* words behind the options; 0 = one */
	struct job job;
	char **rest;              /* words behind the options */
	struct settings settings; /* job borrows from it */
	struct statedir dir;
};

/* Options, --help, --version, configuration, state directory.  -1: go on; else the exit status. */
int cmd_start(struct cmd *cmd, char **argv);
/* Its three parts. */
int cmd_read(struct cmd *cmd, char **argv);
int cmd_configure(struct cmd *cmd, char **argv);
int cmd_open_state(struct cmd *cmd);
/* Where state was asked to be, and which configuration file was named; NULL = the usual. */
const char *cmd_state_given(const struct cmd *cmd);
const char *cmd_config_given(const struct cmd *cmd);

/* One line to stderr: "spawnguard: " + line. */
void cmd_say(const struct buf *line);

/* The same of `before` + the escaped word + `after` (word NULL: none). `code`. */
int cmd_say_exit(const char *before, const char *word, const char *after, int code);

/* "no run of nightly is going on" and its like for what find_runs returned. Exit status. */
int cmd_not_found(const struct cmd *cmd, const char *what, int err);

#endif

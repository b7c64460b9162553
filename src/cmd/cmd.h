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

/*
 * The options of `argv` before its words, wherever they stood: for a command
 * whose first word says what to do.  The words' place in it.
 */
char **cmd_sort_words(char **argv, unsigned command);

/* Options, --help, --version, configuration, state directory.  -1: go on; else the exit status. */
int cmd_start(struct cmd *cmd, char **argv);
/* Its three parts. */
int cmd_read(struct cmd *cmd, char **argv);
int cmd_configure(struct cmd *cmd, char **argv);
int cmd_open_state(struct cmd *cmd);
/* The same for a command that only looks: no state directory is made. */
int cmd_start_looking(struct cmd *cmd, char **argv);
/* Where state was asked to be, and which configuration file was named; NULL = the usual. */
const char *cmd_state_given(const struct cmd *cmd);
const char *cmd_config_given(const struct cmd *cmd);

/* One line to stderr: "spawnguard: " + line. */
void cmd_say(const struct buf *line);

/* The same of `before` + the escaped word + `after` (word NULL: none). `code`. */
int cmd_say_exit(const char *before, const char *word, const char *after, int code);

struct fail;
struct place;
struct term;

/* What stdout can show, and what was asked of it. */
void cmd_term(const struct cmd *cmd, struct term *term);

/*
 * The state that is to be looked at: this user's, with --all everybody's.
 * What cannot be looked at was said, with its reason: `out_problems` counts
 * it.  0, what `each` returned.
 */
int cmd_each_place(struct cmd *cmd, int (*each)(void *with, const struct place *place), void *with,
		   uint32_t *out_problems);

/* "cannot open state directory: /x: Permission denied" */
void cmd_put_fail(struct buf *line, const struct fail *fail);
/* "cannot read the history: Input/output error; see: spawnguard doctor".  SG_EXIT_GUARD. */
int cmd_fail(const char *what, int err);
/* "cannot write the result: No space left on device"  SG_EXIT_GUARD. */
int cmd_fail_to_write(int err);

/* That so many run records could not be read; 0: nothing. */
void cmd_say_passed_over(uint32_t count);

/* "no run of nightly is going on" and its like for what find_runs returned. Exit status. */
int cmd_not_found(const struct cmd *cmd, const char *what, int err);

#endif

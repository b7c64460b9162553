/* The subcommands: dispatch, suggestions and the help list read this table. */
#ifndef SG_CONF_COMMANDS_H
#define SG_CONF_COMMANDS_H

#include <stddef.h>

struct command_row {
	const char *name;  /* "ps": also the executable in libexec/spawnguard */
	unsigned command;  /* FOR_… of conf/options.h */
	const char *usage; /* "ps [OPTIONS] [JOB|RUN]" */
	const char *help;  /* one line */
};
extern const struct command_row command_rows[]; /* run first */
extern const size_t command_count;

const struct command_row *command_find(const char *name);
const char *command_suggest(const char *name);

#endif

/* --help from the option table. */
#ifndef SG_CONF_HELP_H
#define SG_CONF_HELP_H

#include <stddef.h>

#include "conf/job.h"

struct buf;

#define HELP_MAX 32768 /* bytes that hold any of these texts */

/* What an exit status of a command means. */
struct help_status {
	unsigned commands; /* FOR_… of conf/options.h */
	int status;        /* -1: no number of ours */
	const char *help;  /* one line, no full stop */
};
extern const struct help_status help_statuses[];
extern const size_t help_status_count;

/*
 * Usage line, options by group with their defaults, exit status, for `command`
 * (FOR_…): what matters most, all, or one group (enum help_text).
 */
void help_format(struct buf *out, unsigned command, unsigned what);
/* The commands, one line each. */
void help_commands(struct buf *out);
/*
 * The options of `commands` with the long name or letter `name`, n bytes
 * without dashes, and who takes each.  How many there are.
 */
unsigned help_option(struct buf *out, const char *name, size_t n, unsigned commands);

#endif

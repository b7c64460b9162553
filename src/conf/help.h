/* --help from the option table. */
#ifndef SG_CONF_HELP_H
#define SG_CONF_HELP_H

struct buf;

#define HELP_MAX 16384 /* bytes that hold any of these texts */

/* Usage line, options by group with their defaults, exit status, for `command` (FOR_…). */
void help_format(struct buf *out, unsigned command);
/* The commands, one line each. */
void help_commands(struct buf *out);

#endif

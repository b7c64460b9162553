/* The command line into a struct job. */
#ifndef SG_CONF_ARGV_H
#define SG_CONF_ARGV_H

#include <stddef.h>

struct buf;
struct job;

#define ARGV_WHY_MAX 512 /* bytes that hold any line of argv_parse */

/* Every field at the fallback of its row; call it before argv_parse. */
void argv_defaults(struct job *job);

/*
 * Read `argv` (NULL-terminated, argv[0] = first word behind the command's
 * name) for `command` (FOR_… of conf/options.h).  Long options --name=V or
 * --name V, short ones -n, -nV, -n V, groups -qv; no abbreviations; "--"
 * ends them; the first word that is no option ends them too, and so do
 * --help and --version.  An option given again replaces what it said before;
 * tags add up.  Nothing is copied: `job` borrows from `argv`.
 * *out_rest: the words behind the options; *out_dashes: whether "--" stood
 * before them.  With "--" and words behind it these are job->command too.
 * Returns 0, or -EINVAL with one line put behind what `why` holds: what is
 * wrong, with what, and what to do ("unknown option --timout: did you mean
 * --timeout?"); foreign text in it is escaped.  After -EINVAL the contents of
 * `job` mean nothing.
 */
int argv_parse(char **argv, unsigned command, struct job *job, char ***out_rest, int *out_dashes,
	       struct buf *why);

/*
 * argv_parse in its two halves, for who has a configuration to put in
 * between: the options one by one, and whether they go together.
 */
int argv_read(char **argv, unsigned command, struct job *job, char ***out_rest, int *out_dashes,
	      struct buf *why);
int argv_check(const struct job *job, struct buf *why);

struct option_row;

/*
 * Each option of a command line that argv_read has taken, in its order, as it
 * was given; `text` is NULL where it stands alone.  Nothing else is done.
 */
void argv_each(char **argv, unsigned command,
	       void (*hear)(void *with, const struct option_row *row, const char *text), void *with);

#endif

/* The manual pages: what the tables know is put into pages that people wrote. */
#ifndef SG_CONF_MANUAL_H
#define SG_CONF_MANUAL_H

#include <stddef.h>

struct buf;

#define MANUAL_MAX     (1U << 18) /* bytes that hold any page */
#define MANUAL_WHY_MAX 256

/* What a page is made of: all borrowed, NUL-terminated. */
struct manual_source {
	const char *page;    /* mdoc with marker lines, see manual_format */
	const char *history; /* Markdown whose tables list the members of history lines */
	const char *version; /* "0.1.0" */
};

/*
 * The page in mdoc.  A marker line of the source begins with .\"@ and is
 * replaced by what the tables know:
 *	os                  the operating system line, with the version
 *	commands            every command, one line each
 *	options COMMAND     its options, by group
 *	keys                the keys of the configuration file, by group
 *	variables           what the commands of --on-start and its like are told
 *	columns             the columns of ps
 *	statuses COMMAND    its exit statuses
 *	statuses            those of every command
 *	transitions         of a breaker: what happens, by state
 *	classes             which end of a run is which class of failure
 *	history SECTION     the members of that table of the history
 *	about OPTION        up to the line .\"@ end: more text for this option, in
 *	                    the list of options or keys that follows
 * 0, or -EINVAL with "LINE: what is wrong" in `why`.
 */
int manual_format(struct buf *out, const struct manual_source *source, struct buf *why);

/* What mandoc wrote for a terminal, without its overstrikes: x BACKSPACE x is x. */
void manual_plain(struct buf *out, const char *text);

#endif

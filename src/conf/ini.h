/*
 * The text of a configuration file: its sections, and the pairs KEY = VALUE of one of them.
 *
 * The library takes pairs apart; the lines are ours, because it would cut one
 * that is too long and read the rest as another, take an indented line for
 * more of the last value, cut names of sections, and drop what looks like a
 * comment behind a value.
 */
#ifndef SG_CONF_INI_H
#define SG_CONF_INI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define INI_LINE_MAX     199  /* bytes of a line without its end, as the library of Debian takes them */
#define INI_SECTIONS_MAX 4096 /* of one file */
#define INI_WHAT_MAX     400  /* bytes that hold any problem */

enum ini_kind { INI_DEFAULTS, INI_JOB, INI_SIGNATURE };

struct ini_section {
	enum ini_kind kind;
	const char *name; /* of the job or signature, borrowed from the text; "" for [defaults] */
	uint32_t line;    /* of its head */
	size_t at, end;   /* its lines in the text */
	/* of conf/resolve.h: its pairs, once they were read */
	bool is_read;
	uint32_t first_pair, pair_count;
};

/* Who hears of problems. */
struct ini_teller {
	/* `line` 0: the file as a whole. False: enough, stop. */
	bool (*tell)(void *with, uint32_t line, const struct buf *what);
	void *with;
};

struct ini {
	char *text; /* borrowed, n bytes and one more; names and values are ended in it and borrowed from it
		     */
	size_t n;
	struct ini_section *section; /* owned */
	uint32_t count, room;
};

/*
 * Find the sections of `text`.  Looks at each line for NUL and length, and at
 * the heads of sections, not at pairs.  0, -EINVAL (told), -ENOMEM.
 */
int ini_open(struct ini *ini, char *text, size_t n, const struct ini_teller *teller);
void ini_release(struct ini *ini);

/* Who takes the pairs of a section. */
struct ini_taker {
	/* `value` is borrowed from the text. False: enough, stop. */
	bool (*take)(void *with, uint32_t line, const char *key, const char *value);
	void *with;
};

/* Take the pairs of one section apart, once. 0, -EINVAL (told, or the taker had enough). */
int ini_read(const struct ini *ini, const struct ini_section *section, const struct ini_taker *taker,
	     const struct ini_teller *teller);

#endif

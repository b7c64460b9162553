/*
 * What the configuration files say of a job.  Lowest first: what is built in,
 * [defaults] of the system's file, [job LIKE], [job NAME], then the same of
 * the user's file; the command line comes after all of them.
 */
#ifndef SG_CONF_RESOLVE_H
#define SG_CONF_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/ini.h"

struct buf;
struct job;
struct option_row;

#define CONF_FILES_MAX  2
#define CONF_LAYERS_MAX (3 * CONF_FILES_MAX)
#define CONF_LINE_MAX   1024 /* bytes that hold "FILE:LINE: what" of any problem, a long path cut */

/* KEY = VALUE, where it stands. */
struct conf_pair {
	const struct option_row *row;
	const char *value; /* as it was written; borrowed from the text of its file */
	const char *file;  /* borrowed: the path given to conf_add */
	uint32_t line;
};

struct conf_file {
	const char *path; /* borrowed */
	struct ini ini;
};

struct conf {
	/* Who hears of problems; `line` 0: the file as a whole. False: enough, stop. */
	bool (*tell)(void *with, const char *file, uint32_t line, const struct buf *what);
	void *with;
	struct conf_file file[CONF_FILES_MAX]; /* the system's first */
	uint32_t file_count;
	bool is_broken;         /* sections are missing: what is said of jobs would be wrong */
	struct conf_pair *pair; /* owned: of all sections that were read */
	uint32_t pair_count, pair_room;
	const struct ini_section *layer[CONF_LAYERS_MAX]; /* of conf_select, lowest first */
	uint32_t layer_count;
};

void conf_init(struct conf *conf,
	       bool (*tell)(void *with, const char *file, uint32_t line, const struct buf *what), void *with);
/* The same, for who stops at the first problem: `why` gets its line. */
void conf_init_first(struct conf *conf, struct buf *why);
/* From here on `why` gets it. */
void conf_hear_first(struct conf *conf, struct buf *why);
/* "FILE:LINE: what" */
void conf_say(struct buf *out, const char *file, uint32_t line, const struct buf *what);

/*
 * One more file, of higher rank than those before.  `path` and `text` (n
 * bytes and one more, changed in place) are borrowed for as long as `conf`
 * and every job that was filled from it.  0, -EINVAL (told), -ENOMEM.
 */
int conf_add(struct conf *conf, const char *path, char *text, size_t n);
void conf_release(struct conf *conf);

bool conf_has_jobs(const struct conf *conf);
/* Is there a [job NAME]? */
bool conf_has_job(const struct conf *conf, const char *name);
/* The nearest name of a configured job, or NULL. */
const char *conf_suggest_job(const struct conf *conf, const char *name);

/*
 * Take apart the sections that count for job `name` (NULL: for none, so only
 * [defaults]); other sections are not looked at.  0, -EINVAL (told), -ENOMEM.
 */
int conf_select(struct conf *conf, const char *name);

/*
 * Put what was selected into `job`, which has its defaults: the keys that
 * `command` (FOR_…, FOR_FILE: all) takes.  The strings are borrowed.
 * 0, -EINVAL (told).
 */
int conf_apply(struct conf *conf, unsigned command, struct job *job);

/* Of conf_select: the pair that gives `row` its value, NULL = built in. Not for tags and variables. */
const struct conf_pair *conf_origin(const struct conf *conf, const struct option_row *row);
/* The pair whose value is the very string `value` of a job that was filled by conf_apply; NULL = none. */
const struct conf_pair *conf_owner(const struct conf *conf, const char *value);

/* All problems of all sections and of all jobs. 0, -EINVAL (told), -ENOMEM. */
int conf_check(struct conf *conf);

#endif

/* What ps shows: a run and its processes, as figures; then as rows of a table, or as JSON. */
#ifndef SG_CMD_PS_H
#define SG_CMD_PS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/columns.h"

struct json;
struct run_view;
struct statedir;
struct table;
struct tree;

enum ps_kind { PS_FRONT, PS_WARDEN, PS_JOB, PS_MEMBER, PS_KIND_COUNT };
extern const char *const ps_kind_name[PS_KIND_COUNT];

struct ps_process {
	enum ps_kind kind;
	pid_t pid, ppid, sid; /* 0 = not known, or dead */
	uint16_t depth;
	bool has_stat; /* state, threads, cpu_ns, age_ns */
	char state;
	uint64_t threads, cpu_ns, age_ns, rss_bytes;
	bool has_uid;
	uid_t uid;
	bool is_leftover;
	const char *marks; /* literal, or NULL: not asked */
	char comm[16];     /* foreign */
};

/* A run, seen now. */
struct ps_run {
	const struct run_view *view; /* borrowed */
	const struct statedir *dir;  /* borrowed: where it was found */
	uid_t owner;                 /* of the state directory */
	const char *state;           /* literal */
	uint64_t age_ns;             /* 0 = not known */
	uint64_t counted_ns;         /* of it, towards the time limit */
	struct ps_process front, warden;
	struct ps_process *member; /* owned, parents before their children as far as they were met so */
	size_t count;
	uint64_t rss_bytes, threads, cpu_ns; /* of the members */
};

/* What has to be read for these columns. */
struct ps_needs {
	bool stat, uid;
	bool marks; /* by a reader for each */
};
struct ps_needs ps_needs_of(const struct columns *columns);

/* Look at it. 0: to be released; -ENOMEM. */
int ps_run_read(struct ps_run *out_run, const struct run_view *view, const struct statedir *dir, uid_t owner,
		const struct ps_needs *needs);
void ps_run_release(struct ps_run *run);

/* How the cells are filled. */
struct ps_style {
	struct columns columns;
	bool is_narrow; /* on a terminal: names are cut, run ids too */
};
/* Owned; NULL = no memory. */
struct term;
struct table *ps_table_new(const struct ps_style *style, const struct term *term);
/* Its rows: the run, the warden, the job and its descendants. 0, -ENOMEM. */
int ps_table_add(struct table *table, const struct ps_style *style, const struct ps_run *run);

/* doc/ps.md.  A job may have thousands of members: `flush` is called after each. */
void ps_json_run(struct json *j, const struct ps_run *run, void (*flush)(void *with), void *with);

/* The name of `uid`, escaped; borrowed until the next call. */
const char *ps_user(uid_t uid);

#endif

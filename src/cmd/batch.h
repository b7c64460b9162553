/* spawnguard batch, in its parts. */
#ifndef SG_CMD_BATCH_H
#define SG_CMD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/cmd.h"
#include "codec/session.h"
#include "core/batch_sum.h"
#include "os/signal.h"
#include "report/item.h"
#include "store/session.h"

#define ITEM_MAX_BYTES  (128U * 1024 - 1) /* what the kernel takes as one argument */
#define ITEMS_MAX_BYTES (1U << 30)
#define BATCH_KEY_MAX   64 /* "20261122-024500-123/17/1" */

/* A list of words that grows; all owned. */
struct words_list {
	char **at; /* NULL-terminated once it has any */
	size_t count, room;
};
int words_add(struct words_list *list, const char *before, const char *word);
void words_release(struct words_list *list);

/* What a killed batch had begun. */
struct open_run {
	uint32_t serial, pid; /* serial 0: none */
	uint64_t boot_ns;
};

/* A run that goes on. */
struct slot {
	bool is_used;
	uint32_t item, serial;
	pid_t pid;
	int pidfd, status_fd; /* owned; -1 = none */
	uint64_t began_ns;
};

struct work {
	struct cmd cmd;
	struct batch batch;
	const char *name;         /* of the job; borrowed */
	char *text;               /* owned: the items, or the session that they are in */
	char *more_text;          /* owned: the items of a file, beside those of a session */
	char **template;          /* borrowed, NULL-terminated */
	struct words_list passed; /* options of each run */
	struct words_list stored; /* options that the session keeps */
	struct words_list merged; /* what a session said and the command line says, as one command line */
	char id[SESSION_ID_MAX];
	int session_fd, lock_fd; /* owned; -1 = none */
	struct slot *slots;      /* owned: as many as jobs */
	uint32_t serial;         /* of the last run that was started in this session */
	bool can_be_watched;     /* by its runs, which end with it; before Linux 5.3 they run to their end */
	struct os_signals signals;
	int signal_fd;
	int err_ends[2];       /* owned pipe: stderr of the runs, where ours is a file; -1 = they have ours */
	int asked_by;          /* the signal that asked for the end; 0 = none */
	struct open_run *open; /* owned: of each item of a session that was read; NULL = none was */
	uint64_t began_ns;     /* of the sitting, by boot time, less what a killed one had used up */
	uint64_t passed_ns;    /* that */
	uint64_t began_wall_ns;  /* of the session */
	bool is_over;            /* the last sitting had come to its end */
	enum batch_rule over_by; /* what ended it */
	bool cannot_record;      /* the session cannot be written any more */
	uint32_t told;           /* items of this sitting that have their line */
	bool has_bar;            /* stderr is a terminal, with a bar in its last line */
	size_t columns;
	struct host_id here;
};

/* --- items: cmd/batch_items.c --- */
/* The lines of `fd` behind those that are there.  -1: go on; else the exit status. */
int items_read(struct work *w, int fd, const char *from);
/* One more, borrowed. 0, -ENOMEM, -E2BIG. */
int items_add(struct work *w, const char *text, size_t n);
/* No word of a command would be too long with any of them in it.  -1: go on; else the exit status. */
int items_fit(struct work *w);
/* Each into its family. -1: go on; else the exit status. */
int items_sort(struct work *w);
/* Prefixes: those that are left out are skipped. */
void items_choose(struct work *w);
void items_release(struct work *w);

/* --- options: cmd/batch_options.c --- */
/* What the command line says into w->passed and w->stored. 0, -ENOMEM. */
int options_collect(struct work *w, char **argv);
/* The command line again, above what the session said. -1: go on; else the exit status. */
int options_merge(struct work *w, char **argv, const struct words_list *said,
		  const struct words_list *template);
void options_to_brakes(struct work *w);

/* --- the session: cmd/batch_session.c --- */
int session_begin(struct work *w);
/* cmd/batch_load.c: what a file has: items, options, and what came of them. -1: go on; else the exit status.
 */
int session_load(struct work *w, const char *what, char **argv);
/* To write behind what a loaded one has; items from `known` on are new. -1: go on; else the exit status. */
int session_go_on(struct work *w, uint32_t known);
/* Written with one call; false: it could not be, which was said. */
bool session_put(struct work *w, const struct session_line *line);
bool session_put_sit(struct work *w);
bool session_put_over(struct work *w);
bool session_put_end(struct work *w, uint32_t item, const struct batch_end *end, const struct item_end *told,
		     uint64_t passed_ns);
/* "20261122-024500-123/17/42": --step of a run: no other has it. */
void session_key(struct buf *out, const struct work *w, uint32_t item, uint32_t serial);
extern const char *const came_to_names[CAME_COUNT];
/* Why nothing came: a text that stays; NULL = "". */
const char *session_reason(const char *text);

/* --- runs: cmd/batch_run.c --- */
/* Start it. 0, or -errno, told. */
int run_start(struct work *w, struct slot *slot, uint32_t item);
/* It has ended with this status of wait(2): how. */
void run_finish(struct work *w, struct slot *slot, int status, struct batch_end *out_end,
		struct item_end *out_told);
/* What is known of a run by what it left. */
void run_judge(const struct work *w, const struct item_end *told, struct batch_end *out_end);
/* A run whose batch was killed: waits until it has ended.  0 and to be released; -ENOENT: it was never
 * started; -ETIMEDOUT. */
int run_settle(struct work *w, uint32_t item, const struct open_run *run, struct item_end *out_told);

/* --- what is said: cmd/batch_tell.c --- */
void tell_end(struct work *w, uint32_t item, const struct batch_end *end, const struct item_end *told,
	      uint64_t passed_ns);
void tell_skipped(struct work *w, uint32_t item);
void tell_brake(struct work *w, uint32_t item, enum batch_rule rule);
void tell_bar(struct work *w, uint64_t passed_ns);
void tell_bar_gone(struct work *w);
void tell_line(struct work *w, const struct buf *line);
/* "12" of a yield. */
void put_yield(struct buf *out, uint64_t yield, bool is_micro);
void put_item(struct buf *out, const struct batch_item *item, size_t columns);

/* --- the loop: cmd/batch_loop.c --- */
/* A sitting, from its first start to what came of it.  Exit status. */
int loop_sit(struct work *w);

/* --- what came of it: cmd/batch_sum.c --- */
/* To `fd`. */
void sum_print(struct work *w, int fd);
/* What --dry-run says. */
void sum_plan(struct work *w);
/* "run", "alone", "later", "done" or "skip" of the next item in order; *at, from 0, counts those that run. */
const char *sum_plan_of(const struct batch *b, const struct batch_item *item, uint32_t *at);
/* cmd/batch_json.c: the same two on stdout.  Exit status. */
int sum_json(struct work *w);
int sum_plan_json(struct work *w);

/* --- what to do next: cmd/batch_advice.c --- */
#define ADVICE_MAX 16384 /* bytes of a command; a longer one is cut */
const char *advice_name(enum batch_advice advice);
void advice_put_why(struct buf *line, const struct batch_hint *hint);
void advice_put_command(struct buf *line, const struct work *w, const struct batch_hint *hint);

#endif

/* What stands in a line of the history, by event: the fields are described in doc/history.md. */
#ifndef SG_CODEC_HISTORY_H
#define SG_CODEC_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/history_line.h"
#include "codec/record.h"

struct buf;

#define HISTORY_COMMAND_MAX  4096
#define HISTORY_PROCESS_MAX  16
#define HISTORY_COUNTERS_MAX 32
#define HISTORY_KEY_MAX      32
#define HISTORY_STATUS_MAX   128

/* A bound of the run; UINT64_MAX = none, per 0 = no matter when. */
struct history_limit {
	const char *name;
	uint64_t soft, hard, soft_per_ns, hard_per_ns;
};
#define HISTORY_LIMITS_MAX 16

struct history_start {
	const struct record_head *head;
	char *const *argv;       /* as exec'ed, or what is told of it */
	uint64_t command_digest; /* of the whole command line; 0 = of argv */
	const char *program;     /* resolved path; NULL = not told */
	const char *host_name;
	const char *const *tag; /* K=V */
	uint32_t tag_count;
	uint64_t environ_digest;
	const char *slot_group; /* NULL = it has no slot */
	uint32_t slot;
	uint64_t start_timeout_ns, idle_timeout_ns, heartbeat_ns; /* 0, NUM_NONE = none */
	const char *const *budget;                                /* K=LIMIT */
	uint32_t budget_count;
	struct history_limit limit[HISTORY_LIMITS_MAX];
	uint32_t limit_count;
};

/* A process that is named because it was left. */
struct history_process {
	int32_t pid;
	uint32_t uid;
	char state; /* of /proc/PID/stat; '?' unknown */
	char comm[16];
};

/* The end of the job's stderr. */
struct history_tail {
	const char *bytes; /* as written: anything may be in them */
	size_t count;
	uint64_t total;     /* bytes that were written, these included */
	bool is_known;      /* false: only `detail` is told */
	bool print_only;    /* the bytes themselves do not go into the line */
	const char *detail; /* why it is not whole, NULL = it is */
};

/* What the job told of itself, and what was seen of it. */
struct history_counter {
	char key[HISTORY_KEY_MAX + 1];
	uint64_t micro; /* millionths */
};
struct history_told {
	uint64_t ready_ns;                   /* after the start; 0 = not ready, or nobody asked */
	char status[HISTORY_STATUS_MAX + 1]; /* the last; foreign bytes */
	struct history_counter counter[HISTORY_COUNTERS_MAX];
	uint32_t counter_count;
	uint64_t refused; /* messages of processes that are not of the run */
};

/* What the run was to bring. */
struct history_yield {
	const char *of; /* "lines", "counter:rows": `of_n` foreign bytes */
	size_t of_n;
	uint64_t value;     /* UINT64_MAX = unknown */
	bool is_micro;      /* in millionths */
	const char *reason; /* why it is 0; NULL = it is not */
};

struct history_end {
	const struct record_head *head;
	const struct run_figures *figures;
	const char *outcome, *cause; /* names */
	const char *kill_rung;       /* name; NULL: nothing had to be killed */
	const char *births_rung;     /* name; NULL: births were not counted */
	int exit_code;
	const char *by; /* who writes the line: warden, front, start, reap, kill, outer */
	const struct history_process *process; /* survivors, or what --leftovers=leave left */
	uint32_t process_count;
	bool has_load; /* at a failure */
	uint32_t load1_centi;
	uint32_t pressure_centi[3];        /* cpu, memory, io; UINT32_MAX = unknown */
	const char *detail;                /* one more line of text, NULL = none */
	const struct history_flag *limit;  /* the one that ended the run, NULL = none did */
	const char *log;                   /* file with the job's output, NULL = none */
	const struct history_yield *yield; /* NULL = not asked for */
	const struct history_told *told;   /* NULL = nothing was asked of it */
	const struct history_tail *tail;   /* NULL = not asked for */
	bool goes_on;                      /* an attempt has ended, not the run: event "attempt" */
	uint64_t retry_in_ns;
	const char *failure; /* with goes_on: class of core/failure.h */
	/* why it counts as a failure; NULL, "" = it is none, or not known */
	const char *failure_class, *fingerprint, *failure_text; /* the last of foreign bytes */
};

struct history_refused {
	uint64_t wall_ns;
	const char *job, *run_id, *parent_run_id; /* of the start that was refused */
	const char *outcome, *reason;
	const char *holder_run_id;
	int32_t holder_pid;
	uint64_t count; /* refusals since the last such line, this one included */
};

/* The breaker of a job has changed its state. */
struct history_breaker {
	uint64_t wall_ns;
	const char *job, *run_id; /* of the run whose end did it; "" = none, it was a person */
	const char *from, *to;    /* names of states */
	const char *rule;         /* why; NULL, "" = none */
	const char *class;        /* of the last failure; NULL = none */
	const char *text;         /* for people; NULL = none */
	const char *fingerprint;  /* of that failure; NULL, "" = none */
	uint64_t failures;        /* that count towards it */
	uint64_t wait_ns;         /* until the next trial; UINT64_MAX = for ever */
	const char *by;           /* who writes the line */
};

/* The tree stands still, or goes on. */
struct history_freeze {
	const struct record_head *head;
	uint64_t wall_ns;
	bool is_over;
	uint64_t took_ns;         /* with is_over */
	uint32_t processes, late; /* of these, how many were not stopped yet */
	int32_t sender_pid;       /* 0 = nobody: it goes on to be ended */
	uint32_t sender_uid;
	const char *sender_comm, *sender_run;
};

/* What a rule has found.  Texts are borrowed. */
struct history_witness {
	int32_t pid; /* 0 = none */
	char comm[16];
	uint64_t value;
};
struct history_flag {
	const struct record_head *head;
	uint64_t wall_ns;
	const char *rule, *severity, *text;
	const char *action;            /* what was done about it: "flag", "warn", "kill" */
	uint64_t value, bound;         /* UINT64_MAX = it has none */
	uint64_t per_ns;               /* 0 = no matter when */
	uint64_t lasted_ns, period_ns; /* so far; between the looks */
	const char *rung;              /* NULL = none */
	struct history_witness witness[3];
};

void history_format_start(struct buf *out, const struct history_start *start);
void history_format_end(struct buf *out, const struct history_end *end);
void history_format_refused(struct buf *out, const struct history_refused *refused);
void history_format_breaker(struct buf *out, const struct history_breaker *breaker);
void history_format_freeze(struct buf *out, const struct history_freeze *freeze);
void history_format_flag(struct buf *out, const struct history_flag *flag);

/* The same object as the end line, without check, for --status-fd and --status-file. */
void history_format_status(struct buf *out, const struct history_end *end);
void history_format_refused_status(struct buf *out, const struct history_refused *refused, int exit_code);

#endif

/* How a run ended, out of the object that it leaves: that of --status-fd, or its line of the history. */
#ifndef SG_REPORT_ITEM_H
#define SG_REPORT_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/record.h"

/* What is not known is 0, "" or NULL, and says so where 0 means something. */
struct item_end {
	char event[16]; /* "end", "refused" */
	char outcome[24], cause[24], run_id[RUN_ID_MAX + 8], step[64], refused_for[32];
	int exit_status;            /* what the caller got; -1 = not known */
	int exit_code, exit_signal; /* of the job itself; -1, 0 = not so */
	uint64_t wall_ns;
	uint64_t yield; /* UINT64_MAX = not known */
	bool is_micro;  /* it is in millionths */
	char reason[24];
	char print[32]; /* as text */
	char *tail;     /* owned: the end of its stderr */
	size_t tail_n;
	bool is_tail_cut;
	char *detail; /* owned */
};

/* 0; -EBADMSG: no such object, and nothing is to be released. */
int item_parse(const char *text, size_t n, struct item_end *out_end);
void item_release(struct item_end *end);

/* The end of that step of `job` in the history of `owner`. 0 and to be released; -ENOENT, -errno. */
int item_find(int keep_fd, uid_t owner, const char *job, const char *step, struct item_end *out_end);

#endif

/* One line of the history into the run it tells of; inside of report/past. */
#ifndef SG_REPORT_PAST_PARSE_H
#define SG_REPORT_PAST_PARSE_H

#include <stdint.h>

#include "codec/record.h"
#include "core/finding.h"

struct backward_line;
struct past_run;

struct past_flag {
	uint64_t wall_ns;
	char run_id[RUN_ID_MAX + 8], job[208];
	char rule[64], severity[16];
	struct finding finding; /* its severity is the caller's to judge; its rule is the one above */
};

/*
 * Into the parts of `run` that its event fills (start, end); what was there of
 * that event before is replaced.  0; -EBADMSG, and `run` is as it was.
 */
int past_parse(struct past_run *run, const struct backward_line *line);
/* What the line of an end keeps of stderr: owned; NULL = nothing. */
char *past_parse_tail(const struct backward_line *line);
/* How many starts a line of the event refused stands for. 0, -EBADMSG. */
int past_parse_refusals(const struct backward_line *line, uint64_t *out_count);

/* A line of the event flag. The finding's rule points into *out. 0, -EBADMSG. */
int past_parse_flag(const struct backward_line *line, struct past_flag *out);
/* Any line: whose it is, and when; `job` of 208 bytes, as it is. `reason` of a refused one. 0, -EBADMSG. */
struct past_event {
	uint64_t wall_ns;
	char run_id[RUN_ID_MAX + 8], job[208], reason[32];
	uint64_t refusals;
};
int past_parse_event(const struct backward_line *line, struct past_event *out);

/* A line of the event breaker; "" = not told. 0, -EBADMSG. */
struct past_breaker {
	uint64_t wall_ns;
	char run_id[RUN_ID_MAX + 8], job[208]; /* "" = no run did it */
	char from[16], to[16], text[512];
};
int past_parse_breaker(const struct backward_line *line, struct past_breaker *out);

#endif

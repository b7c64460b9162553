/* One line of the history into the run it tells of; inside of report/past. */
#ifndef SG_REPORT_PAST_PARSE_H
#define SG_REPORT_PAST_PARSE_H

#include <stdint.h>

struct backward_line;
struct past_run;

/*
 * Into the parts of `run` that its event fills (start, end); what was there of
 * that event before is replaced.  0; -EBADMSG, and `run` is as it was.
 */
int past_parse(struct past_run *run, const struct backward_line *line);
/* How many starts a line of the event refused stands for. 0, -EBADMSG. */
int past_parse_refusals(const struct backward_line *line, uint64_t *out_count);

#endif

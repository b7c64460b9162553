/*
 * Samples as lines of text, as --record-samples writes and `explain --samples` reads them:
 *
 *   spawnguard-samples 1 RUNID
 *   look NOW_NS PERIOD_NS BIRTHS ENDED_NS OUTPUT RUNG
 *   member SERIAL PARENT PID SEEN_NS DEPTH CHILDREN STATE KNOWN RSS THREADS FDS FDS_MAX CPU_NS WAITED_NS
 *          CHILD_FAULTS CAUGHT BLOCKED PENDING PROGRAM WRITTEN WCHAN COMM
 *
 * Numbers are decimal, KNOWN, signals and PROGRAM hexadecimal; what is no plain character of a text is
 * written %XX, and a lone % is an empty one.
 */
#ifndef SG_CORE_SAMPLE_TEXT_H
#define SG_CORE_SAMPLE_TEXT_H

#include <stddef.h>

#include "core/sample.h"

struct buf;

#define SAMPLE_LINE_MAX 512

void sample_text_begin(struct buf *out, const char *run_id);
void sample_text_look(struct buf *out, const struct look *look);
void sample_text_member(struct buf *out, const struct sample *sample);

enum sample_line { SAMPLE_LINE_HEAD, SAMPLE_LINE_LOOK, SAMPLE_LINE_MEMBER };

/*
 * One line without its newline, which is changed: what it is, its values in
 * what belongs to it.  -EINVAL: no such line.  The rung of a look is borrowed
 * from the line.
 */
int sample_text_parse(char *line, struct look *out_look, struct sample *out_sample);

#endif

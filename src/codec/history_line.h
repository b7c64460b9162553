/*
 * Lines of history/YYYY-MM.jsonl, schema 1: one JSON object per event, "\n" before and after it, its last
 * member a CRC-32 of everything before it.  What all of them have alike: their beginning, their end.
 */
#ifndef SG_CODEC_HISTORY_LINE_H
#define SG_CODEC_HISTORY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define HISTORY_SCHEMA   1
#define HISTORY_LINE_MAX 16384 /* bytes of a line; longer commands are cut and say so */

/* The object that began at `at` and is still open: check put in, closed, newline behind. */
void history_line_seal(struct buf *out, size_t at);

/* `line` without newlines: complete and undamaged? */
bool history_line_is_intact(const char *line, size_t n);

/* What stands at the beginning of every line; texts as they stand in the JSON, borrowed from the line. */
struct history_text {
	const char *at;
	size_t n;
};
struct history_peek {
	struct history_text event, time, run_id, job;
};
/* False: no line of ours.  What it says is to be believed only if the line is intact. */
bool history_line_peek(const char *line, size_t n, struct history_peek *out_peek);
/* An intact line of `event` ("start", "end") about `run_id`? */
bool history_line_is(const char *line, size_t n, const char *event, const char *run_id);

#endif

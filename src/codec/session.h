/*
 * The lines of a batch's session file: what there is to do, then what came of it, in the order in which it
 * happened.  Each line has a check of its own and begins with a newline, so that a torn one eats no other;
 * what is damaged, or of a kind that nobody knows, is passed over.
 *
 *   CRC32 KIND WORD...        words are percent-encoded, with one blank between
 */
#ifndef SG_CODEC_SESSION_H
#define SG_CODEC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum session_kind {
	SESSION_FIRST,  /* number: SESSION_VERSION; of another one no line is understood */
	SESSION_NAME,   /* text: of the job */
	SESSION_DIR,    /* text: the working directory */
	SESSION_OPTION, /* text: an option as it was given */
	SESSION_WORD,   /* text: of the template */
	SESSION_ITEM,   /* text */
	SESSION_READY,  /* number: of items so far; the file is complete up to here */
	SESSION_SIT,    /* a sitting begins; wall_ns */
	SESSION_RUN,  /* item, attempt (which start of the session), pid, boot_ns: this process is about to be
			 it */
	SESSION_END,  /* item, attempt, and how it ended */
	SESSION_OVER, /* the sitting is over; text: the rule */
	SESSION_KIND_COUNT
};

struct session_line {
	enum session_kind kind;
	char *text; /* decoded, NUL-terminated; borrowed from the line */
	size_t n;
	uint64_t number, wall_ns, boot_ns;
	uint32_t item, attempt, pid;
	/* of an end */
	char *came_to, *outcome, *reason, *run_id, *summary; /* "" = none; as text */
	uint32_t exit_status;
	uint64_t print, took_ns, yield, passed_ns; /* passed: since the sitting began */
	bool is_micro;
};

/* Bytes that hold any line of `n` bytes of text; an end has less than SESSION_END_MAX. */
#define SESSION_LINE_MAX(n) (3 * (n) + 64)
#define SESSION_VERSION     1
#define SESSION_END_MAX     2048

/* One line with its newlines, behind what `out` holds.  Of an end the summary is cut to 200 bytes. */
void session_format(struct buf *out, const struct session_line *line);

/* The next line of [*at, end) that is intact, changed in place; false: there is none.  *damaged counts
 * others. */
bool session_next(char **at, const char *end, struct session_line *out_line, uint32_t *damaged);

#endif

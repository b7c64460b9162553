/* Foreign bytes made inert: for terminals, for JSON, for file names. */
#ifndef SG_BASE_ESCAPE_H
#define SG_BASE_ESCAPE_H

#include <stddef.h>

struct buf;

#define ESCAPE_NAME_MAX 200 /* bytes of an encoded name, without the NUL */

/*
 * For a terminal or a log: valid UTF-8 that prints stays, everything else
 * (controls, C1, DEL, broken sequences, bidi and zero-width controls)
 * becomes \n, \t, \\ or \xHH.  At most `columns` characters are written,
 * then "..."; 0 = no limit.
 */
void escape_text(struct buf *out, const void *bytes, size_t n, size_t columns);

/*
 * One shell word: as escape_text, within '...' where a shell would read it
 * otherwise, so that a printed command can be pasted.
 */
void escape_word(struct buf *out, const void *bytes, size_t n, size_t columns);

/* The inside of a JSON string: controls as \u00XX, bytes that are no UTF-8 as U+FFFD each. */
void escape_json(struct buf *out, const void *bytes, size_t n);

/*
 * A name as a file name: everything but [A-Za-z0-9_-] as %XX, so that no two
 * names meet.  `out` has ESCAPE_NAME_MAX + 1 bytes.  0, -EINVAL (empty),
 * -ENAMETOOLONG.
 */
int escape_name(const char *name, char *out);
/* The way back; `out` has ESCAPE_NAME_MAX + 1 bytes.  0, -EINVAL (no name of ours). */
int unescape_name(const char *file, char *out);

#endif

/* Foreign bytes made inert: for terminals, for JSON, for file names. */
#ifndef SG_BASE_ESCAPE_H
#define SG_BASE_ESCAPE_H

#include <stddef.h>

struct buf;

#define ESCAPE_NAME_MAX 200 /* bytes of an encoded name, without the NUL */

/*
 * For a terminal or a log: valid UTF-8 that prints stays, everything else
 * (controls, C1, DEL, broken sequences, bidi and zero-width controls)
 * becomes \n, \t, \\ or \xHH, each byte.  At most `columns` characters are
 * written, then "..."; 0 = no limit.  Neither limit, nor the end of `out`,
 * leaves half a character or half an escape.
 */
void escape_text(struct buf *out, const void *bytes, size_t n, size_t columns);

/*
 * One shell word, so that a printed command can be pasted: bare where a shell
 * reads it as it stands, else within '...', and within $'...' with the escapes
 * of escape_text (bash, zsh, ksh, POSIX 2024) where it holds what does not
 * print.  Quotes count as columns and are closed before "...".
 */
void escape_word(struct buf *out, const void *bytes, size_t n, size_t columns);

/*
 * The inside of a JSON string: controls, DEL and C1 as \u00XX, bytes that are
 * no UTF-8 as U+FFFD each.  NUL is \u0000, which jansson reads only with
 * JSON_ALLOW_NUL.
 */
void escape_json(struct buf *out, const void *bytes, size_t n);

/*
 * A name as a file name: everything but [A-Za-z0-9_-] as %XX (capitals), so
 * that no two names meet.  `out` has ESCAPE_NAME_MAX + 1 bytes, and is written
 * on success only.  0, -EINVAL (empty), -ENAMETOOLONG.
 */
int escape_name(const char *name, char *out);
/* The way back, the same rules for `out`.  0, -EINVAL (not what escape_name writes: also %41, %2e). */
int unescape_name(const char *file, char *out);

#endif

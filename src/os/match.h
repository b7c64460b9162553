/* POSIX extended regular expressions of the user's, over what a job has written. */
#ifndef SG_OS_MATCH_H
#define SG_OS_MATCH_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define MATCH_REGEX_MAX 500 /* bytes of an expression */

/* Can it be understood?  0; -EINVAL with what the C library says of it in `why`; -ENOMEM. */
int os_match_check(const char *regex, size_t n, struct buf *why);

/*
 * In a disposable child (os/read_apart), for an expression may take for ever:
 * the process gets at most 1 s of CPU time.  Does a line of `text` (with its
 * NUL) match?  1: *out_at, *out_n are what did, or what its first group has
 * where that took part; 0; -EINVAL, -ENOMEM.
 */
int os_match_apart(const char *regex, size_t n, const char *text, size_t *out_at, size_t *out_n);

/* Local time minus UTC in seconds, at that local time (seconds since 1970 as if it were UTC).  Reads the time
 * zone's file. */
int64_t os_local_offset(int64_t local_s);

#endif

/* Extended regular expressions: what of one is not the same everywhere. */
#ifndef SG_BASE_REGEX_H
#define SG_BASE_REGEX_H

/*
 * What in `regex` POSIX leaves open, so that one C library takes it for what
 * another does not: a back reference of glibc is a digit to musl, \d a digit to
 * musl and a letter to glibc.  The wrapper is linked with one, what checks its
 * configuration with the other.  In words; NULL: nothing that is known.
 */
const char *regex_find_undefined(const char *regex);

#endif

/*
 * What a failure is known by: how the run ended, and what the end of its
 * stderr says of the cause, without what varies (times, paths, numbers, ids).
 * Two runs that failed of one thing have one print.  Pure.
 */
#ifndef SG_CORE_FINGERPRINT_H
#define SG_CORE_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"

struct buf;

#define FINGERPRINT_SUMMARY_MAX 160 /* with the NUL */
#define FINGERPRINT_TEXT_MAX    24  /* "f1-0123456789abcdef" with the NUL */

struct fingerprint_facts {
	const char
		*bytes; /* the end of stderr, as written: anything may be in it; borrowed; NULL = not kept */
	size_t count;
	bool is_cut; /* more was written before: the first line may be half a line */
	enum outcome outcome;
	bool has_status; /* `job_status` is known */
	int job_status;  /* of wait(2) */
};

struct fingerprint {
	uint64_t print;                        /* never 0: 0 is free for "none" */
	bool is_bare;                          /* of how the run ended alone: there were no lines to go by */
	char summary[FINGERPRINT_SUMMARY_MAX]; /* the line that tells most; foreign bytes without controls; if
						  bare "exit 3", "signal 11 (SEGV)", "timeout" */
};

/*
 * The version of a print is how it was made: prints of two versions are not
 * compared.  Raised with each change that gives a text another print.
 */
#define FINGERPRINT_VERSION 1

void fingerprint_make(struct fingerprint *out, const struct fingerprint_facts *facts);

/* "f1-0123456789abcdef" */
void fingerprint_format(struct buf *out, uint64_t print);
/* The way back, of exactly that form and this version.  0, -EINVAL. */
int fingerprint_parse(const char *text, size_t n, uint64_t *out_print);

#endif

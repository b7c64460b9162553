/*
 * The frame of breaker/NAME, what a job's runs leave for the next: lines of words, each kind of them
 * understood by what it is of (budgets: core/budget_text; the breaker: core/circuit_text; attempts:
 * core/attempts_text; "inputs", a digest: store/breaker); lines of a kind that nobody knows are passed over.
 *
 *   spawnguard breaker 1
 *   at BOOT_ID TIME_NAMESPACE BOOT_NS WALL_NS     when it was written: ages in it are as of then
 *   ...
 *   check HEX                                     CRC-32 of everything before it
 */
#ifndef SG_CODEC_BREAKER_H
#define SG_CODEC_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* A moment, by both clocks. */
struct breaker_time {
	char boot_id[40];        /* "" = unknown */
	uint64_t time_namespace; /* 0 = unknown */
	uint64_t boot_ns, wall_ns;
};

/*
 * What has passed between the two: by the boot clock on the same boot, whatever
 * the wall clock was set to; else by the wall clock, which can be wrong: never
 * less than nothing.
 */
bool breaker_is_same_boot(const struct breaker_time *then, const struct breaker_time *now);
uint64_t breaker_passed(const struct breaker_time *then, const struct breaker_time *now);

void breaker_format_begin(struct buf *out, const struct breaker_time *now);
/* Seals what stands in `out`, which has nothing else in it. */
void breaker_format_end(struct buf *out);

struct breaker_lines {
	const char *at, *end; /* borrowed */
};
/* 0: whole and undamaged, its lines between are in *out_lines; -EBADMSG: anything else. */
int breaker_parse(const char *text, size_t n, struct breaker_time *out_then, struct breaker_lines *out_lines);
/* The next line without its newline, and its length; NULL: no more. */
const char *breaker_next_line(struct breaker_lines *lines, size_t *out_n);

#endif

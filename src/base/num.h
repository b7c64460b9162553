/* Numbers as people write them: counts, durations (1h30m), sizes (512M). */
#ifndef SG_BASE_NUM_H
#define SG_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define NUM_NONE UINT64_MAX /* "none": no limit, for ever */

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

#define NUM_MICRO 1000000ULL /* a count in millionths: this is 1 */

/* Plain decimal, no sign, no blank, whole text.  0, -EINVAL, -ERANGE (above `max`). */
int num_parse_u64(const char *text, uint64_t max, uint64_t *out_value);

/*
 * `90` (seconds), `1.5m`, `1h30m`, `2d`, `250ms`; units ns us ms s m h d w,
 * larger before smaller, each at most once, a fraction only in the last
 * (below a nanosecond: rounded down); `none` is NUM_NONE.
 * 0, -EINVAL, -ERANGE (beyond 100 years of 365.25 days).  Zero is a value here: whether it
 * is allowed is the caller's business.
 */
int num_parse_duration(const char *text, uint64_t *out_ns);

/*
 * `4096`, `512K`, `1.5G`, `3GiB`, `3GB`, in either case; K M G T P are powers
 * of 1024; a fraction needs one of them (below a byte: rounded down); `none`
 * is NUM_NONE.  0, -EINVAL, -ERANGE (NUM_NONE and beyond).
 */
int num_parse_size(const char *text, uint64_t *out_bytes);

/* `12`, `0.25`: millionths, beyond the sixth decimal rounded down. 0, -EINVAL, -ERANGE. */
int num_parse_micro(const char *text, uint64_t *out_micro);
/* The same number, without a point where it is whole: 12, 0.25. */
void num_format_micro(struct buf *out, uint64_t micro);

/*
 * Two units at most, exact enough to read: 240ms, 3.2s, 4m12s, 3h12m, 2d4h;
 * "none" for NUM_NONE.  Rounded down: num_parse_duration gives back this much
 * or less, by less than the last unit shown.
 */
void num_format_duration(struct buf *out, uint64_t ns);
/* 812, 1.5K, 180M, 3.1G; "none" for NUM_NONE.  Rounded down, one decimal below 100. */
void num_format_size(struct buf *out, uint64_t bytes);

#endif

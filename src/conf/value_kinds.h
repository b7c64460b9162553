/* Inside of conf/value: the kinds of values that stand in files of their own, and what they share. */
#ifndef SG_CONF_VALUE_KINDS_H
#define SG_CONF_VALUE_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/options.h"

struct buf;
struct job;

/* As value_parse(). */
typedef int value_parser(const struct option_row *row, const char *text, struct job *job, struct buf *why);

/* The field of `job` that the row fills. */
void *value_field(const struct option_row *row, struct job *job);
/* -EINVAL, with the reason. */
int value_refuse(struct buf *why, const char *reason);
bool value_is_none(const char *text);
/* How many bytes at the beginning are letters of ASCII, digits, or of `more`. */
size_t value_plain_length(const char *text, const char *more);
/* A duration; "none" is `none_ns`, and what to write instead of 0 says `zero_cure`. */
int value_duration(const char *text, uint64_t none_ns, const char *zero_cure, uint64_t *out_ns,
		   struct buf *why);

value_parser value_tag;
value_parser value_budget;
value_parser value_files;
value_parser value_open_on;
value_parser value_env;
value_parser value_mode;
value_parser value_nice;
value_parser value_oom;
value_parser value_ionice;
value_parser value_rate;
value_parser value_streak;
value_parser value_span;
value_parser value_jitter;
value_parser value_uptime;
value_parser value_backoff;
value_parser value_class;

#endif

/* Values of --retry, --retry-on, --max-attempts and --require-env. */
#ifndef SG_CONF_RETRY_VALUE_H
#define SG_CONF_RETRY_VALUE_H

#include <stdint.h>

struct buf;

#define RETRY_MAX 1000

/* Each: 0; -EINVAL with what is wrong and what to write instead in `why`. */

/* "3"; "none" is 0. */
int retry_value_times(const char *text, uint32_t *out_times, struct buf *why);
/* "failure,timeout", "all", "none": bit i for class i of core/failure.h. */
int retry_value_classes(const char *text, uint32_t *out_classes, struct buf *why);
/* "HOME,API_KEY"; "none" is NULL.  Borrowed. */
int retry_value_names(const char *text, const char **out_names, struct buf *why);

#endif

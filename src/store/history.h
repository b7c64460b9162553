/* history/YYYY-MM.jsonl: append one line, look for a run id. */
#ifndef SG_STORE_HISTORY_H
#define SG_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Owned descriptor of the month of `wall_ns`, for appending; -errno. */
int history_open(int dirfd, uint64_t wall_ns);
/* One line that starts and ends with a newline, in one write. 0, -ENOSPC (also: cut line), -errno. */
int history_append(int fd, const struct buf *line);

/* Is there an intact line of `event` about `run_id` in the month of `wall_ns` or the one before?  1, 0,
 * -errno. */
int history_has(int dirfd, uint64_t wall_ns, const char *event, const char *run_id);
/* The same of any line that `is_it` takes, which judges for itself whether it is intact. */
int history_find(int dirfd, uint64_t wall_ns, bool (*is_it)(const char *line, size_t n, const void *with),
		 const void *with);

#endif

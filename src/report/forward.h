/* The lines of history/YYYY-MM.jsonl as they come: what was appended since the last reading. */
#ifndef SG_REPORT_FORWARD_H
#define SG_REPORT_FORWARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "report/backward.h"

#define FORWARD_FILES (BACKWARD_FILES + 12) /* months from the oldest that counted when it began */

struct forward {
	int keep_fd; /* borrowed: the directory that has history/ */
	uid_t owner; /* whose files are believed */
	struct forward_month {
		char name[BACKWARD_NAME_MAX];
		uint64_t at, fresh; /* read up to here; what stands before `fresh` was there when it began */
	} month[FORWARD_FILES];     /* the oldest first */
	size_t count;
	uint64_t damaged;
};

/* From here on.  0, -errno. */
int forward_begin(struct forward *f, int keep_fd, uid_t owner);
/* From the month of that time on, as far as it was there when it began. */
void forward_rewind(struct forward *f, uint64_t wall_ns);
/* To be heard of by inotify: owned descriptor of the directory; -ENOENT there is none yet; -errno. */
int forward_open_directory(const struct forward *f);

/*
 * Each whole line that was not given yet and begins as one of ours; `is_old`: it was there before.  0,
 * -errno: what could not be read is given the next time.
 */
int forward_read(struct forward *f, void (*each)(void *with, const struct backward_line *line, bool is_old),
		 void *with);

#endif

/* What comes out of the job, as far as it can be seen without standing in its way: the files that its stdout
 * and stderr are, and what the pump of --tail passes on. */
#ifndef SG_GUARD_FLOW_H
#define SG_GUARD_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#define FLOW_UNKNOWN UINT64_MAX

struct job;
struct run;

struct flow {
	int file[2];      /* owned: regular files, two where the streams are not in one; -1 = none */
	bool is_seen[2];  /* stdout, stderr: by such a file */
	bool counts;      /* what comes is to be added up */
	uint64_t size[2]; /* of the files, when they were last looked at */
	uint64_t came[2]; /* into them since the start */
	int lines_fd;     /* owned: the first file, to be read; -1 = its lines are not counted */
	uint64_t read_to; /* of it */
	uint64_t lines;
};

void flow_init(struct flow *flow);
/* In front: what comes from now on is the next attempt's; to be prepared anew. */
void flow_renew(struct run *run);
/* Is it to be added up? */
bool flow_is_counted(const struct job *job);
/* Before the fork: what is to be looked at, if anything asks for it.  0, or the exit status: said. */
int flow_prepare(struct run *run);
/* Size of the files together; FLOW_UNKNOWN = there is none. */
uint64_t flow_size(const struct flow *flow);
/* One look: what has come out so far; FLOW_UNKNOWN = it is not counted, or not seen. */
uint64_t flow_look(struct run *run);
/* From now on: the lines of stdout too.  False: its file cannot be read. */
bool flow_count_lines(struct run *run);
/* The last look: of lines too, as far as they are of the last 64 MiB. */
void flow_finish(struct run *run);

#endif

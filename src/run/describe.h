/* A run in words. */
#ifndef SG_RUN_DESCRIBE_H
#define SG_RUN_DESCRIBE_H

#include <stddef.h>

struct buf;
struct record_head;

/* The recorded command as a shell would take it, at most `columns` characters; 0 = all that was recorded. */
void describe_command(struct buf *out, const struct record_head *head, size_t columns);

#endif

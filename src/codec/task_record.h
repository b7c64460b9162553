/* Records of a perf ring: who was born, who ended, what was lost.  Understood from bytes, none is trusted. */
#ifndef SG_CODEC_TASK_RECORD_H
#define SG_CODEC_TASK_RECORD_H

#include <stddef.h>
#include <stdint.h>

enum task_record_kind {
	TASK_OTHER,
	TASK_BIRTH,  /* of a process: its first thread */
	TASK_THREAD, /* birth of a further thread */
	TASK_END,    /* of a thread, the first one included */
	TASK_MISSED, /* the ring was full */
};

struct task_record {
	enum task_record_kind kind;
	int32_t pid, parent; /* processes; 0 = of no PID namespace that the reader sees */
	uint64_t at_ns;      /* by the clock that the event was opened with; 0 = not told */
	uint64_t missed;     /* records, of any kind */
};

/* The longest that is looked into; what is longer is TASK_OTHER. */
#define TASK_RECORD_MAX 64

/* Bytes of the record that begins with these 8; 0: there is none, the ring cannot be read on. */
size_t task_record_size(const void *head);
/* `n` bytes: a whole record, or the first TASK_RECORD_MAX of it. 0, -EBADMSG. */
int task_record_parse(const void *bytes, size_t n, struct task_record *out_record);

#endif

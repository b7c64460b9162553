#include "codec/task_record.h"

#include <errno.h>
#include <string.h>

/* As in linux/perf_event.h, where they are named as no layer above may name them. */
enum { TYPE_LOST = 2, TYPE_EXIT = 4, TYPE_FORK = 7 };

struct head {
	uint32_t type;
	uint16_t misc, size;
};

struct task {
	struct head head;
	uint32_t pid, ppid;
	uint32_t tid, ptid;
	uint64_t time;
};

struct lost {
	struct head head;
	uint64_t id, lost;
};

size_t task_record_size(const void *bytes)
{
	struct head head;

	memcpy(&head, bytes, sizeof(head));
	return head.size >= sizeof(head) && head.size % 8 == 0 ? head.size : 0;
}

static int32_t number(uint32_t pid)
{
	return pid <= INT32_MAX ? (int32_t)pid : 0; /* it is -1 for one that has no number any more */
}

static int parse_task(const void *bytes, size_t n, struct task_record *r)
{
	struct task task;

	if (n < sizeof(task))
		return -EBADMSG;
	memcpy(&task, bytes, sizeof(task));
	r->pid = number(task.pid);
	r->parent = number(task.ppid);
	r->at_ns = task.time;
	if (task.head.type == TYPE_EXIT)
		r->kind = TASK_END;
	else
		r->kind = task.pid == task.tid ? TASK_BIRTH : TASK_THREAD;
	return 0;
}

int task_record_parse(const void *bytes, size_t n, struct task_record *out)
{
	struct task_record r = { .kind = TASK_OTHER };
	struct lost lost;
	struct head head;

	if (n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (head.type == TYPE_FORK || head.type == TYPE_EXIT) {
		if (parse_task(bytes, n, &r) < 0)
			return -EBADMSG;
	} else if (head.type == TYPE_LOST) {
		if (n < sizeof(lost))
			return -EBADMSG;
		memcpy(&lost, bytes, sizeof(lost));
		r.kind = TASK_MISSED;
		r.missed = lost.lost;
	}
	*out = r;
	return 0;
}

#include "guard/holder.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "guard/run.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "run/describe.h"
#include "run/find.h"

#define COMMAND_COLUMNS 60
#define LOOKS_FOR_HOLDER                                                                                    \
	200 /* each 1 ms later: from its lock to its record a start takes less than one, but may wait for a \
	       processor */

void holder_find(const struct run *run, struct holder *h)
{
	*h = (struct holder){ .record.fd = -1 };
	AUTO_FD int fd = lockinfo_open(run->dir.run_fd, run->lock_path, false);
	if (fd < 0 || lockinfo_read(fd, &h->info) < 0 || h->info.holder.run_id[0] == '\0')
		return;
	h->has_record = record_open(run->dir.run_fd, h->info.holder.run_id, &h->record) == 0;
	if (!h->has_record)
		return;
	h->is_elsewhere = run_place_of(&h->record.head.host, &run->head.host) == PLACE_ELSEWHERE;
	record_close(&h->record);
}

void holder_await(const struct run *run, struct holder *h)
{
	holder_find(run, h);
	for (int i = 0; !h->has_record && !run->job->no_lock && i < LOOKS_FOR_HOLDER; i++) {
		os_clock_sleep_ms(1);
		holder_find(run, h);
	}
}

void holder_format(struct buf *line, const struct holder *h)
{
	const struct record_head *head = &h->record.head;

	if (!h->has_record) {
		buf_str(line, " (its holder has left no record yet)");
		return;
	}
	if (h->is_elsewhere) {
		buf_str(line, " (in another PID or time namespace)");
		return;
	}
	buf_str(line, ", pid ");
	buf_i64(line, head->front.pid);
	buf_str(line, ", ");
	uint64_t now_ns = os_clock_boot_ns();
	num_format_duration(line, now_ns > head->started_boot_ns ? now_ns - head->started_boot_ns : 0);
	buf_str(line, ", run ");
	buf_mem(line, head->run_id, strnlen(head->run_id, 8));
	buf_str(line, ": ");
	describe_command(line, head, COMMAND_COLUMNS);
}

bool holder_is_ancestor(const struct run *run, const struct holder *h)
{
	const char *parent = run->head.parent_run_id;

	if (parent[0] == '\0')
		return false;
	if (run->job->no_lock) /* that file alone: no info tells who has it */
		return find_is_held_around(&run->dir, parent, OS_CWD, run->job->lock_file);
	if (h->info.holder.run_id[0] != '\0' && find_is_ancestor(&run->dir, parent, h->info.holder.run_id))
		return true;
	/* Of several that share the lock, only one is named. */
	return find_is_held_around(&run->dir, parent, run->dir.run_fd, run->lock_path);
}

#include "run/ask.h"

#include <errno.h>
#include <string.h>

#include "os/pidfd.h"
#include "os/self.h"
#include "os/signal.h"

struct request ask_request(enum request_verb verb, const char *comm, const char *by_run)
{
	struct request request = {
		.verb = verb, .by_pid = os_self_pid(), .by_uid = os_self_uid(), .grace_ns = UINT64_MAX
	};

	memcpy(request.by_comm, comm, strnlen(comm, sizeof(request.by_comm) - 1));
	if (by_run && strlen(by_run) <= RUN_ID_MAX)
		memcpy(request.by_run, by_run, strlen(by_run));
	return request;
}

/* From its record to its warden a start takes less than 1 ms, but may wait for a processor. */
#define STARTING_LOOKS 5000
#define STARTING_MS    1

int ask_open(const struct statedir *dir, const char *run_id, const struct host_id *here,
	     struct run_view *out_view)
{
	struct run_view view;

	for (int i = 0;; i++) {
		int r = run_view_open(dir, run_id, here, &view);
		if (r < 0)
			return r;
		bool is_starting =
			view.has_front && !view.has_warden && view.record.state.phase == PHASE_STARTING;
		if (!is_starting || i == STARTING_LOOKS)
			break;
		(void)os_pidfd_wait(view.front, STARTING_MS);
		run_view_close(&view);
	}
	*out_view = view;
	return 0;
}

int ask_guard(const struct statedir *dir, const struct run_view *view, struct request *request, bool over)
{
	const char *id = view->record.head.run_id;

	/* Between two attempts there is no warden: front takes requests itself. */
	bool is_between = view->record.state.phase == PHASE_WAITING && !view->has_warden;
	int guard = is_between ? view->front : view->warden;

	if (guard < 0)
		return view->has_warden || (is_between && view->has_front) ? -ENODATA : -ESRCH;
	int r = over ? request_write(dir->run_fd, id, request) : request_offer(dir->run_fd, id, request);
	if (r < 0 && r != -EEXIST)
		return r;
	int sent = os_pidfd_signal(guard, OS_SIG_REQUEST);
	if (sent < 0 && r == 0)
		request_remove(dir->run_fd, id);
	return sent < 0 ? sent : r;
}

/* The loop of a batch: starts what may be started, hears of what ended, ends what is to be ended. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/num.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/pipe.h"
#include "os/poll.h"
#include "os/say.h"
#include "os/terminal.h"
#include "os/wait.h"
#include "run/await.h"
#include "spawnguard/exit.h"

#define BAR_NS (1 * NS_PER_S) /* the bar is drawn again */

static uint64_t passed(const struct work *w)
{
	return w->passed_ns + (os_clock_boot_ns() - w->began_ns);
}

/* In the order in which they were started. */
static void end_all(struct work *w)
{
	for (uint32_t last = 0;;) {
		struct slot *next = NULL;
		for (uint32_t i = 0; i < w->batch.brakes.jobs; i++) {
			struct slot *slot = &w->slots[i];
			if (slot->is_used && slot->serial > last && (!next || slot->serial < next->serial))
				next = slot;
		}
		if (!next)
			return;
		last = next->serial;
		(void)os_child_signal(next->pid, next->pidfd, SIGTERM); /* dead: it is told in a moment */
	}
}

static void tell_all_skipped(struct work *w)
{
	for (uint32_t i = 0; (i = batch_tell_skipped(&w->batch, i)) < w->batch.count;)
		tell_skipped(w, i);
}

/* What the runs have written so far. */
static void pass_on(struct work *w)
{
	char bytes[4096];

	for (ssize_t n;
	     w->err_ends[0] >= 0 && (n = os_pipe_read(w->err_ends[0], bytes, sizeof(bytes), 0)) > 0;) {
		tell_bar_gone(w);
		os_print(2, bytes, (size_t)n);
	}
}

static void take_end(struct work *w, struct slot *slot, int status)
{
	uint32_t item = slot->item;
	struct item_end told;
	struct batch_end end;

	pass_on(w);
	run_finish(w, slot, status, &end, &told);
	enum batch_rule rule = batch_ended(&w->batch, item, &end);
	uint64_t passed_ns = passed(w);
	if (!session_put_end(w, item, &end, &told, passed_ns))
		batch_stop(&w->batch, RULE_REFUSED);
	tell_end(w, item, &end, &told, passed_ns);
	if (rule != RULE_NONE) {
		tell_brake(w, item, rule);
		tell_all_skipped(w);
	}
	item_release(&told);
}

static void reap(struct work *w)
{
	struct os_child child;

	while (os_wait_any(&child) > 0) {
		for (uint32_t i = 0; child.has_ended && i < w->batch.brakes.jobs; i++)
			if (w->slots[i].is_used && w->slots[i].pid == child.pid)
				take_end(w, &w->slots[i], child.status);
	}
}

static void hear(struct work *w)
{
	struct os_signal signal;

	while (os_signalfd_read(w->signal_fd, &signal) > 0) {
		if (signal.number == SIGTSTP) {
			tell_bar_gone(w);
			os_signal_stop_self(SIGTSTP);
		} else if (signal.number != SIGCHLD) {
			w->asked_by = w->asked_by ? w->asked_by : signal.number;
			batch_stop(&w->batch, RULE_ASKED);
			end_all(w);
		}
	}
	reap(w);
}

static struct slot *free_slot(struct work *w)
{
	uint32_t i = 0;

	while (w->slots[i].is_used)
		i++;
	return &w->slots[i];
}

/* What may be started now; false: there is nothing left. */
static bool start_next(struct work *w)
{
	uint32_t item;

	for (;;) {
		bool was_stopped = w->batch.stop != RULE_NONE;
		enum batch_next next = batch_next(&w->batch, passed(w), &item);
		if (!was_stopped && w->batch.stop == RULE_TOTAL) {
			tell_brake(w, 0, RULE_TOTAL);
			end_all(w);
		}
		if (next != NEXT_ITEM)
			return next == NEXT_LATER;
		if (run_start(w, free_slot(w), item) < 0)
			batch_stop(&w->batch, RULE_REFUSED);
		else
			batch_started(&w->batch, item);
	}
}

static uint64_t wake_at(const struct work *w)
{
	uint64_t now_ns = os_clock_boot_ns(), passed_ns = passed(w), total_ns = w->batch.brakes.total_ns;
	uint64_t until_ns = w->columns > 0 ? now_ns + BAR_NS : NUM_NONE;

	if (total_ns != NUM_NONE && w->batch.stop == RULE_NONE) {
		uint64_t left_ns = total_ns > passed_ns ? total_ns - passed_ns : 0;
		until_ns = now_ns + left_ns < until_ns ? now_ns + left_ns : until_ns;
	}
	return until_ns;
}

static void work_through(struct work *w)
{
	while (start_next(w)) {
		struct os_poll news[2] = { { .fd = w->signal_fd, .wants = OS_POLL_IN },
					   { .fd = w->err_ends[0], .wants = OS_POLL_IN } };
		tell_bar(w, passed(w));
		int ready = os_poll(news, COUNT_OF(news), await_ms(wake_at(w)));
		if (ready > 0 && news[1].ready)
			pass_on(w);
		if (ready > 0 && news[0].ready)
			hear(w);
	}
	pass_on(w);
	tell_bar_gone(w);
}

/* The end of a file that all write to would be taken for the end of what one of them wrote. */
static int separate_errors(struct work *w)
{
	struct os_file_id id;

	return os_file_id(2, &id) == 0 && id.is_regular ? os_pipe_open(w->err_ends) : 0;
}

int loop_sit(struct work *w)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	os_sigset heard = OS_SIG(SIGCHLD) | OS_SIG(SIGTSTP);

	if (w->batch.brakes.jobs > w->batch.count) /* --jobs=4000000000 */
		w->batch.brakes.jobs = w->batch.count > 0 ? w->batch.count : 1;
	w->slots = calloc(w->batch.brakes.jobs, sizeof(*w->slots));
	if (!w->slots)
		return cmd_fail("cannot keep the items in memory", -ENOMEM);
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		heard |= os_signal_is_ignored(ends[i]) ? 0 : OS_SIG(ends[i]);
	int r = os_signals_take(&w->signals);
	if (r == 0)
		r = w->signal_fd = os_signalfd_open(heard);
	if (r < 0)
		return cmd_fail("cannot wait for what runs", r);
	w->columns = os_terminal_columns(2);
	AUTO_FD int self = os_pidfd_open_self();
	w->can_be_watched = self >= 0;
	r = separate_errors(w);
	if (r < 0)
		return cmd_fail("cannot wait for what runs", r);
	w->began_ns = os_clock_boot_ns();
	if (session_put_sit(w))
		work_through(w);
	if (!w->cannot_record)
		(void)session_put_over(w);
	int told = 0;
	if (w->cmd.job.json)
		told = sum_json(w);
	else if (!w->cmd.job.quiet)
		sum_print(w, 2);
	if (w->asked_by)
		os_signal_die(w->asked_by);
	return w->cannot_record ? SG_EXIT_GUARD : told != 0 ? told : batch_exit_status(&w->batch);
}

#include "guard/after.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "guard/asked.h"
#include "guard/run.h"
#include "os/fd.h"

/* The warden is reaped: with these the last copies are gone. */
static void let_go(struct run *run)
{
	os_fd_close(&run->record_fd);
	os_fd_close(&run->history_fd);
	os_fd_close(&run->user_lock_fd);
	os_fd_close(&run->slot_fd);
	os_fd_close(&run->lock_fd);
	os_fd_close(&run->circuit.trial_fd);
}

/* What was flagged while the job ran has had its hook; these are known only now. */
static void flag_end(struct run *run)
{
	const struct run_figures *f = &run->state.figures;
	BUF(line, 256);

	if (f->survivors == 0 && f->cause != CAUSE_WARDEN_DEAD)
		return;
	escape_text(&line, run->name, strlen(run->name), 60);
	if (f->survivors > 0) {
		buf_str(&line, ": processes that cannot be ended: ");
		buf_u64(&line, f->survivors);
	} else {
		buf_str(&line, ": its warden was killed");
	}
	hook_flag(run, line.at);
}

void after_end(struct run *run, int signals, const struct outcome_verdict *verdict)
{
	/* Ended by itself, the job would wait for its reader too; what we have ended is over. */
	bool is_patient = run->state.figures.cause == CAUSE_NONE, has_hooks = hook_is_wanted(run);

	if (run->tail.pump <= 0 && !has_hooks)
		return;
	let_go(run);
	if (has_hooks) {
		(void)asked_to_end(signals); /* what came before was meant for the job */
		tail_wait(run, signals, false, false);
		flag_end(run);
		hook_wait(run, signals);
		hook_finish(run, verdict);
		hook_wait(run, signals);
	}
	tail_wait(run, signals, is_patient, true);
}

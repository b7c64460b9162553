#include "guard/after.h"

#include <signal.h>

#include "guard/run.h"
#include "os/fd.h"
#include "os/signal.h"

bool after_is_asked_to_end(int signals)
{
	struct os_signal s;
	bool is_asked = false;

	while (os_signalfd_read(signals, &s) > 0)
		if ((s.number == SIGTERM || s.number == SIGHUP || s.number == SIGINT ||
		     s.number == SIGQUIT) &&
		    !os_signal_is_ignored(s.number))
			is_asked = true;
	return is_asked;
}

/* The warden is reaped: with these the last copies are gone. */
static void let_go(struct run *run)
{
	os_fd_close(&run->record_fd);
	os_fd_close(&run->history_fd);
	os_fd_close(&run->user_lock_fd);
	os_fd_close(&run->lock_fd);
}

void after_end(struct run *run, int signals, struct outcome_verdict verdict)
{
	/* Ended by itself, the job would wait for its reader too; what we have ended is over. */
	bool is_patient = run->state.figures.cause == CAUSE_NONE;

	(void)verdict;
	if (run->tail.pump <= 0)
		return;
	let_go(run);
	tail_wait(run, signals, is_patient, true);
}

#include "guard/pause.h"

#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/signal_name.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/poll.h"

#define STOPS (OS_SIG(SIGTSTP) | OS_SIG(SIGTTIN) | OS_SIG(SIGTTOU))
#define ENDS  (OS_SIG(SIGTERM) | OS_SIG(SIGINT) | OS_SIG(SIGHUP) | OS_SIG(SIGQUIT))

int pause_open(struct pause *p, const struct run *run)
{
	*p = (struct pause){ .run = run, .timer = os_timer_open(), .signals = -1 };
	p->signals = os_signalfd_open(ENDS | STOPS | run->job->end_on);
	return p->timer < 0 ? p->timer : p->signals < 0 ? p->signals : 0;
}

void pause_close(struct pause *p)
{
	os_fd_close(&p->timer);
	os_fd_close(&p->signals);
}

/* Has one come that ends it? */
static bool read_signals(const struct pause *p, struct os_signal *out_asked)
{
	struct os_signal s;

	while (os_signalfd_read(p->signals, &s) > 0) {
		if (os_signal_is_ignored(s.number))
			continue; /* nohup: ignored since before us */
		bool is_stop = s.number <= 64 && (STOPS & OS_SIG(s.number));
		if (!is_stop) {
			*out_asked = s;
			return true;
		}
		os_signal_stop_self(s.number);
	}
	return false;
}

int pause_until(const struct pause *p, uint64_t until_ns, int fd, struct os_signal *out_asked)
{
	int r = os_timer_set(p->timer, until_ns);

	while (r == 0 && os_clock_boot_ns() < until_ns) {
		struct os_poll set[] = { { .fd = p->signals, .wants = OS_POLL_IN },
					 { .fd = p->timer, .wants = OS_POLL_IN },
					 { .fd = p->run->parent.fd, .wants = OS_POLL_IN },
					 { .fd = fd, .wants = OS_POLL_IN } };
		int n = os_poll(set, COUNT_OF(set), -1);
		if (read_signals(p, out_asked))
			return PAUSE_ASKED;
		if (n < 0)
			return n;
		if (set[2].ready)
			return PAUSE_ORPHANED;
		if (set[3].ready)
			return PAUSE_WOKEN;
	}
	return r < 0 ? r : PAUSE_OVER;
}

void pause_say_asked(const struct run *run, int number, const char *option)
{
	BUF(line, 512);

	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": asked to end by ");
	signal_format(&line, number);
	buf_str(&line, " before its start (");
	buf_str(&line, option);
	buf_str(&line, "): nothing was started");
	voice_note(&line);
}

#include "guard/splay.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "conf/signal_name.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/poll.h"
#include "os/self.h"

#define STOPS (OS_SIG(SIGTSTP) | OS_SIG(SIGTTIN) | OS_SIG(SIGTTOU))
#define ENDS  (OS_SIG(SIGTERM) | OS_SIG(SIGINT) | OS_SIG(SIGHUP) | OS_SIG(SIGQUIT))

static uint64_t choose(uint64_t splay_ns)
{
	uint64_t random;
	os_random(&random, sizeof(random));
	return random % splay_ns;
}

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": ");
}

static void say_delay(const struct run *run, uint64_t delay_ns)
{
	BUF(line, 512);

	if (!voice_tells_steps())
		return;
	put_name(&line, run);
	buf_str(&line, "starting in ");
	num_format_duration(&line, delay_ns);
	buf_str(&line, ", of at most ");
	num_format_duration(&line, run->job->splay_ns);
	voice_step(&line);
}

static void say_ended(const struct run *run, int number)
{
	BUF(line, 512);

	put_name(&line, run);
	buf_str(&line, "asked to end by ");
	signal_format(&line, number);
	buf_str(&line, " before its start (--splay): nothing was started");
	voice_note(&line);
}

/* The signal that ends it; 0 = none of those that came. */
static int read_signals(int signals)
{
	struct os_signal s;

	while (os_signalfd_read(signals, &s) > 0) {
		if (os_signal_is_ignored(s.number))
			continue; /* nohup: ignored since before us */
		bool is_stop = s.number <= 64 && (STOPS & OS_SIG(s.number));
		if (!is_stop)
			return s.number;
		os_signal_stop_self(s.number);
	}
	return 0;
}

static int wait_until(const struct run *run, uint64_t until_ns, struct fail *fail)
{
	AUTO_FD int timer = os_timer_open();
	AUTO_FD int signals = os_signalfd_open(ENDS | STOPS | run->job->end_on);
	int r = timer < 0 ? timer : signals < 0 ? signals : os_timer_set(timer, until_ns);

	if (r < 0)
		return fail_set(fail, -r, "wait for --splay", run->name);
	/* Signals that end nothing stay blocked, for the job. */
	while (r == 0 && os_clock_boot_ns() < until_ns) {
		struct os_poll set[] = { { .fd = signals, .wants = OS_POLL_IN },
					 { .fd = timer, .wants = OS_POLL_IN },
					 { .fd = run->parent.fd, .wants = OS_POLL_IN } };
		(void)os_poll(set, COUNT_OF(set), -1);
		r = read_signals(signals);
		if (set[2].ready)
			break; /* told by whoever asks next */
	}
	return r;
}

int splay_wait(const struct run *run)
{
	struct fail fail = { 0 };

	if (run->job->splay_ns == NUM_NONE)
		return 0;
	uint64_t delay_ns = choose(run->job->splay_ns);
	say_delay(run, delay_ns);
	int number = wait_until(run, os_clock_boot_ns() + delay_ns, &fail);
	if (number < 0)
		voice_warn_fail(&fail, "the job is started at once");
	if (number > 0)
		say_ended(run, number);
	return number > 0 ? number : 0;
}

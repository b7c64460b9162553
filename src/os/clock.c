#include "os/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"

static uint64_t now_of(clockid_t clock)
{
	struct timespec ts;
	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t os_clock_boot_ns(void)
{
	return now_of(CLOCK_BOOTTIME);
}

uint64_t os_clock_wall_ns(void)
{
	return now_of(CLOCK_REALTIME);
}

void os_clock_format_local(struct buf *out, uint64_t wall_ns, uint64_t now_wall_ns)
{
	time_t at = (time_t)(wall_ns / NS_PER_S), now = (time_t)(now_wall_ns / NS_PER_S);
	struct tm then = { 0 }, today = { 0 };

	(void)localtime_r(&at, &then); /* where the zone cannot be read it is UTC */
	(void)localtime_r(&now, &today);
	if (then.tm_yday != today.tm_yday || then.tm_year != today.tm_year) {
		buf_pad(out, (uint64_t)then.tm_year + 1900, 4);
		buf_char(out, '-');
		buf_pad(out, (uint64_t)then.tm_mon + 1, 2);
		buf_char(out, '-');
		buf_pad(out, (uint64_t)then.tm_mday, 2);
		buf_char(out, ' ');
	}
	buf_pad(out, (uint64_t)then.tm_hour, 2);
	buf_char(out, ':');
	buf_pad(out, (uint64_t)then.tm_min, 2);
}

void os_clock_sleep_ms(uint32_t ms)
{
	const struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	(void)nanosleep(&span, NULL); /* cut short by a signal: whoever sleeps looks again */
}

static struct timespec spec_of(uint64_t ns)
{
	if (ns == 0)
		ns = 1; /* zero would disarm */
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
}

int os_timer_open(void)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int os_timer_set(int fd, uint64_t at_ns)
{
	struct itimerspec when = { 0 };
	if (at_ns != NUM_NONE)
		when.it_value = spec_of(at_ns);
	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

void os_timer_drain(int fd)
{
	uint64_t expirations;
	(void)!read(fd, &expirations, sizeof(expirations)); /* EAGAIN: it was set anew meanwhile */
}

#define ALARM_AGAIN_NS (10 * NS_PER_MS)

static timer_t alarm_timer;
static bool alarm_is_made;

void os_end_self_at(uint64_t at_ns)
{
	struct sigevent how = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	const struct itimerspec when = { .it_value = spec_of(at_ns) };
	timer_t timer;

	if (timer_create(CLOCK_BOOTTIME, &how, &timer) == 0)
		(void)timer_settime(timer, TIMER_ABSTIME, &when, NULL);
}

int os_alarm_prepare(void)
{
	struct sigevent how = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

	if (alarm_is_made)
		return 0;
	if (timer_create(CLOCK_BOOTTIME, &how, &alarm_timer) < 0)
		return -errno;
	alarm_is_made = true;
	return 0;
}

void os_alarm_go_on(void)
{
	const struct itimerspec when = { .it_value = spec_of(ALARM_AGAIN_NS),
					 .it_interval = spec_of(ALARM_AGAIN_NS) };
	if (alarm_is_made)
		(void)timer_settime(alarm_timer, 0, &when, NULL);
}

int os_alarm_set(uint64_t at_ns)
{
	int r = os_alarm_prepare();
	if (r < 0)
		return r;
	struct itimerspec when = { 0 };
	if (at_ns != NUM_NONE) {
		when.it_value = spec_of(at_ns);
		/* The first may strike just before the call it is to end: the next ones do not. */
		when.it_interval = spec_of(ALARM_AGAIN_NS);
	}
	return timer_settime(alarm_timer, TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

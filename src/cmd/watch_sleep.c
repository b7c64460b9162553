#include "cmd/watch.h"

#include <signal.h>

#include "base/num.h"
#include "os/clock.h"
#include "os/signal.h"
#include "run/await.h"

bool watch_is_over(const struct watch *w)
{
	return w->is_told_to_end || w->is_reader_gone || w->write_err != 0 ||
	       os_clock_boot_ns() >= w->until_ns;
}

bool watch_sleep(struct watch *w, struct os_poll *set, size_t n, uint64_t until_ns)
{
	struct os_signal signal;

	set[0] = (struct os_poll){ .fd = w->signals, .wants = OS_POLL_IN };
	set[1] = (struct os_poll){ .fd = 1 }; /* nobody reads any more: only an error is asked for */
	for (size_t i = 0; i < n; i++)
		set[i].ready = 0;
	if (!watch_is_over(w))
		(void)os_poll(set, n, await_ms(until_ns < w->until_ns ? until_ns : w->until_ns));
	while (set[0].ready && os_signalfd_read(w->signals, &signal) > 0)
		w->is_told_to_end = true;
	if (set[1].ready)
		w->is_reader_gone = true;
	return !watch_is_over(w);
}

#include "guard/asked.h"

#include <signal.h>

#include "os/signal.h"

bool asked_to_end(int signals)
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

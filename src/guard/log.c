#include "guard/log.h"

#include <assert.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/syslog.h"
#include "os/self.h"
#include "os/syslog.h"

/* As syslog(3) numbers them. */
static const unsigned char numbers[] = {
	[FACILITY_NONE] = 1,        [FACILITY_USER] = 1,        [FACILITY_DAEMON] = 3,
	[FACILITY_CRON] = 9,        [FACILITY_LOCAL0] = 16,     [FACILITY_LOCAL0 + 1] = 17,
	[FACILITY_LOCAL0 + 2] = 18, [FACILITY_LOCAL0 + 3] = 19, [FACILITY_LOCAL0 + 4] = 20,
	[FACILITY_LOCAL0 + 5] = 21, [FACILITY_LOCAL0 + 6] = 22, [FACILITY_LOCAL0 + 7] = 23,
};
static_assert(COUNT_OF(numbers) == FACILITY_COUNT, "one number for each facility");

static enum facility facility_of_log;
static const char *job_name, *id_of_run;
static struct os_syslog to_syslog = { .fd = -1 };
static bool has_complained;

void log_set(enum facility facility, const char *job, const char *run_id)
{
	facility_of_log = facility;
	job_name = job;
	id_of_run = run_id;
}

bool log_is_on(void)
{
	return facility_of_log != FACILITY_NONE;
}

int log_line(int priority, const char *text, size_t n, const char **out_path)
{
	BUF(datagram, SYSLOG_DATAGRAM_MAX);
	struct syslog_line line = { .facility = numbers[facility_of_log],
				    .priority = (unsigned)priority,
				    .pid = os_self_pid(),
				    .job = job_name,
				    .run_id = id_of_run,
				    .text = text,
				    .text_len = n };

	int r = to_syslog.fd >= 0 ? 0 : os_syslog_open(&to_syslog);
	if (r == 0) {
		os_syslog_time(&line.time);
		if (to_syslog.is_journal)
			syslog_format_journal(&datagram, &line);
		else
			syslog_format(&datagram, &line);
		r = os_syslog_send(&to_syslog, datagram.at, datagram.len);
	}
	if (r == 0 || has_complained)
		return 0;
	has_complained = true;
	*out_path = os_syslog_path(&to_syslog);
	return r;
}

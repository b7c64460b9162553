#include "codec/syslog.h"

#include <string.h>

#include "base/buf.h"

void syslog_format(struct buf *out, const struct syslog_line *line)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const struct syslog_time *t = &line->time;
	size_t month = t->month >= 1 && t->month <= 12 ? t->month - 1 : 0;

	buf_char(out, '<');
	buf_u64(out, line->facility << 3 | line->priority);
	buf_char(out, '>');
	buf_mem(out, months + 3 * month, 3);
	buf_str(out, t->day < 10 ? "  " : " ");
	buf_u64(out, t->day);
	buf_char(out, ' ');
	buf_pad(out, t->hour, 2);
	buf_char(out, ':');
	buf_pad(out, t->minute, 2);
	buf_char(out, ':');
	buf_pad(out, t->second, 2);
	buf_str(out, " spawnguard[");
	buf_i64(out, line->pid);
	buf_str(out, "]: ");
	buf_mem(out, line->text, line->text_len);
}

/* A value with a newline goes with its length before it: it must not pass for the next field. */
static void put_field(struct buf *out, const char *key, const char *value, size_t n)
{
	buf_str(out, key);
	if (!memchr(value, '\n', n)) {
		buf_char(out, '=');
	} else {
		buf_char(out, '\n');
		for (unsigned i = 0; i < 8; i++)
			buf_char(out, (char)((uint64_t)n >> 8 * i & 0xff));
	}
	buf_mem(out, value, n);
	buf_char(out, '\n');
}

void syslog_format_journal(struct buf *out, const struct syslog_line *line)
{
	put_field(out, "MESSAGE", line->text, line->text_len);
	buf_str(out, "PRIORITY=");
	buf_u64(out, line->priority);
	buf_str(out, "\nSYSLOG_IDENTIFIER=spawnguard\nSYSLOG_FACILITY=");
	buf_u64(out, line->facility);
	buf_str(out, "\nSYSLOG_PID=");
	buf_i64(out, line->pid);
	buf_char(out, '\n');
	if (line->job && line->job[0] != '\0')
		put_field(out, "SPAWNGUARD_JOB", line->job, strlen(line->job));
	if (line->run_id && line->run_id[0] != '\0')
		put_field(out, "SPAWNGUARD_RUN_ID", line->run_id, strlen(line->run_id));
}

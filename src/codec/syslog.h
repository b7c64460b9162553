/* One line for the system log: the datagram of syslog(3), and the fields of journald's own socket.  Pure. */
#ifndef SG_CODEC_SYSLOG_H
#define SG_CODEC_SYSLOG_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define SYSLOG_DATAGRAM_MAX 4096

/* Local time, as syslog(3) writes it. */
struct syslog_time {
	unsigned month, day; /* 1..12, 1..31 */
	unsigned hour, minute, second;
};

struct syslog_line {
	unsigned facility, priority; /* numbers of syslog(3): 1 = user; 3 = error */
	int32_t pid;
	struct syslog_time time;
	const char *job, *run_id; /* NULL or "": not known yet */
	const char *text;         /* without newline */
	size_t text_len;
};

/* <PRI>Mon dd hh:mm:ss spawnguard[pid]: text */
void syslog_format(struct buf *out, const struct syslog_line *line);
/* MESSAGE=text and what else journald keeps of it, one field a line. */
void syslog_format_journal(struct buf *out, const struct syslog_line *line);

#endif

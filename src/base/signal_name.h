/* Signals by the names people know. */
#ifndef SG_CONF_SIGNAL_NAME_H
#define SG_CONF_SIGNAL_NAME_H

struct buf;

#define SIGNAL_LAST 64 /* Linux: signals are 1..64 */

/* TERM, SIGTERM, sigterm, 15, RTMIN+1, RTMAX-3 -> number; -EINVAL (0 too: it is no signal to send). */
int signal_parse(const char *text, int *out_signal);
/* "TERM", "RTMIN+1", "RTMAX-3" into `out`, as kill -l of bash; the number for what has no name. */
void signal_format(struct buf *out, int signal);

#endif

/* What people read of a run.  Front writes it; the warden hands it to front. */
#ifndef SG_GUARD_VOICE_H
#define SG_GUARD_VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/history.h"

struct buf;
struct fail;

/* From now on lines go over the pair's line `link` (-1: to stderr). */
void voice_set_link(int link);
void voice_set_level(bool quiet, uint32_t verbose);

/* JOURNAL_STREAM of the environment (borrowed; NULL = none): "DEVICE:INODE" of the journal's own stream. */
void voice_set_journal(const char *stream);

/* As syslog(3) numbers them. */
enum voice_level { VOICE_ERROR = 3, VOICE_WARNING = 4, VOICE_NOTE = 5, VOICE_INFO = 6 };

/* One line to stderr, or (`is_said` false) only where --syslog sends it.  Not cut by --quiet. */
void voice_line(const struct buf *line, enum voice_level level, bool is_said);
/* A line that the warden has handed over. */
void voice_relay(const char *text, size_t n, enum voice_level level, bool is_said);
/* Does anything hear a line that is not said? */
bool voice_is_logged(void);

/* One line: what, on what, why, what next.  Errors are never quiet. */
void voice_error(const struct buf *line);
/* The end of something, a warning: not with --quiet. */
void voice_note(const struct buf *line);
/* A step: only with --verbose. */
void voice_step(const struct buf *line);
bool voice_tells_steps(void);

/* "cannot lock state directory: /x: Permission denied; NEXT" */
void voice_fail(const struct fail *fail, const char *next);
/* The same as a warning: "warning: cannot ...: what we do instead". */
void voice_warn_fail(const struct fail *fail, const char *instead);

/* "sleep (4711, uid 0, state S), ..." */
void voice_name_processes(struct buf *line, const struct history_process *process, uint32_t count);

#endif

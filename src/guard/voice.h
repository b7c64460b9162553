/* What people read of a run.  Front writes it; the warden hands it to front. */
#ifndef SG_GUARD_VOICE_H
#define SG_GUARD_VOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/history.h"

struct buf;
struct fail;

/* From now on lines go over the pair's line `link` (-1: to stderr). */
void voice_set_link(int link);
void voice_set_level(bool quiet, uint32_t verbose);

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

/* spawnguard freeze JOB|RUN, spawnguard thaw JOB|RUN: asked of the run's guard, and waited for. */
#ifndef SG_CMD_STANDING_H
#define SG_CMD_STANDING_H

#include "codec/request.h"

/* `command`: FOR_... of conf/options.h.  Exit status. */
int standing_main(char **argv, const char *name, unsigned command, enum request_verb verb);

#endif

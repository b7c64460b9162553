/* Front, while it waits for something after the end of its run. */
#ifndef SG_GUARD_ASKED_H
#define SG_GUARD_ASKED_H

#include <stdbool.h>

/* Takes what waits in `signals` (front's).  Is one among it that asks us to end: TERM, HUP, INT, QUIT? */
bool asked_to_end(int signals);

#endif

/* --splay: a random delay before anything is taken, so that many do not start at once. */
#ifndef SG_GUARD_SPLAY_H
#define SG_GUARD_SPLAY_H

struct run;

/* 0: go on.  Else the signal that ended it, told; nothing was started. */
int splay_wait(const struct run *run);

#endif

/*
 * The world of this process, changed for what it is about to exec.  Each is a
 * few plain system calls and nothing else: the child that takes these steps
 * shares the memory of its parent.  0, or -errno.
 */
#ifndef SG_OS_WORLD_H
#define SG_OS_WORLD_H

int os_world_chdir(const char *dir);
int os_world_umask(int mode);
/* The niceness itself, -20 to 19; nothing is added to what there is. -EACCES: lowered by who may not. */
int os_world_nice(int niceness);
/* As ioprio_set(2) takes it: class << 13 | level. */
int os_world_ionice(int priority);
/* -EACCES: lowered by who may not. */
int os_world_oom_score_adj(int adjustment);
/* No program below this process gains privileges by a set-user-ID bit or file capabilities. */
int os_world_no_new_privs(void);

/*
 * No capability is left, and none comes back: not to root by its exec
 * (securebits), not by a program's own bits (bounding set).  Who may not
 * change these two gets no new privileges instead, which does the same.
 */
int os_world_drop_caps(void);

#endif

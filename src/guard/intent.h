/* What is to be run, and how: the command line, with what the configuration says before it. */
#ifndef SG_GUARD_INTENT_H
#define SG_GUARD_INTENT_H

struct job;
struct run;
struct surroundings;

/*
 * Read `argv` (behind the word run) into `job`, and with it run_init `run`,
 * unless help or the version was asked for.  0, or the exit status of a
 * refusal that was told.
 */
int intent_read(struct run *run, struct job *job, const struct surroundings *around, char **argv);

#endif

/* --record-samples: what the rules were shown, to be shown to them again (spawnguard explain --samples). */
#ifndef SG_GUARD_SAMPLES_H
#define SG_GUARD_SAMPLES_H

struct look;
struct run;
struct tree;

/* Before the start, by front: run->samples_fd. 0; or the exit status that ends the start, which was said. */
int samples_open(struct run *run);
/* One look, by the warden: as few writes as it takes; the first that fails is the last one. */
void samples_write(struct run *run, const struct look *look, const struct tree *tree);

#endif

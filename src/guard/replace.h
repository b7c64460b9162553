/* --on-conflict=replace: the holder is asked to end, and its lock taken when its tree is gone. */
#ifndef SG_GUARD_REPLACE_H
#define SG_GUARD_REPLACE_H

struct fail;
struct holder;
struct run;

/* Why the lock is not to be had. */
struct replace_refusal {
	const char *what;   /* for people */
	const char *reason; /* for the history */
};

/* May a run in the place of that holder be asked for at all?  0, -EWOULDBLOCK with *out_why. */
int replace_judge(const struct run *run, const struct holder *h, struct replace_refusal *out_why);

/* The job's lock: owned descriptor; -EWOULDBLOCK with *out_why; -errno with `fail`. */
int replace_take(struct run *run, struct replace_refusal *out_why, struct fail *fail);

#endif

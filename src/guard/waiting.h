/* Waiting for locks before a start: the job's own, and those of its queue. */
#ifndef SG_GUARD_WAITING_H
#define SG_GUARD_WAITING_H

#include <stdbool.h>
#include <stdint.h>

struct fail;
struct run;

/* A lock by its number: WAITING_MAIN, the queue's own (0), or a place in it (1 ...); those of guard/gate. */
#define WAITING_MAIN      UINT32_MAX
#define WAITING_SLOT_GATE (UINT32_MAX - 1)
#define WAITING_SLOT_DOOR (UINT32_MAX - 2)
#define WAITING_ROOM_GATE (UINT32_MAX - 3)
#define WAITING_ROOM_DOOR (UINT32_MAX - 4)
#define WAITING_QUEUE     0U

/* Owned descriptor; -EWOULDBLOCK held (without `wait`); -EINTR a signal came (with it); -errno with `fail`.
 */
int waiting_try(const struct run *run, uint32_t which, bool wait, struct fail *fail);
/* The same without wait, beside others who look too; not WAITING_MAIN. */
int waiting_look_at(const struct run *run, uint32_t which, struct fail *fail);

struct waiting {
	struct run *run;                                           /* borrowed */
	uint64_t deadline_ns, complain_ns;                         /* boot time; NUM_NONE = never */
	void (*complain)(const struct run *run, const char *what); /* NULL: of the lock's holder */
};

/* As --wait and --complain-after say, from now on. */
struct waiting waiting_begin(struct run *run);

/* One of the two is over: a complaint is said. 0 = go on, -EWOULDBLOCK = the deadline has passed. */
int waiting_look(struct waiting *w);
/* Until the sooner of them; -1 = for ever. */
int waiting_left_ms(const struct waiting *w);

/*
 * Blocked in flock(2) until it is ours, or -EWOULDBLOCK at the deadline, or
 * -EOWNERDEAD at the end of --with-parent's process; the caller's own signals
 * end us as they would end flock.
 */
int waiting_take(struct waiting *w, uint32_t which, struct fail *fail);

/* The same for the main lock, by one who has waited: a start that replaces the holder goes before. */
int waiting_take_main(struct waiting *w, struct fail *fail);

/* Let the caller's signals end us while something else is waited for. */
void waiting_open(const struct run *run);
void waiting_close(const struct run *run);
/* A process's end, awaited meanwhile; the end of --with-parent's interrupts it. */
bool waiting_for_end(const struct run *run, int pidfd, int timeout_ms);

#endif

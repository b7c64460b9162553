/*
 * Where a job may tell how it is (SPAWNGUARD_NOTIFY): the socket, made by front before the job, read by the
 * warden; and what was told, kept where both see it.
 */
#ifndef SG_GUARD_NOTIFY_H
#define SG_GUARD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/history.h"
#include "core/counters.h"
#include "os/notify.h"

struct job;
struct run;
struct surroundings;
struct warden;

/* In memory that front and warden share: also front can write the end. */
struct told {
	uint64_t ready_boot_ns; /* 0 = not ready, as far as is known */
	char status[HISTORY_STATUS_MAX + 1];
	struct counters counters;
	uint64_t taken, refused, garbled; /* datagrams: refused are those of strangers */
	bool is_stopping;
};

struct notify_socket {
	int fd;                          /* owned; -1 = none is asked for */
	char where[OS_NOTIFY_WHERE_MAX]; /* as the job has it; "" = none */
	const char *manager;             /* NOTIFY_SOCKET of the caller, borrowed; NULL = none */
	struct told *told;               /* NULL: nothing about progress is asked */
	bool has_complained;
};

void notify_init(struct notify_socket *s);
bool notify_is_wanted(const struct job *job);
/* In front, before the record.  0, or the exit status: said. */
int notify_open(struct run *run);
/* In front: the next attempt has told nothing yet.  What the others have used up stays so. */
void notify_renew(struct run *run);
/* The run is over, or never began: its name goes. */
void notify_remove(struct run *run);

/* The variables of the job's environment that are ours then: does `entry` give way to one? */
bool notify_replaces(const struct run *run, const char *entry);

/* In the warden: take what has come. */
void notify_read(struct warden *w);
/* In front: a datagram of the job's that is for the service manager. */
void notify_pass_on(const struct run *run, const char *bytes, size_t n);

/* For the end line; false: nothing to say. */
bool notify_get(const struct run *run, struct history_told *out);

#endif

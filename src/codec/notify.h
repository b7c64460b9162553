/*
 * What a job tells of itself: the datagrams of sd_notify(3), one NAME=VALUE a line, and two lines of ours.
 *
 *   X_SPAWNGUARD_COUNTER=KEY=VALUE    the counter KEY stands at VALUE
 *   X_SPAWNGUARD_COUNTER=KEY+=VALUE   ... has risen by VALUE
 *
 * A value is a decimal number, kept in millionths.  A line that is not known, or does not parse, is passed
 * over and counted: the others hold.
 */
#ifndef SG_CODEC_NOTIFY_H
#define SG_CODEC_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define NOTIFY_MAX          4096 /* bytes of a datagram, as a service manager takes it */
#define NOTIFY_KEY_MAX      32   /* of a counter: A-Z a-z 0-9 _ . - */
#define NOTIFY_COUNTERS_MAX 16   /* of one datagram */
#define NOTIFY_COUNTER      "X_SPAWNGUARD_COUNTER="

enum notify_said {
	NOTIFY_READY = 1U << 0,
	NOTIFY_STATUS = 1U << 1,
	NOTIFY_BEAT = 1U << 2,    /* WATCHDOG=1 */
	NOTIFY_TRIGGER = 1U << 3, /* WATCHDOG=trigger: as if the heartbeat were overdue */
	NOTIFY_PERIOD = 1U << 4,  /* WATCHDOG_USEC */
	NOTIFY_EXTEND = 1U << 5,  /* EXTEND_TIMEOUT_USEC */
	NOTIFY_STOPPING = 1U << 6,
	NOTIFY_RELOADING = 1U << 7,
	NOTIFY_BARRIER = 1U << 8, /* its descriptor is closed when all before it has been taken */
	NOTIFY_ERRNO = 1U << 9,
	NOTIFY_STORE = 1U << 10, /* FDSTORE, FDSTOREREMOVE, FDNAME: ignored */
};

struct notify_counter {
	char key[NOTIFY_KEY_MAX + 1];
	uint64_t micro; /* millionths */
	bool is_added;
};

struct notify {
	uint32_t said;      /* enum notify_said */
	const char *status; /* borrowed from the datagram, not terminated: foreign bytes */
	size_t status_n;
	uint64_t period_ns, extend_ns; /* with NOTIFY_PERIOD, NOTIFY_EXTEND; above 0 */
	int32_t err;
	struct notify_counter counter[NOTIFY_COUNTERS_MAX];
	uint32_t counter_count;
	uint32_t passed_over; /* lines that say nothing here */
};

/* 0; -EBADMSG: no text (empty, a NUL within, longer than NOTIFY_MAX): nothing of it is taken. */
int notify_parse(const char *bytes, size_t n, struct notify *out);

/* "KEY=VALUE" or "KEY+=VALUE", `n` bytes. 0, -EINVAL, -ERANGE. */
int notify_parse_counter(const char *text, size_t n, struct notify_counter *out);

/*
 * Of a datagram what is for the service manager around the guard: READY, STATUS, WATCHDOG=1, WATCHDOG_USEC,
 * EXTEND_TIMEOUT_USEC, STOPPING, RELOADING, MONOTONIC_USEC, ERRNO, and no other line.  Length; 0: nothing.
 */
size_t notify_format_passed_on(struct buf *out, const char *bytes, size_t n);

#endif

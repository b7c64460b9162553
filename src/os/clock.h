/* Time.  Durations and deadlines: CLOCK_BOOTTIME, which counts suspend; wall time only to show. */
#ifndef SG_OS_CLOCK_H
#define SG_OS_CLOCK_H

#include <stdint.h>

struct buf;

uint64_t os_clock_boot_ns(void);
uint64_t os_clock_wall_ns(void);

/* What the clock on the wall shows, here: "14:05", and "2026-11-23 14:05" on another day than `now_wall_ns`.
 */
void os_clock_format_local(struct buf *out, uint64_t wall_ns, uint64_t now_wall_ns);

/* Not woken by signals that are blocked. */
void os_clock_sleep_ms(uint32_t ms);

/* Owned timerfd on CLOCK_BOOTTIME, disarmed; -errno. */
int os_timer_open(void);
/* Wake at `at_ns` (boot time); NUM_NONE disarms. 0, -errno. */
int os_timer_set(int fd, uint64_t at_ns);
/* Take the expirations out. */
void os_timer_drain(int fd);

/* KILL for this process at that boot time, unless it has executed a program by then: that takes it away. */
void os_end_self_at(uint64_t at_ns);

/* A SIGALRM to this process at `at_ns` (boot time), again every 10 ms from then on; NUM_NONE stops it. 0,
 * -errno. */
int os_alarm_set(uint64_t at_ns);
/* It can be had, though it is not set. 0, -errno. */
int os_alarm_prepare(void);
/* Of a handler of SIGALRM: from now on it rings every 10 ms, whoever sent the first.  Async-signal-safe. */
void os_alarm_go_on(void);

#endif

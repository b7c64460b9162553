/* --min-free DIR:SIZE[,...] and --max-pressure memory|cpu|io=PCT[,...]: lists of what a start asks of the
 * machine. */
#ifndef SG_CONF_ROOM_VALUE_H
#define SG_CONF_ROOM_VALUE_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define ROOM_DIR_MAX 1024 /* with the NUL */

struct min_free {
	char dir[ROOM_DIR_MAX];
	uint64_t bytes;
};

/* The next item of the list at *at (which it moves on): 1; 0 at its end; -EINVAL with the reason in `why`. */
int min_free_next(const char **at, struct min_free *out, struct buf *why);

/* In the order of the words; 0 = not asked. */
enum pressure_of { PRESSURE_OF_MEMORY, PRESSURE_OF_CPU, PRESSURE_OF_IO, PRESSURE_OF_COUNT };
extern const char *const pressure_word[PRESSURE_OF_COUNT];
struct max_pressure {
	uint32_t pct[PRESSURE_OF_COUNT];
};
/* 0, -EINVAL with the reason in `why`. */
int max_pressure_parse(const char *text, struct max_pressure *out, struct buf *why);

#endif

#include "codec/cpu_list.h"

#define CPU_MAX 1000000 /* a thousand times what any kernel knows */

/* The number at *at, which moves behind it; CPU_MAX = none, or beyond all. */
static uint64_t take_number(const char **at, const char *end)
{
	uint64_t value = 0;
	const char *from = *at;

	for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
		value = value < CPU_MAX ? value * 10 + (uint64_t)(**at - '0') : value;
	return *at == from || value > CPU_MAX ? CPU_MAX : value;
}

uint64_t cpu_list_count(const char *bytes, size_t n)
{
	const char *at = bytes, *end = bytes + n;
	uint64_t count = 0;

	for (;; at++) {
		uint64_t first = take_number(&at, end), last = first;
		if (at < end && *at == '-') {
			at++;
			last = take_number(&at, end);
		}
		if (first == CPU_MAX || last == CPU_MAX || last < first)
			return 0;
		count += last - first + 1;
		if (at == end || *at == '\n')
			return count;
		if (*at != ',')
			return 0;
	}
}

#include "core/statuses.h"

bool statuses_have(const struct statuses *set, int status)
{
	unsigned signal = (unsigned)status & 0x7f, code = ((unsigned)status >> 8) & 0xff;

	if (signal > 64) /* 0x7f: stopped, not ended */
		return false;
	if (signal != 0)
		return set->signals & UINT64_C(1) << (signal - 1);
	return set->code[code / 64] & UINT64_C(1) << code % 64;
}

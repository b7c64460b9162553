#include "codec/lockinfo.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

#define LOCKINFO_MAGIC 0x49534753U /* "SGSI" */

static_assert(sizeof(struct lockinfo) == 128, "one fixed write");

static uint32_t check_of(struct lockinfo info)
{
	info.check = 0;
	return hash_crc32(0, &info, sizeof(info));
}

void lockinfo_seal(struct lockinfo *info)
{
	info->magic = LOCKINFO_MAGIC;
	info->check = check_of(*info);
}

bool lockinfo_is_valid(const struct lockinfo *info)
{
	return info->magic == LOCKINFO_MAGIC && info->check == check_of(*info) &&
	       memchr(info->run_id, '\0', sizeof(info->run_id)) != NULL;
}

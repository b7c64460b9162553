#include "codec/lockinfo.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

#define LOCKINFO_MAGIC 0x49534753U /* "SGSI" */

static_assert(sizeof(struct lockinfo) == 128, "one fixed size");
static_assert(offsetof(struct lockinfo, refusals) == 96, "as documented");
static_assert(offsetof(struct lockinfo, wants_scan) == 120, "as documented");
static_assert(offsetof(struct lockinfo, has_breaker) == 124, "as documented");

static uint32_t check_of_holder(struct lock_holder holder)
{
	holder.check = 0;
	return hash_words(0, &holder, sizeof(holder));
}

static uint32_t check_of_refusals(struct lock_refusals refusals)
{
	refusals.check = 0;
	return hash_words(0, &refusals, sizeof(refusals));
}

void lock_holder_seal(struct lock_holder *holder)
{
	holder->magic = LOCKINFO_MAGIC;
	holder->check = check_of_holder(*holder);
}

void lock_refusals_seal(struct lock_refusals *refusals)
{
	refusals->check = check_of_refusals(*refusals);
}

void lockinfo_check(struct lockinfo *info)
{
	const struct lock_holder *h = &info->holder;

	if (h->magic != LOCKINFO_MAGIC || h->check != check_of_holder(*h) ||
	    !memchr(h->run_id, '\0', sizeof(h->run_id)))
		info->holder = (struct lock_holder){ 0 };
	if (info->refusals.check != check_of_refusals(info->refusals))
		info->refusals = (struct lock_refusals){ 0 };
}

#include "core/budget.h"

#include <string.h>

static uint64_t sum(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static void drop_oldest(struct budget *b, uint32_t n)
{
	b->count -= n;
	memmove(b->at, b->at + n, b->count * sizeof(b->at[0]));
}

void budget_pass(struct budget *b, uint64_t ns)
{
	uint32_t over = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		b->at[i].age_ns = sum(b->at[i].age_ns, ns);
		over += b->at[i].age_ns >= b->per_ns;
	}
	b->open_ns = sum(b->open_ns, ns);
	drop_oldest(b, over);
}

void budgets_pass(struct budgets *b, uint64_t ns)
{
	for (uint32_t i = 0; i < b->count; i++)
		budget_pass(&b->at[i], ns);
}

/* One that nothing is known of any more and nobody asks for gives its place away. */
static struct budget *find_place(struct budgets *b)
{
	if (b->count < BUDGETS_MAX)
		return &b->at[b->count++];
	for (uint32_t i = 0; i < b->count; i++)
		if (b->at[i].count == 0 && !b->at[i].is_asked)
			return &b->at[i];
	return NULL;
}

static const struct budget *longest_of(const struct budgets *b, const char *key)
{
	const struct budget *found = NULL;

	for (uint32_t i = 0; i < b->count; i++)
		if (strcmp(b->at[i].key, key) == 0 && (!found || b->at[i].per_ns > found->per_ns))
			found = &b->at[i];
	return found;
}

struct budget *budgets_need(struct budgets *b, const char *key, uint64_t per_ns, uint64_t limit)
{
	struct budget fresh = { .per_ns = per_ns };
	struct budget *found = NULL;
	size_t n = strlen(key);

	for (uint32_t i = 0; i < b->count && !found; i++)
		if (b->at[i].per_ns == per_ns && strcmp(b->at[i].key, key) == 0)
			found = &b->at[i];
	if (!found) {
		const struct budget *like = longest_of(b, key);
		if (like)
			fresh = *like;
		fresh.per_ns = per_ns;
		budget_pass(&fresh, 0); /* what that one knows and is too old for this one */
		found = n == 0 || n > COUNTERS_KEY_MAX ? NULL : find_place(b);
		if (!found)
			return NULL;
		*found = fresh;
		memcpy(found->key, key, n + 1);
	}
	found->limit = limit;
	found->is_asked = true;
	return found;
}

void budget_add(struct budget *b, uint64_t micro)
{
	if (b->count > 0 && b->open_ns < b->per_ns / BUDGET_PARTS) {
		struct budget_point *last = &b->at[b->count - 1];
		*last = (struct budget_point){ 0, sum(last->micro, micro) };
		return;
	}
	if (b->count ==
	    BUDGET_POINTS) { /* a time too short to be divided: the oldest count on with the next */
		b->at[1].micro = sum(b->at[1].micro, b->at[0].micro);
		drop_oldest(b, 1);
	}
	b->at[b->count++] = (struct budget_point){ 0, micro };
	b->open_ns = 0;
}

void budgets_add(struct budgets *b, const char *key, uint64_t micro)
{
	for (uint32_t i = 0; i < b->count && micro > 0; i++)
		if (strcmp(b->at[i].key, key) == 0)
			budget_add(&b->at[i], micro);
}

uint64_t budget_used(const struct budget *b)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < b->count; i++)
		if (b->at[i].age_ns < b->per_ns)
			used = sum(used, b->at[i].micro);
	return used;
}

uint64_t budget_room_in(const struct budget *b, uint64_t limit)
{
	uint64_t used = 0, wait_ns = 0;

	/* From the newest on: the first that makes it too much is the one that has to go. */
	for (uint32_t i = b->count; i-- > 0 && wait_ns == 0;) {
		if (b->at[i].age_ns >= b->per_ns)
			break;
		used = sum(used, b->at[i].micro);
		if (used >= limit)
			wait_ns = b->per_ns - b->at[i].age_ns;
	}
	return wait_ns;
}

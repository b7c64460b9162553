#include "run/journal.h"

#include <string.h>

#include "store/record.h"
#include "tree/tree.h"

static struct record_slot slot_of(const struct member *m)
{
	struct record_slot slot = {
		.ppid = m->ppid,
		.id = m->id,
		.seen_boot_ns = m->seen_boot_ns,
		.sid = m->sid,
		.depth = m->depth,
		.flags = (uint16_t)m->flags,
	};
	memcpy(slot.comm, m->comm, sizeof(slot.comm));
	return slot;
}

/*
 * From the first slot on, in the table's order: a member never moves to a
 * later slot, so at each instant the file names it in the old or the new one.
 */
static void unrecord_all(struct journal *j, struct tree *tree)
{
	FOR_EACH_MEMBER (tree, m)
		m->flags &= ~(uint32_t)MEMBER_RECORDED;
	j->next = 0;
}

int64_t journal_write(struct journal *j, struct tree *tree)
{
	static struct record_slot
		burst[RECORD_BURST]; /* prepared: a storm must not need the stack or the heap */
	static struct member *member[RECORD_BURST];
	size_t n = 0;
	int64_t overflow = 0;

	if (j->fd < 0)
		return 0;
	if (j->next + RECORD_BURST > RECORD_SLOTS_MAX && tree->count < RECORD_SLOTS_MAX / 2)
		unrecord_all(j, tree);
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_RECORDED | MEMBER_DEAD))
			continue;
		if (n == RECORD_BURST || j->next + n == RECORD_SLOTS_MAX) {
			overflow++;
			continue;
		}
		member[n] = m;
		burst[n++] = slot_of(m);
	}
	if (n == 0)
		return overflow;
	int r = record_write_slots(j->fd, burst, j->next, n, j->seed);
	if (r < 0)
		return r; /* the same again at the next look */
	for (size_t i = 0; i < n; i++)
		member[i]->flags |= MEMBER_RECORDED;
	j->next += n;
	return overflow;
}

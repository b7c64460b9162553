#include "run/claims.h"

#include <errno.h>
#include <string.h>

#include "core/room.h"
#include "run/find.h"
#include "store/lock.h"
#include "store/record.h"

struct count {
	const struct statedir *dir;
	const struct host_id *here;
	const char *parent;
	struct claims sum;
};

/* Seen from elsewhere its guards cannot be verified; its lock can. */
static bool lives_elsewhere(const struct count *c, const struct record_head *head)
{
	char path[LOCK_PATH_MAX];

	if (head->flags & RECORD_NO_LOCK || lock_path(head->job, path) < 0)
		return true; /* as far as can be told: until reap has closed it */
	return lock_is_held(c->dir->run_fd, path);
}

static bool lives(const struct count *c, const char *run_id)
{
	struct run_view view;

	if (run_view_open(c->dir, run_id, c->here, &view) < 0)
		return false;
	bool result = view.place == PLACE_ELSEWHERE ? lives_elsewhere(c, &view.record.head)
						    : view.place == PLACE_HERE && view.is_guarded;
	run_view_close(&view);
	return result;
}

/* A run within one that has said what both expect together. */
static bool is_within_claim(const struct count *c, const struct record_head *head)
{
	struct record around;

	if (head->parent_run_id[0] == '\0' || record_open(c->dir->run_fd, head->parent_run_id, &around) < 0)
		return false;
	record_close(&around);
	return around.head.expected_bytes > 0 && around.state.phase != PHASE_CLOSED;
}

static int count_one(void *with, const char *run_id)
{
	struct count *c = with;
	struct record record;

	if (record_open(c->dir->run_fd, run_id, &record) < 0)
		return 0; /* gone meanwhile, or nothing that can be believed */
	record_close(&record);
	const struct record_head *head = &record.head;
	if (head->expected_bytes == 0 || record.state.phase == PHASE_CLOSED || is_within_claim(c, head))
		return 0;
	if (c->parent[0] != '\0' && find_is_ancestor(c->dir, c->parent, run_id))
		return 0;
	if (!lives(c, run_id))
		return 0;
	uint64_t bytes = room_still_expected(head->expected_bytes, record.state.rss_bytes);
	c->sum.count++;
	if (__builtin_add_overflow(c->sum.bytes, bytes, &c->sum.bytes))
		c->sum.bytes = UINT64_MAX;
	return 0;
}

int claims_read(const struct statedir *dir, const struct host_id *here, const char *parent,
		struct claims *out)
{
	struct count c = { .dir = dir, .here = here, .parent = parent };

	int r = record_each(dir->run_fd, count_one, &c);
	if (r < 0)
		return r;
	*out = c.sum;
	return 0;
}

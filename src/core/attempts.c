#include "core/attempts.h"

#include <string.h>

#include "base/hash.h"

#define NOWHERE UINT32_MAX

static uint64_t sum(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t key_of(const char *name)
{
	return hash_fnv(HASH_FNV_START, name, strlen(name));
}

uint64_t attempts_run(const char *run_id)
{
	return key_of(run_id);
}

static uint32_t find(const struct attempts *a, const char *name)
{
	uint64_t key = key_of(name);

	for (uint32_t i = 0; i < a->task_count; i++)
		if (a->task[i].key == key)
			return i;
	return NOWHERE;
}

/* Attempts that point nowhere are gone, and tasks of which none is left. */
static void tidy(struct attempts *a)
{
	uint32_t place[ATTEMPTS_TASKS] = { 0 }, kept = 0;

	for (uint32_t i = 0; i < a->count; i++)
		if (a->at[i].task != NOWHERE) {
			place[a->at[i].task] = 1;
			a->at[kept++] = a->at[i];
		}
	a->count = kept;
	kept = 0;
	for (uint32_t i = 0; i < a->task_count; i++) {
		if (place[i] == 0)
			continue;
		place[i] = kept;
		if (kept != i)
			a->task[kept] = a->task[i];
		kept++;
	}
	a->task_count = kept;
	for (uint32_t i = 0; i < a->count; i++)
		a->at[i].task = place[a->at[i].task];
}

void attempts_pass(struct attempts *a, uint64_t ns)
{
	for (uint32_t i = 0; i < a->count; i++) {
		struct attempts_one *one = &a->at[i];
		one->age_ns = sum(one->age_ns, ns);
		if (one->age_ns >= a->task[one->task].kept_ns)
			one->task = NOWHERE;
	}
	tidy(a);
}

static struct attempts_gauge gauge(const struct attempts *a, uint32_t task, uint32_t limit, uint64_t per_ns)
{
	struct attempts_gauge g = { .limit = limit, .per_ns = per_ns };

	/* From the newest on: the first that makes it too many is the one that has to go. */
	for (uint32_t i = a->count; i-- > 0 && a->at[i].age_ns < per_ns;)
		if (a->at[i].task == task && ++g.used == limit)
			g.free_in_ns = per_ns - a->at[i].age_ns;
	return g;
}

struct attempts_gauge attempts_gauge(const struct attempts *a, const char *name, uint32_t limit,
				     uint64_t per_ns)
{
	return gauge(a, find(a, name), limit, per_ns);
}

struct attempts_gauge attempts_gauge_of(const struct attempts *a, uint32_t i)
{
	return gauge(a, i, a->task[i].limit, a->task[i].per_ns);
}

static uint32_t drop_task(struct attempts *a, uint32_t task)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->count; i++)
		if (a->at[i].task == task) {
			a->at[i].task = NOWHERE;
			n++;
		}
	tidy(a);
	return n;
}

/* The one that was not tried for longest. */
static uint32_t stalest(const struct attempts *a)
{
	uint32_t last[ATTEMPTS_TASKS] = { 0 }, found = 0;

	for (uint32_t i = 0; i < a->count; i++)
		last[a->at[i].task] = i + 1;
	for (uint32_t i = 1; i < a->task_count; i++)
		if (last[i] < last[found])
			found = i;
	return found;
}

static uint32_t need_task(struct attempts *a, const char *name)
{
	uint32_t i = find(a, name);
	size_t n = strlen(name);

	if (i != NOWHERE)
		return i;
	if (a->task_count == ATTEMPTS_TASKS)
		(void)drop_task(a, stalest(a));
	struct attempts_task *task = &a->task[a->task_count];
	*task = (struct attempts_task){ .key = key_of(name), .is_cut = n > ATTEMPTS_NAME_MAX };
	memcpy(task->name, name, task->is_cut ? ATTEMPTS_NAME_MAX : n);
	return a->task_count++;
}

void attempts_add(struct attempts *a, const char *name, uint32_t limit, uint64_t per_ns, uint64_t run)
{
	if (a->count == ATTEMPTS_KEPT) {
		a->at[0].task = NOWHERE;
		tidy(a);
	}
	uint32_t i = need_task(a, name);
	struct attempts_task *task = &a->task[i];
	task->limit = limit;
	task->per_ns = per_ns;
	if (task->kept_ns < per_ns)
		task->kept_ns = per_ns;
	a->at[a->count++] = (struct attempts_one){ .run = run, .task = i };
}

bool attempts_give_back(struct attempts *a, const char *name, uint64_t run)
{
	uint32_t task = find(a, name);

	for (uint32_t i = a->count; i-- > 0 && task != NOWHERE;)
		if (a->at[i].task == task && a->at[i].run == run) {
			a->at[i].task = NOWHERE;
			tidy(a);
			return true;
		}
	return false;
}

uint32_t attempts_forget(struct attempts *a, const char *name)
{
	uint32_t task = find(a, name);

	return task == NOWHERE ? 0 : drop_task(a, task);
}

uint32_t attempts_used_up(const struct attempts *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->task_count; i++)
		n += attempts_gauge_of(a, i).free_in_ns > 0;
	return n;
}

#include "core/attempts_text.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/word.h"

size_t attempts_text_size(const struct attempts *a)
{
	return a->task_count * (size_t)ATTEMPTS_TEXT_TASK + a->count * (size_t)ATTEMPTS_TEXT_ONE;
}

static void put_line(struct buf *out, const char *word, const uint64_t *number, size_t count)
{
	buf_str(out, word);
	for (size_t i = 0; i < count; i++) {
		buf_char(out, ' ');
		buf_u64(out, number[i]);
	}
}

void attempts_text_format(struct buf *out, const struct attempts *a)
{
	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct attempts_task *t = &a->task[i];
		const uint64_t number[] = { t->key, t->limit, t->per_ns, t->kept_ns, t->is_cut };
		put_line(out, "task", number, COUNT_OF(number));
		buf_str(out, " =");
		word_put_text(out, t->name);
		buf_char(out, '\n');
	}
	for (uint32_t i = 0; i < a->count; i++) {
		const uint64_t number[] = { a->at[i].task, a->at[i].age_ns, a->at[i].run };
		put_line(out, "try", number, COUNT_OF(number));
		buf_char(out, '\n');
	}
}

static int parse_task(struct attempts *a, const char *at, const char *end)
{
	struct attempts_task t = { 0 };
	char name[ATTEMPTS_NAME_MAX + 2]; /* and the "=" that makes a word of no name */
	uint64_t limit, is_cut;

	if (!word_take_u64(&at, end, &t.key) || !word_take_u64(&at, end, &limit) ||
	    !word_take_u64(&at, end, &t.per_ns) || !word_take_u64(&at, end, &t.kept_ns) ||
	    !word_take_u64(&at, end, &is_cut) || !word_take_text(&at, end, name, sizeof(name)) || at != end)
		return -EBADMSG;
	if (limit == 0 || limit > ATTEMPTS_MAX || t.per_ns == 0 || t.kept_ns < t.per_ns || is_cut > 1 ||
	    name[0] != '=' || a->task_count == ATTEMPTS_TASKS)
		return -EBADMSG;
	for (uint32_t i = 0; i < a->task_count; i++)
		if (a->task[i].key == t.key)
			return -EBADMSG;
	t.limit = (uint32_t)limit;
	t.is_cut = is_cut == 1;
	memcpy(t.name, name + 1, sizeof(t.name));
	a->task[a->task_count++] = t;
	return 1;
}

static int parse_one(struct attempts *a, const char *at, const char *end)
{
	struct attempts_one one = { 0 };
	uint64_t task;

	if (!word_take_u64(&at, end, &task) || !word_take_u64(&at, end, &one.age_ns) ||
	    !word_take_u64(&at, end, &one.run) || at != end || task >= a->task_count ||
	    a->count == ATTEMPTS_KEPT || (a->count > 0 && one.age_ns > a->at[a->count - 1].age_ns))
		return -EBADMSG;
	one.task = (uint32_t)task;
	a->at[a->count++] = one;
	return 1;
}

int attempts_text_parse(struct attempts *a, const char *line, size_t n)
{
	const char *at = line, *end = line + n;
	char word[8];

	if (!word_take(&at, end, word, sizeof(word)))
		return 0;
	if (strcmp(word, "task") == 0)
		return parse_task(a, at, end);
	return strcmp(word, "try") == 0 ? parse_one(a, at, end) : 0;
}

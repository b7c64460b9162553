/* The session of a batch, read to go on with it or to tell what came of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "os/self.h"
#include "spawnguard/exit.h"

#define PATH_BYTES 4096

struct loading {
	struct work *w;
	struct words_list options, template;
	const char *dir, *name;
	bool is_ours;
	uint32_t ready; /* items that are sure */
	uint32_t damaged;
};

const char *session_reason(const char *text)
{
	static const char *const reasons[] = { "success_no_work", "timeout", "failed_before_start",
					       "limit_hit", "execution_error" };
	for (size_t i = 0; i < COUNT_OF(reasons); i++)
		if (strcmp(reasons[i], text) == 0)
			return reasons[i];
	return text[0] != '\0' ? "unknown" : NULL;
}

static void take_end(struct work *w, const struct session_line *line)
{
	struct batch_end end = {
		.came_to = CAME_FAILED,
		.print = line->print,
		.took_ns = line->took_ns,
		.yield = line->yield,
		.is_micro = line->is_micro,
		.reason = session_reason(line->reason),
		.summary = line->summary[0] != '\0' ? line->summary : NULL,
	};
	for (unsigned i = 0; i < CAME_COUNT; i++)
		if (strcmp(came_to_names[i], line->came_to) == 0)
			end.came_to = (enum batch_came_to)i;
	if (line->item >= w->batch.count)
		return;
	if (w->batch.items[line->item].state != BATCH_RUNS) /* its start was torn */
		batch_started(&w->batch, line->item);
	(void)batch_ended(&w->batch, line->item, &end);
	w->passed_ns = line->passed_ns;
}

/* What happened, in its order: the brakes see it again. */
static void replay(struct work *w, const struct session_line *line)
{
	switch (line->kind) {
	case SESSION_SIT:
		batch_sit(&w->batch, w->is_over);
		items_choose(w);
		w->passed_ns = w->is_over ? 0 : w->passed_ns;
		w->is_over = false;
		break;
	case SESSION_RUN:
		if (line->item >= w->batch.count)
			break;
		if (w->batch.items[line->item].state != BATCH_RUNS)
			batch_started(&w->batch, line->item);
		w->open[line->item] = (struct open_run){ line->attempt, line->pid, line->boot_ns };
		w->serial = line->attempt > w->serial ? line->attempt : w->serial;
		break;
	case SESSION_END:
		take_end(w, line);
		break;
	case SESSION_OVER:
		w->over_by = batch_rule_find(line->text, line->n);
		w->is_over = w->over_by != RULE_ASKED;
		break;
	default:
		break;
	}
}

static int take_head(struct loading *l, const struct session_line *line)
{
	struct work *w = l->w;

	switch (line->kind) {
	case SESSION_FIRST:
		l->is_ours = true;
		return 0;
	case SESSION_NAME:
		l->name = line->text;
		return 0;
	case SESSION_DIR:
		l->dir = line->text;
		return 0;
	case SESSION_OPTION:
		return words_add(&l->options, "", line->text);
	case SESSION_WORD:
		return words_add(&l->template, "", line->text);
	case SESSION_ITEM:
		return items_add(w, line->text, line->n);
	case SESSION_READY:
		l->ready = w->batch.count;
		return 0;
	default:
		return 0;
	}
}

static int say_session(const char *what, const char *why, int code)
{
	BUF(line, 1024);

	buf_str(&line, "session ");
	escape_word(&line, what, strlen(what), 200);
	buf_str(&line, why);
	cmd_say(&line);
	return code;
}

static int say_elsewhere(const struct work *w, const char *dir)
{
	BUF(line, PATH_BYTES + 256);

	buf_str(&line, "session ");
	buf_str(&line, w->id);
	buf_str(&line, " was begun in ");
	escape_word(&line, dir, strlen(dir), 0);
	buf_str(&line, ": go there to resume it");
	cmd_say(&line);
	return EXIT_USAGE;
}

/* Its head alone, then, with the options in force, all that happened. */
static int load(struct loading *l, char *text, size_t n, char **argv)
{
	struct work *w = l->w;
	struct session_line line;
	char *at = text, *end = text + n;
	AUTO_FREE struct session_line *events = NULL;
	size_t count = 0, room = 0;

	while (session_next(&at, end, &line, &l->damaged)) {
		int r = take_head(l, &line);
		if (r == 0 && count == room) {
			room = room ? 2 * room : 256;
			struct session_line *more = reallocarray(events, room, sizeof(*events));
			if (!more)
				r = -ENOMEM;
			else
				events = more;
		}
		if (r < 0)
			return cmd_fail("cannot read the session", r);
		if (line.kind >= SESSION_SIT)
			events[count++] = line;
	}
	if (!l->is_ours || !l->name || l->ready == 0 || l->template.count == 0)
		return say_session(w->id, " is damaged: begin a new one without --resume", SG_EXIT_GUARD);
	w->name = l->name;
	w->batch.count = l->ready;
	int code = options_merge(w, argv, &l->options, &l->template);
	if (code >= 0)
		return code;
	if ((code = items_sort(w)) >= 0)
		return code;
	options_to_brakes(w);
	w->open = calloc(w->batch.count, sizeof(*w->open));
	if (!w->open)
		return cmd_fail("cannot read the session", -ENOMEM);
	batch_init(&w->batch);
	w->is_over = true;
	for (size_t i = 0; i < count; i++)
		replay(w, &events[i]);
	return -1;
}

int session_load(struct work *w, const char *what, char **argv)
{
	struct loading l = { .w = w };
	char dir[PATH_BYTES];
	size_t n;

	int r = session_find(w->cmd.dir.keep_fd, what, w->id);
	if (r == -ENOENT)
		return say_session(what, " is not known: name a batch, or a session as its batch has told it",
				   EXIT_NOTHING);
	if (r == 0)
		r = session_read(w->cmd.dir.keep_fd, w->id, os_self_uid(), &w->text, &n);
	if (r < 0)
		return cmd_fail("cannot read the session", r);
	int code = load(&l, w->text, n, argv);
	words_release(&l.options);
	words_release(&l.template);
	if (code >= 0)
		return code;
	os_working_dir(dir, sizeof(dir));
	if (w->cmd.job.batch.resume && l.dir && strcmp(dir, l.dir) != 0)
		return say_elsewhere(w, l.dir);
	return -1;
}

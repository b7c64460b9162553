/* The session of a batch: written as it goes, and read to go on or to tell what came of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/say.h"
#include "os/self.h"
#include "spawnguard/exit.h"

#define CHUNK_BYTES (64 * 1024)
#define PATH_BYTES  4096

const char *const came_to_names[CAME_COUNT] = {
	[CAME_OK] = "ok",           [CAME_FAILED] = "failed",   [CAME_TIMEOUT] = "timeout",
	[CAME_STOPPED] = "stopped", [CAME_REFUSED] = "refused",
};

/* --- writing -------------------------------------------------------------------------------------------- */

static int say_cannot_write(struct work *w, int err)
{
	BUF(line, 512);

	tell_bar_gone(w);
	buf_str(&line, "cannot write the session ");
	buf_str(&line, w->id);
	buf_str(&line, ": ");
	buf_str(&line, strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error");
	buf_str(&line, "; nothing more is started: mend that, then resume with --resume");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

bool session_put(struct work *w, const struct session_line *line)
{
	BUF(text, SESSION_END_MAX);

	session_format(&text, line);
	int r = text.cut ? -ENOSPC : os_fd_write(w->session_fd, text.at, text.len);
	if (r < 0 && !w->cannot_record)
		(void)say_cannot_write(w, r);
	w->cannot_record |= r < 0;
	return r == 0;
}

bool session_put_sit(struct work *w)
{
	const struct session_line line = { .kind = SESSION_SIT, .wall_ns = os_clock_wall_ns() };
	return session_put(w, &line);
}

bool session_put_over(struct work *w)
{
	const char *by = batch_rules[w->batch.stop].name;
	const struct session_line line = { .kind = SESSION_OVER,
					   .text = (char *)(uintptr_t)by,
					   .n = strlen(by) };
	return session_put(w, &line);
}

bool session_put_end(struct work *w, uint32_t item, const struct batch_end *end, const struct item_end *told,
		     uint64_t passed_ns)
{
	bool counts = end->came_to != CAME_STOPPED && end->came_to != CAME_REFUSED;
	struct item_end nothing = { .exit_status = -1 };
	struct item_end copy = told ? *told : nothing;
	const struct session_line line = {
		.kind = SESSION_END,
		.item = item,
		.attempt = w->batch.items[item].attempts + !counts,
		.came_to = (char *)(uintptr_t)came_to_names[end->came_to],
		.outcome = copy.outcome,
		.exit_status = copy.exit_status >= 0 ? (uint32_t)copy.exit_status : 0,
		.print = end->print,
		.took_ns = end->took_ns,
		.yield = end->yield,
		.is_micro = end->is_micro,
		.reason = copy.reason,
		.run_id = copy.run_id,
		.passed_ns = passed_ns,
		.summary = (char *)(uintptr_t)end->summary,
	};
	return session_put(w, &line);
}

void session_key(struct buf *out, const struct work *w, uint32_t item, uint32_t serial)
{
	buf_str(out, session_stamp(w->id));
	buf_char(out, '/');
	buf_u64(out, item + 1ULL);
	buf_char(out, '/');
	buf_u64(out, serial);
}

/* Many lines, a chunk at a time. */
struct writer {
	int fd, err;
	char *bytes; /* owned */
	size_t room;
	struct buf text;
};

static void flush(struct writer *to)
{
	if (to->err == 0)
		to->err = os_write_whole(to->fd, to->text.at, to->text.len);
	buf_clear(&to->text);
}

static void put_text(struct writer *to, enum session_kind kind, const char *text, size_t n)
{
	const struct session_line line = { .kind = kind, .text = (char *)(uintptr_t)text, .n = n };

	if (to->room - to->text.len < SESSION_LINE_MAX(n))
		flush(to);
	session_format(&to->text, &line);
}

static void put_number(struct writer *to, enum session_kind kind, uint64_t number)
{
	const struct session_line line = { .kind = kind, .number = number };
	session_format(&to->text, &line);
}

static int writer_init(struct writer *to, int fd)
{
	*to = (struct writer){ .fd = fd, .room = SESSION_LINE_MAX(ITEM_MAX_BYTES) + CHUNK_BYTES };
	to->bytes = malloc(to->room);
	if (!to->bytes)
		return -ENOMEM;
	buf_init(&to->text, to->bytes, to->room);
	return 0;
}

/* Items from `from` on, and that these are all. */
static void put_items(struct writer *to, const struct batch *b, uint32_t from)
{
	for (uint32_t i = from; i < b->count; i++)
		put_text(to, SESSION_ITEM, b->items[i].text, b->items[i].n);
	put_number(to, SESSION_READY, b->count);
	flush(to);
}

static int put_head(struct work *w)
{
	char dir[PATH_BYTES];
	struct writer to;

	int r = writer_init(&to, w->session_fd);
	if (r < 0)
		return r;
	os_working_dir(dir, sizeof(dir));
	put_number(&to, SESSION_FIRST, SESSION_VERSION);
	put_text(&to, SESSION_NAME, w->name, strlen(w->name));
	put_text(&to, SESSION_DIR, dir, strlen(dir));
	for (size_t i = 0; i < w->stored.count; i++)
		put_text(&to, SESSION_OPTION, w->stored.at[i], strlen(w->stored.at[i]));
	for (char **word = w->template; *word; word++)
		put_text(&to, SESSION_WORD, *word, strlen(*word));
	put_items(&to, &w->batch, 0);
	free(to.bytes);
	return to.err;
}

static int say_cannot_make(const struct fail *fail)
{
	BUF(line, 1280);

	cmd_put_fail(&line, fail);
	buf_str(&line, "; nothing was started; see: spawnguard doctor");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

int session_begin(struct work *w)
{
	struct fail fail = { 0 };

	w->began_wall_ns = os_clock_wall_ns();
	w->session_fd = session_create(w->cmd.dir.keep_fd, w->name, w->began_wall_ns, w->id, &fail);
	if (w->session_fd < 0)
		return say_cannot_make(&fail);
	int r = put_head(w);
	if (r < 0)
		(void)fail_set(&fail, -r, "write the session of", w->name);
	else
		r = session_publish(w->cmd.dir.keep_fd, w->id, &fail);
	return r < 0 ? say_cannot_make(&fail) : -1;
}

/* --- reading -------------------------------------------------------------------------------------------- */

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

int session_go_on(struct work *w, uint32_t known)
{
	struct writer to;

	w->session_fd = session_open(w->cmd.dir.keep_fd, w->id);
	if (w->session_fd < 0)
		return say_cannot_write(w, w->session_fd);
	if (w->batch.count == known)
		return -1;
	int r = writer_init(&to, w->session_fd);
	if (r < 0)
		return say_cannot_write(w, r);
	put_items(&to, &w->batch, known);
	free(to.bytes);
	return to.err < 0 ? say_cannot_write(w, to.err) : -1;
}

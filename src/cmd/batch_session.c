/* The session of a batch, written as it goes. */
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

static int say_cannot_write(struct work *w, int err)
{
	BUF(line, 512);

	tell_bar_gone(w);
	buf_str(&line, "cannot write the session ");
	buf_str(&line, w->id);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-err));
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

/* spawnguard ps [JOB|RUN]: running jobs and their trees. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/self.h"
#include "run/describe.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "tree/walk.h"

#define PAGE_BYTES 4096
#define TEXT_LOST  "the guards of a lost run are dead: spawnguard reap ends what is left of it"
#define TEXT_BYTES (256 * 1024)

struct listing {
	bool is_json;
	struct buf out;
	struct json json;
	uint32_t runs, lost;
	int error; /* of the output */
};

/* What does not fit is not cut off: a job may have thousands of members. */
static void flush(struct listing *l)
{
	int r = os_write_whole(1, l->out.at, l->out.len);
	if (r < 0 && l->error == 0)
		l->error = r;
	buf_clear(&l->out);
}

static void flush_if_full(struct listing *l)
{
	if (l->out.len > TEXT_BYTES / 2)
		flush(l);
}

static void pad(struct buf *out, size_t from, size_t width)
{
	do
		buf_char(out, ' ');
	while (out->len < from + width);
}

static uint64_t age_ns(const struct run_view *view)
{
	uint64_t now_ns = os_clock_boot_ns(), start_ns = view->record.head.started_boot_ns;
	return view->place == PLACE_HERE && now_ns > start_ns ? now_ns - start_ns : 0;
}

static void put_members(struct listing *l, struct tree *tree)
{
	struct buf *out = &l->out;

	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & MEMBER_ROOT)
			continue;
		size_t at = out->len;
		pad(out, at, 1 + 2U * m->depth);
		buf_i64(out, m->id.pid);
		pad(out, at, 22);
		size_t column = out->len;
		num_format_size(out, m->rss_pages * PAGE_BYTES);
		pad(out, column, 8);
		escape_text(out, m->comm, strnlen(m->comm, sizeof(m->comm)), 0);
		buf_char(out, '\n');
		flush_if_full(l);
	}
}

static void put_row(struct listing *l, const struct run_view *view, struct tree *tree)
{
	const struct record_head *head = &view->record.head;
	struct buf *out = &l->out;
	size_t at;

	if (l->runs == 0)
		buf_str(out, "JOB                  RUN       PID      STATE     AGE      PROCS  RSS     "
			     "COMMAND\n");
	at = out->len, escape_text(out, head->job, strlen(head->job), 40), pad(out, at, 21);
	at = out->len, buf_mem(out, head->run_id, strnlen(head->run_id, 8)), pad(out, at, 10);
	at = out->len, buf_i64(out, head->front.pid), pad(out, at, 9);
	at = out->len, buf_str(out, describe_state(view)), pad(out, at, 10);
	at = out->len, num_format_duration(out, age_ns(view)), pad(out, at, 9);
	at = out->len, buf_u64(out, tree->procs), pad(out, at, 7);
	at = out->len, num_format_size(out, tree->rss_pages * PAGE_BYTES), pad(out, at, 8);
	describe_command(out, head, 60);
	buf_char(out, '\n');
	put_members(l, tree);
}

static void put_json(struct listing *l, const struct run_view *view, struct tree *tree)
{
	const struct record_head *head = &view->record.head;
	struct json *j = &l->json;
	BUF(command, 4096);

	describe_command(&command, head, 0);
	json_open(j, NULL, '{');
	json_str(j, "job", head->job);
	json_str(j, "run_id", head->run_id);
	if (head->parent_run_id[0] != '\0')
		json_str(j, "parent_run_id", head->parent_run_id);
	json_str(j, "state", describe_state(view));
	json_i64(j, "front_pid", head->front.pid);
	json_i64(j, "warden_pid", view->record.state.warden.pid);
	json_i64(j, "job_pid", view->record.state.job_pid);
	json_u64(j, "uid", head->uid);
	json_seconds(j, "age", age_ns(view), 3);
	json_bytes(j, "command", command.at, command.len);
	json_str(j, "working_directory", head->cwd);
	if (head->timeout_ns == NUM_NONE)
		json_null(j, "timeout");
	else
		json_seconds(j, "timeout", head->timeout_ns, 3);
	json_str(j, "rung_identity", head->identity);
	json_u64(j, "processes", tree->procs);
	json_u64(j, "rss", tree->rss_pages * PAGE_BYTES);
	json_open(j, "members", '[');
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & MEMBER_ROOT)
			continue;
		json_open(j, NULL, '{');
		json_i64(j, "pid", m->id.pid);
		json_i64(j, "ppid", m->ppid);
		json_u64(j, "depth", m->depth);
		json_u64(j, "rss", m->rss_pages * PAGE_BYTES);
		json_bytes(j, "comm", m->comm, strnlen(m->comm, sizeof(m->comm)));
		json_close(j, '}');
		flush_if_full(l);
	}
	json_close(j, ']');
	json_close(j, '}');
}

static int show(void *with, struct run_view *view)
{
	struct listing *l = with;
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	tree_init(tree, view->record.fd);
	run_view_walk(view, tree);
	if (l->is_json)
		put_json(l, view, tree);
	else
		put_row(l, view, tree);
	l->runs++;
	tree_release(tree);
	/* One run at a time: a job with thousands of members must not cut the others off. */
	l->lost += strcmp(describe_state(view), "lost") == 0 ? 1 : 0;
	flush(l);
	return 0;
}

static void say(const char *text)
{
	os_say(text, strlen(text));
}

static int say_unwritten(int err)
{
	BUF(line, 256);
	buf_str(&line, "cannot write the result: ");
	buf_str(&line, strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

int main(int argc, char **argv)
{
	struct cmd cmd = { .name = "ps", .command = FOR_PS };
	struct listing l = { 0 };

	(void)argc;
	int code = cmd_start(&cmd, argv);
	if (code >= 0)
		return code;
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	if (!text)
		return SG_EXIT_GUARD;
	os_raise_files();
	buf_init(&l.out, text, TEXT_BYTES);
	l.is_json = cmd.job.json;
	if (l.is_json) {
		json_init(&l.json, &l.out);
		json_open(&l.json, NULL, '{');
		json_u64(&l.json, "schema", 1);
		json_open(&l.json, "runs", '[');
	}
	int r = find_runs(&cmd.dir, cmd.rest[0], show, &l);
	if (l.is_json) {
		json_close(&l.json, ']');
		json_close(&l.json, '}');
		buf_char(&l.out, '\n');
		flush(&l);
	}
	if (l.error < 0)
		return say_unwritten(l.error);
	if (l.lost > 0 && !l.is_json)
		say(TEXT_LOST);
	if (r == -ENOENT && !cmd.rest[0])
		return l.is_json ? EXIT_NOTHING : cmd_not_found(&cmd, NULL, r);
	return r < 0 ? cmd_not_found(&cmd, cmd.rest[0], r) : 0;
}

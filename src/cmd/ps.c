/* spawnguard ps [JOB|RUN]: running jobs and their trees. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/ps.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "os/say.h"
#include "os/self.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/places.h"
#include "ui/table.h"
#include "ui/term.h"

#define TEXT_LOST  "the guards of a lost run are dead: spawnguard reap ends what is left of it"
#define TEXT_BYTES (64 * 1024) /* one run without its members, and some of these */

struct listing {
	const char *what; /* JOB or RUN; NULL = all */
	bool is_json;
	struct ps_needs needs;
	/* a table */
	struct ps_style style;
	struct table *table; /* owned */
	/* or JSON */
	struct buf out;
	struct json json;
	/* what was met */
	const struct place *place; /* that is being looked at; borrowed */
	uint32_t runs, lost, passed_over, problems;
	int missing; /* -ENOENT, or -EEXIST: several are called so; of the last place that had none */
	int error;   /* of the output */
};

/* What does not fit is not cut off: a job may have thousands of members. */
static void flush(struct listing *l)
{
	int r = os_write_whole(1, l->out.at, l->out.len);
	if (r < 0 && l->error == 0)
		l->error = r;
	buf_clear(&l->out);
}

static void flush_if_full(void *with)
{
	struct listing *l = with;
	if (l->out.len > TEXT_BYTES / 2)
		flush(l);
}

static int show(void *with, struct run_view *view)
{
	struct listing *l = with;
	struct ps_run run;

	int r = ps_run_read(&run, view, &l->place->dir, l->place->owner, &l->needs);
	if (r < 0)
		return r;
	if (l->is_json) {
		ps_json_run(&l->json, &run, flush_if_full, l);
		flush(l);
	} else {
		r = ps_table_add(l->table, &l->style, &run);
	}
	l->runs++;
	l->lost += strcmp(run.state, "lost") == 0 ? 1 : 0;
	ps_run_release(&run);
	return r;
}

static int show_place(void *with, const struct place *place)
{
	struct listing *l = with;
	struct find find = {
		.dir = &place->dir, .owner = place->owner, .what = l->what, .each = show, .with = l
	};

	l->place = place;
	int r = find_look(&find);
	l->passed_over += find.passed_over;
	if (r == -ENOENT || r == -EEXIST) {
		if (l->missing != -EEXIST)
			l->missing = r;
		return 0;
	}
	return r;
}

static void init_style(struct listing *l, const struct cmd *cmd, const struct term *term)
{
	l->style = (struct ps_style){ .columns = cmd->job.columns, .is_narrow = term->columns > 0 };
	if (l->style.columns.count == 0)
		columns_usual(&l->style.columns, cmd->job.all_users);
	l->needs = ps_needs_of(&l->style.columns);
}

static void begin_json(struct listing *l)
{
	l->needs = (struct ps_needs){ .stat = true, .uid = true };
	json_init(&l->json, &l->out);
	json_open(&l->json, NULL, '{');
	json_u64(&l->json, "schema", 1);
	json_open(&l->json, "runs", '[');
}

static void end_json(struct listing *l)
{
	json_close(&l->json, ']');
	json_u64(&l->json, "damaged_records", l->passed_over);
	json_u64(&l->json, "problems", l->problems);
	json_close(&l->json, '}');
	buf_char(&l->out, '\n');
	flush(l);
}

static void print_table(struct listing *l)
{
	AUTO_FREE char *text = NULL;

	if (l->runs == 0)
		return;
	int r = table_format(l->table, &text);
	l->error = r < 0 ? r : os_write_whole(1, text, strlen(text));
}

static void say_rest(const struct listing *l)
{
	if (l->is_json)
		return;
	if (l->lost > 0)
		os_say(TEXT_LOST, strlen(TEXT_LOST));
	cmd_say_passed_over(l->passed_over);
}

static int list(struct listing *l, struct cmd *cmd)
{
	int r = cmd_each_place(cmd, show_place, l, &l->problems);

	if (l->is_json)
		end_json(l);
	else if (r >= 0)
		print_table(l);
	if (l->error < 0)
		return cmd_fail_to_write(l->error);
	say_rest(l);
	if (r < 0 || l->missing == -EEXIST)
		return cmd_not_found(cmd, l->what, r < 0 ? r : l->missing);
	if (l->problems > 0)
		return SG_EXIT_GUARD;
	if (l->runs > 0)
		return 0;
	return l->is_json && !l->what ? EXIT_NOTHING : cmd_not_found(cmd, l->what, -ENOENT);
}

int main(int argc, char **argv)
{
	struct cmd cmd = { .name = "ps", .command = FOR_PS };
	struct listing l = { 0 };
	struct term term;

	(void)argc;
	int code = cmd_start_looking(&cmd, argv);
	if (code >= 0)
		return code;
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	cmd_term(&cmd, &term);
	init_style(&l, &cmd, &term);
	l.what = cmd.rest[0];
	l.is_json = cmd.job.json;
	l.table = ps_table_new(&l.style, &term);
	if (!text || !l.table)
		return cmd_fail("cannot look at the runs", -ENOMEM);
	buf_init(&l.out, text, TEXT_BYTES);
	os_raise_files();
	if (l.is_json)
		begin_json(&l);
	code = list(&l, &cmd);
	table_free(l.table);
	return code;
}

/* spawnguard explain --samples FILE: what the rules would have said of a run that was recorded. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "core/growth.h"
#include "core/sample_text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/say.h"
#include "spawnguard/exit.h"

#define MEMBERS_MAX 65536 /* of a run, by their serial: the growth of later ones is not looked at */

struct replay {
	struct cmd cmd;
	struct limits limits;
	struct growth growth;
	uint64_t period_ns;
	struct buf out;
	struct json json;
	char run_id[80];
	uint32_t line;            /* of the file, for messages */
	bool is_in_look, is_over; /* a look was begun; the run would be over */
	uint64_t began_ns, now_ns, looks, found;
};

static char out_bytes[1U << 20];
static struct trend trends[MEMBERS_MAX]; /* only those that there were are ever touched */

static void put_finding(struct buf *out, struct replay *r, const struct finding *f, enum on_limit action)
{
	uint64_t at_ns = f->now_ns - r->began_ns;

	r->found++;
	if (r->cmd.job.json) {
		json_open(&r->json, NULL, '{');
		json_seconds(&r->json, "at", at_ns, 3);
		json_str(&r->json, "rule", f->rule);
		json_str(&r->json, "severity", severity_name(f->severity));
		json_str(&r->json, "text", f->text);
		json_u64(&r->json, "value", f->value);
		json_u64(&r->json, "bound", f->bound);
		json_bool(&r->json, "ends", action == ON_LIMIT_KILL);
		json_bool(&r->json, "freezes", action == ON_LIMIT_FREEZE);
		json_close(&r->json, '}');
		return;
	}
	buf_str(out, "after ");
	num_format_duration(out, at_ns);
	buf_str(out, ": ");
	finding_format(out, f);
	buf_str(out, action == ON_LIMIT_KILL     ? ": the run would be ended\n"
		     : action == ON_LIMIT_FREEZE ? ": the run would be frozen\n"
						 : ": flagged\n");
}

static void tell(struct replay *r, const struct limit_verdict *v)
{
	struct finding finding;

	limit_describe(v, r->now_ns, "walk", &finding);
	r->is_over = v->grade == GRADE_HARD && r->cmd.job.on_limit >= ON_LIMIT_FREEZE;
	put_finding(&r->out, r, &finding, v->grade == GRADE_HARD ? r->cmd.job.on_limit : ON_LIMIT_FLAG);
}

static void finish_growth(struct replay *r)
{
	struct growth_verdict g = growth_end(&r->growth);
	struct finding finding;

	if (g.grade == GRADE_OK)
		return;
	if (r->growth.is_limit) {
		struct limit_verdict v = growth_as_limit(&g, &r->cmd.job.limit[LIMIT_GROWTH], r->period_ns);
		tell(r, &v);
		return;
	}
	growth_describe(&g, r->growth.rule.floor_bytes[0], r->now_ns, &finding);
	put_finding(&r->out, r, &finding, ON_LIMIT_FLAG);
}

/* All members of a look have been shown. */
static void finish_look(struct replay *r)
{
	if (!r->is_in_look || r->is_over)
		return;
	r->is_in_look = false;
	while (!r->is_over) {
		struct limit_verdict v = limits_end(&r->limits);
		if (v.grade == GRADE_OK)
			break;
		tell(r, &v);
	}
	if (!r->is_over)
		finish_growth(r);
}

static void look_at_growth(struct replay *r, const struct sample *s)
{
	if (s->serial < MEMBERS_MAX)
		growth_member(&r->growth, &trends[s->serial], s);
}

/* 0, -EINVAL. */
static int take_line(struct replay *r, char *line)
{
	struct look look;
	struct sample sample;

	r->line++;
	int kind = sample_text_parse(line, &look, &sample);
	if (kind < 0 || (r->line == 1) != (kind == SAMPLE_LINE_HEAD))
		return -EINVAL;
	if (kind == SAMPLE_LINE_HEAD) {
		const char *id = strrchr(line, ' ') + 1;
		memcpy(r->run_id, id, strnlen(id, sizeof(r->run_id) - 1));
	} else if (kind == SAMPLE_LINE_LOOK) {
		finish_look(r);
		if (r->looks++ == 0)
			r->began_ns = look.now_ns;
		r->now_ns = look.now_ns;
		if (r->is_over)
			return 0;
		r->is_in_look = true;
		r->period_ns = look.period_ns;
		limits_begin(&r->limits, &look);
		growth_begin(&r->growth, look.now_ns);
	} else if (r->looks == 0) {
		return -EINVAL;
	} else if (r->is_in_look) {
		limits_member(&r->limits, &sample);
		look_at_growth(r, &sample);
	}
	return 0;
}

/* 0, -EINVAL (not samples, from line r->line on), -errno.  A last line without its newline was being written.
 */
static int read_samples(struct replay *r, int fd)
{
	static char bytes[65536];
	size_t have = 0;
	uint64_t at = 0;

	for (;;) {
		ssize_t n = os_fd_pread(fd, bytes + have, sizeof(bytes) - have, at);
		if (n < 0)
			return (int)n;
		at += (uint64_t)n;
		have += (size_t)n;
		char *line = bytes;
		for (char *end; (end = memchr(line, '\n', have)); line = end + 1) {
			*end = '\0';
			have -= (size_t)(end + 1 - line);
			if (memchr(line, '\0', (size_t)(end - line)) || take_line(r, line) < 0)
				return -EINVAL;
		}
		if (n == 0)
			return r->line > 0 ? 0 : -EINVAL;
		if (have >= SAMPLE_LINE_MAX) {
			r->line++;
			return -EINVAL;
		}
		memmove(bytes, line, have);
	}
}

static int complain(const struct replay *r, int err)
{
	BUF(line, 1024);

	escape_text(&line, r->cmd.job.samples, strlen(r->cmd.job.samples), 0);
	if (err == -EINVAL) {
		buf_char(&line, ':');
		buf_u64(&line, r->line);
		buf_str(&line, ": no samples: give a file that run --record-samples has written");
	} else {
		buf_str(&line, ": cannot be read: ");
		buf_str(&line, fail_text(-err));
		buf_str(&line, ": give a file that run --record-samples has written");
	}
	cmd_say(&line);
	return EXIT_USAGE;
}

static void put_end(struct buf *out, struct replay *r)
{
	uint64_t took_ns = r->now_ns - r->began_ns;

	if (r->cmd.job.json) {
		json_close(&r->json, ']');
		json_str(&r->json, "run", r->run_id);
		json_u64(&r->json, "looks", r->looks);
		json_seconds(&r->json, "took", took_ns, 3);
		json_close(&r->json, '}');
		buf_char(out, '\n');
		return;
	}
	if (r->found == 0)
		buf_str(out, "nothing is over a limit: ");
	else
		buf_str(out, "run ");
	if (r->found > 0) {
		escape_text(out, r->run_id, strlen(r->run_id), 8);
		buf_str(out, ": ");
	}
	buf_u64(out, r->looks);
	buf_str(out, " looks in ");
	num_format_duration(out, took_ns);
	buf_char(out, '\n');
}

static int replay(struct replay *r)
{
	AUTO_FD int fd = os_open_user(r->cmd.job.samples, OS_READ, 0);

	if (r->cmd.job.json) {
		json_init(&r->json, &r->out);
		json_open(&r->json, NULL, '{');
		json_open(&r->json, "findings", '[');
	}
	int err = fd < 0 ? fd : read_samples(r, fd);
	if (err < 0)
		return complain(r, err);
	finish_look(r);
	put_end(&r->out, r);
	int written = os_write_whole(1, r->out.at, r->out.len);
	if (written < 0)
		return cmd_fail_to_write(written);
	return r->found > 0 ? 0 : EXIT_NOTHING;
}

int main(int argc, char **argv)
{
	static struct replay r = { .cmd = { .name = "explain", .command = FOR_EXPLAIN } };

	(void)argc;
	int done = cmd_read(&r.cmd, argv);
	if (done >= 0)
		return done;
	if (!r.cmd.job.samples) /* without it bin/spawnguard answers, of a start */
		r.cmd.job.samples = "";
	buf_init(&r.out, out_bytes, sizeof(out_bytes));
	memcpy(r.limits.bound, r.cmd.job.limit, sizeof(r.limits.bound));
	growth_init(&r.growth, &r.cmd.job.limit[LIMIT_GROWTH]);
	return replay(&r);
}

#include "guard/open_on.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/job.h"
#include "conf/open_on_value.h"
#include "guard/run.h"
#include "guard/tail.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/match.h"
#include "os/read_apart.h"
#include "os/say.h"
#include "spawnguard/exit.h"

#define TEXT_MAX  4096  /* of the end of stderr */
#define ANSWER_MS 10000 /* a second of CPU time on a busy machine */

static int refuse(const char *text, size_t n, const struct buf *why)
{
	BUF(line, 1024);

	buf_str(&line, "--open-on '");
	escape_text(&line, text, n, 60);
	buf_str(&line, "': ");
	buf_str(&line, why->at);
	buf_str(&line, "; write an extended regular expression, see regex(7)");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

int open_on_check(const struct job *job)
{
	for (uint32_t i = 0; job->has_loops && i < job->open_on_count; i++) {
		struct open_on_value value;
		BUF(why, 160);

		if (open_on_parse(job->open_on[i], &value, NULL) < 0)
			continue; /* it was parsed before */
		if (os_match_check(value.regex, value.regex_n, &why) < 0)
			return refuse(value.regex, value.regex_n, &why);
	}
	return 0;
}

/* --- in the child --------------------------------------------------------------------------------------- */

struct asked {
	const struct job *job;
	uint64_t now_wall_ns;
	char text[TEXT_MAX + 1];
};

static int64_t local_offset(int64_t local_s)
{
	return os_local_offset(local_s);
}

/* 1, 0, -errno. */
static int ask_one(const struct asked *asked, const char *rule, uint64_t *out_wait_ns)
{
	struct open_on_value value;
	size_t at, n;

	if (open_on_parse(rule, &value, NULL) < 0)
		return 0;
	int r = os_match_apart(value.regex, value.regex_n, asked->text, &at, &n);
	if (r != 1)
		return r;
	*out_wait_ns = value.has_until ? until_wait(&value.until, asked->now_wall_ns, local_offset)
				       : until_find(asked->text + at, n, asked->now_wall_ns, local_offset);
	return 1;
}

struct answer {
	int32_t result; /* 1 = one has matched, 0 = none has, -errno */
	uint64_t wait_ns;
};

static void ask_all(int out, const void *with)
{
	const struct asked *asked = with;
	struct answer answer;

	memset(&answer, 0, sizeof(answer));
	for (uint32_t i = 0; i < asked->job->open_on_count && answer.result == 0; i++)
		answer.result = ask_one(asked, asked->job->open_on[i], &answer.wait_ns);
	(void)os_write_whole(out, (const char *)&answer, sizeof(answer));
}

/* --- by whoever ends the run ---------------------------------------------------------------------------- */

static void warn(const struct run *run, int err)
{
	BUF(line, 512);

	buf_str(&line, "warning: ");
	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": --open-on could not be told: ");
	if (err == -ETIMEDOUT || err == -ENOMEM)
		buf_str(&line, "it takes more than a second of CPU time, or 64 MiB");
	else
		buf_str(&line, fail_text(-err));
	buf_str(&line, "; the end counts as if nothing had matched: write a simpler expression");
	voice_note(&line);
}

struct open_on_answer open_on_ask(const struct run *run)
{
	struct open_on_answer none = { 0 };
	const char *bytes;
	size_t n;

	struct tail_match *match =
		run->job->has_loops && run->job->open_on_count > 0 ? tail_match(run) : NULL;
	if (!match || !tail_bytes(run, &bytes, &n) || n == 0)
		return none;
	if (match->is_known)
		return (struct open_on_answer){ match->has_matched != 0, match->wait_ns };
	match->is_known = 1;
	struct asked asked = { .job = run->job, .now_wall_ns = os_clock_wall_ns() };
	size_t from = n > TEXT_MAX ? n - TEXT_MAX : 0;
	for (size_t i = from; i < n; i++)
		asked.text[i - from] = (char)(bytes[i] != '\0' ? bytes[i] : ' ');
	struct answer answer;
	AUTO_FD int in = -1;
	pid_t child = os_read_apart_begin(ask_all, &asked, ANSWER_MS, &in);
	int r = child < 0 ? (int)child : os_read_apart_take(child, in, &answer, sizeof(answer), ANSWER_MS);
	r = r < 0 ? r : answer.result;
	if (r < 0) {
		warn(run, r);
		return none;
	}
	match->wait_ns = answer.wait_ns;
	match->has_matched = r == 1;
	return (struct open_on_answer){ r == 1, answer.wait_ns };
}

#include "guard/voice.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "guard/pair.h"
#include "os/link.h"
#include "os/say.h"

static int to_link = -1;
static bool is_quiet;
static uint32_t verbosity;

void voice_set_link(int link)
{
	to_link = link;
}

void voice_set_level(bool quiet, uint32_t verbose)
{
	is_quiet = quiet;
	verbosity = verbose;
}

static void put(const struct buf *line)
{
	struct pair_message m;

	if (to_link < 0) {
		os_say(line->at, line->len);
		return;
	}
	size_t n = line->len < PAIR_TEXT_MAX ? line->len : PAIR_TEXT_MAX;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_SAY;
	memcpy(m.text, line->at, n);
	(void)os_link_send(to_link, &m, PAIR_HEAD_BYTES + n); /* front gone or stopped: nobody to tell */
}

void voice_error(const struct buf *line)
{
	put(line);
}

void voice_note(const struct buf *line)
{
	if (!is_quiet)
		put(line);
}

bool voice_tells_steps(void)
{
	return verbosity > 0;
}

void voice_step(const struct buf *line)
{
	if (verbosity > 0)
		put(line);
}

static void describe(struct buf *line, const struct fail *fail)
{
	buf_str(line, "cannot ");
	buf_str(line, fail->what ? fail->what : "go on");
	buf_str(line, ": ");
	escape_text(line, fail->subject, strlen(fail->subject), 0);
	buf_str(line, ": ");
	buf_str(line, strerrordesc_np(fail->err) ? strerrordesc_np(fail->err) : "unknown error");
}

void voice_fail(const struct fail *fail, const char *next)
{
	BUF(line, PAIR_TEXT_MAX);
	describe(&line, fail);
	if (next) {
		buf_str(&line, "; ");
		buf_str(&line, next);
	}
	put(&line);
}

void voice_warn_fail(const struct fail *fail, const char *instead)
{
	BUF(line, PAIR_TEXT_MAX);
	buf_str(&line, "warning: ");
	describe(&line, fail);
	buf_str(&line, ": ");
	buf_str(&line, instead);
	voice_note(&line);
}

void voice_name_processes(struct buf *line, const struct history_process *process, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		buf_str(line, i == 0 ? "" : ", ");
		escape_text(line, process[i].comm, strnlen(process[i].comm, sizeof(process[i].comm)), 0);
		buf_str(line, " (pid ");
		buf_i64(line, process[i].pid);
		buf_str(line, ", uid ");
		buf_u64(line, process[i].uid);
		buf_str(line, ", state ");
		buf_char(line, process[i].state);
		buf_char(line, ')');
	}
}

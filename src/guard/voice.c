#include "guard/voice.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "guard/log.h"
#include "guard/pair.h"
#include "os/file.h"
#include "os/link.h"
#include "os/say.h"

/* In one, which is not all 0: so on a page that the start of the program touches. */
static struct {
	int link; /* to front; -1: we are */
	const char *journal;
	bool is_quiet;
	uint32_t verbosity;
} voice = { .link = -1 };

void voice_set_link(int link)
{
	voice.link = link;
}

void voice_set_level(bool quiet, uint32_t verbose)
{
	voice.is_quiet = quiet;
	voice.verbosity = verbose;
}

void voice_set_journal(const char *stream)
{
	voice.journal = stream;
}

/* Asked each time: with --detach stderr becomes a file. */
static bool is_journal(void)
{
	BUF(stream, 48);
	struct os_file_id id;

	if (!voice.journal || os_file_id(2, &id) < 0)
		return false;
	buf_u64(&stream, id.dev);
	buf_char(&stream, ':');
	buf_u64(&stream, id.ino);
	return strcmp(stream.at, voice.journal) == 0;
}

static void say(const char *text, size_t n, enum voice_level level)
{
	if (is_journal())
		os_say_with_priority((int)level, text, n);
	else
		os_say(text, n);
}

void voice_relay(const char *text, size_t n, enum voice_level level, bool is_said)
{
	const char *path;

	if (is_said)
		say(text, n, level);
	if (!log_is_on())
		return;
	int r = log_line((int)level, text, n, &path);
	if (r == 0 || voice.is_quiet)
		return;
	BUF(line, 256);
	buf_str(&line, "warning: cannot write to the system log: ");
	buf_str(&line, path);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-r));
	buf_str(&line, ": what does not reach it is not repeated");
	say(line.at, line.len, VOICE_WARNING);
}

bool voice_is_logged(void)
{
	return log_is_on();
}

void voice_line(const struct buf *line, enum voice_level level, bool is_said)
{
	struct pair_message m;

	if (!is_said && !log_is_on())
		return;
	if (voice.link < 0) {
		voice_relay(line->at, line->len, level, is_said);
		return;
	}
	size_t n = line->len < PAIR_TEXT_MAX ? line->len : PAIR_TEXT_MAX;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = is_said ? PAIR_SAY : PAIR_LOG;
	m.number = (int32_t)level;
	memcpy(m.text, line->at, n);
	(void)os_link_send(voice.link, &m, PAIR_HEAD_BYTES + n); /* front gone or stopped: nobody to tell */
}

void voice_error(const struct buf *line)
{
	voice_line(line, VOICE_ERROR, true);
}

/* The system log hears it with --quiet too: who is silent for cron still wants to look it up. */
void voice_note(const struct buf *line)
{
	bool is_warning = strncmp(line->at, "warning: ", 9) == 0;
	voice_line(line, is_warning ? VOICE_WARNING : VOICE_NOTE, !voice.is_quiet);
}

bool voice_tells_steps(void)
{
	return voice.verbosity > 0;
}

void voice_step(const struct buf *line)
{
	if (voice.verbosity > 0)
		voice_line(line, VOICE_INFO, true);
}

static void describe(struct buf *line, const struct fail *fail)
{
	buf_str(line, "cannot ");
	buf_str(line, fail->what ? fail->what : "go on");
	buf_str(line, ": ");
	escape_text(line, fail->subject, strlen(fail->subject), 0);
	buf_str(line, ": ");
	buf_str(line, fail_text(fail->err));
}

void voice_fail(const struct fail *fail, const char *next)
{
	BUF(line, PAIR_TEXT_MAX);
	describe(&line, fail);
	if (next) {
		buf_str(&line, "; ");
		buf_str(&line, next);
	}
	voice_error(&line);
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

/* spawnguard notify: what a job, or a script of it, tells the guard around it. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "cmd/cmd.h"
#include "codec/notify.h"
#include "conf/options.h"
#include "os/fd.h"
#include "spawnguard/exit.h"
#include "spawnguard/notify.h"

#define TAKEN_MS 5000 /* a guard takes it in its next turn; on a busy machine it waits for a processor */

static_assert(SG_NOTIFY_MAX == NOTIFY_MAX, "as the guard reads it");

enum verb { TELL_READY, TELL_BEAT, TELL_STATUS, TELL_COUNTER, TELL_COUNT };

static const struct {
	const char *name;
	uint32_t least, most; /* words behind it */
} verbs[TELL_COUNT] = {
	[TELL_READY] = { "ready", 0, 0 },
	[TELL_BEAT] = { "beat", 0, 0 },
	[TELL_STATUS] = { "status", 1, 1 },
	[TELL_COUNTER] = { "counter", 1, NOTIFY_COUNTERS_MAX },
};

static int refuse(const char *before, const char *word, const char *after)
{
	return cmd_say_exit(before, word, after, EXIT_USAGE);
}

static int put_counters(struct buf *text, char **words)
{
	for (; *words; words++) {
		struct notify_counter counter;
		if (notify_parse_counter(*words, strlen(*words), &counter) < 0)
			return refuse(
				"notify counter: ", *words,
				" is no counter: write KEY=NUMBER, or KEY+=NUMBER to add to it; the key "
				"1 to 32 of A-Z a-z 0-9 _ . -");
		buf_str(text, text->len > 0 ? "\n" NOTIFY_COUNTER : NOTIFY_COUNTER);
		buf_str(text, *words);
	}
	return 0;
}

/* A line break would begin another line of the protocol. */
static void put_status(struct buf *text, const char *status)
{
	buf_str(text, "STATUS=");
	for (; *status; status++)
		buf_char(text, *status == '\n' ? ' ' : *status);
}

/* 0, or the exit status: said. */
static int read_words(char **words, struct buf *text)
{
	uint32_t count = 0;
	size_t verb = 0;

	if (!words[0])
		return refuse("notify what? Write ready, beat, status TEXT or counter KEY=NUMBER", NULL, "");
	while (verb < TELL_COUNT && strcmp(words[0], verbs[verb].name) != 0)
		verb++;
	if (verb == TELL_COUNT)
		return refuse("notify: what is ", words[0],
			      "? Write ready, beat, status TEXT or counter KEY=NUMBER");
	while (words[count + 1])
		count++;
	if (count < verbs[verb].least || count > verbs[verb].most)
		return refuse("notify: it takes ready, beat, status and one TEXT, or counter and 1 to 16 "
			      "KEY=NUMBER",
			      NULL, "");
	switch ((enum verb)verb) {
	case TELL_READY:
		buf_str(text, "READY=1");
		return 0;
	case TELL_BEAT:
		buf_str(text, "WATCHDOG=1");
		return 0;
	case TELL_STATUS:
		put_status(text, words[1]);
		return 0;
	default:
		return put_counters(text, words + 1);
	}
}

int main(int argc, char **argv)
{
	static struct cmd cmd = { .name = "notify",
				  .command = FOR_NOTIFY,
				  .words_max = NOTIFY_COUNTERS_MAX + 1 };
	BUF(text, NOTIFY_MAX);

	(void)argc;
	if (os_fd_fill_stdio(-1) < 0)
		return SG_EXIT_GUARD;
	int code = cmd_read(&cmd, argv);
	if (code >= 0)
		return code;
	code = read_words(cmd.rest, &text);
	if (code != 0)
		return code;
	if (text.cut)
		return refuse("notify: more than 4096 bytes: shorten it", NULL, "");
	int told = sg_notify_send_fd(text.at, text.len, -1);
	if (told == 1) {
		/* Until it is taken the guard can see that we are of its run. */
		(void)sg_notify_wait(TAKEN_MS);
		return 0;
	}
	if (told == 0)
		return cmd.job.quiet ? EXIT_NOTHING
				     : cmd_say_exit("no guard listens: start the job with spawnguard run "
						    "--notify, or with "
						    "--heartbeat or --budget",
						    NULL, "", EXIT_NOTHING);
	return cmd_fail("cannot tell the guard at SPAWNGUARD_NOTIFY", told);
}

/* spawnguard help [TOPIC]: the manual as plain text, rendered when spawnguard was built. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "cmd/cmd.h"
#include "conf/argv.h"
#include "conf/commands.h"
#include "conf/help.h"
#include "conf/options.h"
#include "conf/suggest.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/say.h"
#include "os/self.h"
#include "spawnguard/exit.h"

#define SHOWN_COLUMNS 60 /* of a foreign word in a message */
#define TEXT_MAX      (1U << 18)

struct topic {
	const char *name, *help;
};

/* clang-format off */
static const struct topic topics[] = {
	{ "spawnguard",  "what it is, where it keeps what" },
	{ "conf",        "the configuration file" },
	{ "history",     "what is written of each run" },
	{ "signatures",  "processes that are known by sight" },
	{ "exit-status", "every exit status, and which wins" },
	{ "security",    "what is promised, and what is not" },
};
/* clang-format on */

static int refuse(const struct buf *line, int status)
{
	cmd_say(line);
	return status;
}

static int print(const struct buf *text)
{
	int r = os_write_whole(1, text->at, text->len);
	BUF(line, 128);

	if (r == 0 || r == -EPIPE) /* a pager was left */
		return 0;
	buf_str(&line, "cannot write to standard output: ");
	buf_str(&line, fail_text(-r));
	return refuse(&line, SG_EXIT_GUARD);
}

/* The topic of that name: also a command. */
static const char *find_topic(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(topics); i++) {
		if (strcmp(topics[i].name, name) == 0)
			return topics[i].name;
	}
	const struct command_row *row = command_find(name);
	return row ? row->name : NULL;
}

static const char *suggest_topic(const char *name)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR;
	for (size_t i = 0; i < COUNT_OF(topics) + command_count; i++) {
		const char *other =
			i < COUNT_OF(topics) ? topics[i].name : command_rows[i - COUNT_OF(topics)].name;
		size_t rank = suggest_rank(name, strlen(name), other);
		if (rank >= least)
			continue;
		least = rank;
		nearest = other;
	}
	return nearest;
}

static int print_topics(void)
{
	BUF(text, HELP_MAX);

	buf_str(&text,
		"Usage: spawnguard help TOPIC\n       spawnguard help [COMMAND] --OPTION\n\nCommands:\n");
	help_commands(&text);
	buf_str(&text, "\nOther topics:\n");
	for (size_t i = 0; i < COUNT_OF(topics); i++) {
		buf_str(&text, "  ");
		buf_str(&text, topics[i].name);
		for (size_t n = strlen(topics[i].name); n < 14; n++)
			buf_char(&text, ' ');
		buf_str(&text, topics[i].help);
		buf_char(&text, '\n');
	}
	return print(&text);
}

/* The text lies beside the programs, installed or built. */
static int print_topic(const char *name)
{
	static char bytes[TEXT_MAX];
	char dir[4096];
	BUF(path, sizeof(dir) + 128);
	BUF(line, 512);

	int r = os_self_dir(dir, sizeof(dir));
	if (r == 0) {
		buf_str(&path, dir);
		buf_str(&path, "/" SG_HELP_SUBDIR "/");
		buf_str(&path, name);
		buf_str(&path, ".txt");
		AUTO_FD int fd = os_open_user(path.at, O_RDONLY, 0);
		r = fd < 0 ? fd : (int)os_file_read_fd(fd, bytes, sizeof(bytes));
	}
	if (r >= 0) {
		struct buf text = { .at = bytes, .len = (size_t)r, .cap = sizeof(bytes) };
		return print(&text);
	}
	const struct command_row *row = command_find(name);
	if (row) { /* built without mandoc: the options are known here */
		BUF(text, HELP_MAX);
		help_format(&text, row->command, HELP_ALL);
		return print(&text);
	}
	buf_str(&line, "cannot read the manual ");
	escape_text(&line, path.at, path.len, 0);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-r));
	buf_str(&line, "; it is made where mandoc is installed when spawnguard is built");
	return refuse(&line, SG_EXIT_GUARD);
}

/* `word`: "--timeout", "-t", "--timeout=2h". */
static int print_option(const char *word, unsigned commands, const char *of)
{
	const char *name = word + 1 + (word[1] == '-');
	bool is_long = name > word + 1;
	size_t n = strcspn(name, "=");
	BUF(text, HELP_MAX);
	BUF(line, 512);

	if ((is_long ? n > 1 : n == 1) && help_option(&text, name, n, commands) > 0)
		return print(&text);
	buf_str(&line, of ? of : "no command");
	buf_str(&line, of ? " has no option " : " has an option ");
	escape_word(&line, word, strlen(word), SHOWN_COLUMNS);
	const char *near = is_long ? option_suggest(name, n, commands) : NULL;
	if (near) {
		buf_str(&line, ": did you mean --");
		buf_str(&line, near);
		buf_char(&line, '?');
	} else {
		buf_str(&line, "; see: spawnguard ");
		buf_str(&line, of ? of : "run");
		buf_str(&line, " --help=all");
	}
	return refuse(&line, EXIT_NOTHING);
}

static int refuse_topic(const char *word)
{
	BUF(line, 512);
	const char *near = suggest_topic(word);

	buf_str(&line, "no topic ");
	escape_word(&line, word, strlen(word), SHOWN_COLUMNS);
	if (near) {
		buf_str(&line, ": did you mean ");
		buf_str(&line, near);
		buf_char(&line, '?');
	} else if (option_find(word, strlen(word), FOR_ALL | FOR_FILE)) {
		buf_str(&line, ": did you mean --");
		buf_str(&line, word);
		buf_char(&line, '?');
	} else {
		buf_str(&line, "; see: spawnguard help");
	}
	return refuse(&line, EXIT_NOTHING);
}

/* Options of `help` itself, not a question about an option. */
static bool is_own_option(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0 ||
	       strncmp(word, "--help", 6) == 0;
}

static int refuse_words(const char *word)
{
	BUF(line, 256);

	buf_str(&line, "help takes one topic, or a command and an option: what is ");
	escape_word(&line, word, strlen(word), SHOWN_COLUMNS);
	buf_str(&line, "? See: spawnguard help");
	return refuse(&line, EXIT_USAGE);
}

int main(int argc, char **argv)
{
	static struct job job;
	char **rest;
	int dashes;
	BUF(why, ARGV_WHY_MAX);

	(void)argc;
	if (os_fd_fill_stdio(1) < 0)
		return SG_EXIT_GUARD;
	char **words = argv + 1;
	if (words[0] && is_own_option(words[0])) {
		argv_defaults(&job);
		if (argv_parse(words, FOR_HELP, &job, &rest, &dashes, &why) < 0)
			return refuse(&why, EXIT_USAGE);
		if (job.version)
			buf_str(&why, "spawnguard " SG_VERSION "\n");
		if (job.version)
			return print(&why);
		BUF(text, HELP_MAX);
		help_format(&text, FOR_HELP, job.help);
		return print(&text);
	}
	if (!words[0])
		return print_topics();
	const struct command_row *row = command_find(words[0]);
	const char *option = row && words[1] && words[1][0] == '-' ? words[1] : NULL;
	if (!row && words[0][0] == '-' && words[0][1] != '\0')
		option = words[0];
	const char *last = words[1] && option != words[0] ? words[option ? 2 : 1] : words[1];
	if (last)
		return refuse_words(last);
	if (option)
		return print_option(option, row ? row->command : FOR_ALL | FOR_FILE, row ? row->name : NULL);
	const char *topic = find_topic(words[0]);
	return topic ? print_topic(topic) : refuse_topic(words[0]);
}

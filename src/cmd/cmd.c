#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/argv.h"
#include "conf/help.h"
#include "conf/value.h"
#include "os/fd.h"
#include "os/say.h"
#include "spawnguard/exit.h"

void cmd_say(const struct buf *line)
{
	os_say(line->at, line->len);
}

int cmd_say_exit(const char *before, const char *word, const char *after, int code)
{
	BUF(line, 1024);

	buf_str(&line, before);
	if (word)
		escape_word(&line, word, strlen(word), 0);
	buf_str(&line, after);
	cmd_say(&line);
	return code;
}

static int print_help(unsigned command, unsigned what)
{
	BUF(text, HELP_MAX);
	help_format(&text, command, what);
	os_print(1, text.at, text.len);
	return 0;
}

const char *cmd_state_given(const struct cmd *cmd)
{
	const char *given = cmd->job.state_dir ? cmd->job.state_dir : getenv(SG_ENV_STATE_DIR);
	return given && given[0] == '\0' ? NULL : given;
}

const char *cmd_config_given(const struct cmd *cmd)
{
	const char *given = cmd->job.config ? cmd->job.config : getenv(SG_ENV_CONFIG);
	return given && given[0] == '\0' ? NULL : given;
}

/* [defaults], as far as this command takes its keys, below what the command line said. */
int cmd_configure(struct cmd *cmd, char **argv)
{
	const char *state_dir = getenv(SG_ENV_STATE_DIR);
	struct conf *conf = &cmd->settings.conf;
	BUF(why, CONF_LINE_MAX);
	int dashes;

	conf_init_first(conf, &why);
	int r = settings_open(&cmd->settings, cmd_config_given(cmd));
	if (r == 0 && conf->file_count == 0)
		return -1;
	if (r == 0)
		r = conf_select(conf, NULL);
	if (r == 0) {
		argv_defaults(&cmd->job);
		r = conf_apply(conf, cmd->command, &cmd->job);
	}
	if (r == 0) {
		if (state_dir && state_dir[0] != '\0')
			cmd->job.state_dir = state_dir;
		value_next_source(&cmd->job);
		r = argv_parse(argv + 1, cmd->command, &cmd->job, &cmd->rest, &dashes, &why);
	}
	if (r == 0)
		return -1;
	if (r == -ENOMEM)
		buf_str(&why, "no memory to read the configuration; try again when there is some");
	cmd_say(&why);
	return SG_EXIT_GUARD;
}

int cmd_open_state(struct cmd *cmd)
{
	struct fail fail = { 0 };
	BUF(line, 1024);

	if (statedir_open(&cmd->dir, cmd_state_given(cmd), getenv("STATE_DIRECTORY"), &fail) == 0)
		return -1;
	buf_str(&line, "cannot ");
	buf_str(&line, fail.what);
	buf_str(&line, ": ");
	escape_text(&line, fail.subject, strlen(fail.subject), 0);
	buf_str(&line, ": ");
	buf_str(&line, strerrordesc_np(fail.err) ? strerrordesc_np(fail.err) : "unknown error");
	buf_str(&line, "; see: spawnguard doctor");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

static bool has_more_words(const struct cmd *cmd)
{
	uint32_t max = cmd->words_max > 0 ? cmd->words_max : 1, count = 0;
	BUF(line, 256);

	while (count <= max && cmd->rest[count])
		count++;
	if (count <= max)
		return false;
	buf_str(&line, cmd->name);
	buf_str(&line, max == 1 ? " takes one JOB or RUN" : " takes fewer words");
	buf_str(&line, ": what is ");
	escape_word(&line, cmd->rest[max], strlen(cmd->rest[max]), 60);
	buf_str(&line, "? See: spawnguard ");
	buf_str(&line, cmd->name);
	buf_str(&line, " --help");
	cmd_say(&line);
	return true;
}

int cmd_read(struct cmd *cmd, char **argv)
{
	int dashes;
	BUF(why, ARGV_WHY_MAX);

	if (os_fd_fill_stdio() < 0)
		return SG_EXIT_GUARD;
	argv_defaults(&cmd->job);
	if (argv_parse(argv + 1, cmd->command, &cmd->job, &cmd->rest, &dashes, &why) < 0) {
		cmd_say(&why);
		return EXIT_USAGE;
	}
	if (cmd->job.help)
		return print_help(cmd->command, cmd->job.help);
	if (cmd->job.version) {
		os_print(1, "spawnguard " SG_VERSION "\n", strlen("spawnguard " SG_VERSION "\n"));
		return 0;
	}
	return has_more_words(cmd) ? EXIT_USAGE : -1;
}

int cmd_start(struct cmd *cmd, char **argv)
{
	int code = cmd_read(cmd, argv);
	if (code < 0)
		code = cmd_configure(cmd, argv);
	return code >= 0 ? code : cmd_open_state(cmd);
}

int cmd_not_found(const struct cmd *cmd, const char *what, int err)
{
	BUF(line, 512);

	if (err == -EEXIST) {
		buf_str(&line, "several runs begin with ");
		escape_word(&line, what, strlen(what), 60);
		buf_str(&line, ": give more of the run id; see: spawnguard ps");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	if (err != -ENOENT) {
		buf_str(&line, "cannot read the run records: ");
		buf_str(&line, strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error");
		buf_str(&line, "; see: spawnguard doctor");
		cmd_say(&line);
		return SG_EXIT_GUARD;
	}
	if (cmd->job.quiet)
		return EXIT_NOTHING;
	buf_str(&line, what ? "no run of " : "no run is going on");
	if (what) {
		escape_word(&line, what, strlen(what), 60);
		buf_str(&line, " is going on; see: spawnguard ps");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

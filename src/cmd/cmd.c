#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/argv.h"
#include "conf/help.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/value.h"
#include "os/fd.h"
#include "os/say.h"
#include "os/self.h"
#include "spawnguard/exit.h"
#include "store/places.h"
#include "ui/term.h"

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

#define TEXT_DOCTOR "; see: spawnguard doctor"

static void put_reason(struct buf *line, int err)
{
	buf_str(line, fail_text(err));
}

void cmd_put_fail(struct buf *line, const struct fail *fail)
{
	buf_str(line, "cannot ");
	buf_str(line, fail->what);
	buf_str(line, ": ");
	escape_text(line, fail->subject, strlen(fail->subject), 0);
	buf_str(line, ": ");
	put_reason(line, fail->err);
}

static int say_fail(const struct fail *fail)
{
	BUF(line, 1280);
	cmd_put_fail(&line, fail);
	buf_str(&line, TEXT_DOCTOR);
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

int cmd_fail(const char *what, int err)
{
	BUF(line, 1024);
	buf_str(&line, what);
	buf_str(&line, ": ");
	put_reason(&line, -err);
	buf_str(&line, TEXT_DOCTOR);
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

int cmd_fail_to_write(int err)
{
	BUF(line, 256);
	buf_str(&line, "cannot write the result: ");
	put_reason(&line, -err);
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

int cmd_open_state(struct cmd *cmd)
{
	struct fail fail = { 0 };
	bool is_open = statedir_open(&cmd->dir, cmd_state_given(cmd), getenv("STATE_DIRECTORY"), &fail) == 0;
	return is_open ? -1 : say_fail(&fail);
}

static int look_at_state(struct cmd *cmd)
{
	struct fail fail = { 0 };
	BUF(line, 256);

	if (cmd->job.all_users && os_self_uid() != 0) {
		buf_str(&line, "--all looks into the state of all users, which only root may; without it you "
			       "see your own runs");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	bool is_there = statedir_look(&cmd->dir, cmd_state_given(cmd), getenv("STATE_DIRECTORY"), &fail) == 0;
	return is_there ? -1 : say_fail(&fail);
}

struct places {
	int (*each)(void *with, const struct place *place);
	void *with;
	uint32_t *out_problems;
};

static int take_place(void *with, const struct place *place)
{
	const struct places *p = with;

	if (!place->fail)
		return p->each(p->with, place);
	++*p->out_problems;
	(void)say_fail(place->fail);
	return 0;
}

int cmd_each_place(struct cmd *cmd, int (*each)(void *with, const struct place *place), void *with,
		   uint32_t *out_problems)
{
	struct places places = { .each = each, .with = with, .out_problems = out_problems };
	struct place own = { .owner = os_self_uid(), .dir = cmd->dir };

	*out_problems = 0;
	return cmd->job.all_users ? places_each(&cmd->dir, take_place, &places) : each(with, &own);
}

void cmd_term(const struct cmd *cmd, struct term *term)
{
	static const enum term_color wish[COLOR_COUNT] = {
		[COLOR_AUTO] = TERM_COLOR_AUTO,
		[COLOR_ALWAYS] = TERM_COLOR_ALWAYS,
		[COLOR_NEVER] = TERM_COLOR_NEVER,
	};
	term_init(term, wish[cmd->job.color], getenv("NO_COLOR"), getenv("CLICOLOR_FORCE"));
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

/* Does the value of this option stand in the next word? */
static bool takes_next(const char *word, unsigned command)
{
	size_t n = strlen(word);
	const struct option_row *row = NULL;

	if (strncmp(word, "--", 2) == 0)
		row = strchr(word, '=') ? NULL : option_find(word + 2, n - 2, command);
	else if (n == 2)
		row = option_find_letter(word[1], command);
	return row && row->arg && !row->arg_optional;
}

char **cmd_sort_words(char **argv, unsigned command)
{
	size_t count = 0, words = 0, options = 0;

	while (argv[count])
		count++;
	char **kept = calloc(count + 1, sizeof(*kept));
	if (!kept)
		return argv + count; /* they stay where they are: those behind words are words */
	for (size_t i = 0; i < count; i++) {
		bool is_option = argv[i][0] == '-' && argv[i][1] != '\0';
		if (is_option && strcmp(argv[i], "--") == 0) {
			while (++i < count)
				kept[words++] = argv[i];
			break;
		}
		if (!is_option) {
			kept[words++] = argv[i];
			continue;
		}
		bool has_next = takes_next(argv[i], command) && i + 1 < count;
		argv[options++] = argv[i];
		if (has_next)
			argv[options++] = argv[++i];
	}
	memcpy(argv + options, kept, words * sizeof(*kept));
	argv[options + words] = NULL; /* without a "--" there may have been */
	free(kept);
	return argv + options;
}

int cmd_read(struct cmd *cmd, char **argv)
{
	int dashes;
	BUF(why, ARGV_WHY_MAX);

	if (os_fd_fill_stdio(1) < 0)
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

void cmd_say_passed_over(uint32_t count)
{
	BUF(line, 256);

	if (count == 0)
		return;
	buf_u64(&line, count);
	buf_str(&line, count == 1 ? " run record cannot be read" : " run records cannot be read");
	buf_str(&line, ", damaged or planted: spawnguard reap puts such aside");
	cmd_say(&line);
}

int cmd_start_looking(struct cmd *cmd, char **argv)
{
	int code = cmd_read(cmd, argv);
	if (code < 0)
		code = cmd_configure(cmd, argv);
	return code >= 0 ? code : look_at_state(cmd);
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
	if (err != -ENOENT)
		return cmd_fail("cannot read the run records", err);
	if (cmd->job.quiet)
		return EXIT_NOTHING;
	buf_str(&line, what ? "no run of " : "no run is going on");
	if (!what && cmd->dir.run_fd < 0 && cmd->dir.path[0] != '\0' && !cmd->job.all_users) {
		buf_str(&line, ": there is no state directory yet: ");
		escape_text(&line, cmd->dir.path, strlen(cmd->dir.path), 0);
	}
	if (what) {
		escape_word(&line, what, strlen(what), 60);
		buf_str(&line, " is going on; see: spawnguard ps");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

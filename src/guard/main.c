/* spawnguard: `run` is here; every other command is an executable of its own in libexec/spawnguard. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/commands.h"
#include "conf/help.h"
#include "conf/job.h"
#include "conf/options.h"
#include "guard/detach.h"
#include "guard/intent.h"
#include "guard/log.h"
#include "guard/open_on.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/fd.h"
#include "os/say.h"
#include "os/self.h"
#include "os/spawn.h"
#include "spawnguard/exit.h"

static int refuse(const struct buf *line)
{
	voice_error(line);
	return SG_EXIT_GUARD;
}

static int print_help(unsigned command, unsigned what)
{
	BUF(text, HELP_MAX);
	help_format(&text, command, what);
	os_print(1, text.at, text.len);
	return 0;
}

static int print_version(void)
{
	static const char text[] = "spawnguard " SG_VERSION "\n";
	os_print(1, text, sizeof(text) - 1);
	return 0;
}

static int print_commands(void)
{
	BUF(text, HELP_MAX);
	buf_str(&text,
		"Usage: spawnguard COMMAND [OPTIONS] ...\n"
		"Guards a job: one copy at a time, its whole tree known, bounded, nothing left behind.\n\n");
	help_commands(&text);
	buf_str(&text, "\n\"spawnguard COMMAND --help\" tells what matters most of each; the manual: "
		       "spawnguard help TOPIC.\n");
	os_print(1, text.at, text.len);
	return 0;
}

/* What the caller's environment says: nothing else of it is read. */
static struct surroundings look_around(char **env)
{
	struct surroundings around = { .environ = env };

	around.path = getenv("PATH");
	around.state_dir = getenv(SG_ENV_STATE_DIR);
	around.config = getenv(SG_ENV_CONFIG);
	around.journal_stream = getenv("JOURNAL_STREAM");
	around.service_dir = getenv("STATE_DIRECTORY");
	around.notify_socket = getenv("NOTIFY_SOCKET");
	around.parent_run_id = getenv(SG_ENV_RUN_ID);
	if (around.state_dir && around.state_dir[0] == '\0')
		around.state_dir = NULL;
	if (around.notify_socket && around.notify_socket[0] == '\0')
		around.notify_socket = NULL;
	if (around.config && around.config[0] == '\0')
		around.config = NULL;
	return around;
}

static int check_status_fd(const struct job *job)
{
	BUF(line, 128);

	if (job->status_fd < 0)
		return 0;
	if (job->detach) {
		buf_str(&line, "--status-fd needs somebody who waits: with --detach use --status-file");
		return refuse(&line);
	}
	if (os_fd_set_cloexec(job->status_fd) == 0)
		return 0;
	buf_str(&line, "--status-fd ");
	buf_i64(&line, job->status_fd);
	buf_str(&line, " is not open: open it for the guard, as in: spawnguard run --status-fd 3 ... 3>FILE");
	return refuse(&line);
}

static int check_json(const struct job *job)
{
	BUF(line, 128);

	if (!job->json || job->dry_run)
		return 0;
	buf_str(&line, "--json without --dry-run: a run writes JSON with --status-fd or --status-file");
	return refuse(&line);
}

static int run_here(struct run *run)
{
	enum session session = run->job->session;
	int code;

	run->group = os_self_group();
	run->has_terminal = os_has_terminal();
	run->new_session = session == SESSION_NEW || (session == SESSION_AUTO && !run->has_terminal);
	return run_start(run, &code) == 0 ? front_main(run) : code;
}

static int command_run(unsigned command, char **argv, char **env)
{
	static struct run run;
	static struct job job;
	struct surroundings around = look_around(env);
	int code;

	around.is_question = command == FOR_EXPLAIN;
	voice_set_journal(around.journal_stream);
	/* All blocked from here on, so that no signal finds us half-way; what could not be blocked is not
	 * tried. */
	if (os_signals_take(&run.signals) < 0 || os_fd_fill_stdio(-1) < 0)
		return SG_EXIT_GUARD;
	if ((code = intent_read(&run, &job, &around, argv)) != 0)
		return code;
	if (job.help)
		return print_help(command, job.help);
	if (job.version)
		return print_version();
	voice_set_level(job.quiet, job.verbose);
	if (!job.dry_run)
		log_set(job.syslog, run.name, run.head.run_id);
	if ((code = check_json(&job)) != 0 || (code = check_status_fd(&job)) != 0 ||
	    (code = tail_check(&job)) != 0 || (code = open_on_check(&job)) != 0)
		return code;
	if ((code = parent_open(&run)) != 0)
		return code;
	if (job.dry_run)
		return run_explain(&run);
	if (job.detach && detach_fork(&run, &code) != 0)
		return code;
	code = run_here(&run);
	detach_tell_end(code);
	_exit(code); /* nothing is put off until exit(3), which touches six pages to find that out */
}

/* bin/spawnguard and libexec/spawnguard stand beside each other, installed or built. */
static int command_other(const struct command_row *row, char **argv, char **env)
{
	char dir[4096];
	BUF(path, sizeof(dir) + 64);
	BUF(line, 512);

	int r = os_self_dir(dir, sizeof(dir));
	if (r == 0) {
		buf_str(&path, dir);
		buf_str(&path, "/../" SG_LIBEXEC_SUBDIR "/");
		buf_str(&path, row->name);
		r = os_exec(path.at, argv, env);
	}
	buf_str(&line, "cannot start the command ");
	buf_str(&line, row->name);
	buf_str(&line, ": ");
	escape_text(&line, path.at, path.len, 0);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-r));
	buf_str(&line, "; the installation is incomplete");
	return refuse(&line);
}

static int refuse_command(const char *word)
{
	BUF(line, 512);
	const char *near = command_suggest(word);

	buf_str(&line, "unknown command ");
	escape_word(&line, word, strlen(word), 60);
	if (near) {
		buf_str(&line, ": did you mean ");
		buf_str(&line, near);
		buf_str(&line, "? ");
	} else {
		buf_str(&line, ": ");
	}
	buf_str(&line, "See: spawnguard --help");
	return refuse(&line);
}

/* Of recorded samples, not of a start. */
static bool asks_of_samples(char **argv)
{
	static const char option[] = "--samples";

	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strncmp(*argv, option, sizeof(option) - 1) == 0 &&
		    ((*argv)[sizeof(option) - 1] == '\0' || (*argv)[sizeof(option) - 1] == '='))
			return true;
	return false;
}

int main(int argc, char **argv, char **env)
{
	if (argc < 2) {
		BUF(line, 128);
		buf_str(&line,
			"no command given: spawnguard run [OPTIONS] -- COMMAND; see: spawnguard --help");
		return refuse(&line);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print_commands();
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return print_version();
	const struct command_row *row = command_find(argv[1]);
	if (!row)
		return refuse_command(argv[1]);
	if (row->command == FOR_RUN)
		return command_run(FOR_RUN, argv + 2, env);
	if (row->command == FOR_EXPLAIN && !asks_of_samples(argv + 2)) {
		static char dry_run[] = "--dry-run"; /* what it is, in the place of its name */
		argv[1] = dry_run;
		return command_run(FOR_EXPLAIN, argv + 1, env);
	}
	return command_other(row, argv + 1, env);
}

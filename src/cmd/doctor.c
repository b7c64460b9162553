/* spawnguard doctor: what this machine allows the guard to do. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "codec/json_write.h"
#include "conf/argv.h"
#include "conf/options.h"
#include "os/child.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/say.h"
#include "os/self.h"
#include "run/settings.h"
#include "spawnguard/exit.h"
#include "ui/term.h"

#define TEXT_BYTES         (64 * 1024)
#define WRAPPER_TIMEOUT_MS 5000

/* bin/spawnguard, as it stands beside our own directory: the way that it finds us, backwards. */
static int find_wrapper(char *out, size_t n)
{
	char dir[4096];
	struct buf path;

	int r = os_self_dir(dir, sizeof(dir));
	if (r < 0)
		return r;
	buf_init(&path, out, n);
	buf_str(&path, dir);
	for (const char *at = SG_LIBEXEC_SUBDIR; at; at = strchr(at + 1, '/'))
		buf_str(&path, "/..");
	buf_str(&path, "/bin/spawnguard");
	return path.cut ? -ENAMETOOLONG : 0;
}

/* Its first line: "spawnguard VERSION". */
static int ask_wrapper(struct machine *m, char **env)
{
	static const char word[] = "spawnguard ";
	char *argv[] = { m->wrapper_path, (char[]){ "--version" }, NULL };
	char said[sizeof(word) + sizeof(m->wrapper)];
	struct buf version;
	int status;

	int r = find_wrapper(m->wrapper_path, sizeof(m->wrapper_path));
	if (r < 0)
		return r;
	AUTO_FD int out = os_child_output();
	if (out < 0)
		return out;
	pid_t pid = os_child_start(argv, env, out, -1);
	if (pid < 0)
		return pid;
	r = os_child_wait(pid, WRAPPER_TIMEOUT_MS, &status);
	if (r < 0) {
		os_child_end(pid);
		return r;
	}
	ssize_t n = os_file_read_fd(out, said, sizeof(said));
	if (status != 0)
		return status == 127 << 8 ? -ENOENT : -ENOEXEC;
	if (n < 0 || strncmp(said, word, sizeof(word) - 1) != 0)
		return -ENOEXEC;
	said[strcspn(said, "\n")] = '\0';
	buf_init(&version, m->wrapper, sizeof(m->wrapper));
	buf_str(&version, said + sizeof(word) - 1);
	return 0;
}

static bool tell(void *with, const char *file, uint32_t line, const struct buf *what)
{
	struct machine *m = with;
	struct buf text;

	if (m->config_problems++ == 0) {
		buf_init(&text, m->config_problem, sizeof(m->config_problem));
		conf_say(&text, file, line, what);
	}
	return true;
}

/* All problems; then what the files say of state, if a start would go on with them. */
static void look_at_config(struct machine *m, struct cmd *cmd, char **argv)
{
	static struct settings all, first;
	static struct job scratch;
	const char *given = cmd_config_given(cmd);
	struct buf files;
	BUF(why, CONF_LINE_MAX);

	conf_init(&all.conf, tell, m);
	int r = settings_open(&all, given);
	if (r != -ENOMEM)
		r = conf_check(&all.conf);
	buf_init(&files, m->config_files, sizeof(m->config_files));
	for (uint32_t i = 0; i < all.conf.file_count; i++) {
		buf_str(&files, i > 0 ? " " : "");
		buf_str(&files, all.conf.file[i].path);
	}
	conf_init_first(&first.conf, &why);
	r = settings_open(&first, given);
	if (r == 0)
		r = conf_select(&first.conf, NULL);
	argv_defaults(&scratch);
	if (r == 0)
		r = conf_apply(&first.conf, FOR_FILE, &scratch);
	m->config_refuses = r < 0;
	settings_release(&all);
	settings_release(&first);
	if (r == 0)
		(void)cmd_configure(cmd, argv);
}

static void look(struct machine *m, struct cmd *cmd, char **argv, char **env)
{
	os_probe_all(m->probe);
	look_at_config(m, cmd, argv);
	m->uid = os_self_uid();
	m->version = SG_VERSION;
	m->wrapper_err = ask_wrapper(m, env);
	m->state_err = statedir_examine(&m->state, cmd_state_given(cmd), getenv("STATE_DIRECTORY"));
}

static void pad_to(struct buf *out, size_t from, size_t width)
{
	do
		buf_char(out, ' ');
	while (out->len < from + width);
}

static void put_line(struct buf *out, const struct doctor_row *row, const struct diagnosis *f, bool colored)
{
	static const char *const color[VERDICT_COUNT] = { "\033[32m", "", "\033[33m", "\033[31m" };
	size_t at;

	if (colored)
		buf_str(out, color[f->verdict]);
	at = out->len, buf_str(out, verdict_name[f->verdict]), pad_to(out, at, 8);
	if (colored && color[f->verdict][0] != '\0')
		buf_str(out, "\033[0m");
	at = out->len, buf_str(out, row->name), pad_to(out, at, 17);
	if (f->rung) {
		buf_str(out, f->rung);
		buf_str(out, ": ");
	}
	term_show(out, f->what.at, f->what.len, 0);
	if (f->why.len + f->todo.len > 0) {
		buf_str(out, "  (");
		term_show(out, f->why.at, f->why.len, 0);
		if (f->todo.len > 0) {
			buf_str(out, f->why.len > 0 ? "; do: " : "do: ");
			term_show(out, f->todo.at, f->todo.len, 0);
		}
		buf_char(out, ')');
	}
	buf_char(out, '\n');
}

static void put_object(struct json *j, const struct doctor_row *row, const struct diagnosis *f)
{
	json_open(j, NULL, '{');
	json_str(j, "name", row->name);
	json_bool(j, "ladder", row->is_ladder);
	json_str(j, "verdict", verdict_name[f->verdict]);
	if (f->rung)
		json_str(j, "rung", f->rung);
	json_bytes(j, "what", f->what.at, f->what.len);
	if (f->why.len > 0)
		json_bytes(j, "why", f->why.at, f->why.len);
	if (f->todo.len > 0)
		json_bytes(j, "do", f->todo.at, f->todo.len);
	json_close(j, '}');
}

static int examine(struct cmd *cmd, char **argv, char **env)
{
	AUTO_FREE struct machine *m = calloc(1, sizeof(*m));
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	struct term term;
	enum verdict worst = VERDICT_OK;
	struct json j = { 0 };
	struct diagnosis f;
	struct buf out;

	if (!m || !text) {
		(void)cmd_fail("cannot look at the machine", -ENOMEM);
		return EXIT_CANNOT_GUARD;
	}
	look(m, cmd, argv, env);
	cmd_term(cmd, &term);
	buf_init(&out, text, TEXT_BYTES);
	if (cmd->job.json) {
		json_init(&j, &out);
		json_open(&j, NULL, '{');
		json_u64(&j, "schema", 1);
		json_str(&j, "version", SG_VERSION);
		json_open(&j, "lines", '[');
	}
	for (size_t i = 0; i < doctor_count; i++) {
		doctor_judge(&doctor_rows[i], m, &f);
		if (f.verdict > worst)
			worst = f.verdict;
		if (cmd->job.json)
			put_object(&j, &doctor_rows[i], &f);
		else
			put_line(&out, &doctor_rows[i], &f, term.is_colored);
	}
	int code = doctor_exit(worst);
	if (cmd->job.json) {
		json_close(&j, ']');
		json_str(&j, "verdict", verdict_name[worst]);
		json_i64(&j, "exit", code);
		json_close(&j, '}');
		buf_char(&out, '\n');
	}
	int r = os_write_whole(1, out.at, out.len);
	if (r < 0)
		(void)cmd_fail_to_write(r);
	return r < 0 ? EXIT_CANNOT_GUARD : code;
}

int main(int argc, char **argv, char **env)
{
	struct cmd cmd = { .name = "doctor", .command = FOR_DOCTOR };

	if (argc == 3 && strcmp(argv[1], SELFTEST_VICTIM) == 0)
		return selftest_victim(argv[2]);
	int code = cmd_read(&cmd, argv);
	if (code >= 0)
		return code;
	if (cmd.rest[0]) {
		BUF(line, 256);
		buf_str(&line, "doctor takes no word: what is ");
		escape_word(&line, cmd.rest[0], strlen(cmd.rest[0]), 60);
		buf_str(&line, "? See: spawnguard doctor --help");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	if (!cmd.job.selftest)
		return examine(&cmd, argv, env);
	char wrapper[4096];
	int r = find_wrapper(wrapper, sizeof(wrapper));
	if (r < 0) {
		BUF(line, 256);
		finding_error(&line, "cannot find bin/spawnguard", r);
		buf_str(&line, "; the installation is incomplete");
		cmd_say(&line);
		return EXIT_CANNOT_GUARD;
	}
	return selftest_main(&cmd, argv, env, wrapper);
}

/* spawnguard config check [FILE] | show [JOB]: is the configuration good, and what holds for a job and why.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/argv.h"
#include "conf/open_on_value.h"
#include "conf/options.h"
#include "conf/signature.h"
#include "os/match.h"
#include "os/say.h"
#include "spawnguard/exit.h"

#define TEXT_BYTES   (1024 * 1024)
#define KEY_COLUMN   20 /* where values begin */
#define VALUE_COLUMN 46 /* where sources begin */
#define VALUE_SHOWN  400
#define REGEX_SHOWN  60

struct showing {
	struct cmd *cmd;
	struct conf *conf;
	bool is_json;
	uint32_t problems;
	struct buf out;
	struct json json;
};

/* ---- check */

static bool tell(void *with, const char *file, uint32_t line, const struct buf *what)
{
	struct showing *s = with;
	BUF(text, CONF_LINE_MAX);

	s->problems++;
	if (s->is_json) {
		json_open(&s->json, NULL, '{');
		json_bytes(&s->json, "file", file, strlen(file));
		json_u64(&s->json, "line", line);
		json_bytes(&s->json, "problem", what->at, what->len);
		json_close(&s->json, '}');
		return !s->out.cut;
	}
	conf_say(&text, file, line, what);
	buf_char(&text, '\n');
	os_print(1, text.at, text.len);
	return true;
}

static int print_json(struct showing *s, char bracket)
{
	json_close(&s->json, bracket);
	json_close(&s->json, '}');
	buf_char(&s->out, '\n');
	os_print(1, s->out.at, s->out.len);
	return 0;
}

/* Whether an expression is one, the C library knows: conf is pure. */
static void check_expressions(struct showing *s)
{
	for (uint32_t i = 0; i < s->conf->pair_count; i++) {
		const struct conf_pair *pair = &s->conf->pair[i];
		struct open_on_value value;
		BUF(why, 160);
		BUF(what, CONF_LINE_MAX);
		if (pair->row->kind != KIND_OPEN_ON || open_on_parse(pair->value, &value, NULL) < 0 ||
		    os_match_check(value.regex, value.regex_n, &why) != -EINVAL)
			continue;
		buf_str(&what, pair->row->name);
		buf_str(&what, " = ");
		escape_text(&what, value.regex, value.regex_n, REGEX_SHOWN);
		buf_str(&what, ": ");
		buf_str(&what, why.at);
		buf_str(&what, "; write an extended regular expression, see regex(7)");
		if (!tell(s, pair->file, pair->line, &what))
			return;
	}
}

static int check(struct showing *s, const char *file)
{
	conf_init(s->conf, tell, s);
	if (s->is_json)
		json_open(&s->json, "problems", '[');
	int r = settings_open(&s->cmd->settings, file ? file : cmd_config_given(s->cmd));
	if (r != -ENOMEM)
		r = conf_check(s->conf);
	if (r != -ENOMEM)
		check_expressions(s);
	if (s->is_json)
		(void)print_json(s, ']');
	if (r == -ENOMEM) {
		BUF(line, 128);
		buf_str(&line, "no memory to read the configuration; try again when there is some");
		cmd_say(&line);
		return SG_EXIT_GUARD;
	}
	return s->problems > 0 ? 1 : 0;
}

/* ---- show */

struct shown {
	const char *key, *value; /* value NULL: nothing was said, and nothing is built in */
	const struct conf_pair *pair;
	const char *source; /* where there is no pair */
};

static void pad(struct buf *out, size_t from, size_t width)
{
	do
		buf_char(out, ' ');
	while (out->len < from + width);
}

static void put(struct showing *s, const struct shown *shown)
{
	struct json *j = &s->json;
	struct buf *out = &s->out;
	size_t at = out->len;

	if (s->is_json) {
		json_open(j, NULL, '{');
		json_str(j, "key", shown->key);
		if (shown->value)
			json_bytes(j, "value", shown->value, strlen(shown->value));
		else
			json_null(j, "value");
		json_str(j, "source", shown->pair ? "file" : shown->source);
		if (shown->pair) {
			json_bytes(j, "file", shown->pair->file, strlen(shown->pair->file));
			json_u64(j, "line", shown->pair->line);
		}
		json_close(j, '}');
		return;
	}
	buf_str(out, shown->key);
	pad(out, at, KEY_COLUMN);
	if (shown->value)
		escape_text(out, shown->value, strlen(shown->value), VALUE_SHOWN);
	else
		buf_char(out, '-');
	pad(out, at, VALUE_COLUMN);
	if (shown->pair) {
		escape_text(out, shown->pair->file, strlen(shown->pair->file), 0);
		buf_char(out, ':');
		buf_u64(out, shown->pair->line);
	} else {
		buf_str(out, shown->source);
	}
	buf_char(out, '\n');
}

/* What stands in no file: where nobody said anything. */
static const char *built_in(const struct option_row *row)
{
	if (row->fallback)
		return row->fallback;
	return row->kind == KIND_FLAG ? "no" : row->kind == KIND_COUNTER ? "0" : NULL;
}

static void put_list(struct showing *s, const struct option_row *row, const char *const *at, uint32_t count)
{
	if (count == 0)
		put(s, &(struct shown){ row->name, NULL, NULL, "built in" });
	for (uint32_t i = 0; i < count; i++)
		put(s, &(struct shown){ row->name, at[i], conf_owner(s->conf, at[i]), "built in" });
}

static void put_row(struct showing *s, const struct option_row *row, const struct job *job)
{
	const char *given = cmd_state_given(s->cmd);

	if (row->kind == KIND_TAG) {
		put_list(s, row, job->tag, job->tag_count);
		return;
	}
	if (row->kind == KIND_FILES) {
		put_list(s, row, job->watch_input, job->watch_count);
		return;
	}
	if (row->kind == KIND_ENV) {
		put_list(s, row, job->env, job->env_count);
		return;
	}
	struct shown shown = { row->name, built_in(row), conf_origin(s->conf, row), "built in" };
	if (shown.pair)
		shown.value = shown.pair->row == row ? shown.pair->value : "wait"; /* set by the key wait */
	if (row->at == offsetof(struct job, state_dir) && given) {
		bool is_option = s->cmd->job.state_dir != NULL;
		shown = (struct shown){ row->name, given, NULL, is_option ? "command line" : "environment" };
	}
	put(s, &shown);
}

static int unknown_job(const struct showing *s, const char *name)
{
	BUF(line, 512);
	const char *near = conf_suggest_job(s->conf, name);

	buf_str(&line, "no job ");
	escape_word(&line, name, strlen(name), 60);
	buf_str(&line, " in the configuration");
	if (near) {
		buf_str(&line, ": did you mean ");
		escape_word(&line, near, strlen(near), 60);
		buf_char(&line, '?');
	} else {
		buf_str(&line, ": a section [job NAME] makes one");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

/* "signature agent-triplet": what it means and does, and its roles, one a line. */
static void put_signature(struct showing *s, const struct signature *sig)
{
	BUF(value, VALUE_SHOWN);
	BUF(key, 64);
	const char *file = NULL;
	const struct ini_section *section = conf_signature_origin(s->conf, sig->name, &file);
	struct conf_pair pair = { .file = file, .line = section ? section->line : 0 };
	struct shown shown = { "signature", value.at, section ? &pair : NULL, "built in" };

	buf_str(&value, sig->name);
	buf_str(&value, ": ");
	buf_str(&value, sig->is_off ? "off" : meaning_words[sig->meaning]);
	buf_str(&value, sig->is_off ? "" : ", ");
	buf_str(&value, sig->is_off ? "" : signature_action_words[sig->action]);
	put(s, &shown);
	for (uint32_t i = 0; i < sig->role_count; i++) {
		buf_clear(&key);
		buf_clear(&value);
		buf_str(&key, "  role");
		signature_format_role(&value, sig, i);
		shown.key = s->is_json ? "role" : key.at;
		put(s, &shown);
	}
}

static int show(struct showing *s, const char *name)
{
	struct job job;
	struct signatures signatures;
	BUF(why, CONF_LINE_MAX);

	conf_init_first(s->conf, &why);
	int r = settings_open(&s->cmd->settings, cmd_config_given(s->cmd));
	if (r == 0 && name && !conf_has_job(s->conf, name))
		return unknown_job(s, name);
	if (r == 0)
		r = conf_select(s->conf, name);
	argv_defaults(&job);
	if (r == 0)
		r = conf_apply(s->conf, FOR_FILE, &job);
	if (r == 0)
		r = conf_signatures(s->conf, &signatures);
	if (r < 0) {
		if (r == -ENOMEM)
			buf_str(&why, "no memory to read the configuration; try again when there is some");
		cmd_say(&why);
		return r == -ENOMEM ? SG_EXIT_GUARD : EXIT_NOTHING;
	}
	if (s->is_json) {
		json_str(&s->json, "job", name);
		json_open(&s->json, "keys", '[');
	}
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if ((row->commands & FOR_FILE) && (name || row->group != GROUP_FILE))
			put_row(s, row, &job);
	}
	if (s->is_json) {
		json_close(&s->json, ']');
		json_open(&s->json, "signatures", '[');
	}
	for (uint32_t i = 0; i < signatures.count; i++)
		put_signature(s, &signatures.list[i]);
	if (s->is_json)
		return print_json(s, ']');
	os_print(1, s->out.at, s->out.len);
	return 0;
}

static int refuse_words(const char *word)
{
	BUF(line, 256);

	buf_str(&line, word ? "config does not know " : "config needs a word");
	if (word)
		escape_word(&line, word, strlen(word), 60);
	buf_str(&line, ": write spawnguard config check [FILE], or spawnguard config show [JOB]");
	cmd_say(&line);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static struct cmd cmd = { .name = "config", .command = FOR_CONFIG, .words_max = 2 };
	struct showing s = { .cmd = &cmd, .conf = &cmd.settings.conf };

	(void)argc;
	int code = cmd_read(&cmd, argv);
	if (code >= 0)
		return code;
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	if (!text)
		return SG_EXIT_GUARD;
	buf_init(&s.out, text, TEXT_BYTES);
	s.is_json = cmd.job.json;
	const char *word = cmd.rest[0];
	bool is_check = word && strcmp(word, "check") == 0;
	if (!is_check && !(word && strcmp(word, "show") == 0))
		return refuse_words(word);
	if (s.is_json) {
		json_init(&s.json, &s.out);
		json_open(&s.json, NULL, '{');
		json_u64(&s.json, "schema", 1);
	}
	code = is_check ? check(&s, cmd.rest[1]) : show(&s, cmd.rest[1]);
	settings_release(&cmd.settings);
	return code;
}

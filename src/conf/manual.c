#include "conf/manual.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/columns.h"
#include "conf/commands.h"
#include "conf/help.h"
#include "conf/hook_variable.h"
#include "conf/options.h"
#include "core/circuit.h"

#define ABOUT_MAX  96
#define MARKER     ".\\\"@ "
#define MARKER_LEN 5

/* A piece of a text; borrowed. */
struct piece {
	const char *at;
	size_t n;
};

/* More text for an option, and whether a list has shown it. */
struct about {
	struct piece option, text;
	bool is_shown;
};

struct maker {
	struct buf *out, *why;
	const struct manual_source *source;
	unsigned line; /* of the page, from 1 */
	struct about about[ABOUT_MAX];
	size_t about_count;
};

static bool is_piece(struct piece a, const char *text)
{
	return strlen(text) == a.n && memcmp(a.at, text, a.n) == 0;
}

/* The next line of *text, without its newline; at = NULL at the end. */
static struct piece next_line(const char **text)
{
	struct piece line = { NULL, 0 };
	if (!**text)
		return line;
	const char *end = strchr(*text, '\n');
	line.at = *text;
	line.n = end ? (size_t)(end - *text) : strlen(*text);
	*text += line.n + (end ? 1 : 0);
	return line;
}

static int refuse(struct maker *m, const char *reason, struct piece what)
{
	buf_u64(m->why, m->line);
	buf_str(m->why, ": ");
	buf_str(m->why, reason);
	buf_mem(m->why, what.at, what.n);
	return -EINVAL;
}

/* Text as mdoc reads it on a text line: nothing in it is a request, and an option keeps its dashes. */
static void put_text(struct buf *out, struct piece text)
{
	bool is_option = false;
	if (text.n && (text.at[0] == '.' || text.at[0] == '\''))
		buf_str(out, "\\&");
	for (size_t i = 0; i < text.n; i++) {
		char c = text.at[i];
		if (c == '-' && (i == 0 || strchr(" (=", text.at[i - 1])))
			is_option = true;
		if (c == ' ')
			is_option = false;
		if (c == '\\')
			buf_str(out, "\\e");
		else if (c == '-' && is_option)
			buf_str(out, "\\-");
		else
			buf_char(out, c);
	}
}

static struct piece piece_of(const char *text)
{
	return (struct piece){ text, strlen(text) };
}

/* What is said in lower case in a list, as a sentence. */
static void put_sentence(struct buf *out, const char *text)
{
	if (text[0] >= 'a' && text[0] <= 'z') {
		buf_char(out, (char)(text[0] - 'a' + 'A'));
		text++;
	}
	put_text(out, piece_of(text));
	buf_str(out, ".\n");
}

/* The row's own text, its default, and what the page adds. */
static void put_body(struct maker *m, const struct option_row *row)
{
	put_sentence(m->out, row->help);
	if (row->fallback) {
		buf_str(m->out, "Default:\n.Ql ");
		put_text(m->out, piece_of(row->fallback));
		buf_str(m->out, " .\n");
	}
	for (size_t i = 0; i < m->about_count; i++) {
		if (!is_piece(m->about[i].option, row->name))
			continue;
		m->about[i].is_shown = true;
		buf_mem(m->out, m->about[i].text.at, m->about[i].text.n);
	}
}

static void put_option(struct maker *m, const struct option_row *row)
{
	buf_str(m->out, ".It ");
	if (row->letter) {
		buf_str(m->out, "Fl ");
		buf_char(m->out, row->letter);
		buf_str(m->out, " , ");
	}
	buf_str(m->out, "Fl -");
	buf_str(m->out, row->name);
	if (row->arg) {
		buf_str(m->out, row->arg_optional ? " Ns Op = Ns Ar " : " Ns = Ns Ar ");
		buf_str(m->out, row->arg);
	}
	buf_char(m->out, '\n');
	put_body(m, row);
}

/* As the file writes it. */
static void put_key(struct maker *m, const struct option_row *row)
{
	buf_str(m->out, ".It Cm ");
	buf_str(m->out, row->name);
	buf_str(m->out, " = Ar ");
	if (row->kind == KIND_FLAG)
		buf_str(m->out, "yes|no");
	else if (row->kind == KIND_COUNTER)
		buf_str(m->out, "0..9");
	else
		buf_str(m->out, row->arg);
	buf_char(m->out, '\n');
	put_body(m, row);
}

static void put_list(struct maker *m, unsigned command,
		     void (*put)(struct maker *, const struct option_row *))
{
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		bool is_open = false;
		for (size_t i = 0; i < option_count; i++) {
			const struct option_row *row = &option_rows[i];
			if ((unsigned)row->group != group || !(row->commands & command))
				continue;
			if (!is_open) {
				buf_str(m->out, ".Ss ");
				buf_str(m->out, option_group_title[group]);
				buf_str(m->out, "\n.Bl -tag -width Ds\n");
				is_open = true;
			}
			put(m, row);
		}
		if (is_open)
			buf_str(m->out, ".El\n");
	}
}

static void put_statuses(struct buf *out, unsigned command)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < help_status_count; i++) {
		const struct help_status *row = &help_statuses[i];
		if (!(row->commands & command))
			continue;
		buf_str(out, ".It ");
		if (row->status < 0)
			buf_str(out, "any");
		else
			buf_i64(out, row->status);
		buf_char(out, '\n');
		put_sentence(out, row->help);
	}
	buf_str(out, ".El\n");
}

static void put_variables(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < VARIABLE_COUNT; i++) {
		const struct hook_variable *row = &hook_variables[i];
		buf_str(out, ".It Ev ");
		buf_str(out, row->name);
		buf_char(out, '\n');
		put_sentence(out, row->meaning);
		if (row->events == 1U << HOOK_FINISH)
			buf_str(out, "At the end only.\n");
		else if (!(row->events & 1U << HOOK_FINISH))
			buf_str(out, "Not at the end.\n");
		if (!row->is_always)
			buf_str(out, "Unset where there is none.\n");
	}
	buf_str(out, ".El\n");
}

/* The rows that are carried out, by state; where nothing happens there is nothing to tell. */
static void put_transitions(struct buf *out)
{
	for (size_t i = 0; i < COUNT_OF(circuit_rows); i++) {
		const struct circuit_row *row = &circuit_rows[i];
		if (row->event == 0) {
			buf_str(out, i == 0 ? ".Ss " : ".El\n.Ss ");
			buf_str(out, circuit_state_name(row->state));
			buf_str(out, "\n.Bl -tag -width Ds\n");
		}
		if (row->action == CIRCUIT_DO_NOTHING)
			continue;
		buf_str(out, ".It ");
		buf_str(out, circuit_event_text(row->event));
		buf_char(out, '\n');
		put_sentence(out, circuit_action_text(row->action));
		if (row->next == row->state)
			continue;
		buf_str(out, "Then it is ");
		buf_str(out, circuit_state_name(row->next));
		buf_str(out, ".\n");
	}
	buf_str(out, ".El\n");
}

static void put_classes(struct buf *out)
{
	buf_str(out, ".Bl -tag -width environment\n");
	for (size_t i = 0; i < COUNT_OF(failure_rows); i++) {
		const struct failure_row *row = &failure_rows[i];
		buf_str(out, ".It ");
		buf_str(out, row->failure == FAILURE_COUNT ? "as listed" : failure_name(row->failure));
		buf_char(out, '\n');
		put_sentence(out, row->how);
	}
	buf_str(out, ".El\n");
}

static void put_all_statuses(struct buf *out)
{
	for (size_t i = 0; i < command_count; i++) {
		buf_str(out, ".Ss spawnguard ");
		buf_str(out, command_rows[i].name);
		buf_char(out, '\n');
		put_statuses(out, command_rows[i].command);
	}
}

static void put_commands(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < command_count; i++) {
		buf_str(out, ".It Xr spawnguard-");
		buf_str(out, command_rows[i].name);
		buf_str(out, " 1\n");
		put_sentence(out, command_rows[i].help);
	}
	buf_str(out, ".El\n");
}

static void put_columns(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		buf_str(out, ".It Cm ");
		buf_str(out, column_rows[i].name);
		buf_char(out, '\n');
		put_sentence(out, column_rows[i].help);
		if (column_rows[i].is_usual)
			buf_str(out, "Usual.\n");
	}
	buf_str(out, ".El\n");
}

/* Text of Markdown: `word` in another face. */
static void put_marked(struct buf *out, struct piece text)
{
	bool is_code = false;
	size_t from = 0;
	for (size_t i = 0; i <= text.n; i++) {
		if (i < text.n && text.at[i] != '`')
			continue;
		put_text(out, (struct piece){ text.at + from, i - from });
		if (i < text.n)
			buf_str(out, is_code ? "\\fP" : "\\fB");
		is_code = !is_code;
		from = i + 1;
	}
}

/* "| `a`, `b` | meaning |" as an item of a list. */
static bool put_member(struct buf *out, struct piece line)
{
	size_t middle = 1, end = line.n;
	while (end > 0 && line.at[end - 1] != '|')
		end--;
	while (middle < line.n && !(line.at[middle] == '|' && line.at[middle - 1] == ' '))
		middle++;
	if (line.n < 3 || line.at[2] != '`' || middle + 2 >= end)
		return false; /* the head of the table */
	buf_str(out, ".It ");
	bool is_code = false;
	for (size_t i = 2; i < middle; i++) {
		char c = line.at[i];
		if (c == '`') {
			is_code = !is_code;
			buf_str(out, is_code ? "Va " : "");
		} else if (c == ',') {
			buf_str(out, " , ");
		} else if (c != ' ') {
			buf_char(out, c);
		}
	}
	buf_char(out, '\n');
	size_t from = middle + 2, to = end - 1;
	while (to > from && line.at[to - 1] == ' ')
		to--;
	put_marked(out, (struct piece){ line.at + from, to - from });
	buf_char(out, '\n');
	return true;
}

static int put_history(struct maker *m, struct piece section)
{
	const char *text = m->source->history;
	struct piece line;
	bool is_in = false;
	unsigned count = 0;

	buf_str(m->out, ".Bl -tag -width Ds\n");
	while ((line = next_line(&text)).at) {
		if (line.n > 3 && memcmp(line.at, "## ", 3) == 0)
			is_in = line.n - 3 == section.n && memcmp(line.at + 3, section.at, section.n) == 0;
		else if (is_in && line.n && line.at[0] == '|')
			count += put_member(m->out, line);
	}
	buf_str(m->out, ".El\n");
	return count ? 0 : refuse(m, "no table of members under ", section);
}

/* From behind "about OPTION" to the line "end". */
static int read_about(struct maker *m, struct piece option, const char **page)
{
	const char *begin = *page;
	struct piece line;

	if (m->about_count == ABOUT_MAX)
		return refuse(m, "one about too many: ", option);
	struct about *about = &m->about[m->about_count++];
	*about = (struct about){ .option = option, .text = { begin, 0 } };
	while ((line = next_line(page)).at) {
		m->line++;
		if (is_piece(line, MARKER "end"))
			return 0;
		about->text.n = (size_t)(*page - begin);
	}
	return refuse(m, "no end of about ", option);
}

/* Every about must have found its option. */
static int finish_list(struct maker *m)
{
	for (size_t i = 0; i < m->about_count; i++) {
		if (!m->about[i].is_shown)
			return refuse(m, "about an option that is not here: ", m->about[i].option);
	}
	m->about_count = 0;
	return 0;
}

static int do_marker(struct maker *m, struct piece marker, const char **page)
{
	struct piece word = marker, rest = { marker.at + marker.n, 0 };
	const char *blank = memchr(marker.at, ' ', marker.n);
	if (blank) {
		word.n = (size_t)(blank - marker.at);
		rest = (struct piece){ blank + 1, marker.n - word.n - 1 };
	}
	const struct command_row *command = NULL;
	for (size_t i = 0; i < command_count; i++) {
		if (is_piece(rest, command_rows[i].name))
			command = &command_rows[i];
	}
	if (is_piece(word, "about"))
		return read_about(m, rest, page);
	if (is_piece(word, "history"))
		return put_history(m, rest);
	if (is_piece(word, "options") && command) {
		put_list(m, command->command, put_option);
		return finish_list(m);
	}
	if (is_piece(marker, "keys")) {
		put_list(m, FOR_FILE, put_key);
		return finish_list(m);
	}
	if (is_piece(word, "statuses") && command) {
		put_statuses(m->out, command->command);
	} else if (is_piece(marker, "statuses")) {
		put_all_statuses(m->out);
	} else if (is_piece(marker, "variables")) {
		put_variables(m->out);
	} else if (is_piece(marker, "commands")) {
		put_commands(m->out);
	} else if (is_piece(marker, "transitions")) {
		put_transitions(m->out);
	} else if (is_piece(marker, "classes")) {
		put_classes(m->out);
	} else if (is_piece(marker, "columns")) {
		put_columns(m->out);
	} else if (is_piece(marker, "os")) {
		buf_str(m->out, ".Os spawnguard ");
		buf_str(m->out, m->source->version);
		buf_char(m->out, '\n');
	} else {
		return refuse(m, "unknown marker ", marker);
	}
	return 0;
}

int manual_format(struct buf *out, const struct manual_source *source, struct buf *why)
{
	struct maker m = { .out = out, .why = why, .source = source };
	const char *page = source->page;
	struct piece line;

	while ((line = next_line(&page)).at) {
		m.line++;
		if (line.n > MARKER_LEN && memcmp(line.at, MARKER, MARKER_LEN) == 0) {
			struct piece marker = { line.at + MARKER_LEN, line.n - MARKER_LEN };
			int r = do_marker(&m, marker, &page);
			if (r < 0)
				return r;
			continue;
		}
		buf_mem(out, line.at, line.n);
		buf_char(out, '\n');
	}
	return out->cut ? refuse(&m, "the page is too long", piece_of("")) : finish_list(&m);
}

void manual_plain(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\b' && out->len > 0)
			buf_truncate(out, out->len - 1);
		else
			buf_char(out, *c);
	}
}

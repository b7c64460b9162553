#include "conf/resolve.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "conf/argv.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/signature.h"
#include "conf/suggest.h"
#include "conf/value.h"

#define SHOWN_COLUMNS 60 /* of foreign text in a message */

/* ---- problems */

void conf_say(struct buf *out, const char *file, uint32_t line, const struct buf *what)
{
	escape_text(out, file, strlen(file), 0);
	if (line > 0) {
		buf_char(out, ':');
		buf_u64(out, line);
	}
	buf_str(out, ": ");
	buf_mem(out, what->at, what->len);
}

static bool tell_first(void *with, const char *file, uint32_t line, const struct buf *what)
{
	struct buf *why = with;
	if (why->len == 0)
		conf_say(why, file, line, what);
	return false;
}

void conf_init(struct conf *conf,
	       bool (*tell)(void *with, const char *file, uint32_t line, const struct buf *what), void *with)
{
	*conf = (struct conf){ .tell = tell, .with = with };
}

void conf_init_first(struct conf *conf, struct buf *why)
{
	buf_clear(why);
	conf_init(conf, tell_first, why);
}

void conf_hear_first(struct conf *conf, struct buf *why)
{
	buf_clear(why);
	conf->tell = tell_first;
	conf->with = why;
}

/* One file, for the teller and the taker of conf/ini. */
struct within {
	struct conf *conf;
	const struct conf_file *file;
	struct ini_section *section;
	int result;
};

static bool tell_within(void *with, uint32_t line, const struct buf *what)
{
	struct within *in = with;
	in->result = -EINVAL;
	return in->conf->tell(in->conf->with, in->file->path, line, what);
}

/* ---- files and sections */

int conf_add(struct conf *conf, const char *path, char *text, size_t n)
{
	struct conf_file *file = &conf->file[conf->file_count];
	struct within in = { .conf = conf, .file = file };
	struct ini_teller teller = { tell_within, &in };

	file->path = path;
	conf->file_count++;
	int r = ini_open(&file->ini, text, n, &teller);
	conf->is_broken = conf->is_broken || r < 0;
	return r;
}

void conf_release(struct conf *conf)
{
	for (uint32_t f = 0; f < conf->file_count; f++)
		ini_release(&conf->file[f].ini);
	free(conf->pair);
	conf->pair = NULL;
	conf->file_count = conf->pair_count = conf->pair_room = conf->layer_count = 0;
}

static bool is_section(const struct ini_section *section, enum ini_kind kind, const char *name)
{
	return section->kind == kind && strcmp(section->name, name) == 0;
}

/* The first of its name in `file`, before `end` (NULL: of all). */
static struct ini_section *find_section(const struct conf_file *file, enum ini_kind kind, const char *name,
					const struct ini_section *end)
{
	struct ini_section *section = file->ini.section;
	if (!end)
		end = section + file->ini.count;
	for (; section < end; section++) {
		if (is_section(section, kind, name))
			return section;
	}
	return NULL;
}

bool conf_has_jobs(const struct conf *conf)
{
	for (uint32_t f = 0; f < conf->file_count; f++) {
		const struct ini *ini = &conf->file[f].ini;
		for (uint32_t i = 0; i < ini->count; i++) {
			if (ini->section[i].kind == INI_JOB)
				return true;
		}
	}
	return false;
}

bool conf_has_job(const struct conf *conf, const char *name)
{
	for (uint32_t f = 0; f < conf->file_count; f++) {
		if (find_section(&conf->file[f], INI_JOB, name, NULL))
			return true;
	}
	return false;
}

const char *conf_suggest_job(const struct conf *conf, const char *name)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR, n = strlen(name);
	for (uint32_t f = 0; f < conf->file_count; f++) {
		const struct ini *ini = &conf->file[f].ini;
		for (uint32_t i = 0; i < ini->count; i++) {
			size_t rank = ini->section[i].kind == INI_JOB
					      ? suggest_rank(name, n, ini->section[i].name)
					      : SUGGEST_FAR;
			if (rank >= least)
				continue;
			least = rank;
			nearest = ini->section[i].name;
		}
	}
	return nearest;
}

/* ---- pairs */

static bool is_list(const struct option_row *row)
{
	return row->kind == KIND_TAG || row->kind == KIND_ENV || row->kind == KIND_BUDGET ||
	       row->kind == KIND_FILES || row->kind == KIND_BACKOFF || row->kind == KIND_CLASS ||
	       row->kind == KIND_OPEN_ON;
}

/* Why `key` is none of the file's. */
static void explain_unknown(struct buf *what, const char *key)
{
	size_t n = strlen(key);
	const char *near = option_suggest(key, n, FOR_FILE);

	if (option_find(key, n, FOR_ALL)) {
		buf_str(what, key);
		buf_str(what, " belongs on the command line: leave it out here");
		return;
	}
	buf_str(what, "unknown key ");
	escape_text(what, key, n, SHOWN_COLUMNS);
	if (near) {
		buf_str(what, ", did you mean ");
		buf_str(what, near);
		buf_char(what, '?');
	} else {
		buf_str(what, ": see spawnguard.conf(5)");
	}
}

/* The row of `key`; NULL: not here, `what` says why. */
static const struct option_row *find_row(const struct within *in, const char *key, struct buf *what)
{
	const struct option_row *row = option_find(key, strlen(key), FOR_FILE);

	if (!row) {
		explain_unknown(what, key);
		return NULL;
	}
	if (in->section->kind == INI_DEFAULTS && row->group == GROUP_FILE) {
		buf_str(what, key);
		buf_str(what, " is of one job: move it to its [job NAME]");
		return NULL;
	}
	/* ps, kill and reap would look for the run where it is not. */
	if (in->section->kind == INI_JOB && row->at == offsetof(struct job, state_dir)) {
		buf_str(what, key);
		buf_str(what, " holds for all commands: move it to [defaults]");
		return NULL;
	}
	for (uint32_t i = 0; i < in->section->pair_count && !is_list(row); i++) {
		const struct conf_pair *pair = &in->conf->pair[in->section->first_pair + i];
		if (pair->row != row)
			continue;
		buf_str(what, key);
		buf_str(what, " stands in line ");
		buf_u64(what, pair->line);
		buf_str(what, " already: leave out one of them");
		return NULL;
	}
	return row;
}

static bool take_pair(void *with, uint32_t line, const char *key, const char *value)
{
	struct within *in = with;
	struct conf *conf = in->conf;
	BUF(what, INI_WHAT_MAX);

	const struct option_row *row = find_row(in, key, &what);
	if (!row)
		return tell_within(in, line, &what);
	if (conf->pair_count == conf->pair_room) {
		uint32_t room = conf->pair_room ? conf->pair_room * 4 : 64;
		struct conf_pair *grown = reallocarray(conf->pair, room, sizeof(*grown));
		if (!grown) {
			in->result = -ENOMEM;
			return false;
		}
		conf->pair = grown;
		conf->pair_room = room;
	}
	conf->pair[conf->pair_count++] =
		(struct conf_pair){ .row = row, .value = value, .file = in->file->path, .line = line };
	in->section->pair_count++;
	return true;
}

/* The pairs of one section; a second one of its name is refused. */
static int read_section(struct conf *conf, const struct conf_file *file, struct ini_section *section)
{
	struct within in = { .conf = conf, .file = file, .section = section };
	struct ini_teller teller = { tell_within, &in };
	struct ini_taker taker = { take_pair, &in };

	if (section->is_read)
		return 0;
	section->is_read = true;
	section->first_pair = conf->pair_count;
	(void)ini_read(&file->ini, section, &taker, &teller); /* in.result knows more */
	return in.result;
}

static int refuse_twins(struct conf *conf, const struct conf_file *file, const struct ini_section *first)
{
	struct within in = { .conf = conf, .file = file };
	const struct ini_section *end = file->ini.section + file->ini.count;
	for (const struct ini_section *other = first + 1; other < end; other++) {
		if (!is_section(other, first->kind, first->name))
			continue;
		BUF(what, INI_WHAT_MAX);
		buf_str(&what, "this section stands in line ");
		buf_u64(&what, first->line);
		buf_str(&what, " already: put its keys there");
		if (!tell_within(&in, other->line, &what))
			break;
	}
	return in.result;
}

/* ---- what counts for one job */

/* Read that section of each file, where it is there. */
static int read_everywhere(struct conf *conf, enum ini_kind kind, const char *name)
{
	int result = 0;
	for (uint32_t f = 0; f < conf->file_count && result == 0; f++) {
		struct ini_section *section = find_section(&conf->file[f], kind, name, NULL);
		if (!section || section->is_read)
			continue;
		result = refuse_twins(conf, &conf->file[f], section);
		if (result == 0)
			result = read_section(conf, &conf->file[f], section);
	}
	return result;
}

/* `like` of that job, of the file with the highest rank; NULL: none. */
static const struct conf_pair *find_like(const struct conf *conf, const char *name)
{
	for (uint32_t f = conf->file_count; f > 0; f--) {
		const struct ini_section *section = find_section(&conf->file[f - 1], INI_JOB, name, NULL);
		for (uint32_t i = 0; section && i < section->pair_count; i++) {
			const struct conf_pair *pair = &conf->pair[section->first_pair + i];
			if (pair->row->at == offsetof(struct job, like))
				return pair;
		}
	}
	return NULL;
}

/* `name` is to be like another job: that one is there, and like none itself. */
static int read_like(struct conf *conf, const char *name, const char **out_like)
{
	BUF(what, INI_WHAT_MAX);
	const struct conf_pair *found = find_like(conf, name);
	if (!found)
		return 0;

	/* Reading on moves the pairs. */
	const struct conf_pair pair = *found;
	const char *near;
	if (strcmp(pair.value, name) == 0) {
		buf_str(&what, "a job cannot be like itself: leave it out, or name another");
	} else if (!conf_has_job(conf, pair.value)) {
		buf_str(&what, "like = ");
		escape_text(&what, pair.value, strlen(pair.value), SHOWN_COLUMNS);
		near = conf_suggest_job(conf, pair.value);
		buf_str(&what, near ? ": no such job, did you mean "
				    : ": no such job in the configuration: leave it out, or name one");
		if (near) {
			escape_text(&what, near, strlen(near), SHOWN_COLUMNS);
			buf_char(&what, '?');
		}
	} else {
		int r = read_everywhere(conf, INI_JOB, pair.value);
		if (r < 0)
			return r;
		if (!find_like(conf, pair.value)) {
			*out_like = pair.value;
			return 0;
		}
		buf_str(&what, "like = ");
		escape_text(&what, pair.value, strlen(pair.value), SHOWN_COLUMNS);
		buf_str(&what, ": this job is like another itself, and that is one too many: name that one");
	}
	(void)conf->tell(conf->with, pair.file, pair.line, &what);
	return -EINVAL;
}

int conf_select(struct conf *conf, const char *name)
{
	const char *like = NULL;
	int r = read_everywhere(conf, INI_DEFAULTS, "");

	conf->layer_count = 0;
	if (r == 0 && name)
		r = read_everywhere(conf, INI_JOB, name);
	if (r == 0 && name)
		r = read_like(conf, name, &like);
	if (r < 0)
		return r;
	for (uint32_t f = 0; f < conf->file_count; f++) {
		const struct conf_file *file = &conf->file[f];
		const struct ini_section *layer[] = {
			find_section(file, INI_DEFAULTS, "", NULL),
			like ? find_section(file, INI_JOB, like, NULL) : NULL,
			name ? find_section(file, INI_JOB, name, NULL) : NULL,
		};
		for (size_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++) {
			if (layer[i])
				conf->layer[conf->layer_count++] = layer[i];
		}
	}
	return 0;
}

/* One pair into `job`. 0, -EINVAL (told; *out_goes_on: whether more is wanted). */
static int apply_pair(struct conf *conf, const struct conf_pair *pair, struct job *job, bool *out_goes_on)
{
	BUF(reason, INI_WHAT_MAX);
	BUF(what, INI_WHAT_MAX);

	if (value_parse(pair->row, pair->value, job, &reason) == 0)
		return 0;
	buf_str(&what, pair->row->name);
	buf_str(&what, " = ");
	escape_text(&what, pair->value, strlen(pair->value), SHOWN_COLUMNS);
	buf_str(&what, ": ");
	buf_str(&what, reason.at);
	*out_goes_on = conf->tell(conf->with, pair->file, pair->line, &what);
	return -EINVAL;
}

static int apply_section(struct conf *conf, const struct ini_section *section, unsigned command,
			 struct job *job)
{
	bool goes_on = true;
	int result = 0;
	value_next_source(job);
	for (uint32_t i = 0; i < section->pair_count && goes_on; i++) {
		const struct conf_pair *pair = &conf->pair[section->first_pair + i];
		if ((pair->row->commands & command) && apply_pair(conf, pair, job, &goes_on) < 0)
			result = -EINVAL;
	}
	return result;
}

int conf_apply(struct conf *conf, unsigned command, struct job *job)
{
	int result = 0;
	for (uint32_t i = 0; i < conf->layer_count && result == 0; i++)
		result = apply_section(conf, conf->layer[i], command, job);
	return result;
}

/* ---- where it came from */

const struct conf_pair *conf_origin(const struct conf *conf, const struct option_row *row)
{
	const struct conf_pair *found = NULL;
	for (uint32_t i = 0; i < conf->layer_count; i++) {
		const struct ini_section *section = conf->layer[i];
		for (uint32_t k = 0; k < section->pair_count; k++) {
			const struct conf_pair *pair = &conf->pair[section->first_pair + k];
			bool sets_conflict = pair->row->kind == KIND_WAIT &&
					     row->at == offsetof(struct job, on_conflict) &&
					     !(found && strcmp(found->value, "queue") == 0);
			if (pair->row == row || sets_conflict)
				found = pair;
		}
	}
	return found;
}

const struct conf_pair *conf_owner(const struct conf *conf, const char *value)
{
	for (uint32_t i = 0; i < conf->pair_count; i++) {
		if (conf->pair[i].value == value)
			return &conf->pair[i];
	}
	return NULL;
}

/* ---- all of it */

/* Whether anything was told, on its way to who hears it. */
struct listener {
	const struct conf *conf;
	bool is_over;
	int result;
};

static bool hear(void *with, const char *file, uint32_t line, const struct buf *what)
{
	struct listener *to = with;
	to->result = -EINVAL;
	to->is_over = !to->conf->tell(to->conf->with, file, line, what);
	return !to->is_over;
}

/* Each section for itself. */
static void check_sections(struct conf *conf, struct listener *to)
{
	for (uint32_t f = 0; f < conf->file_count; f++) {
		struct conf_file *file = &conf->file[f];
		for (uint32_t i = 0; i < file->ini.count && !to->is_over; i++) {
			struct ini_section *section = &file->ini.section[i];
			struct job job;
			if (section->kind == INI_SIGNATURE)
				continue;
			if (!find_section(file, section->kind, section->name, section))
				(void)refuse_twins(conf, file, section);
			if (!to->is_over && read_section(conf, file, section) == -ENOMEM) {
				to->result = -ENOMEM;
				to->is_over = true;
			}
			argv_defaults(&job);
			if (!to->is_over)
				(void)apply_section(conf, section, FOR_FILE, &job);
		}
	}
}

/* What comes together for one job, or without a name. */
static void check_job(struct conf *conf, const char *name, const char *file, uint32_t line)
{
	BUF(what, INI_WHAT_MAX);
	struct job job;

	argv_defaults(&job);
	if (conf_select(conf, name) < 0 || conf_apply(conf, FOR_FILE, &job) < 0)
		return;
	if (argv_check(&job, &what) < 0)
		(void)conf->tell(conf->with, file, line, &what);
}

static void check_jobs(struct conf *conf, const struct listener *to)
{
	for (uint32_t f = 0; f < conf->file_count; f++) {
		const struct conf_file *file = &conf->file[f];
		for (uint32_t i = 0; i < file->ini.count && !to->is_over; i++) {
			const struct ini_section *section = &file->ini.section[i];
			bool was_checked =
				section->kind == INI_SIGNATURE ||
				(f > 0 && find_section(&conf->file[0], section->kind, section->name, NULL));
			if (was_checked)
				continue;
			check_job(conf, section->kind == INI_JOB ? section->name : NULL, file->path,
				  section->line);
		}
	}
}

int conf_check(struct conf *conf)
{
	struct conf inner = *conf;
	struct listener to = { .conf = conf };

	inner.tell = hear;
	inner.with = &to;
	struct signatures signatures;
	check_sections(&inner, &to);
	if (!to.is_over)
		(void)conf_signatures(&inner, &signatures);
	if (to.result == 0 && !inner.is_broken)
		check_jobs(&inner, &to);
	inner.tell = conf->tell;
	inner.with = conf->with;
	*conf = inner;
	return to.result;
}

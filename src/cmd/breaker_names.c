/* Which jobs there are. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "cmd/breaker.h"
#include "cmd/cmd.h"
#include "os/fd.h"
#include "os/file.h"

struct gathering {
	struct breaker_names *names;
	const char *prefix;
};

static int add(struct breaker_names *names, const char *name)
{
	char **more = reallocarray(names->at, names->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	names->at = more;
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	names->at[names->count++] = copy;
	return 0;
}

static int take(struct gathering *g, const char *name)
{
	bool begins = strncmp(name, g->prefix, strlen(g->prefix)) == 0;
	return begins ? add(g->names, name) : 0;
}

/* What is no name of a job, as NAME.info, does not decode. */
static int take_file(void *with, const char *file)
{
	char name[ESCAPE_NAME_MAX + 1];
	return unescape_name(file, name) == 0 ? take(with, name) : 0;
}

static int take_directory(struct gathering *g, int dirfd, const char *path)
{
	if (dirfd < 0)
		return 0;
	AUTO_FD int fd = os_open_at(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return os_dir_each(fd, take_file, g);
}

static int take_configured(struct gathering *g, const struct conf *conf)
{
	int r = 0;

	for (uint32_t f = 0; f < conf->file_count; f++)
		for (uint32_t i = 0; r == 0 && i < conf->file[f].ini.count; i++)
			if (conf->file[f].ini.section[i].kind == INI_JOB)
				r = take(g, conf->file[f].ini.section[i].name);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct breaker_names *names)
{
	size_t kept = 0;

	if (names->count == 0)
		return;
	qsort(names->at, names->count, sizeof(*names->at), compare);
	for (size_t i = 1; i < names->count; i++) {
		if (strcmp(names->at[kept], names->at[i]) == 0)
			free(names->at[i]);
		else
			names->at[++kept] = names->at[i];
	}
	names->count = kept + 1;
}

int breaker_names_find(struct breaker_names *names, const struct cmd *cmd, const char *what, bool is_prefix,
		       bool wants_all)
{
	struct gathering g = { .names = names, .prefix = what ? what : "" };

	if (what && !is_prefix)
		return add(names, what);
	int r = take_directory(&g, cmd->dir.keep_fd, "breaker");
	if (r == 0 && wants_all)
		r = take_directory(&g, cmd->dir.run_fd, "locks/job");
	if (r == 0 && wants_all)
		r = take_configured(&g, &cmd->settings.conf);
	sort(names);
	return r;
}

void breaker_names_release(struct breaker_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->at[i]);
	free(names->at);
	*names = (struct breaker_names){ 0 };
}

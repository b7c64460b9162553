#include "run/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fail.h"

const char settings_system_path[] = SG_SYSCONFDIR "/spawnguard.conf";

static int refuse(struct settings *s, const char *path, int err, const char *why)
{
	BUF(what, INI_WHAT_MAX);
	buf_str(&what, why);
	bool is_judged = err == ENOENT || err == EINVAL || err == EPERM || err == EFBIG || err == EAGAIN ||
			 err == EACCES || err == ELOOP; /* `why` says what to do */
	if (!is_judged) {
		buf_str(&what, ": ");
		buf_str(&what, fail_text(err));
		buf_str(&what, "; try again, or write --config=none");
	}
	(void)s->conf.tell(s->conf.with, path, 0, &what);
	return -EINVAL;
}

static int add(struct settings *s, const char *path, bool may_be_missing)
{
	char **text = &s->text[s->conf.file_count];
	const char *why = NULL;
	size_t n;

	int r = conffile_read(path, text, &n, &why);
	if (r == -ENOENT && !may_be_missing)
		return refuse(s, path, ENOENT,
			      "there is no such configuration file: name one that is there, or write "
			      "--config=none");
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return refuse(s, path, -r, why);
	return conf_add(&s->conf, path, *text, n);
}

int settings_open(struct settings *s, const char *named)
{
	if (named && strcmp(named, "none") == 0)
		return 0;
	if (named)
		return add(s, named, false);
	int r = add(s, settings_system_path, true);
	if (conffile_user_path(s->user_path, sizeof(s->user_path)) < 0)
		return r;
	int r2 = add(s, s->user_path, true); /* in any case: who checks wants to hear of all problems */
	return r < 0 ? r : r2;
}

void settings_release(struct settings *s)
{
	conf_release(&s->conf);
	for (size_t i = 0; i < CONF_FILES_MAX; i++) {
		free(s->text[i]);
		s->text[i] = NULL;
	}
}

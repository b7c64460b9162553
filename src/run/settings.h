/* The configuration that counts: which files, read and opened for conf/resolve. */
#ifndef SG_RUN_SETTINGS_H
#define SG_RUN_SETTINGS_H

#include "conf/resolve.h"
#include "store/conffile.h"

struct settings {
	struct conf conf;
	char user_path[CONFFILE_PATH_MAX];
	char *text[CONF_FILES_MAX]; /* owned; NULL = none */
};

/* The system's file. */
extern const char settings_system_path[];

/*
 * Open what counts into s->conf, which conf_init has prepared: `named`
 * (--config, SPAWNGUARD_CONFIG) alone, "none" nothing, NULL the system's and
 * the user's, as far as they are there.  0, -EINVAL (told through s->conf),
 * -ENOMEM.  `s` stays for as long as any job that is filled from it.
 */
int settings_open(struct settings *s, const char *named);
void settings_release(struct settings *s);

#endif

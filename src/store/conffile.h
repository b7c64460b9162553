/* The bytes of a configuration file, from those alone who may say what our jobs do. */
#ifndef SG_STORE_CONFFILE_H
#define SG_STORE_CONFFILE_H

#include <stddef.h>

#define CONFFILE_MAX      (1024 * 1024)
#define CONFFILE_PATH_MAX 320

/* HOME/.config/spawnguard.conf of the effective uid, by the password database. 0, -ENOENT. */
int conffile_user_path(char *out, size_t n);

/*
 * The whole file: symlinks are followed, and what they lead to must be a
 * regular file of root or of our effective uid that nobody else can write.
 * Never waits.  0 with *out_text (returned: free it; n bytes and room for one
 * more); -ENOENT: there is none, or nothing can be in its place (a directory
 * on the way is missing, or closed to us); else -errno and *out_why, what to
 * say of the file.
 */
int conffile_read(const char *path, char **out_text, size_t *out_n, const char **out_why);

#endif

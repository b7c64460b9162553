#include "os/mount.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "os/file.h"

#define MOUNTS_MAX (256 * 1024)
#define FIELDS_MAX 16

/* A blank, a tab, a newline and a backslash stand there as \040: by three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		bool is_octal = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
				at[2] <= '7' && at[3] >= '0' && at[3] <= '7';
		if (is_octal) {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

/* One line of mountinfo, taken apart in place. 0, -EBADMSG. */
static int parse_mount(char *line, struct os_mount *out)
{
	char *field[FIELDS_MAX] = { NULL };
	size_t n = 0, dash = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word && n < FIELDS_MAX;
	     word = strtok_r(NULL, " ", &rest)) {
		if (n > 5 && dash == 0 && strcmp(word, "-") == 0)
			dash = n;
		field[n++] = word;
	}
	if (dash == 0 || n < dash + 4)
		return -EBADMSG;
	unescape(field[3]);
	unescape(field[4]);
	*out = (struct os_mount){
		.root = field[3], .point = field[4], .type = field[dash + 1], .options = field[dash + 3]
	};
	return 0;
}

int os_mount_each(void (*each)(void *with, const struct os_mount *m), void *with)
{
	static char bytes[MOUNTS_MAX]; /* no heap: an end must not need one */
	char *rest = NULL;

	ssize_t n = os_file_read_at(OS_CWD, "/proc/self/mountinfo", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct os_mount m;
		if (parse_mount(line, &m) == 0)
			each(with, &m);
	}
	return 0;
}

const char *os_mount_option(const char *options, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, key, n) != 0)
			continue;
		if (at[n] == '=')
			return at + n + 1;
		if (at[n] == '\0' || at[n] == ',')
			return at + n;
	}
	return NULL;
}

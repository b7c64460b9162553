#include "run/slot_of.h"

#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "os/fd.h"
#include "os/file.h"
#include "store/lock.h"

struct looking {
	const struct statedir *dir;
	uid_t owner;
	const struct record_head *head;
	char group[ESCAPE_NAME_MAX + 1]; /* "" = not found */
};

static int names_us(struct looking *l, const char *group)
{
	char path[LOCK_PATH_MAX];
	struct lockinfo info;

	if (lock_slot_path(group, l->head->slot, path) < 0)
		return 0;
	AUTO_FD int fd = lockinfo_look(l->dir->run_fd, path, l->owner);
	if (fd < 0 || lockinfo_read(fd, &info) < 0 || strcmp(info.holder.run_id, l->head->run_id) != 0)
		return 0;
	memcpy(l->group, group, strlen(group) + 1);
	return 1;
}

static int look_at(void *with, const char *name)
{
	char group[ESCAPE_NAME_MAX + 1];

	return unescape_name(name, group) == 0 ? names_us(with, group)
					       : 0; /* else a gate, a door or a place */
}

void slot_of(const struct statedir *dir, uid_t owner, const struct record_head *head, struct buf *out)
{
	struct looking l = { .dir = dir, .owner = owner, .head = head };

	if (head->slot == 0 || dir->run_fd < 0)
		return;
	if (!names_us(&l, head->job)) { /* mostly its own name's; else each group */
		AUTO_FD int fd = os_open_at(dir->run_fd, LOCK_SLOTS, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			(void)os_dir_each(fd, look_at, &l);
	}
	buf_str(out, l.group);
}

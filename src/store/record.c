#include "store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fail.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/self.h"

#define SPARE        "runs/.spare"        /* a name that no run can have */
#define UNWRITTEN_NS (60ULL * 1000000000) /* no start takes that long between two system calls */
#define PATH_BYTES   (8 + RUN_ID_MAX + 32)

static void path_of(struct buf *path, const char *run_id, const char *suffix)
{
	buf_str(path, "runs/");
	buf_str(path, run_id);
	buf_str(path, suffix);
}

/* The spare file under its new name.  What was planted in its place goes out of the way; -EPERM. */
static int open_spare(int dirfd, const char *path, const char *run_id)
{
	struct os_file_id id;
	AUTO_FD int fd = os_open_at(dirfd, path, O_RDWR, 0);

	if (fd >= 0 && os_file_id(fd, &id) == 0 && id.is_own_regular)
		return os_fd_steal(&fd);
	if (os_unlink_at(dirfd, path) < 0)
		(void)record_quarantine(dirfd, run_id);
	return -EPERM;
}

int record_create(int dirfd, struct record_head *head, struct fail *fail)
{
	BUF(path, PATH_BYTES);
	path_of(&path, head->run_id, "");
	/* Made anew only where no other run has left a file: on ext4 that costs ten times a rename. */
	int r = os_rename_new_at(dirfd, SPARE, path.at);
	if (r == -EEXIST)
		return fail_set(fail, EEXIST, "make run record", path.at);
	AUTO_FD int fd = r < 0 ? r : open_spare(dirfd, path.at, head->run_id);
	if (fd < 0)
		fd = os_open_at(dirfd, path.at, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fail_set(fail, -fd, "make run record", path.at);
	record_head_seal(head);
	r = os_fd_pwrite(fd, head, sizeof(*head), 0);
	if (r < 0) {
		(void)os_unlink_at(dirfd, path.at); /* an empty record would only be called damaged later */
		return fail_set(fail, -r, "write run record", path.at);
	}
	return os_fd_steal(&fd);
}

int record_write_state(int fd, struct record_state *state, uint64_t seed)
{
	record_state_seal(state, seed);
	return os_fd_pwrite(fd, state, sizeof(*state), RECORD_STATE_AT);
}

int record_write_first(int fd, struct record_state *state, struct record_slot *job, uint64_t seed)
{
	char bytes[RECORD_SLOTS_AT - RECORD_STATE_AT + sizeof(*job)] = { 0 };

	record_state_seal(state, seed);
	record_slot_seal(job, seed);
	memcpy(bytes, state, sizeof(*state));
	memcpy(bytes + RECORD_SLOTS_AT - RECORD_STATE_AT, job, sizeof(*job));
	return os_fd_pwrite(fd, bytes, sizeof(bytes), RECORD_STATE_AT);
}

int record_write_slots(int fd, struct record_slot *slots, size_t from, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		record_slot_seal(&slots[i], seed);
	return os_fd_pwrite(fd, slots, n * sizeof(*slots), record_slot_at(from));
}

/*
 * A read may fall into a write of the state: its check fails, and a moment later it is whole.  A record
 * without a state yet (or with that of the file's last run) is read as often in vain.
 */
#define STATE_READS 4

static int read_state(int fd, uint64_t seed, struct record_state *out)
{
	struct record_state state;

	for (int left = STATE_READS;; os_clock_sleep_ms(1)) {
		const ssize_t n = os_fd_pread(fd, &state, sizeof(state), RECORD_STATE_AT);
		if (n < 0)
			return (int)n;
		if (n == (ssize_t)sizeof(state) && record_state_is_valid(&state, seed))
			break;
		if (n < (ssize_t)sizeof(state) || --left == 0)
			return -EBADMSG;
	}
	*out = state;
	return 0;
}

/* What open made of it is taken. */
static int read_open(int opened, const char *run_id, uid_t owner, struct record *out_record)
{
	struct os_file_id id;
	char bytes[RECORD_SLOTS_AT];
	AUTO_FD int fd = opened;

	if (fd < 0)
		return fd == -ELOOP || fd == -EISDIR || fd == -ENXIO ? -EPERM
								     : fd; /* link, directory, socket */
	int r = os_file_id(fd, &id);
	if (r < 0)
		return r;
	if (!id.is_single_regular || id.uid != owner)
		return -EPERM;
	ssize_t n = os_fd_pread(fd, bytes, sizeof(bytes), 0);
	if (n <= 0)
		return n == 0 ? -ENODATA : (int)n;
	r = record_parse(bytes, (size_t)n, &out_record->head, &out_record->state);
	if (r < 0)
		return r;
	if (strcmp(out_record->head.run_id, run_id) != 0)
		return -ENODATA; /* a spare, renamed, and its new head not yet written */
	out_record->seed = record_seed(run_id);
	if (out_record->state.check == 0) /* none, or not whole */
		(void)read_state(fd, out_record->seed, &out_record->state);
	out_record->fd = os_fd_steal(&fd);
	return 0;
}

int record_open(int dirfd, const char *run_id, struct record *out_record)
{
	BUF(path, PATH_BYTES);

	path_of(&path, run_id, "");
	int fd = os_open_at(dirfd, path.at, O_RDWR, 0);
	if (fd == -EROFS)
		fd = os_open_at(dirfd, path.at, O_RDONLY, 0);
	return read_open(fd, run_id, os_self_uid(), out_record);
}

int record_look(int dirfd, const char *run_id, uid_t owner, struct record *out_record)
{
	BUF(path, PATH_BYTES);

	path_of(&path, run_id, "");
	return read_open(os_open_at(dirfd, path.at, O_RDONLY, 0), run_id, owner, out_record);
}

void record_close(struct record *record)
{
	os_fd_close(&record->fd);
}

int record_refresh(struct record *record)
{
	return read_state(record->fd, record->seed, &record->state);
}

ssize_t record_read_slots(const struct record *record, struct record_slot *out, size_t max)
{
	struct record_slot some[32];
	size_t count = 0;

	for (size_t at = 0; at < RECORD_SLOTS_MAX; at += 32) {
		ssize_t n = os_fd_pread(record->fd, some, sizeof(some), record_slot_at(at));
		if (n < 0)
			return n;
		for (size_t i = 0; i < (size_t)n / sizeof(some[0]) && count < max; i++)
			if (record_slot_is_valid(&some[i], record->seed))
				out[count++] = some[i];
		if ((size_t)n < sizeof(some))
			break;
	}
	return (ssize_t)count;
}

int record_remove(int dirfd, const char *run_id)
{
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, "");
	return os_unlink_at(dirfd, path.at);
}

int record_recycle(int dirfd, const char *run_id)
{
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, "");
	int r = os_rename_at(dirfd, path.at, SPARE);
	return r < 0 ? os_unlink_at(dirfd, path.at) : r;
}

int record_quarantine(int dirfd, const char *run_id)
{
	BUF(from, PATH_BYTES);
	BUF(to, PATH_BYTES);
	path_of(&from, run_id, "");
	path_of(&to, run_id, ".bad");
	return os_rename_at(dirfd, from.at, to.at);
}

struct listing {
	int (*each)(void *with, const char *run_id);
	void *with;
};

static int each_name(void *with, const char *name)
{
	struct listing *l = with;
	size_t n = strlen(name);
	if (n > RUN_ID_MAX || strchr(name, '.')) /* requests, quarantined and foreign files */
		return 0;
	return l->each(l->with, name);
}

int record_open_dir(int dirfd)
{
	return os_open_at(dirfd, "runs", O_RDONLY | O_DIRECTORY, 0);
}

int record_each(int dirfd, int (*each)(void *with, const char *run_id), void *with)
{
	struct listing l = { .each = each, .with = with };
	AUTO_FD int fd = record_open_dir(dirfd);
	if (fd < 0)
		return fd;
	return os_dir_each(fd, each_name, &l);
}

int record_remove_unwritten(int dirfd, const char *run_id, uint64_t wall_ns)
{
	struct os_file_id id;
	BUF(path, PATH_BYTES);

	path_of(&path, run_id, "");
	if (os_file_id_at(dirfd, path.at, &id) < 0 || wall_ns < id.changed_wall_ns + UNWRITTEN_NS)
		return 0; /* its start may be under way */
	return os_unlink_at(dirfd, path.at) == 0;
}

bool record_exists(int dirfd, const char *run_id)
{
	struct os_file_id id;
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, "");
	return os_file_id_at(dirfd, path.at, &id) != -ENOENT;
}

void record_remove_socket(int dirfd, const char *run_id)
{
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, RECORD_SOCKET);
	(void)os_unlink_at(dirfd, path.at);
}

static int put_request(int dirfd, const char *run_id, struct request *request, bool over)
{
	BUF(temp, PATH_BYTES);
	BUF(path, PATH_BYTES);

	path_of(&temp, run_id, ".req.");
	buf_u64(&temp, (uint64_t)os_self_pid());
	path_of(&path, run_id, ".req");
	request_seal(request);
	(void)os_unlink_at(dirfd, temp.at); /* of one that was killed, and had our number */
	AUTO_FD int fd = os_open_at(dirfd, temp.at, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	int r = os_fd_pwrite(fd, request, sizeof(*request), 0);
	if (r == 0)
		r = over ? -EINVAL : os_rename_new_at(dirfd, temp.at, path.at);
	if (r == -EINVAL) /* asked for, or the file system does not promise it */
		r = os_rename_at(dirfd, temp.at, path.at);
	if (r < 0)
		(void)os_unlink_at(dirfd, temp.at);
	return r;
}

int request_write(int dirfd, const char *run_id, struct request *request)
{
	return put_request(dirfd, run_id, request, true);
}

int request_offer(int dirfd, const char *run_id, struct request *request)
{
	return put_request(dirfd, run_id, request, false);
}

bool request_waits(int dirfd, const char *run_id)
{
	struct os_file_id id;
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, ".req");
	return os_file_id_at(dirfd, path.at, &id) == 0;
}

int request_take(int dirfd, const char *run_id, struct request *out_request)
{
	struct request request;
	struct os_file_id id;
	BUF(named, PATH_BYTES);
	BUF(path, PATH_BYTES);

	/* Moved away first: whoever writes another meanwhile finds its name free, and ours removes only this
	 * one. */
	path_of(&named, run_id, ".req");
	path_of(&path, run_id, ".req.taken");
	int r = os_rename_at(dirfd, named.at, path.at);
	if (r < 0)
		return r;
	AUTO_FD int fd = os_open_at(dirfd, path.at, O_RDONLY, 0);
	(void)os_unlink_at(dirfd, path.at);
	if (fd < 0)
		return fd;
	r = os_file_id(fd, &id);
	if (r < 0)
		return r;
	if (!id.is_own_regular)
		return -EPERM;
	ssize_t n = os_fd_pread(fd, &request, sizeof(request), 0);
	if (n != (ssize_t)sizeof(request) || !request_is_valid(&request))
		return n < 0 ? (int)n : -EBADMSG;
	*out_request = request;
	return 0;
}

void request_remove(int dirfd, const char *run_id)
{
	BUF(path, PATH_BYTES);
	path_of(&path, run_id, ".req");
	(void)os_unlink_at(dirfd, path.at);
}

#include "run/reader.h"

#include "base/buf.h"
#include "os/read_apart.h"
#include "spawnguard/exit.h"

#define READ_TIMEOUT_MS 3000 /* a read takes microseconds: only what blocks for ever reaches it */

int reader_has_mark(pid_t pid, const char *run_id)
{
	BUF(path, 40);
	BUF(word, 128);

	buf_str(&path, "/proc/");
	buf_u64(&path, (uint64_t)pid);
	buf_str(&path, "/environ");
	buf_str(&word, SG_ENV_RUN_ID "=");
	buf_str(&word, run_id);
	return os_read_apart_find(path.at, word.at, word.len, READ_TIMEOUT_MS);
}

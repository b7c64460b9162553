#include "run/reader.h"

#include "base/buf.h"
#include "conf/hook_variable.h"
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
	int r = os_read_apart_find(path.at, word.at, word.len, READ_TIMEOUT_MS);
	/* A hook of the run, and what it left, are none of its tree: they say at what event they were born.
	 */
	for (unsigned i = 0; r == 1 && i < HOOK_COUNT; i++) {
		buf_clear(&word);
		buf_str(&word, hook_variables[VARIABLE_EVENT].name);
		buf_char(&word, '=');
		buf_str(&word, hook_event_name((enum hook_event)i));
		int found = os_read_apart_find(path.at, word.at, word.len, READ_TIMEOUT_MS);
		if (found != 0)
			r = found == 1 ? 0 : found;
	}
	return r;
}

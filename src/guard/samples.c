#include "guard/samples.h"

#include <string.h>

#include "base/buf.h"
#include "base/fail.h"
#include "core/sample_text.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/say.h"
#include "spawnguard/exit.h"
#include "tree/tree.h"

int samples_open(struct run *run)
{
	const char *path = run->job->record_samples;
	BUF(line, SAMPLE_LINE_MAX);

	if (!path)
		return 0;
	sample_text_begin(&line, run->head.run_id);
	run->samples_fd = os_open_user(path, OS_WRITE_NEW, 0600);
	int r = run->samples_fd < 0 ? run->samples_fd : os_write_whole(run->samples_fd, line.at, line.len);
	if (r >= 0)
		return 0;
	struct fail fail;
	(void)fail_set(&fail, -r, "write samples", path);
	voice_fail(&fail, "nothing was started: give another file with --record-samples, or leave it out");
	return SG_EXIT_GUARD;
}

static void flush(struct run *run, struct buf *text)
{
	if (run->samples_fd >= 0 && os_write_whole(run->samples_fd, text->at, text->len) < 0) {
		BUF(line, 256);
		buf_str(&line, "warning: no more samples can be written to the file of --record-samples: "
			       "the run goes on without");
		voice_note(&line);
		os_fd_close(&run->samples_fd);
	}
	buf_clear(text);
}

void samples_write(struct run *run, const struct look *look, const struct tree *tree)
{
	static char bytes[16384];
	struct buf text;

	if (run->samples_fd < 0)
		return;
	buf_init(&text, bytes, sizeof(bytes));
	sample_text_look(&text, look);
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD))
			continue;
		if (sizeof(bytes) - text.len < SAMPLE_LINE_MAX)
			flush(run, &text);
		sample_text_member(&text, &m->sample);
	}
	flush(run, &text);
}

/* Lines about configuration and the place of state. */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "cmd/doctor.h"

#define BYTES_EASY  (16ULL << 20)
#define INODES_EASY 64U /* a run makes up to five files */

/* "/run/spawnguard (root's own), tmpfs, mode 0700" */
static void put_place(struct buf *b, const struct machine *m, const struct statedir_side *side)
{
	finding_foreign(b, side->path);
	buf_str(b, " (");
	buf_str(b, m->state.by);
	buf_str(b, ")");
	if (side->fs.kind[0] != '\0') {
		buf_str(b, ", ");
		buf_str(b, side->fs.kind);
	}
	if (!side->is_there)
		buf_str(b, ", would be made");
}

/* What a start would say. */
static void put_failure(struct diagnosis *f, const struct fail *fail)
{
	buf_str(&f->why, "cannot ");
	buf_str(&f->why, fail->what);
	buf_str(&f->why, ": ");
	finding_foreign(&f->why, fail->subject);
	finding_error(&f->why, "", fail->err);
	buf_str(&f->todo, "mend that, or give another place with --state-dir DIR or SPAWNGUARD_STATE_DIR");
}

static bool has_place(const struct machine *m, struct diagnosis *f)
{
	if (m->state_err == 0)
		return true;
	finding_set(f, VERDICT_BROKEN, NULL, "no place for state: no local home directory");
	buf_str(&f->todo,
		"--state-dir DIR, or as root: install -d -m 700 -o USER /var/lib/spawnguard/user/UID");
	return false;
}

void judge_config(const struct machine *m, struct diagnosis *f)
{
	finding_set(f, VERDICT_OK, NULL, "");
	if (m->config_files[0] != '\0')
		finding_foreign(&f->what, m->config_files);
	else
		buf_str(&f->what, m->config_problems > 0 ? "not readable" : "no file");
	if (m->config_problems == 0)
		return;
	finding_worsen(f, m->config_refuses ? VERDICT_BROKEN : VERDICT_WEAK);
	buf_u64(&f->why, m->config_problems);
	buf_str(&f->why, m->config_problems == 1 ? " problem: " : " problems, the first: ");
	buf_str(&f->why, m->config_problem);
	buf_str(&f->todo, "spawnguard config check");
}

void judge_state(const struct machine *m, struct diagnosis *f)
{
	const struct statedir_side *run = &m->state.run;

	if (!has_place(m, f))
		return;
	finding_set(f, VERDICT_OK, NULL, "");
	put_place(&f->what, m, run);
	if (run->fail.err != 0) {
		finding_worsen(f, VERDICT_BROKEN);
		put_failure(f, &run->fail);
	} else if (run->fs.flock_err != 0) {
		finding_worsen(f, VERDICT_BROKEN);
		finding_error(&f->why, "flock", run->fs.flock_err);
		buf_str(&f->todo, "another place: --state-dir DIR or SPAWNGUARD_STATE_DIR");
	}
}

void judge_history(const struct machine *m, struct diagnosis *f)
{
	const struct statedir_side *keep = &m->state.keep;

	if (!has_place(m, f))
		return;
	finding_set(f, VERDICT_OK, NULL, "");
	if (m->state.is_one)
		buf_str(&f->what, "the same place");
	else
		put_place(&f->what, m, keep);
	if (keep->fail.err != 0) {
		/* What is there but cannot be written costs the history; anything else stops the start. */
		finding_worsen(f, keep->is_there && keep->fs.make_err != 0 ? VERDICT_WEAK : VERDICT_BROKEN);
		put_failure(f, &keep->fail);
		return;
	}
	if (keep->fs.is_volatile) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "in memory: the history is gone with the next boot");
		finding_add(&f->todo, "a place on disk: --state-dir DIR or SPAWNGUARD_STATE_DIR");
	}
	if (keep->fs.is_remote) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "a network file system: lines of several machines may tear each other");
		finding_add(&f->todo, "a local place");
	}
	if (keep->fs.is_overlay) {
		finding_worsen(f, VERDICT_NOTE);
		finding_add(&f->why, "an overlay: in a container, gone with it");
		finding_add(&f->todo, "a volume for it");
	}
}

static void put_room(struct diagnosis *f, const struct os_fs *fs)
{
	num_format_size(&f->what, fs->free_bytes);
	buf_str(&f->what, " free, ");
	if (fs->free_inodes == UINT64_MAX)
		buf_str(&f->what, "files without limit");
	else
		buf_u64(&f->what, fs->free_inodes), buf_str(&f->what, " files");
	if (fs->write_err != 0) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "");
		finding_error(&f->why, "writing", fs->write_err);
		buf_str(&f->why, ": runs go unrecorded");
	} else if (fs->free_bytes < BYTES_EASY || fs->free_inodes < INODES_EASY) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "nearly full: soon runs go unrecorded, then starts are refused");
	}
}

void judge_space(const struct machine *m, struct diagnosis *f)
{
	const struct os_fs *run = &m->state.run.fs, *keep = &m->state.keep.fs;

	finding_set(f, VERDICT_OK, NULL, "");
	if (m->state_err != 0 || run->kind[0] == '\0') {
		finding_worsen(f, VERDICT_NOTE);
		buf_str(&f->what, "not known: see state");
		return;
	}
	put_room(f, run);
	if (!m->state.is_one && keep->kind[0] != '\0') {
		buf_str(&f->what, "; for the history ");
		put_room(f, keep);
	}
	if (f->verdict == VERDICT_WEAK) {
		buf_str(&f->todo, "make room in ");
		finding_foreign(&f->todo, m->state.run.path);
	}
}

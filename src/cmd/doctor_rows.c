/* The table of lines, and the words that the judges share. */
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "base/fail.h"
#include "cmd/doctor.h"

const char *const verdict_name[VERDICT_COUNT] = { "ok", "note", "weak", "broken" };

/* clang-format off */
const struct doctor_row doctor_rows[] = {
	{ "membership",      true,  judge_membership },
	{ "identity",        true,  judge_identity },
	{ "births",          true,  judge_births },
	{ "cap",             true,  judge_cap },
	{ "kill",            true,  judge_kill },
	{ "memory",          true,  judge_memory },
	{ "ptrace-reads",    true,  judge_ptrace_reads },
	{ "pressure",        true,  judge_pressure },
	{ "version",         false, judge_version },
	{ "libraries",       false, judge_libraries },
	{ "config",          false, judge_config },
	{ "state",           false, judge_state },
	{ "history",         false, judge_history },
	{ "space",           false, judge_space },
	{ "calls",           false, judge_calls },
	{ "kernel",          false, judge_kernel },
	{ "procfs",          false, judge_procfs },
	{ "pidfd",           false, judge_pidfd },
	{ "cgroup",          false, judge_cgroup },
	{ "perf",            false, judge_perf },
	{ "psi",             false, judge_psi },
	{ "scheduling",      false, judge_scheduling },
	{ "limit-processes", false, judge_limit_processes },
	{ "limit-files",     false, judge_limit_files },
	{ "limit-locked",    false, judge_limit_locked },
	{ "clock",           false, judge_clock },
	{ "boot-id",         false, judge_boot_id },
	{ "machine-id",      false, judge_machine_id },
	{ "pid-namespace",   false, judge_pid_namespace },
	{ "user-namespace",  false, judge_user_namespace },
	{ "seccomp",         false, judge_seccomp },
	{ "ptrace-scope",    false, judge_ptrace_scope },
	{ "logout",          false, judge_logout },
};
/* clang-format on */
const size_t doctor_count = COUNT_OF(doctor_rows);

void doctor_judge(const struct doctor_row *row, const struct machine *m, struct diagnosis *out)
{
	*out = (struct diagnosis){ .verdict = VERDICT_OK };
	buf_init(&out->what, out->what_bytes, sizeof(out->what_bytes));
	buf_init(&out->why, out->why_bytes, sizeof(out->why_bytes));
	buf_init(&out->todo, out->todo_bytes, sizeof(out->todo_bytes));
	row->judge(m, out);
}

int doctor_exit(enum verdict worst)
{
	if (worst == VERDICT_BROKEN)
		return EXIT_CANNOT_GUARD;
	return worst == VERDICT_WEAK ? EXIT_DEGRADED : 0;
}

void finding_set(struct diagnosis *f, enum verdict verdict, const char *rung, const char *what)
{
	f->verdict = verdict;
	f->rung = rung;
	buf_str(&f->what, what);
}

void finding_worsen(struct diagnosis *f, enum verdict verdict)
{
	if (f->verdict < verdict)
		f->verdict = verdict;
}

void finding_foreign(struct buf *b, const char *text)
{
	escape_text(b, text, strlen(text), 0);
}

void finding_error(struct buf *b, const char *what, int err)
{
	buf_str(b, what);
	buf_str(b, ": ");
	buf_str(b, fail_text(err < 0 ? -err : err));
}

void finding_add(struct buf *b, const char *text)
{
	if (b->len > 0)
		buf_str(b, "; ");
	buf_str(b, text);
}

/* Lines about the machine: facts that decide a rung, a limit, or how a record is to be read. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "cmd/doctor.h"

#define FILES_NEEDED     12U /* below, not even a small tree is guarded: tests/e2e/test_policy.py */
#define FILES_EASY       256U
#define FILES_PER_MEMBER 4U /* handle, task, children, statm */
#define PROCESSES_EASY   64U
#define WALL_MIN_NS      (1577836800ULL * NS_PER_S) /* 2020: before, the clock was never set */
#define WALL_MAX_NS      (4102444800ULL * NS_PER_S) /* 2100 */

void judge_version(const struct machine *m, struct diagnosis *f)
{
	finding_set(f, VERDICT_OK, NULL, "spawnguard ");
	buf_str(&f->what, m->version);
	if (m->wrapper_err == -EAGAIN || m->wrapper_err == -ENOMEM) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->why, "bin/spawnguard was not asked", m->wrapper_err);
	} else if (m->wrapper_err < 0) {
		finding_worsen(f, VERDICT_BROKEN);
		finding_error(&f->why, "bin/spawnguard", m->wrapper_err);
		buf_str(&f->why, ": ");
		finding_foreign(&f->why, m->wrapper_path);
		buf_str(&f->todo, "install the whole of spawnguard again");
	} else if (strcmp(m->wrapper, m->version) != 0) {
		finding_worsen(f, VERDICT_WEAK);
		buf_str(&f->why, "but bin/spawnguard is ");
		finding_foreign(&f->why, m->wrapper);
		buf_str(&f->todo, "install both from one package");
	}
}

static void put_library(struct diagnosis *f, const struct probe_answer *a, const char *name,
			const char *package)
{
	if (a->r >= 0) {
		buf_str(&f->what, ", ");
		buf_str(&f->what, name);
		buf_char(&f->what, ' ');
		finding_foreign(&f->what, a->text);
		return;
	}
	finding_worsen(f, VERDICT_WEAK);
	finding_add(&f->why, name);
	buf_str(&f->why, " does not load, and what needs it does not start: ");
	finding_foreign(&f->why, a->text);
	finding_add(&f->todo, "apt install ");
	buf_str(&f->todo, package);
}

void judge_libraries(const struct machine *m, struct diagnosis *f)
{
	finding_set(f, VERDICT_OK, NULL, "libc ");
	finding_foreign(&f->what, m->probe[PROBE_LIBC].text);
	buf_str(&f->what, " (the wrapper: " SG_WRAPPER_LIBC "), inih " SG_INIH_VERSION " built in");
	put_library(f, &m->probe[PROBE_SMARTCOLS], "libsmartcols", "libsmartcols1");
	put_library(f, &m->probe[PROBE_JANSSON], "libjansson", "libjansson4");
}

void judge_kernel(const struct machine *m, struct diagnosis *f)
{
	finding_set(f, VERDICT_OK, NULL, "");
	finding_foreign(&f->what, m->probe[PROBE_KERNEL].text);
	if (m->probe[PROBE_KERNEL].r >= 0)
		return;
	finding_worsen(f, VERDICT_NOTE);
	finding_error(&f->what, "uname", m->probe[PROBE_KERNEL].r);
}

void judge_calls(const struct machine *m, struct diagnosis *f)
{
	static const enum probe_id needed[] = { PROBE_FORK,  PROBE_SPAWN,   PROBE_SUBREAPER,  PROBE_SIGNALFD,
						PROBE_EPOLL, PROBE_TIMERFD, PROBE_SOCKETPAIR, PROBE_LOCK };
	BUF(names, 256);

	finding_set(f, VERDICT_OK, NULL, "");
	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		int r = m->probe[needed[i]].r;
		const char *name = probe_rows[needed[i]].name;
		if (names.len > 0)
			buf_str(&names, ", ");
		buf_str(&names, name);
		if (r >= 0)
			continue;
		finding_worsen(f, VERDICT_BROKEN);
		finding_add(&f->why, "");
		finding_error(&f->why, name, r);
	}
	buf_str(&f->what, f->verdict == VERDICT_OK ? names.at : "what the guard cannot do without is denied");
	if (f->verdict != VERDICT_OK)
		buf_str(&f->todo, "a seccomp profile or limit (ulimit -u) that lets these through");
}

void judge_procfs(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *mount = &m->probe[PROBE_PROC_MOUNT];

	finding_set(f, VERDICT_OK, NULL, "");
	if (mount->r >= 0)
		finding_foreign(&f->what, mount->text);
	else
		finding_error(&f->what, "options of /proc", mount->r);
	if (m->probe[PROBE_PROC].r < 0) {
		finding_worsen(f, VERDICT_BROKEN);
		finding_error(&f->why, "/proc does not show us", m->probe[PROBE_PROC].r);
		buf_str(&f->todo, "mount -t proc proc /proc");
		return;
	}
	if (mount->r < 0)
		finding_worsen(f, VERDICT_NOTE);
	if (m->probe[PROBE_CHILDREN].r < 0 || m->probe[PROBE_CHILDREN].value[0] == 0) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "no lists of children: see membership");
	}
	if (mount->value[0] != 0) {
		finding_worsen(f, m->uid == 0 ? VERDICT_NOTE : VERDICT_WEAK);
		finding_add(&f->why,
			    m->uid == 0 ? "hidepid: for others than root, members of another user are hidden"
					: "hidepid: members that became another user (sudo) are hidden");
		finding_add(&f->todo, "mount -o remount,hidepid=0 /proc, or gid= with a group of this user");
	}
	if (mount->value[1] != 0) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "subset=pid: no boot id, no load, no pressure");
		finding_add(&f->todo, "mount -t proc proc /proc");
	}
}

void judge_pidfd(const struct machine *m, struct diagnosis *f)
{
	static const enum probe_id asked[] = { PROBE_PIDFD, PROBE_PIDFD_SIGNAL };
	static const char *const name[] = { "pidfd_open", "pidfd_send_signal" };

	finding_set(f, VERDICT_OK, NULL, "");
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		int r = m->probe[asked[i]].r;
		if (i > 0)
			buf_str(&f->what, ", ");
		if (r >= 0) {
			buf_str(&f->what, name[i]);
			continue;
		}
		finding_worsen(f, VERDICT_WEAK);
		finding_error(&f->what, name[i], r);
	}
	buf_str(&f->what,
		m->probe[PROBE_PIDFS].r >= 0 ? ", inodes of their own" : ", no inodes of their own");
	if (f->verdict != VERDICT_OK)
		buf_str(&f->why, "see identity and kill");
	else if (m->probe[PROBE_PIDFS].r < 0)
		buf_str(&f->why, "inodes: Linux 6.9");
}

void judge_cgroup(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *at = &m->probe[PROBE_CGROUP], *own = &m->probe[PROBE_DELEGATION];

	finding_set(f, VERDICT_OK, NULL, "");
	if (at->r < 0) {
		finding_worsen(f, VERDICT_NOTE);
		buf_str(&f->what, at->value[0] ? "version 1 alone is mounted" : "none is mounted");
		return;
	}
	buf_str(&f->what, at->value[0] ? "version 2 beside version 1, at " : "version 2, at ");
	finding_foreign(&f->what, at->text);
	if (own->r >= 0) {
		buf_str(&f->what, own->value[0] ? ", ours to divide, with cgroup.kill" : ", ours to divide");
		return;
	}
	finding_worsen(f, VERDICT_NOTE);
	buf_str(&f->what, own->r == -EPERM ? ", not delegated" : ", delegated but not writable");
	buf_str(&f->why, "--cgroup DIR needs one that is");
}

void judge_perf(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *perf = &m->probe[PROBE_PERF];

	finding_set(f, perf->r >= 0 ? VERDICT_OK : VERDICT_NOTE, NULL, "");
	buf_str(&f->what, "perf_event_paranoid ");
	if (perf->value[0] == 0)
		buf_str(&f->what, "not known");
	else
		buf_i64(&f->what, (int64_t)perf->value[0] - 2);
	buf_str(&f->what, perf->r >= 0 ? ", task records allowed" : ", task records denied");
	if (perf->r < 0)
		finding_error(&f->why, "perf_event_open", perf->r);
}

void judge_psi(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *psi = &m->probe[PROBE_PSI];

	finding_set(f, VERDICT_OK, NULL, "");
	if (psi->value[0] == 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->what, "/proc/pressure", psi->r < 0 ? psi->r : -EOPNOTSUPP);
		buf_str(&f->why, "end lines of failures go without it");
		buf_str(&f->todo, "a kernel with CONFIG_PSI; psi=1 on its command line");
		return;
	}
	buf_str(&f->what,
		psi->r >= 0 ? "pressure can be read, triggers are allowed" : "pressure can be read");
	if (psi->r < 0)
		finding_error(&f->why, "a trigger", psi->r);
}

void judge_scheduling(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *fifo = &m->probe[PROBE_FIFO], *group = &m->probe[PROBE_AUTOGROUP];

	finding_set(f, VERDICT_OK, NULL, fifo->r >= 0 ? "SCHED_FIFO allowed" : "SCHED_FIFO denied");
	buf_str(&f->what, " (RLIMIT_RTPRIO ");
	if (fifo->value[0] == NUM_NONE)
		buf_str(&f->what, "unlimited");
	else
		buf_u64(&f->what, fifo->value[0]);
	buf_str(&f->what, group->r == 1   ? "), autogroup on"
			  : group->r == 0 ? "), autogroup off"
					  : "), no autogroup");
	buf_str(&f->why, "no rung of this version needs it");
}

static void put_limit(struct buf *b, uint64_t limit, bool is_size)
{
	if (limit == NUM_NONE)
		buf_str(b, "unlimited");
	else if (is_size)
		num_format_size(b, limit);
	else
		buf_u64(b, limit);
}

/* "1024 of 1048576 at most"; false: not known. */
static bool put_limits(struct diagnosis *f, const struct probe_answer *a, bool is_size)
{
	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->what, "getrlimit", a->r);
		return false;
	}
	put_limit(&f->what, a->value[0], is_size);
	if (a->value[1] != a->value[0]) {
		buf_str(&f->what, ", can be raised to ");
		put_limit(&f->what, a->value[1], is_size);
	}
	return true;
}

void judge_limit_processes(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_LIMIT_PROCESSES];

	if (!put_limits(f, a, false))
		return;
	if (m->uid == 0) {
		buf_str(&f->why, "it does not bind root");
		return;
	}
	buf_str(&f->why, "of all processes of this user, threads too");
	if (a->value[0] >= PROCESSES_EASY)
		return;
	finding_worsen(f, VERDICT_WEAK);
	buf_str(&f->why, ": a run takes two besides the job");
	buf_str(&f->todo, "ulimit -u 4096, or /etc/security/limits.conf");
}

void judge_limit_files(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_LIMIT_FILES];

	if (!put_limits(f, a, false))
		return;
	if (a->value[1] >= FILES_EASY)
		return;
	finding_worsen(f, a->value[1] < FILES_NEEDED ? VERDICT_BROKEN : VERDICT_WEAK);
	buf_str(&f->why, "a guard keeps ");
	buf_u64(&f->why, FILES_PER_MEMBER);
	buf_str(&f->why, " open for each member; more members are looked up by number each time");
	buf_str(&f->todo, "ulimit -Hn 4096, or /etc/security/limits.conf");
}

void judge_limit_locked(const struct machine *m, struct diagnosis *f)
{
	if (put_limits(f, &m->probe[PROBE_LIMIT_LOCKED], true))
		buf_str(&f->why, "this version locks no memory");
}

static bool is_slow_source(const char *name)
{
	static const char *const slow[] = { "jiffies", "acpi_pm", "hpet", "refined-jiffies" };
	for (size_t i = 0; i < COUNT_OF(slow); i++)
		if (strcmp(name, slow[i]) == 0)
			return true;
	return false;
}

void judge_clock(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_CLOCK];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0) {
		finding_worsen(f, VERDICT_BROKEN);
		finding_error(&f->what, "no CLOCK_BOOTTIME", a->r);
		return;
	}
	buf_str(&f->what, "up ");
	num_format_duration(&f->what, a->value[0]);
	if (a->value[0] > a->value[1] + NS_PER_S) {
		buf_str(&f->what, ", ");
		num_format_duration(&f->what, a->value[0] - a->value[1]);
		buf_str(&f->what, " of it suspended");
	}
	buf_str(&f->what, ", source ");
	finding_foreign(&f->what, a->text[0] != '\0' ? a->text : "not known");
	if (m->probe[PROBE_TIME_NS].r > 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_add(&f->why, "a time namespace: records of it cannot be verified from outside");
	}
	if (is_slow_source(a->text)) {
		finding_worsen(f, VERDICT_NOTE);
		finding_add(&f->why, "a slow source: each reading of the clock is a system call or worse");
	}
	if (a->value[2] < WALL_MIN_NS || a->value[2] > WALL_MAX_NS) {
		finding_worsen(f, VERDICT_WEAK);
		finding_add(&f->why, "the wall clock is not set: the history will name wrong times");
		buf_str(&f->todo, "timedatectl set-ntp true");
	}
}

static void put_id(const struct machine *m, enum probe_id id, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[id];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r >= 0)
		finding_foreign(&f->what, a->text);
	else if (a->r == -EBADMSG)
		buf_str(&f->what, "no id in its file");
	else
		finding_error(&f->what, "not known", a->r);
}

void judge_boot_id(const struct machine *m, struct diagnosis *f)
{
	put_id(m, PROBE_BOOT_ID, f);
	if (m->probe[PROBE_BOOT_ID].r >= 0)
		return;
	finding_worsen(f, VERDICT_WEAK);
	buf_str(&f->why, "records cannot tell this boot from another");
	buf_str(&f->todo, "mount -t proc proc /proc");
}

void judge_machine_id(const struct machine *m, struct diagnosis *f)
{
	put_id(m, PROBE_MACHINE_ID, f);
	if (m->probe[PROBE_MACHINE_ID].r >= 0)
		return;
	finding_worsen(f, VERDICT_NOTE);
	buf_str(&f->why, "a home directory that several machines see has one state for all of them");
	buf_str(&f->todo, "systemd-machine-id-setup");
}

void judge_pid_namespace(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_PID_NS];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0)
		finding_error(&f->what, "not known", a->r);
	else
		buf_str(&f->what, a->r > 0 ? "one of its own" : "the first");
	if (a->value[1] != 0)
		buf_str(&f->what, ", and we are its PID 1");
	if (a->r != 0) {
		finding_worsen(f, VERDICT_NOTE);
		buf_str(&f->why, "records made here cannot be verified from another one");
	}
}

void judge_user_namespace(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_USER_NS];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0)
		finding_error(&f->what, "not known", a->r);
	else
		buf_str(&f->what, a->r > 0 ? "one of its own" : "the first");
	if (a->r == 0)
		return;
	finding_worsen(f, VERDICT_NOTE);
	buf_str(&f->why, "uid ");
	buf_u64(&f->why, m->uid);
	buf_str(&f->why, " of here may be another outside: state is not shared across");
}

void judge_seccomp(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_SECCOMP];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->what, "not known", a->r);
	} else if (a->r > 0) {
		finding_worsen(f, VERDICT_NOTE);
		buf_u64(&f->what, a->value[0]);
		buf_str(&f->what, a->value[0] == 1 ? " filter" : " filters");
		buf_str(&f->why, "calls may be denied that the machine allows: the other lines tell");
	} else {
		buf_str(&f->what, "no filter");
	}
	if (a->value[1] == 0)
		return;
	finding_worsen(f, VERDICT_NOTE);
	buf_str(&f->what, ", no new privileges");
	finding_add(&f->why, "sudo and other set-uid programs gain nothing here");
}

void judge_ptrace_scope(const struct machine *m, struct diagnosis *f)
{
	int r = m->probe[PROBE_PTRACE_SCOPE].r;

	finding_set(f, VERDICT_OK, NULL, "");
	if (r == -ENOENT) {
		buf_str(&f->what, "no Yama");
	} else if (r < 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->what, "not known", r);
	} else {
		buf_str(&f->what, "Yama ");
		buf_i64(&f->what, r);
		buf_str(&f->why, "it binds debuggers, not what the reader reads");
	}
}

void judge_logout(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *a = &m->probe[PROBE_LOGOUT];

	finding_set(f, VERDICT_OK, NULL, "");
	if (a->r < 0) {
		finding_worsen(f, VERDICT_NOTE);
		finding_error(&f->what, "not known", a->r);
		return;
	}
	buf_str(&f->what, a->r > 0 ? "KillUserProcesses=yes" : "KillUserProcesses=no");
	if (a->text[0] != '\0') {
		buf_str(&f->what, " in ");
		finding_foreign(&f->what, a->text);
	} else {
		buf_str(&f->what, " by default");
	}
	if (a->r == 0) {
		buf_str(&f->what, ": detached runs outlive the logout");
		return;
	}
	if (m->uid == 0 && a->value[0] == 0) {
		buf_str(&f->what, ", root excepted: detached runs outlive the logout");
		return;
	}
	finding_worsen(f, VERDICT_NOTE);
	buf_str(&f->what, ": detached runs end at logout");
	buf_str(&f->todo,
		"loginctl enable-linger, and systemd-run --user --scope spawnguard run --detach ...");
}

/* A record of a run whose guards are dead, and who is left of it. */
#ifndef SG_UNIT_LEFT_H
#define SG_UNIT_LEFT_H

#include "apart.h"
#include "run/orphans.h"
#include "store/record.h"

#define TICK_NS 10000000U /* of the start time that /proc tells */
#define MARK    "SPAWNGUARD_RUN_ID="

/* No other test on this machine looks for processes of this run, or ends them. */
static char run_mark[sizeof(MARK) + 32];
#define RUN (run_mark + sizeof(MARK) - 1)

static inline void name_run(void)
{
	snprintf(run_mark, sizeof(run_mark), MARK "%08x%08xa0a0456789abcdef", (unsigned)getpid(),
		 (unsigned)os_clock_boot_ns());
}

static struct scratch scratch;
static struct record record;
static struct record_slot slot[64];
static struct orphans o;

static inline void begin(void)
{
	struct record_head head = { .started_boot_ns = os_clock_boot_ns(), .uid = geteuid() };
	struct record_state state = { .phase = PHASE_RUNNING };
	name_run();
	memcpy(head.run_id, RUN, strlen(RUN) + 1);
	nest_open();
	scratch_make(&scratch);
	scratch_mkdir(&scratch, "runs");
	AUTO_FD int fd = record_create(scratch.fd, &head, NULL);
	assert_int_equal(record_write_state(fd, &state, record_seed(RUN)), 0);
	assert_int_equal(record_open(scratch.fd, RUN, &record), 0);
	tree_init(&tree, nest.ready[0]);
	o = (struct orphans){ .record = &record, .tree = &tree, .group = -1, .slot = slot, .slot_max = 64 };
}

static inline void finish(void)
{
	failnth_arm(NULL);
	FOR_EACH_MEMBER (&tree, m)
		if (m->handle >= 0)
			(void)os_pidfd_signal(m->handle, SIGKILL);
	record_close(&record);
	scratch_remove(&scratch);
	let_go(&tree);
}

static inline void write_slots(struct record_slot *slots, size_t n)
{
	assert_int_equal(record_write_slots(record.fd, slots, 0, n, record.seed), 0);
}

static inline bool is_listed(pid_t pid)
{
	for (uint32_t i = 0; i < o.listed_count; i++)
		if (o.listed[i] == pid)
			return true;
	return false;
}

static inline void body_marked(int with_session)
{
	char *argv[] = { "/bin/sleep", "60", NULL }, *env[] = { run_mark, NULL };
	if (with_session)
		(void)setsid();
	(void)!write(nest.ready[1], "", 1);
	(void)execve(argv[0], argv, env);
}

/* Its exec comes after its word. */
static inline void wait_for_exec(pid_t pid)
{
	struct proc_stat stat;
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(os_proc_stat(pid, &stat), 0);
	} while (strcmp(stat.comm, "sleep") != 0);
}

static inline pid_t marked(int with_session)
{
	pid_t pid = victim(body_marked, with_session);
	wait_ready(1);
	wait_for_exec(pid);
	return pid;
}

static inline struct record_slot weak_slot(pid_t pid)
{
	struct record_slot weak = { .id = id_of(pid), .depth = 1 };
	weak.id.pidfs_ino = 0; /* before 6.9 */
	return weak;
}

static inline void end_marked(pid_t pid)
{
	(void)kill(pid, SIGKILL); /* an unreaped child of ours */
}

#endif

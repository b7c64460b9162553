/* layer: tree */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "held.h"
#include "os/wait.h"
#include "tree/hold.h"
#include "tree/sweep.h"
#include "tree/walk.h"

#define NOBODY   65534
#define WAIT_NS  20000000000ULL
#define PAGE_KIB 4

/* The one at work; as in a guard it stands in no stack. */
static struct tree tree;
static int fds_before;
static struct rlimit files_at_start;

static int count_fds(void)
{
	int count = 0;
	DIR *fds = opendir("/proc/self/fd");
	while (fds && readdir(fds))
		count++;
	closedir(fds);
	return count;
}

/* ---- a test's life */

static pid_t begin(victim_body *body, int arg, size_t ready)
{
	fds_before = count_fds();
	return hold_job(&tree, body, arg, ready);
}

/* As the warden does: reap, and tell the tree.  False: nobody is left. */
static bool reap(void)
{
	struct os_child child;
	int r;
	while ((r = os_wait_any(&child)) > 0)
		if (child.has_ended)
			tree_forget(&tree, child.pid);
	return r != -ECHILD;
}

static void release(void)
{
	let_go(&tree);
	assert_int_equal(count_fds(), fds_before);
}

/* KILL until all are gone: must succeed whatever the test was about. */
static void end(void)
{
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (reap()) {
		if (os_clock_boot_ns() > end_ns)
			fail_msg("%u members cannot be ended", tree_count_alive(&tree));
		(void)sweep_kill(&tree, os_clock_boot_ns());
		(void)poll(NULL, 0, 1);
	}
	release();
}

static uint64_t walk_as(enum walk how)
{
	uint64_t births = 0;
	do {
		assert_int_equal(tree_prepare(&tree), 0);
		births += tree_walk(&tree, os_clock_boot_ns(), how);
	} while (tree.crowded || tree.again); /* a busy machine cuts a walk short */
	return births;
}

static uint64_t walk(void)
{
	return walk_as(WALK_WHOLE);
}

static uint64_t look(void)
{
	return walk_as(WALK_LOOK);
}

/* Members but the root. */
static size_t members(void)
{
	size_t count = 0;
	FOR_EACH_MEMBER (&tree, m)
		count += !(m->flags & (MEMBER_ROOT | MEMBER_DEAD));
	return count;
}

static size_t at_depth(unsigned depth)
{
	size_t count = 0;
	FOR_EACH_MEMBER (&tree, m)
		count += !(m->flags & MEMBER_ROOT) && m->depth == depth;
	return count;
}

static struct member *one_at_depth(unsigned depth)
{
	FOR_EACH_MEMBER (&tree, m)
		if (!(m->flags & MEMBER_ROOT) && m->depth == depth)
			return m;
	fail_msg("no member at depth %u", depth);
	return NULL;
}

/* What must hold of any table at any time. */
static void check_table(void)
{
	for (size_t i = 0; i < tree.count; i++) {
		struct member *m = &tree.member[i];
		assert_ptr_equal(tree_find(&tree, m->id.pid), m); /* each number once, and found */
		assert_true(m->id.pid > 1);
		if (m->flags & MEMBER_ROOT)
			continue;
		assert_true(m->depth >= 1 && m->depth <= tree.peak_depth);
		assert_non_null(memchr(m->comm, '\0', sizeof(m->comm)));
	}
	assert_true(tree.count <= tree.capacity);
	assert_null(tree_find(&tree, 1));
	assert_null(tree_find(&tree, 0));
	assert_null(tree_find(&tree, INT32_MAX));
}

/* Look again until `is_true`; each time with a new walk. */
static void walk_until(const char *what, bool (*is_true)(void))
{
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		(void)reap();
		(void)walk();
		if (is_true())
			return;
		(void)poll(NULL, 0, 1);
	} while (os_clock_boot_ns() < end_ns);
	fail_msg("%s does not come true", what);
}

/* ---- the table alone */

static void rungs_have_names(void **state)
{
	(void)state;
	assert_string_equal(identity_name(IDENTITY_PIDFS), "pidfs");
	assert_string_equal(identity_name(IDENTITY_PIDFD), "pidfd");
	assert_string_equal(identity_name(IDENTITY_PROCFD), "procfd");
	assert_string_equal(identity_name(IDENTITY_WEAK), "weak");
	assert_string_equal(identity_name(IDENTITY_COUNT), "unknown");
}

static void the_table_grows_only_when_it_is_told(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	tree_init(&tree, nest.ready[0]);
	for (int i = 0; i < TREE_FIRST; i++)
		assert_non_null(tree_append(&tree, 100000 + i * 7));
	assert_null(tree_append(&tree, 2));
	assert_true(tree.crowded);
	assert_ptr_equal(tree.member, tree.first); /* not a byte of the heap so far */
	assert_int_equal(tree_prepare(&tree), 0);
	assert_false(tree.crowded);
	assert_int_equal(tree.capacity, 2 * TREE_FIRST);
	assert_non_null(tree_append(&tree, 2));
	for (int i = 0; i < TREE_FIRST; i++)
		assert_int_equal(tree_find(&tree, 100000 + i * 7)->id.pid, 100000 + i * 7);

	/* Every second one is gone: the others stay, in their order, and their numbers can come again. */
	for (int i = 0; i < TREE_FIRST; i += 2) {
		tree_forget(&tree, 100000 + i * 7);
		assert_null(tree_find(&tree, 100000 + i * 7));
	}
	tree_forget(&tree, 4711); /* nobody */
	struct member *again = tree_append(&tree, 100000);
	assert_ptr_equal(tree_find(&tree, 100000), again);
	tree_compact(&tree);
	assert_int_equal(tree.count, TREE_FIRST / 2 + 2);
	assert_non_null(tree_find(&tree, 100000));
	for (int i = 1; i < TREE_FIRST; i += 2)
		assert_ptr_equal(tree_find(&tree, 100000 + i * 7), &tree.member[i / 2]);
	tree_compact(&tree);
	assert_int_equal(tree.count, TREE_FIRST / 2 + 2);
	release();
}

/* Who found no room counts, though there is some by now: others may have gone since. */
static void the_table_grows_for_who_found_no_room(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_prepare(&tree), 0);
	assert_int_equal(tree.capacity, TREE_FIRST); /* nobody did */
	assert_false(tree.again);
	tree.crowded = true;
	assert_int_equal(tree_prepare(&tree), 0);
	assert_int_equal(tree.capacity, 2 * TREE_FIRST);
	assert_true(tree.again);
	assert_false(tree.crowded);
	release();
}

/* Numbers that meet in one place of the index. */
static void numbers_that_collide_are_told_apart(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	tree_init(&tree, nest.ready[0]);
	for (int i = 1; i <= TREE_FIRST; i++)
		assert_non_null(tree_append(&tree, i * (1 << 16) + 2));
	for (int i = 1; i <= TREE_FIRST; i++) {
		assert_int_equal(tree_find(&tree, i * (1 << 16) + 2)->id.pid, i * (1 << 16) + 2);
		assert_null(tree_find(&tree, i * (1 << 16) + 3));
	}
	for (int i = 1; i <= TREE_FIRST; i++) {
		tree_forget(&tree, i * (1 << 16) + 2);
		tree_compact(&tree);
		assert_int_equal(tree.count, TREE_FIRST - i);
	}
	release();
}

/* ---- walks */

static void finds_children_and_theirs(void **state)
{
	(void)state;
	pid_t job = begin(body_two_levels, 3, 10);
	assert_int_equal(walk(), 9); /* the job was known */
	assert_int_equal(members(), 10);
	assert_int_equal(at_depth(1), 1);
	assert_int_equal(at_depth(2), 3);
	assert_int_equal(at_depth(3), 6);
	assert_int_equal(tree.peak_depth, 3);
	assert_int_equal(tree.procs, 10);
	assert_int_equal(tree.seen, 10);
	assert_true(tree.rss_pages > 10);
	assert_int_equal(tree_count_alive(&tree), 10);
	assert_false(tree.starved || tree.crowded || tree.again);
	check_table();

	struct member *m = tree_find(&tree, job);
	assert_true(m->flags & MEMBER_JOB);
	assert_int_equal(m->ppid, getpid());
	assert_true(m->id.start_ticks > 0);
	FOR_EACH_MEMBER (&tree, each) {
		if (each->flags & MEMBER_ROOT)
			continue;
		if (each->depth == 2)
			assert_int_equal(each->ppid, job);
		assert_int_equal(each->id.pidfs_ino != 0, tree.rung == IDENTITY_PIDFS);
		assert_true(each->handle >= 0 && each->children_fd >= 0 && each->statm_fd >= 0);
		assert_int_equal(fcntl(each->handle, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fcntl(each->children_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	}
	assert_int_equal(walk(), 0); /* once is enough */
	assert_int_equal(tree.seen, 10);
	end();
}

static void finds_three_hundred_at_once(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	assert_int_equal(walk(), 300);
	assert_int_equal(members(), 301);
	assert_int_equal(at_depth(2), 300);
	check_table();
	end();
}

/* Without room, as many as there is room for: and it says so. */
static void a_full_table_is_walked_in_portions(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), TREE_FIRST - 2);
	assert_true(tree.crowded);
	assert_int_equal(tree.count, TREE_FIRST);
	check_table();
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), 0);
	assert_true(tree.crowded); /* still */
	/* With room the next look is a whole one, though nobody was born meanwhile. */
	uint64_t births = 0;
	while (tree.crowded) {
		assert_int_equal(tree_prepare(&tree), 0);
		births += tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
	}
	assert_int_equal(births, 300 - (TREE_FIRST - 2));
	assert_int_equal(members(), 301);
	end();
}

/* A list of children that is longer than a page. */
static void finds_a_thousand_at_once(void **state)
{
	(void)state;
	struct rlimit files, most;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	most = (struct rlimit){ files.rlim_max, files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
	(void)begin(body_wide, 1000, 1001);
	assert_int_equal(walk(), 1000);
	assert_int_equal(members(), 1001);
	check_table();
	end();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void finds_a_hundred_deep(void **state)
{
	(void)state;
	(void)begin(body_deep, 100, 100);
	assert_int_equal(walk(), 99);
	assert_int_equal(tree.peak_depth, 100);
	for (unsigned depth = 1; depth <= 100; depth++)
		assert_int_equal(at_depth(depth), 1);
	check_table();
	end();
}

static void finds_children_of_threads(void **state)
{
	(void)state;
	(void)begin(body_threads, 3, 7);
	assert_int_equal(walk(), 3);
	assert_int_equal(at_depth(2), 3);
	check_table();
	end();
}

static void finds_children_of_threads_that_are_gone(void **state)
{
	(void)state;
	(void)begin(body_threads_gone, 3, 4);
	assert_int_equal(walk(), 3);
	assert_int_equal(at_depth(2), 3);
	end();
}

/* /proc calls it a zombie; its other thread runs. */
static void a_process_without_its_first_thread_is_alive(void **state)
{
	(void)state;
	for (int rung = 0; rung < 2; rung++) {
		struct proc_stat stat;
		pid_t job = begin(body_leader_gone, 0, 2);
		if (rung == 1)
			tree.rung = IDENTITY_PROCFD;
		assert_int_equal(walk(), 1);
		uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
		do
			assert_int_equal(os_proc_stat(job, &stat), 0);
		while (stat.state != 'Z' && os_clock_boot_ns() < end_ns);
		assert_int_equal(stat.state, 'Z');
		assert_false(hold_is_dead(&tree, tree_find(&tree, job)));
		assert_int_equal(walk(), 0);
		assert_int_equal(members(), 2);
		assert_int_equal(tree_count_alive(&tree), 2);
		end();
	}
}

/* Their parents are gone before we have seen them: they have come to us. */
static void finds_daemons_as_our_own_children(void **state)
{
	(void)state;
	(void)begin(body_daemons, 3, 4);
	assert_int_equal(walk(), 3);
	assert_int_equal(at_depth(1), 4);
	FOR_EACH_MEMBER (&tree, m)
		if (!(m->flags & MEMBER_ROOT))
			assert_int_equal(m->ppid, getpid());
	end();
}

static bool has_three(void)
{
	return members() == 3;
}

static void who_is_reaped_is_dropped(void **state)
{
	(void)state;
	pid_t job = begin(body_server, 3, 4); /* reaps its children itself */
	assert_int_equal(walk(), 3);
	int before = count_fds();
	pid_t pid = one_at_depth(2)->id.pid;
	assert_int_equal(kill(pid, SIGKILL), 0);
	walk_until("a member less", has_three);
	assert_null(tree_find(&tree, pid));
	assert_non_null(tree_find(&tree, job));
	assert_int_equal(tree.procs, 3);
	assert_int_equal(tree.seen, 4);            /* it has been there */
	assert_int_equal(count_fds(), before - 4); /* what was kept of it is closed */
	check_table();
	end();
}

static void who_is_born_later_is_found_later(void **state)
{
	(void)state;
	const pid_t any = 0;
	(void)begin(body_server, 1, 2);
	assert_int_equal(walk(), 1);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
		wait_ready(1);
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK),
				 1); /* quick, but something was born */
		assert_int_equal(members(), 3 + i);
	}
	end();
}

/* For an end: who is there, and of them nothing else.  And not twice, where nobody can have come. */
static void an_end_reads_no_more_than_it_needs(void **state)
{
	(void)state;
	const pid_t any = 0;
	(void)begin(body_server, 1, 2);
	tree.wants = SAMPLE_MEMORY | SAMPLE_STAT;
	assert_int_equal(walk_as(WALK_SWEEP), 1);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal(m->rss_pages | m->sample.known, 0);
	assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
	wait_ready(1);
	assert_int_equal(walk_as(WALK_AGAIN), 1);
	assert_int_equal(walk(), 0);
	FOR_EACH_MEMBER (&tree, m) {
		if (m->flags & MEMBER_ROOT)
			continue;
		assert_true(m->rss_pages > 0);
		assert_int_equal(m->sample.known, 0); /* what the rules ask for is for looks */
	}
	(void)look();
	FOR_EACH_MEMBER (&tree, m)
		assert_true(m->flags & MEMBER_ROOT || m->sample.known & SAMPLE_STAT);
	end();
}

/* Quick: nobody was born, so only memory is read; but who is gone takes no memory. */
static void memory_of_the_dead_does_not_count(void **state)
{
	(void)state;
	for (enum walk how = WALK_LOOK; how <= WALK_WHOLE; how++) {
		const uint64_t pages = 64 * 1024 / PAGE_KIB;
		(void)begin(body_server, 0, 1);
		pid_t big = victim(body_memory, 64); /* a child of ours: reaped when we say so */
		wait_ready(1);
		assert_int_equal(walk(), 1);
		assert_true(tree.rss_pages >= pages);
		assert_true(tree_find(&tree, big)->rss_pages >= pages);
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), 0);
		assert_true(tree.rss_pages >= pages);

		assert_int_equal(kill(big, SIGKILL), 0);
		uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
		while (!hold_is_dead(&tree, tree_find(&tree, big)) && os_clock_boot_ns() < end_ns)
			(void)poll(NULL, 0, 1);
		(void)tree_walk(&tree, os_clock_boot_ns(), how);
		assert_true(tree.rss_pages < pages); /* a zombie has none */
		assert_int_equal(tree.procs, 2);
		assert_int_equal(tree_count_alive(&tree), 1);

		assert_int_equal(waitpid(big, NULL, 0), big); /* reaped, and the tree is not told */
		(void)tree_walk(&tree, os_clock_boot_ns(), how);
		assert_int_equal(tree.procs, 1);
		assert_true(tree.rss_pages < pages);
		end();
	}
}

static void *idle(void *with)
{
	stand();
	return with;
}

static void burn(void)
{
	struct rusage used;
	do
		(void)getrusage(RUSAGE_SELF, &used);
	while (used.ru_utime.tv_sec == 0 && used.ru_utime.tv_usec + used.ru_stime.tv_usec < 50000);
}

/* Does what it is told, a byte each. */
static void body_obedient(int arg)
{
	pthread_t thread;
	char order;

	(void)arg;
	(void)!write(nest.ready[1], "", 1);
	while (read(nest.orders[0], &order, 1) == 1) {
		if (order == 'c') {
			burn();
		} else if (order == 'f') {
			(void)!dup(0);
			(void)!dup(0);
		} else if (order == 't') {
			(void)pthread_create(&thread, NULL, idle, NULL); /* which says that it stands */
			continue;
		} else if (order == 'w') { /* for a child that has used CPU time */
			pid_t child = fork();
			if (child == 0) {
				burn();
				_exit(0);
			}
			(void)waitpid(child, NULL, 0);
		}
		(void)!write(nest.ready[1], "", 1);
	}
	stand();
}

static struct sample after(char order)
{
	(void)!write(nest.orders[1], &order, 1);
	wait_ready(1);
	(void)look();
	return tree.member[1].sample;
}

/* Nothing is read again of who has not run, and nothing that it did since is missed. */
static void who_rests_is_not_asked_again(void **state)
{
	(void)state;
	(void)begin(body_obedient, 0, 1);
	tree.wants = SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS;
	(void)look();
	struct member *m = &tree.member[1];
	if (m->ran_ns == 0) {
		end();
		skip(); /* a kernel that does not count how long threads run */
	}
	struct sample was = m->sample;
	assert_int_equal(was.threads, 1);
	uint64_t before_ns;
	do { /* it was seen on its way to its rest */
		before_ns = m->ran_ns;
		(void)look();
	} while (m->ran_ns != before_ns);
	m->sample.threads = 1;
	m->sample.child_faults = 4711;
	m->sample.fds = 4711;
	(void)look();
	assert_int_equal(m->sample.child_faults, 4711);
	assert_int_equal(m->sample.fds, 4711);

	assert_int_equal(after('f').fds, was.fds + 2);
	assert_int_equal(m->sample.child_faults, was.child_faults);
	assert_true(after('c').cpu_ns >= was.cpu_ns + 40000000);
	assert_int_equal(m->sample.waited_ns, was.waited_ns);
	assert_true(after('w').waited_ns >= was.waited_ns + 40000000);
	assert_true(m->sample.child_faults > was.child_faults);
	assert_int_equal(after('t').threads, 2);
	m->sample.child_faults = 4711; /* of one with threads the file tells of the first alone */
	(void)look();
	assert_true(m->sample.child_faults != 4711);
	end();
}

/* Its memory is asked for less often, but is: others can fill it while it does not run. */
static void memory_that_others_fill_is_seen(void **state)
{
	(void)state;
	const size_t bytes = 8U << 20;
	char *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *full = malloc(bytes);
	assert_true(room != MAP_FAILED && full);
	memset(full, 1, bytes);
	(void)begin(body_obedient, 0, 1);
	tree.wants = SAMPLE_MEMORY | SAMPLE_STAT;
	struct member *m = &tree.member[1];
	for (int i = 0; i < 20; i++)
		(void)look();
	uint64_t before = m->rss_pages;
	assert_true(before > 0 && before == m->sample.rss_bytes / 4096);
	struct iovec from = { full, bytes }, to = { room, bytes };
	bool is_written = process_vm_writev(m->id.pid, &from, 1, &to, 1, 0) == (ssize_t)bytes;
	for (int i = 0; i < 16; i++)
		(void)look();
	uint64_t after_it = m->sample.rss_bytes / 4096;
	free(full);
	(void)munmap(room, bytes);
	end();
	if (!is_written)
		skip(); /* nobody may write into another here */
	assert_true(after_it >= before + bytes / 4096);
}

static pid_t accepted;

static bool accepts_one(void *with, pid_t pid)
{
	assert_ptr_equal(with, &accepted);
	return pid == accepted;
}

/* A front that takes over: what it had before is not the job's. */
static void only_accepted_children_of_the_root_are_members(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	accepted = victim(body_wide, 2);
	pid_t other = victim(body_wide, 2);
	wait_ready(6);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree.accepts = accepts_one;
	tree.accepts_with = &accepted;
	assert_int_equal(walk(), 3);
	assert_non_null(tree_find(&tree, accepted));
	assert_null(tree_find(&tree, other));
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, 3);
	assert_int_equal(waitpid(accepted, NULL, 0), accepted);
	assert_int_equal(kill(other, 0), 0);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0); /* lives */
	release();
}

static void a_root_that_is_gone_is_told(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	pid_t gone = victim(body_stand, 0);
	wait_ready(1);
	assert_int_equal(kill(gone, SIGKILL), 0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, gone), -ESRCH);
	assert_int_equal(walk(), 0);
	assert_int_equal(members(), 0);
	release();
}

/* ---- sweeps */

static void term_reaches_each_member_once(void **state)
{
	(void)state;
	(void)begin(body_term, 4, 5);
	struct sweep_result swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false);
	assert_int_equal(swept.signalled, 5);
	assert_int_equal(swept.fresh, 5);
	assert_int_equal(swept.refused, 0);
	assert_int_equal(swept.alive, 5);
	wait_ready(5); /* each answers */
	swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false);
	assert_int_equal(swept.signalled, 0);
	assert_int_equal(swept.alive, 5);
	struct pollfd p = { .fd = nest.ready[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 50), 0);
	end();
}

static void term_goes_to_the_job_alone_if_asked(void **state)
{
	(void)state;
	pid_t job = begin(body_term, 4, 5);
	struct sweep_result swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, true);
	assert_int_equal(swept.signalled, 1);
	assert_int_equal(swept.alive, 5);
	wait_ready(1);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal((m->flags & MEMBER_TERMED) != 0, m->id.pid == job);
	swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false); /* the others, later */
	assert_int_equal(swept.signalled, 4);
	wait_ready(4);
	end();
}

/* Stopped processes keep a signal for later: they are continued. */
static void term_wakes_the_stopped(void **state)
{
	(void)state;
	pid_t job = begin(body_term, 0, 1);
	int status;
	assert_int_equal(kill(job, SIGSTOP), 0);
	assert_int_equal(waitpid(job, &status, WUNTRACED), job);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false).signalled, 1);
	wait_ready(1);
	end();
}

/* What a nested guard has below it is its own to end: as long as it is asked, not when it is killed. */
static void a_nested_guard_is_asked_alone(void **state)
{
	(void)state;
	pid_t job = begin(body_term, 0, 1);
	pid_t nested = victim(body_term, 3);
	wait_ready(4);
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	tree_find(&tree, nested)->flags |= MEMBER_GUARD;
	FOR_EACH_MEMBER (&tree, m)
		if (m->ppid == nested)
			m->flags |= MEMBER_GUARDED;
	struct sweep_result swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false);
	assert_int_equal(swept.signalled, 2);
	wait_ready(2);
	assert_true(tree_find(&tree, nested)->flags & MEMBER_TERMED);
	assert_true(tree_find(&tree, job)->flags & MEMBER_TERMED);
	assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).signalled, 5);
	swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, 5);
	assert_int_equal(swept.unasked, 3);
	end();
}

/* Born below a guard, or below what is guarded: guarded from first sight. */
static void what_a_nested_guard_makes_is_guarded(void **state)
{
	(void)state;
	pid_t job = begin(body_two_levels, 1, 4);
	tree_find(&tree, job)->flags |= MEMBER_GUARD;
	assert_int_equal(walk(), 3);
	FOR_EACH_MEMBER (&tree, m)
		if (!(m->flags & (MEMBER_ROOT | MEMBER_JOB)))
			assert_true(m->flags & MEMBER_GUARDED);
	end();
}

/*
 * A STOP that comes in the middle of a fork takes effect behind it (the kernel
 * keeps back all but fatal signals, since 4.19): one more may be born after a
 * sweep that met nobody new, and the next one stops it.
 */
static void a_stopped_tree_stops_growing(void **state)
{
	(void)state;
	(void)begin(body_breed, 0, 1);
	struct sweep_result swept;
	for (int rounds = 0, calm = 0; calm < 5; rounds++) {
		swept = sweep_stop(&tree, os_clock_boot_ns());
		calm = swept.fresh == 0 ? calm + 1 : 0;
		assert_true(rounds < 5000);
		if (calm > 0)
			(void)poll(NULL, 0, 3); /* three births, if they were not stopped */
	}
	size_t count = members();
	assert_true(count > 0);
	for (int i = 0; i < 5; i++) {
		(void)poll(NULL, 0, 3);
		assert_int_equal(walk(), 0);
	}
	assert_int_equal(members(), count);
	swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, count);
	end();
}

/* The sweep itself makes room for all that it meets. */
static void a_sweep_reaches_more_than_the_table_holds(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	struct sweep_result swept;
	uint32_t signalled = 0;
	do {
		swept = sweep_stop(&tree, os_clock_boot_ns());
		signalled += swept.signalled;
	} while (swept.fresh > 0);
	assert_int_equal(signalled, 301);
	assert_int_equal(members(), 301);
	swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, 301);
	assert_int_equal(swept.unasked, 301);
	end();
}

/* KILL comes first where there is no grace: who found no room is met by the next sweep, and it says so. */
static void a_kill_sweep_says_that_it_met_too_many(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, TREE_FIRST - 1);
	assert_int_equal(swept.fresh, swept.killed + 1);
	assert_true(tree.crowded);
	end();
}

static void count_met(void *with, struct member *m)
{
	assert_false(m->flags & MEMBER_ROOT);
	++*(unsigned *)with;
}

static void each_member_is_met_once(void **state)
{
	unsigned met = 0;
	(void)state;
	(void)begin(body_two_levels, 4, 13);
	tree.met = count_met;
	tree.met_with = &met;
	uint64_t births = walk();
	assert_true(births > 0 && met == births);
	(void)walk();
	assert_int_equal(met, births);
	tree.met = NULL;
	/* A sweep takes it for itself, and gives it up. */
	assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).fresh, 13);
	assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).fresh, 0);
	assert_null(tree.met);
	end();
}

/* Again to who does not die at once: it is no new one. */
static void a_second_kill_is_not_counted(void **state)
{
	(void)state;
	(void)begin(body_wide, 3, 4);
	assert_int_equal(walk(), 3);
	FOR_EACH_MEMBER (&tree, m)
		m->flags |= MEMBER_KILLED; /* as if it had been, and hung in the kernel */
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.alive, 4);
	assert_int_equal(swept.signalled, 4);
	assert_int_equal(swept.killed, 0);
	assert_int_equal(swept.fresh, 0);
	assert_int_equal(swept.unasked, 0);
	end();
}

static void kill_ends_all_and_counts_each_once(void **state)
{
	(void)state;
	(void)begin(body_two_levels, 4, 13);
	assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGCONT, false).signalled, 13); /* harmless */
	(void)victim(body_stand, 0); /* one more, that has not been asked */
	wait_ready(1);
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.alive, 14);
	assert_int_equal(swept.signalled, 14);
	assert_int_equal(swept.killed, 14);
	assert_int_equal(swept.unasked, 1);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (tree_count_alive(&tree) > 0 && os_clock_boot_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	assert_int_equal(tree_count_alive(&tree), 0); /* zombies are dead */
	swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.alive, 0);
	assert_int_equal(swept.killed, 0);
	while (reap())
		assert_true(os_clock_boot_ns() < end_ns);
	release();
}

/* Not as root: a child of another user, as a setuid program is. */
static int be_refused(pid_t stranger)
{
	tree_init(&tree, nest.ready[0]);
	if (setresuid(NOBODY, NOBODY, NOBODY) < 0 || tree_set_root(&tree, getpid()) < 0)
		return 2;
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	struct member *m = tree_find(&tree, stranger);
	if (!m || members() != 1)
		return 3;
	struct sweep_result swept = sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false);
	if (swept.signalled != 0 || swept.refused != 1 || swept.alive != 1)
		return 4;
	swept = sweep_stop(&tree, os_clock_boot_ns());
	if (swept.fresh != 0 || swept.refused != 1) /* not fresh: a sweep more would not help */
		return 5;
	swept = sweep_kill(&tree, os_clock_boot_ns());
	if (swept.killed != 0 || swept.fresh != 0 || swept.refused != swept.alive || swept.alive != 1)
		return 6;
	if (!(m->flags & MEMBER_REFUSED) || hold_is_dead(&tree, m) || hold_signal(&tree, m, 0) != -EPERM)
		return 7;
	return 0;
}

static void who_may_not_be_signalled_is_told(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root, for a child of another user\n");
		skip();
	}
	fds_before = count_fds();
	nest_open();
	pid_t guard = fork();
	if (guard == 0) {
		close(nest.life[1]);
		nest.life[1] = -1;
		_exit(be_refused(victim(body_stand, 0)));
	}
	wait_ready(1);
	int status;
	assert_int_equal(waitpid(guard, &status, 0), guard);
	assert_int_equal(status, 0);
	tree_init(&tree, nest.ready[0]);
	release(); /* the stranger ends with the nest, and comes to us */
}

/* ---- standing still */

static char state_of(pid_t pid)
{
	struct proc_stat stat;
	return os_proc_stat(pid, &stat) == 0 ? stat.state : 'X';
}

/* Freeze until nobody moves, as the guard does. */
static struct sweep_result freeze(void)
{
	struct sweep_result swept;
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		swept = sweep_freeze(&tree, os_clock_boot_ns());
	} while (swept.moving > 0);
	return swept;
}

static void a_frozen_tree_stands_and_goes_on(void **state)
{
	(void)state;
	pid_t job = begin(body_two_levels, 2, 7);
	pid_t stood = victim(body_stand, 0);
	wait_ready(1);
	assert_int_equal(kill(stood, SIGSTOP), 0);
	int status;
	assert_int_equal(waitpid(stood, &status, WUNTRACED), stood);

	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(swept.signalled, 7);
	assert_int_equal(swept.fresh, 7);
	assert_int_equal(swept.alive, 8);
	assert_int_equal(swept.late, 7);
	assert_int_equal(swept.moving, 7); /* the next look shows that they stand */
	swept = freeze();
	assert_int_equal(swept.alive, 8);
	assert_true(swept.fresh == 0 && swept.late == 0);
	FOR_EACH_MEMBER (&tree, m)
		if (!(m->flags & MEMBER_ROOT))
			assert_int_equal(state_of(m->id.pid), 'T');
	assert_true(tree_find(&tree, job)->flags & MEMBER_FROZEN);
	assert_false(tree_find(&tree, job)->flags & MEMBER_STOOD);
	assert_int_equal(tree_find(&tree, stood)->flags & (MEMBER_STOOD | MEMBER_FROZEN), MEMBER_STOOD);

	/* Somebody continues one: it is stopped again, and is no new one; who is continued that stood is. */
	assert_int_equal(kill(job, SIGCONT) | kill(stood, SIGCONT), 0);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (state_of(job) == 'T' || state_of(stood) == 'T')
		assert_true(os_clock_boot_ns() < end_ns);
	swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(swept.signalled, 2);
	assert_int_equal(swept.fresh, 1);
	assert_int_equal(tree_find(&tree, stood)->flags & (MEMBER_STOOD | MEMBER_FROZEN), MEMBER_FROZEN);
	(void)freeze();

	assert_int_equal(sweep_thaw(&tree).signalled, 8);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal(m->flags & (MEMBER_FROZEN | MEMBER_STOOD), 0);
	end_ns = os_clock_boot_ns() + WAIT_NS;
	FOR_EACH_MEMBER (&tree, m)
		while (!(m->flags & MEMBER_ROOT) && state_of(m->id.pid) == 'T')
			assert_true(os_clock_boot_ns() < end_ns);
	end();
}

static void who_stood_before_a_freeze_stands_after_it(void **state)
{
	(void)state;
	pid_t job = begin(body_stand, 0, 1);
	assert_int_equal(kill(job, SIGSTOP), 0);
	int status;
	assert_int_equal(waitpid(job, &status, WUNTRACED), job);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(swept.alive, 1);
	assert_true(swept.signalled == 0 && swept.moving == 0 && swept.fresh == 0);
	assert_int_equal(sweep_thaw(&tree).signalled, 0);
	assert_int_equal(state_of(job), 'T');
	end();
}

/* The dead do not move, and are no members; one that cannot show that it stands is waited for once. */
static void the_dead_and_the_leaderless_in_a_freeze(void **state)
{
	(void)state;
	pid_t job = begin(body_leader_gone, 0, 2);
	pid_t zombie = victim(body_daemon_parent, 0), gone = victim(body_stand, 0);
	wait_ready(2);
	assert_true(walk() >= 3);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (state_of(job) != 'Z' || state_of(zombie) != 'Z')
		assert_true(os_clock_boot_ns() < end_ns);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	/* The job (its leader has ended), its child, the orphan, the one that is to go. */
	assert_int_equal(swept.alive, 4);
	assert_int_equal(swept.signalled, 4);
	assert_int_equal(swept.moving, 4);
	swept = freeze();
	assert_int_equal(swept.alive, 4);
	assert_int_equal(swept.late, 1); /* the leaderless one: it may stand */
	assert_int_equal(kill(gone, SIGKILL), 0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_int_equal(sweep_freeze(&tree, os_clock_boot_ns()).alive, 3);
	end();
}

static void body_vfork(int arg)
{
	(void)arg;
	if (vfork() == 0)
		stand();
	stand();
}

/* It does not stop before the kernel lets go of it: no reason to go round and round. */
static void who_waits_in_the_kernel_is_waited_for_once(void **state)
{
	(void)state;
	pid_t job = begin(body_vfork, 0, 1);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (state_of(job) != 'D')
		assert_true(os_clock_boot_ns() < end_ns);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_true(swept.alive == 2 && swept.moving == 2);
	swept = freeze();
	assert_true(swept.alive == 2 && swept.late == 1);
	end();
}

static void a_nested_guard_freezes_its_own(void **state)
{
	(void)state;
	pid_t job = begin(body_stand, 0, 1);
	pid_t front = victim(body_two_levels, 1);
	wait_ready(4);
	assert_true(walk() >= 4);
	tree_find(&tree, front)->flags |= MEMBER_GUARD;
	FOR_EACH_MEMBER (&tree, m) /* its warden, and what is below that */
		if (!(m->flags & MEMBER_ROOT) && m->id.pid != job && m->id.pid != front)
			m->flags |= MEMBER_GUARDED;
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(swept.signalled, 1); /* the job */
	assert_int_equal(swept.alive, 3);     /* and two that are the warden's to stop */
	assert_int_equal(swept.fresh, 3);
	assert_int_equal(swept.late, 1);
	assert_int_equal(swept.moving, 3);
	assert_int_equal(state_of(front), 'S');
	assert_true(sweep_freeze(&tree, os_clock_boot_ns()).moving >= 2); /* until the warden has done so */
	assert_int_equal(sweep_thaw(&tree).signalled, 1);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal(m->flags & (MEMBER_GUARD | MEMBER_GUARDED), 0);
	end();
}

static void a_freeze_that_met_too_many_moves_on(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), TREE_FIRST - 2);
	struct sweep_result swept = freeze();
	assert_int_equal(swept.alive, 301);
	assert_int_equal(sweep_thaw(&tree).signalled, 301);
	end();
}

/* ---- the first process of a namespace */

/* It ends by itself when the others have: no signal but the last, and no member. */
static void an_init_is_walked_and_not_of_the_tree(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	pid_t init = victim(body_term, 1);
	wait_ready(2);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree.init = init;
	assert_int_equal(walk(), 2);
	const struct member *m = tree_find(&tree, init);
	assert_true(m->flags & MEMBER_INIT);
	assert_int_equal(m->depth, 0);
	assert_int_equal(tree.seen, 1);
	assert_int_equal(tree.procs, 1);
	assert_int_equal(at_depth(1), 1); /* its child is the job */
	pid_t job = one_at_depth(1)->id.pid;
	assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGTERM, false).signalled, 1);
	wait_ready(1);
	assert_int_equal(sweep_freeze(&tree, os_clock_boot_ns()).signalled, 1);
	(void)sweep_thaw(&tree);
	assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).signalled, 1);
	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 1);
	assert_int_equal(waitpid(init, NULL, WNOHANG), 0); /* alive: the job had still to die */
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (!hold_is_dead(&tree, tree_find(&tree, job)))
		assert_true(os_clock_boot_ns() < end_ns);
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_true(swept.killed == 0 && swept.alive == 0);
	int status;
	assert_int_equal(waitpid(init, &status, 0), init);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	release();
}

/* ---- is it over? */

/* Only by a root's own list of children: what that does not show may live. */
static void only_a_list_of_children_tells_that_all_are_dead(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	tree_init(&tree, nest.ready[0]);
	assert_false(sweep_kill(&tree, os_clock_boot_ns()).only_dead); /* no root */
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	assert_false(sweep_kill(&tree, os_clock_boot_ns()).only_dead); /* nobody: it is empty */
	pid_t dead = victim(body_daemon_parent, 0);
	wait_ready(1);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)dead, &info, WEXITED | WNOWAIT), 0);
	tree.accepts = accepts_one; /* not its orphan, which is ours now */
	tree.accepts_with = &accepted;
	accepted = dead;
	assert_int_equal(walk(), 1);
	assert_true(sweep_kill(&tree, os_clock_boot_ns()).only_dead);
	os_fd_close(&tree.member[0].children_fd);
	assert_false(sweep_kill(&tree, os_clock_boot_ns()).only_dead);
	release();
}

/* ---- the other ways to hold a process */

static void held_by_proc_it_works_the_same(void **state)
{
	(void)state;
	pid_t job = begin(body_two_levels, 3, 10);
	tree.rung = IDENTITY_PROCFD; /* before 5.3, or where a filter says no */
	assert_int_equal(walk(), 9);
	assert_int_equal(members(), 10);
	assert_int_equal(tree.rung, IDENTITY_PROCFD);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal(m->id.pidfs_ino != 0, (m->flags & MEMBER_JOB) != 0 && m->id.pidfs_ino != 0);
	assert_int_equal(tree_count_alive(&tree), 10);
	pid_t child = one_at_depth(2)->id.pid;
	assert_int_equal(kill(child, SIGKILL), 0);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (!hold_is_dead(&tree, tree_find(&tree, child)) && os_clock_boot_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	assert_true(hold_is_dead(&tree, tree_find(&tree, child))); /* a zombie of the job's */
	assert_false(hold_is_dead(&tree, tree_find(&tree, job)));
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, 9);
	end();
}

/* The last resort, within one run: a member without descriptors on a kernel without inodes of pidfds. */
static void without_an_inode_the_start_time_decides(void **state)
{
	(void)state;
	(void)begin(body_wide, 2, 3);
	tree.rung = IDENTITY_PROCFD;
	assert_int_equal(walk(), 2);
	struct member *m = one_at_depth(2);
	assert_int_equal(m->id.pidfs_ino, 0);
	member_close(m);
	assert_int_equal(hold_signal(&tree, m, 0), 0);
	assert_false(hold_is_dead(&tree, m));
	m->id.start_ticks++;
	assert_int_equal(hold_signal(&tree, m, 0), -ESRCH);
	assert_true(hold_is_dead(&tree, m));
	m->id.start_ticks--;
	assert_int_equal(hold_signal(&tree, m, SIGCONT), 0);
	end();
}

static void a_job_without_a_handle_is_held_by_its_number(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	pid_t job = victim(body_term, 2);
	wait_ready(3);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree_add_job(&tree, job, -1, os_clock_boot_ns());
	assert_int_equal(walk(), 2);
	assert_false(hold_is_dead(&tree, tree_find(&tree, job)));
	assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGTERM, true).signalled, 1);
	wait_ready(1);
	end();
}

static void the_root_is_never_signalled(void **state)
{
	(void)state;
	(void)begin(body_stand, 0, 1);
	assert_int_equal(hold_signal(&tree, tree_find(&tree, getpid()), SIGKILL), -EINVAL);
	struct member init = { .id = { .pid = 1 }, .handle = -1 },
		      all = { .id = { .pid = -1 }, .handle = -1 };
	assert_int_equal(hold_signal(&tree, &init, 0), -EINVAL);
	assert_int_equal(hold_signal(&tree, &all, 0), -EINVAL);
	end();
}

/* ---- where descriptors have run out */

/* From now on exactly `free_fds` more can be had. */
static struct rlimit leave_files(unsigned free_fds)
{
	struct rlimit was;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	rlim_t limit = 0;
	for (unsigned found = 0; limit < was.rlim_cur; limit++)
		if (fcntl((int)limit, F_GETFD) < 0 && found++ == free_fds)
			break;
	const struct rlimit low = { limit, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	return was;
}

static void body_mix(int arg)
{
	(void)arg;
	(void)victim(body_two_levels, 4); /* 13 */
	(void)victim(body_threads, 2);    /* 5, in 3 processes */
	(void)victim(body_deep, 6);       /* 6 */
	stand();
}
#define MIX_READY   25
#define MIX_MEMBERS 23

static void without_descriptors_members_are_found_and_killed(void **state)
{
	(void)state;
	const unsigned free_fds[] = { 0, 1, 2, 3, 4, 5, 6, 9, 13, 21, 60 };
	for (size_t i = 0; i < COUNT_OF(free_fds); i++) {
		(void)begin(body_mix, 0, MIX_READY);
		struct rlimit was = leave_files(free_fds[i]);
		(void)walk();
		(void)walk();
		if (members() != MIX_MEMBERS)
			fail_msg("with %u descriptors: %zu members", free_fds[i], members());
		assert_true(tree.starved);
		check_table();
		assert_int_equal(tree_count_alive(&tree), MIX_MEMBERS);
		assert_int_equal(walk(), 0);
		struct sweep_result swept = sweep_stop(&tree, os_clock_boot_ns());
		assert_int_equal(swept.signalled, MIX_MEMBERS);
		swept = sweep_stop(&tree, os_clock_boot_ns());
		assert_int_equal(swept.fresh, 0);
		swept = sweep_kill(&tree, os_clock_boot_ns());
		if (swept.killed != MIX_MEMBERS)
			fail_msg("with %u descriptors: %u killed", free_fds[i], swept.killed);
		uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
		while (tree_count_alive(&tree) > 0 && os_clock_boot_ns() < end_ns)
			(void)poll(NULL, 0, 1);
		assert_int_equal(tree_count_alive(&tree), 0);
		while (reap())
			assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		release();
	}
}

static void without_descriptors_a_long_list_is_read_whole(void **state)
{
	(void)state;
	(void)begin(body_wide, 300, 301);
	struct rlimit was = leave_files(0);
	assert_int_equal(tree_prepare(&tree), 0);
	assert_int_equal(walk(), 300);
	assert_int_equal(members(), 301);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	end();
}

/* A zombie that its parent does not reap is one member, not a new one at each walk. */
static void without_descriptors_a_zombie_is_counted_once(void **state)
{
	(void)state;
	(void)begin(body_wide, 4, 5);
	struct rlimit was = leave_files(1);
	(void)walk();
	(void)walk();
	assert_int_equal(members(), 5);
	assert_true(tree.starved);
	pid_t pid = one_at_depth(2)->id.pid;
	assert_int_equal(kill(pid, SIGKILL), 0);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	while (!hold_is_dead(&tree, tree_find(&tree, pid)) && os_clock_boot_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(walk(), 0);
		assert_int_equal(tree.seen, 5);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	end();
}

/* ---- identity */

static void a_recorded_identity_must_be_the_very_process(void **state)
{
	(void)state;
	pid_t job = begin(body_stand, 0, 1);
	struct proc_id id = id_of(job);
	bool has_pidfs = id.pidfs_ino != 0;
	/* clang-format off */
	const struct {
		const char *rule;
		struct proc_id id;
		int result; /* 0: a handle */
	} rows[] = {
		{ "the process itself",                  id,                                              has_pidfs ? 0 : -EAGAIN },
		{ "another inode",                       { id.pid, 0, id.start_ticks, id.pidfs_ino + 1 }, has_pidfs ? -ESRCH : -EAGAIN },
		{ "the inode counts, not the time",      { id.pid, 0, 0, id.pidfs_ino },                  has_pidfs ? 0 : -EAGAIN },
		{ "number and time alone are weak",      { id.pid, 0, id.start_ticks, 0 },                -EAGAIN },
		{ "another start time",                  { id.pid, 0, id.start_ticks + 1, 0 },            -ESRCH },
		{ "a start time that is unknown",        { id.pid, 0, 0, 0 },                             -EAGAIN },
		{ "another process",                     { getpid(), 0, 1, id.pidfs_ino },                -ESRCH },
		{ "init",                                { 1, 0, 0, 0 },                                  -ESRCH },
		{ "no process",                          { 0, 0, 0, 0 },                                  -ESRCH },
		{ "everybody",                           { -1, 0, 0, 0 },                                 -ESRCH },
		{ "a number beyond all",                 { INT32_MAX, 0, 1, 1 },                          -ESRCH },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FD int fd = hold_open_recorded(&rows[i].id);
		if (rows[i].result == 0 ? fd < 0 : fd != rows[i].result)
			fail_msg("%s: %d", rows[i].rule, fd);
	}
	struct proc_id weak = { id.pid, 0, id.start_ticks, 0 };
	siginfo_t info;
	assert_int_equal(kill(job, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)job, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(hold_open_recorded(&weak), -ESRCH); /* a zombie has ended */
	assert_int_equal(waitpid(job, NULL, 0), job);
	assert_int_equal(hold_open_recorded(&id), -ESRCH);
	assert_int_equal(hold_open_recorded(&weak), -ESRCH);
	tree_forget(&tree, job);
	release();
}

/* As the kernel lists it, but it is not below any of ours: its number was another's when it was listed. */
static void a_stranger_is_not_taken_in(void **state)
{
	(void)state;
	pid_t job = begin(body_stand, 0, 1);
	pid_t ours = victim(body_wide, 1);
	wait_ready(2);
	struct tree other;
	tree_init(&other, nest.ready[0]);
	assert_int_equal(tree_set_root(&other, ours), 0);
	assert_int_equal(hold_child(&other, 0, job, 0), -ESRCH);
	assert_int_equal(hold_child(&other, 0, getppid(), 0), -ESRCH);
	assert_int_equal(hold_child(&other, 0, 1, 0), -ESRCH);
	assert_int_equal(hold_child(&other, 0, 0, 0), -ESRCH);
	assert_int_equal(hold_child(&other, 0, INT32_MAX, 0), -ESRCH);
	assert_int_equal(other.count, 1);
	assert_int_equal(tree_walk(&other, 0, WALK_WHOLE), 1); /* its own child it takes */
	tree_release(&other);
	end();
}

/* Members out of a record, after both guards have died. */
static void seeds_are_held_with_all_below_them(void **state)
{
	(void)state;
	fds_before = count_fds();
	nest_open();
	pid_t first = victim(body_two_levels, 2), second = victim(body_stand, 0);
	wait_ready(8);
	tree_init(&tree, nest.ready[0]);
	struct record_slot a = { .id = id_of(first), .depth = 1, .seen_boot_ns = 5 };
	struct record_slot b = { .id = id_of(second), .depth = 3 };
	if (a.id.pidfs_ino == 0) {
		print_message("skipped: needs inodes of pidfds (6.9)\n");
		release();
		skip();
	}
	assert_int_equal(tree_add_seed(&tree, &a), 0);
	assert_int_equal(tree_add_seed(&tree, &a), 0); /* twice in the record: once in the tree */
	assert_int_equal(tree_add_seed(&tree, &b), 0);
	assert_int_equal(tree.count, 2);
	assert_int_equal(tree_find(&tree, first)->seen_boot_ns, 5);
	assert_true(tree_find(&tree, first)->flags & MEMBER_SEED);
	assert_int_equal(walk(), 6);
	assert_int_equal(members(), 8);
	assert_int_equal(tree.rung, IDENTITY_PIDFS);

	struct record_slot weak = { .id = { .pid = getppid() } },
			   gone = { .id = { .pid = INT32_MAX, .start_ticks = 1 } };
	weak.id.start_ticks = id_of(getppid()).start_ticks;
	assert_int_equal(tree_add_seed(&tree, &weak), -EAGAIN); /* only to be listed */
	assert_int_equal(tree_add_seed(&tree, &gone), -ESRCH);
	pid_t zombie = victim(body_daemon_parent, 0); /* ends at once; its child is no seed */
	wait_ready(1);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
	struct record_slot dead = { .id = id_of(zombie) };
	assert_int_equal(tree_add_seed(&tree, &dead), -ESRCH);
	assert_int_equal(members(), 8);
	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 8);
	release();
}

static void more_seeds_than_there_is_room_for_or_descriptors(void **state)
{
	(void)state;
	const int free_fds[] = { -1, 0, 1, 2, 3, 5, 20 }; /* -1: as many as they need */
	for (size_t k = 0; k < COUNT_OF(free_fds); k++) {
		struct record_slot slots[140];
		pid_t pids[140];
		fds_before = count_fds();
		nest_open();
		for (int i = 0; i < 140; i++)
			pids[i] = victim(body_stand, 0);
		wait_ready(140);
		for (int i = 0; i < 140; i++)
			slots[i] = (struct record_slot){ .id = id_of(pids[i]), .depth = 1 };
		tree_init(&tree, nest.ready[0]);
		struct rlimit was = { 0 };
		if (free_fds[k] >= 0)
			was = leave_files((unsigned)free_fds[k]);
		bool has_pidfs = slots[0].id.pidfs_ino != 0;
		for (int i = 0; i < 140; i++)
			assert_int_equal(tree_add_seed(&tree, &slots[i]), has_pidfs ? 0 : -EAGAIN);
		if (has_pidfs) {
			assert_int_equal(tree.count, 140);
			assert_int_equal(tree.starved, free_fds[k] >= 0);
			assert_int_equal(tree_count_alive(&tree), 140);
			assert_int_equal(walk(), 0);
			assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 140);
		}
		if (free_fds[k] >= 0)
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		release();
	}
}

/* ---- numbers that are used again */

/* Below a root that is not us, so that our own children are strangers to the tree. */
static pid_t begin_apart(int children)
{
	fds_before = count_fds();
	nest_open();
	pid_t root = victim(body_server, children);
	wait_ready((size_t)children + 1);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, root), 0);
	assert_int_equal(walk(), children);
	return root;
}

static void end_apart(void)
{
	(void)sweep_kill(&tree, os_clock_boot_ns());
	release();
}

/* It ends, its parent reaps it, and its number is free. */
static void end_member(pid_t pid)
{
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0)
		assert_true(os_clock_boot_ns() < end_ns);
}

static bool can_choose_numbers(void)
{
	nest_open();
	pid_t pid = victim(body_daemon_parent, 0);
	wait_ready(1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	pid_t again = victim_with_pid(pid, body_stand, 0);
	nest_close();
	if (again == pid)
		return true;
	print_message("skipped: cannot give a process a number (%s)\n", strerror(-again));
	return false;
}

static void a_stranger_with_a_members_number_is_not_touched(void **state)
{
	(void)state;
	if (!can_choose_numbers())
		skip();
	for (int starved = 0; starved < 2; starved++) {
		(void)begin_apart(3);
		if (starved)
			FOR_EACH_MEMBER (&tree, m)
				member_close(m); /* known without descriptors */
		pid_t pid = tree.member[1].id.pid;
		struct proc_id id = tree.member[1].id;
		end_member(pid);
		assert_int_equal(victim_with_pid(pid, body_stand, 0), pid);
		wait_ready(1);
		assert_int_equal(hold_signal(&tree, &tree.member[1], SIGKILL), -ESRCH);
		assert_true(hold_is_dead(&tree, &tree.member[1]));
		assert_int_equal(tree_count_alive(&tree), 2);
		assert_true(hold_open_recorded(&id) < 0);
		struct record_slot slot = { .id = id, .depth = 1 };
		struct tree seeds;
		tree_init(&seeds, nest.ready[0]);
		assert_true(tree_add_seed(&seeds, &slot) < 0);
		tree_release(&seeds);

		struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
		assert_int_equal(swept.killed, 2);
		assert_null(tree_find(&tree, pid));
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it lives */
		end_apart();
	}
}

static bool is_settled(void)
{
	return !tree.again && members() == 3;
}

static void a_new_member_with_an_old_ones_number_is_found(void **state)
{
	(void)state;
	if (!can_choose_numbers())
		skip();
	for (int starved = 0; starved < 2; starved++) {
		(void)begin_apart(3);
		if (starved)
			FOR_EACH_MEMBER (&tree, m)
				member_close(m);
		pid_t pid = tree.member[1].id.pid;
		struct proc_id old = tree.member[1].id;
		end_member(pid);
		assert_int_equal(write(nest.orders[1], &pid, sizeof(pid)), sizeof(pid));
		wait_ready(1);
		(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
		assert_true(tree.again || tree_find(&tree, pid)); /* it says that it must look once more */
		walk_until("three members again", is_settled);
		struct member *m = tree_find(&tree, pid);
		assert_non_null(m);
		assert_true(m->id.pidfs_ino != old.pidfs_ino || m->id.start_ticks != old.start_ticks);
		assert_int_equal(tree.seen, 4);
		assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 3);
		end_apart();
	}
}

/* The number of a child that we have reaped, given to a new one of ours before the next walk. */
static void a_number_that_was_forgotten_is_free(void **state)
{
	(void)state;
	if (!can_choose_numbers())
		skip();
	(void)begin(body_stand, 0, 1);
	pid_t pid = victim(body_stand, 0);
	wait_ready(1);
	assert_int_equal(walk(), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	tree_forget(&tree, pid);
	assert_int_equal(victim_with_pid(pid, body_stand, 0), pid);
	wait_ready(1);
	assert_int_equal(walk(), 1);
	assert_false(tree.again);
	assert_int_equal(members(), 2);
	assert_false(hold_is_dead(&tree, tree_find(&tree, pid)));
	check_table();
	end();
}

/* After one that failed: the next begins anew. */
static int clean(void **state)
{
	(void)state;
	(void)setrlimit(RLIMIT_NOFILE, &files_at_start);
	if (nest.is_open) {
		(void)sweep_kill(&tree, os_clock_boot_ns());
		tree_release(&tree);
		nest_close();
	}
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rungs_have_names),
		TEST(the_table_grows_only_when_it_is_told),
		TEST(the_table_grows_for_who_found_no_room),
		TEST(numbers_that_collide_are_told_apart),
		TEST(finds_children_and_theirs),
		TEST(finds_three_hundred_at_once),
		TEST(a_full_table_is_walked_in_portions),
		TEST(finds_a_thousand_at_once),
		TEST(finds_a_hundred_deep),
		TEST(finds_children_of_threads),
		TEST(finds_children_of_threads_that_are_gone),
		TEST(a_process_without_its_first_thread_is_alive),
		TEST(finds_daemons_as_our_own_children),
		TEST(who_is_reaped_is_dropped),
		TEST(who_is_born_later_is_found_later),
		TEST(an_end_reads_no_more_than_it_needs),
		TEST(memory_of_the_dead_does_not_count),
		TEST(who_rests_is_not_asked_again),
		TEST(memory_that_others_fill_is_seen),
		TEST(only_accepted_children_of_the_root_are_members),
		TEST(a_root_that_is_gone_is_told),
		TEST(term_reaches_each_member_once),
		TEST(term_goes_to_the_job_alone_if_asked),
		TEST(term_wakes_the_stopped),
		TEST(a_nested_guard_is_asked_alone),
		TEST(what_a_nested_guard_makes_is_guarded),
		TEST(a_stopped_tree_stops_growing),
		TEST(a_sweep_reaches_more_than_the_table_holds),
		TEST(a_kill_sweep_says_that_it_met_too_many),
		TEST(each_member_is_met_once),
		TEST(a_second_kill_is_not_counted),
		TEST(kill_ends_all_and_counts_each_once),
		TEST(who_may_not_be_signalled_is_told),
		TEST(a_frozen_tree_stands_and_goes_on),
		TEST(who_stood_before_a_freeze_stands_after_it),
		TEST(the_dead_and_the_leaderless_in_a_freeze),
		TEST(who_waits_in_the_kernel_is_waited_for_once),
		TEST(a_nested_guard_freezes_its_own),
		TEST(a_freeze_that_met_too_many_moves_on),
		TEST(an_init_is_walked_and_not_of_the_tree),
		TEST(only_a_list_of_children_tells_that_all_are_dead),
		TEST(held_by_proc_it_works_the_same),
		TEST(without_an_inode_the_start_time_decides),
		TEST(a_job_without_a_handle_is_held_by_its_number),
		TEST(the_root_is_never_signalled),
		TEST(without_descriptors_members_are_found_and_killed),
		TEST(without_descriptors_a_long_list_is_read_whole),
		TEST(without_descriptors_a_zombie_is_counted_once),
		TEST(a_recorded_identity_must_be_the_very_process),
		TEST(a_stranger_is_not_taken_in),
		TEST(seeds_are_held_with_all_below_them),
		TEST(more_seeds_than_there_is_room_for_or_descriptors),
		TEST(a_stranger_with_a_members_number_is_not_touched),
		TEST(a_new_member_with_an_old_ones_number_is_found),
		TEST(a_number_that_was_forgotten_is_free),
	};
	(void)getrlimit(RLIMIT_NOFILE, &files_at_start);
	tree_init(&tree, -1);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* orphans come to us, as they do to a guard */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

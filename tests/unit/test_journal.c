/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/auto.h"
#include "os/fd.h"
#include "run/journal.h"
#include "scratch.h"
#include "store/record.h"
#include "tree/tree.h"

#define RUN "0123456789abcdef0123456789abcdef"

/* Members that are only names: who they are is what counts here. */
static struct sim {
	struct scratch scratch;
	struct record record; /* as a start after both guards' death reads it */
	struct tree tree;
	struct journal journal;
	uint64_t inode; /* of the next one that is born */
	struct record_slot slots[RECORD_SLOTS_MAX];
	size_t count;  /* of the valid ones, as read last */
	uint64_t seed; /* of chance */
} sim;

static uint64_t below(uint64_t n)
{
	uint64_t z = sim.seed += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}

static void begin(void)
{
	struct record_head head = { .job = "j" };
	memset(&sim, 0, sizeof(sim));
	sim.inode = 1;
	memcpy(head.run_id, RUN, sizeof(RUN));
	scratch_make(&sim.scratch);
	scratch_mkdir(&sim.scratch, "runs");
	int fd = record_create(sim.scratch.fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_open(sim.scratch.fd, RUN, &sim.record), 0);
	sim.journal = (struct journal){ .fd = fd, .seed = record_seed(RUN) };
	tree_init(&sim.tree, -1);
	tree_append(&sim.tree, 1000)->flags |= MEMBER_ROOT;
}

static void end(void)
{
	tree_release(&sim.tree);
	os_fd_close(&sim.journal.fd);
	record_close(&sim.record);
	scratch_remove(&sim.scratch);
}

/* Numbers come again soon; the inode tells two apart. */
static void bear(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(tree_prepare(&sim.tree), 0);
		pid_t pid = (pid_t)(2000 + sim.inode % 20000);
		assert_null(tree_find(&sim.tree, pid));
		struct member *m = tree_append(&sim.tree, pid);
		assert_non_null(m);
		m->id.pidfs_ino = sim.inode++;
		m->depth = 1;
		memcpy(m->comm, "x", 2);
	}
}

/* Each of those that live dies with a chance of `pct`. */
static void bury(uint64_t pct)
{
	FOR_EACH_MEMBER (&sim.tree, m)
		if (!(m->flags & MEMBER_ROOT) && below(100) < pct)
			m->flags |= MEMBER_DEAD;
	tree_compact(&sim.tree);
}

static size_t living(void)
{
	return sim.tree.count - 1;
}

/* Whose slots are there, by inode: each member has its own. */
#define BORN_MAX 200000
struct presence {
	bool is_there[BORN_MAX];
};
static struct presence before, after;

static void note(struct presence *p, const struct record_slot *slots, size_t n)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < n; i++) {
		assert_true(slots[i].id.pidfs_ino < BORN_MAX);
		p->is_there[slots[i].id.pidfs_ino] = slots[i].id.pid != 0;
	}
}

static void read_file(struct presence *p, size_t *out_n)
{
	ssize_t n = record_read_slots(&sim.record, sim.slots, RECORD_SLOTS_MAX);
	assert_true(n >= 0);
	note(p, sim.slots, (size_t)n);
	*out_n = (size_t)n;
}

static size_t missing(void)
{
	size_t count = 0;
	read_file(&after, &sim.count);
	FOR_EACH_MEMBER (&sim.tree, m)
		count += !(m->flags & MEMBER_ROOT) && !after.is_there[m->id.pidfs_ino];
	return count;
}

/* Write, and check: who was in the file and lives still is. Members without a slot. */
static int64_t write_on(void)
{
	read_file(&before, &sim.count);
	int64_t overflow = journal_write(&sim.journal, &sim.tree);
	assert_true(overflow >= 0);
	assert_true(sim.journal.next <= RECORD_SLOTS_MAX);
	read_file(&after, &sim.count);
	FOR_EACH_MEMBER (&sim.tree, m) {
		bool is_there = after.is_there[m->id.pidfs_ino];
		if (m->flags & MEMBER_ROOT)
			continue;
		if (!is_there && before.is_there[m->id.pidfs_ino])
			fail_msg("member %llu of %zu was lost from the file",
				 (unsigned long long)m->id.pidfs_ino, living());
		if (m->flags & MEMBER_RECORDED && !is_there)
			fail_msg("member %llu is called recorded, and is not",
				 (unsigned long long)m->id.pidfs_ino);
	}
	return overflow;
}

/* ---- */

static void members_are_written_once(void **state)
{
	(void)state;
	begin();
	bear(10);
	sim.tree.member[3].sid = 77;
	sim.tree.member[3].ppid = 78;
	sim.tree.member[3].seen_boot_ns = 79;
	sim.tree.member[3].depth = 3;
	sim.tree.member[5].flags |= MEMBER_DEAD;
	assert_int_equal(write_on(), 0);
	assert_int_equal(sim.count, 9); /* neither the root nor who is dead */
	assert_int_equal(sim.journal.next, 9);
	const struct record_slot *slot = &sim.slots[2];
	assert_int_equal(slot->id.pid, sim.tree.member[3].id.pid);
	assert_int_equal(slot->sid, 77);
	assert_int_equal(slot->ppid, 78);
	assert_int_equal(slot->seen_boot_ns, 79);
	assert_int_equal(slot->depth, 3);
	assert_string_equal(slot->comm, "x");

	assert_int_equal(write_on(), 0); /* nothing new */
	assert_int_equal(sim.journal.next, 9);
	bear(1);
	assert_int_equal(write_on(), 0);
	assert_int_equal(sim.journal.next, 10);
	assert_int_equal(sim.count, 10);
	end();
}

static void without_a_record_nothing_is_written(void **state)
{
	(void)state;
	begin();
	bear(3);
	struct journal none = { .fd = -1 };
	assert_int_equal(journal_write(&none, &sim.tree), 0);
	FOR_EACH_MEMBER (&sim.tree, m)
		assert_false(m->flags & MEMBER_RECORDED);
	end();
}

/* More at once than one write takes: the others at the next look. */
static void a_burst_is_written_in_portions(void **state)
{
	(void)state;
	begin();
	bear(600);
	assert_int_equal(write_on(), 600 - RECORD_BURST);
	assert_int_equal(missing(), 600 - RECORD_BURST);
	assert_int_equal(write_on(), 600 - 2 * RECORD_BURST);
	assert_int_equal(write_on(), 0);
	assert_int_equal(missing(), 0);
	end();
}

/* Few live at a time, many are born: the file is packed over and over, and nobody is lost from it. */
static void births_without_end_lose_no_member(void **state)
{
	(void)state;
	/* clang-format off */
	static const struct {
		const char *rule;
		size_t births;
		uint64_t dead_pct;
		unsigned steps;
	} rows[] = {
		{ "a few, short-lived",    20,  50, 450 },
		{ "a few, long-lived",     20,  3,  450 },
		{ "a storm, short-lived",  200, 60, 60 },
		{ "a storm, long-lived",   100, 7,  110 },
		{ "as many as one write",  256, 40, 50 },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin();
		sim.seed = i;
		size_t packed = 0, last = 0;
		bear(1); /* the job */
		for (unsigned step = 0; step < rows[i].steps; step++) {
			bury(rows[i].dead_pct);
			bear(below(2 * rows[i].births + 1));
			int64_t overflow = write_on();
			packed += sim.journal.next < last;
			last = sim.journal.next;
			/* Left over is only what one write does not take. */
			if (overflow > 0 && living() < RECORD_BURST)
				fail_msg("%s: %lld without a slot", rows[i].rule, (long long)overflow);
		}
		if (packed < 2 || sim.inode < 2 * RECORD_SLOTS_MAX)
			fail_msg("%s: packed %zu times, %llu born", rows[i].rule, packed,
				 (unsigned long long)sim.inode);
		for (int step = 0; step < 20 && write_on() > 0; step++)
			;
		assert_int_equal(missing(), 0);
		end();
	}
}

/* Torn anywhere, a write leaves each member that was in the file in it. */
static void a_torn_write_loses_no_member(void **state)
{
	(void)state;
	static struct record_slot old[RECORD_SLOTS_MAX], new[RECORD_SLOTS_MAX], torn[RECORD_SLOTS_MAX];
	begin();
	for (unsigned step = 0; step < 200; step++) {
		bury(8);
		bear(below(100));
		memset(old, 0, sizeof(old));
		memset(new, 0, sizeof(new));
		assert_true(pread(sim.journal.fd, old, sizeof(old), (off_t)record_slot_at(0)) >= 0);
		assert_true(journal_write(&sim.journal, &sim.tree) >= 0);
		assert_true(pread(sim.journal.fd, new, sizeof(new), (off_t)record_slot_at(0)) >= 0);
		if (step % 20 != 0 && sim.journal.next > 4 * RECORD_BURST)
			continue; /* mostly where it packs */
		note(&before, old, RECORD_SLOTS_MAX);
		for (size_t cut = 0; cut < 5 * RECORD_BURST; cut += 1 + below(100)) {
			memcpy(torn, new, cut * sizeof(*new));
			memcpy(torn + cut, old + cut, sizeof(old) - cut * sizeof(*old));
			note(&after, torn, RECORD_SLOTS_MAX);
			FOR_EACH_MEMBER (&sim.tree, m)
				if (before.is_there[m->id.pidfs_ino] && !after.is_there[m->id.pidfs_ino])
					fail_msg("step %u, torn at %zu: a member is lost", step, cut);
		}
	}
	end();
}

/* More live than there are slots: said, and cured once some are gone. */
static void too_many_members_are_told(void **state)
{
	(void)state;
	begin();
	bear(RECORD_SLOTS_MAX + 500);
	for (int step = 0; step < RECORD_SLOTS_MAX / RECORD_BURST; step++)
		assert_true(write_on() > 0);
	assert_int_equal(sim.journal.next, RECORD_SLOTS_MAX);
	assert_int_equal(write_on(), 500);
	assert_int_equal(missing(), 500);
	bury(70); /* fewer than half of the slots are needed now */
	for (int step = 0; step < 20 && write_on() > 0; step++)
		;
	assert_int_equal(missing(), 0);
	assert_int_equal(sim.journal.next, living());
	end();
}

/* No room on the disk: told, and tried again, as nobody is recorded by a failure. */
static int fill_the_disk(void)
{
	const struct rlimit full = { RECORD_SLOTS_AT + 5 * 64 + 20, RLIM_INFINITY },
			    free = { RLIM_INFINITY, RLIM_INFINITY };
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &full) < 0)
		return 2;
	bear(10);
	if (journal_write(&sim.journal, &sim.tree) != -ENOSPC)
		return 3;
	if (journal_write(&sim.journal, &sim.tree) >= 0)
		return 4;
	if (setrlimit(RLIMIT_FSIZE, &free) < 0)
		return 5;
	if (journal_write(&sim.journal, &sim.tree) != 0)
		return 6;
	return missing() == 0 && sim.journal.next == 10 ? 0 : 7;
}

static void what_was_not_written_is_written_later(void **state)
{
	(void)state;
	begin();
	pid_t pid = fork();
	if (pid == 0)
		_exit(fill_the_disk());
	assert_int_equal(scratch_reap(pid), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_written_once),
		cmocka_unit_test(without_a_record_nothing_is_written),
		cmocka_unit_test(a_burst_is_written_in_portions),
		cmocka_unit_test(births_without_end_lose_no_member),
		cmocka_unit_test(a_torn_write_loses_no_member),
		cmocka_unit_test(too_many_members_are_told),
		cmocka_unit_test(what_was_not_written_is_written_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

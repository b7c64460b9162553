/* A state directory with the record of one run, whose guards are whoever a test says. */
#ifndef SG_UNIT_STATE_H
#define SG_UNIT_STATE_H

#include "apart.h"
#include "store/record.h"
#include "store/statedir.h"

#define RUN "0123456789abcdef0123456789abcdef"

static struct scratch home;
static struct statedir dir;

static inline void begin_state(void)
{
	nest_open();
	scratch_make(&home);
	assert_int_equal(statedir_open(&dir, home.path, NULL, NULL), 0);
}

static inline void end_state(void)
{
	heal();
	statedir_close(&dir);
	scratch_remove(&home);
	nest_close();
}

/* The record of a run: its front and warden (0: dead), and a member (0: none); of another namespace. */
static inline void write_run_as(const char *run_id, struct record_state state, uint64_t elsewhere,
				pid_t front, pid_t warden, pid_t member)
{
	struct record_head head = { .timeout_ns = UINT64_MAX, .uid = geteuid(), .job = "nightly" };
	struct record_slot slot = { .depth = 1 };
	memcpy(head.run_id, run_id, strlen(run_id) + 1);
	os_host_id(-1, &head.host);
	head.host.pid_ns += elsewhere;
	if (front)
		head.front = id_of(front);
	if (warden)
		state.warden = id_of(warden);
	if (member)
		slot.id = id_of(member);
	AUTO_FD int fd = record_create(dir.run_fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_write_first(fd, &state, &slot, record_seed(run_id)), 0);
}

static inline void write_run(pid_t front, pid_t warden, pid_t member)
{
	write_run_as(RUN, (struct record_state){ .phase = PHASE_RUNNING }, 0, front, warden, member);
}

#endif

#include "codec/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"

static_assert(sizeof(struct proc_id) == 24, "no hidden padding in what is stored");
static_assert(sizeof(struct record_slot) == 64, "a member takes 64 bytes");
static_assert(sizeof(struct record_head) <= RECORD_STATE_AT, "the head fits before the state");
static_assert(RECORD_STATE_AT + sizeof(struct record_state) <= RECORD_SLOTS_AT,
	      "the state fits before the slots");

#define IS_TERMINATED(field) (memchr((field), '\0', sizeof(field)) != NULL)

/* The check of `n` bytes, whose check field at `at` (a multiple of four) counts as 0. */
static uint32_t check_of(const void *bytes, size_t n, size_t at, uint64_t seed)
{
	const char *p = bytes;
	uint32_t before = hash_words(seed, p, at);
	return hash_words(before, p + at + sizeof(uint32_t), n - at - sizeof(uint32_t));
}

uint64_t record_seed(const char *run_id)
{
	return hash_fnv(HASH_FNV_START, run_id, strlen(run_id));
}

void record_head_seal(struct record_head *head)
{
	head->magic = RECORD_MAGIC;
	head->version = RECORD_VERSION;
	head->check = check_of(head, sizeof(*head), offsetof(struct record_head, check), 0);
}

bool record_head_is_valid(const struct record_head *head)
{
	if (head->magic != RECORD_MAGIC || head->version != RECORD_VERSION)
		return false;
	if (head->check != check_of(head, sizeof(*head), offsetof(struct record_head, check), 0))
		return false;
	return IS_TERMINATED(head->run_id) && IS_TERMINATED(head->parent_run_id) &&
	       IS_TERMINATED(head->job) && IS_TERMINATED(head->task) && IS_TERMINATED(head->step) &&
	       IS_TERMINATED(head->host.boot_id) && IS_TERMINATED(head->cwd) &&
	       IS_TERMINATED(head->identity) && IS_TERMINATED(head->log) && IS_TERMINATED(head->cgroup) &&
	       head->command_len <= sizeof(head->command) && head->run_id[0] != '\0';
}

void record_state_seal(struct record_state *state, uint64_t seed)
{
	state->check = check_of(state, sizeof(*state), offsetof(struct record_state, check), seed);
}

bool record_state_is_valid(const struct record_state *state, uint64_t seed)
{
	return state->check == check_of(state, sizeof(*state), offsetof(struct record_state, check), seed) &&
	       state->phase < PHASE_COUNT && IS_TERMINATED(state->figures.sender_comm) &&
	       IS_TERMINATED(state->figures.by_run) && IS_TERMINATED(state->frozen_rule);
}

void record_slot_seal(struct record_slot *slot, uint64_t seed)
{
	slot->check = check_of(slot, sizeof(*slot), offsetof(struct record_slot, check), seed);
}

bool record_slot_is_valid(const struct record_slot *slot, uint64_t seed)
{
	return slot->id.pid > 1 &&
	       slot->check == check_of(slot, sizeof(*slot), offsetof(struct record_slot, check), seed);
}

bool record_is_handed_on(const struct run_figures *figures)
{
	bool was_killed = figures->has_status && (figures->job_status & 0x7f) == 9;
	return figures->cause == 0 && figures->survivors == 0 && !was_killed;
}

size_t record_slot_count(size_t n)
{
	return n > RECORD_SLOTS_AT ? (n - RECORD_SLOTS_AT) / sizeof(struct record_slot) : 0;
}

int record_parse(const void *bytes, size_t n, struct record_head *out_head, struct record_state *out_state)
{
	struct record_head head;
	struct record_state state = { .phase = PHASE_STARTING };

	if (n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!record_head_is_valid(&head))
		return -EBADMSG;
	/* No state yet: front was killed before the warden wrote one. */
	if (n >= RECORD_STATE_AT + sizeof(state)) {
		memcpy(&state, (const char *)bytes + RECORD_STATE_AT, sizeof(state));
		if (!record_state_is_valid(&state, record_seed(head.run_id)))
			state = (struct record_state){ .phase = PHASE_STARTING };
	}
	*out_head = head;
	*out_state = state;
	return 0;
}

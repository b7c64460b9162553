/* layer: codec */
/*
 * Files of runs/ and locks/ as something else left them.  An input is a list of patches, each an offset (two
 * bytes, little end first), a length (one byte) and that many bytes, put over a good file.  It is read as it
 * is then, and once more with its checks put right: what no check covers must be refused by what the fields
 * say.
 */
#include "driver.h"

#include "codec/lockinfo.h"
#include "codec/record.h"
#include "codec/request.h"

#define RUN   "0123456789abcdef0123456789abcdef"
#define SLOTS 4
#define BYTES (RECORD_SLOTS_AT + SLOTS * sizeof(struct record_slot))

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED(""),                                           /* the good file */
	FUZZ_SEED("\x08\x00\x04\0\0\0\0"),                      /* the check of the head */
	FUZZ_SEED("\x10\x00\x08otherrun"),                       /* the run id */
	FUZZ_SEED("\x10\x00\x01\0"),                             /* no run id */
	FUZZ_SEED("\x57\x00\x01x\x9f\x00\x01x"),                 /* ids that fill their fields */
	FUZZ_SEED("\x00\x08\x10" "0123456789abcdef"),            /* the state */
	FUZZ_SEED("\x04\x08\x04\xff\xff\xff\xff"),              /* its phase */
	FUZZ_SEED("\x00\x0a\x40" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), /* a slot */
	FUZZ_SEED("\x08\x0a\x04\x01\0\0\0\x48\x0a\x04\xff\xff\xff\xff"), /* pids 1 and -1 */
	FUZZ_SEED("\xff\xff\x00\x02\x00"),                      /* cut to two bytes */
	FUZZ_SEED("\xff\xff\x00\x00\x08"),                      /* cut behind the head */
	FUZZ_SEED("\xff\xff\x00\x3f\x0a"),                      /* cut in a slot */
};
/* clang-format on */

static void put_good_file(unsigned char *bytes)
{
	struct record_head head = {
		.run_id = RUN, .job = "nightly", .front = { .pid = 4711 }, .command_len = 5
	};
	struct record_state state;

	memset(&state, 0, sizeof(state)); /* with its padding */
	memcpy(head.command, "true", 5);
	record_head_seal(&head);
	state.phase = PHASE_RUNNING;
	state.warden.pid = 4712;
	record_state_seal(&state, record_seed(RUN));
	memset(bytes, 0, BYTES);
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + RECORD_STATE_AT, &state, sizeof(state));
	for (int i = 0; i < SLOTS; i++) {
		struct record_slot slot = { .id = { .pid = 4713 + i }, .comm = "true" };
		record_slot_seal(&slot, record_seed(RUN));
		memcpy(bytes + record_slot_at((size_t)i), &slot, sizeof(slot));
	}
}

/* Patches over `bytes`; how long the file is then. */
static size_t apply(unsigned char *bytes, const uint8_t *data, size_t size)
{
	size_t length = BYTES;
	for (size_t i = 0; i + 3 <= size;) {
		size_t at = data[i] | (size_t)data[i + 1] << 8, n = data[i + 2];
		i += 3;
		if (at == 0xffff && i + 2 <= size) {
			size_t cut = data[i] | (size_t)data[i + 1] << 8;
			length = cut < BYTES ? cut : BYTES;
			i += 2;
			continue;
		}
		if (n > size - i)
			n = size - i;
		at %= BYTES;
		size_t room = n < BYTES - at ? n : BYTES - at;
		memcpy(bytes + at, data + i, room);
		i += n;
	}
	return length;
}

static void check_head(const struct record_head *head)
{
	FUZZ_CHECK(strnlen(head->run_id, sizeof(head->run_id)) - 1 < sizeof(head->run_id) - 1,
		   "an id, and it ends");
	FUZZ_CHECK(strnlen(head->parent_run_id, sizeof(head->parent_run_id)) < sizeof(head->parent_run_id) &&
			   strnlen(head->job, sizeof(head->job)) < sizeof(head->job) &&
			   strnlen(head->task, sizeof(head->task)) < sizeof(head->task) &&
			   strnlen(head->step, sizeof(head->step)) < sizeof(head->step) &&
			   strnlen(head->cwd, sizeof(head->cwd)) < sizeof(head->cwd) &&
			   strnlen(head->identity, sizeof(head->identity)) < sizeof(head->identity) &&
			   strnlen(head->host.boot_id, sizeof(head->host.boot_id)) <
				   sizeof(head->host.boot_id),
		   "every text of a head ends");
	FUZZ_CHECK(head->command_len <= sizeof(head->command), "a command is within its field");
	FUZZ_CHECK(head->version == RECORD_VERSION, "only our version is read");
}

static void check_state(const struct record_state *state)
{
	const struct run_figures *f = &state->figures;
	FUZZ_CHECK(state->phase < PHASE_COUNT, "a phase is one that we know");
	FUZZ_CHECK(strnlen(f->sender_comm, sizeof(f->sender_comm)) < sizeof(f->sender_comm) &&
			   strnlen(f->by_run, sizeof(f->by_run)) < sizeof(f->by_run),
		   "every text of a state ends");
}

/* Read `n` bytes as record_open and record_read_slots do. */
static int check_file(const unsigned char *bytes, size_t n)
{
	struct record_head head, untouched;
	struct record_state state;
	unsigned char *exact = malloc(n > 0 ? n : 1);

	if (!exact)
		abort();
	memcpy(exact, bytes, n);
	memset(&untouched, 0xa5, sizeof(untouched));
	head = untouched;
	int result = record_parse(exact, n, &head, &state);
	if (result < 0) {
		FUZZ_CHECK(result == -EBADMSG, "one error");
		FUZZ_CHECK(memcmp(&head, &untouched, sizeof(head)) == 0, "refused: output untouched");
	} else {
		FUZZ_CHECK(memcmp(&head, exact, sizeof(head)) == 0, "a head is read as it stands there");
		check_head(&head);
		check_state(&state);
	}
	uint64_t seed = record_seed(result < 0 ? RUN : head.run_id);
	FUZZ_CHECK(record_slot_count(n) == 0 || record_slot_at(record_slot_count(n)) <= n,
		   "slots are within");
	for (size_t i = 0; i < record_slot_count(n); i++) {
		struct record_slot slot;
		memcpy(&slot, exact + record_slot_at(i), sizeof(slot));
		if (record_slot_is_valid(&slot, seed))
			FUZZ_CHECK(slot.id.pid > 1, "a member is neither everybody nor init");
	}
	free(exact);
	return result;
}

/* All checks made right over what stands there. */
static void seal(unsigned char *bytes)
{
	struct record_head head;
	struct record_state state;
	struct record_slot slot;
	uint64_t seed;

	memcpy(&head, bytes, sizeof(head));
	record_head_seal(&head);
	memcpy(bytes, &head, sizeof(head));
	head.run_id[sizeof(head.run_id) - 1] = '\0';
	seed = record_seed(head.run_id);
	memcpy(&state, bytes + RECORD_STATE_AT, sizeof(state));
	record_state_seal(&state, seed);
	memcpy(bytes + RECORD_STATE_AT, &state, sizeof(state));
	for (size_t i = 0; i < SLOTS; i++) {
		memcpy(&slot, bytes + record_slot_at(i), sizeof(slot));
		record_slot_seal(&slot, seed);
		memcpy(bytes + record_slot_at(i), &slot, sizeof(slot));
	}
}

static void check_lockinfo(const uint8_t *data, size_t size, bool is_sealed)
{
	struct lockinfo info = { 0 };
	memcpy(&info, data, size < sizeof(info) ? size : sizeof(info));
	if (is_sealed) {
		lock_holder_seal(&info.holder);
		lock_refusals_seal(&info.refusals);
	}
	struct lockinfo checked = info;
	lockinfo_check(&checked);
	const struct lock_holder *h = &checked.holder;
	FUZZ_CHECK(strnlen(h->run_id, sizeof(h->run_id)) < sizeof(h->run_id), "the id of a holder ends");
	FUZZ_CHECK(h->magic == 0 || memcmp(h, &info.holder, sizeof(*h)) == 0, "a holder, or nobody");
	FUZZ_CHECK(!is_sealed || memcmp(&checked.refusals, &info.refusals, sizeof(info.refusals)) == 0,
		   "refusals that are sealed are believed");
	FUZZ_CHECK(checked.wants_scan == info.wants_scan, "the wish to scan is kept");
	lockinfo_check(&checked);
}

static void check_request(const uint8_t *data, size_t size, bool is_sealed)
{
	struct request request = { .verb = REQUEST_KILL };
	memcpy((char *)&request + 8, data, size < sizeof(request) - 8 ? size : sizeof(request) - 8);
	if (is_sealed)
		request_seal(&request);
	if (!request_is_valid(&request))
		return;
	FUZZ_CHECK(request.verb > REQUEST_NONE && request.verb < REQUEST_COUNT, "a verb is one that we know");
	FUZZ_CHECK(strnlen(request.by_comm, sizeof(request.by_comm)) < sizeof(request.by_comm) &&
			   strnlen(request.by_run, sizeof(request.by_run)) < sizeof(request.by_run),
		   "every text of a request ends");
	FUZZ_ACCEPTED();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char bytes[BYTES];

	(void)check_file(data, size);
	put_good_file(bytes);
	size_t n = apply(bytes, data, size);
	(void)check_file(bytes, n);
	seal(bytes);
	if (check_file(bytes, n) == 0)
		FUZZ_ACCEPTED();
	for (int is_sealed = 0; is_sealed < 2; is_sealed++) {
		check_lockinfo(data, size, is_sealed);
		check_request(data, size, is_sealed);
	}
	return 0;
}

FUZZ_MAIN(seeds)

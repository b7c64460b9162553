#include "guard/gate.h"

#include "guard/run.h"
#include "guard/waiting.h"
#include "os/fd.h"

static const struct {
	uint32_t door, gate;
} locks[] = {
	[GATE_SLOT] = { WAITING_SLOT_DOOR, WAITING_SLOT_GATE },
	[GATE_ROOM] = { WAITING_ROOM_DOOR, WAITING_ROOM_GATE },
};

int gate_pass(const struct run *run, enum gate gate, struct fail *fail)
{
	/* The door twice: who stood there may have gone through the gate between the two looks. */
	const uint32_t looks[] = { locks[gate].door, locks[gate].gate, locks[gate].door };

	for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		int fd = waiting_look_at(run, looks[i], fail);
		if (fd < 0)
			return fd;
		os_fd_close(&fd);
	}
	return 0;
}

int gate_take(struct waiting *w, enum gate gate, struct fail *fail)
{
	AUTO_FD int door = waiting_take(w, locks[gate].door, fail);
	return door < 0 ? door : waiting_take(w, locks[gate].gate, fail);
}

#include "core/room.h"

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t room_still_expected(uint64_t expected_bytes, uint64_t has_bytes)
{
	return less(expected_bytes, has_bytes);
}

uint64_t room_free(const struct room *room)
{
	return less(less(room->available_bytes, room->claimed_bytes), room->reserve_bytes);
}

bool room_fits(const struct room *room)
{
	return room->expected_bytes <= room_free(room);
}

bool room_can_never_fit(const struct room *room)
{
	return room->expected_bytes > less(room->total_bytes, room->reserve_bytes);
}

uint32_t room_slots(const struct room *room, uint32_t most)
{
	uint64_t all = less(room->total_bytes, room->reserve_bytes);
	uint64_t n = room->expected_bytes > 0 ? all / room->expected_bytes : 1;

	return n < 1 ? 1 : n > most ? most : (uint32_t)n;
}

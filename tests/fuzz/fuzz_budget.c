/* layer: core */
#include "driver.h"

#include "base/buf.h"
#include "core/budget_text.h"
#include "text_lines.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("budget tokens 86400000000000 10000000 0\nused 10 4000000\nused 0 1"),
	FUZZ_SEED("budget a 1 1 1\nused 18446744073709551615 18446744073709551615\nused 5 5\nbudget a 2 1 1\nused 1 1"),
	FUZZ_SEED("budget a.b-c_D 3600000000000 1 1\ntrial 5"),
	FUZZ_SEED("used 1 1"),
	FUZZ_SEED(""),
};
/* clang-format on */

static struct budgets budgets, again;

static int parse(void *to, const char *line, size_t n)
{
	return budget_text_parse(to, line, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char bytes[BUDGET_TEXT_MAX];
	struct buf text;

	memset(&budgets, 0, sizeof(budgets));
	memset(&again, 0, sizeof(again));
	if (text_lines_read((const char *)data, size, parse, &budgets) > 0)
		FUZZ_ACCEPTED();
	for (uint32_t i = 0; i < budgets.count; i++)
		budgets.at[i].is_asked = true;
	buf_init(&text, bytes, sizeof(bytes));
	budget_text_format(&text, &budgets);
	FUZZ_CHECK(!text.cut, "there is room for all");
	(void)text_lines_read(bytes, text.len, parse, &again);
	for (uint32_t i = 0; i < again.count; i++)
		again.at[i].is_asked = true;
	FUZZ_CHECK(memcmp(&again, &budgets, sizeof(again)) == 0, "what is written is read");

	budgets_pass(&again, 1);
	for (uint32_t i = 0; i < again.count; i++) {
		struct budget *b = &again.at[i];
		uint64_t before = budget_used(b), room_ns = budget_room_in(b, b->limit);
		FUZZ_CHECK((room_ns == 0) == (before < b->limit || b->count == 0),
			   "room is where it is not used up");
		FUZZ_CHECK(room_ns <= b->per_ns, "room comes back within the time");
	}
	if (again.count > 0) {
		uint64_t before = budget_used(&again.at[0]);
		budgets_add(&again, again.at[0].key, 5);
		FUZZ_CHECK(budget_used(&again.at[0]) == (before > UINT64_MAX - 5 ? UINT64_MAX : before + 5),
			   "what is added is used");
	}
	return 0;
}

FUZZ_MAIN(seeds)

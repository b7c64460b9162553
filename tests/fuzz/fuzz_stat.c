/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "codec/procfs.h"

#define TAIL " 3 4 5 0 -1 4194304 102 31 0 0 17 5 0 0 20 0 3 0 104970 3133440 372 18446744073709551615\n"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("12 (cat) R" TAIL),
	FUZZ_SEED("4194303 () R 1 1\n(\033[2J) S" TAIL),
	FUZZ_SEED("7 (x) Z 0 -1 -1 0 -1 12 0 0 0 0 1 2 0 0 20 0 0 0 9 "),
	FUZZ_SEED("19 (kworker/u8:2-events_unbound_and_some_more_letters_up_to_sixty_three) I 2 0 0 0 -1 "
		  "69238880 0 0 0 "
		  "0 0 42 0 0 -100 0 1 0 33 0 0 18446744073709551615 0 0\n"),
	FUZZ_SEED("1 () S 0 1 1 0 -1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 "),
	FUZZ_SEED(""),
};

static void format(struct buf *out, const struct proc_stat *stat)
{
	buf_i64(out, stat->pid);
	buf_str(out, " (");
	buf_str(out, stat->comm);
	buf_str(out, ") ");
	buf_char(out, stat->state);
	const pid_t pids[] = { stat->ppid, stat->pgrp, stat->sid };
	for (size_t i = 0; i < 3; i++) {
		buf_char(out, ' ');
		buf_i64(out, pids[i]);
	}
	buf_str(out, " 0 -1 ");
	buf_u64(out, stat->flags);
	buf_str(out, " 0 ");
	buf_u64(out, stat->child_minor_faults);
	buf_str(out, " 0 0 ");
	buf_u64(out, stat->user_ticks);
	buf_char(out, ' ');
	buf_u64(out, stat->system_ticks);
	buf_str(out, " 0 0 20 0 ");
	buf_u64(out, stat->threads);
	buf_str(out, " 0 ");
	buf_u64(out, stat->start_ticks);
	buf_char(out, ' ');
}

static void check_values(const struct proc_stat *stat)
{
	FUZZ_CHECK(memchr(stat->comm, '\0', sizeof(stat->comm)), "a name ends");
	FUZZ_CHECK(stat->pid > 0, "a pid is a pid");
	FUZZ_CHECK(stat->ppid >= -1 && stat->pgrp >= -1 && stat->sid >= -1, "no other negative number");
	FUZZ_CHECK((stat->state | 0x20) >= 'a' && (stat->state | 0x20) <= 'z', "a state is a letter");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proc_environ place;
	int told = procfs_parse_environ((const char *)data, size, &place);
	FUZZ_CHECK(told == 0 || told == -EBADMSG, "one error");
	struct proc_stat stat, again, untouched;
	memset(&untouched, 0xa5, sizeof(untouched));
	stat = untouched;
	int result = procfs_parse_stat((const char *)data, size, &stat);
	if (result < 0) {
		FUZZ_CHECK(result == -EBADMSG, "one error");
		FUZZ_CHECK(memcmp(&stat, &untouched, sizeof(stat)) == 0, "refused: output untouched");
		return 0;
	}
	FUZZ_ACCEPTED();
	check_values(&stat);

	BUF(text, 512);
	format(&text, &stat);
	FUZZ_CHECK(procfs_parse_stat(text.at, text.len, &again) == 0,
		   "what was read can be written and read");
	FUZZ_CHECK(stat.pid == again.pid && stat.ppid == again.ppid && stat.pgrp == again.pgrp &&
			   stat.sid == again.sid && stat.state == again.state &&
			   strcmp(stat.comm, again.comm) == 0 && stat.flags == again.flags &&
			   stat.child_minor_faults == again.child_minor_faults &&
			   stat.user_ticks == again.user_ticks && stat.system_ticks == again.system_ticks &&
			   stat.threads == again.threads && stat.start_ticks == again.start_ticks,
		   "and is the same");
	return 0;
}

FUZZ_MAIN(seeds)

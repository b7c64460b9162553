/* layer: codec */
#include "driver.h"

#include "base/buf.h"
#include "codec/procfs.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("Name:\tcat\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t12\nNgid:\t0\nPid:\t13\nPPid:\t3\n"
		  "TracerPid:\t0\nUid:\t1000\t1001\t1002\t1003\nGid:\t0\t0\t0\t0\nVmRSS:\t    1604 "
		  "kB\nThreads:\t7\n"
		  "SigQ:\t0/96365\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n"
		  "SigBlk:\t0000000000010000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180014a07\n"
		  "CapPrm:\t0000000000000000\nCapEff:\t000001fffeffffff\nCapBnd:\t000001ffffffffff\n"),
	FUZZ_SEED("Name:\t) R 1 1\\n(\033[2J\nState:\tZ (zombie)\nTgid:\t1\nPPid:\t0\nUid:\t0\t0\t0\t0\n"
		  "Threads:\t1\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigCgt:\t0\nCapEff:\t0\n"),
	FUZZ_SEED("CapEff:\tffffffffffffffff\nSigCgt:\t0000000000000001\nSigBlk:\t1\nShdPnd:\t2\nSigPnd:"
		  "\t3\nThreads:\t18446744073709551615\n"
		  "Uid:\t4294967295\t4294967295\t0\t0\nPPid:\t2147483647\nTgid:\t2147483647\nState:\tR "
		  "(running)\n"),
	FUZZ_SEED(""),
};

static void format(struct buf *out, const struct proc_status *status)
{
	buf_str(out, "State:\t");
	buf_char(out, status->state);
	buf_str(out, " (x)\nTgid:\t");
	buf_i64(out, status->tgid);
	buf_str(out, "\nPPid:\t");
	buf_i64(out, status->ppid);
	buf_str(out, "\nUid:\t");
	buf_u64(out, status->uid);
	buf_char(out, '\t');
	buf_u64(out, status->euid);
	buf_str(out, "\t0\t0\nThreads:\t");
	buf_u64(out, status->threads);
	buf_str(out, "\nSigPnd:\t");
	buf_hex(out, status->pending_signals, 16);
	buf_str(out, "\nShdPnd:\t");
	buf_hex(out, status->shared_signals, 16);
	buf_str(out, "\nSigBlk:\t");
	buf_hex(out, status->blocked_signals, 16);
	buf_str(out, "\nSigCgt:\t");
	buf_hex(out, status->caught_signals, 16);
	buf_str(out, "\nCapEff:\t");
	buf_hex(out, status->effective_caps, 16);
	buf_char(out, '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proc_status status, again, untouched;
	memset(&untouched, 0xa5, sizeof(untouched));
	status = untouched;
	int result = procfs_parse_status((const char *)data, size, &status);
	if (result < 0) {
		FUZZ_CHECK(result == -EBADMSG, "one error");
		FUZZ_CHECK(memcmp(&status, &untouched, sizeof(status)) == 0, "refused: output untouched");
		return 0;
	}
	FUZZ_ACCEPTED();
	BUF(text, 512);
	format(&text, &status);
	FUZZ_CHECK(procfs_parse_status(text.at, text.len, &again) == 0,
		   "what was read can be written and read");
	FUZZ_CHECK(status.state == again.state && status.tgid == again.tgid && status.ppid == again.ppid &&
			   status.uid == again.uid && status.euid == again.euid &&
			   status.threads == again.threads &&
			   status.pending_signals == again.pending_signals &&
			   status.shared_signals == again.shared_signals &&
			   status.blocked_signals == again.blocked_signals &&
			   status.caught_signals == again.caught_signals &&
			   status.effective_caps == again.effective_caps,
		   "and is the same");
	return 0;
}

FUZZ_MAIN(seeds)

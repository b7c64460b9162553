#include "base/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"

/* As glibc counts them (musl from 35), and so the jobs.  SIGRTMIN is a call, which a pure layer does not
 * make. */
#define SIGNAL_RT_FIRST 34
#define SIGNAL_RT_SPAN  (SIGNAL_LAST - SIGNAL_RT_FIRST)

/* clang-format off */
static const char *const signal_names[] = {
	[SIGHUP]    = "HUP",    [SIGINT]    = "INT",    [SIGQUIT]   = "QUIT",   [SIGILL]    = "ILL",
	[SIGTRAP]   = "TRAP",   [SIGABRT]   = "ABRT",   [SIGBUS]    = "BUS",    [SIGFPE]    = "FPE",
	[SIGKILL]   = "KILL",   [SIGUSR1]   = "USR1",   [SIGSEGV]   = "SEGV",   [SIGUSR2]   = "USR2",
	[SIGPIPE]   = "PIPE",   [SIGALRM]   = "ALRM",   [SIGTERM]   = "TERM",   [SIGSTKFLT] = "STKFLT",
	[SIGCHLD]   = "CHLD",   [SIGCONT]   = "CONT",   [SIGSTOP]   = "STOP",   [SIGTSTP]   = "TSTP",
	[SIGTTIN]   = "TTIN",   [SIGTTOU]   = "TTOU",   [SIGURG]    = "URG",    [SIGXCPU]   = "XCPU",
	[SIGXFSZ]   = "XFSZ",   [SIGVTALRM] = "VTALRM", [SIGPROF]   = "PROF",   [SIGWINCH]  = "WINCH",
	[SIGIO]     = "IO",     [SIGPWR]    = "PWR",    [SIGSYS]    = "SYS",
};
static const struct { const char *name; int signal; } signal_aliases[] = {
	{ "CLD",  SIGCHLD },
	{ "IOT",  SIGABRT },
	{ "POLL", SIGIO },
};
/* clang-format on */

/* tolower() reads the locale. */
static char upper(char c)
{
	if (c < 'a' || c > 'z')
		return c;
	return (char)(c - 'a' + 'A');
}

/* How many bytes `text` and the upper-case `word` share from the start, case ignored. */
static size_t shared_start(const char *text, const char *word)
{
	size_t n = 0;
	while (word[n] && upper(text[n]) == word[n])
		n++;
	return n;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = shared_start(text, word);
	return !word[n] && !text[n];
}

/* RTMIN, RTMIN+N, RTMAX, RTMAX-N. */
static int parse_realtime(const char *text, int *out_signal)
{
	bool is_min = shared_start(text, "RTMIN") == 5;
	if (!is_min && shared_start(text, "RTMAX") != 5)
		return -EINVAL;

	uint64_t offset = 0;
	text += 5;
	if (*text) {
		if (*text != (is_min ? '+' : '-') || num_parse_u64(text + 1, SIGNAL_RT_SPAN, &offset) < 0)
			return -EINVAL;
	}
	*out_signal = is_min ? SIGNAL_RT_FIRST + (int)offset : SIGNAL_LAST - (int)offset;
	return 0;
}

int signal_parse(const char *text, int *out_signal)
{
	uint64_t number;
	if (num_parse_u64(text, SIGNAL_LAST, &number) == 0) {
		if (number == 0)
			return -EINVAL;
		*out_signal = (int)number;
		return 0;
	}
	if (shared_start(text, "SIG") == 3)
		text += 3;
	for (size_t i = 1; i < COUNT_OF(signal_names); i++) {
		if (!is_word(text, signal_names[i]))
			continue;
		*out_signal = (int)i;
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(signal_aliases); i++) {
		if (!is_word(text, signal_aliases[i].name))
			continue;
		*out_signal = signal_aliases[i].signal;
		return 0;
	}
	return parse_realtime(text, out_signal);
}

void signal_format(struct buf *out, int signal)
{
	if (signal > 0 && (size_t)signal < COUNT_OF(signal_names)) {
		buf_str(out, signal_names[signal]);
		return;
	}
	if (signal < SIGNAL_RT_FIRST || signal > SIGNAL_LAST) {
		buf_i64(out, signal);
		return;
	}
	/* Counted from the nearer end, as bash and kill(1) list them. */
	int up = signal - SIGNAL_RT_FIRST, down = SIGNAL_LAST - signal;
	bool is_min = up <= SIGNAL_RT_SPAN / 2;
	int offset = is_min ? up : down;
	buf_str(out, is_min ? "RTMIN" : "RTMAX");
	if (offset > 0) {
		buf_char(out, is_min ? '+' : '-');
		buf_u64(out, (uint64_t)offset);
	}
}

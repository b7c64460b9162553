#include "os/match.h"

#include <errno.h>
#include <regex.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/regex.h"

#define CPU_S 1
#define FLAGS (REG_EXTENDED | REG_NEWLINE) /* ^ and $ are of lines, and . stays within one */

/* Why it is none: in glibc's words, which most have read before, for both. */
static void tell_why(int code, const regex_t *regex, struct buf *why)
{
	char said[128];
#ifndef __GLIBC__
	/* clang-format off */
	static const char *const words[] = {
		[REG_BADPAT]   = "Invalid regular expression",
		[REG_ECOLLATE] = "Invalid collation character",
		[REG_ECTYPE]   = "Invalid character class name",
		[REG_EESCAPE]  = "Trailing backslash",
		[REG_ESUBREG]  = "Invalid back reference",
		[REG_EBRACK]   = "Unmatched [, [^, [:, [., or [=",
		[REG_EPAREN]   = "Unmatched ( or \\(",
		[REG_EBRACE]   = "Unmatched \\{",
		[REG_BADBR]    = "Invalid content of \\{\\}",
		[REG_ERANGE]   = "Invalid range end",
		[REG_ESPACE]   = "Memory exhausted",
		[REG_BADRPT]   = "Invalid preceding regular expression",
	};
	/* clang-format on */
	if (code > 0 && (size_t)code < COUNT_OF(words) && words[code]) {
		buf_str(why, words[code]);
		return;
	}
#endif
	(void)regerror(code, regex, said, sizeof(said));
	buf_str(why, said);
}

static int compile(const char *regex, size_t n, regex_t *out, struct buf *why)
{
	char text[MATCH_REGEX_MAX + 1];

	if (n == 0 || n > MATCH_REGEX_MAX)
		return -EINVAL;
	memcpy(text, regex, n);
	text[n] = '\0';
	const char *open = regex_find_undefined(text);
	if (open) {
		if (why)
			buf_str(why, open);
		return -EINVAL;
	}
	int r = regcomp(out, text, FLAGS);
	if (r == 0)
		return 0;
	if (why)
		tell_why(r, out, why);
	return r == REG_ESPACE ? -ENOMEM : -EINVAL;
}

int os_match_check(const char *regex, size_t n, struct buf *why)
{
	regex_t compiled;

	int r = compile(regex, n, &compiled, why);
	if (r == 0)
		regfree(&compiled);
	return r;
}

int os_match_apart(const char *regex, size_t n, const char *text, size_t *out_at, size_t *out_n)
{
	const struct rlimit cpu = { CPU_S, CPU_S };
	regmatch_t match[2];
	regex_t compiled;

	(void)setrlimit(RLIMIT_CPU, &cpu);
	int r = compile(regex, n, &compiled, NULL);
	if (r < 0)
		return r;
	r = regexec(&compiled, text, 2, match, 0);
	regfree(&compiled);
	if (r != 0)
		return r == REG_NOMATCH ? 0 : -ENOMEM;
	const regmatch_t *told = match[1].rm_so >= 0 ? &match[1] : &match[0];
	*out_at = (size_t)told->rm_so;
	*out_n = (size_t)(told->rm_eo - told->rm_so);
	return 1;
}

int64_t os_local_offset(int64_t local_s)
{
	time_t as_utc = (time_t)local_s;
	struct tm tm;

	if (!gmtime_r(&as_utc, &tm))
		return 0;
	tm.tm_isdst = -1;
	return local_s - (int64_t)mktime(&tm);
}

#include "os/match.h"

#include <errno.h>
#include <regex.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"
#include "base/regex.h"

#define CPU_S 1
#define FLAGS (REG_EXTENDED | REG_NEWLINE) /* ^ and $ are of lines, and . stays within one */

static int compile(const char *regex, size_t n, regex_t *out, struct buf *why)
{
	char text[MATCH_REGEX_MAX + 1], said[128];

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
	(void)regerror(r, out, said, sizeof(said));
	if (why)
		buf_str(why, said);
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

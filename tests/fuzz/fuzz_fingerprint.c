/* layer: core */
#include "driver.h"

#include "base/buf.h"
#include "core/essence.h"
#include "core/fingerprint.h"

/* clang-format off */
static const struct fuzz_seed seeds[] = {
	FUZZ_SEED("Traceback (most recent call last):\n  File \"/a/b.py\", line 3, in f\n    x()\n    ^^^\nKeyError: 'a'\n"),
	FUZZ_SEED("/a/b.js:4\n  throw x;\n  ^\n\nTypeError: x\n    at f (/a/b.js:4:1)\n    at node:internal/m:1:2\n"),
	FUZZ_SEED("Exception in thread \"main\" a.B: c\n\tat java.base/java.util.L.get(L.java:4)\n\tat a.C.d(C.java:3)\nCaused by: e.F: g\n\t... 3 more\n"),
	FUZZ_SEED("panic: x\n\ngoroutine 1 [running]:\na.com/b/c.(*D).e(0x0)\n\t/f.go:3 +0x1d\n\nexit status 2\n"),
	FUZZ_SEED("==1==ERROR: AddressSanitizer: x on 0x10\n    #0 0x1 in f a.c:1:2\n==1==ABORTING\n"),
	FUZZ_SEED("thread 'main' panicked at src/a.rs:1:2:\ncalled `x`\nnote: run with `RUST_BACKTRACE=1`\n   0: a\n             at b\n"),
	FUZZ_SEED("make[1]: *** [a/Makefile:1: b] Error 2\r\na.c:1:2: error: x\n    1 | y\n      | ^\n"),
	FUZZ_SEED("\x1b[1;31mError:\x1b[0m \x1b]0;t\a 12%\r 99% https://u@h:1/x?a=1,2 C:\\a\\b.c '/a b/c' 1.5s, 2, fe80::1 Sun Nov 2 \xc3\xa9\n"),
	FUZZ_SEED(""),
};
/* clang-format on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fingerprint_facts facts = { .bytes = (const char *)data, .count = size };
	struct fingerprint of, again;
	BUF(out, 200);

	facts.outcome = size % 3 == 0 ? OUTCOME_TIMEOUT : OUTCOME_FAILED;
	facts.has_status = size % 5 != 0;
	facts.job_status = (int)(size % 128);
	facts.is_cut = size % 2 == 0;
	fingerprint_make(&of, &facts);
	fingerprint_make(&again, &facts);
	FUZZ_CHECK(of.print != 0 && of.print == again.print, "the same bytes have the same print, and one");
	FUZZ_CHECK(strnlen(of.summary, sizeof(of.summary)) < sizeof(of.summary), "a summary ends");
	FUZZ_CHECK(of.summary[0] != '\0', "there is always one");
	for (const char *c = of.summary; *c; c++)
		FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f, "no control is in it");
	if (!of.is_bare)
		FUZZ_ACCEPTED();
	essence_put(&out, (const char *)data, size);
	FUZZ_CHECK(out.len < 200, "an essence is bounded");
	return 0;
}

FUZZ_MAIN(seeds)

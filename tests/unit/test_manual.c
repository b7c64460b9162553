/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/manual.h"

static char bytes[MANUAL_MAX];

static const char history[] =
	"# The history\n\n## start\n| member | meaning |\n|---|---|\n"
	"| `a`, `b.c` | what `x` is |\n| `d` | .dot and back\\slash |\n\n## end\ntext\n";

struct page_row {
	const char *rule;
	const char *page;
	const char *part;  /* in the result */
	const char *other; /* not in the result; NULL = no such */
	const char *why;   /* the whole reason of a refusal; NULL: accepted */
};

/* clang-format off */
static const struct page_row page_rows[] = {
	{ "what people wrote stays",         ".Sh NAME\ntext\n",             ".Sh NAME\ntext\n", NULL, NULL },
	{ "no newline at the end",           "text",                         "text\n", NULL, NULL },
	{ "a comment is no marker",          ".\\\" @ os\n",                 ".\\\" @ os\n", NULL, NULL },
	{ "the version",                     ".\\\"@ os\n",                  ".Os spawnguard 1.2.3\n", "@", NULL },
	{ "an option with value and letter", ".\\\"@ options run\n",         "\n.It Fl t , Fl -timeout Ns = Ns Ar D\nEnd the run after D;", "columns", NULL },
	{ "an optional value",               ".\\\"@ options run\n",         "\n.It Fl w , Fl -wait Ns Op = Ns Ar D\n", NULL, NULL },
	{ "a default",                       ".\\\"@ options run\n",         "Default:\n.Ql 75 .\n", NULL, NULL },
	{ "an option in a text",             ".\\\"@ options run\n",         "(\\-\\-on\\-conflict=fail, the default)", NULL, NULL },
	{ "a flag as a key",                 ".\\\"@ keys\n",                "\n.It Cm shared = Ar yes|no\n", "Fl ", NULL },
	{ "a key of the file alone",         ".\\\"@ keys\n",                "\n.It Cm command = Ar CMD\n", "run\\-id", NULL },
	{ "statuses",                        ".\\\"@ statuses kill\n",       "\n.It 121\nProcesses are left", "\n.It 75\n", NULL },
	{ "transitions",                     ".\\\"@ transitions\n",         ".Ss half-open\n.Bl -tag -width Ds\n.It start\nIt runs as the trial; others are refused.\n", ".It its wait is over\nNothing", NULL },
	{ "a transition, and what comes",    ".\\\"@ transitions\n",         "\n.It the trial ends well\nCloses.\nThen it is closed.\n", NULL, NULL },
	{ "classes",                         ".\\\"@ classes\n",             "\n.It lost\nIts guard was killed, or it has a start and no end.\n", NULL, NULL },
	{ "statuses of all",                 ".\\\"@ statuses\n",            "\n.Ss spawnguard reap\n.Bl ", NULL, NULL },
	{ "commands",                        ".\\\"@ commands\n",            "\n.It Xr spawnguard-ps 1\nList running", NULL, NULL },
	{ "variables",                       ".\\\"@ variables\n",            "\n.It Ev SPAWNGUARD_SIGNAL\nThe signal that the job died of: TERM, KILL.\nAt the end only.\nUnset where there is none.\n.It ", "START", NULL },
	{ "members of the history",          ".\\\"@ history start\n",       ".It Va a , Va b.c\nwhat \\fBx\\fP is\n.It Va d\n\\&.dot and back\\eslash\n.El\n", "member", NULL },
	{ "about an option",                 ".\\\"@ about stats\nmore\n.\\\"@ end\n.\\\"@ options run\n", "processes.\nmore\n.It ", "@", NULL },
	{ "about an option that is not here", ".\\\"@ about columns\nx\n.\\\"@ end\n.\\\"@ options run\n", "", NULL, "4: about an option that is not here: columns" },
	{ "about without a list",            ".\\\"@ about stats\nx\n.\\\"@ end\n", "", NULL, "3: about an option that is not here: stats" },
	{ "about without an end",            ".\\\"@ about stats\nx\n",      "", NULL, "2: no end of about stats" },
	{ "an unknown marker",               "a\n.\\\"@ option run\n",       "", NULL, "2: unknown marker option run" },
	{ "an unknown command",              ".\\\"@ options rum\n",         "", NULL, "1: unknown marker options rum" },
	{ "a section without a table",       ".\\\"@ history end\n",         "", NULL, "1: no table of members under end" },
};
/* clang-format on */

static void test_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(page_rows); i++) {
		const struct page_row *row = &page_rows[i];
		struct manual_source source = { row->page, history, "1.2.3" };
		struct buf out;
		BUF(why, MANUAL_WHY_MAX);
		buf_init(&out, bytes, sizeof(bytes));
		int r = manual_format(&out, &source, &why);
		if ((r < 0) != (row->why != NULL) || strcmp(why.at, row->why ? row->why : "") != 0)
			fail_msg("%s: %d, \"%s\"", row->rule, r, why.at);
		if (!strstr(out.at, row->part) || (row->other && strstr(out.at, row->other)))
			fail_msg("%s: not in, or too much in\n%s", row->rule, out.at);
	}
}

/* Cut at every length: no byte is written past the end. */
static void test_small_buffer(void **state)
{
	(void)state;
	struct manual_source source = { ".\\\"@ options run\n.\\\"@ history start\n", history, "1" };
	for (size_t size = 1; size < 300; size++) {
		struct buf out;
		BUF(why, MANUAL_WHY_MAX);
		buf_init(&out, bytes, size);
		assert_true(manual_format(&out, &source, &why) < 0);
		assert_true(out.len < size);
	}
}

static void test_plain(void **state)
{
	(void)state;
	BUF(out, 64);
	manual_plain(&out, "\bN\bNA\bA _\bx\n");
	assert_string_equal(out.at, "\bNA x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

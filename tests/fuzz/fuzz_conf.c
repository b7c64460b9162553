/* layer: conf */
#include "driver.h"

#include "base/buf.h"
#include "conf/argv.h"
#include "conf/ini.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/resolve.h"

static const struct fuzz_seed seeds[] = {
	FUZZ_SEED(""),
	FUZZ_SEED("\xef\xbb\xbf[defaults]\r\ntimeout = 2h\r\nstats = yes\r\n"),
	FUZZ_SEED("# a comment\n[defaults]\n\twait = 5m\n[job p]\ncommand = sh -c 'echo \"a b\"' x\\ y\nlike "
		  "= q\n"
		  "tag = a=1\ntag = b=2\nenv = A=1\n[job q]\ntask = t\n; end"),
	FUZZ_SEED("[job p]\nsuccess-status = 0,3,10-12,TERM\nionice = best-effort:3\nnice = -5\numask = 027\n"
		  "signal = RTMIN+1\nend-on = INT,USR1\nlog-max = 1.5G\ntail = 4K\noom-score-adj = -1000\n"
		  "syslog = cron\noutput = on-failure\nkill-after = none\n"),
	FUZZ_SEED("[job p]\ntask=;a\ntask : b\n= c\n[job p\n[x]\n]\n[job ]\n[defaults] y\n"),
};

struct heard {
	unsigned count;
	uint32_t lines; /* of the text */
};

static bool tell(void *with, const char *file, uint32_t line, const struct buf *what)
{
	struct heard *heard = with;
	(void)file;
	heard->count++;
	FUZZ_CHECK(line <= heard->lines, "a problem stands in a line of the file");
	FUZZ_CHECK(what->len > 0 && !what->cut, "a problem is said, whole");
	for (size_t i = 0; i < what->len; i++)
		FUZZ_CHECK((unsigned char)what->at[i] >= ' ' && what->at[i] != 0x7f,
			   "and in one line that prints");
	return true;
}

/* A copy that may be written to, with the one byte more. */
static char *copy(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	return text;
}

static void check_values(const struct conf *conf, const char *text, size_t size)
{
	for (uint32_t i = 0; i < conf->pair_count; i++) {
		const char *value = conf->pair[i].value;
		FUZZ_CHECK(value >= text && value <= text + size, "a value stands in the text");
		FUZZ_CHECK(strlen(value) <= INI_LINE_MAX && !strchr(value, '\n'), "within a line");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard all = { .lines = 1 }, first = { .lines = 1 };
	char *text = copy(data, size), *again = copy(data, size);
	struct conf conf;
	struct job job;

	for (size_t i = 0; i < size; i++)
		all.lines += data[i] == '\n';
	first.lines = all.lines;
	conf_init(&conf, tell, &all);
	int opened = conf_add(&conf, "f", text, size);
	int checked = conf_check(&conf);
	FUZZ_CHECK((opened < 0 || checked < 0) == (all.count > 0), "who refuses says why");
	check_values(&conf, text, size);
	conf_release(&conf);

	conf_init(&conf, tell, &first);
	argv_defaults(&job);
	if (conf_add(&conf, "f", again, size) == 0 && conf_select(&conf, "p") == 0 &&
	    conf_apply(&conf, FOR_FILE, &job) == 0) {
		FUZZ_CHECK(first.count == 0, "what is told is refused");
		FUZZ_ACCEPTED();
	} else {
		FUZZ_CHECK(first.count > 0 && all.count > 0, "what a run refuses, check refuses");
	}
	check_values(&conf, again, size);
	conf_release(&conf);
	free(text);
	free(again);
	return 0;
}

FUZZ_MAIN(seeds)

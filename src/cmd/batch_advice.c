/* What to do next, after a batch: why, and the command. */
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/batch_sum.h"

/* " -N drain"; what begins as an option does is behind a =. */
static void put_value(struct buf *line, const char *name, const char *with_equals, const char *value,
		      size_t n)
{
	buf_str(line, n > 0 && value[0] == '-' ? with_equals : name);
	escape_word(line, value, n, 0);
}

static void put_program(struct buf *line, const struct work *w, const char *command)
{
	const char *state_dir = w->cmd.job.state_dir, *config = w->cmd.job.config;

	buf_str(line, "spawnguard ");
	buf_str(line, command);
	if (state_dir)
		put_value(line, " --state-dir=", " --state-dir=", state_dir, strlen(state_dir));
	if (config)
		put_value(line, " --config=", " --config=", config, strlen(config));
}

static void put_batch(struct buf *line, const struct work *w)
{
	put_program(line, w, "batch");
	put_value(line, " -N ", " --name=", w->name, strlen(w->name));
	buf_str(line, " --resume");
}

/* The command of one item by itself, with what it writes to be seen. */
static void put_run(struct buf *line, const struct work *w, const struct batch_item *item)
{
	bool has_hole = false;

	buf_str(line, "spawnguard run -v --stats --");
	for (char **word = w->template; *word; word++) {
		BUF(filled, 4096);
		for (const char *at = *word; *at;) {
			bool is_hole = strncmp(at, "{}", 2) == 0;
			buf_mem(&filled, is_hole ? item->text : at, is_hole ? item->n : 1);
			at += is_hole ? 2 : 1;
			has_hole |= is_hole;
		}
		line->cut |= filled.cut; /* half a command is none */
		buf_char(line, ' ');
		escape_word(line, filled.at, filled.len, 0);
	}
	if (!has_hole) {
		buf_char(line, ' ');
		escape_word(line, item->text, item->n, 0);
	}
}

const char *advice_name(enum batch_advice advice)
{
	static const char *const names[ADVICE_COUNT] = {
		[ADVICE_CHECK_YIELD] = "check-yield",
		[ADVICE_SKIP_PREFIX] = "skip-prefix",
		[ADVICE_LOOK] = "look",
		[ADVICE_MORE_TIME] = "more-time",
		[ADVICE_AGAIN] = "again",
		[ADVICE_REFUSED] = "refused",
		[ADVICE_LARGER] = "larger",
		[ADVICE_RESUME] = "resume",
	};
	return names[advice];
}

void advice_put_why(struct buf *line, const struct batch_hint *hint)
{
	static const char *const why[ADVICE_COUNT] = {
		[ADVICE_CHECK_YIELD] = "brought nothing: see by one of them whether it is collected",
		[ADVICE_SKIP_PREFIX] = "failed of one thing: leave such out until it is mended",
		[ADVICE_LOOK] = "failed of one thing: see one of them",
		[ADVICE_MORE_TIME] = "out of time: try again with twice as much",
		[ADVICE_AGAIN] = "failed, not all of one thing: try again",
		[ADVICE_REFUSED] = "the guard did not start it: see why",
		[ADVICE_LARGER] = "left, and all went well: the next batch may be larger",
		[ADVICE_RESUME] = "left: go on",
	};

	if (hint->of > 0) {
		buf_u64(line, hint->of);
		buf_str(line, hint->of == 1 ? " item " : " items ");
	}
	buf_str(line, why[hint->advice]);
}

void advice_put_command(struct buf *line, const struct work *w, const struct batch_hint *hint)
{
	const struct batch_item *item = hint->item < w->batch.count ? &w->batch.items[hint->item] : NULL;
	uint64_t timeout_ns = w->cmd.job.timeout_ns;

	switch (hint->advice) {
	case ADVICE_CHECK_YIELD:
	case ADVICE_LOOK:
		put_run(line, w, item);
		return;
	case ADVICE_REFUSED:
		put_program(line, w, "status");
		put_value(line, " ", " -- ", w->name, strlen(w->name));
		return;
	default:
		break;
	}
	put_batch(line, w);
	if (hint->advice == ADVICE_SKIP_PREFIX) {
		put_value(line, " --skip-prefix ", " --skip-prefix=", item->text, hint->prefix_n);
	} else if (hint->advice == ADVICE_MORE_TIME) {
		buf_str(line, " --max-attempts ");
		buf_u64(line, hint->number);
		if (timeout_ns != NUM_NONE) {
			buf_str(line, " --timeout ");
			num_format_duration(line, 2 * timeout_ns);
		}
	} else if (hint->advice == ADVICE_AGAIN) {
		buf_str(line, " --max-attempts ");
		buf_u64(line, hint->number);
	} else if (hint->advice == ADVICE_LARGER) {
		buf_str(line, " --max-runs ");
		buf_u64(line, hint->number);
	}
}

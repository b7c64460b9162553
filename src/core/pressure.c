#include "core/pressure.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"

/*
 * A build with more jobs than cores makes others wait for CPU for as long as it takes, and that is what it is
 * for: never more than info, and only after a minute of it.  Where memory is short everything stands still
 * within seconds.
 */
/* clang-format off */
const struct pressure_row pressure_rows[] = {
	[PRESSURE_CPU]    = { "cpu",    "CPU",    1000000, 8000, UINT32_MAX, 80, 60 * NS_PER_S, SEVERITY_INFO },
	[PRESSURE_MEMORY] = { "memory", "memory",  300000, 1500, 4000,       25,  6 * NS_PER_S, SEVERITY_WARNING },
};
/* clang-format on */
static_assert(COUNT_OF(pressure_rows) == PRESSURE_COUNT, "one row for each enum pressure_id");

static unsigned share_of(const struct pressure_window *w)
{
	unsigned __int128 pct = w->whole > 0 ? (unsigned __int128)w->part * 100 / w->whole : 0;
	return pct > 100 ? 100 : (unsigned)pct;
}

static void describe(const struct pressure *p, const struct pressure_row *row,
		     const struct pressure_window *w, struct finding *out)
{
	struct buf text;

	memset(out, 0, sizeof(*out));
	buf_init(&text, out->text, sizeof(out->text));
	buf_str(&text, "somebody waits for ");
	buf_str(&text, row->what);
	buf_char(&text, ' ');
	buf_u64(&text, w->centi_pct / 100);
	buf_str(&text, " % of the time, of which this tree has ");
	buf_u64(&text, share_of(w));
	buf_str(&text, " %");
	out->value = w->centi_pct / 100;
	out->bound = row->least_centi / 100;
	out->since_ns = p->since_ns;
	out->now_ns = w->now_ns;
	out->period_ns = PRESSURE_WINDOW_NS;
	out->rung = "psi";
}

bool pressure_judge(struct pressure *p, enum pressure_id id, const struct pressure_window *w,
		    struct finding *out)
{
	const struct pressure_row *row = &pressure_rows[id];
	bool is_ours = !w->is_yielding && w->centi_pct >= row->least_centi && share_of(w) >= row->share_pct;

	if (!is_ours) {
		*p = (struct pressure){ .told = p->told };
		return false;
	}
	if (p->since_ns == 0 || w->now_ns - p->last_ns > PRESSURE_APART_NS)
		p->since_ns = w->now_ns;
	p->last_ns = w->now_ns;
	if (w->now_ns - p->since_ns < row->for_ns)
		return false;
	enum severity severity = row->severity + (w->centi_pct >= row->severe_centi);
	if (p->told > severity)
		return false;
	p->told = 1 + severity;
	describe(p, row, w, out);
	out->severity = severity;
	return true;
}

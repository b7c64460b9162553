/* Of the rules of guard/watch.h, those about memory that need more than one look. */
#include "conf/job.h"
#include "core/detect.h"
#include "guard/warden.h"
#include "guard/watch.h"
#include "tree/tree.h"

/* --- growth --------------------------------------------------------------------------------------------- */

void watch_growth(struct warden *w, uint64_t period_ns)
{
	struct growth *g = &w->watch.growth;
	struct finding f;

	if (!g->is_limit && !(w->run->job->detect & 1U << DETECT_GROWTH))
		return;
	growth_begin(g, w->facts.now_ns);
	FOR_EACH_MEMBER (&w->tree, m)
		if (!(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD)))
			growth_member(g, &m->trend, &m->sample);
	struct growth_verdict found = growth_end(g);
	if (found.grade == GRADE_OK)
		return;
	if (g->is_limit) {
		struct limit_verdict v =
			growth_as_limit(&found, &w->run->job->limit[LIMIT_GROWTH], period_ns);
		watch_tell(w, &v, "walk");
		return;
	}
	growth_describe(&found, g->rule.floor_bytes[0], w->facts.now_ns, &f);
	f.period_ns = period_ns;
	watch_flag(w, &f);
}

#include "core/vigil.h"

#include <string.h>

int vigil_status(const struct vigil *v)
{
	uint32_t flags = 0;

	for (unsigned i = SEVERITY_INFO + 1; i < SEVERITY_COUNT; i++)
		flags += v->flags[i];
	if (flags > 0 || v->failed > 0 || v->refused > 0 || v->breaker > 0)
		return VIGIL_BAD;
	return v->runs > 0 ? 0 : VIGIL_NOTHING;
}

enum severity vigil_severity(const char *name)
{
	for (unsigned i = 0; i < SEVERITY_COUNT; i++)
		if (strcmp(name, severity_name((enum severity)i)) == 0)
			return (enum severity)i;
	return SEVERITY_WARNING;
}

void vigil_refusals_begin(struct vigil_refusals *r, uint64_t line_wall_ns, uint64_t count)
{
	*r = (struct vigil_refusals){ .line_wall_ns = line_wall_ns, .count = count };
}

uint64_t vigil_refusals_line(struct vigil_refusals *r, uint64_t count)
{
	uint64_t fresh = count > r->count ? count - r->count : 1; /* it is of one at least */

	r->count = 0;
	r->has_line = true;
	return fresh;
}

uint64_t vigil_refusals_lock(struct vigil_refusals *r, uint64_t line_wall_ns, uint64_t count)
{
	uint64_t before = r->count;

	if (line_wall_ns != r->line_wall_ns) {
		if (!r->has_line) /* it will be read next time, and tells of all until then */
			return 0;
		r->line_wall_ns = line_wall_ns;
		r->has_line = false;
	} else if (r->has_line) { /* as it was before the line */
		return 0;
	}
	r->count = count;
	return count > before ? count - before : 0;
}

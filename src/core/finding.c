#include "core/finding.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"

static const char *const severity_names[] = {
	[SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning", [SEVERITY_CRITICAL] = "critical"
};
static_assert(COUNT_OF(severity_names) == SEVERITY_COUNT, "one name for each severity");

const char *severity_name(enum severity severity)
{
	return severity < SEVERITY_COUNT ? severity_names[severity] : "unknown";
}

void finding_format(struct buf *out, const struct finding *f)
{
	buf_str(out, f->rule);
	buf_str(out, ": ");
	buf_str(out, f->text);
	for (unsigned i = 0; i < FINDING_WITNESSES && f->witness[i].pid != 0; i++) {
		const struct witness *w = &f->witness[i];
		buf_str(out, i == 0 ? "; most: " : ", ");
		escape_text(out, w->comm, strnlen(w->comm, sizeof(w->comm)), 0);
		buf_str(out, " (");
		buf_i64(out, w->pid);
		buf_char(out, ')');
	}
}

void witness_add(struct witness list[FINDING_WITNESSES], int32_t pid, const char comm[16], uint64_t value)
{
	unsigned at = FINDING_WITNESSES;

	while (at > 0 && (list[at - 1].pid == 0 || list[at - 1].value < value))
		at--;
	if (at == FINDING_WITNESSES)
		return;
	memmove(&list[at + 1], &list[at], (FINDING_WITNESSES - 1 - at) * sizeof(*list));
	list[at] = (struct witness){ .pid = pid, .value = value };
	memcpy(list[at].comm, comm, sizeof(list[at].comm));
}

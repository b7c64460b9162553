#include "guard/peek.h"

#include <errno.h>
#include <string.h>

#include "guard/pair.h"
#include "guard/warden.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/proc.h"
#include "tree/facts.h"
#include "tree/tree.h"

#define FACTS ((uint32_t)SAMPLE_WCHAN | SAMPLE_PROGRAM)

void peek_begin(struct peek_question *q)
{
	q->n = 0;
}

bool peek_add(struct peek_question *q, struct member *m, uint32_t wanted)
{
	uint32_t facts = wanted & ~m->sample.known & FACTS;
	bool was_asked = m->flags & MEMBER_ASKED;

	m->flags &= ~(uint32_t)MEMBER_ASKED;
	if (facts == 0 || was_asked || m->flags & MEMBER_SHUT || q->n == PEEK_MAX)
		return false;
	q->of[q->n++] = (struct peek_asked){ m->id.pid, facts, m->id.start_ticks };
	m->flags |= MEMBER_ASKED;
	return true;
}

bool peek_ask(struct warden *w, const struct peek_question *q)
{
	struct pair_message m;

	if (q->n == 0)
		return true;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_PEEK;
	m.peek = *q;
	return os_link_send(w->link, &m, PAIR_HEAD_BYTES + sizeof(m.peek)) == 0;
}

void peek_hear(struct warden *w, const struct peek_answer *answer,
	       void (*take)(struct warden *w, struct member *m))
{
	for (uint32_t i = 0; i < answer->n && i < PEEK_MAX; i++) {
		const struct peek_seen *seen = &answer->of[i];
		struct member *m = tree_find(&w->tree, seen->pid);
		if (!m || !(m->flags & MEMBER_ASKED) || m->id.start_ticks != seen->start_ticks)
			continue;
		m->flags &= ~(uint32_t)MEMBER_ASKED;
		if (seen->is_shut)
			m->flags |= MEMBER_SHUT;
		if (seen->known & SAMPLE_WCHAN)
			memcpy(m->sample.wchan, seen->wchan, sizeof(m->sample.wchan));
		if (seen->known & SAMPLE_PROGRAM)
			m->sample.program = seen->program;
		m->sample.known |= seen->known & FACTS;
		take(w, m);
	}
}

/* --- front ---------------------------------------------------------------------------------------------- */

/* What is opened stays of that process: its start, asked for by number and first, tells whose number it is.
 */
static void look(const struct peek_asked *asked, struct peek_seen *out)
{
	struct member m = { .id.pid = asked->pid };
	struct proc_stat stat;
	char path[1];

	*out = (struct peek_seen){ .pid = asked->pid, .start_ticks = asked->start_ticks };
	m.task_fd = os_proc_open(asked->pid, "task");
	if (m.task_fd >= 0 && os_proc_stat(asked->pid, &stat) == 0 &&
	    (asked->start_ticks == 0 || stat.start_ticks == asked->start_ticks) &&
	    facts_read(&m, asked->facts | SAMPLE_STAT) == 0) {
		out->is_shut = os_proc_program_beside(m.task_fd, path, sizeof(path)) == -EACCES;
		out->known = m.sample.known & asked->facts;
		out->program = m.sample.program;
		memcpy(out->wchan, m.sample.wchan, sizeof(out->wchan));
	}
	os_fd_close(&m.task_fd);
}

void peek_answer(const struct pair_message *asked, int link)
{
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_PEEKED;
	m.peeked.n = asked->peek.n < PEEK_MAX ? asked->peek.n : PEEK_MAX;
	for (uint32_t i = 0; i < m.peeked.n; i++)
		look(&asked->peek.of[i], &m.peeked.of[i]);
	(void)os_link_send(link, &m, PAIR_HEAD_BYTES + sizeof(m.peeked));
}

/* Memory over its bound: is it, or is it shared?  As guard/watch_memory.c, but asked and answered at once. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "cmd/watch_tree.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/pipe.h"
#include "os/wait.h"
#include "run/reader.h"

#define WEIGH_MAX        128  /* members asked for at a time: the largest */
#define WEIGH_TIMEOUT_MS 1000 /* reading 1 GiB takes 20 ms; nothing else is looked at meanwhile */
#define END_MS           100  /* what a KILL takes, unless it has to wait for a read that never ends */

struct answer {
	uint32_t n;
	uint64_t rss_bytes, pss_bytes;
	struct witness most[FINDING_WITNESSES];
};

struct question {
	struct reader_process process[WEIGH_MAX];
	uint32_t n;
	uint64_t least; /* the next largest, which is not asked for; 0 = all are */
};

static unsigned place_of(enum limit_id id)
{
	return id == LIMIT_TREE_MEM;
}

bool memory_holds(struct outside *o, const struct limit_verdict *v)
{
	if (v->id != LIMIT_RSS && v->id != LIMIT_TREE_MEM)
		return false;
	struct held *h = &o->held[place_of(v->id)][v->grade == GRADE_HARD];
	*h = (struct held){ .verdict = *v };
	return true;
}

/* --- asking -----------------------------------------------------------------------------------------------
 */

static void end_reader(pid_t pid)
{
	struct os_child child;

	(void)os_child_signal(pid, -1, SIGKILL); /* unreaped: it is the reader */
	for (unsigned ms = 0; ms < END_MS && os_wait_try(pid, &child) == 0; ms++)
		os_clock_sleep_ms(1);
}

static void weigh(const struct question *q, struct answer *a)
{
	uint64_t until_ns = os_clock_boot_ns() + WEIGH_TIMEOUT_MS * NS_PER_MS;
	struct reader_memory word;
	int out = -1;

	pid_t pid = reader_begin_memory(q->process, q->n, WEIGH_TIMEOUT_MS, &out);
	if (pid < 0)
		return;
	AUTO_FD int fd = out;
	while (os_clock_boot_ns() < until_ns &&
	       os_pipe_read(fd, &word, sizeof(word), WEIGH_TIMEOUT_MS) == (ssize_t)sizeof(word)) {
		if (!word.is_read)
			continue;
		a->n++;
		a->rss_bytes += word.asked_bytes;
		a->pss_bytes += word.pss_bytes;
		witness_add(a->most, word.pid, (const char[16]){ 0 }, word.pss_bytes);
	}
	end_reader(pid);
}

static void take_answer(struct held *h, const struct question *q, const struct answer *a)
{
	uint64_t asked = h->confirm.asked_bytes, low, high;

	if (a->n == 0) /* nobody could be looked into */
		return;
	if (h->verdict.id == LIMIT_TREE_MEM) {
		low = a->pss_bytes;
		high = low + (asked > a->rss_bytes ? asked - a->rss_bytes : 0);
	} else {
		bool has_all = a->n == q->n && q->least <= h->verdict.bound.at;
		low = a->most[0].value;
		high = has_all ? low : asked;
	}
	confirm_answered(&h->confirm, low, high);
	memcpy(h->verdict.witness, a->most, sizeof(h->verdict.witness));
}

static void ask(struct outside *o, struct held *h)
{
	static struct question q;
	struct answer a = { 0 };

	q.n = 0;
	q.least = 0;
	FOR_EACH_MEMBER (&o->tree, m)
		if (outside_has(o, m) && m->sample.known & SAMPLE_MEMORY)
			reader_choose(q.process, &q.n, WEIGH_MAX, &q.least,
				      &(struct reader_process){ m->id.pid, m->id.start_ticks,
								m->sample.rss_bytes });
	confirm_asked(&h->confirm, o->limits.value[h->verdict.id], o->now_ns);
	if (q.n > 0)
		weigh(&q, &a);
	take_answer(h, &q, &a);
}

/* --- deciding ---------------------------------------------------------------------------------------------
 */

/* It is said once. */
static void tell_unsure(struct outside *o, const struct limit_verdict *v)
{
	struct finding f;
	struct buf text;

	limit_describe(v, o->now_ns, "walk", &f);
	f.severity = SEVERITY_WARNING;
	buf_init(&text, f.text + strlen(f.text), sizeof(f.text) - strlen(f.text));
	buf_str(&text, ", but how much of it is shared cannot be read");
	rules_flag(o, &f);
}

/* True: it is to be looked at once more, as there is an answer. */
static bool step(struct outside *o, struct held *h)
{
	enum limit_id id = h->verdict.id;
	uint64_t bytes = o->limits.value[id], bound = h->verdict.bound.at;

	if (!(o->limits.known & 1U << id))
		return false;
	if (bytes <= bound) { /* it will come with a new verdict */
		h->verdict.grade = GRADE_OK;
		return false;
	}
	switch (confirm_look(&h->confirm, bytes, bound, o->now_ns)) {
	case CONFIRM_WAIT:
		return false;
	case CONFIRM_ASK:
		ask(o, h);
		return true;
	case CONFIRM_UNSURE:
		h->verdict.value = bytes;
		tell_unsure(o, &h->verdict);
		return false;
	case CONFIRM_OVER:
		h->verdict.value = confirm_value(&h->confirm);
		rules_tell(o, &h->verdict, "pss");
		break;
	case CONFIRM_FAR:
		h->verdict.value = bytes;
		rules_tell(o, &h->verdict, "walk");
		break;
	}
	h->verdict.grade = GRADE_OK;
	return false;
}

void memory_confirm(struct outside *o)
{
	for (unsigned place = 0; place < 2; place++)
		for (int hard = 1; hard >= 0; hard--) {
			struct held *h = &o->held[place][hard];
			if (h->verdict.grade != GRADE_OK && step(o, h))
				(void)step(o, h);
		}
}

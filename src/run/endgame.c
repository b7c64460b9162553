#include "run/endgame.h"

#include "base/num.h"
#include "core/ending.h"
#include "os/clock.h"
#include "os/pidfd.h"
#include "tree/sweep.h"
#include "tree/tree.h"
#include "tree/walk.h"

static bool is_gone(const struct endgame *e)
{
	if (e->reap)
		return e->reap(e->with);
	return tree_count_alive(e->tree) == 0 && killer_is_empty(&e->killer);
}

/* Until the first living member ends, or `until_ns`: no polling while one is worth waiting for. */
static void sleep_until(const struct endgame *e, uint64_t until_ns)
{
	uint64_t now_ns = os_clock_boot_ns();
	if (until_ns <= now_ns)
		return;
	uint64_t ms = (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
	int fd = -1;
	FOR_EACH_MEMBER (e->tree, m)
		if (fd < 0 && m->handle >= 0 && !(m->flags & (MEMBER_ROOT | MEMBER_DEAD)) &&
		    !os_pidfd_is_dead(m->handle))
			fd = m->handle;
	/* Others may end meanwhile: look again after 20 ms at the latest. */
	(void)os_pidfd_wait(fd, ms < 20 ? (int)ms : 20);
}

static void ask_nested(struct endgame *e, uint64_t now_ns)
{
	(void)tree_walk(e->tree, now_ns, WALK_WHOLE);
	nested_mark(e->nested, e->dir, e->run_id, e->tree);
	nested_ask(e->nested, e->dir, e->run_id, REQUEST_KILL, e->grace_ns);
}

static struct sweep_result act(struct endgame *e, enum ending_action action, uint64_t now_ns)
{
	struct sweep_result swept = { 0 };

	if (action == DO_TERM) {
		killer_begin(&e->killer);
		if (e->nested)
			ask_nested(e, now_ns);
		swept = sweep_term(e->tree, now_ns, e->signal, false);
		killer_asked(&e->killer, e->grace_ns == 0);
		e->ended += swept.signalled;
	} else if (action == DO_STOP) {
		swept = killer_stop(&e->killer, e->tree, now_ns);
	} else if (action == DO_KILL) {
		swept = killer_kill(&e->killer, e->tree, now_ns);
		e->ended += swept.unasked;
		e->killed += swept.killed;
	}
	return swept;
}

uint32_t endgame_run(struct endgame *e)
{
	struct ending ending = { 0 };
	struct ending_facts facts = { .now_ns = os_clock_boot_ns() };
	uint64_t wake_ns;

	ending_begin(&ending, facts.now_ns, e->grace_ns, false);
	for (;;) {
		facts.now_ns = os_clock_boot_ns();
		facts.is_empty = is_gone(e);
		enum ending_action action = ending_step(&ending, &facts, &wake_ns);
		if (action == DO_FINISH)
			break;
		struct sweep_result swept = act(e, action, facts.now_ns);
		facts.was_fresh = swept.fresh > 0;
		facts.all_refused = action == DO_KILL && swept.alive > 0 && swept.refused == swept.alive;
		facts.only_dead = swept.only_dead;
		sleep_until(e, wake_ns);
	}
	e->rung = killer_finish(&e->killer);
	if (is_gone(e))
		return 0;
	uint32_t alive = tree_count_alive(e->tree), unshown = facts.only_dead ? 0 : 1;
	return alive > 0 ? alive : unshown; /* a child that /proc does not show */
}

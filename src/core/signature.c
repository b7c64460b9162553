#include "core/signature.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/hash.h"
#include "base/num.h"

#define MB     (1ULL << 20)
#define SIG(n) (1ULL << ((n)-1))
#define TERM   SIG(15) /* bit 14 of SigCgt, counted from 0: 0x4000 */
#define BAND(from, to)   \
	{                \
		from, to \
	}

const char *const meaning_words[] = { "harmless", "info", "warning", "critical", NULL };
static_assert(COUNT_OF(meaning_words) == MEANING_COUNT + 1, "one word for each meaning");
const char *const signature_action_words[] = { "report", "end", "kill", NULL };
static_assert(COUNT_OF(signature_action_words) == SIGNATURE_ACTION_COUNT + 1, "one word for each action");

/* clang-format off */
static const struct signature_role triplet[] = {
	{ "runtime", "", "", 0, "", -1, BAND(165 * MB, 240 * MB), BAND(2, 2), BAND(16, 26), BAND_ANY, 0, TERM, 1 },
	{ "wrapper", "", "hrtimer_nanosleep", 0, "", -1, BAND(512 * 1024, 8 * MB), BAND(1, 1), BAND_ANY, BAND_ANY, 0, 0, 1 },
	{ "child", "", "", 0, "", -1, BAND(155 * MB, 190 * MB), BAND_ANY, BAND(13, 23), BAND_ANY, TERM, 0, 1 },
};
static const struct signature_role spawn_loop[] = {
	{ "worker", "", "", 0, "", -1, BAND(32 * MB, UINT64_MAX), BAND_ANY, BAND_ANY, BAND(0, 10 * NS_PER_S), 0, 0, 12 },
};
/* clang-format on */

/* No table: its pointers would be relocated at each start of the program, which few look into. */
void signatures_init(struct signatures *out)
{
	out->count = SIGNATURES_BUILT_IN;
	out->list[0] = (struct signature){
		.name = "agent-triplet",
		.about = "what an agent's session leaves for a moment: a runtime, its wrapper and a child "
			 "runtime",
		.meaning = MEANING_HARMLESS,
		.action = SIGNATURE_END,
		.role_count = COUNT_OF(triplet),
	};
	memcpy(out->list[0].role, triplet, sizeof(triplet));
	out->list[1] = (struct signature){
		.name = "spawn-loop",
		.about = "a parent that starts the same worker again each time it dies within seconds",
		.meaning = MEANING_INFO,
		.action = SIGNATURE_REPORT,
		.any = true,
		.siblings = true,
		.role_count = COUNT_OF(spawn_loop),
	};
	memcpy(out->list[1].role, spawn_loop, sizeof(spawn_loop));
}

struct signature_role signature_role_any(const char *name)
{
	struct signature_role role = {
		.parent = -1,
		.memory_bytes = BAND_ANY,
		.threads = BAND_ANY,
		.fds = BAND_ANY,
		.lived_ns = BAND_ANY,
		.count = 1,
	};
	memcpy(role.name, name, strnlen(name, sizeof(role.name) - 1));
	return role;
}

struct signature *signatures_find(struct signatures *s, const char *name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

static bool is_any(const struct band *band)
{
	return band->low == 0 && band->high == UINT64_MAX;
}

static bool is_within(const struct band *band, uint64_t value)
{
	return value >= band->low && value <= band->high;
}

static uint32_t role_needs(const struct signature_role *r)
{
	return (r->comm[0] ? SAMPLE_STAT : 0U) | /* it comes with it: an exec changes it */
	       (is_any(&r->memory_bytes) ? 0U : SAMPLE_MEMORY) | (is_any(&r->threads) ? 0U : SAMPLE_STAT) |
	       (is_any(&r->fds) ? 0U : SAMPLE_FDS) | (r->caught || r->ignored ? SAMPLE_SIGNALS : 0U) |
	       (r->wchan[0] ? SAMPLE_WCHAN : 0U) | (r->program ? SAMPLE_PROGRAM : 0U);
}

uint32_t matcher_needs(const struct matcher *m, bool is_orphan)
{
	uint32_t needs = 0;

	for (uint32_t i = 0; i < m->signatures->count; i++) {
		const struct signature *s = &m->signatures->list[i];
		if (s->is_off || !(s->any || is_orphan))
			continue;
		for (uint32_t k = 0; k < s->role_count; k++)
			needs |= role_needs(&s->role[k]);
	}
	return needs;
}

/* --- one member ----------------------------------------------------------------------------------------- */

static bool is_like(const char *pattern, const char *text, size_t max)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return strncmp(text, pattern, n - 1) == 0;
	/* What the kernel, or the sample, has cut agrees as far as it goes. */
	return strncmp(text, pattern, max - 1) == 0;
}

/* How a role and a member agree, fact by fact. */
struct fit {
	uint32_t asked, known;
	bool is_wrong;
};

static void weigh(struct fit *fit, bool is_known, bool is_right)
{
	fit->asked++;
	fit->known += is_known;
	fit->is_wrong = fit->is_wrong || (is_known && !is_right);
}

static struct fit fit_role(const struct signature_role *r, const struct sample *s)
{
	struct fit fit = { 0 };

	if (r->comm[0])
		weigh(&fit, true, is_like(r->comm, s->comm, sizeof(s->comm)));
	if (r->program)
		weigh(&fit, s->known & SAMPLE_PROGRAM, s->program == r->program);
	if (!is_any(&r->memory_bytes))
		weigh(&fit, s->known & SAMPLE_MEMORY, is_within(&r->memory_bytes, s->rss_bytes));
	if (!is_any(&r->threads))
		weigh(&fit, s->known & SAMPLE_STAT, is_within(&r->threads, s->threads));
	if (!is_any(&r->fds))
		weigh(&fit, s->known & SAMPLE_FDS, is_within(&r->fds, s->fds));
	if (r->caught || r->ignored)
		weigh(&fit, s->known & SAMPLE_SIGNALS,
		      (s->caught & r->caught) == r->caught && !(s->caught & r->ignored));
	if (r->wchan[0])
		weigh(&fit, s->known & SAMPLE_WCHAN, is_like(r->wchan, s->wchan, sizeof(s->wchan)));
	return fit;
}

static bool has_parent(const struct signature_state *state, uint32_t signature,
		       const struct signature_role *r)
{
	return r->parent < 0 ||
	       (state->parent_signature == signature + 1 && state->parent_role == r->parent + 1);
}

static bool is_asked(const struct signature *sig, bool is_orphan)
{
	return !sig->is_off && (sig->any || is_orphan);
}

static bool has_role(const struct signature_role *r, const struct sample *s, bool *out_is_final)
{
	struct fit fit = fit_role(r, s);

	*out_is_final = fit.known == fit.asked;
	return !fit.is_wrong && fit.known > 0 && fit.known * 2 >= fit.asked;
}

/* The first signature and role that fit in all they ask for, else the first that may; false: none. */
static bool find_role(const struct matcher *m, const struct signature_state *state, const struct sample *s,
		      bool is_orphan, struct signature_state *out)
{
	bool is_found = false;

	for (uint32_t i = 0; i < m->signatures->count; i++) {
		const struct signature *sig = &m->signatures->list[i];
		if (sig->siblings || !is_asked(sig, is_orphan))
			continue;
		for (uint32_t k = 0; k < sig->role_count; k++) {
			bool is_final;
			if (!has_role(&sig->role[k], s, &is_final) || !has_parent(state, i, &sig->role[k]) ||
			    (is_found && !is_final))
				continue;
			out->signature = (uint8_t)(i + 1);
			out->role = (uint8_t)(k + 1);
			out->is_final = is_final;
			is_found = true;
			if (is_final)
				return true;
		}
	}
	return is_found;
}

/* What it was once it was: at its end there is not much to be seen of it. */
static uint16_t find_siblings(const struct matcher *m, const struct sample *s, bool is_orphan)
{
	uint16_t found = 0;
	bool is_final;

	for (uint32_t i = 0; i < m->signatures->count; i++) {
		const struct signature *sig = &m->signatures->list[i];
		if (sig->siblings && sig->role_count > 0 && is_asked(sig, is_orphan) &&
		    has_role(&sig->role[0], s, &is_final))
			found |= (uint16_t)(1U << i);
	}
	return found;
}

static bool counts_when_gone(const struct signature_role *r)
{
	return !is_any(&r->lived_ns);
}

static void count_member(struct matcher *m, const struct signature_state *state, int32_t by)
{
	const struct signature *sig = &m->signatures->list[state->signature - 1];

	if (!counts_when_gone(&sig->role[state->role - 1]))
		m->tally[state->signature - 1].members[state->role - 1] += (uint32_t)by;
}

static void note(struct signature_tally *t, const struct sample *s, uint64_t now_ns)
{
	uint64_t lived_ns = now_ns > s->seen_ns ? now_ns - s->seen_ns : 0;

	if (lived_ns > t->lived_ns)
		t->lived_ns = lived_ns;
	if (t->first_ns == 0 || s->seen_ns < t->first_ns)
		t->first_ns = s->seen_ns;
}

/* It was taken for this when less was known.  One that runs for a moment, as at its end, sleeps nowhere: that
 * says nothing of where it slept before. */
static bool is_contradicted(const struct matcher *m, const struct signature_state *state,
			    const struct sample *s)
{
	struct sample seen = *s;

	if (seen.wchan[0] == '\0')
		seen.known &= ~(uint32_t)SAMPLE_WCHAN;
	return fit_role(&m->signatures->list[state->signature - 1].role[state->role - 1], &seen).is_wrong;
}

void matcher_member(struct matcher *m, struct signature_state *state, const struct signature_state *parent,
		    const struct sample *s, bool is_orphan, uint64_t now_ns)
{
	struct signature_state found = *state;

	if (parent) {
		state->parent_signature = found.parent_signature = parent->signature;
		state->parent_role = found.parent_role = parent->role;
	}
	state->siblings |= find_siblings(m, s, is_orphan);
	found.siblings = state->siblings;
	if (state->signature && !state->is_final && is_contradicted(m, state, s)) {
		count_member(m, state, -1);
		state->signature = found.signature = state->role = found.role = 0;
	}
	/* What it was it remains while it exits, and when another look knows less. */
	if (find_role(m, state, s, is_orphan, &found) && (found.is_final || !state->is_final)) {
		if (found.signature != state->signature || found.role != state->role) {
			if (state->signature)
				count_member(m, state, -1);
			count_member(m, &found, 1);
			witness_add(m->tally[found.signature - 1].witness, s->pid, s->comm, s->rss_bytes);
		}
		*state = found;
	}
	if (state->signature)
		note(&m->tally[state->signature - 1], s, now_ns);
}

static void count_sibling(struct matcher *m, uint32_t i, struct signature_state *parent,
			  const struct sample *s, uint64_t now_ns)
{
	const struct signature_role *r = &m->signatures->list[i].role[0];
	uint64_t comm = hash_fnv(HASH_FNV_START + i, s->comm, strnlen(s->comm, sizeof(s->comm)));
	bool goes_on = parent->young > 0 && parent->young_comm == comm &&
		       (r->lived_ns.high == UINT64_MAX ||
			(now_ns - parent->young_ns) / r->count <= r->lived_ns.high);

	if (!goes_on) { /* another worker, or others long ago */
		parent->young = 0;
		parent->young_ns = now_ns;
		parent->young_comm = comm;
	}
	note(&m->tally[i], s, now_ns);
	witness_add(m->tally[i].witness, s->pid, s->comm, s->rss_bytes);
	if (++parent->young < r->count)
		return;
	parent->young = 0;
	m->tally[i].whole++;
}

void matcher_parted(struct matcher *m, const struct signature_state *state, struct signature_state *parent,
		    const struct sample *s, uint64_t now_ns)
{
	uint64_t lived_ns = now_ns > s->seen_ns ? now_ns - s->seen_ns : 0;

	for (uint32_t i = 0; parent && i < m->signatures->count; i++)
		if (state->siblings & 1U << i &&
		    is_within(&m->signatures->list[i].role[0].lived_ns, lived_ns)) {
			count_sibling(m, i, parent, s, now_ns);
			break; /* its parent counts one kind */
		}
	if (state->signature == 0)
		return;
	const struct signature_role *r = &m->signatures->list[state->signature - 1].role[state->role - 1];
	if (counts_when_gone(r) && is_within(&r->lived_ns, lived_ns))
		m->tally[state->signature - 1].members[state->role - 1]++;
}

void matcher_missed(struct matcher *m, const struct sample *s)
{
	for (uint32_t i = 0; i < m->signatures->count; i++) {
		const struct signature *sig = &m->signatures->list[i];
		for (uint32_t k = 0; k < sig->role_count && !sig->is_off && !sig->any; k++) {
			struct fit fit = fit_role(&sig->role[k], s);
			m->tally[i].missed[k] += fit.known > 0 && !fit.is_wrong;
		}
	}
}

/* --- groups --------------------------------------------------------------------------------------------- */

/* `with_missed`: and those that may have been of it. */
static uint32_t count_groups(const struct matcher *m, uint32_t i, bool with_missed)
{
	const struct signature *sig = &m->signatures->list[i];
	const struct signature_tally *t = &m->tally[i];
	uint32_t groups = UINT32_MAX;

	if (sig->is_off || sig->role_count == 0)
		return 0;
	if (sig->siblings)
		return t->whole;
	for (uint32_t k = 0; k < sig->role_count; k++) {
		uint32_t members = t->members[k] + (with_missed ? t->missed[k] : 0);
		uint32_t whole = members / sig->role[k].count;
		if (whole < groups)
			groups = whole;
	}
	return groups;
}

uint32_t matcher_groups(const struct matcher *m, uint32_t i)
{
	return count_groups(m, i, false);
}

uint32_t matcher_unsure(const struct matcher *m, uint32_t i)
{
	return count_groups(m, i, true) - count_groups(m, i, false);
}

const struct signature *matcher_known(const struct matcher *m, const struct signature_state *state)
{
	if (state->signature == 0 || matcher_groups(m, state->signature - 1U) == 0)
		return NULL;
	return &m->signatures->list[state->signature - 1];
}

void matcher_put(struct buf *out, const struct matcher *m, uint32_t i)
{
	const struct signature *sig = &m->signatures->list[i];

	escape_text(out, sig->name, strlen(sig->name), SIGNATURE_NAME_MAX);
	buf_str(out, " x");
	buf_u64(out, matcher_groups(m, i));
	buf_str(out, ", lived ");
	num_format_duration(out, m->tally[i].lived_ns);
	buf_str(out, ", ");
	buf_str(out, meaning_words[sig->meaning]);
	uint32_t unsure = matcher_unsure(m, i);
	if (unsure == 0)
		return;
	buf_str(out, "; at most ");
	buf_u64(out, unsure);
	buf_str(out, " more that ended before they were looked at");
}

static void tell(struct matcher *m, uint32_t i, uint64_t now_ns, uint64_t period_ns, enum severity severity,
		 struct finding *out)
{
	struct signature_tally *t = &m->tally[i];
	struct buf text;

	t->told = true;
	*out = (struct finding){ .rule = "signature",
				 .severity = severity,
				 .value = matcher_groups(m, i),
				 .bound = UINT64_MAX,
				 .since_ns = now_ns, /* "lived" says it */
				 .now_ns = now_ns,
				 .period_ns = period_ns,
				 .rung = "walk" };
	buf_init(&text, out->text, sizeof(out->text));
	matcher_put(&text, m, i);
	memcpy(out->witness, t->witness, sizeof(out->witness));
}

bool matcher_tell(struct matcher *m, uint32_t i, uint64_t now_ns, uint64_t period_ns, struct finding *out)
{
	static const enum severity severities[] = { SEVERITY_INFO, SEVERITY_INFO, SEVERITY_WARNING,
						    SEVERITY_CRITICAL };
	static_assert(COUNT_OF(severities) == MEANING_COUNT, "one severity for each meaning");

	if (m->tally[i].told || matcher_groups(m, i) == 0)
		return false;
	tell(m, i, now_ns, period_ns, severities[m->signatures->list[i].meaning], out);
	return true;
}

bool matcher_tell_unsure(struct matcher *m, uint32_t i, uint64_t now_ns, uint64_t period_ns,
			 struct finding *out)
{
	if (m->tally[i].told || matcher_unsure(m, i) == 0)
		return false;
	tell(m, i, now_ns, period_ns, SEVERITY_INFO, out);
	return true;
}

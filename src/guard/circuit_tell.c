#include "guard/circuit_tell.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/utc.h"
#include "guard/flag.h"
#include "guard/pair.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/link.h"
#include "run/circuit_say.h"

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
}

void circuit_put_commands(struct buf *line, const struct run *run)
{
	buf_str(line, "; spawnguard breaker show ");
	escape_word(line, run->name, strlen(run->name), 0);
	buf_str(line, " | reset ");
	escape_word(line, run->name, strlen(run->name), 0);
}

static void fill_facts(struct hook_breaker *facts, const struct circuit *c, enum failure failure,
		       const char *print)
{
	struct buf text;

	memset(facts, 0, sizeof(*facts));
	buf_init(&text, facts->class, sizeof(facts->class));
	buf_str(&text, failure_name(failure));
	buf_init(&text, facts->fingerprint, sizeof(facts->fingerprint));
	buf_str(&text, print);
	buf_init(&text, facts->until, sizeof(facts->until));
	if (c->wait_ns != CIRCUIT_NEVER)
		utc_format(&text, os_clock_wall_ns() + c->wait_ns);
}

/* `link` < 0: we are front, and tell ourselves. */
static void pass_flag(struct run *run, const struct finding *f, int link)
{
	struct pair_message m;

	flag_raise(run, link, f, FLAG_ONLY);
	if (link >= 0)
		return;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_FLAG;
	m.number = FLAG_ONLY;
	m.finding = *f;
	flag_hear(run, &m);
}

void circuit_flag(struct run *run, const struct circuit *c, enum failure failure, const char *print, int link)
{
	struct finding f = { .rule = "breaker",
			     .severity = SEVERITY_CRITICAL,
			     .value = c->count,
			     .bound = UINT64_MAX,
			     .now_ns = os_clock_boot_ns() };
	struct pair_message m;
	struct buf text;

	buf_init(&text, f.text, sizeof(f.text));
	circuit_say_why(&text, c);
	f.since_ns = f.now_ns > c->span_ns ? f.now_ns - c->span_ns : 0;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_BREAKER;
	fill_facts(&m.breaker, c, failure, print);
	if (link < 0)
		circuit_hear(run, &m);
	else
		(void)os_link_send(link, &m, PAIR_HEAD_BYTES + sizeof(m.breaker));
	pass_flag(run, &f, link);
}

static void put_same(struct buf *out, const struct toll *toll, size_t shown)
{
	buf_str(out, "same failure as run ");
	escape_text(out, toll->change.same_as, strnlen(toll->change.same_as, shown), 0);
	buf_str(out, ", ");
	buf_u64(out, toll->change.same_in_row);
	buf_str(out, " in a row");
}

/* Without any rule: who sees it can do something before it has failed a hundred times. */
static void say_same(struct run *run, const struct toll *toll, int link)
{
	struct finding f = { .rule = "same-failure",
			     .severity = SEVERITY_WARNING,
			     .value = toll->change.same_in_row,
			     .bound = UINT64_MAX,
			     .now_ns = os_clock_boot_ns() };
	BUF(line, 768);
	struct buf text;

	f.since_ns = f.now_ns;
	buf_init(&text, f.text, sizeof(f.text));
	put_same(&text, toll, CIRCUIT_RUN_ID_MAX);
	put_name(&line, run);
	buf_str(&line, ": ");
	put_same(&line, toll, 8);
	buf_str(&line, " (");
	escape_text(&line, toll->summary, strlen(toll->summary), 100);
	buf_str(&line, "); see: spawnguard breaker show ");
	escape_word(&line, run->name, strlen(run->name), 0);
	voice_note(&line);
	pass_flag(run, &f, link);
}

static void say_open(const struct run *run, bool is_again)
{
	BUF(line, 1024);

	buf_str(&line, is_again ? "breaker stays open: " : "breaker opens: ");
	put_name(&line, run);
	buf_str(&line, ": ");
	circuit_say_why(&line, toll_circuit());
	buf_str(&line, "; ");
	circuit_say_next(&line, toll_circuit(), os_clock_wall_ns());
	circuit_put_commands(&line, run);
	voice_note(&line);
}

void circuit_say_change(struct run *run, const struct toll *toll, int link)
{
	BUF(line, 512);

	if (toll->change.opened || toll->change.reopened)
		say_open(run, toll->change.reopened);
	if (toll->change.opened)
		circuit_flag(run, toll_circuit(), toll->failure, toll->print, link);
	else if (!toll->change.reopened && toll->change.same_in_row > 1 && toll->change.same_as[0] != '\0')
		say_same(run, toll, link);
	if (!toll->change.closed)
		return;
	put_name(&line, run);
	buf_str(&line, ": the breaker is closed again");
	voice_step(&line);
}

void circuit_hear(struct run *run, const struct pair_message *m)
{
	static struct hook_breaker facts;

	facts = m->breaker;
	facts.class[sizeof(facts.class) - 1] = facts.until[sizeof(facts.until) - 1] = '\0';
	facts.fingerprint[sizeof(facts.fingerprint) - 1] = '\0';
	run->hooks.breaker = &facts;
}

#include "core/detect.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/hash.h"
#include "base/num.h"

#define BIT(id) (1U << (id))

/* clang-format off */
const struct detect_row detect_rows[] = {
	[DETECT_ZOMBIE] = { "zombies", SAMPLE_STAT, "a process that has ended and is not waited for: info at the second sample, "
	                    "warning at the third in a row" },
	[DETECT_FDS]    = { "fds", SAMPLE_FDS, "more than 80 % of the open files that its soft limit allows: warning; all of "
	                    "them: critical" },
	[DETECT_STUCK]  = { "stuck", SAMPLE_STAT, "in an uninterruptible sleep (state D) at one place without using any CPU, in 3 "
	                    "samples; 30 where the place is one of disk or memory; never where it is a vfork or a freezer: warning" },
	[DETECT_BUSY]   = { "busy", SAMPLE_STAT, "at least 90 % of a core, in two windows of 5 seconds in a row: info" },
	[DETECT_SIGNAL] = { "signals", SAMPLE_SIGNALS, "a signal that waits because it is blocked, in 3 samples: warning for one "
	                    "that asks to end, else info" },
	[DETECT_SPIKE]  = { "spike", SAMPLE_MEMORY, "three times the memory it ever had, and 512M more, in two samples, after "
	                    "its first 10 seconds: info" },
	[DETECT_DRIFT]  = { "drift", SAMPLE_PROGRAM, "it became another program after 10 seconds as one that is neither a shell "
	                    "nor a wrapper: info; the third time: warning" },
	[DETECT_CAP]    = { "cap", 0, "the kernel refused it a process, or ended one for memory, by a bound of its control group: "
	                    "warning, critical; with --isolate, by who needs a user namespace for it, also all processes "
	                    "and threads that its limit (ulimit -u) allows, in two samples: warning" },
	[DETECT_UNSEEN] = { "unseen", 0, "1,000 births in a minute of which nine in ten were over before a look could meet them: "
	                    "info" },
	[DETECT_ORPHAN] = { "orphans", 0, "a process whose parent is gone, for longer than --orphan-grace: info" },
	[DETECT_GROWTH] = { "memory-growth", 0, "the memory of a process, or of all, grows steadily, by more than 64 MiB within 10 "
	                    "minutes: warning" },
	[DETECT_PRESSURE] = { "pressure", 0, "others wait for memory, 15 % of the time for 6 seconds, while the tree has a quarter "
	                    "of it: warning, of 40 % critical; or for CPU, 80 % for a minute, while it uses as much: info" },
};
/* clang-format on */
static_assert(COUNT_OF(detect_rows) == DETECT_COUNT, "one row for each detector");

uint32_t detect_needs(uint32_t enabled)
{
	uint32_t needs = 0;

	for (unsigned i = 0; i < DETECT_COUNT; i++)
		if (enabled & BIT(i))
			needs |= detect_rows[i].needs;
	if (enabled & BIT(DETECT_STUCK))
		needs |= SAMPLE_WCHAN; /* it can do without, but not as well */
	return needs;
}

uint64_t detect_program(const char *path, uint64_t n)
{
	static const char gone[] = " (deleted)"; /* an upgrade makes no other program of it */

	if (n > sizeof(gone) - 1 && memcmp(path + n - (sizeof(gone) - 1), gone, sizeof(gone) - 1) == 0)
		n -= sizeof(gone) - 1;
	return hash_fnv(HASH_FNV_START, path, n);
}

/* --- telling -------------------------------------------------------------------------------------------- */

static void count_up(uint8_t *count)
{
	if (*count < UINT8_MAX)
		++*count;
}

/* Once for each step, until `calm` lets it be said again. */
static bool is_news(struct detect_state *m, enum detect_id id, unsigned step)
{
	if (m->told[step] & BIT(id))
		return false;
	m->told[step] |= BIT(id);
	return true;
}

static void calm(struct detect_state *m, enum detect_id id)
{
	m->told[0] &= ~BIT(id);
	m->told[1] &= ~BIT(id);
}

static void begin(struct finding *f, struct buf *text, enum severity severity, uint64_t since_ns)
{
	*f = (struct finding){
		.severity = severity, .since_ns = since_ns, .value = UINT64_MAX, .bound = UINT64_MAX
	};
	buf_init(text, f->text, sizeof(f->text));
}

static void testify(struct finding *f, struct buf *text, const struct sample *s)
{
	f->witness[0] = (struct witness){ .pid = s->pid, .value = f->value == UINT64_MAX ? 0 : f->value };
	memcpy(f->witness[0].comm, s->comm, sizeof(f->witness[0].comm) - 1);
	escape_text(text, s->comm, strnlen(s->comm, sizeof(s->comm)), 0);
	buf_str(text, " (");
	buf_i64(text, s->pid);
	buf_str(text, ") ");
}

/* One voice for many members: worse is told at once, the same is counted for a while. */
static void tell(struct detector *d, enum detect_id id, struct finding *f)
{
	uint64_t now_ns = d->look.now_ns;
	bool is_worse = d->told_ns[id] == 0 || f->severity > d->told_worst[id];

	if (!is_worse && now_ns - d->told_ns[id] < DETECT_QUIET_NS) {
		d->withheld[id]++;
		return;
	}
	if (d->withheld[id] > 0) {
		struct buf text = { f->text, strlen(f->text), sizeof(f->text), false };
		buf_str(&text, "; ");
		buf_u64(&text, d->withheld[id]);
		buf_str(&text, " more like it before");
	}
	d->told_worst[id] = (uint8_t)(is_worse ? f->severity : d->told_worst[id]);
	d->told_ns[id] = now_ns;
	d->withheld[id] = 0;
	f->rule = detect_rows[id].name;
	f->now_ns = now_ns;
	f->period_ns = d->look.period_ns;
	if (!f->rung)
		f->rung = "walk";
	d->found(d->with, f);
}

/* --- one member ----------------------------------------------------------------------------------------- */

/* A leader that has ended while its threads go on is none. */
static void judge_zombie(struct detector *d, struct detect_state *m, const struct sample *s)
{
	struct finding f;
	struct buf text;

	if (s->state != 'Z' || s->threads > 1) {
		m->zombie = 0;
		return;
	}
	if (m->zombie == 0)
		m->zombie_ns = d->look.now_ns;
	count_up(&m->zombie);
	if (m->zombie < 2 || !is_news(m, DETECT_ZOMBIE, m->zombie > 2))
		return;
	begin(&f, &text, m->zombie > 2 ? SEVERITY_WARNING : SEVERITY_INFO, m->zombie_ns);
	testify(&f, &text, s);
	buf_str(&text, "has ended, and its parent does not wait for it");
	tell(d, DETECT_ZOMBIE, &f);
}

static void judge_fds(struct detector *d, struct detect_state *m, const struct sample *s)
{
	uint64_t open = s->fds, max = s->fds_max;
	bool is_all = open >= max;
	struct finding f;
	struct buf text;

	if (max == 0)
		return;
	if (open * 100 < max * DETECT_FDS_CALM_PCT)
		calm(m, DETECT_FDS);
	if (open * 100 <= max * DETECT_FDS_PCT || !is_news(m, DETECT_FDS, is_all))
		return;
	begin(&f, &text, is_all ? SEVERITY_CRITICAL : SEVERITY_WARNING, d->look.now_ns);
	f.value = open;
	f.bound = max;
	testify(&f, &text, s);
	buf_str(&text, "has ");
	buf_u64(&text, open);
	buf_str(&text, is_all ? " files open, all that its soft limit allows: " : " files open, soft limit ");
	if (is_all)
		buf_str(&text, "the next one fails");
	else
		buf_u64(&text, max);
	tell(d, DETECT_FDS, &f);
}

/* Where a sleep that nothing interrupts is in order: for so many samples. */
#define FOR_EVER UINT8_MAX
static const struct {
	char begins[31]; /* in place: a pointer would be relocated at each start */
	uint8_t samples;
} benign[] = {
	/* clang-format off */
	{ "kernel_clone", FOR_EVER }, /* a vfork: until its child does something else */
	{ "_do_fork", FOR_EVER },     /* the same before 5.10 */
	{ "do_fork", FOR_EVER },
	{ "wait_for_vfork_done", FOR_EVER },
	{ "__refrigerator", FOR_EVER },
	{ "io_schedule", 30 }, /* disks and memory: it takes what it takes */
	{ "bit_wait", 30 },
	{ "wait_on_page", 30 },
	{ "folio_wait", 30 },
	{ "__folio_lock", 30 },
	{ "filemap_", 30 },
	{ "wait_on_buffer", 30 },
	{ "__wait_on_buffer", 30 },
	{ "submit_bio_wait", 30 },
	{ "blk_", 30 },
	{ "rq_qos_wait", 30 },
	{ "balance_dirty_pages", 30 },
	{ "wb_wait_for_completion", 30 },
	{ "sync_inodes", 30 },
	{ "jbd2_", 30 },
	{ "do_get_write_access", 30 },
	{ "ext4_", 30 },
	{ "xlog_", 30 },
	{ "xfs_", 30 },
	{ "btrfs_", 30 },
	{ "congestion_wait", 30 },
	{ "throttle_direct_reclaim", 30 },
	{ "mem_cgroup_handle_over_high", 30 },
	{ "psi_memstall", 30 },
	{ "do_coredump", 30 },
	{ "coredump_", 30 },
	/* clang-format on */
};
#define STUCK_SAMPLES         3
#define STUCK_UNKNOWN_SAMPLES 10

/* The number of samples at which it is told. */
static uint8_t patience_with(const struct sample *s)
{
	if (!(s->known & SAMPLE_WCHAN) || s->wchan[0] == '\0')
		return STUCK_UNKNOWN_SAMPLES;
	for (unsigned i = 0; i < COUNT_OF(benign); i++)
		if (strncmp(s->wchan, benign[i].begins, strlen(benign[i].begins)) == 0)
			return benign[i].samples;
	return STUCK_SAMPLES;
}

static void judge_stuck(struct detector *d, struct detect_state *m, const struct sample *s)
{
	uint64_t at =
		s->known & SAMPLE_WCHAN ? detect_program(s->wchan, strnlen(s->wchan, sizeof(s->wchan))) : 0;
	struct finding f;
	struct buf text;

	if (s->state != 'D') {
		m->stuck = 0;
		calm(m, DETECT_STUCK);
		return;
	}
	if (m->stuck == 0 || s->cpu_ns != m->stuck_cpu_ns || at != m->stuck_at) { /* it has been elsewhere */
		m->stuck = 0;
		m->stuck_ns = d->look.now_ns;
		m->stuck_cpu_ns = s->cpu_ns;
		m->stuck_at = at;
	}
	count_up(&m->stuck);
	uint8_t patience = patience_with(s);
	if (patience == FOR_EVER || m->stuck < patience || !is_news(m, DETECT_STUCK, 0))
		return;
	begin(&f, &text, at == 0 ? SEVERITY_INFO : SEVERITY_WARNING, m->stuck_ns);
	testify(&f, &text, s);
	buf_str(&text, "hangs in the kernel (state D)");
	if (s->known & SAMPLE_WCHAN && s->wchan[0] != '\0') {
		buf_str(&text, " at ");
		escape_text(&text, s->wchan, strnlen(s->wchan, sizeof(s->wchan)), 0);
	}
	buf_str(&text, ": no signal reaches it there, not even KILL");
	tell(d, DETECT_STUCK, &f);
}

static void judge_busy(struct detector *d, struct detect_state *m, const struct sample *s)
{
	uint64_t passed_ns = d->look.now_ns - m->busy_ns;
	struct finding f;
	struct buf text;

	if (m->busy_ns != 0 && passed_ns < DETECT_BUSY_NS)
		return;
	uint64_t used_ns = s->cpu_ns > m->busy_cpu_ns ? s->cpu_ns - m->busy_cpu_ns : 0;
	uint64_t pct = m->busy_ns == 0 ? 0 : used_ns / (passed_ns / 100);
	m->busy_ns = d->look.now_ns;
	m->busy_cpu_ns = s->cpu_ns;
	if (pct < DETECT_BUSY_PCT) {
		m->busy = 0;
		calm(m, DETECT_BUSY);
		return;
	}
	count_up(&m->busy);
	if (m->busy < 2 || !is_news(m, DETECT_BUSY, 0))
		return;
	begin(&f, &text, SEVERITY_INFO, d->look.now_ns - passed_ns);
	f.value = pct;
	f.bound = DETECT_BUSY_PCT;
	f.per_ns = passed_ns;
	testify(&f, &text, s);
	buf_str(&text, "uses ");
	buf_u64(&text, pct);
	buf_str(&text, " % of a core");
	tell(d, DETECT_BUSY, &f);
}

#define SIG(n) (1ULL << ((n)-1))
/* By default nothing comes of these: CHLD, CONT, URG, WINCH.  A program that blocks them for good is in
 * order. */
#define HARMLESS_SIGNALS (SIG(17) | SIG(18) | SIG(23) | SIG(28))
#define ENDING_SIGNALS   (SIG(1) | SIG(2) | SIG(3) | SIG(15)) /* HUP INT QUIT TERM */

static void put_signals(struct buf *text, uint64_t set)
{
	static const char *const names[] = { [1] = "HUP", [2] = "INT", [3] = "QUIT", [15] = "TERM" };
	const char *between = "";

	for (unsigned n = 1; n <= 64; n++) {
		if (!(set & SIG(n)))
			continue;
		buf_str(text, between);
		between = ", ";
		if (n < COUNT_OF(names) && names[n])
			buf_str(text, names[n]);
		else
			buf_u64(text, n);
	}
}

static void judge_signal(struct detector *d, struct detect_state *m, const struct sample *s)
{
	uint64_t waits = s->pending & s->blocked & ~HARMLESS_SIGNALS;
	struct finding f;
	struct buf text;

	if (s->known & SAMPLE_STAT && (s->state == 'T' || s->state == 't' || s->state == 'Z'))
		waits = 0;                                 /* it is not to take any */
	if (m->signal == 0 || (m->waiting & waits) == 0) { /* others: a new row */
		m->signal = 0;
		m->waiting = waits;
		m->signal_ns = d->look.now_ns;
		calm(m, DETECT_SIGNAL);
	}
	m->waiting &= waits;
	if (waits == 0)
		return;
	count_up(&m->signal);
	if (m->signal < 3 || !is_news(m, DETECT_SIGNAL, 0))
		return;
	begin(&f, &text, m->waiting & ENDING_SIGNALS ? SEVERITY_WARNING : SEVERITY_INFO, m->signal_ns);
	testify(&f, &text, s);
	buf_str(&text, "was sent and does not take signal ");
	put_signals(&text, m->waiting);
	buf_str(&text, ": it is blocked");
	tell(d, DETECT_SIGNAL, &f);
}

static void judge_spike(struct detector *d, struct detect_state *m, const struct sample *s)
{
	bool is_warm = d->look.now_ns - s->seen_ns >= DETECT_WARM_NS && m->rss_high_bytes > 0;
	bool is_high = s->rss_bytes / DETECT_SPIKE_FACTOR >= m->rss_high_bytes &&
		       s->rss_bytes >= m->rss_high_bytes + DETECT_SPIKE_BYTES;
	struct finding f;
	struct buf text;

	if (!is_warm || !is_high) {
		m->spike = 0;
		if (s->rss_bytes > m->rss_high_bytes)
			m->rss_high_bytes = s->rss_bytes;
		return;
	}
	if (m->spike == 0)
		m->spike_ns = d->look.now_ns;
	count_up(&m->spike);
	if (m->spike < 2)
		return;
	begin(&f, &text, SEVERITY_INFO, m->spike_ns);
	f.value = s->rss_bytes;
	f.bound = m->rss_high_bytes;
	testify(&f, &text, s);
	buf_str(&text, "takes ");
	num_format_size(&text, s->rss_bytes);
	buf_str(&text, " of memory, and never had more than ");
	num_format_size(&text, m->rss_high_bytes);
	m->rss_high_bytes = s->rss_bytes;
	m->spike = 0;
	tell(d, DETECT_SPIKE, &f);
}

/* Who is there to become another program. */
static bool is_wrapper(uint64_t program)
{
	static const char *const names[] = { "sh",      "dash",   "bash",    "zsh",       "ksh",
					     "busybox", "env",    "nice",    "nohup",     "setsid",
					     "timeout", "stdbuf", "ionice",  "taskset",   "chrt",
					     "sudo",    "su",     "runuser", "setpriv",   "unshare",
					     "nsenter", "chroot", "flock",   "spawnguard" };
	static const char *const places[] = { "/bin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/" };

	for (unsigned i = 0; i < COUNT_OF(names) * COUNT_OF(places); i++) {
		BUF(path, 64);
		buf_str(&path, places[i % COUNT_OF(places)]);
		buf_str(&path, names[i / COUNT_OF(places)]);
		if (detect_program(path.at, path.len) == program)
			return true;
	}
	return false;
}

static void judge_drift(struct detector *d, struct detect_state *m, const struct sample *s)
{
	struct finding f;
	struct buf text;

	if (m->program == 0) {
		m->program = s->program;
		m->program_ns = d->look.now_ns;
	}
	if (s->program == m->program) {
		m->drift = 0;
		m->program_last_ns = d->look.now_ns;
		return;
	}
	if (m->drift == 0 || s->program != m->next_program) {
		m->drift = 0;
		m->next_program = s->program;
		m->drift_ns = d->look.now_ns;
	}
	count_up(&m->drift);
	if (m->drift < 2)
		return;
	/* What it was for a moment only was its start: fork, then exec, then perhaps another. */
	uint64_t was_ns = m->program_last_ns - m->program_ns;
	bool is_odd = was_ns >= DETECT_WARM_NS && !is_wrapper(m->program);
	m->program = s->program;
	m->program_ns = m->drift_ns;
	m->program_last_ns = d->look.now_ns;
	m->drift = 0;
	if (!is_odd)
		return;
	count_up(&m->drifts);
	begin(&f, &text, m->drifts >= 3 ? SEVERITY_WARNING : SEVERITY_INFO, m->program_ns);
	f.value = m->drifts;
	testify(&f, &text, s);
	buf_str(&text, "is another program now, after ");
	num_format_duration(&text, was_ns);
	if (m->drifts > 1) {
		buf_str(&text, ", for the ");
		buf_u64(&text, m->drifts);
		buf_str(&text, m->drifts == 2 ? "nd time" : m->drifts == 3 ? "rd time" : "th time");
	}
	tell(d, DETECT_DRIFT, &f);
}

static void (*const judges[])(struct detector *, struct detect_state *, const struct sample *) = {
	[DETECT_ZOMBIE] = judge_zombie, [DETECT_FDS] = judge_fds,       [DETECT_STUCK] = judge_stuck,
	[DETECT_BUSY] = judge_busy,     [DETECT_SIGNAL] = judge_signal, [DETECT_SPIKE] = judge_spike,
	[DETECT_DRIFT] = judge_drift,
};

void detect_look(struct detector *d, const struct look *look)
{
	d->look = *look;
}

void detect_member(struct detector *d, struct detect_state *m, const struct sample *s)
{
	if (m->last_ns != 0 && d->look.now_ns - m->last_ns < DETECT_APART_NS)
		return;
	m->last_ns = d->look.now_ns;
	for (unsigned i = 0; i < COUNT_OF(judges); i++) {
		uint32_t needs = detect_rows[i].needs;
		if (d->enabled & BIT(i) && (s->known & needs) == needs)
			judges[i](d, m, s);
	}
}

void detect_orphan(struct detector *d, struct detect_state *m, const struct sample *s, uint64_t orphaned_ns)
{
	struct finding f;
	struct buf text;

	if (!(d->enabled & BIT(DETECT_ORPHAN)) || d->look.now_ns - orphaned_ns < d->orphan_grace_ns ||
	    !is_news(m, DETECT_ORPHAN, 0))
		return;
	begin(&f, &text, SEVERITY_INFO, orphaned_ns);
	testify(&f, &text, s);
	buf_str(&text, "goes on without its parent");
	tell(d, DETECT_ORPHAN, &f);
}

/* --- the tree ------------------------------------------------------------------------------------------- */

void detect_cap(struct detector *d, const char *what, uint64_t hits, enum severity severity)
{
	struct finding f;
	struct buf text;

	if (hits == 0 || !(d->enabled & BIT(DETECT_CAP)))
		return;
	begin(&f, &text, severity, d->look.now_ns);
	f.value = hits;
	f.rung = "cgroup";
	buf_str(&text, what);
	buf_str(&text, ", ");
	buf_u64(&text, hits);
	buf_str(&text, hits == 1 ? " time" : " times");
	tell(d, DETECT_CAP, &f);
}

void detect_full(struct detector *d, uint64_t tasks, uint64_t max)
{
	struct finding f;
	struct buf text;

	if (!(d->enabled & BIT(DETECT_CAP)))
		return;
	if (tasks < max) {
		d->full = 0;
		if (tasks < max - max / 10) /* one that ends now and then makes no news of the next */
			d->is_full_told = false;
		return;
	}
	if (d->full == 0)
		d->full_ns = d->look.now_ns;
	count_up(&d->full);
	if (d->full < 2 || d->is_full_told)
		return;
	d->is_full_told = true;
	begin(&f, &text, SEVERITY_WARNING, d->full_ns);
	f.value = tasks;
	f.bound = max;
	buf_str(&text, "there are as many processes and threads as the limit allows (ulimit -u), ");
	buf_u64(&text, max);
	buf_str(&text, ": the next one is refused");
	tell(d, DETECT_CAP, &f);
}

void detect_births(struct detector *d, uint64_t seen)
{
	const struct look *look = &d->look;
	struct finding f;
	struct buf text;

	if (!(d->enabled & BIT(DETECT_UNSEEN)))
		return;
	if (d->births.count == 0 && d->start_ns != 0) { /* a storm may be over before the first look */
		window_add(&d->births, d->start_ns, 0, DETECT_UNSEEN_NS);
		window_add(&d->unseen, d->start_ns, 0, DETECT_UNSEEN_NS);
	}
	window_add(&d->births, look->now_ns, look->births, DETECT_UNSEEN_NS);
	window_add(&d->unseen, look->now_ns, look->births > seen ? look->births - seen : 0, DETECT_UNSEEN_NS);
	uint64_t births = window_gain(&d->births, look->now_ns, DETECT_UNSEEN_NS);
	uint64_t unseen = window_gain(&d->unseen, look->now_ns, DETECT_UNSEEN_NS);
	if (births < DETECT_UNSEEN_BIRTHS || unseen < births - births / 10)
		return;
	if (d->told_ns[DETECT_UNSEEN] != 0) /* it is said of a run once */
		return;
	begin(&f, &text, SEVERITY_INFO, look->now_ns);
	f.value = unseen;
	f.per_ns = DETECT_UNSEEN_NS;
	f.rung = look->births_rung;
	buf_u64(&text, births);
	buf_str(&text, " processes were born within a minute, ");
	buf_u64(&text, unseen);
	buf_str(&text, " of them over before they were seen");
	tell(d, DETECT_UNSEEN, &f);
}

#include "guard/notify.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "codec/notify.h"
#include "guard/alive.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "guard/warden.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/proc.h"
#include "os/pump.h"
#include "os/self.h"
#include "spawnguard/exit.h"
#include "store/record.h"

#define BURST       64  /* datagrams of one turn: who floods us must not keep us from the clock */
#define LEVELS_MAX  512 /* between a sender and the warden */
#define MANAGER_ENV "NOTIFY_SOCKET"

static_assert(sizeof(((struct pair_message *)0)->datagram) == NOTIFY_MAX,
	      "whatever is taken can be passed on");
static_assert(HISTORY_COUNTERS_MAX == COUNTERS_MAX && HISTORY_KEY_MAX == COUNTERS_KEY_MAX &&
		      NOTIFY_KEY_MAX == COUNTERS_KEY_MAX,
	      "all have room for the same");

void notify_init(struct notify_socket *s)
{
	*s = (struct notify_socket){ .fd = -1 };
}

bool notify_is_wanted(const struct job *job)
{
	return job->notify || job->heartbeat_ns != NUM_NONE || job->budget_count > 0 ||
	       job->yield.kind == YIELD_COUNTER;
}

/* --- in front ------------------------------------------------------------------------------------------- */

/* Short enough for every client, and reached by nobody else: a path where there is room for one. */
static int open_socket(struct run *run)
{
	struct notify_socket *s = &run->notify;
	unsigned char random[16];
	struct buf where;

	buf_init(&where, s->where, sizeof(s->where));
	buf_str(&where, run->dir.path);
	buf_str(&where, "/runs/");
	buf_str(&where, run->head.run_id);
	buf_str(&where, RECORD_SOCKET);
	if (!where.cut && s->where[0] == '/') {
		record_remove_socket(run->dir.run_fd, run->head.run_id); /* no record has this id: nobody's */
		s->fd = os_notify_open(s->where);
		if (s->fd >= 0)
			return 0;
	}
	buf_clear(&where);
	buf_str(&where, "@spawnguard-");
	os_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		buf_hex(&where, random[i], 2);
	s->fd = os_notify_open(s->where);
	return s->fd < 0 ? s->fd : 0;
}

int notify_open(struct run *run)
{
	struct notify_socket *s = &run->notify;
	BUF(line, 256);

	if (!alive_is_wanted(run->job))
		return 0;
	if (!s->told) /* where there is a budget it was made for it */
		s->told = os_shared_new(sizeof(*s->told));
	int r = s->told ? 0 : -ENOMEM;
	if (r == 0 && notify_is_wanted(run->job))
		r = open_socket(run);
	if (r == 0) {
		s->manager = s->fd >= 0 ? run->around->notify_socket : NULL;
		return 0;
	}
	buf_str(&line, "not started: cannot make the socket that the job tells its progress to: ");
	buf_str(&line, fail_text(-r));
	buf_str(&line, "; leave out --notify, --heartbeat and --budget to start without");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

void notify_remove(struct run *run)
{
	if (run->notify.where[0] == '/')
		record_remove_socket(run->dir.run_fd, run->head.run_id);
}

void notify_renew(struct run *run)
{
	struct told *told = run->notify.told;

	if (!told)
		return;
	told->ready_boot_ns = 0;
	told->is_stopping = false;
	memset(told->status, 0, sizeof(told->status));
	counters_renew(&told->counters);
}

static bool is_variable(const char *entry, const char *name)
{
	size_t n = strlen(name);
	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

bool notify_replaces(const struct run *run, const char *entry)
{
	if (run->notify.fd < 0)
		return false;
	return is_variable(entry, SG_ENV_NOTIFY) || (run->notify.manager && is_variable(entry, MANAGER_ENV));
}

void notify_pass_on(const struct run *run, const char *bytes, size_t n)
{
	if (run->notify.manager) /* one that does not listen any more is no reason to end a job */
		(void)os_notify_send(run->notify.manager, bytes, n);
}

bool notify_get(const struct run *run, struct history_told *out)
{
	const struct told *told = run->notify.told;

	if (!told)
		return false;
	memset(out, 0, sizeof(*out));
	if (told->ready_boot_ns > attempt_began_ns(run))
		out->ready_ns = told->ready_boot_ns - attempt_began_ns(run);
	memcpy(out->status, told->status, sizeof(out->status));
	out->refused = told->refused;
	for (uint32_t i = 0; i < told->counters.count; i++) {
		const struct counter *c = &told->counters.at[i];
		if (!c->is_told)
			continue;
		struct history_counter *to = &out->counter[out->counter_count++];
		memcpy(to->key, c->key, sizeof(to->key));
		to->micro = c->value;
	}
	return true;
}

/* --- in the warden -------------------------------------------------------------------------------------- */

/*
 * Is it of the tree?  Asked upwards from the sender: the warden inherits whoever loses its parent.  1, 0;
 * -ESRCH: it is gone, and cannot be asked.
 */
static int is_below_us(pid_t pid)
{
	const pid_t self = os_self_pid();
	struct proc_stat stat;

	if (os_proc_stat(pid, &stat) < 0)
		return -ESRCH;
	for (int level = 0; level < LEVELS_MAX; level++) {
		if (stat.ppid == self)
			return 1;
		if (stat.ppid <= 1)
			return 0;
		/* A parent that has ended meanwhile has handed its children on. */
		if (os_proc_stat(stat.ppid, &stat) < 0 && os_proc_stat(pid, &stat) < 0)
			return -ESRCH;
	}
	return 0;
}

static bool is_believed(const struct warden *w, const struct os_notify_from *from)
{
	if (!from->is_known || from->pid <= 0 || from->uid != w->run->head.uid)
		return false;
	return is_below_us(from->pid) != 0; /* one that told and ended at once has the name of the socket */
}

static void complain(struct warden *w, const struct os_notify_from *from)
{
	struct notify_socket *s = &w->run->notify;
	BUF(line, PAIR_TEXT_MAX);

	s->told->refused++;
	if (s->has_complained)
		return;
	s->has_complained = true;
	escape_text(&line, w->run->name, strlen(w->run->name), 60);
	buf_str(&line, ": warning: pid ");
	buf_i64(&line, from->pid);
	buf_str(&line, ", uid ");
	buf_u64(&line, from->uid);
	buf_str(&line, " has sent to SPAWNGUARD_NOTIFY and is not of this run: passed over");
	voice_note(&line);
}

static void relay(const struct warden *w, const char *bytes, size_t n)
{
	struct pair_message m;
	struct buf text;

	/* A job that floods its manager must not keep us from front: what is too much does not get there. */
	if (!w->run->notify.manager || os_link_is_crowded(w->link))
		return;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_NOTIFY;
	buf_init(&text, m.datagram, sizeof(m.datagram));
	size_t length = notify_format_passed_on(&text, bytes, n);
	if (length > 0 && !text.cut)
		(void)os_link_send(w->link, &m, PAIR_HEAD_BYTES + length);
}

static void take_status(struct told *told, const struct notify *said)
{
	size_t n = said->status_n < HISTORY_STATUS_MAX ? said->status_n : HISTORY_STATUS_MAX;

	memset(told->status, 0, sizeof(told->status));
	memcpy(told->status, said->status, n);
}

static void take(struct warden *w, const struct notify *said)
{
	struct told *told = w->run->notify.told;

	told->taken++;
	if (said->said & NOTIFY_STATUS)
		take_status(told, said);
	told->is_stopping = told->is_stopping || said->said & NOTIFY_STOPPING;
	for (uint32_t i = 0; i < said->counter_count; i++)
		(void)counters_tell(&told->counters, said->counter[i].key, said->counter[i].micro,
				    said->counter[i].is_added); /* what finds no room is counted there */
	alive_told(w, said);
}

/* One datagram. -EAGAIN: there is none. */
static int read_one(struct warden *w)
{
	static char bytes[NOTIFY_MAX + 1];
	struct os_notify_from from;
	struct notify said;

	ssize_t n = os_notify_receive(w->run->notify.fd, bytes, sizeof(bytes), &from);
	if (n < 0)
		return (int)n;
	if (!is_believed(w, &from)) {
		complain(w, &from);
	} else if (from.is_cut || notify_parse(bytes, (size_t)n, &said) < 0) {
		w->run->notify.told->garbled++;
	} else {
		take(w, &said);
		relay(w, bytes, (size_t)n);
	}
	os_notify_release(&from); /* whoever waits for a barrier knows: all before it was taken */
	return 0;
}

void notify_read(struct warden *w)
{
	if (w->run->notify.fd < 0)
		return;
	for (int i = 0; i < BURST; i++)
		if (read_one(w) < 0)
			return;
}

#include "core/sample_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

#define HEAD "spawnguard-samples 1 "

/* --- writing -------------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '%';
}

static void put_text(struct buf *out, const char *text, size_t max)
{
	size_t n = strnlen(text, max);

	buf_str(out, n == 0 ? " %" : " ");
	for (size_t i = 0; i < n; i++) {
		if (is_plain(text[i])) {
			buf_char(out, text[i]);
		} else {
			buf_char(out, '%');
			buf_hex(out, (unsigned char)text[i], 2);
		}
	}
}

static void put_u64(struct buf *out, uint64_t value)
{
	buf_char(out, ' ');
	buf_u64(out, value);
}

static void put_hex(struct buf *out, uint64_t value)
{
	buf_char(out, ' ');
	buf_hex(out, value, 1);
}

void sample_text_begin(struct buf *out, const char *run_id)
{
	buf_str(out, HEAD);
	buf_str(out, run_id);
	buf_char(out, '\n');
}

void sample_text_look(struct buf *out, const struct look *look)
{
	buf_str(out, "look");
	put_u64(out, look->now_ns);
	put_u64(out, look->period_ns);
	put_u64(out, look->births);
	put_u64(out, look->ended_ns);
	put_u64(out, look->output_bytes);
	put_text(out, look->births_rung, 16);
	put_u64(out, look->written_bytes);
	buf_char(out, '\n');
}

void sample_text_member(struct buf *out, const struct sample *s)
{
	char state[2] = { s->state, '\0' };

	buf_str(out, "member");
	put_u64(out, s->serial);
	put_u64(out, s->parent);
	put_u64(out, (uint64_t)s->pid);
	put_u64(out, s->seen_ns);
	put_u64(out, s->depth);
	put_u64(out, s->children);
	put_text(out, state, 1);
	put_hex(out, s->known);
	put_u64(out, s->rss_bytes);
	put_u64(out, s->threads);
	put_u64(out, s->fds);
	put_u64(out, s->fds_max);
	put_u64(out, s->cpu_ns);
	put_u64(out, s->waited_ns);
	put_u64(out, s->child_faults);
	put_hex(out, s->caught);
	put_hex(out, s->blocked);
	put_hex(out, s->pending);
	put_hex(out, s->program);
	put_u64(out, s->written_bytes);
	put_text(out, s->wchan, sizeof(s->wchan));
	put_text(out, s->comm, sizeof(s->comm));
	buf_char(out, '\n');
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* What is left of a line.  A step that does not find what it wants sets `bad`. */
struct words {
	char *at;
	bool bad;
};

static char *next_word(struct words *w)
{
	char *word = w->at, *blank = strchr(word, ' ');
	w->bad = w->bad || *word == '\0';
	if (blank)
		*blank = '\0';
	w->at = blank ? blank + 1 : word + strlen(word); /* at the end: an empty word */
	return word;
}

static uint64_t next_u64(struct words *w, uint64_t max)
{
	uint64_t value = 0;
	if (num_parse_u64(next_word(w), max, &value) < 0)
		w->bad = true;
	return value;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint64_t next_hex(struct words *w)
{
	const char *word = next_word(w);
	uint64_t value = 0;
	size_t n = strlen(word);

	if (n == 0 || n > 16)
		w->bad = true;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(word[i]);
		w->bad = w->bad || digit < 0;
		value = value << 4 | (uint64_t)(digit & 0xf);
	}
	return value;
}

/* Into `out` of `cap` bytes, terminated. */
static void next_text(struct words *w, char *out, size_t cap)
{
	const char *word = next_word(w);
	size_t n = 0;

	memset(out, 0, cap);
	if (strcmp(word, "%") == 0) /* nothing */
		return;
	for (; *word != '\0'; word++) {
		char c = *word;
		if (c == '%') {
			int high = hex_digit(word[1]), low = high < 0 ? -1 : hex_digit(word[2]);
			if (low < 0) {
				w->bad = true;
				return;
			}
			c = (char)(high << 4 | low);
			word += 2;
		}
		if (n + 1 >= cap) {
			w->bad = true;
			return;
		}
		out[n++] = c;
	}
}

static int parse_look(struct words *w, struct look *out)
{
	struct look look = { 0 };

	look.now_ns = next_u64(w, UINT64_MAX);
	look.period_ns = next_u64(w, UINT64_MAX);
	look.births = next_u64(w, UINT64_MAX);
	look.ended_ns = next_u64(w, UINT64_MAX);
	look.output_bytes = next_u64(w, UINT64_MAX);
	look.births_rung = next_word(w);
	look.written_bytes = next_u64(w, UINT64_MAX);
	if (w->bad || *w->at != '\0')
		return -EINVAL;
	*out = look;
	return SAMPLE_LINE_LOOK;
}

static int parse_member(struct words *w, struct sample *out)
{
	struct sample s = { 0 };
	char state[2];

	s.serial = next_u64(w, UINT64_MAX);
	s.parent = next_u64(w, UINT64_MAX);
	s.pid = (int32_t)next_u64(w, INT32_MAX);
	s.seen_ns = next_u64(w, UINT64_MAX);
	s.depth = (uint16_t)next_u64(w, UINT16_MAX);
	s.children = (uint32_t)next_u64(w, UINT32_MAX);
	next_text(w, state, sizeof(state));
	s.state = state[0];
	s.known = (uint32_t)next_hex(w);
	s.rss_bytes = next_u64(w, UINT64_MAX);
	s.threads = (uint32_t)next_u64(w, UINT32_MAX);
	s.fds = (uint32_t)next_u64(w, UINT32_MAX);
	s.fds_max = (uint32_t)next_u64(w, UINT32_MAX);
	s.cpu_ns = next_u64(w, UINT64_MAX);
	s.waited_ns = next_u64(w, UINT64_MAX);
	s.child_faults = next_u64(w, UINT64_MAX);
	s.caught = next_hex(w);
	s.blocked = next_hex(w);
	s.pending = next_hex(w);
	s.program = next_hex(w);
	s.written_bytes = next_u64(w, UINT64_MAX);
	next_text(w, s.wchan, sizeof(s.wchan));
	next_text(w, s.comm, sizeof(s.comm));
	if (w->bad || *w->at != '\0')
		return -EINVAL;
	*out = s;
	return SAMPLE_LINE_MEMBER;
}

int sample_text_parse(char *line, struct look *out_look, struct sample *out_sample)
{
	struct words w = { .at = line };

	if (strncmp(line, HEAD, sizeof(HEAD) - 1) == 0)
		return line[sizeof(HEAD) - 1] != '\0' ? SAMPLE_LINE_HEAD : -EINVAL;
	const char *kind = next_word(&w);
	if (strcmp(kind, "look") == 0)
		return parse_look(&w, out_look);
	if (strcmp(kind, "member") == 0)
		return parse_member(&w, out_sample);
	return -EINVAL;
}

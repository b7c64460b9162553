#include "guard/flow.h"

#include <string.h>

#include "base/buf.h"
#include "core/written.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/fd.h"
#include "os/file.h"
#include "spawnguard/exit.h"

/* What is read of a file at a look, and at the end, when somebody waits for it: a GiB takes 0.2 s. */
#define LINES_PER_LOOK (4ULL << 20)
#define LINES_AT_END   (64ULL << 20)

void flow_init(struct flow *f)
{
	*f = (struct flow){ .file = { -1, -1 }, .lines_fd = -1 };
}

void flow_renew(struct run *run)
{
	for (int i = 0; i < 2; i++)
		os_fd_close(&run->flow.file[i]);
	os_fd_close(&run->flow.lines_fd);
	flow_init(&run->flow);
}

static bool has_limit(const struct job *job)
{
	const struct limit_bound *b = &job->limit[LIMIT_OUTPUT];
	return b->soft.at != LIMIT_NONE || b->hard.at != LIMIT_NONE;
}

bool flow_is_counted(const struct job *job)
{
	return has_limit(job) || job->record_samples || job->yield.kind == YIELD_LINES ||
	       job->yield.kind == YIELD_BYTES;
}

/* Two streams into one file grow together. */
static bool keep(struct flow *f, int fd)
{
	struct os_file_id id, other;

	if (os_file_id(fd, &id) < 0 || !id.is_regular)
		return false;
	if (f->file[0] >= 0 && os_file_id(f->file[0], &other) == 0 && os_is_same_file(&id, &other))
		return true;
	unsigned place = f->file[0] >= 0;
	f->file[place] = os_fd_copy(fd);
	f->size[place] = id.size;
	return f->file[place] >= 0;
}

/* What the limit cannot see it cannot hold: that is no limit. */
static int refuse(const struct run *run, const char *what, bool is_half)
{
	BUF(line, 512);

	buf_str(&line, "not started: --max-output: ");
	buf_str(&line, what);
	buf_str(&line, "; keep the output with --output or --detach");
	buf_str(&line, is_half || run->job->output != OUTPUT_PASS ? "" : ", or stderr alone with --tail");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

int flow_prepare(struct run *run)
{
	const struct job *job = run->job;
	struct flow *f = &run->flow;

	f->counts = flow_is_counted(job);
	if (!f->counts && !alive_is_wanted(job))
		return 0;
	for (int i = 0; i < 2; i++)
		f->is_seen[i] = keep(f, run->output.fd >= 0 ? run->output.fd : i + 1);
	if (!has_limit(job))
		return 0;
	bool is_err_seen = f->is_seen[1] || tail_is_wanted(job);
	if (!f->is_seen[0] && !is_err_seen)
		return refuse(run, "no output can be seen: neither stdout nor stderr is a regular file",
			      false);
	if (job->require_limits && !f->is_seen[0])
		return refuse(run, "stdout cannot be seen: it is no regular file", true);
	if (job->require_limits && !is_err_seen)
		return refuse(run, "stderr cannot be seen: it is no regular file", false);
	return 0;
}

static void count_lines(struct flow *f, uint64_t most)
{
	char bytes[4096];

	if (f->lines_fd < 0)
		return;
	if (f->read_to > f->size[0]) /* it was emptied */
		f->read_to = 0;
	while (f->read_to < f->size[0] && most > 0) {
		uint64_t rest = f->size[0] - f->read_to;
		size_t want = rest < sizeof(bytes) ? (size_t)rest : sizeof(bytes);
		ssize_t n = os_fd_pread(f->lines_fd, bytes, want, f->read_to);
		if (n <= 0)
			return;
		for (const char *at = bytes, *end = bytes + n; (at = memchr(at, '\n', (size_t)(end - at)));
		     at++)
			f->lines++;
		f->read_to += (uint64_t)n;
		most -= most < (uint64_t)n ? most : (uint64_t)n;
	}
}

uint64_t flow_size(const struct flow *f)
{
	uint64_t sum = FLOW_UNKNOWN;

	for (int i = 0; i < 2; i++) {
		struct os_file_id id;
		if (f->file[i] >= 0 && os_file_id(f->file[i], &id) == 0)
			sum = (sum == FLOW_UNKNOWN ? 0 : sum) + id.size;
	}
	return sum;
}

bool flow_count_lines(struct run *run)
{
	struct flow *f = &run->flow;
	BUF(path, 32);

	/* It may be open for writing only; opened anew it has no offset in common with the job. */
	buf_str(&path, "/proc/self/fd/");
	buf_i64(&path, f->file[0]);
	f->lines_fd = os_open_user(path.at, OS_READ, 0);
	f->read_to = f->size[0];
	return f->lines_fd >= 0;
}

void flow_finish(struct run *run)
{
	struct flow *f = &run->flow;

	(void)flow_look(run);
	if (f->lines_fd >= 0 && f->read_to < f->size[0] && f->size[0] - f->read_to > LINES_AT_END)
		f->read_to = f->size[0] - LINES_AT_END;
	count_lines(f, LINES_AT_END);
}

uint64_t flow_look(struct run *run)
{
	struct flow *f = &run->flow;
	bool is_seen = f->file[0] >= 0;
	uint64_t passed = 0;

	if (!f->counts)
		return FLOW_UNKNOWN;
	for (int i = 0; i < 2; i++) {
		struct os_file_id id;
		if (f->file[i] < 0 || os_file_id(f->file[i], &id) < 0)
			continue;
		f->came[i] += written_growth(f->size[i], id.size);
		f->size[i] = id.size;
	}
	count_lines(f, LINES_PER_LOOK);
	if (!f->is_seen[1] && tail_passed(run, &passed))
		is_seen = true;
	return is_seen ? f->came[0] + f->came[1] + passed : FLOW_UNKNOWN;
}

#include "os/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "os/epoll.h"
#include "os/fd.h"

/* 2,048 records: what 10,000 births a second on one processor leave within 100 ms.  One user may lock 516 KiB
 * for each processor for this: where his other guards took it, less does. */
#define RING_BYTES 65536U
/* A birth is one record, or two where it ends before the mark. */
#define RECORD_BYTES 32U
#define CPUS_ONLINE  "/sys/devices/system/cpu/online"

/* --- processors ----------------------------------------------------------------------------------------- */

/* "0-3,8": the ids that are online, at most OS_PERF_CPUS; -E2BIG, -errno. */
static int read_cpus(uint32_t *ids)
{
	char text[256];
	AUTO_FD int fd = open(CPUS_ONLINE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : os_fd_pread(fd, text, sizeof(text), 0);
	uint64_t from = 0, value = 0;
	bool has_value = false;
	int count = 0;

	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++) {
		char c = text[i];
		if (c >= '0' && c <= '9') {
			if (!has_value)
				value = 0;
			value = value * 10 + (uint64_t)(c - '0');
			has_value = true;
			if (value > UINT16_MAX)
				return -EBADMSG;
			continue;
		}
		if (!has_value)
			return -EBADMSG;
		has_value = false;
		if (c == '-') {
			from = value + 1; /* 0 = no range is open */
			continue;
		}
		for (uint64_t id = from > 0 ? from - 1 : value; id <= value; id++) {
			if (count == OS_PERF_CPUS)
				return -E2BIG;
			ids[count++] = (uint32_t)id;
		}
		from = 0;
	}
	return count > 0 ? count : -EBADMSG;
}

/* --- opening -------------------------------------------------------------------------------------------- */

static int open_event(uint32_t cpu, uint32_t watermark)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = PERF_ATTR_SIZE_VER5, /* 4.1: the clock */
		.config = PERF_COUNT_SW_DUMMY,
		.inherit = 1,
		.task = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.watermark = 1,
		.wakeup_watermark = watermark,
		.use_clockid = 1,
		.clockid = CLOCK_BOOTTIME,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void *map(const struct os_perf *perf, int fd)
{
	void *page = mmap(NULL, page_bytes() + perf->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

/* The mapping keeps the event, and its place in the epoll set, when the descriptor is closed. */
static int open_ring(struct os_perf *perf, uint32_t cpu, uint32_t watermark)
{
	struct os_perf_ring *ring = &perf->ring[perf->count];
	AUTO_FD int fd = open_event(cpu, watermark);

	if (fd == -ENODEV || fd == -EINVAL)
		return fd == -EINVAL && perf->count == 0 ? fd : 0; /* gone offline since */
	if (fd < 0)
		return fd;
	ring->page = map(perf, fd);
	if (!ring->page)
		return errno == EPERM ? -ENOMEM : -errno; /* EPERM: more than may be locked */
	perf->count++;
	return os_epoll_add(perf->epoll, fd, 0);
}

static uint32_t mark_of(const struct os_perf *perf, uint64_t births, uint32_t cpus)
{
	uint64_t most = perf->bytes / 2, each = births / cpus;

	if (each == 0)
		each = 1;
	return (uint32_t)(each < most / RECORD_BYTES ? each * RECORD_BYTES : most);
}

static int open_all(struct os_perf *perf, const uint32_t *cpu, int cpus, uint64_t mark)
{
	int r = perf->epoll = os_epoll_open();

	for (int i = 0; i < cpus && r >= 0; i++)
		r = open_ring(perf, cpu[i], mark_of(perf, mark, (uint32_t)cpus));
	if (r < 0)
		os_perf_close(perf);
	return r < 0 ? r : 0;
}

int os_perf_open(struct os_perf *perf, uint64_t mark)
{
	uint32_t cpu[OS_PERF_CPUS];
	int cpus = read_cpus(cpu);

	memset(perf, 0, sizeof(*perf));
	perf->epoll = -1;
	if (cpus < 0)
		return cpus;
	int r;
	perf->bytes = RING_BYTES > page_bytes() ? RING_BYTES : page_bytes();
	while ((r = open_all(perf, cpu, cpus, mark)) == -ENOMEM && perf->bytes > page_bytes())
		perf->bytes /= 2;
	return r;
}

void os_perf_close(struct os_perf *perf)
{
	for (uint32_t i = 0; i < perf->count; i++)
		(void)munmap(perf->ring[i].page, page_bytes() + perf->bytes); /* ours: it can */
	perf->count = 0;
	os_fd_close(&perf->epoll);
	perf->epoll = -1; /* it may hold why there is none */
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void copy_out(const struct os_perf *perf, const struct os_perf_ring *ring, void *to, size_t n)
{
	size_t at = (size_t)(ring->tail % perf->bytes), to_edge = perf->bytes - at;
	const char *data = (const char *)ring->page + page_bytes();
	size_t straight = n < to_edge ? n : to_edge;

	memcpy(to, data + at, straight);
	memcpy((char *)to + straight, data, n - straight);
}

/* The next record of one ring into ring->next, up to where it stood when the drain began. */
static void fetch(struct os_perf *perf, struct os_perf_ring *ring)
{
	char bytes[TASK_RECORD_MAX];

	ring->has_next = false;
	while (!ring->has_next && ring->head - ring->tail >= 8) {
		copy_out(perf, ring, bytes, 8);
		size_t size = task_record_size(bytes), n = size < sizeof(bytes) ? size : sizeof(bytes);
		if (size == 0 || size > ring->head - ring->tail) {
			perf->broken++;
			ring->tail = ring->head;
			return;
		}
		copy_out(perf, ring, bytes, n);
		ring->tail += size;
		ring->has_next = task_record_parse(bytes, n, &ring->next) == 0;
	}
}

static struct os_perf_ring *earliest(struct os_perf *perf)
{
	struct os_perf_ring *best = NULL;

	for (uint32_t i = 0; i < perf->count; i++) {
		struct os_perf_ring *ring = &perf->ring[i];
		if (ring->has_next && (!best || ring->next.at_ns < best->next.at_ns))
			best = ring;
	}
	return best;
}

uint64_t os_perf_drain(struct os_perf *perf, void (*each)(void *with, const struct task_record *record),
		       void *with)
{
	struct os_perf_ring *ring;
	uint64_t count = 0;

	for (uint32_t i = 0; i < perf->count; i++) {
		struct perf_event_mmap_page *page = perf->ring[i].page;
		perf->ring[i].head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
		fetch(perf, &perf->ring[i]);
	}
	while ((ring = earliest(perf)) != NULL) {
		each(with, &ring->next);
		count++;
		fetch(perf, ring);
	}
	for (uint32_t i = 0; i < perf->count; i++) {
		struct perf_event_mmap_page *page = perf->ring[i].page;
		__atomic_store_n(&page->data_tail, perf->ring[i].tail, __ATOMIC_RELEASE);
	}
	return count;
}

#include "os/psi.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"

int os_psi_open(const char *resource, uint64_t stall_us, uint64_t window_us)
{
	BUF(path, 64);
	BUF(trigger, 64);

	buf_str(&path, "/proc/pressure/");
	buf_str(&path, resource);
	buf_str(&trigger, "some ");
	buf_u64(&trigger, stall_us);
	buf_char(&trigger, ' ');
	buf_u64(&trigger, window_us);
	AUTO_FD int fd = open(path.at, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, trigger.at, trigger.len + 1) < 0) /* with its NUL */
		return -errno;
	return os_fd_steal(&fd);
}

uint64_t os_machine_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (uint64_t)n : 0;
}

uint64_t os_machine_memory(void)
{
	struct sysinfo info;
	return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

#include "os/psi.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/cpu_list.h"
#include "os/fd.h"
#include "os/file.h"

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
#ifndef __GLIBC__ /* musl's sysconf(3) counts those that we may run on */
	char list[256];
	ssize_t got = os_file_read_at(OS_CWD, "/sys/devices/system/cpu/online", list, sizeof(list));
	uint64_t count = got > 0 ? cpu_list_count(list, (size_t)got) : 0;
	if (count > 0)
		return count;
#endif
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (uint64_t)n : 0;
}

uint64_t os_machine_memory(void)
{
	struct sysinfo info;
	return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

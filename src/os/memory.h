/* How much memory there is, and how much of it is still to be had. */
#ifndef SG_OS_MEMORY_H
#define SG_OS_MEMORY_H

#include <stdint.h>

struct os_memory {
	uint64_t total_bytes, available_bytes;
};

/*
 * Of the machine (MemTotal, MemAvailable: 3.14), or of the control group of
 * version 2 around us that leaves least.  0, -errno.
 */
int os_memory(struct os_memory *out);

/* Free bytes for us in the file system of `dir`. 0, -errno. */
int os_free_bytes(const char *dir, uint64_t *out_bytes);

#endif

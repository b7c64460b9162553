/* Lists of processors, as the kernel writes them: "0-3,8". */
#ifndef SG_CODEC_CPU_LIST_H
#define SG_CODEC_CPU_LIST_H

#include <stddef.h>
#include <stdint.h>

/* How many; 0 = this is no such list. */
uint64_t cpu_list_count(const char *bytes, size_t n);

#endif

/* Checks and short names: CRC-32 for what is stored, FNV-1a for what is named. */
#ifndef SG_BASE_HASH_H
#define SG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (IEEE 802.3, as zlib's crc32); start with 0, pass the last result to go on. */
uint32_t hash_crc32(uint32_t seed, const void *bytes, size_t n);

/*
 * A check of what is written and read on one boot only: eight bytes at a time
 * in native order, three times as fast as the CRC.  Finds torn and foreign
 * bytes; not a distribution to build tables on.
 */
uint32_t hash_words(uint64_t seed, const void *bytes, size_t n);

#define HASH_FNV_START 0xcbf29ce484222325ULL
/* FNV-1a, 64 bits; start with HASH_FNV_START. */
uint64_t hash_fnv(uint64_t seed, const void *bytes, size_t n);

#endif

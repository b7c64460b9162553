/* Text of fixed capacity: what does not fit is cut and remembered, never written past the end. */
#ifndef SG_BASE_BUF_H
#define SG_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *at;   /* borrowed; always NUL-terminated */
	size_t len; /* without the NUL */
	size_t cap; /* of `at`, with the NUL; >= 1 */
	bool cut;   /* something did not fit */
};

/* `BUF(line, 256);` declares `struct buf line` on a local array of 256 bytes. */
#define BUF(name, size)          \
	char name##_bytes[size]; \
	struct buf name;         \
	buf_init(&name, name##_bytes, sizeof(name##_bytes))

void buf_init(struct buf *b, char *at, size_t cap);
void buf_clear(struct buf *b);
void buf_mem(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t value);
void buf_i64(struct buf *b, int64_t value);
/* Lower-case hex, at least `width` digits (zero-padded). */
void buf_hex(struct buf *b, uint64_t value, unsigned width);
/* Decimal, at least `width` digits (zero-padded). */
void buf_pad(struct buf *b, uint64_t value, unsigned width);
/* Everything behind the first `len` bytes is dropped; `cut` is kept. */
void buf_truncate(struct buf *b, size_t len);

#endif

/* JSON out, by hand: one pass into a fixed buffer, no allocation, commas kept by the writer. */
#ifndef SG_CODEC_JSON_WRITE_H
#define SG_CODEC_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Text that did not fit shows in `out->cut`: such a text may even parse, so look. */
struct json {
	struct buf *out; /* borrowed */
	bool first;      /* nothing yet in the innermost object or array */
};

void json_init(struct json *j, struct buf *out);
/* `key` NULL inside an array; keys are ours: not escaped. */
void json_open(struct json *j, const char *key, char bracket /* '{' or '[' */);
void json_close(struct json *j, char bracket /* '}' or ']' */);
/* `text` NULL: null. */
void json_str(struct json *j, const char *key, const char *text);
void json_bytes(struct json *j, const char *key, const void *bytes, size_t n);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* `ns` as seconds with `digits` decimals (0 to 9), rounded down. */
void json_seconds(struct json *j, const char *key, uint64_t ns, unsigned digits);
/* A number in millionths: 12, 0.25. */
void json_micro(struct json *j, const char *key, uint64_t micro);
/* `centi` / 100 with two decimals. */
void json_centi(struct json *j, const char *key, uint64_t centi);

#endif

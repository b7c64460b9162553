#include "codec/json_write.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"

void json_init(struct json *j, struct buf *out)
{
	j->out = out;
	j->first = true;
}

/* What stands before every value: the comma, and the key inside an object. */
static void begin_value(struct json *j, const char *key)
{
	if (!j->first)
		buf_char(j->out, ',');
	j->first = false;
	if (!key)
		return;
	buf_char(j->out, '"');
	buf_str(j->out, key);
	buf_mem(j->out, "\":", 2);
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin_value(j, key);
	buf_char(j->out, bracket);
	j->first = true;
}

void json_close(struct json *j, char bracket)
{
	buf_char(j->out, bracket);
	j->first = false;
}

void json_bytes(struct json *j, const char *key, const void *bytes, size_t n)
{
	begin_value(j, key);
	buf_char(j->out, '"');
	escape_json(j->out, bytes, n);
	buf_char(j->out, '"');
}

void json_str(struct json *j, const char *key, const char *text)
{
	if (text)
		json_bytes(j, key, text, strlen(text));
	else
		json_null(j, key);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	buf_u64(j->out, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	buf_i64(j->out, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	buf_str(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	begin_value(j, key);
	buf_mem(j->out, "null", 4);
}

void json_seconds(struct json *j, const char *key, uint64_t ns, unsigned digits)
{
	begin_value(j, key);
	buf_u64(j->out, ns / NS_PER_S);
	if (digits == 0)
		return;
	uint64_t fraction = ns % NS_PER_S;
	for (unsigned i = digits; i < 9; i++)
		fraction /= 10;
	buf_char(j->out, '.');
	buf_pad(j->out, fraction, digits);
}

void json_micro(struct json *j, const char *key, uint64_t micro)
{
	begin_value(j, key);
	num_format_micro(j->out, micro);
}

void json_centi(struct json *j, const char *key, uint64_t centi)
{
	begin_value(j, key);
	buf_u64(j->out, centi / 100);
	buf_char(j->out, '.');
	buf_pad(j->out, centi % 100, 2);
}

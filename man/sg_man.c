/*
 * sg_man page SOURCE HISTORY OUT    a manual page from its source, the option table and doc/history.md
 * sg_man text SOURCE OUT            what mandoc wrote for a terminal, as plain text
 *
 * Runs while spawnguard is built, and is not installed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "conf/manual.h"

static char page_bytes[MANUAL_MAX], history_bytes[MANUAL_MAX], out_bytes[MANUAL_MAX];

static int complain(const char *path, const char *why)
{
	(void)fprintf(stderr, "sg_man: %s: %s\n", path, why);
	return 1;
}

static int read_text(const char *path, char *bytes)
{
	FILE *in = fopen(path, "re");
	if (!in)
		return complain(path, strerror(errno));
	size_t n = fread(bytes, 1, MANUAL_MAX - 1, in);
	int bad = ferror(in) || !feof(in);
	(void)fclose(in); /* read only */
	bytes[n] = '\0';
	return bad ? complain(path, "cannot be read, or is too long") : 0;
}

static int write_text(const char *path, const struct buf *text)
{
	if (text->cut)
		return complain(path, "too long");
	FILE *out = fopen(path, "we");
	if (!out)
		return complain(path, strerror(errno));
	size_t n = fwrite(text->at, 1, text->len, out);
	return fclose(out) != 0 || n < text->len ? complain(path, "cannot be written") : 0;
}

int main(int argc, char **argv)
{
	struct buf out;
	BUF(why, MANUAL_WHY_MAX);

	buf_init(&out, out_bytes, sizeof(out_bytes));
	if (argc == 5 && strcmp(argv[1], "page") == 0) {
		struct manual_source source = { page_bytes, history_bytes, SG_VERSION };
		if (read_text(argv[2], page_bytes) || read_text(argv[3], history_bytes))
			return 1;
		if (manual_format(&out, &source, &why) < 0)
			return complain(argv[2], why.at);
		return write_text(argv[4], &out);
	}
	if (argc == 4 && strcmp(argv[1], "text") == 0) {
		if (read_text(argv[2], page_bytes))
			return 1;
		manual_plain(&out, page_bytes);
		return write_text(argv[3], &out);
	}
	(void)fputs("usage: sg_man page SOURCE HISTORY OUT | text SOURCE OUT\n", stderr);
	return 2;
}

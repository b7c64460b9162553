/*
 * The program around a fuzz target: mutations of its seeds, the same ones
 * every time.  A target is one file:
 *
 *	#include "driver.h"
 *
 *	static const struct fuzz_seed seeds[] = { FUZZ_SEED("12 (a) S 1"), FUZZ_SEED("") };
 *
 *	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
 *	{
 *		...
 *		FUZZ_CHECK(strlen(name) < NAME_MAX, "a name ends");
 *		FUZZ_ACCEPTED();
 *		return 0;
 *	}
 *
 *	FUZZ_MAIN(seeds)
 *
 * Run it as `fuzz_NAME [COUNT [SEED [FILE...]]]`: first every seed and file as
 * it is, then COUNT mutations.  Files of tests/fuzz/corpus/NAME/ are found
 * without being named; a crash becomes one.  Each input stands in memory of
 * exactly its size, so that a sanitizer sees the first byte read too much.
 * With -DFUZZ_LIBFUZZER FUZZ_MAIN is nothing: clang -fsanitize=fuzzer then
 * brings its own.
 */
#ifndef SG_FUZZ_DRIVER_H
#define SG_FUZZ_DRIVER_H

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FUZZ_COUNT      100000
#define FUZZ_INPUT_MAX  4096
#define FUZZ_CORPUS_MAX 4096

struct fuzz_seed {
	const char *bytes;
	size_t n;
};
#define FUZZ_SEED(literal)                   \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One run; static, as a target is one program. */
static struct fuzz {
	const char *name;
	struct fuzz_seed corpus[FUZZ_CORPUS_MAX];
	size_t corpus_n;
	uint64_t random;
	uint64_t input;    /* number of the input, from 0 */
	uint64_t accepted; /* how often FUZZ_ACCEPTED was reached: a fuzzer that is always refused finds
			      nothing */
	const uint8_t *at;
	size_t n;
} fuzz;

/* The input at work, as a C literal: it can be put into the seeds, or into a unit test. */
static inline void fuzz_show_input(void)
{
	fprintf(stderr, "%s: input %" PRIu64 " of %zu bytes:\n\"", fuzz.name ? fuzz.name : "fuzz", fuzz.input,
		fuzz.n);
	for (size_t i = 0; i < fuzz.n; i++) {
		uint8_t b = fuzz.at[i];
		if (b >= 0x20 && b < 0x7f && b != '"' && b != '\\' && b != '?')
			fputc(b, stderr);
		else
			fprintf(stderr, "\\%03o", b);
	}
	fputs("\"\n", stderr);
}

static inline void fuzz_fail(const char *file, int line, const char *rule)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, rule);
	fuzz_show_input();
	abort();
}

/* `rule` in words is what the input broke. */
#define FUZZ_CHECK(condition, rule)                          \
	do {                                                 \
		if (!(condition))                            \
			fuzz_fail(__FILE__, __LINE__, rule); \
	} while (0)
#define FUZZ_ACCEPTED() (fuzz.accepted++)

/* The input up to its first NUL as a text of exactly its size; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	size_t n = strnlen((const char *)data, size);
	char *text = malloc(n + 1);
	if (!text)
		abort();
	memcpy(text, data, n);
	text[n] = '\0';
	return text;
}

#ifndef FUZZ_LIBFUZZER

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, 0 too. */
static inline uint64_t fuzz_random(void)
{
	uint64_t z = fuzz.random += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline size_t fuzz_below(size_t n)
{
	return n > 0 ? (size_t)(fuzz_random() % n) : 0;
}

struct fuzz_work {
	uint8_t bytes[FUZZ_INPUT_MAX];
	size_t n;
};

/* Put `n` bytes in at `where`, as far as there is room. */
static inline void fuzz_insert(struct fuzz_work *w, size_t where, const void *bytes, size_t n)
{
	uint8_t copy[64];
	if (n > sizeof(copy))
		n = sizeof(copy);
	if (n > sizeof(w->bytes) - w->n)
		n = sizeof(w->bytes) - w->n;
	if (n == 0)
		return;
	memcpy(copy, bytes, n); /* `bytes` may be part of what moves */
	memmove(w->bytes + where + n, w->bytes + where, w->n - where);
	memcpy(w->bytes + where, copy, n);
	w->n += n;
}

static inline void fuzz_erase(struct fuzz_work *w, size_t where, size_t n)
{
	if (n > w->n - where)
		n = w->n - where;
	memmove(w->bytes + where, w->bytes + where + n, w->n - where - n);
	w->n -= n;
}

/* What parsers stumble over. */
static const char *const fuzz_tokens[] = {
	"0",
	"1",
	"-1",
	"2147483647",
	"2147483648",
	"4294967296",
	"18446744073709551615",
	"18446744073709551616",
	"0x",
	"00000000000000000000000",
	".",
	".5",
	" ",
	"\n",
	"\t",
	"\r\n",
	")",
	"(",
	") R 1 1\n(\033[2J",
	"\\",
	"\"",
	"'",
	"%",
	"%00",
	"=",
	":",
	",",
	"none",
	"{",
	"}",
	"[",
	"]",
	"\033[2J",
	"\x7f",
	"\xc2\x9b",
	"\xe2\x80\xae",
	"\xff",
	"\xf4\x90\x80\x80",
	"\xed\xa0\x80",
};

static inline uint8_t fuzz_byte(void)
{
	static const uint8_t special[] = " \n\t\0()-./:%=\"'\\09AZaz\x1b\x7f\x80\xff";
	return fuzz_below(2) ? special[fuzz_below(sizeof(special))] : (uint8_t)fuzz_random();
}

static inline void fuzz_mutate(struct fuzz_work *w)
{
	size_t at = fuzz_below(w->n);
	size_t length = 1 + fuzz_below(fuzz_below(4) ? 4 : 32);
	const char *token = fuzz_tokens[fuzz_below(sizeof(fuzz_tokens) / sizeof(fuzz_tokens[0]))];
	const struct fuzz_seed *other = &fuzz.corpus[fuzz_below(fuzz.corpus_n)];
	uint8_t b = fuzz_byte();
	switch (w->n > 0 ? fuzz_below(10) : 7 + fuzz_below(3)) {
	case 0:
		w->bytes[at] ^= (uint8_t)(1U << fuzz_below(8));
		break;
	case 1:
		w->bytes[at] = b;
		break;
	case 2: /* a digit becomes another, as most inputs are numbers */
		for (size_t i = at; i < w->n; i++) {
			if (w->bytes[i] < '0' || w->bytes[i] > '9')
				continue;
			w->bytes[i] = (uint8_t)('0' + fuzz_below(10));
			break;
		}
		break;
	case 3:
		fuzz_erase(w, at, length);
		break;
	case 4:
		w->n = at; /* cut */
		break;
	case 5: /* say it twice */
		fuzz_insert(w, fuzz_below(w->n + 1), w->bytes + at, length < w->n - at ? length : w->n - at);
		break;
	case 6: /* two bytes change places */
		length = fuzz_below(w->n);
		b = w->bytes[at];
		w->bytes[at] = w->bytes[length];
		w->bytes[length] = b;
		break;
	case 7:
		fuzz_insert(w, at, &b, 1);
		break;
	case 8:
		fuzz_insert(w, at, token, strlen(token));
		break;
	case 9: /* the end of another seed */
		length = fuzz_below(other->n);
		fuzz_insert(w, at, other->bytes + length, other->n - length);
		break;
	}
}

static inline void fuzz_run(const void *bytes, size_t n)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	if (!exact)
		abort();
	memcpy(exact, bytes, n);
	fuzz.at = exact;
	fuzz.n = n;
	(void)LLVMFuzzerTestOneInput(exact, n); /* always 0: libFuzzer keeps the rest for itself */
	fuzz.at = NULL;
	fuzz.n = 0;
	fuzz.input++;
	free(exact);
}

static inline void fuzz_run_mutation(void)
{
	static struct fuzz_work w;
	const struct fuzz_seed *seed = &fuzz.corpus[fuzz_below(fuzz.corpus_n)];
	w.n = seed->n < sizeof(w.bytes) ? seed->n : sizeof(w.bytes);
	memcpy(w.bytes, seed->bytes, w.n);
	if (fuzz_below(64) == 0) { /* now and then nothing but noise */
		w.n = fuzz_below(64);
		for (size_t i = 0; i < w.n; i++)
			w.bytes[i] = fuzz_byte();
	}
	/* Mostly few: what is far from any seed is refused by the first check. */
	for (size_t left = 1 + fuzz_below(1 + fuzz_below(8)); left > 0; left--)
		fuzz_mutate(&w);
	fuzz_run(w.bytes, w.n);
}

static inline void fuzz_add(const char *bytes, size_t n)
{
	if (fuzz.corpus_n < FUZZ_CORPUS_MAX)
		fuzz.corpus[fuzz.corpus_n++] = (struct fuzz_seed){ bytes, n };
}

/* A file joins the corpus; its bytes live as long as the program. */
static inline bool fuzz_add_file(const char *path)
{
	struct stat st;
	FILE *file = fopen(path, "rbe");
	if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "%s: not a file that can be read: %s\n", fuzz.name, path);
		if (file)
			fclose(file);
		return false;
	}
	char *bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		abort();
	fuzz_add(bytes, fread(bytes, 1, (size_t)st.st_size, file));
	fclose(file);
	return true;
}

/* tests/fuzz/corpus/NAME, in the order of the names; that there is none is fine. */
static inline bool fuzz_add_corpus(void)
{
	bool is_good = true;
#ifdef SG_SOURCE
	char folder[1024], path[2048];
	struct dirent **entries = NULL;
	const char *name = strncmp(fuzz.name, "fuzz_", 5) == 0 ? fuzz.name + 5 : fuzz.name;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", SG_SOURCE, name);
	int count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			is_good = fuzz_add_file(path) && is_good;
		free(entries[i]);
	}
	free(entries);
#endif
	return is_good;
}

/* Of the sanitizers, where they are: what to do before they end the program. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static inline bool fuzz_number(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0';
}

static inline int fuzz_main(int argc, char **argv, const struct fuzz_seed *seeds, size_t seeds_n)
{
	uint64_t count = FUZZ_COUNT, seed = 1;
	fuzz.name = program_invocation_short_name;
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(fuzz_show_input);
	bool is_good =
		(argc < 2 || fuzz_number(argv[1], &count)) && (argc < 3 || fuzz_number(argv[2], &seed));
	if (!is_good)
		fprintf(stderr, "usage: %s [COUNT [SEED [FILE...]]]\n", fuzz.name);
	for (size_t i = 0; i < seeds_n; i++)
		fuzz_add(seeds[i].bytes, seeds[i].n);
	is_good = fuzz_add_corpus() && is_good;
	for (int i = 3; i < argc; i++)
		is_good = fuzz_add_file(argv[i]) && is_good;
	if (!is_good)
		return 2;

	fuzz.random = seed;
	for (size_t i = 0; i < fuzz.corpus_n; i++)
		fuzz_run(fuzz.corpus[i].bytes, fuzz.corpus[i].n);
	while (count-- > 0)
		fuzz_run_mutation();
	printf("%s: %" PRIu64 " inputs, %" PRIu64 " accepted, seed %" PRIu64 "\n", fuzz.name, fuzz.input,
	       fuzz.accepted, seed);
	return 0;
}

#define FUZZ_MAIN(seeds)                                                                 \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		return fuzz_main(argc, argv, seeds, sizeof(seeds) / sizeof((seeds)[0])); \
	}

#else
#define FUZZ_MAIN(seeds) /* libFuzzer reads its corpus from files */ \
	static const struct fuzz_seed *const fuzz_unused __attribute__((unused)) = seeds;
#endif

#endif

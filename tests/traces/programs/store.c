/* As store.py.  Kinds: malloc (blocks of 16 KiB), small (64 of 256 bytes each), mmap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MOST 65536

static void *stores[4][MOST];
static int held[4];

int main(int argc, char **argv)
{
	char kind = argc > 1 ? argv[1][0] : 'm', line[64];
	int mapped = argc > 1 && !strcmp(argv[1], "mmap");

	setvbuf(stdin, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin) && line[0] != 'q') {
		int which, want;
		if (sscanf(line, "%d %d", &which, &want) != 2 || which < 0 || which > 3 || want < 0 ||
		    want > MOST)
			return 2;
		for (; held[which] < want; held[which]++) {
			void *block;
			if (mapped) {
				block = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
					     -1, 0);
				memset(block, 1, 16384);
			} else if (kind == 's') {
				void **list = block = malloc(64 * sizeof(void *));
				for (int i = 0; i < 64; i++)
					list[i] = memset(malloc(248), i, 248);
			} else {
				block = memset(malloc(16384), 1, 16384);
			}
			stores[which][held[which]] = block;
		}
		while (held[which] > want) {
			void *block = stores[which][--held[which]];
			if (mapped) {
				munmap(block, 16384);
				continue;
			}
			if (kind == 's')
				for (int i = 0; i < 64; i++)
					free(((void **)block)[i]);
			free(block);
		}
	}
	return 0;
}

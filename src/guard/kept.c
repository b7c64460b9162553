#include "guard/kept.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "guard/run.h"

static uint64_t digest_of(char *const *argv)
{
	uint64_t digest = HASH_FNV_START;
	for (; *argv; argv++)
		digest = hash_fnv(digest, *argv, strlen(*argv) + 1);
	return digest;
}

struct kept_command kept_command(const struct run *run)
{
	static char hash[32];
	static char *one[2]; /* and its end */
	struct kept_command kept = { .argv = run->argv, .program = run->program };
	struct buf text;

	switch (run->job->record_command) {
	case COMMAND_NAME: {
		char *slash = strrchr(run->argv[0], '/');
		one[0] = slash ? slash + 1 : run->argv[0];
		break;
	}
	case COMMAND_HASH:
		/* The digest that history lines have anyway: runs of one command line are still found. */
		kept.digest = digest_of(run->argv);
		buf_init(&text, hash, sizeof(hash));
		buf_str(&text, "hash:");
		buf_hex(&text, kept.digest, 16);
		one[0] = hash;
		break;
	default:
		return kept;
	}
	kept.argv = one;
	kept.program = NULL;
	return kept;
}

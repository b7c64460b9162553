/*
 * Signatures: named patterns of processes that belong together, told by what can be seen of them from
 * outside. Pure.
 *
 * A member takes the first role that fits; so many members in each role make a group, and all groups of a
 * signature are one line.  A fact that is not known contradicts no role, but at least half of what a role
 * asks for must be known and right.
 */
#ifndef SG_CORE_SIGNATURE_H
#define SG_CORE_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/sample.h"

struct buf;

#define SIGNATURES_MAX      16 /* a bit for each in struct signature_state */
#define SIGNATURE_ROLES_MAX 6
#define SIGNATURE_NAME_MAX  40 /* bytes */

enum meaning { MEANING_HARMLESS, MEANING_INFO, MEANING_WARNING, MEANING_CRITICAL, MEANING_COUNT };
enum signature_action { SIGNATURE_REPORT, SIGNATURE_END, SIGNATURE_KILL, SIGNATURE_ACTION_COUNT };
extern const char *const meaning_words[MEANING_COUNT + 1];
extern const char *const signature_action_words[SIGNATURE_ACTION_COUNT + 1];

/* From low to high, both allowed; 0 to UINT64_MAX: not asked for. */
struct band {
	uint64_t low, high;
};
#define BAND_ANY              \
	{                     \
		0, UINT64_MAX \
	}

struct signature_role {
	char name[24];
	char comm[20], wchan[36]; /* "" = any; "abc*": what begins so */
	uint64_t program;         /* as sample.program; 0 = any */
	char exe[128];            /* its path, for people */
	int8_t parent;            /* role of its parent; -1 = any */
	struct band memory_bytes, threads, fds;
	struct band lived_ns;     /* judged when it is gone */
	uint64_t caught, ignored; /* has a handler for these; has none for those. Signal N: bit N-1 */
	uint32_t count;           /* in a group */
};

/* Texts are borrowed. */
struct signature {
	const char *name, *about; /* about NULL = nothing */
	enum meaning meaning;
	enum signature_action action;
	bool is_off;
	bool any;      /* not only those whose parent, or one above it, is gone */
	bool siblings; /* a group is of one parent and one name, and takes no part in other groups' roles */
	uint32_t role_count;
	struct signature_role role[SIGNATURE_ROLES_MAX];
};

struct signatures {
	struct signature list[SIGNATURES_MAX];
	uint32_t count;
};

/* What comes with the program, and nothing else; what stands behind them is not written. */
#define SIGNATURES_BUILT_IN 2
void signatures_init(struct signatures *out);
/* A role that asks for nothing. */
struct signature_role signature_role_any(const char *name);
/* The one of that name, or NULL. */
struct signature *signatures_find(struct signatures *signatures, const char *name);

/* What a member carries.  All zero at first. */
struct signature_state {
	uint8_t signature, role;               /* 1, 2, ...; 0 = none */
	uint8_t parent_signature, parent_role; /* of its parent, when that was there last */
	bool is_final;                         /* all that its role asks for is known */
	uint16_t siblings;                     /* bit i: it was as signature i of siblings asks */
	/* of its children that are gone */
	uint32_t young;
	uint64_t young_ns, young_comm;
};

struct signature_tally {
	uint32_t members[SIGNATURE_ROLES_MAX];
	uint32_t missed[SIGNATURE_ROLES_MAX]; /* that may have been of this role */
	uint32_t whole;                       /* groups of siblings */
	uint64_t lived_ns;                    /* the longest, so far */
	uint64_t first_ns;
	struct witness witness[FINDING_WITNESSES];
	bool told;
};

/* What the tree carries.  All zero at first, but for the first. */
struct matcher {
	const struct signatures *signatures; /* borrowed */
	struct signature_tally tally[SIGNATURES_MAX];
};

/* What is to be known of members, of orphans alone or of all: enum sample_known. */
uint32_t matcher_needs(const struct matcher *matcher, bool is_orphan);
/*
 * One member at one look.  `parent`: what its parent carries, NULL = gone or
 * not known; `is_orphan`: its parent or one above it is gone.
 */
void matcher_member(struct matcher *matcher, struct signature_state *state,
		    const struct signature_state *parent, const struct sample *sample, bool is_orphan,
		    uint64_t now_ns);
/* It is gone. `parent` as above, but what it carries changes. */
void matcher_parted(struct matcher *matcher, const struct signature_state *state,
		    struct signature_state *parent, const struct sample *sample, uint64_t now_ns);
/* An orphan that ended before it was looked at, by what is known of it: it counts in each role it may have
 * had. */
void matcher_missed(struct matcher *matcher, const struct sample *sample);

/* Whole groups so far of signature `i`. */
uint32_t matcher_groups(const struct matcher *matcher, uint32_t i);
/* At most so many more, with those that were missed. */
uint32_t matcher_unsure(const struct matcher *matcher, uint32_t i);
/* Is the member, in its role, of a signature with at least one whole group?  That one, or NULL. */
const struct signature *matcher_known(const struct matcher *matcher, const struct signature_state *state);

/* "agent-triplet x10, lived 240ms, harmless"; and at most how many more were missed. */
void matcher_put(struct buf *out, const struct matcher *matcher, uint32_t i);
/* As a finding; false: there is no whole group, or it was told. */
bool matcher_tell(struct matcher *matcher, uint32_t i, uint64_t now_ns, uint64_t period_ns,
		  struct finding *out);
/* At the end: where nothing but what was missed is left to be told. */
bool matcher_tell_unsure(struct matcher *matcher, uint32_t i, uint64_t now_ns, uint64_t period_ns,
			 struct finding *out);

#endif

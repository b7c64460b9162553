/*
 * The processes of one run, each held so that it cannot be mistaken for another.
 *
 * A tree has a root that is walked but never signalled (the warden, for itself),
 * or only seeds (members out of a dead guard's record).  Members are found by
 * walking `children` files from the root through descriptors that stay open,
 * and are held by a pidfd from first sight.
 */
#ifndef SG_TREE_TREE_H
#define SG_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/record.h"
#include "core/births.h"
#include "core/detect.h"
#include "core/growth.h"
#include "core/sample.h"
#include "core/signature.h"
#include "core/written.h"

/* How members are told from strangers that got their number: the best rung that works here. */
enum identity_rung {
	IDENTITY_PIDFS,  /* held pidfd, and its inode in records (6.9) */
	IDENTITY_PIDFD,  /* held pidfd (5.3) */
	IDENTITY_PROCFD, /* held /proc/PID directory */
	IDENTITY_WEAK,   /* PID and start time: never used to kill from a record */
	IDENTITY_COUNT
};
const char *identity_name(enum identity_rung rung);

enum member_flags {
	MEMBER_ROOT = 1U << 0, /* walked, not of the tree */
	MEMBER_SEED = 1U << 1, /* out of a record */
	MEMBER_JOB = 1U << 2,
	MEMBER_GUARD = 1U << 3,   /* front of a nested run */
	MEMBER_GUARDED = 1U << 4, /* below a nested front: that one ends it */
	MEMBER_TERMED = 1U << 5,
	MEMBER_STOPPED = 1U << 6,
	MEMBER_KILLED = 1U << 7,
	MEMBER_REFUSED = 1U << 8,   /* answered EPERM */
	MEMBER_RECORDED = 1U << 9,  /* has a slot in the record */
	MEMBER_DEAD = 1U << 10,     /* to be dropped at the end of the walk */
	MEMBER_THREADED = 1U << 11, /* had more than one thread when last looked at */
	MEMBER_FROZEN = 1U << 12,   /* stopped by a freeze */
	MEMBER_STOOD = 1U << 13,    /* found stopped by it: a thaw leaves it so */
	MEMBER_KNOWN = 1U << 15,    /* by its signature: named with its group */
	MEMBER_ASKED = 1U << 16,    /* somebody else is looking into it */
	MEMBER_SHUT = 1U << 17,     /* nobody may */
	MEMBER_LOOKED = 1U << 18,   /* closely, when its parent was gone */
	MEMBER_REAPED = 1U << 19,   /* by the root, so its parent was gone */
	MEMBER_INIT = 1U << 14, /* first process of the tree's PID namespace, ours: walked, not of the tree */
};

struct member {
	struct proc_id id;
	pid_t ppid, sid; /* at first sight */
	uint32_t flags;
	uint32_t listed; /* number of the walk that met it last */
	uint16_t depth;  /* 1 = child of the root; 0 = root */
	int handle;      /* owned: pidfd, or /proc/PID on IDENTITY_PROCFD; -1 = none could be kept */
	int task_fd, children_fd, statm_fd; /* owned, -1 = none could be kept */
	int stat_fd, ran_fd,
		files_fd; /* owned, of what the rules ask for; -1 = not yet, -2 = none can be had */
	uint64_t ran_ns;  /* before its stat was read last; 0 = not known */
	uint64_t rss_pages;
	uint64_t seen_boot_ns;
	char comm[16];
	struct sample sample; /* what the rules judge: tree/measure.h, tree/facts.h */
	uint64_t orphaned_ns; /* first seen without its parent, as a child of the root; 0 = not */
	/* what rules carry from look to look */
	struct detect_state detect;
	struct signature_state role;
	struct births_trace births;
	struct trend trend; /* of its memory */
	struct written_state written;
};

/* What looking at one process needs at a time: its handle and one file. */
#define TREE_RESERVE 2

#define TREE_FIRST 128 /* members that need no allocation */

struct tree {
	struct member
		*member; /* `count` of `capacity`, in the order of first sight; owned beyond TREE_FIRST */
	size_t count, capacity;
	uint32_t *index; /* hash from pid to position + 1; index_size is a power of two; owned as `member` */
	size_t index_size;
	enum identity_rung rung;
	uint32_t wants; /* facts that a look reads of each member besides its memory: enum sample_known */
	uint32_t wants_awhile; /* the same, for who needs them for some looks only */
	pid_t init;            /* of the tree's own PID namespace, an unreaped child of the root; 0 = none */
	uint32_t walks;
	bool scans;                /* no lists of children here: all of /proc is searched instead */
	uint32_t orphans;          /* ever */
	bool starved;              /* descriptors have run out: new members are known without */
	bool crowded;              /* no room for a member found: tree_prepare, then walk again */
	bool again;                /* the last walk may have missed one: walk again */
	bool moved;                /* one has gone since the last walk: its children are another's now */
	int spare_fd;              /* borrowed */
	int reserve[TREE_RESERVE]; /* owned copies of spare_fd: given up for a moment where descriptors have
				      run out */
	int load_fd;               /* owned: /proc/loadavg */
	int proc_fd;               /* owned: /proc, where it is searched */
	uint64_t last_pid;         /* of the last walk; 0 = unknown */
	/* Which children of the root are of the tree; NULL = all. */
	bool (*accepts)(void *with, pid_t pid);
	void *accepts_with;
	/* Called for each member at first sight; NULL = not. */
	void (*met)(void *with, struct member *m);
	void *met_with;
	/* Called for each member that is dropped; NULL = not. */
	void (*parted)(void *with, struct member *m);
	void *parted_with;
	struct births *births; /* borrowed: told who was met and who is gone; NULL = nobody counts */
	/* figures */
	uint64_t seen;      /* members ever */
	uint64_t rss_pages; /* sum at the last walk */
	uint32_t procs;     /* alive at the last walk */
	uint32_t peak_depth;
	/* What the first members live in: an end must not need memory. */
	struct member first[TREE_FIRST];
	uint32_t first_index[TREE_FIRST * 2];
};

/* `spare_fd`: any open descriptor; a copy of it is the reserve for times when no other can be had. */
void tree_init(struct tree *tree, int spare_fd);
void tree_release(struct tree *tree);

/* Between ticks: room for twice of what is there, if it is getting tight. 0, -ENOMEM (goes on with what it
 * has). */
int tree_prepare(struct tree *tree);

/* The process whose descendants are the tree. 0, -errno. */
int tree_set_root(struct tree *tree, pid_t pid);

/* The job, as first member: known by its unreaped pid; `pidfd` (taken) may be -1. */
void tree_add_job(struct tree *tree, pid_t pid, int pidfd, uint64_t now_ns);

/*
 * A member out of a record.  0 held; -ESRCH it is gone, or the number is
 * another's now; -EAGAIN only its number and start time agree: list it, do
 * not signal it.
 */
int tree_add_seed(struct tree *tree, const struct record_slot *slot);
/* One of the latter, once: it is shown, for as long as nothing in this tree is signalled. 0, -ESRCH, -errno.
 */
int tree_add_listed(struct tree *tree, const struct record_slot *slot);
/* The same for one that the caller has verified, held by `handle` (a pidfd, taken). 0, -ESRCH, -errno. */
int tree_add_held(struct tree *tree, const struct record_slot *slot, int handle);

struct member *tree_find(const struct tree *tree, pid_t pid);
/* It has been waited for: its number may be another's from now on. */
void tree_forget(struct tree *tree, pid_t pid);

/* inside the layer */
struct member *tree_append(struct tree *tree, pid_t pid);
void tree_compact(struct tree *tree);
void member_close(struct member *m);
void tree_take_reserve(struct tree *tree);
void tree_give_reserve(struct tree *tree);

#define FOR_EACH_MEMBER(tree, m) \
	for (struct member *m = (tree)->member; m < (tree)->member + (tree)->count; m++)

#endif

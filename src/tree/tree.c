#include "tree/tree.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "os/fd.h"

static const char *const rung_names[IDENTITY_COUNT] = { "pidfs", "pidfd", "procfd", "weak" };

const char *identity_name(enum identity_rung rung)
{
	return rung < IDENTITY_COUNT ? rung_names[rung] : "unknown";
}

static size_t place_of(const struct tree *tree, pid_t pid)
{
	return ((uint32_t)pid * 2654435761U) & (tree->index_size - 1);
}

static void index_put(struct tree *tree, size_t position)
{
	size_t at = place_of(tree, tree->member[position].id.pid);
	while (tree->index[at] != 0)
		at = (at + 1) & (tree->index_size - 1);
	tree->index[at] = (uint32_t)position + 1;
}

static void index_rebuild(struct tree *tree)
{
	memset(tree->index, 0, tree->index_size * sizeof(*tree->index));
	for (size_t i = 0; i < tree->count; i++)
		if (!(tree->member[i].flags & MEMBER_DEAD))
			index_put(tree, i);
}

static int grow(struct tree *tree, size_t capacity)
{
	size_t index_size = TREE_FIRST * 2;
	while (index_size < capacity * 2)
		index_size *= 2;
	uint32_t *index = calloc(index_size, sizeof(*index));
	struct member *member = calloc(capacity, sizeof(*member));
	if (!index || !member) {
		free(index);
		free(member);
		return -ENOMEM;
	}
	memcpy(member, tree->member, tree->count * sizeof(*member));
	if (tree->member != tree->first) {
		free(tree->member);
		free(tree->index);
	}
	tree->index = index;
	tree->index_size = index_size;
	tree->member = member;
	tree->capacity = capacity;
	index_rebuild(tree);
	return 0;
}

static void reset(struct tree *tree)
{
	memset(tree, 0, offsetof(struct tree, first));
	tree->member = tree->first;
	tree->capacity = TREE_FIRST;
	tree->index = tree->first_index;
	tree->index_size = COUNT_OF(tree->first_index);
	memset(tree->first_index, 0, sizeof(tree->first_index));
	tree->spare_fd = tree->load_fd = tree->proc_fd = -1;
	for (size_t i = 0; i < TREE_RESERVE; i++)
		tree->reserve[i] = -1;
}

void tree_take_reserve(struct tree *tree)
{
	for (size_t i = 0; i < TREE_RESERVE; i++)
		if (tree->reserve[i] < 0)
			tree->reserve[i] = os_fd_copy(tree->spare_fd);
}

void tree_give_reserve(struct tree *tree)
{
	for (size_t i = 0; i < TREE_RESERVE; i++)
		os_fd_close(&tree->reserve[i]);
}

void tree_init(struct tree *tree, int spare_fd)
{
	reset(tree);
	tree->spare_fd = spare_fd;
	tree_take_reserve(tree);
}

void member_close(struct member *m)
{
	os_fd_close(&m->handle);
	os_fd_close(&m->task_fd);
	os_fd_close(&m->children_fd);
	os_fd_close(&m->statm_fd);
	os_fd_close(&m->stat_fd);
	os_fd_close(&m->ran_fd);
	os_fd_close(&m->files_fd);
}

void tree_release(struct tree *tree)
{
	FOR_EACH_MEMBER (tree, m)
		member_close(m);
	if (tree->member != tree->first) {
		free(tree->member);
		free(tree->index);
	}
	tree_give_reserve(tree);
	os_fd_close(&tree->load_fd);
	os_fd_close(&tree->proc_fd);
	reset(tree);
}

int tree_prepare(struct tree *tree)
{
	if (!tree->crowded && tree->count * 2 < tree->capacity)
		return 0;
	tree->again = tree->again || tree->crowded; /* who found no room is met by a whole walk only */
	tree->crowded = false;
	return grow(tree, tree->capacity * 2);
}

struct member *tree_find(const struct tree *tree, pid_t pid)
{
	for (size_t at = place_of(tree, pid); tree->index[at] != 0; at = (at + 1) & (tree->index_size - 1)) {
		struct member *m = &tree->member[tree->index[at] - 1];
		if (m->id.pid == pid && !(m->flags & MEMBER_DEAD))
			return m;
	}
	return NULL;
}

struct member *tree_append(struct tree *tree, pid_t pid)
{
	if (tree->count == tree->capacity) {
		tree->crowded = true; /* no allocation in here: the caller walks again after tree_prepare */
		return NULL;
	}
	struct member *m = &tree->member[tree->count++];
	*m = (struct member){ .handle = -1,
			      .task_fd = -1,
			      .children_fd = -1,
			      .statm_fd = -1,
			      .stat_fd = -1,
			      .ran_fd = -1,
			      .files_fd = -1 };
	m->id.pid = pid;
	index_put(tree, tree->count - 1);
	return m;
}

void tree_forget(struct tree *tree, pid_t pid)
{
	struct member *m = tree_find(tree, pid);
	if (!m)
		return;
	m->flags |=
		MEMBER_DEAD | MEMBER_REAPED; /* dropped at the next walk: nobody's position changes here */
	tree->moved = true;
}

void tree_compact(struct tree *tree)
{
	size_t kept = 0;

	for (size_t i = 0; tree->parted && i < tree->count; i++) /* while all of them are there to be found */
		if (tree->member[i].flags & MEMBER_DEAD)
			tree->parted(tree->parted_with, &tree->member[i]);
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->member[i].flags & MEMBER_DEAD) {
			member_close(&tree->member[i]);
			continue;
		}
		if (kept != i)
			tree->member[kept] = tree->member[i];
		kept++;
	}
	if (kept == tree->count)
		return;
	tree->count = kept;
	index_rebuild(tree);
}

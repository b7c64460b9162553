/* A run in words. */
#ifndef SG_RUN_DESCRIBE_H
#define SG_RUN_DESCRIBE_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct json;
struct record_head;
struct recovery;
struct run_view;

/* The recorded command as a shell would take it, at most `columns` characters; 0 = all that was recorded. */
void describe_command(struct buf *out, const struct record_head *head, size_t columns);

/* "failed, status 7"; "signaled, status 143 (TERM)" */
void describe_end(struct buf *out, const char *outcome, int exit_code);
/* "; not touched, may be of it: pid 7, 8", or nothing: who has one mark alone of a run whose guards were
 * killed. */
void describe_listed(struct buf *out, const struct recovery *r);
/* The same as the array `listed`. */
void describe_json_listed(struct json *j, const struct recovery *r);
/* "running", "frozen", "ending", "lost" (both guards are dead), "elsewhere" (cannot be told from here). */
const char *describe_state(const struct run_view *view);
/* Of one that is frozen for a limit: "frozen for max-procs, to be ended in 59m"; else nothing. */
void describe_frozen(struct buf *out, const struct run_view *view, uint64_t now_boot_ns);
/* The name of that limit; NULL. */
const char *describe_frozen_rule(const struct run_view *view);
/* How long it is still to stand; NUM_NONE = until somebody thaws or kills it. */
uint64_t describe_frozen_left_ns(const struct run_view *view, uint64_t now_boot_ns);
/* Since its start; 0 where that cannot be told. */
uint64_t describe_age_ns(const struct run_view *view, uint64_t now_boot_ns);
/* The same without the time in which it was frozen: what counts towards its limits. */
uint64_t describe_counted_ns(const struct run_view *view, uint64_t now_boot_ns);

#endif

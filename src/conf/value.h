/* The text of one option into its field of struct job. */
#ifndef SG_CONF_VALUE_H
#define SG_CONF_VALUE_H

struct buf;
struct job;
struct option_row;

/*
 * Read `text` as the kind of `row` asks and store it; NULL where an option
 * stands without a value.  Texts are borrowed, not copied.  0, or -EINVAL with
 * the reason and the cure in `why`: "not a duration: write 90, 1.5m or none".
 */
int value_parse(const struct option_row *row, const char *text, struct job *job, struct buf *why);

/* What comes now is of a source of higher rank: its tags and variables replace those of the same key. */
void value_next_source(struct job *job);

/* What nobody said: the fallback of `row` into its field of a zeroed `job`. */
void value_default(const struct option_row *row, struct job *job);

#endif

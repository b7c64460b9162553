/* [signature NAME] of the configuration files: text to core/signature.h and back. */
#ifndef SG_CONF_SIGNATURE_H
#define SG_CONF_SIGNATURE_H

#include "conf/resolve.h"
#include "core/signature.h"

/*
 * What is built in, changed and added to by the sections of the system's
 * file, then by those of the user's.  A section takes over what the one of
 * its name before it says, key by key, all roles together.  The texts are
 * borrowed as those of conf_apply.  0, -EINVAL (told).
 */
int conf_signatures(struct conf *conf, struct signatures *out);
/* Is there any such section? */
bool conf_has_signatures(const struct conf *conf);
/* Where the signature of that name is from: the last section of it; NULL = built in. */
const struct ini_section *conf_signature_origin(const struct conf *conf, const char *name,
						const char **out_file);

/* Role `i`, as its line in a file has it behind the =. */
void signature_format_role(struct buf *out, const struct signature *signature, uint32_t i);

#endif

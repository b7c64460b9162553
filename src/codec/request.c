#include "codec/request.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

#define REQUEST_MAGIC 0x51524753U /* "SGRQ" */

static_assert(sizeof(struct request) == 24 + 16 + RUN_ID_MAX + 8 + 8, "no hidden padding in what is stored");

static uint32_t check_of(struct request request)
{
	request.check = 0;
	return hash_words(0, &request, sizeof(request));
}

void request_seal(struct request *request)
{
	request->magic = REQUEST_MAGIC;
	request->check = check_of(*request);
}

bool request_is_valid(const struct request *request)
{
	return request->magic == REQUEST_MAGIC && request->check == check_of(*request) &&
	       request->verb > REQUEST_NONE && request->verb < REQUEST_COUNT &&
	       memchr(request->by_comm, '\0', sizeof(request->by_comm)) != NULL &&
	       memchr(request->by_run, '\0', sizeof(request->by_run)) != NULL;
}

/* spawnguard thaw JOB|RUN: what was frozen goes on. */
#include "cmd/standing.h"
#include "conf/options.h"

int main(int argc, char **argv)
{
	(void)argc;
	return standing_main(argv, "thaw", FOR_THAW, REQUEST_THAW);
}

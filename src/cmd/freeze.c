/* spawnguard freeze JOB|RUN: the tree stands still, and the clocks of its limits. */
#include "cmd/standing.h"
#include "conf/options.h"

int main(int argc, char **argv)
{
	(void)argc;
	return standing_main(argv, "freeze", FOR_FREEZE, REQUEST_FREEZE);
}

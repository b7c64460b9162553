#!/bin/sh
# A script that puts itself under the guard, however it is started.
if [ "${SPAWNGUARD_JOB:-}" != re-exec ]; then
	exec spawnguard run --name re-exec --timeout 1h -- "$0" "$@"
fi

echo "run $SPAWNGUARD_RUN_ID: the only one, with arguments: $*"

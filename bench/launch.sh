# shellcheck shell=sh
# Sourced by the benchmark scripts: build what is missing, then become the program.  Into BENCH_BUILD, else
# build/bench of this tree, else (a tree of somebody else's) a directory of our own in $TMPDIR.
here=$(cd "$(dirname "$0")" && pwd -P) || exit 2
build=${BENCH_BUILD:-$here/../build/bench}
if ! mkdir -p "$build" 2>/dev/null || [ ! -O "$build" ]; then
	build=${TMPDIR:-/tmp}/spawnguard-bench-build.$(id -u)
	mkdir -m 700 "$build" 2>/dev/null
	[ -O "$build" ] || { echo "bench: $build is not mine" >&2; exit 2; }
fi
make -s -C "$here/src" BUILD="$(cd "$build" && pwd -P)" all >&2 || exit 2
exec "$build/${0##*/}" "$@"

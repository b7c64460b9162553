#!/bin/sh
# names.sh TOP: no file names what a reader of this repository does not have: the machine it was written on,
# the registry its packages came from, a document that is not here.
set -eu
cd "$1"
top=$(pwd -P)
if ! files=$(git ls-files -co --exclude-standard 2>/dev/null) || [ -z "$files" ]; then
	files=$(find . -path ./build -prune -o -type f -print | sed 's,^\./,,')
fi
files=$(printf '%s\n' "$files" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done)
bad=0

found() # LINES WHY
{
	[ -n "$1" ] || return 0
	printf '%s\n' "$1" | sed "s/\$/   <- $2/"
	bad=1
}
search() # grep options and pattern
{
	printf '%s\n' "$files" | tr '\n' '\0' | xargs -0 grep -nHI "$@" || :
}

found "$(search -E '(^|[^A-Za-z0-9_./-])/w[o]rk(/|[^A-Za-z0-9_]|$)')" 'path of one machine'
[ ${#top} -lt 6 ] || found "$(search -F "$top/")" 'path of this machine'
found "$(search -E '(deb\.debian|registry\.npmjs|pypi|files\.pythonhosted)\.(org|com)')" 'host of a registry'

search -oE '[A-Za-z0-9_][A-Za-z0-9_./-]*\.md\b' | {
	missing=0
	while IFS=: read -r file line name; do
		if [ ! -e "$name" ] && [ ! -e "$(dirname "$file")/$name" ]; then
			echo "$file:$line:$name   <- no such document here"
			missing=1
		fi
	done
	exit $missing
} || bad=1
exit $bad

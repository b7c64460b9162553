#!/bin/sh
# collect.sh [DIR]: somebody starts the same collector five times in the background.
# One runs; the others are refused at once, and say who runs.  DIR must be new or empty.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
dir=${1:-$(mktemp -d)}

starts=
for number in 1 2 3 4 5; do
	spawnguard run --name collect -- "$here/collect.py" "$dir" &
	starts="$starts $number:$!"
done

ran=0
refused=0
for start in $starts; do
	status=0
	wait "${start#*:}" || status=$?
	echo "start ${start%:*}: status $status"
	case $status in
	0) ran=$((ran + 1)) ;;
	75) refused=$((refused + 1)) ;;
	esac
done
echo "$ran ran, $refused refused, $(find "$dir" -name 'item-*.json' | wc -l) items collected"
[ $ran -eq 1 ] && [ $refused -eq 4 ]

#!/bin/sh
# man.sh SPAWNGUARD MAN SOURCE: the pages in MAN/man* against the option table as --help=all tells it, both ways.
#   every command has a page, and every option of it stands in the list of that page
#   no page names an option that nobody takes; a word of .Fl in a source page too
#   mandoc has nothing to say, and neither names a page of ours that does not exist
set -eu
program=$1 pages=$2 source=$3
bad=0
complain()
{
	echo "$*"
	bad=1
}
# The options in a text of --help=all, each as "timeout" or "t", one on a line.
options()
{
	sed -n -E 's/^  (-(.), |    )--([a-z-]+).*/\2\n\3/p' | grep . | sort -u
}
# Every .Fl of a page: "Fl -timeout" is timeout.
named()
{
	grep -hE '^\.' "$@" | grep -oE '(^\.| )Fl (-[a-z][a-z-]*|[A-Za-z])( |$)' |
		sed -E 's/^[. ]*Fl -?//; s/ $//' | sort -u
}

commands=$("$program" --help | sed -n -E 's/^  ([a-z]+) .*/\1/p')
[ -n "$commands" ] || complain "$program --help lists no command"
everything=$(for command in $commands; do
	"$program" "$command" --help=all 2>/dev/null || :
done | options)

for command in $commands; do
	"$program" "$command" --help >/dev/null 2>&1 || continue # not built
	page=$pages/man1/spawnguard-$command.1
	if [ ! -f "$page" ]; then
		complain "no page for $command: write man/spawnguard-$command.1.in"
		continue
	fi
	taken=$("$program" "$command" --help=all | options)
	there=$(sed -n 's/^\.It \(Fl .*\)/.\1/p' "$page" | named -)
	for option in $taken; do
		printf '%s\n' "$there" | grep -qxF -e "$option" || complain "$page: no option $option"
	done
	for option in $there; do
		printf '%s\n' "$taken" | grep -qxF -e "$option" || complain "$page: $command takes no option $option"
	done
done

for page in "$source"/*.in; do
	for option in $(named "$page"); do
		printf '%s\n' "$everything" | grep -qxF -e "$option" || complain "$page: no command takes option $option"
	done
	made=$(basename "$page" .in)
	made=$pages/man${made##*.}/$made
	sed -n -E 's/^\.(It )?Xr (spawnguard[^ ]*) ([157]).*/\2.\3/p' "$page" | while read -r other; do
		[ -f "$source/$other.in" ] || echo "$page: no such page: $other"
	done | grep . && bad=1
done

if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$pages"/man*/* || bad=1
else
	echo 'mandoc is missing: its own checks are left out'
fi
exit $bad

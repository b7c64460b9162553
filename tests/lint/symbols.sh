#!/bin/sh
# symbols.sh pure|kernel FILE... [-- LOWER...]: what the archives and objects FILE call must be in them, in
# LOWER, or on a list.
#   pure    memory and text only: no clock, descriptor or environment; nor hidden state (.data, .bss; a const
#           table with pointers is .data.rel.ro)
#   kernel  the way into the kernel leads through layer os
set -eu
kind=$1
shift

memory='malloc calloc realloc reallocarray free memcpy mempcpy memmove memset memcmp bcmp memchr memrchr memmem qsort bsearch'
text='strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strchrnul strrchr strstr strspn strcspn strpbrk
	stpcpy stpncpy strdup strndup strtoul strtoull snprintf vsnprintf'
library=ini_parse_stream # inih: takes bytes from a function of ours, for conf/ini
facts='strerrordesc_np __assert_fail __stack_chk_fail'
case $kind in
pure)
	allowed="$memory $text $facts $library" ;;
kernel) # getenv and environ are the business of getenv.sh
	allowed="$memory $text $facts exit _exit __errno_location getenv environ __environ
		sigemptyset sigfillset sigaddset sigdelset sigismember" ;;
*)
	echo "$0: pure or kernel, not $kind" >&2
	exit 2 ;;
esac

symbols=$(mktemp)
trap 'rm -f "$symbols"' EXIT
bad=0
role=own
for file; do
	if [ "$file" = -- ]; then
		role=lower
		continue
	fi
	case $file in
	*.so | *.so.*) nm -DgA --without-symbol-versions "$file" ;;
	*) nm -gA "$file" ;;
	esac | sed "s/^/$role /" >>"$symbols"
	if [ "$kind" = pure ] && [ $role = own ]; then
		size -A "$file" | awk '
		/:$/ { object = $1 }
		$1 ~ /^\.(data|bss)(\.|$)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 {
			print "hidden state: " $2 " bytes of " $1 " in " object
			bad = 1
		}
		END { exit bad }' || bad=1
	fi
done

# A line: own|lower, FILE[:OBJECT]:[ADDRESS], type, name.
awk -v allowed="$allowed" '
BEGIN {
	count = split(allowed, list, /[ \t\n]+/)
	for (i = 1; i <= count; i++)
		have[list[i]] = 1
}
$(NF - 1) ~ /^[ABCDGIRSTVWu]$/ { have[$NF] = 1 }
$(NF - 1) ~ /^[Uvw]$/ && $1 == "own" { want[$NF] = want[$NF] " " $2 }
END {
	for (name in want) {
		plain = name
		if (sub(/_chk$/, "", plain)) # fortified: __memcpy_chk
			sub(/^__/, "", plain)
		if (have[name] || have[plain] || name ~ /^(_GLOBAL_OFFSET_TABLE_|__u?(div|mod)ti3)$/)
			continue
		print "not allowed here: " name ", called in" want[name]
		bad = 1
	}
	exit bad
}' "$symbols" || bad=1
exit $bad

#!/bin/sh
# Each lint must find an offender that is planted before it, and pass the same tree without it.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
src=$dir/src
md=.md # so that this file names none
bad=0

verdict() # WANT(0|1) WHAT COMMAND...
{
	want=$1 what=$2
	shift 2
	output=$("$@" 2>&1)
	got=$?
	if [ $got -ne "$want" ] || { [ $got -ne 0 ] && [ -z "$output" ]; }; then
		printf '%s: exit %d, expected %d\n%s\n' "$what" "$got" "$want" "$output"
		bad=1
	fi
}
# planted FILE TEXT WHAT COMMAND...: passes before, fails with TEXT in FILE, passes again.
planted()
{
	file=$dir/$1 text=$2 what=$3
	shift 3
	verdict 0 "$what, before" "$@"
	printf '%s\n' "$text" >"$file"
	verdict 1 "$what" "$@"
	rm "$file"
}
# object NAME TEXT: $dir/NAME.o
object()
{
	printf '%s\n' "$2" >"$dir/$1.c"
	"${CC:-cc}" -c -O1 -fPIE -o "$dir/$1.o" "$dir/$1.c"
}

for layer in base core codec conf os store tree run guard cmd; do
	mkdir -p "$src/$layer"
done
echo '#include "base/fail.h"' >"$src/core/limit.c"
echo 'const char *dir(void) { return getenv("SPAWNGUARD_STATE_DIR"); } /* not getenv("HOME") */' >"$src/guard/main.c"

planted src/core/up.c '#include "os/fd.h"' 'layers: upward' "$here/layers.sh" "$src"
planted src/cmd/beside.c '# include "guard/front.h"' 'layers: sideways' "$here/layers.sh" "$src"
planted src/base/bare.c '#include "fail.h"' 'layers: no layer named' "$here/layers.sh" "$src"

planted src/os/env.c 'char *p = getenv("PATH");' 'getenv: reader in a wrong layer' "$here/getenv.sh" "$src"
planted src/run/env.c 'extern char **environ;' 'getenv: environ in a wrong layer' "$here/getenv.sh" "$src"
planted src/guard/home.c 'char *p = getenv("HOME");' 'getenv: a name of its own' "$here/getenv.sh" "$src"
planted src/conf/opt.c 'const char *n = "SPAWNGUARD_TIMEOUT";' 'getenv: an option' "$here/getenv.sh" "$src"
planted src/guard/any.c 'char *f(char *n) { return getenv(n); }' 'getenv: any name' "$here/getenv.sh" "$src"

planted README.txt "see $dir/src" 'names: this machine' "$here/names.sh" "$dir"
planted README.txt "as nowhere${md} says" 'names: missing document' "$here/names.sh" "$dir"

# A program that knows two options, its page, and what may be planted beside it.
mkdir -p "$dir/pages/man1" "$dir/man"
cat >"$dir/program" <<'EOF'
#!/bin/sh
case $1 in
--help) echo '  run     run it' ;;
*) printf '  -t, --timeout=D   text\n      --stats   text\n' ;;
esac
EOF
chmod +x "$dir/program"
# shellcheck disable=SC2016 # mdoc's own dollars
printf '.Dd $Mdocdate$\n.It Fl t , Fl -timeout Ns = Ns Ar D\n.It Fl -stats\n' >"$dir/list"
# shellcheck disable=SC2317 # called by planted()
man()
{
	cp "$dir/list" "$dir/pages/man1/spawnguard-run.1"
	[ ! -f "$dir/added" ] || cat "$dir/added" >>"$dir/pages/man1/spawnguard-run.1"
	PATH=$dir/path "$here/man.sh" "$dir/program" "$dir/pages" "$dir/man"
}
mkdir "$dir/path" # everything but mandoc: these pages are none
for tool in sed grep sort cat basename sh; do
	ln -s "$(command -v $tool)" "$dir/path/$tool"
done
cp "$dir/list" "$dir/man/spawnguard-run.1.in"
planted added '.It Fl -color' 'man: an option that the command does not take' man
planted man/x.1.in '.Fl -colour' 'man: an option that nobody takes' man
planted man/y.1.in '.Xr spawnguard-nothing 1' 'man: a page that is not there' man
sed -i /stats/d "$dir/list"
verdict 1 'man: an option without its text' man

# The whole source: each of its texts has a row.
mkdir "$dir/whole"
cp -R "$here/../../src" "$dir/whole/src"
ln -s "$here/.." "$dir/whole/tests"
planted whole/src/guard/new.c 'void f(void) { say("the moon is down"); }' 'messages: one without a row' \
	"$here/messages.py" "$dir/whole"
sed -i 's/; see: lslocks/; see: lslocks(8)/' "$dir"/whole/src/guard/*.c
verdict 1 'messages: a row without its text' "$here/messages.py" "$dir/whole"

object ok '#include <string.h>
unsigned long f(const char *s) { return strlen(s); }'
object clock '#include <time.h>
long f(void) { return time(0); }'
object counter 'int f(void) { static int n; return ++n; }'
object lower 'int os_kill(int p) { extern int kill(int, int); return kill(p, 9); }'
object upper 'int f(int p) { extern int os_kill(int); return os_kill(p); }'
object around 'int f(int p) { extern int kill(int, int); return kill(p, 9); }'
verdict 0 'pure: text only' "$here/symbols.sh" pure "$dir/ok.o"
verdict 1 'pure: a clock' "$here/symbols.sh" pure "$dir/ok.o" "$dir/clock.o"
verdict 1 'pure: a hidden counter' "$here/symbols.sh" pure "$dir/counter.o"
verdict 0 'kernel: through os' "$here/symbols.sh" kernel "$dir/upper.o" -- "$dir/lower.o"
verdict 1 'kernel: around os' "$here/symbols.sh" kernel "$dir/upper.o" "$dir/around.o" -- "$dir/lower.o"
exit $bad

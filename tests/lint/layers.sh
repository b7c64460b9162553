#!/bin/sh
# layers.sh SRC: every #include "layer/file.h" must be allowed by this table, and name its layer.
set -eu
find "$1" -name '*.[ch]' | sort | awk -v src="$1" '
BEGIN {
	allow["base"] = ""
	allow["core"] = allow["codec"] = "base"
	allow["conf"] = "base core"
	allow["os"] = "base codec"
	allow["store"] = allow["tree"] = "base core codec os"
	allow["run"] = "base core codec conf os store tree"
	allow["report"] = "base core codec os store"
	allow["ui"] = "base os"
	allow["guard"] = allow["run"] " run"
	allow["cmd"] = allow["guard"] " report ui"
}
{
	file = $0
	from = substr(file, length(src) + 2)
	sub("/.*", "", from)
	if (!(from in allow)) {
		print file ": " from " is no layer"
		bad = 1
	}
	for (n = 1; (getline line < file) > 0; n++) {
		if (line !~ /^[ \t]*#[ \t]*include[ \t]*"/)
			continue
		to = line
		sub(/^[^"]*"/, "", to)
		if (to !~ "/") {
			print file ":" n ": an include names its layer: \"" from "/" to
			bad = 1
		}
		sub("/.*", "", to)
		if (to != "spawnguard" && to != from && index(" " allow[from] " ", " " to " ") == 0) {
			print file ":" n ": " from " may not include " to
			bad = 1
		}
	}
	close(file)
}
END { exit bad }'

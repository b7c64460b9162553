#!/bin/sh
# getenv.sh SRC: the environment gives no options but the names below, and only programs look into it.
# Prints every name that the source knows, with its files.
set -eu
find "$1" "$1/../include" -name '*.[ch]' 2>/dev/null | sort | awk -v src="$1" '
BEGIN {
	RS = "\001" # a file is one record
	options = "SPAWNGUARD_STATE_DIR SPAWNGUARD_CONFIG NO_COLOR CLICOLOR_FORCE "
	facts = "SPAWNGUARD_RUN_ID SPAWNGUARD_PARENT_RUN_ID SPAWNGUARD_JOB PATH STATE_DIRECTORY JOURNAL_STREAM "
	told = "SPAWNGUARD_EVENT SPAWNGUARD_TASK SPAWNGUARD_STEP SPAWNGUARD_LOG SPAWNGUARD_MESSAGE SPAWNGUARD_JOB_PID SPAWNGUARD_CLASS SPAWNGUARD_UNTIL SPAWNGUARD_FINGERPRINT SPAWNGUARD_OUTCOME SPAWNGUARD_STATUS SPAWNGUARD_SIGNAL SPAWNGUARD_CAUSE SPAWNGUARD_DURATION SPAWNGUARD_SURVIVORS " # to hooks
	job = "SPAWNGUARD_NOTIFY SPAWNGUARD_ATTEMPT SPAWNGUARD_PROBE " # read by what a job calls: notify.h and notify
	said = "WATCHDOG_USEC EXTEND_TIMEOUT_USEC MONOTONIC_USEC X_SPAWNGUARD_COUNTER " # in its datagrams, not in an environment
	passed_on = "LISTEN_PID WATCHDOG_PID NOTIFY_SOCKET" # made the job'\''s own where the caller set them
	count = split(options facts told job said passed_on, list, " ")
	for (i = 1; i <= count; i++)
		allowed[list[i]] = 1
	# Names without an underscore that are words for nothing else here.
	known = "^(PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|COLUMNS|LANG|DEBUG|LD_[A-Z_]+)$"
}
function complain(file, what) {
	print file ": " what
	bad = 1
}
# Takes the text apart: comments go, literals are looked at, what is left is code.
function code_of(file, text,    code, name) {
	code = ""
	while (match(text, /\/\*|"([^"\\\n]|\\.)*"|\047([^\047\\\n]|\\.)*\047/)) {
		code = code substr(text, 1, RSTART - 1)
		token = substr(text, RSTART, RLENGTH)
		text = substr(text, RSTART + RLENGTH)
		if (token == "/*") {
			end = index(text, "*/")
			text = end ? substr(text, end + 2) : ""
			continue
		}
		code = code token
		name = substr(token, 2, length(token) - 2)
		sub(/=$/, "", name)
		if (name ~ known || name ~ /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/) {
			where = " " substr(file, length(src) + 2)
			if (name in allowed)
				seen[name] = seen[name] (index(seen[name] " ", where " ") ? "" : where)
			else
				complain(file, "\"" name "\" is no name that we read from the environment")
		}
	}
	return code text
}
{
	count = split($0, files, "\n")
	for (i = 1; i <= count; i++) {
		file = files[i]
		if (file == "" || (getline text < file) <= 0)
			continue
		close(file)
		code = code_of(file, text)
		reads = code ~ /(^|[^A-Za-z0-9_.>"])((secure_)?getenv[ \t]*\(|_*environ([^A-Za-z0-9_"]|$))/
		if (reads && substr(file, length(src) + 2) !~ /^((guard|cmd)\/|\.\.\/include\/spawnguard\/notify\.h$)/)
			complain(file, "only guard and cmd look into the environment; pass it on as an argument")
		while (match(code, /(^|[^A-Za-z0-9_])(secure_)?getenv[ \t]*\([^)]*\)/)) {
			argument = substr(code, RSTART, RLENGTH)
			code = substr(code, RSTART + RLENGTH)
			sub(/^[^(]*\(/, "", argument)
			if (argument !~ /^("[A-Z_]+"|SG_ENV_[A-Z_]+)\)$/)
				complain(file, "getenv(" argument ": the name must stand there")
		}
	}
}
END {
	for (i = 1; i in list; i++)
		if (list[i] in seen)
			print list[i] ":" seen[list[i]]
	exit bad
}'

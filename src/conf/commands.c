#include "conf/commands.h"

#include <string.h>

#include "base/auto.h"
#include "conf/options.h"
#include "conf/suggest.h"

/* clang-format off */
const struct command_row command_rows[] = {
	{ "run",    FOR_RUN,    "run [OPTIONS] [JOB [ARG...] | -- COMMAND [ARG...]]", "run a command, one copy at a time, and leave nothing of it behind" },
	{ "ps",     FOR_PS,     "ps [OPTIONS] [JOB|RUN]",       "list running jobs and their trees" },
	{ "status", FOR_STATUS, "status [OPTIONS] [JOB]",       "tell how a job stands: running or its last end, limits, last outcomes" },
	{ "wait",   FOR_WAIT,   "wait [OPTIONS] JOB|RUN...",    "block until runs have ended, and exit as they did" },
	{ "watch",  FOR_WATCH,  "watch [OPTIONS] JOB|RUN|PID",  "follow the runs of a job, one run, or any tree: does all go well?" },
	{ "logs",   FOR_LOGS,   "logs [OPTIONS] JOB|RUN",       "print the output of a detached or failed run" },
	{ "kill",   FOR_KILL,   "kill [OPTIONS] JOB|RUN",       "end a run's whole tree, and prove that it is gone" },
	{ "freeze", FOR_FREEZE, "freeze [OPTIONS] JOB|RUN",     "stop a run's tree and the clocks of its limits" },
	{ "thaw",   FOR_THAW,   "thaw [OPTIONS] JOB|RUN",       "let a frozen run go on" },
	{ "notify", FOR_NOTIFY, "notify [OPTIONS] ready|beat|status TEXT|counter KEY=NUMBER...", "from inside a job, tell the guard how it gets on" },
	{ "batch",  FOR_BATCH,  "batch [OPTIONS] [-- COMMAND [ARG...]]", "run a command for each item of a list, with brakes" },
	{ "breaker", FOR_BREAKER, "breaker [OPTIONS] list|show JOB|open JOB|reset JOB|trial JOB", "show the breakers of jobs that keep failing, open or reset them" },
	{ "reap",   FOR_REAP,   "reap [OPTIONS] [JOB]",         "end what dead guards left behind" },
	{ "explain", FOR_EXPLAIN, "explain [OPTIONS] JOB [-- COMMAND [ARG...]] | --samples FILE", "tell what a start would come to, or what limits would have said" },
	{ "doctor", FOR_DOCTOR, "doctor [OPTIONS]",             "tell what this machine allows the guard to do" },
	{ "config", FOR_CONFIG, "config [OPTIONS] check [FILE]|show [JOB]", "check the configuration, or show what holds for a job and why" },
	{ "help",   FOR_HELP,   "help [TOPIC]",                 "show the manual of a command or topic" },
};
/* clang-format on */
const size_t command_count = COUNT_OF(command_rows);

const struct command_row *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(command_rows[i].name, name) == 0)
			return &command_rows[i];
	}
	return NULL;
}

const char *command_suggest(const char *name)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR;
	size_t n = strlen(name);
	for (size_t i = 0; i < command_count; i++) {
		size_t rank = suggest_rank(name, n, command_rows[i].name);
		if (rank >= least)
			continue;
		least = rank;
		nearest = command_rows[i].name;
	}
	return nearest;
}

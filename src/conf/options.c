#include "conf/options.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "conf/job.h"
#include "conf/suggest.h"

static const char *const conflict_words[] = { "fail", "skip", "wait", "replace", "queue", NULL };
static const char *const term_words[] = { "tree", "job", NULL };
static const char *const leftovers_words[] = { "end", "wait", "leave", NULL };
static const char *const rung_words[] = { "auto", "cgroup", "isolate", "realtime", "sweep", NULL };
static const char *const on_limit_words[] = { "warn", "flag", "freeze", "kill", NULL };
static const char *const births_words[] = { "auto", "perf", "sampled", NULL };
static const char *const session_words[] = { "auto", "keep", "new", NULL };
static const char *const output_words[] = { "pass", "on-failure", "never", NULL };
static const char *const color_words[] = { "auto", "always", "never", NULL };
static const char *const record_command_words[] = { "full", "name", "hash", NULL };
static const char *const record_tail_words[] = { "full", "print", "none", NULL };
static const char *const facility_words[] = { "none",   "user",   "daemon", "cron",   "local0",
					      "local1", "local2", "local3", "local4", "local5",
					      "local6", "local7", NULL };

/* How much --help tells, and the groups by their short names. */
static const char *const help_words[] = { "none",  "short",  "all",  "lock",   "end",     "limits", "loops",
					  "world", "record", "file", "report", "general", NULL };

static_assert(COUNT_OF(conflict_words) == CONFLICT_COUNT + 1, "one word for each enum on_conflict");
static_assert(COUNT_OF(term_words) == TERM_COUNT + 1, "one word for each enum term_to");
static_assert(COUNT_OF(leftovers_words) == LEFTOVERS_COUNT + 1, "one word for each enum leftovers");
static_assert(COUNT_OF(rung_words) == KILL_COUNT + 1, "one word for each enum kill_rung");
static_assert(COUNT_OF(on_limit_words) == ON_LIMIT_COUNT + 1, "one word for each enum on_limit");
static_assert(COUNT_OF(births_words) == BIRTHS_BY_COUNT + 1, "one word for each enum births_by");
static_assert(COUNT_OF(session_words) == SESSION_COUNT + 1, "one word for each enum session");
static_assert(COUNT_OF(output_words) == OUTPUT_COUNT + 1, "one word for each enum output");
static_assert(COUNT_OF(color_words) == COLOR_COUNT + 1, "one word for each enum color");
static_assert(COUNT_OF(record_command_words) == COMMAND_COUNT + 1, "one word for each enum record_command");
static_assert(COUNT_OF(record_tail_words) == TAIL_COUNT + 1, "one word for each enum record_tail");
static_assert(COUNT_OF(facility_words) == FACILITY_COUNT + 1, "one word for each enum facility");
static_assert(COUNT_OF(help_words) == HELP_GROUP + GROUP_COUNT + 1,
	      "one word for each enum help_text and group");

/* What an option takes: its name in help, whether it may be left out, its words. */
#define NOTHING            NULL, false, NULL
#define TAKES(arg)         arg, false, NULL
#define MAY_TAKE(arg)      arg, true, NULL
#define ONE_OF(arg, words) arg, false, words
#define MAY_BE(arg, words) arg, true, words

#define AT(field) offsetof(struct job, field), sizeof(((struct job *)0)->field)

/*
 * In the order of help: by group, and within it what belongs together.  A
 * name may come twice for different commands.
 */
/* clang-format off */
const struct option_row option_rows[] = {
	{ "name",               'N', KIND_NAME,     TAKES("NAME"),  AT(name), NULL, "name of the job: one name, one copy; by default the command's name and a hash of program and arguments", GROUP_LOCK, FOR_RUN | FOR_BATCH },
	{ "no-wait",            'n', KIND_NO_WAIT,  NOTHING,        AT(on_conflict), NULL, "do not wait for a running copy: refuse at once (--on-conflict=fail, the default)", GROUP_LOCK, FOR_RUN },
	{ "wait",               'w', KIND_WAIT,     MAY_TAKE("D"),  AT(wait_ns), "none", "wait until no copy runs, at most D; written --wait=D or -w D; keeps --on-conflict=queue", GROUP_LOCK, FOR_JOB },
	{ "on-conflict",         0,  KIND_WORD,     ONE_OF("fail|skip|wait|replace|queue", conflict_words), AT(on_conflict), "fail", "when a copy runs: refuse, do nothing and be content (exit 0), wait, end it and start in its place, or wait in turn", GROUP_LOCK, FOR_JOB },
	{ "queue-max",           0,  KIND_PLACES,   TAKES("N"),     AT(queue_max), "16", "with --on-conflict=queue: so many may wait, one more is refused; 1 to 1000", GROUP_LOCK, FOR_JOB },
	{ "conflict-exit-code", 'E', KIND_STATUS,   TAKES("N"),     AT(conflict_exit), "75", "exit status when a copy runs already", GROUP_LOCK, FOR_JOB },
	{ "complain-after",      0,  KIND_DURATION, TAKES("D"),     AT(complain_ns), "none", "say so when waiting takes longer than D", GROUP_LOCK, FOR_JOB },
	{ "no-lock",             0,  KIND_FLAG,     NOTHING,        AT(no_lock), NULL, "any number of copies may run", GROUP_LOCK, FOR_JOB },
	{ "shared",              0,  KIND_FLAG,     NOTHING,        AT(shared), NULL, "run beside other --shared copies, but never beside one without it", GROUP_LOCK, FOR_JOB },
	{ "slots",               0,  KIND_SLOTS,    TAKES("N|auto"), AT(slots), "none", "run beside other copies, at most N at once, 1 to 256; with --group: at most N of that group; auto: as many as memory has room for", GROUP_LOCK, FOR_JOB },
	{ "group",               0,  KIND_NAME,     TAKES("NAME"),  AT(group), NULL, "with --slots: those of this group, which jobs of any name share; each name keeps its own lock", GROUP_LOCK, FOR_JOB },
	{ "lock-file",           0,  KIND_TEXT,     TAKES("PATH"),  AT(lock_file), NULL, "lock this file too, as flock(1) does; with --no-lock: this file alone", GROUP_LOCK, FOR_JOB },

	{ "timeout",            't', KIND_DURATION, TAKES("D"),     AT(timeout_ns), "none", "end the run after D; time in suspend counts", GROUP_END, FOR_ITEM },
	{ "kill-after",         'k', KIND_GRACE,    TAKES("D"),     AT(kill_after_ns), "5s", "send KILL this long after TERM; none: at once", GROUP_END, FOR_ITEM },
	{ "kill-after",         'k', KIND_GRACE,    TAKES("D"),     AT(grace_ns), NULL, "send KILL this long after TERM; none: at once; by default as the run asked", GROUP_END, FOR_KILL },
	{ "signal",             's', KIND_SIGNAL,   TAKES("SIG"),   AT(signal), "TERM", "the signal that asks the tree to end", GROUP_END, FOR_ITEM },
	{ "term",                0,  KIND_WORD,     ONE_OF("tree|job", term_words), AT(term), "tree", "send it to the whole tree, or to the job first", GROUP_END, FOR_JOB },
	{ "end-on",              0,  KIND_SIGNALS,  TAKES("LIST"),  AT(end_on), NULL, "these signals end the run too, as TERM does: INT,USR1", GROUP_END, FOR_JOB },
	{ "leftovers",           0,  KIND_WORD,     ONE_OF("end|wait|leave", leftovers_words), AT(leftovers), "end", "processes left when the job has ended by itself: end them, wait for them, or leave them alone for ever", GROUP_END, FOR_ITEM },
	{ "preserve-status",     0,  KIND_FLAG,     NOTHING,        AT(preserve_status), NULL, "exit with the job's own status even when the timeout struck", GROUP_END, FOR_JOB },
	{ "kill-rung",           0,  KIND_WORD,     ONE_OF("auto|cgroup|isolate|realtime|sweep", rung_words), AT(kill_rung), "auto", "what ends members that outlive the grace: the best way that works here, or this one or a lesser", GROUP_END, FOR_JOB },
	{ "success-status",      0,  KIND_STATUSES, TAKES("LIST"),  AT(success), "0", "ways to end that count as ok: exit statuses, ranges, signals, as in 0,3,10-12,TERM", GROUP_END, FOR_ITEM },
	{ "with-parent",         0,  KIND_FLAG,     NOTHING,        AT(with_parent), NULL, "end the run when the process that started it ends", GROUP_END, FOR_JOB },
	{ "start-timeout",       0,  KIND_DURATION, TAKES("D"),     AT(start_timeout_ns), "none", "end the run if the job is not ready after D: by its first output, or by --ready-file or --notify", GROUP_END, FOR_ITEM },
	{ "ready-file",          0,  KIND_TEXT,     TAKES("PATH"),  AT(ready_file), NULL, "with --start-timeout: the job is ready when this file has come, or has been changed", GROUP_END, FOR_JOB },
	{ "notify",              0,  KIND_FLAG,     NOTHING,        AT(notify), NULL, "the job tells by spawnguard notify or sd_notify when it is ready, how it is and what it counts", GROUP_END, FOR_JOB },
	{ "idle-timeout",        0,  KIND_DURATION, TAKES("D"),     AT(idle_timeout_ns), "none", "end the run if its whole tree does nothing for D: no output, CPU time or I/O", GROUP_END, FOR_ITEM },
	{ "heartbeat",           0,  KIND_DURATION, TAKES("D"),     AT(heartbeat_ns), "none", "end the run if the job has not told for D that it is alive: spawnguard notify beat, or WATCHDOG=1", GROUP_END, FOR_JOB },
	{ "splay",               0,  KIND_DURATION, TAKES("D"),     AT(splay_ns), "none", "start after a random time of at most D, so that many do not start at once", GROUP_END, FOR_JOB },
	{ "timeout",            't', KIND_DURATION, TAKES("D"),     AT(patience_ns), "none", "give up after D; the run goes on", GROUP_END, FOR_WAIT },
	{ "any",                 0,  KIND_FLAG,     NOTHING,        AT(any), NULL, "until the first of them has ended", GROUP_END, FOR_WAIT },
	{ "all",                 0,  KIND_FLAG,     NOTHING,        AT(all), NULL, "until all of them have ended (the default)", GROUP_END, FOR_WAIT },
	{ "for",                 0,  KIND_DURATION, TAKES("D"),     AT(for_ns), "none", "stop watching after D; what is watched goes on", GROUP_END, FOR_WATCH },

	{ "max-procs",           0,  KIND_LIMIT,    TAKES("N"),     AT(limit[LIMIT_PROCS]), "none", "processes of the tree at a time; every limit is HARD, SOFT:HARD or SOFT: (soft: flagged only)", GROUP_LIMITS, FOR_RULES },
	{ "max-threads",         0,  KIND_LIMIT,    TAKES("N"),     AT(limit[LIMIT_THREADS]), "none", "threads of the tree at a time", GROUP_LIMITS, FOR_RULES },
	{ "max-depth",           0,  KIND_LIMIT,    TAKES("N"),     AT(limit[LIMIT_DEPTH]), "none", "generations below the guard: the job is 1", GROUP_LIMITS, FOR_RULES },
	{ "max-spawn-rate",      0,  KIND_LIMIT,    TAKES("N/D"),   AT(limit[LIMIT_SPAWN_RATE]), "none", "processes that begin within a time: 50/10s", GROUP_LIMITS, FOR_RULES },
	{ "max-rss",             0,  KIND_LIMIT,    TAKES("SIZE"),  AT(limit[LIMIT_RSS]), "none", "memory of any one process", GROUP_LIMITS, FOR_RULES },
	{ "max-tree-mem",        0,  KIND_LIMIT,    TAKES("SIZE"),  AT(limit[LIMIT_TREE_MEM]), "none", "memory of all processes together", GROUP_LIMITS, FOR_RULES },
	{ "max-growth",          0,  KIND_LIMIT,    TAKES("SIZE/D"), AT(limit[LIMIT_GROWTH]), "none", "growth of memory within a time, after 2.25 times that: 100M/10m", GROUP_LIMITS, FOR_RULES },
	{ "max-cpu",             0,  KIND_LIMIT,    TAKES("D|PCT%/D"), AT(limit[LIMIT_CPU]), "none", "CPU time of the tree, or percent of one core over a time: 10m, 150%/30s", GROUP_LIMITS, FOR_RULES },
	{ "max-fds",             0,  KIND_LIMIT,    TAKES("N"),     AT(limit[LIMIT_FDS]), "none", "open files of any one process", GROUP_LIMITS, FOR_RULES },
	{ "max-io",              0,  KIND_LIMIT,    TAKES("SIZE"),  AT(limit[LIMIT_IO]), "none", "bytes that all processes together write, to files or anything else, since the start", GROUP_LIMITS, FOR_RULES },
	{ "max-output",          0,  KIND_LIMIT,    TAKES("SIZE"),  AT(limit[LIMIT_OUTPUT]), "none", "bytes of the job's stdout and stderr, where these are files, --output or --tail", GROUP_LIMITS, FOR_ITEM | FOR_EXPLAIN },
	{ "budget",              0,  KIND_BUDGET,   TAKES("K=LIMIT[/D]"), AT(budget), NULL, "what the job may use up of a counter that it tells of, in one run or (/D) in all runs within a time: warned of at 80 %, a hard limit at 100 %; may come 16 times", GROUP_LIMITS, FOR_ITEM },
	{ "yield",               0,  KIND_YIELD,    TAKES("WHAT[=FLOOR/D]"), AT(yield), "none", "what the run is to bring, for the record: counter:KEY, file:PATH, lines, bytes or written; less than FLOOR within D is flagged", GROUP_LIMITS, FOR_ITEM },
	{ "on-limit",            0,  KIND_WORD,     ONE_OF("warn|flag|freeze|kill", on_limit_words), AT(on_limit), "kill", "what passing a hard limit does: one line, a flag in the history, a freeze of the tree, or the end of the run", GROUP_LIMITS, FOR_ITEM | FOR_EXPLAIN },
	{ "freeze-for",          0,  KIND_DURATION, TAKES("D"),     AT(freeze_for_ns), "1h", "with --on-limit=freeze: the tree stands this long for a look, then it is ended; none: until it is thawed or killed", GROUP_LIMITS, FOR_JOB },
	{ "require-limits",      0,  KIND_FLAG,     NOTHING,        AT(require_limits), NULL, "do not start where a limit that was asked for cannot be held", GROUP_LIMITS, FOR_JOB },
	{ "record-samples",      0,  KIND_TEXT,     TAKES("FILE"),  AT(record_samples), NULL, "write what each look has measured to this file, for spawnguard explain --samples", GROUP_LIMITS, FOR_JOB },
	{ "detect",              0,  KIND_DETECT,   TAKES("LIST"),  AT(detect), "all", "flag what is wrong with a process though it is over no limit: all, none, names, or -NAME for all but it", GROUP_LIMITS, FOR_ITEM | FOR_WATCH },
	{ "orphan-grace",        0,  KIND_DURATION, TAKES("D"),     AT(orphan_grace_ns), "2s", "flag a process whose parent is gone after this long; none: only what is left at the end", GROUP_LIMITS, FOR_ITEM | FOR_WATCH },
	{ "births-rung",         0,  KIND_WORD,     ONE_OF("auto|perf|sampled", births_words), AT(births), "auto", "how births are counted: by the best way that works here if a limit asks, or always by this one or a lesser", GROUP_LIMITS, FOR_JOB },
	{ "interval",            0,  KIND_INTERVAL, TAKES("D"),     AT(interval_ns), NULL, "look at the tree this often, 1ms to 1h; none: never; by default as often as it changes", GROUP_LIMITS, FOR_JOB | FOR_WATCH },

	{ "jobs",               'j', KIND_NUMBER,   TAKES("N"),     AT(batch.jobs), "1", "so many items at a time", GROUP_LOOPS, FOR_BATCH },
	{ "items",               0,  KIND_TEXT,     TAKES("FILE"),  AT(batch.items), NULL, "the items, one on a line; - or without it: standard input", GROUP_LOOPS, FOR_BATCH },
	{ "total",               0,  KIND_DURATION, TAKES("D"),     AT(batch.total_ns), "none", "end what runs and stop after D", GROUP_LOOPS, FOR_BATCH },
	{ "max-runs",            0,  KIND_NUMBER,   TAKES("N"),     AT(batch.max_runs), "none", "start at most N items; the others wait for --resume", GROUP_LOOPS, FOR_BATCH },
	{ "canary",              0,  KIND_NUMBER,   TAKES("N"),     AT(batch.canary), "none", "run the first N alone, one after another; if one of them fails, stop", GROUP_LOOPS, FOR_BATCH },
	{ "family",              0,  KIND_TEXT,     TAKES("REGEX"), AT(batch.family), NULL, "items are of one family where this matches the same text in them, or its first (...) does; without it all are one", GROUP_LOOPS, FOR_BATCH },
	{ "same-failure",        0,  KIND_NUMBER,   TAKES("N"),     AT(batch.same_failure), "none", "skip the rest of a family after N equal failures with nothing ok between", GROUP_LOOPS, FOR_BATCH },
	{ "max-timeouts",        0,  KIND_NUMBER,   TAKES("N"),     AT(batch.max_timeouts), "none", "skip the rest of a family after N timeouts", GROUP_LOOPS, FOR_BATCH },
	{ "max-attempts",        0,  KIND_NUMBER,   TAKES("N"),     AT(batch.max_attempts), "1", "try an item that fails N times in all, again when all others were tried", GROUP_LOOPS, FOR_BATCH },
	{ "zero-yield",          0,  KIND_NUMBER,   TAKES("N"),     AT(batch.zero_yield), "none", "stop after N items in a row that brought nothing, by --yield", GROUP_LOOPS, FOR_BATCH },
	{ "skip-prefix",         0,  KIND_PREFIX,   TAKES("P"),     AT(batch.skip_prefix), NULL, "leave out items that begin with P; may come 16 times", GROUP_LOOPS, FOR_BATCH },
	{ "only-prefix",         0,  KIND_PREFIX,   TAKES("P"),     AT(batch.only_prefix), NULL, "leave out all others; may come 16 times", GROUP_LOOPS, FOR_BATCH },
	{ "resume",              0,  KIND_FLAG,     NOTHING,        AT(batch.resume), NULL, "go on with the last session of the name: what has ended is not run again", GROUP_LOOPS, FOR_BATCH },

	{ "open-on",             0,  KIND_OPEN_ON,  TAKES("REGEX[=UNTIL]"), AT(open_on), NULL, "open the breaker when the end of stderr matches, until then or until the date that is in the match; may come 8 times", GROUP_LOOPS, FOR_JOB },
	{ "watch-input",         0,  KIND_FILES,    TAKES("FILE"),  AT(watch_input), NULL, "while the breaker is open: a trial is due as soon as this file, or the program, has changed; may come 16 times", GROUP_LOOPS, FOR_JOB },
	{ "force",               0,  KIND_FLAG,     NOTHING,        AT(force), NULL, "start though the breaker is open; the record says so", GROUP_LOOPS, FOR_RUN },
	{ "retry",               0,  KIND_TIMES,    TAKES("N"),     AT(retry), "none", "try again up to N times within the run, where an attempt fails", GROUP_LOOPS, FOR_JOB },
	{ "retry-on",            0,  KIND_CLASSES,  TAKES("CLASS,..."), AT(retry_on), "startup,failure,timeout,killed,unknown", "with --retry: failures of these classes are worth another attempt; all: every one", GROUP_LOOPS, FOR_JOB },
	{ "max-attempts",        0,  KIND_RATE,     TAKES("N/D"),   AT(attempts), NULL, "refuse (69) a start that would be more than N within D of the same --task, or of the job without one; one that ends well forgets the others, one that its environment stops is none", GROUP_LOOPS, FOR_JOB },
	{ "require-env",         0,  KIND_NAMES, TAKES("NAME,..."), AT(require_env), "none", "do not start unless the job will find these variables set, and not empty", GROUP_LOOPS, FOR_ITEM },
	{ "pre-check",           0,  KIND_WORDS,    TAKES("CMD"),   AT(pre_check), NULL, "run this first, and start only if it succeeds; its failure is not the job's", GROUP_LOOPS, FOR_ITEM },
	{ "expect-mem",          0,  KIND_EXPECT,   TAKES("SIZE|auto"), AT(expect_mem), "none", "start only if SIZE of memory is available beyond what running jobs with this option still expect; else refuse (69), or wait with --wait; auto: by its last runs", GROUP_LOOPS, FOR_JOB },
	{ "min-uptime",          0,  KIND_UPTIME,   TAKES("D"),     AT(circuit.min_uptime_ns), NULL, "a run that ends sooner has failed at its startup; alone, 3 of these within 10 times D open the breaker", GROUP_LOOPS, FOR_JOB },
	{ "quick-ok",            0,  KIND_FLAG,     NOTHING,        AT(classes.quick_ok), NULL, "with --min-uptime: a quick end that is ok is no failure", GROUP_LOOPS, FOR_JOB },
	{ "max-failures",        0,  KIND_RATE,     TAKES("N/D"),   AT(circuit.failures), NULL, "so many failures within D open the breaker: no start until a wait is over, then one trial", GROUP_LOOPS, FOR_JOB },
	{ "max-timeouts",        0,  KIND_RATE,     TAKES("N/D"),   AT(circuit.timeouts), NULL, "so many timeouts within D open it", GROUP_LOOPS, FOR_JOB },
	{ "same-failure",        0,  KIND_STREAK,   TAKES("N"),     AT(circuit.same_failure), NULL, "so many failures in a row with the same fingerprint open it", GROUP_LOOPS, FOR_JOB },
	{ "zero-yield",          0,  KIND_STREAK,   TAKES("N"),     AT(circuit.zero_yield), NULL, "so many runs in a row that bring nothing (--yield) open it", GROUP_LOOPS, FOR_JOB },
	{ "time-budget",         0,  KIND_SPAN,     TAKES("D/D"),   AT(circuit.time), NULL, "so much time of its runs within a time opens it, until there is room again: 1h/1d", GROUP_LOOPS, FOR_JOB },
	{ "backoff",             0,  KIND_BACKOFF,  TAKES("CLASS=LIST"), AT(circuit.backoff), NULL, "the waits of a class of failures, one after the other, the last again and again: startup=5m,10m,20m (the default of startup; of others 60s,2m,4m); once for each class", GROUP_LOOPS, FOR_JOB },
	{ "jitter",              0,  KIND_JITTER,   TAKES("PCT"),   AT(circuit.jitter_ppm), NULL, "waits are longer by a random part of this: 10% unless given, never shorter; none: exactly as long", GROUP_LOOPS, FOR_JOB },
	{ "reset-after",         0,  KIND_DURATION, TAKES("D"),     AT(circuit.reset_after_ns), NULL, "forget failures and waits after D of health: 10m unless given, or the D of --max-failures or --max-timeouts where that is longer", GROUP_LOOPS, FOR_JOB },
	{ "class",               0,  KIND_CLASS,    TAKES("CLASS=LIST"), AT(classes.list), NULL, "ends of a failed run that are of this class: exit statuses, ranges, signals, as in quota=75,80-89; once for each class", GROUP_LOOPS, FOR_JOB },
	{ "reserve-mem",         0,  KIND_BYTES,    TAKES("SIZE"),  AT(reserve_mem), "none", "with --expect-mem: leave SIZE of memory for others", GROUP_LOOPS, FOR_JOB },
	{ "min-free",            0,  KIND_MIN_FREE, TAKES("DIR:SIZE"), AT(min_free), NULL, "start only if SIZE is free in the file system of DIR; several with commas between", GROUP_LOOPS, FOR_JOB },
	{ "max-pressure",        0,  KIND_PRESSURE, TAKES("RES=PCT"), AT(max_pressure), NULL, "start only if processes wait for memory, cpu or io no more of the time than PCT: memory=10,io=50", GROUP_LOOPS, FOR_JOB },
	{ "until",               0,  KIND_TEXT,     TAKES("DATE"),  AT(until), NULL, "open it until then: 2026-12-01, '2026-12-01 14:05' or 14:05; the time here, or with Z or +02:00", GROUP_LOOPS, FOR_BREAKER },
	{ "for",                 0,  KIND_DURATION, TAKES("D"),     AT(open_for_ns), "none", "open it for D; by default, as with none: until it is reset", GROUP_LOOPS, FOR_BREAKER },
	{ "reason",              0,  KIND_TEXT,     TAKES("TEXT"),  AT(reason), NULL, "why it is opened: whoever is refused is told", GROUP_LOOPS, FOR_BREAKER },
	{ "task",                0,  KIND_TEXT,     TAKES("TEXT"),  AT(reset_task), NULL, "reset only what was counted of this task by --max-attempts", GROUP_LOOPS, FOR_BREAKER },
	{ "prefix",              0,  KIND_FLAG,     NOTHING,        AT(prefix), NULL, "JOB is the beginning of a name: all jobs with it that are known, each is named", GROUP_LOOPS, FOR_BREAKER },

	{ "session",             0,  KIND_WORD,     ONE_OF("auto|keep|new", session_words), AT(session), "auto", "the job's session: new where there is no terminal, the caller's, or always new", GROUP_WORLD, FOR_JOB },
	{ "chdir",              'C', KIND_TEXT,     TAKES("DIR"),   AT(chdir), NULL, "start the job in this directory", GROUP_WORLD, FOR_ITEM },
	{ "env",                 0,  KIND_ENV,      TAKES("K=V"),   AT(env), NULL, "set a variable of the job's environment; may come 64 times", GROUP_WORLD, FOR_ITEM },
	{ "umask",               0,  KIND_MODE,     TAKES("MODE"),  AT(umask), "none", "the job's file mode creation mask, octal", GROUP_WORLD, FOR_ITEM },
	{ "nice",                0,  KIND_NICE,     TAKES("N"),     AT(nice), "none", "the job's niceness, -20 to 19", GROUP_WORLD, FOR_ITEM },
	{ "ionice",              0,  KIND_IONICE,   TAKES("CLASS"), AT(ionice), "none", "the job's I/O priority: idle, best-effort or realtime, with :0 to :7", GROUP_WORLD, FOR_ITEM },
	{ "oom-score-adj",       0,  KIND_OOM,      TAKES("N"),     AT(oom_score_adj), "none", "how soon the kernel ends the job when memory runs out, -1000 to 1000", GROUP_WORLD, FOR_ITEM },
	{ "no-new-privs",        0,  KIND_FLAG,     NOTHING,        AT(no_new_privs), NULL, "no setuid program below the job gains privileges", GROUP_WORLD, FOR_ITEM },
	{ "drop-caps",           0,  KIND_FLAG,     NOTHING,        AT(drop_caps), NULL, "take all capabilities from the job, for good", GROUP_WORLD, FOR_ITEM },
	{ "cgroup",              0,  KIND_TEXT,     TAKES("DIR"),   AT(cgroup), NULL, "a control group of the job's own, made in DIR; auto: in the caller's, where it was delegated", GROUP_WORLD, FOR_ITEM },
	{ "isolate",             0,  KIND_FLAG,     NOTHING,        AT(isolate), NULL, "run the job in a PID namespace of its own: whatever it does, the kernel ends all of it", GROUP_WORLD, FOR_ITEM },
	{ "output",              0,  KIND_WORD,     ONE_OF("pass|on-failure|never", output_words), AT(output), "pass", "the job's output: as it comes, only if the job fails, or never", GROUP_WORLD, FOR_ITEM },
	{ "tail",                0,  KIND_TAIL,     MAY_TAKE("SIZE"), AT(tail_bytes), "none", "keep the end of stderr in the record, 256 to 8K; alone: 4K; stderr is then a pipe", GROUP_WORLD, FOR_ITEM },
	{ "detach",              0,  KIND_FLAG,     NOTHING,        AT(detach), NULL, "run in the background, in a session of its own; prints the run id", GROUP_WORLD, FOR_JOB },
	{ "log",                 0,  KIND_TEXT,     TAKES("FILE"),  AT(log), NULL, "where the output of --detach and --output goes; by default a file of the state directory", GROUP_WORLD, FOR_JOB },
	{ "log-max",             0,  KIND_BYTES,    TAKES("SIZE"),  AT(log_max_bytes), "16M", "keep the last SIZE of it", GROUP_WORLD, FOR_ITEM },

	{ "run-id",              0,  KIND_RUN_ID,   TAKES("ID"),    AT(run_id), NULL, "id of this run: up to 64 of A-Z a-z 0-9 _ -, never used before; by default random", GROUP_RECORD, FOR_RUN },
	{ "task",                0,  KIND_TEXT,     TAKES("TEXT"),  AT(task), NULL, "what this run belongs to, for the record and for --max-attempts", GROUP_RECORD, FOR_JOB },
	{ "step",                0,  KIND_TEXT,     TAKES("TEXT"),  AT(step), NULL, "which step of the task this is, for the record", GROUP_RECORD, FOR_JOB },
	{ "tag",                 0,  KIND_TAG,      TAKES("K=V"),   AT(tag), NULL, "a note for the record; may come 16 times", GROUP_RECORD, FOR_ITEM },
	{ "status-fd",           0,  KIND_FD,       TAKES("N"),     AT(status_fd), "none", "write how the run ended to this descriptor, as one JSON object", GROUP_RECORD, FOR_RUN },
	{ "status-file",         0,  KIND_TEXT,     TAKES("PATH"),  AT(status_file), NULL, "the same to this file", GROUP_RECORD, FOR_JOB },
	{ "stats",               0,  KIND_FLAG,     NOTHING,        AT(stats), NULL, "one line at the end: wall time, CPU, peak memory, processes", GROUP_RECORD, FOR_JOB },
	{ "record-command",      0,  KIND_WORD,     ONE_OF("full|name|hash", record_command_words), AT(record_command), "full", "what the records keep of the command line", GROUP_RECORD, FOR_JOB },
	{ "record-tail",         0,  KIND_WORD,     ONE_OF("full|print|none", record_tail_words), AT(record_tail), "full", "what the records keep of --tail: all, a fingerprint, nothing", GROUP_RECORD, FOR_JOB },
	{ "on-start",            0,  KIND_WORDS,    TAKES("CMD"),   AT(on_start), NULL, "run this once the job has started", GROUP_RECORD, FOR_JOB },
	{ "on-flag",             0,  KIND_WORDS,    TAKES("CMD"),   AT(on_flag), NULL, "run this when something is flagged", GROUP_RECORD, FOR_JOB },
	{ "on-finish",           0,  KIND_WORDS,    TAKES("CMD"),   AT(on_finish), NULL, "run this after the end, when the lock is free", GROUP_RECORD, FOR_JOB },
	{ "hook-timeout",        0,  KIND_DURATION, TAKES("D"),     AT(hook_timeout_ns), "10s", "end such a command after D", GROUP_RECORD, FOR_JOB },

	{ "command",             0,  KIND_WORDS,    TAKES("CMD"),   AT(command_line), NULL, "the command of the job: spawnguard run NAME suffices", GROUP_FILE, FOR_FILE },
	{ "like",                0,  KIND_NAME,     TAKES("NAME"),  AT(like), NULL, "take the keys of job NAME first", GROUP_FILE, FOR_FILE },

	{ "output",             'o', KIND_COLUMNS,  TAKES("LIST"),  AT(columns), NULL, "the columns to show, with commas between; +LIST: besides the usual ones", GROUP_REPORT, FOR_PS },
	{ "all",                'a', KIND_FLAG,     NOTHING,        AT(all_users), NULL, "those of all users (root only)", GROUP_REPORT, FOR_PS | FOR_STATUS },
	{ "follow",              'f', KIND_FLAG,    NOTHING,        AT(follow), NULL, "go on as the output grows, until the run ends", GROUP_REPORT, FOR_LOGS },
	{ "tail",                'n', KIND_LINES,   TAKES("N"),     AT(lines), "none", "only the last N lines", GROUP_REPORT, FOR_LOGS },
	{ "selftest",            0,  KIND_FLAG,     NOTHING,        AT(selftest), NULL, "run a small real tree through lock, limit, kill and record", GROUP_REPORT, FOR_DOCTOR },

	{ "samples",             0,  KIND_TEXT,     TAKES("FILE"),  AT(samples), NULL, "what run --record-samples has written", GROUP_REPORT, FOR_EXPLAIN },
	{ "analyse",             0,  KIND_TEXT,     TAKES("SESSION"), AT(batch.analyse), NULL, "tell what came of a session, or of the last one of a name, and what to do next; run nothing", GROUP_REPORT, FOR_BATCH },

	{ "state-dir",           0,  KIND_TEXT,     TAKES("DIR"),   AT(state_dir), NULL, "where locks, records and history are", GROUP_GENERAL, FOR_STATE | FOR_FILE },
	{ "config",              0,  KIND_TEXT,     TAKES("FILE"),  AT(config), NULL, "read this file instead of the system's and the user's; none: no file", GROUP_GENERAL, FOR_STATE },
	{ "syslog",              0,  KIND_WORD,     MAY_BE("FACILITY", facility_words), AT(syslog), "none", "send every message, and each start, refusal and end, to the system log too; alone: user", GROUP_GENERAL, FOR_JOB },
	{ "dry-run",             0,  KIND_FLAG,     NOTHING,        AT(dry_run), NULL, "say what would happen, and do nothing", GROUP_GENERAL, FOR_ENDERS | FOR_BATCH },
	{ "json",                0,  KIND_FLAG,     NOTHING,        AT(json), NULL, "write JSON", GROUP_GENERAL, FOR_REPORTS | FOR_RUN },
	{ "quiet",              'q', KIND_FLAG,     NOTHING,        AT(quiet), NULL, "write nothing but errors", GROUP_GENERAL, FOR_ENDERS | FOR_STILLS | FOR_NOTIFY | FOR_BATCH | FOR_FILE },
	{ "verbose",            'v', KIND_COUNTER,  NOTHING,        AT(verbose), NULL, "say each step", GROUP_GENERAL, FOR_ENDERS | FOR_FILE },
	{ "color",               0,  KIND_WORD,     ONE_OF("auto|always|never", color_words), AT(color), "auto", "colours: where the output is a terminal, always, or never", GROUP_GENERAL, FOR_PS | FOR_STATUS | FOR_DOCTOR | FOR_BREAKER },
	{ "help",               'h', KIND_HELP,     MAY_BE("GROUP", help_words), AT(help), NULL, "what matters most; all: every option; or one group: lock, end, limits, loops, world, record, report or general", GROUP_GENERAL, FOR_ALL },
	{ "version",            'V', KIND_FLAG,     NOTHING,        AT(version), NULL, "the version", GROUP_GENERAL, FOR_ALL },
};

const char *const option_group_title[] = {
	[GROUP_LOCK]    = "Name and lock",
	[GROUP_END]     = "Time and end",
	[GROUP_LIMITS]  = "Limits",
	[GROUP_LOOPS]   = "Loops",
	[GROUP_WORLD]   = "The job's world",
	[GROUP_RECORD]  = "Record",
	[GROUP_FILE]    = "Only in the configuration file",
	[GROUP_REPORT]  = "What is shown",
	[GROUP_GENERAL] = "General",
};
/* clang-format on */
static_assert(COUNT_OF(option_group_title) == GROUP_COUNT, "one title for each group");
const size_t option_count = COUNT_OF(option_rows);

const struct option_row *option_find(const char *name, size_t n, unsigned command)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if ((row->commands & command) && strlen(row->name) == n && memcmp(row->name, name, n) == 0)
			return row;
	}
	return NULL;
}

const struct option_row *option_find_letter(char letter, unsigned command)
{
	if (letter == '\0')
		return NULL; /* what rows without a letter have */
	for (size_t i = 0; i < option_count; i++) {
		if ((option_rows[i].commands & command) && option_rows[i].letter == letter)
			return &option_rows[i];
	}
	return NULL;
}

const char *option_suggest(const char *name, size_t n, unsigned command)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR;
	for (size_t i = 0; i < option_count; i++) {
		if (!(option_rows[i].commands & command))
			continue;
		size_t rank = suggest_rank(name, n, option_rows[i].name);
		if (rank >= least)
			continue; /* equal: the earlier row keeps it, so messages are stable */
		least = rank;
		nearest = option_rows[i].name;
	}
	return nearest;
}

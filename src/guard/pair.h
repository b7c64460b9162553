/* What front and warden say to each other: fixed structs over one SOCK_SEQPACKET. */
#ifndef SG_GUARD_PAIR_H
#define SG_GUARD_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "codec/history.h"
#include "codec/record.h"
#include "core/finding.h"
#include "core/outcome.h"
#include "guard/hook.h"
#include "guard/io.h"
#include "guard/peek.h"
#include "guard/weigh.h"

#define PAIR_TEXT_MAX 1024
#define PAIR_PIDS_MAX 1024

enum pair_kind {
	/* to front */
	PAIR_SAY,     /* text for the caller's stderr; number = enum voice_level */
	PAIR_FLAG,    /* finding; number = enum flag_action */
	PAIR_LOG,     /* text for the system log alone, as above */
	PAIR_STOPPED, /* the terminal has stopped the job: number = signal, stop = which stop of it,
			 sender.pid = the job */
	PAIR_DONE,    /* all is over: end */
	PAIR_STARTED, /* the job has been exec'ed: only where run->tells_start; number = the first process of
			 its PID namespace, 0 = none */
	PAIR_KILLING, /* a storm outruns the warden, and it may not take real time itself */
	PAIR_NOTIFY,  /* what the job tells the service manager around us: datagram */
	PAIR_WEIGH,   /* question: the memory of members, by a reader */
	PAIR_READ_IO, /* read what these processes have written: number of them in pid */
	PAIR_PEEK,    /* question: where members sleep, what they execute */
	PAIR_BREAKER, /* it has opened: what the hook of the flag that follows is told */
	/* to warden */
	PAIR_IO,      /* the answer: number were read, or -errno; io, as far as it goes */
	PAIR_SIGNAL,  /* pass `number` on to the job; CONT only if `stop` is the last one of the terminal's */
	PAIR_END,     /* end the tree: cause, number, sender; struck */
	PAIR_HURRY,   /* no more grace */
	PAIR_WEIGHED, /* answer to the last question */
	PAIR_PEEKED,  /* answer to a question */
};

struct pair_end {
	struct run_figures figures;
	struct outcome_verdict verdict;
	struct history_process process[HISTORY_PROCESS_MAX];
	uint32_t process_count;
	uint32_t retry_for;   /* enum failure: only an attempt is over, of this; 0 = the run is ... */
	uint64_t retry_in_ns; /* ... and the next begins then */
	char detail[256];     /* why nothing was started; "" = no more to say */
};

struct pair_sender {
	int32_t pid;
	uint32_t uid;
	char comm[16];
};

struct pair_message {
	uint32_t kind;
	int32_t number;
	uint32_t cause;  /* enum end_cause */
	uint32_t stop;   /* counts the job's stops by the terminal */
	uint32_t struck; /* 1 + number of processes that front is killing; 0 = it does not */
	struct pair_sender sender;
	union {
		char text[PAIR_TEXT_MAX];
		char datagram[4096];
		int32_t pid[PAIR_PIDS_MAX];
		struct io_answer io;
		struct pair_end end;
		struct finding finding;
		struct hook_breaker breaker;
		struct weigh_question question;
		struct reader_shares answer;
		struct peek_question peek;
		struct peek_answer peeked;
	};
};

#define PAIR_HEAD_BYTES offsetof(struct pair_message, text)

#endif

#include "guard/splay.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/pause.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/self.h"

static uint64_t choose(uint64_t splay_ns)
{
	uint64_t random;
	os_random(&random, sizeof(random));
	return random % splay_ns;
}

static void say_delay(const struct run *run, uint64_t delay_ns)
{
	BUF(line, 512);

	if (!voice_tells_steps())
		return;
	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": starting in ");
	num_format_duration(&line, delay_ns);
	buf_str(&line, ", of at most ");
	num_format_duration(&line, run->job->splay_ns);
	voice_step(&line);
}

int splay_wait(const struct run *run)
{
	struct fail fail = { 0 };
	struct pause pause;
	struct os_signal asked;

	if (run->job->splay_ns == NUM_NONE)
		return 0;
	uint64_t delay_ns = choose(run->job->splay_ns);
	say_delay(run, delay_ns);
	int r = pause_open(&pause, run);
	if (r == 0)
		r = pause_until(&pause, os_clock_boot_ns() + delay_ns, -1, &asked);
	pause_close(&pause);
	if (r < 0) {
		(void)fail_set(&fail, -r, "wait for --splay", run->name);
		voice_warn_fail(&fail, "the job is started at once");
	}
	if (r != PAUSE_ASKED)
		return 0;
	pause_say_asked(run, asked.number, "--splay");
	return asked.number;
}

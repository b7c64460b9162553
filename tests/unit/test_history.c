/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../fuzz/check_text.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/ring.h"
#include "codec/history.h"

#define RUN   "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

/* What a process, a file or a user may be called: quotes, keys of ours, controls, C1, bidi, no UTF-8. */
/* clang-format off */
static const char *const nasty[] = {
	"\"", "\\", "\\\"", "a\nb", "\r\t", "\x01\x02\x1f\x7f", "\x1b[2J", "\xff\xfe", "\xc2\x9b", "\xe2\x80\xae",
	"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xc3\xbc", "{", "}", "]}", ",", ":", "'", "null",
	"\",\"event\":\"end", "\"spawnguard.run.id\":\"" OTHER "\"", ",\"check\":\"00000000\"}", "\"}\n{\"schema\":1",
};
/* clang-format on */

#define PUT(field, text) memcpy((field), (text), strlen(text) + 1)

static struct record_head some_head(void)
{
	struct record_head head = { .front = { .pid = 4711 },
				    .started_boot_ns = 5000000000,
				    .started_wall_ns = 1790000000123000000,
				    .timeout_ns = UINT64_MAX,
				    .kill_after_ns = 5000000000,
				    .signal = 15,
				    .uid = 1000 };
	PUT(head.run_id, RUN);
	PUT(head.job, "nightly");
	PUT(head.cwd, "/home/me");
	PUT(head.identity, "pidfs");
	PUT(head.host.boot_id, "fedcba98-7654-3210-fedc-ba9876543210");
	head.host.pid_ns = 4026531836;
	head.host.time_ns = 4026531834;
	return head;
}

/* ---- reading lines: by the standard, not by our code */

/* Behind the value at `at`. */
static const char *skip_value(const char *at, const char *end)
{
	size_t depth = 0;
	do {
		if (*at == '"') {
			at = check_json_string(at, end, NULL, NULL);
			assert_non_null(at);
		} else {
			depth += *at == '{' || *at == '[';
			depth -= *at == '}' || *at == ']';
			at++;
		}
	} while (at < end && (depth > 0 || (*at != ',' && *at != '}' && *at != ']')));
	return at;
}

/* The value of a member of the object `text`, as it stands there; "" if there is none. */
static void member(const char *text, size_t n, const char *name, struct buf *out)
{
	const char *at = text + 1, *end = text + n;
	size_t length = strlen(name);

	buf_clear(out);
	while (at < end && *at == '"') {
		const char *key = at + 1;
		at = check_json_string(at, end, NULL, NULL);
		assert_non_null(at);
		bool is_it = (size_t)(at - key) == length + 1 && memcmp(key, name, length) == 0;
		const char *value = ++at;
		at = skip_value(at, end);
		if (is_it) {
			buf_mem(out, value, (size_t)(at - value));
			return;
		}
		if (*at == ',')
			at++;
	}
}

/* One line: a newline, an intact JSON object, a newline, and no other newline or control. */
static void check_line(const char *rule, const struct buf *line)
{
	if (line->cut || line->len > HISTORY_LINE_MAX)
		fail_msg("%s: %zu bytes, cut", rule, line->len);
	assert_true(line->len > 2);
	assert_int_equal(line->at[0], '\n');
	assert_int_equal(line->at[line->len - 1], '\n');
	for (size_t i = 1; i < line->len - 1; i++)
		if ((unsigned char)line->at[i] < 0x20 || line->at[i] == 0x7f)
			fail_msg("%s: a control character at %zu", rule, i);
	if (!check_json(line->at + 1, line->len - 2))
		fail_msg("%s: no JSON: %s", rule, line->at);
	if (!history_line_is_intact(line->at + 1, line->len - 2))
		fail_msg("%s: not intact: %s", rule, line->at);
}

static void expect_member(const char *rule, const struct buf *line, const char *name, const char *want)
{
	BUF(value, HISTORY_LINE_MAX);
	member(line->at + 1, line->len - 2, name, &value);
	if (strcmp(value.at, want) != 0)
		fail_msg("%s: %s is %s, should be %s", rule, name, value.at, want);
}

/* ---- lines as they are documented */

static char arg_sleep[] = "sleep", arg_ten[] = "10", arg_empty[] = "";
static char *const some_argv[] = { arg_sleep, arg_ten, arg_empty, NULL };

static void format_start(struct buf *out, const struct record_head *head, char *const *argv,
			 const char *const *tag, uint32_t tag_count)
{
	struct history_start start = { .head = head,
				       .argv = argv,
				       .program = "/usr/bin/sleep",
				       .host_name = "here",
				       .tag = tag,
				       .tag_count = tag_count,
				       .environ_digest = 0xabc };
	history_format_start(out, &start);
}

static void format_end(struct buf *out, const struct record_head *head)
{
	struct run_figures figures = { .has_status = 1,
				       .job_status = 3 << 8,
				       .seen = 4,
				       .ended_boot_ns = 6500000000,
				       .ended_wall_ns = 1790000001623000000 };
	struct history_end end = { .head = head,
				   .figures = &figures,
				   .outcome = "failed",
				   .cause = "none",
				   .exit_code = 3,
				   .by = "warden" };
	history_format_end(out, &end);
}

static void a_start_line_has_its_members(void **state)
{
	(void)state;
	static const char *const tags[] = { "env=prod", "empty=", "a.b-c_d=x=y" };
	struct record_head head = some_head();
	BUF(line, HISTORY_LINE_MAX);
	format_start(&line, &head, some_argv, tags, 3);
	check_line("start", &line);
	/* clang-format off */
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "schema",                            "1" },
		{ "event",                             "\"start\"" },
		{ "time",                              "\"2026-09-21T14:13:20.123Z\"" },
		{ "spawnguard.run.id",                 "\"" RUN "\"" },
		{ "spawnguard.job",                    "\"nightly\"" },
		{ "spawnguard.parent_run.id",          "" },
		{ "spawnguard.task",                   "" },
		{ "process.pid",                       "4711" },
		{ "process.user.id",                   "1000" },
		{ "process.executable.path",           "\"/usr/bin/sleep\"" },
		{ "process.working_directory",         "\"/home/me\"" },
		{ "process.command_args",              "[\"sleep\",\"10\",\"\"]" },
		{ "spawnguard.command.cut",            "" },
		{ "spawnguard.cut",                    "" },
		{ "spawnguard.environ.digest",         "\"0000000000000abc\"" },
		{ "spawnguard.tags",                   "{\"env\":\"prod\",\"empty\":\"\",\"a.b-c_d\":\"x=y\"}" },
		{ "spawnguard.limits",                 "{\"timeout\":null,\"kill_after\":5.000,\"signal\":15,\"leftovers\":\"end\"}" },
		{ "spawnguard.lock",                   "\"exclusive\"" },
		{ "spawnguard.rung.identity",          "\"pidfs\"" },
		{ "host.name",                         "\"here\"" },
		{ "spawnguard.host.pid_namespace",     "4026531836" },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(want); i++)
		expect_member("start", &line, want[i].name, want[i].value);
}

/* clang-format off */
static const struct {
	const char *rule;
	uint32_t flags, leftovers;
	const char *lock, *limits;
} policy_rows[] = {
	{ "exclusive, leftovers ended", 0,               0,          "\"exclusive\"", "\"leftovers\":\"end\"" },
	{ "shared, waited for",         RECORD_SHARED,   1,          "\"shared\"",    "\"leftovers\":\"wait\"" },
	{ "no lock, left",              RECORD_NO_LOCK,  2,          "\"none\"",      "\"leftovers\":\"leave\"" },
	{ "no lock before shared",      RECORD_NO_LOCK | RECORD_SHARED, 0, "\"none\"", "\"leftovers\":\"end\"" },
	{ "a number that is unknown",   0,               3,          "\"exclusive\"", "\"leftovers\":\"unknown\"" },
	{ "a number out of the blue",   0,               UINT32_MAX, "\"exclusive\"", "\"leftovers\":\"unknown\"" },
};
/* clang-format on */

static void a_start_line_names_lock_and_leftovers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(policy_rows); i++) {
		struct record_head head = some_head();
		BUF(line, HISTORY_LINE_MAX);
		BUF(limits, 256);
		head.flags = policy_rows[i].flags;
		head.leftovers = policy_rows[i].leftovers;
		format_start(&line, &head, some_argv, NULL, 0);
		check_line(policy_rows[i].rule, &line);
		expect_member(policy_rows[i].rule, &line, "spawnguard.lock", policy_rows[i].lock);
		expect_member(policy_rows[i].rule, &line, "spawnguard.tags", "");
		member(line.at + 1, line.len - 2, "spawnguard.limits", &limits);
		if (!strstr(limits.at, policy_rows[i].limits))
			fail_msg("%s: %s", policy_rows[i].rule, limits.at);
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	uint16_t has_status;
	int32_t job_status;
	int32_t sender_pid;
	const char *code, *sig, *sender;
} status_rows[] = {
	{ "an exit status",          1, 3 << 8,    0,   "3", "",   "" },
	{ "exit 0 is a status",      1, 0,         0,   "0", "",   "" },
	{ "exit 255",                1, 255 << 8,  0,   "255", "", "" },
	{ "a signal",                1, 15,        0,   "",  "15", "" },
	{ "a signal with core",      1, 11 | 0x80, 0,   "",  "11", "" },
	{ "no status is not 0",      0, 0,         0,   "",  "",   "" },
	{ "a sender",                1, 15,        99,  "",  "15", "{\"pid\":99,\"uid\":0,\"comm\":\"cron\"}" },
};
/* clang-format on */

static void an_end_line_tells_status_and_sender(void **state)
{
	(void)state;
	struct record_head head = some_head();
	for (size_t i = 0; i < COUNT_OF(status_rows); i++) {
		struct run_figures figures = { .has_status = status_rows[i].has_status,
					       .job_status = status_rows[i].job_status,
					       .sender_pid = status_rows[i].sender_pid,
					       .sender_comm = "cron" };
		struct history_end end = {
			.head = &head, .figures = &figures, .outcome = "ok", .cause = "none", .by = "warden"
		};
		BUF(line, HISTORY_LINE_MAX);
		history_format_end(&line, &end);
		check_line(status_rows[i].rule, &line);
		expect_member(status_rows[i].rule, &line, "process.exit.code", status_rows[i].code);
		expect_member(status_rows[i].rule, &line, "process.exit.signal", status_rows[i].sig);
		expect_member(status_rows[i].rule, &line, "spawnguard.sender", status_rows[i].sender);
		expect_member(status_rows[i].rule, &line, "spawnguard.detail", "");
		expect_member(status_rows[i].rule, &line, "spawnguard.load1", "");
	}
}

static void an_end_before_its_start_took_no_time(void **state)
{
	(void)state;
	struct record_head head = some_head();
	BUF(line, HISTORY_LINE_MAX);
	format_end(&line, &head);
	expect_member("end", &line, "spawnguard.wall", "1.500000");
	head.started_boot_ns = UINT64_MAX;
	buf_clear(&line);
	format_end(&line, &head);
	check_line("a clock that went back", &line);
	expect_member("a clock that went back", &line, "spawnguard.wall", "0.000000");
}

static void an_end_line_names_what_is_left(void **state)
{
	(void)state;
	struct record_head head = some_head();
	struct history_process processes[HISTORY_PROCESS_MAX];
	for (size_t i = 0; i < HISTORY_PROCESS_MAX; i++)
		processes[i] = (struct history_process){
			.pid = (int32_t)i + 2, .uid = 7, .state = 'D', .comm = "x"
		};
	memset(processes[1].comm, '\x01', sizeof(processes[1].comm)); /* not terminated */
	processes[2].state = '\xff';
	for (uint32_t survivors = 0; survivors < 2; survivors++) {
		struct run_figures figures = { .survivors = survivors };
		struct history_end end = { .head = &head,
					   .figures = &figures,
					   .outcome = "survivors",
					   .cause = "timeout",
					   .by = "warden",
					   .process = processes,
					   .process_count = HISTORY_PROCESS_MAX,
					   .has_load = true,
					   .load1_centi = 125,
					   .pressure_centi = { 0, UINT32_MAX, 1050 },
					   .detail = "no \"such\" file" };
		BUF(line, HISTORY_LINE_MAX);
		BUF(left, HISTORY_LINE_MAX);
		history_format_end(&line, &end);
		check_line("what is left", &line);
		member(line.at + 1, line.len - 2, survivors ? "spawnguard.survivors" : "spawnguard.left",
		       &left);
		assert_non_null(strstr(left.at, "[{\"pid\":2,\"uid\":7,\"state\":\"D\",\"comm\":\"x\"},"));
		expect_member("the other one", &line, survivors ? "spawnguard.left" : "spawnguard.survivors",
			      "");
		expect_member("load", &line, "spawnguard.load1", "1.25");
		expect_member("unknown pressure is left out", &line, "spawnguard.pressure",
			      "{\"cpu\":0.00,\"io\":10.50}");
		expect_member("detail", &line, "spawnguard.detail", "\"no \\\"such\\\" file\"");
	}
}

static void a_refusal_names_the_holder(void **state)
{
	(void)state;
	struct history_refused refused = { .wall_ns = 1790000000123000000,
					   .job = "nightly",
					   .run_id = RUN,
					   .outcome = "conflict",
					   .reason = "locked",
					   .holder_run_id = OTHER,
					   .holder_pid = 12,
					   .count = 14 };
	BUF(line, HISTORY_LINE_MAX);
	history_format_refused(&line, &refused);
	check_line("refused", &line);
	expect_member("refused", &line, "event", "\"refused\"");
	expect_member("refused", &line, "spawnguard.holder.run.id", "\"" OTHER "\"");
	expect_member("refused", &line, "spawnguard.holder.pid", "12");
	expect_member("refused", &line, "spawnguard.refusals", "14");
	refused.holder_pid = 0;
	refused.holder_run_id = NULL;
	buf_clear(&line);
	history_format_refused(&line, &refused);
	check_line("holder unknown", &line);
	expect_member("holder unknown", &line, "spawnguard.holder.run.id", "");
	expect_member("holder unknown", &line, "spawnguard.holder.pid", "");
}

/* The status object is the line without its check. */
static void status_objects_have_no_check(void **state)
{
	(void)state;
	struct record_head head = some_head();
	struct run_figures figures = { .has_status = 1 };
	struct history_end end = {
		.head = &head, .figures = &figures, .outcome = "ok", .cause = "none", .by = "warden"
	};
	struct history_refused refused = { .job = "j", .run_id = RUN, .outcome = "conflict", .count = 1 };
	BUF(object, HISTORY_LINE_MAX);
	BUF(line, HISTORY_LINE_MAX);

	history_format_status(&object, &end);
	history_format_end(&line, &end);
	assert_int_equal(object.at[object.len - 1], '\n');
	assert_true(check_json(object.at, object.len - 1));
	assert_false(history_line_is_intact(object.at, object.len - 1));
	assert_memory_equal(object.at, line.at + 1, object.len - 2);

	buf_clear(&object);
	history_format_refused_status(&object, &refused, 75);
	assert_true(check_json(object.at, object.len - 1));
	assert_non_null(strstr(object.at, ",\"spawnguard.exit_status\":75}\n"));
}

/* ---- the check */

/* By python's zlib.crc32(b"{23456789"). */
static void the_check_is_zlibs_crc32(void **state)
{
	(void)state;
	static const char known[] = "{23456789,\"check\":\"8048b0bf\"}";
	assert_int_equal(hash_crc32(0, "123456789", 9), 0xcbf43926);
	assert_true(history_line_is_intact(known, strlen(known)));

	struct record_head head = some_head();
	BUF(line, HISTORY_LINE_MAX);
	BUF(digits, 16);
	BUF(value, 64);
	format_end(&line, &head);
	const char *check = strstr(line.at, ",\"check\":\"");
	assert_non_null(check);
	buf_hex(&digits, hash_crc32(0, line.at + 1, (size_t)(check - line.at - 1)), 8);
	member(line.at + 1, line.len - 2, "check", &value);
	assert_int_equal(value.len, 10);
	assert_memory_equal(value.at + 1, digits.at, 8);
	assert_ptr_equal(check + strlen(",\"check\":\"") + 8, line.at + line.len - 3); /* the last member */
}

/* Checked right, but no object: not a line of ours. */
static void what_is_no_object_is_no_line(void **state)
{
	(void)state;
	static const char *const bodies[] = { "", "{", "x23456789", "[1", "\"{" };
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		BUF(line, 64);
		buf_str(&line, bodies[i]);
		buf_str(&line, ",\"check\":\"");
		buf_hex(&line, hash_crc32(0, bodies[i], strlen(bodies[i])), 8);
		buf_str(&line, "\"}");
		if (history_line_is_intact(line.at, line.len))
			fail_msg("a line: %s", line.at);
	}
}

static void check_every_flip(const struct buf *line)
{
	char *bytes = line->at + 1;
	size_t n = line->len - 2;
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit <= 8; bit++) {
			char flip = (char)(bit < 8 ? 1U << bit : 0xff);
			bytes[i] = (char)(bytes[i] ^ flip);
			if (history_line_is_intact(bytes, n))
				fail_msg("byte %zu of %s: bits %02x not seen", i, bytes, (unsigned char)flip);
			bytes[i] = (char)(bytes[i] ^ flip);
		}
	}
}

static void sees_damage_of_every_byte(void **state)
{
	(void)state;
	struct record_head head = some_head();
	BUF(start, HISTORY_LINE_MAX);
	BUF(end, HISTORY_LINE_MAX);
	format_start(&start, &head, some_argv, NULL, 0);
	format_end(&end, &head);
	check_every_flip(&start);
	check_every_flip(&end);
}

/* Cut anywhere, at either end, and two lines run together. */
static void a_part_of_a_line_is_no_line(void **state)
{
	(void)state;
	struct record_head head = some_head();
	BUF(line, HISTORY_LINE_MAX);
	format_end(&line, &head);
	const char *bytes = line.at + 1;
	size_t n = line.len - 2;
	for (size_t cut = 1; cut <= n; cut++) {
		AUTO_FREE char *exact = malloc(n - cut + 1);
		assert_non_null(exact);
		memcpy(exact, bytes, n - cut);
		assert_false(history_line_is_intact(exact, n - cut));
		assert_false(history_line_is(exact, n - cut, "end", RUN));
		assert_false(history_line_is_intact(bytes + cut, n - cut));
	}
	BUF(twice, 2 * HISTORY_LINE_MAX);
	buf_mem(&twice, bytes, n);
	buf_mem(&twice, bytes, n);
	assert_false(history_line_is_intact(twice.at, twice.len));
	buf_truncate(&twice, n - 1);
	buf_str(&twice, " }");
	assert_false(history_line_is_intact(twice.at, twice.len));
}

/* ---- bytes that nobody meant */

static void nasty_bytes_stay_in_their_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(nasty); i++) {
		struct record_head head = some_head();
		char value[64], other[64];
		struct buf tag;
		PUT(value, nasty[i]);
		PUT(other, nasty[i]);
		BUF(back, HISTORY_LINE_MAX);
		BUF(want, HISTORY_LINE_MAX);
		BUF(text, 128);
		tag = text;
		buf_str(&tag, "key=");
		buf_str(&tag, nasty[i]);
		const char *const tags[] = { tag.at, "no equals sign" };
		char *const argv[] = { value, other, NULL };
		PUT(head.job, nasty[i]);
		PUT(head.cwd, nasty[i]);
		PUT(head.task, nasty[i]);
		PUT(head.step, nasty[i]);
		PUT(head.parent_run_id, nasty[i]);
		struct history_start start = { .head = &head,
					       .argv = argv,
					       .program = value,
					       .host_name = value,
					       .tag = tags,
					       .tag_count = 2 };
		BUF(line, HISTORY_LINE_MAX);
		history_format_start(&line, &start);
		check_line(nasty[i], &line);
		assert_true(history_line_is(line.at + 1, line.len - 2, "start", RUN));
		assert_false(history_line_is(line.at + 1, line.len - 2, "end", RUN));
		assert_false(history_line_is(line.at + 1, line.len - 2, "start", OTHER));
		if (check_columns(nasty[i], strlen(nasty[i])) == SIZE_MAX)
			continue; /* not UTF-8: U+FFFD stands for it */
		size_t n;
		char plain[64];
		member(line.at + 1, line.len - 2, "spawnguard.job", &back);
		assert_non_null(check_json_string(back.at, back.at + back.len, plain, &n));
		assert_int_equal(n, strlen(nasty[i]));
		assert_memory_equal(plain, nasty[i], n);
		buf_char(&want, '[');
		buf_mem(&want, back.at, back.len);
		buf_char(&want, ',');
		buf_mem(&want, back.at, back.len);
		buf_char(&want, ']');
		expect_member(nasty[i], &line, "process.command_args", want.at);
	}
}

/* ---- which line it is */

static void finds_its_own_line_only(void **state)
{
	(void)state;
	struct record_head head = some_head();
	BUF(start, HISTORY_LINE_MAX);
	BUF(end, HISTORY_LINE_MAX);
	format_start(&start, &head, some_argv, NULL, 0);
	format_end(&end, &head);
	const char *s = start.at + 1, *e = end.at + 1;
	assert_true(history_line_is(s, start.len - 2, "start", RUN));
	assert_true(history_line_is(e, end.len - 2, "end", RUN));
	assert_false(history_line_is(s, start.len - 2, "end", RUN));
	assert_false(history_line_is(e, end.len - 2, "start", RUN));
	assert_false(history_line_is(e, end.len - 2, "end", OTHER));
	assert_false(history_line_is(e, end.len - 2, "en", RUN));
	assert_false(history_line_is(e, end.len - 2, "end\"", RUN));
	assert_false(history_line_is(e, end.len - 2, "", ""));
	/* neither the beginning of its id nor more than it */
	assert_false(history_line_is(e, end.len - 2, "end", "0123456789abcdef0123456789abcde"));
	assert_false(history_line_is(e, end.len - 2, "end", RUN "0"));
	assert_false(history_line_is("", 0, "end", RUN));
	assert_false(history_line_is("{}", 2, "end", RUN));
}

/* The keys of tags are the user's, and may be those of ours. */
static void tags_named_as_our_keys_do_not_fool_it(void **state)
{
	(void)state;
	static const char *const tags[] = { "a=b", "event=end", ("spawnguard.run.id=" OTHER), "schema=1",
					    "check=00000000" };
	struct record_head head = some_head();
	BUF(line, HISTORY_LINE_MAX);
	format_start(&line, &head, some_argv, tags, COUNT_OF(tags));
	check_line("tags with our keys", &line);
	assert_true(history_line_is(line.at + 1, line.len - 2, "start", RUN));
	assert_false(history_line_is(line.at + 1, line.len - 2, "end", RUN));
	assert_false(history_line_is(line.at + 1, line.len - 2, "start", OTHER));
	assert_false(history_line_is(line.at + 1, line.len - 2, "end", OTHER));
}

static void names_of_other_runs_do_not_fool_it(void **state)
{
	(void)state;
	struct history_refused refused = { .job = "j",
					   .run_id = RUN,
					   .parent_run_id = OTHER,
					   .holder_run_id = OTHER,
					   .outcome = "conflict",
					   .count = 1 };
	BUF(line, HISTORY_LINE_MAX);
	history_format_refused(&line, &refused);
	assert_true(history_line_is(line.at + 1, line.len - 2, "refused", RUN));
	assert_false(history_line_is(line.at + 1, line.len - 2, "refused", OTHER));
}

/* ---- long commands */

/* How many bytes the arguments in the line have together. */
static size_t shown_bytes(const struct buf *line)
{
	BUF(list, HISTORY_LINE_MAX);
	size_t total = 0, n;
	member(line->at + 1, line->len - 2, "process.command_args", &list);
	for (const char *at = list.at + 1, *end = list.at + list.len; at < end && *at == '"'; at++) {
		at = check_json_string(at, end, NULL, &n);
		assert_non_null(at);
		total += n;
	}
	return total;
}

static void a_command_is_cut_behind_its_limit(void **state)
{
	(void)state;
	char *long_arg = malloc(HISTORY_COMMAND_MAX + 8), digest[64];
	assert_non_null(long_arg);
	memset(long_arg, 'x', HISTORY_COMMAND_MAX + 8);
	for (size_t n = HISTORY_COMMAND_MAX - 8; n < HISTORY_COMMAND_MAX + 8; n++) {
		for (unsigned more = 0; more < 3; more++) {
			struct record_head head = some_head();
			char *const argv[] = { long_arg, more ? arg_empty : NULL, more > 1 ? arg_ten : NULL,
					       NULL };
			size_t full = n + (more > 1 ? 2 : 0);
			bool is_cut = full > HISTORY_COMMAND_MAX || (more > 0 && n >= HISTORY_COMMAND_MAX);
			BUF(line, HISTORY_LINE_MAX);
			long_arg[n] = '\0';
			format_start(&line, &head, argv, NULL, 0);
			check_line("a long command", &line);
			expect_member("says so", &line, "spawnguard.command.cut", is_cut ? "true" : "");
			assert_int_equal(shown_bytes(&line),
					 full < HISTORY_COMMAND_MAX ? full : HISTORY_COMMAND_MAX);
			uint64_t sum = HASH_FNV_START; /* of all of it, cut or not */
			for (char *const *arg = argv; *arg; arg++)
				sum = hash_fnv(sum, *arg, strlen(*arg) + 1);
			snprintf(digest, sizeof(digest), "\"%016llx\"", (unsigned long long)sum);
			expect_member("the digest is of all", &line, "spawnguard.command.digest", digest);
			long_arg[n] = 'x';
		}
	}
	free(long_arg);
}

/* `count` arguments of `bytes` times `fill`. */
static char **make_argv(size_t count, size_t bytes, char fill)
{
	char **argv = calloc(count + 1, sizeof(*argv));
	char *arg = malloc(bytes + 1);
	assert_true(argv && arg);
	memset(arg, fill, bytes);
	arg[bytes] = '\0';
	for (size_t i = 0; i < count; i++)
		argv[i] = arg;
	return argv;
}

/* clang-format off */
static const struct {
	const char *rule;
	size_t count, bytes;
	char fill;
} long_rows[] = {
	{ "very many empty arguments",        100000, 0,      'x' },
	{ "very many small arguments",        100000, 1,      'x' },
	{ "many arguments of two bytes",      2048,   2,      'x' },
	{ "small arguments that are escaped", 100000, 1,      '\x01' },
	{ "one that is all control",          1,      4096,   '\x01' },
	{ "one that is all control, longer",  1,      100000, '\x7f' },
	{ "one that is no UTF-8",             1,      100000, '\xff' },
	{ "one of quotes",                    1,      100000, '"' },
	{ "one of the longest",               1,      131071, 'x' },
};
/* clang-format on */

static void no_command_makes_a_line_too_long(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(long_rows); i++) {
		struct record_head head = some_head();
		char **argv = make_argv(long_rows[i].count, long_rows[i].bytes, long_rows[i].fill);
		BUF(line, HISTORY_LINE_MAX);
		format_start(&line, &head, argv, NULL, 0);
		check_line(long_rows[i].rule, &line);
		expect_member(long_rows[i].rule, &line, "spawnguard.command.cut",
			      long_rows[i].count * long_rows[i].bytes <= 4096 && long_rows[i].bytes == 2
				      ? ""
				      : "true");
		free(argv[0]);
		free(argv);
	}
}

/* Everything at its worst at once: the line is still written, and still says who ran. */
static void nothing_makes_a_line_too_long(void **state)
{
	(void)state;
	static char value[4096], tag[16][64 + 1 + 256 + 1];
	const char *tags[16];
	for (int fill = 1; fill < 256; fill += 126) { /* control, DEL, no UTF-8 */
		struct record_head head;
		char **argv = make_argv(5000, 100, (char)fill);
		memset(&head, fill, sizeof(head));
		char *const ends[] = { head.run_id + RUN_ID_MAX, head.parent_run_id + RUN_ID_MAX,
				       head.job + 207,           head.task + 63,
				       head.step + 63,           head.host.boot_id + 39,
				       head.cwd + 255,           head.identity + 7,
				       head.cgroup + 159,        head.log + 255 };
		for (size_t i = 0; i < COUNT_OF(ends); i++)
			*ends[i] = '\0';
		PUT(head.run_id, RUN);
		memset(value, fill, sizeof(value) - 1);
		for (unsigned i = 0; i < 16; i++) {
			memset(tag[i], fill, sizeof(tag[i]) - 1);
			memset(tag[i], 'a' + (int)i, 64);
			tag[i][64] = '=';
			tags[i] = tag[i];
		}
		struct history_start start = { .head = &head,
					       .argv = argv,
					       .program = value,
					       .host_name = value + sizeof(value) - 80,
					       .tag = tags,
					       .tag_count = 16,
					       .environ_digest = UINT64_MAX };
		BUF(line, HISTORY_LINE_MAX);
		history_format_start(&line, &start);
		check_line("everything at once", &line);
		assert_true(history_line_is(line.at + 1, line.len - 2, "start", RUN));
		expect_member("everything at once", &line, "spawnguard.cut", "true");
		expect_member("everything at once", &line, "spawnguard.command.cut", "true");
		free(argv[0]);
		free(argv);
	}
}

/* All that a plain user may give fits without a cut. */
static void plain_text_is_not_cut(void **state)
{
	(void)state;
	static char value[257], tag[16][64 + 1 + 256 + 1];
	const char *tags[16];
	struct record_head head = some_head();
	char **argv = make_argv(64, 64, 'y');
	memset(value, 'v', sizeof(value) - 1);
	for (unsigned i = 0; i < 16; i++) {
		memset(tag[i], 'v', sizeof(tag[i]) - 1);
		memset(tag[i], 'a' + (int)i, 64);
		tag[i][64] = '=';
		tags[i] = tag[i];
	}
	memset(head.job, 'j', 200);
	memset(head.task, 't', 63);
	memset(head.cwd, 'd', 255);
	struct history_start start = { .head = &head,
				       .argv = argv,
				       .program = value,
				       .host_name = "here",
				       .tag = tags,
				       .tag_count = 16 };
	BUF(line, HISTORY_LINE_MAX);
	history_format_start(&line, &start);
	check_line("plain", &line);
	expect_member("plain", &line, "spawnguard.cut", "");
	expect_member("plain", &line, "spawnguard.command.cut", "");
	free(argv[0]);
	free(argv);
}

/* What a caller's smaller buffer cannot hold is said, never a line that passes for one. */
static void says_what_did_not_fit(void **state)
{
	(void)state;
	struct record_head head = some_head();
	for (size_t cap = 1; cap < 1500; cap += 3) {
		AUTO_FREE char *at = malloc(cap);
		struct buf out;
		assert_non_null(at);
		buf_init(&out, at, cap);
		format_start(&out, &head, some_argv, NULL, 0);
		if (!out.cut)
			check_line("it fits", &out);
		buf_init(&out, at, cap);
		format_end(&out, &head);
		if (!out.cut)
			check_line("it fits", &out);
	}
}

/* ---- the end of stderr */

static void format_tail(struct buf *out, const struct history_tail *tail)
{
	struct record_head head = some_head();
	struct run_figures figures = { .has_status = 1 };
	struct history_end end = { .head = &head,
				   .figures = &figures,
				   .outcome = "ok",
				   .cause = "none",
				   .by = "warden",
				   .tail = tail };
	history_format_end(out, &end);
	check_line("tail", out);

	BUF(object, HISTORY_LINE_MAX);
	history_format_status(&object, &end);
	assert_false(object.cut);
	assert_true(check_json(object.at, object.len - 1));
}

static void an_end_line_has_the_end_of_stderr(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		struct history_tail tail;
		const char *text, *cut, *bytes, *detail;
	} rows[] = {
		{ "all of it",
		  { "a\n\x1b", 3, 3, true, false, NULL },
		  "\"a\\u000a\\u001b\"",
		  "false",
		  "3",
		  "" },
		{ "nothing was written", { "", 0, 0, true, false, NULL }, "\"\"", "false", "0", "" },
		{ "the end of it", { "bc", 2, 9, true, false, NULL }, "\"bc\"", "true", "9", "" },
		{ "half a character at its begin",
		  { "\xbc\xbc"
		    "b",
		    3, 9, true, false, NULL },
		  "\"b\"",
		  "true",
		  "9",
		  "" },
		{ "half a character, but all",
		  { "\xbc"
		    "b",
		    2, 2, true, false, NULL },
		  "\"\xef\xbf\xbd"
		  "b\"",
		  "false",
		  "2",
		  "" },
		{ "NUL, which many readers refuse",
		  { "a\0b", 3, 3, true, false, NULL },
		  "\"a\xef\xbf\xbd"
		  "b\"",
		  "false",
		  "3",
		  "" },
		{ "its length alone", { "bc", 2, 9, true, true, NULL }, "", "", "9", "" },
		{ "not known", { "", 0, 0, false, false, "because" }, "", "", "", "\"because\"" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(line, HISTORY_LINE_MAX);
		format_tail(&line, &rows[i].tail);
		expect_member(rows[i].rule, &line, "spawnguard.stderr.tail", rows[i].text);
		expect_member(rows[i].rule, &line, "spawnguard.stderr.cut", rows[i].cut);
		expect_member(rows[i].rule, &line, "spawnguard.stderr.bytes", rows[i].bytes);
		expect_member(rows[i].rule, &line, "spawnguard.stderr.detail", rows[i].detail);
	}
}

/* Six bytes for each, and the line has room for a third of that. */
static void no_tail_makes_a_line_too_long(void **state)
{
	(void)state;
	static char bytes[RING_MAX];
	static const char with[] = { '\x01', 'a', '\xff', '"', '\0' };

	for (size_t k = 0; k < sizeof(with); k++) {
		BUF(line, HISTORY_LINE_MAX);
		memset(bytes, with[k], sizeof(bytes));
		bytes[sizeof(bytes) - 1] = 'Z';
		struct history_tail tail = { bytes, sizeof(bytes), sizeof(bytes), true, false, NULL };
		format_tail(&line, &tail);
		assert_false(line.cut);
		assert_non_null(strstr(line.at, "Z\",\"check\":"));
		expect_member("cut", &line, "spawnguard.stderr.cut", with[k] == 'a' ? "false" : "true");
		assert_true(with[k] == 'a' || line.len > HISTORY_LINE_MAX / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_line_has_its_members),
		cmocka_unit_test(a_start_line_names_lock_and_leftovers),
		cmocka_unit_test(an_end_line_tells_status_and_sender),
		cmocka_unit_test(an_end_before_its_start_took_no_time),
		cmocka_unit_test(an_end_line_names_what_is_left),
		cmocka_unit_test(a_refusal_names_the_holder),
		cmocka_unit_test(status_objects_have_no_check),
		cmocka_unit_test(the_check_is_zlibs_crc32),
		cmocka_unit_test(what_is_no_object_is_no_line),
		cmocka_unit_test(sees_damage_of_every_byte),
		cmocka_unit_test(a_part_of_a_line_is_no_line),
		cmocka_unit_test(nasty_bytes_stay_in_their_fields),
		cmocka_unit_test(finds_its_own_line_only),
		cmocka_unit_test(tags_named_as_our_keys_do_not_fool_it),
		cmocka_unit_test(names_of_other_runs_do_not_fool_it),
		cmocka_unit_test(a_command_is_cut_behind_its_limit),
		cmocka_unit_test(no_command_makes_a_line_too_long),
		cmocka_unit_test(nothing_makes_a_line_too_long),
		cmocka_unit_test(plain_text_is_not_cut),
		cmocka_unit_test(says_what_did_not_fit),
		cmocka_unit_test(an_end_line_has_the_end_of_stderr),
		cmocka_unit_test(no_tail_makes_a_line_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * tail: the last records of a topic, by ordinary Fetch requests and the rights that those need; -f goes on with what comes.
 * Without --offset it looks at the last COUNT offsets of each partition, and shows the latest of all. Of batches
 * the CRC is checked, and their records are walked with bounds (wire/batch.h). */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/be.h"
#include "base/buf.h"
#include "base/hash.h"
#include "cli/cli.h"
#include "wire/batch.h"
#include "wire/reader.h"

#define FETCH_BYTES	(1 << 20)	/* of a partition */
#define ANSWER_BYTES	(32 << 20)
#define EMPTY_ANSWERS	2		/* in a row, until nothing is there any more */
#define UNPACKED_MAX	(UINT64_C(256) << 20)
#define WAIT_MS		500
#define MAGIC_AT	16		/* in a batch, bytes */
#define CRC_AT		17
#define CRC_FROM	21
#define EARLIEST	(-2)
#define LATEST		(-1)

struct place {
	int32_t partition;
	int64_t next, end;		/* end: of the start; -1 behind -f */
};

struct shown {
	int64_t offset, time;
	int32_t partition;
	struct str text;
};

struct tail {
	struct cli *cli;
	struct name topic;
	int64_t count, offset;		/* of --offset; count < 0: all; offset < 0: EARLIEST, LATEST, or none: the last COUNT */
	int32_t only;			/* a partition, or -1 */
	bool by_offset, follow;
	ARRAY(struct place) places;
	ARRAY(struct shown) kept;	/* what is to be put in order */
	bool keeping;
	int empty;			/* answers in a row that told of all asked, and had no bytes */
};

static _Thread_local volatile sig_atomic_t interrupted;

static void
interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

/* ---- records ---- */

static void
put_quoted(struct tail *t, struct buf *b, struct str s)
{
	if (s.p == NULL)
		buf_printf(b, "null");
	else
		buf_printf(b, "\"%s\"", s.n == 0 ? "" : cli_escape(t->cli, s));
}

static void
put_headers(struct tail *t, struct buf *b, const struct batch_record *r)
{
	struct reader in = reader_of(r->header_bytes.p, r->header_bytes.n);
	for (int32_t i = 0; i < r->headers && in.err == 0; i++) {
		struct str part[2];
		for (int k = 0; k < 2; k++) { /* zigzag lengths; a null value is -1 */
			uint32_t coded = reader_varint(&in);
			int64_t n = (int64_t)(coded >> 1) ^ -(int64_t)(coded & 1);
			part[k] = n < 0 ? STR_NULL : (struct str){ (const char *)reader_bytes(&in, (size_t)n), (size_t)n };
		}
		if (in.err != 0)
			return;
		buf_printf(b, " %s=", cli_escape(t->cli, part[0]));
		put_quoted(t, b, part[1]);
	}
}

static struct str
time_text(struct cli *cli, int64_t ms)
{
	char text[32];
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	if (ms < 0 || gmtime_r(&s, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return arena_printf(cli->arena, "%lld", (long long)ms);
	return arena_printf(cli->arena, "%s.%03dZ", text, (int)(ms % 1000));
}

static struct str
line(struct tail *t, int32_t partition, const struct batch_record *r, int64_t time)
{
	struct buf b;
	buf_init(&b, SIZE_MAX);
	buf_printf(&b, "%d:%lld %s ", partition, (long long)r->offset, time_text(t->cli, time).p);
	put_quoted(t, &b, r->key);
	buf_add(&b, " ", 1);
	put_quoted(t, &b, r->value);
	put_headers(t, &b, r);
	struct str text = arena_str(t->cli->arena, buf_str(&b));
	buf_free(&b);
	return text;
}

static int
by_time(const void *va, const void *vb)
{
	const struct shown *a = va, *b = vb;
	int order = (a->time > b->time) - (a->time < b->time);
	if (order == 0)
		order = (a->partition > b->partition) - (a->partition < b->partition);
	return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static void
take_record(struct tail *t, int32_t partition, const struct batch_record *r, int64_t time)
{
	struct str text = line(t, partition, r, time);
	if (t->keeping)
		*ARRAY_ADD(t->cli->arena, t->kept) = (struct shown){ r->offset, time, partition, text };
	else if (t->count != 0) {
		fprintf(t->cli->print.out, "%.*s\n", STR_ARG(text));
		t->count -= t->count > 0;
	}
}

static bool
is_whole(const uint8_t *p, size_t n)
{
	return p[MAGIC_AT] == 2 && crc32c(0, p + CRC_FROM, n - CRC_FROM) == (uint32_t)be_get(p + CRC_AT, 4);
}

static int
take_batch(struct tail *t, struct place *at, const uint8_t *p, size_t n)
{
	struct batch_iter it;
	struct batch_record r;
	int64_t last = (int64_t)be_get(p, 8) + (int32_t)(uint32_t)be_get(p + 23, 4);
	if ((be_get(p + 21, 2) & BATCH_CONTROL) == 0) {
		int err = is_whole(p, n) ? batch_iter_begin(&it, p, n, UNPACKED_MAX) : ERR_CORRUPT;
		while (err == 0 && batch_iter_next(&it, &r))
			if (r.offset >= at->next)
				take_record(t, at->partition, &r, batch_is_append_time(p) ? batch_max_timestamp(p) : r.timestamp);
		bool damaged = err != 0 || it.left > 0;
		if (err == 0)
			batch_iter_end(&it);
		if (damaged)
			return cli_complain(CLI_REFUSED, "partition %d, offset %lld: a batch that cannot be read", at->partition,
			    (long long)be_get(p, 8));
	}
	at->next = last >= at->next ? last + 1 : at->next;
	return 0;
}

static int
take_records(struct tail *t, struct place *at, const struct pieces *records)
{
	struct buf all;
	int status = 0;
	buf_init(&all, SIZE_MAX);
	for (int32_t i = 0; i < records->n; i++)
		buf_add(&all, records->v[i].p, records->v[i].n);
	const uint8_t *p = all.p;
	size_t left = all.n, n;
	for (; status == 0 && left >= BATCH_HEAD; p += n, left -= n) {
		n = 12 + (size_t)(uint32_t)be_get(p + 8, 4);
		if (n < BATCH_HEAD || n > left)
			break; /* cut off: it comes again */
		status = take_batch(t, at, p, n);
	}
	buf_free(&all);
	return status;
}

/* ---- asking ---- */

static bool
is_wanted(const struct tail *t, const struct place *at)
{
	return t->count != 0 && (at->end < 0 || at->next < at->end);
}

static struct place *
place_of(struct tail *t, int32_t partition)
{
	ARRAY_FOREACH(struct place, at, t->places)
		if (at->partition == partition)
			return at;
	return NULL;
}

/* A partition without bytes may only have found the answer's budget used up by others, or the quota's. But in an answer
 * that looked at all of them the first batch that there is always comes: where none did, again, what was there
 * has been compacted away. */
static void
take_emptiness(struct tail *t, int told, int asked, size_t bytes)
{
	t->empty = told == asked && bytes == 0 ? t->empty + 1 : 0;
	if (t->empty < EMPTY_ANSWERS)
		return;
	ARRAY_FOREACH(struct place, at, t->places)
		at->next = at->end >= 0 ? at->end : at->next;
	t->empty = 0;
}

static size_t
size_of(const struct pieces *records)
{
	size_t n = 0;
	for (int32_t i = 0; i < records->n; i++)
		n += records->v[i].n;
	return n;
}

/* What came of one partition. */
static int
take_answer(struct tail *t, const struct fetch_rsp_partition *p)
{
	struct place *at = place_of(t, p->partition_index);
	int status = cli_answer(t->cli, arena_printf(t->cli->arena, "%s, partition %d", cli_escape(t->cli, t->topic.s),
	    p->partition_index).p, p->error_code, STR_NULL);
	return status == 0 && at != NULL ? take_records(t, at, &p->records) : status;
}

/* One request; *ret_asked: how many partitions are still to be read. */
static int
fetch(struct tail *t, int *ret_asked)
{
	struct fetch_req in;
	struct fetch_rsp out;
	struct cli *cli = t->cli;
	size_t bytes = 0;
	int told = 0;
	wire_defaults(&fetch_req_msg, &in);
	in.max_wait_ms = WAIT_MS;
	in.min_bytes = 1;
	in.max_bytes = ANSWER_BYTES;
	struct fetch_req_topic *topic = WIRE_ADD(cli->arena, in.topics, fetch_req_topic);
	topic->topic = t->topic;
	ARRAY_FOREACH(const struct place, at, t->places) {
		if (!is_wanted(t, at))
			continue;
		struct fetch_req_partition *p = WIRE_ADD(cli->arena, topic->partitions, fetch_req_partition);
		p->partition = at->partition;
		p->fetch_offset = at->next;
		p->partition_max_bytes = FETCH_BYTES;
	}
	*ret_asked = topic->partitions.n;
	if (topic->partitions.n == 0)
		return 0;
	int status = cli_call(cli, WIRE_KEY_FETCH, &in, &out);
	if (status == 0)
		status = cli_answer(cli, cli_escape(cli, t->topic.s), out.error_code, STR_NULL);
	for (int32_t i = 0; status == 0 && i < out.responses.n; i++) {
		ARRAY_FOREACH(const struct fetch_rsp_partition, p, out.responses.v[i].partitions) {
			bytes += size_of(&p->records);
			told++;
			if (status == 0)
				status = take_answer(t, p);
		}
	}
	if (status == 0)
		take_emptiness(t, told, *ret_asked, bytes);
	return status;
}

/* All that comes of a request but what is kept goes with it: -f may run for days. */
static int
fetch_all(struct tail *t)
{
	struct arena *keep = t->cli->arena;
	int status = 0, asked = 1;
	while (status == 0 && asked > 0 && !interrupted) {
		if (!t->keeping)
			t->cli->arena = arena_create(SIZE_MAX);
		status = fetch(t, &asked);
		(void)fflush(t->cli->print.out);
		if (ferror(t->cli->print.out))
			asked = 0; /* nobody reads it any more */
		if (!t->keeping)
			arena_destroy(&t->cli->arena);
		t->cli->arena = keep;
	}
	return status;
}

static int
ask_offsets(struct tail *t, int64_t when, bool into_end)
{
	struct list_offsets_req in;
	struct list_offsets_rsp out;
	wire_defaults(&list_offsets_req_msg, &in);
	in.replica_id = -1;
	struct list_offsets_req_topic *topic = WIRE_ADD(t->cli->arena, in.topics, list_offsets_req_topic);
	topic->name = t->topic;
	ARRAY_FOREACH(const struct place, at, t->places) {
		struct list_offsets_req_partition *p = WIRE_ADD(t->cli->arena, topic->partitions, list_offsets_req_partition);
		p->partition_index = at->partition;
		p->timestamp = when;
	}
	int status = cli_call(t->cli, WIRE_KEY_LIST_OFFSETS, &in, &out);
	for (int32_t i = 0; status == 0 && i < out.topics.n; i++) {
		ARRAY_FOREACH(const struct list_offsets_rsp_partition, p, out.topics.v[i].partitions) {
			struct place *at = place_of(t, p->partition_index);
			if (status == 0)
				status = cli_answer(t->cli, cli_escape(t->cli, t->topic.s), p->error_code, STR_NULL);
			if (status == 0 && at != NULL)
				*(into_end ? &at->end : &at->next) = p->offset;
		}
	}
	return status;
}

static int
ask_partitions(struct tail *t)
{
	struct metadata_req in;
	struct metadata_rsp out;
	const char *what = cli_escape(t->cli, t->topic.s);
	wire_defaults(&metadata_req_msg, &in);
	in.topics.n = 0;
	in.allow_auto_topic_creation = false;
	WIRE_ADD(t->cli->arena, in.topics, metadata_req_topic)->name = t->topic;
	int status = cli_call(t->cli, WIRE_KEY_METADATA, &in, &out);
	if (status != 0 || out.topics.n != 1)
		return status;
	status = cli_answer(t->cli, what, out.topics.v[0].error_code, STR_NULL);
	int32_t n = out.topics.v[0].partitions.n;
	for (int32_t i = 0; status == 0 && i < n; i++)
		if (t->only < 0 || t->only == i)
			*ARRAY_ADD(t->cli->arena, t->places) = (struct place){ i, 0, 0 };
	if (status == 0 && t->places.n == 0)
		status = cli_complain(CLI_REFUSED, "%s has the partitions 0 to %d", what, n - 1);
	return status;
}

/* Where each partition begins: the last COUNT, or what --offset says. */
static int
begin(struct tail *t)
{
	int status = ask_partitions(t);
	if (status == 0)
		status = ask_offsets(t, EARLIEST, false);
	if (status == 0)
		status = ask_offsets(t, LATEST, true);
	ARRAY_FOREACH(struct place, at, t->places) {
		if (!t->by_offset) {
			int64_t from = at->end - t->count;
			at->next = from > at->next ? from : at->next;
		} else if (t->offset == LATEST)
			at->next = at->end;
		else if (status == 0 && t->offset >= 0) {
			if (t->offset < at->next || t->offset > at->end)
				status = cli_complain(CLI_REFUSED, "partition %d has the offsets %lld to %lld", at->partition,
				    (long long)at->next, (long long)at->end);
			at->next = t->offset;
		}
	}
	return status;
}

static void
show_kept(struct tail *t)
{
	int32_t n = t->kept.n;
	if (n > 0)
		qsort(t->kept.v, (size_t)n, sizeof(*t->kept.v), by_time);
	for (int32_t i = n > t->count ? n - (int32_t)t->count : 0; i < n; i++)
		fprintf(t->cli->print.out, "%.*s\n", STR_ARG(t->kept.v[i].text));
	(void)fflush(t->cli->print.out);
}

static int
read_all(struct tail *t)
{
	struct sigaction sa = { .sa_handler = interrupt, .sa_flags = SA_RESETHAND }; /* a second one ends it at once */
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	t->keeping = !t->by_offset;
	int status = fetch_all(t);
	if (status == 0 && t->keeping)
		show_kept(t);
	if (!t->follow || status != 0)
		return status;
	if (t->keeping)
		t->count = -1; /* so many of the past; then all that comes */
	t->keeping = false;
	ARRAY_FOREACH(struct place, at, t->places)
		at->end = -1;
	return t->count == 0 ? 0 : fetch_all(t);
}

static int
take_options(struct args *args, struct tail *t)
{
	const char *count = NULL, *offset = NULL, *partition = NULL;
	int64_t only = -1;
	t->follow = args_flag(args, "-f|--follow");
	args_option(args, "-n", &count);
	args_option(args, "--offset", &offset);
	args_option(args, "--partition", &partition);
	int status = args_end(args, 1, 1);
	t->by_offset = offset != NULL;
	t->count = t->by_offset ? -1 : 10;
	if (status == 0 && count != NULL)
		status = args_number("-n", count, 0, 1000000, &t->count);
	if (status == 0 && partition != NULL)
		status = args_number("--partition", partition, 0, INT32_MAX, &only);
	t->only = (int32_t)only;
	if (status != 0 || offset == NULL)
		return status;
	if (str_is(STR("begin"), offset) || str_is(STR("end"), offset))
		t->offset = offset[0] == 'b' ? EARLIEST : LATEST;
	else if (partition == NULL)
		return cli_complain(CLI_USAGE, "--offset: begin or end, or with --partition a number");
	else
		return args_number("--offset", offset, 0, INT64_MAX, &t->offset);
	return 0;
}

static int
run_tail(struct cli *cli, struct args *args)
{
	struct tail t = { .cli = cli };
	int status = take_options(args, &t);
	if (status == 0 && cli->print.form == PRINT_JSON)
		status = cli_complain(CLI_USAGE, "tail prints lines, no JSON");
	if (status == 0)
		status = cli_open_in(cli, STR_NULL);
	if (status != 0)
		return status;
	t.topic = cli_name(args->v[0]);
	status = begin(&t);
	return status == 0 ? read_all(&t) : status;
}

const struct verb tail_verbs[] = {
	{ NULL, "tail", run_tail, "TOPIC [-n COUNT] [-f] [--partition PARTITION] [--offset begin|end|OFFSET]",
	    "the last records of a topic, and those that come" },
	{ .name = NULL },
};

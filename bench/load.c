/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator: many connections on one loop, frames that were encoded before,
 * and every answer checked. Prints one line of KEY=VALUE words.
 *
 * usage: load -F FILE produce TOPIC [-c CONNECTIONS] [-b BATCH-BYTES] [-s MESSAGE-BYTES] [-k IN-FLIGHT]
 *                     [-m MEGABYTES] [-r MESSAGES-A-SECOND] [-t SECONDS] [-p PARTITIONS] [-a ACKS]
 *        load -F FILE fetch TOPIC [-c CONNECTIONS] [-m MEGABYTES] [-r MEGABYTES-A-SECOND -t SECONDS] [-p PARTITIONS]
 *        load -F FILE verify TOPIC [-c CONNECTIONS] [-p PARTITIONS] [-e]
 *        load -F FILE idle - [-c CONNECTIONS]
 *        load -F FILE commit TOPIC -t SECONDS [-c CONNECTIONS]
 *        load -F FILE logins - -t SECONDS [-c CONNECTIONS]
 *        load -F FILE poll TOPIC -c 1 -t SECONDS [-p PARTITIONS]
 *        load -F FILE ends TOPIC -c 1 [-p PARTITIONS]
 *
 * -m keeps IN-FLIGHT requests going on each connection. -r is an open loop: requests
 * are due at fixed times whether or not earlier ones were answered, and latency
 * counts from then, so a stall shows in every request that it delayed. -t without -r
 * is as fast as it goes for that long. `idle` logs in and holds the connections until
 * its input ends. `fetch` reads each partition from its beginning and again, and checks
 * every batch's CRC and that no offset is missing. `verify` reads each once, and checks
 * also the stamps (stamp.h): of the first record of a batch, as `produce` writes them, or
 * with -e of each, as `small` does. `commit` is a group a connection, which commits the
 * next offset as soon as the last one is acknowledged, and asks in the end what is kept.
 * `logins` opens connections, TLS without a ticket and all, each for a login. `poll` fetches
 * by one session again and again from partitions that have nothing. `ends` asks each
 * partition how far it goes, once.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "load.h"
#include "stamp.h"
#include "wire/batch.h"
#include "wire/batch_build.h"
#include "wire/header.h"

#define PRODUCE_VERSION	9
#define FETCH_VERSION	12
#define FETCH_BYTES	(1u << 20)
#define CLIENT_ID	STR("load")

/* A frame of `produce`, with a stamp of its own. */
struct out {
	struct out *next;
	uint8_t bytes[];
};

void
load_fail(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

/* ---- frames ---- */

uint8_t *
load_encode(int key, int version, const void *in, size_t *ret_n)
{
	const struct wire_api *api = wire_api_find(key);
	struct arena *arena = arena_create(SIZE_MAX);
	struct writer w;
	struct pieces out = { NULL, 0 };
	struct buf b;
	writer_init(&w, arena);
	uint8_t *hole = writer_hole(&w);
	wire_header_encode(&w, api, version, 0, CLIENT_ID);
	if (wire_encode(api->req, version, &w, 0, in) != 0 || writer_finish(&w, &out) != 0)
		load_fail("the request cannot be encoded");
	writer_fill(hole, (int32_t)(w.n - 4));
	buf_init(&b, w.n);
	for (int32_t i = 0; i < out.n; i++)
		(void)buf_add(&b, out.v[i].p, out.v[i].n);
	arena_destroy(&arena);
	*ret_n = b.n;
	return b.p;
}

/* Bytes that no codec and no disk makes small. */
static void
noise(uint8_t *p, size_t n)
{
	uint64_t x = 88172645463325252u;
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
}

static void
make_batch(struct load *l, struct buf *out)
{
	int n = (int)(l->batch_bytes / (l->message_bytes + 10));
	l->messages = n < 1 ? 1 : n;
	struct batch_entry *e = mem_zalloc((size_t)l->messages * sizeof(*e));
	char *value = mem_alloc(l->message_bytes);
	noise((uint8_t *)value, l->message_bytes);
	for (int i = 0; i < l->messages; i++)
		e[i].value = (struct str){ value, l->message_bytes };
	buf_init(out, 256u << 20);
	if (batch_build(out, e, l->messages, clock_wall_ms()) != 0)
		load_fail("the batch cannot be built");
	l->batch_n = out->n;
	mem_free(value);
	mem_free(e);
}

static uint8_t *
make_produce(struct load *l, const struct buf *batch, int partition)
{
	struct piece piece = { batch->p, (uint32_t)batch->n };
	struct produce_req_partition p = { .index = partition, .records = { &piece, 1 } };
	struct produce_req_topic t = { .name = NAME(0, l->topic), .partition_data = { &p, 1 } };
	struct produce_req in;
	wire_defaults(&produce_req_msg, &in);
	in.acks = (int16_t)l->acks;
	in.timeout_ms = 30000;
	in.topic_data.v = &t;
	in.topic_data.n = 1;
	return load_encode(WIRE_KEY_PRODUCE, PRODUCE_VERSION, &in, &l->frame_n);
}

/* The frame of partition 0, and where the batch and the partition's number lie in it. */
static void
make_produce_frame(struct load *l)
{
	struct buf batch;
	make_batch(l, &batch);
	l->frame = make_produce(l, &batch, 0);
	uint8_t *other = make_produce(l, &batch, 0x01020304);
	while (l->index_at < l->frame_n && l->frame[l->index_at] == other[l->index_at])
		l->index_at++;
	const uint8_t *at = memmem(l->frame, l->frame_n, batch.p, batch.n);
	if (at == NULL || l->index_at + 4 > l->frame_n)
		load_fail("the request is not what was encoded");
	l->batch_at = (size_t)(at - l->frame);
	l->counts = mem_zalloc((size_t)(l->connections * l->partitions) * sizeof(*l->counts));
	mem_free(other);
	buf_free(&batch);
}

static struct out *
take_frame(struct load *l, int connection, int partition)
{
	struct out *out = l->spare;
	if (out == NULL) {
		out = mem_alloc(sizeof(*out) + l->frame_n);
		memcpy(out->bytes, l->frame, l->frame_n);
	} else {
		l->spare = out->next;
	}
	be_put(out->bytes + l->index_at, (uint32_t)partition, 4);
	stamp_batch(out->bytes + l->batch_at, l->batch_n, (uint64_t)connection,
	    l->counts[connection * l->partitions + partition]++);
	return out;
}

static void
give_frame(struct load *l, uint8_t *bytes)
{
	struct out *out = (struct out *)(bytes - offsetof(struct out, bytes));
	out->next = l->spare;
	l->spare = out;
}

static uint8_t *
make_fetch(const struct load *l, int partition, int64_t offset, size_t *ret_n)
{
	struct fetch_req_partition p;
	struct fetch_req_topic t;
	struct fetch_req in;
	wire_defaults(&fetch_req_msg, &in);
	wire_defaults_of(&fetch_req_topic_type, &t);
	wire_defaults_of(&fetch_req_partition_type, &p);
	p.partition = partition;
	p.fetch_offset = offset;
	p.partition_max_bytes = FETCH_BYTES;
	t.topic = NAME(0, l->topic);
	t.partitions.v = &p;
	t.partitions.n = 1;
	in.max_wait_ms = l->stamps != NULL ? 0 : 500;	/* partitions that are verified may be empty */
	in.min_bytes = 1;
	in.max_bytes = 8 << 20;
	in.topics.v = &t;
	in.topics.n = 1;
	return load_encode(WIRE_KEY_FETCH, FETCH_VERSION, &in, ret_n);
}

/* ---- answers ---- */

bool
load_enough(const struct load *l)
{
	if (l->bytes > 0)
		return l->asked >= l->bytes;
	return (double)(clock_mono_ns() - l->start) >= l->seconds * 1e9;
}

void *
load_decode(int key, int version, const uint8_t *p, size_t n, struct arena *arena)
{
	const struct wire_api *api = wire_api_find(key);
	struct reader r = reader_of(p, n);
	int32_t correlation;
	void *out = arena_zalloc(arena, api->rsp->type->size);
	wire_defaults(api->rsp, out);
	if (wire_header_answered(&r, api, version, &correlation) != 0 ||
	    wire_decode(api->rsp, version, &r, arena, 0, out) != 0)
		load_fail("an answer cannot be read");
	return out;
}

void
load_note_latency(struct load *l, uint64_t when)
{
	if (l->latencies == l->latency_max)
		return;
	l->latency[l->latencies++] = clock_mono_ns() - when;
}

static void
produced(struct load *l, struct stream *s)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct frame f;
	size_t n;
	for (const uint8_t *p; (p = stream_answer(s, &n, &f)) != NULL;) {
		const struct produce_rsp *a = load_decode(WIRE_KEY_PRODUCE, PRODUCE_VERSION, p, n, arena);
		if (a->responses.n != 1 || a->responses.v[0].partition_responses.n != 1)
			load_fail("an answer for other partitions");
		int err = a->responses.v[0].partition_responses.v[0].error_code;
		if (err != 0) {
			fprintf(stderr, "load: the broker answered error %d\n", err);
			exit(1);
		}
		load_note_latency(l, f.when);
		give_frame(l, f.p);
		l->moved += l->batch_n;
		l->records += (uint64_t)l->messages;
		l->requests++;
		arena_reset(arena);
	}
	arena_destroy(&arena);
}

static void
check_stamps(const struct load *l, const uint8_t *p, size_t n, struct stamps *stamps)
{
	struct batch_iter it;
	struct batch_record r;
	if (batch_iter_begin(&it, p, n, 0) != 0)
		load_fail("a batch is compressed");
	for (bool more = true; more && batch_iter_next(&it, &r); more = l->each) {
		const char *wrong = stamps_check(stamps, r.value);
		if (wrong != NULL)
			load_fail(wrong);
	}
	batch_iter_end(&it);
}

/* Whole batches without a gap, each with its CRC; s->offset is behind them then. The
 * last one may be cut off. */
static void
check_batches(struct load *l, struct stream *s, const uint8_t *p, size_t n, struct stamps *stamps)
{
	while (n >= BATCH_HEAD) {
		size_t size = 12 + (size_t)be_get(p + 8, 4);
		int64_t base = (int64_t)be_get(p, 8), next = base + (int64_t)be_get(p + 23, 4) + 1;
		if (size > n)
			break;
		if (base > s->offset || next <= s->offset)
			load_fail("an offset is missing, or comes again");
		if (crc32c(0, p + 21, size - 21) != be_get(p + 17, 4))
			load_fail("a batch is damaged");
		if (stamps != NULL)
			check_stamps(l, p, size, stamps);
		l->records += (uint64_t)(next - s->offset);
		s->offset = next;
		p += size;
		n -= size;
	}
}

static void
ask_at(struct load *l, struct stream *s, uint64_t when)
{
	size_t n;
	uint8_t *p = make_fetch(l, s->partition, s->offset, &n);
	l->asked += FETCH_BYTES;
	(void)stream_send(s, l->epoll, p, n, when);
}

static void
ask(struct load *l, struct stream *s)
{
	ask_at(l, s, clock_mono_ns());
}

/* What a fetch brought, and whether the partition has more; false: it is not answered yet. */
static bool
take_fetch(struct load *l, struct stream *s, struct stamps *stamps, bool *ret_more)
{
	struct frame f;
	size_t n;
	const uint8_t *p = stream_answer(s, &n, &f);
	if (p == NULL)
		return false;
	struct arena *arena = arena_create(SIZE_MAX);
	const struct fetch_rsp *a = load_decode(WIRE_KEY_FETCH, FETCH_VERSION, p, n, arena);
	if (a->error_code != 0 || a->responses.n != 1 || a->responses.v[0].partitions.n != 1 ||
	    a->responses.v[0].partitions.v[0].error_code != 0)
		load_fail("the broker answered a fetch with an error");
	const struct fetch_rsp_partition *r = &a->responses.v[0].partitions.v[0];
	l->asked -= FETCH_BYTES;		/* and what it really was: */
	for (int32_t i = 0; i < r->records.n; i++) {
		l->asked += r->records.v[i].n;
		l->moved += r->records.v[i].n;
		check_batches(l, s, r->records.v[i].p, r->records.v[i].n, stamps);
	}
	l->requests++;
	*ret_more = s->offset < r->high_watermark;
	load_note_latency(l, f.when);
	mem_free(f.p);
	arena_destroy(&arena);
	return true;
}

static void
fetched(struct load *l, struct stream *s)
{
	bool more;
	if (!take_fetch(l, s, NULL, &more))
		return;
	if (!more)
		s->offset = 0;
	if (l->rate == 0 && !load_enough(l))
		ask(l, s);
}

static void
verified(struct load *l, struct stream *s)
{
	bool more;
	if (!take_fetch(l, s, &l->stamps[s->partition], &more))
		return;
	if (!more) {
		s->partition += l->connections;
		s->offset = 0;
	}
	if (s->partition < l->partitions)
		ask(l, s);
}

/* ---- runs ---- */

static bool
send_batch(struct load *l, struct stream *s, uint64_t when)
{
	int partition = (int)(((uint32_t)s->number + s->queued) % (uint32_t)l->partitions);
	struct out *out = take_frame(l, s->number, partition);
	l->asked += l->batch_n;
	return stream_send(s, l->epoll, out->bytes, l->frame_n, when);
}

/* Keeps every connection's flight full until all is asked for. */
static void
refill(struct load *l, struct stream *s)
{
	while (!load_enough(l) && stream_under_way(s) < (uint32_t)l->in_flight)
		(void)send_batch(l, s, clock_mono_ns());
}

/* What is due by now goes out, one connection after the other. How long until the next, ns. */
static uint64_t
send_due(struct load *l, uint64_t *due)
{
	double gap = 1e9 * l->messages / l->rate;
	uint64_t now = clock_mono_ns(), all = (uint64_t)(l->rate * l->seconds / l->messages);
	while (*due < all) {
		uint64_t when = l->start + (uint64_t)(gap * (double)*due);
		if (when > now)
			return when - now;
		if (!send_batch(l, &l->streams[*due % (uint64_t)l->connections], when))
			load_fail("thousands of requests are unanswered: the rate is too high");
		++*due;
	}
	return NS_PER_SEC;
}

void
load_turn(struct load *l, uint64_t wait_ns, void (*answered)(struct load *, struct stream *))
{
	struct epoll_event e[64];
	/* Milliseconds would be a busy wait at a thousand requests a second, on the broker's cores. */
	struct timespec wait = { (time_t)(wait_ns / NS_PER_SEC), (long)(wait_ns % NS_PER_SEC) };
	int n = epoll_pwait2(l->epoll, e, 64, &wait, NULL);
	for (int i = 0; i < n; i++) {
		stream_move(e[i].data.ptr, l->epoll);
		answered(l, e[i].data.ptr);
	}
}

bool
load_any_under_way(const struct load *l)
{
	for (int i = 0; i < l->connections; i++)
		if (stream_under_way(&l->streams[i]) > 0)
			return true;
	return false;
}

static void
run_produce(struct load *l)
{
	uint64_t due = 0;
	make_produce_frame(l);
	if (l->rate > 0)
		l->bytes = (uint64_t)(l->rate * l->seconds / l->messages) * l->batch_n;
	l->start = clock_mono_ns();
	do {
		uint64_t wait = NS_PER_SEC;
		if (l->rate > 0)
			wait = send_due(l, &due);
		else
			for (int i = 0; i < l->connections; i++)
				refill(l, &l->streams[i]);
		load_turn(l, wait, produced);
	} while (!load_enough(l) || load_any_under_way(l));
	for (struct out *out; (out = l->spare) != NULL; mem_free(out))
		l->spare = out->next;
	mem_free(l->frame);
	mem_free(l->counts);
}

/* Fetches that are due by now, as far as somebody is free; how long until the next, ns. */
static uint64_t
fetch_due(struct load *l)
{
	for (int i = 0; i < l->connections && !load_enough(l); i++) {
		struct stream *s = &l->streams[i];
		uint64_t when = l->start + (uint64_t)((double)l->asked * 1000 / l->rate), now = clock_mono_ns();
		if (when > now)
			return when - now;
		if (stream_under_way(s) == 0)	/* the next begins where this one ends */
			ask_at(l, s, when);
	}
	return NS_PER_SEC;
}

static void
run_fetch(struct load *l)
{
	if (l->rate > 0)
		l->bytes = (uint64_t)(l->rate * 1e6 * l->seconds);
	l->start = clock_mono_ns();
	for (int i = 0; i < l->connections && l->rate == 0; i++)
		ask(l, &l->streams[i]);
	do
		load_turn(l, l->rate > 0 ? fetch_due(l) : NS_PER_SEC, fetched);
	while (!load_enough(l) || load_any_under_way(l));
}

/* Each partition once, from its beginning to its end. */
static void
run_verify(struct load *l)
{
	if (l->connections > l->partitions)
		load_fail("verify takes no more connections than there are partitions");
	l->stamps = mem_zalloc((size_t)l->partitions * sizeof(*l->stamps));
	l->start = clock_mono_ns();
	for (int i = 0; i < l->connections; i++)
		ask(l, &l->streams[i]);
	do
		load_turn(l, NS_PER_SEC, verified);
	while (load_any_under_way(l));
	for (int i = 0; i < l->partitions; i++)
		stamps_free(&l->stamps[i]);
	mem_free(l->stamps);
}

static void
run_idle(struct load *l)
{
	char c;
	printf("connections=%d\n", l->connections);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		continue;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static double
quantile(const struct load *l, double q)
{
	return l->latencies == 0 ? 0 : (double)l->latency[(size_t)(q * (double)(l->latencies - 1))] / 1e6;
}

static void
report(struct load *l, uint64_t ns)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	qsort(l->latency, l->latencies, sizeof(*l->latency), by_value);
	printf("seconds=%.3f bytes=%llu requests=%llu messages=%llu mb_s=%.1f p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f max_ms=%.3f "
	    "client_cpu=%.3f\n", (double)ns / 1e9, (unsigned long long)l->moved, (unsigned long long)l->requests,
	    (unsigned long long)l->records, (double)l->moved / 1e6 / ((double)ns / 1e9),
	    quantile(l, 0.5), quantile(l, 0.99), quantile(l, 0.999), quantile(l, 1),
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

#define OPTIONS "F:c:b:s:k:m:r:t:p:a:e"

static void
option(struct load *l, int c, const char *value)
{
	switch (c) {
	case 'c': l->connections = (int)strtol(value, NULL, 10); break;
	case 'b': l->batch_bytes = strtoul(value, NULL, 10); break;
	case 's': l->message_bytes = strtoul(value, NULL, 10); break;
	case 'k': l->in_flight = (int)strtol(value, NULL, 10); break;
	case 'm': l->bytes = strtoul(value, NULL, 10) * 1000000; break;
	case 'r': l->rate = strtod(value, NULL); break;
	case 't': l->seconds = strtod(value, NULL); break;
	case 'p': l->partitions = (int)strtol(value, NULL, 10); break;
	case 'a': l->acks = (int)strtol(value, NULL, 10); break;
	case 'e': l->each = true; break;
	}
}

static const char *
options(struct load *l, int argc, char **argv, struct arena *arena)
{
	struct why why = { "" };
	const char *file = NULL;
	int c;
	while ((c = getopt(argc, argv, OPTIONS)) != -1) {
		if (c == '?')
			return NULL;
		if (c == 'F')
			file = optarg;
		else
			option(l, c, optarg);
	}
	if (file == NULL || argc - optind != 2 || l->partitions < 1 || l->in_flight < 1 ||
	    l->in_flight > STREAM_FLIGHT || l->message_bytes < 1)
		return NULL;
	if (l->bytes == 0 && l->seconds == 0)
		l->bytes = 1000000000;
	if (l->connections == 0)
		l->connections = strcmp(argv[optind], "verify") == 0 && l->partitions < 4 ? l->partitions : 4;
	if (l->connections < 1)
		return NULL;
	if (props_load(file, arena, &l->props, &why) != 0)
		load_fail(why.text);
	l->topic = str_from(argv[optind + 1]);
	return argv[optind];
}

static const struct mode {
	const char *name;
	void (*run)(struct load *);
	bool quiet;			/* it prints for itself */
	bool connects;			/* by itself */
} modes[] = {
	{ "produce", run_produce, false, false },
	{ "fetch", run_fetch, false, false },
	{ "verify", run_verify, false, false },
	{ "idle", run_idle, true, false },
	{ "commit", load_commit, false, false },
	{ "poll", load_poll, false, false },
	{ "ends", load_ends, false, false },
	{ "logins", load_logins, false, true },
	{ NULL, NULL, false, false },
};

int
main(int argc, char **argv)
{
	struct load l = { .in_flight = 5, .partitions = 1, .acks = -1, .batch_bytes = 256 * 1024,
		.message_bytes = 1024, .latency_max = 1 << 22 };
	struct arena *arena = arena_create(SIZE_MAX);
	const char *name = options(&l, argc, argv, arena);
	const struct mode *mode = modes;
	while (name != NULL && mode->name != NULL && strcmp(mode->name, name) != 0)
		mode++;
	if (name == NULL || mode->name == NULL)
		load_fail("usage: load -F FILE produce|fetch|verify|idle|commit|logins|poll|ends TOPIC [-c CONNECTIONS] [-b BATCH-BYTES] [-s MESSAGE-BYTES] "
		    "[-k IN-FLIGHT] [-m MEGABYTES] [-r RATE] [-t SECONDS] [-p PARTITIONS] [-a ACKS] [-e]");
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.streams = mem_zalloc((size_t)l.connections * sizeof(*l.streams));
	l.latency = mem_zalloc(l.latency_max * sizeof(*l.latency));
	for (int i = 0; i < l.connections && !mode->connects; i++) {
		stream_open(&l.streams[i], &l.props, l.epoll, i);
		l.streams[i].partition = i % l.partitions;
	}
	l.start = clock_mono_ns();
	mode->run(&l);
	if (!mode->quiet)
		report(&l, (l.end != 0 ? l.end : clock_mono_ns()) - l.start);
	for (int i = 0; i < l.connections && !mode->connects; i++)
		stream_close(&l.streams[i]);
	close(l.epoll);
	mem_free(l.latency);
	mem_free(l.streams);
	arena_destroy(&arena);
	return 0;
}

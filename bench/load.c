/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator: many connections on one loop, frames that were encoded before,
 * and every answer checked. Prints one line of KEY=VALUE words.
 *
 * usage: load -F FILE produce TOPIC [-c CONNECTIONS] [-b BATCH-BYTES] [-s MESSAGE-BYTES] [-k IN-FLIGHT]
 *                     [-m MEGABYTES | -r MESSAGES-A-SECOND -t SECONDS] [-p PARTITIONS] [-a ACKS]
 *        load -F FILE fetch TOPIC [-c CONNECTIONS] [-m MEGABYTES] [-p PARTITIONS]
 *        load -F FILE idle - [-c CONNECTIONS]
 *
 * -m keeps IN-FLIGHT requests going on each connection. -r is an open loop: requests
 * are due at fixed times whether or not earlier ones were answered, and latency
 * counts from then, so a stall shows in every request that it delayed. `idle` logs in
 * and holds the connections until its input ends. `fetch` reads each partition from
 * its beginning and again, and checks every batch's CRC and that no offset is missing.
 */
#include <endian.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "stream.h"
#include "wire/batch.h"
#include "wire/batch_build.h"
#include "wire/header.h"

#define PRODUCE_VERSION	9
#define FETCH_VERSION	12
#define CLIENT_ID	STR("load")

struct load {
	struct props props;
	struct str topic;
	int connections, in_flight, partitions, acks;
	size_t batch_bytes, message_bytes;
	uint64_t bytes;			/* to move in all */
	double rate, seconds;		/* messages a second; 0: as fast as it goes */

	int epoll;
	struct stream *streams;
	uint8_t **frames;		/* one a partition */
	size_t frame_n, batch_n;
	int messages;			/* in a batch */
	uint64_t asked, moved, requests;
	uint64_t *latency;
	size_t latencies, latency_max;
};

static void
fail(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

/* ---- frames ---- */

/* The request as one run of bytes, with its length in front. */
static uint8_t *
encode(int key, int version, const void *in, size_t *ret_n)
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
		fail("the request cannot be encoded");
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
		fail("the batch cannot be built");
	l->batch_n = out->n;
	mem_free(value);
	mem_free(e);
}

static void
make_produce_frames(struct load *l)
{
	struct buf batch;
	make_batch(l, &batch);
	l->frames = mem_zalloc((size_t)l->partitions * sizeof(*l->frames));
	for (int i = 0; i < l->partitions; i++) {
		struct piece piece = { batch.p, (uint32_t)batch.n };
		struct produce_req_partition p = { .index = i, .records = { &piece, 1 } };
		struct produce_req_topic t = { .name = NAME(0, l->topic), .partition_data = { &p, 1 } };
		struct produce_req in;
		wire_defaults(&produce_req_msg, &in);
		in.acks = (int16_t)l->acks;
		in.timeout_ms = 30000;
		in.topic_data.v = &t;
		in.topic_data.n = 1;
		l->frames[i] = encode(WIRE_KEY_PRODUCE, PRODUCE_VERSION, &in, &l->frame_n);
	}
	buf_free(&batch);
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
	p.partition_max_bytes = 1 << 20;
	t.topic = NAME(0, l->topic);
	t.partitions.v = &p;
	t.partitions.n = 1;
	in.max_wait_ms = 500;
	in.min_bytes = 1;
	in.max_bytes = 8 << 20;
	in.topics.v = &t;
	in.topics.n = 1;
	return encode(WIRE_KEY_FETCH, FETCH_VERSION, &in, ret_n);
}

/* ---- answers ---- */

static void *
decode(int key, int version, const uint8_t *p, size_t n, struct arena *arena)
{
	const struct wire_api *api = wire_api_find(key);
	struct reader r = reader_of(p, n);
	int32_t correlation;
	void *out = arena_zalloc(arena, api->rsp->type->size);
	wire_defaults(api->rsp, out);
	if (wire_header_answered(&r, api, version, &correlation) != 0 ||
	    wire_decode(api->rsp, version, &r, arena, 0, out) != 0)
		fail("an answer cannot be read");
	return out;
}

static void
note_latency(struct load *l, uint64_t when)
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
		const struct produce_rsp *a = decode(WIRE_KEY_PRODUCE, PRODUCE_VERSION, p, n, arena);
		if (a->responses.n != 1 || a->responses.v[0].partition_responses.n != 1)
			fail("an answer for other partitions");
		int err = a->responses.v[0].partition_responses.v[0].error_code;
		if (err != 0) {
			fprintf(stderr, "load: the broker answered error %d\n", err);
			exit(1);
		}
		note_latency(l, f.when);
		l->moved += l->batch_n;
		l->requests++;
		arena_reset(arena);
	}
	arena_destroy(&arena);
}

static uint64_t
be(const uint8_t *p, int n)
{
	uint64_t v = 0;
	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* Whole batches without a gap, each with its CRC; the offset behind them. The last
 * one may be cut off. */
static int64_t
check_batches(const uint8_t *p, size_t n, int64_t offset)
{
	while (n >= BATCH_HEAD) {
		size_t size = 12 + (size_t)be(p + 8, 4);
		int64_t base = (int64_t)be(p, 8), next = base + (int64_t)be(p + 23, 4) + 1;
		if (size > n)
			break;
		if (base > offset || next <= offset)
			fail("an offset is missing, or comes again");
		if (crc32c(0, p + 21, size - 21) != be(p + 17, 4))
			fail("a batch is damaged");
		offset = next;
		p += size;
		n -= size;
	}
	return offset;
}

static void
ask(struct load *l, struct stream *s)
{
	size_t n;
	uint8_t *p = make_fetch(l, s->number % l->partitions, s->offset, &n);
	(void)stream_send(s, l->epoll, p, n, clock_mono_ns());
}

static void
fetched(struct load *l, struct stream *s)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct frame f;
	size_t n;
	const uint8_t *p = stream_answer(s, &n, &f);
	if (p != NULL) {
		const struct fetch_rsp *a = decode(WIRE_KEY_FETCH, FETCH_VERSION, p, n, arena);
		if (a->error_code != 0 || a->responses.n != 1 || a->responses.v[0].partitions.n != 1 ||
		    a->responses.v[0].partitions.v[0].error_code != 0)
			fail("the broker answered a fetch with an error");
		const struct fetch_rsp_partition *r = &a->responses.v[0].partitions.v[0];
		for (int32_t i = 0; i < r->records.n; i++) {
			l->moved += r->records.v[i].n;
			s->offset = check_batches(r->records.v[i].p, r->records.v[i].n, s->offset);
		}
		note_latency(l, f.when);
		l->requests++;
		mem_free(f.p);
		if (s->offset >= r->high_watermark)
			s->offset = 0;
		if (l->moved < l->bytes)
			ask(l, s);
	}
	arena_destroy(&arena);
}

/* ---- runs ---- */

static bool
send_batch(struct load *l, struct stream *s, uint64_t when)
{
	int partition = (int)((uint64_t)s->number + l->asked / l->batch_n) % l->partitions;
	if (!stream_send(s, l->epoll, l->frames[partition], l->frame_n, when))
		return false;
	l->asked += l->batch_n;
	return true;
}

/* Keeps every connection's flight full until all is asked for. */
static void
refill(struct load *l, struct stream *s)
{
	while (l->asked < l->bytes && stream_under_way(s) < (uint32_t)l->in_flight)
		(void)send_batch(l, s, clock_mono_ns());
}

/* What is due by now goes out, one connection after the other. How long until the next, ns. */
static uint64_t
send_due(struct load *l, uint64_t start, uint64_t *due)
{
	double gap = 1e9 * l->messages / l->rate;
	uint64_t now = clock_mono_ns(), all = (uint64_t)(l->rate * l->seconds / l->messages);
	while (*due < all) {
		uint64_t when = start + (uint64_t)(gap * (double)*due);
		if (when > now)
			return when - now;
		if (!send_batch(l, &l->streams[*due % (uint64_t)l->connections], when))
			fail("thousands of requests are unanswered: the rate is too high");
		++*due;
	}
	return NS_PER_SEC;
}

static void
turn(struct load *l, uint64_t wait_ns, void (*answered)(struct load *, struct stream *))
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

static void
run_produce(struct load *l)
{
	make_produce_frames(l);
	uint64_t start = clock_mono_ns(), due = 0;
	if (l->rate > 0)
		l->bytes = (uint64_t)(l->rate * l->seconds / l->messages) * l->batch_n;
	while (l->moved < l->bytes) {
		uint64_t wait = NS_PER_SEC;
		if (l->rate > 0)
			wait = send_due(l, start, &due);
		else
			for (int i = 0; i < l->connections; i++)
				refill(l, &l->streams[i]);
		turn(l, wait, produced);
	}
	for (int i = 0; i < l->partitions; i++)
		mem_free(l->frames[i]);
	mem_free(l->frames);
}

static void
run_fetch(struct load *l)
{
	l->messages = 1;
	for (int i = 0; i < l->connections; i++)
		ask(l, &l->streams[i]);
	uint32_t open = 1;
	while (open > 0) {
		turn(l, NS_PER_SEC, fetched);
		open = 0;
		for (int i = 0; i < l->connections; i++)
			open += stream_under_way(&l->streams[i]);
	}
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
	    (unsigned long long)(l->requests * (uint64_t)l->messages), (double)l->moved / 1e6 / ((double)ns / 1e9),
	    quantile(l, 0.5), quantile(l, 0.99), quantile(l, 0.999), quantile(l, 1),
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

static const char *
options(struct load *l, int argc, char **argv, struct arena *arena)
{
	struct why why = { "" };
	const char *file = NULL;
	int c;
	while ((c = getopt(argc, argv, "F:c:b:s:k:m:r:t:p:a:")) != -1) {
		switch (c) {
		case 'F': file = optarg; break;
		case 'c': l->connections = (int)strtol(optarg, NULL, 10); break;
		case 'b': l->batch_bytes = strtoul(optarg, NULL, 10); break;
		case 's': l->message_bytes = strtoul(optarg, NULL, 10); break;
		case 'k': l->in_flight = (int)strtol(optarg, NULL, 10); break;
		case 'm': l->bytes = strtoul(optarg, NULL, 10) * 1000000; break;
		case 'r': l->rate = strtod(optarg, NULL); break;
		case 't': l->seconds = strtod(optarg, NULL); break;
		case 'p': l->partitions = (int)strtol(optarg, NULL, 10); break;
		case 'a': l->acks = (int)strtol(optarg, NULL, 10); break;
		default: return NULL;
		}
	}
	if (file == NULL || argc - optind != 2 || l->connections < 1 || l->partitions < 1 ||
	    l->in_flight < 1 || l->in_flight > STREAM_FLIGHT || l->message_bytes < 1)
		return NULL;
	if (props_load(file, arena, &l->props, &why) != 0)
		fail(why.text);
	l->topic = str_from(argv[optind + 1]);
	return argv[optind];
}

int
main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(struct load *); } modes[] = {
		{ "produce", run_produce }, { "fetch", run_fetch }, { "idle", run_idle },
	};
	struct load l = { .connections = 4, .in_flight = 5, .partitions = 1, .acks = -1, .batch_bytes = 256 * 1024,
		.message_bytes = 1024, .bytes = 1000000000, .seconds = 10, .latency_max = 1 << 22 };
	struct arena *arena = arena_create(SIZE_MAX);
	const char *mode = options(&l, argc, argv, arena);
	size_t at = 0;
	while (mode != NULL && at < 3 && strcmp(modes[at].name, mode) != 0)
		at++;
	if (mode == NULL || at == 3)
		fail("usage: load -F FILE produce|fetch|idle TOPIC [-c CONNECTIONS] [-b BATCH-BYTES] [-s MESSAGE-BYTES] "
		    "[-k IN-FLIGHT] [-m MEGABYTES] [-r MESSAGES-A-SECOND -t SECONDS] [-p PARTITIONS] [-a ACKS]");
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.streams = mem_zalloc((size_t)l.connections * sizeof(*l.streams));
	l.latency = mem_zalloc(l.latency_max * sizeof(*l.latency));
	for (int i = 0; i < l.connections; i++)
		stream_open(&l.streams[i], &l.props, l.epoll, i);
	uint64_t start = clock_mono_ns();
	modes[at].run(&l);
	if (at < 2)
		report(&l, clock_mono_ns() - start);
	for (int i = 0; i < l.connections; i++)
		stream_close(&l.streams[i]);
	close(l.epoll);
	mem_free(l.latency);
	mem_free(l.streams);
	arena_destroy(&arena);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modes of the load generator that move no records: offset commits, fetches of what
 * has nothing new, ends, logins. Each request is answered before its connection sends the next, as
 * Kafka takes no other of a connection before.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/mem.h"
#include "load.h"
#include "wire/kerr.h"

#define COMMIT_VERSION	8
#define OFFSETS_VERSION	7
#define FIND_VERSION	3
#define FETCH_VERSION	12
#define ENDS_VERSION	7
#define PATIENCE	(60 * NS_PER_SEC)

static void
later(struct load *l, struct stream *s)
{
	(void)l;
	(void)s;
}

/* One request on a connection that has none under way, and its answer. */
static void *
call(struct load *l, struct stream *s, int key, int version, const void *in, struct arena *arena)
{
	struct frame f;
	const uint8_t *p;
	size_t n;
	uint8_t *frame = load_encode(key, version, in, &n);
	(void)stream_send(s, l->epoll, frame, n, clock_mono_ns());
	while ((p = stream_answer(s, &n, &f)) == NULL)
		load_turn(l, NS_PER_SEC, later);
	mem_free(frame);
	return load_decode(key, version, p, n, arena);
}

/* ---- commits: a group a connection, `load-N` ---- */

struct group {
	uint8_t *frame;			/* a commit, which is sent again with another offset */
	size_t n, offset_at;
	uint64_t committed;		/* so many times; and it is the offset, too */
};

static struct group *groups;

static struct str
group_name(int i, struct arena *arena)
{
	return arena_printf(arena, "load-%d", i);
}

static uint8_t *
encode_commit(const struct load *l, struct str group, int64_t offset, size_t *ret_n)
{
	struct offset_commit_req_partition p;
	struct offset_commit_req_topic t;
	struct offset_commit_req in;
	wire_defaults_of(&offset_commit_req_partition_type, &p);
	wire_defaults_of(&offset_commit_req_topic_type, &t);
	wire_defaults(&offset_commit_req_msg, &in);
	p.committed_offset = offset;
	p.committed_metadata = STR("");
	t.name = NAME(0, l->topic);
	t.partitions.v = &p;
	t.partitions.n = 1;
	in.group_id = NAME(0, group);
	in.generation_id_or_member_epoch = -1;
	in.topics.v = &t;
	in.topics.n = 1;
	return load_encode(WIRE_KEY_OFFSET_COMMIT, COMMIT_VERSION, &in, ret_n);
}

static void
make_commit(const struct load *l, struct group *g, struct str name)
{
	g->frame = encode_commit(l, name, 0, &g->n);
	uint8_t *other = encode_commit(l, name, 0x0102030405060708, &g->n);
	while (g->offset_at < g->n && g->frame[g->offset_at] == other[g->offset_at])
		g->offset_at++;
	mem_free(other);
	if (g->offset_at + 8 > g->n)
		load_fail("the commit is not what was encoded");
}

static void
send_commit(struct load *l, struct stream *s)
{
	struct group *g = &groups[s->number];
	be_put(g->frame + g->offset_at, g->committed + 1, 8);
	(void)stream_send(s, l->epoll, g->frame, g->n, clock_mono_ns());
}

/* The code of the answer to the commit that is under way; -1: there is none yet. */
static int
take_commit(struct load *l, struct stream *s, struct arena *arena)
{
	struct frame f;
	size_t n;
	const uint8_t *p = stream_answer(s, &n, &f);
	if (p == NULL)
		return -1;
	const struct offset_commit_rsp *a = load_decode(WIRE_KEY_OFFSET_COMMIT, COMMIT_VERSION, p, n, arena);
	if (a->topics.n != 1 || a->topics.v[0].partitions.n != 1)
		load_fail("an answer for other partitions");
	load_note_latency(l, f.when);
	return a->topics.v[0].partitions.v[0].error_code;
}

/* Asks until it is served: Apache Kafka makes the place for a group's offsets, and loads it, when it is first asked for. */
static void
find(struct load *l, struct stream *s, struct str group, struct arena *arena)
{
	struct find_coordinator_req in;
	uint64_t end = clock_mono_ns() + PATIENCE;
	int err;
	wire_defaults(&find_coordinator_req_msg, &in);
	in.key = NAME(0, group);
	do {
		const struct find_coordinator_rsp *a = call(l, s, WIRE_KEY_FIND_COORDINATOR, FIND_VERSION, &in, arena);
		err = a->error_code;
		if (err == 0) {
			send_commit(l, s);
			while ((err = take_commit(l, s, arena)) == -1)
				load_turn(l, NS_PER_SEC, later);
		}
		if (err != 0)
			usleep(100000);
	} while (err >= KERR_COORDINATOR_LOAD_IN_PROGRESS && err <= KERR_NOT_COORDINATOR && clock_mono_ns() < end);
	if (err != 0) {
		fprintf(stderr, "load: the broker answered error %d to a group's first commit\n", err);
		exit(1);
	}
	groups[s->number].committed = 1;
}

static void
committed(struct load *l, struct stream *s)
{
	static struct arena *arena;
	if (arena == NULL)
		arena = arena_create(SIZE_MAX);
	int err = take_commit(l, s, arena);
	arena_reset(arena);
	if (err == -1)
		return;
	if (err != 0) {
		fprintf(stderr, "load: the broker answered error %d\n", err);
		exit(1);
	}
	groups[s->number].committed++;
	l->requests++;
	if (!load_enough(l))
		send_commit(l, s);
}

/* What was acknowledged last is what the group has. */
static void
check_committed(struct load *l, struct stream *s, struct str group, struct arena *arena)
{
	int32_t zero = 0;
	struct offset_fetch_req_topic t;
	struct offset_fetch_req in;
	wire_defaults_of(&offset_fetch_req_topic_type, &t);
	wire_defaults(&offset_fetch_req_msg, &in);
	t.name = NAME(0, l->topic);
	t.partition_indexes.v = &zero;
	t.partition_indexes.n = 1;
	in.group_id = NAME(0, group);
	in.topics.v = &t;
	in.topics.n = 1;
	const struct offset_fetch_rsp *a = call(l, s, WIRE_KEY_OFFSET_FETCH, OFFSETS_VERSION, &in, arena);
	if (a->error_code != 0 || a->topics.n != 1 || a->topics.v[0].partitions.n != 1 ||
	    a->topics.v[0].partitions.v[0].error_code != 0)
		load_fail("the broker does not say what a group committed");
	if (a->topics.v[0].partitions.v[0].committed_offset != (int64_t)groups[s->number].committed)
		load_fail("a commit that was acknowledged is not there");
}

void
load_commit(struct load *l)
{
	struct arena *arena = arena_create(SIZE_MAX);
	groups = mem_zalloc((size_t)l->connections * sizeof(*groups));
	for (int i = 0; i < l->connections; i++) {
		make_commit(l, &groups[i], group_name(i, arena));
		find(l, &l->streams[i], group_name(i, arena), arena);
	}
	l->latencies = 0;
	l->start = clock_mono_ns();
	for (int i = 0; i < l->connections; i++)
		send_commit(l, &l->streams[i]);
	do
		load_turn(l, NS_PER_SEC, committed);
	while (load_any_under_way(l));
	l->end = clock_mono_ns();
	for (int i = 0; i < l->connections; i++) {
		check_committed(l, &l->streams[i], group_name(i, arena), arena);
		mem_free(groups[i].frame);
	}
	mem_free(groups);
	arena_destroy(&arena);
}

/* ---- fetches by a session over partitions that have nothing ---- */

/* A whole one makes the session, or one of the session, which names nothing any more. */
static const struct fetch_rsp *
poll_once(struct load *l, struct stream *s, int32_t session, int32_t epoch, struct fetch_req_topic *t, struct arena *arena)
{
	struct fetch_req in;
	wire_defaults(&fetch_req_msg, &in);
	in.min_bytes = 1;
	in.max_bytes = 1 << 20;
	in.session_id = session;
	in.session_epoch = epoch;
	in.topics.v = t;
	in.topics.n = t != NULL;
	const struct fetch_rsp *a = call(l, s, WIRE_KEY_FETCH, FETCH_VERSION, &in, arena);
	if (a->error_code != 0 || a->session_id == 0 || (session != 0 && a->session_id != session))
		load_fail("the broker keeps no fetch session");
	return a;
}

void
load_poll(struct load *l)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct fetch_req_topic t;
	struct fetch_req_partition *p = mem_zalloc((size_t)l->partitions * sizeof(*p));
	if (l->connections != 1)
		load_fail("poll takes one connection");
	wire_defaults_of(&fetch_req_topic_type, &t);
	t.topic = NAME(0, l->topic);
	t.partitions.v = p;
	t.partitions.n = l->partitions;
	for (int i = 0; i < l->partitions; i++) {
		wire_defaults_of(&fetch_req_partition_type, &p[i]);
		p[i].partition = i;
		p[i].partition_max_bytes = 1 << 20;
	}
	const struct fetch_rsp *a = poll_once(l, l->streams, 0, 0, &t, arena);
	if (a->responses.n != 1 || a->responses.v[0].partitions.n != l->partitions)
		load_fail("not all partitions were answered");
	for (int i = 0; i < l->partitions; i++)
		if (a->responses.v[0].partitions.v[i].error_code != 0 || a->responses.v[0].partitions.v[i].records.n != 0)
			load_fail("a partition is not idle");
	int32_t session = a->session_id;
	l->start = clock_mono_ns();
	for (int32_t epoch = 1; !load_enough(l); epoch++) {
		uint64_t when = clock_mono_ns();
		arena_reset(arena);
		if (poll_once(l, l->streams, session, epoch, NULL, arena)->responses.n != 0)
			load_fail("a partition without records was answered");
		load_note_latency(l, when);
		l->requests++;
	}
	mem_free(p);
	arena_destroy(&arena);
}

/* ---- how far partitions go ---- */

/* l->records: the ends of all together, which is the number of records where none was deleted. */
void
load_ends(struct load *l)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct list_offsets_req_partition *p = arena_zalloc(arena, (size_t)l->partitions * sizeof(*p));
	struct list_offsets_req_topic t;
	struct list_offsets_req in;
	wire_defaults(&list_offsets_req_msg, &in);
	in.replica_id = -1;
	wire_defaults_of(&list_offsets_req_topic_type, &t);
	for (int i = 0; i < l->partitions; i++) {
		wire_defaults_of(&list_offsets_req_partition_type, &p[i]);
		p[i].partition_index = i;
		p[i].timestamp = -1;
	}
	t.name = NAME(0, l->topic);
	t.partitions.v = p;
	t.partitions.n = l->partitions;
	in.topics.v = &t;
	in.topics.n = 1;
	const struct list_offsets_rsp *a = call(l, l->streams, WIRE_KEY_LIST_OFFSETS, ENDS_VERSION, &in, arena);
	if (a->topics.n != 1 || a->topics.v[0].partitions.n != l->partitions)
		load_fail("not all partitions were answered");
	for (int i = 0; i < l->partitions; i++) {
		if (a->topics.v[0].partitions.v[i].error_code != 0)
			load_fail("a partition is not served");
		l->records += (uint64_t)a->topics.v[0].partitions.v[i].offset;
	}
	l->requests = 1;
	arena_destroy(&arena);
}

/* ---- logins, each on a connection of its own ---- */

static atomic_uint_fast64_t logins;

static void *
log_in(void *arg)
{
	const struct load *l = arg;
	while (!load_enough(l)) {
		struct why why = { "" };
		struct conn *conn;
		if (conn_open(&l->props, NULL, &conn, &why) != 0)
			load_fail(why.text);
		conn_close(&conn);
		atomic_fetch_add(&logins, 1);
	}
	return NULL;
}

/* A thread for each that is under way: a client's part is as dear as the broker's, and blocks. */
void
load_logins(struct load *l)
{
	pthread_t *threads = mem_zalloc((size_t)l->connections * sizeof(*threads));
	l->start = clock_mono_ns();
	for (int i = 0; i < l->connections; i++)
		if (pthread_create(&threads[i], NULL, log_in, l) != 0)
			load_fail("no thread");
	for (int i = 0; i < l->connections; i++)
		pthread_join(threads[i], NULL);
	l->requests = atomic_load(&logins);
	mem_free(threads);
}

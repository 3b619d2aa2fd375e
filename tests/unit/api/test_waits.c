/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait while something else happens: a Fetch for the disk when a late wake comes or
 * its connection goes, a Produce in the line of a quota. The broker is whole, from the socket to the
 * log; what would be a matter of luck is done here in a fixed order: reads from the disk and ends
 * of waits happen when the test says so.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../small_broker.h"
#include "api/request.h"
#include "base/mem.h"
#include "wire/batch_build.h"
#include "wire/codec.h"
#include "wire/msg.h"

enum { PARTITIONS = 2, BATCH = 60000, READS = 2, RATE = 1000000, BURST = RATE / 2, PATIENCE_MS = 60000 };

struct host {
	struct small_broker small;
	struct conn_ops ops;
	struct arena *arena;
	struct quota_image *limits;
	struct quota_link *probe;	/* of the user that clients are */
	struct partition *p[PARTITIONS];
	int n;				/* requests sent */
};

static struct host *host;	/* of the running test: the functions below are called by anybody */

/* What the wrapped functions do. */
static struct {
	atomic_bool cold;		/* nothing lies in memory */
	atomic_bool late_wake;		/* partition 1 grows when a fetch leaves the queue of 0 */
	atomic_bool closes;		/* its connection is closed before that wake arrives */
	atomic_bool undurable;		/* Produce waits until the test fires its waiter */
	_Atomic int queued, wakes, aside;
	struct log_read_job *reads[READS + 2];
	_Atomic int n_reads;
	struct log_waiter *_Atomic waiter;
	struct request *_Atomic woken;
	struct post close;
	uint64_t line_before, line_after;	/* of the quota, around stepping aside */
} play;

/* ---- what is wrapped ---- */

int __real_partition_read(struct partition *p, int64_t offset, size_t max, bool one, struct arena *arena, struct log_read *ret);
int __wrap_partition_read(struct partition *p, int64_t offset, size_t max, bool one, struct arena *arena, struct log_read *ret);
int __real_partition_read_cold(struct log_read_job *job);
int __wrap_partition_read_cold(struct log_read_job *job);
int __real_partition_wait_data(struct partition *p, struct log_waiter *w, int64_t offset, uint32_t min);
int __wrap_partition_wait_data(struct partition *p, struct log_waiter *w, int64_t offset, uint32_t min);
void __real_partition_wait_cancel(struct partition *p, struct log_waiter *w);
void __wrap_partition_wait_cancel(struct partition *p, struct log_waiter *w);
int __real_partition_append(struct partition *p, const struct append *in, struct append_result *ret);
int __wrap_partition_append(struct partition *p, const struct append *in, struct append_result *ret);
void __real_request_wake(struct request *rq);
void __wrap_request_wake(struct request *rq);
void __real_quota_step_aside(struct quota_link *link);
void __wrap_quota_step_aside(struct quota_link *link);

int
__wrap_partition_read(struct partition *p, int64_t offset, size_t max, bool one, struct arena *arena, struct log_read *ret)
{
	struct log_ends ends;
	partition_ends(p, &ends);
	if (atomic_load(&play.cold) && offset < ends.high_watermark)
		return ERR_AGAIN;
	return __real_partition_read(p, offset, max, one, arena, ret);
}

int
__wrap_partition_read_cold(struct log_read_job *job)
{
	int n = atomic_load(&play.n_reads);
	if (!atomic_load(&play.cold))
		return __real_partition_read_cold(job);
	if (n < READS + 2)
		play.reads[n] = job;
	atomic_store(&play.n_reads, n + 1);
	return 0;
}

int
__wrap_partition_wait_data(struct partition *p, struct log_waiter *w, int64_t offset, uint32_t min)
{
	int err = __real_partition_wait_data(p, w, offset, min);
	atomic_fetch_add(&play.queued, err == 0);
	return err;
}

static void
eventually_(bool (*what)(void), int line)
{
	for (int i = 0; !what(); i++) {
		if (i == PATIENCE_MS)
			fail_msg("line %d: it does not come to it", line);
		usleep(1000);
	}
}
#define EVENTUALLY(what) eventually_(what, __LINE__)

static void
append_to(struct partition *p)
{
	static const char zeros[BATCH];
	struct batch_entry e = { .key = STR_NULL, .value = { zeros, BATCH } };
	struct append_result res;
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_ok(batch_build(&b, &e, 1, 1000));
	assert_ok(partition_append(p, &(struct append){ b.p, b.n, -1, NULL }, &res));
	buf_free(&b);
}

static void
close_woken(struct post *post)
{
	(void)post;
	conn_close(atomic_load(&play.woken)->session->conn, NULL);
}

void
__wrap_partition_wait_cancel(struct partition *p, struct log_waiter *w)
{
	if (atomic_load(&play.waiter) == w)
		return;
	if (p == host->p[0] && atomic_exchange(&play.late_wake, false)) {
		int wakes = atomic_load(&play.wakes);
		play.close.run = close_woken;
		if (atomic_load(&play.closes)) /* they are run in this order, after this turn */
			loop_post(atomic_load(&play.woken)->loop, &play.close);
		append_to(host->p[1]);
		for (int i = 0; atomic_load(&play.wakes) == wakes; i++) {
			assert_true(i < PATIENCE_MS);
			usleep(1000);
		}
	}
	__real_partition_wait_cancel(p, w);
}

int
__wrap_partition_append(struct partition *p, const struct append *in, struct append_result *ret)
{
	struct append alone = *in;
	if (!atomic_load(&play.undurable))
		return __real_partition_append(p, in, ret);
	alone.waiter = NULL;
	int err = __real_partition_append(p, &alone, ret);
	ret->waiting = true;
	atomic_store(&play.waiter, in->waiter);
	return err;
}

void
__wrap_request_wake(struct request *rq)
{
	atomic_store(&play.woken, rq);
	atomic_fetch_add(&play.wakes, 1); /* before: whoever it wakes may count on having been counted */
	__real_request_wake(rq);
}

/* What those who wait in the user's line will cost, ns. */
static uint64_t
line(void)
{
	const struct quota_ask ask = { QUOTA_PRODUCE, 1 };
	uint64_t now = clock_mono_ns();
	uint64_t wait = quota_admit(host->probe, &ask, 1, now), debt = quota_delay(host->probe, QUOTA_PRODUCE, now);
	__real_quota_step_aside(host->probe);
	return wait - debt;
}

void
__wrap_quota_step_aside(struct quota_link *link)
{
	play.line_before = line();
	__real_quota_step_aside(link);
	play.line_after = line();
	atomic_fetch_add(&play.aside, 1);
}

/* ---- a broker ---- */

static void *
opened(struct conn *conn, void *arg)
{
	struct session *s = session_ops.opened(conn, arg);
	if (s != NULL)
		small_login(s);
	return s;
}

/* As if the last answer had taken so much to get out. */
static _Atomic uint64_t on_the_way_out;

static void
closed(struct conn *conn, void *arg)
{
	struct session *s = arg;
	s->around_ns += atomic_load(&on_the_way_out);
	session_ops.closed(conn, arg);
}

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(listener_port(host->small.door)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	assert_ok(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

/* Its end is noticed at once, also by who does not read. */
static void
reset(int fd)
{
	struct linger none = { 1, 0 };
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
	close(fd);
}

static void
ask(int fd, int key, int version, const void *in)
{
	const struct wire_api *api = wire_api_find(key);
	struct writer w;
	struct pieces out;
	writer_init(&w, host->arena);
	uint8_t *hole = writer_hole(&w);
	wire_header_encode(&w, api, version, ++host->n, STR("c"));
	assert_ok(wire_encode(api->req, version, &w, 0, in));
	writer_fill(hole, (int32_t)(w.n - 4));
	assert_ok(writer_finish(&w, &out));
	for (int32_t i = 0; i < out.n; i++)
		assert_int_equal(send(fd, out.v[i].p, out.v[i].n, MSG_NOSIGNAL), out.v[i].n);
}

/* The answer to the last request. */
static void
answer(int fd, int key, int version, void *ret)
{
	const struct wire_api *api = wire_api_find(key);
	uint8_t length[4];
	int32_t correlation;
	assert_int_equal(recv(fd, length, 4, MSG_WAITALL), 4);
	size_t n = (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	uint8_t *b = arena_alloc(host->arena, n);
	assert_int_equal(recv(fd, b, n, MSG_WAITALL), n);
	struct reader r = reader_of(b, n);
	assert_ok(wire_header_answered(&r, api, version, &correlation));
	assert_int_equal(correlation, host->n);
	assert_ok(wire_decode(api->rsp, version, &r, host->arena, 0, ret));
}

static bool
is_silent(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, 0) == 0;
}

static bool
nobody_is_there(void)
{
	return listeners_count(host->small.b.listeners) == 0;
}

struct fence {
	struct post post;
	atomic_bool done;
};

static void
fence_run(struct post *post)
{
	atomic_store(&CONTAINER_OF(post, struct fence, post)->done, true);
}

/* Turns of the loop: what was posted before has been run, and then what that has posted. */
static void
turns(int n)
{
	while (n-- > 0) {
		struct fence f = { .post.run = fence_run };
		loop_post(host->small.b.loops[0], &f.post);
		while (!atomic_load(&f.done))
			usleep(100);
	}
}

static void
make_topic(void)
{
	struct create_topics_req in;
	struct create_topics_rsp out;
	int fd = dial();
	wire_defaults(&create_topics_req_msg, &in);
	in.timeout_ms = PATIENCE_MS;
	struct create_topics_req_topic *t = WIRE_ADD(host->arena, in.topics, create_topics_req_topic);
	t->name = NAME(0, STR("t"));
	t->num_partitions = PARTITIONS;
	t->replication_factor = -1;
	*WIRE_ADD(host->arena, t->configs, create_topics_req_config) =
	    (struct create_topics_req_config){ STR("flush"), STR("os") };
	ask(fd, WIRE_KEY_CREATE_TOPICS, 4, &in);
	answer(fd, WIRE_KEY_CREATE_TOPICS, 4, &out);
	assert_int_equal(out.topics.v[0].error_code, 0);
	close(fd);
	const struct image_topic *topic = image_topic(atomic_load(host->small.b.core.image), NAME(0, STR("t")));
	for (int i = 0; i < PARTITIONS; i++)
		assert_non_null(host->p[i] = store_find(host->small.b.store, &topic->id, i));
}

static void
limit(enum quota_key key, double rate)
{
	struct quota_entity e = { .has_user = true, .user = STR("ANONYMOUS") };
	struct quota_values v = { 0 };
	v.v[key] = rate;
	quota_image_unref(&host->limits);
	host->limits = quota_image_set(NULL, &e, &v);
	quota_publish(host->small.b.core.quota, host->limits);
}

static int
setup(void **state)
{
	struct host *h = host = MEM_NEW(struct host);
	memset(&play, 0, sizeof(play));
	h->arena = arena_create(SIZE_MAX);
	h->ops = session_ops;
	h->ops.opened = opened;
	h->ops.closed = closed;
	small_broker_start(&h->small, "/tmp", &h->ops, 2, LOG_LVL_CRIT, 1 << 20);
	h->small.limits.unsent_bytes = 1;	/* whoever has an answer coming is choked */
	h->probe = quota_open(h->small.b.core.quota, NAME(0, STR("ANONYMOUS")));
	make_topic();
	atomic_store(&play.aside, 0);
	*state = h;
	return 0;
}

static int
teardown(void **state)
{
	struct host *h = *state;
	EVENTUALLY(nobody_is_there);
	for (int i = 0; i < PARTITIONS; i++)
		partition_put(&h->p[i]);
	quota_close(&h->probe);
	quota_image_unref(&h->limits);
	small_broker_stop(&h->small);
	arena_destroy(&h->arena);
	mem_free(h);
	host = NULL;
	return 0;
}

/* ---- a Fetch and the disk ---- */

/* What reads under way have promised, ns: with a burst more, all of it is debt. */
static uint64_t
promised(void)
{
	uint64_t later = clock_mono_ns() + 1000 * NS_PER_SEC;
	struct quota_held *burst = quota_hold(host->probe, QUOTA_FETCH, BURST);
	uint64_t ns = quota_delay(host->probe, QUOTA_FETCH, later);
	quota_release(&burst);
	return ns;
}

static bool
nothing_is_promised(void)
{
	return promised() == 0;
}

static bool
both_are_queued(void)
{
	return atomic_load(&play.queued) == PARTITIONS;
}

static bool
both_are_read(void)
{
	return atomic_load(&play.n_reads) >= READS;
}

static void
fetch(int fd, int min_bytes)
{
	struct fetch_req in;
	wire_defaults(&fetch_req_msg, &in);
	in.replica_id = -1;
	in.max_wait_ms = 2 * PATIENCE_MS;
	in.min_bytes = min_bytes;
	in.max_bytes = 1 << 24;
	struct fetch_req_topic *t = WIRE_ADD(host->arena, in.topics, fetch_req_topic);
	t->topic = NAME(0, STR("t"));
	for (int i = 0; i < PARTITIONS; i++) {
		struct fetch_req_partition *p = WIRE_ADD(host->arena, t->partitions, fetch_req_partition);
		p->partition = i;
		p->partition_max_bytes = BURST / READS;
	}
	ask(fd, WIRE_KEY_FETCH, 4, &in);
}

/* A Fetch waits for both partitions; one wakes it, and before it has left the other's queue that one
 * wakes it, too. It goes on to the disk, and there the second wake finds it. */
static int
fetch_that_is_woken_twice(bool closes)
{
	limit(QUOTA_FETCH, RATE);
	int fd = dial();
	fetch(fd, 1);
	EVENTUALLY(both_are_queued);
	atomic_store(&play.closes, closes);
	atomic_store(&play.cold, true);
	atomic_store(&play.late_wake, true);
	append_to(host->p[0]);
	EVENTUALLY(both_are_read);
	turns(3);
	assert_int_equal(atomic_load(&play.n_reads), READS); /* and it waits for them */
	assert_int_equal(promised(), NS_PER_SEC * BURST / RATE);
	return fd;
}

static void
let_read(void)
{
	atomic_store(&play.cold, false);
	for (int i = 0; i < READS; i++)
		assert_ok(__real_partition_read_cold(play.reads[i]));
}

static void
a_late_wake_is_not_the_end_of_a_read(void **state)
{
	struct fetch_rsp out;
	(void)state;
	int fd = fetch_that_is_woken_twice(false);
	assert_true(is_silent(fd));
	let_read();
	answer(fd, WIRE_KEY_FETCH, 4, &out);
	assert_int_equal(out.responses.v[0].partitions.n, PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++) {
		struct fetch_rsp_partition *p = &out.responses.v[0].partitions.v[i];
		assert_int_equal(p->error_code, 0);
		assert_true(p->records.n > 0 && p->records.v[0].n > BATCH);
	}
	assert_int_equal(promised(), 0);
	close(fd);
}

static double
paid(void)
{
	struct quota_usage use;
	assert_true(quota_usage(host->small.b.core.quota, NAME(0, STR("ANONYMOUS")), clock_mono_ns(), &use));
	return use.rate[QUOTA_FETCH];
}

/* The memory that is read into stays until the disk is through, though nobody waits for it any more
 * (the sanitizer looks); then nothing is promised, and what was read is paid. */
static void
who_goes_while_the_disk_reads_is_not_forgotten(void **state)
{
	(void)state;
	int fd = fetch_that_is_woken_twice(true);
	EVENTUALLY(nobody_is_there);
	assert_int_equal(promised(), NS_PER_SEC * BURST / RATE);
	assert_true(paid() < 1);
	let_read();
	EVENTUALLY(nothing_is_promised);
	assert_true(paid() > PARTITIONS * BATCH / 30);
	close(fd);
}

/* ---- a Produce and the line ---- */

enum { SLOW = 10000, WAITS = 90000 };	/* bytes a second; nine seconds' worth */

static void
produce(int fd, size_t bytes)
{
	struct produce_req in;
	struct buf b;
	struct batch_entry e = { .key = STR_NULL, .value = { arena_zalloc(host->arena, bytes), bytes } };
	buf_init(&b, 1 << 20);
	assert_ok(batch_build(&b, &e, 1, 1000));
	wire_defaults(&produce_req_msg, &in);
	in.acks = 1;
	in.timeout_ms = PATIENCE_MS;
	struct produce_req_topic *t = WIRE_ADD(host->arena, in.topic_data, produce_req_topic);
	t->name = NAME(0, STR("t"));
	struct produce_req_partition *p = WIRE_ADD(host->arena, t->partition_data, produce_req_partition);
	struct str records = arena_str(host->arena, (struct str){ (const char *)b.p, b.n });
	p->records = (struct pieces){ 0 };
	pieces_add(host->arena, &p->records, (const uint8_t *)records.p, (uint32_t)records.n);
	ask(fd, WIRE_KEY_PRODUCE, 7, &in);
	buf_free(&b);
}

static bool
somebody_is_in_the_line(void)
{
	return line() > 8 * NS_PER_SEC;
}

static bool
nobody_is_in_the_line(void)
{
	return line() == 0;
}

static bool
it_waits_for_the_disk(void)
{
	return atomic_load(&play.waiter) != NULL;
}

/* A connection whose next request waits for two seconds of debt, with a place for nine. */
static int
one_in_the_line(void)
{
	limit(QUOTA_PRODUCE, SLOW);
	(void)quota_charge(host->probe, QUOTA_PRODUCE, 2.5 * SLOW, clock_mono_ns());
	int fd = dial();
	produce(fd, WAITS);
	EVENTUALLY(somebody_is_in_the_line);
	return fd;
}

static void
who_goes_leaves_the_line(void **state)
{
	struct produce_rsp out;
	(void)state;
	int first = one_in_the_line(), behind = dial();
	uint64_t begin = clock_mono_ns();
	produce(behind, 1);
	reset(first);
	answer(behind, WIRE_KEY_PRODUCE, 7, &out);
	assert_int_equal(out.responses.v[0].partition_responses.v[0].error_code, 0);
	assert_true(clock_mono_ns() - begin < 9 * NS_PER_SEC);
	EVENTUALLY(nobody_is_in_the_line);
	close(behind);
}

/* An answer to what it had sent before comes in between, and may not be taken for long. */
static void
who_takes_no_answers_leaves_the_line(void **state)
{
	struct produce_rsp out;
	(void)state;
	atomic_store(&play.undurable, true);
	limit(QUOTA_PRODUCE, SLOW);
	int fd = dial();
	produce(fd, 1);
	EVENTUALLY(it_waits_for_the_disk);
	atomic_store(&play.undurable, false);
	int answered = host->n;
	(void)quota_charge(host->probe, QUOTA_PRODUCE, 20 * SLOW, clock_mono_ns());
	produce(fd, WAITS);
	EVENTUALLY(somebody_is_in_the_line);
	struct log_waiter *w = atomic_load(&play.waiter);
	w->fire(w, 0);
	host->n = answered;
	answer(fd, WIRE_KEY_PRODUCE, 7, &out);
	assert_int_equal(atomic_load(&play.aside), 1);
	assert_true(play.line_before > 8 * NS_PER_SEC);
	assert_int_equal(play.line_after, 0);
	reset(fd);
	EVENTUALLY(nobody_is_there);
	assert_int_equal(line(), 0);
}

/* ---- what is left to pay ---- */

static bool
somebody_is_there(void)
{
	return listeners_count(host->small.b.listeners) == 1;
}

/* What an answer costs on its way out is on the bill of the next request: the last one's on the
 * connection's, or who connects anew for each had it for nothing. */
static void
who_goes_pays_the_rest(void **state)
{
	(void)state;
	struct quota_usage use;
	atomic_store(&on_the_way_out, 50 * NS_PER_SEC);
	int fd = dial();
	EVENTUALLY(somebody_is_there);
	assert_true(quota_usage(host->small.b.core.quota, NAME(0, STR("ANONYMOUS")), clock_mono_ns(), &use));
	double before = use.rate[QUOTA_REQUEST];
	close(fd);
	EVENTUALLY(nobody_is_there);
	atomic_store(&on_the_way_out, 0);
	assert_true(quota_usage(host->small.b.core.quota, NAME(0, STR("ANONYMOUS")), clock_mono_ns(), &use));
	assert_true(use.rate[QUOTA_REQUEST] - before > 100);	/* per cent, over 10 to 20 s */
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		W(a_late_wake_is_not_the_end_of_a_read), W(who_goes_while_the_disk_reads_is_not_forgotten),
		W(who_goes_pays_the_rest), W(who_goes_leaves_the_line), W(who_takes_no_answers_leaves_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

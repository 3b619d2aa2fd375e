/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk fails at its Nth write or sync: with an I/O error, or for want of room; once,
 * or from then on. Nothing that was acknowledged may be lost, whoever waits gets an
 * error, the other partition goes on, and the broken one says so and can be mended.
 */
#include "support.h"

#include "log/impl.h"
#include "log/journal_format.h"
#include "log/room.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static struct {
	_Atomic long countdown;		/* operations until the failure; < 0: never */
	_Atomic int err;
	_Atomic bool lasting;
	_Atomic int64_t room;		/* that is said to be free; < 0: what is, or none after a failure */
	pthread_mutex_t mutex;		/* of what follows */
	const char *only;		/* a part of the path that must match; NULL: any */
	char paths[1024][128];
	/* Of the first segment: what comes in while it is first synced, and how much of it is. */
	void (*meanwhile)(void *arg);
	void *arg;
	int64_t synced;
	int held, held_max;		/* writes of the journal that wait, or have waited; how many are to */
	int let_go;			/* how many of them may go on */
	pthread_cond_t moved;
} fault = { .countdown = -1, .room = -1, .mutex = PTHREAD_MUTEX_INITIALIZER,
	.moved = PTHREAD_COND_INITIALIZER };

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __real_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at);
int __real_fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __wrap_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at);
int __wrap_fs_sync(int fd);
int __wrap_fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total);

static int
strike(int fd)
{
	pthread_mutex_lock(&fault.mutex);
	bool other = fault.only != NULL && strstr(fault.paths[fd], fault.only) == NULL;
	pthread_mutex_unlock(&fault.mutex);
	if (other)
		return 0;
	long left = atomic_load(&fault.countdown);
	if (left < 0)
		return 0;
	if (left == 0)
		return atomic_load(&fault.lasting) ? atomic_load(&fault.err) : 0;
	if (atomic_fetch_sub(&fault.countdown, 1) != 1)
		return 0;
	if (!atomic_load(&fault.lasting))
		atomic_store(&fault.countdown, -1);
	return atomic_load(&fault.err);
}

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	int err = __real_fs_open(path, flags, ret_fd);
	pthread_mutex_lock(&fault.mutex);
	if (err == 0 && *ret_fd < 1024)
		snprintf(fault.paths[*ret_fd], sizeof(fault.paths[0]), "%s", path);
	pthread_mutex_unlock(&fault.mutex);
	return err;
}

int
__wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at)
{
	int err = strike(fd);
	if (err != 0 && n > 10)
		__real_fs_pwrite(fd, p, n / 2, at);	/* a short one */
	return err != 0 ? err : __real_fs_pwrite(fd, p, n, at);
}

/* A write of the journal's that is in flight until it is let go. */
static void
hold(int fd)
{
	pthread_mutex_lock(&fault.mutex);
	if (fault.held < fault.held_max && strstr(fault.paths[fd], "/journal/") != NULL) {
		int me = ++fault.held;
		pthread_cond_broadcast(&fault.moved);
		while (fault.let_go < me)
			pthread_cond_wait(&fault.moved, &fault.mutex);
	}
	pthread_mutex_unlock(&fault.mutex);
}

int
__wrap_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at)
{
	int err = strike(fd);
	hold(fd);
	if (err != 0 && iov->iov_len > 10)
		__real_fs_pwrite(fd, iov->iov_base, iov->iov_len / 2, at);
	return err != 0 ? err : __real_fs_pwritev(fd, iov, count, at);
}

int
__wrap_fs_sync(int fd)
{
	int64_t size;
	int err = strike(fd);
	pthread_mutex_lock(&fault.mutex);
	bool first = strstr(fault.paths[fd], "/00000000000000000000.log") != NULL;
	void (*meanwhile)(void *) = first ? fault.meanwhile : NULL;
	fault.meanwhile = first ? NULL : fault.meanwhile;
	pthread_mutex_unlock(&fault.mutex);
	if (err == 0)
		err = fs_size(fd, &size);
	if (meanwhile != NULL)
		meanwhile(fault.arg);
	pthread_mutex_lock(&fault.mutex);
	if (err == 0 && first)
		fault.synced = size;
	pthread_mutex_unlock(&fault.mutex);
	return err;
}

int
__wrap_fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total)
{
	int err = __real_fs_space(path, ret_free, ret_total);
	if (err == 0 && atomic_load(&fault.err) == ERR_NOSPACE && atomic_load(&fault.countdown) == 0)
		*ret_free = 0;
	if (err == 0 && atomic_load(&fault.room) >= 0)
		*ret_free = (uint64_t)atomic_load(&fault.room);
	return err;
}

/* ---- */

static void
aim(long n, int err, bool lasting, const char *only)
{
	pthread_mutex_lock(&fault.mutex);
	fault.only = only;
	pthread_mutex_unlock(&fault.mutex);
	atomic_store(&fault.err, err);
	atomic_store(&fault.lasting, lasting);
	atomic_store(&fault.countdown, n);
}

static void
batch_of(uint8_t b[300], int partition, int64_t i)
{
	make_batch(b, 300, 1, 1000 + i, (uint8_t)(i * 31 + partition));
}

/* Appends until an error or `most`; the number of acknowledged ones. */
static int64_t
append_some(struct partition *p, int index, int64_t from, int64_t most, int *ret_err)
{
	struct append_result r;
	uint8_t b[300];
	*ret_err = 0;
	for (int64_t i = from; i < most; i++) {
		batch_of(b, index, i);
		*ret_err = append_durable(p, b, sizeof(b), &r);
		if (*ret_err != 0)
			return i;
		assert_int_equal(r.base, i);
	}
	return most;
}

static void
check(struct partition *p, int index, int64_t acked)
{
	uint8_t want[300];
	struct log_ends e;
	partition_ends(p, &e);
	assert_true(e.high_watermark >= acked);
	for (int64_t at = 0; at < e.high_watermark;) {
		struct log_read hot = { .bytes = 0 };
		struct arena *arena = arena_create(SIZE_MAX);
		struct log_read_job r = { .p = p, .offset = at, .max_bytes = 65536,
			.at_least_one = true };
		struct piece got = { NULL, 0 };
		int err = partition_read(p, at, 65536, true, arena, &hot);
		if (err == 0)
			got = hot.pieces.v[0];
		else {
			assert_int_equal(err, ERR_AGAIN);
			read_cold(&r);
			assert_ok(r.err);
			got = log_buf_bytes(r.buf);
		}
		assert_true(got.n > 0);
		for (uint32_t pos = 0; pos < got.n; pos += 300, at++) {
			batch_of(want, index, at);
			assert_int_equal(head_base(got.p + pos), at);
			assert_memory_equal(got.p + pos + HEAD_CRC_FROM, want + HEAD_CRC_FROM,
			    300 - HEAD_CRC_FROM);
		}
		log_buf_put(r.buf);
		arena_destroy(&arena);
	}
}

static void
setup(struct fixture *f, enum log_flush flush)
{
	fixture_make(f);
	f->topic.flush = flush;
	f->topic.flush_messages = 3;
	f->topic.segment_bytes = 3000;
	f->config.journal_bytes = 16 * 1024;
	f->config.no_background = true;
	fixture_open(f);
}

static void
fail_at(long n, int err, bool lasting, enum log_flush flush, bool mend)
{
	struct fixture f;
	int got[2];
	int64_t acked[2];
	setup(&f, flush);
	struct partition *p[2] = { fixture_partition(&f, 0), fixture_partition(&f, 1) };
	aim(n, err, lasting, NULL);
	for (int i = 0; i < 2; i++)
		acked[i] = append_some(p[i], i, 0, 20, &got[i]);
	store_checkpoint(f.store);
	for (int i = 0; i < 2; i++) {
		struct log_ends e;
		partition_ends(p[i], &e);
		if (got[i] != 0)
			assert_true(got[i] == ERR_IO || got[i] == ERR_NOSPACE);
		check(p[i], i, acked[i]);
	}
	aim(-1, 0, false, NULL);
	for (int i = 0; i < 2 && mend; i++) {
		struct log_ends e;
		partition_ends(p[i], &e);
		if (e.state == LOG_OFFLINE) {
			assert_ok(partition_recover(p[i], false));
			check(p[i], i, acked[i]);
			partition_ends(p[i], &e);
			assert_int_equal(e.state, LOG_ONLINE);
			acked[i] = append_some(p[i], i, e.end, e.end + 5, &got[i]);
			assert_ok(got[i]);
		}
	}
	for (int i = 0; i < 2; i++)
		partition_put(&p[i]);
	store_close(&f.store);
	fixture_open(&f);
	for (int i = 0; i < 2; i++) {
		p[i] = fixture_partition(&f, i);
		struct log_ends e;
		partition_ends(p[i], &e);
		assert_int_equal(e.state, LOG_ONLINE);
		check(p[i], i, acked[i]);
		assert_int_equal(append_some(p[i], i, e.end, e.end + 5, &got[i]), e.end + 5);
		partition_put(&p[i]);
	}
	fixture_free(&f);
}

static void
every_failure_is_survived(void **state)
{
	(void)state;
	for (long n = 1; n < 60; n += 1 + n / 6)
		for (int flush = LOG_FLUSH_ACK; flush <= LOG_FLUSH_OS; flush++) {
			fail_at(n, ERR_IO, false, flush, n % 2 == 0);
			fail_at(n, ERR_IO, true, flush, n % 2 == 0);
			fail_at(n, ERR_NOSPACE, true, flush, false);
		}
}

/* Retention is what makes room on a full disk. */
static void
a_full_partition_is_still_retained(void **state)
{
	(void)state;
	struct fixture f;
	struct log_ends e;
	int err;
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_OS;
	f.topic.segment_bytes = 1000;
	f.topic.retention_bytes = 2000;
	f.config.no_background = true;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(append_some(p, 0, 0, 20, &err), 20);
	aim(1, ERR_NOSPACE, true, "/orders-0/");
	append_some(p, 0, 20, 21, &err);
	assert_int_equal(err, ERR_NOSPACE);
	store_maintain(f.store, 0, 1);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_FULL);
	assert_true(e.log_start > 0);
	assert_int_equal(e.end, 20);
	aim(-1, 0, false, NULL);
	store_check_room(f.store);
	assert_int_equal(append_some(p, 0, 20, 40, &err), 40);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	partition_put(&p);
	fixture_free(&f);
}

static void
one_bad_partition_is_not_all(void **state)
{
	(void)state;
	struct fixture f;
	int err;
	setup(&f, LOG_FLUSH_OS);
	struct partition *bad = fixture_partition(&f, 0), *good = fixture_partition(&f, 1);
	aim(1, ERR_IO, true, "/orders-0/");
	append_some(bad, 0, 0, 20, &err);
	assert_int_equal(err, ERR_IO);
	assert_int_equal(append_some(good, 1, 0, 20, &err), 20);
	append_some(bad, 0, 0, 20, &err);
	assert_int_equal(err, ERR_IO);
	struct log_ends e;
	partition_ends(bad, &e);
	assert_int_equal(e.state, LOG_OFFLINE);
	aim(-1, 0, false, NULL);
	partition_put(&bad);
	partition_put(&good);
	fixture_free(&f);
}

/* Where much waits behind the journal that cannot be written, nobody tries without end: it would
 * take a processor and keep the store from being closed. */
static void
what_cannot_be_written_is_left_alone(void **state)
{
	(void)state;
	static const int errs[] = { ERR_IO, ERR_NOSPACE };
	enum { N = 1 << 20 };
	uint8_t *b = mem_alloc(N);
	make_batch(b, N, 1, 1000, 7);
	for (int i = 0; i < 2; i++) {
		struct fixture f;
		struct append_result r;
		struct log_ends e = { .state = LOG_ONLINE };
		fixture_make(&f);
		f.topic.flush = LOG_FLUSH_ACK;
		f.topic.segment_bytes = 1 << 30;
		f.config.journal_bytes = 16 << 20;
		f.config.dirty_bytes = 1 << 30;
		fixture_open(&f);
		struct partition *p = fixture_partition(&f, 0);
		assert_ok(append_durable(p, b, N, &r));
		aim(1, errs[i], true, "/orders-0/");
		for (int k = 0; k < 5 && append_durable(p, b, N, &r) == 0; k++)
			continue;
		for (int k = 0; k < 500 && e.state == LOG_ONLINE; k++) {
			usleep(10000);
			partition_ends(p, &e);
		}
		assert_int_equal(e.state, errs[i] == ERR_IO ? LOG_OFFLINE : LOG_FULL);
		clock_t before = clock();
		usleep(300000);
		assert_true(clock() - before < CLOCKS_PER_SEC / 10);
		aim(-1, 0, false, NULL);
		partition_put(&p);
		fixture_free(&f);
	}
	mem_free(b);
}

/* A journal that failed has failed for those, too, that wrote nothing since: they are mended by the same word. */
static void
a_failed_journal_is_everybodys(void **state)
{
	(void)state;
	struct fixture f;
	struct log_ends e;
	int err;
	setup(&f, LOG_FLUSH_ACK);
	struct partition *p[2] = { fixture_partition(&f, 0), fixture_partition(&f, 1) };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(append_some(p[i], i, 0, 5, &err), 5);
		assert_false(partition_failed(p[i]));
	}
	aim(1, ERR_IO, true, "/journal/");
	append_some(p[0], 0, 5, 6, &err);
	assert_int_equal(err, ERR_IO);
	aim(-1, 0, false, NULL);
	for (int i = 0; i < 2; i++) {
		assert_true(partition_failed(p[i]));
		partition_ends(p[i], &e);
		assert_int_equal(e.state, LOG_OFFLINE);
		assert_ok(partition_recover(p[i], false));
		assert_false(partition_failed(p[i]));
		check(p[i], i, 5);
		partition_ends(p[i], &e);
		assert_int_equal(append_some(p[i], i, e.end, e.end + 5, &err), e.end + 5);
		partition_put(&p[i]);
	}
	fixture_free(&f);
}

static void
a_full_disk_refuses_and_resumes(void **state)
{
	(void)state;
	struct fixture f;
	struct log_ends e;
	int err;
	setup(&f, LOG_FLUSH_OS);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(append_some(p, 0, 0, 10, &err), 10);
	aim(1, ERR_NOSPACE, true, NULL);
	int64_t acked = append_some(p, 0, 10, 20, &err);
	assert_int_equal(err, ERR_NOSPACE);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_FULL);
	assert_int_equal(e.end, acked);
	append_some(p, 0, acked, 20, &err);
	assert_int_equal(err, ERR_NOSPACE);
	check(p, 0, acked);
	aim(-1, 0, false, NULL);
	for (int i = 0; i < 500 && err != 0; i++) {
		usleep(10000);
		acked = append_some(p, 0, acked, 20, &err);
	}
	assert_ok(err);
	assert_int_equal(acked, 20);
	check(p, 0, 20);
	partition_put(&p);
	fixture_free(&f);
}

/* The ballast is there for offset commits: an internal topic goes on when others are
 * refused. The disk is full for all but what the ballast gave back. */
static void
internal_topics_use_the_reserve(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct why why;
	char path[128];
	uint8_t b[300];
	int err;
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_OS;
	f.config.ballast_bytes = 1 << 20;
	f.config.soft_free_percent = 1;
	f.config.no_background = true;
	fixture_open(&f);
	snprintf(path, sizeof(path), "%s/ballast", f.dir);
	assert_true(fs_exists(path));
	struct partition *p = fixture_partition(&f, 0);
	struct store_topic t = { { "internal-topicid" }, NAME(0, STR("__consumer_offsets")), true, f.topic };
	assert_ok(store_create_partitions(f.store, &t, 0, 1, &why));
	struct partition *internal = store_find(f.store, &t.id, 0);
	atomic_store(&fault.room, 100000);
	aim(1, ERR_NOSPACE, true, "/orders-0/");
	append_some(p, 0, 0, 5, &err);
	assert_int_equal(err, ERR_NOSPACE);
	store_check_room(f.store);
	assert_true(fs_exists(path));		/* not for them */
	make_batch(b, sizeof(b), 1, 0, 0);
	assert_ok(append_durable(internal, b, sizeof(b), &r));
	aim(1, ERR_NOSPACE, false, "offsets-0");	/* once: until the ballast is gone */
	assert_ok(append_durable(internal, b, sizeof(b), &r));
	assert_int_equal(r.base, 1);
	assert_false(fs_exists(path));
	/* Metadata cannot ask for it: it goes when others have taken the last byte. */
	aim(-1, 0, false, NULL);
	int fd;
	assert_ok(fs_open(path, O_WRONLY | O_CREAT, &fd));
	fs_close(&fd);
	store_check_room(f.store);
	assert_true(fs_exists(path));
	atomic_store(&fault.room, 0);
	store_check_room(f.store);
	assert_false(fs_exists(path));
	atomic_store(&fault.room, -1);
	partition_put(&p);
	partition_put(&internal);
	fixture_free(&f);
}

struct rolling {
	struct partition *p;
	struct gate gate;
};

static void
roll(void *arg)
{
	struct rolling *r = arg;
	struct append_result res;
	uint8_t b[300];
	for (int64_t i = 5; i < 15; i++) {
		batch_of(b, 0, i);
		assert_ok(partition_append(r->p, &(struct append){ b, sizeof(b), -1, i == 14 ? &r->gate.w : NULL }, &res));
	}
	assert_true(res.waiting);
	assert_ok(partition_write_out(r->p, true));
}

/* Five batches of a topic that turns to ack; `meanwhile` happens while they are synced. */
static void
begin_rolling(struct fixture *f, struct rolling *r, void (*meanwhile)(void *arg))
{
	struct log_config ack;
	int err;
	setup(f, LOG_FLUSH_OS);
	*r = (struct rolling){ .p = fixture_partition(f, 0) };
	gate_init(&r->gate);
	assert_int_equal(append_some(r->p, 0, 0, 5, &err), 5);
	fault.arg = r;
	fault.meanwhile = meanwhile;
	ack = f->topic;
	ack.flush = LOG_FLUSH_ACK;
	partition_set_config(r->p, &ack);
}

/* A segment that gets its last bytes while its first ones are synced is synced again before
 * anything behind it counts. */
static void
nothing_is_durable_behind_what_is_not(void **state)
{
	struct fixture f;
	struct rolling r;
	(void)state;
	begin_rolling(&f, &r, roll);
	assert_ok(gate_wait(&r.gate));
	assert_int_equal(fault.synced, 3000);
	check(r.p, 0, 15);
	partition_put(&r.p);
	fixture_free(&f);
}

/* While ten batches are synced of which five count already, the disk is full and the log is cut. */
static void
fill_up(void *arg)
{
	struct rolling *r = arg;
	struct append_result res;
	uint8_t b[300];
	struct log_ends e;
	batch_of(b, 0, 15);
	aim(1, ERR_NOSPACE, true, "/orders-0/");
	assert_ok(partition_append(r->p, &(struct append){ b, sizeof(b), -1, NULL }, &res));
	/* The writer may have been first; then it is through when we have its lock. */
	int err = partition_write_out(r->p, true);
	partition_ends(r->p, &e);
	assert_true(err == ERR_NOSPACE || err == 0);
	assert_int_equal(e.state, LOG_FULL);
	aim(-1, 0, false, NULL);
}

static void
roll_and_fill_up(void *arg)
{
	roll(arg);
	pthread_mutex_lock(&fault.mutex);
	fault.meanwhile = fill_up;
	pthread_mutex_unlock(&fault.mutex);
}

/* A sync that ends after the log was cut tells of bytes that are no part of it any more. */
static void
a_sync_is_of_the_log_that_it_began_with(void **state)
{
	struct fixture f;
	struct rolling r;
	struct log_ends e;
	int err;
	(void)state;
	begin_rolling(&f, &r, roll_and_fill_up);
	assert_int_equal(gate_wait(&r.gate), ERR_NOSPACE);
	for (int i = 0; i < 100; i++) {
		partition_ends(r.p, &e);
		assert_int_equal(e.end, 5);
		assert_int_equal(e.high_watermark, 5);
		usleep(1000);
	}
	store_check_room(f.store);
	assert_int_equal(append_some(r.p, 0, 5, 20, &err), 20);
	check(r.p, 0, 20);
	partition_put(&r.p);
	fixture_free(&f);
}

/* Lets the first `n` go, and waits until `held` of them have come. */
static void
hold_journal(int n, int held)
{
	pthread_mutex_lock(&fault.mutex);
	fault.let_go = n;
	pthread_cond_broadcast(&fault.moved);
	while (fault.held < held)
		pthread_cond_wait(&fault.moved, &fault.mutex);
	pthread_mutex_unlock(&fault.mutex);
}

static void
append_waiting(struct partition *p, int index, int64_t from, int64_t to, struct gate *g)
{
	struct append_result r;
	uint8_t b[300];
	gate_init(g);
	for (int64_t i = from; i < to; i++) {
		batch_of(b, index, i);
		assert_ok(partition_append(p, &(struct append){ b, sizeof(b), -1, i == to - 1 ? &g->w : NULL }, &r));
	}
	assert_true(r.waiting);
}

static void
ends_are(struct partition *p, int64_t high_watermark, int64_t end)
{
	struct log_ends e;
	partition_ends(p, &e);
	assert_int_equal(e.high_watermark, high_watermark);
	assert_int_equal(e.end, end);
}

/* A group of the journal that ends after the log was cut tells of records that are no part of it
 * any more; those that took their offsets are in a later group, which is on its way still. */
static void
a_group_of_the_journal_is_of_the_log_that_it_was_made_for(void **state)
{
	struct fixture f;
	struct gate old, new;
	int err;
	(void)state;
	setup(&f, LOG_FLUSH_ACK);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(append_some(p, 0, 0, 5, &err), 5);
	fault.held = fault.let_go = 0;
	fault.held_max = 3;
	append_waiting(p, 1, 5, 6, &old);	/* in flight; none of them is ever told of */
	hold_journal(0, 1);
	append_waiting(p, 1, 6, 9, &new);	/* and some that wait for their turn */
	ends_are(p, 5, 9);
	atomic_store(&fault.room, 0);
	store_check_room(f.store);
	lock_take(&p->lock);
	partition_fail(p, LOG_FULL, ERR_NOSPACE);	/* as a write does that finds no room */
	lock_drop(&p->lock);
	assert_int_equal(gate_wait(&old), ERR_NOSPACE);
	assert_int_equal(gate_wait(&new), ERR_NOSPACE);
	ends_are(p, 5, 5);
	atomic_store(&fault.room, -1);
	store_check_room(f.store);
	append_waiting(p, 0, 5, 12, &new);
	/* The next write begins when all was told that the one before it had to tell. */
	hold_journal(1, 2);
	ends_are(p, 5, 12);
	assert_false(new.fired);
	hold_journal(3, 2);
	assert_ok(gate_wait(&new));
	ends_are(p, 12, 12);
	check(p, 0, 12);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	check(p, 0, 12);
	partition_put(&p);
	fixture_free(&f);
}

/* A group of the journal is spoilt, the ones behind it are not: what came before it is put back and
 * synced, damaged log or not, for its journal is used again. */
static void
what_is_left_of_a_damaged_log_is_on_the_disk(void **state)
{
	(void)state;
	struct fixture f;
	struct log_ends e;
	char path[128];
	int got, files = 0;
	setup(&f, LOG_FLUSH_ACK);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(append_some(p, 0, 0, 9, &got), 9);
	partition_put(&p);
	fixture_crash(&f);
	for (int slot = 0; slot < 9; slot++) {
		struct journal_file_head h;
		snprintf(path, sizeof(path), "%s/journal/%04d.journal", f.dir, slot);
		int fd = open(path, O_RDWR);
		if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.magic != JOURNAL_FILE_MAGIC || h.file != 2)
			continue;
		assert_int_equal(pwrite(fd, "\x55\xaa", 2, 2 * 4096 + 100), 2);	/* the fifth batch */
		close(fd);
		files++;
	}
	assert_int_equal(files, 1);
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f.dir, 0);
	unlink(path);			/* nothing but the journal has them */
	fault.synced = 0;
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_CORRUPT);
	assert_int_equal(e.end, 4);
	assert_int_equal(fault.synced, 4 * 300);
	partition_put(&p);
	fixture_free(&f);
}

/* Where it has failed, too: the tests behind it write a journal. */
static int
let_all_go(void **state)
{
	(void)state;
	pthread_mutex_lock(&fault.mutex);
	fault.held_max = 0;
	fault.let_go = INT_MAX;
	pthread_cond_broadcast(&fault.moved);
	pthread_mutex_unlock(&fault.mutex);
	return 0;
}

TEST_MAIN(T(nothing_is_durable_behind_what_is_not), T(a_sync_is_of_the_log_that_it_began_with),
    cmocka_unit_test_teardown(a_group_of_the_journal_is_of_the_log_that_it_was_made_for, let_all_go),
    T(internal_topics_use_the_reserve), T(every_failure_is_survived), T(one_bad_partition_is_not_all),
    T(what_cannot_be_written_is_left_alone), T(what_is_left_of_a_damaged_log_is_on_the_disk),
    T(a_failed_journal_is_everybodys),
    T(a_full_partition_is_still_retained),
    T(a_full_disk_refuses_and_resumes))

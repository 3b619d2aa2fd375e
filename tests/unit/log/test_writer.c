/* SPDX-License-Identifier: Apache-2.0 */
/* Who is written when: however busy others keep the writer, everybody's turn comes. */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/impl.h"

#define BUSY 3		/* partitions */

/* Appends to partitions 1 and up, so that there is always something to write. */
struct busy {
	struct partition *p[BUSY];
	int n;
	size_t bytes;			/* of a batch */
	int64_t dirty;			/* so much of it */
	_Atomic bool stop;
	pthread_t thread;
};

static void *
keep_busy(void *arg)
{
	struct busy *y = arg;
	struct append_result r;
	uint8_t *b = mem_alloc(y->bytes);
	make_batch(b, y->bytes, 1, 1000, 1);
	for (int i = 0; !atomic_load(&y->stop); i++) {
		while (atomic_load(&y->p[0]->store->dirty) > y->dirty && !atomic_load(&y->stop))
			sched_yield();
		int err = partition_append(y->p[i % y->n], &(struct append){ b, y->bytes, -1, NULL }, &r);
		assert_true(err == 0 || err == ERR_AGAIN);
	}
	mem_free(b);
	return NULL;
}

static void
busy_start(struct fixture *f, struct busy *y, int n, size_t bytes, int64_t dirty)
{
	memset(y, 0, sizeof(*y));
	y->n = n;
	y->bytes = bytes;
	y->dirty = dirty;
	f->topic.flush = LOG_FLUSH_OS;
	for (int i = 0; i < n; i++)
		y->p[i] = fixture_partition(f, i + 1);
	assert_int_equal(pthread_create(&y->thread, NULL, keep_busy, y), 0);
}

static void
busy_stop(struct busy *y)
{
	atomic_store(&y->stop, true);
	pthread_join(y->thread, NULL);
	for (int i = 0; i < y->n; i++)
		partition_put(&y->p[i]);
}

/* No checkpoint comes to its help. */
static void
setup(struct fixture *f)
{
	fixture_make(f);
	f->config.no_background = true;
	f->config.checkpoint_ms = INT64_C(3600000);
	f->config.checkpoint_bytes = UINT64_C(1) << 40;
	fixture_open(f);
}

/* Gives up after so many seconds. */
static bool
is_written(struct partition *p, int64_t offset, unsigned seconds)
{
	uint64_t until = clock_mono_ns() + seconds * NS_PER_SEC;
	for (;;) {
		lock_take(&p->lock);
		bool yes = p->written.offset >= offset;
		lock_drop(&p->lock);
		if (yes || clock_mono_ns() >= until)
			return yes;
		usleep(1000);
	}
}

static int
append_patiently(struct partition *p)
{
	struct append_result r;
	uint8_t b[200];
	int err;
	make_batch(b, sizeof(b), 1, 1000, 7);
	while ((err = partition_append(p, &(struct append){ b, sizeof(b), -1, NULL }, &r)) == ERR_AGAIN)
		usleep(100);
	return err;
}

/* What the journal has made durable gets into its segment a second later. */
static void
a_quiet_partition_is_written_beside_busy_ones(void **state)
{
	(void)state;
	struct fixture f;
	struct busy y;
	setup(&f);
	struct partition *p = fixture_partition(&f, 0);
	busy_start(&f, &y, BUSY, 4096, 4 << 20);	/* too little to force it out */
	bool in_time = append_patiently(p) == 0 && is_written(p, 1, 4);
	busy_stop(&y);
	assert_true(in_time);
	partition_put(&p);
	fixture_free(&f);
}

/* A log that grows as fast as it is written does not keep the writer for itself. */
static void
one_partition_is_not_all(void **state)
{
	(void)state;
	struct fixture f;
	struct busy y;
	bool in_time = true;
	setup(&f);
	f.topic.flush = LOG_FLUSH_OS;
	struct partition *p = fixture_partition(&f, 0);
	busy_start(&f, &y, 1, 256 * 1024, INT64_MAX);
	for (int64_t round = 1; round <= 5 && in_time; round++)
		in_time = append_patiently(p) == 0 && is_written(p, round, 3);
	busy_stop(&y);
	assert_true(in_time);
	partition_put(&p);
	fixture_free(&f);
}

/* Keeps the writer from a partition until it is let go. */
struct holder {
	struct partition *p;
	_Atomic bool held, let_go;
	pthread_t thread;
};

static void *
hold(void *arg)
{
	struct holder *h = arg;
	lock_take(&h->p->io);
	atomic_store(&h->held, true);
	while (!atomic_load(&h->let_go))
		usleep(1000);
	lock_drop(&h->p->io);
	return NULL;
}

/* Where urgent ones are always there, a lazy one whose time has come is next but one. */
static void
both_kinds_take_turns(void **state)
{
	(void)state;
	struct fixture f;
	struct holder h[2] = { { .held = false }, { .held = false } };
	setup(&f);
	struct partition *lazy = fixture_partition(&f, 0);
	f.topic.flush = LOG_FLUSH_OS;
	for (int i = 0; i < 2; i++) {
		h[i].p = fixture_partition(&f, i + 1);
		assert_int_equal(pthread_create(&h[i].thread, NULL, hold, &h[i]), 0);
		while (!atomic_load(&h[i].held))
			usleep(1000);
		assert_ok(append_patiently(h[i].p));	/* the writer waits for the first one */
	}
	assert_ok(append_patiently(lazy));
	usleep(1500000);
	atomic_store(&h[0].let_go, true);
	bool in_time = is_written(lazy, 1, 5);
	atomic_store(&h[1].let_go, true);
	for (int i = 0; i < 2; i++)
		pthread_join(h[i].thread, NULL);
	assert_true(in_time);
	for (int i = 0; i < 2; i++)
		partition_put(&h[i].p);
	partition_put(&lazy);
	fixture_free(&f);
}

TEST_MAIN(T(a_quiet_partition_is_written_beside_busy_ones), T(one_partition_is_not_all), T(both_kinds_take_turns))

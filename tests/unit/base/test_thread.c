/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/worker.h"

struct count_job {
	struct job job;
	_Atomic int *done;
};

static void
count_run(struct job *job)
{
	struct count_job *j = CONTAINER_OF(job, struct count_job, job);
	atomic_fetch_add(j->done, 1);
}

static void
workers_run_everything(void **state)
{
	(void)state;
	enum { N = 1000 };
	static struct count_job jobs[N];
	_Atomic int done = 0;
	struct workers *w = workers_create("test", 4, N);
	for (int i = 0; i < N; i++) {
		jobs[i] = (struct count_job){ .job.run = count_run, .done = &done };
		assert_ok(workers_submit(w, &jobs[i].job));
	}
	workers_destroy(&w);
	assert_int_equal(done, N);
}

static void
block_run(struct job *job)
{
	struct count_job *j = CONTAINER_OF(job, struct count_job, job);
	while (atomic_load(j->done) == 0)
		continue;
}

static void
queue_is_bounded(void **state)
{
	(void)state;
	_Atomic int go = 0;
	struct count_job j[3] = { { .job.run = block_run, .done = &go },
		{ .job.run = block_run, .done = &go }, { .job.run = block_run, .done = &go } };
	struct workers *w = workers_create("test", 1, 1);
	assert_ok(workers_submit(w, &j[0].job));
	int err;
	while ((err = workers_submit(w, &j[1].job)) == ERR_LIMIT)
		continue; /* until the first one runs */
	assert_ok(err);
	assert_int_equal(workers_submit(w, &j[2].job), ERR_LIMIT);
	atomic_store(&go, 1);
	workers_destroy(&w);
}

struct image {
	int a, b; /* always equal in a live image */
};

static struct image *_Atomic current;
static struct rcu *rcu;
static atomic_bool stop;

static void
image_release(void *object)
{
	struct image *im = object;
	im->a = -1;
	mem_free(im);
}

static void *
read_images(void *arg)
{
	struct rcu_reader *me = rcu_join(rcu);
	while (!atomic_load(&stop)) {
		rcu_enter(rcu, me);
		struct image *im = rcu_read(current);
		for (int i = 0; i < 50; i++)
			assert_int_equal(im->a, im->b);
		rcu_leave(rcu, me);
	}
	rcu_part(rcu, &me);
	return arg;
}

static void
images_live_while_read(void **state)
{
	(void)state;
	pthread_t t[2];
	rcu = rcu_create();
	atomic_store(&current, MEM_NEW(struct image));
	for (int i = 0; i < 2; i++)
		t[i] = thread_start("reader", read_images, NULL);
	for (int i = 1; i < 5000; i++) {
		struct image *im = MEM_NEW(struct image);
		im->a = im->b = i;
		rcu_retire(rcu, image_release, rcu_publish(current, im));
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	image_release(atomic_load(&current));
	rcu_destroy(&rcu);
}

static void
locks_time_out(void **state)
{
	(void)state;
	struct lock l;
	pthread_cond_t c;
	lock_init(&l, LOCK_STORE);
	lock_cond_init(&c);
	lock_take(&l);
	assert_int_not_equal(lock_wait_ms(&l, &c, 1), 0);
	lock_drop(&l);
	pthread_cond_destroy(&c);
	lock_free(&l);
}

TEST_MAIN(T(workers_run_everything), T(queue_is_bounded), T(images_live_while_read),
    T(locks_time_out))

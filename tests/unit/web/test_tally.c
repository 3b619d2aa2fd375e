/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of loops and tenants, read while they are written. */
#include "../test.h"

#include <pthread.h>

#include "api/session.h"
#include "api/tally.h"
#include "net/loop.h"

#define EACH 20000

static struct rcu *rcu;
static struct loop *loops[2];
static struct tallies *all;

static int
setup(void **state)
{
	(void)state;
	rcu = rcu_create();
	for (int i = 0; i < 2; i++)
		loops[i] = loop_create("l", rcu, NULL, NULL);
	all = tallies_create(loops, 2);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tallies_destroy(&all);
	for (int i = 0; i < 2; i++)
		loop_destroy(&loops[i]);
	rcu_destroy(&rcu);
	return 0;
}

/* As a loop does: one thread a loop. */
static void *
count(void *arg)
{
	struct loop *loop = arg;
	struct tally_loop *l = tallies_loop(all, loop);
	for (int i = 0; i < EACH; i++) {
		struct tally *t = tally_tenant(l, (uint32_t)(i % 3));
		tally_add(&t->v[TALLY_REQUESTS], 1);
		tally_add(&t->v[TALLY_BYTES_IN], 10);
	}
	return NULL;
}

static void
nothing_is_lost_or_anothers(void **state)
{
	uint64_t v[TALLY_KEYS], seen = 0;
	pthread_t threads[2];
	(void)state;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, loops[i]);
	for (int i = 0; i < 100; i++) {
		tallies_tenant(all, 0, v);
		assert_true(v[TALLY_REQUESTS] >= seen);
		seen = v[TALLY_REQUESTS];
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	uint64_t sum = 0;
	for (uint32_t tenant = 0; tenant < 3; tenant++) {
		tallies_tenant(all, tenant, v);
		assert_int_equal(v[TALLY_BYTES_IN], 10 * v[TALLY_REQUESTS]);
		sum += v[TALLY_REQUESTS];
	}
	assert_int_equal(sum, 2 * EACH);
	tallies_tenant(all, 9, v);
	assert_int_equal(v[TALLY_REQUESTS], 0);
	assert_null(tallies_loop(NULL, loops[0]));
	assert_null(tallies_loop(all, NULL));
}

/* One request of each time: the histogram's bounds. */
static void
times_have_their_place(void **state)
{
	static const struct {
		uint64_t ns;
		int at;
	} rows[] = {
		{ 0, 0 }, { 63999, 0 }, { 64000, 1 }, { 127999, 1 }, { 128000, 2 }, { TALLY_TIME_NS(16) - 1, 16 },
		{ TALLY_TIME_NS(16), 17 }, { UINT64_MAX / 2, 17 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally_sum before, after;
		struct session s = { .counts = tallies_loop(all, loops[0]) };
		struct request rq = { .session = &s, .loop = loops[0], .row = api_row(API_ID_metadata), .cpu_ns = rows[i].ns };
		rq.came = loop_now(loops[0]);
		tallies_api(all, API_ID_metadata, &before);
		tally_answered(&rq);
		tallies_api(all, API_ID_metadata, &after);
		assert_int_equal(after.n, before.n + 1);
		assert_int_equal(after.ns - before.ns, rows[i].ns);
		assert_int_equal(after.times[rows[i].at], before.times[rows[i].at] + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_anothers),
		cmocka_unit_test(times_have_their_place),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is shared: who may have how much, to the byte, and that nobody takes the last of it. */
#include "../test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/ration.h"

/* Every share of it is a whole number. FIRST: of each user, from a tenth of its own; the rest is everybody's. */
enum { FIRST = 360000, MAX = 256 * FIRST, TENTH = MAX / 10, COMMON = MAX - TENTH, MOST = COMMON / 9 * 4, TENANTS = 8, USERS = 64 };

struct world {
	struct ration r;
	struct ration_used tenants[TENANTS];
	struct ration_payer users[TENANTS][USERS];
};

static struct world *
world(int64_t max)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->r.max = max;
	for (int t = 0; t < TENANTS; t++)
		for (int u = 0; u < USERS; u++)
			w->users[t][u].tenant = &w->tenants[t];
	return w;
}

static int64_t
room(const struct world *w, int t, int u)
{
	return ration_room(&w->r, &w->users[t][u]);
}

/* All that there is for one of them; a byte more is refused, before and after. */
static int64_t
takes_all(struct world *w, int t, int u)
{
	int64_t n = room(w, t, u);
	assert_true(n >= 0);
	assert_false(ration_take(&w->r, &w->users[t][u], n + 1));
	assert_int_equal(room(w, t, u), n);
	assert_true(ration_take(&w->r, &w->users[t][u], n));
	assert_false(ration_take(&w->r, &w->users[t][u], 1));
	return n;
}

static void
give(struct world *w, int t, int u)
{
	ration_add(&w->r, &w->users[t][u], -ration_used(&w->users[t][u]));
}

/* What is counted is what all hold, by tenant and in all, firsts apart. */
static void
is_exact(const struct world *w)
{
	int64_t all = 0, firsts = 0, first = ration_first(w->r.max);
	for (int t = 0; t < TENANTS; t++) {
		int64_t of_tenant = 0, its_firsts = 0;
		for (int u = 0; u < USERS; u++) {
			int64_t n = ration_used(&w->users[t][u]);
			of_tenant += n;
			its_firsts += n < first ? n : first;
		}
		assert_int_equal(atomic_load(&w->tenants[t].all), of_tenant);
		assert_int_equal(atomic_load(&w->tenants[t].first), its_firsts);
		all += of_tenant;
		firsts += its_firsts;
	}
	assert_int_equal(atomic_load(&w->r.used.all), all);
	assert_int_equal(atomic_load(&w->r.used.first), firsts);
}

static void
one_alone_has_four_tenths(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	assert_int_equal(ration_most(MAX), MOST);
	assert_int_equal(takes_all(w, 0, 0), MOST);
	is_exact(w);
	give(w, 0, 0);
	assert_true(ration_take(&w->r, &w->users[0][0], MAX / 8) && ration_is_low(&w->r));
	assert_true(ration_take(&w->r, &w->users[0][0], 1) && !ration_is_low(&w->r));
	give(w, 0, 0);
	assert_int_equal(takes_all(w, 0, 0), MOST);
	free(w);
}

static void
the_next_user_finds_a_third_of_it(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	for (int u = 0, left = MOST; u < 4; u++, left /= 3)
		assert_int_equal(takes_all(w, 0, u), left);
	is_exact(w);
	/* Those who came before had two thirds of it each time; when one goes it is the others'. */
	give(w, 0, 0);
	assert_true(room(w, 0, 1) > 0);
	free(w);
}

static void
the_next_tenant_finds_a_third_of_it(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	int64_t used = takes_all(w, 0, 0);
	used += takes_all(w, 0, 1);
	assert_int_equal(room(w, 1, 0), (COMMON - used) * 2 / 3 * 2 / 3);
	for (int u = 2; u < USERS; u++) {	/* though all of them hold what they may */
		if (room(w, 0, u) > 0)
			used += takes_all(w, 0, u);
	}
	assert_true(used <= COMMON / 3 * 2 + TENTH / 3 * 2);
	assert_true(room(w, 1, 0) > 10 * FIRST);
	free(w);
}

static void
who_came_early_takes_no_more_than_who_comes_late(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	(void)takes_all(w, 0, 0);
	(void)takes_all(w, 1, 0);
	assert_true(room(w, 0, 0) < 0);		/* it was his while he was alone */
	ration_add(&w->r, &w->users[0][0], -FIRST);
	assert_false(ration_take(&w->r, &w->users[0][0], FIRST));
	/* As often as each gives back and takes again what he may, they come nearer. */
	for (int i = 0; i < 30; i++) {
		give(w, i % 2, 0);
		(void)takes_all(w, i % 2, 0);
	}
	int64_t apart = ration_used(&w->users[0][0]) - ration_used(&w->users[1][0]);
	assert_true(labs(apart) < MAX / 1000);
	is_exact(w);
	free(w);
}

static void
nobody_takes_the_firsts_of_others(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	ration_add(&w->r, &w->users[0][0], COMMON);	/* all that is everybody's */
	for (int t = 1, n; t < 4; t++) {	/* of the tenth, which has room for 25 besides his, two thirds of it each */
		static const int wanted[] = { 0, 16, 5, 2 };
		for (n = 0; ration_take(&w->r, &w->users[t][n], FIRST); n++)
			assert_true(atomic_load(&w->r.used.all) <= MAX);
		assert_int_equal(n, wanted[t]);
		assert_int_equal(ration_used(&w->users[t][n]), 0);
	}
	is_exact(w);
	free(w);
}

static void
what_is_past_the_bound_takes_no_firsts_either(void **state)
{
	struct world *w = world(MAX);
	(void)state;
	for (int t = 0; t < 2; t++)
		ration_add(&w->r, &w->users[t][0], 3 * (int64_t)MAX);
	assert_true(room(w, 0, 0) < 0);
	assert_false(ration_take(&w->r, &w->users[0][0], 1));
	assert_int_equal(room(w, 0, 1), FIRST);		/* of the same tenant, */
	assert_int_equal(takes_all(w, 2, 0), FIRST);	/* and of another one */
	for (int t = 0; t < 3; t++)
		give(w, t, 0);
	is_exact(w);
	assert_int_equal(room(w, 0, 0), MOST);
	free(w);
}

/* Where nobody holds more than his first, firsts are of what is everybody's as well. */
static void
many_small_ones_have_more_than_a_tenth(void **state)
{
	struct world *w = world(MAX);
	int n = 0;
	(void)state;
	for (int t = 0; t < TENANTS; t++)
		for (int u = 0; u < USERS; u++)
			n += ration_take(&w->r, &w->users[t][u], FIRST);
	assert_true(n > 200);
	assert_true(atomic_load(&w->r.used.all) <= MAX);
	is_exact(w);
	free(w);
}

static void
at_the_edges_of_numbers(void **state)
{
	struct world *w = world(INT64_MAX / 4);
	(void)state;
	assert_false(ration_take(&w->r, &w->users[0][0], INT64_MAX));
	assert_false(ration_take(&w->r, &w->users[0][0], INT64_MAX / 4 + 1));
	assert_int_equal(takes_all(w, 0, 0), ration_most(INT64_MAX / 4));
	assert_true(ration_take(&w->r, &w->users[0][0], 0));
	(void)takes_all(w, 1, 0);
	is_exact(w);
	free(w);
	for (int64_t max = 0; max < 3; max++) {
		w = world(max);
		assert_true(ration_take(&w->r, &w->users[0][0], 0));
		assert_false(ration_take(&w->r, &w->users[0][0], 2));
		is_exact(w);
		free(w);
	}
}

static void
any_order_of_taking_and_giving_is_exact(void **state)
{
	struct world *w = world(MAX);
	uint64_t x = 88172645463325252u;
	int low = 0;
	(void)state;
	for (int i = 0; i < 200000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		int t = (int)(x % TENANTS), u = (int)(x / TENANTS % USERS);
		int64_t own = ration_used(&w->users[t][u]), n = (int64_t)(x >> 20) % (MAX / 4);
		if (x & 1)
			(void)ration_take(&w->r, &w->users[t][u], n);
		else
			ration_add(&w->r, &w->users[t][u], -(n % (own + 1)));
		assert_true(atomic_load(&w->r.used.all) <= MAX);
		low += ration_is_low(&w->r);
		assert_true(!ration_is_low(&w->r) || room(w, t, u) >= ration_used(&w->users[t][u]));
		if (i % 1000 == 0)
			is_exact(w);
	}
	for (int t = 0; t < TENANTS; t++)
		for (int u = 0; u < USERS; u++)
			give(w, t, u);
	is_exact(w);
	assert_true(low > 0 && ration_is_low(&w->r));
	assert_int_equal(atomic_load(&w->r.used.all), 0);
	assert_int_equal(atomic_load(&w->r.used.first), 0);
	free(w);
}

struct taker {
	struct world *w;
	uint64_t x;
};

/* Two of them are the same user at times. */
static void *
take_and_give(void *arg)
{
	struct taker *s = arg;
	for (int i = 0; i < 20000; i++) {
		s->x ^= s->x << 13, s->x ^= s->x >> 7, s->x ^= s->x << 17;
		struct ration_payer *p = &s->w->users[s->x % 2][s->x / 2 % 2];
		int64_t n = (int64_t)(s->x >> 20) % (2 * FIRST);
		if (!ration_take(&s->w->r, p, n))
			continue;
		ration_add(&s->w->r, p, FIRST);
		ration_add(&s->w->r, p, -FIRST - n);
	}
	return NULL;
}

static void
threads_lose_nothing(void **state)
{
	struct world *w = world(MAX);
	pthread_t threads[4];
	struct taker takers[4];
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		takers[i] = (struct taker){ w, 88172645463325252u + i };
		assert_ok(pthread_create(&threads[i], NULL, take_and_give, &takers[i]));
	}
	for (unsigned i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	is_exact(w);
	assert_int_equal(atomic_load(&w->r.used.all), 0);
	assert_int_equal(atomic_load(&w->r.used.first), 0);
	free(w);
}

TEST_MAIN(
	T(one_alone_has_four_tenths),
	T(the_next_user_finds_a_third_of_it),
	T(the_next_tenant_finds_a_third_of_it),
	T(who_came_early_takes_no_more_than_who_comes_late),
	T(nobody_takes_the_firsts_of_others),
	T(what_is_past_the_bound_takes_no_firsts_either),
	T(many_small_ones_have_more_than_a_tenth),
	T(at_the_edges_of_numbers),
	T(any_order_of_taking_and_giving_is_exact),
	T(threads_lose_nothing),
)

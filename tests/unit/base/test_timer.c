/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/timer.h"

struct probe {
	struct timer timer;
	uint64_t fired;
};

static struct timers set;
static uint64_t last;

static void
fire(struct timer *t, uint64_t now)
{
	assert_false(timer_is_set(t));
	assert_true(t->when >= last && t->when <= now);
	last = t->when;
	CONTAINER_OF(t, struct probe, timer)->fired++;
}

static void
again(struct timer *t, uint64_t now)
{
	if (++CONTAINER_OF(t, struct probe, timer)->fired < 5)
		timer_set(&set, t, now); /* due at once: fires in the same run */
}

static void
in_order_with_moves(void **state)
{
	(void)state;
	enum { N = 1000 };
	static struct probe p[N];
	timers_init(&set);
	last = 0;
	srand(2);
	for (int i = 0; i < N; i++) {
		p[i].timer.fire = fire;
		timer_set(&set, &p[i].timer, (uint64_t)(rand() % 10000));
	}
	for (int i = 0; i < N; i += 2)
		timer_set(&set, &p[i].timer, (uint64_t)(rand() % 10000));
	for (int i = 0; i < N; i += 5)
		timer_cancel(&set, &p[i].timer);
	timers_run(&set, timers_next(&set) - 1);
	for (uint64_t now = 0; now <= 10000; now += 97)
		timers_run(&set, now);
	timers_run(&set, 10000);
	for (int i = 0; i < N; i++)
		assert_int_equal(p[i].fired, i % 5 == 0 ? 0 : 1);
	assert_true(timers_next(&set) == UINT64_MAX);
	timers_free(&set);
}

static void
may_set_itself_again(void **state)
{
	(void)state;
	struct probe p = { .timer.fire = again };
	timers_init(&set);
	timer_set(&set, &p.timer, 10);
	timers_run(&set, 9);
	assert_int_equal(p.fired, 0);
	timers_run(&set, 10);
	assert_int_equal(p.fired, 5);
	timers_free(&set);
}

static void
lists(void **state)
{
	(void)state;
	struct list a, b, h[4];
	list_init(&a);
	list_init(&b);
	for (int i = 0; i < 4; i++)
		list_add(i < 2 ? &a : &b, &h[i]);
	list_splice(&a, &b);
	assert_true(list_empty(&b));
	int i = 0;
	LIST_FOREACH(hook, &a) {
		assert_ptr_equal(hook, &h[i++]);
		list_del(hook);
		list_del(hook); /* twice is harmless */
	}
	assert_int_equal(i, 4);
	assert_true(list_empty(&a));
}

TEST_MAIN(T(in_order_with_moves), T(may_set_itself_again), T(lists))

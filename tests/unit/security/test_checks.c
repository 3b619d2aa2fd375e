/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "security/checks.h"

static _Atomic int running[2], most[2], done;
static atomic_bool hold;

struct slow {
	struct check check;
	int place;
};

static void
run(struct check *check)
{
	struct slow *s = CONTAINER_OF(check, struct slow, check);
	int now = atomic_fetch_add(&running[s->place], 1) + 1;
	if (now > atomic_load(&most[s->place]))
		atomic_store(&most[s->place], now);
	while (atomic_load(&hold))
		usleep(100);
	atomic_fetch_sub(&running[s->place], 1);
	atomic_fetch_add(&done, 1);
	mem_free(s); /* allowed: the queue does not touch it again */
}

static int
submit(struct checks *c, int place)
{
	struct addr a = { 4, { 10, 0, 0, (uint8_t)place } };
	struct slow *s = MEM_NEW(struct slow);
	s->check.run = run;
	s->place = place;
	int err = checks_submit(c, &s->check, &a);
	if (err != 0)
		mem_free(s);
	return err;
}

static void
reset(bool held)
{
	for (int i = 0; i < 2; i++)
		running[i] = most[i] = 0;
	done = 0;
	atomic_store(&hold, held);
}

static void
two_at_a_time_per_address(void **state)
{
	(void)state;
	reset(true);
	struct checks *c = checks_create(4, 100);
	for (int i = 0; i < 20; i++)
		assert_ok(submit(c, 0));
	assert_ok(submit(c, 1)); /* not behind the twenty */
	while (atomic_load(&running[0]) < 2 || atomic_load(&running[1]) < 1)
		usleep(100);
	usleep(5000);
	assert_int_equal(running[0], 2);
	atomic_store(&hold, false);
	checks_destroy(&c);
	assert_int_equal(done, 21);
	assert_int_equal(most[0], 2);
}

static void
waiting_is_bounded(void **state)
{
	(void)state;
	int taken = 0;
	reset(true);
	struct checks *c = checks_create(1, 100);
	while (submit(c, 0) == 0)
		taken++;
	assert_int_equal(taken, CHECKS_PER_ADDRESS + CHECKS_WAITING_PER_ADDRESS);
	while (submit(c, 1) == 0)
		taken++;
	assert_int_equal(taken, 100);
	atomic_store(&hold, false);
	checks_destroy(&c);
	assert_int_equal(done, 100);
}

static void
many_from_many_places(void **state)
{
	(void)state;
	reset(false);
	struct checks *c = checks_create(3, 4000);
	for (int i = 0; i < 2000; i++)
		while (submit(c, i % 2) == ERR_LIMIT)
			usleep(50);
	checks_destroy(&c);
	assert_int_equal(done, 2000);
	assert_true(most[0] <= 2 && most[1] <= 2);
}

TEST_MAIN(T(two_at_a_time_per_address), T(waiting_is_bounded), T(many_from_many_places))

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of connections come back from their text, are of this process, and look like nothing; and what a way through all of
 * them takes is paid, whichever loops it goes by. */
#include "../test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/request.h"
#include "api/roster.h"
#include "api/session.h"
#include "base/clock.h"

static void
a_name_comes_back(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 2, 77, UINT64_C(1) << 32, (UINT64_C(1) << 52) - 1 };
	struct rosters *r = rosters_create(NULL, 3);
	char id[ROSTER_ID_MAX];
	(void)state;
	for (unsigned loop = 0; loop < 3; loop++) {
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			unsigned at;
			uint64_t number;
			assert_true(roster_id_parse(r, str_from(roster_id(loop, numbers[i], id)), &at, &number));
			assert_int_equal(at, loop);
			assert_true(number == numbers[i]);
		}
	}
	rosters_destroy(&r);
}

/* Two that follow each other have no more in common than any two. */
static void
a_name_tells_nothing(void **state)
{
	char last[ROSTER_ID_MAX] = "", id[ROSTER_ID_MAX];
	unsigned same = 0;
	(void)state;
	for (uint64_t n = 1; n <= 1000; n++) {
		roster_id(0, n, id);
		for (int i = 0; last[0] != '\0' && i < ROSTER_ID_MAX - 1; i++)
			same += id[i] == last[i];
		memcpy(last, id, sizeof(last));
	}
	/* One digit of sixteen by chance: 999 of 15,984, give or take. */
	assert_in_range(same, 750, 1250);
}

static void
what_is_no_name(void **state)
{
	static const char *const bad[] = { "", "1", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg",
		"012345678 abcdef" };
	struct rosters *r = rosters_create(NULL, 1);
	unsigned loop, found = 0;
	uint64_t number;
	char text[ROSTER_ID_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(roster_id_parse(r, str_from(bad[i]), &loop, &number));
	assert_false(roster_id_parse(r, STR_NULL, &loop, &number));
	/* Of what is made up, one in 4096 names a loop that there is. */
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "%016x", i);
		found += roster_id_parse(r, str_from(text), &loop, &number);
	}
	assert_in_range(found, 0, 20);
	rosters_destroy(&r);
}

#define LOOK_NS (20 * NS_PER_MS)

static struct loop *loops[2];
static atomic_int seen;

/* Of sessions without a connection: the n-th is on the n-th loop. */
struct loop *__wrap_conn_loop(const struct conn *conn);
struct loop *
__wrap_conn_loop(const struct conn *conn)
{
	return loops[(uintptr_t)conn - 1];
}

static bool
look_long(struct walk *walk, struct session *s)
{
	uint64_t began = clock_thread_cpu_ns();
	(void)walk;
	(void)s;
	while (clock_thread_cpu_ns() - began < LOOK_NS)
		;
	atomic_fetch_add(&seen, 1);
	return true;
}

static void
a_way_through_all_is_paid(void **state)
{
	struct rcu *rcu = rcu_create();
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		loops[i] = loop_create("walked", rcu, NULL, NULL);
	struct broker_core core = { .rosters = rosters_create(loops, 2) };
	struct session s[2] = { { .core = &core, .number = 1 }, { .core = &core, .number = 2 } };
	for (unsigned i = 0; i < 2; i++) {
		s[i].conn = (struct conn *)(uintptr_t)(i + 1);
		roster_enter(&s[i]);
	}
	struct request rq = { .core = &core, .session = &s[0], .loop = loops[0] };
	struct walk walk = { .rq = &rq, .each = look_long };
	atomic_store(&rq.posted, true); /* nobody is woken: it is looked at here */
	assert_int_equal(walk_begin(&walk, NULL), API_WAIT);
	while (atomic_load(&seen) < 2)
		usleep(1000);
	for (unsigned i = 0; i < 2; i++)
		loop_destroy(&loops[i]);
	assert_true(walk.complete);
	assert_true(walk.cpu_ns >= 2 * LOOK_NS);
	walk_bill(&walk);
	assert_true(rq.cpu_ns == walk.cpu_ns);
	rosters_destroy(&core.rosters);
	rcu_destroy(&rcu);
}

TEST_MAIN(T(a_name_comes_back), T(a_name_tells_nothing), T(what_is_no_name), T(a_way_through_all_is_paid))

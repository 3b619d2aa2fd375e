/* SPDX-License-Identifier: Apache-2.0 */
#include "../test.h"

#include <stdio.h>

#include "security/penalty.h"

#define MS UINT64_C(1000000)
#define T0 (UINT64_C(1000) * 1000 * MS)

static struct addr
ip(const char *text)
{
	struct addr a;
	assert_ok(addr_parse(str_from(text), &a));
	return a;
}

static void
grows_and_is_capped(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(16);
	struct addr a = ip("10.0.0.1"), b = ip("10.0.0.2");
	struct name anna = NAME(0, STR("anna"));
	uint64_t want = 100 * MS;
	uint32_t count;
	for (uint32_t i = 1; i <= 20; i++) {
		assert_int_equal(penalty_fail(p, &a, anna, T0 + i, &count), want);
		assert_int_equal(count, i);
		want = want * 2 < PENALTY_CAP_NS ? want * 2 : PENALTY_CAP_NS;
	}
	/* Neither another address, nor another user, nor another tenant's anna pays. */
	assert_int_equal(penalty_fail(p, &b, anna, T0, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &a, NAME(0, STR("bert")), T0, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &a, NAME(1, STR("anna")), T0, NULL), 100 * MS);
	/* It is forgotten in time. */
	assert_int_equal(penalty_fail(p, &a, anna, T0 + 20 + PENALTY_FORGET_NS, NULL), PENALTY_CAP_NS);
	assert_int_equal(penalty_fail(p, &a, anna, T0 + 21 + 2 * PENALTY_FORGET_NS, NULL), 100 * MS);
	penalty_destroy(&p);
}

static void
an_address_of_many_waits_no_longer(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(16);
	struct cidr block[2];
	struct addr nat = ip("10.0.0.1"), other = ip("10.0.1.1");
	struct name anna = NAME(0, STR("anna"));
	uint32_t count;
	assert_ok(cidr_parse(STR("192.0.2.0/24"), &block[0]));
	assert_ok(cidr_parse(STR("10.0.0.0/24"), &block[1]));
	penalty_set_exempt(p, &(struct cidr_list){ block, 2 });
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(penalty_fail(p, &nat, anna, T0 + i, &count), 100 * MS);
		assert_int_equal(count, i);
		assert_int_equal(penalty_fail(p, &other, anna, T0 + i, NULL), 100 * MS << (i - 1));
	}
	/* Taken from the list it waits as long as it should have; and the other way round. */
	assert_ok(cidr_parse(STR("10.0.1.0/24"), &block[1]));
	penalty_set_exempt(p, &(struct cidr_list){ block, 2 });
	assert_int_equal(penalty_fail(p, &nat, anna, T0 + 6, NULL), 3200 * MS);
	assert_int_equal(penalty_fail(p, &other, anna, T0 + 6, NULL), 100 * MS);
	penalty_set_exempt(p, &(struct cidr_list){ NULL, 0 });
	assert_int_equal(penalty_fail(p, &other, anna, T0 + 7, NULL), 6400 * MS);
	penalty_destroy(&p);
}

static void
never_where_the_user_lately_succeeded(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(16);
	struct addr a = ip("10.0.0.1"), b = ip("10.0.0.2");
	struct name anna = NAME(0, STR("anna"));
	penalty_fail(p, &a, anna, T0, NULL);
	penalty_fail(p, &a, anna, T0, NULL);
	penalty_success(p, &a, anna, T0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(penalty_fail(p, &a, anna, T0 + 1, NULL), 0);
	assert_int_equal(penalty_fail(p, &b, anna, T0 + 1, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &a, NAME(0, STR("bert")), T0 + 1, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &a, anna, T0 + 1 + PENALTY_TRUST_NS, NULL), 100 * MS);
	penalty_destroy(&p);
}

static void
a_v6_network_is_one_place(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(16);
	struct addr a = ip("2001:db8::1"), b = ip("2001:db8::ffff:2"), c = ip("2001:db8:0:1::1");
	struct name anna = NAME(0, STR("anna"));
	assert_int_equal(penalty_fail(p, &a, anna, T0, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &b, anna, T0, NULL), 200 * MS);
	assert_int_equal(penalty_fail(p, &c, anna, T0, NULL), 100 * MS);
	penalty_destroy(&p);
}

/* A flood of names pushes out the oldest failure, and never a success. */
static void
memory_is_bounded(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(8);
	struct addr a = ip("10.0.0.1");
	char text[32];
	penalty_success(p, &a, NAME(0, STR("anna")), T0);
	penalty_fail(p, &a, NAME(0, STR("bert")), T0, NULL);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "u%d", i);
		assert_int_equal(penalty_fail(p, &a, NAME(0, str_from(text)), T0 + 1, NULL), 100 * MS);
	}
	assert_int_equal(penalty_fail(p, &a, NAME(0, STR("anna")), T0 + 2, NULL), 0);
	assert_int_equal(penalty_fail(p, &a, NAME(0, STR("bert")), T0 + 2, NULL), 100 * MS);
	penalty_destroy(&p);
}

static void
any_name_is_taken(void **state)
{
	(void)state;
	struct penalty *p = penalty_create(1);
	struct addr none = { 0 };
	char large[1000] = { 0 };
	assert_int_equal(penalty_fail(p, &none, NAME(0, STR_NULL), 0, NULL), 100 * MS);
	assert_int_equal(penalty_fail(p, &none, NAME(0, ((struct str){ large, sizeof(large) })), 0,
	    NULL), 100 * MS);
	penalty_destroy(&p);
}

TEST_MAIN(T(grows_and_is_capped), T(an_address_of_many_waits_no_longer),
    T(never_where_the_user_lately_succeeded),
    T(a_v6_network_is_one_place), T(memory_is_bounded), T(any_name_is_taken))

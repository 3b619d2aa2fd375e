/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection holds, of whose part of the memory, and what is given back when. */
#include "../test.h"

#include "net/holding.h"

enum { FIRST = 1 << 20, MAX = 256 * FIRST, SMALL = HOLDING_SMALL };

static struct payers *payers;
static struct holding a, b;

static struct payer *
user(uint32_t tenant, const char *name)
{
	return payer_get(payers, NAME(tenant, str_from(name)));
}

static int
setup(void **state)
{
	(void)state;
	payers = payers_create((int64_t[PAYER_KINDS]){ [PAYER_FRAMES] = MAX, [PAYER_HELD] = MAX / 2 });
	a = (struct holding){ .payer = user(0, "ann") };
	b = (struct holding){ .payer = user(0, "bob") };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	holding_end(&a);
	holding_end(&b);
	payers_destroy(&payers);
	assert_null(payers);
	payers_destroy(&payers);
	return 0;
}

static int64_t
used(const struct holding *h, enum payer_for what)
{
	return ration_used(payer_part(h->payer, what));
}

static void
payers_are_users_and_go_with_their_last_connection(void **state)
{
	struct payer *same = user(0, "ann"), *other = user(1, "ann"), *nobody = NULL, *nameless = payer_get(payers, NAME(0, STR_NULL));
	(void)state;
	assert_ptr_equal(same, a.payer);
	assert_ptr_not_equal(other, a.payer);
	assert_ptr_not_equal(nameless, a.payer);
	assert_ptr_equal(payer_part(same, PAYER_HELD)->tenant, payer_part(b.payer, PAYER_HELD)->tenant);
	assert_ptr_equal(payer_part(same, PAYER_HELD)->tenant, payer_part(nameless, PAYER_HELD)->tenant);
	assert_ptr_not_equal(payer_part(other, PAYER_HELD)->tenant, payer_part(b.payer, PAYER_HELD)->tenant);
	assert_ptr_not_equal(payer_part(same, PAYER_FRAMES)->tenant, payer_part(same, PAYER_HELD)->tenant);
	payer_put(&nobody);
	payer_put(&nameless);
	payer_put(&other);
	assert_null(other);
	payer_put(&same);
	holding_count(&a, SMALL + 1);
	same = user(0, "ann");		/* while one is there */
	assert_ptr_equal(same, a.payer);
	assert_int_equal(ration_used(payer_part(same, PAYER_HELD)), SMALL + 1);
	holding_end(&a);
	assert_null(a.payer);
	assert_int_equal(ration_used(payer_part(same, PAYER_HELD)), 0);
	payer_put(&same);
}

static void
what_is_small_is_nobodys(void **state)
{
	(void)state;
	holding_count(&a, SMALL);
	assert_int_equal(used(&a, PAYER_HELD), 0);
	holding_count(&a, SMALL + 1);
	assert_int_equal(used(&a, PAYER_HELD), SMALL + 1);
	holding_count(&a, 5 * SMALL);
	assert_int_equal(used(&a, PAYER_HELD), 5 * SMALL);
	holding_count(&a, SMALL);
	assert_int_equal(used(&a, PAYER_HELD), 0);
	assert_true(holding_promise(&a, SMALL));
	assert_int_equal(used(&a, PAYER_FRAMES), 0);
	assert_true(holding_promise(&a, SMALL + 1));
	assert_int_equal(used(&a, PAYER_FRAMES), SMALL + 1);
}

static void
a_promise_is_one_and_is_given_back_once(void **state)
{
	(void)state;
	holding_give_back(&a);
	assert_int_equal(used(&a, PAYER_FRAMES), 0);
	assert_true(holding_promise(&a, 3 * SMALL));
	assert_true(holding_promise(&a, 8 * SMALL));	/* the frame has its room */
	assert_int_equal(used(&a, PAYER_FRAMES), 3 * SMALL);
	holding_give_back(&a);
	holding_give_back(&a);
	assert_int_equal(used(&a, PAYER_FRAMES), 0);
	assert_int_equal(used(&a, PAYER_HELD), 0);
}

static void
who_is_refused_holds_nothing_and_may_ask_again(void **state)
{
	size_t most = (size_t)ration_most(MAX);
	(void)state;
	assert_false(holding_promise(&a, most + 1));
	assert_false(holding_promise(&a, SIZE_MAX >> 1));
	assert_int_equal(used(&a, PAYER_FRAMES), 0);
	assert_true(holding_promise(&b, most));
	assert_false(holding_promise(&a, most));
	holding_give_back(&a);
	assert_int_equal(used(&a, PAYER_FRAMES), 0);
	assert_true(holding_promise(&a, FIRST));		/* a little goes */
	holding_give_back(&a);
	holding_give_back(&b);
	assert_true(holding_promise(&a, most));
}

static void
connections_of_a_user_share_his_part(void **state)
{
	struct holding more = { .payer = user(0, "ann") };
	size_t most = (size_t)ration_most(MAX);
	(void)state;
	assert_true(holding_promise(&a, most - FIRST));
	assert_false(holding_promise(&more, FIRST + 1));
	assert_true(holding_promise(&more, FIRST));
	holding_end(&more);
	assert_int_equal(used(&a, PAYER_FRAMES), most - FIRST);
}

static void
full_is_who_has_no_frame_to_end(void **state)
{
	size_t most = (size_t)ration_most(MAX / 2);
	(void)state;
	holding_count(&a, most);
	assert_false(holding_is_full(&a));
	assert_int_equal(holding_room(&a), 0);
	holding_count(&a, most + 1);
	assert_true(holding_is_full(&a));
	assert_int_equal(holding_room(&a), 0);
	assert_false(holding_is_full(&b));		/* another user is not */
	assert_true(holding_room(&b) > 0);
	assert_true(holding_promise(&a, SMALL + 1));
	assert_false(holding_is_full(&a));
	holding_give_back(&a);
	assert_true(holding_is_full(&a));
	holding_count(&a, most);
	assert_false(holding_is_full(&a));
}

static void
scarce_is_from_half_on(void **state)
{
	size_t most = (size_t)ration_most(MAX / 2);
	(void)state;
	holding_count(&a, most / 2);
	assert_false(holding_is_scarce(&a, PAYER_HELD));
	assert_int_equal(holding_room(&a), (most - most / 2) / 8);
	holding_count(&a, most / 2 + 1);
	assert_true(holding_is_scarce(&a, PAYER_HELD));
	assert_false(holding_is_scarce(&a, PAYER_FRAMES));
	assert_false(holding_is_scarce(&b, PAYER_HELD));	/* who holds nothing waits for nobody */
	/* Of less, when others have come. */
	holding_count(&b, most / 2);
	holding_count(&a, most / 3);
	assert_true(holding_is_scarce(&b, PAYER_HELD));
}

static void
strangers_have_no_part(void **state)
{
	struct holding s = { .payer = NULL };
	(void)state;
	assert_true(holding_promise(&s, SIZE_MAX));
	holding_count(&s, SIZE_MAX);
	assert_false(holding_is_full(&s));
	assert_false(holding_is_scarce(&s, PAYER_FRAMES));
	assert_true(holding_room(&s) >= INT64_MAX / 8);
	holding_end(&s);
	assert_int_equal(used(&a, PAYER_HELD), 0);
}

/* ---- limits of their own ---- */

enum { LIMIT = 30 * SMALL };

static double ann_most, tenant_most;

static double
limit_of(const void *arg, struct name who)
{
	assert_ptr_equal(arg, &payers);
	if (who.tenant != 0)
		return 0;
	return who.s.p == NULL ? tenant_most : str_is(who.s, "ann") ? ann_most : 0;
}

static void
limits(double ann, double tenant)
{
	ann_most = ann;
	tenant_most = tenant;
	payers_limit(payers, limit_of, &payers);
}

static void
a_users_limit_is_of_all_that_he_holds(void **state)
{
	struct holding more = { .payer = user(0, "ann") };
	struct payer_bound bound;
	(void)state;
	limits(LIMIT, 0);
	holding_count(&a, LIMIT / 2);
	holding_count(&more, LIMIT / 4);
	assert_false(holding_is_full(&a));
	assert_int_equal(holding_room(&a), LIMIT / 4 / 8);
	assert_true(holding_promise(&more, LIMIT / 4));		/* of any kind */
	assert_int_equal(holding_room(&a), 0);
	assert_false(holding_promise(&a, SMALL + 1));
	assert_int_equal(used(&a, PAYER_FRAMES), LIMIT / 4);
	assert_false(holding_is_full(&a));
	holding_count(&a, LIMIT / 2 + 1);
	assert_true(holding_is_full(&a));
	assert_false(holding_is_full(&more));			/* it has a frame to end */
	assert_true(holding_is_scarce(&a, PAYER_HELD) && holding_is_scarce(&more, PAYER_FRAMES));
	assert_false(holding_is_full(&b) || holding_is_scarce(&b, PAYER_HELD));
	assert_true(holding_promise(&b, LIMIT));
	assert_int_equal(payer_room(a.payer, &bound), -1);
	assert_true(bound.of_user && bound.used == LIMIT + 1 && bound.most == LIMIT);
	holding_end(&more);
	assert_false(holding_is_full(&a));
}

/* What waits to be received is held as well: it would wait for itself. */
static void
one_frame_goes_where_none_does(void **state)
{
	struct holding more = { .payer = user(0, "ann") };
	(void)state;
	for (int of_tenant = 0; of_tenant < 2; of_tenant++) {
		limits(of_tenant ? 0 : LIMIT, of_tenant ? LIMIT : 0);
		holding_count(&a, LIMIT);
		holding_count(&more, LIMIT);
		assert_true(holding_promise(&a, LIMIT / 2));
		assert_false(holding_promise(&more, SMALL + 1));
		holding_count(&a, 0);
		holding_give_back(&a);
		assert_true(holding_promise(&more, LIMIT / 2));
		holding_give_back(&more);
		holding_count(&more, 0);
	}
	holding_end(&more);
}

static void
users_share_their_tenants_limit(void **state)
{
	struct holding other = { .payer = user(1, "ann") };
	struct payer_bound bound;
	(void)state;
	limits(0, LIMIT);
	holding_count(&a, LIMIT / 3 * 2);
	assert_false(holding_is_full(&a));
	holding_count(&a, LIMIT / 3 * 2 + 1);
	assert_true(holding_is_full(&a));
	assert_int_equal(payer_room(a.payer, &bound), -1);
	assert_true(!bound.of_user && bound.used == LIMIT / 3 * 2 + 1 && bound.most == LIMIT);
	assert_false(holding_is_full(&b));			/* nobody takes the last of it */
	assert_true(holding_room(&b) > 0);
	assert_true(holding_promise(&b, LIMIT / 5));
	assert_false(holding_is_full(&other));
	assert_true(holding_promise(&other, 2 * LIMIT));	/* another tenant has no part of it */
	holding_end(&other);
	limits(LIMIT / 3, LIMIT);				/* both hold at once */
	assert_true(payer_room(a.payer, &bound) < 0 && bound.of_user);
}

static void
limits_hold_at_once_for_who_is_there_and_who_comes(void **state)
{
	struct holding later;
	(void)state;
	holding_count(&a, LIMIT);
	assert_false(holding_is_full(&a));
	limits(LIMIT / 2, 0);
	assert_true(holding_is_full(&a));
	limits(0, 0);
	assert_false(holding_is_full(&a));
	assert_true(holding_room(&a) > LIMIT);
	limits(0, LIMIT);
	holding_count(&a, 0);
	later = (struct holding){ .payer = user(0, "carl") };
	holding_count(&later, LIMIT);
	assert_true(holding_is_full(&later));
	holding_end(&later);
	limits(1e30, 1e30);					/* more than there is */
	holding_count(&a, LIMIT);
	assert_false(holding_is_full(&a));
}

static void
what_never_has_room_is_known_before(void **state)
{
	struct payer_bound bound;
	(void)state;
	assert_false(holding_exceeds(&a, MAX, &bound));
	limits(LIMIT, 10.0 * LIMIT);
	assert_false(holding_exceeds(&a, LIMIT, &bound));
	assert_true(holding_exceeds(&a, LIMIT + 1, &bound));
	assert_true(bound.of_user && bound.most == LIMIT);
	limits(LIMIT, LIMIT);
	assert_false(holding_exceeds(&a, LIMIT / 3 * 2, &bound));
	assert_true(holding_exceeds(&a, LIMIT / 3 * 2 + 1, &bound));
	assert_false(bound.of_user);
	limits(1, 1);
	assert_false(holding_exceeds(&a, SMALL, &bound));	/* counted for nobody */
	assert_true(holding_exceeds(&b, SMALL + 1, &bound));
}

static void
a_limit_is_told_once_a_minute(void **state)
{
	const uint64_t minute = UINT64_C(60000000000);
	struct payer_bound bound;
	(void)state;
	assert_false(holding_tells(&a, 0, 1, &bound));
	limits(LIMIT, 0);
	holding_count(&a, LIMIT);
	assert_false(holding_tells(&a, 0, 1, &bound));
	assert_true(holding_tells(&a, SMALL, 1, &bound));
	assert_false(holding_tells(&a, SMALL, minute, &bound) || holding_tells(&a, SMALL, 0, &bound));
	assert_true(holding_tells(&a, SMALL, minute + 1, &bound));
	assert_true(bound.of_user && bound.used == LIMIT);
}

#define S(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

TEST_MAIN(
	S(payers_are_users_and_go_with_their_last_connection),
	S(what_is_small_is_nobodys),
	S(a_promise_is_one_and_is_given_back_once),
	S(who_is_refused_holds_nothing_and_may_ask_again),
	S(connections_of_a_user_share_his_part),
	S(full_is_who_has_no_frame_to_end),
	S(scarce_is_from_half_on),
	S(strangers_have_no_part),
	S(a_users_limit_is_of_all_that_he_holds),
	S(one_frame_goes_where_none_does),
	S(users_share_their_tenants_limit),
	S(limits_hold_at_once_for_who_is_there_and_who_comes),
	S(what_never_has_room_is_known_before),
	S(a_limit_is_told_once_a_minute),
)

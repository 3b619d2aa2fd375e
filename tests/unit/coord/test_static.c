/* SPDX-License-Identifier: Apache-2.0 */
/* Members with a name of their own (KIP-345), on virtual time. */
#include "group_world.h"

#include "base/err.h"

static void
static_member_comes_back_without_rebalance(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], "a", "range", "m", false, true);
	join_as(w, &w->c[1], "b", "range", "m", false, true);
	pass(w, 6000);
	struct client former = w->c[1];
	w->c[0].generation = w->c[1].generation = 1;
	struct group_assignment as = { str_from(w->c[1].id), { (const uint8_t *)"part", 4 } };
	struct group_sync s = { .member_id = str_from(w->c[1].id), .instance_id = STR("b"),
		.generation = 1 };
	group_sync(w->group, &s, &w->c[1]);
	s = (struct group_sync){ .member_id = str_from(w->c[0].id), .instance_id = STR("a"),
		.generation = 1, .assignments = { &as, 1 } };
	group_sync(w->group, &s, &w->c[0]);
	assert_int_equal(w->group->state, GROUP_STABLE);

	join_as(w, &w->c[2], "b", "range", "m", false, true);
	assert_int_equal(w->c[2].err, KERR_NONE);
	assert_int_equal(w->c[2].generation, 1);
	assert_string_not_equal(w->c[2].id, former.id);
	struct group_caller old = { str_from(former.id), STR("b"), 1 };
	assert_int_equal(group_heartbeat(w->group, &old), KERR_FENCED_INSTANCE_ID);
	assert_int_equal(group_may_commit(w->group, &old), KERR_FENCED_INSTANCE_ID);
	s = (struct group_sync){ .member_id = str_from(w->c[2].id), .instance_id = STR("b"),
		.generation = 1 };
	group_sync(w->group, &s, &w->c[2]);
	assert_string_equal(w->c[2].assignment, "part");

	/* The leader itself: told to keep the assignment, or that it does not lead. */
	join_as(w, &w->c[3], "a", "range", "m", false, true);
	assert_true(w->c[3].skip);
	assert_string_equal(w->c[3].leader, w->c[3].id);
	assert_int_equal(w->c[3].members, 2);
	join_as(w, &w->c[4], "a", "range", "m", false, false);
	assert_false(w->c[4].skip);
	assert_string_equal(w->c[4].leader, w->c[3].id);
	assert_string_not_equal(w->c[4].id, w->c[3].id);
	assert_int_equal(w->group->state, GROUP_STABLE);
}

/* A stable group of two static members, b with that metadata. */
static void
form_static(struct world *w, struct bytes metadata)
{
	struct group_protocol p = { STR("range"), metadata };
	struct group_join j = { .member_id = STR(""), .instance_id = STR("b"), .client_id = STR("cl"),
		.client_host = STR("/h"), .protocol_type = STR("consumer"), .protocols = { &p, 1 },
		.session_ms = 10000, .rebalance_ms = 60000 };
	join_as(w, &w->c[0], "a", "range", "m", false, true);
	group_join(w->group, &j, &w->c[1]);
	pass(w, 6000);
	struct group_sync s = { .member_id = str_from(w->c[0].id), .instance_id = STR("a"), .generation = 1 };
	group_sync(w->group, &s, &w->c[0]);
	assert_int_equal(w->group->state, GROUP_STABLE);
}

/* What a consumer owned before is not what makes it another. */
static void
static_member_comes_back_without_what_it_owned(void **state)
{
	struct world *w = *state;
	static const char was[] = "\0\3" "\0\0\0\1" "\0\1t" "\xff\xff\xff\xff" "\0\0\0\1" "\0\1t" "\0\0\0\1" "\0\0\0\0" "\0\0\0\7" "\xff\xff";
	static const char is[] = "\0\3" "\0\0\0\1" "\0\1t" "\xff\xff\xff\xff" "\0\0\0\0" "\xff\xff\xff\xff" "\xff\xff";
	static const char other[] = "\0\3" "\0\0\0\1" "\0\1u" "\xff\xff\xff\xff" "\0\0\0\0" "\xff\xff\xff\xff" "\xff\xff";
	form_static(w, (struct bytes){ (const uint8_t *)was, sizeof(was) - 1 });
	struct group_protocol p[] = { { STR("range"), { (const uint8_t *)is, sizeof(is) - 1 } },
		{ STR("sticky"), { (const uint8_t *)is, sizeof(is) - 1 } } };
	struct group_join j = { .member_id = STR(""), .instance_id = STR("b"), .client_id = STR("cl"),
		.client_host = STR("/h"), .protocol_type = STR("consumer"), .protocols = { p, 2 },
		.session_ms = 10000, .rebalance_ms = 60000 };
	group_join(w->group, &j, &w->c[2]);
	assert_int_equal(w->c[2].joins, 1);
	assert_int_equal(w->c[2].err, KERR_NONE);
	assert_int_equal(w->c[2].generation, 1);
	assert_int_equal(w->group->state, GROUP_STABLE);
	/* Other topics, or not the protocol that was chosen: all are called. */
	p[0].metadata = (struct bytes){ (const uint8_t *)other, sizeof(other) - 1 };
	group_join(w->group, &j, &w->c[3]);
	assert_int_equal(w->c[3].joins, 0);
	assert_int_equal(w->group->state, GROUP_PREPARING);
}

/* D2: two processes with one instance id while a rebalance runs. */
static void
static_twin_fences_the_parked_one(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], "a", "range", "m", false, true);
	join_as(w, &w->c[1], "a", "range", "m", false, true);
	assert_int_equal(w->c[0].err, KERR_FENCED_INSTANCE_ID);
	assert_int_equal(w->group->members_n, 1);
	pass(w, 6000);
	assert_int_equal(w->c[1].err, KERR_NONE);
	assert_int_equal(w->c[1].joins, 1);
}

/* D2, in the other half of a rebalance: the assignment goes to the twin, and not by this one. */
static void
static_twin_fences_the_one_that_syncs(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], "a", "range", "m", false, true);
	join_as(w, &w->c[1], "b", "range", "m", false, true);
	pass(w, 6000);
	struct group_sync s = { .member_id = str_from(w->c[1].id), .instance_id = STR("b"), .generation = 1 };
	group_sync(w->group, &s, &w->c[1]);
	assert_int_equal(w->c[1].syncs, 0);
	join_as(w, &w->c[2], "b", "range", "m", false, true);
	assert_int_equal(w->c[1].syncs, 1);
	assert_int_equal(w->c[1].err, KERR_FENCED_INSTANCE_ID);
	assert_int_equal(w->group->state, GROUP_PREPARING);
	join_as(w, &w->c[0], "a", "range", "m", false, true);
	assert_int_equal(w->c[2].err, KERR_NONE);
	assert_int_equal(w->c[2].generation, 2);
}

/* A static member that prefers another protocol now, or whose place cannot be stored. */
static void
static_member_comes_back_otherwise(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], "a", "range,sticky", "m", false, true);
	pass(w, 6000);
	struct group_sync s = { .member_id = str_from(w->c[0].id), .instance_id = STR("a"), .generation = 1 };
	group_sync(w->group, &s, &w->c[0]);
	w->store_err = ERR_IO;
	join_as(w, &w->c[1], "a", "range,sticky", "m", false, true);
	assert_int_equal(w->c[1].err, KERR_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(w->group->state, GROUP_STABLE);
	w->store_err = 0;
	join_as(w, &w->c[2], "a", "range,sticky", "m", false, true);
	assert_int_equal(w->c[2].generation, 1);
	join_as(w, &w->c[3], "a", "sticky,range", "m", false, true);
	assert_int_equal(w->c[3].generation, 2);
	assert_string_equal(w->c[3].protocol, "sticky");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		G(static_member_comes_back_without_rebalance),
		G(static_twin_fences_the_parked_one), G(static_member_comes_back_otherwise),
		G(static_twin_fences_the_one_that_syncs),
		G(static_member_comes_back_without_what_it_owned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The classic protocol on virtual time: each test plays clients by hand. */
#include "group_world.h"

#include <unistd.h>

#include "base/err.h"
#include "coord/budget.h"

static void
first_generation_waits_for_late_comers(void **state)
{
	struct world *w = *state;
	join(w, &w->c[0]);
	pass(w, 2000);
	join(w, &w->c[1]);
	pass(w, 2000);
	assert_int_equal(w->c[0].joins, 0); /* the delay began anew */
	pass(w, 2000);
	assert_int_equal(w->c[0].joins, 1);
	assert_int_equal(w->c[1].joins, 1);
	assert_int_equal(w->c[0].generation, 1);
	assert_string_equal(w->c[1].leader, w->c[0].id);
	assert_int_equal(w->c[0].members, 2);
	assert_int_equal(w->c[1].members, 0);
}

static void
thousand_members(void **state)
{
	struct world *w = *state;
	form(w, 1000);
	/* One leaves: the rest are called back and form the next generation. */
	assert_int_equal(group_leave(w->group, str_from(w->c[999].id), STR_NULL), KERR_NONE);
	assert_int_equal(beat(w, &w->c[3]), KERR_REBALANCE_IN_PROGRESS);
	int generation = w->c[0].generation;
	form(w, 999);
	assert_int_equal(w->c[0].generation, generation + 1);
	assert_int_equal(beat(w, &w->c[3]), KERR_NONE);
}

/* As many as group.max.size allows: they share, one goes, the others share again, all fall silent.
 * What they hold is bounded. */
static void
ten_thousand_members(void **state)
{
	enum { N = 10000, EACH = 4096 };
	struct world *w = *state;
	struct group_settings many = settings;
	many.max_size = N;
	group_destroy(&w->group);
	w->group = group_create(NAME(0, STR("g")), &many, &ops, w, &w->timers, 1000);
	struct budget *budget = budget_create(0, NULL, NULL);
	w->group->share = budget_share(budget, 0);
	struct client *c = mem_zalloc(sizeof(*c) * N), extra = { 0 };
	form_of(w, c, N);
	assert_int_equal(w->group->members_n, N);
	join(w, &extra);
	assert_int_equal(extra.err, KERR_GROUP_MAX_SIZE_REACHED);
	assert_in_range(budget_used(budget), 1, (int64_t)N * EACH);
	assert_int_equal(group_leave(w->group, str_from(c[N - 1].id), STR_NULL), KERR_NONE);
	assert_int_equal(beat(w, &c[3]), KERR_REBALANCE_IN_PROGRESS);
	int generation = c[0].generation;
	form_of(w, c, N - 1);
	assert_int_equal(c[0].generation, generation + 1);
	/* All of them fall silent, and nothing is left. */
	for (int i = 0; i < 20; i++)
		pass(w, 10000);
	assert_int_equal(w->group->members_n, 0);
	mem_free(c);
	share_put(&w->group->share);
	w->group->share = NULL;
	budget_destroy(&budget);
}

static void
member_id_is_required_then_known(void **state)
{
	struct world *w = *state;
	struct client *c = &w->c[0];
	join_as(w, c, NULL, "range", "m", true, true);
	assert_int_equal(c->err, KERR_MEMBER_ID_REQUIRED);
	assert_int_equal(strncmp(c->id, "cl-", 3), 0);
	join_as(w, c, NULL, "range", "m", true, true);
	pass(w, 3000);
	assert_int_equal(c->err, KERR_NONE);
	assert_int_equal(c->joins, 2);
}

static void
unused_member_id_expires(void **state)
{
	struct world *w = *state;
	form(w, 1);
	join_as(w, &w->c[1], NULL, "range", "m", true, true);
	join(w, &w->c[0]); /* the leader asks for a rebalance */
	assert_int_equal(w->c[0].joins, 1); /* which waits for the id that was given out */
	pass(w, 10000);
	assert_int_equal(w->c[0].joins, 2);
	join_as(w, &w->c[1], NULL, "range", "m", true, true);
	assert_int_equal(w->c[1].err, KERR_UNKNOWN_MEMBER_ID);
}

static void
session_ends_without_heartbeats(void **state)
{
	struct world *w = *state;
	form(w, 2);
	for (int i = 0; i < 5; i++) {
		pass(w, 5000);
		assert_int_equal(beat(w, &w->c[0]), i < 1 ? KERR_NONE : KERR_REBALANCE_IN_PROGRESS);
		if (i == 0)
			assert_int_equal(w->group->members_n, 2);
	}
	assert_int_equal(w->group->members_n, 1);
	assert_int_equal(beat(w, &w->c[1]), KERR_UNKNOWN_MEMBER_ID);
}

/* Who waits for others in a JoinGroup has nothing to send, whatever it sent last. */
static void
heartbeat_of_one_that_waits_starts_no_session(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join_as(w, &w->c[0], NULL, "range", "changed", false, true);
	struct group_caller me = { str_from(w->c[0].id), STR_NULL, 1 };
	struct group_caller other = { str_from(w->c[1].id), STR_NULL, 1 };
	assert_int_equal(group_heartbeat(w->group, &me), KERR_REBALANCE_IN_PROGRESS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(group_heartbeat(w->group, &other), KERR_REBALANCE_IN_PROGRESS);
		pass(w, 9000);
	}
	assert_int_equal(w->group->members_n, 2);
	join_as(w, &w->c[1], NULL, "range", "m", false, true);
	assert_int_equal(w->c[0].err, KERR_NONE);
	assert_int_equal(w->c[0].generation, 2);
}

static void
last_member_gone_leaves_it_empty(void **state)
{
	struct world *w = *state;
	form(w, 1);
	pass(w, 10001);
	assert_int_equal(w->group->state, GROUP_EMPTY);
	join(w, &w->c[1]);
	pass(w, 3000);
	assert_int_equal(w->c[1].err, KERR_NONE);
	assert_int_equal(w->c[1].generation, 3); /* the empty one in between counts */
}

static void
who_does_not_rejoin_is_dropped(void **state)
{
	struct world *w = *state;
	form(w, 3);
	join_as(w, &w->c[0], NULL, "range", "changed", false, true);
	join(w, &w->c[1]);
	for (int i = 0; i < 11; i++) {
		(void)beat(w, &w->c[2]); /* alive, but never comes back */
		assert_int_equal(w->group->members_n, 3);
		pass(w, 5500);
	}
	assert_int_equal(w->group->members_n, 2);
	assert_int_equal(w->c[0].err, KERR_NONE);
	assert_int_equal(w->c[0].generation, 2);
	assert_int_equal(beat(w, &w->c[2]), KERR_UNKNOWN_MEMBER_ID);
}

static void
who_does_not_sync_is_dropped(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 2; i++)
		join(w, &w->c[i]);
	pass(w, 6000);
	sync_(w, &w->c[1], NULL, 0);
	assert_int_equal(w->c[1].syncs, 0);
	for (int i = 0; i < 13; i++) {
		pass(w, 5000);
		(void)beat(w, &w->c[0]);
	}
	/* Leader never synced: gone; the other's sync was answered, to rejoin. */
	assert_int_equal(w->c[1].syncs, 1);
	assert_int_equal(w->c[1].err, KERR_REBALANCE_IN_PROGRESS);
	assert_null(group_member_by_id(w->group, str_from(w->c[0].id)));
}

static void
repeated_join_is_answered_again(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join(w, &w->c[1]); /* a follower with unchanged metadata: the same generation */
	assert_int_equal(w->c[1].joins, 2);
	assert_int_equal(w->c[1].generation, 1);
	assert_int_equal(w->group->state, GROUP_STABLE);
	join(w, &w->c[0]); /* the leader: a rebalance */
	assert_int_equal(w->group->state, GROUP_PREPARING);
}

static void
protocols_are_voted_for(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], NULL, "range,sticky", "m", false, true);
	join_as(w, &w->c[1], NULL, "sticky,range", "m", false, true);
	join_as(w, &w->c[2], NULL, "other,sticky,range", "m", false, true);
	pass(w, 9000);
	assert_string_equal(w->c[0].protocol, "sticky");
	join_as(w, &w->c[3], NULL, "other", "m", false, true);
	assert_int_equal(w->c[3].err, KERR_INCONSISTENT_GROUP_PROTOCOL);
	join_as(w, &w->c[4], NULL, "", "m", true, true);
	assert_int_equal(w->c[4].err, KERR_INCONSISTENT_GROUP_PROTOCOL);
}

/* Every rebalance compares everybody's protocols: as many as there may be, of many members. */
static void
subscriptions_are_bounded(void **state)
{
	struct world *w = *state;
	uint8_t *big = mem_zalloc(GROUP_SUBSCRIPTION_MAX + 1);
	char names[GROUP_PROTOCOLS_MAX + 1][16];
	struct group_protocol p[GROUP_PROTOCOLS_MAX + 1];
	struct group_join j = { .member_id = STR(""), .client_id = STR("cl"), .client_host = STR("/10.0.0.1"),
		.protocol_type = STR("consumer"), .protocols = { p, GROUP_PROTOCOLS_MAX + 1 },
		.session_ms = 10000, .rebalance_ms = 60000 };
	for (int i = 0; i <= GROUP_PROTOCOLS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "p%02d", i);
		p[i] = (struct group_protocol){ str_from(names[i]), { big, 0 } };
	}
	group_join(w->group, &j, &w->c[0]);
	assert_int_equal(w->c[0].err, KERR_INVALID_REQUEST);
	j.protocols.n = 1;
	p[0].metadata.n = GROUP_SUBSCRIPTION_MAX - 2;
	group_join(w->group, &j, &w->c[0]);
	assert_int_equal(w->c[0].err, KERR_INVALID_REQUEST);
	p[0].metadata.n--;
	group_join(w->group, &j, &w->c[0]);
	j.protocols.n = GROUP_PROTOCOLS_MAX;
	p[0].metadata.n = 0;
	for (int i = 1; i < 200; i++)
		group_join(w->group, &(struct group_join){ .member_id = STR(""), .client_id = STR("cl"),
		    .client_host = STR("/h"), .protocol_type = STR("consumer"), .session_ms = 10000,
		    .rebalance_ms = 60000, .protocols = { p, GROUP_PROTOCOLS_MAX } }, &w->c[i]);
	pass(w, 60000);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(w->c[i].err, KERR_NONE);
		assert_string_equal(w->c[i].protocol, "p00");
	}
	mem_free(big);
}

/* A group that all have left may become one of another kind. */
static void
kind_of_group_is_that_of_its_members(void **state)
{
	struct world *w = *state;
	struct group_protocol p = { STR("sessioned"), { (const uint8_t *)"", 0 } };
	struct group_join j = { .member_id = STR(""), .client_id = STR("cl"), .client_host = STR("/h"),
		.protocol_type = STR("connect"), .protocols = { &p, 1 }, .session_ms = 10000,
		.rebalance_ms = 60000 };
	form(w, 1);
	group_join(w->group, &j, &w->c[1]);
	assert_int_equal(w->c[1].err, KERR_INCONSISTENT_GROUP_PROTOCOL);
	assert_int_equal(group_leave(w->group, str_from(w->c[0].id), STR_NULL), KERR_NONE);
	group_join(w->group, &j, &w->c[1]);
	pass(w, 6000);
	assert_int_equal(w->c[1].err, KERR_NONE);
	assert_string_equal(w->group->protocol_type, "connect");
}

static void
commits_are_fenced(void **state)
{
	struct world *w = *state;
	struct group_caller simple = { STR(""), STR_NULL, -1 };
	/* One that assigns partitions to itself may have a name all the same. */
	struct group_caller named = { STR("some"), STR("instance"), -1 };
	assert_int_equal(group_may_commit(w->group, &simple), KERR_NONE);
	assert_int_equal(group_may_commit(w->group, &named), KERR_NONE);
	form(w, 1);
	assert_int_equal(group_may_commit(w->group, &simple), KERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(group_may_commit(w->group, &named), KERR_UNKNOWN_MEMBER_ID);
	struct group_caller me = { str_from(w->c[0].id), STR_NULL, 1 };
	assert_int_equal(group_may_commit(w->group, &me), KERR_NONE);
	me.generation = 0;
	assert_int_equal(group_may_commit(w->group, &me), KERR_ILLEGAL_GENERATION);
	join(w, &w->c[1]);
	join(w, &w->c[0]);
	assert_int_equal(w->group->state, GROUP_COMPLETING);
	me.generation = 2;
	assert_int_equal(group_may_commit(w->group, &me), KERR_REBALANCE_IN_PROGRESS);
}

static void
log_that_takes_nothing_forces_a_rebalance(void **state)
{
	struct world *w = *state;
	join(w, &w->c[0]);
	pass(w, 3000);
	w->store_err = ERR_IO;
	sync_(w, &w->c[0], w->c, 1);
	assert_int_equal(w->c[0].err, KERR_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(w->group->state, GROUP_PREPARING);
	w->store_err = 0;
	join(w, &w->c[0]);
	assert_int_equal(w->c[0].generation, 2);
	sync_(w, &w->c[0], w->c, 1);
	assert_int_equal(w->group->state, GROUP_STABLE);
}

static void
bad_sessions_are_refused(void **state)
{
	struct world *w = *state;
	struct group_protocol p = { STR("range"), { (const uint8_t *)"", 0 } };
	struct group_join j = { .member_id = STR(""), .protocol_type = STR("consumer"),
		.protocols = { &p, 1 }, .session_ms = 5999, .rebalance_ms = -1 };
	group_join(w->group, &j, &w->c[0]);
	assert_int_equal(w->c[0].err, KERR_INVALID_SESSION_TIMEOUT);
	j.session_ms = INT32_MAX;
	group_join(w->group, &j, &w->c[0]);
	assert_int_equal(w->c[0].err, KERR_INVALID_SESSION_TIMEOUT);
	j.session_ms = 6000; /* v0: no rebalance time-out, the session's counts */
	group_join(w->group, &j, &w->c[0]);
	pass(w, 3000);
	assert_int_equal(w->c[0].err, KERR_NONE);
	assert_int_equal(group_member_by_id(w->group, str_from(w->c[0].id))->rebalance_ms, 6000);
}

static void
after_the_last_generation_comes_the_first(void **state)
{
	struct world *w = *state;
	struct group_stored stored = { .protocol_type = STR("consumer"), .generation = INT32_MAX };
	group_restore(w->group, &stored);
	join(w, &w->c[0]);
	pass(w, 3000);
	assert_int_equal(w->c[0].err, KERR_NONE);
	assert_int_equal(w->c[0].generation, 1);
}

/* A static member that gives no time for a rebalance and does not come to it. */
static void
no_time_at_all_is_no_loop(void **state)
{
	struct world *w = *state;
	struct group_protocol range = { STR("range"), { (const uint8_t *)"m", 1 } };
	struct group_join j = { .instance_id = STR("i"), .client_id = STR("cl"), .protocol_type = STR("consumer"),
		.protocols = { &range, 1 }, .session_ms = 1000000, .rebalance_ms = 60000 };
	group_join(w->group, &j, &w->c[0]);
	pass(w, 3000);
	j.member_id = str_from(w->c[0].id);
	j.rebalance_ms = 0;
	for (int i = 0; i < 2; i++) {
		sync_(w, &w->c[0], &w->c[0], 1);
		group_join(w->group, &j, &w->c[0]);
	}
	sync_(w, &w->c[0], &w->c[0], 1);
	assert_int_equal(w->group->state, GROUP_STABLE);
	join(w, &w->c[1]);
	group_abandon(w->group, &w->c[1]);
	alarm(60); /* where it loops it loops for ever */
	pass(w, 100000);
	alarm(0);
	assert_int_equal(w->group->members_n, 1);
	pass(w, 1000000);
	assert_int_equal(w->group->state, GROUP_EMPTY);
}

/* A client may call itself anything; its id stays its own, and short enough to be sent. */
static void
odd_names_are_nobody_elses(void **state)
{
	struct world *w = *state;
	static char longest[32767];
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest + 254, "\xc3\xa4", 2); /* cut before it, not within */
	struct group_protocol range = { STR("range"), { (const uint8_t *)"m", 1 } };
	struct group_join j = { .client_id = { "c\0d", 3 }, .protocol_type = STR("consumer"),
		.protocols = { &range, 1 }, .session_ms = 10000, .rebalance_ms = 60000 };
	j.needs_member_id = true;
	group_join(w->group, &j, &w->c[0]);
	group_join(w->group, &j, &w->c[1]);
	assert_int_equal(strlen(w->c[0].id), 3 + 37);
	assert_memory_equal(w->c[0].id, "c_d-", 4);
	assert_string_not_equal(w->c[0].id, w->c[1].id);
	j.client_id = (struct str){ longest, sizeof(longest) };
	struct client *c = &w->c[2];
	w->id_n = 0;
	group_join(w->group, &j, c);
	assert_int_equal(c->err, KERR_MEMBER_ID_REQUIRED);
	assert_int_equal(w->id_n, 254 + 37);
	j.instance_id = (struct str){ "i\0k", 3 };
	group_join(w->group, &j, c);
	assert_int_equal(c->err, KERR_INVALID_REQUEST);
	j.instance_id = STR_NULL;
	range.name = (struct str){ "range\0x", 7 };
	group_join(w->group, &j, c);
	assert_int_equal(c->err, KERR_INCONSISTENT_GROUP_PROTOCOL);
}

static void
abandoned_join_keeps_the_place(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join_as(w, &w->c[0], NULL, "range", "changed", false, true);
	group_abandon(w->group, &w->c[0]);
	assert_int_equal(w->group->members_n, 2);
	pass(w, 10001); /* and it expires like any silent member */
	assert_int_equal(w->group->members_n, 0);
	assert_int_equal(w->c[0].joins, 1);
}

/* A client with time-outs of its own. */
static void
join_for(struct world *w, struct client *c, int session_ms, int rebalance_ms, const char *tag)
{
	struct group_protocol p = { STR("range"), { (const uint8_t *)tag, strlen(tag) } };
	struct group_join j = { .member_id = str_from(c->id), .client_id = STR("cl"), .client_host = STR("/h"),
		.protocol_type = STR("consumer"), .protocols = { &p, 1 }, .session_ms = session_ms,
		.rebalance_ms = rebalance_ms };
	group_join(w->group, &j, c);
}

static void
slowest_member_sets_the_time(void **state)
{
	struct world *w = *state;
	join_for(w, &w->c[0], 10000, 20000, "m");
	join_for(w, &w->c[1], 10000, 60000, "m");
	pass(w, 6000);
	sync_(w, &w->c[0], w->c, 2);
	sync_(w, &w->c[1], NULL, 0);
	join_for(w, &w->c[0], 10000, 20000, "other");
	for (int s = 0; s < 60; s += 5) {
		assert_int_equal(beat(w, &w->c[1]), KERR_REBALANCE_IN_PROGRESS);
		assert_int_equal(w->c[0].joins, 1);
		pass(w, 5000);
	}
	assert_int_equal(w->c[0].joins, 2);
	assert_int_equal(beat(w, &w->c[1]), KERR_UNKNOWN_MEMBER_ID);
}

static void
first_generation_comes_in_time_all_the_same(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(w->c[0].joins, 0);
		join_for(w, &w->c[i], 6000, 4000, "m");
		pass(w, 1000);
	}
	assert_int_equal(w->c[0].joins, 1);
	assert_int_equal(w->c[3].joins, 1);
}

/* Its client may be gone, and nobody would ever notice. */
static void
new_member_is_not_waited_for_without_end(void **state)
{
	struct world *w = *state;
	join_for(w, &w->c[0], 10000, 1200000, "m");
	pass(w, 6000);
	sync_(w, &w->c[0], w->c, 1);
	join_for(w, &w->c[1], 10000, 1200000, "m");
	for (int s = 0; s < 300; s += 5) {
		assert_int_equal(w->c[1].joins, 0);
		(void)beat(w, &w->c[0]);
		pass(w, 5000);
	}
	assert_int_equal(w->c[1].err, KERR_UNKNOWN_MEMBER_ID);
	/* One that was in a generation, as after a restart of the broker, is. */
	join_for(w, &w->c[0], 10000, 1200000, "other");
	assert_int_equal(w->c[0].err, KERR_NONE);
}

static void
second_try_of_a_request_takes_the_place_of_the_first(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join_as(w, &w->c[0], NULL, "range", "other", false, true);
	struct client again = w->c[0];
	join_as(w, &again, NULL, "range", "other", false, true);
	assert_int_equal(w->c[0].err, KERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(w->c[0].joins, 2);
	join(w, &w->c[1]);
	assert_int_equal(again.err, KERR_NONE);
	assert_int_equal(again.joins, 2);
	struct client follower = strcmp(again.leader, again.id) == 0 ? w->c[1] : again, twice = follower;
	sync_(w, &follower, NULL, 0);
	sync_(w, &twice, NULL, 0);
	assert_int_equal(follower.syncs, 1);
	assert_int_equal(follower.err, KERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(twice.syncs, 0);
	group_abandon(w->group, &twice);
}

static void
lost_answer_is_given_again_before_the_assignment(void **state)
{
	struct world *w = *state;
	join(w, &w->c[0]);
	join(w, &w->c[1]);
	pass(w, 6000);
	for (int i = 0; i < 2; i++) {
		join(w, &w->c[i]);
		assert_int_equal(w->c[i].joins, 2);
		assert_int_equal(w->c[i].generation, 1);
		assert_int_equal(w->c[i].members, strcmp(w->c[i].leader, w->c[i].id) == 0 ? 2 : 0);
	}
	assert_int_equal(w->group->state, GROUP_COMPLETING);
}

static void
groups_are_bounded(void **state)
{
	struct world *w = *state;
	struct group_settings small = settings;
	small.max_size = 2;
	group_destroy(&w->group);
	w->group = group_create(NAME(0, STR("g")), &small, &ops, w, &w->timers, 1000);
	for (int i = 0; i < 3; i++)
		join_as(w, &w->c[i], NULL, "range", "m", true, true); /* ids given out count */
	assert_int_equal(w->c[1].err, KERR_MEMBER_ID_REQUIRED);
	assert_int_equal(w->c[2].err, KERR_GROUP_MAX_SIZE_REACHED);
	join_as(w, &w->c[0], NULL, "range", "m", true, true);
	join_as(w, &w->c[1], "inst", "range", "m", true, true); /* and are for who got them, as it was */
	assert_int_equal(w->c[1].err, KERR_UNKNOWN_MEMBER_ID);
	join_as(w, &w->c[1], NULL, "range", "m", true, true);
	pass(w, 6000);
	assert_int_equal(w->group->members_n, 2);
	join_as(w, &w->c[2], NULL, "range", "m", true, true);
	assert_int_equal(w->c[2].err, KERR_GROUP_MAX_SIZE_REACHED);
	group_destroy(&w->group);
}

static enum kerr
sync_of(struct world *w, int generation, const char *type, const char *protocol)
{
	struct group_sync s = { .member_id = str_from(w->c[1].id), .generation = generation,
		.protocol_type = str_from(type), .protocol = str_from(protocol) };
	group_sync(w->group, &s, &w->c[1]);
	return w->c[1].err;
}

static void
generations_are_fenced(void **state)
{
	struct world *w = *state;
	form(w, 2);
	assert_int_equal(sync_of(w, 0, NULL, NULL), KERR_ILLEGAL_GENERATION);
	assert_int_equal(sync_of(w, 2, NULL, NULL), KERR_ILLEGAL_GENERATION);
	assert_int_equal(sync_of(w, 1, "connect", "range"), KERR_INCONSISTENT_GROUP_PROTOCOL);
	assert_int_equal(sync_of(w, 1, "consumer", "sticky"), KERR_INCONSISTENT_GROUP_PROTOCOL);
	assert_int_equal(sync_of(w, 1, "consumer", "range"), KERR_NONE);
	struct group_caller old = { str_from(w->c[1].id), STR_NULL, 0 };
	assert_int_equal(group_heartbeat(w->group, &old), KERR_ILLEGAL_GENERATION);
	old.generation = 2;
	assert_int_equal(group_heartbeat(w->group, &old), KERR_ILLEGAL_GENERATION);
	join(w, &w->c[0]); /* the leader calls all */
	assert_int_equal(sync_of(w, 1, NULL, NULL), KERR_REBALANCE_IN_PROGRESS);
}

static void
who_is_left_out_has_nothing(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join(w, &w->c[0]);
	join(w, &w->c[1]);
	struct client *leader = strcmp(w->c[0].id, w->c[0].leader) == 0 ? &w->c[0] : &w->c[1];
	sync_(w, leader, leader, 1);
	struct client *other = leader == &w->c[0] ? &w->c[1] : &w->c[0];
	sync_(w, other, NULL, 0);
	assert_int_equal(other->err, KERR_NONE);
	assert_string_equal(other->assignment, "");
	/* And nothing stays of an assignment that could not be stored. */
	join(w, &w->c[0]);
	join(w, &w->c[1]);
	w->store_err = ERR_IO;
	sync_(w, leader, w->c, 2);
	assert_int_equal(group_member_by_id(w->group, str_from(leader->id))->assignment_n, 0);
	assert_int_equal(group_member_by_id(w->group, str_from(other->id))->assignment_n, 0);
}

static void
those_who_go_are_not_waited_for(void **state)
{
	struct world *w = *state;
	form(w, 2);
	join_as(w, &w->c[2], NULL, "range", "m", true, true);
	join(w, &w->c[0]);
	join(w, &w->c[1]);
	assert_int_equal(w->c[0].joins, 1);
	assert_int_equal(group_leave(w->group, str_from(w->c[2].id), STR_NULL), KERR_NONE);
	assert_int_equal(w->c[0].joins, 2); /* an id that was given back */
	join_as(w, &w->c[3], "inst", "range", "m", false, true);
	join(w, &w->c[0]);
	join(w, &w->c[1]);
	assert_int_equal(w->group->members_n, 3);
	assert_int_equal(group_leave(w->group, STR(""), STR("other")), KERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(group_leave(w->group, STR("x"), STR("inst")), KERR_FENCED_INSTANCE_ID);
	assert_int_equal(group_leave(w->group, STR(""), STR("inst")), KERR_NONE);
	assert_int_equal(w->group->members_n, 2);
}

/* A commit is a sign of life, but begins no session for who waits in a JoinGroup. */
static void
commits_keep_the_session(void **state)
{
	struct world *w = *state;
	form(w, 2);
	struct group_caller me = { str_from(w->c[0].id), STR_NULL, 1 };
	for (int i = 0; i < 5; i++) {
		pass(w, 6000);
		(void)beat(w, &w->c[1]);
		assert_int_equal(group_may_commit(w->group, &me), KERR_NONE);
	}
	join_as(w, &w->c[0], NULL, "range", "other", false, true);
	assert_int_equal(group_may_commit(w->group, &me), KERR_NONE);
	for (int i = 0; i < 3; i++) {
		pass(w, 6000);
		(void)beat(w, &w->c[1]);
	}
	assert_int_equal(w->group->members_n, 2);
}

static void
subscriptions_are_read(void **state)
{
	struct world *w = *state;
	static const char sub[] = "\0\1" "\0\0\0\2" "\0\1a" "\0\2bb" "\xff\xff\xff\xff";
	struct group_protocol p = { STR("range"), { (const uint8_t *)sub, sizeof(sub) - 1 } };
	struct group_join j = { .member_id = STR(""), .protocol_type = STR("consumer"),
		.protocols = { &p, 1 }, .session_ms = 6000, .rebalance_ms = 6000 };
	assert_false(group_subscribes(w->group, STR("a")));
	group_join(w->group, &j, &w->c[0]);
	assert_true(group_subscribes(w->group, STR("a")));
	assert_true(group_subscribes(w->group, STR("bb")));
	assert_false(group_subscribes(w->group, STR("b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		G(first_generation_waits_for_late_comers), G(thousand_members),
		G(ten_thousand_members),
		G(member_id_is_required_then_known), G(unused_member_id_expires),
		G(session_ends_without_heartbeats), G(last_member_gone_leaves_it_empty),
		G(who_does_not_rejoin_is_dropped), G(who_does_not_sync_is_dropped),
		G(repeated_join_is_answered_again), G(protocols_are_voted_for),
		G(slowest_member_sets_the_time), G(first_generation_comes_in_time_all_the_same),
		G(new_member_is_not_waited_for_without_end),
		G(second_try_of_a_request_takes_the_place_of_the_first),
		G(lost_answer_is_given_again_before_the_assignment), G(groups_are_bounded),
		G(generations_are_fenced), G(who_is_left_out_has_nothing),
		G(those_who_go_are_not_waited_for), G(commits_keep_the_session),
		G(kind_of_group_is_that_of_its_members),
		G(heartbeat_of_one_that_waits_starts_no_session), G(commits_are_fenced),
		G(log_that_takes_nothing_forces_a_rebalance), G(bad_sessions_are_refused),
		G(odd_names_are_nobody_elses), G(no_time_at_all_is_no_loop),
		G(after_the_last_generation_comes_the_first), G(abandoned_join_keeps_the_place),
		G(subscriptions_are_read), G(subscriptions_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

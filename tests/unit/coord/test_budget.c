/* SPDX-License-Identifier: Apache-2.0 */
/* What one client makes by use is bounded: groups, members, what they say, offsets; and what
 * is there goes on when nothing new fits. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "coord/coord.h"

/* ALL: of a tenant, with what those that are there may use beyond it. LAST: what one more may be. */
enum { MAX = 1 << 20, HALF = MAX / 2, ALL = HALF + HALF / 4, LAST = 1024, LOG = 20000, MANY = 2000, TENANTS = 6 };

struct world {
	struct coord *coord;
	struct { uint8_t *bytes; size_t key_n, value_n; bool deletes; } log[LOG];
	int n, fulls;
	uint32_t full_tenant;
	bool full_all;
	enum kerr err;
	char member[400];
	int generation;
	uintptr_t asked;		/* the number of the last request that may wait: its cookie */
	int64_t barrier;
	uint64_t now;
};

static int
append(void *ctx, int32_t shard, const struct coord_record *r, int n, int64_t wall_ms, int64_t *ret_end)
{
	struct world *w = ctx;
	(void)shard, (void)wall_ms;
	for (int i = 0; i < n; i++, w->n++) {
		assert_true(w->n < LOG);
		uint8_t *b = mem_alloc(r[i].key.n + r[i].value.n);
		memcpy(b, r[i].key.p, r[i].key.n);
		if (r[i].value.n > 0)
			memcpy(b + r[i].key.n, r[i].value.p, r[i].value.n);
		w->log[w->n].bytes = b;
		w->log[w->n].key_n = r[i].key.n;
		w->log[w->n].value_n = r[i].value.n;
		w->log[w->n].deletes = r[i].value.p == NULL;
	}
	*ret_end = w->n;
	return 0;
}

static void
joined(void *ctx, void *cookie, const struct group_joined *a, int64_t barrier)
{
	struct world *w = ctx;
	(void)barrier;
	if (cookie != (void *)w->asked)
		return;
	w->err = a->err;
	w->generation = a->generation;
	snprintf(w->member, sizeof(w->member), "%.*s", STR_ARG(a->member_id));
}

static void
synced(void *ctx, void *cookie, const struct group_synced *a, int64_t barrier)
{
	struct world *w = ctx;
	(void)barrier;
	if (cookie == (void *)w->asked)
		w->err = a->err;
}

static void
ended(void *ctx, struct name group)
{
	(void)ctx, (void)group;
}

static void
full(void *ctx, uint32_t tenant, bool all)
{
	struct world *w = ctx;
	w->fulls++;
	w->full_tenant = tenant;
	w->full_all = all;
}

static void
wake_at(void *ctx, int32_t shard, uint64_t when)
{
	(void)ctx, (void)shard, (void)when;
}

static struct coord *
fresh(struct world *w, int64_t max)
{
	struct coord_settings settings = { .group = { 6000, 1800000, 0, 100000, 300000 }, .shards = 1,
		.retention_ms = 100000, .metadata_max = 1 << 20, .memory_max = max };
	struct coord_io io = { w, append, joined, synced, ended, full, wake_at };
	return coord_create(&settings, &io);
}

static struct coord_time
at(struct world *w)
{
	return (struct coord_time){ w->now, (int64_t)(w->now / NS_PER_MS) };
}

static void
replay(struct world *w, struct coord *c)
{
	coord_load_begin(c, 0);
	for (int i = 0; i < w->n; i++) {
		uint8_t *b = w->log[i].bytes;
		struct bytes value = { w->log[i].deletes ? NULL : b + w->log[i].key_n, w->log[i].value_n };
		assert_ok(coord_load_record(c, 0, (struct bytes){ b, w->log[i].key_n }, value, at(w)));
	}
	coord_load_end(c, 0, at(w));
}

static int
setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->now = NS_PER_SEC;
	w->coord = fresh(w, MAX);
	replay(w, w->coord);
	*state = w;
	return 0;
}

/* Whatever was counted is given back by what frees it. */
static int
teardown(void **state)
{
	struct world *w = *state;
	coord_unload(w->coord, 0);
	assert_int_equal(coord_memory(w->coord), 0);
	coord_destroy(&w->coord);
	for (int i = 0; i < w->n; i++)
		mem_free(w->log[i].bytes);
	mem_free(w);
	return 0;
}

/* ---- */

static const struct group_owner anna = { { "anna", 4 }, { NULL, 0 }, 0740 };

static struct str
named(char text[16], const char *what, int i)
{
	snprintf(text, 16, "%s%d", what, i);
	return str_from(text);
}

static enum kerr
commit(struct world *w, struct name group, int partition, struct str note)
{
	struct coord_commit item = { STR("t"), partition, 7, -1, note, KERR_NONE };
	struct group_caller simple = { STR(""), STR_NULL, -1 };
	(void)coord_commit(w->coord, group, &simple, &anna, -1, &item, 1, at(w), &w->barrier);
	return item.err;
}

/* The first of MANY that is refused. */
static int
commit_groups(struct world *w, uint32_t tenant, enum kerr *ret)
{
	char text[16];
	for (int i = 0; i < MANY; i++)
		if ((*ret = commit(w, NAME(tenant, named(text, "g", i)), 0, STR("note"))) != KERR_NONE)
			return i;
	return MANY;
}

static struct str type = { "consumer", 8 };

/* KERR_NONE: it is in, or waits for the others. */
static enum kerr
join(struct world *w, struct name group, struct str member, struct str instance, size_t says)
{
	uint8_t *said = mem_zalloc(says + 1);
	struct group_protocol range = { STR("range"), { said, says } };
	struct group_join j = { .member_id = member, .instance_id = instance, .client_id = STR("c"),
		.client_host = STR("/h"), .protocol_type = type, .protocols = { &range, 1 },
		.session_ms = 1800000, .rebalance_ms = 1000 };
	w->err = KERR_NONE;
	coord_join(w->coord, group, &j, &anna, at(w), (void *)++w->asked);
	mem_free(said);
	return w->err;
}

static enum kerr
sync_(struct world *w, struct name group, size_t assigned)
{
	uint8_t *bytes = mem_zalloc(assigned + 1);
	struct group_assignment a = { str_from(w->member), { bytes, assigned } };
	struct group_sync s = { .member_id = str_from(w->member), .generation = w->generation,
		.assignments = { &a, 1 } };
	coord_sync(w->coord, group, &s, at(w), (void *)++w->asked);
	mem_free(bytes);
	return w->err;
}

static bool
exists(struct world *w, struct name group)
{
	struct group_owner o;
	struct arena *arena = arena_create(SIZE_MAX);
	bool yes = coord_group_owner(w->coord, group, arena, &o);
	arena_destroy(&arena);
	return yes;
}

static void
groups_by_commit_are_bounded(void **state)
{
	struct world *w = *state;
	enum kerr err;
	int n = commit_groups(w, 1, &err), records = w->n;
	assert_true(n > 100 && n < MANY);
	assert_int_equal(err, KERR_INVALID_COMMIT_OFFSET_SIZE);
	assert_true(coord_memory(w->coord) <= HALF + LAST && coord_memory(w->coord) > HALF - 4096);
	assert_int_equal(w->fulls, 1);
	assert_int_equal(w->full_tenant, 1);
	assert_false(w->full_all);
	/* What was refused left nothing behind; by a join it is refused, too. */
	assert_false(exists(w, NAME(1, STR("new"))));
	assert_int_equal(join(w, NAME(1, STR("new")), STR(""), STR_NULL, 10), KERR_GROUP_MAX_SIZE_REACHED);
	assert_false(exists(w, NAME(1, STR("new"))));
	assert_int_equal(w->n, records);
	/* What is there goes on, with more of its own, and what goes makes room. */
	assert_int_equal(join(w, NAME(1, STR("g0")), STR(""), STR_NULL, 100), KERR_NONE);
	assert_int_equal(coord_leave(w->coord, NAME(1, STR("g0")), str_from(w->member), STR_NULL, at(w), &w->barrier), KERR_NONE);
	assert_int_equal(commit(w, NAME(1, STR("g0")), 1, STR("note")), KERR_NONE);
	assert_int_equal(commit(w, NAME(1, STR("g0")), 0, STR("etno")), KERR_NONE);
	assert_int_equal(coord_delete_group(w->coord, NAME(1, STR("g1")), at(w), &w->barrier), KERR_NONE);
	assert_int_equal(coord_delete_group(w->coord, NAME(1, STR("g2")), at(w), &w->barrier), KERR_NONE);
	assert_int_equal(commit(w, NAME(1, STR("new")), 0, STR("note")), KERR_NONE);
}

/* A commit of which nothing is taken leaves nothing behind either, though there was room. */
static void
nothing_is_made_for_nothing(void **state)
{
	struct world *w = *state;
	struct str note = { mem_zalloc((1 << 20) + 1), (1 << 20) + 1 };
	assert_int_equal(commit(w, NAME(1, STR("g")), 0, note), KERR_OFFSET_METADATA_TOO_LARGE);
	mem_free((void *)(uintptr_t)note.p);
	assert_false(exists(w, NAME(1, STR("g"))));
	assert_int_equal(w->n, 0);
	assert_int_equal(coord_memory(w->coord), 0);
}

/* Nor does a join that is refused: no group, no record of who made it, nothing that counts. */
static void
nobody_joins_what_was_not_there(void **state)
{
	struct world *w = *state;
	struct group_protocol range = { STR("range"), { (const uint8_t *)"x", 1 } };
	struct group_join good = { .member_id = STR(""), .client_id = STR("c"), .client_host = STR("/h"),
		.protocol_type = type, .protocols = { &range, 1 }, .session_ms = 30000, .rebalance_ms = 1000 };
	struct group_join short_session = good, no_protocols = good, no_type = good, of_before = good, large = good, neither;
	short_session.session_ms = 1;
	no_protocols.protocols.n = 0;
	no_type.protocol_type = STR("");
	of_before.member_id = STR("somebody");
	neither = of_before;
	neither.session_ms = 1;
	struct str much = { mem_zalloc(HALF), HALF };
	struct group_protocol all = { STR("range"), { (const uint8_t *)much.p, much.n } };
	large.protocols.v = &all;
	const struct { struct group_join *join; enum kerr err; } refused[] = {
		{ &short_session, KERR_INVALID_SESSION_TIMEOUT }, { &no_protocols, KERR_INCONSISTENT_GROUP_PROTOCOL },
		{ &no_type, KERR_INCONSISTENT_GROUP_PROTOCOL }, { &of_before, KERR_UNKNOWN_MEMBER_ID },
		{ &neither, KERR_INVALID_SESSION_TIMEOUT }, { &large, KERR_GROUP_MAX_SIZE_REACHED },
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		coord_join(w->coord, NAME(1, STR("g")), refused[i].join, &anna, at(w), (void *)++w->asked);
		assert_int_equal(w->err, refused[i].err);
		assert_string_equal(w->member, refused[i].join->member_id.p);
		assert_false(exists(w, NAME(1, STR("g"))));
		assert_int_equal(w->n, 0);
		assert_int_equal(coord_memory(w->coord), 0);
	}
	mem_free((void *)(uintptr_t)much.p);
	/* One that is given an id has it kept for him, and with it the group. */
	good.needs_member_id = true;
	coord_join(w->coord, NAME(1, STR("g")), &good, &anna, at(w), (void *)++w->asked);
	assert_int_equal(w->err, KERR_MEMBER_ID_REQUIRED);
	assert_true(exists(w, NAME(1, STR("g"))) && w->n > 0);
	/* What is there stays when somebody else is refused. */
	coord_join(w->coord, NAME(1, STR("g")), &no_type, &anna, at(w), (void *)++w->asked);
	assert_int_equal(w->err, KERR_INCONSISTENT_GROUP_PROTOCOL);
	assert_true(exists(w, NAME(1, STR("g"))));
}

/* The second finds less than the first, and more than nothing; so does each that comes after them. */
static void
tenants_do_not_lock_each_other_out(void **state)
{
	struct world *w = *state;
	enum kerr err;
	int n[TENANTS], first = commit_groups(w, 1, &err);
	assert_false(w->full_all);
	n[0] = first;
	for (uint32_t i = 1; i < TENANTS; i++) {
		w->fulls = 0;
		n[i] = commit_groups(w, 1 + i, &err);
		assert_int_equal(err, KERR_INVALID_COMMIT_OFFSET_SIZE);
		assert_true(n[i] > 0 && n[i] <= n[i - 1]);
		assert_int_equal(w->fulls, 1);
		assert_int_equal(w->full_tenant, 1 + i);
		assert_true(w->full_all);
	}
	assert_true(n[1] > first / 3 && n[2] > first / 10);
	assert_true(coord_memory(w->coord) <= MAX + TENANTS * LAST);
	/* What goes makes room for those who had less. */
	char text[16];
	for (int i = 0; i < first / 2; i++)
		assert_int_equal(coord_delete_group(w->coord, NAME(1, named(text, "g", i)), at(w), &w->barrier), KERR_NONE);
	assert_int_equal(commit(w, NAME(TENANTS, STR("new")), 0, STR("note")), KERR_NONE);
}

static void
groups_by_join_are_bounded(void **state)
{
	struct world *w = *state;
	char text[16];
	int n = 0;
	while (n < MANY && join(w, NAME(1, named(text, "j", n)), STR(""), STR_NULL, 100) == KERR_NONE)
		n++;
	assert_true(n > 100 && n < MANY);
	assert_int_equal(w->err, KERR_GROUP_MAX_SIZE_REACHED);
	assert_false(exists(w, NAME(1, named(text, "j", n))));
	assert_true(coord_memory(w->coord) <= HALF);
}

/* What kind of group it is, is kept when its members are gone. */
static void
words_of_a_group_are_bounded(void **state)
{
	struct world *w = *state;
	char text[16], *long_type = mem_alloc(30000);
	int n = 0;
	memset(long_type, 'c', 30000);
	type = (struct str){ long_type, 30000 };
	for (; n < MANY && join(w, NAME(1, named(text, "j", n)), STR(""), STR_NULL, 1) == KERR_NONE; n++)
		assert_int_equal(coord_leave(w->coord, NAME(1, str_from(text)), str_from(w->member), STR_NULL, at(w),
		    &w->barrier), KERR_NONE);
	type = STR("consumer");
	mem_free(long_type);
	assert_int_equal(w->err, KERR_GROUP_MAX_SIZE_REACHED);
	assert_true(n > 10 && n < 20);
	assert_true(coord_memory(w->coord) <= HALF);
}

static void
members_are_bounded(void **state)
{
	struct world *w = *state;
	struct name g = NAME(1, STR("g"));
	struct group_caller me;
	char text[16], first[400];
	assert_int_equal(join(w, g, STR(""), STR("i0"), 10000), KERR_NONE);
	memcpy(first, w->member, sizeof(first));
	int generation = w->generation, n = 1;
	/* It may say more, but not without end. */
	assert_int_equal(join(w, g, str_from(first), STR("i0"), ALL - 5000), KERR_NONE);
	assert_int_equal(join(w, g, str_from(first), STR("i0"), ALL), KERR_GROUP_MAX_SIZE_REACHED);
	assert_int_equal(join(w, g, STR(""), STR("i1"), 10000), KERR_GROUP_MAX_SIZE_REACHED);
	assert_int_equal(join(w, g, str_from(first), STR("i0"), 10000), KERR_NONE);
	generation = w->generation;
	while (n < MANY && join(w, g, STR(""), named(text, "i", n), 10000) == KERR_NONE)
		n++;
	assert_true(n > 30 && n < 70);
	assert_int_equal(w->err, KERR_GROUP_MAX_SIZE_REACHED);
	assert_true(coord_memory(w->coord) <= ALL);
	/* Who is in it may come again, with as much; and somebody in the place of who has left. */
	me = (struct group_caller){ str_from(first), STR("i0"), generation };
	assert_int_equal(coord_heartbeat(w->coord, g, &me, at(w)), KERR_REBALANCE_IN_PROGRESS);
	assert_int_equal(join(w, g, str_from(first), STR("i0"), 10000), KERR_NONE);
	assert_int_equal(coord_leave(w->coord, g, STR(""), STR("i1"), at(w), &w->barrier), KERR_NONE);
	assert_int_equal(join(w, g, STR(""), STR("ix"), 10000), KERR_NONE);
	assert_int_equal(join(w, g, STR(""), STR("iy"), 10000), KERR_GROUP_MAX_SIZE_REACHED);
	assert_true(coord_memory(w->coord) <= ALL);
}

static void
ids_that_nobody_uses_are_bounded(void **state)
{
	struct world *w = *state;
	struct group_protocol range = { STR("range"), { (const uint8_t *)"", 0 } };
	struct group_join j = { .client_id = STR("c"), .client_host = STR("/h"), .protocol_type = STR("consumer"),
		.protocols = { &range, 1 }, .session_ms = 6000, .rebalance_ms = 1000, .needs_member_id = true };
	int n = 0;
	for (w->err = KERR_MEMBER_ID_REQUIRED; n < MANY && w->err == KERR_MEMBER_ID_REQUIRED; n++)
		coord_join(w->coord, NAME(1, STR("g")), &j, &anna, at(w), (void *)++w->asked);
	assert_true(n > 100 && n < MANY);
	assert_int_equal(w->err, KERR_GROUP_MAX_SIZE_REACHED);
	assert_true(coord_memory(w->coord) <= ALL);
	w->now += 7 * NS_PER_SEC;
	coord_tick(w->coord, 0, at(w));
	coord_join(w->coord, NAME(1, STR("g")), &j, &anna, at(w), (void *)++w->asked);
	assert_int_equal(w->err, KERR_MEMBER_ID_REQUIRED);
}

static void
assignments_are_bounded(void **state)
{
	struct world *w = *state;
	struct name g = NAME(1, STR("g"));
	assert_int_equal(join(w, g, STR(""), STR_NULL, 10), KERR_NONE);
	assert_int_equal(sync_(w, g, 2 * HALF), KERR_GROUP_MAX_SIZE_REACHED);
	assert_true(coord_memory(w->coord) < 4096);
	assert_int_equal(join(w, g, str_from(w->member), STR_NULL, 10), KERR_NONE);
	assert_int_equal(sync_(w, g, HALF / 2), KERR_NONE);
	assert_true(coord_memory(w->coord) > HALF / 2);
	/* The next one takes the place of this one. */
	assert_int_equal(join(w, g, str_from(w->member), STR_NULL, 10), KERR_NONE);
	assert_int_equal(sync_(w, g, HALF), KERR_NONE);
}

static void
offsets_are_bounded(void **state)
{
	struct world *w = *state;
	struct name g = NAME(1, STR("g"));
	struct group_caller simple = { STR(""), STR_NULL, -1 };
	int n = 0, grown = 0;
	/* Notes may grow, but not without end. */
	struct str note = { mem_zalloc(30000), 30000 };
	for (; n < 40; n++)
		assert_int_equal(commit(w, g, n, STR("a note")), KERR_NONE);
	while (grown < n && commit(w, g, grown, note) == KERR_NONE)
		grown++;
	assert_true(grown > 15 && grown < 25);
	assert_int_equal(commit(w, g, grown, note), KERR_INVALID_COMMIT_OFFSET_SIZE);
	assert_true(coord_memory(w->coord) <= ALL);
	mem_free((void *)(uintptr_t)note.p);
	while (grown > 0)
		assert_int_equal(commit(w, g, --grown, STR("a note")), KERR_NONE);
	while (n < 10000 && commit(w, g, n, STR("a note")) == KERR_NONE)
		n++;
	assert_true(n > 1000 && n < 10000);
	assert_int_equal(commit(w, g, n, STR("a note")), KERR_INVALID_COMMIT_OFFSET_SIZE);
	assert_true(coord_memory(w->coord) <= ALL);
	/* Each partition by itself: those that are known are taken. */
	struct coord_commit two[] = { { STR("t"), 0, 8, -1, STR("etno a"), KERR_NONE },
		{ STR("t"), n, 8, -1, STR("a note"), KERR_NONE } };
	assert_int_equal(coord_commit(w->coord, g, &simple, &anna, -1, two, 2, at(w), &w->barrier), KERR_NONE);
	assert_int_equal(two[0].err, KERR_NONE);
	assert_int_equal(two[1].err, KERR_INVALID_COMMIT_OFFSET_SIZE);
	coord_forget_topic(w->coord, NAME(1, STR("t")), at(w));
	assert_true(coord_memory(w->coord) < 4096);
}

static void
replay_refuses_nothing(void **state)
{
	struct world *w = *state;
	enum kerr err;
	int n = commit_groups(w, 1, &err);
	assert_int_equal(join(w, NAME(2, STR("m")), STR(""), STR_NULL, 10000), KERR_NONE);
	assert_int_equal(sync_(w, NAME(2, STR("m")), 10000), KERR_NONE);
	int64_t held = coord_memory(w->coord);
	coord_destroy(&w->coord);
	w->coord = fresh(w, MAX / 8);		/* as if memory.max had become less */
	w->fulls = 0;
	replay(w, w->coord);
	assert_int_equal(w->fulls, 0);
	assert_int_equal(coord_memory(w->coord), held);
	for (int i = 0; i < n; i++) {
		char text[16];
		assert_true(exists(w, NAME(1, named(text, "g", i))));
		assert_int_equal(commit(w, NAME(1, str_from(text)), 0, STR("etno")), KERR_NONE);
	}
	assert_int_equal(commit(w, NAME(1, STR("new")), 0, STR("")), KERR_INVALID_COMMIT_OFFSET_SIZE);
	assert_int_equal(commit(w, NAME(3, STR("new")), 0, STR("")), KERR_INVALID_COMMIT_OFFSET_SIZE);
}

static void
nothing_is_bounded_by_zero(void **state)
{
	struct world *w = *state;
	enum kerr err;
	coord_destroy(&w->coord);
	w->coord = fresh(w, 0);
	replay(w, w->coord);
	assert_int_equal(commit_groups(w, 1, &err), MANY);
}

#define B(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		B(groups_by_commit_are_bounded), B(nothing_is_made_for_nothing), B(nobody_joins_what_was_not_there),
		B(tenants_do_not_lock_each_other_out),
		B(groups_by_join_are_bounded), B(words_of_a_group_are_bounded), B(members_are_bounded), B(ids_that_nobody_uses_are_bounded),
		B(assignments_are_bounded), B(offsets_are_bounded), B(replay_refuses_nothing),
		B(nothing_is_bounded_by_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

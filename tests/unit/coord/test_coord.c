/* SPDX-License-Identifier: Apache-2.0 */
/* Shards over a log in memory: offsets, owners, deletion, expiry, and the rule
 * that replay of the log equals the live state. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "coord/coord.h"
#include "coord/records.h"

enum { SHARDS = 4, LOG = 20000 };

struct world {
	struct coord *coord;
	struct { uint8_t *bytes; size_t key_n, value_n; bool deletes; } log[SHARDS][LOG];
	int n[SHARDS];
	int append_err, joins;
	enum kerr err;
	int64_t barrier;
	char member[80], ended[80];
	uint64_t wake;
};

static int
append(void *ctx, int32_t shard, const struct coord_record *r, int n, int64_t wall_ms, int64_t *ret_end)
{
	struct world *w = ctx;
	(void)wall_ms;
	if (w->append_err != 0)
		return w->append_err;
	for (int i = 0; i < n; i++) {
		int at = w->n[shard]++;
		assert_true(at < LOG);
		uint8_t *b = mem_alloc(r[i].key.n + r[i].value.n);
		memcpy(b, r[i].key.p, r[i].key.n);
		if (r[i].value.n > 0)
			memcpy(b + r[i].key.n, r[i].value.p, r[i].value.n);
		w->log[shard][at].bytes = b;
		w->log[shard][at].key_n = r[i].key.n;
		w->log[shard][at].value_n = r[i].value.n;
		w->log[shard][at].deletes = r[i].value.p == NULL;
	}
	*ret_end = w->n[shard];
	return 0;
}

static void
joined(void *ctx, void *cookie, const struct group_joined *a, int64_t barrier)
{
	struct world *w = ctx;
	(void)cookie;
	w->joins++;
	w->err = a->err;
	w->barrier = barrier;
	snprintf(w->member, sizeof(w->member), "%.*s", STR_ARG(a->member_id));
}

static void
synced(void *ctx, void *cookie, const struct group_synced *a, int64_t barrier)
{
	struct world *w = ctx;
	(void)cookie;
	w->err = a->err;
	w->barrier = barrier;
}

static void
ended(void *ctx, struct name group)
{
	struct world *w = ctx;
	snprintf(w->ended, sizeof(w->ended), "%.*s", STR_ARG(group.s));
}

static void
full(void *ctx, uint32_t tenant, bool all)
{
	(void)ctx, (void)tenant, (void)all;
}

static void
wake_at(void *ctx, int32_t shard, uint64_t when)
{
	(void)shard;
	((struct world *)ctx)->wake = when;
}

static const struct coord_settings settings = {
	.group = { 6000, 1800000, 0, 1000, 300000 },
	.shards = SHARDS, .retention_ms = 100000, .metadata_max = 16,
};

static struct coord *
fresh(struct world *w)
{
	struct coord_io io = { w, append, joined, synced, ended, full, wake_at };
	return coord_create(&settings, &io);
}

static const struct group_owner anna = { { "anna", 4 }, { "billing", 7 }, 0740 };

static void
replay(struct world *w, struct coord *c, struct coord_time t)
{
	for (int s = 0; s < SHARDS; s++) {
		coord_load_begin(c, s);
		for (int i = 0; i < w->n[s]; i++) {
			uint8_t *b = w->log[s][i].bytes;
			struct bytes value = { w->log[s][i].deletes ? NULL : b + w->log[s][i].key_n,
				w->log[s][i].value_n };
			assert_ok(coord_load_record(c, s, (struct bytes){ b, w->log[s][i].key_n }, value, t));
		}
		coord_load_end(c, s, t);
	}
}

static int
setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->coord = fresh(w);
	replay(w, w->coord, (struct coord_time){ 1, 1 });
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	coord_destroy(&w->coord);
	for (int s = 0; s < SHARDS; s++)
		for (int i = 0; i < w->n[s]; i++)
			mem_free(w->log[s][i].bytes);
	mem_free(w);
	return 0;
}

/* ---- the whole state as text, in a fixed order ---- */

struct dump {
	char lines[2000][400];
	int n, moving;			/* groups in the middle of a rebalance */
};

static void
dump_offset(const struct offset *o, void *arg)
{
	struct dump *d = arg;
	snprintf(d->lines[d->n++], sizeof(d->lines[0]), "offset %.*s-%d=%ld e%d '%.*s' %ld %ld",
	    STR_ARG(o->topic), o->partition, (long)o->offset, o->leader_epoch, STR_ARG(o->metadata),
	    (long)o->commit_ms, (long)o->expire_ms);
}

static char names[200][40];
static int names_n;

static void
dump_group(const struct group *g, const struct group_owner *o, void *arg)
{
	struct dump *d = arg;
	struct buf b;
	buf_init(&b, 1 << 20);
	d->moving += g->state != GROUP_STABLE && g->state != GROUP_EMPTY;
	if (g->state == GROUP_STABLE)
		assert_ok(coord_group_encode(g, &b));
	uint32_t sum = 0;
	for (size_t i = 0; i < b.n; i++)
		sum = sum * 31 + b.p[i];
	buf_free(&b);
	snprintf(d->lines[d->n++], sizeof(d->lines[0]), "group %u/%.*s %s members %d record %u owner %.*s %.*s %o",
	    g->name.tenant, STR_ARG(g->name.s), g->state == GROUP_STABLE ? "stable" : "-",
	    g->state == GROUP_STABLE ? g->members_n : 0, sum, STR_ARG(o->owner), STR_ARG(o->team), o->mode);
	snprintf(names[names_n++], sizeof(names[0]), "%.*s", STR_ARG(g->name.s));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct dump *
dump(struct coord *c)
{
	struct dump *d = mem_zalloc(sizeof(*d));
	int64_t barrier;
	names_n = 0;
	for (uint32_t tenant = 0; tenant < 2; tenant++) {
		int from = names_n;
		assert_int_equal(coord_list(c, tenant, dump_group, d), KERR_NONE);
		for (int i = from; i < names_n; i++)
			assert_int_equal(coord_fetch_all(c, NAME(tenant, str_from(names[i])), dump_offset, d,
			    &barrier), KERR_NONE);
	}
	qsort(d->lines, (size_t)d->n, sizeof(d->lines[0]), by_text);
	return d;
}

/* False where nothing was compared, because a rebalance is under way: what has
 * not been agreed on is not in the log. */
static bool
same_after_replay(struct world *w, struct coord_time t)
{
	struct dump *live = dump(w->coord);
	if (live->moving > 0) {
		mem_free(live);
		return false;
	}
	struct coord *c = fresh(w);
	replay(w, c, t);
	struct dump *again = dump(c);
	for (int i = 0; i < live->n && i < again->n; i++)
		assert_string_equal(live->lines[i], again->lines[i]);
	assert_int_equal(live->n, again->n);
	mem_free(live);
	mem_free(again);
	coord_destroy(&c);
	return true;
}

/* ---- small helpers over the API ---- */

static enum kerr
commit(struct world *w, struct name group, const char *topic, int partition, int64_t offset,
    const char *metadata, int64_t retention, int64_t wall)
{
	/* Versions that carry a retention time do not carry an epoch yet. */
	struct coord_commit item = { str_from(topic), partition, offset, retention < 0 ? 7 : -1,
		str_from(metadata), KERR_NONE };
	struct group_caller simple = { STR(""), STR_NULL, -1 };
	enum kerr err = coord_commit(w->coord, group, &simple, &anna, retention, &item, 1,
	    (struct coord_time){ (uint64_t)wall * NS_PER_MS, wall }, &w->barrier);
	return err != KERR_NONE ? err : item.err;
}

static struct offset seen;

static void
see(const struct offset *o, void *arg)
{
	(void)arg;
	seen = *o;
}

static int64_t
committed(struct world *w, struct name group, const char *topic, int partition)
{
	assert_int_equal(coord_fetch_one(w->coord, group, str_from(topic), partition, see, NULL,
	    &w->barrier), KERR_NONE);
	return seen.offset;
}

static struct group_protocol range = { { "range", 5 }, { (const uint8_t *)"", 0 } };

static void
see_members(const struct group *g, void *arg)
{
	*(int *)arg = g->members_n;
}

static void
see_generation(const struct group *g, void *arg)
{
	*(int *)arg = g->generation;
}

/* One member, from nothing to a stable generation; not into a living group,
 * whose rebalance would wait for the other member. */
static void
join_alone(struct world *w, struct name group, int64_t wall)
{
	struct group_join j = { .member_id = STR(""), .client_id = STR("c"), .client_host = STR("/h"),
		.protocol_type = STR("consumer"), .protocols = { &range, 1 }, .session_ms = 10000,
		.rebalance_ms = 10000 };
	struct coord_time t = { (uint64_t)wall * NS_PER_MS, wall };
	int before = w->joins, members = 0;
	(void)coord_look(w->coord, group, see_members, &members);
	if (members > 0)
		return;
	coord_join(w->coord, group, &j, &anna, t, w);
	if (w->joins == before || w->err != KERR_NONE)
		return;
	struct group_assignment a = { str_from(w->member), { (const uint8_t *)"as", 2 } };
	int generation = 0;
	(void)coord_look(w->coord, group, see_generation, &generation);
	struct group_sync s = { .member_id = str_from(w->member), .generation = generation,
		.assignments = { &a, 1 } };
	coord_sync(w->coord, group, &s, t, w);
}

/* ---- tests ---- */

static void
shard_is_where_kafka_looks(void **state)
{
	struct world *w = *state;
	/* "hello".hashCode() = 99162322; "\U0001f512" = 55357 * 31 + 56594. */
	assert_int_equal(coord_shard_of(w->coord, NAME(0, STR("hello"))), 99162322 % SHARDS);
	assert_int_equal(coord_shard_of(w->coord, NAME(0, STR("\xf0\x9f\x94\x92"))), (55357 * 31 + 56594) % SHARDS);
}

static void
commit_and_fetch(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	assert_int_equal(committed(w, g, "t", 0), -1);
	assert_int_equal(commit(w, g, "t", 0, 42, "meta", -1, 10), KERR_NONE);
	assert_true(w->barrier > 0);
	assert_int_equal(committed(w, g, "t", 0), 42);
	assert_int_equal(seen.leader_epoch, 7);
	assert_str(seen.metadata, "meta");
	assert_int_equal(committed(w, NAME(1, STR("g")), "t", 0), -1); /* another tenant's group */
	assert_int_equal(commit(w, g, "t", 0, 43, "seventeen bytes!!", -1, 10), KERR_OFFSET_METADATA_TOO_LARGE);
	assert_int_equal(committed(w, g, "t", 0), 42);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 20 }));
}

static void
log_that_takes_nothing_changes_nothing(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	w->append_err = ERR_IO;
	assert_int_equal(commit(w, g, "t", 0, 1, "", -1, 10), KERR_COORDINATOR_NOT_AVAILABLE);
	join_alone(w, g, 10);
	assert_int_equal(w->err, KERR_COORDINATOR_NOT_AVAILABLE);
	w->append_err = 0;
	assert_int_equal(committed(w, g, "t", 0), -1);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 20 }));
}

static void
owner_is_remembered(void **state)
{
	struct world *w = *state;
	struct arena *a = arena_create(4096);
	struct group_owner o;
	assert_false(coord_group_owner(w->coord, NAME(0, STR("g")), a, &o));
	commit(w, NAME(0, STR("g")), "t", 0, 1, "", -1, 10);
	assert_true(coord_group_owner(w->coord, NAME(0, STR("g")), a, &o));
	assert_str(o.owner, "anna");
	assert_str(o.team, "billing");
	assert_int_equal(o.mode, 0740);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 11 }));
	/* The next group of that name is its own maker's, for who reads the log from its beginning, too. */
	static const struct group_owner bert = { { "bert", 4 }, { "crew", 4 }, 0700 };
	struct coord_commit item = { STR("t"), 0, 1, 7, STR(""), KERR_NONE };
	struct group_caller simple = { STR(""), STR_NULL, -1 };
	assert_int_equal(coord_delete_group(w->coord, NAME(0, STR("g")), (struct coord_time){ 1, 12 }, &w->barrier),
	    KERR_NONE);
	assert_int_equal(coord_commit(w->coord, NAME(0, STR("g")), &simple, &bert, -1, &item, 1,
	    (struct coord_time){ 1, 13 }, &w->barrier), KERR_NONE);
	assert_true(coord_group_owner(w->coord, NAME(0, STR("g")), a, &o));
	assert_str(o.owner, "bert");
	assert_true(same_after_replay(w, (struct coord_time){ 1, 20 }));
	arena_destroy(&a);
}

static void
delete_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct name g = NAME(1, STR("g"));
	join_alone(w, g, 10);
	assert_int_equal(w->err, KERR_NONE);
	assert_int_equal(coord_delete_group(w->coord, g, (struct coord_time){ 1, 10 }, &w->barrier),
	    KERR_NON_EMPTY_GROUP);
	assert_int_equal(coord_leave(w->coord, g, str_from(w->member), STR_NULL,
	    (struct coord_time){ 1, 11 }, &w->barrier), KERR_NONE);
	commit(w, g, "t", 0, 1, "", -1, 12);
	assert_string_equal(w->ended, "");
	assert_int_equal(coord_delete_group(w->coord, g, (struct coord_time){ 1, 13 }, &w->barrier), KERR_NONE);
	assert_string_equal(w->ended, "g");
	assert_int_equal(coord_delete_group(w->coord, g, (struct coord_time){ 1, 13 }, &w->barrier),
	    KERR_GROUP_ID_NOT_FOUND);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 20 }));
	struct dump *d = dump(w->coord);
	assert_int_equal(d->n, 0);
	mem_free(d);
}

static void
offsets_expire(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	commit(w, g, "own", 0, 1, "", 50, 1000);
	commit(w, g, "default", 0, 1, "", -1, 1000);
	for (int s = 0; s < SHARDS; s++)
		coord_expire(w->coord, s, (struct coord_time){ 1, 1049 });
	assert_int_equal(committed(w, g, "own", 0), 1);
	for (int s = 0; s < SHARDS; s++)
		coord_expire(w->coord, s, (struct coord_time){ 1, 1050 });
	assert_int_equal(committed(w, g, "own", 0), -1);
	assert_int_equal(committed(w, g, "default", 0), 1);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 1051 }));
	assert_string_equal(w->ended, "");
	for (int s = 0; s < SHARDS; s++)
		coord_expire(w->coord, s, (struct coord_time){ 1, 101000 });
	assert_string_equal(w->ended, "g");
	struct dump *d = dump(w->coord);
	assert_int_equal(d->n, 0); /* the group went with its last offset */
	mem_free(d);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 101001 }));
}

static void
expire(struct world *w, int64_t wall)
{
	for (int s = 0; s < SHARDS; s++)
		coord_expire(w->coord, s, (struct coord_time){ 1, wall });
}

/* With members, what they read stays, whatever was said when it was committed; without, all
 * stays until as long after the last of them left. */
static void
offsets_of_members_expire(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	static const char reads_t[] = "\0\1" "\0\0\0\1" "\0\1t" "\xff\xff\xff\xff";
	struct group_protocol before = range;
	range.metadata = (struct bytes){ (const uint8_t *)reads_t, sizeof(reads_t) - 1 };
	for (int p = 0; p < 2; p++) {
		commit(w, g, "t", p, 1, "", p == 1 ? 50 : -1, 1000);
		commit(w, g, "u", p, 1, "", p == 1 ? 50 : -1, 1000);
	}
	join_alone(w, g, 1001);
	range = before;
	assert_int_equal(w->err, KERR_NONE);
	expire(w, 2000);
	assert_int_equal(committed(w, g, "u", 1), -1);
	assert_int_equal(committed(w, g, "u", 0), 1);
	expire(w, 101000);
	assert_int_equal(committed(w, g, "u", 0), -1);
	assert_int_equal(committed(w, g, "t", 1), 1);
	assert_int_equal(committed(w, g, "t", 0), 1);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 101001 }));
	assert_int_equal(coord_leave(w->coord, g, str_from(w->member), STR_NULL,
	    (struct coord_time){ 150000 * NS_PER_MS, 150000 }, &w->barrier), KERR_NONE);
	expire(w, 249999);
	assert_int_equal(committed(w, g, "t", 1), -1);
	assert_int_equal(committed(w, g, "t", 0), 1);
	expire(w, 250000);
	assert_int_equal(committed(w, g, "t", 0), -1);
	assert_string_equal(w->ended, "g");
}

/* Nothing expires while members are called together: nobody knows what they will read. */
static void
no_offset_expires_in_a_rebalance(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	commit(w, g, "t", 0, 1, "", 50, 1000);
	join_alone(w, g, 1001);
	struct group_join j = { .member_id = STR(""), .client_id = STR("c"), .client_host = STR("/h"),
		.protocol_type = STR("consumer"), .protocols = { &range, 1 }, .session_ms = 10000,
		.rebalance_ms = 10000 };
	coord_join(w->coord, g, &j, &anna, (struct coord_time){ 1002 * NS_PER_MS, 1002 }, w);
	expire(w, 300000);
	assert_int_equal(committed(w, g, "t", 0), 1);
}

/* Many at once, from the middle of others, in one pass. */
static void
many_offsets_go_at_once(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	static const char *const topics[] = { "a", "b", "c" };
	for (int t = 0; t < 3; t++)
		for (int p = 0; p < 1000; p++)
			commit(w, g, topics[t], p, p, "m", t == 1 || p % 2 == 0 ? -1 : 50, 1000);
	coord_forget_topic(w->coord, NAME(0, STR("b")), (struct coord_time){ 1, 1001 });
	expire(w, 1050);
	for (int t = 0; t < 3; t++)
		for (int p = 0; p < 1000; p++)
			assert_int_equal(committed(w, g, topics[t], p), t == 1 || p % 2 == 1 ? -1 : p);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 1051 }));
	expire(w, 101000);
	assert_string_equal(w->ended, "g");
}

/* What a failed log kept is not told, and what it holds is loaded again. */
static void
doubt_empties_a_shard_that_is_used(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	int32_t shard = coord_shard_of(w->coord, g);
	commit(w, g, "t", 0, 7, "", -1, 1);
	int stored = w->n[shard];
	commit(w, g, "t", 0, 8, "", -1, 2);
	while (w->n[shard] > stored)
		mem_free(w->log[shard][--w->n[shard]].bytes); /* the log lost it */
	assert_true(coord_doubt(w->coord, shard));
	assert_false(coord_doubt(w->coord, shard));
	assert_int_equal(commit(w, g, "t", 0, 9, "", -1, 3), KERR_COORDINATOR_LOAD_IN_PROGRESS);
	replay(w, w->coord, (struct coord_time){ 1, 4 });
	assert_int_equal(committed(w, g, "t", 0), 7);
}

static void
deleted_topic_takes_its_offsets(void **state)
{
	struct world *w = *state;
	for (uint32_t tenant = 0; tenant < 2; tenant++)
		for (int p = 0; p < 3; p++) {
			commit(w, NAME(tenant, STR("g")), "gone", p, 1, "", -1, 10);
			commit(w, NAME(tenant, STR("g")), "kept", p, 1, "", -1, 10);
		}
	coord_forget_topic(w->coord, NAME(1, STR("gone")), (struct coord_time){ 1, 11 });
	assert_int_equal(committed(w, NAME(1, STR("g")), "gone", 2), -1);
	assert_int_equal(committed(w, NAME(1, STR("g")), "kept", 2), 1);
	assert_int_equal(committed(w, NAME(0, STR("g")), "gone", 2), 1);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 20 }));
}

static void
callers_wait_for_the_load(void **state)
{
	struct world *w = *state;
	struct coord *c = fresh(w);
	int32_t s = coord_shard_of(c, NAME(0, STR("g")));
	assert_int_equal(coord_fetch_one(c, NAME(0, STR("g")), STR("t"), 0, see, NULL, &w->barrier),
	    KERR_NOT_COORDINATOR);
	coord_load_begin(c, s);
	assert_int_equal(coord_fetch_one(c, NAME(0, STR("g")), STR("t"), 0, see, NULL, &w->barrier),
	    KERR_COORDINATOR_LOAD_IN_PROGRESS);
	coord_load_end(c, s, (struct coord_time){ 1, 1 });
	assert_int_equal(coord_fetch_one(c, NAME(0, STR("g")), STR("t"), 0, see, NULL, &w->barrier), KERR_NONE);
	coord_destroy(&c);
}

static void
stable_group_survives_replay(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	join_alone(w, g, 10);
	char member[80];
	snprintf(member, sizeof(member), "%s", w->member);
	coord_destroy(&w->coord);
	w->coord = fresh(w);
	replay(w, w->coord, (struct coord_time){ 5 * NS_PER_SEC, 5000 });
	struct group_caller me = { str_from(member), STR_NULL, 1 };
	assert_int_equal(coord_heartbeat(w->coord, g, &me, (struct coord_time){ 6 * NS_PER_SEC, 6000 }), KERR_NONE);
	assert_true(w->wake > 0);
	for (int s = 0; s < SHARDS; s++)
		coord_tick(w->coord, s, (struct coord_time){ 60 * NS_PER_SEC, 60000 });
	assert_int_equal(coord_heartbeat(w->coord, g, &me, (struct coord_time){ 61 * NS_PER_SEC, 61000 }),
	    KERR_UNKNOWN_MEMBER_ID);
}

/* Of one that is never heard of again, the session ends as well. */
static void
member_of_before_is_dropped(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	int members = -1;
	join_alone(w, g, 10);
	coord_destroy(&w->coord);
	w->coord = fresh(w);
	replay(w, w->coord, (struct coord_time){ 5 * NS_PER_SEC, 5000 });
	assert_int_equal(coord_look(w->coord, g, see_members, &members), KERR_NONE);
	assert_int_equal(members, 1);
	for (int s = 0; s < SHARDS; s++)
		coord_tick(w->coord, s, (struct coord_time){ 15 * NS_PER_SEC, 15000 });
	assert_int_equal(coord_look(w->coord, g, see_members, &members), KERR_NONE);
	assert_int_equal(members, 0);
}

static enum kerr
delete_offset(struct world *w, struct name group, const char *topic)
{
	struct coord_commit item = { str_from(topic), 0, 0, -1, STR(""), KERR_NONE };
	enum kerr err = coord_delete_offsets(w->coord, group, &item, 1, (struct coord_time){ 1, 20 }, &w->barrier);
	return err != KERR_NONE ? err : item.err;
}

static void
offsets_that_are_in_use_stay(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g")), other = NAME(0, STR("other"));
	static const char reads_t[] = "\0\1" "\0\0\0\1" "\0\1t" "\xff\xff\xff\xff";
	struct group_protocol before = range;
	assert_int_equal(delete_offset(w, g, "t"), KERR_GROUP_ID_NOT_FOUND);
	range.metadata = (struct bytes){ (const uint8_t *)reads_t, sizeof(reads_t) - 1 };
	commit(w, g, "t", 0, 1, "", -1, 10);
	commit(w, g, "u", 0, 1, "", -1, 10);
	join_alone(w, g, 11);
	range = before;
	assert_int_equal(delete_offset(w, g, "t"), KERR_GROUP_SUBSCRIBED_TO_TOPIC);
	assert_int_equal(delete_offset(w, g, "u"), KERR_NONE);
	assert_int_equal(committed(w, g, "t", 0), 1);
	assert_int_equal(committed(w, g, "u", 0), -1);
	assert_true(same_after_replay(w, (struct coord_time){ 1, 30 }));
	/* What members of another kind read, nobody can say. */
	struct group_join j = { .member_id = STR(""), .client_id = STR("c"), .client_host = STR("/h"),
		.protocol_type = STR("connect"), .protocols = { &range, 1 }, .session_ms = 10000,
		.rebalance_ms = 10000 };
	commit(w, other, "t", 0, 1, "", -1, 10);
	coord_join(w->coord, other, &j, &anna, (struct coord_time){ 1, 11 }, w);
	assert_int_equal(delete_offset(w, other, "t"), KERR_NON_EMPTY_GROUP);
}

/* A member's commit makes no group, and a group somebody is about to join does not go. */
static void
groups_come_and_go_with_who_is_in_them(void **state)
{
	struct world *w = *state;
	struct name g = NAME(0, STR("g"));
	struct coord_commit item = { STR("t"), 0, 1, -1, STR(""), KERR_NONE };
	struct group_caller member = { STR("m"), STR_NULL, 1 };
	struct coord_time t = { 1, 10 };
	assert_int_equal(coord_commit(w->coord, g, &member, &anna, -1, &item, 1, t, &w->barrier),
	    KERR_ILLEGAL_GENERATION);
	assert_int_equal(w->barrier, -1);
	struct group_join j = { .member_id = STR(""), .client_id = STR("c"), .client_host = STR("/h"),
		.protocol_type = STR("consumer"), .protocols = { &range, 1 }, .session_ms = 10000,
		.rebalance_ms = 10000, .needs_member_id = true };
	coord_join(w->coord, g, &j, &anna, t, w);
	assert_int_equal(w->err, KERR_MEMBER_ID_REQUIRED);
	expire(w, 1000000);
	char id[80];
	snprintf(id, sizeof(id), "%s", w->member);
	j.member_id = str_from(id);
	coord_join(w->coord, g, &j, &anna, t, w);
	assert_int_equal(w->err, KERR_NONE);
}

/* Byte for byte: both what we write and what we read could be wrong in the same way. */
static void
records_are_kafkas(void **state)
{
	struct world *w = *state;
	static const char want[] = "\0\3" "\0\10consumer" "\0\0\0\7" "\0\5range" "\0\1m"
	    "\0\0\0\0\0\0\x30\x39" "\0\0\0\1" "\0\1m" "\0\1i" "\0\1c" "\0\2/h"
	    "\0\0\x75\x30" "\0\0\x27\x10" "\0\0\0\3sub" "\0\0\0\2as";
	static const char offset[] = "\0\3" "\0\0\0\0\0\0\1\0" "\0\0\0\5" "\0\1x" "\0\0\0\0\0\0\0\t";
	static const char own[] = "\0\1" "\0\0\0\0\0\0\1\0" "\0\1x" "\0\0\0\0\0\0\0\t" "\0\0\0\0\0\0\0\12";
	struct group_stored_member m = { STR("m"), STR("i"), STR("c"), STR("/h"), 30000, 10000,
		{ (const uint8_t *)"sub", 3 }, { (const uint8_t *)"as", 2 } };
	struct group_stored s = { STR("consumer"), STR("range"), STR("m"), 7, 12345, { &m, 1 } };
	struct timers timers;
	struct buf b;
	timers_init(&timers);
	buf_init(&b, 4096);
	struct group *g = group_create(NAME(0, STR("g")), &settings.group, NULL, w, &timers, 1);
	group_at(g, 1, 1);
	group_restore(g, &s);
	assert_ok(coord_group_encode(g, &b));
	assert_int_equal(b.n, sizeof(want) - 1);
	assert_memory_equal(b.p, want, b.n);
	group_destroy(&g);
	timers_free(&timers);
	struct offset o = { .offset = 256, .leader_epoch = 5, .metadata = STR("x"), .commit_ms = 9, .expire_ms = -1 };
	b.n = 0;
	assert_ok(coord_offset_encode(&o, &b));
	assert_int_equal(b.n, sizeof(offset) - 1);
	assert_memory_equal(b.p, offset, b.n);
	o.expire_ms = 10; /* only the first version has room for it */
	b.n = 0;
	assert_ok(coord_offset_encode(&o, &b));
	assert_int_equal(b.n, sizeof(own) - 1);
	assert_memory_equal(b.p, own, b.n);
	buf_free(&b);
}

static void
any_bytes_are_read(void **state)
{
	struct world *w = *state;
	uint8_t key[64], value[128];
	srand(4);
	coord_load_begin(w->coord, 0);
	for (int i = 0; i < 200000; i++) {
		size_t kn = (size_t)(rand() % 30), vn = (size_t)(rand() % 100);
		for (size_t k = 0; k < kn; k++)
			key[k] = (uint8_t)(rand() % 3 == 0 ? rand() : 0);
		for (size_t k = 0; k < vn; k++)
			value[k] = (uint8_t)(rand() % 3 == 0 ? rand() : 0);
		if (kn > 1)
			key[1] = (uint8_t)(rand() % 3);
		(void)coord_load_record(w->coord, 0, (struct bytes){ key, kn }, (struct bytes){ value, vn },
		    (struct coord_time){ 1, 1 });
	}
	coord_load_end(w->coord, 0, (struct coord_time){ 1, 1 });
}

static void
replay_equals_live_state(void **state)
{
	struct world *w = *state;
	static char g[8][4];
	int compared = 0;
	srand(3);
	for (int step = 1; step <= 3000; step++) {
		int64_t wall = step * 100;
		int i = rand() % 8;
		snprintf(g[i], sizeof(g[0]), "g%d", i);
		struct name group = NAME((uint32_t)(rand() % 2), str_from(g[i]));
		struct coord_time t = { (uint64_t)wall * NS_PER_MS, wall };
		switch (rand() % 8) {
		case 0:
			join_alone(w, group, wall);
			break;
		case 1:
			(void)coord_delete_group(w->coord, group, t, &w->barrier);
			break;
		case 2:
			for (int s = 0; s < SHARDS; s++)
				coord_tick(w->coord, s, t);
			break;
		case 3:
			for (int s = 0; s < SHARDS; s++)
				coord_expire(w->coord, s, t);
			break;
		case 4:
			w->append_err = rand() % 4 == 0 ? ERR_IO : 0;
			break;
		default:
			(void)commit(w, group, rand() % 2 ? "a" : "b", rand() % 3, step,
			    rand() % 2 ? "m" : "", rand() % 5 ? -1 : 5000, wall);
		}
		if (step % 100 != 0)
			continue;
		w->append_err = 0; /* what a full log kept from being stored is made up for */
		for (int s = 0; s < SHARDS; s++)
			coord_expire(w->coord, s, t);
		compared += same_after_replay(w, t);
	}
	assert_true(compared > 10);
}

#define C(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		C(shard_is_where_kafka_looks), C(commit_and_fetch),
		C(log_that_takes_nothing_changes_nothing), C(owner_is_remembered),
		C(delete_leaves_nothing), C(offsets_expire), C(offsets_of_members_expire),
		C(no_offset_expires_in_a_rebalance), C(many_offsets_go_at_once),
		C(doubt_empties_a_shard_that_is_used), C(deleted_topic_takes_its_offsets),
		C(callers_wait_for_the_load), C(stable_group_survives_replay),
		C(member_of_before_is_dropped), C(offsets_that_are_in_use_stay),
		C(groups_come_and_go_with_who_is_in_them), C(records_are_kafkas), C(any_bytes_are_read),
		C(replay_equals_live_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

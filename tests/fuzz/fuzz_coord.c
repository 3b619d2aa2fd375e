/* SPDX-License-Identifier: Apache-2.0
 * F11: a sequence of requests to the group coordinator, on virtual time, over a log in
 * memory that may refuse, be lost sight of, or hold records that others wrote. Each byte of
 * the input chooses: what is called, for whom, with which words. Held after all of it:
 * a parked request is answered once, or abandoned; and a replay of the log makes the state
 * that was live. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "coord/coord.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); abort(); } } while (0)

enum { SHARDS = 2, LOG_MAX = 4000, COOKIES = 200, IDS = 8, ID_MAX = 96, CALLS_MAX = 400 };

struct stored {
	uint8_t *bytes;
	size_t key_n, value_n;
	bool deletes;
};

struct cookie {
	struct name group;
	enum { FREE, PARKED, ANSWERED, ABANDONED } state;
};

struct world {
	const uint8_t *p;		/* what is left of the input */
	size_t n;
	struct coord *coord;
	struct coord_time now;
	struct stored log[SHARDS][LOG_MAX];
	int log_n[SHARDS];
	bool refuses, foreign;		/* the log takes nothing; it has not only our records */
	bool failed;			/* it has refused once */
	struct cookie cookies[COOKIES];
	int cookies_n;
	char ids[IDS][ID_MAX];		/* of members, as they were given out */
	int ids_n;
	int64_t barrier;
};

/* ---- choosing ---- */

static unsigned
pick(struct world *w, unsigned n)
{
	if (w->n == 0)
		return 0;
	w->n--;
	return *w->p++ % n;
}

#define WORD(w, list) ((list)[pick(w, sizeof(list) / sizeof((list)[0]))])

static const struct str groups[] = { { "g", 1 }, { "h", 1 }, { "a/b", 3 }, { "", 0 }, { "g\0x", 3 } };
static const struct str topics[] = { { "t", 1 }, { "u", 1 }, { "t/1", 3 }, { "", 0 } };
static const struct str instances[] = { { NULL, 0 }, { NULL, 0 }, { "i", 1 }, { "j", 1 }, { "i\0k", 3 }, { "", 0 } };
static const struct str clients[] = { { "c", 1 }, { "", 0 }, { "\0", 1 }, { "c\0d", 3 } };
static const struct str protocols[] = { { "range", 5 }, { "sticky", 6 }, { "", 0 }, { "range\0x", 7 } };
static const struct str types[] = { { "consumer", 8 }, { "consumer", 8 }, { "connect", 7 }, { "", 0 } };
static const int32_t times[] = { 10000, 6000, 1800000, 0, -1, 1, INT32_MAX, INT32_MIN };
static const int64_t offsets[] = { 0, 1, 77, -1, INT64_MAX, INT64_MIN };

static struct name
some_group(struct world *w)
{
	return NAME(pick(w, 2), WORD(w, groups));
}

static struct str
some_member(struct world *w)
{
	unsigned i = pick(w, IDS + 2);
	return i < IDS ? str_from(w->ids[i]) : i == IDS ? STR("") : STR("nobody");
}

static struct group_caller
some_caller(struct world *w)
{
	struct group_caller c = { some_member(w), WORD(w, instances), (int32_t)pick(w, 6) - 1 };
	return c;
}

static const struct group_owner anna = { { "anna", 4 }, { "billing", 7 }, 0740 };

/* ---- the log, and answers ---- */

static void
put(struct world *w, int32_t shard, struct bytes key, struct bytes value)
{
	MUST(w->log_n[shard] < LOG_MAX);
	struct stored *s = &w->log[shard][w->log_n[shard]++];
	s->bytes = mem_alloc(key.n + value.n + 1);
	memcpy(s->bytes, key.p, key.n);
	if (value.n > 0)
		memcpy(s->bytes + key.n, value.p, value.n);
	s->key_n = key.n;
	s->value_n = value.n;
	s->deletes = value.p == NULL;
}

static int
append(void *ctx, int32_t shard, const struct coord_record *r, int n, int64_t wall_ms, int64_t *ret_end)
{
	struct world *w = ctx;
	(void)wall_ms;
	if (w->refuses || w->log_n[shard] + n > LOG_MAX) {
		w->failed = true;
		return ERR_NOSPACE;
	}
	for (int i = 0; i < n; i++)
		put(w, shard, r[i].key, r[i].value);
	*ret_end = w->log_n[shard];
	return 0;
}

static void
answered(void *cookie, enum kerr err)
{
	struct cookie *c = cookie;
	MUST(c->state == PARKED);
	MUST(strlen(kerr_name(err)) > 0);
	c->state = ANSWERED;
}

static void
joined(void *ctx, void *cookie, const struct group_joined *a, int64_t barrier)
{
	struct world *w = ctx;
	MUST(barrier <= LOG_MAX);
	answered(cookie, a->err);
	if ((a->err == KERR_NONE || a->err == KERR_MEMBER_ID_REQUIRED) && a->member_id.n < ID_MAX) {
		MUST(a->member_id.n > 36);
		snprintf(w->ids[w->ids_n++ % IDS], ID_MAX, "%.*s", STR_ARG(a->member_id));
	}
	for (int32_t i = 0; i < a->members.n; i++)
		MUST(a->members.v[i].member_id.n > 0);
}

static void
synced(void *ctx, void *cookie, const struct group_synced *a, int64_t barrier)
{
	(void)ctx;
	MUST(barrier <= LOG_MAX);
	answered(cookie, a->err);
}

static void
ended(void *ctx, struct name group)
{
	(void)ctx, (void)group;
}

static void
full(void *ctx, uint32_t tenant, bool all)
{
	(void)ctx, (void)tenant, (void)all;
}

static void
wake_at(void *ctx, int32_t shard, uint64_t when)
{
	(void)ctx, (void)when;
	MUST(shard >= 0 && shard < SHARDS);
}

static struct coord *
make(struct world *w)
{
	static const struct coord_settings settings = {
		.group = { 6000, 1800000, 3000, 4, 300000 },
		.shards = SHARDS, .retention_ms = 100000, .metadata_max = 16,
	};
	struct coord_io io = { w, append, joined, synced, ended, full, wake_at };
	return coord_create(&settings, &io);
}

static void
load(struct world *w, struct coord *c, int32_t shard)
{
	coord_load_begin(c, shard);
	for (int i = 0; i < w->log_n[shard]; i++) {
		const struct stored *s = &w->log[shard][i];
		int err = coord_load_record(c, shard, (struct bytes){ s->bytes, s->key_n },
		    (struct bytes){ s->deletes ? NULL : s->bytes + s->key_n, s->value_n }, w->now);
		MUST(err == 0 || w->foreign);
	}
	coord_load_end(c, shard, w->now);
}

static void
load_all(struct world *w, struct coord *c)
{
	for (int32_t i = 0; i < SHARDS; i++)
		load(w, c, i);
}

/* ---- replay equals live ---- */

/* A sum over what is there, in no order. */
struct view {
	uint64_t sum;
	bool loud;			/* said, for whoever has to find out */
	int moving;
	struct name seen[64];
	int seen_n;
};

static void
add(struct view *v, const void *p, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
	v->sum += h;
	for (size_t i = 0; v->loud && i < n; i++)
		fprintf(stderr, ((const uint8_t *)p)[i] - 32u < 95 ? "%c" : "\\%02x", ((const uint8_t *)p)[i]);
	if (v->loud)
		fprintf(stderr, "\n");
}

static void
view_offset(const struct offset *o, void *arg)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "%.*s %d %lld %d %.*s %lld %lld", STR_ARG(o->topic), o->partition,
	    (long long)o->offset, o->expire_ms < 0 ? o->leader_epoch : -1, STR_ARG(o->metadata),
	    (long long)o->commit_ms, (long long)o->expire_ms);
	add(arg, line, (size_t)n);
}

static void
view_group(const struct group *g, const struct group_owner *owner, void *arg)
{
	struct view *v = arg;
	struct buf b;
	char line[300];
	buf_init(&b, 1 << 20);
	v->moving += g->state != GROUP_STABLE && g->state != GROUP_EMPTY;
	/* Since when it is stable was not known when that was stored, and is asked by nobody. */
	struct group *m = (struct group *)(uintptr_t)g;
	int64_t since = m->state_since_ms;
	m->state_since_ms = 0;
	if (g->state == GROUP_STABLE)
		MUST(coord_group_encode(g, &b) == 0);
	m->state_since_ms = since;
	add(v, b.p, b.n);
	buf_free(&b);
	int n = snprintf(line, sizeof(line), "%u/%.*s %d %lld %.*s %.*s %o", g->name.tenant, STR_ARG(g->name.s),
	    g->state == GROUP_STABLE ? g->members_n : 0,
	    (long long)(g->state == GROUP_EMPTY && g->generation > 0 ? since : 0), STR_ARG(owner->owner), STR_ARG(owner->team), owner->mode);
	add(v, line, (size_t)n);
	MUST(v->seen_n < 64);
	v->seen[v->seen_n++] = g->name;
}

static struct view
look(struct coord *c, bool loud)
{
	struct view v = { .loud = loud };
	int64_t barrier;
	for (uint32_t tenant = 0; tenant < 2; tenant++)
		MUST(coord_list(c, tenant, view_group, &v) == KERR_NONE);
	for (int i = 0; i < v.seen_n; i++)
		MUST(coord_fetch_all(c, v.seen[i], view_offset, &v, &barrier) == KERR_NONE);
	return v;
}

static void
compare(struct world *w)
{
	if (w->foreign || w->failed)
		return;
	struct view live = look(w->coord, false);
	if (live.moving > 0)
		return; /* what has not been agreed on is not in the log */
	struct coord *c = make(w);
	load_all(w, c);
	if (look(c, false).sum != live.sum) {
		(void)look(w->coord, true);
		fprintf(stderr, "-- after replay:\n");
		(void)look(c, true);
		abort();
	}
	coord_destroy(&c);
}

/* ---- what may be called ---- */

static struct cookie *
cookie(struct world *w, struct name group)
{
	struct cookie *c = &w->cookies[w->cookies_n++];
	*c = (struct cookie){ group, PARKED };
	return c;
}

static void
join(struct world *w)
{
	struct group_protocol v[2];
	struct name g = some_group(w);
	if (w->cookies_n == COOKIES)
		return;
	for (int i = 0; i < 2; i++)
		v[i] = (struct group_protocol){ WORD(w, protocols), { (const uint8_t *)"\0\1\0\0\0\1\0\1t", pick(w, 10) } };
	struct group_join j = { .member_id = some_member(w), .instance_id = WORD(w, instances),
		.client_id = WORD(w, clients), .client_host = STR("/1.2.3.4"), .protocol_type = WORD(w, types),
		.protocols = { v, (int32_t)pick(w, 3) }, .session_ms = WORD(w, times),
		.rebalance_ms = WORD(w, times), .needs_member_id = pick(w, 2), .can_skip_assignment = pick(w, 2) };
	coord_join(w->coord, g, &j, &anna, w->now, cookie(w, g));
}

static void
sync_(struct world *w)
{
	struct group_assignment v[3];
	struct name g = some_group(w);
	if (w->cookies_n == COOKIES)
		return;
	for (int i = 0; i < 3; i++)
		v[i] = (struct group_assignment){ some_member(w), { (const uint8_t *)"assigned", pick(w, 9) } };
	struct group_sync s = { .member_id = some_member(w), .instance_id = WORD(w, instances),
		.protocol_type = pick(w, 3) ? STR_NULL : WORD(w, types), .protocol = pick(w, 3) ? STR_NULL : WORD(w, protocols),
		.generation = (int32_t)pick(w, 6) - 1, .assignments = { v, (int32_t)pick(w, 4) } };
	coord_sync(w->coord, g, &s, w->now, cookie(w, g));
}

static void
heartbeat(struct world *w)
{
	struct group_caller c = some_caller(w);
	(void)coord_heartbeat(w->coord, some_group(w), &c, w->now);
}

static void
leave(struct world *w)
{
	struct name g = some_group(w);
	(void)coord_leave(w->coord, g, some_member(w), WORD(w, instances), w->now, &w->barrier);
}

static void
items(struct world *w, struct coord_commit v[2])
{
	for (int i = 0; i < 2; i++)
		v[i] = (struct coord_commit){ WORD(w, topics), (int32_t)pick(w, 3) - 1, WORD(w, offsets),
			(int32_t)pick(w, 3) - 1, { "seventeen bytes!!", pick(w, 18) }, KERR_NONE };
}

static void
commit(struct world *w)
{
	struct coord_commit v[2];
	struct group_caller simple = { STR(""), STR_NULL, -1 }, c = pick(w, 2) ? simple : some_caller(w);
	struct name g = some_group(w);
	items(w, v);
	int64_t retention = pick(w, 3) ? -1 : WORD(w, times);
	if (retention >= 0)
		v[0].leader_epoch = v[1].leader_epoch = -1;
	(void)coord_commit(w->coord, g, &c, &anna, retention, v, (int)pick(w, 3), w->now, &w->barrier);
}

static void
delete(struct world *w)
{
	struct coord_commit v[2];
	struct name g = some_group(w);
	items(w, v);
	if (pick(w, 2))
		(void)coord_delete_group(w->coord, g, w->now, &w->barrier);
	else
		(void)coord_delete_offsets(w->coord, g, v, (int)pick(w, 3), w->now, &w->barrier);
}

static void
forget(struct world *w)
{
	struct str topic = WORD(w, topics);
	coord_forget_topic(w->coord, NAME(pick(w, 2), topic), w->now);
}

static void
wait(struct world *w)
{
	static const int64_t ms[] = { 1, 1000, 3000, 7000, 70000, 400000, 3600000 };
	int64_t step = WORD(w, ms);
	w->now.now += (uint64_t)step * NS_PER_MS;
	w->now.wall_ms += step;
	for (int32_t i = 0; i < SHARDS; i++)
		coord_tick(w->coord, i, w->now);
}

static void
expire(struct world *w)
{
	coord_expire(w->coord, (int32_t)pick(w, SHARDS), w->now);
}

static void
abandon(struct world *w)
{
	struct cookie *c = &w->cookies[pick(w, COOKIES)];
	if (c->state != PARKED)
		return;
	c->state = ABANDONED;
	coord_abandon(w->coord, c->group, c, w->now);
}

static void
refuse(struct world *w)
{
	w->refuses = !w->refuses;
}

static void
doubt(struct world *w)
{
	int32_t shard = (int32_t)pick(w, SHARDS);
	MUST(coord_doubt(w->coord, shard));
	(void)coord_heartbeat(w->coord, NAME(0, STR("g")), &(struct group_caller){ STR("m"), STR_NULL, 1 }, w->now);
	load(w, w->coord, shard);
}

/* A record that is not ours, and a look at what comes of it. */
static void
intrude(struct world *w)
{
	int32_t shard = (int32_t)pick(w, SHARDS);
	size_t key_n = pick(w, 64), value_n = pick(w, 200);
	if (key_n + value_n > w->n || w->log_n[shard] == LOG_MAX)
		return;
	put(w, shard, (struct bytes){ w->p, key_n }, (struct bytes){ value_n == 0 ? NULL : w->p + key_n, value_n });
	w->p += key_n + value_n;
	w->n -= key_n + value_n;
	w->foreign = true;
	MUST(coord_doubt(w->coord, shard));
	load(w, w->coord, shard);
	(void)look(w->coord, false);
}

static void (*const calls[])(struct world *w) = {
	join, join, join, sync_, sync_, heartbeat, leave, commit, commit, delete, forget, wait, wait,
	expire, abandon, refuse, doubt, intrude, compare,
};

/* ---- the whole ---- */

static void
finish(struct world *w)
{
	for (int32_t i = 0; i < SHARDS; i++)
		coord_unload(w->coord, i);
	for (int i = 0; i < w->cookies_n; i++)
		MUST(w->cookies[i].state != PARKED);
	coord_destroy(&w->coord);
	for (int s = 0; s < SHARDS; s++)
		for (int i = 0; i < w->log_n[s]; i++)
			mem_free(w->log[s][i].bytes);
	mem_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->p = data;
	w->n = size;
	w->now = (struct coord_time){ NS_PER_SEC, 1700000000000 };
	w->coord = make(w);
	load_all(w, w->coord);
	for (int i = 0; i < CALLS_MAX && w->n > 0; i++)
		WORD(w, calls)(w);
	compare(w);
	finish(w);
	return 0;
}

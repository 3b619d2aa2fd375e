/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doors: each finds the shard by the group's name, takes its lock, asks
 * whether the shard is loaded, tells the group the time, and lets the state
 * machine (group.c) do the rest. Groups come into being when somebody joins or
 * commits, together with the record of who made them.
 */
#include "coord/coord.h"

#include "base/err.h"
#include "base/mem.h"
#include "coord/shard.h"
#include "tenant/tenant.h"

struct coord *
coord_create(const struct coord_settings *settings, const struct coord_io *io)
{
	struct coord *c = MEM_NEW(struct coord);
	c->settings = *settings;
	c->io = *io;
	c->budget = budget_create(settings->memory_max, io->full, io->ctx);
	c->shards = mem_zalloc((size_t)settings->shards * sizeof(*c->shards));
	for (int32_t i = 0; i < settings->shards; i++) {
		struct shard *s = &c->shards[i];
		lock_init(&s->lock, LOCK_GROUP_SHARD);
		s->coord = c;
		s->index = i;
		s->end = -1;
		s->groups = map_create();
		timers_init(&s->timers);
	}
	return c;
}

void
coord_destroy(struct coord **coord)
{
	struct coord *c = *coord;
	if (c == NULL)
		return;
	for (int32_t i = 0; i < c->settings.shards; i++) {
		struct shard *s = &c->shards[i];
		size_t pos = 0;
		for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;)
			shard_drop(s, e);
		map_destroy(&s->groups);
		timers_free(&s->timers);
		lock_free(&s->lock);
	}
	budget_destroy(&c->budget);
	mem_free(c->shards);
	mem_free(c);
	*coord = NULL;
}

int64_t
coord_memory(const struct coord *c)
{
	return budget_used(c->budget);
}

/* One code point of well-formed UTF-8; a stray byte counts as itself. */
static uint32_t
code_point(const uint8_t *p, size_t left, size_t *ret_n)
{
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	if (n > left) {
		*ret_n = 1;
		return p[0];
	}
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	*ret_n = n;
	return c;
}

/* String.hashCode() of the name in UTF-16, going on from that of what stands before it. */
static uint32_t
java_hash(uint32_t h, struct str s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		uint32_t c = code_point((const uint8_t *)s.p + i, s.n - i, &n);
		if (c >= 0x10000) {
			h = h * 31 + (0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		h = h * 31 + c;
	}
	return h;
}

int32_t
coord_shard_of(const struct coord *c, struct name group)
{
	char prefix[TENANT_JOIN_MORE];
	uint32_t h = java_hash(0, (struct str){ prefix, tenant_join_prefix(group, prefix) });
	return (int32_t)(java_hash(h, group.s) & INT32_MAX) % c->settings.shards;
}

enum kerr
shard_ready(const struct shard *s)
{
	static const enum kerr answers[] = {
		[SHARD_AWAY] = KERR_NOT_COORDINATOR,
		[SHARD_LOADING] = KERR_COORDINATOR_LOAD_IN_PROGRESS,
		[SHARD_ACTIVE] = KERR_NONE,
	};
	return answers[s->state];
}

/* Takes the lock of the group's shard. */
static struct shard *
enter(struct coord *c, struct name group, struct coord_time t)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	s->wall_ms = t.wall_ms;
	return s;
}

/* Timers may have moved: the shard's home must know. */
static void
leave(struct shard *s)
{
	uint64_t next = timers_next(&s->timers);
	if (next != UINT64_MAX)
		s->coord->io.wake_at(s->coord->io.ctx, s->index, next);
	lock_drop(&s->lock);
}

static void
on_joined(void *ctx, void *cookie, const struct group_joined *a)
{
	struct entry *e = ctx;
	struct coord_io *io = &e->shard->coord->io;
	io->joined(io->ctx, cookie, a, e->shard->end);
}

static void
on_synced(void *ctx, void *cookie, const struct group_synced *a)
{
	struct entry *e = ctx;
	struct coord_io *io = &e->shard->coord->io;
	io->synced(io->ctx, cookie, a, e->shard->end);
}

static int
on_store(void *ctx, struct group *group)
{
	struct entry *e = ctx;
	struct pen pen;
	(void)group;
	pen_init(&pen, e->shard);
	pen_group(&pen, e, false);
	return pen_finish(&pen);
}

static const struct group_ops ops = { on_joined, on_synced, on_store };

struct entry *
shard_find(struct shard *s, struct name group)
{
	return map_get(s->groups, group);
}

void
shard_count(struct entry *e)
{
	share_count(e->share, &e->counted, GROUP_BYTES + e->group->name.s.n + strlen(e->owner) +
	    (e->team == NULL ? 0 : strlen(e->team)));
}

bool
shard_has_room(struct shard *s, struct name group, const struct group_owner *maker, size_t more)
{
	struct share *share = budget_share(s->coord->budget, group.tenant);
	size_t owner = maker == NULL ? 0 : maker->owner.n + maker->team.n;
	bool yes = share_fits(share, SHARE_NEW, GROUP_BYTES + group.s.n + owner + more);
	share_put(&share);
	return yes;
}

struct entry *
shard_make(struct shard *s, struct name group, const struct group_owner *maker,
    struct coord_time t)
{
	struct entry *e = MEM_NEW(struct entry);
	e->shard = s;
	e->share = budget_share(s->coord->budget, group.tenant);
	e->owner = maker == NULL ? mem_strdup("") : str_dup(maker->owner);
	e->team = maker == NULL || maker->team.n == 0 ? NULL : str_dup(maker->team);
	e->mode = maker == NULL ? 0 : maker->mode;
	e->offsets = offsets_create(e->share);
	e->group = group_create(group, &s->coord->settings.group, &ops, e, &s->timers, t.wall_ms);
	e->group->share = e->share;
	shard_count(e);
	group_at(e->group, t.now, t.wall_ms);
	map_put(s->groups, e->group->name, e);
	return e;
}

void
shard_drop(struct shard *s, struct entry *e)
{
	map_del(s->groups, e->group->name);
	offsets_destroy(&e->offsets);
	group_destroy(&e->group);
	share_count(e->share, &e->counted, 0);
	share_put(&e->share);
	mem_free(e->owner);
	mem_free(e->team);
	mem_free(e);
}

static struct entry *
find_at(struct shard *s, struct name group, struct coord_time t)
{
	struct entry *e = shard_find(s, group);
	if (e != NULL)
		group_at(e->group, t.now, t.wall_ms);
	return e;
}

/* A new group and the record of its maker, if it takes its first member at all: else it would be
 * there, and count, until it expires. */
static enum kerr
make_stored(struct shard *s, struct name group, const struct group_join *join,
    const struct group_owner *maker, struct coord_time t, struct entry **ret)
{
	if (!shard_has_room(s, group, maker, group_join_bytes(NULL, join)))
		return KERR_GROUP_MAX_SIZE_REACHED;
	struct entry *e = shard_make(s, group, maker, t);
	enum kerr err = group_may_join(e->group, join);
	if (err == KERR_NONE) {
		struct pen pen;
		pen_init(&pen, s);
		pen_owner(&pen, e, false);
		err = pen_finish(&pen) == 0 ? KERR_NONE : KERR_COORDINATOR_NOT_AVAILABLE;
	}
	if (err == KERR_NONE)
		*ret = e;
	else
		shard_drop(s, e);
	return err;
}

static void
refuse_join(struct coord *c, void *cookie, enum kerr err, struct str member_id)
{
	c->io.joined(c->io.ctx, cookie, &(struct group_joined){ .err = err, .generation = -1,
	    .protocol_type = STR_NULL, .protocol = STR_NULL, .leader = STR(""),
	    .member_id = member_id.p == NULL ? STR("") : member_id }, -1);
}

/* Of a member that cannot be there: what Kafka looks at first. */
static enum kerr
nobody(const struct coord *c, const struct group_join *join)
{
	const struct group_settings *g = &c->settings.group;
	bool fits = join->session_ms >= g->min_session_ms && join->session_ms <= g->max_session_ms;
	return fits ? KERR_UNKNOWN_MEMBER_ID : KERR_INVALID_SESSION_TIMEOUT;
}

void
coord_join(struct coord *c, struct name group, const struct group_join *join,
    const struct group_owner *maker, struct coord_time t, void *cookie)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	enum kerr err = group.s.n == 0 ? KERR_INVALID_GROUP_ID : shard_ready(s);
	if (err == KERR_NONE && e == NULL && join->member_id.n > 0)
		err = nobody(c, join);
	if (err == KERR_NONE && e == NULL)
		err = make_stored(s, group, join, maker, t, &e);
	if (err == KERR_NONE)
		group_join(e->group, join, cookie);
	else
		refuse_join(c, cookie, err, join->member_id);
	leave(s);
}

void
coord_sync(struct coord *c, struct name group, const struct group_sync *sync,
    struct coord_time t, void *cookie)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE && e == NULL)
		err = KERR_UNKNOWN_MEMBER_ID;
	if (err == KERR_NONE)
		group_sync(e->group, sync, cookie);
	else
		c->io.synced(c->io.ctx, cookie, &(struct group_synced){ .err = err }, -1);
	leave(s);
}

void
coord_abandon(struct coord *c, struct name group, void *cookie, struct coord_time t)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	if (e != NULL)
		group_abandon(e->group, cookie);
	leave(s);
}

enum kerr
coord_heartbeat(struct coord *c, struct name group, const struct group_caller *caller,
    struct coord_time t)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE)
		err = e == NULL ? KERR_UNKNOWN_MEMBER_ID : group_heartbeat(e->group, caller);
	leave(s);
	return err;
}

enum kerr
coord_leave(struct coord *c, struct name group, struct str member_id, struct str instance_id,
    struct coord_time t, int64_t *ret_barrier)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE)
		err = e == NULL ? KERR_UNKNOWN_MEMBER_ID : group_leave(e->group, member_id, instance_id);
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	leave(s);
	return err;
}

void
coord_tick(struct coord *c, int32_t shard, struct coord_time t)
{
	struct shard *s = &c->shards[shard];
	lock_take(&s->lock);
	s->wall_ms = t.wall_ms;
	timers_run(&s->timers, t.now);
	leave(s);
}

bool
coord_group_owner(struct coord *c, struct name group, struct arena *arena, struct group_owner *ret)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	struct entry *e = s->state == SHARD_ACTIVE ? shard_find(s, group) : NULL;
	if (e != NULL)
		*ret = (struct group_owner){ arena_str(arena, str_from(e->owner)),
			arena_str(arena, str_from(e->team)), e->mode };
	lock_drop(&s->lock);
	return e != NULL;
}

enum kerr
coord_look(struct coord *c, struct name group,
    void (*look)(const struct group *group, void *arg), void *arg)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	struct entry *e = shard_find(s, group);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE && e == NULL)
		err = KERR_GROUP_ID_NOT_FOUND;
	if (err == KERR_NONE)
		look(e->group, arg);
	lock_drop(&s->lock);
	return err;
}

enum kerr
coord_known(struct coord *c, struct name group)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	enum kerr err = shard_ready(s);
	lock_drop(&s->lock);
	return err;
}

enum kerr
coord_list(struct coord *c, uint32_t tenant,
    void (*each)(const struct group *group, const struct group_owner *owner, void *arg), void *arg)
{
	enum kerr worst = KERR_NONE;
	for (int32_t i = 0; i < c->settings.shards; i++) {
		struct shard *s = &c->shards[i];
		size_t pos = 0;
		lock_take(&s->lock);
		if (shard_ready(s) != KERR_NONE)
			worst = shard_ready(s);
		for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;) {
			struct group_owner o = { str_from(e->owner), str_from(e->team), e->mode };
			bool meant = tenant == COORD_ALL_TENANTS || e->group->name.tenant == tenant;
			if (meant && s->state == SHARD_ACTIVE)
				each(e->group, &o, arg);
		}
		lock_drop(&s->lock);
	}
	return worst;
}

/* Everything that the log holds of the group is deleted by one batch. */
static int
erase(struct shard *s, struct entry *e)
{
	struct pen pen;
	pen_init(&pen, s);
	for (const struct offset *o = NULL; (o = offsets_next(e->offsets, o)) != NULL;)
		pen_offset(&pen, e->group->name, o, true);
	pen_group(&pen, e, true);
	pen_owner(&pen, e, true);
	int err = pen_finish(&pen);
	if (err == 0) {
		s->coord->io.ended(s->coord->io.ctx, e->group->name);
		shard_drop(s, e);
	}
	return err;
}

enum kerr
coord_delete_group(struct coord *c, struct name group, struct coord_time t, int64_t *ret_barrier)
{
	struct shard *s = enter(c, group, t);
	struct entry *e = find_at(s, group, t);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE && e == NULL)
		err = KERR_GROUP_ID_NOT_FOUND;
	if (err == KERR_NONE && (e->group->state != GROUP_EMPTY || map_count(e->group->pending) > 0))
		err = KERR_NON_EMPTY_GROUP;
	if (err == KERR_NONE && erase(s, e) != 0)
		err = KERR_COORDINATOR_NOT_AVAILABLE;
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	leave(s);
	return err;
}

/* One group, while its offsets are looked at. */
struct expiring {
	const struct group *group;
	int64_t retention_ms, wall_ms;
	struct str topic;		/* subscribed is of this one */
	bool subscribed;
};

static bool
is_subscribed(struct expiring *x, struct str topic)
{
	if (x->topic.p != topic.p)
		x->subscribed = group_subscribes(x->group, topic);
	x->topic = topic;
	return x->subscribed;
}

/* Whether the offset's time is over, by the rules of KIP-211: without members since the last
 * of them left, with some only where none reads the topic; while they rebalance, never. */
static bool
expired(const struct offset *o, void *arg)
{
	struct expiring *x = arg;
	const struct group *g = x->group;
	bool empty = g->state == GROUP_EMPTY;
	if (!empty && g->state != GROUP_STABLE)
		return false;
	int64_t since = o->commit_ms;
	if (empty && g->protocol_type != NULL && g->state_since_ms > since)
		since = g->state_since_ms;
	bool due = o->expire_ms >= 0 ? x->wall_ms >= o->expire_ms : since <= x->wall_ms - x->retention_ms;
	return due && (empty || !is_subscribed(x, o->topic));
}

static void
expire_entry(struct shard *s, struct entry *e, struct coord_time t)
{
	struct expiring x = { .group = e->group, .retention_ms = s->coord->settings.retention_ms, .wall_ms = t.wall_ms };
	struct pen pen;
	pen_init(&pen, s);
	if (e->group->unstored)
		pen_group(&pen, e, false);
	for (const struct offset *o = NULL; (o = offsets_next(e->offsets, o)) != NULL;)
		if (expired(o, &x))
			pen_offset(&pen, e->group->name, o, true);
	if (pen_finish(&pen) != 0)
		return; /* tried again at the next round */
	e->group->unstored = false;
	offsets_prune(e->offsets, expired, &x);
	/* A group that nobody is in and that holds nothing goes. */
	if (e->group->state == GROUP_EMPTY && offsets_count(e->offsets) == 0 &&
	    map_count(e->group->pending) == 0)
		(void)erase(s, e);
}

void
coord_expire(struct coord *c, int32_t shard, struct coord_time t)
{
	struct shard *s = &c->shards[shard];
	size_t pos = 0;
	lock_take(&s->lock);
	s->wall_ms = t.wall_ms;
	if (s->state == SHARD_ACTIVE)
		for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;)
			expire_entry(s, e, t);
	lock_drop(&s->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a shard: its partition's records in order, each applied as it was
 * written; a null value takes away. A group record replaces the group's whole
 * state. What cannot be read is passed over and reported: one bad record must
 * not take the offsets of every other group along. What is loaded is counted and never
 * refused for want of memory: it was taken once.
 */
#include "coord/coord.h"

#include "base/err.h"
#include "base/mem.h"
#include "coord/shard.h"
#include "tenant/tenant.h"

/* Locked. */
static void
forget(struct shard *s, enum shard_state state)
{
	size_t pos = 0;
	s->state = state;
	for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;) {
		group_fail_parked(e->group, KERR_NOT_COORDINATOR);
		shard_drop(s, e);
	}
	s->end = -1;
}

void
coord_load_begin(struct coord *c, int32_t shard)
{
	struct shard *s = &c->shards[shard];
	lock_take(&s->lock);
	forget(s, SHARD_LOADING);
	lock_drop(&s->lock);
}

bool
coord_doubt(struct coord *c, int32_t shard)
{
	struct shard *s = &c->shards[shard];
	lock_take(&s->lock);
	bool used = s->state == SHARD_ACTIVE;
	if (used)
		forget(s, SHARD_LOADING);
	lock_drop(&s->lock);
	return used;
}

static int
load_offset(struct shard *s, struct entry *e, const struct coord_key *key, struct bytes value,
    struct coord_time t)
{
	struct name topic, group;
	struct offset o;
	if (tenant_split(key->topic, &topic) != 0 || tenant_split(key->group, &group) != 0 ||
	    topic.tenant != group.tenant)
		return ERR_CORRUPT;
	if (value.p == NULL) {
		if (e != NULL)
			offsets_del(e->offsets, topic.s, key->partition);
		return 0;
	}
	o = (struct offset){ .topic = topic.s, .partition = key->partition };
	int err = coord_offset_decode(value, &o);
	if (err != 0)
		return err;
	if (e == NULL)
		e = shard_make(s, group, NULL, t);
	offsets_put(e->offsets, &o);
	return 0;
}

/* The group anew from the record; offsets and owner stay as they are. */
static int
load_group(struct shard *s, struct entry *e, struct name name, struct bytes value,
    struct coord_time t)
{
	struct group_stored stored;
	struct arena *arena = arena_create(SIZE_MAX);
	int err = value.p == NULL ? 0 : coord_group_decode(value, arena, &stored);
	if (err == 0 && e == NULL && value.p != NULL)
		e = shard_make(s, name, NULL, t);
	if (err == 0 && e != NULL) {
		const struct group_ops *ops = e->group->ops;
		struct group *fresh = group_create(name, &s->coord->settings.group, ops, e,
		    &s->timers, t.wall_ms);
		fresh->share = e->share;
		group_at(fresh, t.now, t.wall_ms);
		if (value.p != NULL)
			group_restore(fresh, &stored);
		map_put(s->groups, fresh->name, e);
		group_destroy(&e->group);
		e->group = fresh;
	}
	arena_destroy(&arena);
	return err;
}

static int
load_owner(struct shard *s, struct entry *e, struct name name, struct bytes value,
    struct coord_time t)
{
	struct group_owner o = { STR(""), STR_NULL, 0 };
	int err = value.p == NULL ? 0 : coord_owner_decode(value, &o);
	if (err != 0)
		return err;
	if (e == NULL && value.p == NULL)
		return 0;
	if (e == NULL) {
		shard_make(s, name, &o, t);
		return 0;
	}
	mem_free(e->owner);
	mem_free(e->team);
	e->owner = str_dup(o.owner);
	e->team = o.team.n == 0 ? NULL : str_dup(o.team);
	e->mode = o.mode;
	shard_count(e);
	return 0;
}

int
coord_load_record(struct coord *c, int32_t shard, struct bytes key, struct bytes value,
    struct coord_time t)
{
	struct shard *s = &c->shards[shard];
	struct coord_key k;
	struct name group;
	int err = coord_key_decode(key, &k);
	if (err == 0)
		err = tenant_split(k.group, &group);
	if (err != 0)
		return err;
	lock_take(&s->lock);
	struct entry *e = shard_find(s, group);
	if (k.kind == COORD_KEY_OFFSET)
		err = load_offset(s, e, &k, value, t);
	else if (k.kind == COORD_KEY_GROUP)
		err = load_group(s, e, group, value, t);
	else
		err = load_owner(s, e, group, value, t);
	lock_drop(&s->lock);
	return err;
}

void
coord_load_end(struct coord *c, int32_t shard, struct coord_time t)
{
	struct shard *s = &c->shards[shard];
	size_t pos = 0;
	lock_take(&s->lock);
	for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;) {
		/* Deleted while live: nothing is left but the empty shell. */
		if (e->group->members_n == 0 && e->group->generation == 0 &&
		    offsets_count(e->offsets) == 0 && e->owner[0] == '\0')
			shard_drop(s, e);
	}
	s->state = SHARD_ACTIVE;
	uint64_t next = timers_next(&s->timers);
	if (next != UINT64_MAX)
		c->io.wake_at(c->io.ctx, s->index, next);
	lock_drop(&s->lock);
	(void)t;
}

void
coord_unload(struct coord *c, int32_t shard)
{
	struct shard *s = &c->shards[shard];
	lock_take(&s->lock);
	forget(s, SHARD_AWAY);
	lock_drop(&s->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Committed offsets: written to the log first, then to the group. Readers get
 * the barrier of the shard's last append along with the offsets, so that what
 * they are told is durable before they hear it.
 */
#include "coord/coord.h"

#include "base/err.h"
#include "base/mem.h"
#include "coord/shard.h"

static struct shard *
shard_of(struct coord *c, struct name group, struct coord_time t)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	s->wall_ms = t.wall_ms;
	return s;
}

static void
fail_all(struct coord_commit *items, int n, enum kerr err)
{
	for (int i = 0; i < n; i++)
		if (items[i].err == KERR_NONE)
			items[i].err = err;
}

/* Never is far enough. */
static int64_t
expiry(int64_t wall_ms, int64_t retention_ms)
{
	return retention_ms < 0 ? -1 : retention_ms > INT64_MAX - wall_ms ? INT64_MAX : wall_ms + retention_ms;
}

static struct offset
offset_of(const struct coord_commit *c, struct coord_time t, int64_t retention_ms)
{
	return (struct offset){ .topic = c->topic, .partition = c->partition, .offset = c->offset,
		.leader_epoch = c->leader_epoch, .metadata = c->metadata, .commit_ms = t.wall_ms,
		.expire_ms = expiry(t.wall_ms, retention_ms) };
}

/* Refuses the items for which memory has no room, with what clients take for an error of the
 * commit and not of the moment, as Kafka does where a commit is too large for its log. */
static void
find_room(const struct entry *e, struct coord_commit *items, int n, struct coord_time t)
{
	size_t all = 0;
	for (int i = 0; i < n; i++) {
		if (items[i].err != KERR_NONE)
			continue;
		struct offset o = offset_of(&items[i], t, -1);
		bool listed = i > 0 && items[i - 1].err == KERR_NONE && str_eq(items[i - 1].topic, o.topic);
		size_t more = offsets_need(e->offsets, &o, listed);
		if (more == 0 || share_fits(e->share, SHARE_GROWS, all + more))
			all += more;
		else
			items[i].err = KERR_INVALID_COMMIT_OFFSET_SIZE;
	}
}

/* Whether something of the commit is left to be written. */
static bool
anything(const struct coord_commit *items, int n)
{
	for (int i = 0; i < n; i++)
		if (items[i].err == KERR_NONE)
			return true;
	return false;
}

static enum kerr
write_commit(struct shard *s, struct entry *e, bool made, int64_t retention_ms,
    struct coord_commit *items, int n, struct coord_time t)
{
	int32_t max = s->coord->settings.metadata_max;
	for (int i = 0; i < n; i++)
		if (items[i].err == KERR_NONE && items[i].metadata.n > (size_t)max)
			items[i].err = KERR_OFFSET_METADATA_TOO_LARGE;
	find_room(e, items, n, t);
	if (made && !anything(items, n))
		return KERR_INVALID_COMMIT_OFFSET_SIZE; /* each has its own; no group is made for none */
	struct pen pen;
	pen_init(&pen, s);
	if (made)
		pen_owner(&pen, e, false);
	for (int i = 0; i < n; i++) {
		if (items[i].err != KERR_NONE)
			continue;
		struct offset o = offset_of(&items[i], t, retention_ms);
		pen_offset(&pen, e->group->name, &o, false);
	}
	if (pen_finish(&pen) != 0)
		return KERR_COORDINATOR_NOT_AVAILABLE;
	for (int i = 0; i < n; i++) {
		struct offset o = offset_of(&items[i], t, retention_ms);
		if (items[i].err == KERR_NONE)
			offsets_put(e->offsets, &o);
	}
	return KERR_NONE;
}

/* A commit without a group makes one; a member's commit needs its group. */
static enum kerr
find_or_make(struct shard *s, struct name group, const struct group_caller *caller,
    const struct group_owner *maker, struct coord_time t, struct entry **ret, bool *ret_made)
{
	struct entry *e = shard_find(s, group);
	enum kerr err = group.s.n == 0 && caller->generation >= 0 ? KERR_INVALID_GROUP_ID
	    : shard_ready(s);
	bool make = err == KERR_NONE && e == NULL;
	if (make && caller->generation >= 0)
		err = KERR_ILLEGAL_GENERATION;
	else if (make && !shard_has_room(s, group, maker, 0))
		err = KERR_INVALID_COMMIT_OFFSET_SIZE;
	if (err != KERR_NONE)
		return err;
	*ret = make ? shard_make(s, group, maker, t) : e;
	*ret_made = make;
	return KERR_NONE;
}

enum kerr
coord_commit(struct coord *c, struct name group, const struct group_caller *caller,
    const struct group_owner *maker, int64_t retention_ms, struct coord_commit *items, int n,
    struct coord_time t, int64_t *ret_barrier)
{
	struct shard *s = shard_of(c, group, t);
	struct entry *e = NULL;
	bool made = false;
	enum kerr err = find_or_make(s, group, caller, maker, t, &e, &made);
	if (err == KERR_NONE) {
		group_at(e->group, t.now, t.wall_ms);
		err = group_may_commit(e->group, caller);
	}
	if (err == KERR_NONE)
		err = write_commit(s, e, made, retention_ms, items, n, t);
	if (err != KERR_NONE && made)
		shard_drop(s, e);
	fail_all(items, n, err);
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	lock_drop(&s->lock);
	return err;
}

enum kerr
coord_fetch_one(struct coord *c, struct name group, struct str topic, int32_t partition,
    void (*each)(const struct offset *o, void *arg), void *arg, int64_t *ret_barrier)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	enum kerr err = shard_ready(s);
	struct entry *e = err == KERR_NONE ? shard_find(s, group) : NULL;
	const struct offset *o = e == NULL ? NULL : offsets_get(e->offsets, topic, partition);
	struct offset none = { .topic = topic, .partition = partition, .offset = -1,
		.leader_epoch = -1, .metadata = STR("") };
	if (err == KERR_NONE)
		each(o == NULL ? &none : o, arg);
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	lock_drop(&s->lock);
	return err;
}

enum kerr
coord_fetch_all(struct coord *c, struct name group,
    void (*each)(const struct offset *o, void *arg), void *arg, int64_t *ret_barrier)
{
	struct shard *s = &c->shards[coord_shard_of(c, group)];
	lock_take(&s->lock);
	enum kerr err = shard_ready(s);
	struct entry *e = err == KERR_NONE ? shard_find(s, group) : NULL;
	if (e != NULL)
		for (const struct offset *o = NULL; (o = offsets_next(e->offsets, o)) != NULL;)
			each(o, arg);
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	lock_drop(&s->lock);
	return err;
}

static enum kerr
write_deletes(struct shard *s, struct entry *e, struct coord_commit *items, int n)
{
	struct pen pen;
	pen_init(&pen, s);
	for (int i = 0; i < n; i++) {
		if (items[i].err == KERR_NONE && group_subscribes(e->group, items[i].topic))
			items[i].err = KERR_GROUP_SUBSCRIBED_TO_TOPIC;
		const struct offset *o = offsets_get(e->offsets, items[i].topic, items[i].partition);
		if (items[i].err == KERR_NONE && o != NULL)
			pen_offset(&pen, e->group->name, o, true);
	}
	if (pen_finish(&pen) != 0)
		return KERR_COORDINATOR_NOT_AVAILABLE;
	for (int i = 0; i < n; i++)
		if (items[i].err == KERR_NONE)
			offsets_del(e->offsets, items[i].topic, items[i].partition);
	return KERR_NONE;
}

enum kerr
coord_delete_offsets(struct coord *c, struct name group, struct coord_commit *items, int n,
    struct coord_time t, int64_t *ret_barrier)
{
	struct shard *s = shard_of(c, group, t);
	struct entry *e = shard_find(s, group);
	enum kerr err = shard_ready(s);
	if (err == KERR_NONE && e == NULL)
		err = KERR_GROUP_ID_NOT_FOUND;
	/* With members that are no consumers nobody can say what they read. */
	if (err == KERR_NONE && e->group->members_n > 0 &&
	    (e->group->protocol_type == NULL || strcmp(e->group->protocol_type, "consumer") != 0))
		err = KERR_NON_EMPTY_GROUP;
	if (err == KERR_NONE)
		err = write_deletes(s, e, items, n);
	*ret_barrier = err == KERR_NONE ? s->end : -1;
	lock_drop(&s->lock);
	return err;
}

static bool
is_of_topic(const struct offset *o, void *topic)
{
	return str_eq(o->topic, *(const struct str *)topic);
}

static void
forget_in(struct shard *s, struct entry *e, struct str topic)
{
	struct pen pen;
	pen_init(&pen, s);
	for (const struct offset *o = NULL; (o = offsets_next(e->offsets, o)) != NULL;)
		if (is_of_topic(o, &topic))
			pen_offset(&pen, e->group->name, o, true);
	if (pen_finish(&pen) != 0)
		return; /* they expire in time; nobody can commit for the topic any more */
	offsets_prune(e->offsets, is_of_topic, &topic);
}

void
coord_forget_topic(struct coord *c, struct name topic, struct coord_time t)
{
	for (int32_t i = 0; i < c->settings.shards; i++) {
		struct shard *s = &c->shards[i];
		size_t pos = 0;
		lock_take(&s->lock);
		s->wall_ms = t.wall_ms;
		for (struct entry *e; (e = map_next(s->groups, &pos, NULL)) != NULL;)
			if (s->state == SHARD_ACTIVE && e->group->name.tenant == topic.tenant)
				forget_in(s, e, topic.s);
		lock_drop(&s->lock);
	}
}

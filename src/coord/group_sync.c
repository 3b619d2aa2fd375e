/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members of a generation ask: their assignment (SyncGroup), whether the
 * generation still holds (Heartbeat), to go (LeaveGroup), to commit offsets.
 *
 * The leader's SyncGroup makes a generation stable: the assignment is stored
 * first, and every parked SyncGroup is answered after it. Where the log takes
 * nothing, all of them fail with a retriable error and the group rebalances; so it
 * does where memory has no room for the assignment, and that error is for people.
 */
#include "coord/group_impl.h"

#include "base/be.h"
#include "base/clock.h"
#include "base/mem.h"

static void
answer_sync(struct group *g, struct member *m, void *cookie)
{
	g->ops->synced(g->ctx, cookie, &(struct group_synced){ .err = KERR_NONE,
	    .protocol_type = str_from(g->protocol_type), .protocol = str_from(g->protocol),
	    .assignment = { m->assignment, m->assignment_n } });
}

static void
set_assignment(struct member *m, struct bytes a)
{
	mem_free(m->assignment);
	/* Never NULL: no assignment is empty bytes on the wire, not null. */
	m->assignment = mem_dup(a.p, a.n);
	m->assignment_n = a.n;
	member_count(m);
}

/* Whether there is room for all that the leader decided, in the place of what was before it. */
static bool
assignments_fit(const struct group *g, const struct group_sync *s)
{
	size_t old = 0, new = 0;
	LIST_FOREACH(hook, &g->members)
		old += CONTAINER_OF(hook, struct member, hook)->assignment_n;
	ARRAY_FOREACH(const struct group_assignment, a, s->assignments)
		new += a->assignment.n;
	return share_fits(g->share, SHARE_GROWS, new > old ? new - old : 0);
}

/* What the leader decided; members that it leaves out get empty assignments. */
static void
assign_all(struct group *g, const struct group_sync *s)
{
	LIST_FOREACH(hook, &g->members)
		set_assignment(CONTAINER_OF(hook, struct member, hook), (struct bytes){ NULL, 0 });
	ARRAY_FOREACH(const struct group_assignment, a, s->assignments) {
		struct member *m = group_member_by_id(g, a->member_id);
		if (m != NULL)
			set_assignment(m, a->assignment);
	}
}

static void
release_syncs(struct group *g)
{
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		void *cookie = m->sync_cookie;
		m->sync_cookie = NULL;
		if (cookie == NULL)
			continue;
		m->pending_sync = false;
		member_touch(m);
		answer_sync(g, m, cookie);
	}
}

/* The sync phase ends when the leader has spoken; those who have not asked for
 * their assignment yet are kept until the phase's time is over. */
static void
leader_synced(struct group *g, const struct group_sync *s)
{
	enum kerr err = assignments_fit(g, s) ? KERR_NONE : KERR_GROUP_MAX_SIZE_REACHED;
	if (err == KERR_NONE) {
		assign_all(g, s);
		err = g->ops->store(g->ctx, g) == 0 ? KERR_NONE : KERR_COORDINATOR_NOT_AVAILABLE;
	}
	if (err != KERR_NONE) {
		LIST_FOREACH(hook, &g->members) {
			struct member *m = CONTAINER_OF(hook, struct member, hook);
			set_assignment(m, (struct bytes){ NULL, 0 });
			if (m->sync_cookie != NULL)
				member_touch(m);
			member_fail_sync(m, err);
		}
		group_rebalance(g);
		return;
	}
	group_move(g, GROUP_STABLE);
	release_syncs(g);
}

static bool
differs(struct str said, const char *ours)
{
	return said.p != NULL && !str_eq(said, str_from(ours));
}

static enum kerr
check_sync(const struct group *g, const struct group_sync *s, struct member **ret)
{
	enum kerr err = group_find(g, s->member_id, s->instance_id, ret);
	if (err != KERR_NONE)
		return err;
	if (s->generation != g->generation)
		return KERR_ILLEGAL_GENERATION;
	if (differs(s->protocol_type, g->protocol_type) || differs(s->protocol, g->protocol))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (g->state == GROUP_PREPARING)
		return KERR_REBALANCE_IN_PROGRESS;
	return KERR_NONE;
}

void
group_sync(struct group *g, const struct group_sync *s, void *cookie)
{
	struct member *m;
	enum kerr err = check_sync(g, s, &m);
	if (err != KERR_NONE) {
		g->ops->synced(g->ctx, cookie, &(struct group_synced){ .err = err });
		return;
	}
	if (g->state == GROUP_STABLE) {
		m->pending_sync = false;
		member_touch(m);
		answer_sync(g, m, cookie);
		return;
	}
	member_fail_sync(m, KERR_UNKNOWN_MEMBER_ID); /* an older try of the same member */
	m->sync_cookie = cookie;
	m->pending_sync = false;
	timer_cancel(g->timers, &m->session);
	if (member_is_leader(g, m))
		leader_synced(g, s);
}

enum kerr
group_heartbeat(struct group *g, const struct group_caller *c)
{
	struct member *m;
	enum kerr err = group_find(g, c->member_id, c->instance_id, &m);
	if (err != KERR_NONE)
		return err;
	if (c->generation != g->generation)
		return KERR_ILLEGAL_GENERATION;
	if (!member_joining(m) && m->sync_cookie == NULL)
		member_touch(m); /* else it is we who are waited for */
	return g->state == GROUP_PREPARING ? KERR_REBALANCE_IN_PROGRESS : KERR_NONE;
}

enum kerr
group_leave(struct group *g, struct str id, struct str instance)
{
	struct member *m;
	if (instance.n == 0 && group_take_pending(g, id)) {
		group_try_complete_join(g);
		return KERR_NONE;
	}
	if (id.n == 0 && instance.n > 0) {
		/* An administrator removes a static member by its instance id alone. */
		m = map_get(g->by_instance, NAME(0, instance));
		if (m == NULL)
			return KERR_UNKNOWN_MEMBER_ID;
	} else {
		enum kerr err = group_find(g, id, instance, &m);
		if (err != KERR_NONE)
			return err;
	}
	group_remove_member(g, m, KERR_UNKNOWN_MEMBER_ID);
	group_rebalance(g);
	return KERR_NONE;
}

enum kerr
group_may_commit(struct group *g, const struct group_caller *c)
{
	struct member *m;
	/* Of no generation: who assigns partitions to himself, whatever he calls himself. */
	if (c->generation < 0 && g->state == GROUP_EMPTY)
		return KERR_NONE;
	enum kerr err = group_find(g, c->member_id, c->instance_id, &m);
	if (err != KERR_NONE)
		return err;
	if (c->generation != g->generation)
		return KERR_ILLEGAL_GENERATION;
	if (g->state == GROUP_COMPLETING)
		return KERR_REBALANCE_IN_PROGRESS;
	if (!member_joining(m))
		member_touch(m);
	return KERR_NONE;
}

/* Subscriptions of the "consumer" protocol: version, then an array of topic
 * names; what follows differs by version and does not matter here. The bytes
 * of the array, and whether the topic is in it; 0 bytes: cannot be read. */
static size_t
subscription_topics(struct bytes b, struct str topic, bool *ret_has)
{
	size_t at = 6;
	*ret_has = false;
	if (b.n < at)
		return 0;
	uint32_t count = (uint32_t)be_get(b.p + 2, 4);
	bool found = false;
	for (uint32_t i = 0; i < count; i++) {
		if (b.n - at < 2)
			return 0;
		size_t n = (size_t)be_get(b.p + at, 2);
		at += 2;
		if (b.n - at < n)
			return 0;
		found = found || str_eq((struct str){ (const char *)b.p + at, n }, topic);
		at += n;
	}
	*ret_has = found;
	return at - 2;
}

static bool
of_consumers(const struct group *g)
{
	return g->protocol_type != NULL && strcmp(g->protocol_type, "consumer") == 0;
}

bool
group_same_topics(const struct group *g, struct bytes a, struct bytes b)
{
	bool has;
	size_t n = of_consumers(g) ? subscription_topics(a, STR(""), &has) : 0;
	if (n > 0)
		return n == subscription_topics(b, STR(""), &has) && memcmp(a.p + 2, b.p + 2, n) == 0;
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
group_subscribes(const struct group *g, struct str topic)
{
	if (g->members_n == 0)
		return false;
	if (!of_consumers(g))
		return true;
	LIST_FOREACH(hook, &g->members) {
		const struct member *m = CONTAINER_OF(hook, struct member, hook);
		const char *protocol = g->protocol != NULL ? g->protocol : "";
		struct bytes b = member_metadata(m, protocol);
		bool has;
		if (g->protocol == NULL && m->protocols_n > 0)
			b = m->protocols[0].metadata;
		if (subscription_topics(b, topic, &has) == 0 || has)
			return true;
	}
	return false;
}

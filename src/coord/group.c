/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members and states of a classic group. The moves between states stand in one
 * table; a move that is not in it is a bug and stops the process. Time-outs:
 * each member has a session timer (also while it is only an id that was given
 * out), the group has one timer that ends the phase it is in.
 *
 * A failure to store a new generation's assignment is treated as Kafka does:
 * the followers' and the leader's syncs fail with a retriable error and the
 * group rebalances; nothing of the attempt remains.
 */
#include "coord/group_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static const struct {
	const char *name;
	unsigned from;			/* bits of the states it may be entered from */
} states[GROUP_STATES] = {
#define FROM(s) (1u << GROUP_##s)
	[GROUP_EMPTY] = { "Empty", FROM(PREPARING) },
	[GROUP_PREPARING] = { "PreparingRebalance", FROM(EMPTY) | FROM(COMPLETING) | FROM(STABLE) },
	[GROUP_COMPLETING] = { "CompletingRebalance", FROM(PREPARING) },
	[GROUP_STABLE] = { "Stable", FROM(COMPLETING) | FROM(EMPTY) /* by replay */ },
#undef FROM
};

const char *
group_state_name(enum group_state state)
{
	return states[state].name;
}

void
group_move(struct group *g, enum group_state to)
{
	if ((states[to].from & (1u << g->state)) == 0) {
		fprintf(stderr, "<2>group %.*s: no way from %s to %s\n", STR_ARG(g->name.s),
		    states[g->state].name, states[to].name);
		abort();
	}
	g->state = to;
	g->state_since_ms = g->wall_ms;
}

/* An id that was given out, until its owner joins with it. */
struct pending {
	struct timer timer;
	struct group *group;
	char *id;
	size_t counted;
};

static void rebalance_due(struct timer *timer, uint64_t now);

struct group *
group_create(struct name name, const struct group_settings *settings,
    const struct group_ops *ops, void *ctx, struct timers *timers, int64_t wall_ms)
{
	struct group *g = MEM_NEW(struct group);
	g->name = NAME(name.tenant, ((struct str){ str_dup(name.s), name.s.n }));
	g->settings = settings;
	g->ops = ops;
	g->ctx = ctx;
	g->timers = timers;
	g->state_since_ms = g->wall_ms = wall_ms;
	g->by_id = map_create();
	g->by_instance = map_create();
	g->pending = map_create();
	g->supported = map_create();
	g->rebalance.fire = rebalance_due;
	list_init(&g->members);
	return g;
}

static void
member_free(struct member *m)
{
	timer_cancel(m->group->timers, &m->session);
	mem_free(m->id);
	mem_free(m->instance_id);
	mem_free(m->client_id);
	mem_free(m->client_host);
	mem_free(m->protocols);
	mem_free(m->assignment);
	share_count(m->group->share, &m->counted, 0);
	mem_free(m);
}

static void
pending_free(struct group *g, struct pending *p)
{
	timer_cancel(g->timers, &p->timer);
	share_count(g->share, &p->counted, 0);
	mem_free(p->id);
	mem_free(p);
}

void
group_destroy(struct group **group)
{
	struct group *g = *group;
	if (g == NULL)
		return;
	size_t pos = 0;
	for (struct pending *p; (p = map_next(g->pending, &pos, NULL)) != NULL;)
		pending_free(g, p);
	LIST_FOREACH(hook, &g->members)
		member_free(CONTAINER_OF(hook, struct member, hook));
	timer_cancel(g->timers, &g->rebalance);
	share_count(g->share, &g->counted, 0);
	group_protocols_free(g);
	map_destroy(&g->by_id);
	map_destroy(&g->by_instance);
	map_destroy(&g->pending);
	mem_free(g->protocol_type);
	mem_free(g->protocol);
	mem_free(g->leader);
	mem_free((void *)(uintptr_t)g->name.s.p);
	mem_free(g);
	*group = NULL;
}

void
group_at(struct group *g, uint64_t now, int64_t wall_ms)
{
	g->now = now;
	g->wall_ms = wall_ms;
}

struct member *
group_member_by_id(const struct group *g, struct str id)
{
	return id.n == 0 ? NULL : map_get(g->by_id, NAME(0, id));
}

bool
member_joining(const struct member *m)
{
	return m->join_cookie != NULL;
}

void *
member_swap_join(struct member *m, void *cookie)
{
	void *old = m->join_cookie;
	m->group->joining_n += (cookie != NULL) - (old != NULL);
	m->join_cookie = cookie;
	return old;
}

bool
member_is_leader(const struct group *g, const struct member *m)
{
	return g->leader != NULL && strcmp(g->leader, m->id) == 0;
}

/* A session ends only for a member that nobody waits on our side for: one with
 * a parked request has nothing to send meanwhile. New members are the
 * exception, their client may be gone before the first generation is made. */
static void
session_due(struct timer *timer, uint64_t now)
{
	struct member *m = CONTAINER_OF(timer, struct member, session);
	struct group *g = m->group;
	group_at(g, now, g->wall_ms);
	group_remove_member(g, m, KERR_UNKNOWN_MEMBER_ID);
	group_rebalance(g);
}

void
member_arm(struct member *m, uint64_t delay_ns)
{
	timer_set(m->group->timers, &m->session, m->group->now + delay_ns);
}

void
member_touch(struct member *m)
{
	member_arm(m, (uint64_t)m->session_ms * NS_PER_MS);
}

static size_t
protocols_bytes(const struct group_protocol *v, int n)
{
	size_t size = 0;
	for (int i = 0; i < n; i++)
		size += sizeof(v[i]) + v[i].name.n + v[i].metadata.n;
	return size;
}

static size_t
length(const char *s)
{
	return s == NULL ? 0 : strlen(s);
}

size_t
group_join_bytes(const struct group *g, const struct group_join *j)
{
	bool first = g == NULL || g->members_n == 0;
	return GROUP_MEMBER_BYTES + j->instance_id.n + j->client_id.n + j->client_host.n +
	    protocols_bytes(j->protocols.v, j->protocols.n) + group_protocols_new_bytes(g, j) +
	    (first ? j->protocol_type.n : 0);
}

void
group_count(struct group *g)
{
	share_count(g->share, &g->counted, length(g->protocol_type) + length(g->protocol) + length(g->leader));
}

void
member_count(struct member *m)
{
	share_count(m->group->share, &m->counted, GROUP_MEMBER_BYTES + length(m->instance_id) +
	    length(m->client_id) + length(m->client_host) + protocols_bytes(m->protocols, m->protocols_n) +
	    m->assignment_n);
}

/* One allocation: the array, then every name and metadata behind it. */
static struct group_protocol *
protocols_dup(const struct group_join *join)
{
	struct group_protocol *copy = mem_zalloc(protocols_bytes(join->protocols.v, join->protocols.n));
	char *at = (char *)(copy + join->protocols.n);
	for (int i = 0; i < join->protocols.n; i++) {
		const struct group_protocol *p = &join->protocols.v[i];
		copy[i].name = (struct str){ at, p->name.n };
		if (p->name.n > 0)
			memcpy(at, p->name.p, p->name.n);
		at += p->name.n;
		copy[i].metadata = (struct bytes){ (uint8_t *)at, p->metadata.n };
		if (p->metadata.n > 0)
			memcpy(at, p->metadata.p, p->metadata.n);
		at += p->metadata.n;
	}
	return copy;
}

void
member_take_join(struct member *m, const struct group_join *join)
{
	group_protocols_drop(m->group, m);
	mem_free(m->protocols);
	m->protocols = protocols_dup(join);
	m->protocols_n = join->protocols.n;
	group_protocols_add(m->group, m);
	m->session_ms = join->session_ms;
	m->rebalance_ms = join->rebalance_ms < 0 ? join->session_ms : join->rebalance_ms;
	m->can_skip_assignment = join->can_skip_assignment;
	mem_free(m->client_id);
	mem_free(m->client_host);
	m->client_id = str_dup(join->client_id);
	m->client_host = str_dup(join->client_host);
	member_count(m);
}

static void
member_index(struct member *m)
{
	map_put(m->group->by_id, NAME(0, str_from(m->id)), m);
	if (m->instance_id != NULL)
		map_put(m->group->by_instance, NAME(0, str_from(m->instance_id)), m);
}

struct member *
group_add_member(struct group *g, const struct group_join *join, char *id)
{
	struct member *m = MEM_NEW(struct member);
	m->group = g;
	m->id = id;
	m->instance_id = join->instance_id.n == 0 ? NULL : str_dup(join->instance_id);
	m->session.fire = session_due;
	m->is_new = true;
	member_take_join(m, join);
	list_add(&g->members, &m->hook);
	g->members_n++;
	member_index(m);
	if (g->members_n == 1) { /* who comes first says what kind of group it is */
		mem_free(g->protocol_type);
		g->protocol_type = str_dup(join->protocol_type);
	}
	if (g->leader == NULL)
		g->leader = mem_strdup(id);
	group_count(g);
	return m;
}

void
member_fail_join(struct member *m, enum kerr err)
{
	void *cookie = member_swap_join(m, NULL);
	if (cookie != NULL)
		m->group->ops->joined(m->group->ctx, cookie, &(struct group_joined){ .err = err,
		    .generation = -1, .protocol_type = STR_NULL, .protocol = STR_NULL,
		    .leader = STR(""), .member_id = str_from(m->id) });
}

void
member_fail_sync(struct member *m, enum kerr err)
{
	void *cookie = m->sync_cookie;
	m->sync_cookie = NULL;
	if (cookie != NULL)
		m->group->ops->synced(m->group->ctx, cookie, &(struct group_synced){ .err = err });
}

void
group_remove_member(struct group *g, struct member *m, enum kerr err)
{
	member_fail_join(m, err);
	member_fail_sync(m, err);
	map_del(g->by_id, NAME(0, str_from(m->id)));
	if (m->instance_id != NULL)
		map_del(g->by_instance, NAME(0, str_from(m->instance_id)));
	group_protocols_drop(g, m);
	list_del(&m->hook);
	g->members_n--;
	if (member_is_leader(g, m)) {
		mem_free(g->leader);
		g->leader = list_empty(&g->members) ? NULL :
		    mem_strdup(CONTAINER_OF(g->members.next, struct member, hook)->id);
	}
	member_free(m);
}

void
member_rename(struct member *m, char *id)
{
	struct group *g = m->group;
	member_fail_join(m, KERR_FENCED_INSTANCE_ID);
	member_fail_sync(m, KERR_FENCED_INSTANCE_ID);
	map_del(g->by_id, NAME(0, str_from(m->id)));
	if (member_is_leader(g, m)) {
		mem_free(g->leader);
		g->leader = mem_strdup(id);
	}
	mem_free(m->id);
	m->id = id;
	member_index(m);
}

static void
pending_due(struct timer *timer, uint64_t now)
{
	struct pending *p = CONTAINER_OF(timer, struct pending, timer);
	struct group *g = p->group;
	group_at(g, now, g->wall_ms);
	map_del(g->pending, NAME(0, str_from(p->id)));
	pending_free(g, p);
	group_try_complete_join(g);
}

void
group_add_pending(struct group *g, char *id, int32_t session_ms)
{
	struct pending *p = MEM_NEW(struct pending);
	p->group = g;
	p->id = id;
	p->timer.fire = pending_due;
	share_count(g->share, &p->counted, GROUP_PENDING_BYTES);
	map_put(g->pending, NAME(0, str_from(id)), p);
	timer_set(g->timers, &p->timer, g->now + (uint64_t)session_ms * NS_PER_MS);
}

bool
group_take_pending(struct group *g, struct str id)
{
	struct pending *p = id.n == 0 ? NULL : map_del(g->pending, NAME(0, id));
	if (p == NULL)
		return false;
	pending_free(g, p);
	return true;
}

enum kerr
group_find(const struct group *g, struct str id, struct str instance, struct member **ret)
{
	struct member *m;
	if (instance.n > 0) {
		m = map_get(g->by_instance, NAME(0, instance));
		if (m == NULL)
			return KERR_UNKNOWN_MEMBER_ID;
		if (!str_is(id, m->id))
			return KERR_FENCED_INSTANCE_ID;
	} else if ((m = group_member_by_id(g, id)) == NULL)
		return KERR_UNKNOWN_MEMBER_ID;
	*ret = m;
	return KERR_NONE;
}

struct bytes
member_metadata(const struct member *m, const char *protocol)
{
	for (int i = 0; protocol != NULL && i < m->protocols_n; i++)
		if (str_is(m->protocols[i].name, protocol))
			return m->protocols[i].metadata;
	return (struct bytes){ (const uint8_t *)"", 0 };
}

void
group_abandon(struct group *g, void *cookie)
{
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		if (m->join_cookie == cookie)
			member_swap_join(m, NULL);
		else if (m->sync_cookie == cookie)
			m->sync_cookie = NULL;
		else
			continue;
		member_touch(m);
		return;
	}
}

void
group_fail_parked(struct group *g, enum kerr err)
{
	LIST_FOREACH(hook, &g->members) {
		member_fail_join(CONTAINER_OF(hook, struct member, hook), err);
		member_fail_sync(CONTAINER_OF(hook, struct member, hook), err);
	}
}

/* The time to fetch one's assignment is over: who has not is gone. */
static void
drop_unsynced(struct group *g)
{
	bool dropped = false;
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		if (!m->pending_sync)
			continue;
		group_remove_member(g, m, KERR_UNKNOWN_MEMBER_ID);
		dropped = true;
	}
	if (dropped || g->state == GROUP_COMPLETING)
		group_rebalance(g);
}

static void
rebalance_due(struct timer *timer, uint64_t now)
{
	struct group *g = CONTAINER_OF(timer, struct group, rebalance);
	group_at(g, now, g->wall_ms);
	if (g->state == GROUP_PREPARING && g->in_delay && g->joined_in_delay &&
	    g->delay_left_ns > 0) {
		/* Others came meanwhile, more may follow: wait once more, but never
		 * longer in all than the members allow. */
		uint64_t next = g->delay_ns < g->delay_left_ns ? g->delay_ns : g->delay_left_ns;
		g->joined_in_delay = false;
		g->delay_left_ns -= next;
		timer_set(g->timers, &g->rebalance, now + next);
	} else if (g->state == GROUP_PREPARING) {
		g->in_delay = false;
		group_complete_join(g);
	} else
		drop_unsynced(g);
}

void
group_restore(struct group *g, const struct group_stored *s)
{
	g->generation = s->generation;
	mem_free(g->protocol_type);
	g->protocol_type = s->protocol_type.n == 0 ? NULL : str_dup(s->protocol_type);
	mem_free(g->protocol);
	g->protocol = str_dup(s->protocol);
	ARRAY_FOREACH(const struct group_stored_member, sm, s->members) {
		struct group_protocol one = { s->protocol, sm->subscription };
		struct group_join join = { .instance_id = sm->instance_id, .client_id = sm->client_id,
			.client_host = sm->client_host, .protocol_type = s->protocol_type,
			.protocols = { &one, 1 }, .session_ms = sm->session_ms,
			.rebalance_ms = sm->rebalance_ms };
		struct member *m = group_add_member(g, &join, str_dup(sm->id));
		m->is_new = false;
		m->assignment = mem_dup(sm->assignment.p, sm->assignment.n);
		m->assignment_n = sm->assignment.n;
		member_count(m);
		member_touch(m);
	}
	mem_free(g->leader);
	g->leader = str_dup(s->leader);
	group_count(g);
	if (s->members.n > 0)
		group_move(g, GROUP_STABLE);
	g->state_since_ms = s->state_since_ms;
}

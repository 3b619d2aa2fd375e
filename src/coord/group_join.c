/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JoinGroup: who may come in, under which id, and when a generation is formed.
 *
 * A rebalance calls every member back. It ends when all are there (parked in
 * JoinGroup, no id given out and unused), or when the longest rebalance
 * time-out of the members has passed: then dynamic members that did not come
 * are dropped, static ones keep their place. The very first rebalance of an
 * empty group waits group.initial.rebalance.delay.ms, and longer while members
 * keep coming, so that ten consumers that start together form one generation.
 */
#include "coord/group_impl.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"

#define AGAIN_NS NS_PER_SEC

static void
refuse(struct group *g, void *cookie, enum kerr err, struct str member_id)
{
	g->ops->joined(g->ctx, cookie, &(struct group_joined){ .err = err, .generation = -1,
	    .protocol_type = STR_NULL, .protocol = STR_NULL, .leader = STR(""),
	    .member_id = member_id.p == NULL ? STR("") : member_id });
}

/* What a member says of itself is kept while it stays, written with every generation, and
 * compared with what all others say. */
static bool
fits_in(const struct group_join *j)
{
	size_t bytes = 0;
	ARRAY_FOREACH(const struct group_protocol, p, j->protocols)
		bytes += p->name.n + p->metadata.n;
	return j->protocols.n <= GROUP_PROTOCOLS_MAX && bytes <= GROUP_SUBSCRIPTION_MAX;
}

static bool
words_fit(const struct group_join *j)
{
	ARRAY_FOREACH(const struct group_protocol, p, j->protocols)
		if (!group_word_fits(p->name))
			return false;
	return group_word_fits(j->protocol_type);
}

static bool
protocols_fit(const struct group *g, const struct group_join *j)
{
	if (j->protocol_type.n == 0 || j->protocols.n <= 0 || !words_fit(j))
		return false;
	if (g->members_n == 0)
		return true;
	if (g->protocol_type == NULL || !str_is(j->protocol_type, g->protocol_type))
		return false;
	ARRAY_FOREACH(const struct group_protocol, p, j->protocols)
		if (group_all_know(g, p->name))
			return true;
	return false;
}

/* Whether the member still says what it said when the generation was made. */
static bool
unchanged(const struct member *m, const struct group_join *j)
{
	if (m->protocols_n != j->protocols.n)
		return false;
	for (int i = 0; i < m->protocols_n; i++) {
		const struct group_protocol *a = &m->protocols[i], *b = &j->protocols.v[i];
		if (!str_eq(a->name, b->name) || a->metadata.n != b->metadata.n ||
		    (a->metadata.n > 0 && memcmp(a->metadata.p, b->metadata.p, a->metadata.n) != 0))
			return false;
	}
	return true;
}

/* "NAME-uuid", as Kafka makes them: tools show the prefix to people. A client may
 * call itself anything: a zero byte would end the id before what makes it its own, and a
 * very long name would make one that no string of the protocol holds. */
#define PREFIX_MAX 255

static char *
make_id(struct str prefix)
{
	struct uuid u = uuid_make();
	const uint8_t *b = u.b;
	if (prefix.n > PREFIX_MAX) {
		prefix.n = PREFIX_MAX;
		while (prefix.n > 0 && ((uint8_t)prefix.p[prefix.n] & 0xc0) == 0x80)
			prefix.n--;
	}
	char *id = mem_alloc(prefix.n + 38);
	for (size_t i = 0; i < prefix.n; i++)
		id[i] = prefix.p[i] == '\0' ? '_' : prefix.p[i];
	snprintf(id + prefix.n, 38, "-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	    b[13], b[14], b[15]);
	return id;
}

static uint64_t
rebalance_timeout(const struct group *g)
{
	int32_t max = 0;
	LIST_FOREACH(hook, &g->members) {
		const struct member *m = CONTAINER_OF(hook, struct member, hook);
		if (m->rebalance_ms > max)
			max = m->rebalance_ms;
	}
	return (uint64_t)max * NS_PER_MS;
}

static bool
all_joined(const struct group *g)
{
	return g->joining_n == g->members_n && map_count(g->pending) == 0;
}

void
group_try_complete_join(struct group *g)
{
	if (g->state == GROUP_PREPARING && !g->in_delay && all_joined(g))
		group_complete_join(g);
}

static void
prepare(struct group *g)
{
	bool first = g->state == GROUP_EMPTY;
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		m->pending_sync = false;
		if (m->sync_cookie != NULL) {
			member_fail_sync(m, KERR_REBALANCE_IN_PROGRESS);
			member_touch(m);
		}
	}
	group_move(g, GROUP_PREPARING);
	g->delay_ns = (uint64_t)g->settings->initial_delay_ms * NS_PER_MS;
	g->in_delay = first && g->delay_ns > 0;
	uint64_t limit = rebalance_timeout(g);
	if (g->in_delay) {
		g->joined_in_delay = false;
		g->delay_left_ns = limit > g->delay_ns ? limit - g->delay_ns : 0;
		timer_set(g->timers, &g->rebalance, g->now + g->delay_ns);
		return;
	}
	timer_set(g->timers, &g->rebalance, g->now + limit);
	group_try_complete_join(g);
}

void
group_rebalance(struct group *g)
{
	if (g->state == GROUP_PREPARING)
		group_try_complete_join(g);
	else
		prepare(g);
}

/* Every member with its metadata, for the leader; free with mem_free(). */
static struct group_member_view *
member_views(const struct group *g)
{
	struct group_member_view *views = mem_zalloc((size_t)g->members_n * sizeof(*views)), *at = views;
	LIST_FOREACH(hook, &g->members) {
		const struct member *m = CONTAINER_OF(hook, struct member, hook);
		*at++ = (struct group_member_view){ str_from(m->id), str_from(m->instance_id),
			member_metadata(m, g->protocol) };
	}
	return views;
}

void
group_answer_join(struct group *g, struct member *m, bool with_members)
{
	struct group_joined a = { .err = KERR_NONE, .generation = g->generation,
		.protocol_type = str_from(g->protocol_type), .protocol = str_from(g->protocol),
		.leader = str_from(g->leader), .member_id = str_from(m->id) };
	struct group_member_view *views = NULL;
	if (with_members) {
		views = member_views(g);
		a.members.v = views;
		a.members.n = g->members_n;
	}
	void *cookie = member_swap_join(m, NULL);
	m->is_new = false;
	member_touch(m);
	g->ops->joined(g->ctx, cookie, &a);
	mem_free(views);
}

/* The leader leads on if it came back; else the first who did. */
static bool
elect_leader(struct group *g)
{
	struct member *m = g->leader == NULL ? NULL : group_member_by_id(g, str_from(g->leader));
	if (m != NULL && member_joining(m))
		return true;
	LIST_FOREACH(hook, &g->members) {
		m = CONTAINER_OF(hook, struct member, hook);
		if (!member_joining(m))
			continue;
		mem_free(g->leader);
		g->leader = mem_strdup(m->id);
		return true;
	}
	return false;
}

/* The generation is made: everyone who waits is told, the leader gets the rest. */
static void
begin_generation(struct group *g)
{
	struct str protocol = group_elect_protocol(g);
	mem_free(g->protocol);
	g->protocol = str_dup(protocol);
	group_count(g);
	group_move(g, GROUP_COMPLETING);
	timer_set(g->timers, &g->rebalance, g->now + rebalance_timeout(g));
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		m->pending_sync = true;
		if (member_joining(m))
			group_answer_join(g, m, member_is_leader(g, m));
	}
}

void
group_complete_join(struct group *g)
{
	timer_cancel(g->timers, &g->rebalance);
	g->in_delay = false;
	LIST_FOREACH(hook, &g->members) {
		struct member *m = CONTAINER_OF(hook, struct member, hook);
		if (!member_joining(m) && m->instance_id == NULL)
			group_remove_member(g, m, KERR_UNKNOWN_MEMBER_ID);
	}
	if (g->members_n > 0 && !elect_leader(g)) {
		/* Only static members, none of them back: their places are kept. They may
		 * have asked for no time at all; not to look all the time. */
		uint64_t wait = rebalance_timeout(g);
		timer_set(g->timers, &g->rebalance, g->now + (wait > AGAIN_NS ? wait : AGAIN_NS));
		return;
	}
	g->generation = g->generation < INT32_MAX ? g->generation + 1 : 1;
	if (g->members_n > 0) {
		begin_generation(g);
		return;
	}
	mem_free(g->protocol);
	g->protocol = NULL;
	group_count(g);
	group_move(g, GROUP_EMPTY);
	/* Nobody waits for this to be stored: a replay without it would only find
	 * members whose sessions then end. Where the log is full it is made up for. */
	g->unstored = g->ops->store(g->ctx, g) != 0;
}

static void
park_join(struct group *g, struct member *m, void *cookie)
{
	member_fail_join(m, KERR_UNKNOWN_MEMBER_ID); /* an older try of the same member */
	member_swap_join(m, cookie);
	if (m->is_new)
		member_arm(m, (uint64_t)g->settings->new_member_timeout_ms * NS_PER_MS);
	else
		timer_cancel(g->timers, &m->session);
}

static void
add_and_rebalance(struct group *g, const struct group_join *j, char *id, void *cookie)
{
	struct member *m = group_add_member(g, j, id);
	g->joined_in_delay = true;
	park_join(g, m, cookie);
	group_rebalance(g);
}

static void
update_and_rebalance(struct group *g, struct member *m, const struct group_join *j, void *cookie)
{
	member_take_join(m, j);
	park_join(g, m, cookie);
	group_rebalance(g);
}

/* A static member is back in a stable group with what it had: no rebalance. The
 * new leader is told to keep the assignment. A client too old for that flag
 * would compute one anew, so it is told that its former self leads. */
static void
resume_static(struct group *g, struct member *m, struct str old_leader,
    const struct group_join *j, void *cookie)
{
	bool leader = member_is_leader(g, m), skip = leader && j->can_skip_assignment;
	struct group_joined a = { .err = KERR_NONE, .generation = g->generation,
		.protocol_type = str_from(g->protocol_type), .protocol = str_from(g->protocol),
		.member_id = str_from(m->id), .skip_assignment = skip,
		.leader = leader && !skip ? old_leader : str_from(g->leader) };
	struct group_member_view *views = NULL;
	member_touch(m);
	if (skip) {
		views = member_views(g);
		a.members.v = views;
		a.members.n = g->members_n;
	}
	g->ops->joined(g->ctx, cookie, &a);
	mem_free(views);
}

/* Whether the chosen protocol is still offered, for the same topics. What else a consumer
 * says of itself (what it owned in which generation) is not the same after a restart. */
static bool
reads_the_same(const struct member *m, const struct group_join *j)
{
	const char *protocol = m->group->protocol;
	struct bytes old = member_metadata(m, protocol);
	ARRAY_FOREACH(const struct group_protocol, p, j->protocols)
		if (protocol != NULL && str_is(p->name, protocol))
			return group_same_topics(m->group, old, p->metadata);
	return false;
}

/* A static member whose process restarted: same place, new id (KIP-345). */
static void
replace_static(struct group *g, struct member *m, const struct group_join *j, void *cookie)
{
	bool same = reads_the_same(m, j);
	char *old_leader = mem_strdup(g->leader);
	member_rename(m, make_id(j->instance_id));
	member_take_join(m, j);
	if (g->state != GROUP_STABLE || !same || !str_eq(group_elect_protocol(g), str_from(g->protocol))) {
		park_join(g, m, cookie);
		group_rebalance(g);
	} else if (g->ops->store(g->ctx, g) != 0) {
		member_touch(m);
		refuse(g, cookie, KERR_COORDINATOR_NOT_AVAILABLE, str_from(m->id));
	} else
		resume_static(g, m, str_from(old_leader), j, cookie);
	mem_free(old_leader);
}

static void
join_unknown(struct group *g, const struct group_join *j, void *cookie)
{
	if (j->instance_id.n > 0) {
		struct member *m = map_get(g->by_instance, NAME(0, j->instance_id));
		if (m != NULL)
			replace_static(g, m, j, cookie);
		else
			add_and_rebalance(g, j, make_id(j->instance_id), cookie);
		return;
	}
	char *id = make_id(j->client_id);
	if (!j->needs_member_id) {
		add_and_rebalance(g, j, id, cookie);
		return;
	}
	group_add_pending(g, id, j->session_ms);
	refuse(g, cookie, KERR_MEMBER_ID_REQUIRED, str_from(id));
}

static void
join_known(struct group *g, struct member *m, const struct group_join *j, void *cookie)
{
	bool leader = member_is_leader(g, m), same = unchanged(m, j);
	/* The leader's rejoin in a stable group is how it asks for a rebalance. */
	bool repeat = (g->state == GROUP_COMPLETING && same) ||
	    (g->state == GROUP_STABLE && same && !leader);
	if (!repeat) {
		update_and_rebalance(g, m, j, cookie);
		return;
	}
	/* The answer was lost: give it again. */
	member_swap_join(m, cookie);
	group_answer_join(g, m, leader && g->state == GROUP_COMPLETING);
}

/* Of who is there already, only what it says more than before is new. */
static bool
has_room(const struct group *g, const struct group_join *j)
{
	const struct member *m = group_member_by_id(g, j->member_id);
	if (m == NULL && j->instance_id.n > 0)
		m = map_get(g->by_instance, NAME(0, j->instance_id));
	size_t need = group_join_bytes(g, j), has = m == NULL ? 0 : m->counted - m->assignment_n;
	return share_fits(g->share, SHARE_GROWS, need > has ? need - has : 0);
}

enum kerr
group_may_join(const struct group *g, const struct group_join *j)
{
	if (j->session_ms < g->settings->min_session_ms || j->session_ms > g->settings->max_session_ms)
		return KERR_INVALID_SESSION_TIMEOUT;
	if (!group_word_fits(j->instance_id) || !fits_in(j))
		return KERR_INVALID_REQUEST;
	if (!protocols_fit(g, j))
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	if (group_member_by_id(g, j->member_id) == NULL &&
	    g->members_n + (int)map_count(g->pending) >= g->settings->max_size &&
	    (j->member_id.n == 0 || map_get(g->pending, NAME(0, j->member_id)) == NULL) &&
	    (j->instance_id.n == 0 || map_get(g->by_instance, NAME(0, j->instance_id)) == NULL))
		return KERR_GROUP_MAX_SIZE_REACHED;
	/* Not the retriable COORDINATOR_NOT_AVAILABLE: this does not pass by itself, and the
	 * other is what clients know, and tell, of a group that takes nobody more. */
	return has_room(g, j) ? KERR_NONE : KERR_GROUP_MAX_SIZE_REACHED;
}

void
group_join(struct group *g, const struct group_join *j, void *cookie)
{
	struct member *m;
	enum kerr err = group_may_join(g, j);
	if (err != KERR_NONE) {
		refuse(g, cookie, err, j->member_id);
		return;
	}
	if (j->member_id.n == 0) {
		join_unknown(g, j, cookie);
		return;
	}
	if (j->instance_id.n == 0 && group_take_pending(g, j->member_id)) {
		add_and_rebalance(g, j, str_dup(j->member_id), cookie);
		return;
	}
	err = group_find(g, j->member_id, j->instance_id, &m);
	if (err != KERR_NONE)
		refuse(g, cookie, err, j->member_id);
	else
		join_known(g, m, j, cookie);
}

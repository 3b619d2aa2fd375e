/* SPDX-License-Identifier: Apache-2.0 */
#include "group_world.h"

const struct group_settings settings = { 6000, 1800000, 3000, MAX, 300000 };

static void
copy(char *out, size_t size, struct str s)
{
	snprintf(out, size, "%.*s", STR_ARG(s));
}

static void
joined(void *ctx, void *cookie, const struct group_joined *a)
{
	struct client *c = cookie;
	((struct world *)ctx)->id_n = a->member_id.n;
	c->joins++;
	c->err = a->err;
	if (a->err == KERR_NONE || a->err == KERR_MEMBER_ID_REQUIRED)
		copy(c->id, sizeof(c->id), a->member_id);
	copy(c->leader, sizeof(c->leader), a->leader);
	copy(c->protocol, sizeof(c->protocol), a->protocol);
	c->generation = a->generation;
	c->members = a->members.n;
	c->skip = a->skip_assignment;
}

static void
synced(void *ctx, void *cookie, const struct group_synced *a)
{
	struct client *c = cookie;
	(void)ctx;
	c->syncs++;
	c->err = a->err;
	snprintf(c->assignment, sizeof(c->assignment), "%.*s", (int)a->assignment.n,
	    a->assignment.n > 0 ? (const char *)a->assignment.p : "");
}

static int
store(void *ctx, struct group *group)
{
	struct world *w = ctx;
	(void)group;
	w->stores++;
	return w->store_err;
}

const struct group_ops ops = { joined, synced, store };

int
setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	timers_init(&w->timers);
	w->now = 1;
	w->group = group_create(NAME(0, STR("g")), &settings, &ops, w, &w->timers, 1000);
	*state = w;
	return 0;
}

int
teardown(void **state)
{
	struct world *w = *state;
	group_destroy(&w->group);
	assert_true(timers_next(&w->timers) == UINT64_MAX);
	timers_free(&w->timers);
	mem_free(w);
	return 0;
}

void
pass(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms * NS_PER_MS;
	while (timers_next(&w->timers) <= end) {
		w->now = timers_next(&w->timers);
		group_at(w->group, w->now, (int64_t)(w->now / NS_PER_MS));
		timers_run(&w->timers, w->now);
	}
	w->now = end;
	group_at(w->group, w->now, (int64_t)(w->now / NS_PER_MS));
}

void
join_as(struct world *w, struct client *c, const char *instance, const char *protocols,
    const char *tag, bool needs_id, bool can_skip)
{
	struct group_protocol p[4];
	struct group_join j = { .member_id = str_from(c->id), .instance_id = str_from(instance),
		.client_id = STR("cl"), .client_host = STR("/10.0.0.1"),
		.protocol_type = STR("consumer"), .protocols = { p, 0 }, .session_ms = 10000,
		.rebalance_ms = 60000, .needs_member_id = needs_id, .can_skip_assignment = can_skip };
	struct str rest = str_from(protocols), head;
	while (rest.p != NULL) {
		str_cut(&rest, ',', &head);
		p[j.protocols.n++] = (struct group_protocol){ head,
			{ (const uint8_t *)tag, strlen(tag) } };
	}
	group_join(w->group, &j, c);
}

void
join(struct world *w, struct client *c)
{
	join_as(w, c, NULL, "range", "m", false, true);
}

void
sync_(struct world *w, struct client *c, struct client *all, int n)
{
	struct group_assignment *a = mem_zalloc(sizeof(*a) * (size_t)(n + 1));
	struct group_sync s = { .member_id = str_from(c->id), .protocol_type = STR_NULL,
		.protocol = STR_NULL, .generation = c->generation, .assignments = { a, n } };
	for (int i = 0; i < n; i++)
		a[i] = (struct group_assignment){ str_from(all[i].id),
			{ (const uint8_t *)all[i].id, strlen(all[i].id) } };
	group_sync(w->group, &s, c);
	mem_free(a);
}

enum kerr
beat(struct world *w, struct client *c)
{
	struct group_caller caller = { str_from(c->id), STR_NULL, c->generation };
	return group_heartbeat(w->group, &caller);
}

void
form_of(struct world *w, struct client *c, int n)
{
	int *before = mem_zalloc(sizeof(*before) * (size_t)n);
	for (int i = 0; i < n; i++) {
		before[i] = c[i].joins;
		join(w, &c[i]);
	}
	for (int i = 0; i < n && c[n - 1].joins == before[n - 1]; i++)
		pass(w, 3000);
	int leader = -1;
	for (int i = 0; i < n; i++) {
		assert_int_equal(c[i].err, KERR_NONE);
		assert_int_equal(c[i].joins, before[i] + 1);
		if (strcmp(c[i].id, c[i].leader) == 0)
			leader = i;
	}
	assert_true(leader >= 0);
	assert_int_equal(c[leader].members, n);
	for (int i = 0; i < n; i++)
		if (i != leader)
			sync_(w, &c[i], NULL, 0);
	sync_(w, &c[leader], c, n);
	assert_int_equal(w->group->state, GROUP_STABLE);
	for (int i = 0; i < n; i++) {
		assert_int_equal(c[i].err, KERR_NONE);
		assert_int_equal(c[i].syncs, 1);
		assert_int_equal(strncmp(c[i].assignment, c[i].id, 60), 0);
		c[i].syncs = 0;
	}
	mem_free(before);
}

void
form(struct world *w, int n)
{
	form_of(w, w->c, n);
}

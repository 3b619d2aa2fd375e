/* SPDX-License-Identifier: Apache-2.0 */
/* What members have in common: the counts that are kept are those that asking everybody gives,
 * after any history, and asking them costs the same however many members there are. */
#include "group_world.h"

#include <stdlib.h>
#include <time.h>

#include "coord/budget.h"

static const char *const names[] = { "range", "sticky", "cooperative-sticky", "rr", "r", "" };
enum { NAMES = sizeof(names) / sizeof(names[0]), CLIENTS = 40 };

static bool
knows(const struct member *m, struct str protocol)
{
	for (int i = 0; i < m->protocols_n; i++)
		if (str_eq(m->protocols[i].name, protocol))
			return true;
	return false;
}

static int
who_know(const struct group *g, const char *protocol)
{
	int n = 0;
	LIST_FOREACH(hook, &g->members)
		n += knows(CONTAINER_OF(hook, struct member, hook), str_from(protocol));
	return n;
}

/* What each member likes best of what all know; the most votes, then who comes first in the
 * first member's list. */
static const char *
elected(const struct group *g)
{
	const struct member *first = CONTAINER_OF(g->members.next, struct member, hook);
	int votes[NAMES] = { 0 };
	const char *best = NULL;
	LIST_FOREACH(hook, &g->members) {
		const struct member *m = CONTAINER_OF(hook, struct member, hook);
		for (int i = 0, voted = 0; i < m->protocols_n && !voted; i++)
			for (int k = 0; k < NAMES; k++)
				if (str_is(m->protocols[i].name, names[k]) && who_know(g, names[k]) == g->members_n)
					votes[k]++, voted = 1;
	}
	for (int i = 0, most = 0; i < first->protocols_n; i++)
		for (int k = 0; k < NAMES; k++)
			if (str_is(first->protocols[i].name, names[k]) && votes[k] > most)
				most = votes[k], best = names[k];
	return best;
}

static void
check(struct world *w)
{
	struct group *g = w->group;
	size_t known = 0;
	for (int k = 0; k < NAMES; k++) {
		int n = who_know(g, names[k]);
		const struct group_support *s = map_get(g->supported, NAME(0, str_from(names[k])));
		assert_int_equal(s == NULL ? 0 : s->members, n);
		known += n > 0;
		struct group_protocol p = { str_from(names[k]), { (const uint8_t *)"", 0 } };
		struct group_join j = { .protocol_type = STR("consumer"), .protocols = { &p, 1 },
			.session_ms = 10000 };
		assert_int_equal(group_may_join(g, &j),
		    n == g->members_n ? KERR_NONE : KERR_INCONSISTENT_GROUP_PROTOCOL);
	}
	assert_int_equal(map_count(g->supported), known);
	int joining = 0;
	LIST_FOREACH(hook, &g->members)
		joining += CONTAINER_OF(hook, struct member, hook)->join_cookie != NULL;
	assert_int_equal(g->joining_n, joining);
	if (g->state == GROUP_COMPLETING || g->state == GROUP_STABLE)
		assert_string_equal(g->protocol, elected(g));
}

/* One to four, some of them twice, most often with one that the others know, too. */
static const char *
some_protocols(char *out, size_t size)
{
	int n = 1 + rand() % 4, common = rand() % (n + 1);
	size_t at = 0;
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i == 0 ? "" : ",",
		    i == common ? "range" : names[rand() % NAMES]);
	return out;
}

/* The coordinator starts again: members come out of the log with what was chosen. */
static void
restart(struct world *w)
{
	struct group *g = w->group;
	struct group_stored_member m[CLIENTS];
	struct group_stored s = { str_from(g->protocol_type), str_from(g->protocol), str_from(g->leader),
		g->generation, 0, { m, 0 } };
	if (g->state != GROUP_STABLE)
		return;
	LIST_FOREACH(hook, &g->members) {
		const struct member *old = CONTAINER_OF(hook, struct member, hook);
		assert_true(s.members.n < CLIENTS);
		m[s.members.n++] = (struct group_stored_member){ str_from(old->id), str_from(old->instance_id),
			str_from(old->client_id), str_from(old->client_host), old->rebalance_ms,
			old->session_ms, member_metadata(old, g->protocol), { old->assignment, old->assignment_n } };
	}
	struct group *new = group_create(NAME(0, STR("g")), &settings, &ops, w, &w->timers, 1000);
	new->share = g->share;
	group_at(new, w->now, 1000);
	group_restore(new, &s);
	group_fail_parked(g, KERR_NOT_COORDINATOR);
	group_destroy(&w->group);
	w->group = new;
}

static void
one_step(struct world *w)
{
	char text[128], instance[8];
	int i = rand() % CLIENTS;
	struct client *c = &w->c[i];
	snprintf(instance, sizeof(instance), "i%d", i);
	const char *own = i < CLIENTS / 4 ? instance : NULL;
	switch (rand() % 16) {
	case 0 ... 6:
		if (own != NULL && rand() % 2 == 0)
			c->id[0] = '\0';	/* its process started anew */
		join_as(w, c, own, some_protocols(text, sizeof(text)), "m", rand() % 4 == 0, true);
		break;
	case 7:
		group_leave(w->group, str_from(c->id), str_from(own));
		break;
	case 8:
		group_abandon(w->group, c);
		break;
	case 9:
		restart(w);
		break;
	case 10 ... 12: { /* the leader tells what each gets */
		struct member *m = w->group->leader == NULL ? NULL :
		    group_member_by_id(w->group, str_from(w->group->leader));
		for (int k = 0; m != NULL && k < CLIENTS; k++)
			if (strcmp(w->c[k].id, m->id) == 0)
				sync_(w, &w->c[k], NULL, 0);
		break;
	}
	default:
		pass(w, (uint64_t)(rand() % 4000));
	}
}

static void
counts_are_what_everybody_says(void **state)
{
	struct world *w = *state;
	struct budget *budget = budget_create(0, NULL, NULL);
	int formed = 0, mixed = 0;
	for (unsigned seed = 1; seed <= 40; seed++) {
		srand(seed);
		group_destroy(&w->group);
		memset(w->c, 0, sizeof(w->c));
		w->group = group_create(NAME(0, STR("g")), &settings, &ops, w, &w->timers, 1000);
		w->group->share = budget_share(budget, 0);
		group_at(w->group, w->now, 1000);
		for (int i = 0; i < 400; i++) {
			one_step(w);
			check(w);
			formed += w->group->state == GROUP_STABLE;
			mixed += map_count(w->group->supported) > 2;
		}
		for (int i = 0; i < 100; i++) /* all fall silent */
			pass(w, 10000);
		assert_int_equal(w->group->members_n, 0);
		check(w);
		struct share *share = w->group->share;
		group_destroy(&w->group);
		assert_int_equal(budget_used(budget), 0);
		share_put(&share);
	}
	assert_true(formed > 100 && mixed > 1000); /* the histories are about something */
	w->group = group_create(NAME(0, STR("g")), &settings, &ops, w, &w->timers, 1000);
	budget_destroy(&budget);
}

/* A member may name one twice: it is one member all the same, coming and going. */
static void
who_says_it_twice_counts_once(void **state)
{
	struct world *w = *state;
	join_as(w, &w->c[0], NULL, "range,sticky,range", "m", false, true);
	join_as(w, &w->c[1], NULL, "sticky,sticky", "m", false, true);
	check(w);
	join_as(w, &w->c[2], NULL, "range", "m", false, true);
	assert_int_equal(w->c[2].err, KERR_INCONSISTENT_GROUP_PROTOCOL);
	pass(w, 6000);
	join_as(w, &w->c[0], NULL, "sticky", "m", false, true);
	check(w);
	assert_int_equal(group_leave(w->group, str_from(w->c[1].id), STR_NULL), KERR_NONE);
	check(w);
	join_as(w, &w->c[2], NULL, "range", "m", false, true);
	assert_int_equal(w->c[2].err, KERR_INCONSISTENT_GROUP_PROTOCOL);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* Asking every member would be 10^9 looks, many seconds of any machine; this is some tens of
 * milliseconds, and some hundreds for whole joins. */
static void
a_join_asks_nobody_else(void **state)
{
	enum { MEMBERS = 10000, JOINS = 100000 };
	struct world *w = *state;
	struct group_settings many = settings;
	many.max_size = MEMBERS + 1;
	group_destroy(&w->group);
	w->group = group_create(NAME(0, STR("g")), &many, &ops, w, &w->timers, 1000);
	struct client *c = mem_zalloc(sizeof(*c) * MEMBERS);
	for (int i = 0; i < MEMBERS; i++)
		join_as(w, &c[i], NULL, "sticky,range", "m", false, true);
	assert_int_equal(w->group->members_n, MEMBERS);
	struct group_protocol p[2] = { { STR("rr"), { NULL, 0 } }, { STR("range"), { NULL, 0 } } };
	struct group_join j = { .protocol_type = STR("consumer"), .protocols = { p, 2 }, .session_ms = 10000 };
	uint64_t began = cpu_ns();
	for (int i = 0; i < JOINS; i++)
		assert_true(group_may_join(w->group, &j) == KERR_NONE);
	assert_in_range(cpu_ns() - began, 0, 2 * NS_PER_SEC);
	/* The next generation waits for the last one of them, whoever else asks how it stands. */
	pass(w, 6000);
	assert_int_equal(w->group->state, GROUP_COMPLETING);
	for (int i = 0; i < MEMBERS - 1; i++)
		join_as(w, &c[i], NULL, "range,sticky", "m", false, true);
	assert_int_equal(w->group->state, GROUP_PREPARING);
	began = cpu_ns();
	for (int i = 0; i < JOINS; i++)
		join_as(w, &c[0], NULL, "range,sticky", "m", false, true);
	assert_in_range(cpu_ns() - began, 0, 2 * NS_PER_SEC);
	assert_int_equal(w->group->state, GROUP_PREPARING);
	group_destroy(&w->group);
	w->group = group_create(NAME(0, STR("g")), &settings, &ops, w, &w->timers, 1000);
	mem_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		G(counts_are_what_everybody_says), G(who_says_it_twice_counts_once),
		G(a_join_asks_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the members of a group can agree on. Each name that a member says it knows has a count
 * of those who know it, kept as members come, say something else, and go; so whoever joins is
 * judged by his own words only, however many are there. A generation's protocol is elected:
 * each member votes for the first of its own that all know.
 */
#include "coord/group_impl.h"

#include "base/mem.h"

static void
drop(struct group *g, struct group_support *s, struct str name)
{
	map_del(g->supported, NAME(0, name));
	share_count(g->share, &s->counted, 0);
	mem_free(s);
}

static struct group_support *
find_or_make(struct group *g, struct str name)
{
	struct group_support *s = map_get(g->supported, NAME(0, name));
	if (s != NULL)
		return s;
	s = mem_zalloc(sizeof(*s) + name.n);
	if (name.n > 0)
		memcpy(s->name, name.p, name.n);
	share_count(g->share, &s->counted, GROUP_PROTOCOL_BYTES + name.n);
	map_put(g->supported, NAME(0, ((struct str){ s->name, name.n })), s);
	return s;
}

void
group_protocols_add(struct group *g, const struct member *m)
{
	uint64_t round = ++g->support_round;
	for (int i = 0; i < m->protocols_n; i++) {
		struct group_support *s = find_or_make(g, m->protocols[i].name);
		s->members += s->round != round;
		s->round = round;
	}
}

void
group_protocols_drop(struct group *g, const struct member *m)
{
	uint64_t round = ++g->support_round;
	for (int i = 0; i < m->protocols_n; i++) {
		struct str name = m->protocols[i].name;
		struct group_support *s = map_get(g->supported, NAME(0, name));
		if (s == NULL || s->round == round)
			continue;	/* it named this one twice */
		s->round = round;
		if (--s->members == 0)
			drop(g, s, name);
	}
}

void
group_protocols_free(struct group *g)
{
	struct name key;
	size_t pos = 0;
	for (struct group_support *s; (s = map_next(g->supported, &pos, &key)) != NULL;)
		drop(g, s, key.s);
	map_destroy(&g->supported);
}

size_t
group_protocols_new_bytes(const struct group *g, const struct group_join *j)
{
	size_t bytes = 0;
	ARRAY_FOREACH(const struct group_protocol, p, j->protocols)
		if (g == NULL || map_get(g->supported, NAME(0, p->name)) == NULL)
			bytes += GROUP_PROTOCOL_BYTES + p->name.n;
	return bytes;
}

bool
group_all_know(const struct group *g, struct str protocol)
{
	const struct group_support *s = map_get(g->supported, NAME(0, protocol));
	return s != NULL && s->members == g->members_n;
}

/* Which of the candidates the member would like best: -1, none. */
static int
vote(const struct member *m, const struct str *candidates, int n)
{
	for (int k = 0; k < m->protocols_n; k++)
		for (int i = 0; i < n; i++)
			if (str_eq(m->protocols[k].name, candidates[i]))
				return i;
	return -1;
}

struct str
group_elect_protocol(const struct group *g)
{
	const struct member *first = CONTAINER_OF(g->members.next, struct member, hook);
	struct str candidates[GROUP_PROTOCOLS_MAX];
	int votes[GROUP_PROTOCOLS_MAX] = { 0 }, n = 0, best = 0;
	for (int i = 0; i < first->protocols_n && n < GROUP_PROTOCOLS_MAX; i++)
		if (group_all_know(g, first->protocols[i].name))
			candidates[n++] = first->protocols[i].name;
	if (n < 2)
		return n == 0 ? STR_NULL : candidates[0];
	LIST_FOREACH(hook, &g->members) {
		int i = vote(CONTAINER_OF(hook, struct member, hook), candidates, n);
		if (i >= 0)
			votes[i]++;
	}
	for (int i = 1; i < n; i++)
		if (votes[i] > votes[best])
			best = i;
	return candidates[best];
}

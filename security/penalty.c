/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables of the same shape, failures and successes, each a map with a ring
 * in order of last touch. The key is one string: the network of the address,
 * then the name; the tenant is the map's own. A full table drops the entry that
 * was touched longest ago, so a flood of invented names costs an attacker the
 * 100 ms of each and buys no more than a forgotten count.
 */
#include "security/penalty.h"

#include <stdbool.h>
#include <string.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "security/names.h"
#include "security/network.h"

struct entry {
	struct list hook;
	uint32_t tenant;
	uint32_t count;
	uint64_t touched;
	size_t n;
	char key[NETWORK_LEN + LOGIN_TEXT_MAX];
};

struct table {
	struct map *map;
	struct list ring; /* oldest first */
};

struct penalty {
	struct lock lock;
	size_t max;
	struct table failures, successes;
	struct cidr_list exempt;	/* owned */
};

static void
table_init(struct table *t)
{
	t->map = map_create();
	list_init(&t->ring);
}

static void
table_drop(struct table *t, struct entry *e)
{
	map_del(t->map, NAME(e->tenant, ((struct str){ e->key, e->n })));
	list_del(&e->hook);
	mem_free(e);
}

static void
table_free(struct table *t)
{
	LIST_FOREACH(hook, &t->ring)
		table_drop(t, CONTAINER_OF(hook, struct entry, hook));
	map_destroy(&t->map);
}

struct penalty *
penalty_create(size_t max)
{
	struct penalty *p = MEM_NEW(struct penalty);
	lock_init(&p->lock, LOCK_PENALTY);
	p->max = max == 0 ? 1 : max;
	table_init(&p->failures);
	table_init(&p->successes);
	return p;
}

void
penalty_destroy(struct penalty **penalty)
{
	struct penalty *p = *penalty;
	if (p == NULL)
		return;
	table_free(&p->failures);
	table_free(&p->successes);
	mem_free((void *)(uintptr_t)p->exempt.v);
	lock_free(&p->lock);
	mem_free(p);
	*penalty = NULL;
}

void
penalty_set_exempt(struct penalty *p, const struct cidr_list *blocks)
{
	struct cidr *fresh = blocks->n == 0 ? NULL : mem_dup(blocks->v, blocks->n * sizeof(*fresh));
	lock_take(&p->lock);
	const struct cidr *old = p->exempt.v;
	p->exempt = (struct cidr_list){ fresh, blocks->n };
	lock_drop(&p->lock);
	mem_free((void *)(uintptr_t)old);
}

/* Writes the key of a pair; names that are too long for a user are cut. */
static struct str
make_key(const struct addr *peer, struct str user, char *out)
{
	size_t n = user.n < LOGIN_TEXT_MAX ? user.n : LOGIN_TEXT_MAX;
	network_of(peer, (uint8_t *)out);
	if (n > 0)
		memcpy(out + NETWORK_LEN, user.p, n);
	return (struct str){ out, NETWORK_LEN + n };
}

/* The entry, unless it is older than age, which forgets it. */
static struct entry *
find(struct table *t, struct name key, uint64_t now, uint64_t age)
{
	struct entry *e = map_get(t->map, key);
	if (e != NULL && now > e->touched && now - e->touched > age) {
		table_drop(t, e);
		return NULL;
	}
	return e;
}

static struct entry *
touch(struct table *t, size_t max, struct entry *e, struct name key, uint64_t now)
{
	if (e == NULL) {
		if (map_count(t->map) >= max)
			table_drop(t, CONTAINER_OF(t->ring.next, struct entry, hook));
		e = MEM_NEW(struct entry);
		e->tenant = key.tenant;
		e->n = key.s.n;
		memcpy(e->key, key.s.p, key.s.n);
		list_init(&e->hook);
		map_put(t->map, NAME(e->tenant, ((struct str){ e->key, e->n })), e);
	}
	list_del(&e->hook);
	list_add(&t->ring, &e->hook);
	e->touched = now;
	return e;
}

static uint64_t
delay_of(uint32_t count)
{
	uint64_t d = PENALTY_FIRST_NS;
	for (uint32_t i = 1; i < count && d < PENALTY_CAP_NS; i++)
		d *= 2;
	return d < PENALTY_CAP_NS ? d : PENALTY_CAP_NS;
}

uint64_t
penalty_fail(struct penalty *p, const struct addr *peer, struct name user, uint64_t now,
    uint32_t *ret_count)
{
	char text[NETWORK_LEN + LOGIN_TEXT_MAX];
	struct name key = NAME(user.tenant, make_key(peer, user.s, text));

	lock_take(&p->lock);
	struct entry *e = find(&p->failures, key, now, PENALTY_FORGET_NS);
	e = touch(&p->failures, p->max, e, key, now);
	if (e->count < UINT32_MAX)
		e->count++;
	uint32_t count = e->count;
	bool exempt = cidr_list_has(&p->exempt, peer);
	bool trusted = find(&p->successes, key, now, PENALTY_TRUST_NS) != NULL;
	lock_drop(&p->lock);
	if (ret_count != NULL)
		*ret_count = count;
	return trusted ? 0 : exempt ? PENALTY_FIRST_NS : delay_of(count);
}

void
penalty_success(struct penalty *p, const struct addr *peer, struct name user, uint64_t now)
{
	char text[NETWORK_LEN + LOGIN_TEXT_MAX];
	struct name key = NAME(user.tenant, make_key(peer, user.s, text));

	lock_take(&p->lock);
	struct entry *e = find(&p->failures, key, now, PENALTY_FORGET_NS);
	if (e != NULL)
		table_drop(&p->failures, e);
	e = find(&p->successes, key, now, PENALTY_TRUST_NS);
	touch(&p->successes, p->max, e, key, now);
	lock_drop(&p->lock);
}

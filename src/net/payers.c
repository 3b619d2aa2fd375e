/* SPDX-License-Identifier: Apache-2.0 */
/* Users by name and their tenants by number, each as long as a connection is theirs. */
#include "net/payers.h"

#include <string.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct payers {
	struct lock lock;
	struct map *users, *tenants;
	struct ration rations[PAYER_KINDS];
};

struct tenant {
	uint32_t number;
	size_t users;			/* payers' lock */
	struct ration_used used[PAYER_KINDS];
};

struct payer {
	struct payers *payers;
	struct tenant *tenant;
	size_t refs;			/* payers' lock */
	struct ration_payer parts[PAYER_KINDS];
	struct name name;
	char bytes[];
};

struct payers *
payers_create(const int64_t max[PAYER_KINDS])
{
	struct payers *a = MEM_NEW(struct payers);
	lock_init(&a->lock, LOCK_PAYERS);
	a->users = map_create();
	a->tenants = map_create();
	for (int i = 0; i < PAYER_KINDS; i++)
		a->rations[i].max = max[i];
	return a;
}

void
payers_destroy(struct payers **payers)
{
	struct payers *a = *payers;
	if (a == NULL)
		return;
	map_destroy(&a->users);
	map_destroy(&a->tenants);
	lock_free(&a->lock);
	mem_free(a);
	*payers = NULL;
}

int64_t
payers_hold(const struct payers *payers, enum payer_for what)
{
	return atomic_load_explicit(&payers->rations[what].used.all, memory_order_relaxed);
}

static struct tenant *
tenant_get(struct payers *a, uint32_t number)
{
	struct tenant *t = map_get(a->tenants, NAME(number, STR("")));
	if (t == NULL) {
		t = MEM_NEW(struct tenant);
		t->number = number;
		map_put(a->tenants, NAME(number, STR("")), t);
	}
	t->users++;
	return t;
}

static struct payer *
payer_create(struct payers *a, struct name user)
{
	struct payer *p = mem_zalloc(sizeof(*p) + user.s.n);
	if (user.s.n > 0)
		memcpy(p->bytes, user.s.p, user.s.n);
	p->name = NAME(user.tenant, ((struct str){ p->bytes, user.s.n }));
	p->payers = a;
	p->tenant = tenant_get(a, user.tenant);
	for (int i = 0; i < PAYER_KINDS; i++)
		p->parts[i].tenant = &p->tenant->used[i];
	map_put(a->users, p->name, p);
	return p;
}

struct payer *
payer_get(struct payers *a, struct name user)
{
	lock_take(&a->lock);
	struct payer *p = map_get(a->users, user);
	if (p == NULL)
		p = payer_create(a, user);
	p->refs++;
	lock_drop(&a->lock);
	return p;
}

void
payer_put(struct payer **payer)
{
	struct payer *p = *payer;
	if (p == NULL)
		return;
	struct payers *a = p->payers;
	struct tenant *t = NULL;
	lock_take(&a->lock);
	bool last = --p->refs == 0;
	if (last) {
		map_del(a->users, p->name);
		t = --p->tenant->users == 0 ? p->tenant : NULL;
	}
	if (t != NULL)
		map_del(a->tenants, NAME(t->number, STR("")));
	lock_drop(&a->lock);
	mem_free(t);
	if (last)
		mem_free(p);
	*payer = NULL;
}

struct ration *
payer_ration(const struct payer *p, enum payer_for what)
{
	return &p->payers->rations[what];
}

struct ration_payer *
payer_part(struct payer *p, enum payer_for what)
{
	return &p->parts[what];
}

void
payers_usage(struct payers *a, struct name user, enum payer_for what, int64_t *ret_used, int64_t *ret_most)
{
	struct ration *r = &a->rations[what];
	int64_t common = r->max - r->max / 10, all = atomic_load_explicit(&r->used.all, memory_order_relaxed);
	lock_take(&a->lock);
	const struct tenant *t = map_get(a->tenants, NAME(user.tenant, STR("")));
	const struct payer *p = user.s.p == NULL ? NULL : map_get(a->users, user);
	int64_t of_tenant = t == NULL ? 0 : atomic_load_explicit(&t->used[what].all, memory_order_relaxed);
	int64_t own = p == NULL ? 0 : ration_used(&p->parts[what]);
	lock_drop(&a->lock);
	*ret_most = ration_share(common, all - of_tenant);
	*ret_used = of_tenant;
	if (user.s.p == NULL)
		return;
	*ret_most = ration_share(*ret_most, of_tenant - own);
	*ret_used = own;
}

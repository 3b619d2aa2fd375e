/* SPDX-License-Identifier: Apache-2.0 */
/* Users by name and their tenants by number, each as long as a connection is theirs. */
#include "net/payers.h"

#include <string.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

#define NO_LIMIT	(INT64_MAX / 4)	/* it is multiplied */
#define TELL_AGAIN_NS	UINT64_C(60000000000)

struct payers {
	struct lock lock;
	struct map *users, *tenants;
	struct ration rations[PAYER_KINDS];
	payer_limit_of *limit_of;	/* NULL: there is none */
	const void *limit_arg;
};

struct tenant {
	uint32_t number;
	size_t users;			/* payers' lock */
	struct ration_used used[PAYER_KINDS];
	_Atomic int64_t most;		/* its own limit, or NO_LIMIT */
};

struct user {
	struct payer payer;
	struct payers *payers;
	struct tenant *tenant;
	size_t refs;			/* payers' lock */
	_Atomic int64_t most;
	_Atomic uint64_t told_ns;
	struct name name;
	char bytes[];
};

static struct user *
user_of(const struct payer *p)
{
	return CONTAINER_OF(p, struct user, payer);
}

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

/* ---- limits; the lock is held where they are set ---- */

static int64_t
limit_of(const struct payers *a, struct name who)
{
	double most = a->limit_of == NULL ? 0 : a->limit_of(a->limit_arg, who);
	return most > 0 && most < (double)NO_LIMIT ? (int64_t)most : NO_LIMIT;
}

static void
limit_tenant(const struct payers *a, struct tenant *t)
{
	atomic_store_explicit(&t->most, limit_of(a, NAME(t->number, STR_NULL)), memory_order_relaxed);
}

/* The tenant's is set. */
static void
limit_user(const struct payers *a, struct user *u)
{
	int64_t most = limit_of(a, u->name);
	atomic_store_explicit(&u->most, most, memory_order_relaxed);
	bool bounded = most != NO_LIMIT || atomic_load_explicit(&u->tenant->most, memory_order_relaxed) != NO_LIMIT;
	atomic_store_explicit(&u->payer.bounded, bounded, memory_order_relaxed);
}

void
payers_limit(struct payers *a, payer_limit_of *of, const void *arg)
{
	size_t pos = 0;
	struct name name;
	lock_take(&a->lock);
	a->limit_of = of;
	a->limit_arg = arg;
	for (struct tenant *t; (t = map_next(a->tenants, &pos, &name)) != NULL;)
		limit_tenant(a, t);
	pos = 0;
	for (struct user *u; (u = map_next(a->users, &pos, &name)) != NULL;)
		limit_user(a, u);
	lock_drop(&a->lock);
}

/* What is held, and both limits. */
struct held {
	int64_t own, of_tenant, most_own, most_of_tenant;
};

static struct held
held_by(const struct user *u)
{
#define LOAD(what) atomic_load_explicit(&(what), memory_order_relaxed)
	struct held h = { .most_own = LOAD(u->most), .most_of_tenant = LOAD(u->tenant->most) };
	for (int i = 0; i < PAYER_KINDS; i++) {
		h.own += LOAD(u->payer.parts[i].used);
		h.of_tenant += LOAD(u->tenant->used[i].all);
	}
	return h;
#undef LOAD
}

static int64_t
room_in_tenants(const struct held *h)
{
	return ration_share(h->most_of_tenant, h->of_tenant - h->own) - h->own;
}

static struct payer_bound
bound(const struct held *h, bool of_user)
{
	return (struct payer_bound){ of_user, of_user ? h->own : h->of_tenant, of_user ? h->most_own : h->most_of_tenant };
}

int64_t
payer_room(const struct payer *p, struct payer_bound *ret)
{
	struct held h = held_by(user_of(p));
	int64_t own = h.most_own - h.own, in_tenants = room_in_tenants(&h);
	*ret = bound(&h, own < in_tenants);
	return own < in_tenants ? own : in_tenants;
}

bool
payer_takes_frame(const struct payer *p, int64_t n)
{
	const struct user *u = user_of(p);
	struct held h = held_by(u);
	if (h.own > h.most_own && ration_used(&p->parts[PAYER_FRAMES]) > n)
		return false;
	return room_in_tenants(&h) >= 0 ||
	    atomic_load_explicit(&u->tenant->used[PAYER_FRAMES].all, memory_order_relaxed) <= n;
}

int64_t
payer_largest(const struct payer *p, struct payer_bound *ret)
{
	struct held h = held_by(user_of(p));
	int64_t in_tenants = ration_share(h.most_of_tenant, 0);
	*ret = bound(&h, h.most_own < in_tenants);
	return h.most_own < in_tenants ? h.most_own : in_tenants;
}

bool
payer_tells(struct payer *p, uint64_t now_ns)
{
	struct user *u = user_of(p);
	uint64_t told = atomic_load_explicit(&u->told_ns, memory_order_relaxed);
	return (told == 0 || now_ns >= told + TELL_AGAIN_NS) && /* one loop may be a little behind another */
	    atomic_compare_exchange_strong_explicit(&u->told_ns, &told, now_ns, memory_order_relaxed, memory_order_relaxed);
}

/* ---- who there is ---- */

static struct tenant *
tenant_get(struct payers *a, uint32_t number)
{
	struct tenant *t = map_get(a->tenants, NAME(number, STR("")));
	if (t == NULL) {
		t = MEM_NEW(struct tenant);
		t->number = number;
		limit_tenant(a, t);
		map_put(a->tenants, NAME(number, STR("")), t);
	}
	t->users++;
	return t;
}

static struct user *
user_create(struct payers *a, struct name name)
{
	struct user *u = mem_zalloc(sizeof(*u) + name.s.n);
	if (name.s.n > 0)
		memcpy(u->bytes, name.s.p, name.s.n);
	u->name = NAME(name.tenant, ((struct str){ u->bytes, name.s.n }));
	u->payers = a;
	u->payer.rations = a->rations;
	u->tenant = tenant_get(a, name.tenant);
	for (int i = 0; i < PAYER_KINDS; i++)
		u->payer.parts[i].tenant = &u->tenant->used[i];
	limit_user(a, u);
	map_put(a->users, u->name, u);
	return u;
}

struct payer *
payer_get(struct payers *a, struct name user)
{
	lock_take(&a->lock);
	struct user *u = map_get(a->users, user);
	if (u == NULL)
		u = user_create(a, user);
	u->refs++;
	lock_drop(&a->lock);
	return &u->payer;
}

void
payer_put(struct payer **payer)
{
	if (*payer == NULL)
		return;
	struct user *u = user_of(*payer);
	struct payers *a = u->payers;
	struct tenant *t = NULL;
	lock_take(&a->lock);
	bool last = --u->refs == 0;
	if (last) {
		map_del(a->users, u->name);
		t = --u->tenant->users == 0 ? u->tenant : NULL;
	}
	if (t != NULL)
		map_del(a->tenants, NAME(t->number, STR("")));
	lock_drop(&a->lock);
	mem_free(t);
	if (last)
		mem_free(u);
	*payer = NULL;
}

void
payers_usage(struct payers *a, struct name user, enum payer_for what, int64_t *ret_used, int64_t *ret_most)
{
	struct ration *r = &a->rations[what];
	int64_t common = r->max - r->max / 10, all = atomic_load_explicit(&r->used.all, memory_order_relaxed);
	lock_take(&a->lock);
	const struct tenant *t = map_get(a->tenants, NAME(user.tenant, STR("")));
	const struct user *u = user.s.p == NULL ? NULL : map_get(a->users, user);
	int64_t of_tenant = t == NULL ? 0 : atomic_load_explicit(&t->used[what].all, memory_order_relaxed);
	int64_t own = u == NULL ? 0 : ration_used(&u->payer.parts[what]);
	lock_drop(&a->lock);
	*ret_most = ration_share(common, all - of_tenant);
	*ret_used = of_tenant;
	if (user.s.p == NULL)
		return;
	*ret_most = ration_share(*ret_most, of_tenant - own);
	*ret_used = own;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that are changed without a lock, the whole's and the tenant's (base/ration.h, with a tenant as its own
 * only user). Shares are made with a tenant's first group and go with its last. */
#include "coord/budget.h"

#include <stdatomic.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ration.h"

struct share {
	struct budget *budget;
	uint32_t tenant;
	size_t refs;			/* budget's lock */
	struct ration_used used;
	struct ration_payer payer;
};

struct budget {
	struct lock lock;
	struct map *shares;		/* by tenant, under the empty name */
	struct ration ration;		/* max 0: no bound */
	void (*full)(void *ctx, uint32_t tenant, bool all);
	void *ctx;
};

struct budget *
budget_create(int64_t max, void (*full)(void *ctx, uint32_t tenant, bool all), void *ctx)
{
	struct budget *b = MEM_NEW(struct budget);
	lock_init(&b->lock, LOCK_GROUP_BUDGET);
	b->shares = map_create();
	b->ration.max = max;
	b->full = full;
	b->ctx = ctx;
	return b;
}

void
budget_destroy(struct budget **budget)
{
	struct budget *b = *budget;
	if (b == NULL)
		return;
	map_destroy(&b->shares);
	lock_free(&b->lock);
	mem_free(b);
	*budget = NULL;
}

int64_t
budget_used(const struct budget *b)
{
	return atomic_load_explicit(&b->ration.used.all, memory_order_relaxed);
}

struct share *
budget_share(struct budget *b, uint32_t tenant)
{
	struct name key = NAME(tenant, STR(""));
	lock_take(&b->lock);
	struct share *s = map_get(b->shares, key);
	if (s == NULL) {
		s = MEM_NEW(struct share);
		s->budget = b;
		s->tenant = tenant;
		s->payer.tenant = &s->used;
		map_put(b->shares, key, s);
	}
	s->refs++;
	lock_drop(&b->lock);
	return s;
}

void
share_put(struct share **share)
{
	struct share *s = *share;
	if (s == NULL)
		return;
	struct budget *b = s->budget;
	lock_take(&b->lock);
	bool last = --s->refs == 0;
	if (last)
		map_del(b->shares, NAME(s->tenant, STR("")));
	lock_drop(&b->lock);
	if (last)
		mem_free(s);
	*share = NULL;
}

static int64_t
load(const _Atomic int64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

/* What the tenant may still take of the whole: half of it, but no more than two thirds of what the others leave of
 * nine tenths, so that each who comes finds something; and the beginnings that base/ration.h describes. */
static int64_t
room(const struct share *s, int64_t whole, bool *ret_others)
{
	const struct ration_used *used = &s->budget->ration.used;
	int64_t own = load(&s->used.all), firsts = load(&s->used.first), tenth = whole / 10;
	int64_t left = ration_share(whole - tenth, load(&used->all) - own);
	int64_t common = (left < whole / 2 ? left : whole / 2) - own;
	int64_t beginning = ration_share(tenth, load(&used->first) - firsts) - firsts;
	if (beginning > ration_first(whole) - own)
		beginning = ration_first(whole) - own;
	*ret_others = left < whole / 2;
	return common > beginning ? common : beginning;
}

bool
share_fits(const struct share *s, enum share_use use, size_t more)
{
	bool others;
	if (s == NULL || s->budget->ration.max == 0 || more == 0)
		return true;
	const struct budget *b = s->budget;
	int64_t max = b->ration.max, left = room(s, use == SHARE_NEW ? max : max + max / 4, &others);
	if (left >= 0 && more <= (size_t)left)
		return true;
	if (b->full != NULL)
		b->full(b->ctx, s->tenant, others);
	return false;
}

void
share_count(struct share *s, size_t *counted, size_t now)
{
	int64_t more = (int64_t)now - (int64_t)*counted;
	*counted = now;
	if (s == NULL || more == 0)
		return;
	ration_add(&s->budget->ration, &s->payer, more);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two counters that are changed without a lock, the whole's and the tenant's. Shares are made
 * with a tenant's first group and go with its last. */
#include "coord/budget.h"

#include <stdatomic.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct share {
	struct budget *budget;
	uint32_t tenant;
	size_t refs;			/* budget's lock */
	_Atomic int64_t used;
};

struct budget {
	struct lock lock;
	struct map *shares;		/* by tenant, under the empty name */
	int64_t max;
	_Atomic int64_t used;
	void (*full)(void *ctx, uint32_t tenant, bool all);
	void *ctx;
};

struct budget *
budget_create(int64_t max, void (*full)(void *ctx, uint32_t tenant, bool all), void *ctx)
{
	struct budget *b = MEM_NEW(struct budget);
	lock_init(&b->lock, LOCK_GROUP_BUDGET);
	b->shares = map_create();
	b->max = max;
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
	return atomic_load_explicit(&b->used, memory_order_relaxed);
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

static bool
below(const _Atomic int64_t *used, size_t more, int64_t max)
{
	return more <= (size_t)max && atomic_load_explicit(used, memory_order_relaxed) <= max - (int64_t)more;
}

bool
share_fits(const struct share *s, enum share_use use, size_t more)
{
	if (s == NULL || s->budget->max == 0 || more == 0)
		return true;
	const struct budget *b = s->budget;
	int64_t max = use == SHARE_NEW ? b->max : b->max + b->max / 4;
	bool all = !below(&b->used, more, max);
	if (!all && below(&s->used, more, max / 2))
		return true;
	if (b->full != NULL)
		b->full(b->ctx, s->tenant, all);
	return false;
}

void
share_count(struct share *s, size_t *counted, size_t now)
{
	int64_t more = (int64_t)now - (int64_t)*counted;
	*counted = now;
	if (s == NULL || more == 0)
		return;
	atomic_fetch_add_explicit(&s->used, more, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->budget->used, more, memory_order_relaxed);
}

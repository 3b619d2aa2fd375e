/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory that many hold together, in bytes, divided so that nobody, and no number of them, takes the last of it.
 * Payers are users, each of a tenant.
 *
 * Nine tenths are everybody's: a tenant may hold two thirds of what the other tenants leave of them, and a user two
 * thirds of what the others of his tenant leave of that. So who comes late finds a third of what there was, and
 * who came early and holds more than he may by then takes nothing more. (Choudhury and Hahne, "Dynamic queue length
 * thresholds for shared-memory packet switches", 1998.)
 *
 * The last tenth is for beginnings: the first 256th of what a user holds is granted besides, as long as such firsts of all take
 * no more than it, of which a tenant again may have two thirds of what others leave. What others hold beyond their
 * firsts, and be it past the bound, takes nothing of that. That is room for seventeen users of one tenant, and five of the next.
 *
 * Any thread; what another one is changing may be seen in part.
 */
struct ration_used {
	_Atomic int64_t all, first;
};

struct ration {
	int64_t max;			/* at most INT64_MAX / 4, and the same for ever */
	struct ration_used used;
};

struct ration_payer {
	struct ration_used *tenant;	/* of the same ration */
	_Atomic int64_t used;
};

/* What one user may hold where nobody else holds anything. */
static inline int64_t
ration_most(int64_t max)
{
	return (max - max / 10) * 2 / 3 * 2 / 3;
}

static inline int64_t
ration_first(int64_t max)
{
	return max / 256;
}

static inline int64_t
ration_share(int64_t whole, int64_t others)
{
	return whole > others ? (whole - others) * 2 / 3 : 0;
}

static inline int64_t
ration_used(const struct ration_payer *p)
{
	return atomic_load_explicit(&p->used, memory_order_relaxed);
}

/* So little is held that everybody may have more than he has, and as much again: what most ask most of the time. */
static inline bool
ration_is_low(const struct ration *r)
{
	return atomic_load_explicit(&r->used.all, memory_order_relaxed) <= r->max / 8;
}

/* What is still to be had; below 0 where more was added than there is. */
static inline int64_t
ration_room(const struct ration *r, const struct ration_payer *p)
{
#define LOAD(what) atomic_load_explicit(&(what), memory_order_relaxed)
	int64_t own = LOAD(p->used), of_tenant = LOAD(p->tenant->all), firsts = LOAD(p->tenant->first);
	int64_t tenth = r->max / 10;
	int64_t tenants = ration_share(r->max - tenth, LOAD(r->used.all) - of_tenant);
	int64_t common = ration_share(tenants, of_tenant - own) - own;
	int64_t beginning = ration_share(tenth, LOAD(r->used.first) - firsts) - firsts;
	if (beginning > ration_first(r->max) - own)
		beginning = ration_first(r->max) - own;
	return common > beginning ? common : beginning;
#undef LOAD
}

/* More or, below 0, less: also past the bound, for what is there already. */
static inline void
ration_add(struct ration *r, struct ration_payer *p, int64_t n)
{
	int64_t first = ration_first(r->max), before = atomic_fetch_add_explicit(&p->used, n, memory_order_relaxed);
	int64_t after = before + n, more = (after < first ? after : first) - (before < first ? before : first);
	atomic_fetch_add_explicit(&p->tenant->all, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->used.all, n, memory_order_relaxed);
	if (more == 0)
		return;
	atomic_fetch_add_explicit(&p->tenant->first, more, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->used.first, more, memory_order_relaxed);
}

/* All of it, or nothing and false. */
static inline bool
ration_take(struct ration *r, struct ration_payer *p, int64_t n)
{
	if (n > r->max)
		return false;
	ration_add(r, p, n);
	if (ration_room(r, p) >= 0)
		return true;
	ration_add(r, p, -n);
	return false;
}

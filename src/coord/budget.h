/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The memory of all groups together: who may use one group name may use a million, and each
 * holds members, what they say of themselves, and offsets until it expires. What they take is
 * counted where it is made and freed, in all and by tenant. A tenant may have half of the whole, and no more
 * than two thirds of what the others leave of nine tenths; a tenth is for the first of each (base/ration.h). So no
 * number of tenants locks out the next one.
 *
 * New groups are refused at the limit. Those that are there go on: no change that takes nothing
 * more is ever refused, and what does (a consumer that comes back as another member, the first
 * offset of a partition) may use a quarter of the limit beyond it, which floods of groups leave.
 *
 * Asking and counting are two steps, so calls at the same moment may pass the limit by what
 * each of them adds. Any thread; takes the lock GROUP_BUDGET.
 */
struct budget;
struct share;

/* max: bytes; 0: no bound. full(ctx, tenant, all) is told of every refusal, under the shard's
 * lock: by what the other tenants have, or by its own half. NULL: nobody is. */
struct budget *budget_create(int64_t max, void (*full)(void *ctx, uint32_t tenant, bool all), void *ctx);
void budget_destroy(struct budget **budget);
int64_t budget_used(const struct budget *budget);

/* A reference: share_put() gives it back. */
struct share *budget_share(struct budget *budget, uint32_t tenant);
void share_put(struct share **share);

/* A share of NULL has no bound and counts nowhere. */
enum share_use {
	SHARE_NEW,		/* a group is made */
	SHARE_GROWS,		/* one that is there takes more */
};
bool share_fits(const struct share *share, enum share_use use, size_t more);
/* Something that took *counted bytes takes `now`. Never refuses. */
void share_count(struct share *share, size_t *counted, size_t now);

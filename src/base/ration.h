/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory that many hold together, in bytes: a bound for all, and half of it for one payer. Payers are
 * told apart by a number, and those whose numbers are the same modulo RATION_PAYERS share a half. Any thread.
 */
#define RATION_PAYERS 64

struct ration {
	uint64_t max;
	_Atomic int64_t all, of[RATION_PAYERS];
};

/* What is still to be had; below 0 where more was added than there is. */
static inline int64_t
ration_room(const struct ration *r, uint32_t payer)
{
	int64_t all = (int64_t)r->max - atomic_load_explicit(&r->all, memory_order_relaxed);
	int64_t own = (int64_t)(r->max / 2) -
	    atomic_load_explicit(&r->of[payer % RATION_PAYERS], memory_order_relaxed);
	return all < own ? all : own;
}

/* More or, below 0, less: also past the bound, for what is there already. */
static inline void
ration_add(struct ration *r, uint32_t payer, int64_t n)
{
	atomic_fetch_add_explicit(&r->all, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->of[payer % RATION_PAYERS], n, memory_order_relaxed);
}

/* All of it, or nothing and false. */
static inline bool
ration_take(struct ration *r, uint32_t payer, int64_t n)
{
	ration_add(r, payer, n);
	if (ration_room(r, payer) >= 0)
		return true;
	ration_add(r, payer, -n);
	return false;
}

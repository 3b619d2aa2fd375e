/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* A reference count to embed in an object that several owners share. The
 * object is freed by whoever drops the last reference, on any thread. */
struct ref {
	_Atomic uint32_t n;
};

static inline void
ref_init(struct ref *r)
{
	atomic_init(&r->n, 1);
}

static inline void
ref_get(struct ref *r)
{
	atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

/* As ref_get, but false where the last reference is gone already: for a table or
 * list that points to objects without holding them. */
static inline int
ref_try_get(struct ref *r)
{
	uint32_t n = atomic_load_explicit(&r->n, memory_order_relaxed);
	while (n != 0)
		if (atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1,
		    memory_order_acquire, memory_order_relaxed))
			return 1;
	return 0;
}

/* True for the caller who must free the object. */
static inline int
ref_put(struct ref *r)
{
	return atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

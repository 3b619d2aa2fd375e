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

/* True for the caller who must free the object. */
static inline int
ref_put(struct ref *r)
{
	return atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

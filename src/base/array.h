/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/*
 * Typed arrays in an arena: the shape of every array in the wire structs.
 * n == -1 is the protocol's null. Capacity is the next power of two of n, so
 * nothing but n need be kept; the arena keeps what growth leaves behind.
 */
#define ARRAY(type) struct { type *v; int32_t n; }

#define ARRAY_FOREACH(type, var, arr) \
	for (type *var = (arr).v; (arr).n > 0 && var < (arr).v + (arr).n; var++)

/* A new zeroed element at the end; its address, valid until the next add. */
#define ARRAY_ADD(arena, arr) \
	((arr).v = array_grow((arena), (arr).v, (arr).n, sizeof(*(arr).v)), \
	 (arr).n = (arr).n < 0 ? 1 : (arr).n + 1, \
	 &(arr).v[(arr).n - 1])

/* Room for exactly count zeroed elements, replacing what was there. */
#define ARRAY_SIZE(arena, arr, count) \
	((arr).v = arena_zalloc((arena), (size_t)(count) * sizeof(*(arr).v)), \
	 (arr).n = (int32_t)(count))

/* What ARRAY_ADD calls: v with room for one more after n elements. */
static inline void *
array_grow(struct arena *arena, void *v, int32_t n, size_t size)
{
	if (n <= 0)
		return arena_zalloc(arena, size);
	if ((n & (n - 1)) != 0)
		return v;
	char *grown = arena_zalloc(arena, 2 * (size_t)n * size);
	memcpy(grown, v, (size_t)n * size);
	return grown;
}

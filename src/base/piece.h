/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/array.h"

/* A piece of a response whose bytes lie elsewhere: never copied, only gathered.
 * Whoever hands one out says what keeps the bytes alive, usually a reference
 * that was arena_link()ed into the request's arena. */
struct piece {
	const uint8_t *p;
	uint32_t n;
};

struct pieces {
	struct piece *v;
	int32_t n;
};

/* Adds [p, p+n) to an arena's list, joined to the last piece where they touch. */
static inline void
pieces_add(struct arena *arena, struct pieces *list, const uint8_t *p, uint32_t n)
{
	struct piece *last = list->n > 0 ? &list->v[list->n - 1] : NULL;
	if (last != NULL && last->p + last->n == p && last->n + (uint64_t)n <= UINT32_MAX)
		last->n += n;
	else
		*ARRAY_ADD(arena, *list) = (struct piece){ p, n };
}

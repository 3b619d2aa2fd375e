/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/str.h"

/*
 * Memory with one lifetime: allocated piece by piece, given back at once. One
 * arena serves a request. What outlives a request is counted and *linked*
 * into the arena, so that a reset drops the reference and no handler frees.
 * Not thread-safe: an arena has one owner at a time.
 */
struct arena_block;

/* Of the inline functions below; nobody else looks inside. */
struct arena {
	char *at, *end;			/* the room that is left in the block at hand */
	size_t limit, used;
	struct arena_block *head;	/* the block at hand; older ones, and those of large pieces, behind it */
	struct arena_link *links;
	struct arena_pool *pool;	/* NULL: none */
	struct arena *next;		/* in the pool */
};

/* limit: the bytes that arena_try() may hand out in all between two resets. */
struct arena *arena_create(size_t limit);
void arena_destroy(struct arena **arena);

/* Keeps the memory of some arenas that were destroyed for those that come: of one thread, which has
 * arenas by the ten thousand a second. Zeroed by its owner; drained when all of its arenas are gone. */
struct arena_pool {
	struct arena *spare;
	unsigned n;
};
struct arena *arena_create_in(struct arena_pool *pool, size_t limit);
void arena_pool_drain(struct arena_pool *pool);

/* Drops links (latest first), forgets all memory, keeps one block for reuse. */
void arena_reset(struct arena *arena);

/* Drops links and overwrites all memory, for secrets: then it is reset or destroyed. */
void arena_wipe(struct arena *arena);

/* Aligned for any type. arena_try gives NULL where the limit would be passed:
 * for sizes that a peer decides. The others never fail (base/mem.h). */
static inline void *arena_try(struct arena *arena, size_t size);
static inline void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));

/* A copy of s in the arena, with a terminator behind it; null stays null. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Calls drop(object) at the next reset or at destruction. */
void arena_link(struct arena *arena, void (*drop)(void *object), void *object);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

/* What arena_alloc() falls back to; size is a multiple of the alignment. */
void *arena_grow(struct arena *arena, size_t size) __attribute__((returns_nonnull));

static inline void *
arena_alloc(struct arena *a, size_t size)
{
	size_t align = _Alignof(max_align_t);
	size = (size + align - 1) & ~(align - 1);
	if ((size_t)(a->end - a->at) < size)
		return arena_grow(a, size);
	void *p = a->at;
	a->at += size;
	a->used += size;
	return p;
}

static inline void *
arena_try(struct arena *a, size_t size)
{
	return a->used > a->limit || size > a->limit - a->used ? NULL : arena_alloc(a, size);
}

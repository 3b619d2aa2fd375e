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
struct arena;

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

/* Aligned for any type. arena_try gives NULL where the limit would be passed:
 * for sizes that a peer decides. The others never fail (base/mem.h). */
void *arena_try(struct arena *arena, size_t size);
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));

/* A copy of s in the arena, with a terminator behind it; null stays null. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Calls drop(object) at the next reset or at destruction. */
void arena_link(struct arena *arena, void (*drop)(void *object), void *object);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

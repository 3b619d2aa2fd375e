/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/ref.h"
#include "log/direct.h"

/*
 * The cached tail of a log: batches in chunks. A chunk is written by appends
 * under its partition's lock and never changes where it was written, so readers
 * and writers behind take a reference under the lock and use the bytes without it.
 *
 * All chunks of a store are in one list by age and count against one budget.
 */
#define CHUNK_MIN	(16u * 1024u)
#define CHUNK_MAX	((2u << 20) - 2 * DIRECT_ALIGN)	/* with its head and its shift: MEM_HUGE */
#define CHUNK_MARKS	32u
#define CHUNK_DIRECT	(128u * 1024u)	/* from this size on: fit for direct writes */

struct partition;
struct segment;

struct tail_cache {
	struct lock lock;		/* LOCK_TAILCACHE */
	struct list age;		/* oldest first */
	uint64_t budget;
	_Atomic uint64_t bytes;
	struct list spare;		/* freed chunks of CHUNK_MAX, within the budget: memory that was
					 * never touched costs more than the copy into it */
	_Atomic unsigned spares;
};

struct chunk {
	struct ref ref;
	struct list hook;		/* in the partition's tail */
	struct list age;
	struct tail_cache *cache;
	struct partition *owner;	/* valid while in the tail */
	struct segment *segment;	/* counted: the file these bytes belong to */
	int64_t pos;			/* where data[0] lies in it */
	int64_t base, end;		/* offsets of the first record, and behind the last */
	int64_t bytes;			/* the partition's byte count before data[0] */
	uint32_t cap, used, written;
	bool sealed;			/* gets no more batches */
	uint32_t marks_n;
	struct {			/* every cap/CHUNK_MARKS bytes: a batch begins here */
		int64_t offset;
		uint32_t at;
	} marks[CHUNK_MARKS];
	uint8_t *data;			/* in `room`; congruent to pos by DIRECT_ALIGN where large */
	uint8_t room[];
};

void tail_cache_init(struct tail_cache *cache, uint64_t budget);
void tail_cache_free(struct tail_cache *cache);
/* Gives recycled memory back to the system. */
void tail_cache_idle(struct tail_cache *cache);

/* An empty chunk for owner's tail with room for n bytes at least, `like` the size
 * of the one before it (0: the smallest), for bytes that lie at `pos` in their file; the
 * caller's reference. NULL without memory. From here on the cache may ask the owner
 * to shed it. */
struct chunk *chunk_create(struct tail_cache *cache, struct partition *owner, uint32_t n,
    uint32_t like, int64_t pos);
void chunk_put(struct chunk *c);

/* Copies a batch of n bytes that begins at offset behind what is there and
 * returns the copy. There must be room. */
uint8_t *chunk_add(struct chunk *c, const void *p, uint32_t n, int64_t offset, int64_t end);
static inline bool
chunk_has_room(const struct chunk *c, size_t n)
{
	return !c->sealed && c->cap - c->used >= n;
}

/* Where the batch begins that contains offset (base <= offset < end). */
uint32_t chunk_find(const struct chunk *c, int64_t offset);

/* Takes a chunk out of the age order (when it leaves its partition's tail). */
void chunk_forget(struct chunk *c);

/* The oldest chunk's owner when the cache is over its budget (or whatever its
 * size, where `any`), counted; NULL otherwise. The chunk goes to the young end,
 * so that one that is still needed does not stop the next call. */
struct partition *tail_cache_pressing(struct tail_cache *cache, bool any);

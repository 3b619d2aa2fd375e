/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks double from CHUNK_MIN to CHUNK_MAX as a partition keeps filling them; a
 * larger batch gets a chunk of its own. Largest chunks are kept for reuse, until nothing
 * is appended for a while. Fails only for lack of memory, in chunk_create().
 */
#include "log/tail.h"

#include "base/mem.h"
#include "log/direct.h"
#include "log/head.h"
#include "log/impl.h"

void
tail_cache_init(struct tail_cache *t, uint64_t budget)
{
	memset(t, 0, sizeof(*t));
	t->budget = budget;
	lock_init(&t->lock, LOCK_TAILCACHE);
	list_init(&t->age);
	list_init(&t->spare);
}

/* The spare that was used last. Locked. */
static struct chunk *
take_spare(struct tail_cache *t)
{
	if (list_empty(&t->spare))
		return NULL;
	struct list *h = t->spare.prev;
	list_del(h);
	t->spares--;
	return CONTAINER_OF(h, struct chunk, hook);
}

void
tail_cache_idle(struct tail_cache *t)
{
	struct chunk *c;
	lock_take(&t->lock);
	while ((c = take_spare(t)) != NULL)
		mem_huge_free(c);
	lock_drop(&t->lock);
}

void
tail_cache_free(struct tail_cache *t)
{
	tail_cache_idle(t);
	lock_free(&t->lock);
}

/* Whether so many spares may be kept. A little above the budget, or a full cache would free each one
 * before it needs the next. Locked. */
static bool
fits(const struct tail_cache *t, unsigned spares)
{
	return t->bytes + spares * (uint64_t)CHUNK_MAX <= t->budget + t->budget / 4;
}

_Static_assert(sizeof(struct chunk) + DIRECT_ALIGN + CHUNK_MAX <= MEM_HUGE, "a chunk in a large page");

static uint32_t
cap_for(uint32_t n, uint32_t like)
{
	uint32_t cap = like == 0 ? CHUNK_MIN : like >= CHUNK_MAX / 2 ? CHUNK_MAX : like * 2;
	while (cap < n && cap < CHUNK_MAX)
		cap = cap >= CHUNK_MAX / 2 ? CHUNK_MAX : cap * 2;
	return cap < n ? n : cap;
}

/* Where a chunk's bytes begin: as far from a block's beginning in memory as in the file,
 * so that whole blocks of it can be written past the page cache. */
static uint32_t
shift_of(const struct chunk *c, int64_t pos)
{
	return c->cap < CHUNK_DIRECT ? 0 : (uint32_t)((uint64_t)pos - (uintptr_t)c->room) & (DIRECT_ALIGN - 1);
}

struct chunk *
chunk_create(struct tail_cache *t, struct partition *owner, uint32_t n, uint32_t like, int64_t pos)
{
	uint32_t cap = cap_for(n, like);
	lock_take(&t->lock);
	struct chunk *c = cap == CHUNK_MAX ? take_spare(t) : NULL;
	lock_drop(&t->lock);
	if (c == NULL)
		c = cap == CHUNK_MAX ? mem_huge_try() :
		    mem_try(sizeof(*c) + cap + (cap < CHUNK_DIRECT ? 0 : DIRECT_ALIGN));
	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	ref_init(&c->ref);
	list_init(&c->hook);
	list_init(&c->age);
	c->cache = t;
	c->owner = owner;
	c->cap = cap;
	c->data = c->room + shift_of(c, pos);
	c->pos = pos;
	lock_take(&t->lock);
	list_add(&t->age, &c->age);
	t->bytes += cap;
	while (t->spares > 0 && !fits(t, t->spares))
		mem_huge_free(take_spare(t));
	lock_drop(&t->lock);
	return c;
}

void
chunk_forget(struct chunk *c)
{
	struct tail_cache *t = c->cache;
	lock_take(&t->lock);
	list_del(&c->age);
	lock_drop(&t->lock);
}

void
chunk_put(struct chunk *c)
{
	struct tail_cache *t = c->cache;
	bool keep = false;
	if (!ref_put(&c->ref))
		return;
	segment_put(c->segment);
	lock_take(&t->lock);
	list_del(&c->age);
	t->bytes -= c->cap;
	if (c->cap == CHUNK_MAX && fits(t, t->spares + 1)) {
		list_add(&t->spare, &c->hook);
		t->spares++;
		keep = true;
	}
	lock_drop(&t->lock);
	if (!keep && c->cap == CHUNK_MAX)
		mem_huge_free(c);
	else if (!keep)
		mem_free(c);
}

uint8_t *
chunk_add(struct chunk *c, const void *p, uint32_t n, int64_t offset, int64_t end)
{
	uint8_t *at = c->data + c->used;
	uint32_t step = c->cap / CHUNK_MARKS;
	memcpy(at, p, n);
	if (c->used == 0)
		c->base = offset;
	else if (c->marks_n < CHUNK_MARKS && c->used >= (c->marks_n + 1) * step) {
		c->marks[c->marks_n].offset = offset;
		c->marks[c->marks_n++].at = c->used;
	}
	c->used += n;
	c->end = end;
	return at;
}

uint32_t
chunk_find(const struct chunk *c, int64_t offset)
{
	uint32_t at = 0;
	for (uint32_t lo = 0, hi = c->marks_n; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (c->marks[mid].offset <= offset) {
			at = c->marks[mid].at;
			lo = mid + 1;
		} else
			hi = mid;
	}
	while (head_end(c->data + at) <= offset)
		at += (uint32_t)head_size(c->data + at);
	return at;
}

struct partition *
tail_cache_pressing(struct tail_cache *t, bool any)
{
	struct partition *p = NULL;
	lock_take(&t->lock);
	if ((any || t->bytes > t->budget) && !list_empty(&t->age)) {
		struct chunk *c = CONTAINER_OF(t->age.next, struct chunk, age);
		list_del(&c->age);
		list_add(&t->age, &c->age);
		if (ref_try_get(&c->owner->ref))
			p = c->owner;
	}
	lock_drop(&t->lock);
	return p;
}

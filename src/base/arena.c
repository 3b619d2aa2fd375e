/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation in blocks that double up to BLOCK_MAX; a larger piece gets a
 * block of its own behind the current one, so the current one stays in use. The
 * first one and the arena are one piece of memory. A reset frees all others, and a pool
 * keeps what is destroyed. Fails only in arena_try(), at the limit.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/list.h"
#include "base/mem.h"

#define BLOCK_MIN	2048u
#if defined(__has_feature)	/* clang */
#define ADDRESS_SANITIZER __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#else
#define ADDRESS_SANITIZER 0
#endif
#define KEEPS_SPARES (!ADDRESS_SANITIZER)	/* what is used after its end is to be found */
#define SPARES_MAX	64u
#define BLOCK_MAX	(64u * 1024u)

struct arena_block {
	struct arena_block *next;
	size_t size;
	max_align_t data[];
};

struct arena_link {
	struct arena_link *next;
	void (*drop)(void *object);
	void *object;
};

/* One piece of memory. */
struct whole {
	struct arena arena;
	struct arena_block first;	/* the last member: its bytes follow */
};

static struct arena_block *
first_of(struct arena *a)
{
	return &CONTAINER_OF(a, struct whole, arena)->first;
}

/* Nothing is handed out of the block at hand. */
static void
begin(struct arena *a, struct arena_block *b)
{
	a->head = b;
	a->at = (char *)b->data;
	a->end = a->at + b->size;
}

struct arena *
arena_create(size_t limit)
{
	return arena_create_in(NULL, limit);
}

struct arena *
arena_create_in(struct arena_pool *pool, size_t limit)
{
	struct arena *a = pool == NULL ? NULL : pool->spare;
	if (a != NULL) {
		pool->spare = a->next;
		pool->n--;
	} else {
		struct whole *w = mem_alloc(sizeof(*w) + BLOCK_MIN);
		a = &w->arena;
	}
	a->links = NULL;
	a->limit = limit;
	a->used = 0;
	a->pool = pool;
	first_of(a)->next = NULL;
	first_of(a)->size = BLOCK_MIN;
	begin(a, first_of(a));
	return a;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *first = first_of(a);
	for (struct arena_link *l = a->links; l != NULL; l = l->next)
		l->drop(l->object);
	a->links = NULL;
	while (a->head != first) {
		struct arena_block *next = a->head->next;
		mem_free(a->head);
		a->head = next;
	}
	for (struct arena_block *own = first->next, *next; own != NULL; own = next) {
		next = own->next;
		mem_free(own);
	}
	first->next = NULL;
	begin(a, first);
	a->used = 0;
}

void
arena_wipe(struct arena *a)
{
	for (struct arena_link *l = a->links; l != NULL; l = l->next)
		l->drop(l->object);
	a->links = NULL;
	for (struct arena_block *b = a->head; b != NULL; b = b->next)
		mem_cleanse(b->data, b == a->head ? (size_t)(a->at - (char *)b->data) : b->size);
}

void
arena_destroy(struct arena **arena)
{
	struct arena *a = *arena;
	*arena = NULL;
	if (a == NULL)
		return;
	arena_reset(a);
	struct arena_pool *pool = a->pool;
	if (pool == NULL || !KEEPS_SPARES || pool->n == SPARES_MAX) {
		mem_free(a);
		return;
	}
	a->next = pool->spare;
	pool->spare = a;
	pool->n++;
}

void
arena_pool_drain(struct arena_pool *pool)
{
	while (pool->spare != NULL) {
		struct arena *a = pool->spare;
		pool->spare = a->next;
		mem_free(a);
	}
	pool->n = 0;
}

static struct arena_block *
block_create(size_t size, struct arena_block *next)
{
	struct arena_block *b = mem_alloc(sizeof(*b) + size);
	b->next = next;
	b->size = size;
	return b;
}

void *
arena_grow(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;
	size_t next = b->size * 2 < BLOCK_MAX ? b->size * 2 : BLOCK_MAX;
	if (size > next / 2) {
		b->next = block_create(size, b->next);
		a->used += size;
		return b->next->data;
	}
	begin(a, block_create(next, b));
	return arena_alloc(a, size);
}

void *
arena_zalloc(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

struct str
arena_str(struct arena *a, struct str s)
{
	if (s.p == NULL)
		return s;
	char *p = arena_alloc(a, s.n + 1);
	memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct str){ p, s.n };
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return STR("");
	char *p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct str){ p, (size_t)n };
}

void
arena_link(struct arena *a, void (*drop)(void *object), void *object)
{
	struct arena_link *l = arena_alloc(a, sizeof(*l));
	*l = (struct arena_link){ a->links, drop, object };
	a->links = l;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

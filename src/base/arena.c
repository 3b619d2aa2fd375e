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

#include "base/mem.h"

#define ALIGN		_Alignof(max_align_t)
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

struct block {
	struct block *next;
	size_t size, used;
	max_align_t data[];
};

struct link {
	struct link *next;
	void (*drop)(void *object);
	void *object;
};

struct arena {
	struct block *head;
	struct link *links;
	size_t limit, used;
	struct arena_pool *pool;	/* NULL: none */
	struct arena *next;		/* in the pool */
	struct block first;		/* the last member: its bytes follow */
};

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
		a = mem_alloc(sizeof(*a) + BLOCK_MIN);
	}
	a->head = &a->first;
	a->links = NULL;
	a->limit = limit;
	a->used = 0;
	a->pool = pool;
	a->first.next = NULL;
	a->first.size = BLOCK_MIN;
	a->first.used = 0;
	return a;
}

void
arena_reset(struct arena *a)
{
	for (struct link *l = a->links; l != NULL; l = l->next)
		l->drop(l->object);
	a->links = NULL;
	while (a->head != &a->first) {
		struct block *next = a->head->next;
		mem_free(a->head);
		a->head = next;
	}
	for (struct block *own = a->first.next, *next; own != NULL; own = next) {
		next = own->next;
		mem_free(own);
	}
	a->first.next = NULL;
	a->first.used = 0;
	a->used = 0;
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

static struct block *
block_create(size_t size)
{
	struct block *b = mem_alloc(sizeof(*b) + size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

/* A new block with room for size bytes, which the current one has not. Rare: out of the line of
 * arena_alloc(), which every request calls a dozen times. */
static __attribute__((noinline)) struct block *
block_add(struct arena *a, size_t size)
{
	struct block *b = a->head;
	size_t next = b->size * 2 < BLOCK_MAX ? b->size * 2 : BLOCK_MAX;
	if (size > next / 2) {
		struct block *own = block_create(size);
		own->next = b->next;
		b->next = own;
		return own;
	}
	struct block *fresh = block_create(next);
	fresh->next = b;
	a->head = fresh;
	return fresh;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	struct block *b = a->head;
	if (b->size - b->used < size)
		b = block_add(a, size);
	void *p = (char *)b->data + b->used;
	b->used += size;
	a->used += size;
	return p;
}

void *
arena_try(struct arena *a, size_t size)
{
	if (a->used > a->limit || size > a->limit - a->used)
		return NULL;
	return arena_alloc(a, size);
}

void *
arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);
	memset(p, 0, size);
	return p;
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
	struct link *l = arena_alloc(a, sizeof(*l));
	*l = (struct link){ a->links, drop, object };
	a->links = l;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

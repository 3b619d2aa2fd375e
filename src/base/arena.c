/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation in blocks that double up to BLOCK_MAX; a larger piece gets a
 * block of its own behind the current one, so the current one stays in use. A
 * reset frees all blocks but the first. Fails only in arena_try(), at the limit.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"

#define ALIGN		_Alignof(max_align_t)
#define BLOCK_MIN	2048u
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
};

struct arena *
arena_create(size_t limit)
{
	struct arena *a = MEM_NEW(struct arena);
	a->limit = limit;
	return a;
}

void
arena_reset(struct arena *a)
{
	for (struct link *l = a->links; l != NULL; l = l->next)
		l->drop(l->object);
	a->links = NULL;
	while (a->head != NULL && a->head->next != NULL) {
		struct block *next = a->head->next;
		mem_free(a->head);
		a->head = next;
	}
	if (a->head != NULL && a->head->size > BLOCK_MAX) {
		mem_free(a->head);
		a->head = NULL;
	}
	if (a->head != NULL)
		a->head->used = 0;
	a->used = 0;
}

void
arena_destroy(struct arena **arena)
{
	if (*arena == NULL)
		return;
	arena_reset(*arena);
	mem_free((*arena)->head);
	mem_free(*arena);
	*arena = NULL;
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
	size_t next = b == NULL ? BLOCK_MIN : b->size * 2;
	if (next > BLOCK_MAX)
		next = BLOCK_MAX;
	if (size > next / 2 && b != NULL) {
		struct block *own = block_create(size);
		own->next = b->next;
		b->next = own;
		return own;
	}
	struct block *fresh = block_create(size > next ? size : next);
	fresh->next = b;
	a->head = fresh;
	return fresh;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	struct block *b = a->head;
	if (b == NULL || b->size - b->used < size)
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

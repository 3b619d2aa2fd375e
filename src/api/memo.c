/* SPDX-License-Identifier: Apache-2.0
 * A few items in a ring, looked through from the first: a connection writes to or reads from few
 * topics, or from so many that no memo would hold them. One is all that is known of an object, as
 * a Fetch by id asks twice of each topic. Nothing fails. */
#include "api/memo.h"

#include "base/clock.h"
#include "base/mem.h"

#define ITEMS 4
#define NAME_LONGEST 255		/* bytes; others are as good as never asked twice */

struct memo {
	uint64_t generation;		/* of the image that all items are of */
	int64_t expires_ms;		/* the first item's to end; 0: none does */
	unsigned next;			/* to be given up */
	struct memo_item items[ITEMS];
};

static void
free_item(struct memo_item *it)
{
	mem_free((char *)(uintptr_t)it->name.s.p);
	*it = (struct memo_item){ 0 };
}

static void
forget(struct memo *m)
{
	for (int i = 0; i < ITEMS; i++)
		free_item(&m->items[i]);
}

static bool
is_over(const struct memo *m)
{
	return m->expires_ms != 0 && clock_wall_ms() >= m->expires_ms;
}

static struct memo_item *
item_of(struct memo *m, const struct acl_object *o)
{
	for (struct memo_item *it = m->items; it < m->items + ITEMS; it++)
		if (it->type == o->type && name_eq(it->name, o->name))
			return it;
	return NULL;
}

struct memo_item *
memo_find(struct memo *m, const struct image *image, enum acl_op op, const struct acl_object *o)
{
	if (m == NULL || m->generation != image_generation(image) || is_over(m))
		return NULL;
	struct memo_item *it = item_of(m, o);
	return it != NULL && (it->ops >> op & 1) != 0 ? it : NULL;
}

static struct memo_item *
new_item(struct memo *m, const struct acl_object *o)
{
	struct memo_item *it = &m->items[m->next];
	m->next = (m->next + 1) % ITEMS;
	free_item(it);
	it->name = NAME(o->name.tenant, ((struct str){ mem_dup(o->name.s.p, o->name.s.n), o->name.s.n }));
	it->type = (uint8_t)o->type;
	return it;
}

void
memo_note(struct memo **memo, const struct image *image, enum acl_op op, const struct acl_object *o,
    int64_t expires_ms)
{
	struct memo *m = *memo;
	if (o->name.s.n > NAME_LONGEST)
		return;
	if (m == NULL)
		m = *memo = MEM_NEW(struct memo);
	if (m->generation != image_generation(image) || is_over(m)) {
		forget(m);
		m->expires_ms = 0;
	}
	m->generation = image_generation(image);
	if (expires_ms != 0 && (m->expires_ms == 0 || expires_ms < m->expires_ms))
		m->expires_ms = expires_ms;
	struct memo_item *it = item_of(m, o);
	if (it == NULL)
		it = new_item(m, o);
	it->ops |= UINT32_C(1) << op;
}

void
memo_destroy(struct memo **memo)
{
	if (*memo != NULL)
		forget(*memo);
	mem_free(*memo);
	*memo = NULL;
}

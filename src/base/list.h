/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Intrusive doubly linked ring. A list head and an element's hook are the same
 * struct; a hook in no list points to itself. */
struct list {
	struct list *next, *prev;
};

#define CONTAINER_OF(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts hook before the head, so at the end of the list. */
static inline void
list_add(struct list *head, struct list *hook)
{
	hook->prev = head->prev;
	hook->next = head;
	head->prev->next = hook;
	head->prev = hook;
}

/* Takes hook out of its list, if it is in one. */
static inline void
list_del(struct list *hook)
{
	hook->prev->next = hook->next;
	hook->next->prev = hook->prev;
	list_init(hook);
}

/* Moves everything from one list to the end of another. */
static inline void
list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* The loop variable may be removed from the list inside the loop. */
#define LIST_FOREACH(hook, head) \
	for (struct list *hook = (head)->next, *hook##_next = hook->next; \
	     hook != (head); hook = hook##_next, hook##_next = hook->next)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A persistent treap: a binary search tree by key that is a heap by priority,
 * where the priority is the keyed hash of the key. So the shape depends on the
 * set of keys alone, is balanced whatever keys a client picks, and needs no
 * rebalancing code. A change copies the path from the root (path copying) and
 * counts one more holder on each subtree it keeps.
 */
#include "base/pmap.h"

#include <stdint.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/ref.h"

struct pmap {
	struct ref ref;
	uint32_t prio;
	size_t count;
	void *value;
	struct pmap *left, *right;
};

struct pmap *
pmap_ref(struct pmap *t)
{
	if (t != NULL)
		ref_get(&t->ref);
	return t;
}

void
pmap_unref(struct pmap **map, const struct pmap_ops *ops)
{
	struct pmap *t = *map;
	*map = NULL;
	while (t != NULL && ref_put(&t->ref)) {
		struct pmap *right = t->right;
		pmap_unref(&t->left, ops); /* depth: O(log n) */
		ops->put(t->value);
		mem_free(t);
		t = right;
	}
}

size_t
pmap_count(const struct pmap *t)
{
	return t == NULL ? 0 : t->count;
}

/* A node over value and two subtrees, whose references it takes over. */
static struct pmap *
node(void *value, uint32_t prio, struct pmap *left, struct pmap *right)
{
	struct pmap *t = MEM_NEW(struct pmap);
	ref_init(&t->ref);
	t->prio = prio;
	t->value = value;
	t->left = left;
	t->right = right;
	t->count = 1 + pmap_count(left) + pmap_count(right);
	return t;
}

/* A copy of t with other subtrees. */
static struct pmap *
with(const struct pmap *t, const struct pmap_ops *ops, struct pmap *left, struct pmap *right)
{
	ops->get(t->value);
	return node(t->value, t->prio, left, right);
}

void *
pmap_get(const struct pmap *t, const struct pmap_ops *ops, struct str key)
{
	while (t != NULL) {
		int c = str_cmp(key, ops->key(t->value));
		if (c == 0)
			return t->value;
		t = c < 0 ? t->left : t->right;
	}
	return NULL;
}

/* Splits t into the keys below and above key (an equal one is left out). */
static void
split(struct pmap *t, const struct pmap_ops *ops, struct str key,
    struct pmap **ret_left, struct pmap **ret_right)
{
	if (t == NULL) {
		*ret_left = *ret_right = NULL;
		return;
	}
	int c = str_cmp(key, ops->key(t->value));
	if (c == 0) {
		*ret_left = pmap_ref(t->left);
		*ret_right = pmap_ref(t->right);
		return;
	}
	struct pmap *inner;
	if (c < 0) {
		split(t->left, ops, key, ret_left, &inner);
		*ret_right = with(t, ops, inner, pmap_ref(t->right));
	} else {
		split(t->right, ops, key, &inner, ret_right);
		*ret_left = with(t, ops, pmap_ref(t->left), inner);
	}
}

struct pmap *
pmap_set(struct pmap *t, const struct pmap_ops *ops, void *value)
{
	struct str key = ops->key(value);
	uint32_t prio = (uint32_t)hash_bytes(key.p, key.n);
	int c = t == NULL ? 0 : str_cmp(key, ops->key(t->value));

	if (t != NULL && c == 0)
		return node(value, prio, pmap_ref(t->left), pmap_ref(t->right));
	if (t != NULL && t->prio >= prio) {
		if (c < 0)
			return with(t, ops, pmap_set(t->left, ops, value), pmap_ref(t->right));
		return with(t, ops, pmap_ref(t->left), pmap_set(t->right, ops, value));
	}
	struct pmap *left, *right;
	split(t, ops, key, &left, &right);
	return node(value, prio, left, right);
}

/* One tree of two, every key of a below every key of b; takes no references. */
static struct pmap *
merge(struct pmap *a, struct pmap *b, const struct pmap_ops *ops)
{
	if (a == NULL)
		return pmap_ref(b);
	if (b == NULL)
		return pmap_ref(a);
	if (a->prio >= b->prio)
		return with(a, ops, pmap_ref(a->left), merge(a->right, b, ops));
	return with(b, ops, merge(a, b->left, ops), pmap_ref(b->right));
}

static struct pmap *
del_present(struct pmap *t, const struct pmap_ops *ops, struct str key)
{
	int c = str_cmp(key, ops->key(t->value));
	if (c == 0)
		return merge(t->left, t->right, ops);
	if (c < 0)
		return with(t, ops, del_present(t->left, ops, key), pmap_ref(t->right));
	return with(t, ops, pmap_ref(t->left), del_present(t->right, ops, key));
}

struct pmap *
pmap_del(struct pmap *t, const struct pmap_ops *ops, struct str key)
{
	if (pmap_get(t, ops, key) == NULL)
		return pmap_ref(t);
	return del_present(t, ops, key);
}

void *
pmap_after(const struct pmap *t, const struct pmap_ops *ops, struct str after, bool inclusive)
{
	void *best = NULL;
	while (t != NULL) {
		int c = str_cmp(after, ops->key(t->value));
		if (c < 0 || (c == 0 && inclusive)) {
			best = t->value;
			t = t->left;
		} else
			t = t->right;
	}
	return best;
}

void *
pmap_floor(const struct pmap *t, const struct pmap_ops *ops, struct str key)
{
	void *best = NULL;
	while (t != NULL) {
		if (str_cmp(ops->key(t->value), key) <= 0) {
			best = t->value;
			t = t->right;
		} else
			t = t->left;
	}
	return best;
}

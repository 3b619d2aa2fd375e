/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most 3/4 full including graves of
 * removed entries; a rehash drops the graves. Removal leaves a grave, so that
 * a walk survives it.
 */
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

struct slot {
	uint64_t hash;
	struct name key;
	void *value; /* NULL: free, or a grave where key.s.p is set */
};

struct map {
	struct slot *slots;
	size_t mask, live, used; /* used counts graves too */
};

struct map *
map_create(void)
{
	return MEM_NEW(struct map);
}

void
map_destroy(struct map **map)
{
	if (*map == NULL)
		return;
	mem_free((*map)->slots);
	mem_free(*map);
	*map = NULL;
}

static uint64_t
key_hash(struct name key)
{
	return hash_pair(key.tenant, key.s.p, key.s.n);
}

static bool
slot_free(const struct slot *s)
{
	return s->value == NULL && s->key.s.p == NULL;
}

static struct slot *
find(const struct map *m, uint64_t hash, struct name key)
{
	if (m->slots == NULL)
		return NULL;
	for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
		struct slot *s = &m->slots[i];
		if (slot_free(s))
			return NULL;
		if (s->value != NULL && s->hash == hash && name_eq(s->key, key))
			return s;
	}
}

static void
rehash(struct map *m)
{
	size_t cap = 8;
	while (cap < m->live * 2 + 2)
		cap *= 2;
	struct slot *old = m->slots, *slots = mem_zalloc(cap * sizeof(*slots));
	size_t n = old == NULL ? 0 : m->mask + 1;
	for (size_t j = 0; j < n; j++) {
		if (old[j].value == NULL)
			continue;
		size_t i = old[j].hash & (cap - 1);
		while (slots[i].value != NULL)
			i = (i + 1) & (cap - 1);
		slots[i] = old[j];
	}
	mem_free(old);
	m->slots = slots;
	m->mask = cap - 1;
	m->used = m->live;
}

void *
map_get(const struct map *m, struct name key)
{
	struct slot *s = find(m, key_hash(key), key);
	return s == NULL ? NULL : s->value;
}

void *
map_put(struct map *m, struct name key, void *value)
{
	uint64_t hash = key_hash(key);
	struct slot *s = find(m, hash, key);
	if (key.s.p == NULL)
		key.s.p = ""; /* a key's pointer tells a grave from a free slot */
	if (s != NULL) {
		void *old = s->value;
		s->key = key;
		s->value = value;
		return old;
	}
	if (m->slots == NULL || (m->used + 1) * 4 > (m->mask + 1) * 3)
		rehash(m);
	size_t i = hash & m->mask;
	while (!slot_free(&m->slots[i]))
		i = (i + 1) & m->mask;
	m->slots[i] = (struct slot){ hash, key, value };
	m->live++;
	m->used++;
	return NULL;
}

void *
map_del(struct map *m, struct name key)
{
	struct slot *s = find(m, key_hash(key), key);
	if (s == NULL)
		return NULL;
	void *old = s->value;
	s->value = NULL;
	s->key.s = STR(""); /* a grave: the key's bytes go with the value */
	m->live--;
	return old;
}

size_t
map_count(const struct map *m)
{
	return m->live;
}

void *
map_next(const struct map *m, size_t *pos, struct name *ret_key)
{
	size_t n = m->slots == NULL ? 0 : m->mask + 1;
	while (*pos < n) {
		struct slot *s = &m->slots[(*pos)++];
		if (s->value == NULL)
			continue;
		if (ret_key != NULL)
			*ret_key = s->key;
		return s->value;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, filled to nine tenths at most. */
#include "log/keymap.h"

#include "base/hash.h"
#include "base/mem.h"

#define SECOND_HASH UINT64_C(0x636f6d70616374)

struct slot {
	uint64_t a, b;
	int64_t offset;			/* -1: empty */
};

struct keymap {
	uint64_t mask, n, max;
	struct slot slots[];
};

struct keymap *
keymap_create(uint64_t bytes)
{
	uint64_t slots = 64;
	while (slots * 2 * sizeof(struct slot) <= bytes)
		slots *= 2;
	struct keymap *m = mem_try(sizeof(*m) + slots * sizeof(struct slot));
	if (m == NULL)
		return NULL;
	*m = (struct keymap){ slots - 1, 0, slots / 10 * 9 };
	for (uint64_t i = 0; i < slots; i++)
		m->slots[i].offset = -1;
	return m;
}

void
keymap_destroy(struct keymap **map)
{
	mem_free(*map);
	*map = NULL;
}

/* The key's slot, or the empty one where it belongs. */
static uint64_t
find(const struct keymap *m, struct str key, uint64_t *ret_a, uint64_t *ret_b)
{
	uint64_t a = hash_bytes(key.p, key.n), b = hash_pair(SECOND_HASH, key.p, key.n);
	uint64_t i = a & m->mask;
	while (m->slots[i].offset >= 0 && (m->slots[i].a != a || m->slots[i].b != b))
		i = (i + 1) & m->mask;
	*ret_a = a;
	*ret_b = b;
	return i;
}

bool
keymap_put(struct keymap *m, struct str key, int64_t offset)
{
	uint64_t a, b, i = find(m, key, &a, &b);
	if (m->slots[i].offset < 0) {
		if (m->n >= m->max)
			return false;
		m->n++;
	}
	m->slots[i] = (struct slot){ a, b, offset };
	return true;
}

int64_t
keymap_get(const struct keymap *m, struct str key)
{
	uint64_t a, b;
	return m->slots[find(m, key, &a, &b)].offset;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * A persistent ordered map: every change gives a new version and leaves the
 * old one as it was; both share what did not change, so a change costs
 * O(log n) whatever the size. It is what published images are made of.
 *
 * A version is a counted handle (NULL is the empty map). Versions are
 * immutable: any number of threads may read one without a lock; the thread
 * that makes a new one must hold a reference to the old. Keys are strings in
 * bytewise order; their bytes live in the value, which is counted as well.
 */
struct pmap;

/* How a map holds its values; one const table for each kind of value. */
struct pmap_ops {
	struct str (*key)(const void *value);
	void (*get)(void *value);	/* one more holder */
	void (*put)(void *value);	/* one holder less; frees at the last */
};

struct pmap *pmap_ref(struct pmap *map);
void pmap_unref(struct pmap **map, const struct pmap_ops *ops);

/* A borrowed value, valid while the version is held; NULL where there is none. */
void *pmap_get(const struct pmap *map, const struct pmap_ops *ops, struct str key);

/* New versions; the caller owns the result and keeps its reference to map.
 * pmap_set takes over the caller's reference to value. pmap_del of an absent
 * key gives another reference to the same version. */
struct pmap *pmap_set(struct pmap *map, const struct pmap_ops *ops, void *value);
struct pmap *pmap_del(struct pmap *map, const struct pmap_ops *ops, struct str key);

size_t pmap_count(const struct pmap *map);

/* The first value whose key is > after (>= where inclusive): walk a whole map
 * with after = STR(""), inclusive = true, then each key, false. O(log n). */
void *pmap_after(const struct pmap *map, const struct pmap_ops *ops,
    struct str after, bool inclusive);

/* The value with the greatest key that is <= key, or NULL. */
void *pmap_floor(const struct pmap *map, const struct pmap_ops *ops, struct str key);

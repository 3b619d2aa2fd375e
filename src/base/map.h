/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * A mutable hash map from a name (tenant number and string; tenant 0 where
 * there is none) to a pointer. The key's bytes are not copied: they must stay
 * as long as the entry, usually inside the value. One owner at a time.
 */
struct map;

struct map *map_create(void);
void map_destroy(struct map **map);

void *map_get(const struct map *map, struct name key);
/* Returns the value that stood there before, or NULL. The new key's bytes
 * replace the old one's. value must not be NULL. */
void *map_put(struct map *map, struct name key, void *value);
/* Returns what was removed, or NULL. */
void *map_del(struct map *map, struct name key);
size_t map_count(const struct map *map);

/* Walks in no order: start with *pos = 0, ends with NULL. map_del() of the
 * entry just seen is allowed, any other change is not. */
void *map_next(const struct map *map, size_t *pos, struct name *ret_key);

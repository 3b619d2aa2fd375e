/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The newest offset of each key, for compaction: 128 bits of a keyed hash stand for
 * the key, so memory does not depend on key sizes. A fixed number of entries. */
struct keymap;

/* NULL without memory. */
struct keymap *keymap_create(uint64_t bytes);
void keymap_destroy(struct keymap **map);
/* False when it is full. */
bool keymap_put(struct keymap *map, struct str key, int64_t offset);
/* -1: not there. */
int64_t keymap_get(const struct keymap *map, struct str key);

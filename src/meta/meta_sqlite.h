/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "meta/meta.h"

/* The version of what is stored; a newer one is refused, an older one upgraded
 * after its file was copied to FILE.before-N. */
#define META_FORMAT 1

/* Opens (or makes) the embedded tree in a file, private to its owner. One
 * thread of its own does all writing. May block. */
int meta_sqlite_open(const char *file, struct meta **ret, struct why *why);

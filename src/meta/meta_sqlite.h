/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "meta/meta.h"

/* Opens (or makes) the embedded tree in a file, private to its owner. One
 * thread of its own does all writing. An older format is upgraded, see format.h. May block. */
int meta_sqlite_open(const char *file, struct meta **ret, struct why *why);
/* The format that it was upgraded from when it was opened, with the old tree in
 * FILE.before-N; 0 where nothing was to do. */
int meta_sqlite_upgraded(const struct meta *meta);
/* Whether meta_sqlite_open() would take the file, with each() called for its nodes as by
 * meta_walk(), but not for those of a format that would be upgraded. Writes nothing; a broker may have it
 * open. May block. */
int meta_sqlite_look(const char *file, int (*each)(struct str path, struct str value, int64_t version, void *arg),
    void *arg, struct why *why);

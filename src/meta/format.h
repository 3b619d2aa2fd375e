/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sqlite3.h>

#include "base/err.h"

/* One step of the stored tree's format: from `to` - 1 to `to`. */
struct format_step {
	int to;			/* 0 ends the list */
	const char *what;	/* for the reason, should it fail: "rewrites ..." */
	int (*run)(sqlite3 *db);	/* inside a transaction; 0 or a negative error */
};

/* What is written, and how older formats get there. */
#define META_FORMAT 1
extern const struct format_step meta_format_steps[];

/* Whether format_bring() would take the database, and what it has now: 0 where it is
 * empty. Touches nothing. ERR_UNSUPPORTED as there. */
int format_check(sqlite3 *db, const char *file, const struct format_step *steps, int newest,
    int *ret_format, struct why *why);
/*
 * Brings the tree in an open database to format `newest`, and makes the table in an empty one.
 * An older one is copied to FILE.before-N first (N: its format), private to its owner and
 * synced; then all steps happen in one transaction, or none. Touches nothing where it
 * refuses: ERR_UNSUPPORTED for a newer format, one that no step leaves, and a database of
 * something else. Sets *ret_from to the format that was upgraded, 0 where nothing was
 * to do. May block.
 */
int format_bring(sqlite3 *db, const char *file, const struct format_step *steps, int newest,
    int *ret_from, struct why *why);

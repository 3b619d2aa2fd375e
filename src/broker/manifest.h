/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What a backup consists of (doc/FORMATS.md): written last and as a whole, so that a backup without one is not
 * whole. Nothing in it is believed: it says what must be there, and a restore looks.
 */
#define MANIFEST_NAME	"manifest"	/* in the directory of the backup */
#define MANIFEST_DATA	"data"		/* beside it: the files */
#define MANIFEST_MAX	(UINT64_C(1) << 30)
#define MANIFEST_HASH	32		/* SHA-256 */

struct manifest_file {
	struct str path;		/* "NAME" or "NAME/NAME" */
	int64_t length;
	uint8_t hash[MANIFEST_HASH];
};

struct manifest {
	struct str cluster;		/* cluster id of main */
	struct str broker;		/* its version */
	int64_t begun_ms;		/* wall clock */
	ARRAY(struct manifest_file) files;	/* in bytewise order of their paths */
};

/* Whether it may be the path of a file in a backup: one name, or a directory's and one in it, of 1 to 255 printing
 * ASCII characters each, none of them "." or "..", so that it leads nowhere else. */
bool manifest_path_good(struct str path);

/* Sorts the files. ERR_EXISTS: two have one path. */
int manifest_write(struct manifest *m, struct buf *out);

/* Strings are views of text. ERR_UNSUPPORTED: of a newer broker; ERR_SHORT: its end is missing; ERR_CORRUPT: anything
 * that manifest_write() cannot have made; the reason says what and in which line. */
int manifest_parse(struct str text, struct arena *arena, struct manifest *ret, struct why *why);

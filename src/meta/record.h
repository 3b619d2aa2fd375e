/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What a node holds: lines "key=value" below a line "v1", so that an
 * administrator can read it with sqlite3(1). Control bytes, '%' and bytes beyond
 * ASCII are %XX in values. A key may come more than once. A reader passes over
 * keys that it does not know; a version that it does not know is refused.
 */
struct record_field {
	struct str key, value;
};

struct record {
	ARRAY(struct record_field) fields;
	bool strict;			/* "v2": what does not know all keys that such a node may have must refuse it */
};

/* ERR_UNSUPPORTED for another version, ERR_CORRUPT. Values lie in the arena. */
int record_parse(struct arena *arena, struct str text, struct record *ret);
/* The first value of a key; null where there is none. */
struct str record_get(const struct record *r, const char *key);
/* As a number; dflt where there is none. ERR_CORRUPT for what is no number. */
int record_int(const struct record *r, const char *key, int64_t dflt, int64_t *ret);
bool record_flag(const struct record *r, const char *key);

void record_begin(struct buf *out);
/* The same with "v2", which brokers before it refuse: of what must not be read without a key that they do not know. */
void record_begin_strict(struct buf *out);
void record_add(struct buf *out, const char *key, struct str value);
void record_add_int(struct buf *out, const char *key, int64_t value);

/* A name as one part of a path: '/' and what is above are %XX. In the arena. */
struct str record_path_part(struct arena *arena, struct str name);
/* And back; ERR_CORRUPT. */
int record_path_name(struct arena *arena, struct str part, struct str *ret);

/* Bytes as hex, and back (ERR_CORRUPT; *ret_n at most max). */
struct str record_hex(struct arena *arena, const void *p, size_t n);
int record_unhex(struct str hex, void *out, size_t max, size_t *ret_n);

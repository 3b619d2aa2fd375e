/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "wire/batch.h"

/* One record to be written; null strings are nulls. */
struct batch_entry {
	struct str key, value;
};

/* Adds a whole batch, uncompressed, without a producer, offsets from 0, all of one
 * time: what the broker writes itself. ERR_LIMIT where out is full. */
int batch_build(struct buf *out, const struct batch_entry *entries, int n, int64_t wall_ms);

/* Adds the same batch with another codec: records, offsets and times are what they
 * were. For a topic whose compression.type is not "producer". ERR_LIMIT over
 * decompressed_max or out's, ERR_CORRUPT. Dear: never on a loop. */
int batch_recode(const uint8_t *p, size_t n, enum batch_codec to, size_t decompressed_max,
    struct buf *out);

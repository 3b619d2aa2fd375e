/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* One record to be written; null strings are nulls. */
struct batch_entry {
	struct str key, value;
};

/* Adds a whole batch, uncompressed, without a producer, offsets from 0, all of one
 * time: what the broker writes itself. ERR_LIMIT where out is full. */
int batch_build(struct buf *out, const struct batch_entry *entries, int n, int64_t wall_ms);

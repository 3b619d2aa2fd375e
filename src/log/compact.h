/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct keymap;
struct partition;

/* Compacts a log if enough of it is new (min.cleanable.dirty.ratio, lags). A reader
 * from the start still sees the newest record of each key, offsets do not change, the
 * active segment is not touched, tombstones stay delete.retention.ms. 0 also where there
 * was nothing to do. One call at a time for a partition. Blocks. */
int partition_compact(struct partition *p, int64_t wall_ms, uint64_t map_bytes);

/* What compaction makes of one batch. */
struct compact_rules {
	const struct keymap *keys;
	int64_t keep_from;		/* all records from this offset on stay: the map lacks them */
	int64_t now_ms, delete_retention_ms;
	/* It stays, if without records: the newest of its producer, for the sequence; the last of a
	 * segment, or a log that is read without a checkpoint would seem to have a hole there. */
	bool keep_empty;
};

/* Adds to out the batch as it shall be, or nothing. ERR_CORRUPT, ERR_LIMIT. */
int compact_batch(const uint8_t *batch, const struct compact_rules *rules, struct buf *out);

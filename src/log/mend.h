/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct index_time;
struct partition;
struct segment;

/* Whether a segment's index files belong to it and reach to its end, as far as a few reads
 * tell. interval: index.interval.bytes. closed: the time index has its last entry, too.
 * *ret_end: the greatest time behind the last entry of the index; -1. Blocks. */
bool segment_indexes_good(const struct segment *g, int32_t interval, bool closed,
    struct index_time *ret_end);

/* Closed segments of before the start: their greatest times are learnt, and index files that
 * are not good are made anew. Each is looked at once. Blocks, for as long as a segment is read,
 * or until the broker stops. */
void partition_mend_indexes(struct partition *p);

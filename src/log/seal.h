/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct partition;
struct segment;

/* The active segment's indexes get their last entries, before a clean stop. Locked. */
void segment_close_indexes(struct segment *g);

/* Saves what the indexes of written segments have gained; rolled segments that are
 * written whole lose their index memory. Under p->io. */
void partition_save_indexes(struct partition *p, bool all);

/* The same, cheaply: only for segments that have been rolled. Under p->io. */
void partition_seal_closed(struct partition *p);

/* Syncs the index files of closed segments, or (later) trusts that the file system will
 * be synced as a whole. Under p->io. Blocks. */
void partition_sync_indexes(struct partition *p, bool later);

/* A byte in g's file at or before the batch that holds offset, by the index; 0 where
 * there is none. Only a hint: it may be no boundary where a file was damaged. Blocks. */
int64_t segment_locate(struct partition *p, struct segment *g, int64_t offset);

/* An offset in g at or before the first batch with a time >= time, by the time index;
 * its base where there is none. Blocks. */
int64_t segment_locate_time(struct partition *p, struct segment *g, int64_t time);

/* The greatest time in a segment and its record, by the time index; -1, -1. Blocks. */
void segment_learn(const struct segment *g, int64_t *ret_time, int64_t *ret_offset);

/* After start: which entries of g's index file lie below byte `limit` and count. */
void segment_trust_index(struct segment *g, int64_t limit);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "log/partition.h"
#include "log/producers.h"

/* What a partition derives from its batches: the producers' sequences and the
 * leader epochs. All with the partition's lock held, unless it says otherwise. */
struct ckpt_row;
struct epochs;

void sequence_init(struct partition *p);
void sequence_free(struct partition *p);

/* Judges the batch: 0 with ret->verdict NEW or DUPLICATE (offsets set), or
 * ERR_CONFLICT with the reason. */
int sequence_check(struct partition *p, const uint8_t *batch, struct append_result *ret);

/* Takes note of a batch that is in the log now. */
void sequence_note(struct partition *p, const uint8_t *batch);

/* The log was cut to p->end: epochs follow; producers must be rebuilt (p->stale). */
void sequence_cut(struct partition *p);

/* Makes the producers what the log says, from the snapshot of the last checkpoint on.
 * Reads the disk; p->lock not held. Clears p->stale when it has worked. */
int sequence_rebuild(struct partition *p);

/* The newest epoch in the log, -1 in an empty one. */
int32_t sequence_epoch(const struct partition *p);

/* Gives each one the other's. Only p is locked. */
void sequence_swap(struct partition *p, struct partition *fresh);

/* At start, no lock: reads what belongs to the row's offset. False where it is not
 * there as the row says; then everything is as of an empty log. */
bool sequence_load(struct partition *p, const struct ckpt_row *row);

/* The same, where the epochs are known: they are p's then, and *epochs is empty. */
bool sequence_take(struct partition *p, const struct ckpt_row *row, struct epochs *epochs);

/* The state for a checkpoint at p->end, as of the begin. */
struct sequence_saving {
	struct producers_saving producers;
	struct buf epochs;
	uint32_t generation;
	bool with_snapshot, with_epochs;
};
void sequence_save_begin(struct partition *p, struct sequence_saving *s);
/* Must follow; no lock held: takes it for a moment at a time, for there may be many producers. Stops
 * where the log has been cut since; then there is no checkpoint either. */
void sequence_save_collect(struct partition *p, struct sequence_saving *s);
/* Writes it; no lock held. Frees s. lasting: durable when it returns, else after the
 * next fs_sync_all(). */
int sequence_save_write(struct partition *p, struct sequence_saving *s, int64_t offset,
    bool lasting);
void sequence_save_drop(struct sequence_saving *s);

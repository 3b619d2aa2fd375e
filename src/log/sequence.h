/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "log/partition.h"

/* What a partition derives from its batches: the producers' sequences and the
 * leader epochs. All with the partition's lock held, unless it says otherwise. */
void sequence_init(struct partition *p);
void sequence_free(struct partition *p);

/* Judges the batch: 0 with ret->verdict NEW or DUPLICATE (offsets set), or
 * ERR_CONFLICT with the reason. */
int sequence_check(struct partition *p, const uint8_t *batch, struct append_result *ret);

/* Takes note of a batch that is in the log now. */
void sequence_note(struct partition *p, const uint8_t *batch);

/* The log was cut to p->end: epochs follow; producers are rebuilt from the log. */
void sequence_cut(struct partition *p);

/* After a cut: makes the producers what the log says. Reads the disk; called with
 * p->io held and p->lock not. Clears p->stale when it has worked. */
int sequence_rebuild(struct partition *p);

/* The newest epoch in the log, -1 in an empty one. */
int32_t sequence_epoch(const struct partition *p);

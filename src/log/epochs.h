/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Where each leader epoch begins (KIP-101, KIP-320): pairs that rise in both parts.
 * A plain value under its partition's lock. */
struct epoch_start {
	int32_t epoch;
	int64_t start;
};

/* An epoch lies outside of its batch's CRC: one that no partition lives to see, from here on,
 * is damage and taken for none, or all that is led after it would have to be above it. */
#define EPOCH_MAX (1 << 28)

struct epochs {
	struct epoch_start *v;
	size_t n, cap;
	bool dirty;			/* differs from the file */
};

void epochs_free(struct epochs *e);
/* A batch of this epoch lies at offset. Takes out what contradicts it. */
void epochs_note(struct epochs *e, int32_t epoch, int64_t offset);
/* The log ends at offset / begins at offset. */
void epochs_cut_end(struct epochs *e, int64_t end);
void epochs_cut_start(struct epochs *e, int64_t start);

int32_t epochs_newest(const struct epochs *e);
/* The epoch of the batch at offset, -1 where it is not known. */
int32_t epochs_at(const struct epochs *e, int64_t offset);
/* Where the records of epoch and of those before it end, and the greatest epoch in the log
 * that is not above it (KIP-320). The current one has begun, whether or not it has
 * records; one from before the log's first ended where that began. False where epoch is
 * above the current one, or none. */
bool epochs_end(const struct epochs *e, int32_t epoch, int32_t current, int64_t log_end,
    int32_t *ret_epoch, int64_t *ret_end);

/* Kafka's leader-epoch-checkpoint (version 0). */
void epochs_encode(const struct epochs *e, struct buf *out);
/* Into an empty value; ERR_CORRUPT leaves it empty. */
int epochs_decode(struct epochs *e, struct str text);

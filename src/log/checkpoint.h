/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

/* DIR/checkpoint: one row a partition. Of these log_start and the last two cannot be
 * rebuilt from the log; the rest is how much of it need not be read again. */
#define CKPT_LABEL 256

struct ckpt_row {
	char label[CKPT_LABEL];		/* the partition's directory */
	struct uuid topic;
	int64_t log_start;
	int64_t base, at, offset;	/* recovery point: segment, byte in it, offset */
	uint32_t producers;		/* in the snapshot that belongs to it; 0: there is none */
	int32_t epoch;			/* the newest before it; -1: none */
	int64_t clean;			/* compaction has seen everything below it */
	int64_t promised;		/* of a log that lacks some of it: so far it was durable; else 0 */
	int64_t voided;			/* what groups of the journal below it have of it counts no more */
	int64_t damaged;		/* the last batch in its files that is known to be bad; -1: none */
};

struct ckpt {
	struct ckpt_row *v;
	size_t n;
	uint32_t crc;			/* of the file */
};

void ckpt_begin(struct buf *out);
void ckpt_add(struct buf *out, const struct ckpt_row *row);
uint32_t ckpt_end(struct buf *out);	/* its CRC */

/* ERR_CORRUPT for anything that ckpt_* cannot have made, ERR_UNSUPPORTED for a newer
 * version. Free with ckpt_free(). Rows are sorted by label. */
int ckpt_parse(struct str text, struct ckpt *ret);
void ckpt_free(struct ckpt *c);
const struct ckpt_row *ckpt_find(const struct ckpt *c, const char *label);

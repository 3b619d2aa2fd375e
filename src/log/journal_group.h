/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "log/impl.h"

/*
 * One group of the journal, laid out for one write: heads and small batches are copied
 * into a stage, the whole blocks of large ones are written from the chunk that they lie
 * in. For the journal's thread alone. Format: doc/FORMATS.md.
 */
#define GROUP_OWN	16		/* batches of a group that are not copied, at most */

struct group_entry {
	struct partition *p;		/* counted */
	struct chunk *chunk;		/* counted: the batch lies in it */
	const uint8_t *at;
	uint32_t n, generation;
	struct log_pos end;		/* behind the batch */
};

struct group {
	uint8_t *stage;
	size_t used, cut;		/* of the stage; where the next piece of it begins */
	size_t zeros, zeros_end;	/* of the stage: known to be zero, but for what is used by now */
	struct iovec iov[2 * GROUP_OWN + 1];	/* whole blocks, in order */
	int count;
};

/* ERR_NOMEM. */
int group_init(struct group *group);
void group_free(struct group *group);
/* For who writes to the stage besides: nothing is known of it any more. */
void group_stage_is_used(struct group *group);

/* How many of the n entries go into one group (one at least), and its bytes without the
 * padding to the next block. */
size_t group_fit(const struct group_entry *e, size_t n, size_t *ret_bytes);

/* Lays out n entries that fit, with `bytes` from group_fit(). The pieces refer to the
 * chunks: write them before the entries are let go. */
void group_build(struct group *group, const struct group_entry *e, size_t n, size_t bytes,
    uint64_t file, uint64_t number);

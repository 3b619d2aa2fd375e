/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/str.h"

/*
 * Values that say who wrote them and how many he wrote to that partition before, so that
 * what is read back shows a loss, a repetition and a wrong order by itself.
 */
#define STAMP_BYTES 16u

/* Into the first value of a batch that batch_build() made without keys, and the CRC anew.
 * Values shorter than STAMP_BYTES are left as they are. */
void stamp_batch(uint8_t *p, size_t n, uint64_t writer, uint64_t count);

/* What was read of one partition so far. Zeroes are the beginning. */
struct stamps {
	uint64_t *next;			/* by writer */
	uint64_t writers;
	uint64_t seen;
};

/* NULL where `value` is the next one of its writer, or too short to say; otherwise what is wrong. */
const char *stamps_check(struct stamps *s, struct str value);
void stamps_free(struct stamps *s);

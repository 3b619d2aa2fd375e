/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"

/*
 * The fixed head of a record batch (magic 2, 61 bytes) as it lies in a segment:
 * what the log needs of it. Validation of content is wire/batch's.
 */
#define HEAD_BYTES	61u
#define HEAD_PREFIX	12u		/* base offset and length: outside the CRC */
#define HEAD_CRC_FROM	21u		/* the CRC covers all from here on */

static inline int64_t head_base(const uint8_t *b) { return (int64_t)be_get(b, 8); }
static inline int32_t head_length(const uint8_t *b) { return (int32_t)be_get(b + 8, 4); }
/* Bytes of the whole batch. */
static inline int64_t head_size(const uint8_t *b) { return (int64_t)head_length(b) + HEAD_PREFIX; }
static inline int32_t head_epoch(const uint8_t *b) { return (int32_t)be_get(b + 12, 4); }
static inline int8_t head_magic(const uint8_t *b) { return (int8_t)b[16]; }
static inline uint32_t head_crc(const uint8_t *b) { return (uint32_t)be_get(b + 17, 4); }
static inline int16_t head_attributes(const uint8_t *b) { return (int16_t)be_get(b + 21, 2); }
static inline int32_t head_last_delta(const uint8_t *b) { return (int32_t)be_get(b + 23, 4); }
static inline int64_t head_max_time(const uint8_t *b) { return (int64_t)be_get(b + 35, 8); }
static inline int64_t head_producer(const uint8_t *b) { return (int64_t)be_get(b + 43, 8); }
static inline int16_t head_producer_epoch(const uint8_t *b) { return (int16_t)be_get(b + 51, 2); }
static inline int32_t head_sequence(const uint8_t *b) { return (int32_t)be_get(b + 53, 4); }
/* The offset behind its last record. */
static inline int64_t
head_end(const uint8_t *b)
{
	return head_base(b) + head_last_delta(b) + 1;
}

/* Whether these 61 bytes can begin a batch at all: before a length is believed. */
static inline bool
head_sane(const uint8_t *b, int64_t max_bytes)
{
	int32_t length = head_length(b);
	return length >= (int32_t)(HEAD_BYTES - HEAD_PREFIX) && head_size(b) <= max_bytes &&
	    head_magic(b) == 2 && head_last_delta(b) >= 0 && head_base(b) >= 0 &&
	    head_base(b) <= INT64_MAX - INT32_MAX - 1;
}

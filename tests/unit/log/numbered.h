/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Batches of BATCH bytes and one record each, told apart by their offset: what was appended is known when it is read. */
#include "support.h"

#include "log/read.h"

enum { BATCH = 100 };

static inline void
batch_of(uint8_t b[BATCH], int64_t i)
{
	make_batch(b, BATCH, 1, 1000 + i, (uint8_t)i);
}

static inline void
append(struct partition *p, int64_t from, int64_t to)
{
	struct append_result r;
	uint8_t b[BATCH];
	for (int64_t i = from; i < to; i++) {
		batch_of(b, i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, i);
	}
}

/* The error of reading past the cache; what is read is what was appended. */
static inline int
read_at(struct partition *p, int64_t offset)
{
	struct log_read_job r = { .p = p, .offset = offset, .max_bytes = 1, .at_least_one = true };
	uint8_t want[BATCH];
	read_cold(&r);
	if (r.err == 0) {
		batch_of(want, offset);
		assert_memory_equal(log_buf_bytes(r.buf).p + HEAD_CRC_FROM, want + HEAD_CRC_FROM, BATCH - HEAD_CRC_FROM);
	}
	log_buf_put(r.buf);
	return r.err;
}

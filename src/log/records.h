/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The bound on what one stored batch may become. */
#define RECORDS_MAX (UINT64_C(256) << 20)

/* What the log looks for inside a batch. */
struct record_time {
	int64_t offset, time;
};

/* The first record at or behind min_offset whose time is >= time; decompresses.
 * ERR_NOTFOUND, ERR_CORRUPT. */
int records_first_at(const uint8_t *batch, int64_t time, int64_t min_offset,
    struct record_time *ret);

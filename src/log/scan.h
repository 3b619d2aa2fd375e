/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Walks the batches of a segment file in order. Trusts nothing: a length that
 * does not fit, a batch that is no batch, a wrong CRC or an offset that goes back
 * end it with ERR_CORRUPT. Blocks. */
struct scan {
	int fd;
	int64_t at;			/* of the next batch */
	int64_t limit;			/* bytes of the file that count */
	int64_t next;			/* the least offset the next batch may have */
	bool crc;			/* check each batch's CRC */
	uint8_t *buf;			/* private: the file's bytes from buf_at */
	int64_t buf_at;
	uint32_t cap, have;
};

void scan_start(struct scan *s, int fd, int64_t at, int64_t limit, int64_t next, bool crc);
void scan_stop(struct scan *s);

/* The next batch, valid until the next call, and where it lies. ERR_NOTFOUND at
 * the limit, ERR_CORRUPT, or what reading gave. */
int scan_next(struct scan *s, const uint8_t **ret_batch, int64_t *ret_at);

/* SPDX-License-Identifier: Apache-2.0 */
/* Batches in the log were checked when they came in; they are walked with a bound
 * nevertheless, since a disk may give back something else. */
#include "log/records.h"

#include "base/err.h"
#include "log/head.h"
#include "wire/batch.h"

int
records_first_at(const uint8_t *b, int64_t time, int64_t min_offset, struct record_time *ret)
{
	struct batch_iter it;
	struct batch_record r;
	bool append_time = batch_is_append_time(b);
	int err = batch_iter_begin(&it, b, (size_t)head_size(b), RECORDS_MAX);
	if (err != 0)
		return err;
	err = ERR_NOTFOUND;
	while (err == ERR_NOTFOUND && batch_iter_next(&it, &r)) {
		int64_t at = append_time ? head_max_time(b) : r.timestamp;
		if (at >= time && r.offset >= min_offset) {
			*ret = (struct record_time){ r.offset, at };
			err = 0;
		}
	}
	if (err == ERR_NOTFOUND && it.left > 0)
		err = ERR_CORRUPT;
	batch_iter_end(&it);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of segments: kept in memory while a segment is active, on disk after. */
#include "log/seal.h"

#include "log/impl.h"

void
partition_seal_closed(struct partition *p)
{
	(void)p;
}

int64_t
segment_locate(struct partition *p, struct segment *g, int64_t offset)
{
	(void)p;
	(void)g;
	(void)offset;
	return 0;
}

bool
segment_index_full(const struct segment *g, int32_t index_bytes)
{
	(void)g;
	(void)index_bytes;
	return false;
}

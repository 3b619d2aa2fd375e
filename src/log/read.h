/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "log/partition.h"

/* A read from a segment file, for the reader threads and look-ups. */
struct cold {
	int64_t offset;
	size_t max;
	bool at_least_one;
	int64_t from, limit;		/* bytes of the file to look at */
	int64_t end_offset;		/* batches from here on are not seen */
	int64_t bad;			/* with ERR_CORRUPT: where the batch that cannot be read begins */
};

/* As partition_read(), blocking; *ret is NULL before, and after it where there is nothing. */
int partition_read_disk(struct partition *p, struct cold *c, struct log_ends *ends,
    struct log_buf **ret);

/* A batch below the durable end is damaged: refuses appends from now on, also after a restart. */
void partition_found_damage(struct partition *p, int64_t offset);

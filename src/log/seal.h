/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct partition;
struct segment;

/* Segments that have been rolled and are written whole get their index files and
 * lose their index memory. Under p->io. */
void partition_seal_closed(struct partition *p);

/* A byte in g's file at or before the batch that holds offset, by the index; 0 where
 * there is none. May block. */
int64_t segment_locate(struct partition *p, struct segment *g, int64_t offset);

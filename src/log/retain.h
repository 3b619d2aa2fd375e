/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct partition;
struct segment;

/* Takes segments out of a log's beginning: those below the log start, too old ones
 * (where by_time), and those beyond retention.bytes. Their files are renamed now and
 * removed after file.delete.delay.ms. Returns how many. Blocks. */
unsigned partition_retain(struct partition *p, int64_t wall_ms, bool by_time);

/* Renames the files of a segment; they are removed after file.delete.delay.ms. An error is one
 * of its .log. Under p->io. */
int partition_bury_segment(struct partition *p, const struct segment *g);

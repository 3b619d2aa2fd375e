/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * DIR/clean-stop: that the stop was clean, and what the files of each partition were then, so
 * that the next start need not look at them. It belongs to one checkpoint file. A partition that
 * has no row here, or whose directory was touched since, is looked at as after any clean stop.
 */
struct partition;
struct ckpt_row;

struct mark_row {
	struct str label, rest;
};

struct mark {
	char *text;
	struct mark_row *v;		/* by label */
	size_t n;
};

/* crc: of the checkpoint that it belongs to. */
void mark_begin(struct buf *out, uint32_t crc);
/* At a stop: nothing may touch the files of p any more. Nothing is added where the next start has
 * something to do there. synced: the file system was, after all that was written. Blocks. */
void mark_add(struct buf *out, struct partition *p, bool synced);
void mark_end(struct buf *out);

/* Takes over text (mem_free). Without a row where it is another's, of another version, or damaged: also that
 * tells of a clean stop. Free with mark_free(). */
void mark_parse(char *text, size_t n, uint32_t crc, struct mark *ret);
void mark_free(struct mark *m);

/* Makes p, which knows its row of the checkpoint, what it was at the stop. Of its files none is opened but a
 * snapshot. False: it has no row here, or the directory was touched since; then p is as it was. Blocks. */
bool mark_load(const struct mark *m, struct partition *p, const struct ckpt_row *row);

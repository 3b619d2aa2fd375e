/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a large batch into the stage costs more than writing it. What is written past the
 * page cache has to begin on a block in memory and in the file alike, so such a batch is
 * moved on in the group until both agree; the ends of it, less than a block
 * each, are copied: a block that holds a part of another batch may still change.
 */
#include "log/journal_group.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/journal_format.h"

#define STAGE_BYTES	(1024u * 1024u)	/* whole blocks, so the padding of the last one fits, too */
#define GROUP_BYTES	(4u * 1024u * 1024u)
#define OWN_MIN		(64u * 1024u)	/* bytes; a shorter batch is copied */

/* Where an entry that begins at a multiple of 8 has its parts, from the group's beginning. */
struct place {
	size_t batch;
	size_t from, to;	/* blocks that are written where they lie; equal: none */
	size_t end;
};

static struct place
place_of(const struct group_entry *e, size_t at)
{
	struct place q = { .batch = at + sizeof(struct journal_entry_head) };
	if (e->n >= OWN_MIN) {
		q.batch += ((uintptr_t)e->at - q.batch) & (JOURNAL_BLOCK - 1);
		q.from = journal_blocks(q.batch);
		q.to = (q.batch + e->n) & ~(size_t)(JOURNAL_BLOCK - 1);
	}
	q.end = (q.batch + e->n + 7) & ~(size_t)7;
	return q;
}

int
group_init(struct group *g)
{
	*g = (struct group){ .stage = mem_try_aligned(JOURNAL_BLOCK, STAGE_BYTES) };
	return g->stage == NULL ? ERR_NOMEM : 0;
}

void
group_free(struct group *g)
{
	mem_free(g->stage);
	g->stage = NULL;
}

void
group_stage_is_used(struct group *g)
{
	g->zeros = g->zeros_end = 0;
}

size_t
group_fit(const struct group_entry *e, size_t n, size_t *ret_bytes)
{
	size_t at = sizeof(struct journal_group_head), stage = at, own = 0, i = 0;
	for (; i < n; i++) {
		struct place q = place_of(&e[i], at);
		size_t copied = q.end - at - (q.to - q.from);
		own += q.to > q.from;
		if (i > 0 && (q.end > GROUP_BYTES || own > GROUP_OWN ||
		    stage + copied > STAGE_BYTES))
			break;
		stage += copied;
		at = q.end;
	}
	*ret_bytes = at;
	return i;
}

static void
stage_add(struct group *g, const void *p, size_t n)
{
	memcpy(g->stage + g->used, p, n);
	g->used += n;
}

/* Groups are of like sizes, and the zeros behind the last one lie there still, but for what was written
 * over: to write half a block of them anew for each would cost more than the rest of a small group. */
static void
stage_zeros(struct group *g, size_t n)
{
	size_t end = g->used + n, upto = end;
	if (g->zeros < end && end <= g->zeros_end)
		upto = g->zeros < g->used ? g->used : g->zeros;
	memset(g->stage + g->used, 0, upto - g->used);
	g->used = end;
}

/* What was staged since the last piece is one. */
static void
stage_cut(struct group *g)
{
	if (g->used > g->cut)
		g->iov[g->count++] = (struct iovec){ g->stage + g->cut, g->used - g->cut };
	g->cut = g->used;
}

/* Adds an entry that begins at `at`; returns where it ends. */
static size_t
add_entry(struct group *g, const struct group_entry *e, size_t at, uint32_t *crc)
{
	struct place q = place_of(e, at);
	struct journal_entry_head h = { .partition = (uint32_t)e->p->index, .generation = e->generation,
		.bytes = e->n, .pad = (uint32_t)(q.batch - at - sizeof(h)) };
	size_t before = q.to > q.from ? q.from - q.batch : e->n, own = q.to - q.from;
	memcpy(h.topic, e->p->topic.b, sizeof(h.topic));
	*crc = crc32c(crc32c(*crc, &h, sizeof(h)), e->at, JOURNAL_COVERED);
	stage_add(g, &h, sizeof(h));
	stage_zeros(g, h.pad);
	stage_add(g, e->at, before);
	if (own > 0) {
		stage_cut(g);
		g->iov[g->count++] = (struct iovec){ (void *)(uintptr_t)(e->at + before), own };
	}
	stage_add(g, e->at + before + own, e->n - before - own);
	stage_zeros(g, q.end - q.batch - e->n);
	return q.end;
}

void
group_build(struct group *g, const struct group_entry *e, size_t n, size_t bytes, uint64_t file,
    uint64_t number)
{
	struct journal_group_head h = { JOURNAL_GROUP_MAGIC, 0, file, number, (uint32_t)bytes, (uint32_t)n };
	uint32_t crc = crc32c(0, &h.file, sizeof(h) - 8);
	size_t at = sizeof(h);
	g->used = sizeof(h);
	g->cut = 0;
	g->count = 0;
	for (size_t i = 0; i < n; i++)
		at = add_entry(g, &e[i], at, &crc);
	size_t zeros = g->used;
	stage_zeros(g, -at & (JOURNAL_BLOCK - 1));
	g->zeros = zeros;
	g->zeros_end = g->used;
	stage_cut(g);
	h.crc = crc;
	memcpy(g->stage, &h, sizeof(h));
}

/* SPDX-License-Identifier: Apache-2.0
 * Bytes go into blocks of the arena, each twice as large as the one before up
 * to a bound; a full block, or a piece that is only pointed to, closes the open
 * run and adds it to the list. The list and the blocks are the arena's. */
#include "wire/writer.h"

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

/* The room in an open block is not counted against OUT_MAX: hence the slack. */
enum { BLOCK_FIRST = 512, BLOCK_MAX = 65536, OUT_MAX = INT_MAX - 2 * BLOCK_MAX };

void
writer_init(struct writer *w, struct arena *arena)
{
	*w = (struct writer){ .arena = arena, .block = BLOCK_FIRST };
}

int
writer_fail(struct writer *w, int err)
{
	if (w->err == 0)
		w->err = err;
	w->end = w->p;
	return w->err;
}

static bool
too_much(const struct writer *w, size_t n)
{
	return w->n > OUT_MAX || n > OUT_MAX - w->n;
}

static void
close_run(struct writer *w)
{
	if (w->p != w->start)
		pieces_add(w->arena, &w->out, w->start, (uint32_t)(w->p - w->start));
	w->start = w->p;
}

uint8_t *
writer_grow(struct writer *w, size_t n)
{
	if (w->err != 0 || too_much(w, n)) {
		writer_fail(w, ERR_LIMIT);
		return NULL;
	}
	size_t size = n > w->block ? n : w->block;
	close_run(w);
	w->start = w->p = arena_alloc(w->arena, size);
	w->end = w->p + size;
	if (w->block < BLOCK_MAX)
		w->block *= 2;
	return writer_room(w, n);
}

void
writer_leb128(struct writer *w, uint32_t v)
{
	uint8_t b[5];
	size_t n = 0;
	while (v >= 0x80) {
		b[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b[n++] = (uint8_t)v;
	writer_bytes(w, b, n);
}

void
writer_bytes(struct writer *w, const void *p, size_t n)
{
	uint8_t *to = n == 0 ? NULL : writer_room(w, n);
	if (to != NULL)
		memcpy(to, p, n);
}

void
writer_piece(struct writer *w, const uint8_t *p, uint32_t n)
{
	if (w->err != 0 || n == 0)
		return;
	if (too_much(w, n)) {
		writer_fail(w, ERR_LIMIT);
		return;
	}
	close_run(w);
	pieces_add(w->arena, &w->out, p, n);
	w->n += n;
}

void
writer_str(struct writer *w, struct str s)
{
	if (s.p != NULL && s.n > INT16_MAX)
		writer_fail(w, ERR_LIMIT);
	writer_i16(w, s.p == NULL ? -1 : (int16_t)s.n);
	if (s.p != NULL)
		writer_bytes(w, s.p, s.n);
}

void
writer_compact_str(struct writer *w, struct str s)
{
	if (s.p != NULL && s.n > OUT_MAX)
		writer_fail(w, ERR_LIMIT);
	writer_varint(w, s.p == NULL ? 0 : (uint32_t)s.n + 1);
	if (s.p != NULL)
		writer_bytes(w, s.p, s.n);
}

uint8_t *
writer_hole(struct writer *w)
{
	return writer_room(w, sizeof(int32_t));
}

void
writer_fill(uint8_t *hole, int32_t v)
{
	if (hole != NULL)
		be_put(hole, (uint32_t)v, 4);
}

int
writer_finish(struct writer *w, struct pieces *ret)
{
	if (w->err != 0)
		return w->err;
	close_run(w);
	*ret = w->out;
	return 0;
}

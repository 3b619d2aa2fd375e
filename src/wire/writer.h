/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/be.h"
#include "base/piece.h"
#include "base/str.h"

/*
 * Gathers a message: small fields are written into memory of the arena, record
 * bytes are only pointed to. The result is a list of pieces in order, valid
 * while the arena is not reset and the records' owner keeps them. The error is
 * sticky: after the first one nothing more is written.
 */
struct writer {
	struct arena *arena;
	uint8_t *start, *p, *end;	/* the open piece, and the room behind it */
	size_t block;			/* size of the next block */
	size_t n;			/* bytes so far, gathered ones too */
	struct pieces out;		/* closed pieces */
	int err;
};

void writer_init(struct writer *w, struct arena *arena);

/* Sets the error unless one is set already; returns the error that counts. */
int writer_fail(struct writer *w, int err);

/* What writer_room() falls back to: a new block, or NULL after an error. */
uint8_t *writer_grow(struct writer *w, size_t n);

/* Room for n bytes in one run, to be filled by the caller; NULL after an error. */
static inline uint8_t *
writer_room(struct writer *w, size_t n)
{
	if (n > (size_t)(w->end - w->p))
		return writer_grow(w, n);
	uint8_t *p = w->p;
	w->p += n;
	w->n += n;
	return p;
}

static inline void
writer_i8(struct writer *w, int8_t v)
{
	uint8_t *p = writer_room(w, 1);
	if (p != NULL)
		*p = (uint8_t)v;
}

static inline void
writer_i16(struct writer *w, int16_t v)
{
	uint8_t *p = writer_room(w, 2);
	if (p != NULL)
		be_put(p, (uint16_t)v, 2);
}

static inline void
writer_i32(struct writer *w, int32_t v)
{
	uint8_t *p = writer_room(w, 4);
	if (p != NULL)
		be_put(p, (uint32_t)v, 4);
}

/* For writer_varint(), which has the short ones inline: flexible messages are full of them. */
void writer_leb128(struct writer *w, uint32_t v);

static inline void
writer_varint(struct writer *w, uint32_t v)
{
	if (v < 0x80)
		writer_i8(w, (int8_t)v);
	else
		writer_leb128(w, v);
}

/* Copies. */
void writer_bytes(struct writer *w, const void *p, size_t n);
/* Points: p must outlive the writer's result. */
void writer_piece(struct writer *w, const uint8_t *p, uint32_t n);

/* A string with a 16-bit length, null as -1 (ERR_LIMIT over 32767 bytes); the
 * other with a varint of length + 1, null as 0. */
void writer_str(struct writer *w, struct str s);
void writer_compact_str(struct writer *w, struct str s);

/* Leaves room for an int32 that is known later (a frame's length); put it by
 * writer_fill(). NULL after an error. */
uint8_t *writer_hole(struct writer *w);
void writer_fill(uint8_t *hole, int32_t v);

/* Everything so far, as pieces. 0, or the writer's error. The writer may go on. */
int writer_finish(struct writer *w, struct pieces *ret);

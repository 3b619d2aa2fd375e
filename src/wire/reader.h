/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Reads big-endian fields from bytes that somebody else owns. The error is
 * sticky: the first one stays, and every read after it gives zero and moves
 * nowhere, so a parser is straight-line code that looks at err once.
 * ERR_SHORT: fewer bytes than asked for. ERR_CORRUPT: bytes that mean nothing.
 */
struct reader {
	const uint8_t *p, *end;
	int err;
};

static inline struct reader
reader_of(const void *p, size_t n)
{
	return (struct reader){ p, (const uint8_t *)p + n, 0 };
}

static inline size_t
reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

/* Sets the error, unless one is set already, and empties the reader. Returns
 * the error that counts. */
int reader_fail(struct reader *r, int err);

/* A view of the next n bytes; NULL on error. */
static inline const uint8_t *
reader_bytes(struct reader *r, size_t n)
{
	if (n > reader_left(r) || r->err != 0) {
		reader_fail(r, ERR_SHORT);
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	return p;
}

static inline void
reader_skip(struct reader *r, size_t n)
{
	(void)reader_bytes(r, n);
}

static inline int8_t
reader_i8(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 1);
	return p == NULL ? 0 : (int8_t)*p;
}

static inline int16_t
reader_i16(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 2);
	return p == NULL ? 0 : (int16_t)be_get(p, 2);
}

static inline int32_t
reader_i32(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 4);
	return p == NULL ? 0 : (int32_t)be_get(p, 4);
}

static inline int64_t
reader_i64(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 8);
	return p == NULL ? 0 : (int64_t)be_get(p, 8);
}

/* LEB128 of at most so many bits: what reader_varint(), which has the short ones inline, falls back to. */
uint64_t reader_leb128(struct reader *r, unsigned bits);

/* Unsigned LEB128 of at most 32 bits; longer or larger is ERR_CORRUPT. */
static inline uint32_t
reader_varint(struct reader *r)
{
	if (reader_left(r) >= 2) {
		uint32_t low = r->p[0], high = r->p[1];
		if (low < 0x80) {
			r->p++;
			return low;
		}
		if (high < 0x80) {
			r->p += 2;
			return (low & 0x7f) | high << 7;
		}
	}
	return (uint32_t)reader_leb128(r, 32);
}

/* A reader of the next n bytes alone; failed where there are fewer. */
struct reader reader_sub(struct reader *r, size_t n);

/* A view of a string with a 16-bit length; -1 gives null where nullable, else
 * ERR_CORRUPT, as other negative lengths do. */
struct str reader_str(struct reader *r, bool nullable);
/* The same with a varint of length + 1, 0 for null. */
struct str reader_compact_str(struct reader *r, bool nullable);

/* The reader's error, or ERR_CORRUPT where bytes are left over. */
int reader_end(struct reader *r);

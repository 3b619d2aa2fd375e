/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw block is the length of its output, then literals and copies from what
 * was put out before. The declared length is a claim: output grows as elements
 * come, and the claim must have come true at the end. Compression finds matches
 * of four bytes through a small hash table, in pieces of 64 KiB.
 */
#include "wire/snappy.h"

#include <string.h>

#include "base/err.h"
#include "wire/reader.h"

#define XERIAL_HEAD	16
#define PIECE		65536u
#define TABLE_BITS	13

static const uint8_t xerial_magic[8] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

static int
put_literal(struct reader *r, uint32_t n, struct buf *out)
{
	const uint8_t *p = reader_bytes(r, n);
	return p == NULL ? ERR_CORRUPT : buf_add(out, p, n);
}

/* Copies n bytes from `back` bytes before the end; the ranges may overlap. */
static int
put_copy(struct buf *out, size_t start, uint32_t back, uint32_t n)
{
	if (back == 0 || back > out->n - start)
		return ERR_CORRUPT;
	int err = buf_reserve(out, n);
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < n; i++, out->n++)
		out->p[out->n] = out->p[out->n - back];
	return 0;
}

static uint32_t
le(struct reader *r, int n)
{
	const uint8_t *p = reader_bytes(r, (size_t)n);
	uint32_t v = 0;
	for (int i = n; p != NULL && i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static int
element(struct reader *r, struct buf *out, size_t start)
{
	uint8_t tag = (uint8_t)reader_i8(r);
	uint32_t n, back;
	switch (tag & 3) {
	case 0:
		n = tag >> 2;
		if (n >= 60)
			n = le(r, (int)n - 59);
		return n == UINT32_MAX ? ERR_CORRUPT : put_literal(r, n + 1, out);
	case 1:
		n = 4 + ((tag >> 2) & 7);
		back = (uint32_t)(tag >> 5) << 8 | le(r, 1);
		break;
	case 2:
		n = 1 + (tag >> 2);
		back = le(r, 2);
		break;
	default:
		n = 1 + (tag >> 2);
		back = le(r, 4);
	}
	return r->err != 0 ? ERR_CORRUPT : put_copy(out, start, back, n);
}

static int
raw_block(const uint8_t *p, size_t n, struct buf *out)
{
	struct reader r = reader_of(p, n);
	size_t start = out->n, claim = reader_varint(&r);
	int err = r.err != 0 ? ERR_CORRUPT : claim > out->max - out->n ? ERR_LIMIT : 0;
	while (err == 0 && reader_left(&r) > 0)
		err = element(&r, out, start);
	return err == 0 && out->n - start != claim ? ERR_CORRUPT : err;
}

int
snappy_decompress(const uint8_t *p, size_t n, struct buf *out)
{
	if (n < XERIAL_HEAD || memcmp(p, xerial_magic, sizeof(xerial_magic)) != 0)
		return raw_block(p, n, out);
	struct reader r = reader_of(p + XERIAL_HEAD, n - XERIAL_HEAD);
	int err = 0;
	while (err == 0 && reader_left(&r) > 0) {
		int32_t size = reader_i32(&r);
		const uint8_t *block = size < 0 ? NULL : reader_bytes(&r, (size_t)size);
		err = block == NULL ? ERR_CORRUPT : raw_block(block, (size_t)size, out);
	}
	return err;
}

static int
emit_literal(const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t head[3] = { 0 };
	size_t head_n = 1;
	if (n == 0)
		return 0;
	if (n <= 60)
		head[0] = (uint8_t)((n - 1) << 2);
	else if (n <= 256) {
		head[0] = 60 << 2;
		head[1] = (uint8_t)(n - 1);
		head_n = 2;
	} else {
		head[0] = 61 << 2;
		head[1] = (uint8_t)(n - 1);
		head[2] = (uint8_t)((n - 1) >> 8);
		head_n = 3;
	}
	int err = buf_add(out, head, head_n);
	return err != 0 ? err : buf_add(out, p, n);
}

static int
emit_copy(size_t back, size_t n, struct buf *out)
{
	int err = 0;
	while (n > 0 && err == 0) {
		size_t step = n > 64 ? 60 : n; /* never leaves less than 4 for the last */
		uint8_t e[3] = { (uint8_t)((step - 1) << 2 | 2), (uint8_t)back, (uint8_t)(back >> 8) };
		err = buf_add(out, e, 3);
		n -= step;
	}
	return err;
}

static uint32_t
four(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static int
compress_piece(const uint8_t *p, size_t n, struct buf *out)
{
	uint16_t table[1 << TABLE_BITS] = { 0 };
	size_t at = 1, literal = 0;
	int err = 0;
	while (err == 0 && at + 4 <= n) {
		uint32_t slot = four(p + at) * 0x1e35a7bdu >> (32 - TABLE_BITS);
		size_t from = table[slot], len = 0;
		table[slot] = (uint16_t)at;
		if (from < at && four(p + from) == four(p + at))
			for (len = 4; at + len < n && p[from + len] == p[at + len]; len++)
				continue;
		if (len == 0) {
			at++;
			continue;
		}
		err = emit_literal(p + literal, at - literal, out);
		if (err == 0)
			err = emit_copy(at - from, len, out);
		at += len;
		literal = at;
	}
	return err != 0 ? err : emit_literal(p + literal, n - literal, out);
}

int
snappy_compress(const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t head[5];
	size_t head_n = 0;
	int err;
	if (n > UINT32_MAX)
		return ERR_LIMIT;
	for (size_t v = n; head_n == 0 || v > 0; v >>= 7)
		head[head_n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	err = buf_add(out, head, head_n);
	for (size_t at = 0; at < n && err == 0; at += PIECE)
		err = compress_piece(p + at, n - at < PIECE ? n - at : PIECE, out);
	return err;
}

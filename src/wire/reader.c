/* SPDX-License-Identifier: Apache-2.0
 * A length meets the bytes that are left in reader_bytes() alone (compared, never
 * added to a pointer); varints look at one byte after the other. After an error
 * the reader is empty, so that it fails again at the next read of anything. */
#include "wire/reader.h"

int
reader_fail(struct reader *r, int err)
{
	if (r->err == 0)
		r->err = err;
	r->p = r->end;
	return r->err;
}

/* LEB128 of at most `bits` bits; the last byte must not carry more. */
uint64_t
reader_leb128(struct reader *r, unsigned bits)
{
	uint64_t v = 0;
	const uint8_t *p = r->p;
	for (unsigned shift = 0; shift < bits; shift += 7) {
		if (p == r->end) {
			reader_fail(r, ERR_SHORT);
			return 0;
		}
		uint64_t part = *p & 0x7f;
		if (bits - shift < 7 && part >> (bits - shift) != 0)
			break;
		v |= part << shift;
		if ((*p++ & 0x80) == 0) {
			r->p = p;
			return v;
		}
	}
	reader_fail(r, ERR_CORRUPT);
	return 0;
}

struct reader
reader_sub(struct reader *r, size_t n)
{
	const uint8_t *p = reader_bytes(r, n);
	if (p == NULL)
		return (struct reader){ r->end, r->end, r->err };
	return reader_of(p, n);
}

/* n: the length, or -1 for null. */
static struct str
view(struct reader *r, int64_t n, bool nullable)
{
	if (r->err != 0)
		return STR_NULL;
	if (n < 0) {
		if (n != -1 || !nullable)
			reader_fail(r, ERR_CORRUPT);
		return STR_NULL;
	}
	const uint8_t *p = reader_bytes(r, (size_t)n);
	return p == NULL ? STR_NULL : (struct str){ (const char *)p, (size_t)n };
}

struct str
reader_str(struct reader *r, bool nullable)
{
	return view(r, reader_i16(r), nullable);
}

struct str
reader_compact_str(struct reader *r, bool nullable)
{
	return view(r, (int64_t)reader_varint(r) - 1, nullable);
}

int
reader_end(struct reader *r)
{
	return r->err == 0 && r->p != r->end ? reader_fail(r, ERR_CORRUPT) : r->err;
}

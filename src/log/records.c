/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the records of a batch only as far as their offset and time. */
#include "log/records.h"

#include <stdbool.h>

#include "base/err.h"
#include "log/head.h"

#define ATTR_CODEC	7
#define ATTR_APPEND_TIME 8

struct cursor {
	const uint8_t *p, *end;
};

/* A zig-zag varint; false where it does not end within ten bytes or the input. */
static bool
varint(struct cursor *c, int64_t *ret)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
		uint8_t b = *c->p++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0) {
			*ret = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
			return true;
		}
	}
	return false;
}

static bool
next_record(struct cursor *c, int64_t *ret_time_delta, int64_t *ret_offset_delta)
{
	int64_t length;
	if (!varint(c, &length) || length < 1 || length > c->end - c->p)
		return false;
	struct cursor r = { c->p + 1, c->p + length };	/* behind the attributes */
	c->p += length;
	return varint(&r, ret_time_delta) && varint(&r, ret_offset_delta);
}

int
records_first_at(const uint8_t *b, int64_t time, int64_t min_offset, struct record_time *ret)
{
	struct cursor c = { b + HEAD_BYTES, b + head_size(b) };
	int64_t base = head_base(b), first_time = (int64_t)head_be(b + 27, 8);
	int64_t dt, doff;
	bool append_time = (head_attributes(b) & ATTR_APPEND_TIME) != 0;
	if ((head_attributes(b) & ATTR_CODEC) != 0) {
		*ret = (struct record_time){ head_end(b) - 1, head_max_time(b) };
		return 0;
	}
	for (uint32_t n = (uint32_t)head_be(b + 57, 4); n > 0; n--) {
		if (!next_record(&c, &dt, &doff))
			return ERR_CORRUPT;
		int64_t at = append_time ? head_max_time(b) : (int64_t)((uint64_t)first_time + (uint64_t)dt);
		if (at >= time && base + doff >= min_offset) {
			*ret = (struct record_time){ base + doff, at };
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

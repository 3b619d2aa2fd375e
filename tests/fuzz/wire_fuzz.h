/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdlib.h>

#include "base/err.h"
#include "wire/codec.h"

enum { WIRE_FUZZ_MEMORY = 16 << 20, WIRE_FUZZ_TENANT = 3 };

/* All pieces in one run of bytes. */
static inline struct bytes
wire_fuzz_flat(const struct pieces *list, struct arena *arena)
{
	size_t n = 0, at = 0;
	for (int32_t i = 0; i < list->n; i++)
		n += list->v[i].n;
	uint8_t *p = arena_alloc(arena, n > 0 ? n : 1);
	for (int32_t i = 0; i < list->n; at += list->v[i].n, i++)
		memcpy(p + at, list->v[i].p, list->v[i].n);
	return (struct bytes){ p, n };
}

/* Encodes; aborts where that fails. */
static inline struct bytes
wire_fuzz_encode(const struct wire_msg *msg, int version, const void *in, struct arena *arena)
{
	struct writer w;
	struct pieces list;
	writer_init(&w, arena);
	if (wire_encode(msg, version, &w, WIRE_FUZZ_TENANT, in) != 0 || writer_finish(&w, &list) != 0)
		abort();
	return wire_fuzz_flat(&list, arena);
}

static inline void
wire_fuzz_message(const struct wire_msg *msg, int version, struct reader *r, struct arena *arena)
{
	void *in = arena_alloc(arena, msg->type->size), *again = arena_alloc(arena, msg->type->size);
	struct buf text;
	if (wire_decode(msg, version, r, arena, WIRE_FUZZ_TENANT, in) != 0)
		return;
	struct bytes one = wire_fuzz_encode(msg, version, in, arena);
	struct reader second = reader_of(one.p, one.n);
	if (wire_decode(msg, version, &second, arena, WIRE_FUZZ_TENANT, again) != 0) {
		/* Decoding it twice may pass the limit that once did not. */
		if (second.err != ERR_LIMIT)
			abort();
		return;
	}
	struct bytes two = wire_fuzz_encode(msg, version, again, arena);
	if (reader_end(&second) != 0 || one.n != two.n || memcmp(one.p, two.p, one.n) != 0)
		abort();
	buf_init(&text, 1 << 16);
	(void)wire_dump(msg, version, in, &text);
	buf_free(&text);
}

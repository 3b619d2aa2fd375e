/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stamp is the writer and the count, eight bytes each, the most significant first. Each
 * writer counts for itself from zero: batches of several writers may mix in any order.
 */
#include "stamp.h"

#include <string.h>

#include "base/be.h"
#include "base/hash.h"
#include "base/mem.h"
#include "wire/batch.h"

#define WRITERS_MAX (1u << 16)

void
stamp_batch(uint8_t *p, size_t n, uint64_t writer, uint64_t count)
{
	struct batch_iter it;
	struct batch_record first;
	if (batch_iter_begin(&it, p, n, 0) != 0)
		return;
	bool found = batch_iter_next(&it, &first) && first.value.n >= STAMP_BYTES;
	batch_iter_end(&it);
	if (!found)
		return;
	uint8_t *at = p + ((const uint8_t *)first.value.p - p);
	be_put(at, writer, 8);
	be_put(at + 8, count, 8);
	be_put(p + 17, crc32c(0, p + 21, n - 21), 4);
}

/* Room for one more writer; false where nobody has so many. */
static bool
make_room(struct stamps *s, uint64_t writer)
{
	if (writer >= WRITERS_MAX)
		return false;
	if (writer >= s->writers) {
		uint64_t *next = mem_zalloc((writer + 1) * sizeof(*next));
		if (s->writers > 0)
			memcpy(next, s->next, s->writers * sizeof(*next));
		mem_free(s->next);
		s->next = next;
		s->writers = writer + 1;
	}
	return true;
}

const char *
stamps_check(struct stamps *s, struct str value)
{
	const uint8_t *p = (const uint8_t *)value.p;
	if (value.n < STAMP_BYTES)
		return NULL;
	uint64_t writer = be_get(p, 8), count = be_get(p + 8, 8);
	if (!make_room(s, writer))
		return "a value is not what was written";
	if (count < s->next[writer])
		return "a value comes again, or too late";
	if (count > s->next[writer])
		return "a value is missing";
	s->next[writer]++;
	s->seen++;
	return NULL;
}

void
stamps_free(struct stamps *s)
{
	mem_free(s->next);
	*s = (struct stamps){ NULL, 0, 0 };
}

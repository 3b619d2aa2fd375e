/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/batch_build.h"

#include "base/err.h"
#include "base/hash.h"
#include "wire/batch.h"

static void
put(uint8_t *p, int n, int64_t v)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)((uint64_t)v >> (8 * (n - 1 - i)));
}

/* A zigzag varint into p; its bytes. */
static size_t
zigzag(uint8_t *p, int64_t v)
{
	uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	size_t n = 0;
	do {
		p[n++] = (uint8_t)((u & 0x7f) | (u > 0x7f ? 0x80 : 0));
		u >>= 7;
	} while (u > 0);
	return n;
}

static int
add_zigzag(struct buf *out, int64_t v)
{
	uint8_t p[10];
	return buf_add(out, p, zigzag(p, v));
}

static int
add_nullable(struct buf *out, struct str s)
{
	int err = add_zigzag(out, s.p == NULL ? -1 : (int64_t)s.n);
	return err != 0 ? err : buf_add(out, s.p, s.n);
}

static int
add_record(struct buf *out, const struct batch_entry *e, int offset)
{
	uint8_t p[10];
	size_t size = 1 + zigzag(p, 0) + zigzag(p, offset) + zigzag(p, 0);
	size += zigzag(p, e->key.p == NULL ? -1 : (int64_t)e->key.n) + e->key.n;
	size += zigzag(p, e->value.p == NULL ? -1 : (int64_t)e->value.n) + e->value.n;
	int err = add_zigzag(out, (int64_t)size);
	if (err == 0)
		err = buf_add(out, "", 1);
	if (err == 0)
		err = add_zigzag(out, 0);
	if (err == 0)
		err = add_zigzag(out, offset);
	if (err == 0)
		err = add_nullable(out, e->key);
	if (err == 0)
		err = add_nullable(out, e->value);
	return err != 0 ? err : add_zigzag(out, 0);
}

int
batch_build(struct buf *out, const struct batch_entry *entries, int n, int64_t wall_ms)
{
	uint8_t head[BATCH_HEAD] = { [16] = 2 };
	size_t at = out->n;
	int err = buf_add(out, head, sizeof(head));
	for (int i = 0; i < n && err == 0; i++)
		err = add_record(out, &entries[i], i);
	if (err != 0)
		return err;
	uint8_t *p = out->p + at;
	size_t size = out->n - at;
	put(p + 8, 4, (int64_t)size - 12);
	put(p + 12, 4, -1);
	put(p + 23, 4, n - 1);
	put(p + 27, 8, wall_ms);
	put(p + 35, 8, wall_ms);
	put(p + 43, 8, -1);
	put(p + 51, 2, -1);
	put(p + 53, 4, -1);
	put(p + 57, 4, n);
	put(p + 17, 4, crc32c(0, p + 21, size - 21));
	return 0;
}

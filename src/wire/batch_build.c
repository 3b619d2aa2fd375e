/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/batch_build.h"

#include "base/err.h"
#include "base/hash.h"
#include "wire/batch.h"
#include "wire/batch_impl.h"
#include "wire/compress.h"

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
	be_put(p + AT_LENGTH, size - 12, 4);
	be_put(p + AT_LEADER_EPOCH, UINT32_MAX, 4);
	be_put(p + AT_LAST_DELTA, (uint32_t)n - 1, 4);
	be_put(p + AT_BASE_TIME, (uint64_t)wall_ms, 8);
	be_put(p + AT_MAX_TIME, (uint64_t)wall_ms, 8);
	be_put(p + AT_PRODUCER, UINT64_MAX, 8);
	be_put(p + AT_EPOCH, UINT16_MAX, 2);
	be_put(p + AT_SEQUENCE, UINT32_MAX, 4);
	be_put(p + AT_COUNT, (uint32_t)n, 4);
	be_put(p + AT_CRC, crc32c(0, p + AT_ATTRIBUTES, size - AT_ATTRIBUTES), 4);
	return 0;
}

int
batch_recode(const uint8_t *p, size_t n, enum batch_codec to, size_t decompressed_max, struct buf *out)
{
	struct buf records;
	size_t at = out->n;
	int err = n < BATCH_HEAD ? ERR_CORRUPT : buf_add(out, p, BATCH_HEAD);
	buf_init(&records, decompressed_max);
	if (err == 0)
		err = decompress(batch_codec_of(p), p + BATCH_HEAD, n - BATCH_HEAD, &records);
	if (err == 0)
		err = compress_to(to, records.p, records.n, out);
	buf_free(&records);
	if (err != 0)
		return err;
	uint8_t *head = out->p + at;
	size_t size = out->n - at;
	be_put(head + AT_LENGTH, size - 12, 4);
	be_put(head + AT_ATTRIBUTES, (be_get(head + AT_ATTRIBUTES, 2) & ~(uint64_t)BATCH_CODEC_MASK) | to, 2);
	be_put(head + AT_CRC, crc32c(0, head + AT_ATTRIBUTES, size - AT_ATTRIBUTES), 4);
	return 0;
}

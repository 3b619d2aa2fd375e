/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/batch_build.h"

#include <string.h>

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

/* A length, -1 for null, behind what p has. */
static size_t
length(uint8_t *p, struct str s)
{
	return zigzag(p, s.p == NULL ? -1 : (int64_t)s.n);
}

/* The length that a record begins with is that of the rest; so what lies before the key, between it and the value, and
 * behind that is made first, and goes out in three pieces. */
static int
add_record(struct buf *out, const struct batch_entry *e, int offset)
{
	uint8_t rest[32] = { 0 }, head[48], between[10];
	size_t n = 1;				/* attributes; then the time, less that of the batch */
	n += zigzag(rest + n, 0);
	n += zigzag(rest + n, offset);
	n += length(rest + n, e->key);
	size_t m = length(between, e->value);
	size_t at = zigzag(head, (int64_t)(n + e->key.n + m + e->value.n + 1));
	memcpy(head + at, rest, n);
	int err = buf_add(out, head, at + n);
	if (err == 0 && e->key.n > 0)
		err = buf_add(out, e->key.p, e->key.n);
	if (err == 0)
		err = buf_add(out, between, m);
	if (err == 0 && e->value.n > 0)
		err = buf_add(out, e->value.p, e->value.n);
	return err != 0 ? err : buf_add(out, "", 1);	/* no headers */
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

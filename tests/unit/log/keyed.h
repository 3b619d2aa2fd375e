/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A compacted topic: batches of two keys "kN" each, and what is left of them. */
#include "support.h"

#include "log/impl.h"
#include "wire/batch.h"
#include "wire/compress.h"

static inline void
put_varint(uint8_t **p, int64_t v)
{
	uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	for (; z > 0x7f; z >>= 7)
		*(*p)++ = (uint8_t)(z & 0x7f) | 0x80;
	*(*p)++ = (uint8_t)z;
}

/* One record, key "kN"; value < 0: a tombstone. */
static inline void
put_record(uint8_t **p, int delta, int key, int value)
{
	uint8_t body[128], *b = body;
	char text[32];
	*b++ = 0;
	put_varint(&b, delta);
	put_varint(&b, delta);
	int n = snprintf(text, sizeof(text), "k%d", key);
	put_varint(&b, n);
	memcpy(b, text, (size_t)n);
	b += n;
	if (value < 0)
		put_varint(&b, -1);
	else {
		n = snprintf(text, sizeof(text), "value %d", value);
		put_varint(&b, n);
		memcpy(b, text, (size_t)n);
		b += n;
	}
	put_varint(&b, 0);
	put_varint(p, b - body);
	memcpy(*p, body, (size_t)(b - body));
	*p += b - body;
}

/* A batch of two records: key and key + 1. */
static inline size_t
two(uint8_t out[1024], int key, int value, int64_t time, enum batch_codec codec, int32_t sequence)
{
	uint8_t records[256], *p = records;
	struct buf packed;
	put_record(&p, 0, key, value);
	put_record(&p, 1, key + 1, value);
	buf_init(&packed, 1000);
	assert_ok(compress_to(codec, records, (size_t)(p - records), &packed));
	size_t n = HEAD_BYTES + packed.n;
	make_batch(out, n, 2, time, 0);
	memcpy(out + HEAD_BYTES, packed.p, packed.n);
	buf_free(&packed);
	be_put(out + 21, codec, 2);
	be_put(out + 35, (uint64_t)time + 1, 8);
	if (sequence >= 0) {
		be_put(out + 43, 77, 8);
		be_put(out + 51, 0, 2);
		be_put(out + 53, (uint32_t)sequence, 4);
	}
	be_put(out + 17, crc32c(0, out + HEAD_CRC_FROM, n - HEAD_CRC_FROM), 4);
	return n;
}

struct seen {
	int64_t offset[100];
	int value[100];			/* -1: tombstone, -2: not there */
	int records, batches;
	int64_t last;
};

static inline int
see(const uint8_t *b, void *arg)
{
	struct seen *s = arg;
	struct batch_iter it;
	struct batch_record r;
	s->batches++;
	assert_ok(batch_iter_begin(&it, b, (size_t)head_size(b), 1 << 20));
	while (batch_iter_next(&it, &r)) {
		int64_t key;
		assert_true(r.offset > s->last);
		s->last = r.offset;
		assert_ok(str_to_i64((struct str){ r.key.p + 1, r.key.n - 1 }, 0, 99, &key));
		s->offset[key] = r.offset;
		int64_t value = -1;
		if (r.value.p != NULL)
			assert_ok(str_to_i64((struct str){ r.value.p + 6, r.value.n - 6 }, 0, 9999, &value));
		s->value[key] = (int)value;
		s->records++;
	}
	assert_int_equal(it.left, 0);
	batch_iter_end(&it);
	return 0;
}

static inline void
look(struct partition *p, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	s->last = -1;
	for (int i = 0; i < 100; i++)
		s->value[i] = -2;
	assert_ok(partition_walk(p, 0, see, s));
}

/* What the files have, not the tail. */
static inline void
look_at_files(struct partition *p, struct seen *s)
{
	lock_take(&p->lock);
	partition_drop_tail(p);
	lock_drop(&p->lock);
	look(p, s);
}

static inline void
keyed_setup(struct fixture *f)
{
	fixture_make(f);
	f->config.no_background = true;
	f->config.tail_bytes = 0;
	f->topic.flush = LOG_FLUSH_OS;
	f->topic.cleanup = LOG_CLEANUP_COMPACT;
	f->topic.segment_bytes = 1000;
	f->topic.delete_retention_ms = 5000;
	f->topic.file_delete_delay_ms = 0;
	fixture_open(f);
}

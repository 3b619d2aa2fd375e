/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch under compaction. A record goes when a later one has its key, or when it
 * has no key; a tombstone also when its horizon has passed. The horizon is set when a
 * tombstone is first met, and kept as Kafka keeps it (KIP-534): in the base timestamp,
 * with a bit in the attributes. First and last offset, producer and sequence stay.
 */
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "log/compact.h"
#include "log/head.h"
#include "log/keymap.h"
#include "log/records.h"
#include "wire/batch.h"
#include "wire/compress.h"

#define AT_BASE_TIME	27
#define AT_MAX_TIME	35
#define AT_COUNT	57

struct rewrite {
	const uint8_t *batch;
	const struct compact_rules *rules;
	int64_t base_time, horizon;	/* horizon < 0: none */
	struct buf records;
	int32_t kept, seen;
	int64_t max_time;
};

static void
put_varint(struct buf *b, int64_t v)
{
	uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	uint8_t out[10];
	size_t n = 0;
	do {
		out[n] = (uint8_t)(z & 0x7f) | (z > 0x7f ? 0x80 : 0);
		n++;
		z >>= 7;
	} while (z != 0);
	buf_add(b, out, n);
}

static void
put_bytes(struct buf *b, struct str s)
{
	put_varint(b, s.p == NULL ? -1 : (int64_t)s.n);
	if (s.p != NULL)
		buf_add(b, s.p, s.n);
}

static int
put_record(struct rewrite *w, const struct batch_record *r)
{
	struct buf body;
	buf_init(&body, RECORDS_MAX);
	buf_add(&body, "", 1);		/* attributes */
	/* May go around the edge; readers add it the same way. */
	put_varint(&body, (int64_t)((uint64_t)r->timestamp - (uint64_t)w->base_time));
	put_varint(&body, r->offset - head_base(w->batch));
	put_bytes(&body, r->key);
	put_bytes(&body, r->value);
	put_varint(&body, r->headers);
	int err = buf_add(&body, r->header_bytes.p == NULL ? "" : r->header_bytes.p,
	    r->header_bytes.n);
	put_varint(&w->records, (int64_t)body.n);
	if (err == 0)
		err = buf_add(&w->records, body.p, body.n);
	buf_free(&body);
	w->kept++;
	if (w->kept == 1 || r->timestamp > w->max_time)
		w->max_time = r->timestamp;
	return err;
}

static bool
keeps(const struct rewrite *w, const struct batch_record *r)
{
	if (r->offset >= w->rules->keep_from)
		return true;
	if (r->key.p == NULL || keymap_get(w->rules->keys, r->key) > r->offset)
		return false;
	return r->value.p != NULL || w->horizon < 0 || w->horizon > w->rules->now_ms;
}

/* Whether any record that stays is a tombstone without a horizon yet. */
static int
needs_horizon(const struct rewrite *w, bool *ret)
{
	struct batch_iter it;
	struct batch_record r;
	*ret = false;
	if (w->horizon >= 0)
		return 0;
	int err = batch_iter_begin(&it, w->batch, (size_t)head_size(w->batch), RECORDS_MAX);
	if (err != 0)
		return err;
	while (!*ret && batch_iter_next(&it, &r))
		*ret = r.value.p == NULL && keeps(w, &r);
	batch_iter_end(&it);
	return 0;
}

static int
rewrite_records(struct rewrite *w)
{
	struct batch_iter it;
	struct batch_record r;
	int err = batch_iter_begin(&it, w->batch, (size_t)head_size(w->batch), RECORDS_MAX);
	if (err != 0)
		return err;
	while (err == 0 && batch_iter_next(&it, &r)) {
		w->seen++;
		if (keeps(w, &r))
			err = put_record(w, &r);
	}
	if (err == 0 && it.left > 0)
		err = ERR_CORRUPT;
	batch_iter_end(&it);
	return err;
}

static int
put_batch(const struct rewrite *w, struct buf *out)
{
	size_t start = out->n;
	int err = buf_add(out, w->batch, HEAD_BYTES);
	if (err == 0 && w->kept > 0)
		err = compress_to(batch_codec_of(w->batch), w->records.p, w->records.n, out);
	if (err != 0)
		return err;
	uint8_t *b = out->p + start;
	size_t n = out->n - start;
	int16_t attributes = head_attributes(w->batch);
	if (w->kept == 0)
		attributes &= (int16_t)~BATCH_CODEC_MASK;
	if (w->horizon >= 0)
		attributes |= BATCH_HORIZON;
	be_put(b + 8, n - HEAD_PREFIX, 4);
	be_put(b + 21, (uint16_t)attributes, 2);
	be_put(b + AT_BASE_TIME, (uint64_t)w->base_time, 8);
	if (w->kept > 0 && !batch_is_append_time(w->batch))
		be_put(b + AT_MAX_TIME, (uint64_t)w->max_time, 8);
	be_put(b + AT_COUNT, (uint32_t)w->kept, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, n - HEAD_CRC_FROM), 4);
	return 0;
}

static int64_t
horizon_from(const struct compact_rules *rules)
{
	int64_t t;
	return __builtin_add_overflow(rules->now_ms, rules->delete_retention_ms, &t) ? INT64_MAX : t;
}

int
compact_batch(const uint8_t *batch, const struct compact_rules *rules, struct buf *out)
{
	struct rewrite w = { .batch = batch, .rules = rules, .horizon = -1,
		.base_time = (int64_t)be_get(batch + AT_BASE_TIME, 8), .max_time = -1 };
	bool fresh_horizon;
	if ((head_attributes(batch) & BATCH_CONTROL) != 0 || head_base(batch) >= rules->keep_from)
		return buf_add(out, batch, (size_t)head_size(batch));
	if ((head_attributes(batch) & BATCH_HORIZON) != 0)
		w.horizon = w.base_time;
	int err = needs_horizon(&w, &fresh_horizon);
	if (err != 0)
		return err;
	if (fresh_horizon)
		w.horizon = w.base_time = horizon_from(rules);
	buf_init(&w.records, RECORDS_MAX);
	err = rewrite_records(&w);
	if (err == 0 && w.kept == w.seen && !fresh_horizon && (w.kept > 0 || rules->keep_empty))
		err = buf_add(out, batch, (size_t)head_size(batch));
	else if (err == 0 && (w.kept > 0 || rules->keep_empty))
		err = put_batch(&w, out);
	buf_free(&w.records);
	return err;
}

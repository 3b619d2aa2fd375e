/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking goes from cheap to dear: head, length, attributes, CRC, then a walk
 * over every record. Lengths are compared with what is left before they are
 * used; nothing is allocated but, for a compressed batch, its records, up to a
 * bound that the caller gives.
 */
#include "wire/batch.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "wire/batch_impl.h"
#include "wire/compress.h"
#include "wire/reader.h"

#define NO_TIMESTAMP	(-1)
#define RECORD_MIN	7		/* the least bytes of one record, its length included */

const char *
batch_fault_text(enum batch_fault fault)
{
	static const char *const texts[] = {
		[BATCH_FINE] = "nothing is wrong",
#define X(name, text) [BATCH_FAULT_##name] = text,
#include "wire/batch_faults.def"
#undef X
	};
	return texts[fault];
}

static int16_t
attributes(const uint8_t *p)
{
	return (int16_t)be_get(p + AT_ATTRIBUTES, 2);
}

enum batch_codec
batch_codec_of(const uint8_t *p)
{
	return (enum batch_codec)(attributes(p) & BATCH_CODEC_MASK);
}

bool
batch_is_append_time(const uint8_t *p)
{
	return (attributes(p) & BATCH_APPEND_TIME) != 0;
}

int64_t
batch_max_timestamp(const uint8_t *p)
{
	return (int64_t)be_get(p + AT_MAX_TIME, 8);
}

static enum batch_fault
check_head(const uint8_t *p, size_t n, const struct batch_rules *rules)
{
	/* The magic is at the same place in all formats, so it is said first. */
	if (n > AT_MAGIC && p[AT_MAGIC] < 2)
		return BATCH_FAULT_OLD_MAGIC;
	if (n < BATCH_HEAD)
		return BATCH_FAULT_SHORT;
	if (p[AT_MAGIC] != 2)
		return BATCH_FAULT_MAGIC;
	int32_t length = (int32_t)be_get(p + AT_LENGTH, 4);
	if (length < 0 || (size_t)length != n - 12)
		return BATCH_FAULT_LENGTH;
	if (rules->max_bytes >= 0 && n > (size_t)rules->max_bytes)
		return BATCH_FAULT_TOO_LARGE;
	return BATCH_FINE;
}

static enum batch_fault
check_attributes(const uint8_t *p, const struct batch_rules *rules)
{
	int16_t a = attributes(p);
	int codec = a & BATCH_CODEC_MASK;
	int64_t producer = (int64_t)be_get(p + AT_PRODUCER, 8);
	int32_t sequence = (int32_t)be_get(p + AT_SEQUENCE, 4);
	int16_t epoch = (int16_t)be_get(p + AT_EPOCH, 2);
	if (be_get(p, 8) != 0)
		return BATCH_FAULT_OFFSETS;
	if (codec >= BATCH_CODECS)
		return BATCH_FAULT_CODEC;
	if ((a & ~(BATCH_CODEC_MASK | BATCH_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL |
	    BATCH_HORIZON)) != 0 || (a & BATCH_HORIZON) != 0)
		return BATCH_FAULT_ATTRIBUTES;
	if (a & BATCH_CONTROL)
		return BATCH_FAULT_CONTROL;
	if (codec == BATCH_ZSTD && !rules->zstd)
		return BATCH_FAULT_ZSTD_VERSION;
	/* Without a producer id a sequence means nothing, as in Kafka: @platformatic/kafka sends 0. */
	if (producer >= 0 ? sequence < 0 || epoch < 0 : (a & BATCH_TRANSACTIONAL) != 0)
		return BATCH_FAULT_SEQUENCE;
	return BATCH_FINE;
}

static bool
read_headers(struct reader *r, int32_t count)
{
	for (int32_t i = 0; i < count && r->err == 0; i++) {
		int32_t key = reader_zigzag32(r);
		if (key < 0)
			return false;
		reader_skip(r, (size_t)key);
		int32_t value = reader_zigzag32(r);
		if (value < -1)
			return false;
		reader_skip(r, value < 0 ? 0 : (size_t)value);
	}
	return r->err == 0;
}

static bool
read_nullable(struct reader *r, struct str *ret)
{
	int32_t n = reader_zigzag32(r);
	if (n < -1 || r->err != 0)
		return false;
	*ret = STR_NULL;
	if (n < 0)
		return true;
	const uint8_t *p = reader_bytes(r, (size_t)n);
	*ret = (struct str){ (const char *)p, (size_t)n };
	return p != NULL;
}

/* One record; its offset and timestamp are deltas here. */
static bool
read_record(struct reader *all, struct batch_record *ret)
{
	int32_t size = reader_zigzag32(all);
	if (all->err != 0 || size < 0 || (size_t)size > reader_left(all))
		return false;
	struct reader r = reader_sub(all, (size_t)size);
	(void)reader_i8(&r); /* attributes: none are defined */
	ret->timestamp = reader_zigzag64(&r);
	ret->offset = reader_zigzag32(&r);
	if (!read_nullable(&r, &ret->key) || !read_nullable(&r, &ret->value))
		return false;
	ret->headers = reader_zigzag32(&r);
	if (r.err != 0 || ret->headers < 0 || (size_t)ret->headers > reader_left(&r) / 2)
		return false;
	ret->header_bytes = (struct str){ (const char *)r.p, reader_left(&r) };
	return read_headers(&r, ret->headers) && reader_left(&r) == 0;
}

/* A record without a timestamp is never too old or too new, as in Kafka. */
static bool
time_fits(int64_t t, const struct batch_rules *rules)
{
	int64_t age, max;
	if (t == NO_TIMESTAMP)
		return true;
	max = t <= rules->now_ms ? rules->before_max_ms : rules->after_max_ms;
	if (max < 0)
		return true;
	if (__builtin_sub_overflow(rules->now_ms, t, &age) || age == INT64_MIN)
		return false;
	return (age < 0 ? -age : age) <= max;
}

/* What is wrong with a record by itself, in Kafka's order. */
static enum batch_fault
own_fault(const struct batch_rules *rules, const struct batch_record *rec, bool timed)
{
	if (rules->need_key && rec->key.p == NULL)
		return BATCH_FAULT_NO_KEY;
	return timed && time_fits(rec->timestamp, rules) ? BATCH_FINE : BATCH_FAULT_TIMESTAMP;
}

static void
list_bad(const struct batch_rules *rules, struct batch_info *info, int32_t record, enum batch_fault fault)
{
	if (info->bad_n >= rules->bad_max)
		return;
	if ((info->bad_n & (info->bad_n - 1)) == 0) /* its room is the next power of two */
		info->bad = mem_realloc(info->bad, (info->bad_n == 0 ? 1 : 2 * (size_t)info->bad_n) *
		    sizeof(*info->bad));
	info->bad[info->bad_n++] = (struct batch_bad){ record, fault };
}

static enum batch_fault
unlist(struct batch_info *info, int32_t record, enum batch_fault fault)
{
	mem_free(info->bad);
	info->bad = NULL;
	info->bad_n = 0;
	info->bad_record = record;
	return fault;
}

static enum batch_fault
walk(const uint8_t *head, const uint8_t *p, size_t n, const struct batch_rules *rules,
    struct batch_info *info)
{
	struct reader r = reader_of(p, n);
	int64_t base = (int64_t)be_get(head + AT_BASE_TIME, 8), max = INT64_MIN;
	enum batch_fault all = BATCH_FINE;
	for (int32_t i = 0; i < info->count; i++) {
		struct batch_record rec;
		if (!read_record(&r, &rec))
			return unlist(info, i, BATCH_FAULT_RECORD);
		if (rec.offset != i)
			return unlist(info, i, BATCH_FAULT_OFFSETS);
		bool timed = !__builtin_add_overflow(base, rec.timestamp, &rec.timestamp);
		enum batch_fault own = own_fault(rules, &rec, timed);
		if (own != BATCH_FINE) {
			info->bad_record = info->bad_record < 0 ? i : info->bad_record;
			all = all == BATCH_FAULT_TIMESTAMP ? all : own;
			list_bad(rules, info, i, own);
		} else if (rec.timestamp > max)
			max = rec.timestamp;
	}
	info->max_timestamp = max;
	return reader_left(&r) == 0 ? all : unlist(info, -1, BATCH_FAULT_COUNT);
}

static enum batch_fault
check_records(const uint8_t *p, size_t n, const struct batch_rules *rules, struct batch_info *info)
{
	const uint8_t *body = p + BATCH_HEAD;
	size_t body_n = n - BATCH_HEAD;
	if (info->codec == BATCH_NONE) {
		if ((size_t)info->count > body_n / RECORD_MIN)
			return BATCH_FAULT_COUNT;
		return walk(p, body, body_n, rules, info);
	}
	struct buf out;
	buf_init(&out, rules->decompressed_max);
	int err = decompress(info->codec, body, body_n, &out);
	info->unpacked = out.n;
	enum batch_fault fault = err == ERR_LIMIT ? BATCH_FAULT_BOMB : err != 0 ? BATCH_FAULT_COMPRESSED
	    : (size_t)info->count > out.n / RECORD_MIN ? BATCH_FAULT_COUNT : walk(p, out.p, out.n, rules, info);
	buf_free(&out);
	return fault;
}

enum batch_fault
batch_check(const uint8_t *p, size_t n, const struct batch_rules *rules, struct batch_info *ret)
{
	struct batch_info info = { .bad_record = -1 };
	ret->bad_record = -1;
	ret->bad = NULL;
	ret->bad_n = 0;
	enum batch_fault fault = check_head(p, n, rules);
	if (fault != BATCH_FINE)
		return fault;
	if (crc32c(0, p + AT_ATTRIBUTES, n - AT_ATTRIBUTES) != (uint32_t)be_get(p + AT_CRC, 4))
		return BATCH_FAULT_CRC;
	fault = check_attributes(p, rules);
	if (fault != BATCH_FINE)
		return fault;
	info.codec = batch_codec_of(p);
	info.count = (int32_t)be_get(p + AT_COUNT, 4);
	info.transactional = (attributes(p) & BATCH_TRANSACTIONAL) != 0;
	info.idempotent = (int64_t)be_get(p + AT_PRODUCER, 8) >= 0;
	if (info.count < 1 || (int32_t)be_get(p + AT_LAST_DELTA, 4) != info.count - 1)
		return BATCH_FAULT_COUNT;
	fault = check_records(p, n, rules, &info);
	*ret = info;
	return fault;
}

static void
set_time(uint8_t *p, size_t n, int64_t wall_ms, int append_time)
{
	be_put(p + AT_ATTRIBUTES, (uint16_t)((attributes(p) & ~BATCH_APPEND_TIME) | append_time), 2);
	be_put(p + AT_MAX_TIME, (uint64_t)wall_ms, 8);
	be_put(p + AT_CRC, crc32c(0, p + AT_ATTRIBUTES, n - AT_ATTRIBUTES), 4);
}

void
batch_set_create_time(uint8_t *p, size_t n, int64_t wall_ms)
{
	if (batch_is_append_time(p) || batch_max_timestamp(p) != wall_ms)
		set_time(p, n, wall_ms, 0);
}

void
batch_set_append_time(uint8_t *p, size_t n, int64_t wall_ms)
{
	set_time(p, n, wall_ms, BATCH_APPEND_TIME);
}

int
batch_iter_begin(struct batch_iter *it, const uint8_t *p, size_t n, size_t decompressed_max)
{
	if (n < BATCH_HEAD || p[AT_MAGIC] != 2)
		return ERR_CORRUPT;
	*it = (struct batch_iter){ .p = p + BATCH_HEAD, .end = p + n, .base_offset = (int64_t)be_get(p, 8),
		.base_timestamp = (int64_t)be_get(p + AT_BASE_TIME, 8), .left = (int32_t)be_get(p + AT_COUNT, 4) };
	if (batch_codec_of(p) == BATCH_NONE)
		return 0;
	struct buf out;
	buf_init(&out, decompressed_max);
	int err = decompress(batch_codec_of(p), p + BATCH_HEAD, n - BATCH_HEAD, &out);
	if (err != 0) {
		buf_free(&out);
		return err;
	}
	it->owned = out.p;
	it->p = out.p;
	it->end = out.p + out.n;
	return 0;
}

bool
batch_iter_next(struct batch_iter *it, struct batch_record *ret)
{
	struct reader r = reader_of(it->p, (size_t)(it->end - it->p));
	if (it->left <= 0 || !read_record(&r, ret))
		return false;
	it->p = r.p;
	it->left--;
	ret->offset += it->base_offset;
	/* Around the edge, as Java does it: compaction may have moved the base so far. */
	ret->timestamp = (int64_t)((uint64_t)ret->timestamp + (uint64_t)it->base_timestamp);
	return true;
}

void
batch_iter_end(struct batch_iter *it)
{
	mem_free(it->owned);
	it->owned = NULL;
}

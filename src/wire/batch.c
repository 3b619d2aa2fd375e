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

/* ---- records ----
 * Read by a cursor that stays in registers, as there are millions of them a second: each function
 * gives where it has ended, or NULL where the bytes are no such thing. */

struct varint {
	const uint8_t *end;
	uint64_t v;
};

static __attribute__((noinline)) struct varint
read_long_varint(const uint8_t *p, const uint8_t *end, unsigned bits)
{
	struct reader r = reader_of(p, (size_t)(end - p));
	uint64_t v = reader_leb128(&r, bits);
	return (struct varint){ r.err == 0 ? r.p : NULL, v };
}

static inline struct varint
read_varint(const uint8_t *p, const uint8_t *end, unsigned bits)
{
	if (p < end && p[0] < 0x80)
		return (struct varint){ p + 1, p[0] };
	if (end - p >= 2 && p[1] < 0x80)
		return (struct varint){ p + 2, (p[0] & 0x7fu) | (unsigned)p[1] << 7 };
	return read_long_varint(p, end, bits);
}

static inline const uint8_t *
read_zigzag(const uint8_t *p, const uint8_t *end, unsigned bits, int64_t *ret)
{
	struct varint n = read_varint(p, end, bits);
	*ret = (int64_t)(n.v >> 1 ^ -(n.v & 1));
	return n.end;
}

/* Bytes behind their length; a length of -1 is null where that may be. */
static inline const uint8_t *
read_text(const uint8_t *p, const uint8_t *end, bool nullable, struct str *ret)
{
	int64_t n;
	p = read_zigzag(p, end, 32, &n);
	*ret = STR_NULL;
	if (p == NULL || n > end - p || n < (nullable ? -1 : 0))
		return NULL;
	if (n < 0)
		return p;
	*ret = (struct str){ (const char *)p, (size_t)n };
	return p + n;
}

static const uint8_t *
read_headers(const uint8_t *p, const uint8_t *end, int64_t count)
{
	struct str key, value;
	while (p != NULL && count-- > 0) {
		p = read_text(p, end, false, &key);
		p = p == NULL ? NULL : read_text(p, end, true, &value);
	}
	return p;
}

/* One record; its offset and timestamp are deltas here. */
static inline const uint8_t *
read_record(const uint8_t *p, const uint8_t *end, struct batch_record *ret)
{
	int64_t size, headers;
	p = read_zigzag(p, end, 32, &size);
	if (p == NULL || size < 1 || size > end - p)
		return NULL;
	end = p + size;
	p++; /* attributes: none are defined */
	if ((p = read_zigzag(p, end, 64, &ret->timestamp)) == NULL ||
	    (p = read_zigzag(p, end, 32, &ret->offset)) == NULL ||
	    (p = read_text(p, end, true, &ret->key)) == NULL ||
	    (p = read_text(p, end, true, &ret->value)) == NULL ||
	    (p = read_zigzag(p, end, 32, &headers)) == NULL)
		return NULL;
	if (headers < 0 || headers > (end - p) / 2)
		return NULL;
	ret->headers = (int32_t)headers;
	ret->header_bytes = (struct str){ (const char *)p, (size_t)(end - p) };
	return read_headers(p, end, headers) == end ? end : NULL;
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
	const uint8_t *end = p + n;
	int64_t base = (int64_t)be_get(head + AT_BASE_TIME, 8), max = INT64_MIN;
	enum batch_fault all = BATCH_FINE;
	for (int32_t i = 0; i < info->count; i++) {
		struct batch_record rec;
		if ((p = read_record(p, end, &rec)) == NULL)
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
	return p == end ? all : unlist(info, -1, BATCH_FAULT_COUNT);
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
	const uint8_t *behind = it->left <= 0 ? NULL : read_record(it->p, it->end, ret);
	if (behind == NULL)
		return false;
	it->p = behind;
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

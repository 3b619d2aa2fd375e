/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as a client makes them, and every way to get one wrong; codecs with bounds. */
#include "../test.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "wire/batch.h"
#include "wire/batch_build.h"
#include "wire/compress.h"

static const struct batch_rules easy = { .max_bytes = -1, .zstd = true, .before_max_ms = -1,
	.after_max_ms = -1, .decompressed_max = 1 << 20 };

static void
put(uint8_t *p, int n, int64_t v)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)((uint64_t)v >> (8 * (n - 1 - i)));
}

static void
zigzag(struct buf *b, int64_t v)
{
	uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	do {
		uint8_t c = (uint8_t)((u & 0x7f) | (u > 0x7f ? 0x80 : 0));
		buf_add(b, &c, 1);
		u >>= 7;
	} while (u > 0);
}

static void
add_record(struct buf *out, int offset, int time, const char *key, const char *value)
{
	struct buf r;
	buf_init(&r, 4096);
	buf_add(&r, "", 1);
	zigzag(&r, time);
	zigzag(&r, offset);
	zigzag(&r, key == NULL ? -1 : (int64_t)strlen(key));
	buf_add(&r, key, key == NULL ? 0 : strlen(key));
	zigzag(&r, (int64_t)strlen(value));
	buf_add(&r, value, strlen(value));
	zigzag(&r, 1);
	zigzag(&r, 1);
	buf_add(&r, "h", 1);
	zigzag(&r, -1);
	zigzag(out, (int64_t)r.n);
	buf_add_str(out, buf_str(&r));
	buf_free(&r);
}

static void
seal(uint8_t *p, size_t n)
{
	put(p + 8, 4, (int64_t)n - 12);
	put(p + 17, 4, crc32c(0, p + 21, n - 21));
}

/* A batch of records that was packed with a codec; the caller frees. */
static size_t
make(struct buf *records, int count, int64_t max_time, enum batch_codec codec, uint8_t **ret)
{
	struct buf b;
	uint8_t head[BATCH_HEAD] = { 0 };
	buf_init(&b, 8 << 20);
	buf_add(&b, head, sizeof(head));
	assert_ok(compress_to(codec, records->p, records->n, &b));
	b.p[16] = 2;
	put(b.p + 21, 2, codec);
	put(b.p + 23, 4, count - 1);
	put(b.p + 27, 8, 1000);
	put(b.p + 35, 8, max_time);
	put(b.p + 43, 8, -1);
	put(b.p + 51, 2, -1);
	put(b.p + 53, 4, -1);
	put(b.p + 57, 4, count);
	seal(b.p, b.n);
	*ret = b.p;
	return b.n;
}

static size_t
two(enum batch_codec codec, uint8_t **ret)
{
	struct buf r;
	buf_init(&r, 8 << 20);
	add_record(&r, 0, 0, "key", "value");
	add_record(&r, 1, 5, NULL, "no key");
	size_t n = make(&r, 2, 1005, codec, ret);
	buf_free(&r);
	return n;
}

static void
every_codec_is_read(void **state)
{
	(void)state;
	for (int codec = 0; codec < BATCH_CODECS; codec++) {
		uint8_t *p;
		struct batch_info info;
		struct batch_iter it;
		struct batch_record rec;
		size_t n = two((enum batch_codec)codec, &p);
		assert_int_equal(batch_check(p, n, &easy, &info), BATCH_FINE);
		assert_int_equal(info.count, 2);
		assert_int_equal(info.max_timestamp, 1005);
		put(p, 8, 77);
		assert_ok(batch_iter_begin(&it, p, n, 1 << 20));
		assert_true(batch_iter_next(&it, &rec));
		assert_str(rec.key, "key");
		assert_str(rec.value, "value");
		assert_int_equal(rec.offset, 77);
		assert_int_equal(rec.headers, 1);
		assert_true(batch_iter_next(&it, &rec));
		assert_null(rec.key.p);
		assert_int_equal(rec.timestamp, 1005);
		assert_false(batch_iter_next(&it, &rec));
		assert_int_equal(it.left, 0);
		batch_iter_end(&it);
		mem_free(p);
	}
}

/* Breaks one field of a good batch, seals it again, and names the fault. */
static enum batch_fault
broken(int at, int bytes, int64_t v, bool reseal)
{
	uint8_t *p;
	struct batch_info info;
	size_t n = two(BATCH_NONE, &p);
	put(p + at, bytes, v);
	if (reseal)
		put(p + 17, 4, crc32c(0, p + 21, n - 21));
	enum batch_fault f = batch_check(p, n, &easy, &info);
	mem_free(p);
	return f;
}

static void
every_field_is_held(void **state)
{
	(void)state;
	assert_int_equal(broken(8, 4, -1, true), BATCH_FAULT_LENGTH);
	assert_int_equal(broken(8, 4, 0, true), BATCH_FAULT_LENGTH);
	assert_int_equal(broken(8, 4, INT32_MAX, true), BATCH_FAULT_LENGTH);
	assert_int_equal(broken(16, 1, 0, true), BATCH_FAULT_OLD_MAGIC);
	assert_int_equal(broken(16, 1, 1, true), BATCH_FAULT_OLD_MAGIC);
	assert_int_equal(broken(16, 1, 3, true), BATCH_FAULT_MAGIC);
	assert_int_equal(broken(16, 1, 127, true), BATCH_FAULT_MAGIC);
	assert_int_equal(broken(17, 4, 12345, false), BATCH_FAULT_CRC);
	assert_int_equal(broken(21, 2, 5, true), BATCH_FAULT_CODEC);
	assert_int_equal(broken(21, 2, 0x20, true), BATCH_FAULT_CONTROL);
	assert_int_equal(broken(21, 2, 0x10, true), BATCH_FAULT_SEQUENCE);
	assert_int_equal(broken(21, 2, 0x80, true), BATCH_FAULT_ATTRIBUTES);
	assert_int_equal(broken(23, 4, 7, true), BATCH_FAULT_COUNT);
	assert_int_equal(broken(0, 8, 5, false), BATCH_FAULT_OFFSETS);
	assert_int_equal(broken(21, 2, 0x40, true), BATCH_FAULT_ATTRIBUTES);
	assert_int_equal(broken(43, 8, 9, true), BATCH_FAULT_SEQUENCE);
	assert_int_equal(broken(53, 4, 0, true), BATCH_FINE);
	assert_int_equal(broken(57, 4, -1, true), BATCH_FAULT_COUNT);
	assert_int_equal(broken(57, 4, 0, true), BATCH_FAULT_COUNT);
	assert_int_equal(broken(57, 4, INT32_MAX, true), BATCH_FAULT_COUNT);
	assert_int_equal(broken(61, 1, 0x7f, true), BATCH_FAULT_RECORD);
}

#define RAW(bytes) raw((bytes), sizeof(bytes) - 1)

/* A batch of one record, whose bytes these are. */
static enum batch_fault
raw(const char *bytes, size_t bytes_n)
{
	uint8_t *p;
	struct buf r;
	struct batch_info info;
	buf_init(&r, 4096);
	buf_add(&r, bytes, bytes_n);
	size_t n = make(&r, 1, 1000, BATCH_NONE, &p);
	enum batch_fault f = batch_check(p, n, &easy, &info);
	buf_free(&r);
	mem_free(p);
	return f;
}

static void
every_byte_of_a_record_is_held(void **state)
{
	(void)state;
	assert_int_equal(RAW("\x10\0\0\0\1\4vv\0"), BATCH_FINE);
	assert_int_equal(RAW("\x90\0\0\0\0\1\4vv\0"), BATCH_FINE); /* longer than need be, as in Kafka */
	assert_int_equal(RAW("\x18\0\x80\x80\x80\x80\0\0\1\4vv\0"), BATCH_FINE);
	assert_int_equal(RAW("\x16\0\0\0\1\4vv\2\0\1\0"), BATCH_FAULT_RECORD); /* a byte behind the header */
	assert_int_equal(RAW("\x14\0\0\0\1\4vv\2\0\1"), BATCH_FINE);
	assert_int_equal(RAW("\x14\0\0\0\1\4vv\2\1\1"), BATCH_FAULT_RECORD); /* a header without a key */
	assert_int_equal(RAW("\x14\0\0\0\1\4vv\2\0\3"), BATCH_FAULT_RECORD); /* a value of -2 bytes */
	assert_int_equal(RAW("\x14\0\0\0\1\4vv\2\0\2"), BATCH_FAULT_RECORD); /* of one that is not there */
	assert_int_equal(RAW("\x10\0\0\0\1\4vv\1"), BATCH_FAULT_RECORD); /* -1 headers */
	assert_int_equal(RAW("\x12\0\0\0\1\4vv\2\1"), BATCH_FAULT_RECORD); /* one in less than its room */
	assert_int_equal(RAW("\x18\0\0\0\1\4vv\xfe\xff\xff\xff\x0f"), BATCH_FAULT_RECORD);
	assert_int_equal(RAW("\x10\0\0\0\3\4vv\0"), BATCH_FAULT_RECORD); /* a key of -2 bytes */
	assert_int_equal(RAW("\x10\0\0\0\1\3vv\0"), BATCH_FAULT_RECORD);
	assert_int_equal(RAW("\x10\0\0\0\1\6vv\0"), BATCH_FAULT_RECORD); /* the value takes the count */
	assert_int_equal(RAW("\x10\0\0\0\1\x08vv\0"), BATCH_FAULT_RECORD);
	assert_int_equal(RAW("\x0e\0\0\0\1\4vv\0"), BATCH_FAULT_RECORD); /* a record that ends early */
	assert_int_equal(RAW("\x12\0\0\0\1\4vv\0"), BATCH_FAULT_RECORD); /* one that ends behind the batch */
	assert_int_equal(RAW("\x12\0\0\0\1\4vv\0\0"), BATCH_FAULT_RECORD); /* a byte too many in it */
	assert_int_equal(RAW("\x10\0\0\0\1\4vv\0\0"), BATCH_FAULT_COUNT); /* behind it */
	assert_int_equal(RAW("\0\0\0\0\0\0\0\0"), BATCH_FAULT_RECORD);
	assert_int_equal(RAW("\1\0\0\0\1\4vv\0"), BATCH_FAULT_RECORD);
	assert_int_equal(RAW("\x80\x80\x80\x80\x80\0\0\0"), BATCH_FAULT_RECORD); /* six bytes of length */
	assert_int_equal(RAW("\xff\xff\xff\xff\x1f\0\0\0"), BATCH_FAULT_RECORD); /* more than 32 bits */
	assert_int_equal(RAW("\x80\x80\x80\x80\x80\x80\x80\x80"), BATCH_FAULT_RECORD); /* no end */
}

static void
lengths_of_every_size_are_read(void **state)
{
	static const int sizes[] = { 0, 1, 63, 64, 8191, 8192, 1048575, 1048576 };
	enum { N = sizeof(sizes) / sizeof(sizes[0]), TIME = 1000 };
	struct batch_entry e[N];
	struct batch_iter it;
	struct batch_record rec;
	struct batch_info info;
	struct buf b;
	char *text = mem_zalloc(1048577);
	(void)state;
	buf_init(&b, 8 << 20);
	for (int i = 0; i < N; i++)
		e[i] = (struct batch_entry){ .key = STR_NULL, .value = { text, (size_t)sizes[i] } };
	assert_ok(batch_build(&b, e, N, TIME));
	assert_int_equal(batch_check(b.p, b.n, &easy, &info), BATCH_FINE);
	assert_ok(batch_iter_begin(&it, b.p, b.n, 0));
	for (int i = 0; i < N; i++) {
		assert_true(batch_iter_next(&it, &rec));
		assert_int_equal(rec.value.n, sizes[i]);
		assert_int_equal(rec.offset, i);
		assert_int_equal(rec.timestamp, TIME);
	}
	batch_iter_end(&it);
	buf_free(&b);
	mem_free(text);
}

static void
lies_about_the_count(void **state)
{
	(void)state;
	static const int lies[] = { 1, 3, INT32_MAX };
	for (int i = 0; i < 3; i++) {
		uint8_t *p;
		struct batch_info info;
		size_t n = two(BATCH_NONE, &p);
		put(p + 57, 4, lies[i]);
		put(p + 23, 4, lies[i] - 1);
		seal(p, n);
		assert_int_not_equal(batch_check(p, n, &easy, &info), BATCH_FINE);
		mem_free(p);
	}
}

static void
rules_of_the_topic(void **state)
{
	(void)state;
	uint8_t *p;
	struct batch_info info;
	size_t n = two(BATCH_ZSTD, &p);
	struct batch_rules r = easy;
	r.need_key = true;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FAULT_NO_KEY);
	r = easy;
	r.zstd = false;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FAULT_ZSTD_VERSION);
	r = easy;
	r.max_bytes = (int64_t)n - 1;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FAULT_TOO_LARGE);
	r = easy;
	r.now_ms = 1003;
	r.after_max_ms = 1;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FAULT_TIMESTAMP);
	r.after_max_ms = 2;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FINE);
	r.before_max_ms = 2;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FAULT_TIMESTAMP);
	r.before_max_ms = 3;
	assert_int_equal(batch_check(p, n, &r, &info), BATCH_FINE);
	mem_free(p);
}

/* Of four records 0 and 3 have no key, and 2 is too new: in a record both, the key is said. */
static void
all_bad_records_are_listed(void **state)
{
	(void)state;
	static const struct batch_bad want[] = { { 0, BATCH_FAULT_NO_KEY }, { 2, BATCH_FAULT_TIMESTAMP },
		{ 3, BATCH_FAULT_NO_KEY } };
	uint8_t *p;
	struct buf r;
	struct batch_info info;
	struct batch_rules rules = easy;
	buf_init(&r, 4096);
	add_record(&r, 0, 0, NULL, "v");
	add_record(&r, 1, 1, "k", "v");
	add_record(&r, 2, 50, "k", "v");
	add_record(&r, 3, 50, NULL, "v");
	size_t n = make(&r, 4, 1000, BATCH_GZIP, &p);
	rules.need_key = true;
	rules.now_ms = 1000;
	rules.after_max_ms = 10;
	for (int32_t max = 0; max < 5; max++) {
		rules.bad_max = max;
		assert_int_equal(batch_check(p, n, &rules, &info), BATCH_FAULT_TIMESTAMP);
		assert_int_equal(info.bad_record, 0);
		assert_int_equal(info.bad_n, max < 3 ? max : 3);
		for (int32_t i = 0; i < info.bad_n; i++) {
			assert_int_equal(info.bad[i].record, want[i].record);
			assert_int_equal(info.bad[i].fault, want[i].fault);
		}
		mem_free(info.bad);
	}
	rules.after_max_ms = -1;
	assert_int_equal(batch_check(p, n, &rules, &info), BATCH_FAULT_NO_KEY);
	assert_int_equal(info.bad_n, 2);
	mem_free(info.bad);
	mem_free(p);
	/* What does not hold together is the batch's fault, and none of the records' own. */
	add_record(&r, 5, 0, "k", "v");
	n = make(&r, 5, 1000, BATCH_NONE, &p);
	assert_int_equal(batch_check(p, n, &rules, &info), BATCH_FAULT_OFFSETS);
	assert_int_equal(info.bad_record, 4);
	assert_null(info.bad);
	buf_free(&r);
	mem_free(p);
}

static enum batch_fault
at_time(int64_t base, const struct batch_rules *rules)
{
	uint8_t *p;
	struct buf r;
	struct batch_info info;
	buf_init(&r, 4096);
	add_record(&r, 0, 0, "k", "v");
	size_t n = make(&r, 1, base, BATCH_NONE, &p);
	put(p + 27, 8, base);
	seal(p, n);
	enum batch_fault fault = batch_check(p, n, rules, &info);
	buf_free(&r);
	mem_free(p);
	return fault;
}

static void
times_at_the_edges(void **state)
{
	(void)state;
	struct batch_rules r = easy;
	r.now_ms = 1000000;
	assert_int_equal(at_time(INT64_MIN, &r), BATCH_FINE);
	assert_int_equal(at_time(INT64_MAX, &r), BATCH_FINE);
	r.before_max_ms = INT64_MAX;
	r.after_max_ms = 3600000;
	assert_int_equal(at_time(INT64_MIN, &r), BATCH_FAULT_TIMESTAMP);
	assert_int_equal(at_time(INT64_MAX, &r), BATCH_FAULT_TIMESTAMP);
	assert_int_equal(at_time(0, &r), BATCH_FINE);
	r.before_max_ms = 1;
	assert_int_equal(at_time(0, &r), BATCH_FAULT_TIMESTAMP);
	assert_int_equal(at_time(-1, &r), BATCH_FINE);	/* without a timestamp */
	assert_int_equal(at_time(-2, &r), BATCH_FAULT_TIMESTAMP);
	r.now_ms = INT64_MIN + 5;
	r.after_max_ms = INT64_MAX;
	assert_int_equal(at_time(INT64_MAX, &r), BATCH_FAULT_TIMESTAMP);
}

static void
the_greatest_time_is_mended(void **state)
{
	(void)state;
	uint8_t *p;
	struct batch_info info;
	size_t n = two(BATCH_NONE, &p);
	put(p + 35, 8, INT64_MAX);
	put(p + 21, 2, BATCH_APPEND_TIME);
	seal(p, n);
	assert_int_equal(batch_check(p, n, &easy, &info), BATCH_FINE);
	assert_int_equal(info.max_timestamp, 1005);
	batch_set_create_time(p, n, info.max_timestamp);
	assert_int_equal(batch_max_timestamp(p), 1005);
	assert_false(batch_is_append_time(p));
	assert_int_equal(batch_check(p, n, &easy, &info), BATCH_FINE);
	mem_free(p);
}

static void
append_time_is_set(void **state)
{
	(void)state;
	uint8_t *p;
	struct batch_info info;
	size_t n = two(BATCH_NONE, &p);
	batch_set_append_time(p, n, 4242);
	assert_true(batch_is_append_time(p));
	assert_int_equal(batch_max_timestamp(p), 4242);
	assert_int_equal(batch_check(p, n, &easy, &info), BATCH_FINE);
	mem_free(p);
}

static void
bombs_are_bounded(void **state)
{
	(void)state;
	struct buf zeros, packed, out;
	buf_init(&zeros, 4 << 20);
	assert_ok(buf_reserve(&zeros, 4 << 20));
	memset(zeros.p, 0, 4 << 20);
	zeros.n = 4 << 20;
	for (int codec = BATCH_GZIP; codec < BATCH_CODECS; codec++) {
		buf_init(&packed, 8 << 20);
		assert_ok(compress_to((enum batch_codec)codec, zeros.p, zeros.n, &packed));
		buf_init(&out, 100000);
		assert_int_equal(decompress((enum batch_codec)codec, packed.p, packed.n, &out), ERR_LIMIT);
		buf_free(&out);
		buf_init(&out, 4 << 20);
		assert_ok(decompress((enum batch_codec)codec, packed.p, packed.n, &out));
		assert_int_equal(out.n, 4 << 20);
		buf_free(&out);
		/* Cut off anywhere, it is damaged, never more than damaged. */
		for (size_t n = 0; n < packed.n; n += packed.n / 50 + 1) {
			buf_init(&out, 8 << 20);
			assert_int_not_equal(decompress((enum batch_codec)codec, packed.p, n, &out), 0);
			buf_free(&out);
		}
		buf_free(&packed);
	}
	buf_free(&zeros);
}

static void
codecs_round_trip(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 60; round++) {
		struct buf in, packed, out;
		size_t n = (size_t)(rand() % 200000);
		buf_init(&in, 1 << 20);
		assert_ok(buf_reserve(&in, n + 1));
		for (size_t i = 0; i < n; i++)
			in.p[i] = (uint8_t)(round % 3 == 0 ? rand() : rand() % 3 == 0 ? rand() % 4 : (int)(i >> 5));
		in.n = n;
		for (int codec = 0; codec < BATCH_CODECS; codec++) {
			buf_init(&packed, 4 << 20);
			buf_init(&out, 1 << 20);
			assert_ok(compress_to((enum batch_codec)codec, in.p, in.n, &packed));
			assert_ok(decompress((enum batch_codec)codec, packed.p, packed.n, &out));
			assert_int_equal(out.n, in.n);
			if (n > 0)
				assert_memory_equal(out.p, in.p, n);
			buf_free(&packed);
			buf_free(&out);
		}
		buf_free(&in);
	}
}

static void
framing_of_java_is_read(void **state)
{
	(void)state;
	struct buf raw, framed, out;
	uint8_t be4[4];
	buf_init(&raw, 4096);
	buf_init(&framed, 4096);
	buf_init(&out, 4096);
	assert_ok(compress_to(BATCH_SNAPPY, (const uint8_t *)"hello hello hello", 17, &raw));
	assert_ok(buf_add(&framed, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16));
	for (int i = 0; i < 2; i++) {
		put(be4, 4, (int64_t)raw.n);
		assert_ok(buf_add(&framed, be4, 4));
		assert_ok(buf_add_str(&framed, buf_str(&raw)));
	}
	assert_ok(decompress(BATCH_SNAPPY, framed.p, framed.n, &out));
	assert_str(buf_str(&out), "hello hello hellohello hello hello");
	put(framed.p + 16, 4, -1);
	assert_int_equal(decompress(BATCH_SNAPPY, framed.p, framed.n, &out), ERR_CORRUPT);
	buf_free(&raw);
	buf_free(&framed);
	buf_free(&out);
}

/* Every pair of codecs: the records, their times and the producer are what they were. */
static void
recoded_batches_say_the_same(void **state)
{
	(void)state;
	for (int from = BATCH_NONE; from < BATCH_CODECS; from++) {
		for (int to = BATCH_NONE; to < BATCH_CODECS; to++) {
			struct buf records, out, again;
			struct batch_info info;
			uint8_t *p;
			buf_init(&records, 1 << 20);
			for (int i = 0; i < 100; i++)
				add_record(&records, i, i, "key", "the same value again and again");
			size_t n = make(&records, 100, 1099, (enum batch_codec)from, &p);
			put(p + 43, 8, 4711);
			put(p + 51, 2, 3);
			put(p + 53, 4, 77);
			seal(p, n);
			buf_init(&out, 1 << 20);
			assert_ok(buf_add(&out, "before", 6));
			assert_ok(batch_recode(p, n, (enum batch_codec)to, 1 << 20, &out));
			assert_int_equal(batch_check(out.p + 6, out.n - 6, &easy, &info), BATCH_FINE);
			assert_int_equal(info.codec, to);
			assert_int_equal(info.count, 100);
			assert_int_equal(info.max_timestamp, 1099);
			assert_memory_equal(out.p + 6 + 23, p + 23, BATCH_HEAD - 23);
			buf_init(&again, 1 << 20);
			assert_ok(decompress((enum batch_codec)to, out.p + 6 + BATCH_HEAD, out.n - 6 - BATCH_HEAD, &again));
			assert_int_equal(again.n, records.n);
			assert_memory_equal(again.p, records.p, records.n);
			buf_free(&again);
			buf_free(&out);
			if (from != BATCH_NONE) {
				buf_init(&out, 1 << 20);
				assert_int_equal(batch_recode(p, n, (enum batch_codec)to, records.n - 1, &out), ERR_LIMIT);
				buf_free(&out);
			}
			mem_free(p);
			buf_free(&records);
		}
	}
}

TEST_MAIN(T(every_codec_is_read), T(every_field_is_held), T(every_byte_of_a_record_is_held),
    T(lengths_of_every_size_are_read), T(lies_about_the_count), T(rules_of_the_topic),
    T(all_bad_records_are_listed), T(times_at_the_edges),
    T(the_greatest_time_is_mended), T(append_time_is_set), T(bombs_are_bounded), T(codecs_round_trip),
    T(framing_of_java_is_read), T(recoded_batches_say_the_same))

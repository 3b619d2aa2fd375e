/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Record batches, magic 2, as clients send them and as they lie in segments:
 * the fixed head of 61 bytes, then records, compressed as a whole or not. Every
 * batch that comes in is checked once, every record of it walked; from then on
 * it is stored and sent as it came. Base offset and leader epoch lie outside the
 * CRC, so the log sets them without touching the rest.
 */
#define BATCH_HEAD	61u

enum batch_codec { BATCH_NONE, BATCH_GZIP, BATCH_SNAPPY, BATCH_LZ4, BATCH_ZSTD, BATCH_CODECS };

#define BATCH_CODEC_MASK	0x07
#define BATCH_APPEND_TIME	0x08
#define BATCH_TRANSACTIONAL	0x10
#define BATCH_CONTROL		0x20
#define BATCH_HORIZON		0x40

enum batch_fault {
	BATCH_FINE,
#define X(name, text) BATCH_FAULT_##name,
#include "wire/batch_faults.def"
#undef X
};
const char *batch_fault_text(enum batch_fault fault);

/* What a topic asks of a batch. */
struct batch_rules {
	int64_t max_bytes;		/* of the whole batch; < 0: no limit */
	bool need_key;			/* a compacted topic */
	bool zstd;			/* the request's version may carry it */
	int64_t now_ms;			/* wall clock, for the two below */
	int64_t before_max_ms, after_max_ms;	/* < 0: not asked */
	size_t decompressed_max;	/* bytes of output */
	int32_t bad_max;		/* records at fault to list; 0: the first is told and no more */
};

/* A record that is wrong by itself: NO_KEY or TIMESTAMP. */
struct batch_bad {
	int32_t record;
	enum batch_fault fault;
};

struct batch_info {
	enum batch_codec codec;
	int32_t count;			/* records */
	int32_t bad_record;		/* index of the first record at fault, -1: the batch is */
	struct batch_bad *bad;		/* in their order; mem_free(). NULL where none is listed */
	int32_t bad_n;
	bool idempotent, transactional;
	size_t unpacked;		/* bytes of the records, where they were compressed */
	int64_t max_timestamp;		/* of the records, as walked; the head may say another */
};

/* One batch that fills [p, p+n) exactly. ret is set for BATCH_FINE, and its
 * bad_record and bad in every case. A record that is wrong by itself does not end the
 * walk: the rest must be sound, too, and the fault is TIMESTAMP where one of them
 * is, as in Kafka. Takes about 10 ns a record and 0.05 ns a byte; what
 * a compressed one takes depends on decompressed_max. */
enum batch_fault batch_check(const uint8_t *p, size_t n, const struct batch_rules *rules,
    struct batch_info *ret);

/* A record, as views of the batch (or of its decompressed records). */
struct batch_record {
	int64_t offset, timestamp;
	struct str key, value;		/* null: p == NULL */
	int32_t headers;		/* how many follow in header_bytes */
	struct str header_bytes;
};

/* Walks the records of a batch that was checked before. */
struct batch_iter {
	const uint8_t *p, *end;
	int64_t base_offset, base_timestamp;
	int32_t left;
	uint8_t *owned;			/* decompressed records; NULL where there are none */
};
/* ERR_CORRUPT, ERR_LIMIT (over decompressed_max). batch_iter_end() after 0. */
int batch_iter_begin(struct batch_iter *it, const uint8_t *p, size_t n, size_t decompressed_max);
/* False at the end, or at damage (then it->left > 0). */
bool batch_iter_next(struct batch_iter *it, struct batch_record *ret);
void batch_iter_end(struct batch_iter *it);

/* CreateTime: where the head says a greatest timestamp that is not the records', or
 * LogAppendTime, it is mended, and the CRC with it. Kafka does so without a word, and
 * time indexes and retention rest on it. */
void batch_set_create_time(uint8_t *p, size_t n, int64_t wall_ms);

/* LogAppendTime: sets the attribute and the timestamp of all records, and the
 * CRC anew; the records are left as they are (readers take the batch's time). */
void batch_set_append_time(uint8_t *p, size_t n, int64_t wall_ms);

bool batch_is_append_time(const uint8_t *p);
int64_t batch_max_timestamp(const uint8_t *p);
enum batch_codec batch_codec_of(const uint8_t *p);

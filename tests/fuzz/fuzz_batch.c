/* SPDX-License-Identifier: Apache-2.0
 * F2 and F4: a record batch from a client. The first byte says what is mended, so that
 * what lies behind length and CRC is reached: 1 both of them, 2 the count of records.
 * A batch that is found good must be read again in full, also after compaction; old
 * message sets are always refused by their name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "log/compact.h"
#include "log/head.h"
#include "log/keymap.h"
#include "wire/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); abort(); } } while (0)

enum { OUTPUT_MAX = 1 << 20, MEND_SEAL = 1, MEND_COUNT = 2 };

static void
mend(uint8_t *p, size_t n, unsigned flags)
{
	if (n < HEAD_BYTES)
		return;
	if (flags & MEND_COUNT)
		be_put(p + 23, be_get(p + 57, 4) - 1, 4);
	if (flags & MEND_SEAL) {
		memset(p, 0, 8);
		be_put(p + 8, n - HEAD_PREFIX, 4);
		be_put(p + 17, crc32c(0, p + HEAD_CRC_FROM, n - HEAD_CRC_FROM), 4);
	}
}

/* How many records it has; keys: those with an odd offset get a newer one. */
static int32_t
walk(const uint8_t *p, size_t n, struct keymap *keys, int64_t *ret_max)
{
	struct batch_iter it;
	struct batch_record r;
	int32_t count = 0;
	MUST(batch_iter_begin(&it, p, n, OUTPUT_MAX) == 0);
	*ret_max = INT64_MIN;
	for (; batch_iter_next(&it, &r); count++) {
		MUST(r.offset >= head_base(p) && r.offset < head_end(p));
		MUST(r.headers >= 0);
		if (r.timestamp > *ret_max)
			*ret_max = r.timestamp;
		if (keys != NULL && r.key.p != NULL)
			keymap_put(keys, r.key, r.offset + (r.offset & 1));
	}
	MUST(it.left == 0);
	batch_iter_end(&it);
	return count;
}

static void
compact(const uint8_t *p, struct keymap *keys, int32_t count)
{
	struct compact_rules rules = { keys, INT64_MAX, 1000000, 1000, count % 2 == 0 };
	struct buf out;
	int64_t max;
	buf_init(&out, 8u * OUTPUT_MAX);
	MUST(compact_batch(p, &rules, &out) == 0);
	MUST(out.n > 0 || !rules.keep_empty);
	if (out.n > 0) {
		MUST(head_size(out.p) == (int64_t)out.n && head_base(out.p) == head_base(p));
		MUST(head_end(out.p) == head_end(p));
		MUST(head_crc(out.p) == crc32c(0, out.p + HEAD_CRC_FROM, out.n - HEAD_CRC_FROM));
		MUST(walk(out.p, out.n, NULL, &max) <= count);
	}
	buf_free(&out);
}

static void
good(uint8_t *p, size_t n, const struct batch_info *info)
{
	struct keymap *keys = keymap_create(1 << 16);
	int64_t max;
	be_put(p, 1000, 8);
	MUST(keys != NULL);
	MUST(walk(p, n, keys, &max) == info->count && max == info->max_timestamp);
	compact(p, keys, info->count);
	batch_set_append_time(p, n, 77);
	MUST(batch_is_append_time(p) && batch_max_timestamp(p) == 77);
	keymap_destroy(&keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct batch_rules rules = { .max_bytes = 1 << 20, .zstd = true, .now_ms = 1700000000000,
		.before_max_ms = -1, .after_max_ms = -1, .decompressed_max = OUTPUT_MAX };
	struct batch_info info;
	if (size == 0)
		return 0;
	size_t n = size - 1;
	uint8_t *p = malloc(n > 0 ? n : 1);
	MUST(p != NULL);
	memcpy(p, data + 1, n);
	mend(p, n, data[0]);
	rules.need_key = (data[0] & 4) != 0;
	if (data[0] & 8)
		rules.before_max_ms = rules.after_max_ms = INT64_MAX;
	enum batch_fault fault = batch_check(p, n, &rules, &info);
	MUST(strlen(batch_fault_text(fault)) > 0);
	MUST((n > 16 && p[16] < 2) == (fault == BATCH_FAULT_OLD_MAGIC));
	if (fault == BATCH_FINE)
		good(p, n, &info);
	free(p);
	return 0;
}

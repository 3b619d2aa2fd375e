/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/clock.h"

#define HOUR_NS (UINT64_C(3600) * 1000000000)

static struct partition *
filled(struct fixture *f, int n)
{
	struct append_result r;
	uint8_t b[1000];
	f->config.no_background = true;
	f->topic.segment_bytes = 10000;
	f->topic.flush = LOG_FLUSH_OS;
	f->topic.file_delete_delay_ms = 0;
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	for (int i = 0; i < n; i++) {
		make_batch(b, sizeof(b), 1, 1000 * i, 0);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	return p;
}

static int64_t
log_start(struct partition *p)
{
	struct log_ends ends;
	partition_ends(p, &ends);
	return ends.log_start;
}

static void
old_segments_go(void **state)
{
	(void)state;
	struct fixture f;
	char path[128];
	fixture_make(&f);
	f.topic.retention_ms = 10000;
	struct partition *p = filled(&f, 35);
	uint64_t mono = clock_mono_ns() + HOUR_NS;
	store_maintain(f.store, 19000 + 10000, mono);
	assert_int_equal(log_start(p), 10);	/* the second segment's newest is 19000 */
	store_maintain(f.store, 19001 + 10000, mono);
	assert_int_equal(log_start(p), 20);
	assert_int_equal(partition_size(p), 15000);
	snprintf(path, sizeof(path), "%s/orders-0/00000000000000000000.log.deleted", f.dir);
	assert_false(fs_exists(path));
	/* Everything: the active segment is rolled, and offsets go on. */
	store_maintain(f.store, 100000, mono);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	struct log_ends ends;
	partition_ends(p, &ends);
	assert_int_equal(ends.log_start, 35);
	assert_int_equal(ends.end, 35);
	partition_put(&p);
	fixture_free(&f);
}

static void
a_log_keeps_to_its_size(void **state)
{
	(void)state;
	struct fixture f;
	fixture_make(&f);
	f.topic.retention_ms = -1;
	f.topic.retention_bytes = 15000;
	struct partition *p = filled(&f, 35);
	store_maintain(f.store, INT64_C(1) << 40, 1);
	assert_int_equal(log_start(p), 20);	/* 15000 bytes are left */
	partition_put(&p);
	fixture_free(&f);
}

static void
deleted_records_stay_deleted(void **state)
{
	(void)state;
	struct fixture f;
	int64_t start;
	fixture_make(&f);
	f.topic.cleanup = LOG_CLEANUP_COMPACT;
	struct partition *p = filled(&f, 35);
	assert_ok(partition_delete_records(p, 23, &start));
	store_maintain(f.store, INT64_C(1) << 40, 1);
	assert_int_equal(log_start(p), 23);
	assert_int_equal(partition_size(p), 15000);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_int_equal(log_start(p), 23);
	partition_put(&p);
	fixture_free(&f);
}

static void
a_clock_that_jumps_deletes_nothing(void **state)
{
	(void)state;
	struct fixture f;
	fixture_make(&f);
	f.topic.retention_ms = 10000;
	struct partition *p = filled(&f, 35);
	const int64_t jump = 3600001;
	uint64_t mono = HOUR_NS;
	store_maintain(f.store, 15000, mono);
	store_maintain(f.store, 15000 + jump, mono);
	assert_int_equal(log_start(p), 0);
	store_maintain(f.store, 15000 + jump + 3599999, mono + HOUR_NS - 1000000);
	assert_int_equal(log_start(p), 0);
	store_maintain(f.store, 15000 + jump + 3600000, mono + HOUR_NS);
	assert_int_equal(log_start(p), 35);
	partition_put(&p);
	fixture_free(&f);
}

TEST_MAIN(T(old_segments_go), T(a_log_keeps_to_its_size), T(deleted_records_stay_deleted),
    T(a_clock_that_jumps_deletes_nothing))

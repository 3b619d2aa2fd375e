/* SPDX-License-Identifier: Apache-2.0 */
#include "keyed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "log/compact.h"

static void
newest_values_stay(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen before, after;
	uint8_t b[1024];
	keyed_setup(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 100; i++) {
		size_t n = two(b, (i * 7) % 10 * 2, i, 1000 + 10 * i, (enum batch_codec)(i % BATCH_CODECS), -1);
		assert_ok(append_durable(p, b, n, &r));
	}
	assert_ok(store_checkpoint(f.store));
	look(p, &before);
	assert_int_equal(before.records, 200);
	assert_ok(partition_compact(p, 100000, 1 << 20));
	look_at_files(p, &after);
	assert_true(after.records < 60);
	for (int k = 0; k < 20; k++) {
		assert_int_equal(after.value[k], before.value[k]);
		assert_int_equal(after.offset[k], before.offset[k]);
	}
	/* Nothing new: nothing to do. And a restart finds the same. */
	uint64_t size = partition_size(p);
	assert_ok(partition_compact(p, 100000, 1 << 20));
	assert_int_equal(partition_size(p), size);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	look(p, &before);
	assert_int_equal(before.records, after.records);
	assert_memory_equal(before.value, after.value, sizeof(after.value));
	struct log_ends ends;
	partition_ends(p, &ends);
	assert_int_equal(ends.log_start, 0);
	assert_int_equal(ends.end, 200);
	partition_put(&p);
	fixture_free(&f);
}

static void
tombstones_go_after_their_time(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen s;
	uint8_t b[1024];
	keyed_setup(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(append_durable(p, b, two(b, 1, 5, 1000, BATCH_NONE, -1), &r));
	assert_ok(append_durable(p, b, two(b, 1, -1, 1100, BATCH_NONE, -1), &r));
	for (int i = 0; i < 30; i++)
		assert_ok(append_durable(p, b, two(b, 50, i, 1200, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f.store));
	assert_ok(partition_compact(p, 100000, 1 << 20));
	look_at_files(p, &s);
	assert_int_equal(s.value[1], -1);
	assert_int_equal(s.offset[1], 2);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 60; i++)
			assert_ok(append_durable(p, b, two(b, 60, i, 1300, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		/* First before the horizon (100000 + 5000), then behind it. */
		assert_ok(partition_compact(p, round == 0 ? 104999 : 105000, 1 << 20));
		look_at_files(p, &s);
		assert_int_equal(s.value[1], round == 0 ? -1 : -2);
	}
	partition_put(&p);
	fixture_free(&f);
}

static void
a_producers_last_batch_stays(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen s;
	uint8_t b[1024];
	keyed_setup(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 10; i++)
		assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, 2 * i), &r));
	for (int i = 0; i < 60; i++)
		assert_ok(append_durable(p, b, two(b, 1, i, 1200, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f.store));
	assert_ok(partition_compact(p, 100000, 1 << 20));
	look_at_files(p, &s);
	assert_int_equal(s.offset[1] / 2, 69);
	/* The whole log read again, without snapshot: the sequence is known. */
	partition_put(&p);
	store_close(&f.store);
	char path[128];
	snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
	unlink(path);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_int_equal(partition_producers(p), 1);
	assert_ok(append_durable(p, b, two(b, 1, 9, 1000, BATCH_NONE, 18), &r));
	assert_int_equal(r.verdict, APPEND_DUPLICATE);
	assert_int_equal(r.base, 18);
	assert_int_equal(append_durable(p, b, two(b, 1, 9, 1000, BATCH_NONE, 24), &r), ERR_CONFLICT);
	assert_int_equal(r.verdict, APPEND_OUT_OF_ORDER);
	partition_put(&p);
	fixture_free(&f);
}

static void
an_interrupted_exchange_is_completed(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen s;
	uint8_t b[1024];
	char from[160], to[160];
	keyed_setup(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 60; i++)
		assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
	lock_take(&p->lock);
	int64_t second = CONTAINER_OF(p->segments.next->next, struct segment, hook)->base;
	int64_t third = CONTAINER_OF(p->segments.next->next->next, struct segment, hook)->base;
	lock_drop(&p->lock);
	partition_put(&p);
	store_close(&f.store);
	/* As if the second segment had been written anew as the first two. */
	snprintf(from, sizeof(from), "%s/orders-0/%020lld.log", f.dir, (long long)second);
	snprintf(to, sizeof(to), "%s/orders-0/%020d.%020lld.swap", f.dir, 0, (long long)third);
	assert_int_equal(link(from, to), 0);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_false(fs_exists(from));
	assert_false(fs_exists(to));
	look(p, &s);
	assert_int_equal(s.records, 120 - second);
	assert_int_equal(s.offset[1], 118);
	partition_put(&p);
	fixture_free(&f);
}

/* More keys than the map holds, in one segment and over several: rounds go on where the last
 * one ended, and no value, tombstone or offset is lost by it. */
static void
more_keys_than_the_map_holds(void **state)
{
	(void)state;
	for (int segment = 1000; segment <= 100000; segment *= 100) {
		struct fixture f;
		struct append_result r;
		struct seen before, after;
		uint8_t b[1024];
		keyed_setup(&f);
		f.topic.segment_bytes = segment;
		f.topic.delete_retention_ms = 0;
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 98; i += 2)
			assert_ok(append_durable(p, b, two(b, i, 1, 1000, BATCH_NONE, -1), &r));
		for (int i = 0; i < 98; i += 2)	/* every fourth key goes */
			assert_ok(append_durable(p, b, two(b, i, i % 8 == 0 ? -1 : 2, 1000, BATCH_ZSTD, -1), &r));
		lock_take(&p->lock);
		p->config.segment_bytes = 1;	/* the next batch closes it */
		lock_drop(&p->lock);
		assert_ok(append_durable(p, b, two(b, 98, 3, 1000, BATCH_NONE, -1), &r));
		lock_take(&p->lock);
		p->config.segment_bytes = segment;
		lock_drop(&p->lock);
		assert_ok(store_checkpoint(f.store));
		look(p, &before);
		/* 54 keys a round, and a call makes up to eight. */
		assert_ok(partition_compact(p, 100000, 2 * 64 * 24 - 1));
		lock_take(&p->lock);
		partition_drop_tail(p);
		assert_int_equal(p->clean_offset, r.base);
		lock_drop(&p->lock);
		look(p, &after);
		for (int k = 0; k < 100; k++) {
			assert_int_equal(after.value[k], before.value[k] == -1 ? -2 : before.value[k]);
			assert_true(after.value[k] == -2 || after.offset[k] == before.offset[k]);
		}
		assert_true(after.records < 100);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* Sums that do not fit into 64 bits. */
static void
tombstones_may_stay_for_ever(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen s;
	uint8_t b[1024];
	keyed_setup(&f);
	f.topic.delete_retention_ms = INT64_MAX;
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(append_durable(p, b, two(b, 1, -1, 1000, BATCH_NONE, -1), &r));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 60; i++)
			assert_ok(append_durable(p, b, two(b, 50, i, 1200, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		assert_ok(partition_compact(p, INT64_C(1) << (40 + round), 1 << 20));
		look_at_files(p, &s);
		assert_int_equal(s.value[1], -1);
	}
	partition_put(&p);
	fixture_free(&f);
}

static ino_t
first_file(const struct fixture *f)
{
	struct stat st;
	char path[128];
	snprintf(path, sizeof(path), "%s/orders-0/00000000000000000000.log", f->dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* What was compacted is not done again after a restart; what came later is. */
static void
a_restart_goes_on_behind_what_is_clean(void **state)
{
	(void)state;
	for (int clean = 0; clean < 2; clean++) {
		struct fixture f;
		struct append_result r;
		uint8_t b[1024];
		keyed_setup(&f);
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 60; i++)
			assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		assert_ok(partition_compact(p, 100000, 1 << 20));
		int64_t done = p->clean_offset;
		assert_true(done > 90);
		assert_ok(store_checkpoint(f.store));
		ino_t first = first_file(&f);
		for (int i = 0; i < 60; i++)
			assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		partition_put(&p);
		store_close(&f.store);
		if (!clean) {
			char path[128];
			snprintf(path, sizeof(path), "%s/clean-stop", f.dir);
			unlink(path);
		}
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		assert_int_equal(p->clean_offset, done);
		lock_take(&p->lock);
		p->config.min_cleanable_dirty_ratio = 1;	/* not all of it is dirty */
		lock_drop(&p->lock);
		assert_ok(partition_compact(p, 100000, 1 << 20));
		assert_int_equal(first_file(&f), first);
		lock_take(&p->lock);
		p->config.min_cleanable_dirty_ratio = 0.5;
		lock_drop(&p->lock);
		assert_ok(partition_compact(p, 100000, 1 << 20));
		assert_int_not_equal(first_file(&f), first);
		assert_true(p->clean_offset > done + 90);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* The recovery point has moved in memory only: compaction may not touch what a crash
 * would read on from, or it would read on within a batch, and cut there. */
static void
a_crash_before_the_checkpoint_is_written(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct seen s;
	uint8_t b[1024];
	int status;
	keyed_setup(&f);
	f.topic.segment_bytes = 1500;
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 5; i++)
		assert_ok(append_durable(p, b, two(b, 2 * i, i, 1000, BATCH_NONE, -1), &r));
	partition_put(&p);
	store_close(&f.store);
	if (fork() == 0) {
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		for (int i = 5; i < 40; i++)
			assert_ok(append_durable(p, b, two(b, 2 * i, i, 1000, BATCH_NONE, -1), &r));
		for (int i = 0; i < 30; i++)
			assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
		lock_take(&p->lock);
		p->config.segment_bytes = 100000;
		lock_drop(&p->lock);
		_exit(partition_checkpoint(p, true) != 0 || partition_compact(p, 100000, 1 << 20) != 0);
	}
	wait(&status);
	assert_int_equal(status, 0);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	look(p, &s);
	assert_int_equal(s.last, 139);
	for (int k = 3; k < 80; k++)
		assert_int_equal(s.value[k], k / 2);
	partition_put(&p);
	fixture_free(&f);
}

/* What is clean is known after a crash, too, though nothing was appended since; and how much is not. */
static void
a_crash_goes_on_behind_what_is_clean(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[1024];
	int status;
	keyed_setup(&f);
	store_close(&f.store);
	if (fork() == 0) {
		fixture_open(&f);
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 60; i++)
			assert_ok(append_durable(p, b, two(b, i, i, 1000, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		store_maintain(f.store, 100000, UINT64_C(1) << 60);
		_exit(p->clean_offset < 90);
	}
	wait(&status);
	assert_int_equal(status, 0);
	ino_t first = first_file(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_true(p->clean_offset > 90);
	int64_t done = p->clean_offset;
	for (int i = 0; i < 20; i++)	/* a fourth is dirty then */
		assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f.store));
	store_maintain(f.store, 100000, UINT64_C(1) << 60);
	assert_int_equal(first_file(&f), first);
	assert_int_equal(p->clean_offset, done);
	for (int i = 0; i < 60; i++)
		assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f.store));
	store_maintain(f.store, 100000, UINT64_C(1) << 60);
	assert_int_not_equal(first_file(&f), first);
	assert_true(p->clean_offset > done);
	partition_put(&p);
	fixture_free(&f);
}

/* max.compaction.lag.ms counts from the first record that waits, also after a restart. */
static void
the_oldest_record_waits_no_longer_than_it_may(void **state)
{
	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		struct fixture f;
		struct append_result r;
		uint8_t b[1024];
		keyed_setup(&f);
		f.topic.min_cleanable_dirty_ratio = 2;	/* never for the sake of room */
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 20; i++)
			assert_ok(append_durable(p, b, two(b, 1, i, 10000 + 100 * i, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		if (restart) {
			partition_put(&p);
			store_close(&f.store);
			f.topic.max_compaction_lag_ms = INT64_MAX;
			fixture_open(&f);
			p = fixture_partition(&f, 0);
		}
		assert_ok(partition_compact(p, INT64_C(1) << 40, 1 << 20));
		assert_int_equal(p->clean_offset, 0);
		lock_take(&p->lock);
		p->config.max_compaction_lag_ms = 5000;
		lock_drop(&p->lock);
		/* The first batch's greatest time is 10001. */
		assert_ok(partition_compact(p, 15001, 1 << 20));
		assert_int_equal(p->clean_offset, 0);
		assert_ok(partition_compact(p, 15002, 1 << 20));
		assert_true(p->clean_offset > 0);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* Without the checkpoint a log is read from its beginning: slower, but nothing is lost, though
 * the ends of its segments were compacted away and their offsets do not join any more. */
static void
a_lost_checkpoint_costs_time_only(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct fixture f;
		struct append_result r;
		struct seen before, after;
		uint8_t b[1024];
		char path[128];
		keyed_setup(&f);
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 100; i++)	/* each key's last value early in a segment, or in the middle */
			assert_ok(append_durable(p, b, two(b, i % 20 < 5 ? i * 2 % 90 : 90, i, 1000, BATCH_NONE, -1), &r));
		assert_ok(store_checkpoint(f.store));
		assert_ok(partition_compact(p, 100000, 1 << 20));
		look_at_files(p, &before);
		partition_put(&p);
		store_close(&f.store);
		snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
		if (how % 2 == 0)
			unlink(path);
		else
			assert_ok(fs_replace(path, "spoilt", 6));
		snprintf(path, sizeof(path), "%s/clean-stop", f.dir);
		if (how / 2 == 0)
			unlink(path);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		look(p, &after);
		assert_int_equal(after.last, before.last);
		assert_int_equal(after.records, before.records);
		assert_memory_equal(after.value, before.value, sizeof(after.value));
		partition_put(&p);
		fixture_free(&f);
	}
}

/* A second time, and it is as it was. */
static void
spoil(const struct fixture *f, int64_t base)
{
	char path[128];
	uint8_t byte;
	int fd;
	snprintf(path, sizeof(path), "%s/orders-0/%020lld.log", f->dir, (long long)base);
	assert_ok(fs_open(path, O_RDWR, &fd));
	assert_ok(fs_pread(fd, &byte, 1, 80));
	byte ^= 0x40;
	assert_ok(fs_pwrite(fd, &byte, 1, 80));
	fs_close(&fd);
}

/* Closed segments, all of them dirty, the second of which begins at *ret_base. */
static struct partition *
dirty(struct fixture *f, int64_t *ret_base)
{
	struct append_result r;
	uint8_t b[1024];
	keyed_setup(f);
	struct partition *p = fixture_partition(f, 0);
	for (int i = 0; i < 60; i++)
		assert_ok(append_durable(p, b, two(b, i % 6 * 2, i, 1000, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f->store));
	lock_take(&p->lock);
	*ret_base = CONTAINER_OF(p->segments.next->next, struct segment, hook)->base;
	partition_drop_tail(p);
	lock_drop(&p->lock);
	return p;
}

/* Damage that compaction finds is what a reader would have found: no more is appended, an
 * administrator is told, and nothing is read again for it before it was mended. */
static void
damage_is_everybodys_matter(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct log_ends e;
	uint8_t b[1024];
	int64_t base;
	struct partition *p = dirty(&f, &base);
	spoil(&f, base);
	uint64_t size = partition_size(p);
	assert_int_equal(partition_compact(p, 100000, 1 << 20), ERR_CORRUPT);
	assert_true(partition_failed(p));
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_CORRUPT);
	assert_int_equal(append_durable(p, b, two(b, 0, 1, 1000, BATCH_NONE, -1), &r), ERR_CORRUPT);
	assert_ok(partition_compact(p, 100000, 1 << 20));
	assert_int_equal(partition_size(p), size);
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	spoil(&f, base);	/* as where memory was wrong, not the disk */
	assert_ok(partition_recover(p, false));
	assert_ok(append_durable(p, b, two(b, 0, 1, 1000, BATCH_NONE, -1), &r));
	assert_int_equal(r.base, 120);
	assert_ok(store_checkpoint(f.store));
	assert_ok(partition_compact(p, 100000, 1 << 20));
	assert_true(partition_size(p) < size);
	partition_put(&p);
	fixture_free(&f);
}

/* Records that cannot be read in a batch that lies as it came, or damage in what was deleted: no
 * reason to refuse appends. It is not read again and again, until it is gone. */
static void
what_cannot_be_compacted_is_left_alone(void **state)
{
	(void)state;
	for (int deleted = 0; deleted < 2; deleted++) {
		struct fixture f;
		struct append_result r;
		struct log_ends e;
		uint8_t b[1024];
		int64_t base, start;
		struct partition *p;
		if (deleted) {
			p = dirty(&f, &base);
			spoil(&f, base);
			assert_ok(partition_delete_records(p, base + 2, &start));
		} else {
			keyed_setup(&f);
			p = fixture_partition(&f, 0);
			base = 0;
			make_batch(b, 100, 2, 1000, 0xff);	/* its CRC is right */
			assert_ok(append_durable(p, b, 100, &r));
			for (int i = 0; i < 60; i++)
				assert_ok(append_durable(p, b, two(b, i % 6 * 2, i, 1000, BATCH_NONE, -1), &r));
			assert_ok(store_checkpoint(f.store));
		}
		uint64_t size = partition_size(p);
		assert_int_equal(partition_compact(p, 100000, 1 << 20), ERR_CORRUPT);
		assert_ok(partition_compact(p, 100000, 1 << 20));	/* it does not look */
		assert_int_equal(partition_size(p), size);
		partition_ends(p, &e);
		assert_int_equal(e.state, LOG_ONLINE);
		assert_ok(append_durable(p, b, two(b, 0, 1, 1000, BATCH_NONE, -1), &r));
		/* Once it was deleted with its segment, the rest is compacted. */
		assert_ok(partition_delete_records(p, base + 40, &start));
		assert_ok(store_checkpoint(f.store));
		size = partition_size(p);
		store_maintain(f.store, 100000, 1);
		assert_true(partition_size(p) < size * 3 / 4);
		partition_ends(p, &e);
		assert_true(p->clean_offset > base + 40);
		assert_int_equal(e.state, LOG_ONLINE);
		partition_put(&p);
		fixture_free(&f);
	}
}

TEST_MAIN(T(damage_is_everybodys_matter), T(what_cannot_be_compacted_is_left_alone),
    T(newest_values_stay), T(more_keys_than_the_map_holds), T(tombstones_may_stay_for_ever),
    T(a_lost_checkpoint_costs_time_only), T(a_crash_goes_on_behind_what_is_clean),
    T(the_oldest_record_waits_no_longer_than_it_may),
    T(a_restart_goes_on_behind_what_is_clean), T(a_crash_before_the_checkpoint_is_written), T(tombstones_go_after_their_time), T(a_producers_last_batch_stays),
    T(an_interrupted_exchange_is_completed))

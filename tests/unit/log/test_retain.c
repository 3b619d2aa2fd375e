/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <fcntl.h>

#include "base/clock.h"
#include "log/impl.h"

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

enum spoil { MISSING, EMPTY, ZEROS, SHORTENED, LESS, STRANGE, SPOILS };

static void
spoil(struct fixture *f, int64_t base, const char *kind, enum spoil how)
{
	char path[128], *data;
	size_t n;
	snprintf(path, sizeof(path), "%s/orders-0/%020lld.%s", f->dir, (long long)base, kind);
	assert_ok(fs_slurp(path, 1 << 20, &data, &n));
	assert_true(n > 24);
	if (how == MISSING)
		unlink(path);
	else if (how == STRANGE)
		data[n - 5] ^= 0x40;
	else if (how == ZEROS)
		memset(data, 0, n);
	size_t keep = how == EMPTY ? 0 : how == SHORTENED ? n - 5 : how == LESS ? n - 24 : n;
	if (how != MISSING)
		assert_ok(fs_replace(path, data, keep));
	mem_free(data);
}

/* Whatever became of the index files, segments go neither sooner nor later; and the files are
 * made anew as they were. */
static void
spoilt_indexes_delete_nothing(void **state)
{
	(void)state;
	static const char *const kinds[] = { "index", "timeindex" };
	for (int how = 0; how < SPOILS * 4; how++) {
		struct fixture f;
		char path[2][128], *before[2], *after;
		size_t n[2], m;
		fixture_make(&f);
		f.topic.retention_ms = 10000;
		f.topic.index_interval_bytes = 1500;
		struct partition *p = filled(&f, 35);
		partition_put(&p);
		store_close(&f.store);
		for (int k = 0; k < 2; k++) {
			snprintf(path[k], sizeof(path[k]), "%s/orders-0/%020d.%s", f.dir, 10, kinds[k]);
			assert_ok(fs_slurp(path[k], 1 << 20, &before[k], &n[k]));
		}
		spoil(&f, 0, kinds[how % 2], (enum spoil)(how / 4));
		spoil(&f, 10, kinds[how % 2], (enum spoil)(how / 4));
		if (how / 2 % 2 == 0) {
			snprintf(path[0], sizeof(path[0]), "%s/clean-stop", f.dir);
			unlink(path[0]);
			snprintf(path[0], sizeof(path[0]), "%s/orders-0/%020d.%s", f.dir, 10, kinds[0]);
		}
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		uint64_t mono = clock_mono_ns() + HOUR_NS;
		store_maintain(f.store, 9000 + 10000, mono);
		assert_int_equal(log_start(p), 0);
		store_maintain(f.store, 9001 + 10000, mono);
		assert_int_equal(log_start(p), 10);
		for (int k = 0; k < 2; k++) {
			assert_ok(fs_slurp(path[k], 1 << 20, &after, &m));
			assert_int_equal(m, n[k]);
			assert_memory_equal(after, before[k], m);
			mem_free(after);
			mem_free(before[k]);
		}
		store_maintain(f.store, 19001 + 10000, mono);
		assert_int_equal(log_start(p), 20);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* Records without times are as old as their file. */
static void
what_has_no_time_goes_too(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[1000];
	fixture_make(&f);
	f.topic.retention_ms = 10000;
	struct partition *p = filled(&f, 0);
	for (int i = 0; i < 25; i++) {
		make_batch(b, sizeof(b), 1, -1, 0);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	uint64_t mono = clock_mono_ns() + HOUR_NS;
	int64_t now = clock_wall_ms();
	store_maintain(f.store, now + 5000, mono);
	assert_int_equal(log_start(p), 0);
	store_maintain(f.store, now + 20000, mono);
	assert_int_equal(log_start(p), 25);
	partition_put(&p);
	fixture_free(&f);
}

static int
segments(const struct partition *p)
{
	int n = 0;
	for (const struct list *h = p->segments.next; h != &p->segments; h = h->next)
		n++;
	return n;
}

static void
append_at(struct partition *p, int64_t time)
{
	struct append_result r;
	uint8_t b[1000];
	make_batch(b, sizeof(b), 1, time, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
}

/* The age of a segment counts from its first record, before and after a restart of any kind. */
static void
segments_end_with_age(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct fixture f;
		char path[128];
		fixture_make(&f);
		f.topic.segment_ms = how == 3 ? INT64_MAX : 5000;
		if (how == 3) {		/* what must be compacted by then */
			f.topic.cleanup = LOG_CLEANUP_COMPACT;
			f.topic.max_compaction_lag_ms = 5000;
		}
		struct partition *p = filled(&f, 0);
		append_at(p, 100000);
		append_at(p, 103000);
		assert_ok(store_checkpoint(f.store));
		if (how == 1 || how == 2) {
			partition_put(&p);
			store_close(&f.store);
			snprintf(path, sizeof(path), "%s/clean-stop", f.dir);
			if (how == 2)
				unlink(path);
			fixture_open(&f);
			p = fixture_partition(&f, 0);
		}
		append_at(p, 105000);
		assert_int_equal(segments(p), 1);
		append_at(p, 105001);
		assert_int_equal(segments(p), 2);
		append_at(p, INT64_MIN);	/* before all: no reason */
		append_at(p, 110001);
		assert_int_equal(segments(p), 2);
		append_at(p, INT64_MAX);
		assert_int_equal(segments(p), 3);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* By our clock, where records have no times. */
static void
segments_without_times_end_too(void **state)
{
	(void)state;
	struct fixture f;
	fixture_make(&f);
	f.topic.segment_ms = 200;
	struct partition *p = filled(&f, 0);
	append_at(p, -1);
	append_at(p, -1);
	assert_int_equal(segments(p), 1);
	usleep(250000);
	append_at(p, -1);
	assert_int_equal(segments(p), 2);
	partition_put(&p);
	fixture_free(&f);
}

/* segment.jitter.ms spreads the ends, also when it is set later and after a restart. */
static void
segments_end_at_different_ages(void **state)
{
	(void)state;
	struct fixture f;
	int early = 0, late = 0;
	fixture_make(&f);
	f.topic.segment_ms = 10000;
	struct partition *p = filled(&f, 0);
	partition_put(&p);
	store_close(&f.store);
	f.topic.segment_jitter_ms = INT64_MAX;	/* counts as segment.ms at most */
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	for (int64_t i = 0, start = 0; i < 200; i++) {
		int64_t time = i * 1000;
		int before = segments(p);
		append_at(p, time);
		if (segments(p) == before)
			continue;
		assert_true(time - start <= 11000);
		early += time - start < 5000;
		late += time - start > 5000;
		start = time;
	}
	assert_true(early > 2 && late > 2);
	partition_put(&p);
	fixture_free(&f);
}

/* A delay that does not fit into nanoseconds. */
static void
files_may_stay_for_ever(void **state)
{
	(void)state;
	struct fixture f;
	char path[128];
	fixture_make(&f);
	struct partition *p = filled(&f, 35);
	lock_take(&p->lock);
	p->config.file_delete_delay_ms = INT64_MAX;
	p->config.retention_ms = 1;
	lock_drop(&p->lock);
	store_maintain(f.store, INT64_C(1) << 40, clock_mono_ns() + HOUR_NS);
	store_maintain(f.store, INT64_C(1) << 40, clock_mono_ns() + 100000 * HOUR_NS);
	snprintf(path, sizeof(path), "%s/orders-0/00000000000000000000.log.deleted", f.dir);
	assert_true(fs_exists(path));
	partition_put(&p);
	fixture_free(&f);
}

/* Each file begins with the offset that its name says, or is empty. */
static void
files_hold_their_own(const struct partition *p)
{
	for (const struct list *h = p->segments.next; h != &p->segments; h = h->next) {
		const struct segment *g = CONTAINER_OF(h, struct segment, hook);
		uint8_t head[HEAD_BYTES];
		int fd;
		if (g->size == 0)
			continue;
		assert_ok(fs_open(g->path, O_RDONLY, &fd));
		assert_ok(fs_pread(fd, head, sizeof(head), 0));
		assert_int_equal(head_base(head), g->base);
		fs_close(&fd);
	}
}

/* The journal still has what retention took out since the last checkpoint. */
static void
a_crash_brings_nothing_back(void **state)
{
	(void)state;
	for (int64_t now = 29000; now <= 60000; now += 31000) {
		struct fixture f;
		struct log_ends ends;
		fixture_make(&f);
		f.topic.flush = LOG_FLUSH_ACK;
		f.topic.retention_ms = 10000;
		f.topic.segment_bytes = 10000;
		f.config.no_background = true;
		fixture_open(&f);
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 35; i++)
			append_at(p, 1000 * i);
		assert_ok(partition_write_out(p, true));
		store_maintain(f.store, now, clock_mono_ns() + HOUR_NS);
		int64_t start = log_start(p);
		assert_true(start >= 10);
		for (int again = 0; again < 3; again++) {
			partition_put(&p);
			if (again < 2)
				fixture_crash(&f);
			else
				store_close(&f.store);
			fixture_open(&f);
			p = fixture_partition(&f, 0);
			partition_ends(p, &ends);
			assert_int_equal(ends.state, LOG_ONLINE);
			assert_int_equal(ends.log_start, start);
			assert_int_equal(ends.end, 35 + again);
			files_hold_their_own(p);
			append_at(p, 40000);
			assert_ok(partition_write_out(p, true));
		}
		partition_put(&p);
		fixture_free(&f);
	}
}

/* How long the thread waits, from when that is seen, until it looks for the first time, ms. */
static int64_t
first_turn(struct fixture *f, int64_t check_ms)
{
	uint64_t due = 0;
	bool seen = false;
	f->config.retention_check_ms = check_ms;
	fixture_open(f);
	for (int i = 0; i < 1000 && due == 0; i++) {
		usleep(1000);
		lock_take(&f->store->mlock);
		due = f->store->maintain_due;
		seen = f->store->clock_seen;
		lock_drop(&f->store->mlock);
	}
	assert_true(due != 0 && seen);
	return ((int64_t)due - (int64_t)clock_mono_ns()) / 1000000;
}

/* The clock may be wrong at boot: nothing is deleted by it in the first half minute, and what it
 * jumps by meanwhile is seen. Directories that are due anyway do not make it sooner. */
static void
a_start_waits_for_the_clock(void **state)
{
	(void)state;
	struct fixture f;
	char command[200];
	fixture_make(&f);
	f.topic.retention_ms = 10000;
	struct partition *p = filled(&f, 35);
	partition_put(&p);
	store_close(&f.store);
	f.config.no_background = false;
	int64_t ms = first_turn(&f, store_config_default.retention_check_ms);
	assert_true(ms > 20000 && ms <= 30000);
	p = fixture_partition(&f, 0);
	partition_put(&p);
	p = fixture_partition(&f, 1);
	partition_put(&p);
	assert_ok(store_delete_partition(f.store, &f.id, 1));
	snprintf(command, sizeof(command), "ls -A %s | grep -q -e -delete", f.dir);
	for (int i = 0; i < 5000 && system(command) == 0; i++)
		usleep(1000);
	assert_int_not_equal(system(command), 0);
	p = fixture_partition(&f, 0);
	assert_int_equal(log_start(p), 0);
	partition_put(&p);
	store_close(&f.store);
	ms = first_turn(&f, INT64_MAX);
	assert_true(ms > 20000 && ms <= 30000);
	store_close(&f.store);
	/* Who has it looked at more often does not wait for as long. */
	assert_true(first_turn(&f, 200) < 5000);
	p = fixture_partition(&f, 0);
	for (int i = 0; i < 10000 && log_start(p) < 35; i++)
		usleep(1000);
	assert_int_equal(log_start(p), 35);
	partition_put(&p);
	fixture_free(&f);
}

TEST_MAIN(T(a_start_waits_for_the_clock), T(old_segments_go), T(a_crash_brings_nothing_back), T(spoilt_indexes_delete_nothing), T(what_has_no_time_goes_too),
    T(segments_end_with_age), T(segments_without_times_end_too), T(segments_end_at_different_ages),
    T(files_may_stay_for_ever), T(a_log_keeps_to_its_size), T(deleted_records_stay_deleted),
    T(a_clock_that_jumps_deletes_nothing))

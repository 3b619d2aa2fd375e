/* SPDX-License-Identifier: Apache-2.0 */
/* A start after a clean stop looks at no file of a log; what was done to them meanwhile shows when they are used. */
#include "numbered.h"

#include "keyed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/compact.h"
#include "log/maintain.h"

enum { SEGMENT = 1000, ALL = 35, MANY = 200 };

static struct {
	_Atomic int n;			/* calls that looked at a partition's files */
	_Atomic int untouched;		/* at those of orders-1, which nothing changes */
	const char *_Atomic bad;	/* of the paths that cannot be opened; NULL: none */
} seen_calls;

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n);
int __real_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
int __real_fs_path_size(const char *path, int64_t *ret);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n);
int __wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
int __wrap_fs_path_size(const char *path, int64_t *ret);

static bool
fails(const char *path)
{
	const char *bad = seen_calls.bad;
	seen_calls.n += strstr(path, "/orders-") != NULL;
	seen_calls.untouched += strstr(path, "/orders-1") != NULL;
	return bad != NULL && strstr(path, bad) != NULL;
}

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	return fails(path) ? ERR_IO : __real_fs_open(path, flags, ret_fd);
}

int
__wrap_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n)
{
	return fails(path) ? ERR_IO : __real_fs_slurp(path, max, ret, ret_n);
}

int
__wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg)
{
	return fails(path) ? ERR_IO : __real_fs_list(path, each, arg);
}

int
__wrap_fs_path_size(const char *path, int64_t *ret)
{
	return fails(path) ? ERR_IO : __real_fs_path_size(path, ret);
}

static int
try_append(struct partition *p, int64_t i)
{
	struct append_result r;
	uint8_t b[BATCH];
	batch_of(b, i);
	return append_durable(p, b, sizeof(b), &r);
}

static void
all_is_there(struct partition *p, int64_t n)
{
	state_is(p, LOG_ONLINE, n);
	assert_ok(partition_write_out(p, true));	/* what only the tail has is not read from the disk */
	for (int64_t i = 0; i < n; i++)
		assert_ok(read_at(p, i));
}

/* Two logs of four segments each, and a clean stop. */
static void
begin(struct fixture *f, enum log_flush flush)
{
	fixture_make(f);
	f->topic.segment_bytes = SEGMENT;
	f->topic.flush = flush;
	f->config.no_background = true;
	fixture_open(f);
	for (int i = 0; i < 2; i++) {
		struct partition *p = fixture_partition(f, i);
		append(p, 0, ALL);
		partition_put(&p);
	}
	store_close(&f->store);
}

/* How often a clean start looks at files. */
static int
start(struct fixture *f)
{
	seen_calls.n = 0;
	fixture_open(f);
	int n = seen_calls.n;
	assert_true(store_was_clean(f->store));
	return n;
}

static void
path_of(const struct fixture *f, int partition, int64_t base, const char *suffix, char path[160])
{
	snprintf(path, 160, "%s/orders-%d/%020d.%s", f->dir, partition, (int)base, suffix);
}

static int64_t
size_of(const struct fixture *f, int partition, int64_t base)
{
	char path[160];
	int64_t size = -1;
	path_of(f, partition, base, "log", path);
	assert_ok(__real_fs_path_size(path, &size));
	return size;
}

static void
cut_file(const struct fixture *f, int partition, int64_t base, int64_t size)
{
	char path[160];
	path_of(f, partition, base, "log", path);
	assert_int_equal(truncate(path, size), 0);
}

static void
no_file_is_opened(void **state)
{
	static const enum log_flush flush[] = { LOG_FLUSH_ACK, LOG_FLUSH_OS };
	struct fixture f;
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		begin(&f, flush[k]);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(start(&f), 0);
			struct partition *p = fixture_partition(&f, 1);
			assert_int_equal(partition_size(p), (ALL + i) * BATCH);
			assert_int_equal(partition_active(p)->max_time, 1000 + ALL + i - 1);
			assert_int_equal(partition_epoch_at(p, 0), 0);
			if (i == 1)
				all_is_there(p, ALL + i);
			append(p, ALL + i, ALL + i + 1);
			partition_put(&p);
			store_close(&f.store);
		}
		fixture_open(&f);
		for (int i = 0; i < 2; i++) {
			struct partition *p = fixture_partition(&f, i);
			all_is_there(p, i == 0 ? ALL : ALL + 3);
			partition_put(&p);
		}
		fixture_free(&f);
	}
}

/* Its snapshot alone is read. */
static void
producers_are_known(void **state)
{
	struct fixture f;
	struct append_result r;
	uint8_t b[BATCH];
	(void)state;
	begin(&f, LOG_FLUSH_ACK);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, BATCH, 1, 1000, 1);
	be_put(b + 43, 77, 8);
	be_put(b + 51, 0, 2);
	be_put(b + 53, 0, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, BATCH - HEAD_CRC_FROM), 4);
	assert_ok(append_durable(p, b, BATCH, &r));
	partition_put(&p);
	store_close(&f.store);
	assert_int_equal(start(&f), 1);
	p = fixture_partition(&f, 0);
	assert_int_equal(partition_producers(p), 1);
	assert_ok(append_durable(p, b, BATCH, &r));
	assert_int_equal(r.verdict, APPEND_DUPLICATE);
	assert_int_equal(r.base, ALL);
	partition_put(&p);
	fixture_free(&f);
}

/* What is made, removed or renamed, and a copy of all of it. */
static void
what_was_touched_is_looked_at(void **state)
{
	struct fixture f;
	char path[160], to[200], command[400];
	(void)state;
	for (int what = 0; what < 4; what++) {
		begin(&f, LOG_FLUSH_ACK);
		path_of(&f, 0, 30, what == 0 ? "log" : "index", path);
		snprintf(to, sizeof(to), "%s-away", path);
		usleep(20000);	/* the kernel's clock has steps */
		if (what < 2)
			assert_ok(fs_rename(path, to));
		else if (what == 2)
			assert_ok(fs_mkdir(to));
		else {
			snprintf(command, sizeof(command), "cp -a %s %s-copy && rm -r %s && mv %s-copy %s", f.dir, f.dir,
			    f.dir, f.dir, f.dir);
			assert_int_equal(system(command), 0);
		}
		assert_true(start(&f) > 0);
		struct partition *p = fixture_partition(&f, 0);
		if (what == 0)
			state_is(p, LOG_CORRUPT, 30);
		else
			all_is_there(p, ALL);
		partition_put(&p);
		p = fixture_partition(&f, 1);
		all_is_there(p, ALL);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* A stop by an older broker, a mark of another checkpoint, and one that is damaged. */
static void
what_the_mark_does_not_say_is_looked_at(void **state)
{
	struct fixture f;
	char path[160], *text;
	size_t n;
	(void)state;
	for (int what = 0; what < 3; what++) {
		begin(&f, LOG_FLUSH_ACK);
		snprintf(path, sizeof(path), "%s/clean-stop", f.dir);
		assert_ok(__real_fs_slurp(path, 100000, &text, &n));
		assert_non_null(strstr(text, "\norders-0 "));
		if (what == 1)
			text[n / 2]++;
		if (what == 2) {
			assert_int_equal(start(&f), 0);
			struct partition *p = fixture_partition(&f, 0);
			append(p, ALL, ALL + 1);
			partition_put(&p);
			store_close(&f.store);
		}
		assert_ok(fs_replace(path, text, what == 0 ? 0 : n));
		mem_free(text);
		seen_calls.untouched = 0;
		assert_true(start(&f) > 0);
		assert_true(seen_calls.untouched > 0);	/* nor is any other row of it believed */
		struct partition *p = fixture_partition(&f, 0);
		all_is_there(p, what == 2 ? ALL + 1 : ALL);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* What was cut off within a file is found by who reads it, and no other log hears of it. */
static void
a_reader_finds_what_was_cut(void **state)
{
	struct fixture f;
	(void)state;
	begin(&f, LOG_FLUSH_ACK);
	cut_file(&f, 0, 10, 550);
	assert_int_equal(start(&f), 0);
	struct partition *p = fixture_partition(&f, 0), *q = fixture_partition(&f, 1);
	state_is(p, LOG_ONLINE, ALL);
	assert_ok(read_at(p, 14));
	state_is(p, LOG_ONLINE, ALL);
	assert_int_equal(read_at(p, 15), ERR_CORRUPT);
	state_is(p, LOG_CORRUPT, ALL);
	assert_int_equal(try_append(p, ALL), ERR_CORRUPT);
	assert_ok(read_at(p, 20));
	append(q, ALL, ALL + 1);
	all_is_there(q, ALL + 1);
	partition_put(&p);
	partition_put(&q);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	state_is(p, LOG_CORRUPT, ALL);
	partition_put(&p);
	fixture_free(&f);
}

/* Who writes looks first, or there would be a hole in it; a file that is longer is not ours to go on with. */
static void
a_writer_finds_what_was_cut(void **state)
{
	static const enum log_flush flush[] = { LOG_FLUSH_ACK, LOG_FLUSH_OS };
	static const int64_t sizes[] = { 450, 700, 0 };
	struct fixture f;
	(void)state;
	for (size_t k = 0; k < 6; k++) {
		begin(&f, flush[k / 3]);
		cut_file(&f, 0, 30, sizes[k % 3]);
		assert_int_equal(start(&f), 0);
		struct partition *p = fixture_partition(&f, 0), *q = fixture_partition(&f, 1);
		state_is(p, LOG_ONLINE, ALL);
		int err = try_append(p, ALL);
		assert_int_equal(err, flush[k / 3] == LOG_FLUSH_OS ? ERR_IO : 0);
		(void)partition_write_out(p, true);
		assert_true(partition_failed(p));
		assert_int_equal(try_append(p, ALL), ERR_IO);
		assert_int_equal(size_of(&f, 0, 30), sizes[k % 3]);
		append(q, ALL, ALL + 1);
		all_is_there(q, ALL + 1);
		partition_put(&p);
		partition_put(&q);
		store_close(&f.store);
		/* With the file as it was nothing is missing, also of what was acknowledged since. */
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		assert_int_equal(partition_failed(p), sizes[k % 3] < 500);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* A disk that does not give it: that log is offline, and well again by a later start. */
static void
what_cannot_be_opened_fails_alone(void **state)
{
	struct fixture f;
	(void)state;
	begin(&f, LOG_FLUSH_OS);
	assert_int_equal(start(&f), 0);
	struct partition *p = fixture_partition(&f, 0), *q = fixture_partition(&f, 1);
	seen_calls.bad = "/orders-0/";
	assert_int_equal(read_at(p, 15), ERR_IO);
	assert_int_equal(try_append(p, ALL), ERR_IO);
	append(q, ALL, ALL + 1);
	assert_ok(read_at(q, 15));
	assert_ok(read_at(q, ALL));
	state_is(p, LOG_OFFLINE, ALL);
	partition_put(&p);
	partition_put(&q);
	store_close(&f.store);
	seen_calls.bad = NULL;
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	all_is_there(p, ALL);
	append(p, ALL, ALL + 1);
	partition_put(&p);
	fixture_free(&f);
}

/* Retention knows the sizes; what is on its way out at the next stop is removed by the next start. */
static void
what_was_not_opened_is_deleted(void **state)
{
	struct fixture f;
	struct log_ends e;
	char path[160];
	(void)state;
	begin(&f, LOG_FLUSH_ACK);
	f.topic.retention_bytes = 1500;
	assert_int_equal(start(&f), 0);
	struct partition *p = fixture_partition(&f, 0);
	store_maintain(f.store, clock_wall_ms(), clock_mono_ns());
	partition_ends(p, &e);
	assert_int_equal(e.log_start, 20);
	assert_int_equal(partition_size(p), 1500);
	assert_ok(read_at(p, 20));
	partition_put(&p);
	store_close(&f.store);
	path_of(&f, 0, 0, "log.deleted", path);
	assert_true(fs_exists(path));
	assert_true(start(&f) > 0);
	assert_false(fs_exists(path));
	store_close(&f.store);
	assert_int_equal(start(&f), 0);
	p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.log_start, 20);
	partition_put(&p);
	fixture_free(&f);
}

/* Compaction reads what it needs, and finds what was cut. */
static void
what_was_not_opened_is_compacted(void **state)
{
	struct fixture f;
	struct append_result r;
	uint8_t b[1024];
	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		fixture_make(&f);
		f.topic.segment_bytes = 300;
		f.topic.cleanup = LOG_CLEANUP_COMPACT;
		f.topic.min_cleanable_dirty_ratio = 0;
		f.config.no_background = true;
		fixture_open(&f);
		struct partition *p = fixture_partition(&f, 0);
		for (int i = 0; i < 20; i++)
			assert_ok(append_durable(p, b, two(b, 1, i, 1000, BATCH_NONE, -1), &r));
		partition_put(&p);
		store_close(&f.store);
		int64_t before = size_of(&f, 0, 0);
		if (cut)
			cut_file(&f, 0, 0, before - 1);
		assert_int_equal(start(&f), 0);
		p = fixture_partition(&f, 0);
		uint64_t size = partition_size(p);
		partition_compact(p, clock_wall_ms(), 1 << 20);
		if (cut)
			state_is(p, LOG_CORRUPT, 40);
		else
			assert_true(partition_size(p) < size / 2);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* What is known to be damaged is looked at by every start. */
static void
damage_is_looked_at(void **state)
{
	struct fixture f;
	(void)state;
	begin(&f, LOG_FLUSH_ACK);
	cut_file(&f, 0, 10, 550);
	assert_int_equal(start(&f), 0);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(read_at(p, 15), ERR_CORRUPT);
	partition_put(&p);
	store_close(&f.store);
	assert_true(start(&f) > 0);
	p = fixture_partition(&f, 0);
	state_is(p, LOG_CORRUPT, ALL);
	partition_put(&p);
	fixture_free(&f);
}

/* So many that several threads load them: after a crash, and after a clean stop. */
static void
many_are_loaded_at_once(void **state)
{
	struct fixture f;
	(void)state;
	fixture_make(&f);
	f.config.no_background = true;
	fixture_open(&f);
	struct store_topic t = { f.id, NAME(0, STR("orders")), false, f.topic };
	struct why why;
	assert_ok(store_create_partitions(f.store, &t, 0, MANY, &why));
	for (int start_ = 0; start_ < 3; start_++) {
		for (int i = 0; i < MANY; i++) {
			struct partition *p = store_find(f.store, &f.id, i);
			assert_non_null(p);
			state_is(p, LOG_ONLINE, start_);
			append(p, start_, start_ + 1);
			partition_put(&p);
		}
		if (start_ == 0)
			fixture_crash(&f);
		else
			store_close(&f.store);
		fixture_open(&f);
		assert_int_equal(store_count(f.store), MANY);
		assert_int_equal(store_was_clean(f.store), start_ > 0);
	}
	fixture_free(&f);
}

TEST_MAIN(T(no_file_is_opened), T(producers_are_known), T(what_was_touched_is_looked_at),
    T(what_the_mark_does_not_say_is_looked_at), T(a_reader_finds_what_was_cut), T(a_writer_finds_what_was_cut),
    T(what_cannot_be_opened_fails_alone), T(what_was_not_opened_is_deleted), T(what_was_not_opened_is_compacted),
    T(damage_is_looked_at), T(many_are_loaded_at_once))

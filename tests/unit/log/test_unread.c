/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that cannot be read at a start, and can at a later one: the partition is not served, what lies
 * there is left as it is, and what only the journal has of it waits in the journal. */
#include "support.h"

#include "log/impl.h"

#include <pthread.h>

enum { BATCH = 300, OLD = 5, ALL = 12, START = 2 };

static struct {
	pthread_mutex_t mutex;
	const char *part;		/* of the paths that cannot be opened, or listed; NULL: none */
	int times;			/* how often that happens before it is well again */
} bad = { .mutex = PTHREAD_MUTEX_INITIALIZER };

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);

static bool
fails(const char *path)
{
	pthread_mutex_lock(&bad.mutex);
	bool yes = bad.part != NULL && bad.times > 0 && strstr(path, bad.part) != NULL;
	bad.times -= yes;
	pthread_mutex_unlock(&bad.mutex);
	return yes;
}

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	return fails(path) ? ERR_IO : __real_fs_open(path, flags, ret_fd);
}

int
__wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg)
{
	return fails(path) ? ERR_IO : __real_fs_list(path, each, arg);
}

static void
break_at(const char *part, int times)
{
	pthread_mutex_lock(&bad.mutex);
	bad.part = part;
	bad.times = times;
	pthread_mutex_unlock(&bad.mutex);
}

static void
batch_of(uint8_t b[BATCH], int partition, int64_t i)
{
	make_batch(b, BATCH, 1, 1000 + i, (uint8_t)(i * 31 + partition));
}

static void
append(struct fixture *f, int index, int64_t from, int64_t to)
{
	struct append_result r;
	uint8_t b[BATCH];
	struct partition *p = fixture_partition(f, index);
	for (int64_t i = from; i < to; i++) {
		batch_of(b, index, i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, i);
	}
	partition_put(&p);
}

/* Another partition fills the journal: every file of it that may be used again is. */
static void
fill_journal(struct fixture *f, int64_t *end)
{
	for (int i = 0; i < 6; i++) {
		append(f, 1, *end, *end + 10);
		*end += 10;
		assert_ok(store_checkpoint(f->store));
	}
}

/* As the first partition is before a crash: its segments have the first OLD batches, two each, the
 * journal all behind those; before START they were deleted. */
static void
leave_to_journal(struct fixture *f, int64_t *other)
{
	int64_t start;
	char path[128];
	fixture_make(f);
	f->topic.segment_bytes = 2 * BATCH;
	f->config.journal_bytes = 16 * 1024;	/* three groups a file */
	f->config.no_background = true;
	fixture_open(f);
	append(f, 0, 0, OLD);
	assert_ok(store_checkpoint(f->store));
	struct partition *p = fixture_partition(f, 0);
	assert_ok(partition_delete_records(p, START, &start));
	partition_put(&p);
	append(f, 0, OLD, ALL);
	append(f, 1, 0, 1);
	*other = 1;
	fixture_crash(f);
	f->config.journal_files = 3;
	for (int base = OLD + 1; base < ALL; base++) {
		snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, base);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, OLD - 1);
	assert_int_equal(truncate(path, BATCH), 0);
}

/* Not served, and everybody is told so rather than that there is nothing. */
static void
is_offline(struct fixture *f)
{
	struct append_result r;
	struct log_ends e;
	uint8_t b[BATCH];
	struct partition *p = fixture_partition(f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_OFFLINE);
	assert_int_equal(e.log_start, START);
	batch_of(b, 0, 0);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_IO);
	struct log_read_job read = { .p = p, .offset = START, .max_bytes = 1000, .at_least_one = true };
	read_cold(&read);
	assert_int_equal(read.err, ERR_IO);
	struct log_lookup_job look = { .p = p, .what = LOG_LOOKUP_TIME, .time = 0 };
	look_up(&look);
	assert_int_equal(look.err, ERR_IO);
	partition_put(&p);
}

static int
is_next(const uint8_t *b, void *arg)
{
	uint8_t want[BATCH];
	int64_t *next = arg;
	batch_of(want, 0, *next);
	assert_int_equal(head_base(b), *next);
	assert_memory_equal(b + HEAD_CRC_FROM, want + HEAD_CRC_FROM, BATCH - HEAD_CRC_FROM);
	++*next;
	return 0;
}

static void
is_whole(struct fixture *f, int64_t end)
{
	struct log_ends e;
	struct partition *p = fixture_partition(f, 0);
	int64_t next = START;
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.log_start, START);
	assert_int_equal(e.end, end);
	assert_ok(partition_walk(p, START, is_next, &next));
	assert_int_equal(next, end);
	partition_put(&p);
}

static void
others_go_on(struct fixture *f, int64_t end)
{
	struct log_ends e;
	struct partition *p = fixture_partition(f, 1);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.end, end);
	partition_put(&p);
}

/* What cannot be read, and how often: the directory, at once or on a second look, for a while or for good;
 * the newest segment, which could be written by the time the journal is looked at, or could not. */
static const struct {
	const char *part;
	int times;
} faults[] = { { "/orders-0", 1 }, { "/orders-0", 2 }, { "/orders-0", 3 }, { "/orders-0", 1000 },
	{ "/orders-0/00000000000000000004.log", 2 }, { "/orders-0/00000000000000000004.log", 1000 } };

static void
what_cannot_be_read_is_kept(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(faults) / sizeof(faults[0]); k++) {
		struct fixture f;
		int64_t other;
		leave_to_journal(&f, &other);
		for (int i = 0; i < 3; i++) {
			break_at(faults[k].part, faults[k].times);
			fixture_open(&f);
			assert_false(store_was_clean(f.store));
			is_offline(&f);
			others_go_on(&f, other);
			fill_journal(&f, &other);
			store_close(&f.store);
		}
		break_at(NULL, 0);
		fixture_open(&f);
		is_whole(&f, ALL);
		others_go_on(&f, other);
		append(&f, 0, ALL, ALL + 3);
		store_close(&f.store);
		fixture_open(&f);
		assert_true(store_was_clean(f.store));
		is_whole(&f, ALL + 3);
		fixture_free(&f);
	}
}

/* By hand it comes back only by giving up what the journal has, which is free then. */
static void
what_waits_in_the_journal_is_not_given_up_unasked(void **state)
{
	(void)state;
	struct fixture f;
	int64_t other;
	leave_to_journal(&f, &other);
	break_at("/orders-0", 1);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	is_offline(&f);
	assert_ok(partition_recover(p, true));
	partition_put(&p);
	is_whole(&f, OLD);
	append(&f, 0, OLD, OLD + 2);
	store_close(&f.store);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	is_whole(&f, OLD + 2);
	fixture_free(&f);
}

/* Where the journal has nothing of it, nothing is kept, and it comes back by hand. */
static void
nothing_is_kept_for_nothing(void **state)
{
	(void)state;
	struct fixture f;
	int64_t other;
	leave_to_journal(&f, &other);
	fixture_open(&f);
	store_close(&f.store);
	break_at("/orders-0", 1);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	is_offline(&f);
	fill_journal(&f, &other);
	store_close(&f.store);
	break_at("/orders-0", 1);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	is_offline(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(partition_recover(p, false));
	partition_put(&p);
	is_whole(&f, ALL);
	fixture_free(&f);
}

static int
mend(void **state)
{
	(void)state;
	break_at(NULL, 0);
	return 0;
}
#define B(fn) cmocka_unit_test_teardown(fn, mend)

TEST_MAIN(B(what_cannot_be_read_is_kept), B(what_waits_in_the_journal_is_not_given_up_unasked),
    B(nothing_is_kept_for_nothing))

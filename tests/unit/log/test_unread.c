/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that cannot be read at a start, or not be synced, and can at a later one: the partition is not
 * served, what lies there is left as it is, and what only the journal has of it waits in the journal. */
#include "support.h"

#include "log/impl.h"

#include <fcntl.h>
#include <pthread.h>

enum { BATCH = 300, OLD = 5, ALL = 12, START = 2 };

static struct {
	pthread_mutex_t mutex;
	/* Opening and listing; reading as a whole; syncing a file, a directory, all of a file system; replacing. */
	enum { READS, WHOLE_READS, SYNCS, NAMES, ALL_SYNCS, REPLACES } what;
	const char *part;		/* of the paths of which that cannot be done; NULL: none */
	int times;			/* how often that happens before it is well again */
	int forgets;			/* so long the next file is for whose cached pages are dropped; 0: as it is */
} bad = { .mutex = PTHREAD_MUTEX_INITIALIZER };

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n);
int __real_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
int __real_fs_replace(const char *path, const void *p, size_t n);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
int __wrap_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n);
int __wrap_fs_sync(int fd);
int __real_fs_drop_cache(int fd);
int __wrap_fs_drop_cache(int fd);
int __wrap_fs_sync_dir(const char *path);
int __wrap_fs_sync_all(const char *path);
int __wrap_fs_replace(const char *path, const void *p, size_t n);

static bool
fails(int what, const char *path)
{
	pthread_mutex_lock(&bad.mutex);
	bool yes = bad.part != NULL && (int)bad.what == what && bad.times > 0 && strstr(path, bad.part) != NULL;
	bad.times -= yes;
	pthread_mutex_unlock(&bad.mutex);
	return yes;
}

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	return fails(READS, path) ? ERR_IO : __real_fs_open(path, flags, ret_fd);
}

int
__wrap_fs_list(const char *path, int (*each)(const char *name, void *arg), void *arg)
{
	return fails(READS, path) ? ERR_IO : __real_fs_list(path, each, arg);
}

int
__wrap_fs_slurp(const char *path, size_t max, char **ret, size_t *ret_n)
{
	return fails(WHOLE_READS, path) ? ERR_IO : __real_fs_slurp(path, max, ret, ret_n);
}

static const char *
path_of(int fd, char path[256])
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, 255);
	assert_true(n > 0);
	path[n] = '\0';
	return path;
}

int
__wrap_fs_sync(int fd)
{
	char path[256];
	return fails(SYNCS, path_of(fd, path)) ? ERR_IO : 0;
}

/* The disk has less than was read before, if `forgets` says so. */
int
__wrap_fs_drop_cache(int fd)
{
	char path[256];
	if (bad.forgets > 0 && strstr(path_of(fd, path), "/orders-0/") != NULL) {
		assert_int_equal(truncate(path, bad.forgets), 0);
		bad.forgets = 0;
	}
	return __real_fs_drop_cache(fd);
}

int
__wrap_fs_sync_dir(const char *path)
{
	return fails(NAMES, path) ? ERR_IO : 0;
}

int
__wrap_fs_sync_all(const char *path)
{
	return fails(ALL_SYNCS, path) ? ERR_IO : 0;
}

int
__wrap_fs_replace(const char *path, const void *p, size_t n)
{
	return fails(REPLACES, path) ? ERR_IO : __real_fs_replace(path, p, n);
}

static void
break_at(int what, const char *part, int times)
{
	pthread_mutex_lock(&bad.mutex);
	bad.what = what;
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

/* What no sync has made durable is gone. */
static void
lose_power(const struct fixture *f)
{
	char path[128];
	for (int base = OLD + 1; base < ALL; base++) {
		snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, base);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, OLD - 1);
	assert_int_equal(truncate(path, BATCH), 0);
}

/* So that all of it is read, and they are written again. */
static void
lose_epochs(const struct fixture *f)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/orders-0/leader-epoch-checkpoint", f->dir);
	unlink(path);
}

/* As the first partition is before a crash: its segments have the first OLD batches, two each, the
 * journal all behind those; before START they were deleted. */
static void
leave_to_journal(struct fixture *f, int64_t *other)
{
	int64_t start;
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
	lose_power(f);
}

/* Not served, and everybody is told so rather than that there is nothing. */
static void
is_offline(struct fixture *f, int64_t start)
{
	struct append_result r;
	struct log_ends e;
	uint8_t b[BATCH];
	struct partition *p = fixture_partition(f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_OFFLINE);
	assert_int_equal(e.log_start, start);
	batch_of(b, 0, 0);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_IO);
	struct log_read_job read = { .p = p, .offset = start, .max_bytes = 1000, .at_least_one = true };
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
 * the newest segment, which could be written by the time the journal is looked at, or could not. What
 * cannot be made durable: the segment that has news, its name, what is saved beside it. */
static const struct {
	int what;
	const char *part;
	int times;
} faults[] = { { READS, "/orders-0", 1 }, { READS, "/orders-0", 2 }, { READS, "/orders-0", 3 },
	{ READS, "/orders-0", 1000 }, { READS, "/orders-0/00000000000000000004.log", 2 },
	{ READS, "/orders-0/00000000000000000004.log", 1000 }, { SYNCS, "/orders-0/00000000000000000004.log", 1 },
	{ SYNCS, "/orders-0", 1000 }, { NAMES, "/orders-0", 1 }, { NAMES, "/orders-0", 1000 },
	{ REPLACES, "/orders-0/leader-epoch-checkpoint", 1 } };

static void
what_fails_at_a_start_is_kept(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(faults) / sizeof(faults[0]); k++) {
		struct fixture f;
		int64_t other;
		leave_to_journal(&f, &other);
		for (int i = 0; i < 3; i++) {
			if (faults[k].what == REPLACES)
				lose_epochs(&f);
			break_at(faults[k].what, faults[k].part, faults[k].times);
			fixture_open(&f);
			assert_false(store_was_clean(f.store));
			is_offline(&f, START);
			others_go_on(&f, other);
			fill_journal(&f, &other);
			store_close(&f.store);
			lose_power(&f);
		}
		break_at(READS, NULL, 0);
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
	break_at(READS, "/orders-0", 1);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	is_offline(&f, START);
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

/* A clean start looks at the files then. */
static void
forget_mark(const struct fixture *f)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/clean-stop", f->dir);
	assert_int_equal(truncate(path, 0), 0);
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
	forget_mark(&f);
	break_at(READS, "/orders-0", 1);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	is_offline(&f, START);
	fill_journal(&f, &other);
	store_close(&f.store);
	break_at(READS, "/orders-0", 1);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	is_offline(&f, START);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(partition_recover(p, false));
	partition_put(&p);
	is_whole(&f, ALL);
	fixture_free(&f);
}

/* So is a damaged one that a start cannot sync; and what it knew of the damage. */
static void
damage_is_left_out_as_well(void **state)
{
	(void)state;
	struct fixture f;
	struct log_ends e;
	int64_t other;
	char path[128];
	for (int i = 0; i < 2; i++) {
		leave_to_journal(&f, &other);
		snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f.dir, 2);
		assert_int_equal(truncate(path, BATCH + 1), 0);
		lose_epochs(&f);
		break_at(SYNCS, i == 0 ? NULL : "/orders-0", 1);
		fixture_open(&f);
		others_go_on(&f, other);
		struct partition *p = fixture_partition(&f, 0);
		partition_ends(p, &e);
		assert_int_equal(e.state, i == 0 ? LOG_CORRUPT : LOG_OFFLINE);
		assert_int_equal(p->damaged, START + 1);
		assert_int_equal(p->promised, ALL);
		partition_put(&p);
		fill_journal(&f, &other);
		store_close(&f.store);
		break_at(READS, NULL, 0);
		fixture_open(&f);
		assert_int_equal(store_was_clean(f.store), i == 0);
		p = fixture_partition(&f, 0);
		partition_ends(p, &e);
		assert_int_equal(e.state, LOG_CORRUPT);
		assert_int_equal(e.end, START + 1);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* With many segments one sync is for all, and tells nobody's errors: each log's own sync does. */
static void
a_sync_of_all_tells_of_none(void **state)
{
	(void)state;
	struct fixture f;
	enum { MANY = 100 };
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_OS;
	f.topic.segment_bytes = 2 * BATCH;
	f.config.no_background = true;
	fixture_open(&f);
	append(&f, 0, 0, MANY);
	fixture_crash(&f);
	break_at(ALL_SYNCS, "", 2);
	fixture_open(&f);
	assert_int_equal(bad.times, 0);
	append(&f, 0, MANY, MANY + 1);
	fixture_free(&f);
}

/* ---- whose a directory is ---- */

enum { FEW = 9 };

#define METADATA "/orders-0/partition.metadata"

/* As the first partition is before a crash that was made after the last checkpoint: all that it has, its
 * metadata but for, is in the journal. */
static void
leave_all_to_journal(struct fixture *f, int64_t *other)
{
	char path[128];
	fixture_make(f);
	f->config.journal_bytes = 16 * 1024;
	f->config.no_background = true;
	fixture_open(f);
	append(f, 1, 0, 1);
	*other = 1;
	assert_ok(store_checkpoint(f->store));
	append(f, 0, 0, FEW);
	fixture_crash(f);
	f->config.journal_files = 3;
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, 0);
	unlink(path);
}

static void
has_few(struct fixture *f)
{
	struct log_ends e;
	struct partition *p = fixture_partition(f, 0);
	int64_t next = 0;
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_ok(partition_walk(p, 0, is_next, &next));
	assert_int_equal(next, FEW);
	assert_int_equal(e.end, FEW);
	partition_put(&p);
}

/* Whether it can be read a moment later, and whether the topics were told of, is all the same: the topic
 * has it, offline, nothing is made over it, and its journal waits. */
static void
whose_a_directory_is_may_be_read_later(void **state)
{
	(void)state;
	static const int times[] = { 1, 2, 1000 };
	for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
		struct fixture f;
		int64_t other;
		leave_all_to_journal(&f, &other);
		for (int i = 0; i < 4; i++) {
			break_at(WHOLE_READS, METADATA, times[k]);
			fixture_open(&f);
			assert_false(store_was_clean(f.store));
			if (i > 0)
				is_offline(&f, 0);
			if (i > 1)
				store_claimed(f.store);
			others_go_on(&f, other);
			fill_journal(&f, &other);
			if (i > 0)
				is_offline(&f, 0);
			if (i < 3)
				store_close(&f.store);
			else
				fixture_crash(&f);
		}
		break_at(READS, NULL, 0);
		fixture_open(&f);
		has_few(&f);
		store_close(&f.store);
		fixture_open(&f);
		assert_true(store_was_clean(f.store));
		has_few(&f);
		fixture_free(&f);
	}
}

/* Where no topic has it, nothing is kept for it, and nobody gets it by its name. */
static void
what_no_topic_claims_is_not_kept(void **state)
{
	(void)state;
	struct fixture f;
	struct why why;
	int64_t other;
	char path[128];
	leave_all_to_journal(&f, &other);
	snprintf(path, sizeof(path), "%s%s", f.dir, METADATA);
	break_at(WHOLE_READS, METADATA, 1);
	fixture_open(&f);
	assert_true(f.store->keep_journal);
	store_claimed(f.store);
	struct store_topic t = { { "another-topic-id" }, NAME(0, STR("orders")), false, f.topic };
	assert_int_equal(store_create_partitions(f.store, &t, 0, 1, &why), ERR_IO);
	assert_null(store_find(f.store, &t.id, 0));
	assert_true(fs_exists(path));
	fill_journal(&f, &other);
	store_close(&f.store);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	fixture_free(&f);
}

/* By hand it is read only when it says itself whose it is. */
static void
a_name_is_no_proof(void **state)
{
	(void)state;
	struct fixture f;
	struct why why;
	int64_t other;
	struct store_topic t = { { "another-topic-id" }, NAME(0, STR("orders")), false, log_config_default };
	for (int mine = 0; mine < 2; mine++) {
		leave_all_to_journal(&f, &other);
		fixture_open(&f);
		store_close(&f.store);
		char path[128];
		snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
		unlink(path);		/* what it says of it */
		break_at(WHOLE_READS, METADATA, 2);
		fixture_open(&f);
		if (mine)
			t.id = f.id;
		assert_ok(store_create_partitions(f.store, &t, 0, 1, &why));
		store_claimed(f.store);
		struct partition *p = store_find(f.store, &t.id, 0);
		assert_true(partition_failed(p));
		assert_int_equal(partition_recover(p, true), ERR_IO);
		assert_int_equal(partition_recover(p, true), mine ? 0 : ERR_CONFLICT);
		assert_int_equal(partition_failed(p), !mine);
		if (mine)
			has_few(&f);
		partition_put(&p);
		store_close(&f.store);
		fixture_open(&f);
		has_few(&f);		/* whose it is */
		fixture_free(&f);
	}
}

/* Of many that are made at once nothing is synced but all together: a power loss before that leaves names, and
 * files without their bytes. The topic is in the metadata by then, and gets them at the next start. */
static void
what_was_half_made_is_made(void **state)
{
	(void)state;
	enum { MANY = 8 };
	struct fixture f;
	struct why why;
	char path[128];
	fixture_make(&f);
	f.config.no_background = true;
	fixture_open(&f);
	struct store_topic t = { f.id, NAME(0, STR("orders")), false, f.topic };
	assert_ok(store_create_partitions(f.store, &t, 0, MANY, &why));
	fixture_crash(&f);
	snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
	unlink(path);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "%s/orders-%d/partition.metadata", f.dir, i);
		assert_int_equal(i % 2 ? truncate(path, 0) : unlink(path), 0);
	}
	fixture_open(&f);
	assert_ok(store_create_partitions(f.store, &t, 0, MANY, &why));
	store_claimed(f.store);
	for (int i = 0; i < MANY; i++)
		append(&f, i, 0, 1);
	store_close(&f.store);
	fixture_open(&f);
	assert_int_equal(store_count(f.store), MANY);
	fixture_free(&f);
}

/* But where there is a log nothing is made over it: at a start its topic has it, offline; later it is refused. */
static void
a_log_that_does_not_say_whose_it_is_stays(void **state)
{
	(void)state;
	struct fixture f;
	struct why why;
	int64_t other;
	char path[128], kept[128];
	for (int torn = 0; torn < 2; torn++) {
		leave_all_to_journal(&f, &other);
		fixture_open(&f);
		store_close(&f.store);	/* now its file has it */
		snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
		unlink(path);
		snprintf(path, sizeof(path), "%s%s", f.dir, METADATA);
		snprintf(kept, sizeof(kept), "%s/kept", f.dir);
		assert_int_equal(link(path, kept), 0);
		unlink(path);
		int fd;
		if (torn) {
			assert_ok(fs_open(path, O_WRONLY | O_CREAT, &fd));
			fs_close(&fd);
		}
		fixture_open(&f);
		struct store_topic t = { f.id, NAME(0, STR("orders")), false, f.topic };
		assert_ok(store_create_partitions(f.store, &t, 0, 1, &why));
		store_claimed(f.store);
		struct partition *p = store_find(f.store, &f.id, 0);
		assert_true(partition_failed(p));
		assert_true(partition_recover(p, true) != 0);
		unlink(path);
		assert_ok(fs_rename(kept, path));
		assert_ok(partition_recover(p, true));
		has_few(&f);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* What was read after a sync had failed may be the page cache's alone: the next start asks the disk, and puts
 * back out of the journal what that does not have. */
static void
the_page_cache_is_not_believed(void **state)
{
	(void)state;
	struct fixture f;
	int64_t other;
	leave_to_journal(&f, &other);
	break_at(SYNCS, "/orders-0", 1);
	fixture_open(&f);
	is_offline(&f, START);
	store_close(&f.store);
	bad.forgets = BATCH;		/* the one file that the first start wrote to */
	fixture_open(&f);
	assert_int_equal(bad.forgets, 0);
	is_whole(&f, ALL);
	fixture_free(&f);
}

static int
mend(void **state)
{
	(void)state;
	break_at(READS, NULL, 0);
	bad.forgets = 0;
	return 0;
}
#define B(fn) cmocka_unit_test_teardown(fn, mend)

TEST_MAIN(B(what_fails_at_a_start_is_kept), B(what_waits_in_the_journal_is_not_given_up_unasked),
    B(nothing_is_kept_for_nothing), B(damage_is_left_out_as_well), B(a_sync_of_all_tells_of_none),
    B(whose_a_directory_is_may_be_read_later), B(what_no_topic_claims_is_not_kept), B(a_name_is_no_proof),
    B(what_was_half_made_is_made), B(a_log_that_does_not_say_whose_it_is_stays), B(the_page_cache_is_not_believed))

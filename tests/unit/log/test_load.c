/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start reads of a segment that has a recovery point: nothing before it, where the
 * indexes are good. A byte of the first batch is spoilt to see: who reads it finds damage.
 */
#include "support.h"

#include <fcntl.h>

#include "log/checkpoint.h"
#include "log/impl.h"
#include "log/seal.h"

#define SIZE	1000
#define POINT	40		/* batches before the recovery point */

static void
append(struct partition *p, int n, int64_t time)
{
	struct append_result r;
	uint8_t b[SIZE];
	for (int i = 0; i < n; i++) {
		make_batch(b, SIZE, 1, time + i, (uint8_t)i);
		assert_ok(append_durable(p, b, SIZE, &r));
	}
}

static void
spoil(const char *dir)
{
	char path[256];
	int fd;
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", dir, 0);
	assert_ok(fs_open(path, O_RDWR, &fd));
	assert_ok(fs_pwrite(fd, "spoilt", 6, 500));
	fs_close(&fd);
}

static void
setup(struct fixture *f, int32_t interval)
{
	fixture_make(f);
	f->topic.flush = LOG_FLUSH_OS;
	f->topic.index_interval_bytes = interval;
	f->config.no_background = true;
	fixture_open(f);
}

static void
opens_unread(struct fixture *f, int64_t end)
{
	struct log_ends e;
	spoil(f->dir);
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.end, end);
	partition_put(&p);
}

/* A checkpoint saves the entries of what came while it synced, too. */
static void
entries_beyond_the_point_are_no_damage(void **state)
{
	struct fixture f;
	(void)state;
	setup(&f, 4096);
	struct partition *p = fixture_partition(&f, 0);
	append(p, POINT, 1000);
	assert_ok(store_checkpoint(f.store));
	append(p, POINT, 2000);
	partition_save_indexes(p, true);
	partition_put(&p);
	fixture_crash(&f);
	opens_unread(&f, 2 * POINT);
	fixture_free(&f);
}

/* The last entry is of before the start, and the next one not due yet. */
static void
little_since_the_last_entry_is_no_damage(void **state)
{
	struct fixture f;
	(void)state;
	setup(&f, 4096);
	struct partition *p = fixture_partition(&f, 0);
	append(p, POINT, 1000);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	append(p, 4, 2000);
	partition_put(&p);
	store_close(&f.store);
	opens_unread(&f, POINT + 4);
	fixture_free(&f);
}

/* The topic's own interval is not known when its log is opened. */
static void
a_wide_interval_is_no_damage(void **state)
{
	struct fixture f;
	(void)state;
	setup(&f, 65536);
	struct partition *p = fixture_partition(&f, 0);
	append(p, POINT, 1000);
	assert_ok(store_checkpoint(f.store));
	partition_put(&p);
	fixture_crash(&f);
	opens_unread(&f, POINT);
	fixture_free(&f);
}

/* Else what comes later with older times would take it along when it is deleted by time. */
static void
a_short_segment_knows_its_greatest_time(void **state)
{
	struct fixture f;
	(void)state;
	setup(&f, 4096);
	struct partition *p = fixture_partition(&f, 0);
	append(p, 1, 9000);
	append(p, 1, 5000);
	assert_ok(store_checkpoint(f.store));
	partition_put(&p);
	fixture_crash(&f);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_int_equal(partition_active(p)->max_time, 9000);
	assert_int_equal(partition_active(p)->max_time_offset, 0);
	assert_int_equal(partition_active(p)->first_time, 9000);
	partition_put(&p);
	fixture_free(&f);
}

/* A directory that has lost its checkpoint is no new one: its journal counts. */
static void
without_a_checkpoint_the_journal_counts(void **state)
{
	struct fixture f;
	struct log_ends e;
	char path[128];
	(void)state;
	fixture_make(&f);
	f.config.no_background = true;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	append(p, POINT, 1000);		/* in the journal; the segment gets them within a second */
	partition_put(&p);
	fixture_crash(&f);
	snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f.dir, 0);
	unlink(path);			/* or the power went before they were on the disk */
	fixture_open(&f);
	assert_false(store_was_clean(f.store));
	p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.end, POINT);
	partition_put(&p);
	fixture_free(&f);
}

/* What a newer broker wrote into it cannot be left out: it may say what was deleted. */
static void
a_newer_checkpoint_is_refused(void **state)
{
	struct fixture f;
	struct store *s = NULL;
	struct why why = { "" };
	struct buf out;
	char path[128];
	(void)state;
	setup(&f, 4096);
	store_close(&f.store);
	snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
	buf_init(&out, 1000);
	assert_ok(buf_add_str(&out, STR("schloss-checkpoint 2\n")));
	ckpt_end(&out);
	assert_ok(fs_replace(path, out.p, out.n));
	buf_free(&out);
	assert_int_equal(store_open(f.dir, &f.config, &f.root, &s, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "newer"));
	fs_rmtree(f.dir);
}

/* Rows with and without the marks of damage, and of brokers that knew neither them nor what is clean. */
static void
rows_are_read_as_they_were_written(void **state)
{
	static const char *const bad[] = { "0 0 0 0 0 -1 0 -1 0", "0 0 0 0 0 -1 0 9", "0 0 0 0 0 -1 0 9 9 -1",
		"0 0 0 0 0 -1 0 9 9 9 9", "0 0 0 0 0 -1 0 9 x", "0 0 0 0 0 -1 0 9 9 x", "0 0 0 0 0 -1 0 9 ",
		"0 0 0 0 0 -1 0 9 9 ", "0 0 0 0 0 -1 -1", "0 0 0 0 0 -1 ", "0 0 0 0 0" };
	struct ckpt_row rows[] = { { .label = "a-0", .log_start = 1, .base = 2, .at = 3, .offset = 4,
		.producers = 5, .epoch = 6, .clean = 7, .promised = 8, .voided = 9, .damaged = -1 },
		{ .label = "b-0", .epoch = -1, .damaged = -1 }, { .label = "d-0", .epoch = -1, .damaged = 0 } };
	char topic[UUID_TEXT];
	struct ckpt c;
	struct buf out;
	(void)state;
	buf_init(&out, 10000);
	ckpt_begin(&out);
	ckpt_add(&out, &rows[0]);
	ckpt_add(&out, &rows[1]);
	ckpt_add(&out, &rows[2]);
	buf_printf(&out, "c-0 %s 1 2 3 4 5 6\n", uuid_format(&rows[0].topic, topic));
	ckpt_end(&out);
	assert_ok(ckpt_parse((struct str){ (const char *)out.p, out.n }, &c));
	assert_int_equal(c.n, 4);
	assert_memory_equal(&c.v[0], &rows[0], sizeof(rows[0]));
	assert_memory_equal(&c.v[1], &rows[1], sizeof(rows[1]));
	assert_memory_equal(&c.v[3], &rows[2], sizeof(rows[2]));
	assert_int_equal(c.v[2].epoch, 6);
	assert_int_equal(c.v[2].clean, 0);
	assert_int_equal(c.v[2].promised, 0);
	assert_int_equal(c.v[2].damaged, -1);
	ckpt_free(&c);
	buf_free(&out);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&out, 10000);
		ckpt_begin(&out);
		buf_printf(&out, "c-0 %s %s\n", topic, bad[i]);
		ckpt_end(&out);
		assert_int_equal(ckpt_parse((struct str){ (const char *)out.p, out.n }, &c), ERR_CORRUPT);
		buf_free(&out);
	}
}

TEST_MAIN(T(rows_are_read_as_they_were_written), T(without_a_checkpoint_the_journal_counts), T(a_newer_checkpoint_is_refused), T(entries_beyond_the_point_are_no_damage), T(little_since_the_last_entry_is_no_damage),
    T(a_wide_interval_is_no_damage), T(a_short_segment_knows_its_greatest_time))

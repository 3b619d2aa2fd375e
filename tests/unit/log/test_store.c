/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <sys/mman.h>

static struct log_read
read_at(struct partition *p, int64_t offset, size_t max, struct arena *arena, int want)
{
	struct log_read r = { .bytes = 0 };
	assert_int_equal(partition_read(p, offset, max, true, arena, &r), want);
	return r;
}

static void
appends_are_read_back_under(enum log_flush flush)
{
	struct fixture f;
	struct append_result r;
	uint8_t b[200];
	fixture_make(&f);
	f.topic.flush = flush;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	struct arena *arena = arena_create(SIZE_MAX);
	for (int i = 0; i < 100; i++) {
		make_batch(b, sizeof(b), 3, 1000 + i, (uint8_t)i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, 3 * i);
		assert_int_equal(r.end, 3 * i + 3);
	}
	struct log_read got = read_at(p, 31, 600, arena, 0);
	assert_int_equal(got.bytes, 600);
	assert_int_equal(got.ends.high_watermark, 300);
	assert_int_equal(head_base(got.pieces.v[0].p), 30);
	assert_int_equal(got.pieces.v[0].p[HEAD_BYTES], 10);
	assert_int_equal(read_at(p, 300, 600, arena, 0).bytes, 0);
	read_at(p, 301, 600, arena, ERR_NOTFOUND);
	assert_int_equal(read_at(p, 31, 10, arena, 0).bytes, 200);
	partition_put(&p);
	arena_reset(arena);	/* references to the tail end before the store does */
	store_close(&f.store);

	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	p = fixture_partition(&f, 0);
	struct log_ends ends;
	partition_ends(p, &ends);
	assert_int_equal(ends.end, 300);
	assert_int_equal(ends.high_watermark, 300);
	read_at(p, 31, 600, arena, ERR_AGAIN);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(r.base, 300);
	arena_destroy(&arena);
	partition_put(&p);
	fixture_free(&f);
}

static void
appends_are_read_back(void **state)
{
	(void)state;
	appends_are_read_back_under(LOG_FLUSH_OS);
	appends_are_read_back_under(LOG_FLUSH_INTERVAL);
	appends_are_read_back_under(LOG_FLUSH_ACK);
}

static void
old_batches_come_from_the_disk(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[1000];
	fixture_make(&f);
	f.topic.segment_bytes = 10000;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 2);
	for (int i = 0; i < 55; i++) {
		make_batch(b, sizeof(b), 1, i, (uint8_t)i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 2);
	for (int64_t at = 0; at < 55;) {
		struct log_read_job w = { .p = p, .offset = at, .max_bytes = 3500 };
		read_cold(&w);
		assert_ok(w.err);
		struct piece got = log_buf_bytes(w.buf);
		int64_t left = 10 - at % 10 < 55 - at ? 10 - at % 10 : 55 - at; /* of the segment */
		assert_int_equal(got.n, (left < 3 ? left : 3) * 1000);
		for (uint32_t i = 0; i < got.n; i += 1000) {
			assert_int_equal(head_base(got.p + i), at);
			assert_int_equal(got.p[i + HEAD_BYTES], at++);
		}
		log_buf_put(w.buf);
	}
	assert_int_equal(partition_size(p), 55000);
	partition_put(&p);
	fixture_free(&f);
}

static void
two_brokers_cannot_share(void **state)
{
	(void)state;
	struct fixture f;
	struct store *other = NULL;
	struct why why;
	fixture_make(&f);
	fixture_open(&f);
	assert_int_equal(store_open(f.dir, &f.config, &f.root, &other, &why), ERR_BUSY);
	assert_null(other);
	fixture_free(&f);
}

static void
deleted_partitions_are_gone(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct gate g;
	uint8_t b[100];
	fixture_make(&f);
	f.topic.file_delete_delay_ms = 0;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 1, 0, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	gate_init(&g);
	assert_ok(partition_wait_data(p, &g.w, 1, 1));
	assert_ok(store_delete_partition(f.store, &f.id, 0));
	assert_int_equal(gate_wait(&g), ERR_CLOSED);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CLOSED);
	assert_int_equal(store_delete_partition(f.store, &f.id, 0), ERR_NOTFOUND);
	partition_put(&p);
	assert_int_equal(store_count(f.store), 0);
	fixture_free(&f);
}

static void
write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_ok(fs_replace_lazy(path, text, strlen(text)));
}

static void
a_newer_format_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct why why = { "" };
	fixture_make(&f);
	fixture_open(&f);
	store_close(&f.store);
	write_file(&f, "format", "schloss-log 2\n");
	assert_int_equal(store_open(f.dir, &f.config, &f.root, &f.store, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "newer"));
	fs_rmtree(f.dir);
}

static void
foreign_files_are_left_alone(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100];
	char path[160];
	static const char *const foreign[] = { "notes.txt", "backup-3/data.log",
		"orders-0/README", "orders-0/00000000000000000000.log.bak" };
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 1, 0, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	partition_put(&p);
	store_close(&f.store);
	snprintf(path, sizeof(path), "%s/backup-3", f.dir);
	assert_ok(fs_mkdir(path));
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		write_file(&f, foreign[i], "mine");
	fixture_open(&f);
	assert_int_equal(store_count(f.store), 1);
	p = fixture_partition(&f, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(r.base, 1);
	partition_put(&p);
	store_close(&f.store);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, foreign[i]);
		assert_true(fs_exists(path));
	}
	fs_rmtree(f.dir);
}

/* Whatever a broker itself puts there, and a crash in the middle of that leaves. */
static void
own_files_alarm_nobody(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const own[] = { "login.secret", "login.secret.tmp", "leader-epoch.tmp", "checkpoint.tmp",
		"format.tmp", "clean-stop.tmp", "ballast", "meta.db", "meta.db-wal", "meta.db-shm", "meta.db.before-1",
		"meta.db.before-1.tmp" };
	fixture_make(&f);
	fixture_open(&f);
	store_close(&f.store);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		write_file(&f, own[i], "x");
	f.sink.fd = memfd_create("log", 0);
	f.sink.level = LOG_LVL_WARN;
	fixture_open(&f);
	assert_int_equal(lseek(f.sink.fd, 0, SEEK_CUR), 0);
	store_close(&f.store);
	write_file(&f, "login.secrets", "x");
	fixture_open(&f);
	assert_true(lseek(f.sink.fd, 0, SEEK_CUR) > 0);
	close(f.sink.fd);
	f.sink.fd = 2;
	fixture_free(&f);
}

static void
hints_may_be_missing(void **state)
{
	(void)state;
	static const char *const hints[] = { "checkpoint", "clean-stop",
		"orders-0/leader-epoch-checkpoint", "orders-0/00000000000000000000.index",
		"orders-0/00000000000000000000.timeindex", "orders-0/00000000000000000030.snapshot" };
	struct fixture f;
	struct append_result r;
	uint8_t b[1000];
	char path[160];
	fixture_make(&f);
	f.topic.segment_bytes = 10000;
	f.topic.index_interval_bytes = 1000;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(partition_lead(p, 3));
	for (int i = 0; i < 30; i++) {
		make_batch(b, sizeof(b), 1, i, (uint8_t)i);
		be_put(b + 43, 5, 8);
		be_put(b + 51, 0, 2);
		be_put(b + 53, (uint64_t)i, 4);
		be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, sizeof(b) - HEAD_CRC_FROM), 4);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	partition_put(&p);
	store_close(&f.store);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, hints[i]);
		assert_true(fs_exists(path));
		unlink(path);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		struct log_ends e;
		partition_ends(p, &e);
		assert_int_equal(e.end, 30);
		assert_int_equal(e.leader_epoch, 3);
		assert_int_equal(e.state, LOG_ONLINE);
		assert_int_equal(partition_producers(p), 1);
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.verdict, APPEND_DUPLICATE);
		struct log_read_job w = { .p = p, .offset = 7, .max_bytes = 1000,
			.at_least_one = true };
		read_cold(&w);
		assert_ok(w.err);
		assert_int_equal(head_base(log_buf_bytes(w.buf).p), 7);
		log_buf_put(w.buf);
		partition_put(&p);
		store_close(&f.store);
	}
	fs_rmtree(f.dir);
}

static void
tenants_do_not_share_a_directory(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct why why;
	uint8_t b[100];
	char longest[250], path[400];
	fixture_make(&f);
	fixture_open(&f);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[249] = '\0';
	struct store_topic t[3] = {
		{ { "topic-of-tenant0" }, NAME(0, str_from(longest)), false, f.topic },
		{ { "topic-of-tenant7" }, NAME(7, str_from(longest)), false, f.topic },
		{ { "topic-short-of-7" }, NAME(7, STR("a")), false, f.topic },
	};
	for (int i = 0; i < 3; i++)
		assert_ok(store_create_partitions(f.store, &t[i], 0, 5, &why));
	snprintf(path, sizeof(path), "%s/7%%2Fa-4", f.dir);
	assert_true(fs_exists(path));
	/* Another topic id under a name that is taken. */
	t[2].id.b[0] = 'X';
	assert_int_equal(store_create_partitions(f.store, &t[2], 0, 1, &why), ERR_EXISTS);
	t[2].id.b[0] = 't';
	make_batch(b, sizeof(b), 1, 0, 0);
	for (int i = 0; i < 3; i++) {
		struct partition *p = store_find(f.store, &t[i].id, 4);
		assert_non_null(p);
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, 0);
		partition_put(&p);
	}
	store_close(&f.store);
	fixture_open(&f);
	assert_int_equal(store_count(f.store), 15);
	struct partition *p = store_find(f.store, &t[1].id, 4);
	assert_non_null(p);
	assert_int_equal(partition_size(p), 100);
	partition_put(&p);
	struct store_topic evil = { { "evil-topic-id-16" }, NAME(0, STR("../../x")), false, f.topic };
	assert_int_equal(store_create_partitions(f.store, &evil, 0, 1, &why), ERR_INVAL);
	fixture_free(&f);
}

/* A topic may be deleted at any moment, and made again, while others work. */
static void
deletion_disturbs_nobody(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[5000];
	fixture_make(&f);
	f.topic.segment_bytes = 20000;
	f.topic.file_delete_delay_ms = 0;
	f.config.checkpoint_bytes = 30000;
	f.config.journal_bytes = 64 * 1024;
	fixture_open(&f);
	struct partition *other = fixture_partition(&f, 1);
	make_batch(b, sizeof(b), 1, 0, 0);
	for (int i = 0; i < 40; i++) {
		f.topic.flush = (enum log_flush)(i % 3);
		struct partition *p = fixture_partition(&f, 0);
		struct append in = { b, sizeof(b), -1, NULL };
		for (int k = 0; k < 20; k++)
			assert_ok(partition_append(p, &in, &r));
		assert_int_equal(r.base, 19);
		if (i % 4 == 0)
			assert_ok(store_checkpoint(f.store));
		assert_ok(store_delete_partition(f.store, &f.id, 0));
		partition_put(&p);
		assert_ok(append_durable(other, b, sizeof(b), &r));
		assert_int_equal(r.base, i);
	}
	struct store_stats st;
	store_stats(f.store, &st);
	assert_int_equal(st.offline, 0);
	partition_put(&other);
	store_close(&f.store);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	assert_int_equal(store_count(f.store), 1);
	fixture_free(&f);
}

TEST_MAIN(T(deletion_disturbs_nobody), T(a_newer_format_is_refused), T(foreign_files_are_left_alone), T(own_files_alarm_nobody), T(hints_may_be_missing),
    T(tenants_do_not_share_a_directory), T(appends_are_read_back), T(old_batches_come_from_the_disk), T(two_brokers_cannot_share),
    T(deleted_partitions_are_gone))

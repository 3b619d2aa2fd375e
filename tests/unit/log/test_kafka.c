/* SPDX-License-Identifier: Apache-2.0 */
/* A partition that Apache Kafka 4.3.1 wrote (data/kafka: five segments, one codec each,
 * four batches of one record, a producer each): every file of it is read as Kafka means
 * it, and what we write of the same is the same. */
#include "support.h"
#include "snapshot.h"

#include "log/epochs.h"
#include "log/impl.h"
#include "log/indexes.h"
#include "log/producers.h"
#include "wire/batch.h"

enum { BATCHES = 20, PER_SEGMENT = 4, PATH_BYTES = 512 };

static const char *const codecs[] = { "none", "gzip", "snappy", "lz4", "zstd" };

static void
path_of(char out[PATH_BYTES], int64_t base, const char *ending)
{
	const char *srcdir = getenv("srcdir");
	snprintf(out, PATH_BYTES, "%s/tests/unit/log/data/kafka/%020d%s", srcdir == NULL ? "." : srcdir,
	    (int)base, ending);
}

static size_t
load(int64_t base, const char *ending, char **ret)
{
	char path[PATH_BYTES];
	size_t n;
	path_of(path, base, ending);
	assert_ok(fs_slurp(path, 1 << 20, ret, &n));
	return n;
}

struct walk {
	int64_t offset;
	int64_t producer[BATCHES];
	uint8_t last[1024];		/* the newest batch */
	size_t last_n;
};

static int
see(const uint8_t *b, void *arg)
{
	struct walk *w = arg;
	struct batch_iter it;
	struct batch_record r;
	char key[16], value[32];
	int i = (int)w->offset;
	assert_int_equal(head_base(b), w->offset);
	assert_ok(batch_iter_begin(&it, b, (size_t)head_size(b), 1 << 20));
	assert_true(batch_iter_next(&it, &r));
	snprintf(key, sizeof(key), "key%d", i % PER_SEGMENT + 1);
	int n = snprintf(value, sizeof(value), "%s %d abcabc", codecs[i / PER_SEGMENT], i % PER_SEGMENT + 1);
	assert_true(str_eq(r.key, str_from(key)));
	assert_memory_equal(r.value.p, value, (size_t)n);
	assert_int_equal(r.timestamp, batch_max_timestamp(b));
	assert_false(batch_iter_next(&it, &r));
	batch_iter_end(&it);
	assert_int_equal(batch_codec_of(b), i / PER_SEGMENT);
	w->producer[i] = head_producer(b);
	w->last_n = (size_t)head_size(b);
	memcpy(w->last, b, w->last_n);
	w->offset++;
	return 0;
}

/* Puts Kafka's directory where the partition's is, but for the files named. */
static void
copy(struct fixture *f, bool with_hints)
{
	static const char *const endings[] = { ".log", ".index", ".timeindex", ".snapshot" };
	char to[PATH_BYTES], *p;
	for (int base = 0; base < BATCHES; base += PER_SEGMENT)
		for (int e = 0; e < (with_hints ? 4 : 1); e++) {
			if (base == 0 && e == 3)
				continue;
			size_t n = load(base, endings[e], &p);
			snprintf(to, sizeof(to), "%s/orders-0/%020d%s", f->dir, base, endings[e]);
			assert_ok(fs_replace(to, p, n));
			mem_free(p);
		}
}

static void
its_log_is_served(void **state)
{
	(void)state;
	for (int with_hints = 0; with_hints < 2; with_hints++) {
		struct fixture f;
		struct walk w = { .offset = 0 };
		struct append_result r;
		struct log_ends ends;
		fixture_make(&f);
		fixture_open(&f);
		struct partition *p = fixture_partition(&f, 0);
		partition_put(&p);
		store_close(&f.store);
		char path[PATH_BYTES];
		snprintf(path, sizeof(path), "%s/checkpoint", f.dir);
		unlink(path);
		copy(&f, with_hints);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		partition_ends(p, &ends);
		assert_int_equal(ends.end, BATCHES);
		assert_ok(partition_walk(p, 0, see, &w));
		assert_int_equal(w.offset, BATCHES);
		/* Its producers go on here: the newest batch, sent again, is known. */
		assert_ok(append_durable(p, w.last, w.last_n, &r));
		assert_int_equal(r.verdict, APPEND_DUPLICATE);
		assert_int_equal(r.base, BATCHES - 1);
		partition_put(&p);
		fixture_free(&f);
	}
}

static void
its_batches_are_good(void **state)
{
	(void)state;
	struct batch_rules rules = { .max_bytes = -1, .need_key = true, .zstd = true,
		.before_max_ms = -1, .after_max_ms = -1, .decompressed_max = 4096 };
	for (int base = 0; base < BATCHES; base += PER_SEGMENT) {
		char *file;
		struct batch_info info;
		size_t n = load(base, ".log", &file), at = 0;
		for (; at < n; at += (size_t)head_size((uint8_t *)file + at)) {
			uint8_t *b = (uint8_t *)file + at;
			be_put(b, 0, 8);
			assert_int_equal(batch_check(b, (size_t)head_size(b), &rules, &info), BATCH_FINE);
			assert_true(info.idempotent);
			assert_int_equal(info.max_timestamp, batch_max_timestamp(b));
		}
		assert_int_equal(at, n);
		mem_free(file);
	}
}

static void
its_indexes_are_read(void **state)
{
	(void)state;
	for (int base = 0; base < BATCHES; base += PER_SEGMENT) {
		char path[PATH_BYTES], *file;
		size_t n = load(base, ".log", &file), at = 0;
		for (int i = 0; i < PER_SEGMENT; i++, at += (size_t)head_size((uint8_t *)file + at)) {
			int32_t found;
			int64_t time = batch_max_timestamp((uint8_t *)file + at);
			path_of(path, base, ".index");
			int err = index_file_find(path, i, (int64_t)n, &found);
			/* Kafka writes no entry for a segment's first batch. */
			assert_int_equal(err, i == 0 ? ERR_NOTFOUND : 0);
			assert_true(i == 0 || found == (int32_t)at);
			path_of(path, base, ".timeindex");
			err = index_file_find_time(path, time, &found);
			/* What lies before its time: it is looked for from there on. */
			assert_int_equal(err, i <= 1 ? ERR_NOTFOUND : 0);
			assert_true(i <= 1 || found < i);
		}
		path_of(path, base, ".index");
		assert_int_equal(index_file_count(path, (int64_t)n), PER_SEGMENT - 1);
		mem_free(file);
	}
}

static void
its_snapshots_are_ours(void **state)
{
	(void)state;
	for (int base = PER_SEGMENT; base <= BATCHES; base += PER_SEGMENT) {
		struct producers *ps = producers_create(NULL), *again = producers_create(NULL);
		struct buf out;
		char *file;
		size_t n = load(base, ".snapshot", &file);
		buf_init(&out, 1 << 16);
		assert_ok(producers_decode(ps, file, n, 0));
		assert_int_equal(producers_count(ps), base / PER_SEGMENT);
		assert_ok(encode_producers(ps, UINT64_MAX, &out));
		assert_int_equal(out.n, n);
		if (base == PER_SEGMENT)	/* more than one come in any order */
			assert_memory_equal(out.p, file, n);
		assert_ok(producers_decode(again, out.p, out.n, 0));
		assert_int_equal(producers_count(again), base / PER_SEGMENT);
		file[n - 1] ^= 1;
		producers_destroy(&again);
		again = producers_create(NULL);
		assert_int_equal(producers_decode(again, file, n, 0), ERR_CORRUPT);
		producers_destroy(&ps);
		producers_destroy(&again);
		buf_free(&out);
		mem_free(file);
	}
}

static void
its_epochs_are_ours(void **state)
{
	(void)state;
	char path[PATH_BYTES], *file;
	size_t n;
	struct epochs e = { 0 };
	struct buf out;
	const char *srcdir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/tests/unit/log/data/kafka/leader-epoch-checkpoint",
	    srcdir == NULL ? "." : srcdir);
	assert_ok(fs_slurp(path, 4096, &file, &n));
	assert_ok(epochs_decode(&e, (struct str){ file, n }));
	assert_int_equal(epochs_newest(&e), 0);
	buf_init(&out, 4096);
	epochs_encode(&e, &out);
	assert_int_equal(out.n, n);
	assert_memory_equal(out.p, file, n);
	buf_free(&out);
	epochs_free(&e);
	mem_free(file);
}

TEST_MAIN(T(its_log_is_served), T(its_batches_are_good), T(its_indexes_are_read),
    T(its_snapshots_are_ours), T(its_epochs_are_ours))

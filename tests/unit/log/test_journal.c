/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's files under damage: a torn end is an end, a hole is said. */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "log/journal.h"
#include "log/journal_format.h"
#include "log/journal_group.h"

enum { BATCHES = 30 };

/* A store that was killed, so to speak: its directory as it was, copied before the
 * stop. The journal has everything, the segments nothing. */
static void
copy_file(const char *from, const char *to)
{
	char *p;
	size_t n;
	assert_ok(fs_slurp(from, 1 << 24, &p, &n));
	assert_ok(fs_replace_lazy(to, p, n));
	mem_free(p);
}

/* Ends the store; the directory is then a copy of what it was before. */
static void
kill_store(struct fixture *f)
{
	/* Which of the files was used first depends on two threads. */
	static const char *const files[] = { "checkpoint", "format", "orders-0/partition.metadata",
		"journal/0000.journal", "journal/0001.journal", "journal/0002.journal",
		"journal/0003.journal" };
	char from[160], to[160], copy[64];
	snprintf(copy, sizeof(copy), "/tmp/schloss-killed-XXXXXX");
	assert_non_null(mkdtemp(copy));
	snprintf(to, sizeof(to), "%s/journal", copy);
	assert_ok(fs_mkdir(to));
	snprintf(to, sizeof(to), "%s/orders-0", copy);
	assert_ok(fs_mkdir(to));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(from, sizeof(from), "%s/%s", f->dir, files[i]);
		snprintf(to, sizeof(to), "%s/%s", copy, files[i]);
		if (fs_exists(from))
			copy_file(from, to);
	}
	store_close(&f->store);
	fs_rmtree(f->dir);
	snprintf(f->dir, sizeof(f->dir), "%s", copy);
}

static void
make_killed(struct fixture *f)
{
	struct append_result r;
	uint8_t b[300];
	fixture_make(f);
	f->config.no_background = true;
	f->config.journal_bytes = 20 * 4096;
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	for (int i = 0; i < BATCHES; i++) {
		make_batch(b, sizeof(b), 1, i, (uint8_t)i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	partition_put(&p);
	kill_store(f);
}

static int
count(const struct journal_entry *e, void *arg)
{
	int *n = arg;
	assert_int_equal(head_base(e->batch), *n);
	assert_int_equal(e->n, 300);
	++*n;
	return 0;
}

static int
count_any(const struct journal_entry *e, void *arg)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static int
replay(struct fixture *f, int (*each)(const struct journal_entry *e, void *arg),
    struct journal_end *end)
{
	char dir[128];
	int n = 0;
	snprintf(dir, sizeof(dir), "%s/journal", f->dir);
	assert_ok(journal_replay(dir, each, &n, &f->root, end));
	return n;
}

/* Spoils two bytes of the file that was begun as the file'th (from 0). */
static void
scribble(struct fixture *f, int file, int64_t at)
{
	int found = 0;
	for (int slot = 0; slot < 4; slot++) {
		struct journal_file_head h;
		char path[128];
		snprintf(path, sizeof(path), "%s/journal/%04d.journal", f->dir, slot);
		int fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		/* A spare may be in the making. */
		bool whole = pread(fd, &h, sizeof(h), 0) == sizeof(h);
		if (whole && h.magic == JOURNAL_FILE_MAGIC && h.file == (uint64_t)file + 1) {
			assert_int_equal(pwrite(fd, "\x55\xaa", 2, at), 2);
			found++;
		}
		close(fd);
	}
	assert_int_equal(found, 1);
}

/* Groups lie one a block, from block 1 of each file; 19 fill the first. */
static void
a_killed_broker_reads_its_journal(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	struct log_ends e;
	make_killed(&f);
	assert_int_equal(replay(&f, count, &end), BATCHES);
	assert_false(end.damaged);
	assert_int_equal(end.groups, BATCHES);
	fixture_open(&f);
	assert_false(store_was_clean(f.store));
	struct partition *p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.end, BATCHES);
	assert_int_equal(e.state, LOG_ONLINE);
	partition_put(&p);
	fixture_free(&f);
}

static void
a_torn_group_is_the_end(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	make_killed(&f);
	scribble(&f, 1, 4096 * (BATCHES - 19) + 100);	/* the last group */
	assert_int_equal(replay(&f, count, &end), BATCHES - 1);
	assert_false(end.damaged);
	scribble(&f, 1, 4096 * (BATCHES - 20) + 250);	/* and the one before */
	assert_int_equal(replay(&f, count, &end), BATCHES - 2);
	assert_false(end.damaged);
	fs_rmtree(f.dir);
}

static void
a_hole_is_damage(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	struct log_ends e;
	struct append_result r;
	uint8_t b[300];
	make_killed(&f);
	scribble(&f, 0, 4096 * 5 + 200);
	assert_int_equal(replay(&f, count_any, &end), 4 + BATCHES - 19);
	assert_true(end.damaged);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.end, 4);
	assert_int_equal(e.state, LOG_CORRUPT);
	make_batch(b, sizeof(b), 1, 0, 0);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
	partition_put(&p);
	fixture_free(&f);
}

static void
a_lost_head_loses_nothing(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	make_killed(&f);
	assert_int_equal(replay(&f, count, &end), BATCHES);
	uint64_t next = end.next_file;
	scribble(&f, 1, 8);
	assert_int_equal(replay(&f, count, &end), BATCHES);
	assert_false(end.damaged);
	assert_int_equal(end.next_file, next);
	fs_rmtree(f.dir);
}

/* Sizes on both sides of what is copied into a group and what is written where it lies,
 * at addresses that follow from those before. */
/* A start goes on with a number that no group has, whether the one before it ended well or not; that
 * is no lost group for the starts that find the files of both. */
static void
starts_are_no_holes(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	for (int clean = 0; clean < 2; clean++) {
		make_killed(&f);
		for (int i = 0; i < 3; i++) {
			struct append_result r;
			uint8_t b[300];
			fixture_open(&f);
			struct partition *p = fixture_partition(&f, 0);
			make_batch(b, sizeof(b), 1, i, (uint8_t)i);
			assert_ok(append_durable(p, b, sizeof(b), &r));
			partition_put(&p);
			if (clean && i < 2)
				store_close(&f.store);
			else
				fixture_crash(&f);
			assert_true(replay(&f, count_any, &end) > 0);
			assert_false(end.damaged);
		}
		fixture_open(&f);
		fixture_free(&f);
	}
}

static size_t
size_of(int i)
{
	static const size_t sizes[] = { 300, 65535, 65536, 65537, 70001, 4096, 131072, 61, 262200, 99999,
		65536 + 4096, 500, 200003 };
	return sizes[(size_t)i % (sizeof(sizes) / sizeof(sizes[0]))] + (size_t)i * 7;
}

static int
compare(const struct journal_entry *e, void *arg)
{
	int i = *(int *)arg;
	uint8_t *b = mem_alloc(e->n);
	assert_int_equal(e->n, size_of(i));
	make_batch(b, e->n, 1, i, (uint8_t)(i + 1));
	assert_int_equal(head_base(e->batch), i);
	assert_memory_equal(e->batch + HEAD_CRC_FROM, b + HEAD_CRC_FROM, e->n - HEAD_CRC_FROM);
	mem_free(b);
	++*(int *)arg;
	return 0;
}

enum { LARGE = 90 };

static void
large_batches_come_back(void **state)
{
	(void)state;
	struct fixture f;
	struct journal_end end;
	struct append_result r;
	struct log_ends e;
	fixture_make(&f);
	f.config.no_background = true;
	f.config.journal_bytes = 14 << 20;	/* all of it in one file */
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < LARGE; i++) {
		uint8_t *b = mem_alloc(size_of(i));
		make_batch(b, size_of(i), 1, i, (uint8_t)(i + 1));
		/* Most of them wait for nothing, so that groups have many. */
		if (i % 30 == 29)
			assert_ok(append_durable(p, b, size_of(i), &r));
		else
			assert_ok(partition_append(p, &(struct append){ b, size_of(i), -1 }, &r));
		mem_free(b);
	}
	partition_put(&p);
	kill_store(&f);
	assert_int_equal(replay(&f, compare, &end), LARGE);
	assert_false(end.damaged);
	assert_true(end.groups < LARGE);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.end, LARGE);
	partition_put(&p);
	fixture_free(&f);
}

/* The pieces are whole blocks, in memory as in the file, and are what they should be: batches of
 * 64 KiB and more lie in them where they lay, but for their ends, and behind the group are zeros, nothing
 * of an earlier one. Returns how many such batches there are. */
static int
look_at_pieces(const struct group *g, size_t bytes, const uint8_t *from, size_t span)
{
	int own = 0;
	size_t all = 0;
	assert_true(g->count <= (int)(sizeof(g->iov) / sizeof(g->iov[0])));
	for (int i = 0; i < g->count; i++) {
		const uint8_t *p = g->iov[i].iov_base;
		assert_int_equal((uintptr_t)p % JOURNAL_BLOCK, 0);
		assert_int_equal(g->iov[i].iov_len % JOURNAL_BLOCK, 0);
		all += g->iov[i].iov_len;
		own += p >= from && p < from + span;
	}
	assert_int_equal(all, journal_blocks(bytes));
	const struct iovec *last = &g->iov[g->count - 1];
	const uint8_t *end = (const uint8_t *)last->iov_base + last->iov_len, *p = end - (all - bytes);
	while (p < end && *p == 0)
		p++;
	assert_ptr_equal(p, end);
	return own;
}

/* Whatever comes together. Sanitizers see what passes the stage or the array of pieces. */
static void
groups_of_any_mix_have_room(void **state)
{
	(void)state;
	enum { SPAN = 24 << 20, MOST = 400 };
	static const uint32_t usual[] = { 61, 300, 65535, 65536, 65537, 70000, 262200, 1048576, 5 << 20 };
	uint8_t *from = mem_zalloc(SPAN);
	struct partition *p = mem_zalloc(sizeof(*p));	/* asked for its topic and number only */
	struct group_entry e[MOST];
	struct group g;
	uint64_t seed = 88172645463325252u;
	int large = 0, own = 0;
	assert_ok(group_init(&g));
	for (int round = 0; round < 300; round++) {
		size_t at = 0, n = 0, bytes;
		while (n < MOST) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			/* Every third round has one size only: most of the small, most of the large. */
			uint32_t size = usual[round % 3 == 0 ? (size_t)round / 3 % 9 : (seed >> 40) % 9];
			at += (seed >> 33) % 5000;
			if (at + size > SPAN)
				break;
			make_batch(from + at, size, 1, 0, 1);
			e[n++] = (struct group_entry){ .p = p, .at = from + at, .n = size };
			at += size;
		}
		for (size_t done = 0, fit; done < n; done += fit) {
			fit = group_fit(e + done, n - done, &bytes);
			assert_true(fit > 0 && fit <= n - done);
			group_build(&g, e + done, fit, bytes, 1, 1);
			own += look_at_pieces(&g, bytes, from, SPAN);
			for (size_t i = done; i < done + fit; i++)
				large += e[i].n >= 65536;
		}
	}
	assert_true(large > 1000);
	assert_int_equal(own, large);
	group_free(&g);
	mem_free(p);
	mem_free(from);
}

TEST_MAIN(T(groups_of_any_mix_have_room), T(large_batches_come_back), T(a_killed_broker_reads_its_journal), T(a_torn_group_is_the_end), T(a_hole_is_damage),
    T(a_lost_head_loses_nothing), T(starts_are_no_holes))

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing past the page cache: whatever the pieces and the place, the file holds the
 * same bytes; and it is done where it pays, and not where it is refused or the disk is slow.
 */
#include "support.h"

#include <fcntl.h>

#include "base/clock.h"
#include "log/direct.h"
#include "log/impl.h"

/* Of this thread: the store's own also open files. */
static _Thread_local struct {
	int opened;			/* with O_DIRECT */
	int err;			/* of the next such open */
} seen;

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	if ((flags & O_DIRECT) != 0) {
		seen.opened++;
		if (seen.err != 0)
			return seen.err;
	}
	return __real_fs_open(path, flags, ret_fd);
}

enum { SPACE = 2 << 20 };

struct file {
	char path[64];
	int fd;
	struct direct direct;
	struct fd_cache cache;
	struct fd_slot slot;
	uint8_t *model;			/* what it should hold */
	int64_t end;
	uint64_t seed;
};

static void
file_make(struct file *f)
{
	memset(f, 0, sizeof(*f));
	/* Not in /tmp, which may be a tmpfs. */
	snprintf(f->path, sizeof(f->path), "direct-XXXXXX");
	f->fd = mkstemp(f->path);
	assert_true(f->fd >= 0);
	fd_cache_init(&f->cache, 1);
	fd_slot_init(&f->slot);
	f->model = mem_zalloc(SPACE);
	f->seed = 88172645463325252u;
	memset(&seen, 0, sizeof(seen));
}

static void
file_free(struct file *f)
{
	fd_drop(&f->slot);
	fd_cache_free(&f->cache);
	fs_close(&f->fd);
	unlink(f->path);
	mem_free(f->model);
}

static uint32_t
some(struct file *f, uint32_t below)
{
	f->seed ^= f->seed << 13;
	f->seed ^= f->seed >> 7;
	f->seed ^= f->seed << 17;
	return (uint32_t)(f->seed % below);
}

/* Appends pieces of these sizes, each in memory of its own: aligned as chunks are, or not. */
static int
append(struct file *f, const uint32_t *n, int count, bool aligned, bool awaited)
{
	struct iovec iov[16] = { { NULL, 0 } };
	void *room[16] = { NULL };
	int64_t at = f->end;
	for (int i = 0; i < count; i++) {
		room[i] = mem_alloc(n[i] + 2 * DIRECT_ALIGN);
		uint8_t *p = (uint8_t *)room[i];
		p += (uint32_t)((uint64_t)at - (uintptr_t)p) & (DIRECT_ALIGN - 1);
		p += aligned ? 0 : 8;
		for (uint32_t k = 0; k < n[i]; k++)
			p[k] = f->model[at + k] = (uint8_t)some(f, 256);
		iov[i] = (struct iovec){ p, n[i] };
		at += n[i];
	}
	int err = direct_write(&f->direct, &(struct direct_file){ f->fd, f->path, &f->cache, &f->slot }, iov, count,
	    f->end, awaited);
	for (int i = 0; i < count; i++)
		mem_free(room[i]);
	f->end = at;
	return err;
}

static void
check(struct file *f)
{
	uint8_t *got = mem_alloc(SPACE);
	int64_t size;
	assert_ok(fs_size(f->fd, &size));
	assert_int_equal(size, f->end);
	assert_ok(fs_pread(f->fd, got, (size_t)f->end, 0));
	assert_memory_equal(got, f->model, (size_t)f->end);
	mem_free(got);
}

static void
any_pieces_make_the_same_file(void **state)
{
	(void)state;
	for (int round = 0; round < 4; round++) {
		struct file f;
		file_make(&f);
		f.seed += (uint64_t)round;
		for (;;) {
			uint32_t n[12], sum = 0;
			int count = 1 + (int)some(&f, 12);
			for (int i = 0; i < count; i++)
				sum += n[i] = 1 + some(&f, some(&f, 3) == 0 ? 200000 : 5000);
			if (f.end + sum > SPACE)
				break;
			assert_ok(append(&f, n, count, some(&f, 4) != 0, some(&f, 2) != 0));
		}
		check(&f);
		assert_true(seen.opened > 0);
		file_free(&f);
	}
}

static void
only_what_is_long_goes_past_the_cache(void **state)
{
	(void)state;
	static const uint32_t few[3] = { 100, 60000, 5 }, much[1] = { 200000 };
	struct file f;
	file_make(&f);
	assert_ok(append(&f, few, 3, true, false));
	assert_int_equal(seen.opened, 0);
	assert_ok(append(&f, much, 1, false, false));
	assert_int_equal(seen.opened, 0);
	for (int i = 0; i < 3; i++) {
		assert_ok(append(&f, much, 1, true, false));
		assert_int_equal(seen.opened, 1);	/* and kept */
	}
	check(&f);
	file_free(&f);
}

static void
where_it_is_refused_it_is_not_asked_for_again(void **state)
{
	(void)state;
	static const uint32_t much[2] = { 200000, 70001 };
	struct file f;
	file_make(&f);
	seen.err = ERR_LIMIT;		/* no descriptor now */
	assert_ok(append(&f, much, 2, true, false));
	seen.err = ERR_INVAL;
	assert_ok(append(&f, much, 2, true, false));
	assert_int_equal(seen.opened, 2);
	seen.err = 0;
	assert_ok(append(&f, much, 2, true, false));
	assert_int_equal(seen.opened, 2);
	check(&f);
	file_free(&f);
}

static void
a_slow_disk_is_left_to_the_cache_while_somebody_waits(void **state)
{
	(void)state;
	static const uint32_t much[1] = { 300000 };
	struct file f;
	file_make(&f);
	atomic_store(&f.direct.slow_until, UINT64_MAX);
	assert_ok(append(&f, much, 1, true, true));
	assert_int_equal(seen.opened, 0);
	assert_ok(append(&f, much, 1, true, false));
	assert_int_equal(seen.opened, 1);
	atomic_store(&f.direct.slow_until, 1);
	fd_drop(&f.slot);
	assert_ok(append(&f, much, 1, true, true));
	assert_int_equal(seen.opened, 2);
	check(&f);
	file_free(&f);
}

static void
chunks_lie_in_memory_as_in_the_file(void **state)
{
	(void)state;
	static const uint32_t sizes[] = { 1000, 130 * 1024, 1 << 20, CHUNK_MAX, CHUNK_MAX + 1 };
	static const int64_t places[] = { 0, 1, 4095, 4096, 123456789 };
	struct tail_cache t;
	struct segment g;
	memset(&g, 0, sizeof(g));
	ref_init(&g.ref);
	tail_cache_init(&t, 1 << 30);
	for (int round = 0; round < 2; round++)	/* the second time from the spares */
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
				struct chunk *c = chunk_create(&t, NULL, sizes[i], 0, places[k]);
				assert_non_null(c);
				assert_true(c->cap >= sizes[i]);
				assert_int_equal(c->pos, places[k]);
				if (c->cap >= CHUNK_DIRECT)
					assert_int_equal(((uintptr_t)c->data - (uint64_t)c->pos) % DIRECT_ALIGN, 0);
				memset(c->data, 1, c->cap);
				c->segment = segment_get(&g);
				chunk_put(c);
			}
	assert_int_equal(t.bytes, 0);
	tail_cache_free(&t);
}

/* What the cache holds beside them counts, also where it came after they were freed. */
static void
spares_go_when_the_cache_grows(void **state)
{
	(void)state;
	enum { SPARES = 8, SMALL = 1024 };
	struct tail_cache t;
	struct segment g;
	struct chunk *big[SPARES], *small[SMALL];
	memset(&g, 0, sizeof(g));
	ref_init(&g.ref);
	tail_cache_init(&t, SPARES * (uint64_t)CHUNK_MAX);
	for (int i = 0; i < SPARES; i++) {
		big[i] = chunk_create(&t, NULL, CHUNK_MAX, 0, 0);
		big[i]->segment = segment_get(&g);
	}
	for (int i = 0; i < SPARES; i++)
		chunk_put(big[i]);
	assert_int_equal(t.spares, SPARES);
	for (int i = 0; i < SMALL; i++) {
		small[i] = chunk_create(&t, NULL, 1, 0, 0);
		small[i]->segment = segment_get(&g);
		assert_true(t.bytes + t.spares * (uint64_t)CHUNK_MAX <= t.budget + t.budget / 4);
	}
	for (int i = 0; i < SMALL; i++)
		chunk_put(small[i]);
	assert_int_equal(t.bytes, 0);
	tail_cache_free(&t);
}

/* Behind the journal whole chunks are written when much has gathered, and what is left of the last
 * one a moment later. */
static void
whole_chunks_go_first(void **state)
{
	(void)state;
	enum { N = 256 << 10, BATCHES = 10 };	/* one chunk and a piece of the next */
	struct fixture f;
	struct append_result r;
	struct store_stats stats;
	uint8_t *b = mem_alloc(N);
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_ACK;
	f.config.journal_bytes = 16 << 20;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, N, 1, 1, 1);
	lock_take(&p->io);	/* the writer waits */
	for (int i = 0; i < BATCHES; i++)
		assert_ok(append_durable(p, b, N, &r));
	assert_ok(partition_write_locked(p, false));
	lock_take(&p->lock);
	const struct chunk *last = CONTAINER_OF(p->tail.prev, struct chunk, hook);
	assert_int_equal(p->durable.bytes, BATCHES * N);
	assert_true(last->used > 0);
	assert_int_equal(last->written, 0);
	assert_int_equal(p->written.bytes, last->bytes);
	lock_drop(&p->lock);
	lock_drop(&p->io);
	for (int i = 0; i < 2000; i++) {
		store_stats(f.store, &stats);
		if (stats.dirty == 0)
			break;
		usleep(10000);
	}
	assert_int_equal(stats.dirty, 0);
	partition_put(&p);
	fixture_free(&f);
	mem_free(b);
}

TEST_MAIN(T(whole_chunks_go_first), T(spares_go_when_the_cache_grows), T(any_pieces_make_the_same_file), T(only_what_is_long_goes_past_the_cache),
    T(where_it_is_refused_it_is_not_asked_for_again),
    T(a_slow_disk_is_left_to_the_cache_while_somebody_waits), T(chunks_lie_in_memory_as_in_the_file))

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power loss at every moment. All disk calls of a run are recorded; then, for many
 * prefixes of the record, a directory is built as a file system may leave it: synced
 * bytes are there, each unsynced write is kept, dropped or torn, names made or changed
 * without a directory sync may be gone. Recovery of it must give all that was
 * acknowledged, nothing else, and a second recovery the same; and what was served after the
 * process was killed must be there when the power goes then, or during that recovery.
 */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

enum { MAX_OPS = 20000, MAX_FDS = 256, PARTITIONS = 2, BATCHES = 40, LARGE = 130 * 1024 };

enum kind { OP_CREATE, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_SYNC_DIR, OP_RENAME, OP_UNLINK, OP_MKDIR,
	OP_REPLACE, OP_ACK };

struct op {
	enum kind kind;
	char path[160], to[160];
	int64_t at;			/* offset; size; acknowledged end */
	int partition;
	bool synced;			/* an O_DSYNC write */
	uint8_t *p;
	size_t n;
};

/* The recorder: one for the process, because the wrapped functions have no context. */
static struct {
	pthread_mutex_t mutex;
	_Atomic bool on;
	struct op ops[MAX_OPS];
	size_t n;
	struct {
		char path[160];
		bool dsync;
	} fds[MAX_FDS];
	char root[64];
	bool large;			/* some batches are large enough to go past the page cache */
} rec = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static struct op *
record(enum kind kind, const char *path)
{
	if (rec.n == MAX_OPS)
		abort();
	struct op *op = &rec.ops[rec.n++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	snprintf(op->path, sizeof(op->path), "%s", path + strlen(rec.root));
	return op;
}

#define RECORD(code) do { \
	if (rec.on) { \
		pthread_mutex_lock(&rec.mutex); \
		code; \
		pthread_mutex_unlock(&rec.mutex); \
	} } while (0)

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __real_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at);
int __real_fs_truncate(int fd, int64_t size);
int __real_fs_sync(int fd);
int __real_fs_sync_dir(const char *path);
int __real_fs_rename(const char *from, const char *to);
int __real_fs_unlink(const char *path);
int __real_fs_mkdir(const char *path);
int __real_fs_replace(const char *path, const void *p, size_t n);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __wrap_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at);
int __wrap_fs_truncate(int fd, int64_t size);
int __wrap_fs_sync(int fd);
int __wrap_fs_sync_dir(const char *path);
int __wrap_fs_rename(const char *from, const char *to);
int __wrap_fs_unlink(const char *path);
int __wrap_fs_mkdir(const char *path);
int __wrap_fs_replace(const char *path, const void *p, size_t n);

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	bool fresh = (flags & O_CREAT) != 0 && !fs_exists(path);
	int err = __real_fs_open(path, flags, ret_fd);
	if (err != 0)
		return err;
	RECORD({
		if (fresh)
			record(OP_CREATE, path);
		else if ((flags & O_TRUNC) != 0)
			record(OP_TRUNCATE, path);
		snprintf(rec.fds[*ret_fd].path, sizeof(rec.fds[0].path), "%s", path);
		rec.fds[*ret_fd].dsync = (flags & O_DSYNC) != 0;
	});
	return 0;
}

static void
record_write(int fd, const void *p, size_t n, int64_t at)
{
	struct op *op = record(OP_WRITE, rec.fds[fd].path);
	op->at = at;
	op->p = mem_dup(p, n);
	op->n = n;
	op->synced = rec.fds[fd].dsync;
}

int
__wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at)
{
	int err = __real_fs_pwrite(fd, p, n, at);
	RECORD(record_write(fd, p, n, at));
	return err;
}

int
__wrap_fs_pwritev(int fd, const struct iovec *iov, int count, int64_t at)
{
	RECORD({
		int64_t where = at;
		for (int i = 0; i < count; i++) {
			record_write(fd, iov[i].iov_base, iov[i].iov_len, where);
			where += (int64_t)iov[i].iov_len;
		}
	});
	return __real_fs_pwritev(fd, iov, count, at);
}

int
__wrap_fs_truncate(int fd, int64_t size)
{
	RECORD(record(OP_TRUNCATE, rec.fds[fd].path)->at = size);
	return __real_fs_truncate(fd, size);
}

int
__wrap_fs_sync(int fd)
{
	int err = __real_fs_sync(fd);
	RECORD(record(OP_SYNC, rec.fds[fd].path));
	return err;
}

int
__wrap_fs_sync_dir(const char *path)
{
	RECORD(record(OP_SYNC_DIR, path));
	return 0;
}

int
__wrap_fs_rename(const char *from, const char *to)
{
	RECORD({
		struct op *op = record(OP_RENAME, from);
		snprintf(op->to, sizeof(op->to), "%s", to + strlen(rec.root));
	});
	return __real_fs_rename(from, to);
}

int
__wrap_fs_unlink(const char *path)
{
	int err = __real_fs_unlink(path);
	if (err == 0)
		RECORD(record(OP_UNLINK, path));
	return err;
}

int
__wrap_fs_mkdir(const char *path)
{
	int err = __real_fs_mkdir(path);
	if (err == 0)
		RECORD(record(OP_MKDIR, path));
	return err;
}

int
__wrap_fs_replace(const char *path, const void *p, size_t n)
{
	int err = __real_fs_replace(path, p, n);
	RECORD({
		struct op *op = record(OP_REPLACE, path);
		op->p = mem_dup(n == 0 ? "" : p, n == 0 ? 1 : n);
		op->n = n;
	});
	return err;
}

/* ---- the disk that a crash leaves ---- */

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static bool
same_dir(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

/* Whether a later operation within the prefix makes op last. */
static bool
lasts(size_t i, size_t end)
{
	const struct op *op = &rec.ops[i];
	bool name = op->kind == OP_CREATE || op->kind == OP_RENAME || op->kind == OP_UNLINK ||
	    op->kind == OP_MKDIR;
	if (op->kind == OP_REPLACE || op->synced)
		return true;
	for (size_t k = i + 1; k < end; k++) {
		const struct op *later = &rec.ops[k];
		if (name && later->kind == OP_SYNC_DIR && same_dir(op->path, later->path))
			return true;
		if (name && later->kind == OP_REPLACE) {
			char dir[160];
			snprintf(dir, sizeof(dir), "%s", later->path);
			*strrchr(dir, '/') = '\0';
			if (same_dir(op->path, dir))
				return true;
		}
		if (!name && later->kind == OP_SYNC && strcmp(later->path, op->path) == 0)
			return true;
	}
	return false;
}

static void
put(const char *path, const uint8_t *p, size_t n, int64_t at)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	if (n > 0 && pwrite(fd, p, n, at) != (ssize_t)n)
		abort();
	close(fd);
}

static void
cut(const char *path, int64_t size)
{
	if (truncate(path, size) != 0)
		return;
}

static void
play(const char *root, const struct op *op, bool whole, uint64_t *seed)
{
	char path[256], to[256];
	snprintf(path, sizeof(path), "%s%s", root, op->path);
	snprintf(to, sizeof(to), "%s%s", root, op->to);
	switch (op->kind) {
	case OP_CREATE:
		close(open(path, O_WRONLY | O_CREAT, 0600));
		break;
	case OP_WRITE: {
		size_t n = op->n;
		if (!whole && next(seed) % 2 == 0)
			n = (size_t)(next(seed) % (n / 512 + 1)) * 512;	/* torn */
		put(path, op->p, n, op->at);
		break;
	}
	case OP_TRUNCATE:
		cut(path, op->at);
		break;
	case OP_RENAME:
		rename(path, to);
		break;
	case OP_UNLINK:
		unlink(path);
		break;
	case OP_MKDIR:
		mkdir(path, 0700);
		break;
	case OP_REPLACE: {
		close(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
		put(path, op->p, op->n, 0);
		break;
	}
	default:
		break;
	}
}

/* Plays the first `end` operations into root as a power loss after them may leave it. */
static void
build(const char *root, size_t end, uint64_t *seed)
{
	bool losing = next(seed) % 4 != 0;
	unsigned keep = (unsigned)(next(seed) % 4);
	for (size_t i = 0; i < end; i++) {
		const struct op *op = &rec.ops[i];
		bool safe = lasts(i, end);
		/* A truncation reaches the disk in order with what follows it here. */
		if (!safe && losing && op->kind != OP_TRUNCATE && next(seed) % 4 >= keep)
			continue;
		play(root, op, safe || !losing, seed);
	}
}

/* ---- the run and the check ---- */

static size_t
batch_of(uint8_t *b, int partition, int64_t i)
{
	size_t n = HEAD_BYTES + 16 + (size_t)((i * 977 + partition) % 900);
	if (rec.large && i % 9 == 4)
		n += LARGE;
	make_batch(b, n, 1, 1000 + i, (uint8_t)(i * 31 + partition));
	return n;
}

static void
work(struct fixture *f)
{
	static uint8_t b[LARGE + 2048];
	struct append_result r;
	struct partition *p[PARTITIONS];
	fixture_open(f);
	for (int i = 0; i < PARTITIONS; i++)
		p[i] = fixture_partition(f, i);
	for (int64_t k = 0; k < BATCHES; k++) {
		for (int i = 0; i < PARTITIONS; i++) {
			size_t n = batch_of(b, i, k);
			assert_ok(append_durable(p[i], b, n, &r));
			RECORD({
				struct op *op = record(OP_ACK, rec.root);
				op->partition = i;
				op->at = r.end;
			});
		}
		if (k % 13 == 7)
			assert_ok(store_checkpoint(f->store));
	}
	for (int i = 0; i < PARTITIONS; i++)
		partition_put(&p[i]);
	store_close(&f->store);
}

static void
check_partition(struct partition *p, int index, int64_t end)
{
	static uint8_t want[LARGE + 2048];
	for (int64_t at = 0; at < end;) {
		struct log_read_job r = { .p = p, .offset = at, .max_bytes = 2 * LARGE };
		read_cold(&r);
		assert_ok(r.err);
		assert_non_null(r.buf);
		struct piece got = log_buf_bytes(r.buf);
		for (uint32_t pos = 0; pos < got.n; at++) {
			size_t n = batch_of(want, index, at);
			assert_int_equal(head_base(got.p + pos), at);
			assert_memory_equal(got.p + pos + HEAD_CRC_FROM, want + HEAD_CRC_FROM,
			    n - HEAD_CRC_FROM);
			pos += (uint32_t)n;
		}
		log_buf_put(r.buf);
	}
}

static void
check_recovery(struct fixture *f, const int64_t acked[PARTITIONS], bool promised)
{
	int64_t ends[PARTITIONS] = { 0 };
	for (int again = 0; again < 2; again++) {
		fixture_open(f);
		for (int i = 0; i < PARTITIONS; i++) {
			struct log_ends e;
			struct partition *p = store_find(f->store, &f->id, i);
			if (p == NULL) {
				assert_int_equal(acked[i], 0);
				continue;
			}
			partition_ends(p, &e);
			assert_int_equal(e.state, LOG_ONLINE);
			if (promised)
				assert_true(e.end >= acked[i]);
			assert_true(e.end <= acked[i] + 1);
			if (again)
				assert_int_equal(e.end, ends[i]);
			ends[i] = e.end;
			check_partition(p, i, e.end);
			partition_put(&p);
		}
		store_close(&f->store);
	}
}

/* What each partition serves, or 0. */
static void
served(struct fixture *f, int64_t ret[PARTITIONS])
{
	for (int i = 0; i < PARTITIONS; i++) {
		struct partition *p = store_find(f->store, &f->id, i);
		struct log_ends e = { 0 };
		if (p != NULL)
			partition_ends(p, &e);
		partition_put(&p);
		ret[i] = e.high_watermark;
	}
}

/* The power goes after the first `end` operations, a recovery's at the end among them. */
static void
crash_again(struct fixture *f, size_t end, const int64_t least[PARTITIONS], uint64_t *seed)
{
	int64_t now[PARTITIONS];
	snprintf(f->dir, sizeof(f->dir), "/tmp/schloss-crash-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	build(f->dir, end, seed);
	fixture_open(f);
	served(f, now);
	for (int i = 0; i < PARTITIONS; i++)
		assert_true(now[i] >= least[i]);
	store_close(&f->store);
	fs_rmtree(f->dir);
}

/* The process is killed after the first `end` operations, of which the kernel still has all;
 * it starts again, reads what no sync has seen, and serves it: that must outlast the power. */
static void
kill_then_crash(struct fixture *f, size_t end, const int64_t acked[PARTITIONS], uint64_t *seed)
{
	static struct op aside[MAX_OPS];
	char killed[64];
	int64_t ends[PARTITIONS];
	size_t n = rec.n;
	memcpy(aside, rec.ops + end, (n - end) * sizeof(aside[0]));
	for (size_t i = 0; i < end; i++)
		play(f->dir, &rec.ops[i], true, seed);
	snprintf(killed, sizeof(killed), "%s", f->dir);
	snprintf(rec.root, sizeof(rec.root), "%s", f->dir);
	rec.n = end;
	rec.on = true;
	fixture_open(f);
	served(f, ends);
	pthread_mutex_lock(&rec.mutex);
	size_t open = rec.n;
	rec.on = false;
	pthread_mutex_unlock(&rec.mutex);
	store_close(&f->store);
	fs_rmtree(killed);
	for (int i = 0; i < 4; i++)
		crash_again(f, open, ends, seed);
	crash_again(f, end + (size_t)(next(seed) % (open - end + 1)), acked, seed);
	for (size_t i = end; i < rec.n; i++)
		mem_free(rec.ops[i].p);
	memcpy(rec.ops + end, aside, (n - end) * sizeof(aside[0]));
	rec.n = n;
}

static void
crash_everywhere(enum log_flush flush, unsigned step, bool large)
{
	struct fixture f;
	uint64_t seed = 88172645463325252u + flush;
	int64_t acked[PARTITIONS] = { 0 };
	fixture_make(&f);
	f.topic.flush = flush;
	f.topic.segment_bytes = large ? 3 * LARGE : 8000;
	f.topic.flush_messages = 5;
	f.config.journal_bytes = 32 * 1024;
	f.config.journal_files = 4;
	snprintf(rec.root, sizeof(rec.root), "%s", f.dir);
	rec.n = 0;
	rec.large = large;
	rec.on = true;
	work(&f);
	rec.on = false;
	char old[64];
	snprintf(old, sizeof(old), "%s", f.dir);
	for (size_t end = 0; end <= rec.n; end++) {
		if (end > 0 && rec.ops[end - 1].kind == OP_ACK)
			acked[rec.ops[end - 1].partition] = rec.ops[end - 1].at;
		if (end % step != 0 && end != rec.n)
			continue;
		snprintf(f.dir, sizeof(f.dir), "/tmp/schloss-crash-XXXXXX");
		assert_non_null(mkdtemp(f.dir));
		if (end / step % 3 == 1) {
			static const int64_t nothing[PARTITIONS];
			kill_then_crash(&f, end, flush == LOG_FLUSH_ACK ? acked : nothing, &seed);
			continue;
		}
		build(f.dir, end, &seed);
		check_recovery(&f, acked, flush == LOG_FLUSH_ACK);
		fs_rmtree(f.dir);
	}
	for (size_t i = 0; i < rec.n; i++)
		mem_free(rec.ops[i].p);
	fs_rmtree(old);
}

static void
power_loss_takes_nothing_acknowledged(void **state)
{
	(void)state;
	const char *step = getenv("LOG_TEST_STEP");
	crash_everywhere(LOG_FLUSH_ACK, step != NULL ? (unsigned)strtoul(step, NULL, 10) : 7, false);
}

static void
power_loss_leaves_a_log_without_holes(void **state)
{
	(void)state;
	const char *step = getenv("LOG_TEST_STEP");
	crash_everywhere(LOG_FLUSH_OS, step != NULL ? (unsigned)strtoul(step, NULL, 10) : 13, false);
	crash_everywhere(LOG_FLUSH_INTERVAL, step != NULL ? (unsigned)strtoul(step, NULL, 10) : 13, false);
}

/* Whole blocks of them are written past the page cache, their ends through it. */
static void
power_loss_around_large_batches(void **state)
{
	(void)state;
	const char *step = getenv("LOG_TEST_STEP");
	crash_everywhere(LOG_FLUSH_ACK, step != NULL ? (unsigned)strtoul(step, NULL, 10) : 23, true);
	crash_everywhere(LOG_FLUSH_OS, step != NULL ? (unsigned)strtoul(step, NULL, 10) : 11, true);
}

TEST_MAIN(T(power_loss_takes_nothing_acknowledged), T(power_loss_leaves_a_log_without_holes),
    T(power_loss_around_large_batches))

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What works behind a log, and what comes between: each of its calls to the disk fails, the
 * broker dies at it, it is told to stop, or the topic is deleted and made again meanwhile.
 * Nothing that a reader could see may change by it, and the work is done the next time.
 */
#include "keyed.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "log/compact.h"
#include "log/maintain.h"
#include "log/mend.h"
#include "log/read.h"
#include "log/retain.h"
#include "log/seal.h"

#define MAP		(1 << 20)
#define WALL		100000		/* ms; records are of the second 1 */
#define DAY_NS		(UINT64_C(86400) * 1000000000)

enum call { CALL_OPEN, CALL_MAKE, CALL_READ, CALL_WRITE, CALL_SYNC, CALL_SYNC_DIR, CALL_RENAME, CALL_UNLINK, CALLS };

/* What becomes of the calls of this thread; others are let through. */
static _Thread_local struct {
	bool on;
	unsigned kinds;			/* bits: which calls count; 0: all */
	long n;				/* so many were made */
	long at;			/* before this one... */
	int err;			/* ...it fails, once */
	void (*then)(void *arg);	/* ...or this is done */
	void *arg;
} hook;

/* No power is lost here, so nothing has to reach the disk, which would be asked a hundred thousand times. */
static int
step(enum call call)
{
	if (!hook.on || (hook.kinds != 0 && (hook.kinds & 1u << call) == 0) || ++hook.n != hook.at)
		return 0;
	if (hook.then != NULL) {
		hook.on = false;
		hook.then(hook.arg);
		hook.on = true;
	}
	return hook.err;
}

int __real_fs_open(const char *path, int flags, int *ret_fd);
int __real_fs_pread(int fd, void *p, size_t n, int64_t at);
int __real_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __real_fs_rename(const char *from, const char *to);
int __real_fs_unlink(const char *path);
int __wrap_fs_open(const char *path, int flags, int *ret_fd);
int __wrap_fs_pread(int fd, void *p, size_t n, int64_t at);
int __wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at);
int __wrap_fs_sync(int fd);
int __wrap_fs_sync_dir(const char *path);
int __wrap_fs_rename(const char *from, const char *to);
int __wrap_fs_unlink(const char *path);

int
__wrap_fs_open(const char *path, int flags, int *ret_fd)
{
	int err = step((flags & O_CREAT) != 0 ? CALL_MAKE : CALL_OPEN);
	return err != 0 ? err : __real_fs_open(path, flags & ~(O_DIRECT | O_DSYNC), ret_fd);
}

int
__wrap_fs_pread(int fd, void *p, size_t n, int64_t at)
{
	int err = step(CALL_READ);
	return err != 0 ? err : __real_fs_pread(fd, p, n, at);
}

int
__wrap_fs_pwrite(int fd, const void *p, size_t n, int64_t at)
{
	int err = step(CALL_WRITE);
	return err != 0 ? err : __real_fs_pwrite(fd, p, n, at);
}

int
__wrap_fs_sync(int fd)
{
	(void)fd;
	return step(CALL_SYNC);
}

int
__wrap_fs_sync_dir(const char *path)
{
	(void)path;
	return step(CALL_SYNC_DIR);
}

int
__wrap_fs_rename(const char *from, const char *to)
{
	int err = step(CALL_RENAME);
	return err != 0 ? err : __real_fs_rename(from, to);
}

int
__wrap_fs_unlink(const char *path)
{
	int err = step(CALL_UNLINK);
	return err != 0 ? err : __real_fs_unlink(path);
}

static void
hook_set(unsigned kinds, long at, int err, void (*then)(void *), void *arg)
{
	hook.kinds = kinds;
	hook.n = 0;
	hook.at = at;
	hook.err = err;
	hook.then = then;
	hook.arg = arg;
	hook.on = true;
}

/* Twelve keys, some of which end as tombstones, and clean segments before dirty ones. */
static struct partition *
filled(struct fixture *f)
{
	struct append_result r;
	uint8_t b[1024];
	keyed_setup(f);
	struct partition *p = fixture_partition(f, 0);
	for (int i = 0; i < 40; i++)
		assert_ok(append_durable(p, b, two(b, (i * 7) % 6 * 2, i, 1000, (enum batch_codec)(i % 5), -1), &r));
	assert_ok(store_checkpoint(f->store));
	assert_ok(partition_compact(p, WALL, MAP));
	for (int i = 0; i < 40; i++)
		assert_ok(append_durable(p, b, two(b, (i * 5) % 8 * 2, i % 9 == 8 ? -1 : i, 1000, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(f->store));
	return p;
}

static void
same(struct partition *p, const struct seen *want)
{
	struct seen got;
	look_at_files(p, &got);
	assert_int_equal(got.last, want->last);
	assert_memory_equal(got.value, want->value, sizeof(want->value));
	assert_memory_equal(got.offset, want->offset, sizeof(want->offset));
}

static struct partition *
again(struct fixture *f, struct partition *p)
{
	partition_put(&p);
	store_close(&f->store);
	fixture_open(f);
	return fixture_partition(f, 0);
}

/* Whether the call was reached. */
static bool
fail_at(long n)
{
	struct fixture f;
	struct seen want;
	struct log_ends e;
	struct partition *p = filled(&f);
	look(p, &want);
	hook_set(0, n, ERR_IO, NULL, NULL);
	(void)partition_compact(p, WALL, MAP);
	hook.on = false;
	bool reached = hook.n >= n;
	partition_ends(p, &e);
	if (e.state != LOG_ONLINE) {
		assert_int_equal(e.state, LOG_OFFLINE);
		assert_ok(partition_recover(p, false));
	}
	same(p, &want);
	/* Whatever lies there now must not get into the way of what comes. */
	lock_take(&p->lock);
	p->config.segment_bytes = 100000;	/* other files are put together */
	p->config.min_cleanable_dirty_ratio = 0;
	p->clean_offset = 0;
	lock_drop(&p->lock);
	assert_ok(store_checkpoint(f.store));
	assert_ok(partition_compact(p, WALL, MAP));
	same(p, &want);
	p = again(&f, p);
	same(p, &want);
	partition_put(&p);
	fixture_free(&f);
	return reached;
}

static void
every_failing_call_is_survived(void **state)
{
	(void)state;
	for (long n = 1; fail_at(n);)
		n++;
}

/* Retention of everything, the active segment, too; then the broker dies. */
static bool
fail_retention_at(long n)
{
	struct fixture f;
	struct log_ends e;
	char command[200];
	struct partition *p = filled(&f);
	lock_take(&p->lock);
	p->config.cleanup = LOG_CLEANUP_DELETE;
	p->config.retention_bytes = 0;
	lock_drop(&p->lock);
	hook_set(0, n, ERR_IO, NULL, NULL);
	(void)partition_retain(p, WALL, true);
	hook.on = false;
	bool reached = hook.n >= n;
	snprintf(command, sizeof(command), "cp -r %s %s-copy", f.dir, f.dir);
	assert_int_equal(system(command), 0);
	partition_put(&p);
	store_close(&f.store);
	fs_rmtree(f.dir);
	snprintf(command, sizeof(command), "%s-copy", f.dir);
	assert_ok(fs_rename(command, f.dir));
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.end, 160);
	partition_put(&p);
	fixture_free(&f);
	return reached;
}

static void
a_failing_retention_keeps_the_offsets(void **state)
{
	(void)state;
	for (long n = 1; fail_retention_at(n);)
		n++;
}

/* On a disk that has not even room for an empty file or a longer name, retention of everything goes
 * on: from the reserve, or where that is gone, as far as it needs none. */
static void
a_full_disk_is_still_retained(void **state)
{
	static const struct {
		enum call call;
		bool reserve, all;
	} cases[] = { { CALL_MAKE, true, true }, { CALL_SYNC_DIR, true, true }, { CALL_MAKE, false, false },
		{ CALL_RENAME, true, true }, { CALL_RENAME, false, true } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct log_ends e;
		char ballast[128];
		struct partition *p = filled(&f);
		snprintf(ballast, sizeof(ballast), "%s/ballast", f.dir);
		if (cases[i].reserve)
			assert_ok(fs_replace(ballast, "x", 1));
		lock_take(&p->lock);
		p->config.cleanup = LOG_CLEANUP_DELETE;
		p->config.retention_bytes = 0;
		int64_t start = cases[i].all ? p->end.offset : partition_active(p)->base;
		lock_drop(&p->lock);
		hook_set(1u << cases[i].call, 1, ERR_NOSPACE, NULL, NULL);
		(void)partition_retain(p, WALL, true);
		hook.on = false;
		assert_true(hook.n >= 1);
		assert_false(fs_exists(ballast));
		partition_ends(p, &e);
		assert_int_equal(e.log_start, start);
		assert_int_equal(e.end, 160);
		for (int64_t base = 0; base <= 160; base++) {
			char *path = segment_path(p->dir, base, "log");
			assert_true(fs_exists(path) == (base == start));
			mem_free(path);
		}
		p = again(&f, p);
		partition_ends(p, &e);
		assert_int_equal(e.log_start, start);
		assert_int_equal(e.end, 160);
		partition_put(&p);
		fixture_free(&f);
	}
}

struct copying {
	const char *from;
	char to[80];
};

static void
copy_now(void *arg)
{
	struct copying *c = arg;
	char command[200];
	snprintf(command, sizeof(command), "rm -rf %s && cp -r %s %s", c->to, c->from, c->to);
	assert_int_equal(system(command), 0);
}

/* The broker dies before the nth call of a compaction, or of a retention after it. */
static bool
die_at(long n, bool retains)
{
	struct fixture f;
	struct seen want, got;
	struct log_ends e;
	struct copying c = { f.dir, "" };
	struct partition *p = filled(&f);
	snprintf(c.to, sizeof(c.to), "%s-copy", f.dir);
	look(p, &want);
	lock_take(&p->lock);
	p->config.cleanup |= retains ? LOG_CLEANUP_DELETE : 0;
	p->config.retention_bytes = retains ? 1500 : -1;
	lock_drop(&p->lock);
	hook_set(0, n, 0, copy_now, &c);
	if (retains)
		store_maintain(f.store, WALL, DAY_NS);
	else
		assert_ok(partition_compact(p, WALL, MAP));
	hook.on = false;
	bool reached = hook.n >= n;
	partition_put(&p);
	store_close(&f.store);
	if (reached) {
		fs_rmtree(f.dir);
		assert_ok(fs_rename(c.to, f.dir));
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		partition_ends(p, &e);
		assert_int_equal(e.state, LOG_ONLINE);
		assert_int_equal(e.end, 160);
		if (!retains)
			same(p, &want);
		assert_ok(store_checkpoint(f.store));
		assert_ok(partition_compact(p, WALL, MAP));
		memset(&got, 0, sizeof(got));
		got.last = -1;
		assert_ok(partition_walk(p, e.log_start, see, &got));
		for (int k = 0; k < 16; k++)
			if (want.offset[k] >= e.log_start) {
				assert_int_equal(got.value[k], want.value[k]);
				assert_int_equal(got.offset[k], want.offset[k]);
			}
		partition_put(&p);
		store_close(&f.store);
	}
	fs_rmtree(f.dir);
	return reached;
}

static void
death_at_every_call_loses_nothing(void **state)
{
	(void)state;
	for (int retains = 0; retains < 2; retains++)
		for (long n = 1; die_at(n, retains);)
			n++;
}

/* ---- told to stop ---- */

static void
stop_now(void *arg)
{
	struct store *s = arg;
	atomic_store(&s->maintain_stop, true);
	hook.n = 0;
}

static void
a_compaction_stops(void **state)
{
	(void)state;
	for (long n = 1, stopped = 1; stopped; n++) {
		struct fixture f;
		struct seen want;
		struct partition *p = filled(&f);
		look(p, &want);
		int64_t clean = p->clean_offset;
		hook_set(1u << CALL_READ, n, 0, stop_now, f.store);
		assert_ok(partition_compact(p, WALL, MAP));
		hook.on = false;
		stopped = f.store->maintain_stop;
		assert_true(!stopped || hook.n <= 1);
		same(p, &want);
		assert_true(p->clean_offset >= clean);
		assert_true(stopped || p->clean_offset > 140);
		p = again(&f, p);
		assert_ok(partition_compact(p, WALL, MAP));
		assert_true(p->clean_offset > 140);
		same(p, &want);
		partition_put(&p);
		fixture_free(&f);
	}
}

static void
index_of(const struct fixture *f, int64_t base, char path[128])
{
	snprintf(path, 128, "%s/orders-0/%020lld.index", f->dir, (long long)base);
}

static void
a_rebuild_stops(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	static uint8_t b[300000];
	char first[128], second[128];
	fixture_make(&f);
	f.config.no_background = true;
	f.topic.flush = LOG_FLUSH_OS;
	f.topic.segment_bytes = 1 << 20;
	f.topic.retention_ms = 1000;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 9; i++) {
		make_batch(b, sizeof(b), 1, INT64_C(1) << 50, 0);	/* far in the future */
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	assert_ok(store_checkpoint(f.store));
	index_of(&f, 0, first);
	index_of(&f, 3, second);
	partition_put(&p);
	store_close(&f.store);
	unlink(first);
	unlink(second);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	/* The first is looked at by a few reads, then each batch is read. */
	hook_set(1u << CALL_READ, 5, 0, stop_now, f.store);
	partition_mend_indexes(p);
	hook.on = false;
	assert_true(f.store->maintain_stop);
	assert_true(hook.n <= 1);
	assert_false(fs_exists(first));
	assert_false(fs_exists(second));
	/* What is not known is no reason to delete. */
	assert_int_equal(partition_retain(p, clock_wall_ms() + 100000, true), 0);
	atomic_store(&f.store->maintain_stop, false);
	assert_int_equal(partition_retain(p, clock_wall_ms() + 100000, true), 0);	/* as after a restart */
	assert_true(fs_exists(first));
	assert_true(fs_exists(second));
	partition_put(&p);
	fixture_free(&f);
}

/* Damage that is met where an index is made anew is no secret. */
static void
a_rebuild_finds_damage(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	static uint8_t b[300000];
	char index[128];
	int fd;
	fixture_make(&f);
	f.config.no_background = true;
	f.topic.flush = LOG_FLUSH_OS;
	f.topic.segment_bytes = 1 << 20;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 9; i++) {
		make_batch(b, sizeof(b), 1, 1000, 0);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	partition_put(&p);
	store_close(&f.store);
	index_of(&f, 3, index);
	unlink(index);
	memcpy(index + strlen(index) - strlen("index"), "log", sizeof("log"));
	assert_ok(fs_open(index, O_WRONLY, &fd));
	assert_ok(fs_pwrite(fd, "x", 1, (int64_t)sizeof(b) + 1000));
	fs_close(&fd);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_false(partition_failed(p));
	partition_mend_indexes(p);
	assert_true(partition_failed(p));
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
	partition_put(&p);
	fixture_free(&f);
}

/* ---- a cut meanwhile ---- */

static void
append_one(struct partition *p, size_t n)
{
	struct append_result r;
	static uint8_t b[900];
	make_batch(b, n, 1, 1000, 0);
	assert_ok(partition_append(p, &(struct append){ b, n, -1, NULL }, &r));
}

static void
cut(struct partition *p)
{
	lock_take(&p->lock);
	partition_cut(p, ERR_NOSPACE);
	p->stale = false;
	lock_drop(&p->lock);
}

/* What was to be saved is gone, and others stand in its place. */
static void
cut_now(void *arg)
{
	struct partition *p = arg;
	cut(p);
	for (int i = 0; i < 4; i++)
		append_one(p, 200);
}

static void
entries_lead_to_their_batches(struct partition *p, int64_t base, size_t want)
{
	char *path = segment_path(p->dir, base, "index"), *data, *log = segment_path(p->dir, base, "log");
	uint8_t head[HEAD_BYTES];
	size_t n;
	int fd;
	assert_ok(fs_slurp(path, 1 << 20, &data, &n));
	assert_ok(fs_open(log, O_RDONLY, &fd));
	assert_int_equal(n, want * 8);
	for (size_t i = 0; i < n; i += 8) {
		const uint8_t *entry = (const uint8_t *)data + i;
		assert_ok(fs_pread(fd, head, sizeof(head), (int64_t)be_get(entry + 4, 4)));
		assert_int_equal(head_end(head) - 1 - base, be_get(entry, 4));
	}
	fs_close(&fd);
	mem_free(data);
	mem_free(path);
	mem_free(log);
}

static struct partition *
ready_to_cut(struct fixture *f)
{
	struct append_result r;
	uint8_t b[900];
	fixture_make(f);
	f->config.no_background = true;
	f->topic.flush = LOG_FLUSH_OS;
	f->topic.segment_bytes = 3000;
	f->topic.index_interval_bytes = 0;
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	make_batch(b, sizeof(b), 1, 1000, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	return p;
}

static void
a_cut_while_indexes_are_saved(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = ready_to_cut(&f);
	lock_take(&p->io);	/* nothing of it is written, so nothing durable */
	for (int i = 0; i < 4; i++)
		append_one(p, 300);
	hook_set(1u << CALL_WRITE, 1, 0, cut_now, p);
	partition_save_indexes(p, true);
	hook.on = false;
	assert_true(hook.n >= 1);
	lock_drop(&p->io);
	assert_ok(store_checkpoint(f.store));
	entries_lead_to_their_batches(p, 0, 4);
	partition_put(&p);
	fixture_free(&f);
}

/* A closed segment that is the last one again goes on, and so do its indexes. */
static void
a_cut_opens_a_segment_again(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = ready_to_cut(&f);
	append_one(p, 900);
	append_one(p, 900);
	assert_ok(partition_write_out(p, true));
	lock_take(&p->io);
	append_one(p, 900);	/* in the next one */
	partition_save_indexes(p, false);
	lock_take(&p->lock);
	assert_true(CONTAINER_OF(p->segments.next, struct segment, hook)->sealed);
	lock_drop(&p->lock);
	cut(p);
	lock_drop(&p->io);
	append_one(p, 200);	/* fits, and so does the next one, which has an entry */
	append_one(p, 90);
	append_one(p, 900);
	assert_ok(store_checkpoint(f.store));
	entries_lead_to_their_batches(p, 0, 3);
	partition_put(&p);
	fixture_free(&f);
}

/* ---- deleted meanwhile, and made again under the same name ---- */

struct anew {
	struct fixture *f;
	struct partition *p;		/* the new one */
	int log;			/* what was said */
};

static void
make_anew(void *arg)
{
	struct anew *a = arg;
	struct append_result r;
	uint8_t b[1024];
	assert_ok(store_delete_partition(a->f->store, &a->f->id, 0));
	a->f->id.b[0]++;
	a->p = fixture_partition(a->f, 0);
	for (int i = 0; i < 50; i++)
		assert_ok(append_durable(a->p, b, two(b, 50, i, 1000, BATCH_NONE, -1), &r));
	assert_ok(store_checkpoint(a->f->store));
}

/* All files of the new topic's directory, name by name. */
static void
add_file(struct buf *out, const char *dir, const char *name)
{
	char path[200], *data;
	size_t n;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(fs_slurp(path, 1 << 20, &data, &n));
	assert_ok(buf_printf(out, "%s %zu ", name, n));
	assert_ok(buf_add(out, data, n));
	mem_free(data);
}

struct listing {
	struct buf text;
	char dir[128];
};

static int
list_file(const char *name, void *arg)
{
	struct listing *l = arg;
	add_file(&l->text, l->dir, name);
	return 0;
}

static void
list_all(const struct fixture *f, struct listing *l)
{
	buf_init(&l->text, 1 << 20);
	snprintf(l->dir, sizeof(l->dir), "%s/orders-0", f->dir);
	assert_ok(fs_list(l->dir, list_file, l));
}

struct deleting {
	struct anew anew;
	struct listing before;
};

static void
delete_now(void *arg)
{
	struct deleting *d = arg;
	make_anew(&d->anew);
	list_all(d->anew.f, &d->before);
}

enum work { WORK_COMPACT, WORK_MEND, WORK_CHECKPOINT, WORK_READ, WORKS };

/* The call before which it happens: one that is made without a lock. */
static const enum call moments[WORKS] = { CALL_READ, CALL_READ, CALL_SYNC, CALL_OPEN };

/* Gives what was there, or nothing; never another's. */
static void
read_first(struct partition *p)
{
	struct cold c = { .offset = 0, .max = 1000, .at_least_one = true };
	struct log_buf *buf = NULL;
	struct log_ends ends;
	int err = partition_read_disk(p, &c, &ends, &buf);
	assert_int_equal(err, ends.state == LOG_DELETED ? ERR_CLOSED : 0);
	assert_true((buf == NULL) == (err != 0));
	log_buf_put(buf);
}

static void
work(struct partition *p, enum work what)
{
	if (what == WORK_COMPACT)
		assert_ok(partition_compact(p, WALL, MAP));
	else if (what == WORK_MEND)
		partition_mend_indexes(p);
	else if (what == WORK_READ)
		read_first(p);
	else
		(void)partition_checkpoint(p, true);
}

static bool
delete_at(enum work what, long n)
{
	struct fixture f;
	struct append_result r;
	struct deleting d = { { &f, NULL, memfd_create("log", 0) }, { .dir = "" } };
	struct listing after;
	struct log_ends e;
	uint8_t b[1024];
	char path[128];
	struct partition *p = filled(&f);
	if (what == WORK_MEND) {
		partition_put(&p);
		store_close(&f.store);
		index_of(&f, 0, path);
		unlink(path);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
	} else if (what == WORK_CHECKPOINT)
		for (int i = 0; i < 30; i++)
			assert_ok(append_durable(p, b, two(b, 0, i, 1000, BATCH_NONE, -1), &r));
	f.sink.fd = d.anew.log;
	f.sink.level = LOG_LVL_ERR;
	hook_set(1u << moments[what], n, 0, delete_now, &d);
	work(p, what);
	hook.on = false;
	bool reached = hook.n >= n;
	if (reached) {
		list_all(&f, &after);
		assert_int_equal(after.text.n, d.before.text.n);
		assert_memory_equal(after.text.p, d.before.text.p, after.text.n);
		assert_int_equal(lseek(d.anew.log, 0, SEEK_CUR), 0);	/* nobody is alarmed */
		partition_ends(d.anew.p, &e);
		assert_int_equal(e.state, LOG_ONLINE);
		buf_free(&after.text);
		buf_free(&d.before.text);
		partition_put(&d.anew.p);
	}
	close(d.anew.log);
	f.sink.fd = 2;
	partition_put(&p);
	fixture_free(&f);
	return reached;
}

static void
a_deleted_topic_leaves_the_next_one_alone(void **state)
{
	(void)state;
	for (enum work what = 0; what < WORKS; what++) {
		long n = 1;
		while (delete_at(what, n))
			n++;
		assert_true(n > 1);
	}
}

TEST_MAIN(T(a_cut_while_indexes_are_saved), T(a_cut_opens_a_segment_again), T(a_failing_retention_keeps_the_offsets),
    T(a_full_disk_is_still_retained), T(a_rebuild_finds_damage),
    T(every_failing_call_is_survived), T(death_at_every_call_loses_nothing), T(a_compaction_stops),
    T(a_rebuild_stops), T(a_deleted_topic_leaves_the_next_one_alone))

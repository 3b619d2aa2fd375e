/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, two arrays of entries: loops fill one while the other is committed.
 * A group is one synced write past the page cache into a file whose blocks exist already,
 * which costs the same whatever the number of partitions. Files go round: full ones wait until segments
 * have caught up (journal_trim), then carry a new number.
 *
 * A write or sync that fails ends the journal: its error goes to everyone who
 * waits and to every append after, and nothing is tried again. No room for another
 * file fails only those who wait.
 */
#include "log/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/journal_format.h"
#include "log/journal_group.h"

#define ZEROS_BYTES (1024u * 1024u)

struct entries {
	struct group_entry *v;
	size_t n, cap;
};

struct file {
	struct list hook;
	uint64_t number;		/* of its present use */
	char *path;
};

struct journal {
	char *dir;
	struct event ev;
	uint64_t file_bytes;
	unsigned max_files;
	void (*hungry)(void *arg);
	bool (*starved)(void *arg);
	void *arg;
	pthread_t thread;

	struct lock lock;		/* JOURNAL */
	pthread_cond_t wake;
	struct entries lists[2], *waiting;	/* one of them; the other is being committed */
	bool stop, asleep;
	_Atomic bool wake_owed;		/* by journal_go() */
	_Atomic int err;
	struct list full;		/* oldest first; the current file is the last one */
	struct list free;
	unsigned files, slots;
	uint64_t keep_file, next_file;
	uint64_t next_group;		/* written by the thread only */
	struct journal_stats stats;

	/* The thread's own. */
	struct file *current;
	int fd;
	uint64_t at;
	struct group group;
};

/* ---- files ---- */

static int
open_synced(const char *path, int *ret_fd)
{
	int err = fs_open(path, O_WRONLY | O_DIRECT | O_DSYNC, ret_fd);
	return err == ERR_INVAL ? fs_open(path, O_WRONLY | O_DSYNC, ret_fd) : err;
}

/* A new file with every block written once, so that a commit changes no metadata. */
static int
file_create(struct journal *j, struct file **ret)
{
	char path[4096];
	int fd = -1;
	lock_take(&j->lock);
	unsigned slot = j->slots++;
	lock_drop(&j->lock);
	if (snprintf(path, sizeof(path), "%s/%04u.journal", j->dir, slot) >= (int)sizeof(path))
		return ERR_LIMIT;
	int err = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, &fd);
	if (err == ERR_INVAL)
		err = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd);
	uint8_t *zero = err == 0 ? mem_try_aligned(JOURNAL_BLOCK, ZEROS_BYTES) : NULL;
	if (err == 0 && zero == NULL)
		err = ERR_NOMEM;
	if (err == 0)
		memset(zero, 0, ZEROS_BYTES);
	for (uint64_t at = 0; err == 0 && at < j->file_bytes; at += ZEROS_BYTES) {
		uint64_t n = j->file_bytes - at;
		err = fs_pwrite(fd, zero, n < ZEROS_BYTES ? n : ZEROS_BYTES, (int64_t)at);
	}
	mem_free(zero);
	if (err == 0)
		err = fs_sync(fd);
	fs_close(&fd);
	if (err == 0)
		err = fs_sync_dir(j->dir);
	if (err != 0) {
		fs_unlink(path);
		return err;
	}
	struct file *f = MEM_NEW(struct file);
	list_init(&f->hook);
	f->path = mem_strdup(path);
	*ret = f;
	return 0;
}

static struct file *
take_free(struct journal *j)
{
	struct file *f = NULL;
	lock_take(&j->lock);
	if (!list_empty(&j->free)) {
		f = CONTAINER_OF(j->free.next, struct file, hook);
		list_del(&f->hook);
	}
	lock_drop(&j->lock);
	return f;
}

void
journal_prepare(struct journal *j)
{
	struct file *f;
	lock_take(&j->lock);
	bool wanted = list_empty(&j->free) && j->files < j->max_files;
	lock_drop(&j->lock);
	if (!wanted || file_create(j, &f) != 0)
		return;
	lock_take(&j->lock);
	list_add(&j->free, &f->hook);
	j->files++;
	lock_drop(&j->lock);
}

/* Writes the head of a file in its new use. */
static int
file_begin(struct journal *j, struct file *f, int fd)
{
	struct journal_file_head h = { JOURNAL_FILE_MAGIC, 0, f->number, j->next_group, 1, 0 };
	h.crc = crc32c(0, &h.file, sizeof(h) - 8);
	memset(j->group.stage, 0, JOURNAL_BLOCK);
	memcpy(j->group.stage, &h, sizeof(h));
	group_stage_is_used(&j->group);
	return fs_pwrite(fd, j->group.stage, JOURNAL_BLOCK, 0);
}

/* The end of the journal: nothing is tried again. */
static int
broken(struct journal *j, int err)
{
	atomic_store(&j->err, ERR_IO);
	ev_crit(&j->ev, "cannot write: %s; topics with flush=ack are offline", err_text(err));
	return ERR_IO;
}

static int
next_file(struct journal *j)
{
	struct file *f = take_free(j);
	int err = 0, fd;
	bool fresh = f == NULL;
	if (fresh)
		err = file_create(j, &f);
	if (err == ERR_NOSPACE && j->starved(j->arg))
		err = file_create(j, &f);
	if (err != 0)
		return err;
	lock_take(&j->lock);
	if (fresh)
		j->files++;
	f->number = j->next_file;
	lock_drop(&j->lock);
	err = open_synced(f->path, &fd);
	if (err == 0) {
		err = file_begin(j, f, fd);
		if (err != 0) {
			fs_close(&fd);
			err = broken(j, err);	/* its number may be on the disk or not */
		}
	}
	lock_take(&j->lock);
	if (err == 0) {
		j->next_file++;
		list_add(&j->full, &f->hook);
	} else
		list_add(&j->free, &f->hook);
	bool spare = !list_empty(&j->free);
	lock_drop(&j->lock);
	if (err != 0)
		return err;
	if (!spare)
		j->hungry(j->arg);
	fs_close(&j->fd);
	j->fd = fd;
	j->current = f;
	j->at = JOURNAL_BLOCK;
	return 0;
}

/* ---- groups ---- */

static int
group_write(struct journal *j, const struct group_entry *e, size_t n, size_t bytes)
{
	struct group *g = &j->group;
	size_t whole = journal_blocks(bytes);
	int err = 0;
	if (j->current == NULL || (j->at + whole > j->file_bytes && j->at > JOURNAL_BLOCK))
		err = next_file(j);
	if (err != 0)
		return err;
	group_build(g, e, n, bytes, j->current->number, j->next_group);
	err = fs_pwritev(j->fd, g->iov, g->count, (int64_t)j->at);
	if (err != 0)
		return broken(j, err);	/* it may be there or not; no group may follow it */
	j->at += whole;
	lock_take(&j->lock);
	j->next_group++;
	j->stats.commits++;
	j->stats.entries += n;
	j->stats.bytes += whole;
	lock_drop(&j->lock);
	return 0;
}

/* Tells each partition once how far it came, and lets go of the entries. */
static void
group_done(struct group_entry *e, size_t n, int err)
{
	struct list touched;
	list_init(&touched);
	for (size_t i = 0; i < n; i++) {
		struct partition *p = e[i].p;
		if (!list_empty(&p->commit_hook) && p->commit_generation != e[i].generation)
			partition_committed(p, p->commit_pos, p->commit_generation, err);
		if (list_empty(&p->commit_hook)) {
			list_add(&touched, &p->commit_hook);
			partition_get(p);
		}
		p->commit_pos = e[i].end;
		p->commit_generation = e[i].generation;
	}
	LIST_FOREACH(h, &touched) {
		struct partition *p = CONTAINER_OF(h, struct partition, commit_hook);
		list_del(h);
		partition_committed(p, p->commit_pos, p->commit_generation, err);
		partition_put(&p);
	}
	for (size_t i = 0; i < n; i++) {
		chunk_put(e[i].chunk);
		partition_put(&e[i].p);
	}
}

static void
commit(struct journal *j, struct group_entry *e, size_t n)
{
	while (n > 0) {
		size_t bytes, take = group_fit(e, n, &bytes);
		int err = atomic_load(&j->err);
		if (err == 0)
			err = group_write(j, e, take, bytes);
		group_done(e, take, err);
		e += take;
		n -= take;
	}
}

static void *
run(void *arg)
{
	struct journal *j = arg;
	lock_take(&j->lock);
	for (;;) {
		while (j->waiting->n == 0 && !j->stop) {
			j->asleep = true;
			lock_wait(&j->lock, &j->wake);
			j->asleep = false;
		}
		struct entries *batch = j->waiting;
		if (batch->n == 0)
			break;
		j->waiting = batch == &j->lists[0] ? &j->lists[1] : &j->lists[0];
		lock_drop(&j->lock);
		commit(j, batch->v, batch->n);
		lock_take(&j->lock);
		batch->n = 0;
	}
	lock_drop(&j->lock);
	return NULL;
}

/* Locked. */
static void
wake(struct journal *j)
{
	j->asleep = false;
	pthread_cond_signal(&j->wake);
}

void
journal_add(struct journal *j, struct partition *p, struct chunk *c, const uint8_t *at,
    uint32_t n, bool later)
{
	ref_get(&c->ref);
	partition_get(p);
	lock_take(&j->lock);
	struct entries *w = j->waiting;
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 64 : w->cap * 2;
		w->v = mem_realloc(w->v, w->cap * sizeof(*w->v));
	}
	w->v[w->n++] = (struct group_entry){ p, c, at, n, p->generation, p->end };
	if (j->asleep && later)
		atomic_store_explicit(&j->wake_owed, true, memory_order_relaxed);
	else if (j->asleep)
		wake(j);
	lock_drop(&j->lock);
}

void
journal_go(struct journal *j)
{
	if (!atomic_load_explicit(&j->wake_owed, memory_order_relaxed))
		return;
	lock_take(&j->lock);
	atomic_store_explicit(&j->wake_owed, false, memory_order_relaxed);
	if (j->asleep)
		wake(j);
	lock_drop(&j->lock);
}

/* ---- the rest ---- */

int
journal_error(const struct journal *j)
{
	return atomic_load_explicit(&j->err, memory_order_relaxed);
}

uint64_t
journal_mark(struct journal *j)
{
	lock_take(&j->lock);
	/* What was added but not committed yet may still go to the current file. */
	uint64_t mark = j->next_file - (j->next_file > 1);
	lock_drop(&j->lock);
	return mark;
}

void
journal_trim(struct journal *j, uint64_t mark)
{
	lock_take(&j->lock);
	LIST_FOREACH(h, &j->full) {
		struct file *f = CONTAINER_OF(h, struct file, hook);
		if (f->number >= mark || h->next == &j->full)
			break;
		list_del(h);
		list_add(&j->free, h);
	}
	lock_drop(&j->lock);
}

uint64_t
journal_next_group(struct journal *j)
{
	lock_take(&j->lock);
	/* One whose write failed may be there. */
	uint64_t next = j->next_group + (journal_error(j) != 0);
	lock_drop(&j->lock);
	return next;
}

bool
journal_pressing(struct journal *j)
{
	lock_take(&j->lock);
	bool yes = list_empty(&j->free) && j->files > j->max_files / 2;
	lock_drop(&j->lock);
	return yes;
}

void
journal_stats(struct journal *j, struct journal_stats *ret)
{
	lock_take(&j->lock);
	*ret = j->stats;
	ret->files = j->files;
	ret->free = 0;
	LIST_FOREACH(h, &j->free)
		ret->free++;
	lock_drop(&j->lock);
}

/* In the order of their numbers. */
static void
keep(struct journal *j, struct file *f)
{
	struct list *after = j->full.prev;
	while (after != &j->full && CONTAINER_OF(after, struct file, hook)->number > f->number)
		after = after->prev;
	list_add(after->next, &f->hook);	/* before its next */
}

static int
adopt(const char *name, void *arg)
{
	struct journal *j = arg;
	int64_t slot;
	struct str s = str_from(name), number;
	char path[4096];
	str_cut(&s, '.', &number);
	if (!str_is(s, "journal") || str_to_i64(number, 0, 999999, &slot) != 0 ||
	    snprintf(path, sizeof(path), "%s/%s", j->dir, name) >= (int)sizeof(path))
		return 0;
	struct file *f = MEM_NEW(struct file);
	f->path = mem_strdup(path);
	list_init(&f->hook);
	int err = journal_file_number(f->path, &f->number);
	if (err == 0 && f->number >= j->keep_file && f->number < j->next_file)
		keep(j, f);
	else
		list_add(&j->free, &f->hook);
	j->files++;
	if (slot >= j->slots)
		j->slots = (unsigned)slot + 1;
	return err;
}

int
journal_open(const struct journal_config *config, const struct event *ev, struct journal **ret)
{
	int err = fs_mkdir(config->dir);
	if (err != 0 && err != ERR_EXISTS)
		return err;
	struct journal *j = MEM_NEW(struct journal);
	j->dir = mem_strdup(config->dir);
	event_child(&j->ev, ev, "part", STR("journal"));
	j->file_bytes = journal_blocks(config->file_bytes);
	j->max_files = config->files;
	j->hungry = config->hungry;
	j->starved = config->starved;
	j->arg = config->arg;
	j->keep_file = config->keep_file;
	j->next_file = config->next_file;
	j->next_group = config->next_group;
	j->fd = -1;
	j->waiting = &j->lists[0];
	lock_init(&j->lock, LOCK_JOURNAL);
	lock_cond_init(&j->wake);
	list_init(&j->full);
	list_init(&j->free);
	err = group_init(&j->group);
	if (err == 0)
		err = fs_list(j->dir, adopt, j);
	j->thread = thread_start("log-journal", run, j);
	if (err != 0)
		journal_close(&j);
	else
		*ret = j;
	return err;
}

void
journal_close(struct journal **journal)
{
	struct journal *j = *journal;
	if (j == NULL)
		return;
	lock_take(&j->lock);
	j->stop = true;
	pthread_cond_signal(&j->wake);
	lock_drop(&j->lock);
	pthread_join(j->thread, NULL);
	list_splice(&j->free, &j->full);
	LIST_FOREACH(h, &j->free) {
		struct file *f = CONTAINER_OF(h, struct file, hook);
		list_del(h);
		mem_free(f->path);
		mem_free(f);
	}
	fs_close(&j->fd);
	pthread_cond_destroy(&j->wake);
	lock_free(&j->lock);
	mem_free(j->lists[0].v);
	mem_free(j->lists[1].v);
	group_free(&j->group);
	mem_free(j->dir);
	mem_free(j);
	*journal = NULL;
}

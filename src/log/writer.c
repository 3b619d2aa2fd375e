/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tail to the segment files, and from there to the disk. One thread
 * writes: at once where somebody waits for the page cache (`interval`, `os`), else
 * behind the journal, when much has gathered or a second has passed. Another one
 * syncs: for topics that count messages or milliseconds, and in checkpoint passes.
 * Both only look at queues that appends fill; with nothing to do they sleep.
 *
 * ENOSPC: the file is cut back to what is whole, what nobody was promised is
 * dropped, and the partition is FULL until there is room. Any other error takes the
 * partition offline; a sync is never tried again.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "log/direct.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/room.h"
#include "log/seal.h"

#define RUN_CHUNKS	16		/* chunks in one vectored write */
#define LAZY_BYTES	(2 * 1024 * 1024)	/* of one partition: then write behind the journal */
#define LAZY_MS		1000u
#define IDLE_MS		10000u

/* So much is unwritten that appends may soon have to wait. */
static bool
is_pressed(struct store *s)
{
	return atomic_load(&s->dirty) > (int64_t)s->config.dirty_bytes / 4;
}

/* Puts it into its queue; true where the writing thread has something new to look at. Locked (wlock). */
static bool
enqueue(struct partition *p, bool urgent)
{
	struct store *s = p->store;
	bool moved = false;
	struct list *to = urgent ? &s->write_urgent : &s->write_lazy;
	if (list_empty(&p->write_hook)) {
		partition_get(p);
		p->write_urgent = urgent;
		if (!urgent)
			p->write_due = clock_mono_ns() + LAZY_MS * NS_PER_MS;
		moved = urgent || list_empty(to);
		list_add(to, &p->write_hook);
	} else if (urgent && !p->write_urgent) {
		p->write_urgent = moved = true;
		list_del(&p->write_hook);
		list_add(to, &p->write_hook);
	}
	return moved && s->writer_asleep;
}

/* Locked (wlock). */
static void
wake_writer(struct store *s)
{
	s->writer_asleep = false;
	pthread_cond_signal(&s->wwake);
}

void
writer_poke(struct partition *p, bool urgent)
{
	struct store *s = p->store;
	if (!urgent)
		urgent = p->durable.bytes - p->written.bytes > LAZY_BYTES || is_pressed(s);
	lock_take(&s->wlock);
	if (enqueue(p, urgent))
		wake_writer(s);
	lock_drop(&s->wlock);
}

void
writer_poke_later(struct partition *p)
{
	struct store *s = p->store;
	lock_take(&s->wlock);
	if (enqueue(p, true))
		atomic_store_explicit(&s->wake_owed, true, memory_order_relaxed);
	lock_drop(&s->wlock);
}

void
writer_wake_owed(struct store *s)
{
	if (!atomic_load_explicit(&s->wake_owed, memory_order_relaxed))
		return;
	lock_take(&s->wlock);
	atomic_store_explicit(&s->wake_owed, false, memory_order_relaxed);
	if (s->writer_asleep)
		wake_writer(s);
	lock_drop(&s->wlock);
}

void
store_go(struct store *s)
{
	writer_wake_owed(s);
	journal_go(s->journal);
}

void
writer_poke_sync(struct partition *p)
{
	struct store *s = p->store;
	lock_take(&s->wlock);
	if (list_empty(&p->sync_hook)) {
		partition_get(p);
		list_add(&s->sync_queue, &p->sync_hook);
		pthread_cond_signal(&s->fwake);
	}
	lock_drop(&s->wlock);
}

/* ---- one partition ---- */

/* A run of bytes of one segment, contiguous in the file. */
struct run {
	struct chunk *chunks[RUN_CHUNKS];
	struct iovec iov[RUN_CHUNKS];
	uint32_t to[RUN_CHUNKS];
	int n;
	struct segment *segment;
	int64_t at, bytes;
	struct log_pos end;
	uint32_t generation;
	bool trim, awaited;
};

static bool
may_write(const struct partition *p)
{
	return p->state != LOG_OFFLINE && p->state != LOG_DELETED;
}

/* The end of what may be written now. */
static struct log_pos
write_bound(const struct partition *p)
{
	return p->mode == MODE_JOURNAL ? p->durable : p->end;
}

/* How far one turn goes: what comes meanwhile is for the next one, or a log that grows as fast as it
 * is written would keep all others waiting. */
struct turn {
	bool all;			/* also what is less than a chunk */
	bool begun;
	uint32_t generation;		/* end is of this one */
	struct log_pos end;
};

/* After a cut other bytes lie there, and it begins anew. Locked. */
static struct log_pos
turn_bound(const struct partition *p, struct turn *t)
{
	struct log_pos bound = write_bound(p);
	if (!t->begun || t->generation != p->generation) {
		t->begun = true;
		t->generation = p->generation;
		t->end = bound;
	}
	return t->end.bytes < bound.bytes ? t->end : bound;
}

static void
run_add(struct run *r, struct chunk *c, uint32_t to)
{
	if (r->n == 0) {
		r->segment = segment_get(c->segment);
		r->at = c->pos + c->written;
	}
	ref_get(&c->ref);
	r->chunks[r->n] = c;
	r->to[r->n] = to;
	r->iov[r->n++] = (struct iovec){ c->data + c->written, to - c->written };
	r->bytes += to - c->written;
}

/* What comes next to be written; false when there is nothing. Where not all is to be, whole chunks do,
 * as long as much waits behind the journal: a write costs the same whatever its length. Locked. */
static bool
run_take(struct partition *p, struct turn *t, struct run *r)
{
	struct log_pos bound = turn_bound(p, t);
	bool all = t->all || p->mode != MODE_JOURNAL;
	*r = (struct run){ .generation = p->generation, .trim = p->trim,
		.awaited = p->mode == MODE_WRITTEN };
	if (!all && bound.bytes - p->written.bytes <= LAZY_BYTES)
		return false;
	LIST_FOREACH(h, &p->tail) {
		struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		int64_t may = bound.bytes - c->bytes;
		uint32_t to = may >= c->used ? c->used : may > c->written ? (uint32_t)may : c->written;
		if (to <= c->written) {
			if (may < c->used)
				break;
			continue;
		}
		if (r->n == RUN_CHUNKS || (r->n > 0 && (c->segment != r->segment || (!all && !c->sealed))))
			break;
		run_add(r, c, to);
		r->end.bytes = c->bytes + to;
		r->end.offset = to == c->used ? c->end : bound.offset;
	}
	return r->n > 0;
}

static void
run_drop(struct run *r)
{
	for (int i = 0; i < r->n; i++)
		chunk_put(r->chunks[i]);
	segment_put(r->segment);
}

/* A file that no start has looked at: whether it has the size that a clean stop left. */
static int
look(struct partition *p, struct segment *g, int fd)
{
	int64_t size;
	int err = fs_size(fd, &size);
	if (err == 0 && size != g->written) {
		ev_crit(&p->ev, "%s has %" PRId64 " bytes and had %" PRId64 " at the last stop", g->path, size, g->written);
		err = ERR_CORRUPT;
	}
	g->unlooked = err != 0;
	return err;
}

static int
run_write(struct partition *p, struct run *r)
{
	struct fd_cache *fds = &p->store->fds;
	struct segment *g = r->segment;
	int fd, err = fd_pin(fds, &g->file, g->path, !g->unlooked, &fd);
	if (err != 0)
		return err;
	if (g->unlooked && (err = look(p, g, fd)) != 0) {
		fd_unpin(fds, &g->file);
		return err;
	}
	if (r->trim || !g->on_disk)
		err = fs_truncate(fd, r->at);
	if (err == 0)
		err = direct_write(&p->store->direct, &(struct direct_file){ fd, g->path, fds, &g->direct },
		    r->iov, r->n, r->at, r->awaited);
	if (err != 0 && fs_truncate(fd, r->at) != 0)
		err = ERR_IO;	/* a torn end that cannot be taken back */
	fd_unpin(fds, &g->file);
	return err;
}

void
writer_sync_later(struct partition *p)
{
	struct store *s = p->store;
	const struct log_config *c = &p->config;
	if (p->mode == MODE_SYNC || (c->flush == LOG_FLUSH_INTERVAL &&
	    p->written.offset - p->synced.offset >= c->flush_messages)) {
		writer_poke_sync(p);
	} else if (c->flush == LOG_FLUSH_INTERVAL && c->flush_ms < INT64_MAX / (int64_t)NS_PER_MS) {
		uint64_t due = clock_mono_ns() + (uint64_t)c->flush_ms * NS_PER_MS;
		lock_take(&s->wlock);
		bool set = timer_is_set(&p->sync_timer);
		if (!set)
			partition_get(p);
		if (!set || due < p->sync_timer.when) {	/* flush.ms may have become less */
			timer_set(&s->sync_timers, &p->sync_timer, due);
			pthread_cond_signal(&s->fwake);
		}
		lock_drop(&s->wlock);
	}
}

/* Takes note of a run that was written. Locked. */
static void
run_written(struct partition *p, struct run *r)
{
	struct store *s = p->store;
	r->segment->on_disk = true;
	if (p->generation != r->generation)
		return; /* cut meanwhile: cut_tail() has done the accounts */
	for (int i = 0; i < r->n; i++)
		r->chunks[i]->written = r->to[i];
	r->segment->written = r->at + r->bytes;
	r->segment->written_end = r->end.offset;
	p->trim = p->trim && !r->trim;
	p->written = r->end;
	atomic_fetch_sub(&s->dirty, r->bytes);
	atomic_fetch_add(&s->n_written, (uint64_t)r->bytes);
	store_note_written(s, r->bytes);
	partition_advance(p);
	partition_shed(p, false);
	writer_sync_later(p);
}

/* Files of segments that a cut has taken out of the log. Under io. */
static void
remove_doomed(struct partition *p)
{
	for (;;) {
		struct segment *g = NULL;
		lock_take(&p->lock);
		if (!list_empty(&p->doomed) && p->state != LOG_DELETED) {
			g = CONTAINER_OF(p->doomed.next, struct segment, hook);
			list_del(&g->hook);
		}
		lock_drop(&p->lock);
		if (g == NULL)
			return;
		if (g->on_disk)
			segment_remove_files(p->dir, g->base);
		segment_put(g);
	}
}

static void
write_failed(struct partition *p, const struct run *r, int err)
{
	lock_take(&p->lock);
	ev_err(&p->ev, "cannot write: %s", err_text(err));
	if (p->generation == r->generation)
		partition_fail(p, err == ERR_NOSPACE ? LOG_FULL : LOG_OFFLINE,
		    err == ERR_NOSPACE ? err : ERR_IO);
	lock_drop(&p->lock);
}

int
partition_write_locked(struct partition *p, bool all)
{
	struct turn t = { .all = all };
	struct run r;
	int err = 0;
	remove_doomed(p);
	while (err == 0) {
		lock_take(&p->lock);
		bool more = may_write(p) && run_take(p, &t, &r);
		lock_drop(&p->lock);
		if (!more)
			break;
		err = run_write(p, &r);
		if (err == ERR_NOSPACE && store_spend_reserve(p->store, p->internal))
			err = run_write(p, &r);
		if (err == 0) {
			lock_take(&p->lock);
			run_written(p, &r);
			lock_drop(&p->lock);
			partition_seal_closed(p);
		} else
			write_failed(p, &r, err);
		run_drop(&r);
	}
	store_room_check(p->store);
	return err;
}

int
partition_write_out(struct partition *p, bool all)
{
	lock_take(&p->io);
	int err = partition_write_locked(p, all);
	lock_drop(&p->io);
	return err;
}

/* ---- syncing ---- */

/* What a sync of a segment will make durable. */
struct mark {
	struct segment *segment;
	int64_t at;
	struct log_pos end;
	uint32_t generation;
	bool dir_synced;
};

/* The oldest segment with bytes in the file that are not known to be on the disk
 * (counted); false when there is none. */
static bool
unsynced(struct partition *p, struct segment_walk *w, struct mark *m)
{
	struct segment *g = w->at;
	bool found = false;
	lock_take(&p->lock);
	/* The one before may have got its last bytes while it was synced: nothing behind it may be
	 * called synced before they are. It is closed, so this ends. */
	if (g == NULL || g->removed || w->generation != p->generation ||
	    g->hook.next == &p->segments || g->synced >= g->written)
		g = segment_walk_next(p, w);
	for (; p->state != LOG_DELETED && g != NULL; g = segment_walk_next(p, w)) {
		if (!g->on_disk || (g->synced >= g->written && g->dir_synced))
			continue;
		*m = (struct mark){ segment_get(g), g->written,
			{ g->written_end, g->bytes + g->written }, p->generation, g->dir_synced };
		found = true;
		break;
	}
	lock_drop(&p->lock);
	return found;
}

/* The names of all segments that have files by now: one sync of the directory. Only one
 * thread at a time syncs a partition. */
static int
sync_names(struct partition *p)
{
	lock_take(&p->lock);
	LIST_FOREACH(h, &p->segments) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		g->naming = g->on_disk && !g->dir_synced;
	}
	lock_drop(&p->lock);
	int err = fs_sync_dir(p->dir);
	lock_take(&p->lock);
	LIST_FOREACH(h, &p->segments) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (err == 0 && g->naming)
			g->dir_synced = true;
		g->naming = false;
	}
	lock_drop(&p->lock);
	return err;
}

static int
sync_segment(struct partition *p, const struct mark *m)
{
	struct segment *g = m->segment;
	int fd, err = fd_pin(&p->store->fds, &g->file, g->path, false, &fd);
	if (err != 0)
		return err;
	err = fs_sync(fd);
	fd_unpin(&p->store->fds, &g->file);
	if (err == 0 && !m->dir_synced)
		err = sync_names(p);
	atomic_fetch_add(&p->store->n_syncs, 1);
	return err;
}

/* Everything up to the mark is on the disk: segments are synced oldest first. Locked. */
static void
note_synced(struct partition *p, const struct mark *m)
{
	m->segment->synced = m->at;
	m->segment->dir_synced = true;
	if (m->end.offset <= p->synced.offset)
		return;
	p->synced = m->end;
	partition_advance(p);
	if (p->mode == MODE_SYNC && p->synced.offset == p->end.offset &&
	    journal_error(p->store->journal) == 0)
		p->mode = MODE_JOURNAL;
}

int
partition_flush(struct partition *p)
{
	int err = partition_write_out(p, true);
	return err != 0 ? err : partition_sync_files(p);
}

int
partition_sync_files(struct partition *p)
{
	struct segment_walk w = { NULL, 0 };
	struct mark m;
	int err = 0;
	while (err == 0 && unsynced(p, &w, &m)) {
		err = sync_segment(p, &m);
		lock_take(&p->lock);
		if (m.segment->removed || p->generation != m.generation || p->state == LOG_DELETED) {
			err = 0; /* about bytes that are not part of the log any more */
		} else if (err == 0) {
			note_synced(p, &m);
		} else {
			ev_crit(&p->ev, "cannot sync: %s", err_text(err));
			partition_fail(p, LOG_OFFLINE, ERR_IO);
		}
		lock_drop(&p->lock);
		segment_put(m.segment);
	}
	segment_walk_stop(&w);
	return err;
}

/* ---- threads ---- */

/* When the oldest of the lazy ones has waited for long enough: they lie in the order in which they
 * came, so it is the first. UINT64_MAX: there are none. Locked. */
static uint64_t
lazy_due(const struct store *s)
{
	return list_empty(&s->write_lazy) ? UINT64_MAX :
	    CONTAINER_OF(s->write_lazy.next, struct partition, write_hook)->write_due;
}

/* The next partition to write: an urgent one, or a lazy one whose time has come. They take turns
 * where there are both, or one kind would wait for ever behind the other. Locked. */
static struct partition *
take_write(struct store *s)
{
	uint64_t lazy = lazy_due(s);
	bool due = lazy != UINT64_MAX && lazy <= clock_mono_ns(), urgent = !list_empty(&s->write_urgent);
	if (!due && !urgent)
		return NULL;
	s->lazy_turn = due && !(urgent && s->lazy_turn);
	struct list *h = s->lazy_turn ? s->write_lazy.next : s->write_urgent.next;
	list_del(h);
	return CONTAINER_OF(h, struct partition, write_hook);
}

/* Frees what the cache holds too much of; with `idle` also what nobody used for
 * a while, so that idle partitions cost nothing. */
static void
shed_some(struct store *s, bool idle)
{
	uint64_t now = clock_mono_ns();
	for (unsigned i = 0; i < 256; i++) {
		struct partition *p = tail_cache_pressing(&s->tail, idle);
		if (p == NULL)
			break;
		lock_take(&p->lock);
		partition_shed(p, idle && now - p->last_append_ns > IDLE_MS * NS_PER_MS);
		lock_drop(&p->lock);
		partition_put(&p);
	}
	if (idle)
		tail_cache_idle(&s->tail);
}

/* Sleeps until there is something to write, or a lazy one is due. */
static void
writer_sleep(struct store *s)
{
	uint64_t due = lazy_due(s), now = clock_mono_ns();
	s->writer_asleep = true;
	if (due != UINT64_MAX) {
		if (due > now)
			lock_wait_ms(&s->wlock, &s->wwake, (unsigned)((due - now) / NS_PER_MS) + 1);
	} else if (s->tail.bytes > 0 || s->tail.spares > 0) {
		if (lock_wait_ms(&s->wlock, &s->wwake, IDLE_MS) != 0) {
			lock_drop(&s->wlock);
			shed_some(s, true);
			lock_take(&s->wlock);
		}
	} else
		lock_wait(&s->wlock, &s->wwake);
	s->writer_asleep = false;
}

/* What a write of whole chunks has left; not where nothing is written any more, or it would
 * come back at once and for ever. */
static void
rest_later(struct partition *p)
{
	lock_take(&p->lock);
	if (write_bound(p).bytes > p->written.bytes && may_write(p))
		writer_poke(p, false);
	lock_drop(&p->lock);
}

static void *
writer_run(void *arg)
{
	struct store *s = arg;
	lock_take(&s->wlock);
	while (!s->stop || !list_empty(&s->write_urgent)) {
		struct partition *p = take_write(s);
		if (p == NULL) {
			writer_sleep(s);
			continue;
		}
		bool all = !p->write_urgent || is_pressed(s);
		p->write_urgent = false;
		lock_drop(&s->wlock);
		if (partition_write_out(p, all) == 0 && !all)
			rest_later(p);
		if (s->tail.bytes > s->tail.budget)
			shed_some(s, false);
		partition_put(&p);
		lock_take(&s->wlock);
	}
	lock_drop(&s->wlock);
	return NULL;
}

/* flush.ms has passed; its reference goes over to the queue. Locked (wlock). */
void
writer_sync_due(struct timer *timer, uint64_t now)
{
	struct partition *p = CONTAINER_OF(timer, struct partition, sync_timer);
	(void)now;
	if (list_empty(&p->sync_hook))
		list_add(&p->store->sync_queue, &p->sync_hook);
	else
		ref_put(&p->ref);	/* the queue's own reference stays */
}

/* How long the syncing thread may sleep: 0 for a turn now. Locked (wlock). */
static unsigned
flusher_wait(struct store *s)
{
	uint64_t now = clock_mono_ns(), next = timers_next(&s->sync_timers);
	unsigned ms = store_pass_wait(s, now);
	if (next <= now)
		return 0;
	uint64_t until = (next - now) / NS_PER_MS + 1;
	return next == UINT64_MAX || until > ms ? ms : (unsigned)until;
}

static void *
flusher_run(void *arg)
{
	struct store *s = arg;
	lock_take(&s->wlock);
	while (!s->stop) {
		if (!list_empty(&s->sync_queue)) {
			struct list *h = s->sync_queue.next;
			struct partition *p = CONTAINER_OF(h, struct partition, sync_hook);
			list_del(h);
			lock_drop(&s->wlock);
			partition_flush(p);
			partition_put(&p);
			lock_take(&s->wlock);
			continue;
		}
		unsigned ms = flusher_wait(s);
		timers_run(&s->sync_timers, clock_mono_ns());
		if (ms == 0) {
			lock_drop(&s->wlock);
			store_pass_turn(s);
			lock_take(&s->wlock);
		} else if (ms == UINT32_MAX)
			lock_wait(&s->wlock, &s->fwake);
		else
			lock_wait_ms(&s->wlock, &s->fwake, ms);
	}
	lock_drop(&s->wlock);
	return NULL;
}

void
writer_start(struct store *s)
{
	s->writer = thread_start("log-writer", writer_run, s);
	s->flusher = thread_start("log-sync", flusher_run, s);
	s->threads = true;
}

static void
drop_timers(struct store *s)
{
	while (s->sync_timers.n > 0) {
		struct partition *p =
		    CONTAINER_OF(s->sync_timers.heap[0], struct partition, sync_timer);
		timer_cancel(&s->sync_timers, &p->sync_timer);
		partition_put(&p);
	}
}

static void
drain(struct list *queue, size_t at)
{
	LIST_FOREACH(h, queue) {
		struct partition *p = (struct partition *)(void *)((char *)h - at);
		list_del(h);
		partition_put(&p);
	}
}

void
writer_stop(struct store *s)
{
	if (!s->threads)
		return;
	lock_take(&s->wlock);
	s->stop = true;
	pthread_cond_signal(&s->wwake);
	pthread_cond_signal(&s->fwake);
	lock_drop(&s->wlock);
	pthread_join(s->writer, NULL);
	pthread_join(s->flusher, NULL);
	s->threads = false;
}

void
writer_drain(struct store *s)
{
	drop_timers(s);
	drain(&s->write_urgent, offsetof(struct partition, write_hook));
	drain(&s->write_lazy, offsetof(struct partition, write_hook));
	drain(&s->sync_queue, offsetof(struct partition, sync_hook));
}

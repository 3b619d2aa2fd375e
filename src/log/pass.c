/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint pass: now and then everything that was appended is written and
 * synced, the recovery points are saved, and the journal's files become free. It
 * comes when much was written, some time after the first byte, or when the journal
 * runs out of files; a broker that writes nothing makes none. While the disk is full
 * it comes every second, to look for room.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/producers.h"
#include "log/room.h"
#include "log/seal.h"
#include "log/sequence.h"

#define FULL_LOOK_MS 1000u
#define BULK 32		/* segments: more are synced together */

void
store_note_written(struct store *s, int64_t bytes)
{
	bool wake = false, pressed = s->journal != NULL && journal_pressing(s->journal);
	lock_take(&s->wlock);
	s->unsynced_bytes += bytes;
	if (s->pass_due == UINT64_MAX) {
		s->pass_due = clock_mono_ns() + (uint64_t)s->config.checkpoint_ms * NS_PER_MS;
		wake = true;
	}
	if (pressed || s->unsynced_bytes > (int64_t)s->config.checkpoint_bytes) {
		wake = wake || s->pass_due != 0;
		s->pass_due = 0;
	}
	if (wake)
		pthread_cond_signal(&s->fwake);
	lock_drop(&s->wlock);
}

void
store_hungry(void *arg)
{
	struct store *s = arg;
	lock_take(&s->wlock);
	s->journal_hungry = true;
	pthread_cond_signal(&s->fwake);
	lock_drop(&s->wlock);
}

void
store_note_damage(struct store *s)
{
	lock_take(&s->wlock);
	s->damage_found = true;
	pthread_cond_signal(&s->fwake);
	lock_drop(&s->wlock);
}

bool
store_starved(void *arg)
{
	return store_spend_reserve(arg, true);
}

unsigned
store_pass_wait(struct store *s, uint64_t now)
{
	uint64_t next = s->journal_hungry || s->damage_found ? 0 : s->pass_due;
	if (atomic_load(&s->full) && s->look_due < next)
		next = s->look_due;
	if (next == UINT64_MAX)
		return UINT32_MAX;
	return next <= now ? 0 : (unsigned)((next - now) / NS_PER_MS) + 1;
}

bool
ckpt_row_of(struct partition *p, struct ckpt_row *row)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->label, p->label, strlen(p->label) + 1);
	lock_take(&p->lock);
	row->topic = p->topic;
	row->log_start = p->log_start;
	row->base = p->point.base;
	row->at = p->point.at;
	row->offset = p->point.offset;
	row->producers = p->point.producers;
	row->epoch = p->point.epoch;
	row->clean = p->clean_offset;
	row->promised = p->promised > p->end.offset || p->damaged >= 0 ? p->promised : 0;
	row->voided = p->voided;
	row->damaged = p->damaged;
	bool proved = !p->unproved;
	lock_drop(&p->lock);
	return proved;
}

/* Of a recovery point: what compaction asks about. */
struct kept {
	int64_t base, offset;
};

int
store_write_checkpoint(struct store *s)
{
	struct ckpt_row row;
	struct buf out;
	size_t n;
	lock_take(&s->ckpt);
	struct partition **v = store_collect(s, &n);
	struct kept *kept = mem_alloc((n + 1) * sizeof(*kept));
	buf_init(&out, SIZE_MAX);
	ckpt_begin(&out);
	for (size_t i = 0; i < n; i++) {
		if (ckpt_row_of(v[i], &row))
			ckpt_add(&out, &row);
		kept[i] = (struct kept){ row.base, row.offset };
	}
	uint32_t crc = ckpt_end(&out);
	char *path = store_file(s, "checkpoint");
	int err = fs_replace(path, out.p, out.n);
	if (err == ERR_NOSPACE && store_spend_reserve(s, true))
		err = fs_replace(path, out.p, out.n);
	if (err != 0)
		ev_err(&s->ev, "cannot write the checkpoint: %s", err_text(err));
	else
		s->ckpt_crc = crc;
	for (size_t i = 0; i < n && err == 0; i++) {
		lock_take(&v[i]->lock);
		v[i]->kept_base = kept[i].base;
		v[i]->kept_offset = kept[i].offset;
		lock_drop(&v[i]->lock);
	}
	mem_free(kept);
	mem_free(path);
	buf_free(&out);
	store_release(v, n);
	lock_drop(&s->ckpt);
	return err;
}

/* ---- one partition ---- */

struct gate {
	struct log_waiter w;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open;
};

static void
gate_open(struct log_waiter *w, int err)
{
	struct gate *g = CONTAINER_OF(w, struct gate, w);
	(void)err;
	pthread_mutex_lock(&g->mutex);
	g->open = true;
	pthread_cond_signal(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

/* Until offset is durable, or never will be. */
static void
wait_durable(struct partition *p, int64_t offset)
{
	struct gate g = { .w = { .fire = gate_open }, .open = false };
	pthread_mutex_init(&g.mutex, NULL);
	pthread_cond_init(&g.cond, NULL);
	list_init(&g.w.hook);
	if (partition_wait_durable(p, &g.w, offset) == 0) {
		pthread_mutex_lock(&g.mutex);
		while (!g.open)
			pthread_cond_wait(&g.cond, &g.mutex);
		pthread_mutex_unlock(&g.mutex);
	}
	partition_wait_cancel(p, &g.w); /* fire has returned */
	pthread_cond_destroy(&g.cond);
	pthread_mutex_destroy(&g.mutex);
}

/* The state at p->end, to be true once all before it is synced. */
static struct log_point
point_now(struct partition *p, struct sequence_saving *saving, uint32_t *ret_generation)
{
	struct log_point pt = { p->end.offset, 0, 0, 0, sequence_epoch(p) };
	const struct segment *g = partition_active(p);
	if (g != NULL) {
		pt.base = g->base;
		pt.at = g->size;
	}
	pt.producers = (uint32_t)producers_count(p->producers);
	sequence_save_begin(p, saving);
	*ret_generation = p->generation;
	return pt;
}

/* The snapshot of a point that is not the newest any more. */
static void
drop_snapshot(struct partition *p, const struct log_point *old)
{
	if (old->producers == 0)
		return;
	char *path = segment_path(p->dir, old->offset, "snapshot");
	lock_take(&p->io);
	lock_take(&p->lock);
	bool deleted = p->state == LOG_DELETED;	/* the directory may be that of a new topic */
	lock_drop(&p->lock);
	if (!deleted)
		fs_unlink(path);
	lock_drop(&p->io);
	mem_free(path);
}

int
partition_checkpoint(struct partition *p, bool lasting)
{
	struct sequence_saving saving;
	uint32_t generation;
	lock_take(&p->lock);
	struct log_point old = p->point, pt = point_now(p, &saving, &generation);
	bool journaled = p->mode == MODE_JOURNAL;
	lock_drop(&p->lock);
	sequence_save_collect(p, &saving);
	if (journaled && p->store->threads)	/* segments are not written ahead of it */
		wait_durable(p, pt.offset);
	int err = partition_flush(p);
	lock_take(&p->io);
	partition_save_indexes(p, true);
	lock_drop(&p->io);	/* the writer's acks need it; a file that goes meanwhile is no loss */
	partition_sync_indexes(p, !lasting);
	lock_take(&p->io);
	lock_take(&p->lock);
	bool good = err == 0 && p->generation == generation && p->synced.offset >= pt.offset &&
	    p->state != LOG_DELETED && p->state != LOG_CORRUPT;
	lock_drop(&p->lock);
	if (good)
		err = sequence_save_write(p, &saving, pt.offset, lasting);
	else
		sequence_save_drop(&saving);
	lock_take(&p->lock);
	if (good && err == 0)
		p->point = pt;
	else
		p->epochs.dirty = true;
	lock_drop(&p->lock);
	lock_drop(&p->io);
	if (good && err == 0 && old.offset != pt.offset)
		p->old_point = old;
	return err == 0 && !good ? ERR_AGAIN : err;
}

/* Whether the journal has batches of it that cannot get into its segments now: then
 * nothing is trimmed, or a restart could not bring them back. */
static bool
pins(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->state != LOG_ONLINE && p->state != LOG_DELETED &&
	    (p->in_journal || p->journaled.offset > p->synced.offset);
	lock_drop(&p->lock);
	return yes;
}

static bool
has_news(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->point.offset < p->end.offset && p->state != LOG_CORRUPT && !p->unloaded;
	lock_drop(&p->lock);
	return yes;
}

/* How many segments a checkpoint would sync. */
static size_t
unsynced_segments(struct partition *p)
{
	size_t n = 0;
	lock_take(&p->lock);
	for (struct list *h = p->segments.prev; h != &p->segments; h = h->prev) {
		const struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->synced >= g->size && g->dir_synced)
			break;	/* they are synced oldest first */
		n++;
	}
	lock_drop(&p->lock);
	return n;
}

/* With many segments to sync, one sync of the file system does the work of all; the
 * sync of each file afterwards finds nothing to write and only tells its own errors. */
static bool
write_bulk(struct store *s, struct partition **v, size_t n)
{
	size_t news = 0;
	for (size_t i = 0; i < n; i++)
		news += has_news(v[i]) ? unsynced_segments(v[i]) : 0;
	if (news < BULK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (has_news(v[i]))
			partition_write_out(v[i], true);
	fs_sync_all(s->path);
	return true;
}

int
store_save(struct store *s, struct partition **v, size_t n, int (*failed)(struct partition *p, int err))
{
	int err = 0;
	bool bulk = write_bulk(s, v, n);
	for (size_t i = 0; i < n; i++) {
		int e = has_news(v[i]) ? partition_checkpoint(v[i], !bulk) : 0;
		if (e != 0 && failed != NULL)
			e = failed(v[i], e);
		err = err == 0 ? e : err;
	}
	int e = bulk ? fs_sync_all(s->path) : 0;
	if (e == ERR_IO && failed != NULL) {
		ev_err(&s->ev, "the file system cannot be synced: %s; each log was, and what was not is checked",
		    err_text(e));
		e = 0;
	}
	if (e == 0)
		e = store_write_checkpoint(s);
	for (size_t i = 0; i < n && e == 0; i++) {
		drop_snapshot(v[i], &v[i]->old_point);
		v[i]->old_point.producers = 0;
	}
	return err == 0 ? e : err;
}

static int
pass(struct store *s, struct partition **v, size_t n)
{
	bool all = !store_has_orphans(s);
	uint64_t mark = journal_mark(s->journal);
	int err = store_save(s, v, n, NULL);
	for (size_t i = 0; i < n; i++)
		all = all && !pins(v[i]);
	if (all && err == 0)
		journal_trim(s->journal, mark);
	return err;
}

int
store_pass(struct store *s)
{
	size_t n;
	lock_take(&s->pass);
	lock_take(&s->wlock);
	s->pass_due = UINT64_MAX;
	s->unsynced_bytes = 0;
	lock_drop(&s->wlock);
	struct partition **v = store_collect(s, &n);
	int err = pass(s, v, n);
	store_release(v, n);
	lock_drop(&s->pass);
	return err == ERR_AGAIN ? 0 : err;
}

void
store_pass_turn(struct store *s)
{
	uint64_t now = clock_mono_ns();
	lock_take(&s->wlock);
	bool due = s->pass_due <= now, hungry = s->journal_hungry, damage = s->damage_found;
	s->journal_hungry = s->damage_found = false;
	s->look_due = now + FULL_LOOK_MS * NS_PER_MS;
	lock_drop(&s->wlock);
	if (hungry)
		journal_prepare(s->journal);
	if (due)
		store_pass(s);
	else if (damage && store_write_checkpoint(s) != 0)
		store_note_written(s, 0);	/* a pass tries again */
	store_check_room(s);
}

int
store_checkpoint(struct store *s)
{
	return store_pass(s);
}

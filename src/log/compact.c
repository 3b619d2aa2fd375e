/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction of a partition. The closed segments before the saved recovery point are looked
 * at: the keys of the new ones fill a map, then all of them are written anew without
 * what the map has newer, several small ones into one. A finished file first gets a
 * name that says which offsets it replaces; from then on a crash completes the
 * exchange, before it nothing has happened. A map that is too small ends the round
 * early, at the record that did not fit: it and all behind it stay, and the next round
 * goes on with it.
 */
#include "log/compact.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/keymap.h"
#include "log/maintain.h"
#include "log/mend.h"
#include "log/producers.h"
#include "log/read.h"
#include "log/records.h"
#include "log/retain.h"
#include "log/scan.h"
#include "log/seal.h"
#include "wire/batch.h"

#define WRITE_BYTES (1u << 20)
#define SYNC_BYTES (INT64_C(32) << 20)	/* what a stop, or a sync of the journal, may have to wait for */
#define ROUNDS 8	/* in a turn, where the map is too small; others wait for theirs */

struct round {
	struct partition *p;
	struct segment **v;		/* what may be cleaned, oldest first; counted */
	size_t n;
	size_t dirty;			/* the first that was not cleaned before */
	struct keymap *keys;
	int64_t from, to;		/* the map has the keys of these offsets */
	bool full;			/* and there are more behind them */
	int64_t wall_ms;
	uint32_t generation;
	int64_t bad;			/* the offset of what could not be read */
	bool damaged;			/* the file is wrong there; else its records are none */
	struct log_config config;
};

/* ---- what to clean ---- */

static bool
eligible(const struct partition *p, const struct segment *g, int64_t wall_ms)
{
	if (g->hook.next == &p->segments || !g->sealed || g->written < g->size)
		return false;
	/* A crash reads on from a byte of the checkpoint's segment: that one must stay. */
	if (g->base >= p->kept_base || g->end > p->kept_offset)
		return false;
	return p->config.min_compaction_lag_ms <= 0 || g->max_time < 0 ||
	    wall_ms - g->max_time >= p->config.min_compaction_lag_ms;
}

static void
round_collect(struct round *r)
{
	struct partition *p = r->p;
	size_t cap = 0;
	lock_take(&p->lock);
	r->config = p->config;
	r->generation = p->generation;
	r->from = p->clean_offset;
	r->to = INT64_MAX;
	for (struct list *h = p->segments.next; h != &p->segments; h = h->next) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (!eligible(p, g, r->wall_ms))
			break;
		if (r->n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			r->v = mem_realloc(r->v, cap * sizeof(struct segment *));
		}
		if (g->end <= p->clean_offset)
			r->dirty = r->n + 1;
		r->v[r->n++] = segment_get(g);
	}
	/* What cannot be read once cannot be read the next time, as long as it is part of the log. */
	bool bad = r->n > 0 && r->v[0]->base <= p->bad_offset;
	if (p->state != LOG_ONLINE || !p->configured || bad)
		r->dirty = r->n;
	lock_drop(&p->lock);
}

/* The time of the first batch of the oldest segment that was not cleaned, as Kafka has it: the promise of
 * max.compaction.lag.ms is to the records that have waited for longest. INT64_MAX: none has a time. */
static int64_t
oldest_dirty(const struct round *r)
{
	uint8_t head[HEAD_BYTES];
	int64_t oldest = INT64_MAX;
	int fd;
	for (size_t i = r->dirty; i < r->n; i++) {
		int64_t time = r->v[i]->first_time;
		/* Not known of those that were closed before the start. */
		if (time < 0 && r->v[i]->size > 0 && fs_open(r->v[i]->path, O_RDONLY, &fd) == 0) {
			if (fs_pread(fd, head, sizeof(head), 0) == 0)
				time = head_max_time(head);
			fs_close(&fd);
		}
		if (time >= 0 && time < oldest)
			oldest = time;
	}
	return oldest;
}

static bool
round_wanted(const struct round *r)
{
	int64_t total = 0, dirty = 0;
	for (size_t i = 0; i < r->n; i++) {
		total += r->v[i]->size;
		dirty += i < r->dirty ? 0 : r->v[i]->size;
	}
	if (dirty == 0)
		return false;
	if (r->config.max_compaction_lag_ms < INT64_MAX) {
		int64_t oldest = oldest_dirty(r);
		if (oldest < r->wall_ms && r->wall_ms - oldest > r->config.max_compaction_lag_ms)
			return true;
	}
	return (double)dirty >= r->config.min_cleanable_dirty_ratio * (double)total;
}

static void
round_free(struct round *r)
{
	for (size_t i = 0; i < r->n; i++)
		segment_put(r->v[i]);
	mem_free(r->v);
	keymap_destroy(&r->keys);
}

/* The next batch, or ERR_CLOSED where the broker stops. */
static int
next_batch(struct round *r, struct scan *s, const uint8_t **ret_batch)
{
	int64_t at;
	if (store_stops(r->p->store))
		return ERR_CLOSED;
	r->bad = s->next;
	int err = scan_next(s, ret_batch, &at);
	r->damaged = err == ERR_CORRUPT;
	return err;
}

/* Damage of a file is everybody's matter, as where a reader meets it; records that are none, in a
 * batch that lies there as it came, are only never compacted. */
static void
give_up(const struct round *r, int err)
{
	struct partition *p = r->p;
	if (err != ERR_CORRUPT && err != ERR_LIMIT) {
		ev_err(&p->ev, "cannot compact: %s", err_text(err));
		return;
	}
	ev_err(&p->ev, "cannot compact the batch at offset %" PRId64 ": %s; not tried again while it is there", r->bad,
	    err_text(err));
	if (r->damaged)
		partition_found_damage(p, r->bad);
	lock_take(&p->lock);
	if (p->generation == r->generation)
		p->bad_offset = r->bad;
	lock_drop(&p->lock);
}

/* ---- the map ---- */

static int
map_batch(struct round *round, const uint8_t *b)
{
	struct batch_iter it;
	struct batch_record r;
	if ((head_attributes(b) & BATCH_CONTROL) != 0 || head_end(b) <= round->from)
		return 0;
	int err = batch_iter_begin(&it, b, (size_t)head_size(b), RECORDS_MAX);
	if (err != 0)
		return err;
	while (!round->full && batch_iter_next(&it, &r)) {
		if (r.key.p == NULL || r.offset < round->from || keymap_put(round->keys, r.key, r.offset))
			continue;
		round->full = true;
		round->to = r.offset;
	}
	batch_iter_end(&it);
	return 0;
}

static int
map_segment(struct round *r, struct segment *g)
{
	struct scan s;
	const uint8_t *b;
	int fd, err = fs_open(g->path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	scan_start(&s, fd, 0, g->size, g->base, true);
	while (!r->full && (err = next_batch(r, &s, &b)) == 0 && (err = map_batch(r, b)) == 0)
		;
	scan_stop(&s);
	fs_close(&fd);
	return err == ERR_NOTFOUND ? 0 : err;
}

/* Fills the map; the round ends with the segment in which it is full. */
static int
round_map(struct round *r)
{
	for (size_t i = r->dirty; i < r->n; i++) {
		int err = map_segment(r, r->v[i]);
		if (err != 0)
			return err;
		while (r->full && r->n > i + 1)
			segment_put(r->v[--r->n]);
	}
	return 0;
}

/* ---- writing anew ---- */

struct output {
	struct segment *segment;
	int64_t end;			/* of the offsets that it will stand for */
	char *path;			/* of the file in the making */
	int fd;
	struct buf buf;
	int64_t at, synced;		/* bytes written, and synced */
};

static bool
newest_of_producer(struct partition *p, const uint8_t *b)
{
	lock_take(&p->lock);
	bool yes = producers_newest(p->producers, b) == head_end(b);
	lock_drop(&p->lock);
	return yes;
}

static int
output_flush(struct output *o)
{
	int err = o->buf.n == 0 ? 0 : fs_pwrite(o->fd, o->buf.p, o->buf.n, o->at);
	o->at += (int64_t)o->buf.n;
	o->buf.n = 0;
	if (err != 0 || o->at - o->synced < SYNC_BYTES)
		return err;
	o->synced = o->at;
	return fs_sync(o->fd);
}

static int
clean_batch(struct round *r, struct output *o, const uint8_t *b)
{
	size_t before = o->buf.n;
	struct compact_rules rules = { r->keys, r->to, r->wall_ms, r->config.delete_retention_ms,
		head_end(b) == o->end || newest_of_producer(r->p, b) };
	int err = compact_batch(b, &rules, &o->buf);
	if (err == 0 && o->buf.n > before)
		segment_note(o->segment, o->buf.p + before, r->config.index_interval_bytes);
	if (err == 0 && o->buf.n >= WRITE_BYTES)
		err = output_flush(o);
	return err;
}

static int
clean_segment(struct round *r, struct output *o, struct segment *g)
{
	struct scan s;
	const uint8_t *b;
	int fd, err = fs_open(g->path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	scan_start(&s, fd, 0, g->size, g->base, true);
	while ((err = next_batch(r, &s, &b)) == 0 && (err = clean_batch(r, o, b)) == 0)
		;
	scan_stop(&s);
	fs_close(&fd);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
output_open(struct output *o, const char *dir, int64_t base, int64_t end)
{
	*o = (struct output){ .segment = segment_create(dir, base), .end = end, .fd = -1 };
	buf_init(&o->buf, INT32_MAX);
	o->path = segment_path(dir, base, "log.cleaned");
	return fs_open(o->path, O_WRONLY | O_CREAT | O_TRUNC, &o->fd);
}

static void
output_close(struct output *o, bool drop)
{
	fs_close(&o->fd);
	buf_free(&o->buf);
	if (drop)
		fs_unlink(o->path);
	mem_free(o->path);
	segment_put(o->segment);
}

/* How many segments from i on fit into one. */
static size_t
group_fit(const struct round *r, size_t i)
{
	size_t n = 1;
	int64_t bytes = r->v[i]->size;
	while (i + n < r->n && bytes + r->v[i + n]->size <= r->config.segment_bytes &&
	    r->v[i + n]->end - r->v[i]->base < INT32_MAX)
		bytes += r->v[i + n++]->size;
	return n;
}

/* ---- the exchange ---- */

static char *
swap_path(const char *dir, int64_t base, int64_t end)
{
	char suffix[32];
	snprintf(suffix, sizeof(suffix), "%020" PRId64 ".swap", end);
	return segment_path(dir, base, suffix);
}

/* The new segment takes the place of n old ones in the list. Locked. */
static void
exchange(struct segment *fresh, struct segment **old, size_t n)
{
	struct segment *last = old[n - 1];
	fresh->end = fresh->written_end = last->end;
	fresh->written = fresh->synced = fresh->size;
	fresh->bytes = last->bytes + last->size - fresh->size;
	fresh->on_disk = fresh->dir_synced = true;
	fresh->learned = fresh->mended = true;
	list_add(&old[0]->hook, &segment_get(fresh)->hook);
	for (size_t i = 0; i < n; i++) {
		list_del(&old[i]->hook);
		old[i]->removed = true;
		segment_put(old[i]);	/* the list's; the round has its own */
	}
}

/* ERR_CLOSED: the partition is gone, and its directory may be that of another one by now. ERR_AGAIN:
 * after a cut, or a recovery by hand, the segments are others. Under io it stays what it is. */
static int
round_holds(const struct round *r)
{
	struct partition *p = r->p;
	lock_take(&p->lock);
	int err = p->state == LOG_DELETED ? ERR_CLOSED : p->generation != r->generation ? ERR_AGAIN : 0;
	lock_drop(&p->lock);
	return err;
}

/* The finished file gets the name from which on a crash completes the exchange. */
static int
announce(const struct partition *p, const struct output *o, const char *swap)
{
	int err = fs_rename(o->path, swap);
	if (err != 0)
		return err;
	err = fs_sync_dir(p->dir);
	if (err != 0)
		fs_unlink(swap);	/* a later start would lay it over what has come since */
	return err;
}

/* The files change places. Each step is on the disk before the next: old files beside the new one
 * would be damage. An error leaves it to the next start, or to a recovery by hand. */
static int
replace_files(struct partition *p, const struct output *o, const char *swap, struct segment **old, size_t n)
{
	int err = 0;
	for (size_t i = 0; i < n && err == 0; i++)
		err = partition_bury_segment(p, old[i]);
	if (err == 0)
		err = fs_sync_dir(p->dir);
	if (err == 0)
		err = fs_rename(swap, o->segment->path);
	if (err == 0)
		err = fs_sync_dir(p->dir);
	return err;
}

/* Takes note of an exchange, or of its failure: then the partition cannot be read as it lies there.
 * Under io. */
static void
exchanged(struct round *r, struct output *o, struct segment **old, size_t n, int err)
{
	struct partition *p = r->p;
	lock_take(&p->lock);
	if (err != 0) {
		ev_crit(&p->ev, "compacted files cannot take their places: %s; a restart completes it",
		    err_text(err));
		partition_fail(p, LOG_OFFLINE, ERR_IO);
	} else {
		exchange(o->segment, old, n);
		int64_t clean = o->segment->end < r->to ? o->segment->end : r->to;
		if (p->clean_offset < clean)
			p->clean_offset = clean;
	}
	lock_drop(&p->lock);
	if (err != 0)
		return;
	for (size_t i = 0; i < n; i++)
		segment_retire_files(old[i]);
	partition_save_indexes(p, false);
	partition_sync_indexes(p, false);
}

static int
swap_in(struct round *r, struct output *o, struct segment **old, size_t n)
{
	struct partition *p = r->p;
	char *swap = swap_path(p->dir, old[0]->base, old[n - 1]->end);
	lock_take(&p->io);
	int err = round_holds(r);
	if (err == 0)
		err = announce(p, o, swap);
	if (err == 0) {
		err = replace_files(p, o, swap, old, n);
		exchanged(r, o, old, n, err);
	}
	lock_drop(&p->io);
	mem_free(swap);
	return err;
}

static int
clean_group(struct round *r, size_t i, size_t n)
{
	struct output o;
	lock_take(&r->p->lock);
	r->p->untidy = true;
	lock_drop(&r->p->lock);
	int err = output_open(&o, r->p->dir, r->v[i]->base, r->v[i + n - 1]->end);
	for (size_t k = i; k < i + n && err == 0; k++)
		err = clean_segment(r, &o, r->v[k]);
	if (err == 0)
		err = output_flush(&o);
	if (err == 0)
		err = fs_sync(o.fd);
	if (err == 0)
		err = swap_in(r, &o, r->v + i, n);
	output_close(&o, err != 0);
	return err;
}

static int
run_round(struct round *r, uint64_t map_bytes)
{
	r->keys = keymap_create(map_bytes);
	int err = r->keys == NULL ? ERR_NOMEM : round_map(r);
	for (size_t i = 0, n; i < r->n && err == 0; i += n) {
		n = group_fit(r, i);
		err = clean_group(r, i, n);
	}
	return err;
}

/* *more: go on where the last round ended; then whether its map was full, too. */
static int
compact_once(struct partition *p, int64_t wall_ms, uint64_t map_bytes, bool *more)
{
	struct round r = { .p = p, .wall_ms = wall_ms };
	int err = 0;
	round_collect(&r);
	bool wanted = *more ? r.dirty < r.n : round_wanted(&r);
	*more = false;
	if (wanted) {
		uint64_t before = partition_size(p);
		err = run_round(&r, map_bytes);
		*more = err == 0 && r.full;
		if (err == ERR_CLOSED || (err != 0 && round_holds(&r) != 0))
			err = 0;	/* the broker stops, or its log has changed: another time */
		else if (err != 0)
			give_up(&r, err);
		else
			ev_info(&p->ev, "compacted: %" PRIu64 " bytes, were %" PRIu64, partition_size(p), before);
	}
	round_free(&r);
	return err;
}

int
partition_compact(struct partition *p, int64_t wall_ms, uint64_t map_bytes)
{
	bool more = false;
	partition_mend_indexes(p);
	int err = compact_once(p, wall_ms, map_bytes, &more);
	for (int i = 1; i < ROUNDS && more && err == 0; i++)
		err = compact_once(p, wall_ms, map_bytes, &more);
	return err;
}

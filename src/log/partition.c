/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition in memory: appends, ends, waiters, and the cut after a failure.
 * An append checks, copies the batch into the tail, and leaves it to the journal
 * or the writer; nothing here touches the disk. What fails later fails through
 * partition_cut(): back to the durable end, with the same error for everyone.
 */
#include "log/partition.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/sequence.h"

static struct log_pos
farther(struct log_pos a, struct log_pos b)
{
	return a.offset >= b.offset ? a : b;
}

struct partition *
partition_create(struct store *s, const struct uuid *topic, int32_t index, bool internal,
    const char *label, const struct log_config *config)
{
	struct partition *p = MEM_NEW(struct partition);
	size_t n = strlen(s->path) + strlen(label) + 2;
	ref_init(&p->ref);
	p->store = s;
	p->topic = *topic;
	p->index = index;
	p->internal = internal;
	p->label = mem_strdup(label);
	p->dir = mem_alloc(n);
	snprintf(p->dir, n, "%s/%s", s->path, label);
	event_child(&p->ev, &s->ev, "log", str_from(p->label));
	lock_init(&p->io, LOCK_LOGIO);
	lock_init(&p->lock, LOCK_PARTITION);
	p->config = *config;
	p->mode = config->flush == LOG_FLUSH_ACK ? MODE_JOURNAL : MODE_WRITTEN;
	p->last_append_ns = clock_mono_ns();
	p->bad_offset = p->damaged = -1;
	struct list *lists[] = { &p->segments, &p->doomed, &p->tail, &p->durable_waiters,
		&p->data_waiters, &p->write_hook, &p->sync_hook, &p->room_waiters, &p->room_hook,
		&p->commit_hook };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		list_init(lists[i]);
	p->sync_timer.fire = writer_sync_due;
	sequence_init(p);
	return p;
}

struct partition *
partition_get(struct partition *p)
{
	ref_get(&p->ref);
	return p;
}

static void
drop_chunk(struct chunk *c)
{
	chunk_forget(c);
	list_del(&c->hook);
	chunk_put(c);
}

void
partition_put(struct partition **pp)
{
	struct partition *p = *pp;
	*pp = NULL;
	if (p == NULL || !ref_put(&p->ref))
		return;
	LIST_FOREACH(h, &p->tail)
		drop_chunk(CONTAINER_OF(h, struct chunk, hook));
	list_splice(&p->doomed, &p->segments);
	LIST_FOREACH(h, &p->doomed) {
		list_del(h);
		segment_put(CONTAINER_OF(h, struct segment, hook));
	}
	sequence_free(p);
	lock_free(&p->io);
	lock_free(&p->lock);
	mem_free(p->label);
	mem_free(p->dir);
	mem_free(p);
}

const struct uuid *
partition_topic(const struct partition *p)
{
	return &p->topic;
}

int32_t
partition_index(const struct partition *p)
{
	return p->index;
}

const char *
partition_label(const struct partition *p)
{
	return p->label;
}

void
partition_set_config(struct partition *p, const struct log_config *config)
{
	lock_take(&p->lock);
	p->configured = true;
	p->config = *config;
	if (config->flush != LOG_FLUSH_ACK) {
		p->mode = MODE_WRITTEN;
		partition_advance(p);
		writer_poke(p, true);
		if (p->written.offset > p->synced.offset)
			writer_sync_later(p);
	} else if (p->mode == MODE_WRITTEN) {
		bool safe = farther(p->journaled, p->synced).offset == p->end.offset;
		p->mode = safe ? MODE_JOURNAL : MODE_SYNC;
		writer_poke_sync(p);
	}
	lock_drop(&p->lock);
}

int
partition_lead(struct partition *p, int32_t epoch)
{
	lock_take(&p->lock);
	int err = epoch < p->epoch ? ERR_CONFLICT : 0;
	if (err == 0)
		p->epoch = epoch;
	lock_drop(&p->lock);
	return err;
}

int32_t
partition_epoch(struct partition *p)
{
	lock_take(&p->lock);
	int32_t epoch = p->epoch;
	lock_drop(&p->lock);
	return epoch;
}

void
partition_move(struct partition *p, enum log_state to)
{
	lock_assert_held(&p->lock);
	if (!log_state_may(p->state, to))
		return;
	if (to != LOG_DELETED)
		ev_notice(&p->ev, "%s, was %s", log_state_name(to), log_state_name(p->state));
	p->state = to;
}

/* ---- waiting ---- */

static void
fire(struct log_waiter *w, int err)
{
	list_del(&w->hook);
	w->fire(w, err);
}

static void
fire_all(struct list *waiters, int err)
{
	LIST_FOREACH(h, waiters)
		fire(CONTAINER_OF(h, struct log_waiter, hook), err);
}

void
partition_advance(struct partition *p)
{
	struct log_pos durable = farther(p->journaled, p->synced);
	lock_assert_held(&p->lock);
	if (p->config.flush != LOG_FLUSH_ACK)
		durable = farther(durable, p->written);
	if (durable.offset <= p->durable.offset)
		return;
	p->durable = durable;
	LIST_FOREACH(h, &p->durable_waiters) {
		struct log_waiter *w = CONTAINER_OF(h, struct log_waiter, hook);
		if (w->target > durable.offset)
			break;
		fire(w, 0);
	}
	LIST_FOREACH(h, &p->data_waiters) {
		struct log_waiter *w = CONTAINER_OF(h, struct log_waiter, hook);
		if (w->target <= durable.bytes)
			fire(w, 0);
	}
}

/* By target; nearly always it belongs at the end. */
static void
queue_durable(struct partition *p, struct log_waiter *w, int64_t offset)
{
	struct list *at = p->durable_waiters.prev;
	w->target = offset;
	w->for_room = false;
	while (at != &p->durable_waiters &&
	    CONTAINER_OF(at, struct log_waiter, hook)->target > offset)
		at = at->prev;
	list_add(at->next, &w->hook);
}

static int
wait_durable(struct partition *p, struct log_waiter *w, int64_t offset)
{
	if (offset <= p->durable.offset)
		return ERR_EXISTS;
	if (p->state == LOG_DELETED)
		return ERR_CLOSED;
	if (offset > p->end.offset)
		return p->fail_err != 0 ? p->fail_err : ERR_NOTFOUND;
	queue_durable(p, w, offset);
	return 0;
}

int
partition_wait_durable(struct partition *p, struct log_waiter *w, int64_t offset)
{
	lock_take(&p->lock);
	int err = wait_durable(p, w, offset);
	lock_drop(&p->lock);
	return err;
}

/* The byte count before the batch that contains offset; -1 below the tail. */
static int64_t
bytes_before(const struct partition *p, int64_t offset)
{
	if (offset >= p->durable.offset)
		return p->durable.bytes;
	for (const struct list *h = p->tail.prev; h != &p->tail; h = h->prev) {
		const struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		if (c->base <= offset)
			return c->bytes + chunk_find(c, offset);
	}
	return -1;
}

int
partition_wait_data(struct partition *p, struct log_waiter *w, int64_t offset,
    uint32_t min_bytes)
{
	int err = ERR_EXISTS;
	lock_take(&p->lock);
	if (!log_state_reads(p->state))
		err = ERR_CLOSED;
	else if (offset >= p->log_start) {
		int64_t from = bytes_before(p, offset);
		w->target = from + (min_bytes == 0 ? 1 : min_bytes);
		w->for_room = false;
		if (from >= 0 && p->durable.bytes < w->target) {
			list_add(&p->data_waiters, &w->hook);
			err = 0;
		}
	}
	lock_drop(&p->lock);
	return err;
}

int
partition_wait_room(struct partition *p, struct log_waiter *w)
{
	struct store *s = p->store;
	int err = ERR_EXISTS;
	lock_take(&s->room);
	if (atomic_load(&s->dirty) > (int64_t)s->config.dirty_bytes / 2) {
		w->for_room = true;
		list_add(&p->room_waiters, &w->hook);
		if (list_empty(&p->room_hook)) {
			list_add(&s->room_list, &p->room_hook);
			partition_get(p);
		}
		err = 0;
	}
	lock_drop(&s->room);
	return err;
}

/* Called by whoever wrote something: room waiters are let go together, when half
 * of the budget is free, so that they do not take turns at the edge. */
void
store_room_check(struct store *s)
{
	if (atomic_load(&s->dirty) > (int64_t)s->config.dirty_bytes / 2)
		return;
	store_fire_room(s, 0);
}

void
partition_wait_cancel(struct partition *p, struct log_waiter *w)
{
	struct lock *lock = w->for_room ? &p->store->room : &p->lock;
	lock_take(lock);
	list_del(&w->hook);
	lock_drop(lock);
}

/* ---- appending ---- */

struct segment *
partition_add_segment(struct partition *p, int64_t base)
{
	struct segment *g = segment_create(p->dir, base);
	g->bytes = p->end.bytes;
	g->written_end = base;
	list_add(&p->segments, &g->hook);
	return g;
}

/* Whether the active segment is too old for this batch: by the times in the log, or by
 * our clock where its first batch has none. What is to be compacted in time must not wait
 * in an active segment for longer than that. */
static bool
is_old(const struct partition *p, const struct segment *g, const uint8_t *head)
{
	const struct log_config *c = &p->config;
	int64_t time = head_max_time(head), max = c->segment_ms, jitter = c->segment_jitter_ms;
	if ((c->cleanup & LOG_CLEANUP_COMPACT) != 0 && c->max_compaction_lag_ms < max)
		max = c->max_compaction_lag_ms;
	jitter = jitter < max ? jitter : max;
	if (jitter > 0)
		max -= (int64_t)(g->dice % (uint64_t)jitter);
	if (g->first_time >= 0)
		return time > g->first_time && time - g->first_time > max;
	/* It may have been made after this append looked at the clock. */
	return p->last_append_ns > g->made_ns &&
	    (int64_t)((p->last_append_ns - g->made_ns) / NS_PER_MS) > max;
}

static bool
must_roll(const struct partition *p, const struct segment *g, const uint8_t *head, size_t n)
{
	if (g->size == 0)
		return false;
	return g->size + (int64_t)n > p->config.segment_bytes || is_old(p, g, head) ||
	    p->end.offset + head_last_delta(head) - g->base > INT32_MAX ||
	    segment_index_full(g, p->config.segment_index_bytes);
}

/* The chunk that the batch goes to, with room; NULL without memory. */
static struct chunk *
room_for(struct partition *p, const uint8_t *head, size_t n)
{
	struct chunk *c = list_empty(&p->tail) ? NULL :
	    CONTAINER_OF(p->tail.prev, struct chunk, hook);
	struct segment *g = partition_active(p);
	if (g == NULL || must_roll(p, g, head, n))
		g = partition_add_segment(p, p->end.offset);
	if (c != NULL && c->segment == g && chunk_has_room(c, n))
		return c;
	struct chunk *fresh = chunk_create(&p->store->tail, p, (uint32_t)n,
	    c == NULL ? 0 : c->cap, g->size);
	if (fresh == NULL)
		return NULL;
	if (c != NULL)
		c->sealed = true;
	fresh->segment = segment_get(g);
	fresh->base = fresh->end = p->end.offset;
	fresh->bytes = p->end.bytes;
	list_add(&p->tail, &fresh->hook);
	return fresh;
}

static int
append_check(struct partition *p, const struct append *in)
{
	struct store *s = p->store;
	int err = log_state_append(p->state, p->internal);
	if (err != 0)
		return err;
	if (in->leader_epoch >= 0 && in->leader_epoch != p->epoch)
		return ERR_CONFLICT;
	if (p->mode == MODE_JOURNAL && journal_error(s->journal) != 0) {
		partition_fail(p, LOG_OFFLINE, ERR_IO);
		return ERR_IO;
	}
	if (p->internal)
		return 0;
	if (atomic_load_explicit(&s->full, memory_order_relaxed))
		return ERR_NOSPACE;
	int64_t dirty = atomic_load_explicit(&s->dirty, memory_order_relaxed);
	if (dirty > 0 && dirty + (int64_t)in->n > (int64_t)s->config.dirty_bytes)
		return ERR_AGAIN;
	return 0;
}

/* Puts the batch into the tail and hands it to whoever makes it durable. */
static int
append_batch(struct partition *p, const struct append *in, struct append_result *ret)
{
	struct chunk *c = room_for(p, in->batch, in->n);
	if (c == NULL)
		return ERR_AGAIN;
	int64_t base = p->end.offset, end = base + head_last_delta(in->batch) + 1;
	uint8_t *at = chunk_add(c, in->batch, (uint32_t)in->n, base, end);
	be_put(at, (uint64_t)base, 8);
	be_put(at + 12, (uint32_t)p->epoch, 4);
	segment_note(c->segment, at, p->config.index_interval_bytes);
	sequence_note(p, at);
	p->end.offset = end;
	p->end.bytes += (int64_t)in->n;
	atomic_fetch_add_explicit(&p->store->dirty, (int64_t)in->n, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->store->n_appended, in->n, memory_order_relaxed);
	if (p->mode == MODE_JOURNAL)
		journal_add(p->store->journal, p, c, at, (uint32_t)in->n, in->more);
	else if (in->more)
		writer_poke_later(p);
	else
		writer_poke(p, true);
	ret->base = base;
	ret->end = end;
	return 0;
}

int
partition_append(struct partition *p, const struct append *in, struct append_result *ret)
{
	struct append_result r = { .append_ms = -1 };
	uint64_t now = clock_mono_ns();
	if (in->n < HEAD_BYTES || in->n > INT32_MAX || head_size(in->batch) != (int64_t)in->n)
		return ERR_INVAL;
	lock_take(&p->lock);
	int err = append_check(p, in);
	if (err == 0) {
		p->last_append_ns = now;
		err = sequence_check(p, in->batch, &r);
	}
	if (r.stranger && in->known)
		err = ERR_CONFLICT;
	if (err == 0 && r.verdict == APPEND_NEW)
		err = append_batch(p, in, &r);
	if (err == 0 && in->waiter != NULL)
		r.waiting = wait_durable(p, in->waiter, r.end) == 0;
	r.log_start = p->log_start;
	lock_drop(&p->lock);
	if (err == 0 || err == ERR_CONFLICT)
		*ret = r;
	return err;
}

/* ---- ends, failure ---- */

void
partition_ends(struct partition *p, struct log_ends *ret)
{
	lock_take(&p->lock);
	*ret = (struct log_ends){ p->log_start, p->durable.offset, p->end.offset,
		sequence_epoch(p), p->state };
	lock_drop(&p->lock);
}

void
partition_committed(struct partition *p, struct log_pos pos, uint32_t generation, int err)
{
	lock_take(&p->lock);
	if (generation == p->generation) {
		if (err == 0) {
			p->journaled = farther(p->journaled, pos);
			partition_advance(p);
			writer_poke(p, false);
		} else
			partition_fail(p, err == ERR_NOSPACE ? LOG_FULL : LOG_OFFLINE, err);
	}
	lock_drop(&p->lock);
}

/* The tail's part of a cut: chunks behind the durable byte go. */
static void
cut_tail(struct partition *p)
{
	for (struct list *h = p->tail.prev, *before; h != &p->tail; h = before) {
		struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		int64_t keep = p->durable.bytes - c->bytes;
		before = h->prev;
		if (keep >= c->used)
			break;
		uint32_t used = keep <= 0 ? 0 : (uint32_t)keep;
		uint32_t from = used > c->written ? used : c->written;
		atomic_fetch_sub(&p->store->dirty, (int64_t)(c->used - from));
		c->used = used;
		if (c->written > used)
			c->written = used;
		c->end = p->durable.offset;
		c->sealed = true;
		if (used == 0)
			drop_chunk(c);
	}
}

/* The files' part: segments that begin behind it are doomed, the one that holds
 * it is shortened by the next write. */
static void
cut_segments(struct partition *p)
{
	int64_t excess = p->end.bytes - p->durable.bytes;
	while (excess > 0) {
		struct segment *g = partition_active(p);
		if (g == NULL)
			break;
		if (g->size <= excess && g->hook.prev != &p->segments) {
			excess -= g->size;
			list_del(&g->hook);
			list_add(&p->doomed, &g->hook);
			continue;
		}
		g->size -= excess;
		g->end = p->durable.offset;
		indexes_cut(&g->indexes, g->size, (int32_t)(g->end - g->base));
		if (g->written > g->size) {
			g->written = g->size;
			g->written_end = g->end;
			p->trim = true;
		}
		if (g->synced > g->size)
			g->synced = g->size;
		excess = 0;
	}
	if (!list_empty(&p->segments))
		partition_active(p)->sealed = false;	/* it may have been closed before */
}

void
partition_fire(struct partition *p, int err)
{
	fire_all(&p->durable_waiters, err);
	fire_all(&p->data_waiters, err);
}

void
partition_cut(struct partition *p, int err)
{
	lock_assert_held(&p->lock);
	if (p->end.bytes > p->durable.bytes) {
		cut_tail(p);
		cut_segments(p);
		if (p->written.offset > p->durable.offset)
			p->written = p->durable;
		p->end = p->durable;
		p->generation++;
		sequence_cut(p);
	}
	p->fail_err = err;
	partition_fire(p, err);
}

void
partition_fail(struct partition *p, enum log_state state, int err)
{
	partition_cut(p, err);
	partition_move(p, state);
}

void
partition_close(struct partition *p, int err)
{
	lock_assert_held(&p->lock);
	partition_move(p, LOG_DELETED);
	p->fail_err = err;
	p->generation++;
	partition_fire(p, err);
	partition_drop_tail(p);
}

void
partition_drop_tail(struct partition *p)
{
	LIST_FOREACH(h, &p->tail) {
		struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		atomic_fetch_sub(&p->store->dirty, (int64_t)(c->used - c->written));
		drop_chunk(c);
	}
}

void
partition_wake_readers(struct partition *p)
{
	fire_all(&p->data_waiters, 0);
}

void
store_fire_room(struct store *s, int err)
{
	for (;;) {
		struct partition *p = NULL;
		lock_take(&s->room);
		if (!list_empty(&s->room_list)) {
			p = CONTAINER_OF(s->room_list.next, struct partition, room_hook);
			list_del(&p->room_hook);
			fire_all(&p->room_waiters, err);
		}
		lock_drop(&s->room);
		if (p == NULL)
			return;
		partition_put(&p);
	}
}

struct segment *
segment_walk_next(struct partition *p, struct segment_walk *w)
{
	struct list *h = p->segments.next;
	if (w->at != NULL && !w->at->removed && w->generation == p->generation)
		h = w->at->hook.next;
	segment_put(w->at);
	w->generation = p->generation;
	w->at = h == &p->segments ? NULL : segment_get(CONTAINER_OF(h, struct segment, hook));
	return w->at;
}

struct segment **
partition_pick(struct partition *p, bool (*take)(struct segment *g), size_t *ret_n)
{
	struct segment **v = NULL;
	size_t n = 0, cap = 0;
	for (struct list *h = p->segments.next; h != &p->segments; h = h->next) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (!g->sealed || !take(g))
			continue;
		if (n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			v = mem_realloc(v, cap * sizeof(struct segment *));
		}
		v[n++] = segment_get(g);
	}
	*ret_n = n;
	return v;
}

struct segment *
partition_segment(const struct partition *p, int64_t offset)
{
	for (const struct list *h = p->segments.prev; h != &p->segments; h = h->prev) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->base <= offset || h->prev == &p->segments)
			return g;
	}
	return NULL;
}

void
partition_shed(struct partition *p, bool all)
{
	struct tail_cache *t = &p->store->tail;
	lock_assert_held(&p->lock);
	while (!list_empty(&p->tail)) {
		struct chunk *c = CONTAINER_OF(p->tail.next, struct chunk, hook);
		if (c->written < c->used || c->end > p->durable.offset)
			return;
		if (!all && t->bytes <= t->budget)
			return;
		drop_chunk(c);
	}
}

uint64_t
partition_size(struct partition *p)
{
	uint64_t n = 0;
	lock_take(&p->lock);
	LIST_FOREACH(h, &p->segments)
		n += (uint64_t)CONTAINER_OF(h, struct segment, hook)->size;
	lock_drop(&p->lock);
	return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading. Followers of the tail get references to its chunks on the spot; older
 * batches are read by the store's reader threads into a buffer of their own, with
 * every batch's CRC checked, so that a bad disk is noticed and not passed on.
 * Unwritten chunks are never dropped, so what is not in the tail is in a file.
 */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/read.h"
#include "log/scan.h"
#include "log/seal.h"
#include "log/sequence.h"

static void
ends_of(const struct partition *p, struct log_ends *ret)
{
	*ret = (struct log_ends){ p->log_start, p->durable.offset, p->end.offset,
		sequence_epoch(p), p->state };
}

/* Whether offset can be read now. Locked. */
static int
range_check(const struct partition *p, int64_t offset)
{
	if (!log_state_reads(p->state))
		return ERR_CLOSED;
	if (p->unloaded)
		return ERR_IO;
	if (offset < p->log_start || offset > p->end.offset)
		return p->state == LOG_CORRUPT && offset > p->end.offset ? ERR_CORRUPT : ERR_NOTFOUND;
	return 0;
}

/* ---- the tail ---- */

/* How many of the bytes [at, limit) of a chunk are whole batches within max. */
static uint32_t
whole_batches(const struct chunk *c, uint32_t at, uint32_t limit, size_t max)
{
	uint32_t from = at;
	if (limit - at <= max)
		return limit - at;
	for (uint32_t i = 0; i < c->marks_n; i++)
		if (c->marks[i].at > at && c->marks[i].at - from <= max)
			at = c->marks[i].at;
	while (at < limit && (size_t)(at - from) + (size_t)head_size(c->data + at) <= max)
		at += (uint32_t)head_size(c->data + at);
	return at - from;
}

static void
put_chunk(void *c)
{
	chunk_put(c);
}

static void
take_from(struct chunk *c, uint32_t at, uint32_t n, struct arena *arena, struct log_read *ret)
{
	ref_get(&c->ref);
	arena_link(arena, put_chunk, c);
	pieces_add(arena, &ret->pieces, c->data + at, n);
	ret->bytes += n;
}

/* The newest chunk that begins at or below offset. */
static struct list *
chunk_of(const struct partition *p, int64_t offset)
{
	for (struct list *h = p->tail.prev; h != &p->tail; h = h->prev)
		if (CONTAINER_OF(h, struct chunk, hook)->base <= offset)
			return h;
	return NULL;
}

static int
read_tail(struct partition *p, int64_t offset, size_t max, bool at_least_one,
    struct arena *arena, struct log_read *ret)
{
	struct list *h = chunk_of(p, offset);
	bool first = true;
	if (h == NULL)
		return ERR_AGAIN;
	for (; h != &p->tail; h = h->next) {
		struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		int64_t visible = p->durable.bytes - c->bytes;
		uint32_t limit = visible < c->used ? (uint32_t)(visible < 0 ? 0 : visible) : c->used;
		uint32_t at = first ? chunk_find(c, offset) : 0;
		if (at >= limit)
			break;
		uint32_t n = whole_batches(c, at, limit, max);
		if (n == 0 && first && at_least_one)
			n = (uint32_t)head_size(c->data + at);
		if (n == 0)
			break;
		take_from(c, at, n, arena, ret);
		if (n >= max || at + n < limit)
			break;
		max -= n;
		first = false;
	}
	return 0;
}

int
partition_read(struct partition *p, int64_t offset, size_t max_bytes, bool at_least_one,
    struct arena *arena, struct log_read *ret)
{
	lock_take(&p->lock);
	ends_of(p, &ret->ends);
	int err = range_check(p, offset);
	if (err == 0 && offset < p->durable.offset) {
		err = read_tail(p, offset, max_bytes, at_least_one, arena, ret);
		if (err == 0)
			atomic_fetch_add_explicit(&p->store->n_hot, 1, memory_order_relaxed);
	}
	lock_drop(&p->lock);
	return err;
}

/* ---- the disk ---- */

struct log_buf {
	struct ref ref;
	uint32_t at, n;
	uint8_t data[];
};

struct piece
log_buf_bytes(const struct log_buf *b)
{
	return (struct piece){ b->data + b->at, b->n };
}

void
log_buf_put(struct log_buf *b)
{
	if (b != NULL && ref_put(&b->ref))
		mem_free(b);
}

static void
put_buf(void *b)
{
	log_buf_put(b);
}

void
log_buf_link(struct log_buf *b, struct arena *arena)
{
	arena_link(arena, put_buf, b);
}

/* Finds the first batch that ends behind the offset, at or behind *at. ERR_NOTFOUND: none
 * before the limit. */
static int
find_batch(int fd, struct cold *c, int64_t *at, uint32_t *ret_size)
{
	enum { STEP = 16 * 1024 };
	uint8_t *window = mem_alloc(STEP);
	int64_t window_at = 0, from = *at;
	size_t have = 0;
	int err = ERR_NOTFOUND;
	while (c->limit - *at >= HEAD_BYTES) {
		if (*at < window_at || *at + HEAD_BYTES > window_at + (int64_t)have) {
			window_at = *at;
			int e = fs_pread_some(fd, window, STEP, window_at, &have);
			if (e != 0 || have < HEAD_BYTES) {
				err = e != 0 ? e : ERR_CORRUPT;
				break;
			}
		}
		const uint8_t *b = window + (*at - window_at);
		if (!head_sane(b, c->limit - *at)) {
			err = ERR_CORRUPT;
			break;
		}
		if (head_end(b) > c->offset) {
			/* An index that leads behind the batch is a bad one. */
			err = *at == from && from > 0 && head_base(b) > c->offset ? ERR_CORRUPT : 0;
			*ret_size = (uint32_t)head_size(b);
			break;
		}
		*at += head_size(b);
		c->bad = head_end(b);
	}
	mem_free(window);
	return err;
}

/* How many bytes from the start are whole, right batches in order, below end_offset. */
static int
check_batches(const uint8_t *p, size_t n, int64_t end_offset, uint32_t *ret_n)
{
	size_t at = 0;
	int64_t next = 0;
	while (n - at >= HEAD_BYTES) {
		const uint8_t *b = p + at;
		if (!head_sane(b, INT32_MAX) || head_base(b) < next) {
			*ret_n = (uint32_t)at;
			return ERR_CORRUPT;
		}
		size_t size = (size_t)head_size(b);
		if (size > n - at || head_base(b) >= end_offset)
			break;
		if (head_end(b) > end_offset ||
		    crc32c(0, b + HEAD_CRC_FROM, size - HEAD_CRC_FROM) != head_crc(b)) {
			*ret_n = (uint32_t)at;
			return ERR_CORRUPT;
		}
		at += size;
		next = head_end(b);
	}
	*ret_n = (uint32_t)at;
	return 0;
}

static int
read_file(int fd, struct cold *c, struct log_buf **ret)
{
	int64_t at = c->from;
	uint32_t size, good = 0;
	int err = find_batch(fd, c, &at, &size);
	if (err != 0)
		return err;
	if (size > c->max && !c->at_least_one)
		return 0;
	size_t want = c->max < size ? size : c->max;
	if ((int64_t)want > c->limit - at)
		want = (size_t)(c->limit - at);
	struct log_buf *b = mem_try(sizeof(*b) + want);
	if (b == NULL)
		return ERR_NOMEM;
	ref_init(&b->ref);
	b->at = 0;
	err = fs_pread(fd, b->data, want, at);
	if (err == 0)
		err = check_batches(b->data, want, c->end_offset, &good);
	if ((err == 0 || err == ERR_CORRUPT) && good > 0) {
		b->n = good;
		*ret = b;
		return 0;
	}
	log_buf_put(b);
	return err == ERR_SHORT ? ERR_CORRUPT : err;
}

/* The segment to read from for offset and how far; counted. NULL: none. Locked. */
static struct segment *
plan(struct partition *p, struct cold *c)
{
	struct segment *g = partition_segment(p, c->offset);
	while (g != NULL && g->written_end <= c->offset && g->hook.next != &p->segments)
		g = CONTAINER_OF(g->hook.next, struct segment, hook);
	if (g == NULL || !g->on_disk)
		return NULL;
	c->limit = g->written;
	c->end_offset = p->durable.offset;
	return segment_get(g);
}

/* The open file of a segment; while compaction exchanges files a name may be gone for a
 * moment. ERR_IO when it stays away. */
static int
pin_steady(struct partition *p, struct segment *g, int *ret_fd)
{
	struct fd_cache *fds = &p->store->fds;
	int err = fd_pin(fds, &g->file, g->path, false, ret_fd);
	if (err != ERR_NOTFOUND)
		return err;
	lock_take(&p->io);
	lock_drop(&p->io);
	err = fd_pin(fds, &g->file, g->path, false, ret_fd);
	return err == ERR_NOTFOUND ? ERR_IO : err;
}

/* From one segment's file. */
static int
read_segment(struct partition *p, struct segment *g, struct cold *c, struct log_buf **ret)
{
	int fd;
	c->bad = g->base;
	c->from = segment_locate(p, g, c->offset);
	int err = pin_steady(p, g, &fd);
	if (err != 0)
		return err;
	err = read_file(fd, c, ret);
	if (err == ERR_CORRUPT && c->from > 0) {
		c->from = 0;	/* the index may be what is wrong */
		c->bad = g->base;
		err = read_file(fd, c, ret);
	}
	fd_unpin(&p->store->fds, &g->file);
	return err;
}

/* Whether what was read from g's file is what was to be read, and where g ends; false: look again.
 * Retention may have been faster; after a deletion the file may have been that of a new topic; a cut or
 * a recovery may have shortened it meanwhile. */
static bool
holds(struct partition *p, const struct segment *g, uint32_t generation, int err, struct log_buf **ret,
    int64_t *ret_end)
{
	lock_take(&p->lock);
	*ret_end = g->end;
	bool gone = g->removed || p->generation != generation, deleted = p->state == LOG_DELETED;
	lock_drop(&p->lock);
	if (deleted) {
		log_buf_put(*ret);
		*ret = NULL;
	}
	return !deleted && (err == 0 || !gone);
}

int
partition_read_disk(struct partition *p, struct cold *c, struct log_ends *ends,
    struct log_buf **ret)
{
	int64_t next;
	int err;
	for (;;) {
		lock_take(&p->lock);
		ends_of(p, ends);
		err = range_check(p, c->offset);
		bool nothing = err == 0 && c->offset >= p->durable.offset;
		struct segment *g = err == 0 && !nothing ? plan(p, c) : NULL;
		uint32_t generation = p->generation;
		lock_drop(&p->lock);
		if (g == NULL)
			return err;
		err = read_segment(p, g, c, ret);
		bool good = holds(p, g, generation, err, ret, &next);
		segment_put(g);
		if (!good)
			continue;
		if (err != ERR_NOTFOUND || next <= c->offset)
			break;
		c->offset = next;	/* compaction left nothing behind it here */
	}
	atomic_fetch_add(&p->store->n_cold, 1);
	if (err == ERR_CORRUPT)
		partition_found_damage(p, c->bad > ends->log_start ? c->bad : ends->log_start);
	return err == ERR_NOTFOUND ? 0 : err;
}

void
partition_found_damage(struct partition *p, int64_t offset)
{
	lock_take(&p->lock);
	if (offset >= p->log_start && offset < p->durable.offset && p->state != LOG_DELETED) {
		if (p->damaged < offset)
			p->damaged = offset;
		if (p->promised < p->durable.offset)
			p->promised = p->durable.offset;
		if (p->state != LOG_CORRUPT) {
			ev_crit(&p->ev, "the batch at offset %" PRId64 " is damaged; no more is appended",
			    offset);
			partition_move(p, LOG_CORRUPT);
			store_note_damage(p->store);
		}
	}
	lock_drop(&p->lock);
}

static void
run_read(struct job *job)
{
	struct log_read_job *r = CONTAINER_OF(job, struct log_read_job, job);
	struct partition *p = r->p;
	struct cold c = { .offset = r->offset, .max = r->max_bytes, .at_least_one = r->at_least_one };
	r->buf = NULL;
	r->err = partition_read_disk(p, &c, &r->ends, &r->buf);
	r->done(r);
	partition_put(&p);
}

int
partition_read_cold(struct log_read_job *r)
{
	struct workers *w = r->p->store->readers;
	if (w == NULL)
		return ERR_CLOSED;
	partition_get(r->p);
	list_init(&r->job.hook);
	r->job.run = run_read;
	int err = workers_submit(w, &r->job);
	if (err != 0) {
		struct partition *p = r->p;
		partition_put(&p);
	}
	return err;
}

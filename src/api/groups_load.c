/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaying a partition of __consumer_offsets, on a thread that may wait for the
 * disk. A record that cannot be read is named in the log and passed over: the
 * offsets of one group must not keep those of all others away. Where the log itself
 * cannot be read to its end the shard stays closed, for a group whose commits
 * are missing would begin anew. What was appended before the shard was emptied, and
 * is on its way to the disk, belongs to it: somebody waits to hear that it is kept.
 */
#include "api/groups_impl.h"
#include "base/be.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/batch.h"

#define READ_BYTES	(1u << 20)
#define DECOMPRESSED	(64u << 20)

/* Something that another thread ends. */
struct pause {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
};

#define PAUSE	{ PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false }

struct reading {
	struct log_read_job job;
	struct pause pause;
};

struct settling {
	struct log_waiter waiter;
	struct pause pause;
};

static void
pause_end(struct pause *p)
{
	pthread_mutex_lock(&p->mutex);
	p->done = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mutex);
}

static void
pause_wait(struct pause *p)
{
	pthread_mutex_lock(&p->mutex);
	while (!p->done)
		pthread_cond_wait(&p->cond, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
}

static void
read_done(struct log_read_job *job)
{
	pause_end(&CONTAINER_OF(job, struct reading, job)->pause);
}

static void
settled(struct log_waiter *w, int err)
{
	(void)err; /* the ends tell */
	pause_end(&CONTAINER_OF(w, struct settling, waiter)->pause);
}

/* The ends when nothing is between them any more: all is on the disk, or was cut off.
 * The shard is empty, so nothing is added. ERR_AGAIN: the log has failed. */
static int
settle(struct partition *p, struct log_ends *ret)
{
	for (;;) {
		struct settling s = { .waiter.fire = settled, .pause = PAUSE };
		partition_ends(p, ret);
		if (ret->state == LOG_OFFLINE || ret->state == LOG_CORRUPT)
			return ERR_AGAIN;
		if (ret->high_watermark >= ret->end)
			return 0;
		list_init(&s.waiter.hook);
		int err = partition_wait_durable(p, &s.waiter, ret->end);
		if (err == 0)
			pause_wait(&s.pause);
		else if (err != ERR_EXISTS)
			return err;
	}
}

static int
read_cold(struct partition *p, int64_t offset, struct arena *arena, struct log_read *ret)
{
	struct reading r = { .job = { .p = p, .offset = offset, .max_bytes = READ_BYTES,
		.at_least_one = true, .done = read_done }, .pause = PAUSE };
	int err = partition_read_cold(&r.job);
	if (err != 0)
		return err;
	pause_wait(&r.pause);
	if (r.job.err == 0 && r.job.buf != NULL) {
		struct piece piece = log_buf_bytes(r.job.buf);
		log_buf_link(r.job.buf, arena);
		pieces_add(arena, &ret->pieces, piece.p, piece.n);
	}
	return r.job.err;
}

static struct bytes
bytes_of(struct str s)
{
	return (struct bytes){ (const uint8_t *)s.p, s.n };
}

/* The records of one batch; where the next one begins. */
static int64_t
replay_batch(struct home *h, const uint8_t *p, size_t n, struct coord_time t)
{
	struct batch_iter it;
	struct batch_record rec;
	int64_t next = (int64_t)be_get(p, 8) + (int32_t)be_get(p + 23, 4) + 1;
	if (batch_iter_begin(&it, p, n, DECOMPRESSED) != 0)
		return next;
	while (batch_iter_next(&it, &rec)) {
		int err = coord_load_record(h->groups->coord, h->index, bytes_of(rec.key), bytes_of(rec.value), t);
		if (err != 0)
			ev_warn(h->groups->config.core->log, "__consumer_offsets-%d: the record at %lld is passed over: %s",
			    h->index, (long long)rec.offset, err_text(err));
	}
	batch_iter_end(&it);
	return next;
}

static int64_t
replay_pieces(struct home *h, const struct pieces *pieces, int64_t offset, struct coord_time t)
{
	for (int32_t i = 0; i < pieces->n; i++) {
		const uint8_t *p = pieces->v[i].p;
		size_t left = pieces->v[i].n;
		while (left >= BATCH_HEAD) {
			size_t n = 12 + (size_t)be_get(p + 8, 4);
			if (n > left)
				return offset;
			offset = replay_batch(h, p, n, t);
			p += n;
			left -= n;
		}
	}
	return offset;
}

int
groups_load(struct home *h)
{
	struct groups *g = h->groups;
	struct coord_time t = { clock_mono_ns(), clock_wall_ms() };
	struct log_ends ends;
	coord_load_begin(g->coord, h->index);
	int err = settle(h->partition, &ends);
	int64_t offset = ends.log_start;
	while (err == 0 && offset < ends.high_watermark && !atomic_load(&g->quiet)) {
		struct arena *arena = arena_create(SIZE_MAX);
		struct log_read got = { 0 };
		err = partition_read(h->partition, offset, READ_BYTES, true, arena, &got);
		if (err == ERR_AGAIN)
			err = read_cold(h->partition, offset, arena, &got);
		int64_t next = err == 0 ? replay_pieces(h, &got.pieces, offset, t) : offset;
		if (err == 0 && next == offset)
			err = ERR_CORRUPT;
		offset = next;
		arena_destroy(&arena);
	}
	if (err == 0 && !atomic_load(&g->quiet))
		coord_load_end(g->coord, h->index, (struct coord_time){ clock_mono_ns(), clock_wall_ms() });
	return err;
}

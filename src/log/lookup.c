/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for a record by its time, on a reader thread. Segments whose greatest time
 * is known to be too small are passed over; in the first that may have it batches are
 * walked from where the time index points. Times in a log need not rise, so the
 * first record with a time at or behind the wanted one is the answer, wherever larger
 * ones lie.
 */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/read.h"
#include "log/records.h"
#include "log/seal.h"
#include "log/sequence.h"

#define WALK_BYTES (256u * 1024u)

int
partition_walk(struct partition *p, int64_t offset,
    int (*each)(const uint8_t *batch, void *arg), void *arg)
{
	int err = 0;
	struct arena *arena = arena_create(SIZE_MAX);
	while (err == 0) {
		struct log_read r = { .bytes = 0 };
		err = partition_read(p, offset, WALK_BYTES, true, arena, &r);
		if (err == ERR_AGAIN) {
			struct cold c = { .offset = offset, .max = WALK_BYTES, .at_least_one = true };
			struct log_buf *buf = NULL;
			err = partition_read_disk(p, &c, &r.ends, &buf);
			if (err == 0 && buf != NULL) {
				struct piece piece = log_buf_bytes(buf);
				pieces_add(arena, &r.pieces, piece.p, piece.n);
				log_buf_link(buf, arena);
			}
		}
		if (err != 0 || r.pieces.n <= 0)
			break;
		for (int32_t i = 0; i < r.pieces.n && err == 0; i++) {
			const struct piece *at = &r.pieces.v[i];
			for (uint32_t n = 0; n < at->n && err == 0; n += (uint32_t)head_size(at->p + n)) {
				offset = head_end(at->p + n);
				err = each(at->p + n, arg);
			}
		}
		arena_reset(arena);
	}
	arena_destroy(&arena);
	return err;
}

struct search {
	struct log_lookup_job *job;
	int64_t log_start;
	int64_t best_time;
};

static int
see_time(const uint8_t *b, void *arg)
{
	struct search *s = arg;
	struct record_time found;
	if (head_max_time(b) < s->job->time)
		return 0;
	int err = records_first_at(b, s->job->time, s->log_start, &found);
	if (err != 0)
		return err == ERR_NOTFOUND ? 0 : err;
	s->job->ret_offset = found.offset;
	s->job->ret_time = found.time;
	s->job->ret_epoch = head_epoch(b);
	return ERR_EXISTS;
}

static int
see_greatest(const uint8_t *b, void *arg)
{
	struct search *s = arg;
	struct record_time found;
	if (head_max_time(b) <= s->best_time)
		return 0;
	int err = records_first_at(b, head_max_time(b), s->log_start, &found);
	if (err != 0)
		return err == ERR_NOTFOUND ? 0 : err;
	s->best_time = found.time;
	s->job->ret_offset = found.offset;
	s->job->ret_time = found.time;
	s->job->ret_epoch = head_epoch(b);
	return 0;
}

/* Whether nobody has asked its index yet; now somebody does. */
static bool
to_learn(struct segment *g)
{
	bool yes = g->max_time < 0 && !g->learned;
	g->learned = true;
	return yes;
}

void
partition_learn_times(struct partition *p)
{
	size_t n;
	lock_take(&p->lock);
	struct segment **v = partition_pick(p, to_learn, &n);
	lock_drop(&p->lock);
	for (size_t i = 0; i < n; i++) {
		int64_t time, offset;
		segment_learn(v[i], &time, &offset);
		lock_take(&p->lock);
		if (time > v[i]->max_time && offset < v[i]->end) {
			v[i]->max_time = time;
			v[i]->max_time_offset = offset;
		}
		lock_drop(&p->lock);
		segment_put(v[i]);
	}
	mem_free(v);
}

/* The offset from which on a batch can have the time: the first segment that may. */
static int64_t
start_for(struct partition *p, const struct log_lookup_job *job, int64_t *ret_log_start)
{
	struct segment *found = NULL;
	int64_t greatest = -1;
	lock_take(&p->lock);
	*ret_log_start = p->log_start;
	for (struct list *h = p->segments.next; h != &p->segments && found == NULL; h = h->next) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->max_time > greatest)
			greatest = g->max_time;
		bool unknown = g->max_time < 0 && g->size > 0;
		if (job->what == LOG_LOOKUP_MAX_TIME ? unknown : unknown || g->max_time >= job->time)
			found = segment_get(g);
	}
	/* All known: only the first segment with the greatest time matters. */
	for (struct list *h = p->segments.next; h != &p->segments && found == NULL &&
	    job->what == LOG_LOOKUP_MAX_TIME; h = h->next) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->max_time == greatest)
			found = segment_get(g);
	}
	lock_drop(&p->lock);
	int64_t from = found == NULL ? INT64_MAX : found->base;
	if (found != NULL && job->what == LOG_LOOKUP_TIME)
		from = segment_locate_time(p, found, job->time);
	segment_put(found);
	return from;
}

static bool
is_unloaded(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->unloaded;
	lock_drop(&p->lock);
	return yes;
}

static void
run_lookup(struct job *job)
{
	struct log_lookup_job *l = CONTAINER_OF(job, struct log_lookup_job, job);
	struct partition *p = l->p;
	struct search s = { .job = l, .best_time = -1 };
	partition_learn_times(p);
	int64_t from = start_for(p, l, &s.log_start);
	bool times = l->what == LOG_LOOKUP_TIME;
	l->ret_offset = l->ret_time = l->ret_epoch = -1;
	if (from < s.log_start)
		from = s.log_start;
	int err = from == INT64_MAX ? 0 :
	    partition_walk(p, from, times ? see_time : see_greatest, &s);
	if (err == ERR_EXISTS)
		err = 0;
	if (err == 0 && l->ret_offset < 0)
		err = is_unloaded(p) ? ERR_IO : ERR_NOTFOUND;
	l->err = err;
	l->done(l);
	partition_put(&p);
}

int
partition_lookup(struct log_lookup_job *l)
{
	struct workers *w = l->p->store->readers;
	if (w == NULL)
		return ERR_CLOSED;
	partition_get(l->p);
	list_init(&l->job.hook);
	l->job.run = run_lookup;
	int err = workers_submit(w, &l->job);
	if (err != 0) {
		struct partition *p = l->p;
		partition_put(&p);
	}
	return err;
}

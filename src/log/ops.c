/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to a partition by hand: deleting records, recovering.
 *
 * Recovery reads the files again as a start does, past the page cache. What is missing up to the durable
 * end is put back from the tail where that still has it. Only then the partition gets
 * the new view, all at once; readers keep their references to the old one.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "log/checkpoint.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/retain.h"
#include "log/sequence.h"

int
partition_move_start(struct partition *p, int64_t offset, int64_t *ret_log_start)
{
	int err = 0;
	lock_take(&p->lock);
	if (offset == -1)
		offset = p->durable.offset;
	if (!log_state_reads(p->state))
		err = ERR_CLOSED;
	else if (offset < 0 || offset > p->durable.offset)
		err = ERR_NOTFOUND;
	else if (offset > p->log_start) {
		p->log_start = offset;
		partition_wake_readers(p);
	}
	if (err == 0)
		*ret_log_start = p->log_start;
	lock_drop(&p->lock);
	return err;
}

int
partition_keep_starts(struct partition *p)
{
	return store_write_checkpoint(p->store);
}

int
partition_delete_records(struct partition *p, int64_t offset, int64_t *ret_log_start)
{
	int64_t start;
	int err = partition_move_start(p, offset, &start);
	if (err == 0)
		err = partition_keep_starts(p);
	if (err == 0)
		*ret_log_start = start;
	return err;
}

/* The fresh view becomes the partition's. Where it lacks what was durable, under the next leader
 * epoch: clients that are ahead of it must notice before others take their offsets. Locked. */
static void
take_over(struct partition *p, struct partition *fresh, bool lost)
{
	struct list old;
	list_init(&old);
	list_splice(&old, &p->segments);
	list_splice(&p->segments, &fresh->segments);
	list_splice(&fresh->segments, &old);	/* freed with it */
	partition_drop_tail(p);
	sequence_swap(p, fresh);
	p->end = fresh->end;
	p->log_start = fresh->log_start;
	p->journaled = p->written = p->synced = p->durable = p->end;
	p->point = fresh->point;
	p->clean_offset = fresh->clean_offset < p->end.offset ? fresh->clean_offset : p->end.offset;
	p->generation++;
	p->epoch += lost;
	p->promised = 0;
	p->damaged = -1;
	p->voided = (int64_t)journal_next_group(p->store->journal);	/* all that counts is in the files */
	p->bad_offset = -1;
	p->unloaded = p->in_journal = p->unproved = false;
	p->trim = p->stale = false;
	p->fail_err = 0;
	p->mode = p->config.flush == LOG_FLUSH_ACK ? MODE_SYNC : MODE_WRITTEN;
	if (p->mode == MODE_SYNC && journal_error(p->store->journal) == 0)
		p->mode = MODE_JOURNAL;
	partition_move(p, LOG_ONLINE);
	partition_fire(p, ERR_IO);	/* offsets and bytes that they wait for are counted anew */
}

static int64_t
max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct partition *
fresh_view(struct partition *p, struct ckpt_row *row)
{
	struct partition *fresh = partition_create(p->store, &p->topic, p->index, p->internal,
	    p->label, &p->config);
	memset(row, 0, sizeof(*row));
	row->topic = p->topic;
	row->log_start = p->log_start;
	row->base = p->point.base;
	row->at = p->point.at;
	row->offset = p->point.offset;
	row->producers = p->point.producers;
	row->epoch = p->point.epoch;
	row->clean = p->clean_offset;
	row->promised = max_of(p->promised, p->durable.offset);
	row->damaged = -1;
	return fresh;
}

struct rest {
	struct partition *p;
	int64_t behind;
};

static int
bury_rest(const char *name, void *arg)
{
	struct rest *r = arg;
	int64_t base;
	if (!segment_parse(name, "log", &base) || base <= r->behind)
		return 0;
	struct segment *g = segment_create(r->p->dir, base);
	int err = partition_bury_segment(r->p, g);
	segment_put(g);
	return err;
}

/* By force: what lies behind the damage goes, or a later start would meet it again. Files, not
 * segments: those of a log that was damaged at its start are none of its segments. */
static int
cut_rest(struct partition *p, struct partition *fresh)
{
	const struct segment *last = partition_active(fresh);
	struct rest rest = { p, last == NULL ? -1 : last->base };
	int fd, err = fs_list(p->dir, bury_rest, &rest);
	fresh->point = (struct log_point){ fresh->log_start, 0, 0, 0, -1 };
	if (last == NULL || err != 0)
		return err;
	err = fs_open(last->path, O_WRONLY, &fd);
	if (err == 0) {
		err = fs_truncate(fd, last->size);
		fs_close(&fd);
	}
	return err;
}

/* Appends to the fresh view what the tail has between its end and `to`: also over what lies behind
 * a bad batch, where the tail has all of it. */
static int
put_back(struct partition *fresh, struct partition *p, int64_t to)
{
	const struct chunk *first = list_empty(&p->tail) ? NULL : CONTAINER_OF(p->tail.next, struct chunk, hook);
	int err = 0;
	if (fresh->damaged >= 0 && first != NULL && first->base <= fresh->end.offset)
		err = cut_rest(p, fresh);
	LIST_FOREACH(h, &p->tail) {
		const struct chunk *c = CONTAINER_OF(h, struct chunk, hook);
		for (uint32_t at = 0; at < c->used && err == 0;) {
			const uint8_t *b = c->data + at;
			at += (uint32_t)head_size(b);
			if (head_base(b) == fresh->end.offset && head_end(b) <= to)
				err = partition_append_file(fresh, b, (uint32_t)head_size(b));
		}
	}
	return err;
}

/* Gives up what the fresh view lacks, where that may be. The era begins first: should the broker
 * die in the middle, or the cut fail, there was one too many, and that does no harm. */
static int
give_up(struct partition *p, struct partition *fresh, int64_t promised, bool force)
{
	if (!force) {
		ev_err(&p->ev, "offsets %" PRId64 " to %" PRId64 " cannot be recovered: a restart may "
		    "find them in the journal, or force it", fresh->end.offset, promised - 1);
		return ERR_CORRUPT;
	}
	int err = store_next_era(p->store);
	if (err == 0)
		err = cut_rest(p, fresh);
	if (err == 0)
		ev_crit(&p->ev, "offsets %" PRId64 " to %" PRId64 " were durable and are given up, as was asked for",
		    fresh->end.offset, promised - 1);
	return err;
}

/* It is refused, but what it has found is known from now on. */
static void
keep_finding(struct partition *p, const struct partition *fresh, int64_t promised)
{
	if (fresh->damaged < 0)
		return;
	lock_take(&p->lock);
	p->damaged = max_of(p->damaged, fresh->damaged);
	p->promised = promised;
	lock_drop(&p->lock);
	store_note_damage(p->store);
}

/* A directory whose name alone says whose it is must say so itself before it is served. */
static int
prove(struct partition *p)
{
	struct uuid topic;
	int err = p->unproved ? meta_read(p->dir, &topic) : 0;
	if (err == 0 && p->unproved && !uuid_eq(&topic, &p->topic))
		err = ERR_CONFLICT;
	if (err != 0)
		ev_err(&p->ev, "cannot be recovered: %s", err == ERR_CONFLICT ? "the directory is another topic's" : err_text(err));
	return err;
}

static int
recover_locked(struct partition *p, bool force)
{
	struct ckpt_row row;
	lock_take(&p->lock);
	enum log_state state = p->state;
	int64_t durable = p->durable.offset;
	int64_t promised = p->promised;
	struct partition *fresh = fresh_view(p, &row);
	lock_drop(&p->lock);
	int err = state == LOG_DELETED ? ERR_CLOSED : prove(p);
	if (err == 0)
		err = partition_load(fresh, &row, state == LOG_CORRUPT || promised > 0 ? LOAD_ALL : LOAD_CRASH);
	if (err == 0)
		err = put_back(fresh, p, durable);
	promised = max_of(durable, max_of(promised, fresh->promised));
	bool lost = err == 0 && fresh->end.offset < promised;
	if (lost)
		err = give_up(p, fresh, promised, force);
	if (lost && err == ERR_CORRUPT)
		keep_finding(p, fresh, promised);
	if (err == 0) {
		fresh->state = LOG_ONLINE;
		partition_settle(fresh);
		err = partition_sync_files(fresh);
	}
	if (err == 0) {
		lock_take(&p->lock);
		take_over(p, fresh, lost);
		lock_drop(&p->lock);
	}
	partition_put(&fresh);
	return err;
}

bool
partition_failed(struct partition *p)
{
	lock_take(&p->lock);
	/* The next append would meet the journal's failure: nobody should have to mend twice. */
	if (p->mode == MODE_JOURNAL && journal_error(p->store->journal) != 0 &&
	    (p->state == LOG_ONLINE || p->state == LOG_FULL))
		partition_fail(p, LOG_OFFLINE, ERR_IO);
	bool failed = p->state == LOG_OFFLINE || p->state == LOG_CORRUPT;
	lock_drop(&p->lock);
	return failed;
}

int
partition_recover(struct partition *p, bool force)
{
	bool failed = partition_failed(p);
	lock_take(&p->lock);
	bool closed = p->state == LOG_DELETED;
	lock_drop(&p->lock);
	if (!failed)
		return closed ? ERR_CLOSED : 0;
	lock_take(&p->io);
	int err = recover_locked(p, force);
	lock_drop(&p->io);
	if (err == 0)
		err = store_write_checkpoint(p->store);
	return err;
}

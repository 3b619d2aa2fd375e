/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The glue between a partition and its producers and epochs. Both are hints on disk:
 * a snapshot belongs to a recovery point, whose row says whether there must be one; if
 * it is missing the log is read from its beginning.
 */
#include "log/sequence.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/producers.h"
#include "log/read.h"

#define SNAPSHOT_MAX (UINT64_C(1) << 30)
#define EPOCHS_MAX (UINT64_C(16) << 20)
#define RESEND_NS (300 * NS_PER_SEC)	/* more than clients try for by default */

void
sequence_init(struct partition *p)
{
	p->producers = producers_create(&p->store->producers);
}

void
sequence_free(struct partition *p)
{
	producers_destroy(&p->producers);
	epochs_free(&p->epochs);
}

int
sequence_check(struct partition *p, const uint8_t *batch, struct append_result *ret)
{
	return producers_check(p->producers, batch, ret);
}

void
sequence_note(struct partition *p, const uint8_t *batch)
{
	producers_note(p->producers, batch, p->last_append_ns);
	epochs_note(&p->epochs, head_epoch(batch), head_base(batch));
}

void
sequence_cut(struct partition *p)
{
	epochs_cut_end(&p->epochs, p->end.offset);
	p->stale = true;
}

int32_t
sequence_epoch(const struct partition *p)
{
	return epochs_newest(&p->epochs);
}

void
sequence_swap(struct partition *p, struct partition *fresh)
{
	struct producers *producers = p->producers;
	struct epochs epochs = p->epochs;
	p->producers = fresh->producers;
	p->epochs = fresh->epochs;
	fresh->producers = producers;
	fresh->epochs = epochs;
}

/* ---- files ---- */

static char *
epochs_path(const struct partition *p)
{
	size_t n = strlen(p->dir) + sizeof("/leader-epoch-checkpoint");
	char *path = mem_alloc(n);
	snprintf(path, n, "%s/leader-epoch-checkpoint", p->dir);
	return path;
}

static int
read_epochs(const struct partition *p, struct epochs *ret)
{
	char *path = epochs_path(p), *text;
	size_t n;
	int err = fs_slurp(path, EPOCHS_MAX, &text, &n);
	if (err == 0) {
		err = epochs_decode(ret, (struct str){ text, n });
		mem_free(text);
	}
	mem_free(path);
	return err;
}

static int
read_snapshot(const struct partition *p, int64_t offset, struct producers *ret)
{
	char *path = segment_path(p->dir, offset, "snapshot"), *data;
	size_t n;
	int err = fs_slurp(path, SNAPSHOT_MAX, &data, &n);
	if (err == 0) {
		err = producers_decode(ret, data, n, p->last_append_ns);
		mem_free(data);
	}
	mem_free(path);
	return err;
}

bool
sequence_take(struct partition *p, const struct ckpt_row *row, struct epochs *epochs)
{
	struct producers *producers = NULL;
	if (row->producers > 0) {
		producers = producers_create(&p->store->producers);
		if (read_snapshot(p, row->offset, producers) != 0) {
			producers_destroy(&producers);
			return false;
		}
		producers_destroy(&p->producers);
		p->producers = producers;
	}
	epochs_free(&p->epochs);
	p->epochs = *epochs;
	*epochs = (struct epochs){ NULL, 0, 0, false };
	return true;
}

bool
sequence_load(struct partition *p, const struct ckpt_row *row)
{
	struct epochs epochs = { NULL, 0, 0, false };
	bool good = true;
	if (row->epoch >= 0) {
		good = read_epochs(p, &epochs) == 0;
		epochs_cut_end(&epochs, row->offset);
		good = good && epochs_newest(&epochs) == row->epoch;
	}
	good = good && sequence_take(p, row, &epochs);
	epochs_free(&epochs);
	return good;
}

void
sequence_save_begin(struct partition *p, struct sequence_saving *s)
{
	uint64_t now = clock_mono_ns();
	*s = (struct sequence_saving){ .generation = p->generation,
		.with_snapshot = producers_count(p->producers) > 0, .with_epochs = p->epochs.dirty };
	if (s->with_snapshot)
		producers_save_begin(p->producers, now > RESEND_NS ? now - RESEND_NS : 0, &s->producers);
	buf_init(&s->epochs, EPOCHS_MAX);
	if (s->with_epochs)
		epochs_encode(&p->epochs, &s->epochs);
	p->epochs.dirty = false;
}

void
sequence_save_collect(struct partition *p, struct sequence_saving *s)
{
	for (bool more = s->with_snapshot; more;) {
		lock_take(&p->lock);
		if (p->generation != s->generation)
			producers_save_stop(p->producers);
		more = producers_save_take(p->producers, &s->producers);
		lock_drop(&p->lock);
		producers_save_put(&s->producers);
	}
}

void
sequence_save_drop(struct sequence_saving *s)
{
	producers_save_free(&s->producers);
	buf_free(&s->epochs);
}

int
sequence_save_write(struct partition *p, struct sequence_saving *s, int64_t offset,
    bool lasting)
{
	int (*replace)(const char *, const void *, size_t) = lasting ? fs_replace : fs_replace_lazy;
	int err = s->with_snapshot ? producers_save_finish(&s->producers) : 0;
	if (err == 0 && s->with_snapshot) {
		char *path = segment_path(p->dir, offset, "snapshot");
		err = replace(path, s->producers.out.p, s->producers.out.n);
		mem_free(path);
	}
	if (err == 0 && s->with_epochs) {
		char *path = epochs_path(p);
		err = replace(path, s->epochs.p, s->epochs.n);
		mem_free(path);
	}
	if (err != 0 && s->with_epochs) {
		lock_take(&p->lock);
		p->epochs.dirty = true;
		lock_drop(&p->lock);
	}
	sequence_save_drop(s);
	return err;
}

/* ---- rebuilding ---- */

static int
see(const uint8_t *batch, void *arg)
{
	producers_note(arg, batch, clock_mono_ns());
	return 0;
}

int
sequence_rebuild(struct partition *p)
{
	struct producers *fresh = producers_create(&p->store->producers);
	lock_take(&p->lock);
	bool stale = p->stale;
	int64_t from = p->point.offset, start = p->log_start;
	uint32_t count = p->point.producers;
	if (from < start || from > p->durable.offset)
		from = start;
	else if (count > 0)
		count = UINT32_MAX;
	lock_drop(&p->lock);
	int err = 0;
	if (stale && count == UINT32_MAX && read_snapshot(p, from, fresh) != 0)
		from = start;
	if (stale)
		err = partition_walk(p, from, see, fresh);
	if (stale && err == 0) {
		lock_take(&p->lock);
		struct producers *old = p->producers;
		p->producers = fresh;
		fresh = old;
		p->stale = false;
		lock_drop(&p->lock);
	}
	producers_destroy(&fresh);
	return err;
}

/* ---- what others ask ---- */

void
partition_epoch_end(struct partition *p, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end)
{
	lock_take(&p->lock);
	*ret_epoch = -1;
	*ret_end = -1;
	epochs_end(&p->epochs, epoch, p->epoch, p->end.offset, ret_epoch, ret_end);
	lock_drop(&p->lock);
}

int32_t
partition_epoch_at(struct partition *p, int64_t offset)
{
	lock_take(&p->lock);
	int32_t epoch = offset < p->end.offset ? epochs_at(&p->epochs, offset) : -1;
	lock_drop(&p->lock);
	return epoch;
}

size_t
partition_producers(struct partition *p)
{
	lock_take(&p->lock);
	size_t n = producers_count(p->producers);
	lock_drop(&p->lock);
	return n;
}

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
#include "log/room.h"

#define FULL_LOOK_MS 1000u

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

unsigned
store_pass_wait(struct store *s, uint64_t now)
{
	uint64_t next = s->pass_due;
	if (atomic_load(&s->full) && s->look_due < next)
		next = s->look_due;
	if (next == UINT64_MAX)
		return UINT32_MAX;
	return next <= now ? 0 : (unsigned)((next - now) / NS_PER_MS) + 1;
}

static void
row_of(struct partition *p, struct ckpt_row *row)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->label, p->label, strlen(p->label) + 1);
	lock_take(&p->lock);
	row->topic = p->topic;
	row->log_start = p->log_start;
	row->base = p->synced_base;
	row->at = p->synced_at;
	row->offset = p->synced.offset;
	lock_drop(&p->lock);
}

int
store_write_checkpoint(struct store *s)
{
	struct ckpt_row row;
	struct buf out;
	size_t n;
	lock_take(&s->ckpt);
	struct partition **v = store_collect(s, &n);
	buf_init(&out, SIZE_MAX);
	ckpt_begin(&out);
	for (size_t i = 0; i < n; i++) {
		row_of(v[i], &row);
		ckpt_add(&out, &row);
	}
	ckpt_end(&out);
	char *path = store_file(s, "checkpoint");
	int err = fs_replace(path, out.p, out.n);
	if (err == ERR_NOSPACE && store_spend_reserve(s, true))
		err = fs_replace(path, out.p, out.n);
	if (err != 0)
		ev_err(&s->ev, "cannot write the checkpoint: %s", err_text(err));
	mem_free(path);
	buf_free(&out);
	store_release(v, n);
	lock_drop(&s->ckpt);
	return err;
}

/* Whether the journal has batches of it that cannot get into its segments now: then
 * nothing is trimmed, or a restart could not bring them back. */
static bool
pins(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->state != LOG_ONLINE && p->state != LOG_DELETED &&
	    p->journaled.offset > p->synced.offset;
	lock_drop(&p->lock);
	return yes;
}

static bool
unsettled_work(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->synced.bytes < p->end.bytes;
	lock_drop(&p->lock);
	return yes;
}

int
store_pass(struct store *s)
{
	size_t n;
	int err = 0;
	bool all = true;
	uint64_t mark = journal_mark(s->journal);
	lock_take(&s->wlock);
	s->pass_due = UINT64_MAX;
	s->unsynced_bytes = 0;
	lock_drop(&s->wlock);
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++) {
		if (unsettled_work(v[i])) {
			int e = partition_flush(v[i]);
			err = err == 0 ? e : err;
		}
	}
	int e = store_write_checkpoint(s);
	for (size_t i = 0; i < n && all; i++)
		all = !pins(v[i]);
	store_release(v, n);
	if (all && err == 0 && e == 0)
		journal_trim(s->journal, mark);
	return err == 0 ? e : err;
}

void
store_pass_turn(struct store *s)
{
	uint64_t now = clock_mono_ns();
	lock_take(&s->wlock);
	bool due = s->pass_due <= now;
	s->look_due = now + FULL_LOOK_MS * NS_PER_MS;
	lock_drop(&s->wlock);
	if (due) {
		store_pass(s);
		journal_prepare(s->journal);
	}
	store_check_room(s);
}

int
store_checkpoint(struct store *s)
{
	return store_pass(s);
}

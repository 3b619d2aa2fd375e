/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a crash the journal is laid beside the segments. Entries of a partition come
 * in the order of its log, but for those that a truncation replaced: these come
 * again, later. So each entry is compared with the batch at its offset: the same is
 * skipped, another one (or none) is cut off and replaced. An entry beyond the end
 * means that the journal promised something that neither has: damage. Of a log with a bad batch
 * below what it had promised nothing is cut before the journal is known to have all from there on:
 * it is read once more then. Where the
 * segments cannot be read or written the entries stay in the journal, whose files
 * are not used again then; so do those that are nobody's, as long as there are directories
 * of which it is not known whose they are.
 */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/sequence.h"

/* Whether the batch that lies in the log at b's offset is b; *ret_at: where it lies, or
 * where the batch begins that contains that offset. The segment was read just now, so
 * its lengths can be believed. */
static int
lies_there(struct store *s, struct segment *g, const uint8_t *b, bool *ret_same, int64_t *ret_at)
{
	uint8_t head[HEAD_BYTES];
	bool same = false;
	int fd, err = fd_pin(&s->fds, &g->file, g->path, false, &fd);
	if (err != 0)
		return err;
	while (g->replay_at < g->size) {
		err = fs_pread(fd, head, sizeof(head), g->replay_at);
		if (err != 0 || head_end(head) > head_base(b))
			break;
		g->replay_at += head_size(head);
	}
	if (err == 0 && g->replay_at < g->size)
		same = head_base(head) == head_base(b) && head_size(head) == head_size(b) &&
		    head_crc(head) == head_crc(b);
	*ret_at = g->replay_at;
	*ret_same = same;
	fd_unpin(&s->fds, &g->file);
	return err;
}

int
partition_append_file(struct partition *p, const uint8_t *b, uint32_t n)
{
	struct segment *g = partition_active(p);
	struct fd_cache *fds = &p->store->fds;
	int fd;
	if (g == NULL || g->size + (int64_t)n > p->config.segment_bytes ||
	    p->end.offset - g->base > INT32_MAX / 2)
		g = partition_add_segment(p, p->end.offset);
	int err = fd_pin(fds, &g->file, g->path, true, &fd);
	if (err != 0)
		return err;
	err = fs_pwrite(fd, b, n, g->size);
	fd_unpin(fds, &g->file);
	if (err != 0)
		return err;
	if (g->synced > g->size)
		g->synced = g->size;
	g->dir_synced = false;
	g->on_disk = true;
	segment_note(g, b, p->config.index_interval_bytes);
	g->written = g->size;
	sequence_note(p, b);
	p->end.offset = head_end(b);
	return 0;
}

static int
replace_from(struct partition *p, struct segment *g, int64_t at, const struct journal_entry *e)
{
	p->end.offset = head_base(e->batch);
	int err = partition_cut_files(p, g, at);
	g->end = p->end.offset;
	sequence_cut(p);
	return err != 0 ? err : partition_append_file(p, e->batch, e->n);
}

void
partition_leave_entries(struct partition *p, int64_t end)
{
	if (!p->in_journal)
		ev_err(&p->ev, "the journal is kept, as it has batches that belong there");
	p->in_journal = p->store->keep_journal = true;
	if (p->promised < end)
		p->promised = end;
}

/* Whether it may be missing in the segments. */
static bool
counts(const struct partition *p, const struct journal_entry *e)
{
	return e->group >= (uint64_t)p->voided &&	/* else it was recovered by hand since */
	    head_end(e->batch) > p->point.offset && head_end(e->batch) > p->log_start;
}

static int
apply(struct partition *p, const struct journal_entry *e)
{
	int64_t base = head_base(e->batch), at;
	bool same;
	if (p->state == LOG_CORRUPT) {
		p->promised = head_end(e->batch) > p->promised ? head_end(e->batch) : p->promised;
		return 0;
	}
	if (base > p->end.offset && list_empty(&p->segments))
		p->end.offset = base;	/* all before it was deleted */
	if (base > p->end.offset) {
		partition_lacks(p, head_end(e->batch));
		return 0;
	}
	if (base == p->end.offset)
		return partition_append_file(p, e->batch, e->n);
	struct segment *g = partition_segment(p, base);
	if (base < g->replay_next)
		g->replay_at = 0;
	g->replay_next = base;
	int err = lies_there(p->store, g, e->batch, &same, &at);
	if (err != 0 || same)
		return err;
	return replace_from(p, g, at, e);
}

/* Of a log whose bad batch is behind its end: whether the journal goes on from there. */
static void
cover(struct partition *p, const struct journal_entry *e)
{
	int64_t base = head_base(e->batch), end = head_end(e->batch);
	if (p->covered < p->end.offset)
		p->covered = p->end.offset;
	if (base <= p->covered && p->covered < end)
		p->covered = end;
	if (p->promised < end)
		p->promised = end;
}

static int
apply_counted(struct partition *p, const struct journal_entry *e)
{
	int err = 0;
	if (!counts(p, e))
		return 0;
	if (p->replayed < head_end(e->batch))
		p->replayed = head_end(e->batch);
	if (p->rest_left)
		cover(p, e);
	else if (!p->unloaded)
		err = apply(p, e);
	if (err == ERR_IO) {
		partition_unload(p, "read", err);
		err = 0;
	}
	if (p->unloaded)
		partition_leave_entries(p, p->replayed);
	return err;
}

static int
each(const struct journal_entry *e, void *arg)
{
	struct store *s = arg;
	struct partition *p = store_find(s, &e->topic, e->partition);
	if (p == NULL) {	/* its topic was deleted, or its directory cannot be read */
		if (store_add_orphan(s, &e->topic, e->partition, head_end(e->batch)))
			s->keep_journal = true;
		return 0;
	}
	int err = apply_counted(p, e);
	partition_put(&p);
	return err;
}

/* Only for those whose rest has gone for it: the others are not covered. */
static int
each_again(const struct journal_entry *e, void *arg)
{
	struct partition *p = store_find(arg, &e->topic, e->partition);
	int err = p != NULL && p->covered > 0 ? apply_counted(p, e) : 0;
	partition_put(&p);
	return err;
}

/* Of the logs with something left behind a bad batch: true where the journal is to be read for them
 * again. The others are damaged. */
static bool
decide_rests(struct store *s)
{
	size_t n;
	bool again = false;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++) {
		struct partition *p = v[i];
		if (!p->rest_left)
			continue;
		if (p->covered < p->promised) {
			p->covered = 0;
			partition_lacks(p, p->promised);
		} else {
			int err = partition_cut_rest(p);
			if (err != 0)
				partition_unload(p, "mended", err);
			again = true;
		}
		p->rest_left = false;
	}
	store_release(v, n);
	return again;
}

int
store_replay(struct store *s, bool clean, struct journal_end *ret)
{
	char *dir = store_file(s, "journal");
	int err = journal_replay(dir, clean ? NULL : each, s, &s->ev, ret);
	if (err == 0 && !clean && decide_rests(s))
		err = journal_replay(dir, each_again, s, &s->ev, ret);
	mem_free(dir);
	return err;
}

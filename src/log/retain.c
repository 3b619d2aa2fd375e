/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention. A segment may go when all of it is durable and written; its age is that
 * of its newest record, so one record from the future keeps it; or of its file. The active segment is
 * rolled first, an empty one stays. What was taken out is the log start's new place;
 * it need not be saved, since the first file says it.
 */
#include "log/retain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/impl.h"
#include "log/maintain.h"
#include "log/mend.h"
#include "log/room.h"
#include "log/seal.h"

/* Why the first segment may go; NULL where it must stay. Locked. */
static const char *
may_go(const struct partition *p, const struct segment *g, int64_t wall_ms, bool by_time, int64_t total)
{
	const struct log_config *c = &p->config;
	if (g->size == 0 || g->written < g->size || g->end > p->durable.offset)
		return NULL;
	if (g->end <= p->log_start)
		return "below the log start";
	if ((c->cleanup & LOG_CLEANUP_DELETE) == 0)
		return NULL;
	/* Records without times are as old as their file; but first it must be known that they have none. */
	int64_t time = g->max_time >= 0 ? g->max_time : g->sealed && !g->mended ? -1 : g->file_time;
	if (by_time && c->retention_ms >= 0 && time >= 0 && wall_ms - time > c->retention_ms)
		return "retention.ms";
	if (c->retention_bytes >= 0 && total - g->size >= c->retention_bytes)
		return "retention.bytes";
	return NULL;
}

/* When the first segment was last written, where its records do not tell. Under io: the
 * file does not grow. */
static void
look_at_file(struct partition *p)
{
	int64_t time = -1;
	lock_take(&p->lock);
	struct segment *g = list_empty(&p->segments) ? NULL :
	    CONTAINER_OF(p->segments.next, struct segment, hook);
	bool wanted = g != NULL && g->max_time < 0 && g->on_disk && p->config.retention_ms >= 0;
	if (wanted)
		segment_get(g);
	lock_drop(&p->lock);
	if (!wanted)
		return;
	if (fs_path_time(g->path, &time) == 0) {
		lock_take(&p->lock);
		g->file_time = time;
		lock_drop(&p->lock);
	}
	segment_put(g);
}

/* A file of its name, that a crash leaves there. */
static int
begin_file(const struct partition *p, const struct segment *g)
{
	int fd, err = fs_open(g->path, O_WRONLY | O_CREAT, &fd);
	if (err != 0)
		return err;
	fs_close(&fd);
	return fs_sync_dir(p->dir);
}

/* The last file of a log tells where it goes on: an active segment gets its file before those
 * before it go, or a crash would begin again at offset 0. */
static int
keep_offset(struct partition *p, struct segment *g)
{
	(void)partition_write_locked(p, true);	/* and a file of this name that a cut has left goes */
	int err = begin_file(p, g);
	/* What makes room must not fail for want of it. */
	if (err == ERR_NOSPACE && store_spend_reserve(p->store, true))
		err = begin_file(p, g);
	if (err != 0)
		return err;
	lock_take(&p->lock);
	g->on_disk = g->dir_synced = true;
	lock_drop(&p->lock);
	return 0;
}

static void
take_out(struct partition *p, struct segment *g, const struct segment *next)
{
	list_del(&g->hook);
	g->removed = true;
	if (p->log_start < next->base)
		p->log_start = next->base;
	if (p->synced.offset < g->end)	/* nothing before it need ever be synced */
		p->synced = (struct log_pos){ g->end, g->bytes + g->size };
	epochs_cut_start(&p->epochs, p->log_start);
	partition_wake_readers(p);
}

/* Takes the first segment out if it may go; counted. */
static struct segment *
take_first(struct partition *p, int64_t wall_ms, bool by_time, int64_t total, const char **ret_reason)
{
	for (;;) {
		struct segment *g = NULL, *bare = NULL;
		lock_take(&p->lock);
		/* Of a full disk, too: it is what makes room there. */
		bool may = (p->state == LOG_ONLINE || p->state == LOG_FULL) && p->configured;
		if (may && !list_empty(&p->segments))
			g = CONTAINER_OF(p->segments.next, struct segment, hook);
		*ret_reason = g == NULL ? NULL : may_go(p, g, wall_ms, by_time, total);
		if (*ret_reason == NULL) {
			lock_drop(&p->lock);
			return NULL;
		}
		if (g->hook.next == &p->segments)
			partition_add_segment(p, p->end.offset);
		struct segment *next = CONTAINER_OF(g->hook.next, struct segment, hook);
		if (next->on_disk)
			take_out(p, g, next);
		else
			bare = segment_get(next);
		lock_drop(&p->lock);
		if (bare == NULL)
			return g;
		int err = keep_offset(p, bare);
		segment_put(bare);
		if (err != 0) {
			ev_err(&p->ev, "cannot begin a file, so none is deleted: %s", err_text(err));
			return NULL;
		}
	}
}

static int
bury_file(struct partition *p, const struct segment *g, const char *suffix, uint64_t due)
{
	char *from = segment_path(p->dir, g->base, suffix);
	size_t n = strlen(from) + sizeof(".deleted");
	struct dead *d = MEM_NEW(struct dead);
	d->path = mem_alloc(n);
	snprintf(d->path, n, "%s.deleted", from);
	d->due = due;
	int err = fs_rename(from, d->path);
	/* A longer name may want a block. Without one the file goes now, or its room would be lost until
	 * a restart: who reads it has it open, or looks again. */
	if (err == ERR_NOSPACE && store_spend_reserve(p->store, true))
		err = fs_rename(from, d->path);
	bool buried = err == 0;
	if (err == ERR_NOSPACE)
		err = fs_unlink(from);
	if (buried)
		store_bury_dir(p->store, d);
	else {
		mem_free(d->path);
		mem_free(d);
	}
	mem_free(from);
	return err;
}

int
partition_bury_segment(struct partition *p, const struct segment *g)
{
	static const char *const hints[] = { "index", "timeindex", "txnindex" };
	lock_take(&p->lock);
	uint64_t due = store_due_in(p->config.file_delete_delay_ms);
	p->untidy = true;
	lock_drop(&p->lock);
	int err = bury_file(p, g, "log", due);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]) && err == 0; i++)
		(void)bury_file(p, g, hints[i], due);
	return err;
}

unsigned
partition_retain(struct partition *p, int64_t wall_ms, bool by_time)
{
	const char *reason;
	struct segment *g;
	unsigned n = 0;
	int err = 0;
	partition_mend_indexes(p);
	int64_t total = (int64_t)partition_size(p);	/* what comes meanwhile counts next time */
	lock_take(&p->io);
	while (err == 0 && (look_at_file(p), (g = take_first(p, wall_ms, by_time, total, &reason)) != NULL)) {
		ev_info(&p->ev, "offsets %" PRId64 " to %" PRId64 " go: %s", g->base, g->end - 1, reason);
		err = partition_bury_segment(p, g);
		if (err != 0)
			ev_warn(&p->ev, "%s is back after a restart: %s", g->path, err_text(err));
		segment_retire_files(g);	/* the cached tail may keep the segment for long */
		total -= g->size;
		segment_put(g);
		n++;
	}
	lock_drop(&p->io);
	return n;
}

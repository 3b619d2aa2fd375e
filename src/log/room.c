/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Below the soft limit appends are refused while everything else still has room.
 * The hard limit can come earlier (others fill the disk): then the ballast goes, so
 * that offset commits, permission changes and checkpoints still succeed. It is made anew, and FULL
 * partitions come back, when twice the limit is free: a threshold of its own, or
 * the state would flap.
 */
#include "log/room.h"

#include <fcntl.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/impl.h"
#include "log/sequence.h"

#define BALLAST "ballast"

static bool
enough(struct store *s, unsigned times)
{
	uint64_t room, total;
	if (fs_space(s->path, &room, &total) != 0)
		return true;
	uint64_t limit = total / 100 * s->config.soft_free_percent;
	/* On a large disk a percentage is more than anyone needs to keep free. */
	if (limit > s->config.ballast_bytes * 16)
		limit = s->config.ballast_bytes * 16;
	return room >= limit * times && room > 0;
}

/* Too little for a commit of the metadata, which cannot ask for the reserve itself. */
static bool
almost_nothing(struct store *s)
{
	uint64_t room, total;
	return s->config.ballast_bytes > 0 && fs_space(s->path, &room, &total) == 0 &&
	    room < s->config.ballast_bytes / 16;
}

void
store_keep_reserve(struct store *s)
{
	char *path = store_file(s, BALLAST);
	int fd;
	if (s->config.ballast_bytes > 0 && !fs_exists(path) && enough(s, 2) &&
	    fs_open(path, O_WRONLY | O_CREAT, &fd) == 0) {
		int err = fs_reserve(fd, 0, (int64_t)s->config.ballast_bytes);
		fs_close(&fd);
		if (err != 0)
			fs_unlink(path);
	}
	mem_free(path);
}

bool
store_spend_reserve(struct store *s, bool internal)
{
	bool freed = false;
	if (!atomic_exchange(&s->full, true)) {
		ev_err(&s->ev, "the disk is full: appends are refused until there is room");
		lock_take(&s->wlock);
		pthread_cond_signal(&s->fwake);
		lock_drop(&s->wlock);
	}
	if (internal) {
		char *path = store_file(s, BALLAST);
		freed = fs_unlink(path) == 0;
		if (freed)
			ev_warn(&s->ev, "the reserve is used for offsets, permissions and deletes");
		mem_free(path);
	}
	return freed;
}

static void
resume(struct partition *p)
{
	lock_take(&p->io);
	sequence_rebuild(p);
	lock_take(&p->lock);
	if (p->state == LOG_FULL && !p->stale) {
		partition_move(p, LOG_ONLINE);
		p->fail_err = 0;
		writer_poke(p, true);
	}
	lock_drop(&p->lock);
	lock_drop(&p->io);
}

void
store_check_room(struct store *s)
{
	size_t n;
	bool was = atomic_load(&s->full);
	bool full = !enough(s, was ? 2 : 1);
	if (full && !was)
		ev_warn(&s->ev, "little room on the disk: appends are refused until there is more");
	if (was && !full)
		ev_notice(&s->ev, "there is room on the disk again");
	atomic_store(&s->full, full);
	if (full) {
		if (almost_nothing(s))
			(void)store_spend_reserve(s, true);
		return;
	}
	store_keep_reserve(s);
	if (!was)
		return;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++)
		resume(v[i]);
	store_release(v, n);
}

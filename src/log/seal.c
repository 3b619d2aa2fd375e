/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index files of segments. While a segment is active its new entries are in
 * memory; a checkpoint pass and the roll append them to the files. Those of closed
 * segments are synced before a recovery point passes them: what is not read again at
 * the next start must tell the truth about times. All others are hints, and checked.
 */
#include "log/seal.h"

#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/impl.h"

/* What is to be saved of one segment, copied under the lock. */
struct saving {
	struct segment *segment;
	struct index_at *ats;
	struct index_time *times;
	size_t ats_n, times_n, keep;
	uint32_t generation;
	bool closed;
};

/* Locked. False: nothing to save. */
static bool
saving_take(struct partition *p, struct segment *g, struct saving *s)
{
	struct indexes *x = &g->indexes;
	bool closed = g->hook.next != &p->segments && g->written == g->size;
	if (closed && !g->sealed)
		segment_close_indexes(g);
	size_t ats = x->ats_n - x->ats_saved, times = x->times_n - x->times_saved;
	if (ats == 0 && times == 0 && !(closed && !g->sealed))
		return false;
	*s = (struct saving){ segment_get(g), NULL, NULL, ats, times,
		x->file_ats + x->ats_saved, p->generation, closed };
	if (ats > 0)
		s->ats = mem_dup(x->ats + x->ats_saved, ats * sizeof(*s->ats));
	if (times > 0)
		s->times = mem_dup(x->times + x->times_saved, times * sizeof(*s->times));
	return true;
}

static int
saving_write(const struct saving *s)
{
	char *index = segment_sibling(s->segment, "index"), *times = segment_sibling(s->segment, "timeindex");
	int err = index_file_save(index, s->keep, s->ats, s->ats_n);
	if (err == 0 && s->times_n > 0)
		err = index_file_save_times(times, s->times[0].time, s->times, s->times_n);
	mem_free(index);
	mem_free(times);
	return err;
}

/* Locked. After a cut other entries may stand where those stood, and the segment be open again: what
 * was written is written over by the next saving. */
static void
saving_done(const struct partition *p, struct saving *s, int err)
{
	struct segment *g = s->segment;
	struct indexes *x = &g->indexes;
	if (p->generation != s->generation)
		return;
	if (err == 0) {
		x->ats_saved += s->ats_n;
		x->times_saved += s->times_n;
	}
	if (s->closed) {
		size_t count = x->file_ats + x->ats_saved;
		indexes_free(x);
		x->file_ats = count;
		g->sealed = g->mended = true;
	}
}

void
partition_save_indexes(struct partition *p, bool all)
{
	struct segment_walk w = { NULL, 0 };
	for (int err = 0; err == 0;) {
		struct segment *g;
		struct saving s;
		bool found = false;
		lock_take(&p->lock);
		/* After a deletion the directory may be that of a new topic. */
		while (!found && p->state != LOG_DELETED && (g = segment_walk_next(p, &w)) != NULL) {
			bool active = g->hook.next == &p->segments;
			if (g->on_disk && !g->sealed && (!active || all))
				found = saving_take(p, g, &s);
		}
		lock_drop(&p->lock);
		if (!found)
			break;
		err = saving_write(&s);
		lock_take(&p->lock);
		saving_done(p, &s, err);
		lock_drop(&p->lock);
		mem_free(s.ats);
		mem_free(s.times);
		segment_put(s.segment);	/* after an error: a hint less */
	}
	segment_walk_stop(&w);
}

static int
sync_file(const struct segment *g, const char *suffix)
{
	char *path = segment_sibling(g, suffix);
	int fd, err = fs_open(path, O_RDONLY, &fd);
	if (err == 0) {
		err = fs_sync(fd);
		fs_close(&fd);
	}
	mem_free(path);
	return err == ERR_NOTFOUND ? 0 : err;
}

/* Whether its index files are not known to be on the disk; they will be. */
static bool
to_sync(struct segment *g)
{
	bool yes = !g->synced_indexes;
	g->synced_indexes = true;
	return yes;
}

void
partition_sync_indexes(struct partition *p, bool later)
{
	size_t n;
	lock_take(&p->lock);
	struct segment **v = partition_pick(p, to_sync, &n);
	lock_drop(&p->lock);
	for (size_t i = 0; i < n; i++) {
		if (!later) { /* an error: mend.c finds what was lost */
			(void)sync_file(v[i], "index");
			(void)sync_file(v[i], "timeindex");
		}
		segment_put(v[i]);
	}
	if (n > 0 && !later)
		(void)fs_sync_dir(p->dir);
	mem_free(v);
}

void
partition_seal_closed(struct partition *p)
{
	lock_take(&p->lock);
	struct segment *last = partition_active(p);
	bool any = false;
	for (struct list *h = last == NULL ? NULL : last->hook.prev; h != NULL && h != &p->segments;
	     h = h->prev) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->sealed)
			break;
		any = any || g->written == g->size;
	}
	lock_drop(&p->lock);
	if (any)
		partition_save_indexes(p, false);
}

int64_t
segment_locate(struct partition *p, struct segment *g, int64_t offset)
{
	int32_t at = 0, relative = offset - g->base > INT32_MAX ? INT32_MAX :
	    (int32_t)(offset - g->base);
	if (offset <= g->base)
		return 0;
	lock_take(&p->lock);
	bool found = indexes_find(&g->indexes, relative, &at);
	int64_t limit = g->written;
	bool file = g->indexes.file_ats + g->indexes.ats_saved > 0;
	lock_drop(&p->lock);
	if (!found && file) {
		char *path = segment_sibling(g, "index");
		if (index_file_find(path, relative, limit, &at) != 0)
			at = 0;
		mem_free(path);
	}
	return at;
}

int64_t
segment_locate_time(struct partition *p, struct segment *g, int64_t time)
{
	int32_t offset = 0;
	lock_take(&p->lock);
	bool found = indexes_find_time(&g->indexes, time, &offset);
	lock_drop(&p->lock);
	if (!found) {
		char *path = segment_sibling(g, "timeindex");
		if (index_file_find_time(path, time, &offset) != 0)
			offset = 0;
		mem_free(path);
	}
	return g->base + offset;
}

void
segment_close_indexes(struct segment *g)
{
	if (g->max_time >= 0)
		indexes_close(&g->indexes, g->max_time, (int32_t)(g->max_time_offset - g->base));
}

void
segment_learn(const struct segment *g, int64_t *ret_time, int64_t *ret_offset)
{
	struct index_time last;
	char *path = segment_sibling(g, "timeindex");
	*ret_time = *ret_offset = -1;
	if (index_file_last_time(path, INT64_MAX, &last) == 0 && last.time >= 0 && last.offset >= 0) {
		*ret_time = last.time;
		*ret_offset = g->base + last.offset;
	}
	mem_free(path);
}

void
segment_trust_index(struct segment *g, int64_t limit)
{
	struct index_at last = { 0, 0 };
	char *path = segment_sibling(g, "index");
	g->indexes.file_ats = index_file_count(path, limit);
	if (index_file_last(path, limit, &last) != 0)
		last.at = 0;
	g->indexes.noted = limit - last.at;
	mem_free(path);
}

bool
segment_index_full(const struct segment *g, int32_t index_bytes)
{
	return indexes_bytes(&g->indexes) + 8 > (size_t)index_bytes;
}

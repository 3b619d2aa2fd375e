/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index files that are missing, cut short or spoilt are made anew from the log. Somebody may
 * have removed them, or a disk lost them; without them a read walks through all of a segment,
 * and what the time index says decides when records are deleted. So it is believed only where
 * the batch that it names lies there and has that time.
 */
#include "log/mend.h"

#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/maintain.h"
#include "log/read.h"
#include "log/scan.h"
#include "log/seal.h"

/* The head of the batch at byte `at`. */
static bool
read_head(int fd, const struct segment *g, int64_t at, uint8_t head[HEAD_BYTES])
{
	return at >= 0 && g->size - at >= HEAD_BYTES && fs_pread(fd, head, HEAD_BYTES, at) == 0 &&
	    head_sane(head, g->size - at) && head_base(head) >= g->base;
}

/* From the last entry of the index to the end: no batch that should have another one.
 * *ret: the greatest time there. */
static bool
reaches_end(int fd, const struct segment *g, int64_t from, int32_t interval, struct index_time *ret)
{
	uint8_t head[HEAD_BYTES];
	int64_t at = from;
	*ret = (struct index_time){ -1, -1 };
	while (at - from <= interval && read_head(fd, g, at, head)) {
		if (head_max_time(head) > ret->time)
			*ret = (struct index_time){ head_max_time(head), (int32_t)(head_end(head) - 1 - g->base) };
		at += head_size(head);
	}
	return at == g->size;
}

/* The last entry of the index names a batch and its last offset. */
static bool
offsets_good(int fd, const struct segment *g, int32_t interval, bool closed, struct index_time *ret_end)
{
	struct index_at last = { 0, 0 };
	uint8_t head[HEAD_BYTES];
	char *path = segment_sibling(g, "index");
	/* Of an open one a checkpoint may have saved entries of what came after its point. */
	int err = index_file_last(path, closed ? INT64_MAX : g->size, &last);
	mem_free(path);
	if (err != 0 && err != ERR_NOTFOUND)
		return false;
	if (err == 0 && (last.at <= 0 || !read_head(fd, g, last.at, head) ||
	    head_end(head) - 1 - g->base != last.offset))
		return false;
	return reaches_end(fd, g, last.at, interval, ret_end);
}

/* The last entry of the time index names a batch that has this time; in a closed segment
 * none behind the last entry of the index has a greater one. */
static bool
times_good(int fd, const struct segment *g, bool closed, int64_t end_time)
{
	struct index_time last;
	uint8_t head[HEAD_BYTES];
	int32_t from = 0;
	char *path = segment_sibling(g, "timeindex");
	int err = index_file_last_time(path, closed ? INT64_MAX : g->end - g->base, &last);
	mem_free(path);
	if (err == ERR_NOTFOUND)
		return end_time < 0 || !closed;
	if (err != 0 || last.offset < 0 || (closed && last.time < end_time))
		return false;
	path = segment_sibling(g, "index");
	if (index_file_find(path, last.offset, g->size, &from) != 0)
		from = 0;
	mem_free(path);
	for (int64_t at = from; read_head(fd, g, at, head); at += head_size(head))
		if (head_end(head) - g->base > last.offset)
			return head_base(head) - g->base <= last.offset && head_max_time(head) == last.time;
	return false;
}

bool
segment_indexes_good(const struct segment *g, int32_t interval, bool closed, struct index_time *ret_end)
{
	int fd;
	*ret_end = (struct index_time){ -1, -1 };
	if (g->size == 0)
		return true;
	if (fs_open(g->path, O_RDONLY, &fd) != 0)
		return false;
	bool good = offsets_good(fd, g, interval, closed, ret_end) &&
	    times_good(fd, g, closed, ret_end->time);
	fs_close(&fd);
	return good;
}

/* What the indexes of a closed segment must be: in those of a segment that is nobody's. ERR_CORRUPT:
 * *ret_bad is the offset at which it cannot be read. */
static int
read_again(struct partition *p, const struct segment *g, int32_t interval, struct segment **ret, int64_t *ret_bad)
{
	struct scan s;
	const uint8_t *b;
	int64_t at;
	struct segment *fresh = segment_create(p->dir, g->base);
	int fd, err = fs_open(g->path, O_RDONLY, &fd);
	if (err == 0) {
		scan_start(&s, fd, 0, g->size, g->base, true);
		while ((err = store_stops(p->store) ? ERR_CLOSED : scan_next(&s, &b, &at)) == 0)
			segment_note(fresh, b, interval);
		*ret_bad = s.next;
		scan_stop(&s);
		fs_close(&fd);
	}
	if (err != ERR_NOTFOUND || fresh->size != g->size) {
		segment_put(fresh);
		return err == ERR_NOTFOUND || err == 0 ? ERR_CORRUPT : err;
	}
	segment_close_indexes(fresh);
	*ret = fresh;
	return 0;
}

static int
save(const struct segment *g, const struct indexes *x)
{
	char *index = segment_sibling(g, "index"), *times = segment_sibling(g, "timeindex");
	int err = index_file_save(index, 0, x->ats, x->ats_n);
	if (err == 0)
		err = index_file_save_times(times, INT64_MIN, x->times, x->times_n);
	mem_free(index);
	mem_free(times);
	return err;
}

/* Whether its files are another's by now, or its bytes others: after a deletion the directory may
 * be that of a new topic. Under io they stay what they are. */
static bool
is_gone(struct partition *p, const struct segment *g, uint32_t generation)
{
	lock_take(&p->lock);
	bool yes = g->removed || p->state == LOG_DELETED || p->generation != generation;
	lock_drop(&p->lock);
	return yes;
}

/* Another time. */
static void
put_off(struct partition *p, struct segment *g)
{
	lock_take(&p->lock);
	g->mended = false;
	lock_drop(&p->lock);
}

static void
rebuild(struct partition *p, struct segment *g, int32_t interval, uint32_t generation)
{
	struct segment *fresh = NULL;
	int64_t bad = g->base;
	int err = read_again(p, g, interval, &fresh, &bad);
	lock_take(&p->io);
	bool gone = is_gone(p, g, generation);
	if (err == 0 && !gone) {
		err = save(g, &fresh->indexes);
		lock_take(&p->lock);
		g->max_time = fresh->max_time;
		g->max_time_offset = fresh->max_time_offset;
		g->indexes.file_ats = fresh->indexes.ats_n;
		g->learned = true;
		g->synced_indexes = false;
		lock_drop(&p->lock);
	}
	lock_drop(&p->io);
	if (gone || err == ERR_CLOSED)
		put_off(p, g);
	else if (err != 0) {
		ev_err(&p->ev, "cannot make the indexes of %s anew: %s", g->path, err_text(err));
		if (err == ERR_CORRUPT)
			partition_found_damage(p, bad);
	} else
		ev_notice(&p->ev, "the indexes of %s were missing or spoilt: made anew", g->path);
	segment_put(fresh);
}

static void
learn(struct partition *p, struct segment *g)
{
	int64_t time, offset;
	segment_learn(g, &time, &offset);
	lock_take(&p->lock);
	g->max_time = time;
	g->max_time_offset = offset;
	g->learned = true;
	lock_drop(&p->lock);
}

/* Whether nobody has looked at it since the start; now somebody does. */
static bool
to_look_at(struct segment *g)
{
	bool yes = !g->mended;
	g->mended = true;
	return yes;
}

void
partition_mend_indexes(struct partition *p)
{
	size_t n = 0;
	struct index_time end;
	struct segment **v = NULL;
	lock_take(&p->lock);
	uint32_t generation = p->generation;
	int32_t interval = p->config.index_interval_bytes;
	if (p->configured)	/* before, the interval is not the topic's */
		v = partition_pick(p, to_look_at, &n);
	lock_drop(&p->lock);
	for (size_t i = 0; i < n; i++) {
		if (store_stops(p->store))
			put_off(p, v[i]);
		else if (segment_indexes_good(v[i], interval, true, &end))
			learn(p, v[i]);
		else
			rebuild(p, v[i], interval, generation);
		segment_put(v[i]);
	}
	mem_free(v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One partition at start. After a clean stop its row of the checkpoint says all;
 * otherwise the log is read from the recovery point on, past the page cache, which may
 * show what the disk does not have if a sync had failed before. What lies above the
 * recovery point was promised to nobody (or is in the journal), so the first bad
 * batch ends the log, whatever follows: files are cut there and later ones removed.
 * Less than the recovery point promised is damage: the partition serves what is
 * there and takes no more. So is less than a log that was known to be damaged had promised, wherever its recovery
 * point is, unless the journal has all that is missing: only then is anything cut there (replay.c); a bad batch that was found before, and lies where nothing is read now,
 * is not forgotten. What cannot be read at all is not served, and nothing
 * is done to it: another start, or a recovery by hand, may find it well.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/mark.h"
#include "log/mend.h"
#include "log/scan.h"
#include "log/seal.h"
#include "log/sequence.h"

#define SHORT		4096		/* bytes of a segment that are looked at one by one */
#define LOAD_INTERVAL	(1 << 20)	/* between entries of an index: the topic's own is not known yet */

/* Files that a stop or crash left on their way out, or half made. */
static bool
leftover(const char *name)
{
	static const char *const ends[] = { ".deleted", ".cleaned", ".tmp" };
	size_t n = strlen(name);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t m = strlen(ends[i]);
		if (n > m && strcmp(name + n - m, ends[i]) == 0)
			return true;
	}
	return false;
}

/* A whole file that replaces others (swap.c). */
static bool
is_swap(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && strcmp(name + n - 5, ".swap") == 0;
}

static int
remove_leftover(struct partition *p, const char *name)
{
	size_t n = strlen(p->dir) + strlen(name) + 2;
	char *path = mem_alloc(n);
	snprintf(path, n, "%s/%s", p->dir, name);
	int err = fs_unlink(path);
	mem_free(path);
	return err == ERR_NOTFOUND ? 0 : err;
}

struct segment *
segment_found(struct partition *p, int64_t base, int64_t size)
{
	struct segment *g = segment_create(p->dir, base);
	g->size = g->written = g->synced = size;
	g->on_disk = g->dir_synced = g->sealed = g->synced_indexes = true;
	g->indexes.file_ats = 1;	/* sealed: whether there is a file shows when it is read */
	list_add(&p->segments, &g->hook);
	return g;
}

static int
see_file(const char *name, void *arg)
{
	struct partition *p = arg;
	int64_t base, size;
	p->untidy = p->untidy || is_swap(name);
	if (leftover(name))
		return remove_leftover(p, name);
	if (!segment_parse(name, "log", &base))
		return 0;
	char *path = segment_path(p->dir, base, "log");
	int err = fs_path_size(path, &size);
	mem_free(path);
	if (err != 0)
		ev_err(&p->ev, "%s: %s", name, err_text(err));
	else
		segment_found(p, base, size);
	return err;
}

/* Its segments, once exchanges that were interrupted are completed. */
static int
see_files(struct partition *p)
{
	p->untidy = false;
	int err = fs_list(p->dir, see_file, p);
	if (err != 0 || !p->untidy)
		return err;
	partition_drop_segments(p);
	err = partition_finish_swaps(p);
	return err != 0 ? err : fs_list(p->dir, see_file, p);
}

static int
is_leftover(const char *name, void *arg)
{
	(void)arg;
	return leftover(name) || is_swap(name);
}

bool
partition_has_leftovers(struct partition *p)
{
	return fs_list(p->dir, is_leftover, NULL) != 0;
}

/* What lay before the first file was deleted, whatever the journal still has of it. */
static void
start_at_files(struct partition *p)
{
	const struct segment *first = partition_segment(p, 0);
	if (first != NULL && p->log_start < first->base)
		p->log_start = first->base;
}

/* Sizes are final: gives each segment its end and its place in the byte count. */
void
partition_settle(struct partition *p)
{
	int64_t next = p->end.offset, bytes = 0;
	for (struct list *h = p->segments.prev; h != &p->segments; h = h->prev) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		bytes -= g->size;
		g->bytes = bytes;
		g->end = g->written_end = next;
		next = g->base;
	}
	struct segment *last = partition_active(p);
	start_at_files(p);
	if (p->log_start > p->end.offset)
		p->end.offset = p->log_start;	/* what was cut off was deleted anyway */
	p->end.bytes = 0;
	p->journaled = p->written = p->synced = p->durable = p->end;
	if (last != NULL)
		last->sealed = false;
	int32_t newest = sequence_epoch(p);
	p->epoch = newest < 0 ? 0 : p->store->was_clean ? newest : newest + 1;
}

/* Everything from byte `at` of segment g on is not part of the log. */
int
partition_cut_files(struct partition *p, struct segment *g, int64_t at)
{
	int fd, err = 0;
	while (partition_active(p) != g) {
		struct segment *last = partition_active(p);
		segment_remove_files(p->dir, last->base);
		list_del(&last->hook);
		segment_put(last);
	}
	if (g->size > at) {
		ev_warn(&p->ev, "cut at offset %" PRId64 ": %" PRId64 " bytes of %020" PRId64
		    ".log were not written whole", p->end.offset, g->size - at, g->base);
		err = fs_open(g->path, O_RDWR, &fd);
		if (err == 0) {
			err = fs_truncate(fd, at);
			fs_close(&fd);
		}
	}
	g->size = g->written = at;
	if (g->synced > at)
		g->synced = at;
	return err;
}

static int
remove_behind(const char *name, void *arg)
{
	struct partition *p = arg;
	int64_t base;
	if (segment_parse(name, "log", &base) && base > partition_active(p)->base)
		segment_remove_files(p->dir, base);
	return 0;
}

int
partition_cut_rest(struct partition *p)
{
	struct segment *g = partition_active(p);
	int64_t at = g->size;
	ev_notice(&p->ev, "the journal has everything from offset %" PRId64 " on: what the files have behind it is replaced",
	    p->end.offset);
	int err = fs_list(p->dir, remove_behind, p);
	if (err == 0)
		err = fs_path_size(g->path, &g->size);
	if (err == 0)
		err = partition_cut_files(p, g, at);
	g->size = at;
	p->rest_left = false;
	p->damaged = -1;
	return err;
}

/* Reads one segment from `at`; what lies before the offset `noted` epochs and producers know
 * already. ERR_CORRUPT where its batches end before its file. */
static int
scan_segment(struct partition *p, struct segment *g, int64_t at, int64_t noted, int64_t *ret_at)
{
	struct scan s;
	const uint8_t *b;
	int64_t limit = g->size, where;
	int fd, err = fs_open(g->path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	if (at < limit)
		(void)fs_drop_cache(fd);
	scan_start(&s, fd, at, limit, p->end.offset > g->base ? p->end.offset : g->base, true);
	g->size = at;
	g->sealed = g->synced_indexes = false;
	if (at == 0)
		g->indexes.file_ats = 0;
	while ((err = scan_next(&s, &b, &where)) == 0) {
		segment_note(g, b, p->config.index_interval_bytes);
		if (head_end(b) > noted)
			sequence_note(p, b);
		p->end.offset = head_end(b);
	}
	*ret_at = s.at;
	g->size = limit;
	scan_stop(&s);
	fs_close(&fd);
	return err == ERR_NOTFOUND ? 0 : err;
}

/* The log ends at byte `at` of g although more was promised: the rest stays on the disk
 * for whoever wants to look at it, and is not part of the log. */
static void
leave_rest(struct partition *p, struct segment *g, int64_t at)
{
	while (partition_active(p) != g) {
		struct segment *last = partition_active(p);
		list_del(&last->hook);
		segment_put(last);
	}
	g->size = g->written = at;
	g->synced = g->synced > at ? at : g->synced;
}

void
partition_lacks(struct partition *p, int64_t promised)
{
	if (p->promised < promised)
		p->promised = promised;
	ev_crit(&p->ev, "offsets %" PRId64 " to %" PRId64 " were durable and cannot be read",
	    p->end.offset, p->promised - 1);
	p->state = LOG_CORRUPT;
	store_note_damage(p->store);
}

static int
scan_from(struct partition *p, struct segment *from, int64_t at, int64_t noted, int64_t promised)
{
	int err = 0;
	for (struct list *h = &from->hook; h != &p->segments; h = h->next, at = 0) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g != from && (g->base < p->end.offset ||
		    (g->base > p->end.offset && g->base > promised))) {
			/* Overlaps what came before, or begins behind a hole that only
			 * compaction could have made, and that would be below the promise. */
			g = CONTAINER_OF(h->prev, struct segment, hook);
			at = g->size;
			err = ERR_CORRUPT;
		} else {
			if (p->end.offset < g->base)
				p->end.offset = g->base;
			if (at < g->size) {
				g->synced = at;
				g->dir_synced = false;
			}
			err = scan_segment(p, g, at, noted, &at);
		}
		if (err == ERR_CORRUPT && p->end.offset < (promised > p->promised ? promised : p->promised)) {
			leave_rest(p, g, at);
			p->damaged = p->end.offset;
			if (p->end.offset < promised)
				partition_lacks(p, promised);
			else
				p->rest_left = true;
			return 0;
		}
		if (err != 0)
			return err == ERR_CORRUPT ? partition_cut_files(p, g, at) : err;
	}
	if (p->end.offset < promised)
		partition_lacks(p, promised);
	return 0;
}

/* The same, of a log of which a bad batch may be known: where that is read again it tells of itself. */
static int
scan_again(struct partition *p, struct segment *from, int64_t at, int64_t noted, int64_t promised)
{
	int64_t known = p->damaged;
	if (known >= p->end.offset)
		p->damaged = -1;
	int err = scan_from(p, from, at, noted, promised);
	if (p->damaged < known && err != 0)
		p->damaged = known;
	return err;
}

/* Whether the part of a segment below byte `at` need not be read for its indexes' sake:
 * then its greatest time is known. Where it is short learn_first() sees it:
 * ten thousand partitions must start at once. */
static bool
indexed(struct segment *g, const struct ckpt_row *row)
{
	int64_t size = g->size, at = row->at;
	struct index_time end = { -1, -1 };
	g->size = at;
	g->end = row->offset;
	bool good = at <= SHORT || segment_indexes_good(g, LOAD_INTERVAL, false, &end);
	g->size = size;
	if (good)
		segment_learn(g, &g->max_time, &g->max_time_offset);
	if (good && end.time > g->max_time) {
		g->max_time = end.time;
		g->max_time_offset = g->base + end.offset;
	}
	return good;
}

/* Whether the row agrees with what lies there so well that nothing need be read. */
static bool
agrees(const struct partition *p, const struct ckpt_row *row)
{
	struct segment *last = partition_active(p);
	if (row == NULL)
		return false;
	if (last == NULL)
		return row->at == 0;
	return last->base == row->base && last->size == row->at && indexed(last, row);
}

/* From when on the age of a segment counts of which the first `at` bytes are not read, and the
 * greatest time of one so short that indexed() has not looked. */
static void
learn_first(struct segment *g, int64_t at)
{
	uint8_t b[SHORT];
	int64_t n = at <= SHORT ? at : HEAD_BYTES;
	int fd;
	if (n < HEAD_BYTES || fs_open(g->path, O_RDONLY, &fd) != 0)
		return;
	if (fs_pread(fd, b, (size_t)n, 0) == 0) {
		g->first_time = head_max_time(b);
		for (int64_t i = 0; at <= SHORT && n - i >= HEAD_BYTES && head_sane(b + i, n - i);
		    i += head_size(b + i)) {
			if (head_max_time(b + i) <= g->max_time)
				continue;
			g->max_time = head_max_time(b + i);
			g->max_time_offset = head_end(b + i) - 1;
		}
	}
	fs_close(&fd);
}

/* known: what belongs to the row's offset is there, so the log need not be read before
 * it. promised: what ends before that is damaged. */
static int
scan_rows(struct partition *p, const struct ckpt_row *row, bool known, int64_t promised)
{
	struct segment *from = partition_segment(p, known ? row->base : 0);
	int64_t at = 0;
	if (from == NULL) {
		p->end.offset = row == NULL ? 0 : row->offset;
		if (row != NULL && row->at > 0) {
			p->end.offset = row->log_start;
			partition_lacks(p, promised);
		}
		return 0;
	}
	p->end.offset = from->base;
	if (known && from->base == row->base && from->size >= row->at &&
	    indexed(from, row)) {
		at = row->at;
		p->end.offset = row->offset;
	}
	if (at > 0)
		learn_first(from, at);
	segment_trust_index(from, at);
	return scan_again(p, from, at, known ? row->offset : 0, promised);
}

/* What appends must know of the active segment that was not read. */
static void
learn_active(struct partition *p)
{
	struct segment *g = partition_active(p);
	if (g == NULL || g->size < HEAD_BYTES)
		return;
	learn_first(g, g->size);
	segment_trust_index(g, g->size);
}

void
partition_drop_segments(struct partition *p)
{
	LIST_FOREACH(h, &p->segments) {
		list_del(h);
		segment_put(CONTAINER_OF(h, struct segment, hook));
	}
}

void
partition_unload(struct partition *p, const char *what, int err)
{
	ev_err(&p->ev, "cannot be %s: %s; it is offline until it can", what, err_text(err));
	partition_drop_segments(p);
	p->end.offset = p->point.offset > p->log_start ? p->point.offset : p->log_start;
	p->unloaded = true;
	p->state = LOG_OFFLINE;
	p->fail_err = ERR_IO;
}

/* What the checkpoint says. */
static void
take_row(struct partition *p, const struct ckpt_row *row)
{
	p->log_start = row->log_start;
	p->clean_offset = row->clean < row->offset ? row->clean : row->offset;
	p->kept_base = row->base;
	p->kept_offset = row->offset;
	p->end.offset = row->offset;
	p->point = (struct log_point){ row->offset, row->base, row->at, row->producers, row->epoch };
	p->promised = row->promised;
	p->voided = row->voided;
	p->damaged = row->damaged;
	p->synced.offset = p->point.offset;
}

bool
partition_load_marked(struct partition *p, const struct ckpt_row *row, const struct mark *mark)
{
	if (!mark_load(mark, p, row))
		return false;
	take_row(p, row);
	start_at_files(p);
	return true;
}

int
partition_load(struct partition *p, const struct ckpt_row *row, enum load_how how)
{
	if (row != NULL && !uuid_eq(&row->topic, &p->topic))
		row = NULL;
	p->point.epoch = -1;
	if (row != NULL)
		take_row(p, row);
	int err = see_files(p);
	if (err != 0)
		return err;
	bool known = how != LOAD_ALL && row != NULL && sequence_load(p, row);
	int64_t promised = row == NULL ? 0 : row->offset;
	/* A damaged log gets no newer one; but the journal may have what is missing. */
	if (how != LOAD_CRASH && promised < p->promised)
		promised = p->promised;
	if (how == LOAD_CLEAN && known && agrees(p, row))
		learn_active(p);
	else
		err = scan_rows(p, row, known, promised);
	start_at_files(p);
	return err;
}

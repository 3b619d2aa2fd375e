/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One partition at start. After a clean stop its row of the checkpoint says all;
 * otherwise the log is read from the recovery point on. What lies above the
 * recovery point was promised to nobody (or is in the journal), so the first bad
 * batch ends the log, whatever follows: files are cut there and later ones removed.
 * Less than the recovery point promised is damage: the partition serves what is
 * there and takes no more.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/scan.h"
#include "log/sequence.h"

static int
see_file(const char *name, void *arg)
{
	struct partition *p = arg;
	int64_t base;
	if (!segment_parse(name, "log", &base))
		return 0;
	struct segment *g = segment_create(p->dir, base);
	int err = fs_path_size(g->path, &g->size);
	if (err != 0) {
		ev_err(&p->ev, "%s: %s", name, err_text(err));
		segment_put(g);
		return err;
	}
	g->written = g->synced = g->size;
	g->on_disk = g->dir_synced = g->sealed = true;
	list_add(&p->segments, &g->hook);
	return 0;
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
	struct segment *first = partition_segment(p, 0), *last = partition_active(p);
	if (first != NULL && p->log_start < first->base)
		p->log_start = first->base;
	if (p->log_start > p->end.offset)
		p->log_start = p->end.offset;
	p->end.bytes = 0;
	p->journaled = p->written = p->synced = p->durable = p->end;
	if (last != NULL) {
		p->synced_base = last->base;
		p->synced_at = last->synced;
		last->sealed = false;
	}
	p->epoch = sequence_epoch(p) < 0 ? 0 : sequence_epoch(p);
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

/* Reads one segment from `at`; ERR_CORRUPT where its batches end before its file. */
static int
scan_segment(struct partition *p, struct segment *g, int64_t at, int64_t *ret_at)
{
	struct scan s;
	const uint8_t *b;
	int64_t limit = g->size, where;
	int fd, err = fs_open(g->path, O_RDONLY, &fd);
	if (err != 0)
		return err;
	scan_start(&s, fd, at, limit, p->end.offset > g->base ? p->end.offset : g->base, true);
	g->size = at;
	while ((err = scan_next(&s, &b, &where)) == 0) {
		segment_note(g, b, p->config.index_interval_bytes);
		sequence_note(p, b);
		p->end.offset = head_end(b);
	}
	*ret_at = s.at;
	g->size = limit;
	scan_stop(&s);
	fs_close(&fd);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
scan_from(struct partition *p, struct segment *from, int64_t at)
{
	int err = 0;
	for (struct list *h = &from->hook; h != &p->segments && err == 0; h = h->next) {
		struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (g->base < p->end.offset && g != from)
			err = ERR_CORRUPT; /* overlaps what came before */
		if (err == 0) {
			if (p->end.offset < g->base)
				p->end.offset = g->base;
			if (at < g->size) {
				g->synced = at;
				g->dir_synced = false;
			}
			err = scan_segment(p, g, at, &at);
		} else
			at = 0;
		if (err == ERR_CORRUPT)
			return partition_cut_files(p, g, at);
		at = 0;
	}
	return err;
}

/* Whether the row agrees with what lies there so well that nothing need be read. */
static bool
agrees(const struct partition *p, const struct ckpt_row *row)
{
	const struct segment *last = partition_active(p);
	if (row == NULL)
		return false;
	if (last == NULL)
		return row->at == 0;
	return last->base == row->base && last->size == row->at;
}

static int
scan_rows(struct partition *p, const struct ckpt_row *row)
{
	struct segment *from = partition_segment(p, row == NULL ? 0 : row->base);
	int64_t at = 0, promised = row == NULL ? 0 : row->offset;
	if (from == NULL)
		return 0;
	p->end.offset = from->base;
	if (row != NULL && from->base == row->base && from->size >= row->at) {
		at = row->at;
		p->end.offset = row->offset;
	}
	int err = scan_from(p, from, at);
	if (err == 0 && p->end.offset < promised) {
		ev_crit(&p->ev, "offsets %" PRId64 " to %" PRId64 " were durable and cannot be read",
		    p->end.offset, promised - 1);
		p->state = LOG_CORRUPT;
	}
	return err;
}

int
partition_load(struct partition *p, const struct ckpt_row *row, bool clean)
{
	int err = fs_list(p->dir, see_file, p);
	if (err != 0)
		return err;
	if (row != NULL && !uuid_eq(&row->topic, &p->topic))
		row = NULL;
	if (row != NULL)
		p->log_start = row->log_start;
	p->end.offset = row == NULL ? 0 : row->offset;
	if (!clean || !agrees(p, row))
		err = scan_rows(p, row);
	if (err == 0 && p->state == LOG_ONLINE && list_empty(&p->segments) && row != NULL &&
	    row->at > 0) {
		ev_crit(&p->ev, "all segments are gone; they held offsets below %" PRId64, row->offset);
		p->state = LOG_CORRUPT;
	}
	p->synced.offset = row == NULL ? 0 : row->offset;
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hundred thousand partitions start at once when none of their files is opened. So a stop writes down
 * what a start would find out: segments and their sizes, the times of the newest one, how full its index is, the
 * leader epochs. Whether that is still so is asked of the directory alone, by the time of its last change, which nobody
 * can set: what is added, removed or put in the place of another shows there, also a copy of the whole. What was
 * changed within a file shows when that is used: readers check each batch, and who appends the size.
 */
#include "log/mark.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/impl.h"
#include "log/sequence.h"

#define FIRST_WORDS "schloss-clean-stop 1 "
#define SIZE_MOST (INT64_C(1) << 40)	/* of a segment; the sum of all fits then */
#define EPOCHS_MOST 1000		/* of a partition: more are read from their own file */

/* ---- at a stop ---- */

void
mark_begin(struct buf *out, uint32_t crc)
{
	buf_printf(out, FIRST_WORDS "%08" PRIx32 "\n", crc);
}

void
mark_end(struct buf *out)
{
	uint32_t crc = crc32c(0, out->p, out->n);
	buf_printf(out, "crc %08" PRIx32 "\n", crc);
}

/* Locked. */
static bool
is_whole(const struct partition *p)
{
	return p->state == LOG_ONLINE && !p->unloaded && !p->unproved && p->damaged < 0 && p->promised == 0;
}

/* Whether its checkpoint is the whole truth, and its files are what they should be. Locked. */
static bool
is_settled(const struct partition *p)
{
	const struct segment *last = partition_active(p);
	if (p->stale || p->trim || !list_empty(&p->doomed) || p->point.offset != p->end.offset || p->epochs.dirty ||
	    p->epochs.n > EPOCHS_MOST)
		return false;
	for (const struct list *h = p->segments.next; h != &p->segments; h = h->next) {
		const struct segment *g = CONTAINER_OF(h, struct segment, hook);
		if (!g->on_disk || g->written != g->size)
			return false;
	}
	return last == NULL ? p->point.at == 0 : last->base == p->point.base && last->size == p->point.at;
}

/* Locked. */
static void
add_row(struct buf *out, const struct partition *p, int64_t changed)
{
	const struct segment *last = partition_active(p);
	size_t n = 0;
	buf_printf(out, "%s %" PRId64, p->label, changed);
	if (last == NULL)
		buf_add_str(out, STR(" -1 -1 -1 0 0"));
	else
		buf_printf(out, " %" PRId64 " %" PRId64 " %" PRId64 " %zu %" PRId64, last->first_time, last->max_time,
		    last->max_time_offset, last->indexes.file_ats + last->indexes.ats_saved, last->indexes.noted);
	buf_printf(out, " %zu", p->epochs.n);
	for (size_t i = 0; i < p->epochs.n; i++)
		buf_printf(out, " %" PRId32 " %" PRId64, p->epochs.v[i].epoch, p->epochs.v[i].start);
	for (const struct list *h = p->segments.next; h != &p->segments; h = h->next)
		n++;
	buf_printf(out, " %zu", n);
	for (const struct list *h = p->segments.next; h != &p->segments; h = h->next) {
		const struct segment *g = CONTAINER_OF(h, struct segment, hook);
		buf_printf(out, " %" PRId64 " %" PRId64, g->base, g->size);
	}
	buf_add_str(out, STR("\n"));
}

/* The entries that a start would count are on the disk: what a power loss took of them would be a hole in the
 * file once others follow. Of closed segments they are. */
static int
sync_index(const struct segment *g)
{
	if (g == NULL || g->indexes.ats_saved == 0)
		return 0;
	char *path = segment_sibling(g, "index");
	int fd, err = fs_open(path, O_RDONLY, &fd);
	mem_free(path);
	if (err != 0)
		return err;
	err = fs_sync(fd);
	fs_close(&fd);
	return err;
}

void
mark_add(struct buf *out, struct partition *p, bool synced)
{
	int64_t changed;
	if (!synced && sync_index(partition_active(p)) != 0)
		return;
	if ((p->untidy && partition_has_leftovers(p)) || fs_changed(p->dir, &changed) != 0)
		return;
	lock_take(&p->lock);
	if (is_whole(p) && is_settled(p))
		add_row(out, p, changed);
	lock_drop(&p->lock);
}

/* ---- at a start ---- */

static int
by_label(const void *a, const void *b)
{
	return str_cmp(((const struct mark_row *)a)->label, ((const struct mark_row *)b)->label);
}

/* The text between the first line, which names the checkpoint, and the last one. */
static bool
unwrap(struct str *text, uint32_t crc)
{
	char want[40];
	const size_t n = sizeof("crc 00000000\n") - 1;
	struct str line;
	if (text->n < n)
		return false;
	text->n -= n;
	snprintf(want, sizeof(want), "crc %08" PRIx32 "\n", crc32c(0, text->p, text->n));
	if (memcmp(text->p + text->n, want, n) != 0)
		return false;
	str_cut(text, '\n', &line);
	snprintf(want, sizeof(want), FIRST_WORDS "%08" PRIx32, crc);
	return str_eq(line, str_from(want));
}

void
mark_parse(char *text, size_t n, uint32_t crc, struct mark *ret)
{
	struct mark m = { .text = text };
	struct str all = { text, n }, line;
	size_t cap = 0;
	if (!unwrap(&all, crc))
		all.n = 0;
	while (all.p != NULL && all.n > 0) {
		str_cut(&all, '\n', &line);
		if (m.n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			m.v = mem_realloc(m.v, cap * sizeof(*m.v));
		}
		m.v[m.n].rest = line;
		str_cut(&m.v[m.n].rest, ' ', &m.v[m.n].label);
		m.n++;
	}
	if (m.n > 0)
		qsort(m.v, m.n, sizeof(*m.v), by_label);
	*ret = m;
}

void
mark_free(struct mark *m)
{
	mem_free(m->v);
	mem_free(m->text);
	*m = (struct mark){ NULL, NULL, 0 };
}

/* The next number of a row; what there is not is -2, which no field allows. */
static int64_t
number(struct str *row, int64_t min)
{
	struct str part;
	int64_t v;
	if (row->p == NULL)
		return -2;
	str_cut(row, ' ', &part);
	return str_to_i64(part, min, INT64_MAX, &v) == 0 ? v : -2;
}

static bool
take_epochs(struct str *row, struct epochs *ret)
{
	int64_t n = number(row, 0);
	for (int64_t i = 0; i < n; i++) {
		int64_t epoch = number(row, 0), start = number(row, 0);
		if (epoch < 0 || epoch >= EPOCH_MAX || start < 0)
			return false;
		epochs_note(ret, (int32_t)epoch, start);
	}
	ret->dirty = false;
	return n >= 0 && ret->n == (size_t)n;
}

static bool
take_segments(struct str *row, struct partition *p)
{
	int64_t n = number(row, 0), next = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t base = number(row, 0), size = number(row, 0);
		if (base < next || size < 0 || size > SIZE_MOST || base == INT64_MAX)
			return false;
		struct segment *g = segment_found(p, base, size);
		g->unlooked = true;
		next = base + 1;
	}
	return n >= 0 && row->p == NULL;
}

/* What the stop knew of the segment that appends go on with. */
struct active {
	int64_t first_time, max_time, max_time_offset, index, noted;
};

static bool
take_row(struct str *row, struct partition *p, const struct ckpt_row *r, struct epochs *epochs)
{
	struct active a;
	a.first_time = number(row, -1);
	a.max_time = number(row, -1);
	a.max_time_offset = number(row, -1);
	a.index = number(row, 0);
	a.noted = number(row, 0);
	if (a.first_time < -1 || a.max_time < -1 || a.max_time_offset < -1 || a.index < 0 || a.noted < 0 ||
	    !take_epochs(row, epochs) || !take_segments(row, p))
		return false;
	struct segment *g = partition_active(p);
	if (g == NULL)
		return r->at == 0;
	if (g->base != r->base || g->size != r->at || r->offset < g->base || a.index > g->size || a.noted > g->size)
		return false;
	g->first_time = a.first_time;
	g->max_time = a.max_time;
	g->max_time_offset = a.max_time_offset;
	g->indexes.file_ats = (size_t)a.index;
	g->indexes.noted = a.noted;
	return true;
}

bool
mark_load(const struct mark *m, struct partition *p, const struct ckpt_row *row)
{
	struct mark_row key = { .label = str_from(p->label) };
	struct epochs epochs = { NULL, 0, 0, false };
	int64_t changed;
	const struct mark_row *found = m->n == 0 ? NULL : bsearch(&key, m->v, m->n, sizeof(*m->v), by_label);
	if (found == NULL || row->promised > 0 || row->damaged >= 0)
		return false;
	struct str rest = found->rest;
	int64_t was = number(&rest, INT64_MIN);
	if (fs_changed(p->dir, &changed) != 0 || changed != was)
		return false;
	bool good = take_row(&rest, p, row, &epochs) && epochs_newest(&epochs) == row->epoch &&
	    sequence_take(p, row, &epochs);
	epochs_free(&epochs);
	if (!good)
		partition_drop_segments(p);
	return good;
}

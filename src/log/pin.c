/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a data directory's files. A checkpoint pass puts all that is acknowledged into segments, so the
 * journal need not be copied; then each partition is held at its recovery point, under the pass's lock (the point and
 * its snapshot stay) and the lock of its files (none is exchanged). Segments that begin behind the point came later and
 * are left out. Retention may have taken the point's segment away, with all before it; then the point is moved.
 * What a start makes of it is what it makes of a crash at that moment, with an empty journal.
 *
 * First internal topics, then, after another pass, the others: what a group has committed lies below the end of
 * the log that it names. No partition is held for longer than it takes to link its files.
 */
#include "log/pin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rand.h"
#include "log/checkpoint.h"
#include "log/impl.h"

#define SMALL_MAX (UINT64_C(1) << 20)
#define TRIES 5		/* at a partition whose segments go while it is looked at */

char *
pins_place(const struct store *s)
{
	char name[64];
	uint64_t number;
	rand_bytes(&number, sizeof(number));
	snprintf(name, sizeof(name), ".backup.%016" PRIx64 "-delete", number);
	return store_file(s, name);
}

int
pins_begin(struct pins *pins, const char *dir)
{
	pins->dir = dir;
	buf_init(&pins->list, SIZE_MAX);
	return fs_mkdir(dir);
}

void
pins_free(struct pins *pins)
{
	buf_free(&pins->list);
}

char *
pins_next(const struct pins *pins, char out[PINS_PATH])
{
	snprintf(out, PINS_PATH, "%s/%" PRId64, pins->dir, pins->files + 1);
	return out;
}

static int
note(struct pins *pins, const char *name, int64_t length)
{
	pins->files++;
	pins->bytes += length;
	return buf_printf(&pins->list, "%" PRId64 " %s\n", length, name);
}

int
pins_made(struct pins *pins, const char *name)
{
	char path[PINS_PATH];
	int64_t size;
	int err = fs_path_size(pins_next(pins, path), &size);
	return err != 0 ? err : note(pins, name, size);
}

int
pins_link(struct pins *pins, const char *from, const char *name, int64_t length)
{
	char path[PINS_PATH];
	int64_t size;
	int err = fs_link(from, pins_next(pins, path));
	if (err == 0)
		err = fs_path_size(path, &size);
	if (err == 0 && length > size)
		err = ERR_SHORT;
	return err != 0 ? err : note(pins, name, length < 0 ? size : length);
}

int
pins_put(struct pins *pins, const char *name, const void *p, size_t n)
{
	char path[PINS_PATH];
	int err = fs_replace_lazy(pins_next(pins, path), p, n);
	return err != 0 ? err : note(pins, name, (int64_t)n);
}

/* ---- one partition ---- */

/* What is held of it. */
struct hold {
	struct pins *pins;
	struct partition *p;
	struct ckpt_row row;
	int64_t promised;		/* it must reach so far */
	int64_t base, at;		/* where its point is: the segment and the byte in it */
};

static int
link_file(struct hold *h, const char *file, int64_t length)
{
	char from[PINS_PATH], name[CKPT_LABEL + 64];
	snprintf(from, sizeof(from), "%s/%s", h->p->dir, file);
	snprintf(name, sizeof(name), "%s/%s", h->p->label, file);
	return pins_link(h->pins, from, name, length);
}

/* What a start makes anew where it is not there. */
static int
link_hint(struct hold *h, const char *file)
{
	int err = link_file(h, file, -1);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
link_numbered(struct hold *h, int64_t number, const char *suffix)
{
	char file[64];
	snprintf(file, sizeof(file), "%020" PRId64 ".%s", number, suffix);
	return link_hint(h, file);
}

static int
link_segment(struct hold *h, int64_t base, int64_t length, bool on_disk)
{
	char file[64], name[CKPT_LABEL + 64];
	snprintf(file, sizeof(file), "%020" PRId64 ".log", base);
	if (length == 0 && !on_disk) {	/* its name tells where the log goes on */
		snprintf(name, sizeof(name), "%s/%s", h->p->label, file);
		return pins_put(h->pins, name, "", 0);
	}
	int err = link_file(h, file, length);
	if (err == 0)
		err = link_numbered(h, base, "index");
	return err != 0 ? err : link_numbered(h, base, "timeindex");
}

/* Of a segment, as it is at the point. */
struct part {
	int64_t base, length;
	bool on_disk;
};

/* Where the point is: a segment that begins there will do as well, where retention has taken the others. Locked. */
static bool
place_of(const struct partition *p, int64_t *ret_base, int64_t *ret_at)
{
	*ret_base = p->point.base;
	*ret_at = p->point.at;
	LIST_FOREACH(hook, &p->segments) {
		const struct segment *g = CONTAINER_OF(hook, struct segment, hook);
		if (g->base == p->point.base)
			return true;
		if (g->base == p->point.offset) {
			*ret_base = g->base;
			*ret_at = 0;
			return true;
		}
	}
	return p->point.at == 0 && list_empty(&p->segments);
}

/* Its segments up to the point; NULL where that lies in none of them. Locked. */
static struct part *
parts_of(struct hold *h, size_t *ret_n)
{
	const struct partition *p = h->p;
	size_t n = 0;
	if (!place_of(p, &h->base, &h->at))
		return NULL;
	LIST_FOREACH(hook, &p->segments)
		n++;
	struct part *v = mem_alloc((n + 1) * sizeof(*v));
	n = 0;
	LIST_FOREACH(hook, &p->segments) {
		const struct segment *g = CONTAINER_OF(hook, struct segment, hook);
		if (g->base <= h->base)
			v[n++] = (struct part){ g->base, g->base == h->base ? h->at : g->size, g->on_disk };
	}
	*ret_n = n;
	return v;
}

static int
link_small(struct hold *h)
{
	int err = link_file(h, "partition.metadata", -1);
	if (err == 0 && h->row.producers > 0)
		err = link_numbered(h, h->row.offset, "snapshot");
	return err != 0 ? err : link_hint(h, "leader-epoch-checkpoint");
}

/* Its files at its point. ERR_AGAIN: that must move first. */
static int
link_all(struct hold *h, struct buf *rows)
{
	struct partition *p = h->p;
	size_t n = 0;
	lock_take(&p->io);
	lock_take(&p->lock);
	enum log_state state = p->state;
	struct part *v = state == LOG_DELETED || p->point.offset < h->promised ? NULL : parts_of(h, &n);
	lock_drop(&p->lock);
	int err = state == LOG_DELETED ? ERR_NOTFOUND : v == NULL ? ERR_AGAIN : 0;
	bool deleted = state == LOG_DELETED;
	if (err == 0 && !ckpt_row_of(p, &h->row))
		err = ERR_IO;
	h->row.base = h->base;
	h->row.at = h->at;
	if (err == 0)
		err = link_small(h);
	for (size_t i = 0; i < n && err == 0; i++)
		err = link_segment(h, v[i].base, v[i].length, v[i].on_disk);
	lock_drop(&p->io);
	mem_free(v);
	if (err == ERR_NOTFOUND && !deleted)
		err = ERR_SHORT;	/* somebody has removed a file of a log */
	if (err == 0)
		ckpt_add(rows, &h->row);
	return err;
}

static bool
failed(struct partition *p)
{
	lock_take(&p->lock);
	bool yes = p->state == LOG_OFFLINE || p->state == LOG_CORRUPT || p->unloaded || p->unproved || p->promised > p->end.offset;
	lock_drop(&p->lock);
	return yes;
}

/* Under LOGPASS. */
static int
hold_now(struct hold *h, struct buf *rows)
{
	int err = failed(h->p) ? ERR_CORRUPT : link_all(h, rows);
	for (int i = 0; i < TRIES && err == ERR_AGAIN; i++) {
		err = store_save(h->p->store, &h->p, 1, NULL);
		if (err == 0 || err == ERR_AGAIN)
			err = failed(h->p) ? ERR_CORRUPT : link_all(h, rows);
	}
	return err;
}

static int
hold_one(struct store *s, struct hold *h, struct buf *rows, struct why *why)
{
	lock_take(&s->pass);
	int err = hold_now(h, rows);
	lock_drop(&s->pass);
	if (err == 0 || err == ERR_NOTFOUND)
		return 0; /* or it is being deleted */
	if (err == ERR_CORRUPT)
		return why_set(why, err, "the log of %s failed or is damaged: the copy would lack some of it; "
		    "schlossctl topic recover comes first", h->p->label);
	return why_set(why, err, "%s: %s", h->p->label, err_text(err));
}

/* ---- the directory ---- */

static int64_t
durable_end(struct partition *p)
{
	struct log_ends ends;
	partition_ends(p, &ends);
	return ends.high_watermark;
}

static int
hold_some(struct store *s, struct pins *pins, struct partition **v, size_t n, bool internal, struct buf *rows, struct why *why)
{
	int err = 0;
	int64_t *ends = mem_alloc((n + 1) * sizeof(*ends));
	for (size_t i = 0; i < n; i++)
		ends[i] = durable_end(v[i]);
	(void)store_pass(s);	/* what could not be flushed shows below */
	for (size_t i = 0; i < n && err == 0; i++) {
		struct hold h = { .pins = pins, .p = v[i], .promised = ends[i] };
		if (v[i]->internal != internal)
			continue;
		err = atomic_load(&pins->stop) ? why_set(why, ERR_CLOSED, "stopped") : hold_one(s, &h, rows, why);
		atomic_fetch_add(&pins->done, 1);
	}
	mem_free(ends);
	return err;
}

static int
put_file(struct store *s, struct pins *pins, const char *name, struct why *why)
{
	char *path = store_file(s, name), *text;
	size_t n;
	int err = fs_slurp(path, SMALL_MAX, &text, &n);
	if (err == 0) {
		err = pins_put(pins, name, text, n);
		mem_cleanse(text, n);
		mem_free(text);
	}
	if (err != 0 && err != ERR_NOTFOUND)
		why_set(why, err, "%s: %s", path, err_text(err));
	mem_free(path);
	return err;
}

static bool
has_nameless(struct store *s)
{
	lock_take(&s->lock);
	bool yes = map_count(s->nameless) > 0 || map_count(s->orphans) > 0;
	lock_drop(&s->lock);
	return yes;
}

int
store_pin(struct store *s, struct pins *pins, struct why *why)
{
	size_t n;
	struct buf rows;
	if (has_nameless(s))
		return why_set(why, ERR_CORRUPT, "the start could not read whose some directories of partitions are: see its log");
	struct partition **v = store_collect(s, &n);
	atomic_store(&pins->total, (int64_t)n);
	buf_init(&rows, SIZE_MAX);
	ckpt_begin(&rows);
	int err = hold_some(s, pins, v, n, true, &rows, why);
	if (err == 0) {
		store_release(v, n);
		v = store_collect(s, &n);	/* a topic may have been made meanwhile, and a group have read it */
		err = hold_some(s, pins, v, n, false, &rows, why);
	}
	ckpt_end(&rows);
	if (err == 0 && (err = pins_put(pins, "checkpoint", rows.p, rows.n)) != 0)
		why_set(why, err, "checkpoint: %s", err_text(err));
	if (err == 0)
		err = put_file(s, pins, "format", why);
	if (err == 0 && (err = put_file(s, pins, "login.secret", why)) == ERR_NOTFOUND)
		err = 0;
	buf_free(&rows);
	store_release(v, n);
	return err;
}

int
store_pin_era(struct store *s, struct pins *pins, struct why *why)
{
	return put_file(s, pins, "leader-epoch", why);
}

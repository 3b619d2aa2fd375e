/* SPDX-License-Identifier: Apache-2.0 */
/* The table of partitions of a data directory: finding, making, deleting. */
#include "log/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/maintain.h"
#include "log/room.h"

#define SYNC_EACH_MAX 4		/* more new partitions than this: one sync of all */

static struct name
key_of(const struct uuid *topic, int32_t index)
{
	return NAME((uint32_t)index, ((struct str){ (const char *)topic->b, sizeof(topic->b) }));
}

void
store_add(struct store *s, struct partition *p)
{
	lock_take(&s->lock);
	map_put(s->table, key_of(&p->topic, p->index), p);
	lock_drop(&s->lock);
}

struct partition *
store_find(struct store *s, const struct uuid *topic, int32_t index)
{
	lock_take(&s->lock);
	struct partition *p = map_get(s->table, key_of(topic, index));
	if (p != NULL)
		partition_get(p);
	lock_drop(&s->lock);
	return p;
}

struct partition **
store_collect(struct store *s, size_t *ret_n)
{
	size_t pos = 0, n = 0;
	struct name key;
	struct partition *p;
	lock_take(&s->lock);
	struct partition **v = mem_alloc((map_count(s->table) + 1) * sizeof(struct partition *));
	while ((p = map_next(s->table, &pos, &key)) != NULL)
		v[n++] = partition_get(p);
	lock_drop(&s->lock);
	*ret_n = n;
	return v;
}

void
store_release(struct partition **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		partition_put(&v[i]);
	mem_free(v);
}

int
store_each(struct store *s, int (*each)(struct partition *p, void *arg), void *arg)
{
	size_t n;
	int err = 0;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n && err == 0; i++)
		err = each(v[i], arg);
	store_release(v, n);
	return err;
}

size_t
store_count(const struct store *s)
{
	struct store *m = (struct store *)(uintptr_t)s; /* the lock is not part of its value */
	lock_take(&m->lock);
	size_t n = map_count(s->table);
	lock_drop(&m->lock);
	return n;
}

bool
store_was_clean(const struct store *s)
{
	return s->was_clean;
}

int32_t
store_era(const struct store *s)
{
	return atomic_load(&s->era);
}

/* Under era_lock. */
static int
raise_era(struct store *s, int32_t era)
{
	if (era <= s->era)
		return 0;
	if (era > ERA_MAX)
		return ERR_LIMIT;
	int err = era_write(s, era);
	if (err == ERR_NOSPACE && store_spend_reserve(s, true))
		err = era_write(s, era);
	if (err == 0)
		atomic_store(&s->era, era);
	return err;
}

int
store_raise_era(struct store *s, int32_t era)
{
	lock_take(&s->era_lock);
	int err = raise_era(s, era);
	lock_drop(&s->era_lock);
	return err;
}

int
store_next_era(struct store *s)
{
	lock_take(&s->era_lock);
	int err = raise_era(s, s->era + 1);
	lock_drop(&s->era_lock);
	return err;
}

const char *
store_path(const struct store *s)
{
	return s->path;
}

int
store_space(const struct store *s, uint64_t *ret_free, uint64_t *ret_total)
{
	return fs_space(s->path, ret_free, ret_total);
}

/* ---- what a start could not read ---- */

struct orphan {
	struct uuid topic;
	int64_t end;			/* of what the journal has of it */
};

void
store_add_nameless(struct store *s, const char *label)
{
	char *copy = mem_strdup(label);
	lock_take(&s->lock);
	map_put(s->nameless, NAME(0, str_from(copy)), copy);
	lock_drop(&s->lock);
}

bool
store_add_orphan(struct store *s, const struct uuid *topic, int32_t index, int64_t end)
{
	lock_take(&s->lock);
	bool may = map_count(s->nameless) > 0;
	struct orphan *o = may ? map_get(s->orphans, key_of(topic, index)) : NULL;
	if (may && o == NULL) {
		o = MEM_NEW(struct orphan);
		o->topic = *topic;
		map_put(s->orphans, key_of(&o->topic, index), o);
	}
	if (may && o->end < end)
		o->end = end;
	lock_drop(&s->lock);
	return may;
}

bool
store_has_orphans(struct store *s)
{
	lock_take(&s->lock);
	bool yes = map_count(s->orphans) > 0;
	lock_drop(&s->lock);
	return yes;
}

void
store_drop_orphans(struct store *s)
{
	size_t pos = 0;
	struct name key;
	struct orphan *o;
	lock_take(&s->lock);
	while ((o = map_next(s->orphans, &pos, &key)) != NULL) {
		map_del(s->orphans, key);
		mem_free(o);
	}
	lock_drop(&s->lock);
}

void
store_claimed(struct store *s)
{
	lock_take(&s->lock);
	s->claimed = true;
	lock_drop(&s->lock);
	store_drop_orphans(s);
}

/* ---- making ---- */

/* An existing partition: takes over the settings. */
static void
adopt(struct partition *p, const struct store_topic *t)
{
	lock_take(&p->lock);
	p->internal = t->internal;
	lock_drop(&p->lock);
	partition_set_config(p, &t->config);
}

/* The start could not read whose directory it is; it has a log in it, so nothing is made there, also
 * where it can be read by now. At the start it is its topic's, which waits for a better day. */
static int
claim(struct partition *p, struct why *why)
{
	struct store *s = p->store;
	lock_take(&s->lock);
	bool late = s->claimed;
	struct orphan *o = late ? NULL : map_del(s->orphans, key_of(&p->topic, p->index));
	lock_drop(&s->lock);
	if (late)
		return why_set(why, ERR_IO, "%s has a log, and the start could not read whose it is", p->dir);
	p->unproved = true;
	p->point.epoch = -1;
	partition_unload(p, "read", ERR_IO);
	partition_settle(p);
	if (o != NULL)
		partition_leave_entries(p, o->end);
	mem_free(o);
	return 0;
}

static int
is_log(const char *name, void *arg)
{
	(void)arg;
	const char *dot = strrchr(name, '.');
	return dot != NULL && strcmp(dot, ".log") == 0;
}

/* A directory that there is already: left by a crash before it was made known, of many at once perhaps
 * without whose it is; or somebody else's. */
static int
take_directory(struct partition *p, bool sync, struct why *why)
{
	struct store *s = p->store;
	struct uuid other;
	lock_take(&s->lock);
	bool nameless = map_get(s->nameless, NAME(0, str_from(p->label))) != NULL;
	lock_drop(&s->lock);
	if (nameless)
		return claim(p, why);
	int err = meta_read(p->dir, &other);
	if (err == 0 && !uuid_eq(&other, &p->topic))
		return why_set(why, ERR_EXISTS, "%s belongs to another topic", p->dir);
	if (err != 0 && fs_list(p->dir, is_log, NULL) != 0) {
		ev_err(&p->ev, "there is a log, and partition.metadata does not say whose: %s", err_text(err));
		return claim(p, why);
	}
	return meta_write(p->dir, &p->topic, sync);
}

static int
make_one(struct store *s, const struct store_topic *t, int32_t index, bool sync, struct why *why)
{
	char label[256];
	int err = store_label(t->name, index, &t->id, label, sizeof(label));
	if (err != 0)
		return why_set(why, err, "the topic's name does not make a directory's name");
	struct partition *p = partition_create(s, &t->id, index, t->internal, label, &t->config);
	err = fs_mkdir(p->dir);
	if (err == 0)
		err = meta_write(p->dir, &t->id, sync);
	else if (err == ERR_EXISTS)
		err = take_directory(p, sync, why);
	else
		why_set(why, err, "%s: %s", p->dir, err_text(err));
	p->configured = true;
	if (err == 0)
		store_add(s, p);
	else
		partition_put(&p);
	return err;
}

int
store_create_partitions(struct store *s, const struct store_topic *t, int32_t first,
    int32_t count, struct why *why)
{
	int32_t made = 0;
	int err = 0;
	why_set(why, 0, "the disk failed");
	for (int32_t i = first; i < first + count && err == 0; i++) {
		struct partition *p = store_find(s, &t->id, i);
		if (p != NULL) {
			adopt(p, t);
			partition_put(&p);
			continue;
		}
		err = make_one(s, t, i, count <= SYNC_EACH_MAX, why);
		made++;
	}
	if (made == 0)
		return err;
	int e = count <= SYNC_EACH_MAX ? fs_sync_dir(s->path) : fs_sync_all(s->path);
	return err != 0 ? err : e;
}

/* ---- deleting ---- */

/* Takes a partition out of the table, ends its work and gives its directory another name. */
static int
take_away(struct store *s, struct partition *p, const char *to)
{
	lock_take(&s->lock);
	(void)map_del(s->table, key_of(&p->topic, p->index));
	lock_drop(&s->lock);
	lock_take(&p->lock);
	partition_close(p, ERR_CLOSED);
	lock_drop(&p->lock);
	lock_take(&p->io);
	int err = fs_rename(p->dir, to);
	lock_drop(&p->io);
	partition_put(&p); /* the table's */
	return err == 0 ? fs_sync_dir(s->path) : err;
}

int
store_delete_partition(struct store *s, const struct uuid *topic, int32_t index)
{
	char id[UUID_TEXT];
	struct partition *p = store_find(s, topic, index);
	if (p == NULL)
		return ERR_NOTFOUND;
	size_t n = strlen(s->path) + UUID_TEXT + 48;
	struct dead *d = MEM_NEW(struct dead);
	d->path = mem_alloc(n);
	snprintf(d->path, n, "%s/.%s-%" PRId32 ".%" PRIx64 "-delete", s->path,
	    uuid_format(topic, id), index, clock_mono_ns());
	lock_take(&p->lock);
	int64_t delay = p->config.file_delete_delay_ms;
	lock_drop(&p->lock);
	d->due = store_due_in(delay);
	int err = take_away(s, p, d->path);
	store_bury_dir(s, d);
	partition_put(&p);
	return err;
}

int
store_set_aside(struct store *s, const struct uuid *topic, int32_t index)
{
	char id[UUID_TEXT];
	struct partition *p = store_find(s, topic, index);
	if (p == NULL)
		return ERR_NOTFOUND;
	size_t n = strlen(p->dir) + UUID_TEXT + 16;
	char *path = mem_alloc(n);
	snprintf(path, n, "%s.%s-stray", p->dir, uuid_format(topic, id));
	int err = take_away(s, p, path);
	if (err == 0)
		ev_crit(&s->ev, "no topic knows of %s: it was kept as %s; remove that, or restore the metadata that it belongs to",
		    p->dir, path);
	else
		ev_err(&s->ev, "no topic knows of %s, and it cannot be moved: %s", p->dir, err_text(err));
	mem_free(path);
	partition_put(&p);
	return err;
}

void
store_stats(const struct store *cs, struct store_stats *ret)
{
	struct store *s = (struct store *)(uintptr_t)cs;
	struct journal_stats j;
	struct store_stats r = {
		.appended_bytes = atomic_load(&s->n_appended),
		.written_bytes = atomic_load(&s->n_written),
		.segment_syncs = atomic_load(&s->n_syncs),
		.hot_reads = atomic_load(&s->n_hot),
		.cold_reads = atomic_load(&s->n_cold),
		.dirty = (uint64_t)atomic_load(&s->dirty),
		.tail = s->tail.bytes,
		.open_files = fd_cache_open(&s->fds),
		.full = atomic_load(&s->full),
	};
	journal_stats(s->journal, &j);
	r.journal_bytes = j.bytes;
	r.journal_commits = j.commits;
	r.journal_entries = j.entries;
	size_t n;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++) {
		lock_take(&v[i]->lock);
		r.offline += v[i]->state == LOG_OFFLINE || v[i]->state == LOG_CORRUPT;
		lock_drop(&v[i]->lock);
	}
	r.partitions = (unsigned)n;
	store_release(v, n);
	*ret = r;
}

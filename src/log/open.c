/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and stop of a data directory. Start: lock, format, checkpoint, partitions,
 * journal; what was read again is synced before anybody is served, or a second
 * crash could take back what a reader has seen. A partition whose files fail is left
 * out, with what the journal has of it; the directory's own files must not. The mark of a clean stop is removed,
 * durably, before the first byte is written.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/worker.h"
#include "log/checkpoint.h"
#include "log/impl.h"
#include "log/journal.h"
#include "log/maintain.h"
#include "log/mark.h"
#include "log/room.h"
#include "log/seal.h"
#include "log/sequence.h"

#define FORMAT		"schloss-log 1\n"
#define CHECKPOINT_MAX	(UINT64_C(1) << 30)
#define LOAD_EACH	64u		/* partitions that are worth a thread */
#define LOADERS_MAX	16u
#define SYNC_EACH	32u		/* more indexes: the file system is synced as a whole */
#define KEPT_META	"meta.db.before-"	/* by an upgrade */

const struct log_config log_config_default = {
	.flush = LOG_FLUSH_ACK,
	.flush_messages = INT64_MAX,
	.flush_ms = INT64_MAX,
	.cleanup = LOG_CLEANUP_DELETE,
	.segment_bytes = 1 << 30,
	.segment_index_bytes = 10 << 20,
	.index_interval_bytes = 4096,
	.segment_ms = INT64_C(604800000),
	.retention_bytes = -1,
	.retention_ms = INT64_C(604800000),
	.file_delete_delay_ms = 60000,
	.delete_retention_ms = INT64_C(86400000),
	.max_compaction_lag_ms = INT64_MAX,
	.min_cleanable_dirty_ratio = 0.5,
};

const struct store_config store_config_default = {
	.tail_bytes = UINT64_C(128) << 20,
	.dirty_bytes = UINT64_C(64) << 20,
	.journal_bytes = UINT64_C(16) << 20,
	.journal_files = 16,
	.open_files = 4096,
	.readers = 2,
	.soft_free_percent = 5,
	.ballast_bytes = UINT64_C(64) << 20,
	.checkpoint_bytes = UINT64_C(256) << 20,
	.checkpoint_ms = 60000,
	.retention_check_ms = 300000,
	.producer_expiry_ms = INT64_C(86400000),
	.producers_bytes = UINT64_C(64) << 20,
};

/* What start knows while it goes through the directory. */
struct opening {
	struct store *store;
	struct ckpt ckpt;
	struct mark mark;
	char **names;			/* directories of partitions */
	size_t names_n, names_cap;
	_Atomic size_t next;		/* the next one to load */
};

static struct store *
make(const char *path, const struct store_config *config, const struct event *ev)
{
	struct store *s = MEM_NEW(struct store);
	s->path = mem_strdup(path);
	s->lock_fd = -1;
	event_child(&s->ev, ev, "dir", str_from(s->path));
	s->config = *config;
	s->producers.max = (int64_t)(config->producers_bytes / PRODUCERS_BYTES);
	lock_init(&s->lock, LOCK_STORE);
	lock_init(&s->room, LOCK_LOGROOM);
	lock_init(&s->wlock, LOCK_WRITER);
	lock_init(&s->ckpt, LOCK_LOGCKPT);
	lock_init(&s->pass, LOCK_LOGPASS);
	lock_init(&s->mlock, LOCK_LOGMAINT);
	lock_init(&s->era_lock, LOCK_LOGERA);
	lock_cond_init(&s->wwake);
	lock_cond_init(&s->fwake);
	lock_cond_init(&s->mwake);
	s->table = map_create();
	s->nameless = map_create();
	s->orphans = map_create();
	struct list *lists[] = { &s->dead, &s->room_list, &s->write_urgent, &s->write_lazy,
		&s->sync_queue };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		list_init(lists[i]);
	timers_init(&s->sync_timers);
	s->pass_due = UINT64_MAX;
	tail_cache_init(&s->tail, config->tail_bytes);
	fd_cache_init(&s->fds, config->open_files);
	return s;
}

static void
unmake(struct store *s)
{
	size_t pos = 0;
	struct name key;
	struct partition *p;
	while ((p = map_next(s->table, &pos, &key)) != NULL) {
		map_del(s->table, key);
		partition_put(&p);
	}
	map_destroy(&s->table);
	store_drop_orphans(s);
	map_destroy(&s->orphans);
	char *label;
	for (pos = 0; (label = map_next(s->nameless, &pos, &key)) != NULL; mem_free(label))
		map_del(s->nameless, key);
	map_destroy(&s->nameless);
	store_forget_dead(s);
	timers_free(&s->sync_timers);
	tail_cache_free(&s->tail);
	fd_cache_free(&s->fds);
	fs_close(&s->lock_fd);
	pthread_cond_destroy(&s->wwake);
	pthread_cond_destroy(&s->fwake);
	pthread_cond_destroy(&s->mwake);
	struct lock *locks[] = { &s->lock, &s->room, &s->wlock, &s->ckpt, &s->pass,
		&s->mlock, &s->era_lock };
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		lock_free(locks[i]);
	mem_free(s->path);
	mem_free(s);
}

static int
take_lock(struct store *s, struct why *why)
{
	int err = fs_mkdir(s->path);
	if (err != 0 && err != ERR_EXISTS)
		return why_set(why, err, "cannot make %s: %s", s->path, err_text(err));
	char *path = store_file(s, ".lock");
	err = fs_open(path, O_RDWR | O_CREAT, &s->lock_fd);
	if (err == 0)
		err = fs_lock(s->lock_fd);
	if (err == ERR_BUSY)
		why_set(why, err, "%s is used by another broker", s->path);
	else if (err != 0)
		why_set(why, err, "cannot lock %s: %s", path, err_text(err));
	mem_free(path);
	return err;
}

/* An older format would be upgraded by check_format(), after a copy; this is the first. */
static int
look_at_format(const char *path, struct why *why)
{
	char *text = NULL;
	size_t n;
	int err = fs_slurp(path, 256, &text, &n);
	if (err == 0 && !str_eq(((struct str){ text, n }), STR(FORMAT)))
		err = why_set(why, ERR_UNSUPPORTED, "%s: the directory was written by a newer broker, "
		    "or is none of ours", path);
	else if (err != 0 && err != ERR_NOTFOUND)
		why_set(why, err, "cannot read %s: %s", path, err_text(err));
	mem_free(text);
	return err;
}

static int
check_format(struct store *s, struct why *why)
{
	char *path = store_file(s, "format");
	int err = look_at_format(path, why);
	if (err == ERR_NOTFOUND) {
		err = fs_replace(path, FORMAT, sizeof(FORMAT) - 1);
		if (err != 0)
			why_set(why, err, "cannot write %s: %s", path, err_text(err));
	}
	mem_free(path);
	return err;
}

int
store_look(const char *path, struct why *why)
{
	struct arena *arena = arena_create(SIZE_MAX);
	int err = look_at_format(arena_printf(arena, "%s/format", path).p, why);
	arena_destroy(&arena);
	return err == ERR_NOTFOUND ? 0 : err;
}

/* Damage costs time. What a newer broker wrote is refused: log starts would be lost. */
static int
read_checkpoint(struct opening *o, struct why *why)
{
	struct store *s = o->store;
	char *path = store_file(s, "checkpoint"), *text;
	size_t n;
	int err = fs_slurp(path, CHECKPOINT_MAX, &text, &n);
	if (err == 0) {
		err = ckpt_parse((struct str){ text, n }, &o->ckpt);
		mem_free(text);
	}
	if (err == ERR_UNSUPPORTED)
		why_set(why, err, "%s was written by a newer broker", path);
	else if (err != 0 && err != ERR_NOTFOUND) {
		s->was_clean = false;
		ev_err(&s->ev, "checkpoint: %s; every log is read from its beginning", err_text(err));
	}
	mem_free(path);
	return err == ERR_UNSUPPORTED ? err : 0;
}

/* What the clean stop says beside that it was one. */
static void
read_mark(struct opening *o)
{
	char *path = store_file(o->store, "clean-stop"), *text;
	size_t n;
	if (o->store->was_clean && fs_slurp(path, CHECKPOINT_MAX, &text, &n) == 0)
		mark_parse(text, n, o->ckpt.crc, &o->mark);
	mem_free(path);
}

static bool
ours(const char *name)
{
	static const char *const names[] = { ".lock", "format", "checkpoint", "checkpoint.tmp",
		"format.tmp", "clean-stop", "clean-stop.tmp", "journal", "ballast", "meta.db",
		"meta.db-wal", "meta.db-shm", "meta.db-journal", "lost+found", "login.secret",
		"login.secret.tmp", "leader-epoch", "leader-epoch.tmp" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, KEPT_META, sizeof(KEPT_META) - 1) == 0;
}

/* The topic that a directory belongs to. Where only the disk keeps it from saying so, the checkpoint
 * says it. */
static int
whose(struct store *s, const char *name, const struct ckpt_row *row, struct uuid *ret)
{
	int err = ERR_NOTFOUND;
	if (!s->was_clean || row == NULL) {
		char *dir = store_file(s, name);
		err = meta_read(dir, ret);
		mem_free(dir);
	}
	if (row == NULL || (!s->was_clean && err != ERR_IO))
		return err;
	*ret = row->topic;
	return 0;
}

/* Any thread. */
static void
load_one(struct opening *o, const char *name, int32_t index)
{
	struct store *s = o->store;
	const struct ckpt_row *row = ckpt_find(&o->ckpt, name);
	struct uuid topic;
	struct partition *p;
	int err = whose(s, name, row, &topic);
	if (err == ERR_IO) {
		ev_err(&s->ev, "%s: partition.metadata cannot be read: left alone until its topic asks for it", name);
		store_add_nameless(s, name);
		return;
	}
	if (err != 0) {
		ev_warn(&s->ev, "%s has no partition.metadata: left alone", name);
		return;
	}
	p = partition_create(s, &topic, index, false, name, &log_config_default);
	if (row == NULL || !partition_load_marked(p, row, &o->mark))
		err = partition_load(p, row, s->was_clean ? LOAD_CLEAN : LOAD_CRASH);
	if (err != 0)
		partition_unload(p, "read", err);
	store_add(s, p);
}

static void *
load_run(void *arg)
{
	struct opening *o = arg;
	int32_t index;
	for (size_t i; (i = atomic_fetch_add(&o->next, 1)) < o->names_n;)
		if (store_label_index(o->names[i], &index))
			load_one(o, o->names[i], index);
	return NULL;
}

/* Each log by itself, on all processors where there are many. */
static void
load_all(struct opening *o)
{
	pthread_t threads[LOADERS_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = o->names_n / LOAD_EACH, others = 0;
	n = cores > 0 && n > (size_t)cores ? (size_t)cores : n;
	n = n > LOADERS_MAX ? LOADERS_MAX : n;
	while (others + 1 < n)
		threads[others++] = thread_start("log-load", load_run, o);
	load_run(o);
	while (others > 0)
		pthread_join(threads[--others], NULL);
}

static void
add_name(struct opening *o, const char *name)
{
	if (o->names_n == o->names_cap) {
		o->names_cap = o->names_cap == 0 ? 64 : o->names_cap * 2;
		o->names = mem_realloc(o->names, o->names_cap * sizeof(char *));
	}
	o->names[o->names_n++] = mem_strdup(name);
}

static int
see_entry(const char *name, void *arg)
{
	struct opening *o = arg;
	struct store *s = o->store;
	size_t n = strlen(name);
	int32_t index;
	if (ours(name))
		return 0;
	if (name[0] == '.' && n > 7 && strcmp(name + n - 7, "-delete") == 0) {
		struct dead *d = MEM_NEW(struct dead);
		d->path = store_file(s, name);
		store_bury_dir(s, d);
		return 0;
	}
	if (store_label_index(name, &index))
		add_name(o, name);
	else
		ev_warn(&s->ev, "%s does not belong here: left alone", name);
	return 0;
}

/* A directory that the checkpoint knows and that is not there any more. */
static void
tell_missing(struct store *s, const struct ckpt_row *row)
{
	int32_t index;
	struct partition *p = store_label_index(row->label, &index) ?
	    store_find(s, &row->topic, index) : NULL;
	if (p == NULL && row->offset > row->log_start)
		ev_crit(&s->ev, "%s is gone; it held offsets %" PRId64 " to %" PRId64, row->label,
		    row->log_start, row->offset - 1);
	partition_put(&p);
}

/* What was found to be missing has come back, out of the journal or by hand, or it is missing still;
 * a bad batch lies there still where it was not read again. */
static void
look_for_damage(struct partition *p)
{
	if (p->log_start > p->damaged)
		p->damaged = -1;
	if (p->state != LOG_ONLINE)
		return;
	if (p->end.offset < p->promised)
		partition_lacks(p, p->promised);
	else if (p->damaged >= 0) {
		ev_crit(&p->ev, "the batch at offset %" PRId64 " was found to be damaged: no more is appended until the log is recovered",
		    p->damaged);
		p->state = LOG_CORRUPT;
		p->promised = p->end.offset;
	} else
		p->promised = 0;
}

/* What a start cannot make durable it must not serve: as with what it cannot read, another one or a
 * recovery by hand may, and it gets none of the others into trouble. */
static int
leave_out(struct partition *p, int err)
{
	if (err != ERR_IO)
		return err;
	partition_unload(p, "synced", err);
	partition_settle(p);
	if (p->replayed > 0)
		partition_leave_entries(p, p->replayed);
	return 0;
}

/* Segments that were read again, or got batches from the journal, are synced: those of a damaged
 * log here, as it has no checkpoint that would do it. */
static int
settle_one(struct partition *p, struct journal_end *end)
{
	int err = 0;
	partition_settle(p);
	look_for_damage(p);
	/* Should the journal's files be lost, what comes next must count all the same. */
	if (end->next_group < (uint64_t)p->voided)
		end->next_group = (uint64_t)p->voided;
	if (p->stale && p->state != LOG_OFFLINE)
		err = sequence_rebuild(p);
	if (err != ERR_IO)
		err = p->state == LOG_CORRUPT ? partition_sync_files(p) : 0;
	return err == 0 ? 0 : leave_out(p, err);
}

static int
settle(struct store *s, struct journal_end *end)
{
	size_t n;
	int err = 0;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++) {
		int e = settle_one(v[i], end);
		err = err == 0 ? e : err;
	}
	if (!s->was_clean && err == 0)
		err = store_save(s, v, n, leave_out);
	store_release(v, n);
	return err;
}

static int
recover(struct store *s, struct journal_end *ret, struct why *why)
{
	struct opening o = { .store = s };
	int err = read_checkpoint(&o, why);
	if (err != 0)
		return err;
	read_mark(&o);
	err = fs_list(s->path, see_entry, &o);
	if (err == 0)
		load_all(&o);
	for (size_t i = 0; i < o.ckpt.n; i++)
		tell_missing(s, &o.ckpt.v[i]);
	ckpt_free(&o.ckpt);
	mark_free(&o.mark);
	for (size_t i = 0; i < o.names_n; i++)
		mem_free(o.names[i]);
	mem_free(o.names);
	if (err == 0)
		err = store_replay(s, s->was_clean, ret);
	if (err == 0)
		err = settle(s, ret);
	return err == 0 ? 0 : why_set(why, err, "cannot recover %s: %s", s->path, err_text(err));
}

/* A crash before it is used costs a number, and no more: the next start is unclean, too. */
static int
begin_era(struct store *s, struct why *why)
{
	int32_t era = -1;
	int err = era_read(s, &era);
	if (err == ERR_NOTFOUND) {
		err = 0;
		if (!s->is_new)
			ev_err(&s->ev, "leader-epoch is missing: leader epochs go on from what topics and logs know of them");
	}
	atomic_store(&s->era, era);
	if (err == 0 && (era < 0 || !s->was_clean))
		err = store_next_era(s);
	return err == 0 ? 0 : why_set(why, err, "%s/leader-epoch: %s", s->path,
	    err == ERR_CORRUPT ? "no number" : err_text(err));
}

static int
begin(struct store *s, const struct journal_end *end, struct why *why)
{
	char *mark = store_file(s, "clean-stop"), *dir = store_file(s, "journal");
	struct journal_config jc = { dir, s->config.journal_bytes, s->config.journal_files,
		s->keep_journal ? end->first_file : end->next_file, end->next_file, end->next_group,
		store_hungry, store_starved, s };
	int err = s->is_new ? store_write_checkpoint(s) : 0;
	if (err == 0)
		err = fs_unlink(mark);
	if (err == ERR_NOTFOUND)
		err = 0;
	if (err == 0)
		err = fs_sync_dir(s->path);
	if (err == 0)
		err = journal_open(&jc, &s->ev, &s->journal);
	if (err != 0)
		why_set(why, err, "cannot start in %s: %s", s->path, err_text(err));
	mem_free(mark);
	mem_free(dir);
	return err;
}

int
store_open(const char *path, const struct store_config *config, const struct event *ev,
    struct store **ret, struct why *why)
{
	struct store *s = make(path, config, ev);
	struct journal_end end = JOURNAL_EMPTY;
	int err = take_lock(s, why);
	if (err == 0)
		err = check_format(s, why);
	if (err == 0) {
		char *mark = store_file(s, "clean-stop"), *ckpt = store_file(s, "checkpoint");
		char *journal = store_file(s, "journal");
		/* Every start leaves both, so without any nothing was written yet. */
		s->is_new = !fs_exists(ckpt) && !fs_exists(journal);
		s->was_clean = fs_exists(mark) || s->is_new;
		mem_free(mark);
		mem_free(ckpt);
		mem_free(journal);
		err = recover(s, &end, why);
	}
	if (err == 0)
		err = begin_era(s, why);
	if (err == 0)
		err = begin(s, &end, why);
	if (err != 0) {
		unmake(s);
		return err;
	}
	store_check_room(s);
	s->readers = workers_create("log-read", config->readers, 4096);
	writer_start(s);
	maintain_start(s);
	*ret = s;
	return 0;
}

/* How many have entries that may not be synced. Nobody else has the partitions any more. */
static size_t
indexes_saved(struct partition **v, size_t n)
{
	size_t saved = 0;
	for (size_t i = 0; i < n; i++) {
		const struct segment *g = partition_active(v[i]);
		saved += g != NULL && g->indexes.ats_saved > 0;
	}
	return saved;
}

/* The mark of a clean stop is what the next start knows of files, so nothing touches them after it. */
static int
stop_partitions(struct store *s, struct buf *mark)
{
	size_t n;
	struct partition **v = store_collect(s, &n);
	for (size_t i = 0; i < n; i++) {
		lock_take(&v[i]->lock);
		struct segment *g = partition_active(v[i]);
		if (g != NULL)
			segment_close_indexes(g);
		lock_drop(&v[i]->lock);
	}
	int err = store_save(s, v, n, NULL);
	bool synced = err == 0 && indexes_saved(v, n) > SYNC_EACH && fs_sync_all(s->path) == 0;
	mark_begin(mark, s->ckpt_crc);
	for (size_t i = 0; i < n && err == 0; i++)
		mark_add(mark, v[i], synced);
	mark_end(mark);
	for (size_t i = 0; i < n; i++) {
		int e = 0;
		lock_take(&v[i]->lock);
		if (v[i]->state != LOG_ONLINE &&
		    (v[i]->in_journal || v[i]->journaled.offset > v[i]->synced.offset))
			e = ERR_IO; /* the journal holds what the segments lack */
		partition_close(v[i], ERR_CLOSED);
		lock_drop(&v[i]->lock);
		err = err == 0 ? e : err;
	}
	store_release(v, n);
	store_fire_room(s, ERR_CLOSED);
	return err == 0 && store_has_orphans(s) ? ERR_IO : err;
}

void
store_close(struct store **store)
{
	struct store *s = *store;
	if (s == NULL)
		return;
	maintain_stop(s);
	workers_destroy(&s->readers);
	int err = journal_error(s->journal);
	writer_stop(s);
	journal_close(&s->journal);
	writer_drain(s);
	struct buf mark;
	buf_init(&mark, CHECKPOINT_MAX);
	int e = stop_partitions(s, &mark);
	err = err != 0 ? err : e;
	if (err == 0) {
		char *path = store_file(s, "clean-stop");
		fs_replace(path, mark.p, mark.n);
		mem_free(path);
	} else
		ev_err(&s->ev, "the stop was not clean: %s", err_text(err));
	buf_free(&mark);
	unmake(s);
	*store = NULL;
}

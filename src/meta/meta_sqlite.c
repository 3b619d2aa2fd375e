/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree in one SQLite table, path -> (value, version). A multi is one
 * transaction, synced before it is answered (WAL, synchronous=FULL); a thread of
 * our own runs them in the order they came. A commit that fails leaves the
 * outcome unknown (ERR_UNKNOWN) unless SQLite says that it rolled back. What is deleted is overwritten; the
 * write-ahead log, which has pages as they were, is emptied when a tenant goes. The file may be
 * read by others meanwhile (`sqlite3 .backup`); that nobody else writes is the data
 * directory's lock.
 */
#include "meta/meta_sqlite.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/worker.h"
#include "meta/format.h"

struct sqlite {
	struct meta meta;
	sqlite3 *db;
	sqlite3_stmt *put, *del, *get;
	struct lock lock;
	pthread_cond_t wake;
	struct meta_multi *head, **tail;
	bool stop;
	int from;		/* the format that was upgraded; 0: none */
	pthread_t thread;
};

#define ERASE_MS 100	/* all other changes wait for it */
#define BUSY_MS 10000	/* an administrator's own sqlite3 may hold a lock for a moment */

static int
sql(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;
}

static int
refuse(struct sqlite *s, const char *file, struct why *why)
{
	return why_set(why, ERR_IO, "%s: %s", file, s->db == NULL ? "cannot be opened" : sqlite3_errmsg(s->db));
}

static int
prepare(struct sqlite *s, const char *file, struct why *why)
{
	sqlite3_busy_timeout(s->db, BUSY_MS);
	int err = format_bring(s->db, file, meta_format_steps, META_FORMAT, &s->from, why);
	if (err != 0)
		return err;
	if (sql(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON") != 0)
		return refuse(s, file, why);
	if (sqlite3_prepare_v2(s->db, "INSERT INTO node VALUES (?1, ?2, 0) ON CONFLICT (path) DO UPDATE "
	    "SET value=?2, version=version+1", -1, &s->put, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(s->db, "DELETE FROM node WHERE path=?1", -1, &s->del, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(s->db, "SELECT version FROM node WHERE path=?1", -1, &s->get, NULL) != SQLITE_OK)
		return refuse(s, file, why);
	return 0;
}

static int
run_op(struct sqlite *s, const struct meta_op *op)
{
	sqlite3_stmt *st = op->kind == META_PUT ? s->put : op->kind == META_DELETE ? s->del : s->get;
	int64_t version = -1;
	sqlite3_bind_text(st, 1, op->path.p, (int)op->path.n, SQLITE_STATIC);
	if (op->kind == META_PUT)
		sqlite3_bind_blob(st, 2, op->value.n == 0 ? "" : op->value.p, (int)op->value.n, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		version = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc == SQLITE_FULL ? ERR_NOSPACE : ERR_IO;
	return op->kind == META_CHECK && version != op->version ? ERR_CONFLICT : 0;
}

/* Whether the node of a tenant itself is deleted, which is the last of it. */
static bool
ends_tenant(const struct meta_multi *m)
{
	for (int i = 0; i < m->n; i++) {
		struct str path = m->ops[i].path;
		if (m->ops[i].kind == META_DELETE && str_starts(path, STR("/tenants/")) &&
		    memchr(path.p + 9, '/', path.n - 9) == NULL)
			return true;
	}
	return false;
}

/* Somebody who reads (a backup) may keep some of the log: the next one who goes, or the stop, empties it. */
static void
forget(struct sqlite *s, const struct meta_multi *m)
{
	if (!ends_tenant(m))
		return;
	sqlite3_busy_timeout(s->db, ERASE_MS);
	(void)sql(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
	sqlite3_busy_timeout(s->db, BUSY_MS);
}

static int
run_multi(struct sqlite *s, const struct meta_multi *m)
{
	int err = m->n > META_OPS_MAX ? ERR_LIMIT : 0;
	for (int i = 0; i < m->n && err == 0; i++)
		if (m->ops[i].value.n > META_NODE_MAX)
			err = ERR_LIMIT;
	if (err != 0 || (err = sql(s->db, "BEGIN IMMEDIATE")) != 0)
		return err;
	for (int i = 0; i < m->n && err == 0; i++)
		err = run_op(s, &m->ops[i]);
	if (err == 0 && sql(s->db, "COMMIT") == 0) {
		forget(s, m);
		return 0;
	}
	if (err == 0)
		err = ERR_UNKNOWN;
	if (sqlite3_get_autocommit(s->db) == 0 && sql(s->db, "ROLLBACK") == 0 && err == ERR_UNKNOWN)
		err = ERR_IO; /* rolled back: it certainly did not happen */
	return err;
}

static void *
writer(void *arg)
{
	struct sqlite *s = arg;
	lock_take(&s->lock);
	for (;;) {
		while (s->head == NULL && !s->stop)
			lock_wait(&s->lock, &s->wake);
		struct meta_multi *m = s->head;
		if (m == NULL)
			break;
		s->head = m->next;
		if (s->head == NULL)
			s->tail = &s->head;
		lock_drop(&s->lock);
		m->done(m, run_multi(s, m));
		lock_take(&s->lock);
	}
	lock_drop(&s->lock);
	return NULL;
}

static void
sqlite_multi(struct meta *meta, struct meta_multi *m)
{
	struct sqlite *s = (struct sqlite *)meta;
	m->next = NULL;
	lock_take(&s->lock);
	*s->tail = m;
	s->tail = &m->next;
	pthread_cond_signal(&s->wake);
	lock_drop(&s->lock);
}

static int
walk(sqlite3 *db, int (*each)(struct str path, struct str value, int64_t version, void *arg), void *arg, struct why *why)
{
	sqlite3_stmt *st;
	int err = 0, rc;
	if (sqlite3_prepare_v2(db, "SELECT path, value, version FROM node ORDER BY path", -1, &st, NULL) != SQLITE_OK)
		return why_set(why, ERR_IO, "metadata: %s", sqlite3_errmsg(db));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && err == 0) {
		struct str path = { (const char *)sqlite3_column_text(st, 0), (size_t)sqlite3_column_bytes(st, 0) };
		const char *value = sqlite3_column_blob(st, 1);
		err = each(path, (struct str){ value == NULL ? "" : value, (size_t)sqlite3_column_bytes(st, 1) },
		    sqlite3_column_int64(st, 2), arg);
	}
	if (err == 0 && rc != SQLITE_DONE)
		err = why_set(why, ERR_IO, "metadata: %s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
	return err;
}

static int
sqlite_walk(struct meta *meta, int (*each)(struct str path, struct str value, int64_t version, void *arg),
    void *arg, struct why *why)
{
	return walk(((struct sqlite *)meta)->db, each, arg, why);
}

/* One of its own for each: callers are of any thread, and few. */
static int
sqlite_get(struct meta *meta, struct str path, struct buf *ret)
{
	sqlite3 *db = ((struct sqlite *)meta)->db;
	sqlite3_stmt *st;
	if (sqlite3_prepare_v2(db, "SELECT value FROM node WHERE path=?1", -1, &st, NULL) != SQLITE_OK)
		return ERR_IO;
	sqlite3_bind_text(st, 1, path.p, (int)path.n, SQLITE_STATIC);
	int rc = sqlite3_step(st), err = rc == SQLITE_DONE ? ERR_NOTFOUND : rc == SQLITE_ROW ? 0 : ERR_IO;
	const char *value = err == 0 ? sqlite3_column_blob(st, 0) : NULL;
	if (value != NULL)
		err = buf_add(ret, value, (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_finalize(st);
	return err;
}

static void
sqlite_watch(struct meta *meta, struct str prefix, void (*fired)(void *arg), void *arg)
{
	(void)meta;
	(void)prefix;
	(void)fired;
	(void)arg;
}

static void
sqlite_free(struct sqlite *s)
{
	sqlite3_finalize(s->put);
	sqlite3_finalize(s->del);
	sqlite3_finalize(s->get);
	sqlite3_close(s->db);
	pthread_cond_destroy(&s->wake);
	lock_free(&s->lock);
	mem_free(s);
}

static void
sqlite_close(struct meta **meta)
{
	struct sqlite *s = (struct sqlite *)*meta;
	*meta = NULL;
	lock_take(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	lock_drop(&s->lock);
	pthread_join(s->thread, NULL);
	sqlite_free(s);
}

/* By a connection of its own, which sees one moment of the tree and keeps nobody from writing. */
static int
copy_into(const char *from, const char *file, struct why *why)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(st, 1, file, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	int err = rc == SQLITE_DONE ? 0 : why_set(why, rc == SQLITE_FULL ? ERR_NOSPACE : ERR_IO, "a copy of the metadata: %s",
	    db == NULL ? "cannot be opened" : sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return err;
}

/* The file is made first, so that it is private. */
static int
sqlite_copy(struct meta *meta, const char *file, struct why *why)
{
	int fd = -1, err = fs_open(file, O_CREAT | O_EXCL | O_RDWR, &fd);
	fs_close(&fd);
	return err != 0 ? why_set(why, err, "%s: %s", file, err_text(err)) :
	    copy_into(sqlite3_db_filename(((struct sqlite *)meta)->db, "main"), file, why);
}

static const struct meta_engine engine = { sqlite_multi, sqlite_walk, sqlite_get, sqlite_watch, sqlite_close, sqlite_copy };

int
meta_sqlite_open(const char *file, struct meta **ret, struct why *why)
{
	struct sqlite *s = MEM_NEW(struct sqlite);
	int fd = -1;
	s->meta.engine = &engine;
	s->tail = &s->head;
	lock_init(&s->lock, LOCK_META);
	lock_cond_init(&s->wake);
	/* Made by us first, so that it is private; SQLite's other files take after it. */
	int err = fs_open(file, O_CREAT | O_RDWR, &fd);
	fs_close(&fd);
	if (err != 0)
		err = why_set(why, err, "%s: %s", file, err_text(err));
	else if (sqlite3_open_v2(file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
		err = refuse(s, file, why);
	if (err == 0)
		err = prepare(s, file, why);
	if (err != 0) {
		sqlite_free(s);
		return err;
	}
	s->thread = thread_start("meta", writer, s);
	*ret = &s->meta;
	return 0;
}

int
meta_sqlite_upgraded(const struct meta *meta)
{
	return ((const struct sqlite *)meta)->from;
}

/* SQLite makes the files of a write-ahead log even to read, as whoever asks. Without one nobody
 * has the tree open and all of it is in its file, which is then said to be immutable. */
static int
open_to_read(const char *file, sqlite3 **ret)
{
	struct arena *arena = arena_create(SIZE_MAX);
	struct str uri = STR("file:");
	int flags = SQLITE_OPEN_READONLY;
	if (fs_exists(arena_printf(arena, "%s-wal", file).p)) {
		arena_destroy(&arena);
		return sqlite3_open_v2(file, ret, flags, NULL);
	}
	for (const char *p = file; *p != '\0'; p++)
		uri = arena_printf(arena, strchr("%?#", *p) != NULL ? "%.*s%%%02x" : "%.*s%c", STR_ARG(uri), *p);
	int rc = sqlite3_open_v2(arena_printf(arena, "%.*s?immutable=1", STR_ARG(uri)).p, ret, flags | SQLITE_OPEN_URI, NULL);
	arena_destroy(&arena);
	return rc;
}

int
meta_sqlite_look(const char *file, int (*each)(struct str path, struct str value, int64_t version, void *arg),
    void *arg, struct why *why)
{
	sqlite3 *db = NULL;
	int format = 0, err = 0;
	if (open_to_read(file, &db) != SQLITE_OK)
		err = why_set(why, ERR_IO, "%s: %s", file, db == NULL ? "cannot be opened" : sqlite3_errmsg(db));
	if (err == 0) {
		sqlite3_busy_timeout(db, BUSY_MS);
		err = format_check(db, file, meta_format_steps, META_FORMAT, &format, why);
	}
	if (err == 0 && format == META_FORMAT)
		err = walk(db, each, arg, why);
	sqlite3_close(db);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format is SQLite's user_version. A new file has none and no tables; it gets the table
 * and the newest number in one transaction. An older one is copied with SQLite's own backup,
 * which sees what lies in a write-ahead log as well, into a file beside it that takes its
 * name only when it is whole and on the disk. A step that fails rolls all of them
 * back: the next start finds what this one found.
 */
#include "meta/format.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"

/* Format 1 is the first. */
const struct format_step meta_format_steps[] = { { 0, NULL, NULL } };

static int
sql(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;
}

/* The number that a query gives; -1 where it cannot be asked. */
static int
number(sqlite3 *db, const char *query)
{
	sqlite3_stmt *st;
	int n = -1;
	if (sqlite3_prepare_v2(db, query, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Commits with the format's number, or rolls back. */
static int
finish(sqlite3 *db, int err, int format)
{
	char text[64];
	snprintf(text, sizeof(text), "PRAGMA user_version=%d", format);
	if (err == 0)
		err = sql(db, text);
	if (err == 0)
		err = sql(db, "COMMIT");
	if (sqlite3_get_autocommit(db) == 0)
		(void)sql(db, "ROLLBACK");
	return err;
}

static int
make_table(sqlite3 *db, int format)
{
	int err = sql(db, "BEGIN IMMEDIATE");
	if (err == 0)
		err = sql(db, "CREATE TABLE node (path TEXT PRIMARY KEY, value BLOB NOT NULL,"
		    " version INTEGER NOT NULL) WITHOUT ROWID");
	return finish(db, err, format);
}

/* All of the database into a file that is there and empty. */
static int
back_up(sqlite3 *db, const char *to)
{
	sqlite3 *copy = NULL;
	int rc = sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE, NULL);
	sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", db, "main") : NULL;
	if (b != NULL) {
		(void)sqlite3_backup_step(b, -1);
		rc = sqlite3_backup_finish(b);
	} else
		rc = SQLITE_ERROR;
	int closed = sqlite3_close(copy);
	return rc == SQLITE_OK && closed == SQLITE_OK ? 0 : rc == SQLITE_FULL ? ERR_NOSPACE : ERR_IO;
}

static int
sync_into_place(const char *tmp, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd = -1, err = fs_open(tmp, O_RDWR, &fd);
	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1), slash == NULL ? "." : path);
	if (err == 0)
		err = fs_sync(fd);
	fs_close(&fd);
	if (err == 0)
		err = fs_rename(tmp, path);
	return err != 0 ? err : fs_sync_dir(dir);
}

static int
keep_copy(sqlite3 *db, const char *file, int format, struct why *why)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	int fd = -1;
	if (snprintf(path, sizeof(path), "%s.before-%d", file, format) >= (int)sizeof(path) ||
	    snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return why_set(why, ERR_LIMIT, "%s: the name is too long for a copy", file);
	int err = fs_open(tmp, O_CREAT | O_RDWR | O_TRUNC, &fd); /* made by us, so that it is private */
	fs_close(&fd);
	if (err == 0)
		err = back_up(db, tmp);
	if (err == 0)
		err = sync_into_place(tmp, path);
	if (err == 0)
		return 0;
	(void)fs_unlink(tmp);
	return why_set(why, err, "%s has format %d and was not upgraded, since the copy %s cannot be made: %s",
	    file, format, path, err_text(err));
}

/* The step that leaves a format; NULL: none does. */
static const struct format_step *
step_from(const struct format_step *steps, int format)
{
	for (; steps->to != 0; steps++)
		if (steps->to == format + 1)
			return steps;
	return NULL;
}

static int
run_steps(sqlite3 *db, const char *file, const struct format_step *steps, int from, int newest, struct why *why)
{
	const struct format_step *step = NULL;
	int err = sql(db, "BEGIN IMMEDIATE");
	for (int at = from; at < newest && err == 0; at++) {
		step = step_from(steps, at);
		err = step->run(db);
	}
	err = finish(db, err, newest);
	return err == 0 ? 0 : why_set(why, err, "%s stays at format %d: the step to %d (%s) failed: %s", file, from,
	    step == NULL ? from + 1 : step->to, step == NULL ? "it could not begin" : step->what, err_text(err));
}

int
format_check(sqlite3 *db, const char *file, const struct format_step *steps, int newest,
    int *ret_format, struct why *why)
{
	int format = number(db, "PRAGMA user_version"), tables = number(db, "SELECT count(*) FROM sqlite_master");
	if (format < 0 || tables < 0)
		return why_set(why, ERR_IO, "%s: %s", file, sqlite3_errmsg(db));
	if (format > newest)
		return why_set(why, ERR_UNSUPPORTED, "%s has format %d, this schlossd knows %d: "
		    "install the newer version that wrote it", file, format, newest);
	if (format == 0 && tables > 0)
		return why_set(why, ERR_UNSUPPORTED, "%s is a database of something else", file);
	for (int at = format; at > 0 && at < newest; at++)
		if (step_from(steps, at) == NULL)
			return why_set(why, ERR_UNSUPPORTED, "%s has format %d, which this schlossd cannot upgrade: "
			    "install a version between first", file, format);
	*ret_format = format;
	return 0;
}

int
format_bring(sqlite3 *db, const char *file, const struct format_step *steps, int newest,
    int *ret_from, struct why *why)
{
	int format;
	int err = format_check(db, file, steps, newest, &format, why);
	if (err == 0 && format == 0 && make_table(db, newest) != 0)
		err = why_set(why, ERR_IO, "%s: %s", file, sqlite3_errmsg(db));
	if (err != 0)
		return err;
	if (format == 0 || format == newest) {
		*ret_from = 0;
		return 0;
	}
	err = keep_copy(db, file, format, why);
	if (err == 0)
		err = run_steps(db, file, steps, format, newest, why);
	if (err == 0)
		*ret_from = format;
	return err;
}

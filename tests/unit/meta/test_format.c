/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrades of the stored tree, with steps of the test's own. */
#include "meta/format.h"

#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meta/meta_sqlite.h"

static char dir[64], file[96], copy[128];
static sqlite3 *db;
static struct why why;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/schloss-format-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/meta.db", dir);
	snprintf(copy, sizeof(copy), "%s.before-1", file);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	why = (struct why){ 0 };
	return 0;
}

static int
teardown(void **state)
{
	char rm[128];
	(void)state;
	sqlite3_close(db);
	snprintf(rm, sizeof(rm), "rm -rf %s", dir);
	return system(rm);
}

static void
sql(const char *text)
{
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
}

static int
run(sqlite3 *in, const char *text)
{
	return sqlite3_exec(in, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;
}

/* The number that a query gives. */
static int
ask(sqlite3 *in, const char *query)
{
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_prepare_v2(in, query, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

static int
to_two(sqlite3 *in)
{
	return run(in, "UPDATE node SET value = value || '2'");
}

static int
to_three(sqlite3 *in)
{
	return run(in, "UPDATE node SET value = value || '3'; ALTER TABLE node ADD COLUMN more");
}

static int
never(sqlite3 *in)
{
	(void)run(in, "DELETE FROM node");
	return ERR_CORRUPT;
}

static const struct format_step none[] = { { 0, NULL, NULL } };
static const struct format_step two[] = { { 2, "appends a two", to_two }, { 3, "appends a three", to_three }, { 0, NULL, NULL } };
static const struct format_step broken[] = { { 2, "appends a two", to_two }, { 3, "gives up", never }, { 0, NULL, NULL } };
static const struct format_step gap[] = { { 3, "appends a three", to_three }, { 0, NULL, NULL } };

static void
make_old(void)
{
	int from = -1;
	assert_int_equal(format_bring(db, file, none, 1, &from, &why), 0);
	assert_int_equal(from, 0);
	sql("PRAGMA journal_mode=WAL");
	sql("INSERT INTO node VALUES ('/a', '1', 0), ('/b', '1', 7)");
}

static void
new_file_has_the_newest(void **state)
{
	int from = -1;
	(void)state;
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), 0);
	assert_int_equal(from, 0);
	assert_int_equal(ask(db, "PRAGMA user_version"), 3);
	assert_int_equal(ask(db, "SELECT count(*) FROM node"), 0);
	assert_int_not_equal(access(copy, F_OK), 0);
}

static void
older_is_upgraded_after_a_copy(void **state)
{
	int from = 0;
	sqlite3 *old;
	struct stat st;
	(void)state;
	make_old(); /* what it holds lies in the write-ahead log: a copy of the file alone would miss it */
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), 0);
	assert_int_equal(from, 1);
	assert_int_equal(ask(db, "PRAGMA user_version"), 3);
	assert_int_equal(ask(db, "SELECT count(*) FROM node WHERE value = '123' AND more IS NULL"), 2);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(sqlite3_open_v2(copy, &old, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(ask(old, "PRAGMA user_version"), 1);
	assert_int_equal(ask(old, "SELECT count(*) FROM node WHERE value = '1'"), 2);
	assert_int_equal(ask(old, "SELECT version FROM node WHERE path = '/b'"), 7);
	sqlite3_close(old);
	from = 1;
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), 0); /* and then never again */
	assert_int_equal(from, 0);
	assert_int_equal(ask(db, "SELECT count(*) FROM node WHERE value = '123'"), 2);
}

static void
step_that_fails_undoes_all(void **state)
{
	int from = 0;
	(void)state;
	make_old();
	assert_int_equal(format_bring(db, file, broken, 3, &from, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "stays at format 1: the step to 3 (gives up) failed"));
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(ask(db, "SELECT count(*) FROM node WHERE value = '1'"), 2);
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), 0); /* the next version mends it */
	assert_int_equal(from, 1);
}

static void
refused_ones_are_left_alone(void **state)
{
	int from = 0;
	(void)state;
	make_old();
	assert_int_equal(format_bring(db, file, gap, 3, &from, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "install a version between"));
	sql("PRAGMA user_version=9");
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "has format 9, this schlossd knows 3"));
	sql("PRAGMA user_version=0");
	assert_int_equal(format_bring(db, file, two, 3, &from, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "a database of something else"));
	assert_int_equal(ask(db, "SELECT count(*) FROM node WHERE value = '1'"), 2);
	assert_int_not_equal(access(copy, F_OK), 0);
}

static void
no_copy_no_upgrade(void **state)
{
	char blocked[160];
	int from = 0;
	(void)state;
	make_old();
	snprintf(blocked, sizeof(blocked), "%s.tmp", copy);
	assert_int_equal(mkdir(blocked, 0700), 0);
	assert_int_not_equal(format_bring(db, file, two, 3, &from, &why), 0);
	assert_non_null(strstr(why.text, "was not upgraded, since the copy"));
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(ask(db, "SELECT count(*) FROM node WHERE value = '1'"), 2);
}

static void
engine_refuses_a_newer_file(void **state)
{
	struct meta *meta;
	(void)state;
	make_old();
	sql("PRAGMA user_version=999");
	assert_int_equal(meta_sqlite_open(file, &meta, &why), ERR_UNSUPPORTED);
	sql("PRAGMA user_version=1");
	assert_int_equal(meta_sqlite_open(file, &meta, &why), 0);
	assert_int_equal(meta_sqlite_upgraded(meta), 0);
	meta->engine->close(&meta);
}

#define C(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		C(new_file_has_the_newest), C(older_is_upgraded_after_a_copy), C(step_that_fails_undoes_all),
		C(refused_ones_are_left_alone), C(no_copy_no_upgrade), C(engine_refuses_a_newer_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

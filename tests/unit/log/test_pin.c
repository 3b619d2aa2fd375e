/* SPDX-License-Identifier: Apache-2.0 */
/* What is held of a data directory while it is used, and the store that opens on it. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/worker.h"
#include "log/pin.h"
#include "log/retain.h"

#define BATCH 1000

int __real_fs_link(const char *from, const char *to);
int __wrap_fs_link(const char *from, const char *to);
static int fail_at;			/* the link that fails, from 1 on; 0: none */
static int links;
static void (*before_first)(const char *from);	/* called once */

int
__wrap_fs_link(const char *from, const char *to)
{
	void (*hook)(const char *) = before_first;
	before_first = NULL;
	if (hook != NULL)
		hook(from);
	return ++links == fail_at ? ERR_NOSPACE : __real_fs_link(from, to);
}

static void
fill(struct partition *p, int n)
{
	struct append_result r;
	uint8_t b[BATCH];
	for (int i = 0; i < n; i++) {
		make_batch(b, sizeof(b), 1, 1000, 7);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
}

static void
begin(struct fixture *f, enum log_flush flush)
{
	fixture_make(f);
	f->config.no_background = true;
	f->topic.segment_bytes = 10 * BATCH;
	f->topic.flush = flush;
	f->topic.file_delete_delay_ms = 0;
	f->topic.retention_ms = 10000;
	fixture_open(f);
	links = fail_at = 0;
}

static int
hold(struct fixture *f, struct pins *pins, struct why *why)
{
	memset(pins, 0, sizeof(*pins));
	assert_ok(pins_begin(pins, pins_place(f->store)));
	int err = store_pin(f->store, pins, why);
	return err != 0 ? err : store_pin_era(f->store, pins, why);
}

static void
let_go(struct pins *pins)
{
	assert_ok(fs_rmtree(pins->dir));
	mem_free((char *)pins->dir);
	pins_free(pins);
}

static void
copy_one(const struct pins *pins, int64_t number, const char *dir, struct str name, int64_t length)
{
	char from[300], to[300], *slash;
	int in, out;
	uint8_t *p = mem_alloc((size_t)length + 1);
	snprintf(from, sizeof(from), "%s/%d", pins->dir, (int)number);
	snprintf(to, sizeof(to), "%s/%.*s", dir, STR_ARG(name));
	slash = strchr(to + strlen(dir) + 1, '/');
	if (slash != NULL) {
		*slash = '\0';
		int err = fs_mkdir(to);
		assert_true(err == 0 || err == ERR_EXISTS);
		*slash = '/';
	}
	assert_ok(fs_open(from, O_RDONLY, &in));
	assert_ok(fs_pread(in, p, (size_t)length, 0));
	assert_ok(fs_open(to, O_WRONLY | O_CREAT | O_EXCL, &out));
	assert_ok(fs_pwrite(out, p, (size_t)length, 0));
	fs_close(&in);
	fs_close(&out);
	mem_free(p);
}

/* The store goes on with what was held, as one that was restored. */
static void
restore(struct fixture *f, struct pins *pins)
{
	char dir[80];
	struct str left = buf_str(&pins->list), line, length;
	int64_t number = 0, n;
	snprintf(dir, sizeof(dir), "%s-kept", f->dir);
	assert_ok(fs_mkdir(dir));
	while (str_cut(&left, '\n', &line)) {
		str_cut(&line, ' ', &length);
		assert_ok(str_to_i64(length, 0, INT64_MAX, &n));
		copy_one(pins, ++number, dir, line, n);
	}
	assert_int_equal(number, pins->files);
	let_go(pins);
	store_close(&f->store);
	fs_rmtree(f->dir);
	assert_ok(fs_rename(dir, f->dir));
	fixture_open(f);
	assert_false(store_was_clean(f->store));
}

static void
ends_are(struct fixture *f, int32_t index, int64_t start, int64_t end)
{
	struct log_ends e;
	struct append_result r;
	uint8_t b[BATCH];
	struct partition *p = fixture_partition(f, index);
	partition_ends(p, &e);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(e.log_start, start);
	assert_int_equal(e.end, end);
	make_batch(b, sizeof(b), 1, 1000, 7);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(r.base, end);
	partition_put(&p);
}

static void
all_that_was_durable(void **state)
{
	static const enum log_flush flushes[] = { LOG_FLUSH_ACK, LOG_FLUSH_INTERVAL, LOG_FLUSH_OS };
	(void)state;
	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		struct fixture f;
		struct pins pins;
		struct why why = { "" };
		int64_t start;
		begin(&f, flushes[i]);
		int32_t era = store_era(f.store);
		struct partition *p[4];
		for (int k = 0; k < 4; k++) {
			p[k] = fixture_partition(&f, k);
			fill(p[k], k == 0 ? 0 : 9 + 12 * k);
		}
		assert_ok(partition_delete_records(p[2], 15, &start));
		assert_ok(hold(&f, &pins, &why));
		for (int k = 0; k < 4; k++) {
			fill(p[k], 25);		/* comes later */
			partition_put(&p[k]);
		}
		restore(&f, &pins);
		assert_int_equal(store_era(f.store), era + 1);
		ends_are(&f, 0, 0, 0);
		ends_are(&f, 1, 0, 21);
		ends_are(&f, 2, 15, 33);
		ends_are(&f, 3, 0, 45);
		fixture_free(&f);
	}
}

/* ---- retention in between ---- */

static struct partition *others[2];

/* All that is there goes, and some comes behind it. */
static void *
replace_all(void *arg)
{
	struct partition *p = arg;
	partition_retain(p, INT64_C(1) << 40, true);
	fill(p, 5);
	partition_retain(p, INT64_C(1) << 40, true);
	fill(p, 3);
	return NULL;
}

/* While one is held, the other's files are exchanged. */
static void
exchange(const char *from)
{
	int other = strstr(from, "orders-0/") != NULL;
	pthread_t t = thread_start("retain", replace_all, others[other]);
	pthread_join(t, NULL);
}

static void
what_retention_leaves(void **state)
{
	(void)state;
	struct fixture f;
	struct pins pins;
	struct why why = { "" };
	begin(&f, LOG_FLUSH_OS);
	for (int k = 0; k < 2; k++) {
		others[k] = fixture_partition(&f, k);
		fill(others[k], 35);
	}
	before_first = exchange;
	assert_ok(hold(&f, &pins, &why));
	for (int k = 0; k < 2; k++)
		partition_put(&others[k]);
	restore(&f, &pins);
	struct partition *p = fixture_partition(&f, 0);
	struct log_ends e;
	partition_ends(p, &e);
	bool first = e.log_start != 0;		/* which one it was */
	partition_put(&p);
	ends_are(&f, !first, 40, 43);
	ends_are(&f, first, 0, 35);
	fixture_free(&f);
}

static void
nothing_is_left_but_the_offset(void **state)
{
	(void)state;
	struct fixture f;
	struct pins pins;
	struct why why = { "" };
	begin(&f, LOG_FLUSH_OS);
	struct partition *p = fixture_partition(&f, 0);
	fill(p, 35);
	assert_ok(store_checkpoint(f.store));
	partition_retain(p, INT64_C(1) << 40, true);
	partition_put(&p);
	assert_ok(hold(&f, &pins, &why));
	restore(&f, &pins);
	ends_are(&f, 0, 35, 35);
	fixture_free(&f);
}

/* ---- what fails ---- */

static void
each_link_may_fail(void **state)
{
	(void)state;
	struct fixture f;
	struct pins pins;
	struct why why = { "" };
	int err = -1;
	begin(&f, LOG_FLUSH_ACK);
	struct partition *p = fixture_partition(&f, 0);
	fill(p, 25);
	for (int i = 1; err != 0; i++) {
		assert_true(i < 50);
		links = 0;
		fail_at = i;
		why.text[0] = '\0';
		err = hold(&f, &pins, &why);
		assert_true(err == 0 || (err == ERR_NOSPACE && strstr(why.text, "orders-0") != NULL));
		if (err != 0)
			let_go(&pins);
		fill(p, 1);
	}
	assert_true(links > 6);
	int64_t end = 25 + links;	/* with the one that did not fail, and without what came after it */
	partition_put(&p);
	restore(&f, &pins);
	ends_are(&f, 0, 0, end);
	fixture_free(&f);
}

static void
a_failed_one_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct pins pins;
	struct why why = { "" };
	begin(&f, LOG_FLUSH_ACK);
	struct partition *p = fixture_partition(&f, 0);
	fill(p, 5);
	lock_take(&p->lock);
	partition_fail(p, LOG_OFFLINE, ERR_IO);
	lock_drop(&p->lock);
	assert_int_equal(hold(&f, &pins, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "topic recover"));
	let_go(&pins);
	assert_ok(partition_recover(p, false));
	assert_ok(hold(&f, &pins, &why));
	partition_put(&p);
	restore(&f, &pins);
	ends_are(&f, 0, 0, 5);
	fixture_free(&f);
}

static void
a_start_removes_it(void **state)
{
	(void)state;
	struct fixture f;
	struct pins pins;
	struct why why = { "" };
	begin(&f, LOG_FLUSH_ACK);
	struct partition *p = fixture_partition(&f, 0);
	fill(p, 5);
	partition_put(&p);
	assert_ok(hold(&f, &pins, &why));
	assert_true(fs_exists(pins.dir));
	store_close(&f.store);
	fixture_open(&f);
	store_maintain(f.store, 1, 1);
	assert_false(fs_exists(pins.dir));
	mem_free((char *)pins.dir);
	pins_free(&pins);
	ends_are(&f, 0, 0, 5);
	fixture_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_was_durable),
		cmocka_unit_test(what_retention_leaves),
		cmocka_unit_test(nothing_is_left_but_the_offset),
		cmocka_unit_test(each_link_may_fail),
		cmocka_unit_test(a_failed_one_is_refused),
		cmocka_unit_test(a_start_removes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers rely on: waiters, back-pressure, duplicates, times, epochs, damage. */
#include "support.h"

#include <fcntl.h>

#include "base/clock.h"
#include "log/journal_format.h"

static void
put_varint(uint8_t **p, int64_t v)
{
	uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	for (; z > 0x7f; z >>= 7)
		*(*p)++ = (uint8_t)(z & 0x7f) | 0x80;
	*(*p)++ = (uint8_t)z;
}

/* n records whose times are time, time + 10, ... */
static size_t
timed(uint8_t out[1024], int n, int64_t time)
{
	uint8_t *p = out + HEAD_BYTES;
	uint8_t copy[1024];
	for (int i = 0; i < n; i++) {
		uint8_t body[64], *b = body;
		*b++ = 0;
		put_varint(&b, 10 * i);
		put_varint(&b, i);
		put_varint(&b, -1);
		put_varint(&b, 1);
		*b++ = 'v';
		put_varint(&b, 0);
		put_varint(&p, b - body);
		memcpy(p, body, (size_t)(b - body));
		p += b - body;
	}
	size_t size = (size_t)(p - out);
	memcpy(copy, out, size);
	make_batch(out, size, n, time, 0);
	memcpy(out + HEAD_BYTES, copy + HEAD_BYTES, size - HEAD_BYTES);
	be_put(out + 35, (uint64_t)(time + 10 * (n - 1)), 8);
	be_put(out + 17, crc32c(0, out + HEAD_CRC_FROM, size - HEAD_CRC_FROM), 4);
	return size;
}

static int
look(struct partition *p, enum log_lookup what, int64_t time, int64_t *ret_offset, int64_t *ret_time)
{
	struct log_lookup_job l = { .p = p, .what = what, .time = time };
	look_up(&l);
	*ret_offset = l.ret_offset;
	*ret_time = l.ret_time;
	return l.err;
}

static void
records_are_found_by_time(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[1024];
	int64_t offset, time;
	fixture_make(&f);
	f.topic.segment_bytes = 1000;
	f.topic.index_interval_bytes = 100;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(look(p, LOG_LOOKUP_TIME, 0, &offset, &time), ERR_NOTFOUND);
	assert_int_equal(look(p, LOG_LOOKUP_MAX_TIME, 0, &offset, &time), ERR_NOTFOUND);
	for (int i = 0; i < 50; i++)	/* the last one is older again */
		assert_ok(append_durable(p, b, timed(b, 5, i < 49 ? 1000 + 50 * i : 1005), &r));
	for (int again = 0; again < 2; again++) {
		for (int64_t want = 1000; want <= 3440; want += 7) {
			assert_ok(look(p, LOG_LOOKUP_TIME, want, &offset, &time));
			assert_int_equal(time, (want + 9) / 10 * 10);
			assert_int_equal(offset, (time - 1000) / 10);
		}
		assert_ok(look(p, LOG_LOOKUP_TIME, 0, &offset, &time));
		assert_int_equal(offset, 0);
		assert_int_equal(look(p, LOG_LOOKUP_TIME, 3441, &offset, &time), ERR_NOTFOUND);
		assert_ok(look(p, LOG_LOOKUP_MAX_TIME, 0, &offset, &time));
		assert_int_equal(offset, 244);
		assert_int_equal(time, 3440);
		partition_put(&p);
		store_close(&f.store);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
	}
	assert_ok(partition_delete_records(p, 12, &offset));
	assert_ok(look(p, LOG_LOOKUP_TIME, 0, &offset, &time));
	assert_int_equal(offset, 12);
	partition_put(&p);
	fixture_free(&f);
}

static void
readers_wait_for_enough(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	struct gate few, many, gone;
	uint8_t b[100];
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 1, 0, 0);
	gate_init(&few);
	gate_init(&many);
	gate_init(&gone);
	assert_ok(partition_wait_data(p, &few.w, 0, 1));
	assert_ok(partition_wait_data(p, &many.w, 0, 250));
	assert_ok(partition_wait_data(p, &gone.w, 0, 1));
	partition_wait_cancel(p, &gone.w);
	partition_wait_cancel(p, &gone.w);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	gate_wait(&few);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_false(many.fired);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	gate_wait(&many);
	assert_false(gone.fired);
	gate_init(&few);
	assert_int_equal(partition_wait_data(p, &few.w, 0, 300), ERR_EXISTS);
	assert_ok(partition_wait_data(p, &few.w, 1, 300));
	int64_t start;
	assert_ok(partition_delete_records(p, -1, &start));
	assert_int_equal(start, 3);
	assert_ok(gate_wait(&few));
	assert_int_equal(partition_wait_durable(p, &few.w, 3), ERR_EXISTS);
	assert_int_equal(partition_wait_durable(p, &few.w, 4), ERR_NOTFOUND);
	partition_put(&p);
	fixture_free(&f);
}

static void
too_much_unwritten_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	static uint8_t b[20000];
	int err = 0;
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_OS;
	f.config.dirty_bytes = 50000;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 1, 0, 0);
	struct append in = { b, sizeof(b), -1, NULL };
	for (int i = 0; i < 1000; i++) {
		err = partition_append(p, &in, &r);
		if (err == ERR_AGAIN) {
			struct gate g;
			gate_init(&g);
			err = partition_wait_room(p, &g.w);
			if (err == 0)
				assert_ok(gate_wait(&g));
			else
				assert_int_equal(err, ERR_EXISTS);
			continue;
		}
		assert_ok(err);
	}
	struct store_stats st;
	store_stats(f.store, &st);
	assert_true(st.dirty <= 70000);
	partition_put(&p);
	fixture_free(&f);
}

static void
duplicates_wait_as_the_first_did(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r, dup;
	uint8_t b[100];
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 2, 5, 0);
	be_put(b + 43, 9, 8);
	be_put(b + 51, 0, 2);
	be_put(b + 53, 0, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, sizeof(b) - HEAD_CRC_FROM), 4);
	struct append in = { b, sizeof(b), -1, NULL };
	assert_ok(partition_append(p, &in, &r));
	assert_ok(append_durable(p, b, sizeof(b), &dup));
	assert_int_equal(dup.verdict, APPEND_DUPLICATE);
	assert_int_equal(dup.base, r.base);
	struct log_ends e;
	partition_ends(p, &e);
	assert_int_equal(e.high_watermark, 2);	/* success meant durable */
	/* A restart remembers it. */
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	assert_int_equal(partition_producers(p), 1);
	assert_ok(append_durable(p, b, sizeof(b), &dup));
	assert_int_equal(dup.verdict, APPEND_DUPLICATE);
	assert_int_equal(dup.base, 0);
	partition_put(&p);
	fixture_free(&f);
}

/* An unknown producer is let in only where the caller says so; who is known, and what has none, goes on. */
static void
strangers_are_told_of(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100], plain[100];
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(plain, sizeof(plain), 1, 5, 0);
	make_batch(b, sizeof(b), 1, 5, 0);
	be_put(b + 43, 9, 8);
	be_put(b + 51, 0, 2);
	struct append in = { .batch = b, .n = sizeof(b), .leader_epoch = -1, .known = true };
	for (int32_t i = 0; i < 3; i++) {
		be_put(b + 53, (uint32_t)i, 4);
		be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, sizeof(b) - HEAD_CRC_FROM), 4);
		if (i == 0) {
			assert_int_equal(partition_append(p, &in, &r), ERR_CONFLICT);
			assert_true(r.stranger);
			assert_int_equal(partition_producers(p), 0);
			in.known = false;
		}
		assert_ok(partition_append(p, &in, &r));
		assert_int_equal(r.stranger, i == 0);
		assert_int_equal(r.base, i);
		in.known = true;
	}
	assert_ok(partition_append(p, &(struct append){ .batch = plain, .n = sizeof(plain), .leader_epoch = -1, .known = true }, &r));
	assert_false(r.stranger);
	assert_int_equal(partition_producers(p), 1);
	partition_put(&p);
	fixture_free(&f);
}

static void
epochs_rise(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100];
	int32_t epoch;
	int64_t end;
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	make_batch(b, sizeof(b), 1, 5, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_ok(partition_lead(p, 4));
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(partition_lead(p, 3), ERR_CONFLICT);
	struct append stale = { b, sizeof(b), 0, NULL };
	assert_int_equal(partition_append(p, &stale, &r), ERR_CONFLICT);
	assert_int_equal(r.verdict, APPEND_NEW);
	for (int again = 0; again < 2; again++) {
		partition_epoch_end(p, 3, &epoch, &end);
		assert_int_equal(epoch, 0);
		assert_int_equal(end, 1);
		partition_epoch_end(p, 4, &epoch, &end);
		assert_int_equal(epoch, 4);
		assert_int_equal(end, 2);
		assert_int_equal(partition_epoch_at(p, 0), 0);
		assert_int_equal(partition_epoch_at(p, 1), 4);
		partition_put(&p);
		store_close(&f.store);
		fixture_open(&f);
		p = fixture_partition(&f, 0);
	}
	assert_int_equal(partition_lead(p, 3), ERR_CONFLICT);
	partition_put(&p);
	fixture_free(&f);
}

/* Stops, loses a file of the directory where one is named, and starts. */
static struct partition *
start_without(struct fixture *f, struct partition *p, const char *file)
{
	char path[128];
	partition_put(&p);
	store_close(&f->store);
	snprintf(path, sizeof(path), "%s/%s", f->dir, file);
	assert_int_equal(unlink(path), file[0] == '\0' ? -1 : 0);
	fixture_open(f);
	return fixture_partition(f, 0);
}

/* What a crash may have taken was of the newest epoch in the log: the next is above it. */
static void
crashes_begin_an_era(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100];
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(store_era(f.store), 0);
	for (int i = 0; i < 2; i++) {
		p = start_without(&f, p, "clean-stop");
		assert_int_equal(store_era(f.store), 1 + i);
		assert_int_equal(partition_epoch(p), 0);	/* nothing is in the log */
	}
	assert_ok(partition_lead(p, 2));
	make_batch(b, sizeof(b), 1, 5, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	p = start_without(&f, p, "");
	assert_int_equal(store_era(f.store), 2);
	assert_int_equal(partition_epoch(p), 2);
	assert_ok(partition_lead(p, 2));
	p = start_without(&f, p, "clean-stop");
	assert_int_equal(store_era(f.store), 3);
	assert_int_equal(partition_epoch(p), 3);
	assert_int_equal(partition_lead(p, 2), ERR_CONFLICT);
	assert_ok(partition_lead(p, 3));
	partition_put(&p);
	fixture_free(&f);
}

static void
eras_only_rise(void **state)
{
	(void)state;
	struct fixture f;
	struct why why = { "" };
	char path[128];
	fixture_make(&f);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(store_raise_era(f.store, 7));
	assert_ok(store_raise_era(f.store, 5));
	p = start_without(&f, p, "");
	assert_int_equal(store_era(f.store), 7);
	/* Lost, it begins again: the controller knows better. */
	p = start_without(&f, p, "leader-epoch");
	assert_int_equal(store_era(f.store), 0);
	partition_put(&p);
	store_close(&f.store);
	snprintf(path, sizeof(path), "%s/leader-epoch", f.dir);
	for (int i = 0; i < 4; i++) {
		static const char *const bad[] = { "", "seven\n", "-1\n", "2147483647\n" };
		assert_ok(fs_replace(path, bad[i], strlen(bad[i])));
		assert_int_equal(store_open(f.dir, &f.config, &f.root, &f.store, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, "leader-epoch"));
	}
	assert_ok(fs_replace(path, "2147483646\n", 11));
	fixture_open(&f);
	assert_int_equal(store_raise_era(f.store, INT32_MAX), ERR_LIMIT);
	fixture_free(&f);
}

/* n batches of 100 bytes, of which the store is closed and that one is spoilt. */
static void
write_and_spoil(struct fixture *f, int n, int segment, int bad)
{
	struct append_result r;
	uint8_t b[100];
	char path[128];
	struct partition *p = fixture_partition(f, 0);
	for (int i = 0; i < n; i++) {
		make_batch(b, sizeof(b), 1, i, (uint8_t)i);
		assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	partition_put(&p);
	store_close(&f->store);
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, segment);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, (bad - segment) * 100 + 80), 1);
	close(fd);
}

static void
damage_is_noticed_and_kept_apart(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100];
	fixture_make(&f);
	fixture_open(&f);
	write_and_spoil(&f, 20, 0, 10);
	make_batch(b, sizeof(b), 1, 20, 20);
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	struct log_read_job first = { .p = p, .offset = 0, .max_bytes = 100000 };
	read_cold(&first);
	assert_ok(first.err);
	assert_int_equal(log_buf_bytes(first.buf).n, 1000);	/* up to it */
	log_buf_put(first.buf);
	struct log_read_job at = { .p = p, .offset = 10, .max_bytes = 100000,
		.at_least_one = true };
	read_cold(&at);
	assert_int_equal(at.err, ERR_CORRUPT);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
	/* Only by force: what was promised behind it is given up. */
	struct gate more;
	gate_init(&more);
	assert_ok(partition_wait_data(p, &more.w, 20, 1));
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
	assert_int_equal(store_era(f.store), 0);
	assert_false(more.fired);
	assert_ok(partition_recover(p, true));
	assert_true(more.fired);
	/* Who has read up to 20 must notice, before and after others have these offsets. */
	for (int64_t end = 10; end < 12; end++) {
		int32_t epoch;
		int64_t ended;
		assert_int_equal(store_era(f.store), 1);
		assert_int_equal(partition_epoch(p), 1);
		partition_epoch_end(p, 0, &epoch, &ended);
		assert_int_equal(epoch, 0);
		assert_int_equal(ended, 10);
		if (end == 10)
			assert_ok(append_durable(p, b, sizeof(b), &r));
	}
	assert_int_equal(r.base, 10);
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	p = fixture_partition(&f, 0);
	struct log_ends e;
	partition_ends(p, &e);
	assert_int_equal(e.end, 11);
	assert_int_equal(e.state, LOG_ONLINE);
	assert_int_equal(partition_epoch(p), 1);
	partition_put(&p);
	fixture_free(&f);
}

/* Refused without force, and nothing is given up by that; with it under another epoch. */
static void
recover_by_force(struct fixture *f, struct partition *p)
{
	int32_t era = store_era(f->store), epoch = partition_epoch(p);
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	assert_true(partition_failed(p));
	assert_int_equal(store_era(f->store), era);
	assert_ok(partition_recover(p, true));
	assert_false(partition_failed(p));
	assert_int_equal(store_era(f->store), era + 1);
	assert_int_equal(partition_epoch(p), epoch + 1);
}

/* What a start found to be damaged was promised all the same; and the files behind it, which it has
 * left as they lay, are no part of the log when that has become as long. */
static void
damage_that_a_start_finds_is_damage(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[100];
	char path[128];
	fixture_make(&f);
	f.topic.segment_bytes = 1000;
	fixture_open(&f);
	write_and_spoil(&f, 35, 10, 15);
	make_batch(b, sizeof(b), 1, 35, 35);
	snprintf(path, sizeof(path), "%s/orders-0/leader-epoch-checkpoint", f.dir);
	unlink(path);		/* so that all of it is read */
	fixture_open(&f);
	assert_true(store_was_clean(f.store));
	struct partition *p = fixture_partition(&f, 0);
	state_is(p, LOG_CORRUPT, 15);
	recover_by_force(&f, p);
	state_is(p, LOG_ONLINE, 15);
	snprintf(path, sizeof(path), "%s/orders-0/00000000000000000020.log", f.dir);
	assert_false(fs_exists(path));
	for (int i = 15; i < 20; i++)
		assert_ok(append_durable(p, b, sizeof(b), &r));
	partition_put(&p);
	store_close(&f.store);
	fixture_open(&f);
	p = fixture_partition(&f, 0);
	state_is(p, LOG_ONLINE, 20);
	partition_put(&p);
	fixture_free(&f);
}

/* The journal's file that was begun as the second one. */
static int
remove_second(const char *name, void *arg)
{
	struct journal_file_head h;
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	/* A spare may be in the making. */
	bool it = read(fd, &h, sizeof(h)) == sizeof(h) && h.magic == JOURNAL_FILE_MAGIC && h.file == 2;
	close(fd);
	if (it)
		assert_ok(fs_unlink(path));
	return it;
}

/* Forty batches, of which all but the first are only in the journal; then one of its files is
 * lost, and what lay before that counts no more. */
static void
lose_the_middle(struct fixture *f, char segment[128])
{
	struct append_result r;
	uint8_t b[300];
	char path[128];
	fixture_make(f);
	f->config.no_background = true;
	f->config.journal_bytes = 20 * 4096;	/* 19 batches a file */
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	make_batch(b, sizeof(b), 1, 5, 7);
	for (int i = 0; i < 40; i++) {
		assert_ok(append_durable(p, b, sizeof(b), &r));
		if (i == 0)
			assert_ok(store_checkpoint(f->store));
	}
	partition_put(&p);
	fixture_crash(f);
	snprintf(path, sizeof(path), "%s/journal", f->dir);
	assert_int_equal(fs_list(path, remove_second, path), 1);
	snprintf(segment, 128, "%s/orders-0/%020d.log", f->dir, 0);
	assert_int_equal(truncate(segment, 300), 0);	/* what was written beside it */
}

static void
starts_as(struct fixture *f, enum log_state state, int64_t end)
{
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	state_is(p, state, end);
	assert_int_equal(partition_failed(p), state != LOG_ONLINE);
	partition_put(&p);
}

/* So was what only the journal knows of, and the journal tells it only once: no other start
 * serves it as whole, until it is given up. */
static void
a_hole_before_the_journal_is_damage(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[300];
	char segment[128];
	make_batch(b, sizeof(b), 1, 5, 7);
	lose_the_middle(&f, segment);
	starts_as(&f, LOG_CORRUPT, 1);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			fixture_crash(&f);
		else
			store_close(&f.store);
		starts_as(&f, LOG_CORRUPT, 1);
		assert_int_equal(store_was_clean(f.store), i != 1);
	}
	struct partition *p = fixture_partition(&f, 0);
	assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
	recover_by_force(&f, p);
	partition_put(&p);
	fixture_crash(&f);	/* what was told to be mended is mended */
	starts_as(&f, LOG_ONLINE, 1);
	p = fixture_partition(&f, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(r.base, 1);
	partition_put(&p);
	store_close(&f.store);
	starts_as(&f, LOG_ONLINE, 2);
	fixture_free(&f);
}

static void
append_more(struct fixture *f, int n, int64_t base)
{
	struct append_result r;
	uint8_t b[300];
	struct partition *p = fixture_partition(f, 0);
	make_batch(b, sizeof(b), 1, 5, 8);
	for (int i = 0; i < n; i++) {
		assert_ok(append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, base + i);
	}
	partition_put(&p);
}

/* What the journal had of a log before it was given up is no part of it, even where the same offsets
 * come again; what it gets afterwards is, even where its files were lost and begin with 1 again. */
static void
what_was_given_up_stays_so(void **state)
{
	(void)state;
	struct fixture f;
	char segment[128], path[128];
	lose_the_middle(&f, segment);
	starts_as(&f, LOG_CORRUPT, 1);
	struct partition *p = fixture_partition(&f, 0);
	recover_by_force(&f, p);
	f.topic.flush = LOG_FLUSH_OS;
	partition_set_config(p, &f.topic);
	partition_put(&p);
	append_more(&f, 45, 1);
	f.topic.flush = LOG_FLUSH_ACK;
	fixture_crash(&f);
	starts_as(&f, LOG_ONLINE, 46);
	fixture_crash(&f);
	snprintf(path, sizeof(path), "%s/journal", f.dir);
	fs_rmtree(path);
	starts_as(&f, LOG_ONLINE, 46);
	append_more(&f, 5, 46);
	fixture_crash(&f);
	assert_int_equal(truncate(segment, 46 * 300), 0);	/* only the journal has them */
	starts_as(&f, LOG_ONLINE, 51);
	fixture_free(&f);
}

/* Who has the lost part, of a backup or on another machine, puts it back. */
static void
what_was_missing_may_come_back(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[300];
	char segment[128];
	lose_the_middle(&f, segment);
	for (int clean = 0; clean < 2; clean++) {
		starts_as(&f, LOG_CORRUPT, 1);
		store_close(&f.store);
	}
	int fd = open(segment, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	for (int i = 1; i < 40; i++) {
		make_batch(b, sizeof(b), 1, 5, 7);
		be_put(b, (uint64_t)i, 8);
		assert_int_equal(write(fd, b, sizeof(b)), sizeof(b));
		if (i == 38) {		/* not all of it */
			starts_as(&f, LOG_CORRUPT, 39);
			store_close(&f.store);
		}
	}
	close(fd);
	starts_as(&f, LOG_ONLINE, 40);
	struct partition *p = fixture_partition(&f, 0);
	assert_ok(append_durable(p, b, sizeof(b), &r));
	assert_int_equal(r.base, 40);
	partition_put(&p);
	store_close(&f.store);
	starts_as(&f, LOG_ONLINE, 41);
	fixture_free(&f);
}

static void
a_policy_may_change(void **state)
{
	(void)state;
	struct fixture f;
	struct append_result r;
	uint8_t b[500];
	fixture_make(&f);
	f.topic.flush = LOG_FLUSH_OS;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	int64_t want = 0;
	for (int i = 0; i < 60; i++) {
		f.topic.flush = (enum log_flush)(i / 5 % 3);
		partition_set_config(p, &f.topic);
		make_batch(b, sizeof(b), 1, i, (uint8_t)i);
		struct append in = { b, sizeof(b), -1, NULL };
		assert_ok(i % 2 == 0 ? partition_append(p, &in, &r) : append_durable(p, b, sizeof(b), &r));
		assert_int_equal(r.base, want++);
	}
	assert_ok(append_durable(p, b, sizeof(b), &r));
	partition_put(&p);
	fixture_free(&f);
}

TEST_MAIN(T(records_are_found_by_time), T(readers_wait_for_enough), T(too_much_unwritten_is_refused),
    T(duplicates_wait_as_the_first_did), T(strangers_are_told_of), T(epochs_rise), T(crashes_begin_an_era), T(eras_only_rise), T(damage_is_noticed_and_kept_apart), T(damage_that_a_start_finds_is_damage),
    T(a_hole_before_the_journal_is_damage), T(what_was_missing_may_come_back),
    T(what_was_given_up_stays_so),
    T(a_policy_may_change))

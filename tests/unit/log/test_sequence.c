/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotent producers, leader epochs, and the small files. */
#include "support.h"
#include "snapshot.h"

#include "log/checkpoint.h"
#include "log/epochs.h"
#include "log/indexes.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/state.h"

struct head {
	uint8_t b[HEAD_BYTES];
};

static struct head
from(int64_t id, int16_t epoch, int32_t sequence, int32_t count, int64_t base)
{
	struct head h;
	make_batch(h.b, HEAD_BYTES, count, 1000 + base, 0);
	be_put(h.b, (uint64_t)base, 8);
	be_put(h.b + 43, (uint64_t)id, 8);
	be_put(h.b + 51, (uint16_t)epoch, 2);
	be_put(h.b + 53, (uint32_t)sequence, 4);
	return h;
}

static enum append_verdict
judge(const struct producers *ps, struct head h, int64_t *ret_base)
{
	struct append_result r = { .base = -1 };
	int err = producers_check(ps, h.b, &r);
	assert_int_equal(err, r.verdict <= APPEND_DUPLICATE ? 0 : ERR_CONFLICT);
	if (ret_base != NULL)
		*ret_base = r.base;
	return r.verdict;
}

static void
five_batches_are_remembered(void **state)
{
	(void)state;
	struct producers *ps = producers_create(NULL);
	int64_t base;
	assert_int_equal(judge(ps, from(7, 0, 500, 3, 0), NULL), APPEND_NEW);	/* unknown: anything */
	for (int i = 0; i < 6; i++)
		producers_note(ps, from(7, 0, 3 * i, 3, 100 + 3 * i).b, 1000);
	for (int i = 1; i < 6; i++) {
		assert_int_equal(judge(ps, from(7, 0, 3 * i, 3, 0), &base), APPEND_DUPLICATE);
		assert_int_equal(base, 100 + 3 * i);
	}
	assert_int_equal(judge(ps, from(7, 0, 0, 3, 0), NULL), APPEND_OLD_DUPLICATE);
	assert_int_equal(judge(ps, from(7, 0, 18, 3, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(ps, from(7, 0, 19, 3, 0), NULL), APPEND_OUT_OF_ORDER);
	assert_int_equal(judge(ps, from(7, 0, 15, 2, 0), NULL), APPEND_OUT_OF_ORDER);
	assert_int_equal(judge(ps, from(7, 1, 0, 1, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(ps, from(7, 1, 5, 1, 0), NULL), APPEND_OUT_OF_ORDER);
	producers_note(ps, from(7, 1, 0, 1, 200).b, 1000);
	assert_int_equal(judge(ps, from(7, 0, 18, 3, 0), NULL), APPEND_OLD_EPOCH);
	assert_int_equal(judge(ps, from(8, 0, 9, 1, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(ps, from(-1, -1, -1, 1, 0), NULL), APPEND_NEW);
	assert_int_equal(producers_newest(ps, from(7, 0, 0, 1, 0).b), 201);
	producers_destroy(&ps);
}

static void
sequences_wrap(void **state)
{
	(void)state;
	struct producers *ps = producers_create(NULL);
	producers_note(ps, from(1, 0, INT32_MAX - 1, 4, 0).b, 1000);	/* the last one is 1 */
	assert_int_equal(judge(ps, from(1, 0, 2, 1, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(ps, from(1, 0, INT32_MAX - 1, 4, 0), NULL), APPEND_DUPLICATE);
	assert_int_equal(judge(ps, from(1, 0, 3, 1, 0), NULL), APPEND_OUT_OF_ORDER);
	producers_note(ps, from(2, 0, INT32_MAX - 1, 2, 0).b, 1000);	/* it is the greatest there is */
	assert_int_equal(judge(ps, from(2, 0, 0, 1, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(ps, from(2, 0, 1, 1, 0), NULL), APPEND_OUT_OF_ORDER);
	producers_destroy(&ps);
}

static void
snapshots_keep_the_newest(void **state)
{
	(void)state;
	struct producers *ps = producers_create(NULL), *again = producers_create(NULL);
	struct buf b;
	buf_init(&b, 1 << 20);
	producers_note(ps, from(1, 3, INT32_MAX, 2, 40).b, 1000);
	producers_note(ps, from(2, 0, 0, 5, 50).b, 1000);
	assert_ok(encode_producers(ps, UINT64_MAX, &b));
	assert_int_equal(b.n, 10 + 2 * 46);
	assert_ok(producers_decode(again, b.p, b.n, 1000));
	assert_int_equal(producers_count(again), 2);
	assert_int_equal(judge(again, from(1, 3, INT32_MAX, 2, 0), NULL), APPEND_DUPLICATE);
	assert_int_equal(judge(again, from(2, 0, 5, 1, 0), NULL), APPEND_NEW);
	for (size_t i = 0; i < b.n; i++) {
		struct producers *bad = producers_create(NULL);
		b.p[i] ^= 1;
		assert_int_equal(producers_decode(bad, b.p, b.n, 1), ERR_CORRUPT);
		assert_int_equal(producers_decode(bad, b.p, i, 1), ERR_CORRUPT);
		assert_int_equal(producers_count(bad), 0);
		b.p[i] ^= 1;
		producers_destroy(&bad);
	}
	producers_expire(again, 1000 + 50, 1000);	/* seen lately */
	assert_int_equal(producers_count(again), 2);
	producers_expire(again, 1000 + 50, 1001);
	assert_int_equal(producers_count(again), 1);
	buf_free(&b);
	producers_destroy(&ps);
	producers_destroy(&again);
}

static void
epochs_answer_where_they_end(void **state)
{
	(void)state;
	/* Kafka 4.3.1's LeaderEpochFileCache.endOffsetFor() answers the same. */
	static const struct {
		int32_t epoch, current, is;
		int64_t end;
	} asked[] = {
		{ 0, 5, 0, 10 }, { 1, 5, 0, 10 }, { 2, 5, 2, 20 }, { 4, 5, 2, 20 }, { 5, 5, 5, 30 },
		{ 9, 5, -1, -1 }, { -1, 5, -1, -1 },
		{ 5, 7, 5, 30 }, { 6, 7, 5, 30 }, { 7, 7, 7, 30 }, { 8, 7, -1, -1 },
	};
	struct epochs e = { NULL, 0, 0, false }, again = { NULL, 0, 0, false };
	struct buf b;
	int32_t epoch;
	int64_t end;
	assert_true(epochs_end(&e, 0, 0, 0, &epoch, &end));
	assert_int_equal(epoch, 0);
	assert_int_equal(end, 0);
	epochs_note(&e, 0, 0);
	epochs_note(&e, 0, 5);
	epochs_note(&e, 2, 10);
	epochs_note(&e, 5, 20);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		epoch = -1;
		end = -1;
		assert_int_equal(epochs_end(&e, asked[i].epoch, asked[i].current, 30, &epoch, &end),
		    asked[i].is >= 0);
		assert_int_equal(epoch, asked[i].is);
		assert_int_equal(end, asked[i].end);
	}
	assert_int_equal(epochs_at(&e, 19), 2);
	buf_init(&b, 1000);
	epochs_encode(&e, &b);
	assert_str(buf_str(&b), "0\n3\n0 0\n2 10\n5 20\n");
	assert_ok(epochs_decode(&again, buf_str(&b)));
	assert_int_equal(again.n, 3);
	epochs_free(&again);
	assert_int_equal(epochs_decode(&again, STR("0\n2\n0 0\n0 5\n")), ERR_CORRUPT);
	assert_int_equal(epochs_decode(&again, STR("0\n2\n0 0\n")), ERR_CORRUPT);
	assert_int_equal(epochs_decode(&again, STR("1\n0\n")), ERR_CORRUPT);
	epochs_note(&e, EPOCH_MAX, 25);	/* rotten */
	epochs_note(&e, -3, 26);
	assert_int_equal(epochs_newest(&e), 5);
	epochs_cut_start(&e, 12);
	assert_int_equal(e.n, 2);
	assert_int_equal(e.v[0].start, 12);
	epochs_cut_end(&e, 20);
	assert_int_equal(epochs_newest(&e), 2);
	assert_true(epochs_end(&e, 1, 5, 20, &epoch, &end));
	assert_int_equal(epoch, 1);
	assert_int_equal(end, 12);
	epochs_free(&e);
	buf_free(&b);
}

static void
checkpoints_are_whole_or_nothing(void **state)
{
	(void)state;
	struct ckpt_row row = { .label = "orders-0", .log_start = 3, .base = 5, .at = 700,
		.offset = 9, .producers = 2, .epoch = -1 };
	struct ckpt c;
	struct buf b;
	memcpy(row.topic.b, "topic-id-16-byte", 16);
	buf_init(&b, 10000);
	ckpt_begin(&b);
	ckpt_add(&b, &row);
	snprintf(row.label, sizeof(row.label), "a-1");
	ckpt_add(&b, &row);
	ckpt_end(&b);
	assert_ok(ckpt_parse(buf_str(&b), &c));
	assert_int_equal(c.n, 2);
	const struct ckpt_row *found = ckpt_find(&c, "orders-0");
	assert_non_null(found);
	assert_int_equal(found->at, 700);
	assert_int_equal(found->epoch, -1);
	assert_null(ckpt_find(&c, "b"));
	ckpt_free(&c);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 4;
		assert_int_not_equal(ckpt_parse(buf_str(&b), &c), 0);
		b.p[i] ^= 4;
		assert_int_equal(ckpt_parse((struct str){ (char *)b.p, i }, &c), ERR_CORRUPT);
	}
	buf_free(&b);
}

static void
indexes_lead_before_the_batch(void **state)
{
	(void)state;
	struct indexes x = { .ats = NULL };
	char path[] = "/tmp/schloss-index-XXXXXX";
	int32_t at;
	close(mkstemp(path));
	for (int i = 0; i < 100; i++)
		indexes_note(&x, 10 * i + 9, 100 * i, 100, 5000 + i, 10 * i + 9, 250);
	assert_false(indexes_find(&x, 8, &at));
	assert_true(indexes_find(&x, 999, &at));
	assert_true(at >= 9600 && at <= 9900);
	assert_ok(index_file_save(path, 0, x.ats, x.ats_n));
	for (int32_t offset = 0; offset < 1000; offset++) {
		int32_t other;
		bool memory = indexes_find(&x, offset, &at);
		assert_int_equal(index_file_find(path, offset, 10000, &other), memory ? 0 : ERR_NOTFOUND);
		if (memory) {
			assert_int_equal(at, other);
			assert_true(at <= offset * 10);
		}
	}
	assert_int_equal(index_file_count(path, 301), 1);
	assert_int_equal(index_file_find(path, 999, 100, &at), ERR_NOTFOUND);
	unlink(path);
	assert_ok(index_file_save_times(path, x.times[0].time, x.times, x.times_n));
	struct index_time last;
	assert_ok(index_file_last_time(path, INT64_MAX, &last));
	assert_int_equal(last.time, x.times[x.times_n - 1].time);
	assert_ok(index_file_find_time(path, 5050, &at));
	assert_true(at < 500);
	indexes_cut(&x, 5000, 500);
	assert_true(x.ats[x.ats_n - 1].at < 5000);
	indexes_free(&x);
	unlink(path);
}

static void
names_of_segments(void **state)
{
	(void)state;
	int64_t base;
	assert_true(segment_parse("00000000000000000042.log", "log", &base));
	assert_int_equal(base, 42);
	assert_false(segment_parse("99999999999999999999.log", "log", &base));
	assert_false(segment_parse("0000000000000000042.log", "log", &base));
	assert_false(segment_parse("-0000000000000000042.log", "log", &base));
	assert_false(segment_parse("00000000000000000042.index", "log", &base));
}

static void
states_move_by_the_table(void **state)
{
	(void)state;
	static const char *const legal[LOG_STATES] = {	/* typed again, by hand */
		[LOG_ONLINE] = "-FOCD", [LOG_FULL] = "N-OCD", [LOG_OFFLINE] = "N--CD",
		[LOG_CORRUPT] = "N-O-D", [LOG_DELETED] = "-----",
	};
	for (int a = 0; a < LOG_STATES; a++)
		for (int b = 0; b < LOG_STATES; b++)
			assert_int_equal(log_state_may((enum log_state)a, (enum log_state)b), legal[a][b] != '-');
	assert_int_equal(log_state_append(LOG_FULL, false), ERR_NOSPACE);
	assert_int_equal(log_state_append(LOG_FULL, true), 0);
	assert_false(log_state_reads(LOG_DELETED));
	assert_true(log_state_reads(LOG_CORRUPT));
}

/* A crash comes between a checkpoint and what a producer sends again: all five are known. */
static void
snapshots_keep_what_may_come_again(void **state)
{
	(void)state;
	struct producers *ps = producers_create(NULL), *again = producers_create(NULL);
	struct buf b;
	int64_t base;
	for (int i = 0; i < 7; i++)
		producers_note(ps, from(7, 2, 3 * i, 3, 100 + 3 * i).b, 1000);
	producers_note(ps, from(8, 0, 0, 3, 200).b, 900);
	producers_note(ps, from(8, 0, 3, 3, 203).b, 900);
	buf_init(&b, 1 << 16);
	assert_ok(encode_producers(ps, 1000, &b));
	assert_ok(producers_decode(again, b.p, b.n, 2000));
	assert_int_equal(producers_count(again), 2);
	for (int i = 2; i < 7; i++) {
		assert_int_equal(judge(again, from(7, 2, 3 * i, 3, 0), &base), APPEND_DUPLICATE);
		assert_int_equal(base, 100 + 3 * i);
	}
	assert_int_equal(judge(again, from(7, 2, 3, 3, 0), NULL), APPEND_OLD_DUPLICATE);
	assert_int_equal(judge(again, from(7, 2, 21, 3, 0), NULL), APPEND_NEW);
	assert_int_equal(judge(again, from(8, 0, 3, 3, 0), &base), APPEND_DUPLICATE);
	assert_int_equal(judge(again, from(8, 0, 0, 3, 0), NULL), APPEND_OUT_OF_ORDER);	/* too long ago */
	buf_free(&b);
	producers_destroy(&ps);
	producers_destroy(&again);
}

/* Whether two sets say the same of each producer that one knows. */
static void
same_state(const struct producers *a, const struct producers *b, int ids)
{
	assert_int_equal(producers_count(a), producers_count(b));
	for (int id = 0; id < ids; id++)
		for (int16_t epoch = 0; epoch < 3; epoch++)
			for (int sequence = 0; sequence < 12; sequence++) {
				int64_t base[2];
				struct head h = from(id, epoch, sequence, 1, 0);
				assert_int_equal(judge(a, h, &base[0]), judge(b, h, &base[1]));
				assert_int_equal(base[0], base[1]);
			}
}

/* A snapshot that is made in steps is that of its beginning, whatever comes between them: batches of those
 * that are in it and those that are not, new epochs, new producers, producers that are forgotten. */
static void
snapshots_are_of_one_moment(void **state)
{
	(void)state;
	enum { IDS = 3 * PRODUCERS_STEP };
	struct producers *ps = producers_create(NULL), *now = producers_create(NULL), *then = producers_create(NULL);
	struct producers_saving s;
	struct buf whole;
	int64_t offset = 0;
	uint64_t seed = 88172645463325252u;
	int next[IDS + 100] = { 0 }, epoch[IDS + 100] = { 0 }, steps = 0;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < IDS; i++) {
			int id = i * 7 % IDS;
			producers_note(ps, from(id, 0, next[id]++, 1, offset).b, (uint64_t)offset);
			offset++;
		}
	buf_init(&whole, 1 << 24);
	assert_ok(encode_producers(ps, 0, &whole));
	producers_save_begin(ps, 0, &s);
	for (bool more = true; more; steps++) {
		more = producers_save_take(ps, &s);
		assert_true(s.taken_n <= PRODUCERS_STEP);
		for (int i = 0; i < 200; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			int id = (int)((seed >> 33) % (IDS + 100));
			if ((seed >> 20) % 8 == 0) {
				epoch[id]++;
				next[id] = 0;
			}
			producers_note(ps, from(id, (int16_t)epoch[id], next[id]++, 1, offset).b, (uint64_t)offset);
			offset++;
		}
		producers_save_put(&s);
	}
	assert_true(steps >= 3);
	assert_ok(producers_save_finish(&s));
	assert_int_equal(s.out.n, whole.n);
	assert_ok(producers_decode(now, s.out.p, s.out.n, 1));
	assert_ok(producers_decode(then, whole.p, whole.n, 1));
	same_state(now, then, IDS + 100);
	producers_save_free(&s);
	/* It may be given up, or its set go, at any step. */
	producers_save_begin(ps, 0, &s);
	assert_true(producers_save_take(ps, &s));
	producers_save_stop(ps);
	producers_note(ps, from(5, 9, 0, 1, offset++).b, 1);
	assert_false(producers_save_take(ps, &s));
	producers_save_free(&s);
	producers_save_begin(ps, 0, &s);
	assert_true(producers_save_take(ps, &s));
	while (producers_expire(ps, INT64_MAX, UINT64_MAX))
		;
	assert_int_equal(producers_count(ps), 0);
	assert_false(producers_save_take(ps, &s));
	producers_save_free(&s);
	buf_free(&whole);
	producers_destroy(&ps);
	producers_destroy(&now);
	producers_destroy(&then);
}

/* Times are the client's own: one with old ones stays while it is heard of. */
static void
producers_expire_when_silent(void **state)
{
	(void)state;
	struct producers *ps = producers_create(NULL);
	producers_note(ps, from(7, 0, 0, 1, 100).b, 5000);	/* its time: 1100 */
	producers_note(ps, from(8, 0, 0, 1, 200).b, 6000);
	producers_expire(ps, 1100, 9000);
	assert_int_equal(producers_count(ps), 2);
	producers_expire(ps, 9000, 5000);
	assert_int_equal(producers_count(ps), 2);
	producers_expire(ps, 9000, 5001);
	assert_int_equal(producers_count(ps), 1);
	assert_int_equal(judge(ps, from(8, 0, 0, 1, 0), NULL), APPEND_DUPLICATE);
	assert_int_equal(judge(ps, from(7, 0, 0, 1, 0), NULL), APPEND_NEW);
	producers_destroy(&ps);
}

/* A client may have as many ids as it sends batches; it pushes out its own, the oldest first. */
static void
producers_are_bounded(void **state)
{
	(void)state;
	struct producers_budget budget = { 0, 100 };
	struct producers *a = producers_create(&budget), *b = producers_create(&budget), *c;
	struct append_result r;
	for (int i = 0; i < 1000; i++) {
		producers_note(a, from(1000 + i, 0, 0, 1, i).b, 1000);
		producers_note(a, from(7, 0, i, 1, i).b, 1000);	/* never the silent one */
	}
	assert_int_equal(producers_count(a), 100);
	assert_int_equal(producers_check(a, from(7, 0, 5000, 1, 0).b, &r), ERR_CONFLICT);
	assert_int_equal(producers_check(a, from(1999, 0, 5000, 1, 0).b, &r), ERR_CONFLICT);
	assert_ok(producers_check(a, from(1000, 0, 5000, 1, 0).b, &r));	/* not known any more */
	for (int i = 0; i < 1000; i++)
		producers_note(b, from(1000 + i, 0, 0, 1, i).b, 1000);
	assert_int_equal(producers_count(b), PRODUCERS_LEAST);
	assert_int_equal(budget.n, 100 + PRODUCERS_LEAST);
	/* The order outlives a restart. */
	struct buf out;
	buf_init(&out, 1 << 20);
	assert_ok(encode_producers(a, UINT64_MAX, &out));
	producers_destroy(&a);
	assert_int_equal(budget.n, PRODUCERS_LEAST);
	c = producers_create(&budget);
	assert_ok(producers_decode(c, out.p, out.n, 1000));
	for (int i = 0; i < 20; i++)
		producers_note(c, from(i, 0, 0, 1, i).b, 1000);
	assert_int_equal(producers_check(c, from(1999, 0, 5000, 1, 0).b, &r), ERR_CONFLICT);
	assert_ok(producers_check(c, from(1903, 0, 5000, 1, 0).b, &r));
	producers_expire(c, INT64_MAX, UINT64_MAX);
	producers_destroy(&b);
	assert_int_equal(budget.n, 0);
	producers_destroy(&c);
	buf_free(&out);
}

TEST_MAIN(T(producers_are_bounded), T(snapshots_are_of_one_moment), T(producers_expire_when_silent), T(snapshots_keep_what_may_come_again), T(five_batches_are_remembered), T(sequences_wrap), T(snapshots_keep_the_newest),
    T(epochs_answer_where_they_end), T(checkpoints_are_whole_or_nothing),
    T(indexes_lead_before_the_batch), T(names_of_segments), T(states_move_by_the_table))

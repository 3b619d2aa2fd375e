/* SPDX-License-Identifier: Apache-2.0 */
/* Damage that is known stays known, whatever stops the broker, until it is mended, deleted, or given up. */
#include "numbered.h"

#include "log/checkpoint.h"

#include <fcntl.h>

enum { SEGMENT = 1000, ALL = 35, BAD = 15, PATIENCE = 5000 };

/* A byte of a record becomes another, or again what it was. */
static void
turn_bit(struct fixture *f, int offset)
{
	int segment = offset / (SEGMENT / BATCH) * (SEGMENT / BATCH);
	char path[128], c;
	snprintf(path, sizeof(path), "%s/orders-0/%020d.log", f->dir, segment);
	int fd = open(path, O_RDWR);
	off_t at = (offset - segment) * BATCH + 80;
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static int64_t
kept_damage(const struct fixture *f)
{
	char path[128], *text;
	struct ckpt c;
	size_t n;
	snprintf(path, sizeof(path), "%s/checkpoint", f->dir);
	assert_ok(fs_slurp(path, 100000, &text, &n));
	assert_ok(ckpt_parse((struct str){ text, n }, &c));
	const struct ckpt_row *row = ckpt_find(&c, "orders-0");
	int64_t damaged = row == NULL ? -1 : row->damaged;
	ckpt_free(&c);
	mem_free(text);
	return damaged;
}

/* Said by another thread, soon. */
static void
damage_gets_kept(const struct fixture *f, int64_t offset)
{
	for (int ms = 0; ms < PATIENCE && kept_damage(f) != offset; ms++)
		usleep(1000);
	assert_int_equal(kept_damage(f), offset);
}

static struct partition *
begin(struct fixture *f, enum log_flush flush)
{
	fixture_make(f);
	f->topic.segment_bytes = SEGMENT;
	f->topic.flush = flush;
	f->config.no_background = true;
	fixture_open(f);
	struct partition *p = fixture_partition(f, 0);
	append(p, 0, ALL);
	return p;
}

/* After that a batch is bad in the middle segment, of a log that starts as if it were whole. */
static struct partition *
begin_spoilt(struct fixture *f)
{
	struct partition *p = begin(f, LOG_FLUSH_ACK);
	partition_put(&p);
	store_close(&f->store);
	turn_bit(f, BAD);
	fixture_open(f);
	return fixture_partition(f, 0);
}

static struct partition *
again(struct fixture *f, struct partition *p, bool clean)
{
	partition_put(&p);
	if (clean)
		store_close(&f->store);
	else
		fixture_crash(f);
	fixture_open(f);
	assert_int_equal(store_was_clean(f->store), clean);
	return fixture_partition(f, 0);
}

static struct partition *
begin_damaged(struct fixture *f)
{
	struct partition *p = begin_spoilt(f);
	state_is(p, LOG_ONLINE, ALL);
	assert_int_equal(read_at(p, BAD), ERR_CORRUPT);
	state_is(p, LOG_CORRUPT, ALL);
	damage_gets_kept(f, BAD);
	return p;
}

static void
what_a_reader_found_is_known_to_the_next_start(void **state)
{
	static const bool clean[] = { false, true, true, false, true };
	struct append_result r;
	uint8_t b[BATCH];
	struct fixture f;
	(void)state;
	batch_of(b, ALL);
	struct partition *p = begin_damaged(&f);
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		p = again(&f, p, clean[i]);
		state_is(p, LOG_CORRUPT, ALL);
		assert_int_equal(append_durable(p, b, sizeof(b), &r), ERR_CORRUPT);
		assert_ok(read_at(p, BAD - 1));
		assert_int_equal(read_at(p, BAD), ERR_CORRUPT);
		assert_ok(read_at(p, BAD + 1 + SEGMENT / BATCH));
	}
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	p = again(&f, p, true);
	state_is(p, LOG_CORRUPT, ALL);
	/* Given up it is known no more, or what comes next could not be appended. */
	assert_ok(partition_recover(p, true));
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		p = again(&f, p, clean[i]);
		state_is(p, LOG_ONLINE, BAD + (int)i);
		assert_int_equal(kept_damage(&f), -1);
		append(p, BAD + (int)i, BAD + (int)i + 1);
	}
	partition_put(&p);
	fixture_free(&f);
}

/* Where all is well again a recovery finds it so, and nothing is given up; a start that does not look does not. */
static void
what_is_mended_is_served_again(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = begin_damaged(&f);
	turn_bit(&f, BAD);
	for (int clean = 0; clean < 2; clean++) {
		p = again(&f, p, clean);
		state_is(p, LOG_CORRUPT, ALL);
	}
	assert_ok(partition_recover(p, false));
	for (int clean = 0; clean < 2; clean++) {
		state_is(p, LOG_ONLINE, ALL);
		p = again(&f, p, clean);
	}
	assert_int_equal(kept_damage(&f), -1);
	append(p, ALL, ALL + 1);
	partition_put(&p);
	fixture_free(&f);
}

/* What lies below the start of the log is nobody's trouble; of two bad ones both must. */
static void
what_is_deleted_is_not_damaged(void **state)
{
	struct fixture f;
	int64_t start;
	(void)state;
	struct partition *p = begin_spoilt(&f);
	turn_bit(&f, 5);
	assert_int_equal(read_at(p, 5), ERR_CORRUPT);
	assert_int_equal(read_at(p, BAD), ERR_CORRUPT);
	assert_int_equal(read_at(p, 5), ERR_CORRUPT);
	for (int i = 0; i < 2; i++) {
		assert_ok(partition_delete_records(p, i == 0 ? 6 : BAD, &start));
		p = again(&f, p, true);
		state_is(p, LOG_CORRUPT, ALL);
	}
	assert_ok(partition_delete_records(p, BAD + 1, &start));
	p = again(&f, p, true);
	state_is(p, LOG_ONLINE, ALL);
	append(p, ALL, ALL + 1);
	partition_put(&p);
	fixture_free(&f);
}

/* Appended, written, forgotten by the tail; no checkpoint has seen it. */
static struct partition *
begin_fresh(struct fixture *f, enum log_flush flush)
{
	struct partition *p = begin(f, flush);
	assert_ok(partition_write_out(p, true));
	lock_take(&p->lock);
	partition_shed(p, true);
	lock_drop(&p->lock);
	turn_bit(f, BAD);
	assert_int_equal(read_at(p, BAD), ERR_CORRUPT);
	damage_gets_kept(f, BAD);
	return p;
}

/* A start that reads the bad batch again, and has it in the journal, puts it back. */
static void
the_journal_mends_what_it_has(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = begin_fresh(&f, LOG_FLUSH_ACK);
	p = again(&f, p, false);
	state_is(p, LOG_ONLINE, ALL);
	for (int64_t i = 0; i < ALL; i++)
		assert_ok(read_at(p, i));
	append(p, ALL, ALL + 1);
	p = again(&f, p, true);
	state_is(p, LOG_ONLINE, ALL + 1);
	partition_put(&p);
	fixture_free(&f);
}

/* A recovery that has it in the tail, too, and all behind it. */
static void
the_tail_mends_what_it_has(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = begin(&f, LOG_FLUSH_ACK);
	assert_ok(store_checkpoint(f.store));
	turn_bit(&f, BAD);
	partition_found_damage(p, BAD);
	f.topic.segment_bytes = 10 * SEGMENT;	/* into fewer files: those that are not wanted any more must go */
	partition_set_config(p, &f.topic);
	assert_ok(partition_recover(p, false));
	for (int clean = 0; clean < 2; clean++) {
		state_is(p, LOG_ONLINE, ALL);
		p = again(&f, p, clean);
		for (int64_t i = 0; i < ALL; i++)
			assert_ok(read_at(p, i));
	}
	append(p, ALL, ALL + 1);
	partition_put(&p);
	fixture_free(&f);
}

/* A start after a clean stop has none: it reads it again, and cuts nothing off that was durable. */
static void
nothing_durable_is_cut_off_unasked(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = begin_fresh(&f, LOG_FLUSH_OS);
	for (int i = 0; i < 2; i++) {
		p = again(&f, p, true);
		state_is(p, LOG_CORRUPT, BAD);
	}
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	turn_bit(&f, BAD);
	p = again(&f, p, true);
	state_is(p, LOG_ONLINE, ALL);
	for (int64_t i = 0; i < ALL; i++)
		assert_ok(read_at(p, i));
	assert_int_equal(kept_damage(&f), BAD);	/* by the stop before: this start wrote none */
	p = again(&f, p, true);
	assert_int_equal(kept_damage(&f), -1);
	state_is(p, LOG_ONLINE, ALL);
	partition_put(&p);
	fixture_free(&f);
}

/* The files were used for other groups since. */
static void
empty_journal(const struct fixture *f)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/journal", f->dir);
	assert_ok(fs_rmtree(path));
}

/* Nor by the crash after such a start, for which nothing is in the journal any more. */
static void
nothing_durable_is_cut_off_by_a_crash(void **state)
{
	static const enum log_flush flush[] = { LOG_FLUSH_ACK, LOG_FLUSH_OS };
	struct fixture f;
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct partition *p = begin_fresh(&f, flush[k]);
		assert_ok(partition_flush(p));	/* else the journal would be kept for it */
		p = again(&f, p, true);
		for (int i = 0; i < 2; i++) {
			partition_put(&p);
			fixture_crash(&f);
			empty_journal(&f);
			fixture_open(&f);
			p = fixture_partition(&f, 0);
			state_is(p, LOG_CORRUPT, BAD);
			damage_gets_kept(&f, BAD);
		}
		assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
		turn_bit(&f, BAD);
		for (int clean = 0; clean < 2; clean++) {
			p = again(&f, p, clean);
			state_is(p, LOG_ONLINE, ALL);
			for (int64_t i = 0; i < ALL; i++)
				assert_ok(read_at(p, i));
		}
		append(p, ALL, ALL + 1);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* So is what a start finds that reads more than others do, after whatever end. */
static void
what_one_start_found_is_known_to_the_next(void **state)
{
	struct fixture f;
	char from[128], to[160];
	(void)state;
	for (int clean = 0; clean < 2; clean++) {
		struct partition *p = begin_spoilt(&f);
		partition_put(&p);
		store_close(&f.store);
		snprintf(from, sizeof(from), "%s/orders-0/leader-epoch-checkpoint", f.dir);
		snprintf(to, sizeof(to), "%s-away", from);
		assert_ok(fs_rename(from, to));	/* so that all of it is read */
		fixture_open(&f);
		p = fixture_partition(&f, 0);
		state_is(p, LOG_CORRUPT, BAD);
		damage_gets_kept(&f, BAD);
		assert_ok(fs_rename(to, from));
		p = again(&f, p, clean);
		state_is(p, LOG_CORRUPT, ALL);
		assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
		partition_put(&p);
		fixture_free(&f);
	}
}

/* And what a recovery of a log found that had failed for another reason. */
static void
what_a_recovery_found_is_known_to_the_next_start(void **state)
{
	struct fixture f;
	(void)state;
	struct partition *p = begin_spoilt(&f);
	lock_take(&p->lock);
	partition_fail(p, LOG_OFFLINE, ERR_IO);
	p->promised = ALL;		/* so that all of it is read */
	lock_drop(&p->lock);
	assert_int_equal(partition_recover(p, false), ERR_CORRUPT);
	state_is(p, LOG_OFFLINE, ALL);
	p = again(&f, p, true);
	state_is(p, LOG_CORRUPT, ALL);
	partition_put(&p);
	fixture_free(&f);
}

TEST_MAIN(T(what_a_reader_found_is_known_to_the_next_start), T(what_is_mended_is_served_again),
    T(what_is_deleted_is_not_damaged), T(the_journal_mends_what_it_has), T(the_tail_mends_what_it_has),
    T(nothing_durable_is_cut_off_unasked), T(nothing_durable_is_cut_off_by_a_crash),
    T(what_one_start_found_is_known_to_the_next), T(what_a_recovery_found_is_known_to_the_next_start))

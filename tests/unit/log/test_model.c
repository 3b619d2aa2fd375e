/* SPDX-License-Identifier: Apache-2.0 */
/* Random appends, reads, deletions, rolls and restarts against a plain array. */
#include "support.h"

#include "base/clock.h"

enum { MAX_BATCHES = 4000 };

/* The oracle: what lies in the log. */
struct model {
	struct {
		int64_t base, end;
		uint32_t n;
		uint8_t tag;
	} v[MAX_BATCHES];
	size_t n;
	int64_t start;
};

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
append(struct model *m, struct partition *p, uint64_t *seed)
{
	static uint8_t b[40000];
	struct append_result r;
	if (m->n == MAX_BATCHES)
		return;
	uint32_t n = HEAD_BYTES + (uint32_t)(next(seed) % (next(seed) % 10 == 0 ? 30000 : 300));
	int32_t count = 1 + (int32_t)(next(seed) % 5);
	uint8_t tag = (uint8_t)next(seed);
	make_batch(b, n, count, 1000 + (int64_t)m->n, tag);
	struct append in = { b, n, -1, NULL };
	bool wait = next(seed) % 3 == 0;
	assert_ok(wait ? append_durable(p, b, n, &r) : partition_append(p, &in, &r));
	assert_int_equal(r.base, m->n == 0 ? 0 : m->v[m->n - 1].end);
	assert_int_equal(r.end, r.base + count);
	m->v[m->n].base = r.base;
	m->v[m->n].end = r.end;
	m->v[m->n].n = n;
	m->v[m->n++].tag = tag;
}

/* Checks bytes that begin with the batch i of the model. */
static void
check(const struct model *m, size_t i, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; i++) {
		assert_true(i < m->n);
		assert_int_equal(head_base(p + at), m->v[i].base);
		assert_int_equal(head_size(p + at), m->v[i].n);
		if (m->v[i].n > HEAD_BYTES)
			assert_int_equal(p[at + HEAD_BYTES], m->v[i].tag);
		assert_int_equal(crc32c(0, p + at + HEAD_CRC_FROM, m->v[i].n - HEAD_CRC_FROM),
		    head_crc(p + at));
		at += m->v[i].n;
	}
}

static void
read_some(const struct model *m, struct partition *p, uint64_t *seed)
{
	int64_t end = m->n == 0 ? 0 : m->v[m->n - 1].end;
	int64_t offset = m->start + (int64_t)(next(seed) % (uint64_t)(end - m->start + 1));
	size_t max = next(seed) % 100000, i = 0;
	struct arena *arena = arena_create(SIZE_MAX);
	struct log_read r = { .bytes = 0 };
	while (i < m->n && m->v[i].end <= offset)
		i++;
	int err = partition_read(p, offset, max, true, arena, &r);
	if (err == 0) {
		for (int32_t k = 0; k < r.pieces.n; k++) {
			check(m, i, r.pieces.v[k].p, r.pieces.v[k].n);
			for (uint32_t at = 0; at < r.pieces.v[k].n; i++)
				at += m->v[i].n;
		}
		assert_true(r.bytes > 0 || offset >= r.ends.high_watermark);
	} else {
		assert_int_equal(err, ERR_AGAIN);
		struct log_read_job cold = { .p = p, .offset = offset, .max_bytes = max,
			.at_least_one = true };
		read_cold(&cold);
		assert_ok(cold.err);
		assert_non_null(cold.buf);
		check(m, i, log_buf_bytes(cold.buf).p, log_buf_bytes(cold.buf).n);
		log_buf_put(cold.buf);
	}
	arena_destroy(&arena);
}

static void
settle(struct model *m, struct partition *p)
{
	struct gate g;
	gate_init(&g);
	if (m->n > 0 && partition_wait_durable(p, &g.w, m->v[m->n - 1].end) == 0)
		assert_ok(gate_wait(&g));
}

static void
delete_some(struct model *m, struct partition *p, uint64_t *seed)
{
	int64_t start, end = m->n == 0 ? 0 : m->v[m->n - 1].end;
	settle(m, p);
	int64_t offset = m->start + (int64_t)(next(seed) % (uint64_t)(end - m->start + 1)) / 4;
	assert_ok(partition_delete_records(p, offset, &start));
	assert_int_equal(start, offset);
	m->start = offset;
	assert_int_equal(partition_delete_records(p, end + 1, &start), ERR_NOTFOUND);
}

static void
run(uint64_t seed, enum log_flush flush)
{
	static struct model m;
	struct fixture f;
	struct log_ends ends;
	memset(&m, 0, sizeof(m));
	fixture_make(&f);
	f.topic.flush = flush;
	f.topic.flush_messages = 50;
	f.topic.segment_bytes = 60000;
	f.topic.index_interval_bytes = 1000;
	f.config.tail_bytes = 100000;
	f.config.open_files = 3;
	f.config.checkpoint_bytes = 300000;
	fixture_open(&f);
	struct partition *p = fixture_partition(&f, 0);
	for (int i = 0; i < 1500; i++) {
		switch (next(&seed) % 100) {
		case 0:
			settle(&m, p);
			partition_put(&p);
			store_close(&f.store);
			fixture_open(&f);
			assert_true(store_was_clean(f.store));
			p = fixture_partition(&f, 0);
			break;
		case 1:
			delete_some(&m, p, &seed);
			break;
		case 2:
			assert_ok(store_checkpoint(f.store));
			break;
		default:
			if (next(&seed) % 2 == 0)
				append(&m, p, &seed);
			else
				read_some(&m, p, &seed);
		}
		partition_ends(p, &ends);
		assert_int_equal(ends.end, m.n == 0 ? 0 : m.v[m.n - 1].end);
		assert_int_equal(ends.log_start, m.start);
		assert_int_equal(ends.state, LOG_ONLINE);
	}
	partition_put(&p);
	fixture_free(&f);
}

static void
the_log_is_what_was_appended(void **state)
{
	(void)state;
	const char *given = getenv("LOG_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_mono_ns() | 1;
	fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	run(seed, LOG_FLUSH_ACK);
	run(seed + 2, LOG_FLUSH_OS);
	run(seed + 4, LOG_FLUSH_INTERVAL);
}

TEST_MAIN(T(the_log_is_what_was_appended))

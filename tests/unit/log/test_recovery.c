/* SPDX-License-Identifier: Apache-2.0 */
/* Killed while appending: everything acknowledged is there, in order, once; and a
 * second recovery changes nothing. */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>

enum { PARTITIONS = 3 };

/* The batch number i of a partition: its content says what it is. */
static size_t
batch_of(uint8_t *b, int partition, int64_t i)
{
	size_t n = HEAD_BYTES + 16 + (size_t)((i * 7919 + partition) % 3000);
	make_batch(b, n, 1, 1000 + i, (uint8_t)(i * 31 + partition));
	return n;
}

static void
child(struct fixture *f, int fd)
{
	static uint8_t b[8192];
	struct partition *p[PARTITIONS];
	int64_t next[PARTITIONS];
	struct log_ends ends;
	struct append_result r;
	fixture_open(f);
	for (int i = 0; i < PARTITIONS; i++) {
		p[i] = fixture_partition(f, i);
		partition_ends(p[i], &ends);
		next[i] = ends.end;
	}
	for (int turn = 0;; turn++) {
		int i = turn % PARTITIONS;
		size_t n = batch_of(b, i, next[i]);
		if (append_durable(p[i], b, n, &r) != 0)
			_exit(1);
		int64_t note[2] = { i, r.end };
		next[i] = r.end;
		if (write(fd, note, sizeof(note)) != sizeof(note))
			_exit(2);
	}
}

/* Lets a child append until it has told of `acks`, kills it, and keeps what it told. */
static void
run_and_kill(struct fixture *f, int acks, int64_t told[PARTITIONS])
{
	int fds[2], status;
	int64_t note[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(f, fds[1]);
	}
	close(fds[1]);
	while (read(fds[0], note, sizeof(note)) == sizeof(note)) {
		told[note[0]] = note[1];
		if (acks-- == 0)
			kill(pid, SIGKILL);
	}
	close(fds[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void
verify(struct partition *p, int index, int64_t told)
{
	static uint8_t want[8192];
	struct log_ends ends;
	partition_ends(p, &ends);
	assert_int_equal(ends.state, LOG_ONLINE);
	assert_true(ends.end >= told);
	assert_true(ends.end <= told + 1);
	assert_int_equal(ends.high_watermark, ends.end);
	for (int64_t at = 0; at < ends.end;) {
		struct log_read_job job = { .p = p, .offset = at, .max_bytes = 65536 };
		read_cold(&job);
		assert_int_equal(job.err, 0);
		struct piece got = log_buf_bytes(job.buf);
		for (uint32_t pos = 0; pos < got.n;) {
			size_t n = batch_of(want, index, at);
			assert_int_equal(head_base(got.p + pos), at);
			assert_int_equal(head_size(got.p + pos), n);
			assert_memory_equal(got.p + pos + HEAD_CRC_FROM, want + HEAD_CRC_FROM,
			    n - HEAD_CRC_FROM);
			pos += (uint32_t)n;
			at++;
		}
		log_buf_put(job.buf);
	}
}

static void
kill_under(enum log_flush flush)
{
	struct fixture f;
	int64_t told[PARTITIONS] = { 0 };
	fixture_make(&f);
	f.topic.flush = flush;
	f.topic.segment_bytes = 100000;
	for (int round = 0; round < 4; round++) {
		run_and_kill(&f, 40 + round * 90, told);
		for (int again = 0; again < 2; again++) {
			fixture_open(&f);
			assert_int_equal(store_was_clean(f.store), again);
			for (int i = 0; i < PARTITIONS; i++) {
				struct partition *p = fixture_partition(&f, i);
				assert_ok(store_checkpoint(f.store));
				verify(p, i, told[i]);
				partition_put(&p);
			}
			store_close(&f.store);
		}
	}
	fixture_free(&f);
}

static void
nothing_acknowledged_is_lost(void **state)
{
	(void)state;
	kill_under(LOG_FLUSH_ACK);
	kill_under(LOG_FLUSH_OS);
	kill_under(LOG_FLUSH_INTERVAL);
}

TEST_MAIN(T(nothing_acknowledged_is_lost))

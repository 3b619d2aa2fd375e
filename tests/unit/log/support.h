/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of the log share: a directory, a store in it, batches. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/event.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/impl.h"
#include "log/maintain.h"
#include "log/store.h"

/* A batch of count records without content, n bytes in all (>= HEAD_BYTES), sealed
 * with its CRC. `tag` fills its body. */
static inline void
make_batch(uint8_t *b, size_t n, int32_t count, int64_t time, uint8_t tag)
{
	memset(b, 0, HEAD_BYTES);
	memset(b + HEAD_BYTES, tag, n - HEAD_BYTES);
	be_put(b + 8, n - HEAD_PREFIX, 4);
	b[16] = 2;
	be_put(b + 23, (uint64_t)(count - 1), 4);
	be_put(b + 27, (uint64_t)time, 8);
	be_put(b + 35, (uint64_t)time, 8);
	be_put(b + 43, UINT64_MAX, 8);	/* no producer */
	be_put(b + 51, UINT64_MAX, 2);
	be_put(b + 53, UINT64_MAX, 4);
	be_put(b + 57, (uint64_t)count, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, n - HEAD_CRC_FROM), 4);
}

struct fixture {
	char dir[64];
	struct log_sink sink;
	struct event root;
	struct store_config config;
	struct log_config topic;
	struct store *store;
	struct uuid id;
};

static inline void
fixture_make(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/schloss-log-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		abort();
	f->sink.fd = 2;
	f->sink.level = getenv("LOG_TEST_VERBOSE") != NULL ? LOG_LVL_DEBUG : LOG_LVL_CRIT - 1;
	event_root(&f->root, &f->sink);
	f->config = store_config_default;
	f->config.journal_bytes = 256 * 1024;
	f->config.soft_free_percent = 0;
	f->config.ballast_bytes = 0;
	f->topic = log_config_default;
	f->topic.retention_ms = -1;
	memcpy(f->id.b, "topic-id-16-byte", 16);
}

static inline void
fixture_open(struct fixture *f)
{
	struct why why = { "" };
	int err = store_open(f->dir, &f->config, &f->root, &f->store, &why);
	if (err != 0)
		fprintf(stderr, "store_open: %s\n", why.text);
	assert_int_equal(err, 0);
}

static inline struct partition *
fixture_partition(struct fixture *f, int32_t index)
{
	struct store_topic t = { f->id, NAME(0, STR("orders")), false, f->topic };
	struct why why;
	assert_int_equal(store_create_partitions(f->store, &t, index, 1, &why), 0);
	struct partition *p = store_find(f->store, &f->id, index);
	assert_non_null(p);
	return p;
}

static inline void
fixture_free(struct fixture *f)
{
	store_close(&f->store);
	fs_rmtree(f->dir);
}

/* As by kill -9: what lies there now is what the next start finds. A copy takes its time, so nothing may
 * come meanwhile that leans on what was copied before: a checkpoint on bytes of segments, a trimmed
 * journal on a checkpoint, retention and compaction on files. What the writer adds to files is borne torn. */
static inline void
fixture_crash(struct fixture *f)
{
	char command[200], copy[80];
	snprintf(copy, sizeof(copy), "%s-copy", f->dir);
	snprintf(command, sizeof(command), "cp -r %s %s", f->dir, copy);
	maintain_stop(f->store);
	lock_take(&f->store->pass);
	lock_take(&f->store->ckpt);
	int failed = system(command);
	lock_drop(&f->store->ckpt);
	lock_drop(&f->store->pass);
	assert_int_equal(failed, 0);
	store_close(&f->store);
	fs_rmtree(f->dir);
	assert_ok(fs_rename(copy, f->dir));
}

static inline void
state_is(struct partition *p, enum log_state state, int64_t end)
{
	struct log_ends e;
	partition_ends(p, &e);
	assert_int_equal(e.state, state);
	assert_int_equal(e.end, end);
	assert_int_equal(partition_failed(p), state != LOG_ONLINE);
}

/* A waiter that a test thread can wait for. */
struct gate {
	struct log_waiter w;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool fired;
	int err;
};

static inline void
gate_fire(struct log_waiter *w, int err)
{
	struct gate *g = CONTAINER_OF(w, struct gate, w);
	pthread_mutex_lock(&g->mutex);
	assert_false(g->fired);
	g->fired = true;
	g->err = err;
	pthread_cond_signal(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

static inline void
gate_init(struct gate *g)
{
	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->cond, NULL);
	list_init(&g->w.hook);
	g->w.fire = gate_fire;
}

static inline int
gate_wait(struct gate *g)
{
	pthread_mutex_lock(&g->mutex);
	while (!g->fired)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
	return g->err;
}

/* Appends and waits until it is durable; the error of either. */
static inline int
append_durable(struct partition *p, const uint8_t *b, size_t n, struct append_result *ret)
{
	struct gate g;
	gate_init(&g);
	struct append in = { b, n, -1, &g.w };
	int err = partition_append(p, &in, ret);
	if (err != 0)
		return err;
	return ret->waiting ? gate_wait(&g) : 0;
}

/* ---- what reader threads do, waited for ---- */

struct reading {
	struct log_read_job job;
	struct gate gate;
};

static inline void
reading_done(struct log_read_job *job)
{
	gate_fire(&CONTAINER_OF(job, struct reading, job)->gate.w, 0);
}

/* Asks for what job says; its results are set then. */
static inline void
read_cold(struct log_read_job *job)
{
	struct reading r = { .job = *job };
	r.job.done = reading_done;
	gate_init(&r.gate);
	assert_ok(partition_read_cold(&r.job));
	gate_wait(&r.gate);
	*job = r.job;
}

struct looking {
	struct log_lookup_job job;
	struct gate gate;
};

static inline void
looking_done(struct log_lookup_job *job)
{
	gate_fire(&CONTAINER_OF(job, struct looking, job)->gate.w, 0);
}

static inline void
look_up(struct log_lookup_job *job)
{
	struct looking l = { .job = *job };
	l.job.done = looking_done;
	gate_init(&l.gate);
	assert_ok(partition_lookup(&l.job));
	gate_wait(&l.gate);
	*job = l.job;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an append costs: one thread appends batches to the log and keeps a number of
 * them in flight. Prints GB/s, CPU seconds (of the whole process) per GB and per
 * million appends, and the latency of durability.
 *
 * usage: logbench DIR ack|interval|os BATCH-BYTES IN-FLIGHT MEGABYTES [PARTITIONS]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "log/head.h"
#include "log/store.h"

struct flight {
	struct log_waiter w;
	uint64_t began;
	struct bench *bench;
};

struct bench {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct list idle;
	uint64_t *latency;
	size_t done;
	int err;
};

static void
fire(struct log_waiter *w, int err)
{
	struct flight *f = CONTAINER_OF(w, struct flight, w);
	struct bench *b = f->bench;
	pthread_mutex_lock(&b->mutex);
	b->latency[b->done++] = clock_mono_ns() - f->began;
	b->err = err;
	list_add(&b->idle, &w->hook);
	pthread_cond_signal(&b->cond);
	pthread_mutex_unlock(&b->mutex);
}

static struct flight *
next_idle(struct bench *b)
{
	pthread_mutex_lock(&b->mutex);
	while (list_empty(&b->idle))
		pthread_cond_wait(&b->cond, &b->mutex);
	struct list *h = b->idle.next;
	list_del(h);
	pthread_mutex_unlock(&b->mutex);
	return CONTAINER_OF(h, struct flight, w.hook);
}

static uint8_t *
make_batch(size_t n)
{
	uint8_t *b = mem_zalloc(n);
	be_put(b + 8, n - HEAD_PREFIX, 4);
	b[16] = 2;
	be_put(b + 43, UINT64_MAX, 8);
	be_put(b + 57, 1, 4);
	be_put(b + 17, crc32c(0, b + HEAD_CRC_FROM, n - HEAD_CRC_FROM), 4);
	return b;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static double
cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 +
	    (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static void
wake(struct log_waiter *w, int err)
{
	(void)err;
	atomic_store((_Atomic int64_t *)&w->target, -1);
}

static void
append(struct bench *b, struct partition *p, const uint8_t *batch, size_t n)
{
	struct append_result r;
	struct flight *f = next_idle(b);
	f->began = clock_mono_ns();
	struct append in = { batch, n, -1, &f->w };
	for (;;) {
		int err = partition_append(p, &in, &r);
		if (err == 0 && !r.waiting)
			fire(&f->w, 0);
		if (err == 0)
			return;
		struct log_waiter room = { .fire = wake };
		list_init(&room.hook);
		if (err != ERR_AGAIN) {
			fprintf(stderr, "append: %s\n", err_text(err));
			exit(1);
		}
		if (partition_wait_room(p, &room) == 0)
			while (atomic_load((_Atomic int64_t *)&room.target) != -1)
				sched_yield();
	}
}

int
main(int argc, char **argv)
{
	struct log_sink sink = { 2, 0, LOG_LVL_NOTICE };
	struct event root;
	struct why why;
	struct store *s;
	if (argc < 6) {
		fprintf(stderr, "usage: logbench DIR ack|interval|os BATCH IN-FLIGHT MB [PARTITIONS]\n");
		return 2;
	}
	size_t n = strtoul(argv[3], NULL, 10), flights = strtoul(argv[4], NULL, 10);
	size_t count = (strtoul(argv[5], NULL, 10) << 20) / n;
	int32_t parts = argc > 6 ? (int32_t)strtol(argv[6], NULL, 10) : 1;
	struct store_config sc = store_config_default;
	struct store_topic t = { uuid_make(), NAME(0, STR("bench")), false, log_config_default };
	t.config.flush = strcmp(argv[2], "os") == 0 ? LOG_FLUSH_OS :
	    strcmp(argv[2], "interval") == 0 ? LOG_FLUSH_INTERVAL : LOG_FLUSH_ACK;
	if (t.config.flush == LOG_FLUSH_INTERVAL)
		t.config.flush_ms = 1000;
	event_root(&root, &sink);
	if (store_open(argv[1], &sc, &root, &s, &why) != 0) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	if (store_create_partitions(s, &t, 0, parts, &why) != 0)
		return 1;
	struct partition **p = mem_alloc((size_t)parts * sizeof(struct partition *));
	for (int32_t i = 0; i < parts; i++)
		p[i] = store_find(s, &t.id, i);
	struct bench b = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, { 0 }, NULL, 0, 0 };
	list_init(&b.idle);
	b.latency = mem_alloc(count * sizeof(uint64_t));
	for (size_t i = 0; i < flights; i++) {
		struct flight *f = MEM_NEW(struct flight);
		list_init(&f->w.hook);
		f->w.fire = fire;
		f->bench = &b;
		list_add(&b.idle, &f->w.hook);
	}
	uint8_t *batch = make_batch(n);
	double cpu = cpu_seconds();
	uint64_t began = clock_mono_ns();
	for (size_t i = 0; i < count; i++)
		append(&b, p[i % (size_t)parts], batch, n);
	for (size_t i = 0; i < flights; i++)
		next_idle(&b);
	double s_wall = (double)(clock_mono_ns() - began) / 1e9;
	cpu = cpu_seconds() - cpu;
	double gb = (double)count * (double)n / 1e9;
	qsort(b.latency, count, sizeof(uint64_t), by_value);
	struct store_stats st;
	store_stats(s, &st);
	printf("%-8s %7zu B x %zu, %zu in flight: %.2f GB/s %.3f c-s/GB %.3f c-s/M  "
	    "p50 %.0f us p99 %.0f us max %.0f us  commits %llu err %d\n", argv[2], n, count, flights,
	    gb / s_wall, cpu / gb, cpu / (double)count * 1e6, (double)b.latency[count / 2] / 1e3,
	    (double)b.latency[count * 99 / 100] / 1e3, (double)b.latency[count - 1] / 1e3,
	    (unsigned long long)st.journal_commits, b.err);
	for (int32_t i = 0; i < parts; i++)
		partition_put(&p[i]);
	store_close(&s);
	printf("with close: %.3f c-s/GB\n", (cpu_seconds()) / gb);
	return 0;
}

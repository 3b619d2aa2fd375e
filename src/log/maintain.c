/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may take long and nobody waits for, on one thread: deletion by time and size,
 * compaction, forgetting producers, removing directories of deleted topics.
 */
#include "log/maintain.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "log/compact.h"
#include "log/impl.h"
#include "log/producers.h"
#include "log/retain.h"

#define HOUR_MS INT64_C(3600000)
#define FIRST_MS 30000		/* after a start: a clock that is wrong at boot is right by then, or has jumped */
#define COMPACT_MAP_BYTES (UINT64_C(32) << 20)

uint64_t
store_due_in(int64_t delay_ms)
{
	int64_t years = INT64_C(1000) * 3600 * 24 * 36500; /* more would not fit */
	return clock_mono_ns() + (uint64_t)(delay_ms < years ? delay_ms : years) * NS_PER_MS;
}

void
store_bury_dir(struct store *s, struct dead *d)
{
	lock_take(&s->mlock);
	list_add(&s->dead, &d->hook);
	pthread_cond_signal(&s->mwake);
	lock_drop(&s->mlock);
}

static void
free_dead(struct dead *d)
{
	mem_free(d->path);
	mem_free(d);
}

void
store_forget_dead(struct store *s)
{
	LIST_FOREACH(h, &s->dead) {
		list_del(h);
		free_dead(CONTAINER_OF(h, struct dead, hook));
	}
}

static void
remove_dead(struct store *s, uint64_t now)
{
	struct list due;
	list_init(&due);
	lock_take(&s->mlock);
	LIST_FOREACH(h, &s->dead) {
		if (CONTAINER_OF(h, struct dead, hook)->due > now)
			continue;
		list_del(h);
		list_add(&due, h);
	}
	lock_drop(&s->mlock);
	LIST_FOREACH(h, &due) {
		struct dead *d = CONTAINER_OF(h, struct dead, hook);
		list_del(h);
		/* After a stop the next start finds it again. */
		int err = store_stops(s) ? 0 : fs_rmtree(d->path);
		if (err != 0 && err != ERR_NOTFOUND)
			ev_warn(&s->ev, "cannot remove %s: %s", d->path, err_text(err));
		free_dead(d);
	}
}

/* Whether deletion by time may run: not for an hour after the wall clock has moved by
 * more than an hour against the monotonic one. */
static bool
clock_is_steady(struct store *s, int64_t wall_ms, uint64_t mono_ns)
{
	int64_t base = wall_ms - (int64_t)(mono_ns / NS_PER_MS);
	lock_take(&s->mlock);
	int64_t moved = s->clock_seen ? base - s->clock_base_ms : 0;
	s->clock_base_ms = base;
	s->clock_seen = true;
	if (moved > HOUR_MS || moved < -HOUR_MS) {
		ev_warn(&s->ev, "the clock jumped by %" PRId64 " s: nothing is deleted by time for an hour",
		    moved / 1000);
		s->clock_pause_until = mono_ns + (uint64_t)HOUR_MS * NS_PER_MS;
	}
	bool steady = mono_ns >= s->clock_pause_until;
	lock_drop(&s->mlock);
	return steady;
}

bool
store_stops(struct store *s)
{
	return atomic_load_explicit(&s->maintain_stop, memory_order_relaxed);
}

static void
expire_producers(struct partition *p, int64_t wall_ms, uint64_t mono_ns)
{
	struct store *s = p->store;
	int64_t expiry = s->config.producer_expiry_ms;
	uint64_t silence = (uint64_t)(expiry < HOUR_MS ? expiry : HOUR_MS) * NS_PER_MS;
	for (bool more = true; more && !store_stops(s);) {
		lock_take(&p->lock);
		more = producers_expire(p->producers, wall_ms - expiry,
		    mono_ns > silence ? mono_ns - silence : 0);
		lock_drop(&p->lock);
	}
}

/* Whether there is progress to be kept. */
static bool
compact(struct partition *p, int64_t wall_ms)
{
	lock_take(&p->lock);
	bool compacts = (p->config.cleanup & LOG_CLEANUP_COMPACT) != 0;
	int64_t before = p->clean_offset;
	lock_drop(&p->lock);
	if (!compacts)
		return false;
	partition_compact(p, wall_ms, COMPACT_MAP_BYTES);
	lock_take(&p->lock);
	bool moved = p->clean_offset != before;
	lock_drop(&p->lock);
	return moved;
}

void
store_maintain(struct store *s, int64_t wall_ms, uint64_t mono_ns)
{
	size_t n;
	bool by_time = clock_is_steady(s, wall_ms, mono_ns), moved = false;
	struct partition **v = store_collect(s, &n);
	/* Retention makes room, and is quick: it waits for no compaction. */
	for (size_t i = 0; i < n && !store_stops(s); i++) {
		partition_retain(v[i], wall_ms, by_time);
		if (by_time)
			expire_producers(v[i], wall_ms, mono_ns);
	}
	for (size_t i = 0; i < n && by_time && !store_stops(s); i++)	/* marks of deleted keys go by the clock */
		moved = compact(v[i], wall_ms) || moved;
	store_release(v, n);
	/* What is clean is not read again after a crash either; a stop writes it by itself. */
	if (moved && !store_stops(s))
		(void)store_write_checkpoint(s);
	remove_dead(s, mono_ns);
}

/* When the thread must look again. Locked (mlock). */
static uint64_t
next_due(const struct store *s)
{
	uint64_t next = s->maintain_due;
	LIST_FOREACH(h, &s->dead) {
		const struct dead *d = CONTAINER_OF(h, struct dead, hook);
		next = d->due < next ? d->due : next;
	}
	return next;
}

/* The first time at the start, to be compared with what the first turn finds. */
static void
learn_clock(struct store *s)
{
	(void)clock_is_steady(s, clock_wall_ms(), clock_mono_ns());
}

static void *
run(void *arg)
{
	struct store *s = arg;
	int64_t first = s->config.retention_check_ms < FIRST_MS ? s->config.retention_check_ms : FIRST_MS;
	learn_clock(s);
	lock_take(&s->mlock);
	s->maintain_due = store_due_in(first);
	while (!s->maintain_stop) {
		uint64_t now = clock_mono_ns(), next = next_due(s);
		if (next > now) {
			lock_wait_ms(&s->mlock, &s->mwake, (unsigned)((next - now) / NS_PER_MS) + 1);
			continue;
		}
		bool due = now >= s->maintain_due;
		if (due)
			s->maintain_due = store_due_in(s->config.retention_check_ms);
		lock_drop(&s->mlock);
		if (due)
			store_maintain(s, clock_wall_ms(), now);
		else
			remove_dead(s, now);
		lock_take(&s->mlock);
	}
	lock_drop(&s->mlock);
	return NULL;
}

void
maintain_start(struct store *s)
{
	s->maintains = !s->config.no_background;
	if (s->maintains)
		s->maintainer = thread_start("log-maintain", run, s);
}

void
maintain_stop(struct store *s)
{
	if (!s->maintains)
		return;
	lock_take(&s->mlock);
	s->maintain_stop = true;
	pthread_cond_signal(&s->mwake);
	lock_drop(&s->mlock);
	pthread_join(s->maintainer, NULL);
	s->maintains = false;
}

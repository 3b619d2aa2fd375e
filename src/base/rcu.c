/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A global epoch counts retirements. A reader inside publishes the epoch at
 * which it entered, and 0 when it leaves. An object retired at epoch e may be
 * released when every reader is outside or entered after e.
 */
#include "base/rcu.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"

struct rcu_reader {
	struct list hook;
	_Atomic uint64_t since;		/* 0: outside */
	char pad[40];			/* a line of its own */
};

struct retired {
	struct list hook;
	uint64_t epoch;
	void (*release)(void *object);
	void *object;
};

struct rcu {
	_Atomic uint64_t epoch;
	struct lock lock;
	struct list readers, retired;
};

struct rcu *
rcu_create(void)
{
	struct rcu *r = MEM_NEW(struct rcu);
	atomic_init(&r->epoch, 1);
	lock_init(&r->lock, LOCK_RCU);
	list_init(&r->readers);
	list_init(&r->retired);
	return r;
}

struct rcu_reader *
rcu_join(struct rcu *r)
{
	struct rcu_reader *reader = MEM_NEW(struct rcu_reader);
	lock_take(&r->lock);
	list_add(&r->readers, &reader->hook);
	lock_drop(&r->lock);
	return reader;
}

void
rcu_part(struct rcu *r, struct rcu_reader **reader)
{
	lock_take(&r->lock);
	list_del(&(*reader)->hook);
	lock_drop(&r->lock);
	mem_free(*reader);
	*reader = NULL;
	rcu_poll(r);
}

void
rcu_enter(struct rcu *r, struct rcu_reader *reader)
{
	/* Sequentially consistent: the mark must be seen before any pointer is read. */
	atomic_store(&reader->since, atomic_load(&r->epoch));
}

void
rcu_leave(struct rcu *r, struct rcu_reader *reader)
{
	(void)r;
	atomic_store_explicit(&reader->since, 0, memory_order_release);
}

/* The oldest epoch that a reader inside may still look at. */
static uint64_t
oldest(struct rcu *r)
{
	uint64_t min = UINT64_MAX;
	LIST_FOREACH(hook, &r->readers) {
		uint64_t since = atomic_load(&CONTAINER_OF(hook, struct rcu_reader, hook)->since);
		if (since != 0 && since < min)
			min = since;
	}
	return min;
}

void
rcu_poll(struct rcu *r)
{
	struct list free_now;
	list_init(&free_now);
	lock_take(&r->lock);
	uint64_t min = oldest(r);
	LIST_FOREACH(hook, &r->retired) {
		if (CONTAINER_OF(hook, struct retired, hook)->epoch >= min)
			break;
		list_del(hook);
		list_add(&free_now, hook);
	}
	lock_drop(&r->lock);
	LIST_FOREACH(hook, &free_now) {
		struct retired *x = CONTAINER_OF(hook, struct retired, hook);
		x->release(x->object);
		mem_free(x);
	}
}

void
rcu_retire(struct rcu *r, void (*release)(void *object), void *object)
{
	struct retired *x = MEM_NEW(struct retired);
	x->release = release;
	x->object = object;
	lock_take(&r->lock);
	x->epoch = atomic_fetch_add(&r->epoch, 1);
	list_add(&r->retired, &x->hook);
	lock_drop(&r->lock);
	rcu_poll(r);
}

void
rcu_destroy(struct rcu **rcu)
{
	if (*rcu == NULL)
		return;
	rcu_poll(*rcu);
	lock_free(&(*rcu)->lock);
	mem_free(*rcu);
	*rcu = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket that has been idle for burst_ns is full; a charge moves its time of
 * payment up by what the charge costs, by compare-and-swap. Never further than
 * one window ahead: one window bounds a delay. What is promised stands beside it: a
 * promise that were a charge could not be taken back exactly, for of what was charged meanwhile
 * nobody knows how much the window's end, or time, has let go. The usage counters may lose a
 * little where two threads open a slot at once; they are for people to read.
 */
#include "tenant/bucket.h"

#define SLOT_NS (UINT64_C(10) * 1000000000)

/* What is more than a window and a burst together makes no difference. */
static int64_t
bounded(double cost_ns, const struct quota_config *config)
{
	uint64_t most = config->window_ns + config->burst_ns;
	return (int64_t)(cost_ns > (double)most ? most : (uint64_t)cost_ns);
}

uint64_t
bucket_charge(struct bucket *b, enum quota_key key, double cost_ns, uint64_t now_ns,
    const struct quota_config *config)
{
	int64_t now = (int64_t)now_ns, full = now - (int64_t)config->burst_ns;
	int64_t most = now + (int64_t)config->window_ns, next, cost = bounded(cost_ns, config);
	int64_t paid = atomic_load_explicit(&b->paid[key], memory_order_relaxed);
	do {
		next = (paid > full ? paid : full) + cost;
		if (next > most)
			next = paid > most ? paid : most;
	} while (!atomic_compare_exchange_weak_explicit(&b->paid[key], &paid, next,
	    memory_order_relaxed, memory_order_relaxed));
	return bucket_delay(b, key, now_ns, config);
}

int64_t
bucket_hold(struct bucket *b, enum quota_key key, double cost_ns, const struct quota_config *config)
{
	int64_t held = bounded(cost_ns, config);
	atomic_fetch_add_explicit(&b->held[key], held, memory_order_relaxed);
	return held;
}

void
bucket_release(struct bucket *b, enum quota_key key, int64_t held)
{
	atomic_fetch_sub_explicit(&b->held[key], held, memory_order_relaxed);
}

uint64_t
bucket_delay(const struct bucket *b, enum quota_key key, uint64_t now_ns,
    const struct quota_config *config)
{
	int64_t now = (int64_t)now_ns, full = now - (int64_t)config->burst_ns;
	int64_t paid = atomic_load_explicit(&b->paid[key], memory_order_relaxed);
	paid = (paid > full ? paid : full) + atomic_load_explicit(&b->held[key], memory_order_relaxed);
	uint64_t delay = paid > now ? (uint64_t)(paid - now) : 0;
	return delay < config->window_ns ? delay : config->window_ns;
}

uint64_t
bucket_wait(struct bucket *b, enum quota_key key, double cost_ns, uint64_t now_ns,
    const struct quota_config *config, int64_t *place)
{
	uint64_t delay = bucket_delay(b, key, now_ns, config);
	int64_t others = atomic_load_explicit(&b->waiting[key], memory_order_relaxed) - *place;
	if (*place == 0 && (delay > 0 || others > 0)) {
		int64_t cost = bounded(cost_ns, config);
		*place = cost > 0 ? cost : 1;
		others = atomic_fetch_add_explicit(&b->waiting[key], *place, memory_order_relaxed);
	}
	return delay + (uint64_t)(others > 0 ? others : 0);
}

void
bucket_leave(struct bucket *b, enum quota_key key, int64_t place)
{
	atomic_fetch_sub_explicit(&b->waiting[key], place, memory_order_relaxed);
}

int
bucket_idle(const struct bucket *b, uint64_t now_ns, const struct quota_config *config)
{
	for (int k = 0; k < QUOTA_RATES; k++) {
		int64_t paid = atomic_load_explicit(&b->paid[k], memory_order_relaxed);
		int64_t slot = atomic_load_explicit(&b->slot[k], memory_order_relaxed);
		if (paid + (int64_t)config->burst_ns > (int64_t)now_ns ||
		    slot + 1 >= (int64_t)(now_ns / SLOT_NS))
			return 0;
	}
	return 1;
}

void
bucket_count(struct bucket *b, int key, double amount, uint64_t now_ns)
{
	int64_t slot = (int64_t)(now_ns / SLOT_NS);
	int64_t seen = atomic_load_explicit(&b->slot[key], memory_order_relaxed);
	if (seen < slot && atomic_compare_exchange_strong_explicit(&b->slot[key], &seen, slot,
	    memory_order_relaxed, memory_order_relaxed)) {
		uint64_t sum = atomic_exchange_explicit(&b->now_sum[key], 0, memory_order_relaxed);
		atomic_store_explicit(&b->last_sum[key], seen + 1 == slot ? sum : 0,
		    memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&b->now_sum[key], (uint64_t)amount, memory_order_relaxed);
}

double
bucket_rate(const struct bucket *b, int key, uint64_t now_ns)
{
	int64_t slot = (int64_t)(now_ns / SLOT_NS);
	int64_t seen = atomic_load_explicit(&b->slot[key], memory_order_relaxed);
	double sum = (double)atomic_load_explicit(&b->now_sum[key], memory_order_relaxed);
	double last = (double)atomic_load_explicit(&b->last_sum[key], memory_order_relaxed);
	double part = (double)(now_ns % SLOT_NS) / 1e9;
	if (seen == slot)
		return (last + sum) / (10 + part);
	return seen + 1 == slot ? sum / (10 + part) : 0;
}

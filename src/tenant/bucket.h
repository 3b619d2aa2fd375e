/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside src/tenant: one token bucket for each key, as one number: the time when
 * its debt will be paid (the theoretical arrival time of GCRA). Debt is measured
 * in time, so a change of the rate needs no conversion. Any thread.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "tenant/quota.h"

enum { BUCKET_REQUESTS = QUOTA_RATES, BUCKET_COUNTS };	/* counted like a key, and limited by none */

struct bucket {
	_Atomic int64_t paid[QUOTA_RATES];
	/* What is promised and not charged yet will cost, ns. */
	_Atomic int64_t held[QUOTA_RATES];
	/* What those who wait for it will cost, ns. */
	_Atomic int64_t waiting[QUOTA_RATES];
	/* Usage: what this and the last slot of 10 s have seen. */
	_Atomic int64_t slot[BUCKET_COUNTS];
	_Atomic uint64_t now_sum[BUCKET_COUNTS], last_sum[BUCKET_COUNTS];
};

/* Charges what takes the rate cost_ns to give; the delay until it is paid. */
uint64_t bucket_charge(struct bucket *b, enum quota_key key, double cost_ns, uint64_t now_ns,
    const struct quota_config *config);
/* Promises what will be charged, and gives what it counts until bucket_release() gives that back. */
int64_t bucket_hold(struct bucket *b, enum quota_key key, double cost_ns,
    const struct quota_config *config);
void bucket_release(struct bucket *b, enum quota_key key, int64_t held);
/* Until its debt is paid, promises and all; at most a window. */
uint64_t bucket_delay(const struct bucket *b, enum quota_key key, uint64_t now_ns,
    const struct quota_config *config);
/* Whether who comes now neither waits nor has somebody to wait behind. */
static inline bool
bucket_is_free(const struct bucket *b, enum quota_key key, uint64_t now_ns)
{
	return atomic_load_explicit(&b->paid[key], memory_order_relaxed) <= (int64_t)now_ns &&
	    atomic_load_explicit(&b->held[key], memory_order_relaxed) == 0 &&
	    atomic_load_explicit(&b->waiting[key], memory_order_relaxed) == 0;
}
/* How long until its debt and all others who wait are through. Who has no place among them (0)
 * and must wait gets one, what he will cost; bucket_leave() gives it up. */
uint64_t bucket_wait(struct bucket *b, enum quota_key key, double cost_ns, uint64_t now_ns,
    const struct quota_config *config, int64_t *place);
void bucket_leave(struct bucket *b, enum quota_key key, int64_t place);
/* Whether nothing is lost by forgetting it. */
int bucket_idle(const struct bucket *b, uint64_t now_ns, const struct quota_config *config);

/* Adds to the usage, and reads it, a second. */
void bucket_count(struct bucket *b, int key, double amount, uint64_t now_ns);
double bucket_rate(const struct bucket *b, int key, uint64_t now_ns);

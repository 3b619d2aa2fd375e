/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "api/api.h"

/*
 * What requests are counted by, for the metrics. Each loop has numbers of its own, which it alone writes: a plain load, an addition and a
 * plain store, on a line that no other loop writes. Who reads adds them up, and may miss what is being counted.
 */
struct loop;
struct request;
struct tallies;

/* Of a tenant, from the start of the broker. */
enum tally_key {
	TALLY_LOGINS,
	TALLY_DENIED,			/* questions to the gate */
	TALLY_BYTES_IN, TALLY_BYTES_OUT,	/* of Produce and of Fetch, as the quotas count them */
	TALLY_PRODUCES, TALLY_FETCHES, TALLY_REQUESTS,
	TALLY_THROTTLED, TALLY_THROTTLE_NS,	/* answers that asked for a delay, and the delays */
	TALLY_KEYS
};

/* A request's time, from its frame to its answer: below 64 us, then twice as much for each, the last without a bound. */
#define TALLY_TIMES 18
#define TALLY_TIME_NS(i) (UINT64_C(64000) << (i))

struct tally {
	_Atomic uint64_t v[TALLY_KEYS];
};

struct tally_api {
	_Atomic uint64_t ns, times[TALLY_TIMES];
};

/* Of one loop. */
struct tally_loop {
	struct tally_api api[API_COUNT];
	char pad[64];
	/* The rest is tally.c's. */
	struct loop *loop;
	struct tallies *all;
	struct map *tenants;		/* struct tally by number */
};

struct tallies *tallies_create(struct loop *const *loops, unsigned n);
void tallies_destroy(struct tallies **tallies);
/* NULL where there is no such loop, or nothing is counted. */
struct tally_loop *tallies_loop(struct tallies *tallies, const struct loop *loop);
/* The loop's own numbers of a tenant; for its thread, until the end. */
struct tally *tally_tenant(struct tally_loop *loop, uint32_t tenant);

static inline void
tally_add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
}

/* An answer goes out; bytes: of a Fetch's. */
void tally_answered(const struct request *rq);

/* Over all loops; any thread. */
void tallies_tenant(struct tallies *tallies, uint32_t tenant, uint64_t ret[TALLY_KEYS]);
struct tally_sum {
	uint64_t ns, n, times[TALLY_TIMES];
};
void tallies_api(struct tallies *tallies, enum api_id id, struct tally_sum *ret);

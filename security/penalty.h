/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

/*
 * How long a failed login waits for its answer (model section 1): at least
 * 100 ms, twice as long with each failure of the same (address, user) up to a
 * cap, and not at all from an address where that user lately succeeded, so
 * that nobody can slow down somebody else. IPv6 counts by /64. Memory is
 * bounded: the least recently touched entry makes room, failures never for
 * successes. Time is an argument (ns, monotonic). Thread-safe (LOCK_PENALTY).
 */
#define PENALTY_FIRST_NS (UINT64_C(100) * 1000000)
#define PENALTY_CAP_NS (UINT64_C(10) * 1000000000)
/* After this long without a failure an entry is forgotten. */
#define PENALTY_FORGET_NS (UINT64_C(600) * 1000000000)
/* "Lately": how long a success protects. */
#define PENALTY_TRUST_NS (UINT64_C(24) * 3600 * 1000000000)

struct penalty;

/* max: entries kept for failures, and as many for successes. */
struct penalty *penalty_create(size_t max);
void penalty_destroy(struct penalty **penalty);

/* Addresses that are many people's (NAT, proxies): a failure from there is counted, and waits
 * PENALTY_FIRST_NS, but no longer with each one more, or one of them could slow down the others.
 * From now on; copied. */
void penalty_set_exempt(struct penalty *penalty, const struct cidr_list *blocks);

/* Counts a failure; returns how many ns after the attempt began it may be
 * answered. *ret_count (may be NULL): failures of this pair in a row. */
uint64_t penalty_fail(struct penalty *penalty, const struct addr *peer, struct name user,
    uint64_t now, uint32_t *ret_count);
void penalty_success(struct penalty *penalty, const struct addr *peer, struct name user,
    uint64_t now);

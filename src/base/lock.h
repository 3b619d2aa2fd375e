/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>

/* Mutexes with a rank (locks.def): taken in rising order only, so they cannot
 * deadlock. Built with ENABLE_LOCK_CHECKS, a breach aborts with both names. */
enum lock_id {
#define X(name, rank, what) LOCK_##name,
#include "base/locks.def"
#undef X
	LOCK_COUNT
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_id id;
};

void lock_init(struct lock *lock, enum lock_id id);
void lock_free(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* Waits as pthread_cond_wait does; cond must use CLOCK_MONOTONIC (lock_cond_init). */
void lock_cond_init(pthread_cond_t *cond);
void lock_wait(struct lock *lock, pthread_cond_t *cond);
/* Returns nonzero when ms milliseconds have passed. */
int lock_wait_ms(struct lock *lock, pthread_cond_t *cond, unsigned ms);

/* Aborts in checking builds unless this thread holds the lock. */
void lock_assert_held(const struct lock *lock);

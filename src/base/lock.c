/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef ENABLE_LOCK_CHECKS
static const struct {
	const char *name;
	int rank;
} rows[] = {
#define X(name, rank, what) { #name, rank },
#include "base/locks.def"
#undef X
};

/* What this thread holds, in the order taken. */
static _Thread_local const struct lock *held[16];
static _Thread_local unsigned held_n;

static void
check_take(const struct lock *lock)
{
	const struct lock *top = held_n == 0 ? NULL : held[held_n - 1];
	if (top != NULL && rows[top->id].rank >= rows[lock->id].rank) {
		fprintf(stderr, "lock order: %s (%d) taken while holding %s (%d)\n",
		    rows[lock->id].name, rows[lock->id].rank, rows[top->id].name,
		    rows[top->id].rank);
		abort();
	}
	if (held_n == sizeof(held) / sizeof(held[0]))
		abort();
	held[held_n++] = lock;
}

static void
check_drop(const struct lock *lock)
{
	for (unsigned i = held_n; i-- > 0;) {
		if (held[i] != lock)
			continue;
		for (held_n--; i < held_n; i++)
			held[i] = held[i + 1];
		return;
	}
	fprintf(stderr, "lock %s dropped but not held\n", rows[lock->id].name);
	abort();
}

void
lock_assert_held(const struct lock *lock)
{
	for (unsigned i = 0; i < held_n; i++)
		if (held[i] == lock)
			return;
	fprintf(stderr, "lock %s must be held here\n", rows[lock->id].name);
	abort();
}
#else
static void check_take(const struct lock *lock) { (void)lock; }
static void check_drop(const struct lock *lock) { (void)lock; }
void lock_assert_held(const struct lock *lock) { (void)lock; }
#endif

void
lock_init(struct lock *lock, enum lock_id id)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->id = id;
}

void
lock_free(struct lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void
lock_take(struct lock *lock)
{
	check_take(lock);
	pthread_mutex_lock(&lock->mutex);
}

void
lock_drop(struct lock *lock)
{
	check_drop(lock);
	pthread_mutex_unlock(&lock->mutex);
}

void
lock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void
lock_wait(struct lock *lock, pthread_cond_t *cond)
{
	lock_assert_held(lock);
	pthread_cond_wait(cond, &lock->mutex);
}

int
lock_wait_ms(struct lock *lock, pthread_cond_t *cond, unsigned ms)
{
	struct timespec ts;
	lock_assert_held(lock);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return pthread_cond_timedwait(cond, &lock->mutex, &ts);
}

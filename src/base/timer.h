/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Timers in a binary heap, by deadline on whatever clock the caller uses
 * (nanoseconds of clock_mono_ns(), or virtual time in a simulation). Timers are
 * embedded in their owner's struct; a set of timers has one owner thread.
 */
struct timer {
	uint64_t when;
	size_t pos;			/* place in the heap + 1; 0: not set */
	void (*fire)(struct timer *timer, uint64_t now);
};

struct timers {
	struct timer **heap;
	size_t n, cap;
};

void timers_init(struct timers *set);
/* Forgets all timers without firing them. */
void timers_free(struct timers *set);

/* Sets or moves a timer. fire must be set before. */
void timer_set(struct timers *set, struct timer *timer, uint64_t when);
/* No effect on a timer that is not set. */
void timer_cancel(struct timers *set, struct timer *timer);

static inline bool
timer_is_set(const struct timer *timer)
{
	return timer->pos != 0;
}

/* The earliest deadline, or UINT64_MAX. */
uint64_t timers_next(const struct timers *set);
/* Fires all that are due at now, earliest first; each is unset before it fires. How many. */
unsigned timers_run(struct timers *set, uint64_t now);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct store;

/* A renamed directory that is removed when its time has come. */
struct dead {
	struct list hook;
	char *path;
	uint64_t due;			/* monotonic ns */
};

/* The maintenance thread: retention, compaction, expiry, removal. */
void maintain_start(struct store *s);
void maintain_stop(struct store *s);

/* Whether the thread shall end: long work looks between two batches, leaves what it has begun
 * as if it had not, and gives ERR_CLOSED. Any thread. */
bool store_stops(struct store *s);

/* The time in so many milliseconds, which may be more than fit (monotonic). */
uint64_t store_due_in(int64_t delay_ms);
/* Takes over d. */
void store_bury_dir(struct store *s, struct dead *d);
/* Frees the list without removing anything: the next start finds them again. */
void store_forget_dead(struct store *s);

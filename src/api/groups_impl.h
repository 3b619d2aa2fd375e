/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by groups.c and groups_load.c. */

#include <pthread.h>
#include <stdatomic.h>

#include "api/groups.h"
#include "log/partition.h"

/* One shard: its partition, and the loop where its timer lies. */
struct home {
	struct groups *groups;
	int32_t index;
	struct partition *partition;
	struct loop *loop;
	struct timer timer;
	struct post post;
	atomic_bool posted;
	_Atomic uint64_t armed;		/* when it looks next; UINT64_MAX: not */
};

struct groups {
	struct groups_config config;
	struct coord *coord;
	struct home *homes;
	pthread_t loader;
	bool loading;
	atomic_bool stop, expiring;
	struct timer expire_timer;
	struct post expire_post;
	struct job expire_job;
};

/* A request that waits for the coordinator or for a barrier; also the cookie. */
struct parked {
	struct log_waiter waiter;
	struct request *rq;
	struct name group;
	struct home *home;
	int err;
	bool queued;
	void (*failed)(struct request *rq);
};

/* The loading thread: replays every shard's partition. */
void *groups_load(void *groups);

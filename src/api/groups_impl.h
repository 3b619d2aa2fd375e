/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the groups*.c files. */

#include <pthread.h>
#include <stdatomic.h>

#include "api/groups.h"
#include "base/lock.h"
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
	bool wanted;			/* is to be loaded, not before retry_ns; GROUPS lock */
	uint64_t retry_ns;
	unsigned failures;		/* in a row; the groups' thread only */
};

/* A group that ended, as long as rules may have to go with it. */
struct ended {
	struct ended *next;
	struct name name;
	char text[];
};

struct groups {
	struct groups_config config;
	struct coord *coord;
	struct home *homes;
	struct lock lock;		/* GROUPS: wishes, ended, stop */
	pthread_cond_t wake;
	struct ended *ended;
	bool stop, swept;
	pthread_t thread;
	bool running;
	atomic_bool quiet;		/* stop, for those who cannot take the lock */
	atomic_bool expiring;
	_Atomic uint64_t tell_full_ns, refused;	/* not before; since it was told */
	struct timer expire_timer;
	struct post expire_post, expire_end_post;
	bool expired_last;		/* the timer is off for good; GROUPS lock */
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
	void (*denied)(struct request *rq, enum kerr err);	/* of those that wait for others */
	const struct group_barriers *need;	/* NULL: none but what was waited for */
	int32_t at;
};

/* The answer is there; it leaves when the barrier is durable. Any thread. */
void groups_wake_behind(struct parked *parked, int64_t barrier);
/* The thread that loads shards, and again those whose log had failed, and has
 * the rules of ended groups removed. */
void *groups_work(void *groups);
void groups_work_stop(struct groups *groups);
/* Wants the shard loaded. Any thread, also under its lock. */
void groups_want(struct home *home);
/* Replays one shard's partition; not while its log is failed (ERR_AGAIN). */
int groups_load(struct home *home);
